"""KPIs for people: values with their units, and a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext

from rich.table import Table
from rich.text import Text

from sync.kpis.kpi import EXACT, Kpi, Status, Unit

#: What stands where there is no number.
NOTHING = "—"

#: Decimal places of currencies that do not have two (ISO 4217; the rial is used without).
_WHOLE = (
    "BIF", "CLP", "DJF", "GNF", "IRR", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
    "VND", "VUV", "XAF", "XOF", "XPF",
)  # fmt: skip
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_PLACES = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3)}

_STYLES = {Status.MET: "green", Status.MISSED: "red", Status.NO_VALUE: "yellow"}


def amount(value: Decimal | None, unit: str) -> str:
    """A value with its unit: ``14,000.00 USD``, ``50.0 %``, ``40.0 days``."""
    if value is None:
        return NOTHING
    match unit:
        case Unit.RATIO:
            return f"{_number(value * 100, 1)} %"
        case Unit.COUNT:
            return _number(value, 0)
        case Unit.DAYS | Unit.HOURS:
            return f"{_number(value, 1)} {unit}"
        case Unit.POINTS:
            return _number(value, 2)
    places = _PLACES.get(unit.removesuffix("/day"), 2)
    return f"{_number(value, places)} {unit}"


def change(value: Decimal | None) -> str:
    """A relative change: ``+5.0 %``."""
    if value is None:
        return NOTHING
    number = _number(value * 100, 1)
    return f"{number} %" if value <= 0 else f"+{number} %"


def _number(value: Decimal, places: int) -> str:
    with localcontext(EXACT):
        number = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
        return f"{number if number else abs(number):,f}"


def target(kpi: Kpi) -> str:
    """What is aimed at: ``≥ 45.0 %``, or ``+5.0 % a quarter (≥ 47.3 %)``."""
    if kpi.target is None:
        return NOTHING
    sign = "≥" if kpi.target.direction == "up" else "≤"
    required = "" if kpi.required is None else f"{sign} {amount(kpi.required, kpi.unit)}"
    if kpi.target.change is None:
        return required
    aim = f"{change(kpi.target.change)} a {kpi.target.per}"
    return f"{aim} ({required})" if required else aim


def table(kpis: Sequence[Kpi]) -> Table:
    """A table with a row for each KPI, and what was left out below it.

    A column for the source appears when one of them is restricted to a source.
    """
    split = any(kpi.source for kpi in kpis)
    result = Table(title=_title(kpis), caption=_left_out(kpis), caption_justify="left")
    result.add_column("id", no_wrap=True)
    result.add_column("title")
    if split:
        result.add_column("source")
    for header in ("value", "target", "status", "trend", "n"):
        result.add_column(header, justify="left" if header == "status" else "right")
    for kpi in kpis:
        cells: list[str | Text] = [kpi.id, kpi.title]
        if split:
            cells.append(Text(kpi.source or "all"))
        result.add_row(
            *cells,
            amount(kpi.value, kpi.unit),
            target(kpi),
            Text(kpi.status.value, style=_STYLES.get(kpi.status, "dim")),
            Text(change(kpi.trend), style=_trend_style(kpi)),
            f"{kpi.n:,} (+{kpi.excluded_n:,})" if kpi.excluded else f"{kpi.n:,}",
        )
    return result


def _title(kpis: Sequence[Kpi]) -> str:
    if not kpis:
        return "KPIs"
    first = kpis[0]
    running = ", running" if first.period.running else ""
    return f"KPIs of {first.period.name}{running}, as of {first.as_of:%Y-%m-%d %H:%M %Z}"


def _left_out(kpis: Sequence[Kpi]) -> Text | None:
    """A line for each reason, with the KPIs it concerns."""
    reasons: dict[tuple[str, int], list[str]] = {}
    for kpi in kpis:
        if not kpi.source:
            for item in kpi.excluded:
                reasons.setdefault((item.reason, item.n), []).append(kpi.id)
    lines = [f"{n:,} {reason}: not in {', '.join(ids)}" for (reason, n), ids in reasons.items()]
    return Text("\n".join(["Left out (+):", *lines])) if lines else None


def _trend_style(kpi: Kpi) -> str:
    """Good or bad only where a target says which way is good."""
    if kpi.trend is None or kpi.trend == 0 or kpi.target is None:
        return ""
    return "green" if (kpi.trend > 0) == (kpi.target.direction == "up") else "red"
