"""What must hold for any deals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sync.kpis import Options, Unit, compute
from sync.kpis.kpi import EXACT
from tests.sync.kpis.build import by_id, day, instant, tables

AS_OF = instant("2026-03-31T12:00:00")
SUMS = ("pipeline", "weighted_pipeline", "open_deals", "won_value")

_amounts = st.none() | st.decimals(0, 10**15, places=10)
_days = st.dates(day("2025-11-01"), day("2026-04-30"))


@st.composite
def _deals(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [
        {
            "id": str(number),
            "status": draw(st.sampled_from(["open", "won", "lost"])),
            "amount": draw(_amounts),
            "currency": draw(st.sampled_from(["USD", "THB", None, "IRR"])),
            "probability": draw(st.none() | st.decimals(0, 1, places=4)),
            "close_date": draw(st.none() | _days),
            "created_at": instant(f"{draw(_days)}T12:00:00"),
            "company": draw(st.sampled_from(["a", "b", None])),
            "sources": [draw(st.sampled_from(["hubspot", "zoho"]))],
        }
        for number in range(draw(st.integers(0, 12)))
    ]


_RATE = {"currency": "THB", "rate": Decimal("0.0291"), "from_date": None}
_USD = Options(currency="USD", period="quarter")
_laws = settings(max_examples=8, deadline=None)


@_laws
@given(_deals(), st.randoms())
def test_the_order_of_rows_changes_nothing(deals: list[dict[str, Any]], random: Any) -> None:
    first = compute(tables(deals=deals, rates=[_RATE]), _USD, AS_OF)
    random.shuffle(deals)
    assert compute(tables(deals=deals, rates=[_RATE]), _USD, AS_OF) == first


@_laws
@given(_deals())
def test_parts_that_share_no_deal_add_up_exactly(deals: list[dict[str, Any]]) -> None:
    kpis = compute(tables(deals=deals, rates=[_RATE]), _USD, AS_OF, by="source")
    total, hubspot, zoho = (by_id(kpis, source) for source in ("", "hubspot", "zoho"))
    for id in SUMS:
        parts = [part[id] for part in (hubspot, zoho) if part]
        whole = Decimal(0)
        for part in parts:
            assert part.numerator is not None
            whole = EXACT.add(whole, part.numerator)
        assert whole == total[id].numerator
        assert sum(part.n for part in parts) == total[id].n
        assert sum(part.excluded_n for part in parts) == total[id].excluded_n


@_laws
@given(_deals())
def test_every_open_deal_is_counted_or_named_as_left_out(deals: list[dict[str, Any]]) -> None:
    kpis = by_id(compute(tables(deals=deals, rates=[_RATE]), _USD, AS_OF))
    opened = sum(deal["status"] == "open" for deal in deals)
    for id in ("pipeline", "weighted_pipeline"):
        assert kpis[id].n + kpis[id].excluded_n == opened


@_laws
@given(_deals())
def test_reporting_in_a_currency_worth_half_doubles_money_and_nothing_else(
    deals: list[dict[str, Any]],
) -> None:
    in_usd = by_id(compute(tables(deals=deals, rates=[_RATE]), _USD, AS_OF))
    rates = [
        {**_RATE, "rate": _RATE["rate"] * 2},
        {**_RATE, "currency": "USD", "rate": Decimal(2)},
    ]
    in_half = compute(tables(deals=deals, rates=rates), replace(_USD, currency="XXH"), AS_OF)
    for id, kpi in by_id(in_half).items():
        before = in_usd[id].numerator
        money = kpi.unit.startswith("XXH") or id == "win_rate_value"
        if money and before is not None:
            assert kpi.numerator == EXACT.multiply(before, Decimal(2))
        elif kpi.unit in (Unit.COUNT, Unit.RATIO, Unit.DAYS):
            assert kpi.value == in_usd[id].value


@_laws
@given(_deals())
def test_a_rate_is_between_nothing_and_all_or_has_no_value(deals: list[dict[str, Any]]) -> None:
    for kpi in compute(tables(deals=deals, rates=[_RATE]), _USD, AS_OF):
        if kpi.unit == Unit.RATIO:
            assert kpi.value is None or 0 <= kpi.value <= 1
            assert (kpi.value is None) == (kpi.denominator == 0)
