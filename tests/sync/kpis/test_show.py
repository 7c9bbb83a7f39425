"""KPIs as people read them."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console

from sync.kpis import Options, Target, compute
from sync.kpis.show import amount, change, table
from tests.sync.kpis.build import closed_deal, instant, open_deal, tables, won

AS_OF = instant("2026-03-31T12:00:00")


def _lines(by: str = "") -> list[str]:
    deals = [
        open_deal("a", "12345.675"),
        open_deal("b", None),
        won("c", "100", "2026-02-01"),
        closed_deal("d", "lost", "100", "2026-02-01", sources=["[red]zoho"]),
        won("e", "50", "2025-12-01"),
    ]
    targets = {
        "win_rate": Target(Decimal("0.45")),
        "won_value": Target.parse({"change": "+150%", "per": "quarter"}),
    }
    options = Options(currency="USD", targets=targets)
    kpis = compute(tables(deals=deals), options, AS_OF, by="source" if by else "")
    file = io.StringIO()
    Console(file=file, width=160, color_system=None).print(table(kpis))
    return file.getvalue().splitlines()


def _row(lines: list[str], id: str) -> list[str]:
    [line] = [line for line in lines if line.startswith(f"│ {id} ")]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_row_tells_the_value_its_target_and_what_it_rests_on() -> None:
    lines = _lines()
    assert _row(lines, "pipeline")[2:] == ["12,345.68 USD", "—", "no target", "—", "1 (+1)"]
    assert _row(lines, "win_rate")[2:6] == ["50.0 %", "≥ 45.0 %", "met", "-50.0 %"]
    assert _row(lines, "won_value")[2:6] == [
        "100.00 USD", "+150.0 % a quarter (≥ 125.00 USD)", "missed", "+100.0 %",
    ]  # fmt: skip
    assert _row(lines, "csat")[2] == "—"


def test_what_was_left_out_is_said_once_with_the_kpis_it_concerns() -> None:
    [line] = [line for line in _lines() if "without an amount" in line]
    assert line.strip() == "1 open deals without an amount: not in pipeline, weighted_pipeline"


def test_the_title_names_the_period_and_the_moment() -> None:
    assert "2026-Q1, as of 2026-03-31 12:00 UTC" in _lines()[0]


def test_names_of_sources_are_not_markup() -> None:
    assert any("[red]zoho" in line for line in _lines(by="source"))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("1234.5", "USD", "1,234.50 USD"),
        ("1234.5", "JPY", "1,235 JPY"),
        ("1.2345", "KWD", "1.235 KWD"),
        ("487.5", "USD/day", "487.50 USD/day"),
        ("487.5", "IRR/day", "488 IRR/day"),
        ("0.580357", "ratio", "58.0 %"),
        ("40", "days", "40.0 days"),
        ("1.55", "hours", "1.6 hours"),
        ("3", "count", "3"),
        ("4.5", "points", "4.50"),
        ("-0.0001", "USD", "0.00 USD"),
    ],
)
def test_values_have_their_units(value: str, unit: str, text: str) -> None:
    assert amount(Decimal(value), unit) == text


def test_nothing_is_not_zero() -> None:
    assert amount(None, "USD") == "—"
    assert change(None) == "—"
    assert change(Decimal(0)) == "0.0 %"
    assert change(Decimal("-0.0001")) == "0.0 %"
