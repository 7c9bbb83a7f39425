"""Referrers: merged rows that name an entity, when that becomes another one or two."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from mapping.schema import OBJECTS, Field, FieldValue, Kind
from sync.engine import references
from sync.model import Place
from sync.store import books, entities, queues, replicas, tables
from sync.store.database import Session, chunks

#: Of so many entities a text search finds who lists them; of more, all lists are read once.
FEW = 8


def alias(session: Session, object: str, became: Mapping[str, str], run: int, at: datetime) -> None:
    """Entities that `became` others are these from now on, wherever they are referred to. None of
    those becomes another itself."""
    column = tables.entity[object].c
    for batch in chunks(sorted(became)):
        aliases = sa.or_(column.entity_id.in_(batch), column.merged_into.in_(batch))
        rows = session.rows(sa.select(column.entity_id, column.merged_into).where(aliases))
        of = {id: became[id] if id in became else became[other] for id, other in rows}
        for id, new in of.items():
            update = sa.update(tables.entity[object]).where(column.entity_id == id)
            session.execute(update.values(merged_into=new))
        journal = [books.Entry(object, id, "alias", {"of": new}) for id, new in of.items()]
        books.write_journal(session, run, at, journal)
    for schema, field in _references_to(object):
        holders = _holders(session, schema, field, became)
        for entity in entities.load(session, schema, holders).values():
            value = entity.fields[field.name]
            for old in references.ids_of(value):
                if old in became:
                    value = _replaced(value, old, {became[old]})
            _refer(session, schema, entity, field, value, run, at)
        queues.touch(session, schema, holders)


def turn(
    session: Session, object: str, place: Place, old: str, new: str, run: int, at: datetime
) -> None:
    """After a split: whoever names the record means the new entity.

    Where the records of a referring entity name both, a list holds both; of a single
    reference the next run decides as of any first disagreement.
    """
    for name, field in _references_to(object):
        holders = entities.load(session, name, _holders(session, name, field, [old]))
        for entity in holders.values():
            linked = replicas.links_of_entities(session, name, [entity.id])
            places = [Place(*pair) for pair in linked.get(entity.id, {}).items()]
            members = replicas.load(session, name, places)
            links = references.load_links(session, OBJECTS[name], members.values())
            means: dict[Place, set[str]] = {}
            for home, replica in members.items():
                value = references.resolve(OBJECTS[name], replica, links).member.seen.get(
                    field.name
                )
                means[home] = {*(value if isinstance(value, list) else [str(value)])} & {old, new}
            said = set[str]().union(*means.values())
            if new not in said:
                continue
            if field.kind is Kind.REFERENCES or old not in said:
                value = _replaced(entity.fields[field.name], old, said)
                _refer(session, name, entity, field, value, run, at)
            else:
                for home, replica in members.items():
                    if new in means[home] and replica.base is not None:
                        replica.base = {n: v for n, v in replica.base.items() if n != field.name}
                        replica.waiting = True
                replicas.save(session, name, members.values())
            queues.touch(session, name, [entity.id])


def _references_to(object: str) -> list[tuple[str, Field]]:
    return [
        (schema.name, field)
        for schema in OBJECTS.values()
        for field in schema.fields.values()
        if field.target == object
    ]


def _holders(session: Session, object: str, field: Field, ids: Collection[str]) -> list[str]:
    """Entities whose reference field names one of `ids`."""
    table = tables.entity[object]
    column = table.c[field.name]
    if field.kind is Kind.REFERENCES and len(ids) > FEW:
        rows = session.rows(sa.select(table.c.entity_id, column).where(column.is_not(None)))
        return [row[0] for row in rows if not set(ids).isdisjoint(row[1] or ())]
    found: list[str] = []
    for batch in chunks(sorted(ids)):
        where: sa.ColumnElement[bool] = column.in_(batch)
        if field.kind is Kind.REFERENCES:
            text = sa.cast(column, sa.Text)
            where = sa.or_(*(text.contains(f'"{id}"', autoescape=True) for id in batch))
        found += [row[0] for row in session.rows(sa.select(table.c.entity_id).where(where))]
    return found


def _replaced(value: FieldValue, old: str, new: set[str]) -> FieldValue:
    if isinstance(value, list):
        return sorted({*(item for item in value if item != old), *new}) or None
    return min(new) if value == old and new else value


def _refer(
    session: Session,
    object: str,
    entity: entities.Entity,
    field: Field,
    value: FieldValue,
    run: int,
    at: datetime,
) -> None:
    """Have a merged row name others."""
    table = tables.entity[object]
    held = entity.fields[field.name]
    session.execute(
        sa.update(table).where(table.c.entity_id == entity.id).values({field.name: value})
    )
    detail = {
        "old": held,
        "new": value,
        "reason": "what it names became another",
        "connection": "",
        "record": "",
        "at": "",
        "losing": [],
    }
    entry = books.Entry(object, entity.id, "merge", {field.name: detail})
    books.write_journal(session, run, at, [entry])
