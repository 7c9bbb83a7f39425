"""How values lie in the sandbox's database, and how they look outside.

Booleans are 0 and 1; numbers with a fraction are integers scaled by the field's decimal
places, so that they compare and come back exactly; instants are Salesforce's own text,
whole seconds in UTC, so that text order is time order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.sandbox.salesforce.ids import to18
from connectors.sandbox.salesforce.schema import SCALED, STAGES, STATUSES, Field, Object

#: One value as SQLite holds it.
Stored = None | int | str
Row = dict[str, Stored]


def stamp(instant: datetime) -> str:
    """An instant as Salesforce writes it, e.g. ``2021-12-02T18:22:42.000+0000``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def parse_instant(text: str) -> datetime:
    """An aware instant from any ISO text with an offset.

    Raises:
        ValueError: the text is none, or has no offset.
    """
    made = datetime.fromisoformat(text)
    if made.tzinfo is None:
        raise ValueError(f"no offset: {text!r}")
    return made


def scaled(number: Decimal, scale: int) -> int:
    """`number` as an integer of its last kept decimal place; halves are rounded up."""
    return int((number.scaleb(scale)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def store(field: Field, value: Any) -> Stored:
    """A value as SQLite holds it; lenient, for rows that are loaded and not checked."""
    if isinstance(value, list | tuple):
        value = ";".join(str(part) for part in value)
    if value is None or value == "":
        return 0 if field.type == "boolean" else None
    if field.type == "boolean":
        return int(str(value).lower() in ("true", "1"))
    if field.type == "int":
        return int(value)
    if field.type in SCALED:
        return scaled(Decimal(str(value)), field.scale)
    if field.type == "datetime":
        return stamp(parse_instant(str(value)))
    if field.type in ("reference", "id"):
        return to18(str(value))
    if field.type == "multipicklist":
        return ordered(field, str(value).split(";"))
    return str(value)


def ordered(field: Field, parts: list[str]) -> str | None:
    """The options of a multi-select picklist in the order the picklist has them, once each."""
    place = {choice: number for number, choice in enumerate(field.choices)}
    chosen = dict.fromkeys(part.strip() for part in parts if part.strip())
    return ";".join(sorted(chosen, key=lambda part: place.get(part, len(place)))) or None


def show(field: Field, value: Stored) -> Any:
    """A stored value as the API's JSON has it; fractions are `Decimal`."""
    if value is None:
        return None
    if field.type == "boolean":
        return bool(value)
    if field.type in SCALED:
        return Decimal(value).scaleb(-field.scale)
    return value


def plain(field: Field, value: Stored) -> Any:
    """Like `show`, for callers that write ordinary JSON: numbers are int or float."""
    shown = show(field, value)
    if isinstance(shown, Decimal):
        return int(shown) if shown == shown.to_integral_value() else float(shown)
    return shown


def derive(
    object: Object, before: Mapping[str, Stored], row: Row, given: set[str], at: str
) -> None:
    """Set the fields of `row` that Salesforce computes from others.

    `before` is the row as it was ({} when new), `given` the fields the caller set, `at`
    the stamp of the change.
    """
    if "FirstName" in object.fields and "Name" in object.fields:
        person = " ".join(str(row[n]) for n in ("FirstName", "LastName") if row.get(n))
        row["Name"] = person or row.get("Name")
    if object.name == "Opportunity":
        _derive_stage(before, row, given)
    elif object.name == "Case":
        _derive_status(before, row, given, at)


def _derive_stage(before: Mapping[str, Stored], row: Row, given: set[str]) -> None:
    found = {name: rest for name, *rest in STAGES}.get(str(row.get("StageName")))
    probability, closed, won = found or (0, False, False)
    if row.get("StageName") != before.get("StageName") and "Probability" not in given:
        row["Probability"] = int(probability)
    row["IsClosed"], row["IsWon"] = int(closed), int(won)


def _derive_status(before: Mapping[str, Stored], row: Row, given: set[str], at: str) -> None:
    closed = dict(STATUSES).get(str(row.get("Status")), False)
    row["IsClosed"] = int(closed)
    if not closed:
        row["ClosedDate"] = None
    elif not before.get("IsClosed") and not (row.get("ClosedDate") and "ClosedDate" in given):
        row["ClosedDate"] = at
