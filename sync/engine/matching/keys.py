"""Match keys: what two records must share for a rule to link them.

A rule names fields, or one of these derived keys:

================ ===============================================================
``email``        the address, unless it is a shared mailbox (info@ …) or made up
``role_email``   the address, only if it is a shared mailbox
``email_name``   what stands before its @, if that is long enough to tell people apart
``email_domain`` its registrable domain, unless a free-mail provider's
``any_phone``    phone or mobile in E.164
``full_name``    all name parts in any order, if there are at least two
``first_initial``, ``last_initial``  the first letter of a name
``name_start``   the first five letters of a company's name
================ ===============================================================

A record without a value for one part of a rule has no key for that rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from mapping import values
from mapping.schema import Fields, Kind, ObjectSchema
from sync.engine.matching.candidates import EXTERNAL

_PERSON_FIELDS = ("first_name", "last_name")

#: Fewer letters before the @ of an address are initials or a first name.
_TELLING = 6


@dataclass(frozen=True, slots=True)
class Reading:
    """How values become keys.

    Attributes:
        region: default for phone numbers without a country code.
        aliases: whether ``a.nn+x@gmail.com`` is ``ann@gmail.com``.
        free_mail: further domains of free-mail providers.
        mailboxes: further names of shared mailboxes.
    """

    region: str = ""
    aliases: bool = True
    free_mail: Collection[str] = ()
    mailboxes: Collection[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Equal for readings that make the same keys."""
        return {
            "region": self.region,
            "aliases": self.aliases,
            "free_mail": sorted(self.free_mail),
            "mailboxes": sorted(self.mailboxes),
        }

    def of(self, fields: Fields) -> _Read:
        """For one record, whose country comes before the region."""
        return _Read(self, values.Context(region=str(fields.get("country") or self.region)))


@dataclass(frozen=True, slots=True)
class _Read:
    how: Reading
    context: values.Context

    def email(self, value: str) -> str | None:
        return values.normalise(Kind.EMAIL, value, self.context, aliases=self.how.aliases)

    def is_role(self, value: str) -> bool:
        return values.is_role_mailbox(value, self.how.mailboxes)

    def is_shared(self, domain: str) -> bool:
        return values.is_shared_domain(domain, self.how.free_mail)


def keys_of(
    schema: ObjectSchema,
    fields: Fields,
    rules: Mapping[str, Sequence[str]],
    reading: Reading,
    external: str = "",
) -> dict[str, list[str]]:
    """rule name -> keys. `fields` has references as entity ids; `external` is the external-id
    field's value."""
    read = reading.of(fields)
    parts: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    for rule, names in rules.items():
        for name in names:
            if name not in parts:
                parts[name] = part(schema, fields, name, read)
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


def part(schema: ObjectSchema, fields: Fields, name: str, read: _Read) -> list[str]:
    """The keys of one field, or of one derived key: most have one, some none, some several."""
    derived = _DERIVED.get(name)
    if derived is not None:
        return derived(fields, read)
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
        key = values.normalise(field.kind, value, read.context)
    if field.kind is Kind.DOMAIN and read.is_shared(str(value)):
        return []
    return [key] if key else []


def _text_key(schema: ObjectSchema, name: str, value: str) -> str | None:
    if name in _PERSON_FIELDS:
        return values.person_key(value)
    if schema.name == "company" and name == "name":
        return values.company_key(value)
    return values.fold(value) or None


def _email(fields: Fields, read: _Read) -> list[str]:
    value = fields.get("email")
    if value is None or values.is_placeholder(Kind.EMAIL, value) or read.is_role(str(value)):
        return []
    key = read.email(str(value))
    return [key] if key else []


def _role_email(fields: Fields, read: _Read) -> list[str]:
    value = fields.get("email")
    if value is None or not read.is_role(str(value)):
        return []
    key = read.email(str(value))
    return [key] if key else []


def _email_name(fields: Fields, read: _Read) -> list[str]:
    return [name for key in _email(fields, read) if len(name := key.partition("@")[0]) >= _TELLING]


def _email_domain(fields: Fields, read: _Read) -> list[str]:
    host = str(fields.get("email") or "").rpartition("@")[2]
    if not host or read.is_shared(host):
        return []
    key = values.normalise(Kind.DOMAIN, host, read.context)
    return [key] if key else []


def _any_phone(fields: Fields, read: _Read) -> list[str]:
    found = []
    for name in ("phone", "mobile"):
        value = fields.get(name)
        if value is not None and not values.is_placeholder(Kind.PHONE, value):
            key = values.normalise(Kind.PHONE, value, read.context)
            if key and key not in found:
                found.append(key)
    return found


def _name(fields: Fields, name: str) -> str:
    """One name as a key, '' where it is missing or says nothing."""
    value = fields.get(name)
    if value is None or values.is_placeholder(Kind.TEXT, value):
        return ""
    return values.person_key(str(value)) or ""


def _full_name(fields: Fields, read: _Read) -> list[str]:
    text = " ".join(_name(fields, name) for name in _PERSON_FIELDS)
    words = sorted((values.person_key(text) or "").split())
    if len(words) < 2 or values.is_placeholder(Kind.TEXT, text.strip()):
        return []
    return [" ".join(words)]


def _initial(name: str) -> Callable[[Fields, _Read], list[str]]:
    return lambda fields, read: [key[0]] if (key := _name(fields, name)) else []


def _name_start(fields: Fields, read: _Read) -> list[str]:
    value = fields.get("name")
    if value is None or values.is_placeholder(Kind.TEXT, value):
        return []
    key = (values.company_key(str(value)) or "").replace(" ", "")
    return [key[:5]] if len(key) >= 3 else []


_DERIVED: Mapping[str, Callable[[Fields, _Read], list[str]]] = {
    "email": _email,
    "role_email": _role_email,
    "email_name": _email_name,
    "email_domain": _email_domain,
    "any_phone": _any_phone,
    "full_name": _full_name,
    "first_initial": _initial("first_name"),
    "last_initial": _initial("last_name"),
    "name_start": _name_start,
}
