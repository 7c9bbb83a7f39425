"""Replicas, links, match keys and cursors: what the hub knows of each connection's records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync.model import Place, Replica
from sync.store import tables
from sync.store.database import Session, chunks

_R = tables.replica.c
_L = tables.link.c


def _replica(row: Mapping[str, Any]) -> Replica:
    return Replica(
        place=Place(row["connection"], row["record"]),
        seen=row["seen"],
        base=row["base"],
        renditions=row["renditions"],
        expected=row["expected"],
        external=row["external"],
        version=row["version"],
        stamp=row["stamp"],
        changed_at=row["changed_at"],
        field_times=row["field_times"],
        deleted=row["deleted"],
        merged_into=row["merged_into"],
        waiting=row["waiting"],
    )


def load(session: Session, object: str, places: Iterable[Place]) -> dict[Place, Replica]:
    """The replicas at the given places, as far as they exist."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for place in set(places):
        wanted[place.connection].append(place.record)
    found: dict[Place, Replica] = {}
    for connection, records in wanted.items():
        for batch in chunks(sorted(records)):
            query = sa.select(tables.replica).where(
                _R.connection == connection, _R.object == object, _R.record.in_(batch)
            )
            for row in session.rows(query):
                replica = _replica(row._mapping)
                found[replica.place] = replica
    return found


def save(session: Session, object: str, replicas: Iterable[Replica], listed_run: int = 0) -> None:
    """Store replicas, new or changed; `listed_run` if a complete listing contained them."""
    listed = {"listed_run": listed_run} if listed_run else {}
    session.upsert(
        tables.replica,
        [
            {
                "connection": replica.place.connection,
                "object": object,
                "record": replica.place.record,
                "seen": replica.seen,
                "base": replica.base,
                "renditions": replica.renditions,
                "expected": replica.expected,
                "external": replica.external,
                "version": replica.version,
                "stamp": replica.stamp,
                "changed_at": replica.changed_at,
                "field_times": replica.field_times,
                "deleted": replica.deleted,
                "merged_into": replica.merged_into,
                "waiting": replica.waiting,
                **listed,
            }
            for replica in replicas
        ],
    )


def mark_listed(session: Session, object: str, places: Iterable[Place], run: int) -> None:
    """Note that a complete listing contained these records."""
    for place_batch in chunks(list(places)):
        by_connection: dict[str, list[str]] = defaultdict(list)
        for place in place_batch:
            by_connection[place.connection].append(place.record)
        for connection, records in by_connection.items():
            session.execute(
                sa.update(tables.replica)
                .where(_R.connection == connection, _R.object == object, _R.record.in_(records))
                .values(listed_run=run)
            )


def unlisted(session: Session, connection: str, object: str, run: int) -> tuple[list[str], int]:
    """(live records that a listing begun in `run` did not contain, all live records)."""
    here = (_R.connection == connection, _R.object == object, _R.deleted.is_(False))
    missing = session.rows(
        sa.select(_R.record).where(*here, _R.listed_run < run).order_by(_R.record)
    )
    return [row[0] for row in missing], live(session, connection, object)


def live(session: Session, connection: str, object: str) -> int:
    """How many live records are known."""
    where = (_R.connection == connection, _R.object == object, _R.deleted.is_(False))
    return int(session.rows(sa.select(sa.func.count()).where(*where))[0][0])


def links_of_records(session: Session, object: str, places: Iterable[Place]) -> dict[Place, str]:
    """place -> entity id, for records that are linked."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for place in places:
        wanted[place.connection].add(place.record)
    found: dict[Place, str] = {}
    for connection, records in wanted.items():
        for batch in chunks(sorted(records)):
            query = sa.select(_L.record, _L.entity).where(
                _L.connection == connection, _L.object == object, _L.record.in_(batch)
            )
            found.update({Place(connection, r[0]): r[1] for r in session.rows(query)})
    return found


def links_of_entities(
    session: Session, object: str, entities: Iterable[str]
) -> dict[str, dict[str, str]]:
    """entity id -> {connection: record}. An entity has one record a connection."""
    found: dict[str, dict[str, str]] = {}
    for batch in chunks(sorted(set(entities))):
        query = sa.select(_L.entity, _L.connection, _L.record).where(
            _L.object == object, _L.entity.in_(batch)
        )
        for entity, connection, record in session.rows(query):
            found.setdefault(entity, {})[connection] = record
    return found


def entities_in(session: Session, connection: str, object: str) -> list[str]:
    """Entities that have a record in a connection."""
    query = sa.select(_L.entity).where(_L.connection == connection, _L.object == object)
    return [row[0] for row in session.rows(query.distinct())]


@dataclass(frozen=True, slots=True)
class Link:
    """record ↔ entity, with the rule that made it."""

    place: Place
    entity: str
    rule: str


def save_links(session: Session, object: str, links: Iterable[Link], run: int) -> None:
    """Store links; a record has one entity, the last one given."""
    session.upsert(
        tables.link,
        [
            {
                "connection": link.place.connection,
                "object": object,
                "record": link.place.record,
                "entity": link.entity,
                "rule": link.rule,
                "run": run,
            }
            for link in links
        ],
    )


def remove_link(session: Session, object: str, place: Place) -> None:
    """Forget to which entity a record belongs."""
    session.execute(
        sa.delete(tables.link).where(
            _L.connection == place.connection, _L.object == object, _L.record == place.record
        )
    )


def save_keys(
    session: Session, object: str, keys: Mapping[Place, Mapping[str, Iterable[str]]]
) -> None:
    """Replace the match keys of these records: rule -> keys."""
    column = tables.match_key.c
    by_connection: dict[str, list[str]] = defaultdict(list)
    for place in keys:
        by_connection[place.connection].append(place.record)
    for connection, records in by_connection.items():
        for batch in chunks(records):
            session.execute(
                sa.delete(tables.match_key).where(
                    column.object == object,
                    column.connection == connection,
                    column.record.in_(batch),
                )
            )
    session.upsert(
        tables.match_key,
        [
            {
                "object": object,
                "rule": rule,
                "key": key,
                "connection": place.connection,
                "record": place.record,
            }
            for place, rules in keys.items()
            for rule, values in rules.items()
            for key in values
        ],
    )


def keys_made_by(session: Session, object: str) -> str:
    """The digest of the rules by which the keys of an object's records were made, '' if none
    were."""
    query = sa.select(tables.made.c.digest).where(tables.made.c.name == f"keys {object}")
    found = session.rows(query)
    return str(found[0][0]) if found else ""


def note_keys_made(session: Session, object: str, digest: str) -> None:
    """Remember by which rules all keys of an object are made from now on."""
    session.upsert(tables.made, [{"name": f"keys {object}", "digest": digest}])


def keys_of(session: Session, object: str, places: Iterable[Place]) -> set[tuple[str, str]]:
    """The match keys of these records: (rule, key)."""
    return set().union(*keys_by_record(session, object, places).values())


def keys_by_record(
    session: Session, object: str, places: Iterable[Place]
) -> dict[Place, set[tuple[str, str]]]:
    """place -> its match keys: (rule, key); records without keys are left out."""
    column = tables.match_key.c
    wanted: dict[str, list[str]] = defaultdict(list)
    for place in places:
        wanted[place.connection].append(place.record)
    found: dict[Place, set[tuple[str, str]]] = defaultdict(set)
    for connection, records in wanted.items():
        for batch in chunks(sorted(records)):
            query = sa.select(column.record, column.rule, column.key).where(
                column.object == object,
                column.connection == connection,
                column.record.in_(batch),
            )
            for record, rule, key in session.rows(query):
                found[Place(connection, record)].add((rule, key))
    return found


def sharing(
    session: Session, object: str, keys: Iterable[tuple[str, str]], cap: int
) -> list[tuple[str, str, Place]]:
    """(rule, key, place) of every record that has one of the (rule, key) pairs.

    At most `cap` + 1 records a key come back: a caller that gets more than `cap` knows the
    key is shared by too many.
    """
    column = tables.match_key.c
    by_rule: dict[str, set[str]] = defaultdict(set)
    for rule, key in keys:
        by_rule[rule].add(key)
    found: list[tuple[str, str, Place]] = []
    for rule in sorted(by_rule):
        for batch in chunks(sorted(by_rule[rule])):
            number = (
                sa.func.row_number()
                .over(partition_by=column.key, order_by=(column.connection, column.record))
                .label("number")
            )
            inner = (
                sa.select(column.key, column.connection, column.record, number)
                .where(column.object == object, column.rule == rule, column.key.in_(batch))
                .subquery()
            )
            query = sa.select(inner.c.key, inner.c.connection, inner.c.record)
            query = query.where(inner.c.number <= cap + 1)
            for key, connection, record in session.rows(query):
                found.append((rule, key, Place(connection, record)))
    return found


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a connection's object was read.

    `complete` once the listing that began in run `full_run` came to its end and the records
    that it did not contain were looked for.
    """

    text: str
    complete: bool
    full_run: int


def cursor(session: Session, connection: str, object: str) -> Cursor | None:
    """The stored cursor, None before the first page."""
    column = tables.cursor.c
    query = sa.select(column.cursor, column.complete, column.full_run).where(
        column.connection == connection, column.object == object
    )
    rows = session.rows(query)
    return Cursor(rows[0][0], rows[0][1], rows[0][2]) if rows else None


def move_cursor(
    session: Session,
    connection: str,
    object: str,
    text: str,
    now: datetime,
    full_run: int = 0,
) -> None:
    """Store the cursor that came with a page, in the page's own transaction. The page belongs
    to the listing that began in `full_run`, to none if that is 0."""
    session.upsert(
        tables.cursor,
        [
            {
                "connection": connection,
                "object": object,
                "cursor": text,
                "complete": not full_run,
                "full_run": full_run,
                "moved_at": now,
            }
        ],
    )


def complete_cursor(session: Session, connection: str, object: str) -> None:
    """The listing has come to its end."""
    column = tables.cursor.c
    session.execute(
        sa.update(tables.cursor)
        .where(column.connection == connection, column.object == object)
        .values(complete=True)
    )


def forget_cursor(session: Session, connection: str, object: str) -> None:
    """Make the next pull a full one."""
    column = tables.cursor.c
    session.execute(
        sa.delete(tables.cursor).where(column.connection == connection, column.object == object)
    )


def tombstones(session: Session, object: str, entities: Iterable[str]) -> set[tuple[str, str]]:
    """(entity, connection) pairs in which somebody deleted the record."""
    column = tables.tombstone.c
    found: set[tuple[str, str]] = set()
    for batch in chunks(sorted(set(entities))):
        query = sa.select(column.entity, column.connection).where(
            column.object == object, column.entity.in_(batch)
        )
        found |= {(row[0], row[1]) for row in session.rows(query)}
    return found


def buried(session: Session, object: str, places: Iterable[Place]) -> dict[Place, str]:
    """place -> entity it belonged to, for records that were deleted and have come back."""
    column = tables.tombstone.c
    wanted: dict[str, set[str]] = defaultdict(set)
    for place in places:
        wanted[place.connection].add(place.record)
    found: dict[Place, str] = {}
    for connection, records in wanted.items():
        for batch in chunks(sorted(records)):
            query = sa.select(column.record, column.entity).where(
                column.connection == connection,
                column.object == object,
                column.record.in_(batch),
            )
            found.update({Place(connection, row[0]): row[1] for row in session.rows(query)})
    return found


def save_tombstone(
    session: Session, object: str, place: Place, entity: str, run: int, ours: bool = False
) -> None:
    """Remember that the entity's record was deleted there, so that it is not created again;
    `ours` if the hub archived it because another was deleted."""
    session.upsert(
        tables.tombstone,
        [
            {
                "connection": place.connection,
                "object": object,
                "entity": entity,
                "record": place.record,
                "run": run,
                "ours": ours,
            }
        ],
    )


def lift_our_tombstones(session: Session, object: str, entities: Iterable[str]) -> None:
    """What the hub archived of these entities may be created again."""
    column = tables.tombstone.c
    for batch in chunks(sorted(set(entities))):
        session.execute(
            sa.delete(tables.tombstone).where(
                column.object == object, column.entity.in_(batch), column.ours.is_(True)
            )
        )


def lift_tombstones(
    session: Session, object: str, connection: str, entities: Iterable[str]
) -> None:
    """The entities have a record there again."""
    column = tables.tombstone.c
    for batch in chunks(sorted(set(entities))):
        session.execute(
            sa.delete(tables.tombstone).where(
                column.connection == connection,
                column.object == object,
                column.entity.in_(batch),
            )
        )
