"""Merged rows: canonical fields in, typed columns stored, canonical fields out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from mapping.schema import OBJECTS, Fields, FieldValue, Kind
from sync.store import tables
from sync.store.database import Session, chunks


@dataclass(slots=True)
class Entity:
    """One merged row. `merged_into` is the entity it became an alias of, '' for most."""

    id: str
    fields: Fields
    archived: bool = False
    merged_into: str = ""
    founded_run: int = 0


def _to_column(kind: Kind, value: FieldValue) -> Any:
    if value is None:
        return None
    if kind in (Kind.MONEY, Kind.DECIMAL):
        return Decimal(str(value))
    if kind is Kind.DATE:
        return date.fromisoformat(str(value))
    if kind is Kind.INSTANT:
        return datetime.fromisoformat(str(value))
    return value


def _from_column(kind: Kind, value: Any) -> FieldValue:
    if value is None:
        return None
    if kind in (Kind.MONEY, Kind.DECIMAL):
        return str(format(value, "f"))
    if kind is Kind.DATE:
        return str(value.isoformat())
    if kind is Kind.INSTANT:
        return str(value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z")
    result: FieldValue = value
    return result


def load(session: Session, object: str, ids: Iterable[str]) -> dict[str, Entity]:
    """The named entities that exist, by id."""
    table, fields = tables.entity[object], OBJECTS[object].fields
    found: dict[str, Entity] = {}
    for batch in chunks(sorted(set(ids))):
        for row in session.rows(sa.select(table).where(table.c.entity_id.in_(batch))):
            values = row._mapping
            found[values["entity_id"]] = Entity(
                id=values["entity_id"],
                fields={n: _from_column(f.kind, values[n]) for n, f in fields.items()},
                archived=values["archived"],
                merged_into=values["merged_into"],
                founded_run=values["founded_run"] or 0,
            )
    return found


def save(
    session: Session, object: str, entities: Iterable[Entity], run: int, now: datetime
) -> None:
    """Store merged rows, new or changed."""
    fields = OBJECTS[object].fields
    session.upsert(
        tables.entity[object],
        [
            {
                "entity_id": entity.id,
                **{n: _to_column(f.kind, entity.fields.get(n)) for n, f in fields.items()},
                "archived": entity.archived,
                "merged_into": entity.merged_into,
                "founded_run": entity.founded_run,
                "updated_run": run,
                "updated_at": now,
            }
            for entity in entities
        ],
    )


def existing(session: Session, object: str, ids: Iterable[str]) -> set[str]:
    """Those of the ids that are taken."""
    column = tables.entity[object].c.entity_id
    taken: set[str] = set()
    for batch in chunks(set(ids)):
        taken |= {row[0] for row in session.rows(sa.select(column).where(column.in_(batch)))}
    return taken


def find_by_text(session: Session, object: str, wanted: str) -> list[str]:
    """Ids of entities whose id is `wanted` or whose title field equals it, case ignored."""
    table, title = tables.entity[object], OBJECTS[object].title
    by_id = session.rows(sa.select(table.c.entity_id).where(table.c.entity_id == wanted))
    if by_id:
        return [wanted]
    query = sa.select(table.c.entity_id).where(
        sa.func.lower(table.c[title]) == wanted.lower(), table.c.merged_into == ""
    )
    return [row[0] for row in session.rows(query.order_by(table.c.entity_id))]


def counts(session: Session, object: str) -> Mapping[str, int]:
    """How many live and archived entities there are."""
    table = tables.entity[object]
    query = sa.select(table.c.archived, sa.func.count()).where(table.c.merged_into == "")
    found = {bool(row[0]): row[1] for row in session.rows(query.group_by(table.c.archived))}
    return {"live": found.get(False, 0), "archived": found.get(True, 0)}
