"""Records that were deleted or merged away in their CRM, and what that means for entities."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from mapping.schema import OBJECTS, Kind
from sync.engine.wiring import Wiring
from sync.model import Place, Replica
from sync.store import books, entities, queues, replicas, tables
from sync.store.database import Session


def bury(wiring: Wiring, object: str, gone: Sequence[Replica]) -> set[str]:
    """Settle deleted replicas; the ids of entities that are to be archived everywhere.

    A record merged into another hands its link on. Else the object's `deletes` policy
    applies; a deleted record leaves a tombstone, so that it is not created again.
    """
    session, doomed = wiring.session, set[str]()
    policy = wiring.settings.object(object).deletes
    links = replicas.links_of_records(session, object, [replica.place for replica in gone])
    journal: list[books.Entry] = []
    for replica in gone:
        replica.waiting = False
        place, entity = replica.place, links.get(replica.place)
        for stage in ("read", "write"):
            books.solve_problems(
                session, place.connection, object, stage=stage, records=[place.record]
            )
        if entity is None:
            continue
        detail = {"policy": policy, "merged_into": replica.merged_into}
        if replica.merged_into:
            survivor = Place(place.connection, replica.merged_into)
            _hand_on(session, object, place, survivor, entity, wiring.run)
        elif policy != "ignore":
            replicas.remove_link(session, object, place)
            replicas.save_tombstone(session, object, place, entity, wiring.run)
            if policy == "archive":
                doomed.add(entity)
        queues.touch(session, object, [entity])
        journal.append(books.Entry(object, entity, "gone", detail, place.connection, place.record))
    replicas.save(session, object, gone)
    replicas.save_keys(session, object, {replica.place: {} for replica in gone})
    books.write_journal(session, wiring.run, wiring.clock(), journal)
    return doomed


def _hand_on(
    session: Session, object: str, loser: Place, survivor: Place, entity: str, run: int
) -> None:
    """A vendor merged `loser` into `survivor`: the survivor keeps all that was linked."""
    replicas.remove_link(session, object, loser)
    other = replicas.links_of_records(session, object, [survivor]).get(survivor)
    if other is None:
        replicas.save_links(session, object, [replicas.Link(survivor, entity, "vendor merge")], run)
        return
    if other == entity:
        return
    places = replicas.links_of_entities(session, object, [entity, other])
    for connection, record in places.get(entity, {}).items():
        if connection not in places.get(other, {}):
            moved = Place(connection, record)
            replicas.save_links(session, object, [replicas.Link(moved, other, "vendor merge")], run)
    queues.touch(session, object, [other])
    if replicas.links_of_entities(session, object, [entity]):
        replicas.save_tombstone(session, object, loser, entity, run)
    else:
        _alias(session, object, entity, other)


def _alias(session: Session, object: str, old: str, new: str) -> None:
    """`old` is `new` from now on, wherever it is referred to."""
    table = tables.entity[object]
    aliases = sa.or_(table.c.entity_id == old, table.c.merged_into == old)
    session.execute(sa.update(table).where(aliases).values(merged_into=new))
    for schema in OBJECTS.values():
        for field in schema.fields.values():
            if field.target != object:
                continue
            referring = tables.entity[schema.name]
            column = referring.c[field.name]
            if field.kind is Kind.REFERENCE:
                session.execute(sa.update(referring).where(column == old).values({field.name: new}))
                continue
            holders = session.rows(
                sa.select(referring.c.entity_id).where(
                    sa.cast(column, sa.Text).contains(f'"{old}"', autoescape=True)
                )
            )
            found = entities.load(session, schema.name, [row[0] for row in holders])
            for entity in found.values():
                ids = entity.fields[field.name]
                assert isinstance(ids, list)
                session.execute(
                    sa.update(referring)
                    .where(referring.c.entity_id == entity.id)
                    .values({field.name: sorted({new if id == old else id for id in ids})})
                )
