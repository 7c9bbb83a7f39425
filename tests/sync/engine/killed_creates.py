"""200 contacts to be made in HubSpot, whose search trails 60 seconds behind, by a run that is
killed: `python -m tests.sync.engine.killed_creates` kills it at every step, each in turn.

A step is a call that is about to be sent, or a commit, before and after it takes effect. What a
call has done is not known to anybody before the commit that follows it: a reply that was lost
with its process is the step before that commit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import Engine

from connectors.sandbox.faults import Fault
from connectors.sandbox.server import Server
from connectors.transport import Meter
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.store.database import Session, migrate, open_engine
from tests.sync.engine.world import World

COUNT = 200
LAG = 60


class Killed(BaseException):
    """The process ends here. Not an `Exception`, so that nothing can handle it."""


class Steps:
    """Counts the steps of a process, and ends it at one of them.

    From then on every thread of it that calls or commits ends too. A context manager.
    """

    def __init__(self) -> None:
        self.taken = 0
        self._last = 0
        self._lock = threading.Lock()
        self._add, self._commit = Meter.add, Session.commit

    def __enter__(self) -> Steps:
        steps, add, commit = self, self._add, self._commit

        def counted(meter: Meter, calls: int = 1) -> None:
            steps._step()
            add(meter, calls)

        def committed(session: Session) -> None:
            steps._step()
            commit(session)
            steps._step()

        Meter.add = counted
        Session.commit = committed
        return self

    def __exit__(self, *_: object) -> None:
        Meter.add, Session.commit = self._add, self._commit

    def _step(self) -> None:
        with self._lock:
            self.taken += 1
            if self._last and self.taken >= self._last:
                raise Killed

    def take(self, work: Callable[[], object], last: int = 0) -> bool:
        """Do `work` and end at step `last` (0: never); whether it came to its end."""
        self.taken, self._last = 0, last
        try:
            work()
        except Killed:
            return False
        finally:
            self._last = 0
        return True


class Creates:
    """Two accounts, one with 200 contacts, the other, HubSpot, with none."""

    def __init__(self, servers: dict[str, Server], engine: Engine) -> None:
        self.world = World(servers, engine, ("zoho", "hubspot"))
        self.world.connect()
        limits = {"create": 2 * COUNT, "update": 2 * COUNT}
        self.world.configure({"contact": {"create_in": ["hubspot", "zoho"], "limits": limits}})
        self.world.load(
            "zoho",
            "contact",
            *(
                {"last_name": f"Person {n}", "email": f"person{n}@many.example"}
                for n in range(COUNT)
            ),
        )
        hubspot = self.world.servers["hubspot"]
        hubspot.faults.clear()
        hubspot.faults.add(Fault("hubspot", "search_lag", times=None, options={"seconds": LAG}))

    def run(self) -> Report:
        """One run, a moment after whatever happened last: search knows nothing of it yet."""
        self.world.clock.advance(1)
        options = Options(clock=self.world.clock.now)
        return run(self.world.engine, self.world.settings, Path("."), options)

    def wrong(self) -> str:
        """What is not as it should be once everything has come to rest, '' if nothing is."""
        self.run()
        self.world.settle()  # its last run writes nothing
        for vendor in self.world.vendors:
            rows = self.world.rows(vendor, "contact")
            emails = Counter(self.world.value(vendor, "contact", id, "email") for id in rows)
            doubled = [email for email, times in emails.items() if times > 1]
            if len(rows) != COUNT or doubled:
                return f"{vendor} has {len(rows)} contacts, doubled: {doubled[:5]}"
        if len(self.world.links("contact")) != 2 * COUNT or self.world.entities("contact") != COUNT:
            return f"{len(self.world.links('contact'))} links"
        return ""


@contextmanager
def world(servers: dict[str, Server]) -> Iterator[Creates]:
    """A fresh one, on a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/hub.db")
        migrate(engine)
        try:
            yield Creates(servers, engine)
        finally:
            engine.dispose()


def main() -> int:
    """Kill it at every step; the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--every", type=int, default=1, help="only every n-th step")
    every = options.parse_args().every
    servers: dict[str, Server] = {}
    failures = 0
    with Steps() as steps:
        with world(servers) as made:
            steps.take(made.run)
            count = steps.taken
        for last in range(1, count + 1, every):
            with world(servers) as made:
                ended = steps.take(made.run, last)
                wrong = "it was not killed" if ended else made.wrong()
            failures += bool(wrong)
            print(f"killed at step {last} of {count}: {wrong or 'as it should be'}", flush=True)
    for server in servers.values():
        server.close()
    print(f"{failures} of {len(range(1, count + 1, every))} went wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
