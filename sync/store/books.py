"""The books: runs, journal, conflicts, accounts, the lease."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sync.store import tables
from sync.store.database import Session, chunks


def start_run(session: Session, kind: str, now: datetime) -> int:
    """A new run's number. Runs that were cut off are closed as `interrupted`."""
    column = tables.run.c
    session.execute(
        sa.update(tables.run)
        .where(column.status == "running")
        .values(status="interrupted", finished_at=now)
    )
    made = session.execute(
        sa.insert(tables.run).values(kind=kind, status="running", started_at=now, report={})
    )
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def finish_run(
    session: Session, run: int, status: str, report: Mapping[str, Any], now: datetime
) -> None:
    """Close a run with its report."""
    session.execute(
        sa.update(tables.run)
        .where(tables.run.c.id == run)
        .values(status=status, finished_at=now, report=dict(report))
    )


def set_run_status(session: Session, run: int, status: str) -> None:
    """Move a run to another state, e.g. from held to approved."""
    session.execute(sa.update(tables.run).where(tables.run.c.id == run).values(status=status))


def runs(session: Session, last: int = 20, run: int = 0, kind: str = "") -> list[dict[str, Any]]:
    """Newest first, of one kind if given; one of them when `run` is given."""
    query = sa.select(tables.run).order_by(tables.run.c.id.desc()).limit(last)
    if kind:
        query = query.where(tables.run.c.kind == kind)
    if run:
        query = sa.select(tables.run).where(tables.run.c.id == run)
    return [dict(row._mapping) for row in session.rows(query)]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    object: str
    entity: str
    action: str
    detail: Mapping[str, Any]
    connection: str = ""
    record: str = ""


def write_journal(session: Session, run: int, now: datetime, entries: Iterable[Entry]) -> None:
    """Append; nothing in the journal is ever changed."""
    rows = [
        {
            "run": run,
            "at": now,
            "object": entry.object,
            "entity": entry.entity,
            "action": entry.action,
            "connection": entry.connection,
            "record": entry.record,
            "detail": dict(entry.detail),
        }
        for entry in entries
    ]
    if rows:
        session.execute(sa.insert(tables.journal), rows)


def journal(
    session: Session, object: str = "", entity: str = "", run: int = 0, actions: Iterable[str] = (),
    until: int = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Matching lines, oldest first; up to the run `until` if given."""
    column = tables.journal.c
    query = sa.select(tables.journal).order_by(column.id)
    if object:
        query = query.where(column.object == object)
    if entity:
        query = query.where(column.entity == entity)
    if run:
        query = query.where(column.run == run)
    if until:
        query = query.where(column.run <= until)
    if wanted := list(actions):
        query = query.where(column.action.in_(wanted))
    return [dict(row._mapping) for row in session.rows(query)]


def written(session: Session, run: int, *, relayed: bool) -> list[dict[str, Any]]:
    """What a run wrote, oldest first: what it planned, whichever run sent it, and, with
    `relayed`, what it sent for an earlier run."""
    column = tables.journal.c
    planned = sa.cast(column.detail, sa.Text).like(f'%"planned":{run},"sent"%')
    query = sa.select(tables.journal).where(
        column.run >= run,
        column.action.in_(("create", "update", "archive")),
        sa.or_(column.run == run, planned),
    )
    rows = [dict(row._mapping) for row in session.rows(query.order_by(column.id))]
    return [row for row in rows if relayed or row["detail"].get("planned", row["run"]) == run]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Records of one entity that changed a field to different values."""

    object: str
    entity: str
    field: str
    agreed: Any
    candidates: list[list[Any]]
    """[connection, record, value] each."""
    rule: str = ""
    status: str = "decided"
    resolution: Any = None


def save_conflicts(session: Session, found: Iterable[Conflict], run: int, now: datetime) -> None:
    """Book conflicts; one that waits already is brought up to date instead of doubled."""
    column = tables.conflict.c
    by_object: dict[str, list[Conflict]] = {}
    for conflict in found:
        by_object.setdefault(conflict.object, []).append(conflict)
    fresh = []
    for object, conflicts_ in by_object.items():
        held = waiting_conflicts(session, object, {c.entity for c in conflicts_})
        for c in conflicts_:
            id, status, _ = held.get(c.entity, {}).get(c.field, (0, "", None))
            row = {
                "object": c.object,
                "entity": c.entity,
                "field": c.field,
                "agreed": c.agreed,
                "candidates": c.candidates,
                "rule": c.rule,
                "status": c.status,
                "resolution": c.resolution,
                "run": run,
                "at": now,
            }
            if status == "waiting":
                session.execute(sa.update(tables.conflict).where(column.id == id).values(**row))
            else:
                fresh.append(row)
    if fresh:
        session.execute(sa.insert(tables.conflict), fresh)


def conflicts(session: Session, status: str = "", run: int = 0) -> list[dict[str, Any]]:
    """Conflicts, newest first, of one status or run if given."""
    column = tables.conflict.c
    query = sa.select(tables.conflict).order_by(column.id.desc())
    if status:
        query = query.where(column.status == status)
    if run:
        query = query.where(column.run == run)
    return [dict(row._mapping) for row in session.rows(query)]


def waiting_conflicts(
    session: Session, object: str, entities: Iterable[str]
) -> dict[str, dict[str, tuple[int, str, Any]]]:
    """entity -> field -> (conflict id, status, resolution) for those that wait or were resolved
    by a person and not applied yet."""
    column = tables.conflict.c
    found: dict[str, dict[str, tuple[int, str, Any]]] = {}
    for batch in chunks(sorted(set(entities))):
        query = sa.select(tables.conflict).where(
            column.object == object,
            column.entity.in_(batch),
            column.status.in_(("waiting", "resolved")),
        )
        for row in session.rows(query):
            found.setdefault(row.entity, {})[row.field] = (row.id, row.status, row.resolution)
    return found


#: How the rule begins of conflicts that an undo left; the run's number follows.
UNDONE = "undone: run "


def undone(session: Session, object: str, entities: Iterable[str]) -> dict[str, dict[str, int]]:
    """entity -> field -> conflict id, for fields that an undo left different and that wait."""
    column = tables.conflict.c
    found: dict[str, dict[str, int]] = {}
    for batch in chunks(sorted(set(entities))):
        query = sa.select(column.entity, column.field, column.id).where(
            column.object == object,
            column.entity.in_(batch),
            column.status == "waiting",
            column.rule.startswith(UNDONE),
        )
        for entity, field, id in session.rows(query):
            found.setdefault(entity, {})[field] = id
    return found


def set_conflict(session: Session, id: int, status: str, resolution: Any = None) -> None:
    """Resolve a conflict or mark it applied."""
    session.execute(
        sa.update(tables.conflict)
        .where(tables.conflict.c.id == id)
        .values(status=status, resolution=resolution)
    )


def save_account(
    session: Session, connection: str, vendor: str, body: Mapping[str, Any],
    provisioned: Mapping[str, Any], now: datetime,
) -> None:  # fmt: skip
    """Remember what `check` and `connect` found."""
    session.upsert(
        tables.account,
        [
            {
                "connection": connection,
                "vendor": vendor,
                "body": dict(body),
                "provisioned": dict(provisioned),
                "checked_at": now,
            }
        ],
    )


def accounts(session: Session) -> dict[str, dict[str, Any]]:
    """connection -> what is known of its account."""
    return {row.connection: dict(row._mapping) for row in session.rows(sa.select(tables.account))}


class LeaseHeld(Exception):
    """Another process is doing this work; the text says which and until when."""


#: The lease that keeps two runs from working at once.
RECONCILE = "reconcile"


def holder_name() -> str:
    """This process, as leases know it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_dead(holder: str) -> bool:
    host, _, pid = holder.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(pid) == os.getpid()


def take_lease(session: Session, name: str, now: datetime, seconds: float = 300.0) -> None:
    """Be the only one to do `name` until released or `seconds` after the last renewal.

    A lease whose process is gone from this machine is taken over at once.

    Raises:
        LeaseHeld: somebody else has it.
    """
    if session.engine.dialect.name == "postgresql":  # SQLite's writers come one by one anyway
        session.execute(sa.text("LOCK TABLE lease IN SHARE ROW EXCLUSIVE MODE"))
    rows = session.rows(sa.select(tables.lease).where(tables.lease.c.name == name))
    mine = holder_name()
    if rows and rows[0].holder != mine and rows[0].until > now and not _is_dead(rows[0].holder):
        raise LeaseHeld(
            f"another run ({rows[0].holder}) is at work until {rows[0].until:%H:%M:%S} UTC or "
            "until it ends; wait for it, or stop it"
        )
    session.upsert(
        tables.lease,
        [{"name": name, "holder": mine, "until": now + timedelta(seconds=seconds)}],
    )


def release_lease(session: Session, name: str) -> None:
    """Let others do `name`."""
    session.execute(sa.delete(tables.lease).where(tables.lease.c.name == name))
