"""Values between Zoho's JSON and the CSV of its bulk APIs.

Bulk Read and Bulk Write know less than the record APIs: a CSV has no type but text, and an
empty cell is all there is for nothing. What a CSV cannot carry, or would carry differently,
is left to the record APIs.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base import FieldInfo, NativeType

#: Types whose CSV says all that their JSON says.
FLAT = frozenset(NativeType) - {NativeType.LOOKUPS, NativeType.OTHER}
_NUMBERS = frozenset({NativeType.INTEGER, NativeType.DECIMAL, NativeType.MONEY})
_OPTIONS = ";"


class Unfit(ValueError):
    """The value cannot be told in a CSV."""


def read_cell(field: FieldInfo, text: str) -> Any:
    """A cell as the record APIs give the same value in JSON."""
    if field.type is NativeType.CHOICES:
        return text.split(_OPTIONS) if text else []
    if text == "":
        return None
    if field.type is NativeType.LOOKUP:
        return {"id": text}
    if field.type is NativeType.BOOLEAN:
        return text.lower() == "true"
    if field.type in _NUMBERS and field.native_type != "bigint":
        return _number(text)
    return text


def _number(text: str) -> int | Decimal | str:
    try:
        return int(text) if text.lstrip("-").isdecimal() else Decimal(text)
    except InvalidOperation:
        return text


def write_cell(field: FieldInfo, value: Any) -> str:
    """A value in Zoho's JSON as a cell, '' for nothing.

    Raises:
        Unfit: a CSV has no way to say it. Options the field does not have are such values too:
            the record APIs refuse them, Bulk Write adds them to the field.
    """
    if field.type not in FLAT:
        raise Unfit(field.name)
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, Mapping):
        return str(value["id"])
    texts = value if isinstance(value, list) else [value]
    if field.type in (NativeType.CHOICE, NativeType.CHOICES):
        known = {choice.value for choice in field.choices}
        if any(text not in known or _OPTIONS in text for text in texts):
            raise Unfit(field.name)
        return _OPTIONS.join(texts)
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
