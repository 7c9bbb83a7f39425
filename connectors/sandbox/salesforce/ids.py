"""Salesforce record ids: 15 case-sensitive characters, or the same with 3 of checksum."""

from __future__ import annotations

import re
from functools import lru_cache

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}([0-9A-Z]{3})?\Z", re.IGNORECASE)


@lru_cache(maxsize=65536)
def to18(id: str) -> str:
    """The id with its checksum; anything that is not an id comes back as it is."""
    if not _SHAPE.match(id):
        return id
    base = id[:15]
    checks = ""
    for part in (base[0:5], base[5:10], base[10:15]):
        bits = sum(
            1 << place for place, sign in enumerate(part) if sign.isascii() and sign.isupper()
        )
        checks += _CHECKS[bits]
    return base + checks


def is_id(text: str) -> bool:
    """Whether the text has the shape of an id."""
    return bool(_SHAPE.match(text))


def numbered(prefix: str, number: int) -> str:
    """The `number`-th id of the object type with that prefix."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return to18(f"{prefix}Cc0{digits.rjust(9, '0')}")
