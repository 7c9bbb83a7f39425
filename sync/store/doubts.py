"""Listings that lacked too many known records to be believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from sync.store import tables
from sync.store.database import Session

_D = tables.doubt.c


@dataclass(frozen=True, slots=True)
class Doubt:
    """One connection's listing of one object, as the run that saw it last found it.

    `run` is the first run that was held for it. `status` is ``open``, or ``approved`` when a
    person said that so many records are gone indeed.
    """

    connection: str
    object: str
    run: int
    missing: int
    total: int
    status: str = "open"


def of(session: Session, connection: str, object: str) -> Doubt | None:
    """The doubt about a connection's records of an object, None if there is none."""
    rows = session.rows(
        sa.select(tables.doubt).where(_D.connection == connection, _D.object == object)
    )
    return Doubt(**rows[0]._mapping) if rows else None


def exist(session: Session) -> bool:
    """Whether any listing is doubted."""
    return bool(session.rows(sa.select(_D.run).limit(1)))


def open_since(session: Session, run: int) -> list[Doubt]:
    """Doubts for which `run` was held."""
    rows = session.rows(
        sa.select(tables.doubt)
        .where(_D.status == "open", _D.run <= run)
        .order_by(_D.connection, _D.object)
    )
    return [Doubt(**row._mapping) for row in rows]


def save(session: Session, doubt: Doubt) -> None:
    """Keep it, or bring it up to date."""
    session.upsert(tables.doubt, [asdict(doubt)])


def approve(session: Session, found: Iterable[Doubt]) -> None:
    """A person says that the records are gone."""
    for doubt in found:
        session.execute(
            sa.update(tables.doubt)
            .where(_D.connection == doubt.connection, _D.object == doubt.object)
            .values(status="approved")
        )


def forget(session: Session, connection: str, object: str) -> None:
    """The records are listed again, or their deletion was carried out."""
    session.execute(sa.delete(tables.doubt).where(_D.connection == connection, _D.object == object))
