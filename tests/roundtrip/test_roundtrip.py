"""The round trip with a few values of each type; the command makes it with many."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import partial

import pytest

from mapping.schema import Kind
from tests.roundtrip.account import NAMES, VENDORS, Account, zones
from tests.roundtrip.draw import Limits
from tests.roundtrip.journey import DATES, bounds, compare, draw, journey
from tests.roundtrip.refusals import refused

VALUES = 60

Bounds = Mapping[tuple[str, str], Limits]


@pytest.fixture(scope="module")
def held() -> Bounds:
    """What the accounts of all vendors hold."""
    return bounds()


@pytest.mark.parametrize("bulk", [False, True], ids=["record APIs", "bulk APIs"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_values_of_every_type_come_back_equal(held: Bounds, vendor: str, bulk: bool) -> None:
    """From this vendor to each of the others; every other way is of another parameter."""
    rows = {name: draw(held, name, VALUES, seed=bulk) for name in NAMES}
    others = [partial(Account, v, "Etc/GMT-14", bulk=bulk) for v in VENDORS if v != vendor]
    ways = list(journey(partial(Account, vendor, "Etc/GMT+12", bulk=bulk), others, rows))
    assert len(ways) == 3
    for _, report in ways:
        assert report.differences == []
        assert report.compared.keys() == set(Kind)
        assert min(report.compared.values()) >= VALUES


@pytest.mark.parametrize("vendor", VENDORS)
def test_dates_do_not_move_whatever_the_time_zones(held: Bounds, vendor: str) -> None:
    names = zones(every=False)
    for at, zone in enumerate(names):
        rows = {name: draw(held, name, 12, seed=at, only=DATES) for name in ("contact", "deal")}
        others = [partial(Account, v, names[-1 - at]) for v in VENDORS if v != vendor]
        for _, report in journey(partial(Account, vendor, zone), others, rows):
            assert report.differences == []
            assert report.compared[Kind.DATE] == 24


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_no_vendor_holds_is_refused_and_not_sent(vendor: str) -> None:
    with closing(Account(vendor)) as account:
        assert refused(account, 30) == 30


def test_a_difference_would_be_told(held: Bounds) -> None:
    rows = draw(held, "deal", 3, seed=1)
    spoilt = {number: dict(fields) for number, fields in rows.items()}
    spoilt[1]["close_date"] = "2026-01-01"
    with closing(Account("salesforce")) as account:
        [told] = compare("deal", rows, spoilt, (account,)).differences
        assert told.startswith("salesforce: deal 1 close_date: ")
        del spoilt[2]
        assert len(compare("deal", rows, spoilt, (account,)).differences) == 2
