"""What of a record is compared, and which keys make two records worth comparing.

Comparing everything with everything grows with the square of what exists. Only records that
share one of the keys in `BLOCKS` are compared, and a key that too many share is left out, so
that a new record meets a bounded number of others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from mapping import values
from mapping.schema import OBJECTS, Fields
from sync.engine.matching.candidates import BLOCK
from sync.engine.matching.keys import Reading, part

#: What is compared of one record; None is missing.
Features: TypeAlias = dict[str, str | list[str] | None]

#: Features of which a record may have several.
LISTS = frozenset({"mobiles", "lines"})

#: object -> key name -> the parts it consists of. Objects that are not here are not scored.
BLOCKS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    object: {f"{BLOCK}{'+'.join(parts)}": parts for parts in blocks}
    for object, blocks in {
        "company": (
            ("name",),
            ("name_start", "city"),
            ("name_start", "country"),
            ("phone",),
            ("street", "city"),
        ),
        "contact": (
            ("last_name", "first_initial"),
            ("first_name", "last_initial"),
            ("full_name",),
            ("birth_date",),
            ("street",),
            ("postal_code", "last_initial"),
            ("postal_code", "first_initial"),
            ("company", "first_initial", "last_initial"),
            ("any_phone",),
            ("email_name",),
        ),
    }.items()
}

#: The block whose values are left out of comparing where many people share them.
PHONES = f"{BLOCK}any_phone"


def features_of(
    object: str, fields: Fields, reading: Reading, shared: Collection[str] = ()
) -> Features:
    """What of a record is compared. `fields` has references as entity ids; `shared` are keys
    that several people share, by `to_score`: their phone says nothing about one."""
    return _FEATURES[object](fields, reading, shared)


def _contact(fields: Fields, reading: Reading, shared: Collection[str]) -> Features:
    def keys(name: str) -> list[str]:
        return part(OBJECTS["contact"], fields, name, reading.of(fields))

    def one(name: str) -> str | None:
        return next(iter(keys(name)), None)

    phones = {
        key: values.is_mobile(key) or (values.is_mobile(key) is None and name == "mobile")
        for name in ("phone", "mobile")
        for key in keys(name)
        if f"{PHONES}{key}" not in shared
    }
    return {
        "first": _plain(one("first_name")),
        "last": _plain(one("last_name")),
        "birth": one("birth_date"),
        "email": one("email"),
        "mobiles": [key for key, own in phones.items() if own] or None,
        "lines": [key for key, own in phones.items() if not own] or None,
        "workplace": one("company") or one("email_domain"),
        "street": _plain(one("street")),
        "city": _plain(one("city")),
        "postal": one("postal_code"),
    }


def _company(fields: Fields, reading: Reading, shared: Collection[str]) -> Features:
    def one(name: str) -> str | None:
        return next(iter(part(OBJECTS["company"], fields, name, reading.of(fields))), None)

    domain = one("domain")
    return {
        "name": _plain(one("name")),
        "domain": domain,
        "brand": domain.partition(".")[0] if domain else None,
        "phone": one("phone"),
        "street": _plain(one("street")),
        "city": _plain(one("city")),
        "postal": one("postal_code"),
        "country": one("country"),
    }


def _plain(key: str | None) -> str | None:
    return values.without_accents(key) if key else None


_FEATURES: Mapping[str, Callable[[Fields, Reading, Collection[str]], Features]] = {
    "company": _company,
    "contact": _contact,
}
