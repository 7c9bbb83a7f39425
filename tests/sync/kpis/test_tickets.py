"""Resolution time and satisfaction."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync.kpis import Excluded, Kpi, Options, compute
from tests.sync.kpis.build import by_id, instant, tables

AS_OF = instant("2026-03-31T12:00:00")


def _kpis(tickets: list[dict[str, Any]], **options: Any) -> Mapping[str, Kpi]:
    given = tables(tickets=tickets)
    return by_id(compute(given, Options(currency="USD", **options), AS_OF))


def _ticket(id: str, created: str | None, closed: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "status": "closed",
        "created_at": None if created is None else instant(created),
        "closed_at": None if closed is None else instant(closed),
        **more,
    }


def test_resolution_time_is_in_hours_over_tickets_closed_in_the_period() -> None:
    kpis = _kpis(
        [
            _ticket("a", "2025-12-31T23:00:00", "2026-01-01T00:30:00"),
            _ticket("b", "2026-02-01T00:00:00", "2026-02-02T00:00:00"),
            _ticket("c", "2026-02-01T00:00:00", "2026-02-01T00:20:00"),
            _ticket("earlier", "2025-12-01", "2025-12-31T23:59:59"),
            _ticket("reopened", "2026-02-01", "2026-02-02", status="in_progress"),
            _ticket("no end", "2026-02-01", None),
            _ticket("no start", None, "2026-02-01"),
            _ticket("backwards", "2026-02-02", "2026-02-01"),
        ]
    )
    mean = kpis["average_resolution_time"]
    assert mean.value == Decimal("8.611111")
    assert (mean.numerator, mean.denominator) == (93_000, 3 * 3600)
    assert kpis["median_resolution_time"].value == Decimal("1.5")
    assert mean.n == 3
    assert mean.excluded == (
        Excluded("closed tickets without a closing time", 1),
        Excluded("closed tickets without a creation time", 1),
        Excluded("tickets closed before they were created", 1),
    )


def test_hours_pass_as_they_do_when_clocks_change() -> None:
    # Berlin skips an hour on 29 March 2026; the day of closing is the local one.
    ticket = _ticket("a", "2026-03-28T23:30:00", "2026-03-29T22:30:00")
    kpis = _kpis([ticket], time_zone="Europe/Berlin", period="month")
    assert kpis["average_resolution_time"].value == 23


def test_the_month_of_a_ticket_is_the_local_one() -> None:
    ticket = _ticket("a", "2026-02-28T10:00:00", "2026-02-28T18:00:00")
    assert _kpis([ticket], period="month")["average_resolution_time"].n == 0
    bangkok = _kpis([ticket], period="month", time_zone="Asia/Bangkok")
    assert bangkok["average_resolution_time"].n == 1


def test_satisfaction_is_of_those_who_answered() -> None:
    ratings = [5, 5, 4, 3, 1, None, None, 0, 9]
    kpis = _kpis(
        [_ticket(str(i), "2026-02-01", "2026-02-02", rating=r) for i, r in enumerate(ratings)]
    )
    assert kpis["csat"].value == Decimal("0.6")
    assert (kpis["csat"].numerator, kpis["csat"].denominator) == (3, 5)
    assert kpis["csat_mean"].value == Decimal("3.6")
    assert kpis["csat"].excluded == (
        Excluded("tickets without a rating", 2),
        Excluded("ratings outside 1 to 5", 2),
    )


def test_an_open_ticket_is_rated_on_the_day_it_was_created() -> None:
    tickets = [
        _ticket("a", "2026-02-01", None, status="new", rating=5),
        _ticket("b", "2025-02-01", None, status="new", rating=1),
    ]
    assert _kpis(tickets)["csat"].n == 1
    assert _kpis(tickets, period="all")["csat"].n == 2
