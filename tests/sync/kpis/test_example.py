"""The example every KPI must agree with: eight records of seven deals in three CRMs."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from sync.kpis import Kpi, Options, compute
from tests.sync.kpis.build import by_id, day, instant, tables

#: id, source, amount, currency, probability, status, created, closed, real deal
RECORDS = [
    ("s1", "salesforce", "10000", "USD", "0.5", "open", "2026-01-10", None, "g1"),
    ("h1", "hubspot", "10000", "USD", "0.4", "open", "2026-01-12", None, "g1"),
    ("s2", "salesforce", "20000", "USD", "1", "won", "2026-01-01", "2026-01-31", "g2"),
    ("h2", "hubspot", "5000", "EUR", "1", "won", "2026-01-05", "2026-02-24", "g3"),
    ("z1", "zoho", "360000", "THB", "0", "lost", "2026-01-02", "2026-02-01", "g4"),
    ("z2", "zoho", None, "THB", "0.25", "open", "2026-02-01", None, "g5"),
    ("s3", "salesforce", "8000", "USD", "0", "lost", "2026-01-20", "2026-02-19", "g6"),
    ("s4", "salesforce", "4000", "USD", "0.9", "open", "2026-02-10", None, "g7"),
]
RATES = [
    {"currency": "EUR", "rate": Decimal("1.2"), "from_date": day("2026-01-01")},
    {"currency": "THB", "rate": Decimal("0.03"), "from_date": day("2026-01-01")},
]
TRUST = ["salesforce", "hubspot", "zoho"]
AS_OF = instant("2026-03-01T12:00:00")


def _row(record: tuple[str | None, ...], id: str, sources: list[str]) -> dict[str, object]:
    _, _, amount, currency, probability, status, created, closed, _ = record
    assert created is not None
    return {
        "id": id,
        "amount": None if amount is None else Decimal(amount),
        "currency": currency,
        "probability": Decimal(probability or 0),
        "status": status,
        "created_at": instant(created),
        "close_date": None if closed is None else day(closed),
        "sources": sources,
    }


def _by_record() -> dict[str, pa.Table]:
    deals = [_row(record, str(record[0]), [str(record[1])]) for record in RECORDS]
    return tables(deals=deals, rates=RATES)


def _by_entity() -> dict[str, pa.Table]:
    deals = []
    for entity in sorted({str(record[-1]) for record in RECORDS}):
        members = [record for record in RECORDS if record[-1] == entity]
        members.sort(key=lambda record: TRUST.index(str(record[1])))
        deals.append(_row(members[0], entity, sorted(str(member[1]) for member in members)))
    return tables(deals=deals, rates=RATES)


def _kpis(given: dict[str, pa.Table], period: str = "quarter") -> dict[str, Kpi]:
    return by_id(compute(given, Options(currency="USD", period=period), AS_OF))


@pytest.mark.parametrize("period", ["quarter", "year", "all"])
def test_by_entity_every_figure_is_right(period: str) -> None:
    kpis = _kpis(_by_entity(), period)
    figures = {id: kpi.value for id, kpi in kpis.items()}
    assert figures["pipeline"] == 14000
    assert figures["weighted_pipeline"] == 8600
    assert figures["open_deals"] == 3
    assert figures["win_rate"] == Decimal("0.5")
    assert figures["win_rate_value"] == Decimal("0.580357")
    assert figures["won_value"] == 26000
    assert figures["average_won"] == 13000
    assert figures["sales_cycle"] == 40
    assert figures["sales_cycle_median"] == 40
    assert figures["velocity"] == Decimal("487.50")
    [missing] = kpis["pipeline"].excluded
    assert (missing.reason, missing.n) == ("open deals without an amount", 1)
    assert kpis["pipeline"].n == 2
    assert kpis["open_deals"].n == 3


def test_by_record_one_deal_inflates_the_pipeline() -> None:
    figures = {id: kpi.value for id, kpi in _kpis(_by_record()).items()}
    assert figures["pipeline"] == 24000
    assert figures["weighted_pipeline"] == 12600
    assert figures["open_deals"] == 4
    assert figures["win_rate"] == Decimal("0.5")
    assert figures["win_rate_value"] == Decimal("0.580357")
    assert figures["won_value"] == 26000
    assert figures["average_won"] == 13000
    assert figures["sales_cycle"] == 40
    assert figures["velocity"] == 650


def test_by_source_a_shared_deal_is_in_both_parts() -> None:
    kpis = compute(_by_entity(), Options(currency="USD"), AS_OF, by="source")
    assert by_id(kpis)["pipeline"].value == 14000
    assert by_id(kpis, "salesforce")["pipeline"].value == 14000
    assert by_id(kpis, "hubspot")["pipeline"].value == 10000
    assert by_id(kpis, "hubspot")["won_value"].value == 6000
    zoho = by_id(kpis, "zoho")
    assert (zoho["pipeline"].value, zoho["open_deals"].value) == (0, 1)
    assert (zoho["win_rate"].value, zoho["average_won"].value) == (0, None)


def test_a_numerator_and_a_denominator_come_with_each_quotient() -> None:
    rate = _kpis(_by_entity())["win_rate_value"]
    assert (rate.numerator, rate.denominator) == (26000, 44800)
    assert rate.unit == "ratio"
    velocity = _kpis(_by_entity())["velocity"]
    assert velocity.unit == "USD/day"
