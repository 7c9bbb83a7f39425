"""KPIs of deals beyond the example: what is left out, rates, zones, exactness."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from sync.kpis import BY_ID, Excluded, Kpi, Options, compute
from tests.sync.kpis.build import by_id, closed_deal, day, instant, open_deal, tables, won

AS_OF = instant("2026-03-15T12:00:00")


def _kpis(
    deals: list[dict[str, Any]], rates: list[dict[str, Any]] | None = None, **options: Any
) -> Mapping[str, Kpi]:
    given = tables(deals=deals, rates=rates or [])
    return by_id(compute(given, Options(currency="USD", **options), AS_OF))


def _rate(currency: str, rate: str, since: str | None) -> dict[str, Any]:
    return {
        "currency": currency,
        "rate": Decimal(rate),
        "from_date": None if since is None else day(since),
    }


def test_nothing_at_all_gives_no_value_where_something_is_divided() -> None:
    kpis = by_id(compute({}, Options(currency="USD"), AS_OF))
    values = {id: kpi.value for id, kpi in kpis.items()}
    sums = {"pipeline", "weighted_pipeline", "open_deals", "won_value"}
    assert {id for id, value in values.items() if value == 0} == sums
    assert {id for id, value in values.items() if value is None} == BY_ID.keys() - sums


def test_what_cannot_be_valued_is_left_out_counted_and_named() -> None:
    kpis = _kpis(
        [
            open_deal("a", "100"),
            open_deal("b", None),
            open_deal("c", "7", currency=None),
            open_deal("d", "7", currency="IRR"),
            open_deal("e", "7", currency="IRR"),
            open_deal("f", "50", probability=None),
            open_deal("g", "50", probability=Decimal(50)),
            open_deal("h", "9", status=None),
        ]
    )
    unvalued = (
        Excluded("open deals in IRR, which has no rate for their day", 2),
        Excluded("open deals with an amount but no currency", 1),
        Excluded("open deals without an amount", 1),
    )
    assert kpis["pipeline"].value == 200
    assert kpis["pipeline"].excluded == unvalued
    assert kpis["weighted_pipeline"].value == 50
    assert kpis["weighted_pipeline"].n == 1
    assert kpis["weighted_pipeline"].excluded == (
        *unvalued,
        Excluded("open deals without a probability between 0 and 1", 2),
    )
    assert kpis["open_deals"].value == 7
    assert kpis["open_deals"].excluded == (Excluded("deals without a status", 1),)


def test_a_deal_without_a_probability_has_that_of_its_stage() -> None:
    deals = [
        open_deal("a", "100", stage="proposal", probability=None),
        open_deal("b", "100", stage="proposal", probability=Decimal("0.1")),
    ]
    kpi = _kpis(deals, stage_probability={"proposal": Decimal("0.75")})["weighted_pipeline"]
    assert (kpi.value, kpi.excluded) == (85, ())


def test_the_last_earlier_rate_applies() -> None:
    rates = [
        _rate("EUR", "1.1", "2026-01-01"),
        _rate("EUR", "1.2", "2026-02-01"),
        _rate("EUR", "9", "2026-03-16"),
    ]
    deals = [
        won("friday", "100", "2026-01-31", currency="EUR"),
        won("first", "100", "2026-02-01", currency="EUR"),
        won("before", "100", "2025-12-31", currency="EUR"),
        open_deal("now", "100", currency="EUR"),
    ]
    kpis = _kpis(deals, rates, period="all")
    assert kpis["won_value"].value == 230
    assert kpis["won_value"].excluded_n == 1
    assert kpis["pipeline"].value == 120


def test_a_rate_without_a_date_holds_for_ever_and_the_own_currency_needs_none() -> None:
    rates = [_rate("THB", "0.03", None), _rate("USD", "5", "2020-01-01"), _rate("EUR", "0", None)]
    deals = [
        won("a", "1000", "2026-01-31", currency="THB"),
        won("b", "1", "2026-01-31"),
        won("c", "1", "2026-01-31", currency="EUR"),
    ]
    kpi = _kpis(deals, rates)["won_value"]
    assert (kpi.value, kpi.excluded_n) == (31, 1)


def test_sums_are_exact_where_floats_are_not() -> None:
    tenths = [open_deal(str(n), "0.1") for n in range(30)]
    huge = open_deal("huge", "9007199254740993.0000000001")
    kpi = _kpis([*tenths, huge])["pipeline"]
    assert kpi.numerator == Decimal("9007199254740996.0000000001")


def test_amount_times_rate_is_exact_at_any_size() -> None:
    rates = [_rate("IRR", "0.000000023809523809", "2020-01-01")]
    kpi = _kpis([open_deal("a", "12345678901234567890.1234567891", currency="IRR")], rates)
    numerator = kpi["pipeline"].numerator
    assert numerator is not None
    # Integers are exact in Python: 10 places of the amount and 18 of the rate.
    digits = int("".join(map(str, numerator.as_tuple().digits)))
    assert numerator.as_tuple().exponent == -28
    assert digits == 123456789012345678901234567891 * 23809523809


def test_binary_floats_are_refused() -> None:
    deals = pa.table({"id": ["a"], "status": ["open"], "amount": [0.1]})
    with pytest.raises(ValueError, match=r"deals\.amount: binary floats are not exact"):
        compute({"deals": deals}, Options(currency="USD"), AS_OF)


def test_days_are_those_of_the_reporting_zone() -> None:
    # 18:00 UTC on 31 January is 1 February in Bangkok.
    deals = [won("a", "1", "2026-02-11", created_at=instant("2026-01-31T18:00:00"))]
    assert _kpis(deals, time_zone="UTC")["sales_cycle"].value == 11
    assert _kpis(deals, time_zone="Asia/Bangkok")["sales_cycle"].value == 10


def test_a_period_takes_its_first_day_and_not_the_day_after_its_last() -> None:
    deals = [
        won("before", "1", "2025-12-31"),
        won("first", "10", "2026-01-01"),
        won("last", "100", "2026-03-31"),
        won("after", "1000", "2026-04-01"),
    ]
    assert _kpis(deals)["won_value"].value == 110
    explicit = _kpis(deals, period=(day("2025-12-31"), day("2026-01-01")))
    assert explicit["won_value"].value == 11
    assert _kpis(deals, period="all")["won_value"].value == 1111


def test_closed_deals_without_a_date_are_in_no_period() -> None:
    undated = {**won("a", "5", "2026-01-01"), "close_date": None}
    dated = closed_deal("b", "lost", "5", "2026-02-01")
    quarter = _kpis([undated, dated])
    assert quarter["win_rate"].value == 0
    assert quarter["win_rate"].excluded == (Excluded("closed deals without a close date", 1),)
    always = _kpis([undated, dated], period="all")
    assert always["win_rate"].value == Decimal("0.5")
    assert always["win_rate"].excluded == ()


def test_a_win_rate_by_value_needs_amounts_and_one_by_count_does_not() -> None:
    deals = [won("a", None, "2026-02-01"), closed_deal("b", "lost", None, "2026-02-01")]
    kpis = _kpis(deals)
    assert kpis["win_rate"].value == Decimal("0.5")
    assert kpis["win_rate_value"].value is None
    assert kpis["average_won"].value is None
    assert kpis["average_won"].excluded == (Excluded("won deals without an amount", 1),)


def test_a_deal_closed_before_it_was_created_says_nothing_about_the_cycle() -> None:
    deals = [
        won("import", "1", "2026-01-10", created_at=instant("2026-02-01")),
        won("unknown", "1", "2026-01-10", created_at=None),
        won("a", "1", "2026-01-10", created_at=instant("2026-01-10")),
        won("b", "1", "2026-01-10", created_at=instant("2026-01-09")),
        won("c", "1", "2026-01-10", created_at=instant("2026-01-01")),
        won("d", "1", "2026-01-10", created_at=instant("2026-01-08")),
    ]
    kpis = _kpis(deals)
    assert kpis["sales_cycle"].value == 3
    assert kpis["sales_cycle_median"].value == Decimal("1.5")
    assert {item.reason: item.n for item in kpis["sales_cycle"].excluded} == {
        "won deals without a creation or a close date": 1,
        "won deals closed before they were created": 1,
    }


def test_velocity_has_no_value_when_deals_close_on_the_day_they_come() -> None:
    deals = [open_deal("o", "1"), won("a", "1", "2026-01-10", created_at=instant("2026-01-10"))]
    kpi = _kpis(deals)["velocity"]
    assert (kpi.value, kpi.denominator) == (None, 0)


def test_a_running_period_is_compared_with_as_many_days_of_the_one_before() -> None:
    # 15 March is day 74 of its quarter; day 74 of the one before is 13 December.
    deals = [
        won("a", "100", "2025-10-01"),
        won("b", "100", "2025-12-13"),
        won("c", "100", "2025-12-14"),
        won("d", "300", "2026-01-01"),
    ]
    kpi = _kpis(deals)["won_value"]
    assert (kpi.value, kpi.previous, kpi.trend) == (300, 200, Decimal("0.5"))


def test_the_present_has_no_previous_value_of_its_own() -> None:
    kpis = _kpis([open_deal("a", "1")])
    state = {"pipeline", "weighted_pipeline", "open_deals", "velocity"}
    assert {id for id, definition in BY_ID.items() if definition.state} == state
    assert {kpis[id].previous for id in state} == {None}


def test_sources_may_come_as_joined_text() -> None:
    deals = tables(deals=[open_deal("a", "1")])["deals"]
    index = deals.column_names.index("sources")
    deals = deals.set_column(index, "sources", pa.array(["hubspot,ซีอาร์เอ็ม"]))
    kpis = compute({"deals": deals}, Options(currency="USD"), AS_OF, by="source")
    assert sorted({kpi.source for kpi in kpis}) == ["", "hubspot", "ซีอาร์เอ็ม"]
    assert by_id(kpis, "ซีอาร์เอ็ม")["pipeline"].value == 1


@pytest.mark.parametrize(
    ("given", "options", "as_of", "words"),
    [
        ({"leads": pa.table({"id": ["a"]})}, {}, AS_OF, "no KPI uses the table leads"),
        ({}, {"period": "week"}, AS_OF, "'week' is none of month, quarter"),
        ({}, {}, AS_OF.replace(tzinfo=None), "has no time zone"),
        ({}, {"targets": {"winrate": None}}, AS_OF, "there is no KPI winrate"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    given: dict[str, pa.Table], options: dict[str, Any], as_of: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        compute(given, Options(currency="USD", **options), as_of)
