"""Values between Zoho's JSON and `connectors.base.Value`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.base import FieldInfo, NativeType, Record, Value

#: Asked for with every record, whatever else is.
STAMPS: tuple[str, ...] = ("Modified_Time", "Modified_By", "Created_Time")


def decode(raw: Any) -> Value:
    """Zoho's JSON as a value: lookups become ids, lists tuples, empty texts None."""
    if isinstance(raw, Mapping):
        id = raw.get("id")
        return None if id is None else str(id)
    if isinstance(raw, list):
        return tuple(str(one.get("id", "")) if isinstance(one, Mapping) else str(one)
                     for one in raw)  # fmt: skip
    if raw == "" or raw is None:
        return None
    if isinstance(raw, bool | int | Decimal | str):
        return raw
    return str(raw)


def encode(field: FieldInfo, value: Value) -> Any:
    """A value as Zoho takes it in a field of that type; `Decimal` is left for `client.dump`.

    Raises:
        ValueError: the field cannot hold it, with the reason.
    """
    if field.type is NativeType.LOOKUP:
        if isinstance(value, tuple):
            if len(value) > 1:
                raise ValueError("it holds one record, not several")
            value = value[0] if value else None
        return None if value is None else {"id": str(value)}
    if field.type is NativeType.LOOKUPS:
        ids = value if isinstance(value, tuple) else () if value is None else (str(value),)
        return [{"id": id} for id in ids]
    if field.type is NativeType.CHOICES:
        if value is None:
            return []
        return list(value) if isinstance(value, tuple) else [str(value)]
    if value is None:
        return None
    if isinstance(value, tuple):
        raise ValueError("it holds one value, not several")
    if field.type is NativeType.INSTANT and isinstance(value, str):
        return write_instant(datetime.fromisoformat(value))
    if field.type is NativeType.INTEGER and isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError("it is no finite number")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return Decimal(value)
    return value


def read_instant(text: str) -> datetime:
    """Zoho's ``2026-01-02T03:04:05+07:00`` as aware UTC.

    Raises:
        ValueError: not an instant with an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"an instant without an offset: {text!r}")
    return moment.astimezone(UTC)


def write_instant(moment: datetime) -> str:
    """An aware instant as Zoho takes it: to the second, with the offset spelled out.

    Raises:
        ValueError: the instant is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant needs its offset")
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def version(modified: str, by: str) -> str:
    """A record's version. Zoho's stamps end at the second, so the editor is part of it: our
    own write and a person's in the same second are two versions."""
    return f"{write_instant(read_instant(modified))}/{by}"


def editor(raw: Any) -> str:
    """The user id in a ``Modified_By``."""
    return str(raw.get("id") or "") if isinstance(raw, Mapping) else ""


def record(object: str, id: str, row: Mapping[str, Any], fields: Sequence[str]) -> Record:
    """A row of Zoho's JSON, the stamps among its keys, as a record with the fields asked for."""
    values = {name: decode(row[name]) for name in fields if name in row}
    if "id" in fields:
        values["id"] = id
    modified, by = str(row["Modified_Time"]), editor(row.get("Modified_By"))
    created = row.get("Created_Time")
    return Record(
        object=object,
        id=id,
        values=values,
        version=version(modified, by),
        modified_at=read_instant(modified),
        created_at=read_instant(str(created)) if created else None,
        modified_by=by,
    )
