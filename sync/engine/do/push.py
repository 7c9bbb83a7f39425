"""Do: send the outbox, and store each batch's results before the next batch goes.

A write is marked `sending` before the call. If the process dies there, the next run sends
it again: creates are upserts on the external id, updates set the same values, so that
sending twice is the same as sending once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from connectors.base import Write, WriteResult
from connectors.errors import Bug, ConnectorError
from mapping.schema import OBJECTS, FieldValue
from sync.engine import references
from sync.engine.decide.voices import Same
from sync.engine.do.booking import Batch, book, fault, report
from sync.engine.do.verify import made_before, verify
from sync.engine.wiring import Connected, Wiring
from sync.model import Place, Queued
from sync.store import queues, replicas
from sync.store.database import chunks
from sync.store.problems import Problem

#: More writes of one kind than this are handed over by the bulk job, where there is one. A
#: push is stored as a whole, so fewer go by the batch call, which loses less when cut off.
BULK_FROM = 5_000

#: Creates go first: others may refer to them. Archives go last.
_ORDER = {"create": 0, "update": 1, "archive": 2}


def push(
    wiring: Wiring, object: str, *, kinds: Collection[str] = tuple(_ORDER), begun: bool = False
) -> None:
    """Send everything the outbox holds for an object, or its writes of some kinds; `begun`: only
    what was begun before and not booked.

    Nothing is created in a connection that this run could not read to its end: it may have the
    record already.
    """
    work: dict[str, list[list[Queued]]] = {}
    for connected in wiring.with_object(object):
        if connected.name in wiring.failed:
            continue
        queued = queues.outbox(
            wiring.session,
            status=("sending",) if begun else ("pending", "sending"),
            object=object,
            connection=connected.name,
        )
        if not begun and connected.name in wiring.unread.get(object, ()):
            queued = [q for q in queued if q.write.kind != "create"]
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
        flying: dict[Future[list[WriteResult]], Batch] = {}
        waiting = {name: deque(batches) for name, batches in work.items()}
        idle = list(waiting)
        while idle or flying:
            for name in idle:
                batch = None if wiring.stop.is_set() else _next(wiring, object, name, waiting)
                if batch is not None:
                    flying[pool.submit(_send, batch, object, wiring.same)] = batch
            idle = []
            if not flying:
                break
            finished, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in finished:
                batch = flying.pop(future)
                again = book(wiring, object, batch, future.result())
                done += len(batch.items) - len(again)
                name = batch.connected.name
                if again:
                    waiting[name].appendleft(again)
                wiring.progress.step("do", object, name, done, total)
                idle.append(name)


def _next(
    wiring: Wiring, object: str, name: str, waiting: Mapping[str, deque[list[Queued]]]
) -> Batch | None:
    if name in wiring.failed:
        return None
    connected = wiring.connections[name]
    while waiting[name]:
        batch = _prepare(wiring, connected, object, waiting[name].popleft())
        if batch.writes:
            return batch
    return None


def _send(batch: Batch, object: str, same: Same) -> list[WriteResult]:
    translator = batch.connected.translators[object]
    made: list[WriteResult] = []
    try:
        made += made_before(object, batch)
        writes, withheld = verify(object, batch, same)
        batch.begun = True
        sent = batch.connected.connector.push(translator.native, writes) if writes else []
        return [*made, *sent, *withheld]
    except ConnectorError as met:
        error = met
    except Exception as met:
        error = Bug(f"{batch.connected.name}: writing {object} failed: {met!r}")
        error.__cause__ = met
    return made + [WriteResult(key=write.key, error=error) for write in batch.writes]


def _prepare(wiring: Wiring, connected: Connected, object: str, items: Sequence[Queued]) -> Batch:
    """Translate a batch and mark it `sending`; what has nothing left to write is dropped."""
    session, schema = wiring.session, OBJECTS[object]
    translator = connected.translators[object]
    bodies = [body for q in items for body in (q.write.fields, q.write.before)]
    known = references.to_records(session, schema, connected.name, bodies)
    batch = Batch(connected)
    dropped: list[int] = []
    met = list[Problem]()
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
        met += [fault(write, f.field, f.reason, f.advice) for f in faults]
        failed = {f.field for f in faults}
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
    _hold(wiring, object, batch)
    queues.remove(session, dropped)
    queues.set_status(session, [q.id for q in batch.items], "sending")
    queues.save_pending(session, pending)
    report(wiring, connected.name, object, met)
    session.commit()
    return batch


def _hold(wiring: Wiring, object: str, batch: Batch) -> None:
    """Note what the records held when their writes were planned, to verify them. What was begun
    before is verified in any case: it may be long ago, and the records were read since."""
    name, schema = batch.connected.name, OBJECTS[object]
    chosen = [q for q in batch.items if batch.connected.verifies or q.status == "sending"]
    places = [Place(name, q.write.record) for q in chosen if q.write.record]
    known = replicas.load(wiring.session, object, places)
    begun = [q.write.before for q in chosen if q.status == "sending"]
    records = references.to_records(wiring.session, schema, name, begun)
    for queued in chosen:
        replica = known.get(Place(name, queued.write.record))
        if replica is None:
            continue
        if queued.status == "sending":
            before, _ = references.outward(schema, queued.write.before, records)
            seen = {**replica.seen, **before}
            replica = replace(replica, seen=seen, version=queued.write.version)
        batch.held[queued.id] = replica


def _is_pointless(wanted: FieldValue, known: FieldValue, held: FieldValue) -> bool:
    """Whether of several references wanted, those with a record there are what it holds."""
    return isinstance(wanted, list) and isinstance(known, list) and known == held
