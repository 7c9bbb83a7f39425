"""One computed KPI, and how it stands against what came before and what was aimed at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from enum import StrEnum

from sync.kpis.options import Target
from sync.kpis.period import Period

#: Decimal places a value is rounded to. Numerators and denominators are never rounded.
PLACES = Decimal("0.000001")

#: Wide enough for the product of several 38-digit decimals: sums and products stay exact.
EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)


class Unit(StrEnum):
    """What a value is measured in. MONEY and MONEY_A_DAY are shown as the currency."""

    MONEY = "money"
    MONEY_A_DAY = "money/day"
    COUNT = "count"
    RATIO = "ratio"
    DAYS = "days"
    HOURS = "hours"
    POINTS = "points"


class Status(StrEnum):
    """How a KPI stands against its target."""

    MET = "met"
    MISSED = "missed"
    NO_TARGET = "no target"
    NO_VALUE = "no value"
    """There is a target, but no value, or nothing to measure the change against."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """Rows that belong to a KPI's population but could not be counted, and why."""

    reason: str
    n: int


@dataclass(frozen=True, slots=True)
class Kpi:
    """One KPI of one period, of everything or of one source.

    Attributes:
        definition: in words, complete enough to recompute it.
        version: of the definition; values of different versions do not compare.
        unit: ``count``, ``ratio``, ``days``, ``hours``, ``points``, an ISO currency code, or
            a currency code with ``/day``.
        value: rounded to six places; None when there is nothing to divide by.
        numerator: exact; None for a median.
        denominator: exact; None where nothing is divided.
        n: rows the value rests on.
        previous: the value of the period before, None where it is not known.
        trend: relative change from `previous` (0.05 for +5 %), None where undefined.
        target: what was aimed at.
        required: the number that meets the target; for a change, worked out from the baseline.
        measured: the number held against `required`; differs from `value` where the target's
            `per` differs from the period.
        source: the connection it is restricted to, '' for everything.
    """

    id: str
    title: str
    definition: str
    version: int
    unit: str
    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    n: int
    excluded: tuple[Excluded, ...]
    as_of: datetime
    period: Period
    previous: Decimal | None = None
    trend: Decimal | None = None
    target: Target | None = None
    required: Decimal | None = None
    measured: Decimal | None = None
    status: Status = Status.NO_TARGET
    source: str = ""

    @property
    def excluded_n(self) -> int:
        """How many rows were left out, whatever the reason."""
        return sum(item.n for item in self.excluded)


def divide(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """The quotient rounded to six places; None, never 0, when the denominator is 0."""
    if denominator == 0:
        return None
    with localcontext(EXACT):
        return rounded(numerator / denominator)


def rounded(value: Decimal) -> Decimal:
    """Six places, without trailing zeros and without an exponent."""
    with localcontext(EXACT):
        value = value.quantize(PLACES)
        if value == value.to_integral_value():
            return value.quantize(Decimal(1))
        return value.normalize()


def trend(value: Decimal | None, previous: Decimal | None) -> Decimal | None:
    """The relative change from `previous` to `value`: 0.05 for +5 %.

    None where one of them is not known, or where `previous` is 0.
    """
    if value is None or previous is None:
        return None
    with localcontext(EXACT):
        return divide(value - previous, abs(previous))


def with_previous(kpi: Kpi, previous: Decimal | None) -> Kpi:
    """The KPI with the value recorded for the period before, and the trend from it.

    For KPIs of the present state (`pipeline` and its kin), whose past only a history of
    recorded values knows. A target that is a change is judged again, by `judge`, with the
    value recorded one `per` ago as the baseline.
    """
    return replace(kpi, previous=previous, trend=trend(kpi.value, previous))


def judge(
    kpi: Kpi, target: Target | None, measured: Decimal | None, baseline: Decimal | None
) -> Kpi:
    """The KPI with its target and status.

    Args:
        measured: the number to hold against the target.
        baseline: what a change is measured from; not used for an absolute target.
    """
    required: Decimal | None = None
    if target is None:
        return replace(kpi, target=None, required=None, measured=None, status=Status.NO_TARGET)
    if target.change is None:
        required = target.target
    elif baseline is not None:
        with localcontext(EXACT):
            required = rounded(baseline + abs(baseline) * target.change)
    if measured is None or required is None:
        status = Status.NO_VALUE
    elif target.direction == "up":
        status = Status.MET if measured >= required else Status.MISSED
    else:
        status = Status.MET if measured <= required else Status.MISSED
    return replace(kpi, target=target, required=required, measured=measured, status=status)
