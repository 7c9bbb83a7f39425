"""The memory a first load takes, for few and for many records: ``python -m tests.bench memory``.

Read by each vendor's connector alone, and by the whole hub from the three together: looking,
which stores what was read, and deciding, which links it and makes the merged records. Each is
measured in a process of its own; the accounts are in others. Peaks are of resident memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from connectors import connect
from connectors.base import Access
from connectors.sandbox.fleet import VENDORS
from sync.engine.run import Options
from sync.engine.run import run as run_hub
from sync.settings import parse
from sync.store.database import migrate, open_engine
from tests.bench.accounts import accounts
from tests.bench.stand import fields
from tests.contract.words import WORDS

FEW = 10_000
MANY = 200_000
#: MiB that many records may take more than few.
ROOM = 50.0
HUB = "hub"


@dataclass(frozen=True, slots=True)
class Peak:
    """One measurement: `mib` is the peak when `what` was done with `records` records."""

    who: str
    what: str
    records: int
    mib: float
    seconds: float


def peak() -> float:
    """This process's highest resident memory so far, MiB. What Linux hands on from the process
    that started this one is left out."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kib) / 1024


def read_all(vendor: str, access: Access) -> list[Peak]:
    """A first load by the connector; the records are let go page by page."""
    connector = connect(vendor, access)
    started, read = time.perf_counter(), 0
    try:
        for page in connector.pull(WORDS[vendor].contact.object, fields(vendor, "contact"), None):
            read += len(page.records)
    finally:
        connector.close()
    return [Peak(vendor, "first load", read, peak(), time.perf_counter() - started)]


class _Watched:
    """A run's progress: the peak at the end of each stage, and how much was done in it."""

    def __init__(self) -> None:
        self.stages: dict[str, tuple[float, float]] = {}
        self._read: dict[str, int] = {}

    @property
    def read(self) -> int:
        """Records read of all connections."""
        return sum(self._read.values())

    def step(self, stage: str, object: str, connection: str, done: int, total: int | None) -> None:
        """See `sync.engine.report.Progress`."""
        if object == "contact":
            self.stages[stage] = (peak(), time.perf_counter())
            if stage == "look":
                self._read[connection] = done


def reconcile(found: Mapping[str, Access]) -> list[Peak]:
    """The hub's first run over the accounts' contacts, none of which lacks a record."""
    watched = _Watched()
    settings = parse(
        json.dumps(
            {
                "connections": {
                    name: {
                        "vendor": name,
                        "url": access.url,
                        "auth": dict(access.auth),
                        "sandbox": True,
                        "objects": ["contact"],
                    }
                    for name, access in found.items()
                },
                "objects": {"contact": {"create_in": []}},
            }
        )
    )
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as folder:
        engine = open_engine(f"sqlite:///{folder}/hub.db")
        migrate(engine)
        started = time.perf_counter()
        report = run_hub(engine, settings, Path(folder), Options(progress=watched))
        engine.dispose()
    # More writes than a run may make are held; they are not what is measured.
    assert report.status in ("done", "held"), report.as_json()
    made = []
    for stage, what in (("look", "looking"), ("decide", "deciding")):
        mib, ended = watched.stages[stage]
        made.append(Peak(HUB, what, watched.read, mib, ended - started))
        started = ended
    return made


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part."""
    parser.add_argument("--who", choices=(*VENDORS, HUB), action="append", help="only this one")
    parser.add_argument(
        "--records", type=int, default=MANY, help="how many are many (default: %(default)s)"
    )
    parser.add_argument(
        "--few", type=int, default=FEW, help="how many are few (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def measured(who: str, records: int) -> list[Peak]:
    """The peaks of one subject in a process of its own."""
    with accounts(VENDORS if who == HUB else [who], records) as found:
        told = {name: {"url": a.url, "auth": dict(a.auth)} for name, a in found.items()}
        made = subprocess.run(
            [sys.executable, "-m", "tests.bench.memory", who],
            input=json.dumps(told), stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    peaks = [Peak(**line) for line in json.loads(made.stdout)]
    expected = records * (len(VENDORS) if who == HUB else 1)
    assert all(line.records == expected for line in peaks), peaks
    return peaks


@dataclass(frozen=True, slots=True)
class Growth:
    """What many records take beside few."""

    few: Peak
    many: Peak

    @property
    def mib(self) -> float:
        """How much more."""
        return self.many.mib - self.few.mib

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"few": asdict(self.few), "many": asdict(self.many), "growth": round(self.mib, 1)}


def growth(chosen: Sequence[str], few: int, many: int) -> Iterator[Growth]:
    """Each subject, as it is measured."""
    for who in chosen:
        yield from map(Growth, measured(who, few), measured(who, many))


def run(options: argparse.Namespace) -> None:
    """Measure and print.

    Raises:
        SystemExit: many records take more than `ROOM` beside few.
    """
    console = Console(width=None if Console().is_terminal else 140)
    found = []
    for line in growth(options.who or (*VENDORS, HUB), options.few, options.records):
        found.append(line)
        if not options.json:
            console.print(f"[dim]{line.many.who}: {line.many.what} …[/]", highlight=False)
    if options.json:
        print(json.dumps([line.as_json() for line in found], indent=2))
    else:
        console.print(table(found))
    above = [line for line in found if line.mib > ROOM]
    if above:
        names = ", ".join(f"{line.many.who} ({line.many.what})" for line in above)
        sys.exit(f"more than {ROOM:g} MiB beside few records: {names}")


def table(found: Sequence[Growth]) -> Table:
    """The lines as a table."""
    made = Table(title="Peak memory of a first load", title_justify="left")
    for name in ("", "doing", "records", "MiB", "records", "MiB", "more", "seconds"):
        made.add_column(name, justify="left" if name in ("", "doing") else "right")
    for line in found:
        made.add_row(
            line.many.who,
            line.many.what,
            f"{line.few.records:,}",
            f"{line.few.mib:.0f}",
            f"{line.many.records:,}",
            f"{line.many.mib:.0f}",
            f"{line.mib:+.0f}",
            f"{line.many.seconds:.0f}",
        )
    return made


def _child(who: str) -> None:
    """Measure in this process; where the accounts are comes by standard input."""
    found = {
        name: Access(name, told["url"], told["auth"], sandbox=True)
        for name, told in json.load(sys.stdin).items()
    }
    peaks = reconcile(found) if who == HUB else read_all(who, found[who])
    print(json.dumps([asdict(line) for line in peaks]))


if __name__ == "__main__":
    _child(sys.argv[1])
