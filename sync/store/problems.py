"""Problems: records set aside and writes that failed, until what caused them is gone.

A problem is ``open`` (it waits), ``ignored`` (a person does not want to hear of it),
``released`` or ``retried`` (what caused it may be gone; by itself, or because a person said so:
it is tried again in the next run) or ``solved``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync.store import tables
from sync.store.database import Session, chunks

_P = tables.problem.c

#: States in which a problem is not over.
UNSOLVED = ("open", "released", "retried")


@dataclass(frozen=True, slots=True)
class Problem:
    """A record set aside, a field that could not be translated, or a write that failed.

    `stage` is ``read`` or ``write``; `field` '' means the whole record. `fingerprint` tells
    what failed: the same write is not tried again while its problem is open. `blocker` is the
    record of the same connection that is in the way, '' if none is known.
    """

    connection: str
    object: str
    record: str
    entity: str
    field: str
    stage: str
    cause: str
    message: str
    words: str = ""
    advice: str = ""
    fingerprint: str = ""
    blocker: str = ""


def report(session: Session, found: Iterable[Problem], run: int, now: datetime) -> None:
    """Open problems, or note that known ones are still there. One that is ignored stays so
    while what failed is the same."""
    for p in found:
        place = (
            _P.connection == p.connection,
            _P.object == p.object,
            _P.record == p.record,
            _P.entity == p.entity,
            _P.field == p.field,
            _P.stage == p.stage,
        )
        values = {
            "cause": p.cause,
            "message": p.message,
            "words": p.words,
            "advice": p.advice,
            "fingerprint": p.fingerprint,
            "blocker": p.blocker,
            "last_run": run,
            "seen_at": now,
        }
        known = session.rows(sa.select(_P.id, _P.status, _P.fingerprint).where(*place))
        if known:
            same = known[0].status == "ignored" and known[0].fingerprint == p.fingerprint
            status = "ignored" if same else "open"
            session.execute(sa.update(tables.problem).where(*place).values(status=status, **values))
        else:
            session.execute(
                sa.insert(tables.problem).values(
                    connection=p.connection,
                    object=p.object,
                    record=p.record,
                    entity=p.entity,
                    field=p.field,
                    stage=p.stage,
                    status="open",
                    first_run=run,
                    **values,
                )
            )


def solve(
    session: Session, connection: str, object: str, *, stage: str, records: Iterable[str] = (),
    entities: Iterable[str] = (),
) -> None:  # fmt: skip
    """Close the problems of records (reading) or entities (writing) that went well now."""
    for names, place in ((records, _P.record), (entities, _P.entity)):
        for batch in chunks(sorted(set(names))):
            session.execute(
                sa.update(tables.problem)
                .where(
                    _P.connection == connection,
                    _P.object == object,
                    _P.stage == stage,
                    _P.status.in_(UNSOLVED),
                    place.in_(batch),
                )
                .values(status="solved")
            )


def of_entities(session: Session, object: str, entities: Iterable[str]) -> list[Any]:
    """Rows of writes that failed for these entities and have not been made since."""
    found: list[Any] = []
    for batch in chunks(sorted(set(entities))):
        query = sa.select(tables.problem).where(
            _P.object == object,
            _P.stage == "write",
            _P.status.in_((*UNSOLVED, "ignored")),
            _P.entity.in_(batch),
        )
        found += session.rows(query)
    return found


def exist(session: Session, connection: str, object: str, stage: str) -> bool:
    """Whether looking for solved ones is worth the while."""
    query = sa.select(_P.id).where(
        _P.connection == connection,
        _P.object == object,
        _P.stage == stage,
        _P.status.in_(UNSOLVED),
    )
    return bool(session.rows(query.limit(1)))


def load(session: Session, *status: str) -> list[dict[str, Any]]:
    """Problems with one of these states, the open ones if none is given; oldest first."""
    query = sa.select(tables.problem).where(_P.status.in_(status or ("open",)))
    return [dict(r._mapping) for r in session.rows(query.order_by(_P.id))]


def waiting(
    session: Session, connection: str, object: str, *, stage: str = "",
    causes: Sequence[str] = (), records: Iterable[str] | None = None,
    blockers: Iterable[str] | None = None,
) -> list[Any]:  # fmt: skip
    """Rows of open problems of one connection and object, narrowed by what is given."""
    where = [_P.connection == connection, _P.object == object, _P.status == "open"]
    if stage:
        where.append(_P.stage == stage)
    if causes:
        where.append(_P.cause.in_(causes))
    query = sa.select(tables.problem).where(*where).order_by(_P.id)
    column, names = (_P.record, records) if records is not None else (_P.blocker, blockers)
    if names is None:
        return list(session.rows(query))
    found: list[Any] = []
    for batch in chunks(sorted(set(names) - {""})):
        found += session.rows(query.where(column.in_(batch)))
    return found


def to_read_again(session: Session, connection: str, object: str) -> list[str]:
    """Records whose reading is to be tried again."""
    query = sa.select(_P.record).where(
        _P.connection == connection,
        _P.object == object,
        _P.stage == "read",
        _P.status.in_(("released", "retried")),
    )
    return sorted({row[0] for row in session.rows(query)} - {""})


def set_status(session: Session, ids: Iterable[int], status: str) -> None:
    """Release, retry, ignore or solve."""
    for batch in chunks(list(ids)):
        session.execute(sa.update(tables.problem).where(_P.id.in_(batch)).values(status=status))
