"""What waits for a decision, read a portion at a time: there can be as much as an account holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from sync.model import Place, Replica
from sync.store import replicas, tables
from sync.store.database import Session

_R = tables.replica.c
_L = tables.link.c
_T = tables.touched.c

#: Names of records or entities held at once.
NAMES = 30_000


def gone(session: Session, object: str) -> list[Replica]:
    """Replicas whose deletion nobody has followed yet, ordered by place."""
    found = [
        Place(row[0], row[1]) for row in session.rows(_records(object, waiting=True, deleted=True))
    ]
    return by_place(session, object, found)


def by_place(session: Session, object: str, places: Iterable[Place]) -> list[Replica]:
    """The replicas at these places, ordered."""
    found = replicas.load(session, object, places)
    return [found[place] for place in sorted(found)]


def live(session: Session, object: str, *, unlinked: bool = False) -> Iterator[list[Place]]:
    """Records whose change nobody has merged yet, in order, `NAMES` at a time; those of no
    entity alone if `unlinked`. What is done with some may link or settle others."""
    query = _records(object, waiting=True, deleted=False)
    if unlinked:
        query = query.where(
            ~sa.exists().where(
                _L.connection == _R.connection, _L.object == object, _L.record == _R.record
            )
        )
    return _in_order(session, query)


def at_rest(session: Session, object: str) -> Iterator[list[Place]]:
    """The other records that are not deleted, in order, `NAMES` at a time."""
    return _in_order(session, _records(object, waiting=False, deleted=False))


def linked(session: Session, object: str) -> Iterator[list[Place]]:
    """Records that are not deleted and belong to an entity, in order, `NAMES` at a time."""
    return _in_order(session, _linked(object))


def alone(session: Session, object: str) -> Iterator[list[Place]]:
    """Those among them whose entity has no other, in order, `NAMES` at a time. What is done
    with some may link others."""
    other = tables.link.alias("other")
    fellow = sa.exists().where(
        other.c.object == object,
        other.c.entity == _L.entity,
        sa.or_(other.c.connection != _L.connection, other.c.record != _L.record),
    )
    return _in_order(session, _linked(object).where(~fellow))


def _linked(object: str) -> sa.Select[tuple[str, str]]:
    here = sa.and_(_L.connection == _R.connection, _L.object == _R.object, _L.record == _R.record)
    query = sa.select(_R.connection, _R.record).join_from(tables.replica, tables.link, here)
    return query.where(_R.object == object, _R.deleted.is_(False)).order_by(
        _R.connection, _R.record
    )


def _in_order(session: Session, query: sa.Select[tuple[str, str]]) -> Iterator[list[Place]]:
    after = Place("", "")
    while True:
        later = sa.or_(
            _R.connection > after.connection,
            sa.and_(_R.connection == after.connection, _R.record > after.record),
        )
        found = [Place(*row) for row in session.rows(query.where(later).limit(NAMES))]
        if found:
            yield found
        if len(found) < NAMES:
            return
        after = found[-1]


def entities(session: Session, object: str) -> Iterator[list[str]]:
    """Entities to decide on, in order, `NAMES` at a time: those of waiting records, and those
    touched for another reason."""
    waiting = (
        sa.select(_L.entity)
        .join_from(
            tables.replica,
            tables.link,
            sa.and_(_L.connection == _R.connection, _L.object == _R.object, _L.record == _R.record),
        )
        .where(_R.object == object, _R.waiting.is_(True), _R.deleted.is_(False))
    )
    after = ""
    while True:
        touched = sa.select(_T.entity).where(_T.object == object, _T.entity > after)
        both = sa.union(waiting.where(_L.entity > after), touched).subquery()
        rows = session.rows(sa.select(both.c.entity).order_by(both.c.entity).limit(NAMES))
        if rows:
            yield [row[0] for row in rows]
        if len(rows) < NAMES:
            return
        after = rows[-1][0]


def _records(object: str, *, waiting: bool, deleted: bool) -> sa.Select[tuple[str, str]]:
    query = sa.select(_R.connection, _R.record).where(
        _R.object == object, _R.waiting.is_(waiting), _R.deleted.is_(deleted)
    )
    return query.order_by(_R.connection, _R.record)
