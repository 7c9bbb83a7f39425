"""A hub killed at random points: `python -m tests.e2e.killing --points 200 --seed 7 --faults 0.1`.

Two hubs face the same accounts and the same edits. One is left alone. The other is killed
(SIGKILL) at random points of its first load and of the runs that carry edits, while one of its
calls in ten fails. In the end both must have the same accounts and the same merged rows, and
then be quiet.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from tests.e2e.side import Side, differences
from tests.soak.weather import Weather

#: Kills of one pair of hubs.
ROUND = 20
#: Kills that a first load of about 70 calls gets at most.
_FIRST = 8


@dataclass(slots=True)
class Outcome:
    """What became of one pair of hubs: `alive` kills found the run alive, `late` ones came
    after its end; `again` is what was written after everything had settled."""

    seed: int
    alive: int = 0
    late: int = 0
    calls: int = 0
    failed: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    accounts: list[Any] = field(default_factory=list)
    merged: list[Any] = field(default_factory=list)
    again: int = 0

    @property
    def good(self) -> bool:
        """Same state, and quiet."""
        return not (self.accounts or self.merged or self.again)


def kill(folder: Path, seed: int, points: int, rate: float, stores: Sequence[str]) -> Outcome:
    """Kill one of two hubs until `points` kills found it alive.

    Args:
        rate: share of the killed hub's calls that fail.
        stores: URLs of the two stores, '' for files in `folder`.
    """
    chance = random.Random(seed)
    outcome = Outcome(seed)
    undisturbed = Side(folder / "a", seed, stores[0])
    disturbed = Side(folder / "b", seed, stores[1])
    try:
        weather = [
            Weather(server, rate, random.Random(f"{seed} {name}"))
            for name, server in disturbed.fleet.servers.items()
        ]

        def strike(most: int) -> bool:
            alive = disturbed.killed(chance.randrange(1, most), chance.uniform(0, 0.05))
            outcome.alive += alive
            outcome.late += not alive
            return alive

        begin(weather)
        for _ in range(min(_FIRST, points // 2)):
            if not strike(45):
                break
        end(disturbed)
        # What people change before the two know the same is decided by who was seen first.
        for side in (undisturbed, disturbed):
            side.settle()
        begin(weather)
        number = 0
        while outcome.alive < points:
            for _ in range(3):
                for side in (undisturbed, disturbed):
                    side.edit(number)
                    side.fleet.clock.advance(20)
                number += 1
            strike(40)
        for one in weather:
            outcome.failed += one.failed_calls
            outcome.faults += one.met
        outcome.calls = disturbed.calls()
        end(disturbed)
        for side in (undisturbed, disturbed):
            side.settle()
        outcome.accounts = differences(disturbed.accounts(), undisturbed.accounts())
        outcome.merged = differences(disturbed.merged(), undisturbed.merged())
        outcome.again = disturbed.run()
        return outcome
    finally:
        undisturbed.close()
        disturbed.close()


def begin(weather: Sequence[Weather]) -> None:
    """Let calls fail."""
    for one in weather:
        one.begin()


def end(side: Side) -> None:
    """Let all calls succeed again."""
    for server in side.fleet.servers.values():
        server.faults.clear()


@contextmanager
def stores(url: str) -> Iterator[list[str]]:
    """Two schemas of their own in a PostgreSQL database, dropped afterwards; ['', ''] without."""
    if not url:
        yield ["", ""]
        return
    plain = make_url(url).set(drivername="postgresql")
    names = [f"concord_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE SCHEMA {name}")
        try:
            yield [
                plain.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(
                    hide_password=False
                )
                for name in names
            ]
        finally:
            admin.execute("SET client_min_messages = warning")
            for name in names:
                admin.execute(f"DROP SCHEMA {name} CASCADE")


def killing(
    points: int, seed: int, rate: float, store: str, tell: Callable[[str], None]
) -> list[Outcome]:
    """Pairs of hubs, one after another, until there were `points` kills in all."""
    outcomes: list[Outcome] = []
    done, began = 0, time.monotonic()
    while done < points:
        with tempfile.TemporaryDirectory() as folder, stores(store) as urls:
            few = min(ROUND, points - done)
            outcome = kill(Path(folder), seed + len(outcomes), few, rate, urls)
        outcomes.append(outcome)
        done += outcome.alive
        tell(
            f"{done} kills, {sum(o.late for o in outcomes)} too late, "
            f"{sum(o.failed for o in outcomes)} of {sum(o.calls for o in outcomes)} calls failed, "
            f"{'same state, quiet' if outcome.good else 'DIFFERENT'}, "
            f"{time.monotonic() - began:.0f} s"
        )
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.e2e.killing", description=__doc__)
    options.add_argument("--points", type=int, default=200)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--faults", type=float, default=0.1, help="share of the calls that fail")
    options.add_argument("--store", default="", help="a PostgreSQL database; SQLite files if not")
    chosen = options.parse_args(arguments)
    outcomes = killing(
        chosen.points,
        chosen.seed,
        chosen.faults,
        chosen.store,
        lambda line: print(line, flush=True),
    )
    print(dict(sum((outcome.faults for outcome in outcomes), Counter())))
    wrong = [outcome for outcome in outcomes if not outcome.good]
    for outcome in wrong:
        print(f"seed {outcome.seed}: {outcome}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
