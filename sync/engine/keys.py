"""Match keys: what two records must share for a rule to link them.

A rule names fields, or one of these derived keys:

=============== ================================================================
``email``       the address, unless it is a shared mailbox (info@ …) or made up
``role_email``  the address, only if it is a shared mailbox
``email_domain``  its registrable domain, unless a free-mail provider's
``any_phone``   phone or mobile in E.164
``full_name``   all name parts in any order, if there are at least two
=============== ================================================================

A record without a value for one part of a rule has no key for that rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import product

from mapping import values
from mapping.schema import Fields, Kind, ObjectSchema
from sync.engine.match import EXTERNAL

_PERSON_FIELDS = ("first_name", "last_name")


def keys_of(
    schema: ObjectSchema,
    fields: Fields,
    rules: Mapping[str, Sequence[str]],
    region: str,
    external: str = "",
) -> dict[str, list[str]]:
    """rule name -> keys. `fields` has references as entity ids; `region` is the default for
    phone numbers without a country code; `external` is the external-id field's value."""
    context = values.Context(region=str(fields.get("country") or region))
    parts: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    for rule, names in rules.items():
        for name in names:
            if name not in parts:
                parts[name] = _part(schema, fields, name, context)
        keys = ["\x1f".join(combination) for combination in product(*(parts[n] for n in names))]
        if keys:
            found[rule] = [_short(key) for key in keys]
    if external:
        found[EXTERNAL] = [external]
    return found


def surname_of(fields: Fields) -> str:
    """The normalised last name, '' if there is none."""
    return values.person_key(str(fields.get("last_name") or "")) or ""


def known_parts(schema: ObjectSchema) -> set[str]:
    """Every name a rule of this object may use."""
    return set(schema.fields) | set(_DERIVED)


def _short(key: str) -> str:
    """Keys are indexed; a very long one is replaced by its hash."""
    if len(key) <= 200:
        return key
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _part(schema: ObjectSchema, fields: Fields, name: str, context: values.Context) -> list[str]:
    derived = _DERIVED.get(name)
    if derived is not None:
        return derived(fields, context)
    field = schema.fields[name]
    value = fields.get(name)
    if value is None or values.is_placeholder(field.kind, value):
        return []
    if isinstance(value, list):
        return list(value)
    if field.kind is Kind.REFERENCE:
        return [str(value)]
    if field.kind is Kind.TEXT:
        key = _text_key(schema, name, str(value))
    else:
        key = values.normalise(field.kind, value, context)
    if field.kind is Kind.DOMAIN and values.is_shared_domain(str(value)):
        return []
    return [key] if key else []


def _text_key(schema: ObjectSchema, name: str, value: str) -> str | None:
    if name in _PERSON_FIELDS:
        return values.person_key(value)
    if schema.name == "company" and name == "name":
        return values.company_key(value)
    return values.fold(value) or None


def _email(fields: Fields, context: values.Context) -> list[str]:
    value = fields.get("email")
    if value is None or values.is_placeholder(Kind.EMAIL, value):
        return []
    key = values.normalise(Kind.EMAIL, value, context)
    return [key] if key and not values.is_role_mailbox(str(value)) else []


def _role_email(fields: Fields, context: values.Context) -> list[str]:
    value = fields.get("email")
    if value is None or not values.is_role_mailbox(str(value)):
        return []
    key = values.normalise(Kind.EMAIL, value, context)
    return [key] if key else []


def _email_domain(fields: Fields, context: values.Context) -> list[str]:
    host = str(fields.get("email") or "").rpartition("@")[2]
    if not host or values.is_shared_domain(host):
        return []
    key = values.normalise(Kind.DOMAIN, host, context)
    return [key] if key else []


def _any_phone(fields: Fields, context: values.Context) -> list[str]:
    found = []
    for name in ("phone", "mobile"):
        value = fields.get(name)
        if value is not None and not values.is_placeholder(Kind.PHONE, value):
            key = values.normalise(Kind.PHONE, value, context)
            if key and key not in found:
                found.append(key)
    return found


def _full_name(fields: Fields, context: values.Context) -> list[str]:
    text = " ".join(str(fields.get(name) or "") for name in _PERSON_FIELDS)
    words = sorted((values.person_key(text) or "").split())
    return [" ".join(words)] if len(words) >= 2 else []


_DERIVED: Mapping[str, Callable[[Fields, values.Context], list[str]]] = {
    "email": _email,
    "role_email": _role_email,
    "email_domain": _email_domain,
    "any_phone": _any_phone,
    "full_name": _full_name,
}
