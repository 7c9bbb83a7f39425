"""HubSpot's JSON as `Record`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.base import Record, Value
from connectors.hubspot.words import EDITOR, MERGED, modified_property

Raw = Mapping[str, Any]


def instant(text: str) -> datetime:
    """An instant of HubSpot's as aware UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def epoch_ms(at: datetime) -> int:
    """Epoch milliseconds, exactly."""
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def version(raw: Raw, object: str = "") -> str:
    """The version of a record or of a write's result: its modified stamp.

    Association changes bump no stamp, so they do not show in the version.
    """
    stamp = (raw.get("properties") or {}).get(modified_property(object)) or raw.get("updatedAt")
    return str(epoch_ms(instant(str(stamp)))) if stamp else ""


def modified_at(raw: Raw, object: str = "") -> datetime | None:
    """The modified stamp itself."""
    stamp = version(raw, object)
    return (
        datetime.fromtimestamp(int(stamp) // 1000, UTC).replace(
            microsecond=int(stamp) % 1000 * 1000
        )
        if stamp
        else None
    )


def merged_ids(raw: Raw) -> list[str]:
    """Ids of the records that were merged into this one."""
    text = (raw.get("properties") or {}).get(MERGED) or ""
    return [id for id in str(text).split(";") if id and id != str(raw["id"])]


def _value(raw: Any) -> Value:
    return None if raw is None or raw == "" else str(raw)


def live(object: str, raw: Raw, fields: Sequence[str], associated: Mapping[str, Value]) -> Record:
    """A record with those of `fields` that HubSpot gave; `associated` has the pseudo-fields."""
    properties = raw.get("properties") or {}
    values: dict[str, Value] = {
        name: _value(properties[name]) for name in fields if name in properties
    }
    values |= {name: associated[name] for name in fields if name in associated}
    times = {
        name: instant(str(entries[0]["timestamp"]))
        for name, entries in (raw.get("propertiesWithHistory") or {}).items()
        if entries and name in values
    }
    stamp = modified_at(raw, object)
    created = properties.get("createdate") or raw.get("createdAt")
    return Record(
        object,
        str(raw["id"]),
        values,
        version(raw, object),
        stamp or datetime.fromtimestamp(0, UTC),
        created_at=instant(str(created)) if created else None,
        modified_by=str(properties.get(EDITOR) or ""),
        field_times=times,
    )


def archived(object: str, raw: Raw) -> Record:
    """The tombstone of an archived record."""
    stamp = str(raw.get("archivedAt") or raw.get("updatedAt"))
    at = instant(stamp)
    return Record(
        object,
        str(raw["id"]),
        {},
        f"archived {epoch_ms(at)}",
        at,
        modified_by=str((raw.get("properties") or {}).get(EDITOR) or ""),
        deleted=True,
    )


def archived_with_merged(object: str, raw: Raw) -> list[Record]:
    """The tombstones of an archived record and of those merged into it, which are in no list:
    the merge was never seen where the survivor was archived soon after."""
    tombstone = archived(object, raw)
    return [tombstone, *(replace(tombstone, id=id) for id in merged_ids(raw))]


def merged(object: str, id: str, survivor: Record) -> Record:
    """The tombstone of a record that was merged into `survivor`."""
    return Record(
        object, id, {}, f"merged {survivor.id}", survivor.modified_at, deleted=True,
        merged_into=survivor.id,
    )  # fmt: skip


def unknown(object: str, id: str, at: datetime) -> Record:
    """The tombstone of a record HubSpot knows nothing of: erased, or never there."""
    return Record(object, id, {}, "gone", at, deleted=True)
