"""The KPIs: what each is called, how it is defined, and how it is worked out.

A definition's text is what reporting consumers are shown. Whoever changes what a KPI counts
changes its text and raises its version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, localcontext
from typing import Literal

import pyarrow as pa

from sync.kpis.facts import Base, Facts
from sync.kpis.kpi import EXACT, Excluded, Kpi, Unit, divide, judge, rounded, trend
from sync.kpis.options import Options
from sync.kpis.period import Period, local_day, periods

#: Microseconds in an hour.
_HOUR = Decimal(3_600_000_000)


@dataclass(frozen=True, slots=True)
class Measure:
    """A KPI before it is compared with anything."""

    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    n: int
    excluded: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """One KPI.

    Attributes:
        state: it describes the present, not the period: what it was before is known only
            from recorded values, and `compute` gives no previous value.
    """

    id: str
    title: str
    text: str
    unit: Unit
    measure: Callable[[Facts], Measure]
    version: int = 1
    state: bool = False


def _sum(amount: Decimal, n: int, excluded: tuple[Excluded, ...]) -> Measure:
    return Measure(rounded(amount), amount, None, n, excluded)


def _quotient(
    numerator: Decimal | int, denominator: Decimal | int, n: int, excluded: tuple[Excluded, ...]
) -> Measure:
    over, under = Decimal(numerator), Decimal(denominator)
    return Measure(divide(over, under), over, under, n, excluded)


def _pipeline(facts: Facts) -> Measure:
    deals = facts.open_deals()
    return _sum(deals.amount, deals.valued, deals.unvalued)


def _weighted_pipeline(facts: Facts) -> Measure:
    deals = facts.open_deals()
    return _sum(deals.weighted, deals.weighed, deals.unweighed)


def _open_deals(facts: Facts) -> Measure:
    deals = facts.open_deals()
    return Measure(Decimal(deals.n), Decimal(deals.n), None, deals.n, deals.unknown)


def _win_rate(facts: Facts) -> Measure:
    deals = facts.closed_deals()
    closed = deals.won + deals.lost
    return _quotient(deals.won, closed, closed, deals.undated)


def _win_rate_value(facts: Facts) -> Measure:
    deals = facts.closed_deals()
    with localcontext(EXACT):
        closed = deals.won_amount + deals.lost_amount
    excluded = deals.won_unvalued + deals.lost_unvalued + deals.undated
    return _quotient(deals.won_amount, closed, deals.won_valued + deals.lost_valued, excluded)


def _won_value(facts: Facts) -> Measure:
    deals = facts.closed_deals()
    return _sum(deals.won_amount, deals.won_valued, deals.won_unvalued + deals.undated)


def _average_won(facts: Facts) -> Measure:
    deals = facts.closed_deals()
    return _quotient(
        deals.won_amount, deals.won_valued, deals.won_valued, deals.won_unvalued + deals.undated
    )


def _sales_cycle(facts: Facts) -> Measure:
    cycle = facts.cycle()
    return _quotient(cycle.total, cycle.n, cycle.n, cycle.excluded)


def _sales_cycle_median(facts: Facts) -> Measure:
    cycle = facts.cycle()
    value = None if cycle.median is None else rounded(cycle.median)
    return Measure(value, None, None, cycle.n, cycle.excluded)


def _velocity(facts: Facts) -> Measure:
    # open x (amount / valued) x (won / closed) / (days / cycles), as one fraction: rounding
    # each average first would round the result four times.
    open_, closed, cycle = facts.open_deals(), facts.closed_deals(), facts.cycle()
    with localcontext(EXACT):
        numerator = open_.n * closed.won_amount * closed.won * cycle.n
        denominator = closed.won_valued * (closed.won + closed.lost) * cycle.total
    excluded = open_.unknown + closed.won_unvalued + closed.undated + cycle.excluded
    return _quotient(numerator, denominator, open_.n, tuple(dict.fromkeys(excluded)))


def _conversion_rate(facts: Facts) -> Measure:
    share = facts.conversion()
    return _quotient(share.part, share.whole, share.whole, share.excluded)


def _retention_rate(facts: Facts) -> Measure:
    share = facts.retention()
    return _quotient(share.part, share.whole, share.whole, share.excluded)


def _customer_lifetime_value(facts: Facts) -> Measure:
    lifetime = facts.lifetime()
    return _quotient(lifetime.amount, lifetime.customers, lifetime.customers, lifetime.excluded)


def _average_resolution_time(facts: Facts) -> Measure:
    resolution = facts.resolution()
    # Seconds over seconds an hour: microseconds in hours have no finite decimal.
    with localcontext(EXACT):
        seconds = resolution.total / 1_000_000
    return _quotient(seconds, resolution.n * 3600, resolution.n, resolution.excluded)


def _median_resolution_time(facts: Facts) -> Measure:
    resolution = facts.resolution()
    value = None if resolution.median is None else divide(resolution.median, _HOUR)
    return Measure(value, None, None, resolution.n, resolution.excluded)


def _csat(facts: Facts) -> Measure:
    ratings = facts.ratings()
    return _quotient(ratings.satisfied, ratings.rated, ratings.rated, ratings.excluded)


def _csat_mean(facts: Facts) -> Measure:
    ratings = facts.ratings()
    return _quotient(ratings.points, ratings.rated, ratings.rated, ratings.excluded)


#: Every KPI, in the order of reports.
DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "pipeline",
        "Pipeline",
        "Sum of the amounts of all deals that are open now, in the reporting currency at "
        "today's rate. A deal counts once, however many CRMs hold it. Open deals without an "
        "amount, or whose currency has no rate, are left out and counted.",
        Unit.MONEY,
        _pipeline,
        state=True,
    ),
    Definition(
        "weighted_pipeline",
        "Weighted pipeline",
        "Sum of amount x probability of all deals that are open now, in the reporting currency "
        "at today's rate. The deal's own probability comes first, then that of its stage. Open "
        "deals without an amount, a rate or a probability are left out and counted.",
        Unit.MONEY,
        _weighted_pipeline,
        state=True,
    ),
    Definition(
        "open_deals",
        "Open deals",
        "Number of deals that are open now, with or without an amount.",
        Unit.COUNT,
        _open_deals,
        state=True,
    ),
    Definition(
        "win_rate",
        "Win rate",
        "Deals won / deals won or lost, by close date in the period. Open deals are in neither.",
        Unit.RATIO,
        _win_rate,
    ),
    Definition(
        "win_rate_value",
        "Win rate by value",
        "Amount won / amount won or lost, by close date in the period, in the reporting currency "
        "at the rate of the close date. Deals without an amount or a rate are left out and "
        "counted.",
        Unit.RATIO,
        _win_rate_value,
    ),
    Definition(
        "won_value",
        "Won value",
        "Sum of the amounts of deals won, by close date in the period, in the reporting currency "
        "at the rate of the close date. Deals without an amount or a rate are left out and "
        "counted.",
        Unit.MONEY,
        _won_value,
    ),
    Definition(
        "average_won",
        "Average won deal",
        "Won value / number of won deals that have an amount and a rate, by close date in the "
        "period.",
        Unit.MONEY,
        _average_won,
    ),
    Definition(
        "sales_cycle",
        "Sales cycle",
        "Mean number of days from the day a deal was created to its close date, over deals won "
        "by close date in the period. Days are those of the reporting time zone. Deals closed "
        "before they were created (imported later) are left out and counted.",
        Unit.DAYS,
        _sales_cycle,
    ),
    Definition(
        "sales_cycle_median",
        "Sales cycle (median)",
        "Median number of days from the day a deal was created to its close date, over the same "
        "deals as the sales cycle.",
        Unit.DAYS,
        _sales_cycle_median,
    ),
    Definition(
        "velocity",
        "Sales velocity",
        "Open deals now x average won deal x win rate / sales cycle: money a day. The last three "
        "are those of the period. No value where one of them has none, or where the sales cycle "
        "is 0 days.",
        Unit.MONEY_A_DAY,
        _velocity,
        state=True,
    ),
    Definition(
        "conversion_rate",
        "Conversion rate",
        "Leads created in the period that became customers / leads created in the period. A lead "
        "is a company (or a contact, where settings say so), and becomes a customer on the close "
        "date of its first won deal: by the end of the period, or within the days that settings "
        "give. A lead whose first win lies before its creation was a customer already: left out "
        "and counted. Both counts are of the same leads, so the rate cannot pass 100 %.",
        Unit.RATIO,
        _conversion_rate,
    ),
    Definition(
        "retention_rate",
        "Retention rate",
        "(E - N) / S: customers active when the period starts that are still active at its end / "
        "customers active when it starts. A company is an active customer on a day when it won "
        "its last deal at most so many days before (365 unless settings say otherwise). New "
        "customers (first win in the period) and reactivated ones (an earlier win, but not "
        "active at the start) are not retained ones: left out and counted.",
        Unit.RATIO,
        _retention_rate,
    ),
    Definition(
        "customer_lifetime_value",
        "Customer lifetime value (historic)",
        "Sum of the amounts of all deals won up to the end of the period / number of companies "
        "that won them, in the reporting currency at the rate of each close date. Revenue, not "
        "margin. Won deals without a company, an amount or a rate are left out and counted.",
        Unit.MONEY,
        _customer_lifetime_value,
    ),
    Definition(
        "average_resolution_time",
        "Average resolution time",
        "Mean number of hours from the creation of a ticket to its close, nights and weekends "
        "included, over closed tickets by day of closing in the period. Tickets without a "
        "closing time are left out and counted. The numerator is in seconds, the denominator "
        "3600 x tickets.",
        Unit.HOURS,
        _average_resolution_time,
    ),
    Definition(
        "median_resolution_time",
        "Median resolution time",
        "Median number of hours from the creation of a ticket to its close, over the same "
        "tickets as the average resolution time.",
        Unit.HOURS,
        _median_resolution_time,
    ),
    Definition(
        "csat",
        "Customer satisfaction",
        "Ratings of 4 or 5 / ratings of 1 to 5, of tickets by day of closing (of creation where "
        "still open) in the period. Tickets without a rating are left out and counted.",
        Unit.RATIO,
        _csat,
    ),
    Definition(
        "csat_mean",
        "Customer satisfaction (mean)",
        "Mean of the ratings of 1 to 5, of the same tickets as customer satisfaction.",
        Unit.POINTS,
        _csat_mean,
    ),
)

#: Definitions by id.
BY_ID: Mapping[str, Definition] = {definition.id: definition for definition in DEFINITIONS}


def compute(
    tables: Mapping[str, pa.Table],
    options: Options,
    as_of: datetime,
    by: Literal["", "source"] = "",
) -> list[Kpi]:
    """Every KPI, in the order of `DEFINITIONS`.

    Args:
        tables: merged rows as `tables.COLUMNS` lists them (`load.tables` reads them from the
            store). One row an entity: what is given twice is counted twice.
        options: currency, time zone, period, targets.
        as_of: when the rows were read; says which period is running and which rate is
            today's. Rows are taken as they are now, not as they were then.
        by: ``source`` adds, after the totals, each KPI restricted to the rows that each
            connection holds. A row held by two connections is in both parts, so the parts
            add up to more than the total; targets are for totals only.

    Raises:
        ValueError: `as_of` is naive, a target names no KPI, the period is not one, or a
            table does not fit.
    """
    unknown = sorted(options.targets.keys() - BY_ID.keys())
    if unknown:
        raise ValueError(f"targets: there is no KPI {unknown[0]}; there are {', '.join(BY_ID)}")
    today = local_day(as_of, options.time_zone)
    current, before = periods(options.period, today, options.year_start)
    with Base(tables, options, today) as base:
        result = []
        for source in ["", *(base.sources() if by == "source" else [])]:
            now = Facts(base, current, source)
            then = Facts(base, before, source) if before else None
            kpis = [_kpi(d, options, as_of, current, now, then, source) for d in DEFINITIONS]
            if not source:
                taken: dict[str, tuple[Facts, Facts]] = {}
                kpis = [_judged(kpi, options, today, base, taken) for kpi in kpis]
            result += kpis
    return result


def _kpi(
    definition: Definition,
    options: Options,
    as_of: datetime,
    period: Period,
    now: Facts,
    then: Facts | None,
    source: str,
) -> Kpi:
    measure = definition.measure(now)
    previous = definition.measure(then).value if then and not definition.state else None
    return Kpi(
        id=definition.id,
        title=definition.title,
        definition=definition.text,
        version=definition.version,
        unit=_unit(definition.unit, options.currency),
        value=measure.value,
        numerator=measure.numerator,
        denominator=measure.denominator,
        n=measure.n,
        excluded=measure.excluded,
        as_of=as_of,
        period=period,
        previous=previous,
        trend=trend(measure.value, previous),
        source=source,
    )


def _unit(unit: Unit, currency: str) -> str:
    if unit is Unit.MONEY:
        return currency
    return f"{currency}/day" if unit is Unit.MONEY_A_DAY else unit.value


def _judged(
    kpi: Kpi, options: Options, today: date, base: Base, taken: dict[str, tuple[Facts, Facts]]
) -> Kpi:
    """The KPI held against its target; `taken` keeps the facts of each target's `per`."""
    target = options.targets.get(kpi.id)
    if target is None or target.change is None or target.per is None:
        return judge(kpi, target, kpi.value, None)
    definition = BY_ID[kpi.id]
    if definition.state or target.per == options.period:
        return judge(kpi, target, kpi.value, kpi.previous)
    if target.per not in taken:
        current, before = periods(target.per, today, options.year_start)
        assert before is not None
        taken[target.per] = Facts(base, current), Facts(base, before)
    now, then = taken[target.per]
    return judge(kpi, target, definition.measure(now).value, definition.measure(then).value)
