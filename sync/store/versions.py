"""Versions of what was decided by: mappings, the vendors' metadata, and matching rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync.store import tables
from sync.store.database import Session

_M = tables.mapping_version.c
_D = tables.metadata_version.c


class Known(NamedTuple):
    """A version and what it was when."""

    digest: str
    at: datetime


def mapping(session: Session, connection: str, object: str) -> tuple[str, Mapping[str, Any]] | None:
    """Digest and body of the mapping that the last run used, None before the first."""
    query = sa.select(_M.digest, _M.body).where(
        _M.connection == connection, _M.object == object, _M.current.is_(True)
    )
    rows = session.rows(query)
    return (rows[0].digest, rows[0].body) if rows else None


def save_mapping(
    session: Session, connection: str, object: str, digest: str, body: Mapping[str, Any], run: int
) -> None:
    """From now on this mapping is used."""
    session.execute(
        sa.update(tables.mapping_version)
        .where(_M.connection == connection, _M.object == object)
        .values(current=False)
    )
    session.upsert(
        tables.mapping_version,
        [
            {
                "connection": connection,
                "object": object,
                "digest": digest,
                "body": dict(body),
                "first_run": run,
                "current": True,
            }
        ],
    )


def metadata(session: Session, connection: str, object: str) -> Known | None:
    """The vendor's metadata as last described, None if never."""
    query = sa.select(_D.digest, _D.checked_at).where(
        _D.connection == connection, _D.object == object
    )
    rows = session.rows(query)
    return Known(rows[0].digest, rows[0].checked_at) if rows else None


def save_metadata(
    session: Session, connection: str, object: str, digest: str, now: datetime
) -> None:
    """The vendor's metadata was described just now."""
    session.upsert(
        tables.metadata_version,
        [{"connection": connection, "object": object, "digest": digest, "checked_at": now}],
    )


def matching(session: Session, object: str) -> str:
    """Digest of the rules and scores by which an object's records were matched last, '' if
    none were."""
    column = tables.made.c
    found = session.rows(sa.select(column.digest).where(column.name == f"matching {object}"))
    return str(found[0][0]) if found else ""


def save_matching(session: Session, object: str, digest: str) -> None:
    """All records of the object have been held against these rules and scores."""
    session.upsert(tables.made, [{"name": f"matching {object}", "digest": digest}])
