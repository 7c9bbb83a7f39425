"""Look: read what changed in each connection and store the replicas' seen side.

Connections are read in parallel, one thread each; one thread stores. Each page is stored
together with its cursor in one transaction.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from connectors.base import Page, Record
from connectors.errors import Bug, ConnectorError
from mapping.schema import OBJECTS
from sync.engine import release
from sync.engine.look.absorb import absorb, is_ours
from sync.engine.look.vanished import find_vanished, set_aside
from sync.engine.wiring import Connected, Wiring
from sync.model import NEVER, Place, Replica, fingerprint
from sync.store import problems, replicas
from sync.store.problems import Problem
from sync.store.types import canonical


@dataclass(frozen=True, slots=True)
class _Item:
    """What a reading thread hands over: a page, its end (None), or what stopped it."""

    connected: Connected
    page: Page | None
    error: ConnectorError | None = None


def pull(wiring: Wiring, object: str, *, full: bool) -> None:
    """Read one object from every connection that takes part and has not failed."""
    sources = [c for c in wiring.with_object(object) if c.name not in wiring.failed]
    listed: dict[str, int] = {}
    since: dict[str, str | None] = {}
    yielding = set[str]()
    for connected in sources:
        if object == "user":  # there is no reading what changed
            since[connected.name], listed[connected.name] = None, wiring.run
            continue
        release.by_mapping(wiring, connected, object)
        release.by_metadata(wiring, connected, object)
        if full and not wiring.yields(connected):
            replicas.forget_cursor(wiring.session, connected.name, object)
        cursor = replicas.cursor(wiring.session, connected.name, object)
        since[connected.name] = cursor.text if cursor else None
        if cursor is None or not cursor.complete:
            listed[connected.name] = cursor.full_run if cursor else wiring.run
            if wiring.yields(connected):
                yielding.add(connected.name)
    wiring.session.commit()
    reading = [connected for connected in sources if connected.name not in yielding]
    finished = _store_pages(wiring, object, reading, since, listed)
    for connected in reading:
        if connected.name in finished - listed.keys():
            _read_again(wiring, connected, object)
    taking_part = {connected.name for connected in wiring.with_object(object)}
    wiring.unread[object] = frozenset(taking_part - finished)
    for connected in sources:
        if connected.name in listed and connected.name in finished and object != "user":
            began = listed[connected.name]
            take(wiring, connected, object, find_vanished(wiring, connected, object, began), began)
            wiring.session.commit()


def _store_pages(
    wiring: Wiring,
    object: str,
    sources: Sequence[Connected],
    since: dict[str, str | None],
    listed: dict[str, int],
) -> set[str]:
    """Store pages as they come; names of the connections that were read to their end.

    `listed`: connections that are listed completely, and the run in which that began.
    """
    pages: queue.Queue[_Item] = queue.Queue(maxsize=2 * len(sources) or 1)
    cancel = threading.Event()
    threads = [
        threading.Thread(
            target=_read,
            args=(wiring, c, object, since[c.name], c.name in listed, pages, cancel),
            daemon=True,
        )
        for c in sources
    ]
    for thread in threads:
        thread.start()
    finished: set[str] = set()
    running = len(threads)
    try:
        while running:
            item = pages.get()
            if item.error is not None:
                cause = item.error.__cause__
                if cause is not None and not isinstance(cause, Exception):
                    raise cause
                wiring.give_up(item.connected.name, item.error)
            if item.page is None:
                running -= 1
                continue
            began = listed.get(item.connected.name, 0)
            _store_page(wiring, item.connected, object, item.page, began)
            if item.page.last:
                finished.add(item.connected.name)
            if wiring.stop.is_set():
                cancel.set()
    finally:
        cancel.set()
        while any(thread.is_alive() for thread in threads):
            try:
                pages.get(timeout=0.05)
            except queue.Empty:
                continue
    return finished


def _read(
    wiring: Wiring,
    connected: Connected,
    object: str,
    since: str | None,
    everything: bool,
    pages: queue.Queue[_Item],
    cancel: threading.Event,
) -> None:
    error: ConnectorError | None = None
    try:
        for page in _pages(connected, object, since):
            pages.put(_Item(connected, page))
            if cancel.is_set() or (everything and not page.last and wiring.yields(connected)):
                break
    except ConnectorError as met:
        error = met
    except BaseException as met:
        # Whatever it was, the storing thread must hear of it, or it waits for ever.
        error = Bug(f"{connected.name}: reading {object} failed: {met!r}")
        error.__cause__ = met
    pages.put(_Item(connected, None, error))


def _pages(connected: Connected, object: str, since: str | None) -> Iterator[Page]:
    translator = connected.translators[object]
    if object == "user":
        users = [
            Record(
                object="user",
                id=user.id,
                values={"name": user.name, "email": user.email, "active": user.active},
                version=hashlib.blake2b(
                    canonical([user.name, user.email, user.active]).encode(), digest_size=8
                ).hexdigest(),
                modified_at=NEVER,
            )
            for user in connected.connector.users()
        ]
        return iter([Page(tuple(users), cursor="", last=True)])
    return connected.connector.pull(translator.native, _asked(connected, object), since)


def _asked(connected: Connected, object: str) -> list[str]:
    """The native fields that are read."""
    translator = connected.translators[object]
    fields = list(translator.native_fields)
    if translator.external_id and object in connected.provisioned:
        fields.append(translator.external_id)
    return fields


def _store_page(wiring: Wiring, connected: Connected, object: str, page: Page, began: int) -> None:
    """Translate, compare, store and move the cursor, in one transaction."""
    session = wiring.session
    take(wiring, connected, object, page.records, began)
    if object != "user":
        replicas.move_cursor(session, connected.name, object, page.cursor, wiring.clock(), began)
    session.commit()
    tally = wiring.report.tally(connected.name, object)
    wiring.progress.step("look", object, connected.name, tally.pulled, page.expected)


def take(
    wiring: Wiring, connected: Connected, object: str, read: Sequence[Record], began: int = 0
) -> None:
    """Translate what was read, compare and store it; the caller commits."""
    session = wiring.session
    records = {record.id: record for record in read}
    known = replicas.load(session, object, [Place(connected.name, id) for id in records])
    tally = wiring.report.tally(connected.name, object)
    changed: list[Replica] = []
    found: list[Problem] = []
    by_people = set[str]()
    for record in records.values():
        old = known.get(Place(connected.name, record.id))
        if old is not None and _is_anothers(old, record, connected.account.user_id):
            by_people.add(record.id)
        if record.deleted:
            if old is not None and not old.deleted and record.certain:
                old.deleted, old.waiting, old.merged_into = True, True, record.merged_into
                changed.append(old)
                tally.pulled += 1
            continue
        tally.pulled += 1
        fresh = _translate(wiring, connected, object, record, old, found)
        if fresh is not None:
            changed.append(fresh)
    replicas.save(session, object, changed, wiring.run if began else 0)
    if began and object != "user":
        untouched = records.keys() - {replica.place.record for replica in changed}
        places = [Place(connected.name, id) for id in sorted(untouched)]
        replicas.mark_listed(session, object, places, wiring.run)
    release.by_records(wiring, connected, object, by_people)
    _book_problems(wiring, connected, object, list(records), found)


def _is_anothers(old: Replica, record: Record, own_user: str) -> bool:
    """Whether somebody but the hub changed, deleted or brought back the record."""
    if record.deleted or old.deleted:
        return record.deleted != old.deleted and record.certain
    return record.version != old.version and not (
        is_ours(old, record, own_user) or (own_user and record.modified_by == own_user)
    )


def _read_again(wiring: Wiring, connected: Connected, object: str) -> None:
    """Records that could not be read are read one by one when that may go better now."""
    wanted = problems.to_read_again(wiring.session, connected.name, object)
    if not wanted:
        return
    translator = connected.translators[object]
    try:
        found = connected.connector.fetch(translator.native, wanted, translator.native_fields)
    except ConnectorError as error:
        wiring.give_up(connected.name, error)
        return
    take(wiring, connected, object, found)
    set_aside(wiring, connected, object, [r for r in found if r.deleted and not r.certain])
    wiring.session.commit()


def _translate(
    wiring: Wiring,
    connected: Connected,
    object: str,
    record: Record,
    old: Replica | None,
    found: list[Problem],
) -> Replica | None:
    translator = connected.translators[object]
    fields, faults = translator.to_fields(record)
    found += [
        Problem(
            connection=connected.name,
            object=object,
            record=record.id,
            entity="",
            field=fault.field,
            stage="read",
            cause="untranslatable",
            message=f"{fault.native}: {fault.reason}",
            words=fault.value_shown,
            advice=fault.advice,
            fingerprint=fingerprint(repr(record.values.get(fault.native))),
        )
        for fault in faults
    ]
    external = record.values.get(translator.external_id) if translator.external_id else None
    return absorb(
        OBJECTS[object],
        old,
        Place(connected.name, record.id),
        record,
        fields,
        str(external or ""),
        connected.account.user_id,
        wiring.same,
    )


def _book_problems(
    wiring: Wiring,
    connected: Connected,
    object: str,
    records: Sequence[str],
    found: Sequence[Problem],
) -> None:
    session = wiring.session
    if records and problems.exist(session, connected.name, object, "read"):
        problems.solve(session, connected.name, object, stage="read", records=records)
    problems.report(session, found, wiring.run, wiring.clock())
    wiring.report.tally(connected.name, object).problems += len(found)


def reread(wiring: Wiring, object: str, places: Iterable[Place]) -> None:
    """Read known records again by their ids and store what has changed, as a pull does."""
    session = wiring.session
    wanted: dict[str, list[str]] = defaultdict(list)
    for place in sorted(set(places)):
        wanted[place.connection].append(place.record)
    for name, ids in wanted.items():
        connected = wiring.connections.get(name)
        if connected is None or name in wiring.failed or not connected.takes_part(object):
            continue
        translator = connected.translators[object]
        try:
            found = connected.connector.fetch(translator.native, ids, _asked(connected, object))
        except ConnectorError as error:
            wiring.give_up(name, error)
            continue
        known = replicas.load(session, object, [Place(name, id) for id in ids])
        changed: list[Replica] = []
        faults: list[Problem] = []
        for record in found:
            old = known.get(Place(name, record.id))
            if old is None:
                continue
            if record.deleted and record.certain and not old.deleted:
                old.deleted, old.waiting, old.merged_into = True, True, record.merged_into
                changed.append(old)
            elif not record.deleted:
                fresh = _translate(wiring, connected, object, record, old, faults)
                changed += [fresh] if fresh is not None else []
        replicas.save(session, object, changed)
        _book_problems(wiring, connected, object, ids, faults)
        session.commit()
