"""Calls made against the fewest possible: ``python -m tests.bench calls``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from connectors.sandbox.fleet import VENDORS
from tests.bench.hub import quiet
from tests.bench.minimum import TASKS
from tests.bench.stand import Stand
from tests.bench.tasks import CONNECTOR_TASKS, Line

RECORDS = 100_000
_COLUMNS = ("task", "records", "calls", "minimum", "ratio", "seconds")
_EXPLAINED = """\
Calls are those that the sandbox logged, which our own meter must agree with. Calls that are
made once per process stand apart: signing in, and descriptions of the account's objects (which
the hub keeps for a day). So do further looks at a bulk job that is still at work. The seconds
are those of this machine and its sandboxes. For the quiet tasks, records are objects."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part."""
    parser.add_argument("--vendor", choices=VENDORS, action="append", help="only this one")
    parser.add_argument("--task", choices=TASKS, action="append", help="only this one")
    parser.add_argument(
        "--records",
        type=int,
        default=RECORDS,
        help="records of the first load; a tenth is written, a hundredth changed "
        "(default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def lines(vendors: Sequence[str], tasks: Sequence[str], records: int) -> Iterator[Line]:
    """What was measured, as it comes. Each task has a sandbox of its own."""
    for vendor in vendors:
        for name, (task, share) in CONNECTOR_TASKS.items():
            if name in tasks:
                with Stand(vendor) as stand:
                    yield task(stand, max(1, int(records * share)))
    if {"quiet run", "quiet hour"} & set(tasks):
        yield from (line for line in quiet(vendors) if line.task in tasks)


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    console = Console(width=None if Console().is_terminal else 140)
    found = []
    for line in lines(options.vendor or VENDORS, options.task or TASKS, options.records):
        found.append(line)
        if not options.json:
            console.print(f"[dim]{line.vendor}: {line.task} …[/]", highlight=False)
    if options.json:
        print(json.dumps([line.as_json() for line in found], indent=2))
        return
    console.print(table(found))
    console.print(_EXPLAINED, highlight=False)


def table(found: Sequence[Line]) -> Table:
    """The lines as a table, one vendor after the other."""
    made = Table(title="Calls against the minimum", title_justify="left")
    made.add_column("vendor")
    for name in _COLUMNS:
        made.add_column(name, justify="left" if name == "task" else "right")
    made.add_column("the minimum is")
    made.add_column("and besides")
    for vendor in dict.fromkeys(line.vendor for line in found):
        for place, line in enumerate(one for one in found if one.vendor == vendor):
            made.add_row(
                "" if place else vendor,
                line.task,
                f"{line.count:,}",
                f"{line.spent.calls:,}",
                f"{line.least:,}",
                f"{line.ratio:.2f}",
                f"{line.seconds:.1f}",
                line.made_of,
                _besides(line),
            )
        made.add_section()
    return made


def _besides(line: Line) -> str:
    parts = {
        "sign-in": line.spent.sign_in,
        "describe": line.spent.describe,
        "waiting": line.spent.waiting,
    }
    return ", ".join(f"{calls} {name}" for name, calls in parts.items() if calls)
