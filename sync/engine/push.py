"""Do: send the outbox, and store each batch's results before the next batch goes.

A write is marked `sending` before the call. If the process dies there, the next run sends
it again: creates are upserts on the external id, updates set the same values, so that
sending twice is the same as sending once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import Write, WriteResult
from connectors.errors import (
    Bug,
    ConnectorError,
    Duplicate,
    Gone,
    Locked,
    Stale,
    Stop,
    Wait,
)
from connectors.errors import describe as describe_error
from mapping.schema import OBJECTS, Fields, FieldValue
from sync.engine import references
from sync.engine.wiring import Connected, Wiring
from sync.model import NEVER, Place, PlannedWrite, Queued, Replica, fingerprint
from sync.store import books, problems, queues, replicas
from sync.store.database import chunks
from sync.store.problems import Problem

#: More writes of one kind than this are handed over by the bulk job, where there is one. A
#: push is stored as a whole, so fewer go by the batch call, which loses less when cut off.
BULK_FROM = 5_000

#: Creates go first: others may refer to them. Archives go last.
_ORDER = {"create": 0, "update": 1, "archive": 2}


@dataclass(frozen=True, slots=True)
class _Batch:
    """Writes of one kind for one connection, ready to send: `sent` holds fields in record ids."""

    connected: Connected
    items: list[Queued]
    writes: list[Write]
    sent: dict[int, Fields]


def push(wiring: Wiring, object: str, kinds: Collection[str] = tuple(_ORDER)) -> None:
    """Send everything the outbox holds for an object, or its writes of some kinds."""
    work: dict[str, list[list[Queued]]] = {}
    for connected in wiring.with_object(object):
        if connected.name in wiring.failed:
            continue
        queued = queues.outbox(
            wiring.session,
            status=("pending", "sending"),
            object=object,
            connection=connected.name,
        )
        queued.sort(key=lambda q: (_ORDER[q.write.kind], q.id))
        batches = [
            batch
            for kind in _ORDER
            if kind in kinds
            for batch in _batches([q for q in queued if q.write.kind == kind], connected)
        ]
        if batches:
            work[connected.name] = batches
    total = sum(len(batch) for batches in work.values() for batch in batches)
    _send_all(wiring, object, work, total)


def _batches(queued: Sequence[Queued], connected: Connected) -> Iterator[list[Queued]]:
    """What goes in one push: a batch call's worth, or a bulk job's where there are many."""
    able = connected.connector.capabilities
    many = able.bulk_write and len(queued) > BULK_FROM
    return chunks(queued, able.bulk_write if many else able.write_batch)


def _send_all(wiring: Wiring, object: str, work: dict[str, list[list[Queued]]], total: int) -> None:
    """One batch in flight a connection; results are stored as they come, by this thread."""
    done = 0
    with ThreadPoolExecutor(max_workers=max(1, len(work))) as pool:
        flying: dict[Future[list[WriteResult]], _Batch] = {}
        waiting = {name: iter(batches) for name, batches in work.items()}
        idle = list(waiting)
        while idle or flying:
            for name in idle:
                batch = None if wiring.stop.is_set() else _next(wiring, object, name, waiting)
                if batch is not None:
                    flying[pool.submit(_send, batch, object)] = batch
            idle = []
            if not flying:
                break
            finished, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in finished:
                batch = flying.pop(future)
                _store(wiring, object, batch, future.result())
                done += len(batch.items)
                name = batch.connected.name
                wiring.progress.step("do", object, name, done, total)
                idle.append(name)


def _next(
    wiring: Wiring, object: str, name: str, waiting: Mapping[str, Iterator[list[Queued]]]
) -> _Batch | None:
    if name in wiring.failed:
        return None
    connected = wiring.connections[name]
    for items in waiting[name]:
        batch = _prepare(wiring, connected, object, items)
        if batch.writes:
            return batch
    return None


def _send(batch: _Batch, object: str) -> list[WriteResult]:
    translator = batch.connected.translators[object]
    try:
        return batch.connected.connector.push(translator.native, batch.writes)
    except ConnectorError as error:
        return [WriteResult(key=write.key, error=error) for write in batch.writes]
    except Exception as met:
        bug = Bug(f"{batch.connected.name}: writing {object} failed: {met!r}")
        bug.__cause__ = met
        return [WriteResult(key=write.key, error=bug) for write in batch.writes]


def _prepare(wiring: Wiring, connected: Connected, object: str, items: Sequence[Queued]) -> _Batch:
    """Translate a batch and mark it `sending`; what has nothing left to write is dropped."""
    session, schema = wiring.session, OBJECTS[object]
    translator = connected.translators[object]
    bodies = [body for q in items for body in (q.write.fields, q.write.before)]
    known = references.to_records(session, schema, connected.name, bodies)
    batch = _Batch(connected, [], [], {})
    dropped: list[int] = []
    met: list[Problem] = []
    pending: list[queues.Pending] = []
    for queued in items:
        write = queued.write
        fields, missing = references.outward(schema, write.fields, known)
        before, _ = references.outward(schema, write.before, known)
        pending += [
            queues.Pending(connected.name, target, f"entity:{entity}", object, write.entity)
            for target, entity in missing
        ]
        if write.kind == "update":
            fields = {
                name: value
                for name, value in fields.items()
                if not _is_pointless(write.fields[name], value, before.get(name))
            }
        native, faults = translator.to_native(fields, write.kind == "create")
        met += [_fault(write, fault.field, fault.reason, fault.advice) for fault in faults]
        failed = {fault.field for fault in faults}
        sent = {name: value for name, value in fields.items() if name not in failed}
        if write.kind == "update" and not sent:
            dropped.append(queued.id)
            continue
        external = None
        if write.kind == "create":
            external = (translator.external_id, write.entity)
        batch.items.append(queued)
        batch.sent[queued.id] = sent
        batch.writes.append(
            Write(
                key=str(queued.id),
                kind=write.kind,
                values=native,
                id=write.record,
                external=external,
                before=translator.to_native(before, False)[0],
                version=write.version,
            )
        )
    queues.remove(session, dropped)
    queues.set_status(session, [q.id for q in batch.items], "sending")
    queues.save_pending(session, pending)
    _report(wiring, connected.name, object, met)
    session.commit()
    return batch


def _is_pointless(wanted: FieldValue, known: FieldValue, held: FieldValue) -> bool:
    """Whether of several references wanted, those with a record there are what it holds."""
    return isinstance(wanted, list) and isinstance(known, list) and known == held


def _fault(write: PlannedWrite, field: str, reason: str, advice: str) -> Problem:
    return Problem(
        connection=write.connection,
        object=write.object,
        record=write.record,
        entity=write.entity,
        field=field,
        stage="write",
        cause="untranslatable",
        message=reason,
        advice=advice,
        fingerprint=fingerprint(write.fields[field]),
    )


def _report(wiring: Wiring, connection: str, object: str, met: Sequence[Problem]) -> None:
    problems.report(wiring.session, met, wiring.run, wiring.clock())
    wiring.report.tally(connection, object).problems += len(met)


def _store(wiring: Wiring, object: str, batch: _Batch, results: Sequence[WriteResult]) -> None:
    """Book the results of one batch, in one transaction."""
    session, connected = wiring.session, batch.connected
    by_key = {result.key: result for result in results}
    places = [Place(connected.name, q.write.record) for q in batch.items if q.write.record]
    known = replicas.load(session, object, places)
    done, again = list[int](), list[int]()
    journal: list[books.Entry] = []
    met: list[Problem] = []
    saved: list[Replica] = []
    links: list[replicas.Link] = []
    keys: dict[Place, dict[str, list[str]]] = {}
    for queued in batch.items:
        result = by_key.get(str(queued.id)) or WriteResult(
            key=str(queued.id), error=Bug(f"{connected.name}: no result for a write")
        )
        if result.error is not None:
            if _failed(wiring, connected, queued, result.error, met, journal):
                again.append(queued.id)
            else:
                done.append(queued.id)
            continue
        done.append(queued.id)
        sent = {
            name: value
            for name, value in batch.sent[queued.id].items()
            if name not in _unwritten(connected, object, queued, result, met)
        }
        saved.append(_written(wiring, connected, object, queued, result, sent, known))
        if queued.write.kind == "create":
            place, write = saved[-1].place, queued.write
            keys[place] = wiring.keys(object, place, write.fields, write.entity)
            links.append(replicas.Link(saved[-1].place, queued.write.entity, "created"))
        journal.append(_entry(wiring, queued, result, sent, known))
        known[saved[-1].place] = saved[-1]
    replicas.save(session, object, saved)
    replicas.save_links(session, object, links, wiring.run)
    replicas.save_keys(session, object, keys)
    queues.settle_pending(
        session,
        connected.name,
        object,
        [f"record:{link.place.record}" for link in links]
        + [f"entity:{link.entity}" for link in links],
    )
    if saved and problems.exist(session, connected.name, object, "write"):
        fine = [q.write.entity for q in batch.items if q.id in done]
        failed = {p.entity for p in met} | _with_faults(batch)
        problems.solve(
            session,
            connected.name,
            object,
            stage="write",
            entities=[entity for entity in fine if entity not in failed],
        )
    queues.remove(session, done)
    queues.set_status(session, again, "pending")
    books.write_journal(session, wiring.run, wiring.clock(), journal)
    _report(wiring, connected.name, object, met)
    session.commit()


def _with_faults(batch: _Batch) -> set[str]:
    """Entities of which a field could not be translated for this write."""
    return {q.write.entity for q in batch.items if q.write.fields.keys() - batch.sent[q.id].keys()}


def _failed(
    wiring: Wiring,
    connected: Connected,
    queued: Queued,
    error: ConnectorError,
    met: list[Problem],
    journal: list[books.Entry],
) -> bool:
    """Book a write that was not done; whether it stays in the outbox."""
    write = queued.write
    if isinstance(error, Stop | Wait):
        wiring.give_up(connected.name, error)
        return True
    if isinstance(error, Locked):
        return True
    if isinstance(error, Gone) and write.kind == "archive":
        return False
    if isinstance(error, Stale):
        queues.touch(wiring.session, write.object, [write.entity])
        return False
    told = describe_error(error)
    met.append(
        Problem(
            connection=connected.name,
            object=write.object,
            record=write.record,
            entity=write.entity,
            field="",
            stage="write",
            cause=told["cause"],
            message=told["message"],
            words=told["words"],
            advice=told["advice"],
            fingerprint=write.fingerprint,
            blocker=error.of if isinstance(error, Duplicate) else "",
        )
    )
    detail = {"kind": write.kind, "fields": write.fields, "before": write.before, **told}
    journal.append(
        books.Entry(
            write.object, write.entity, "write failed", detail, connected.name, write.record
        )
    )
    return False


def _unwritten(
    connected: Connected,
    object: str,
    queued: Queued,
    result: WriteResult,
    met: list[Problem],
) -> set[str]:
    """Fields of a written record that were not written, each booked as a problem."""
    translator = connected.translators[object]
    failed = set()
    for native, error in result.field_errors.items():
        for name in translator.fields_of(native):
            failed.add(name)
            told = describe_error(error)
            met.append(
                Problem(
                    connection=connected.name,
                    object=object,
                    record=result.id,
                    entity=queued.write.entity,
                    field=name,
                    stage="write",
                    cause=told["cause"],
                    message=told["message"],
                    words=told["words"],
                    advice=told["advice"],
                    fingerprint=fingerprint(queued.write.fields[name]),
                )
            )
    return failed


def _written(
    wiring: Wiring,
    connected: Connected,
    object: str,
    queued: Queued,
    result: WriteResult,
    sent: Fields,
    known: dict[Place, Replica],
) -> Replica:
    """The replica after a successful write: what was written is both seen and agreed."""
    write, tally = queued.write, wiring.report.tally(connected.name, object)
    place = Place(connected.name, result.id or write.record)
    old = known.get(place) or Replica(place=place, seen={}, base={})
    if write.kind == "archive":
        tally.archived += 1
        replicas.remove_link(wiring.session, object, place)
        replicas.save_tombstone(wiring.session, object, place, write.entity, wiring.run)
        return replace(old, deleted=True, waiting=False, expected=None)
    creating = write.kind == "create"
    if creating:
        tally.created += 1
        empty = {n: None for n in connected.translators[object].readable if n not in sent}
        old = replace(old, seen={**empty, **old.seen}, base={**empty, **(old.base or {})})
    else:
        tally.updated += 1
    told = None if creating else sorted({*sent, *((old.expected or {}).get("fields") or ())})
    if old.expected is not None and old.expected["fields"] is None:
        told = None
    return replace(
        old,
        seen={**old.seen, **sent},
        base={**(old.base or {}), **sent},
        renditions={n: r for n, r in old.renditions.items() if n not in sent},
        expected={"fields": told, "version": result.version},
        external=write.entity if creating else old.external,
        version=result.version or old.version,
        stamp=result.modified_at or old.stamp,
        changed_at=NEVER if creating else old.changed_at,
        waiting=False if creating else old.waiting,
        deleted=False,
    )


def _entry(
    wiring: Wiring,
    queued: Queued,
    result: WriteResult,
    sent: Fields,
    known: Mapping[Place, Replica],
) -> books.Entry:
    """The journal's line about a write. `meant`: what was sent once where the value before is
    what the vendor made of it. `planned`: the run that planned it, if that was another."""
    write = queued.write
    detail: dict[str, Any] = {
        "fields": write.fields,
        "before": write.before,
        "sent": sorted(sent),
    }
    old = known.get(Place(write.connection, write.record))
    fields = OBJECTS[write.object].fields
    meant = {
        name: old.renditions[name][0]
        for name in sent
        if old is not None
        and name in old.renditions
        and not fields[name].target
        and wiring.same(fields[name].kind, old.renditions[name][1], write.before.get(name))
    }
    if meant:
        detail["meant"] = meant
    if queued.run != wiring.run:
        detail["planned"] = queued.run
    return books.Entry(
        object=write.object,
        entity=write.entity,
        action=write.kind,
        detail=detail,
        connection=write.connection,
        record=result.id or write.record,
    )
