"""Trends, targets, and what settings may say about them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync.kpis import Kpi, Options, Status, Target, compute, judge, periods, trend, with_previous
from tests.sync.kpis.build import by_id, closed_deal, instant, open_deal, tables, won

AS_OF = instant("2026-03-31T12:00:00")


def _kpis(
    deals: list[dict[str, Any]], period: str = "quarter", **targets: Target
) -> dict[str, Kpi]:
    options = Options(currency="USD", period=period, targets=targets)
    return by_id(compute(tables(deals=deals), options, AS_OF))


def test_a_trend_is_relative_to_what_was() -> None:
    assert trend(Decimal(110), Decimal(100)) == Decimal("0.1")
    assert trend(Decimal(-50), Decimal(-100)) == Decimal("0.5")
    assert trend(Decimal(1), Decimal(0)) is None
    assert trend(None, Decimal(1)) is None
    assert trend(Decimal(1), None) is None


@pytest.mark.parametrize(
    ("target", "direction", "status"),
    [
        ("0.5", "up", Status.MET),
        ("0.5", "down", Status.MET),
        ("0.500001", "up", Status.MISSED),
        ("0.499999", "down", Status.MISSED),
    ],
)
def test_a_target_is_met_when_it_is_reached(target: str, direction: Any, status: Status) -> None:
    deals = [won("a", "1", "2026-02-01"), closed_deal("b", "lost", "1", "2026-02-01")]
    kpi = _kpis(deals, win_rate=Target(Decimal(target), direction))["win_rate"]
    assert (kpi.status, kpi.required, kpi.measured) == (status, Decimal(target), kpi.value)


def test_a_kpi_without_a_target_has_none_and_one_without_a_value_meets_none() -> None:
    kpis = _kpis([], win_rate=Target(Decimal("0.5"), "down"))
    assert kpis["win_rate"].status is Status.NO_VALUE
    assert kpis["pipeline"].status is Status.NO_TARGET


def test_a_change_is_measured_over_its_own_periods() -> None:
    deals = [
        won("1", "100", "2025-12-31"),
        won("2", "100", "2026-02-28"),
        won("3", "104", "2026-03-31"),
    ]
    by_quarter = _kpis(deals, won_value=Target.parse({"change": "+5%", "per": "quarter"}))
    kpi = by_quarter["won_value"]
    assert (kpi.value, kpi.measured, kpi.required) == (204, 204, 105)
    assert kpi.status is Status.MET
    by_month = _kpis(deals, won_value=Target.parse({"change": "+5%", "per": "month"}))
    kpi = by_month["won_value"]
    assert (kpi.value, kpi.measured, kpi.required) == (204, 104, 105)
    assert kpi.status is Status.MISSED


def test_a_change_from_nothing_cannot_be_judged() -> None:
    target = Target.parse({"change": "-5%", "per": "year"})
    assert _kpis([won("1", "1", "2026-01-01")], sales_cycle=target)["sales_cycle"].status is (
        Status.NO_VALUE
    )


def test_recorded_values_give_the_present_its_past() -> None:
    target = Target.parse({"change": "+10%", "per": "month"})
    kpi = _kpis([open_deal("a", "120")], pipeline=target)["pipeline"]
    assert (kpi.status, kpi.previous) == (Status.NO_VALUE, None)
    kpi = with_previous(kpi, Decimal(100))
    assert (kpi.previous, kpi.trend) == (100, Decimal("0.2"))
    kpi = judge(kpi, target, kpi.value, Decimal(100))
    assert (kpi.status, kpi.required) == (Status.MET, 110)


def test_parts_by_source_have_no_target() -> None:
    options = Options(currency="USD", targets={"open_deals": Target(Decimal(1))})
    kpis = compute(tables(deals=[open_deal("a", "1")]), options, AS_OF, by="source")
    assert by_id(kpis)["open_deals"].status is Status.MET
    assert by_id(kpis, "salesforce")["open_deals"].status is Status.NO_TARGET


@pytest.mark.parametrize(
    ("settings", "target"),
    [
        ({"target": 0.45}, Target(Decimal("0.45"))),
        ({"target": "30", "direction": "down"}, Target(Decimal(30), "down")),
        (
            {"change": "+5%", "per": "quarter"},
            Target(None, "up", Decimal("0.05"), "quarter"),
        ),
        ({"change": "-5 %", "per": "year"}, Target(None, "down", Decimal("-0.05"), "year")),
        (
            {"change": "2%", "per": "month", "direction": "down"},
            Target(None, "down", Decimal("0.02"), "month"),
        ),
    ],
)
def test_targets_as_settings_write_them(settings: dict[str, object], target: Target) -> None:
    assert Target.parse(settings) == target


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "either `target` or `change`"),
        ({"target": 1, "change": "+5%"}, "either `target` or `change`"),
        ({"target": "many"}, "'many' is not a number"),
        ({"target": True}, "True is not a number"),
        ({"target": "NaN"}, "'NaN' is not a number"),
        ({"target": 1, "direction": "left"}, "'left' is neither up nor down"),
        ({"target": 1, "per": "month"}, "`per` belongs to `change`"),
        ({"change": "+5%"}, "per: None is none of month"),
        ({"change": 5, "per": "month"}, "'5' is not a percentage"),
        ({"change": "x%", "per": "month"}, "'x' is not a number"),
        ({"target": 1, "goal": 2}, "unknown setting goal"),
    ],
)
def test_wrong_targets_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Target.parse(settings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time_zone": "Asia/Bangkog"}, "'Asia/Bangkog' is not an IANA name"),
        ({"year_start": 13}, "13 is not a month"),
        ({"active_days": 0}, "less than one day"),
        ({"conversion_days": -1}, "-1 is negative"),
        ({"stage_probability": {"proposal": Decimal(75)}}, "proposal has 75, not 0 to 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Options(currency="USD", **options)


def _days(spec: Any, today: str, year_start: int = 1) -> list[str]:
    current, before = periods(spec, date.fromisoformat(today), year_start)
    assert before is not None
    return [str(day) for day in (current.start, current.end, before.start, before.end)]


@pytest.mark.parametrize(
    ("spec", "today", "year_start", "days"),
    [
        ("month", "2026-01-31", 1, ["2026-01-01", "2026-02-01", "2025-12-01", "2026-01-01"]),
        ("month", "2026-03-30", 1, ["2026-03-01", "2026-04-01", "2026-02-01", "2026-03-01"]),
        ("month", "2026-03-10", 1, ["2026-03-01", "2026-04-01", "2026-02-01", "2026-02-11"]),
        ("quarter", "2026-11-21", 1, ["2026-10-01", "2027-01-01", "2026-07-01", "2026-08-22"]),
        ("quarter", "2026-12-31", 1, ["2026-10-01", "2027-01-01", "2026-07-01", "2026-10-01"]),
        ("quarter", "2026-01-31", 2, ["2025-11-01", "2026-02-01", "2025-08-01", "2025-11-01"]),
        ("year", "2026-03-31", 4, ["2025-04-01", "2026-04-01", "2024-04-01", "2025-04-01"]),
        ("year", "2024-12-31", 1, ["2024-01-01", "2025-01-01", "2023-01-01", "2024-01-01"]),
        (
            (date(2026, 2, 1), date(2026, 2, 10)),
            "2026-03-31",
            1,
            ["2026-02-01", "2026-02-11", "2026-01-22", "2026-02-01"],
        ),
    ],
)
def test_periods_and_what_they_are_compared_with(
    spec: Any, today: str, year_start: int, days: list[str]
) -> None:
    assert _days(spec, today, year_start) == days


def test_periods_have_names_people_know() -> None:
    today = date(2026, 12, 31)
    names = {spec: periods(spec, today)[0].name for spec in ("month", "quarter", "year", "all")}
    assert names == {"month": "2026-12", "quarter": "2026-Q4", "year": "2026", "all": "all"}
    assert periods("quarter", today, 2)[0].name == "2026-11-01..2027-01-31"
    _, before = periods("quarter", today)
    assert before is not None
    assert before.name == "2026-Q3"


def test_a_period_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="lies before the first day"):
        periods((date(2026, 2, 1), date(2026, 1, 1)), date(2026, 2, 1))
