"""Work that waits: touched entities, references to resolve, writes to send."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from mapping.schema import FieldValue
from sync.model import PlannedWrite, Queued
from sync.store import tables
from sync.store.database import Session, chunks
from sync.store.types import canonical

_O = tables.outbox.c
_P = tables.pending_reference.c


def touch(session: Session, object: str, entities: Iterable[str]) -> None:
    """Have these entities merged and planned in the next decide, whatever changed."""
    rows = [{"object": object, "entity": entity} for entity in sorted(set(entities))]
    session.upsert(tables.touched, rows)


def take_touched(session: Session, object: str, entities: Iterable[str]) -> None:
    """These entities have been decided."""
    column = tables.touched.c
    for batch in chunks(sorted(set(entities))):
        session.execute(
            sa.delete(tables.touched).where(column.object == object, column.entity.in_(batch))
        )


@dataclass(frozen=True, slots=True)
class Pending:
    """An entity that waits for a link of another object in one connection.

    `target` is ``record:<native id>`` (a reference read, the record not known yet) or
    ``entity:<entity id>`` (a reference to write, no record there yet).
    """

    connection: str
    target_object: str
    target: str
    object: str
    entity: str


def save_pending(session: Session, pending: Iterable[Pending]) -> None:
    """Remember who waits for which link."""
    session.upsert(
        tables.pending_reference,
        [
            {
                "connection": p.connection,
                "target_object": p.target_object,
                "target": p.target,
                "object": p.object,
                "entity": p.entity,
            }
            for p in set(pending)
        ],
    )


def settle_pending(
    session: Session, connection: str, target_object: str, targets: Iterable[str]
) -> None:
    """Links have come: touch those who waited for one of `targets`."""
    for batch in chunks(sorted(set(targets))):
        where = (
            _P.connection == connection,
            _P.target_object == target_object,
            _P.target.in_(batch),
        )
        for object, entity in session.rows(sa.select(_P.object, _P.entity).where(*where)):
            touch(session, object, [entity])
        session.execute(sa.delete(tables.pending_reference).where(*where))


def replace_outbox(
    session: Session, object: str, entities: Iterable[str], writes: Iterable[PlannedWrite],
    run: int, keep: Collection[int] = (),
) -> None:  # fmt: skip
    """The plan for these entities is now `writes`; older ones not begun are superseded, except
    those whose ids are to be kept. A write that may be sent already, over the same values, stays
    as it is: what a person has let through is not asked again."""
    released: dict[str, int] = {}
    for batch in chunks(sorted(set(entities))):
        here = (_O.object == object, _O.entity.in_(batch))
        for row in session.rows(sa.select(tables.outbox).where(*here, _O.status == "pending")):
            queued = _queued(row)
            released[_told(queued.write)] = queued.id
    wanted = {_told(write): write for write in writes}
    stay = [*keep, *(released[told] for told in wanted.keys() & released.keys())]
    for batch in chunks(sorted(set(entities))):
        session.execute(
            sa.delete(tables.outbox).where(
                _O.object == object,
                _O.entity.in_(batch),
                _O.status != "sending",
                _O.id.not_in(stay),
            )
        )
    fresh = [write for told, write in wanted.items() if told not in released]
    add(session, fresh, run, "planned")


def _told(write: PlannedWrite) -> str:
    """What is written, where, and over what."""
    return canonical(
        [write.connection, write.entity, write.record, write.kind, write.fields, write.before]
    )


def add(session: Session, writes: Iterable[PlannedWrite], run: int, status: str) -> None:
    """Put writes into the outbox."""
    rows = [
        {
            "run": run,
            "connection": write.connection,
            "object": write.object,
            "entity": write.entity,
            "record": write.record,
            "kind": write.kind,
            "fields": write.fields,
            "before": write.before,
            "version": write.version,
            "status": status,
        }
        for write in writes
    ]
    if rows:
        session.execute(sa.insert(tables.outbox), rows)


def outbox(
    session: Session, *, status: Iterable[str], object: str = "", connection: str = "",
    run: int = 0,
) -> list[Queued]:  # fmt: skip
    """Writes with one of these states, oldest first."""
    query = sa.select(tables.outbox).where(_O.status.in_(list(status))).order_by(_O.id)
    if object:
        query = query.where(_O.object == object)
    if connection:
        query = query.where(_O.connection == connection)
    if run:
        query = query.where(_O.run == run)
    return [_queued(row) for row in session.rows(query)]


def _queued(row: Any) -> Queued:
    return Queued(
        id=row.id,
        run=row.run,
        status=row.status,
        write=PlannedWrite(
            connection=row.connection,
            object=row.object,
            entity=row.entity,
            record=row.record,
            kind=row.kind,
            fields=row.fields,
            before=row.before,
            version=row.version,
        ),
    )


def objects_to_send(session: Session, begun: bool = False) -> set[str]:
    """Objects of which a write may be sent; `begun`: of which one was begun."""
    states = ("sending",) if begun else ("pending", "sending")
    query = sa.select(_O.object).where(_O.status.in_(states)).distinct()
    return {row[0] for row in session.rows(query)}


def unsent(session: Session, connection: str, object: str) -> set[str]:
    """Entities of which something is to be written there."""
    query = sa.select(_O.entity).where(_O.connection == connection, _O.object == object).distinct()
    return {row[0] for row in session.rows(query)}


def set_status(session: Session, ids: Iterable[int], status: str) -> None:
    """Move writes to another state."""
    for batch in chunks(list(ids)):
        session.execute(sa.update(tables.outbox).where(_O.id.in_(batch)).values(status=status))


def remove(session: Session, ids: Iterable[int]) -> None:
    """Take writes out: their result is stored, or they are withdrawn."""
    for batch in chunks(list(ids)):
        session.execute(sa.delete(tables.outbox).where(_O.id.in_(batch)))


def planned_creates(session: Session, object: str, entities: Iterable[str]) -> set[tuple[str, str]]:
    """(entity, connection) pairs whose record an unsent write will create."""
    found: set[tuple[str, str]] = set()
    for batch in chunks(sorted(set(entities))):
        query = sa.select(_O.entity, _O.connection).where(
            _O.object == object, _O.kind == "create", _O.entity.in_(batch)
        )
        found |= {(row[0], row[1]) for row in session.rows(query)}
    return found


def adopt(session: Session, run: int) -> None:
    """Make what earlier runs planned and did not get to release part of `run`."""
    session.execute(sa.update(tables.outbox).where(_O.status == "planned").values(run=run))


def withdraw_archives(session: Session, object: str, entities: Iterable[str]) -> None:
    """What was to be archived of these entities, and was not begun, stays."""
    for batch in chunks(sorted(set(entities))):
        session.execute(
            sa.delete(tables.outbox).where(
                _O.object == object,
                _O.kind == "archive",
                _O.status != "sending",
                _O.entity.in_(batch),
            )
        )


def planned_archives(session: Session, object: str) -> set[str]:
    """Entities of which a record is to be archived and was not yet. An undo that archives one
    record says nothing of the others."""
    query = sa.select(_O.entity).where(
        _O.object == object, _O.kind == "archive", _O.run.not_in(_undos())
    )
    return {row[0] for row in session.rows(query)}


def undoing(session: Session, object: str, entities: Iterable[str]) -> dict[str, list[Queued]]:
    """entity -> what an undo is about to put back, or began to."""
    found: dict[str, list[Queued]] = {}
    for batch in chunks(sorted(set(entities))):
        query = sa.select(tables.outbox).where(
            _O.object == object,
            _O.entity.in_(batch),
            _O.status.in_(("pending", "sending")),
            _O.run.in_(_undos()),
        )
        for row in session.rows(query.order_by(_O.id)):
            found.setdefault(row.entity, []).append(_queued(row))
    return found


def _undos() -> sa.Select[tuple[int]]:
    return sa.select(tables.run.c.id).where(tables.run.c.kind == "undo")


def narrow(session: Session, id: int, fields: Mapping[str, FieldValue]) -> None:
    """Write only these fields."""
    session.execute(sa.update(tables.outbox).where(_O.id == id).values(fields=dict(fields)))
