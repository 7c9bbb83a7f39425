"""The round trip as a command; see the package."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import closing
from functools import partial

from mapping.schema import Kind
from tests.roundtrip.account import NAMES, VENDORS, Account, zones
from tests.roundtrip.journey import DATES, Report, bounds, draw, journey
from tests.roundtrip.refusals import refused


def main() -> int:
    """Make the journey; 0 when everything came back equal."""
    parser = argparse.ArgumentParser(prog="python -m tests.roundtrip", description=__doc__)
    parser.add_argument("--values", type=int, default=10_000, help="values of each type and pair")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    found = Report()
    held = bounds()
    # No type is in tickets alone.
    counts = dict.fromkeys(NAMES, given.values) | {"ticket": given.values // 10}
    rows = {name: draw(held, name, count, given.seed) for name, count in counts.items()}
    for vendor in VENDORS:
        # Sources by the record APIs from the west, targets by the bulk APIs in the east.
        others = [
            partial(Account, other, "Etc/GMT-14", bulk=True) for other in VENDORS if other != vendor
        ]
        for way, report in journey(partial(Account, vendor, "Etc/GMT+12"), others, rows):
            _tell(way, report, began)
            found.add(report)
    found.add(_zones(given.values, given.seed, began))
    for vendor in VENDORS:
        with closing(Account(vendor)) as account:
            count = refused(account, max(1, given.values // 10), given.seed)
            print(f"{vendor}: {count:,} texts with NUL or half characters refused, none sent")
    print(f"\n{sum(found.compared.values()):,} values compared, {len(found.differences)} differ")
    for kind in Kind:
        print(f"  {kind:<12}{found.compared[kind]:>12,}")
    return 1 if found.differences else 0


def _zones(values: int, seed: int, began: float) -> Report:
    """Dates between accounts whose days begin at different moments, over all zones."""
    names = zones(every=True)
    held = bounds()
    each = -(-values // len(names))
    found = Report()
    for at, zone in enumerate(names):
        other = names[-1 - at]
        rows = {n: draw(held, n, each, seed + at, only=DATES) for n in ("contact", "deal")}
        for vendor in VENDORS:
            others = [partial(Account, one, other) for one in VENDORS if one != vendor]
            for _, report in journey(partial(Account, vendor, zone), others, rows):
                found.add(report)
    _tell(f"dates in {len(names)} time zones from -12 to +14", found, began)
    return found


def _tell(way: str, report: Report, began: float) -> None:
    kinds = Counter({kind: count for kind, count in report.compared.items() if count})
    total, least = sum(kinds.values()), min(kinds.values(), default=0)
    print(
        f"{time.monotonic() - began:6.0f} s  {way}: {total:,} values of {len(kinds)} types "
        f"({least:,} or more of each), {len(report.differences)} differ",
        flush=True,
    )
    for words in report.differences:
        print(f"          {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
