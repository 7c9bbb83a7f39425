"""`python -m tests.soak --rounds 1000 --seed 7`: exit 1 with the first differing record."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from connectors.sandbox.fleet import VENDORS
from tests.soak.soak import Outcome, Soak


def _row(name: str, counts: Sequence[int]) -> list[str]:
    return [name, *(f"{count:,}" for count in counts)]


def table(outcomes: Sequence[Outcome]) -> Table:
    """What was met, a column a vendor."""
    made = Table(title="Soak of the connectors")
    made.add_column("")
    for outcome in outcomes:
        made.add_column(outcome.vendor, justify="right")
    for name in ("rounds", "checks", "calls", "failed", "reports", "records"):
        made.add_row(*_row(name, [getattr(outcome, name) for outcome in outcomes]))
    for part in ("deeds", "faults", "pulls", "writes"):
        counters: list[Counter[str]] = [getattr(outcome, part) for outcome in outcomes]
        made.add_section()
        for key in sorted(set().union(*counters)):
            made.add_row(*_row(f"{part}: {key}", [counter[key] for counter in counters]))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    options.add_argument("--rounds", type=int, default=1000)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--faults", type=float, default=0.1, help="share of the calls that fail")
    options.add_argument("--vendor", action="append", choices=VENDORS)
    chosen = options.parse_args(arguments)
    outcomes = []
    console = Console(width=100)
    for vendor in chosen.vendor or VENDORS:
        soak, began = Soak(vendor, chosen.seed, chosen.faults), time.monotonic()
        try:
            outcomes.append(soak.run(chosen.rounds, lambda line: console.print(line, style="dim")))
        finally:
            soak.close()
        console.print(f"{vendor}: {time.monotonic() - began:.0f} s")
    console.print(table(outcomes))
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    for outcome in wrong:
        console.print(f"{outcome.vendor}, seed {chosen.seed}, {outcome.wrong}", markup=False)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
