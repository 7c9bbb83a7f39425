"""What a run of the whole hub costs when nothing has changed in any account."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connectors.sandbox.fleet import Fleet
from sync.accounts import connect_all
from sync.demo import demo_settings
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.settings import SYNCED, parse
from sync.store.database import migrate, open_engine, session
from tests.bench.stand import Spent
from tests.bench.tasks import Line

#: Objects that a run asks each account for: those that are synced, and the users.
OBJECTS = len(SYNCED) + 1
#: Seconds between two runs, as the schedule has it by default.
EVERY = 300
_PATIENCE = 8


def quiet(vendors: Sequence[str], contacts: int = 60) -> list[Line]:
    """Two lines for each vendor, after runs that settled everything: an hour of runs with nothing
    to do, and the one of them that had least to look at (the others look for deletions, or for
    changed associations, which is done at intervals).

    Each run opens its connections anew, as `concord sync` does.

    Raises:
        AssertionError: the accounts did not come to rest.
    """
    with (
        tempfile.TemporaryDirectory(prefix="concord-bench-") as folder,
        Fleet(seed=11, contacts=contacts) as fleet,
    ):
        base = Path(folder)
        settings = parse(demo_settings(fleet.describe()))
        for connection in settings.connections.values():
            connection.options.pop("deletes_every", None)  # which the demo sets
        engine = open_engine(f"sqlite:///{base / 'hub.db'}")
        migrate(engine)

        def again() -> Report:
            fleet.clock.advance(EVERY)
            return run(engine, settings, base, Options(clock=fleet.clock.now))

        with session(engine) as opened:
            found = connect_all(settings, base, opened, datetime.now(UTC))
        assert not any(checked.problems for checked in found)
        for _ in range(_PATIENCE):
            report = again()
            if not report.writes and _pulled(report) == _people(fleet):
                break
        else:
            raise AssertionError(f"not at rest after {_PATIENCE} runs: {report.as_json()}")
        runs = [_counted(fleet, again) for _ in range(3600 // EVERY)]
        engine.dispose()
    lines = []
    for vendor in vendors:
        mine = [(spent[vendor], seconds) for spent, seconds in runs]
        total = sum(spent for spent, _ in mine), sum(seconds for _, seconds in mine)
        for task, (calls, seconds) in (("quiet run", min(mine)), ("quiet hour", total)):
            # What a process does once, each run does: nothing of it stands apart here.
            lines.append(Line(vendor, task, OBJECTS, Spent(calls, metered=calls), seconds))
    return lines


def _counted(fleet: Fleet, again: Callable[[], Report]) -> tuple[dict[str, int], float]:
    """One run: the calls that each vendor logged, with which the run's own count agrees, and
    its seconds."""
    before = {name: len(server.log.calls) for name, server in fleet.servers.items()}
    started = time.perf_counter()
    report = again()
    seconds = time.perf_counter() - started
    spent = {name: len(s.log.calls) - before[name] for name, s in fleet.servers.items()}
    told = {
        name: sum(tally.calls for tally in objects.values())
        for name, objects in report.connections.items()
    }
    assert not report.writes
    assert told == spent
    return spent, seconds


def _pulled(report: Report) -> int:
    return sum(t.pulled for objects in report.connections.values() for t in objects.values())


def _people(fleet: Fleet) -> int:
    """Users of all accounts: every run reads them."""
    names = {"salesforce": "User", "hubspot": "owners", "zoho": "users"}
    return sum(len(fleet.servers[vendor].vendor.state(name)) for vendor, name in names.items())
