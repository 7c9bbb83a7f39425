"""Booking: what became of the writes of one batch, stored in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.base import Record, Write, WriteResult
from connectors.errors import (
    Bug,
    ConnectorError,
    Duplicate,
    Gone,
    Invalid,
    Locked,
    Refused,
    Stale,
    Stop,
    Unavailable,
    Wait,
)
from connectors.errors import describe as describe_error
from mapping.schema import OBJECTS, Fields, Kind
from sync.engine.look.pull import take
from sync.engine.wiring import Connected, Wiring
from sync.model import NEVER, Place, PlannedWrite, Queued, Replica, fingerprint
from sync.store import books, problems, queues, replicas
from sync.store.problems import Problem


@dataclass(slots=True)
class Batch:
    """Writes of one kind for one connection, ready to send.

    `sent`: what each write puts into the record, in record ids. `held`: what the record held
    when the write was planned, for writes that are to be verified. `found`: records that turned
    out to hold something else before anything was written, `withheld`: writes that went without
    the fields concerned, `made`: records that creates had made when they were sent before,
    `begun`: writes were sent (all set by the sending thread).
    """

    connected: Connected
    items: list[Queued] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    sent: dict[int, Fields] = field(default_factory=dict)
    held: dict[int, Replica] = field(default_factory=dict)
    found: list[Record] = field(default_factory=list)
    withheld: dict[int, Stale] = field(default_factory=dict)
    made: list[Record] = field(default_factory=list)
    begun: bool = False


def fault(write: PlannedWrite, name: str, reason: str, advice: str) -> Problem:
    """A field of a write that cannot be said in the vendor's words."""
    return Problem(
        connection=write.connection,
        object=write.object,
        record=write.record,
        entity=write.entity,
        field=name,
        stage="write",
        cause="untranslatable",
        message=reason,
        advice=advice,
        fingerprint=fingerprint(write.fields[name]),
    )


def report(wiring: Wiring, connection: str, object: str, met: Sequence[Problem]) -> None:
    """Book problems and count them."""
    problems.report(wiring.session, met, wiring.run, wiring.clock())
    wiring.report.tally(connection, object).problems += len(met)


def book(wiring: Wiring, object: str, batch: Batch, results: Sequence[WriteResult]) -> list[Queued]:
    """Book the results of one batch, in one transaction; what is to be sent again at once,
    without the fields that the vendor refused."""
    session, connected = wiring.session, batch.connected
    if batch.found:
        take(wiring, connected, object, batch.found)
    by_key = {result.key: result for result in results}
    places = [Place(connected.name, q.write.record) for q in batch.items if q.write.record]
    known = replicas.load(session, object, places)
    archives = any(queued.write.kind == "archive" for queued in batch.items)
    booked = _Booked(undos=_undos(wiring) if archives else frozenset())
    for queued in batch.items:
        result = by_key.get(str(queued.id)) or WriteResult(
            key=str(queued.id), error=Bug(f"{connected.name}: no result for a write")
        )
        gone = _is_gone(queued, result.error)
        if gone:
            result = WriteResult(key=result.key, id=queued.write.record)
        if result.error is not None:
            refused = _failed(wiring, batch, queued, result.error, booked)
            _expect_less(connected, queued, refused, known, booked)
            continue
        booked.done.append(queued.id)
        if queued.id in batch.withheld:
            queued = _withhold(wiring, batch, queued, batch.withheld[queued.id], booked)
        unwritten = _unwritten(connected, object, queued, result, booked.met)
        sent = {n: v for n, v in batch.sent[queued.id].items() if n not in unwritten}
        booked.written[queued.write.entity] = frozenset(("", *sent))
        follows = queued.run not in booked.undos and not gone
        booked.saved.append(
            _written(wiring, connected, object, queued, result, sent, known, follows)
        )
        if queued.write.kind == "create":
            place, write = booked.saved[-1].place, queued.write
            booked.keys[place] = wiring.keys(object, place, write.fields, write.entity)
            booked.links.append(replicas.Link(place, write.entity, "created"))
        booked.journal.append(_entry(wiring, queued, result, sent, known))
        known[booked.saved[-1].place] = booked.saved[-1]
    replicas.save(session, object, booked.saved)
    replicas.save_links(session, object, booked.links, wiring.run)
    replicas.save_keys(session, object, booked.keys)
    queues.settle_pending(
        session,
        connected.name,
        object,
        [f"record:{link.place.record}" for link in booked.links]
        + [f"entity:{link.entity}" for link in booked.links],
    )
    _solve(wiring, connected, object, booked)
    queues.remove(session, booked.done)
    queues.set_status(session, booked.again + [q.id for q in booked.reduced], "pending")
    for reduced in booked.reduced:
        queues.narrow(session, reduced.id, reduced.write.fields)
    books.write_journal(session, wiring.run, wiring.clock(), booked.journal)
    report(wiring, connected.name, object, booked.met)
    if batch.made:
        take(wiring, connected, object, batch.made)
    session.commit()
    return booked.reduced


@dataclass(slots=True)
class _Booked:
    """What is stored of one batch: writes that are over or stay in the outbox, and the rest."""

    undos: frozenset[int]
    done: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    reduced: list[Queued] = field(default_factory=list)
    written: dict[str, frozenset[str]] = field(default_factory=dict)
    journal: list[books.Entry] = field(default_factory=list)
    met: list[Problem] = field(default_factory=list)
    saved: list[Replica] = field(default_factory=list)
    links: list[replicas.Link] = field(default_factory=list)
    keys: dict[Place, dict[str, list[str]]] = field(default_factory=dict)


def _solve(wiring: Wiring, connected: Connected, object: str, booked: _Booked) -> None:
    """Close the problems of what was written now."""
    session = wiring.session
    if not booked.written or not problems.exist(session, connected.name, object, "write"):
        return
    still = {(problem.entity, problem.field) for problem in booked.met}
    solved = [
        row.id
        for row in problems.of_entities(session, object, booked.written)
        if row.connection == connected.name
        and row.status in problems.UNSOLVED
        and row.field in booked.written[row.entity]
        and (row.entity, row.field) not in still
    ]
    problems.set_status(session, solved, "solved")


def _failed(
    wiring: Wiring, batch: Batch, queued: Queued, error: ConnectorError, booked: _Booked
) -> Iterable[str]:
    """Book a write that was not done; the fields that the vendor refused, if it said so."""
    connected, write = batch.connected, queued.write
    if isinstance(error, Stop | Wait):
        wiring.give_up(connected.name, error)
    if isinstance(error, Stop | Wait | Locked):
        lost = batch.begun and isinstance(error, Unavailable)
        if not lost and queued.status != "sending":
            booked.again.append(queued.id)  # else nobody knows whether it was made
        return ()
    told = dict(describe_error(error))
    detail = {"kind": write.kind, "fields": write.fields, "before": write.before, **told}
    entry = books.Entry(
        write.object, write.entity, "write failed", detail, connected.name, write.record
    )
    if isinstance(error, Stale):
        if write.kind == "archive" and queued.run not in booked.undos:
            # What is to be archived is known from the outbox alone; the next run decides again.
            booked.again.append(queued.id)
        else:
            booked.done.append(queued.id)
        _withhold(wiring, batch, queued, error, booked)
        return ()
    refused = _refused(batch, queued, error)
    left = refused and {n: v for n, v in write.fields.items() if n not in refused}
    if not left:
        booked.done.append(queued.id)
    if isinstance(error, Gone) and write.kind == "archive":
        return ()
    booked.journal.append(entry)
    common = Problem(
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
    if not refused:
        booked.met.append(common)
        return write.fields.keys() if isinstance(error, _DEFINITE) else ()
    for name in sorted(refused):
        print_ = fingerprint(write.fields[name])
        booked.met.append(replace(common, field=name, fingerprint=print_))
    if left:
        booked.reduced.append(replace(queued, status="pending", write=replace(write, fields=left)))
    return refused


def _expect_less(
    connected: Connected,
    queued: Queued,
    refused: Iterable[str],
    known: dict[Place, Replica],
    booked: _Booked,
) -> None:
    """What a vendor refused did not come from an earlier try of the write either, so that the next
    value read there is a person's."""
    old = known.get(Place(connected.name, queued.write.record))
    if not refused or old is None or old.expected is None or old.expected["fields"] is None:
        return
    fields = [name for name in old.expected["fields"] if name not in refused]
    expected = {**old.expected, "fields": fields} if fields else None
    known[old.place] = replace(old, expected=expected)
    booked.saved.append(known[old.place])


def _is_gone(queued: Queued, error: ConnectorError | None) -> bool:
    """Whether an archive that was begun before, its reply lost, finds the record deleted: it was
    made then, or somebody did the same meanwhile."""
    archive = queued.write.kind == "archive" and queued.status == "sending"
    return archive and isinstance(error, Gone) and not error.merged_into


def _withhold(
    wiring: Wiring, batch: Batch, queued: Queued, error: Stale, booked: _Booked
) -> Queued:
    """Book that somebody changed what was to be written; the entity is decided again. What went
    all the same."""
    write = queued.write
    sent = batch.sent[queued.id] if queued.id in batch.withheld else {}
    kept = {name: value for name, value in write.fields.items() if name not in sent}
    detail = {"kind": write.kind, "fields": kept, "before": write.before, "message": str(error)}
    booked.journal.append(
        books.Entry(
            write.object, write.entity, "write withheld", detail, write.connection, write.record
        )
    )
    queues.touch(wiring.session, write.object, [write.entity])
    wiring.report.withheld += 1
    went = {name: value for name, value in write.fields.items() if name in sent}
    return replace(queued, write=replace(write, fields=went))


def _undos(wiring: Wiring) -> frozenset[int]:
    """Undos archive only what nobody works on, and what is not to come back."""
    return frozenset(row["id"] for row in books.runs(wiring.session, kind="undo"))


#: Errors that tell that the vendor did not take the values.
_DEFINITE = (Invalid, Refused, Duplicate)

#: What a record is known by: it is not made without.
_TELLING = frozenset({Kind.TEXT, Kind.EMAIL, Kind.DOMAIN})


def _refused(batch: Batch, queued: Queued, error: ConnectorError) -> set[str]:
    """Fields that the vendor blames for refusing all of a write. They wait, and do not keep back
    the others; fields that are decided together (an address, amount and currency) wait together.

    A record is made without an option or a date, but not without its name, nor without the unique
    value that another record has: it would be there twice.
    """
    write = queued.write
    creates = write.kind == "create"
    kinds = (Invalid, Refused) if creates else _DEFINITE
    if not isinstance(error, kinds) or write.kind == "archive":
        return set()
    fields = OBJECTS[write.object].fields
    translator = batch.connected.translators[write.object]
    sent = batch.sent[queued.id].keys()
    blamed = {name for native in error.fields for name in translator.fields_of(native)} & sent
    groups = {fields[name].group for name in blamed} - {""}
    blamed |= {name for name in sent if fields[name].group in groups}
    mapped = translator.document.fields
    if creates and any(fields[name].kind in _TELLING or mapped[name].on_create for name in blamed):
        return set()
    return blamed


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
    follows: bool,
) -> Replica:
    """The replica after a successful write: what was written is both seen and agreed. An archive
    `follows` the delete of another record, unless it undoes a create or was perhaps a person's."""
    write, tally = queued.write, wiring.report.tally(connected.name, object)
    place = Place(connected.name, result.id or write.record)
    old = known.get(place) or Replica(place=place, seen={}, base={})
    if write.kind == "archive":
        tally.archived += 1
        replicas.remove_link(wiring.session, object, place)
        replicas.save_tombstone(wiring.session, object, place, write.entity, wiring.run, follows)
        return replace(old, deleted=True, waiting=False, expected=None)
    creating = write.kind == "create"
    if creating:
        tally.created += 1
        empty = {n: None for n in connected.translators[object].readable if n not in sent}
        old = replace(old, seen={**empty, **old.seen}, base={**empty, **(old.base or {})})
    else:
        tally.updated += 1
    # Of a record that was there already, brought back by somebody, the rest is nothing of ours.
    everything = creating and (result.created or queued.status == "sending")
    earlier: list[str] | None = (old.expected or {"fields": []})["fields"]
    told = None if everything or earlier is None else sorted({*sent, *earlier})
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
