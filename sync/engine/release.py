"""Problems are released by themselves when what caused them may be gone.

Four things do that: the record was changed in its CRM, the record in the way was changed or
linked, the mapping was changed, or the vendor's metadata was (a field became writable, an
option was added). What is released is tried again in the same run: failed writes are planned
anew, records that could not be read are read again one by one. Ignored problems are left alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.base import ObjectInfo
from connectors.errors import ConnectorError, Invalid, Refused
from sync.engine.wiring import Connected, Wiring
from sync.model import Place, PlannedWrite, fingerprint
from sync.store import books, problems, queues, replicas, versions
from sync.store.database import Session

MAPPING = "the mapping was changed"
METADATA = "the vendor's fields or options were changed"
RECORD = "the record was changed"
BLOCKER = "the record in the way was changed"

#: Causes that a change of the vendor's metadata may end.
_OF_METADATA = (Invalid.cause, Refused.cause)

#: The metadata is asked for again this long after a write failed, then after twice that, and so
#: on, at most this long after the last time.
_SOONEST = timedelta(minutes=15)
_LATEST = timedelta(hours=24)


def let_go(
    session: Session, object: str, rows: Sequence[Any], why: str, run: int, now: datetime
) -> int:
    """Release these problems; how many there were."""
    problems.set_status(session, [row.id for row in rows], "released")
    queues.touch(session, object, {row.entity for row in rows if row.entity})
    journal = [
        books.Entry(
            object,
            row.entity,
            "released",
            {"why": why, "stage": row.stage, "cause": row.cause, "field": row.field},
            row.connection,
            row.record,
        )
        for row in rows
    ]
    books.write_journal(session, run, now, journal)
    return len(rows)


def _release(wiring: Wiring, object: str, rows: Sequence[Any], why: str) -> None:
    number = let_go(wiring.session, object, rows, why, wiring.run, wiring.clock())
    if number:
        wiring.report.released[why] = wiring.report.released.get(why, 0) + number


# -- the mapping ---------------------------------------------------------------------------


def by_mapping(wiring: Wiring, connected: Connected, object: str) -> None:
    """Hold the mapping against the one the last run used.

    When it was changed, the connection's records are read again in full (a field mapped newly
    is unknown of all of them), its entities and those that wait for a record there are decided
    again, and its problems released.
    """
    session = wiring.session
    document = connected.translators[object].document
    body = document.model_dump(mode="json", exclude={"path"})
    digest, known = fingerprint(body), versions.mapping(session, connected.name, object)
    if known is not None and known[0] == digest:
        return
    versions.save_mapping(session, connected.name, object, digest, body, wiring.run)
    if known is None:
        return
    replicas.forget_cursor(session, connected.name, object)
    queues.touch(session, object, replicas.entities_in(session, connected.name, object))
    queues.touch(session, object, queues.unsent(session, connected.name, object))
    detail = {"was": known[0], "is": digest, "fields": _differing(known[1], body)}
    entry = books.Entry(object, "", "mapping changed", detail, connected.name)
    books.write_journal(session, wiring.run, wiring.clock(), [entry])
    _release(wiring, object, problems.waiting(session, connected.name, object), MAPPING)


def _differing(old: Any, new: Any) -> list[str]:
    """Fields whose mapping differs, and other keys that do."""
    fields = {
        name
        for name in old["fields"].keys() | new["fields"].keys()
        if old["fields"].get(name) != new["fields"].get(name)
    }
    rest = {
        name for name in (old.keys() | new.keys()) - {"fields"} if old.get(name) != new.get(name)
    }
    return sorted(fields | rest)


# -- the vendor's metadata -----------------------------------------------------------------


def by_metadata(wiring: Wiring, connected: Connected, object: str) -> None:
    """Ask the vendor for its metadata if a problem waits for that and it is time."""
    session, now = wiring.session, wiring.clock()
    rows = problems.waiting(session, connected.name, object, stage="write", causes=_OF_METADATA)
    if not rows:
        return
    known = versions.metadata(session, connected.name, object)
    if known is not None:
        waited = known.at - max(row.seen_at for row in rows)
        if now < known.at + min(max(waited, _SOONEST), _LATEST):
            return
    _describe(wiring, connected, object)


def note_metadata(wiring: Wiring, object: str) -> None:
    """After writing: remember under which metadata the writes of this run failed."""
    for connected in wiring.with_object(object):
        rows = problems.waiting(
            wiring.session, connected.name, object, stage="write", causes=_OF_METADATA
        )
        fresh = [row.seen_at for row in rows if row.last_run == wiring.run]
        known = versions.metadata(wiring.session, connected.name, object) if fresh else None
        if known is not None and known.at >= max(fresh):
            continue
        if fresh and connected.name not in wiring.failed:
            _describe(wiring, connected, object)


def _describe(wiring: Wiring, connected: Connected, object: str) -> None:
    try:
        info = connected.connector.describe(connected.translators[object].native)
    except ConnectorError as error:
        wiring.give_up(connected.name, error)
        return
    rows = described(wiring.session, connected.name, object, info, wiring.run, wiring.clock())
    _release(wiring, object, rows, METADATA)
    wiring.session.commit()


def described(
    session: Session, connection: str, object: str, info: ObjectInfo, run: int, now: datetime
) -> list[Any]:
    """Keep the version of what `describe` said; the problems to release because it is another
    than before. Those met in `run` itself were met under this one."""
    digest = fingerprint(_plain(info))
    known = versions.metadata(session, connection, object)
    versions.save_metadata(session, connection, object, digest, now)
    if known is None or known.digest == digest:
        return []
    rows = problems.waiting(session, connection, object, stage="write", causes=_OF_METADATA)
    return [row for row in rows if row.last_run != run]


def _plain(info: ObjectInfo) -> Any:
    """What a write depends on; labels do not matter, nor does the order of fields."""
    fields = {
        name: {**dataclasses.asdict(field), "label": "", "choices": _options(field.choices)}
        for name, field in info.fields.items()
    }
    return [info.name, info.createable, info.updateable, info.deletable, fields]


def _options(choices: Iterable[Any]) -> list[list[Any]]:
    return sorted([choice.value, choice.active] for choice in choices)


# -- records -------------------------------------------------------------------------------


def by_records(wiring: Wiring, connected: Connected, object: str, changed: Collection[str]) -> None:
    """People changed or deleted these records: what could not be written to them, or because
    of them, is tried again."""
    session = wiring.session
    if not changed or not problems.exist(session, connected.name, object, "write"):
        return
    place = (session, connected.name, object)
    _release(wiring, object, problems.waiting(*place, stage="write", records=changed), RECORD)
    _release(wiring, object, problems.waiting(*place, stage="write", blockers=changed), BLOCKER)


def by_links(wiring: Wiring, object: str, linked: Iterable[tuple[Place, str]]) -> None:
    """These records were linked: they are in nobody's way any more, and an entity that has a
    record needs none created."""
    by_connection: dict[str, list[tuple[str, str]]] = {}
    for place, entity in linked:
        by_connection.setdefault(place.connection, []).append((place.record, entity))
    for connection, pairs in by_connection.items():
        if not problems.exist(wiring.session, connection, object, "write"):
            continue
        blocked = problems.waiting(
            wiring.session, connection, object, stage="write", blockers=[r for r, _ in pairs]
        )
        _release(wiring, object, blocked, BLOCKER)


# -- plans ---------------------------------------------------------------------------------


def settle(
    wiring: Wiring, object: str, entities: Iterable[str], writes: Sequence[PlannedWrite],
    planned_for: Collection[str],
) -> set[tuple[str, str, str, str]]:  # fmt: skip
    """Hold the problems of these entities against their new plan.

    Those that nothing in the plan would repeat are solved (for the connections `planned_for`).
    What comes back is (connection, entity, field, fingerprint) of what must not be repeated yet.
    """
    wanted: dict[tuple[str, str], set[str]] = {}
    for write in writes:
        wanted.setdefault((write.connection, write.entity), set()).update(("", *write.fields))
    done, failed = list[int](), set[tuple[str, str, str, str]]()
    for row in problems.of_entities(wiring.session, object, entities):
        place = (row.connection, row.entity)
        if row.status in ("open", "ignored") and row.fingerprint:
            failed.add((*place, row.field, row.fingerprint))
        if (
            row.status != "ignored"
            and row.connection in planned_for
            and row.field not in wanted.get(place, ())
        ):
            done.append(row.id)
    problems.set_status(wiring.session, done, "solved")
    return failed
