"""What a run of the whole hub costs when nothing has changed in any account."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from connectors.sandbox.fleet import Fleet
from sync.accounts import connect_all
from sync.demo import demo_settings
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


def quiet_run(vendors: Sequence[str], contacts: int = 60) -> list[Line]:
    """A line for each vendor: a run with nothing to do, after runs that settled everything.

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

        def now() -> datetime:
            return fleet.clock.now()

        with session(engine) as opened:
            found = connect_all(settings, base, opened, datetime.now(UTC))
        assert not any(checked.problems for checked in found)
        for _ in range(_PATIENCE):
            fleet.clock.advance(EVERY)
            report = run(engine, settings, base, Options(clock=now))
            pulled = sum(t.pulled for o in report.connections.values() for t in o.values())
            if not report.writes and pulled == _people(fleet):
                break
        else:
            raise AssertionError(f"not at rest after {_PATIENCE} runs: {report.as_json()}")
        fleet.clock.advance(EVERY)
        before = {name: len(server.log.calls) for name, server in fleet.servers.items()}
        started = time.perf_counter()
        report = run(engine, settings, base, Options(clock=now))
        seconds = time.perf_counter() - started
        engine.dispose()
        lines = []
        for vendor in vendors:
            spent = Spent()
            spent.add(vendor, fleet.servers[vendor].log.calls[before[vendor] :])
            tallies = report.connections[vendor].values()
            spent.metered = sum(tally.calls for tally in tallies)
            assert spent.metered == spent.total, f"{vendor}, quiet run: {spent}"
            # What a process does once, each run does: nothing of it stands apart here.
            spent = Spent(calls=spent.total, metered=spent.metered)
            lines.append(Line(vendor, "quiet run", OBJECTS, spent, seconds))
        return lines


def _people(fleet: Fleet) -> int:
    """Users of all accounts: every run reads them."""
    names = {"salesforce": "User", "hubspot": "owners", "zoho": "users"}
    return sum(len(fleet.servers[vendor].vendor.state(name)) for vendor, name in names.items())
