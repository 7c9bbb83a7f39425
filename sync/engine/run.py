"""One run of the hub: look and decide for each object, then do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from connectors.errors import ConnectorError, QuotaExhausted
from sync.engine import release
from sync.engine.apply import keep_only
from sync.engine.decide.decide import decide
from sync.engine.do import leftovers
from sync.engine.do.push import push
from sync.engine.guard import over_limits
from sync.engine.look.pull import pull
from sync.engine.report import Progress, Report, Silent
from sync.engine.wiring import Connected, Wiring, open_connections, open_scorers
from sync.scores.scorer import Scorer
from sync.settings import SYNCED, Settings
from sync.store import books, queues, spend
from sync.store.database import Session
from sync.store.database import session as store_session

#: The lease that keeps two runs from working at once.
LEASE = books.RECONCILE

#: Seconds between its renewals while a run works.
BEAT = 60.0


@dataclass(slots=True)
class Options:
    """What to do in a run.

    Attributes:
        objects: which objects; all when empty. Users are always read.
        connections: which connections; all when empty.
        full: re-read everything instead of what changed.
        dry: stop after deciding, store nothing, report the plan.
        only: exactly these planned writes may be made (`apply`), by `PlannedWrite.as_json`.
        stop: set from outside to end the run after the batch in flight.
    """

    objects: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    full: bool = False
    dry: bool = False
    only: Sequence[dict[str, Any]] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress = field(default_factory=Silent)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def run(engine: Engine, settings: Settings, base: Path, options: Options | None = None) -> Report:
    """Carry out one run and return its report.

    `base` is the folder that settings.yaml lies in.

    Raises:
        books.LeaseHeld: another run is at work.
        sync.settings.SettingsError: a secret, a mapping or what scores need is missing.
    """
    options = options or Options()
    kind = "dry run" if options.dry else "apply" if options.only is not None else "reconcile"
    if options.full:
        kind = f"full {kind}"
    return carry_out(engine, settings, base, options, kind, lambda wiring: _stages(wiring, options))


def carry_out(
    engine: Engine,
    settings: Settings,
    base: Path,
    options: Options,
    kind: str,
    stages: Callable[[Wiring], None],
) -> Report:
    """The frame of a run of any kind: the lease, the connections, the books, the report.

    Raises: as `run`.
    """
    started = time.monotonic()
    scorers = open_scorers(settings, base)
    with store_session(engine) as books_only:
        seconds = 3600.0 if options.dry else 300.0
        books.take_lease(books_only, LEASE, options.clock(), seconds)
        books_only.commit()
    session = Session(engine, dry=options.dry)
    connections: dict[str, Connected] = {}
    try:
        with store_session(engine) as books_only:
            connections, failed = open_connections(
                settings, base, books_only, options.clock, options.connections
            )
        with _leased(engine, options):
            return _run(
                session, settings, connections, failed, scorers, options, started, kind, stages
            )
    finally:
        session.close()
        for connected in connections.values():
            connected.connector.close()
            connected.keeper.flush()
            connected.shelf.flush()
        with store_session(engine) as books_only:
            spend.save(books_only, [c.budget for c in connections.values()], options.clock())
            books.release_lease(books_only, LEASE)
            books_only.commit()


@contextmanager
def _leased(engine: Engine, options: Options) -> Iterator[None]:
    """Keep the lease while the run works: one page of a vendor, one bulk job or one scoring can
    take longer than it lasts. Where it was lost, the run finds out before its next object."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(BEAT):
            try:
                with store_session(engine) as books_only:
                    books.take_lease(books_only, LEASE, options.clock())
                    books_only.commit()
            except (books.LeaseHeld, DBAPIError):
                continue  # the store is busy with the run itself, or lost: the run sees to that

    beating = threading.Thread(target=renew, name="lease", daemon=True)
    if not options.dry:
        beating.start()
    try:
        yield
    finally:
        over.set()
        if not options.dry:
            beating.join()


def _run(
    session: Session,
    settings: Settings,
    connections: dict[str, Connected],
    failed: dict[str, ConnectorError],
    scorers: dict[str, Scorer],
    options: Options,
    started: float,
    kind: str,
    stages: Callable[[Wiring], None],
) -> Report:
    number = books.start_run(session, kind, options.clock())
    session.commit()
    report = Report(run=number, kind=kind)
    wiring = Wiring(
        settings=settings,
        session=session,
        connections=connections,
        report=report,
        run=number,
        scorers=scorers,
        clock=options.clock,
        progress=options.progress,
        stop=options.stop,
    )
    for name, error in failed.items():
        wiring.give_up(name, error)
    try:
        leftovers.expect(wiring)
        stages(wiring)
        report.status = _status(wiring)
    except BaseException:
        report.status = "held" if report.status == "held" else "failed"
        session.rollback()
        raise
    finally:
        report.seconds = time.monotonic() - started
        books.finish_run(session, number, report.status, report.as_json(), options.clock())
        session.commit()
    return report


def _stages(wiring: Wiring, options: Options) -> None:
    objects = [name for name in SYNCED if not options.objects or name in options.objects]
    if not options.dry and options.only is None:
        # What was begun when an earlier run was cut off. All else that is left in the outbox
        # waits until this run has looked: somebody may have done meanwhile what it is to do.
        leftovers.recheck(wiring)
        do(wiring, list(SYNCED), begun=True)
    for object in ("user", *objects):
        if wiring.stop.is_set():
            return
        with wiring.counting(object):
            pull(wiring, object, full=options.full and object != "user")
        if not wiring.stop.is_set():
            decide(wiring, object)
        if object != "user":
            _renew(wiring)
    if wiring.stop.is_set():
        return
    if options.dry:
        found = queues.outbox(wiring.session, status=("planned", "pending", "sending"))
        wiring.report.planned = [write.as_json() for write in leftovers.foreseen(wiring, found)]
        return
    if options.only is not None:
        keep_only(wiring, options.only)
    queues.adopt(wiring.session, wiring.run)
    planned = queues.outbox(wiring.session, status=("planned",))
    wiring.report.held = wiring.report.held or over_limits(wiring, planned)
    status = "held" if wiring.report.held else "pending"
    queues.set_status(wiring.session, [queued.id for queued in planned], status)
    if wiring.report.held:
        # In the same transaction, so that a run that is cut off from here on waits for a person
        # all the same: writes held by a run that nobody can approve would never go.
        wiring.report.status = "held"
        books.set_run_status(wiring.session, wiring.run, "held")
    wiring.session.commit()
    if wiring.report.held and wiring.doubted:
        return
    do(wiring, objects)  # of a held run, what earlier ones left: it was let through


def do(wiring: Wiring, objects: Sequence[str], begun: bool = False) -> None:
    """Send what the outbox holds of these objects, in their order; archives at the end and
    the other way round, because some vendors delete what belongs to a record with it. `begun`:
    only writes of which it is not known whether they were made."""
    waiting = queues.objects_to_send(wiring.session, begun)
    wiring.session.commit()
    chosen = [object for object in objects if object in waiting]
    passes: list[tuple[str, tuple[str, ...]]] = [(o, ("create", "update")) for o in chosen]
    passes += [(object, ("archive",)) for object in reversed(chosen)]
    for object, kinds in passes:
        if wiring.stop.is_set():
            return
        with wiring.counting(object):
            push(wiring, object, kinds=kinds, begun=begun)
            release.note_metadata(wiring, object)
        _renew(wiring)


def _renew(wiring: Wiring) -> None:
    if not wiring.session.dry:
        books.take_lease(wiring.session, LEASE, wiring.clock())
        budgets = [connected.budget for connected in wiring.connections.values()]
        spend.save(wiring.session, budgets, wiring.clock())
        wiring.session.commit()


def _status(wiring: Wiring) -> str:
    report = wiring.report
    if report.held:
        return "held"
    if wiring.stop.is_set():
        return "stopped"
    broken = [e for e in wiring.failed.values() if not isinstance(e, QuotaExhausted)]
    if len(broken) == len(wiring.settings.connections):
        return "failed"
    if report.errors or report.problems or report.refused:
        return "problems"
    return "done"
