"""Values between Salesforce's JSON and the connector boundary; record ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import orjson

from connectors.base import FieldInfo, NativeType, Value

_CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
#: A cell of an upload that empties the field.
NULL = "#N/A"
_ID15 = re.compile(r"[0-9A-Za-z]{15}\Z")


def to18(id: str) -> str:
    """A 15-character id with its checksum; everything else unchanged.

    The three characters say which letters are upper case, so that ids survive systems that
    ignore case.
    """
    if not _ID15.match(id):
        return id
    checks = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place in range(5) if "A" <= id[start + place] <= "Z")
        checks += _CHECKS[bits]
    return id + checks


def is_id(text: str) -> bool:
    """Whether the text has the shape of an id; Salesforce refuses queries for others."""
    return bool(_ID15.match(text[:15])) and len(text) in (15, 18) and text.isascii()


def instant(text: str) -> datetime:
    """``2021-12-02T18:22:42.000+0000`` as aware UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def soql_instant(at: datetime) -> str:
    """An instant as a SOQL literal, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decode(value: object, type: NativeType) -> Value:
    """A JSON value of a field of that type.

    Salesforce prints every double with a fraction (``5.0``) and large ones with an exponent
    (``5.6E8``): fields without decimal places become int, the rest plain `Decimal`.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if type in (NativeType.LOOKUP, NativeType.ID):
            return to18(value)
        return value.replace("\x00", "") or None
    if isinstance(value, int):
        return Decimal(value) if type in (NativeType.DECIMAL, NativeType.MONEY) else value
    if isinstance(value, Decimal):
        if type is NativeType.INTEGER and value == value.to_integral_value():
            return int(value)
        exponent = value.as_tuple().exponent
        return value.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else value
    # Compound fields (addresses, locations) come as objects; their parts are fields of their own.
    return None


_NUMERIC = frozenset({NativeType.INTEGER, NativeType.DECIMAL, NativeType.MONEY})


def of_cell(text: str, type: NativeType) -> object:
    """A cell of a bulk result as JSON would have it. CSV knows no null: it is an empty cell;
    instants may end in ``Z``.

    Raises:
        ValueError: a number that is none.
    """
    if not text:
        return None
    if type is NativeType.BOOLEAN:
        return text == "true"
    if type in _NUMERIC:
        try:
            return Decimal(text)
        except InvalidOperation:
            raise ValueError(f"not a number: {text!r}") from None
    if type is NativeType.INSTANT and text.endswith("Z"):
        return f"{text[:-1]}+0000"
    return text


def to_cell(value: object) -> str:
    """An encoded value as a cell of an upload, where an empty one means "leave it"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    # Blank text is null over REST too.
    return str(value) if value is not None and str(value).strip() else NULL


def encode(value: Value, info: FieldInfo) -> Value:
    """A value as Salesforce takes it in JSON; `dumps` writes the decimals."""
    if isinstance(value, tuple):
        value = ";".join(value)
    if value is None or value == "":
        # A checkbox is never empty.
        return False if info.type is NativeType.BOOLEAN else None
    return value


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"no JSON for {type(value).__name__}")


def dumps(body: Mapping[str, object]) -> bytes:
    """JSON in which decimals keep every digit."""
    return orjson.dumps(body, default=_exact)
