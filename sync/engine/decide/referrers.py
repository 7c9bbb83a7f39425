"""Referrers: merged rows that name an entity, when that becomes another one or two."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from mapping.schema import OBJECTS, Field, FieldValue, Kind
from sync.engine import references
from sync.model import Place
from sync.store import books, entities, queues, replicas, tables
from sync.store.database import Session


def alias(session: Session, object: str, old: str, new: str, run: int, at: datetime) -> None:
    """`old` is `new` from now on, wherever it is referred to."""
    table = tables.entity[object]
    aliases = sa.or_(table.c.entity_id == old, table.c.merged_into == old)
    ids = [row[0] for row in session.rows(sa.select(table.c.entity_id).where(aliases))]
    session.execute(sa.update(table).where(aliases).values(merged_into=new))
    journal = [books.Entry(object, id, "alias", {"of": new}) for id in ids]
    books.write_journal(session, run, at, journal)
    for schema, field in _references_to(object):
        holders = _holders(session, schema, field, old)
        for entity in entities.load(session, schema, holders).values():
            _refer(session, schema, entity, field, old, {new}, run, at)
        queues.touch(session, schema, holders)


def turn(
    session: Session, object: str, place: Place, old: str, new: str, run: int, at: datetime
) -> None:
    """After a split: whoever names the record means the new entity.

    Where the records of a referring entity name both, a list holds both; of a single
    reference the next run decides as of any first disagreement.
    """
    for name, field in _references_to(object):
        holders = entities.load(session, name, _holders(session, name, field, old))
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
                _refer(session, name, entity, field, old, said, run, at)
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


def _holders(session: Session, object: str, field: Field, id: str) -> list[str]:
    """Entities whose reference field names `id`."""
    table = tables.entity[object]
    column = table.c[field.name]
    if field.kind is Kind.REFERENCE:
        where = column == id
    else:
        where = sa.cast(column, sa.Text).contains(f'"{id}"', autoescape=True)
    return [row[0] for row in session.rows(sa.select(table.c.entity_id).where(where))]


def _replaced(value: FieldValue, old: str, new: set[str]) -> FieldValue:
    if isinstance(value, list):
        return sorted({*(item for item in value if item != old), *new}) or None
    return min(new) if value == old and new else value


def _refer(
    session: Session,
    object: str,
    entity: entities.Entity,
    field: Field,
    old: str,
    new: set[str],
    run: int,
    at: datetime,
) -> None:
    """Have a merged row name `new` where it named `old`."""
    table = tables.entity[object]
    held = entity.fields[field.name]
    value = _replaced(held, old, new)
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
