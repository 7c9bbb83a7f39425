"""Conversion, retention and lifetime value."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync.kpis import Excluded, Kpi, Options, compute
from tests.sync.kpis.build import by_id, closed_deal, day, instant, open_deal, tables, won

AS_OF = instant("2026-03-31T12:00:00")


def _kpis(options: dict[str, Any] | None = None, **rows: Any) -> Mapping[str, Kpi]:
    return by_id(compute(tables(**rows), Options(currency="USD", **options or {}), AS_OF))


def _lead(id: str, created: str | None, **more: Any) -> dict[str, Any]:
    return {"id": id, "created_at": None if created is None else instant(created), **more}


def test_conversion_is_of_the_leads_created_in_the_period() -> None:
    companies = [
        _lead("converted", "2026-01-10"),
        _lead("twice", "2026-01-10"),
        _lead("later", "2026-03-30"),
        _lead("lost", "2026-01-10"),
        _lead("never", "2026-01-10"),
        _lead("old", "2025-12-31"),
        _lead("already", "2026-02-10"),
        _lead("unknown", None),
    ]
    deals = [
        won("1", "1", "2026-01-10", company="converted"),
        won("2", "1", "2026-02-10", company="twice"),
        won("3", "1", "2026-03-10", company="twice"),
        won("4", "1", "2026-04-01", company="later"),
        closed_deal("5", "lost", "1", "2026-02-01", company="lost"),
        won("6", "1", "2026-02-01", company="old"),
        won("7", "1", "2026-02-09", company="already"),
    ]
    kpi = _kpis(companies=companies, deals=deals)["conversion_rate"]
    assert (kpi.numerator, kpi.denominator, kpi.value) == (2, 5, Decimal("0.4"))
    assert kpi.excluded == (
        Excluded("companies that were customers before they were created", 1),
        Excluded("companies without a creation date", 1),
    )


def test_a_lead_may_have_to_convert_within_some_days() -> None:
    companies = [_lead("a", "2026-01-01"), _lead("b", "2026-01-01")]
    deals = [
        won("1", "1", "2026-01-31", company="a"),
        won("2", "1", "2026-02-01", company="b"),
    ]
    rows = {"companies": companies, "deals": deals}
    assert _kpis(**rows)["conversion_rate"].value == 1
    limited = _kpis({"conversion_days": 30}, **rows)["conversion_rate"]
    assert limited.value == Decimal("0.5")


def test_contacts_convert_by_their_own_deals_and_their_company_s() -> None:
    contacts = [
        _lead("named", "2026-01-01"),
        _lead("employed", "2026-01-01", company="acme"),
        _lead("neither", "2026-01-01", company="other"),
        _lead("nobody", "2026-01-01"),
    ]
    deals = [
        won("1", "1", "2026-02-01", contacts=["named"]),
        won("2", "1", "2026-02-01", company="acme", contacts=["employed"]),
    ]
    kpi = _kpis({"lead": "contact"}, contacts=contacts, deals=deals)["conversion_rate"]
    assert (kpi.numerator, kpi.denominator) == (2, 4)


def test_retention_counts_neither_new_nor_reactivated_customers() -> None:
    deals = [
        won("1", "1", "2025-06-01", company="stays"),
        won("2", "1", "2026-02-01", company="stays"),
        won("3", "1", "2025-05-01", company="still within the days"),
        won("4", "1", "2025-01-02", company="leaves"),
        won("5", "1", "2026-02-01", company="new"),
        won("6", "1", "2023-01-01", company="comes back"),
        won("7", "1", "2026-01-01", company="comes back"),
        won("8", "1", "2023-01-01", company="long gone"),
        won("9", "1", "2026-02-01", company=None),
        open_deal("10", "1", company="leaves"),
    ]
    kpi = _kpis(deals=deals)["retention_rate"]
    assert (kpi.numerator, kpi.denominator, kpi.n) == (2, 3, 3)
    assert kpi.value == Decimal("0.666667")
    assert kpi.excluded == (Excluded("new customers", 1), Excluded("reactivated customers", 1))


def test_a_customer_is_active_for_exactly_the_days_given() -> None:
    # Active at the start (1 January): a win on one of the 30 days before it.
    deals = [won("1", "1", "2025-12-02", company="in"), won("2", "1", "2025-12-01", company="out")]
    kpi = _kpis({"active_days": 30}, deals=deals)["retention_rate"]
    assert (kpi.numerator, kpi.denominator) == (0, 1)


def test_retention_of_all_time_has_no_start() -> None:
    deals = [won("1", "1", "2025-12-02", company="a")]
    assert _kpis({"period": "all"}, deals=deals)["retention_rate"].value is None


def test_retention_by_source_is_of_the_companies_it_holds() -> None:
    deals = [
        won("1", "1", "2025-12-02", company="a", sources=["hubspot"]),
        won("2", "1", "2025-12-02", company="b", sources=["zoho"]),
    ]
    companies = [_lead("a", "2025-01-01", sources=["zoho"]), _lead("b", "2025-01-01")]
    given = tables(deals=deals, companies=companies)
    kpis = compute(given, Options(currency="USD"), AS_OF, by="source")
    assert by_id(kpis)["retention_rate"].n == 2
    assert by_id(kpis, "zoho")["retention_rate"].n == 1
    assert by_id(kpis, "hubspot")["retention_rate"].n == 0


def test_lifetime_value_is_all_that_was_won_by_the_customers() -> None:
    deals = [
        won("1", "100", "2024-01-01", company="a"),
        won("2", "50", "2026-01-01", company="a"),
        won("3", "30", "2026-01-01", company="b"),
        won("4", "999", "2026-04-01", company="b"),
        won("5", None, "2026-01-01", company="c"),
        won("6", "7", "2026-01-01", company=None),
    ]
    kpi = _kpis(deals=deals)["customer_lifetime_value"]
    assert (kpi.numerator, kpi.denominator, kpi.value) == (180, 2, 90)
    assert kpi.excluded == (
        Excluded("won deals without an amount", 1),
        Excluded("won deals without a company", 1),
    )
    assert kpi.previous == 100
    assert kpi.trend == Decimal("-0.1")
    assert day("2026-01-01") == kpi.period.start
