"""KPIs computed from the store and kept in it, so that the present has a past to compare with.

A KPI of the present state (`pipeline` and its kin) takes its previous value from what was
kept: the last value of the same definition and source on or before the last day of the
period it is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from mapping.stages import load_stages
from sync.kpis.definitions import BY_ID, compute
from sync.kpis.kpi import Kpi, judge, with_previous
from sync.kpis.load import tables as read_tables
from sync.kpis.options import Options, Target
from sync.kpis.period import local_day, periods
from sync.settings import Settings
from sync.store import tables
from sync.store.database import Session
from sync.store.database import session as open_session


def options_of(settings: Settings) -> Options:
    """What settings.yaml says about KPIs."""
    return Options(
        currency=settings.hub.currency,
        time_zone=settings.hub.time_zone,
        period=settings.kpis.period,
        targets={
            name: Target.parse(target.model_dump(exclude_unset=True))
            for name, target in settings.kpis.targets.items()
        },
        stage_probability={name: s.probability for name, s in load_stages().items()},
        active_days=settings.kpis.active_days,
    )


def record(
    engine: sa.Engine, settings: Settings, now: datetime, *, by_source: bool = False
) -> list[Kpi]:
    """Compute every KPI, keep the values, and return them with their trends.

    The rates of settings.yaml are brought into the store first.
    """
    options = options_of(settings)
    with open_session(engine) as session:
        _save_rates(session, settings)
        session.commit()
    found = compute(read_tables(engine), options, now, "source" if by_source else "")
    with open_session(engine) as session:
        found = [_compared(session, kpi, options) for kpi in found]
        _save(session, found, now)
        session.commit()
    return found


def snapshot(engine: sa.Engine, settings: Settings, now: datetime) -> int:
    """Keep today's state of every deal, once a day; how many there are."""
    today = local_day(now, settings.hub.time_zone)
    deal = tables.entity["deal"].c
    query = sa.select(
        deal.entity_id, deal.stage, deal.status, deal.amount, deal.currency, deal.probability
    ).where(deal.archived.is_(False), deal.merged_into == "")
    with open_session(engine) as session:
        rows = [
            {
                "day": today,
                "deal": row.entity_id,
                "stage": row.stage,
                "status": row.status,
                "amount": row.amount,
                "currency": row.currency,
                "probability": row.probability,
            }
            for row in session.rows(query)
        ]
        session.upsert(tables.deal_snapshot, rows)
        session.commit()
    return len(rows)


def _save_rates(session: Session, settings: Settings) -> None:
    """The rates of the settings replace those that came from settings before."""
    column = tables.exchange_rate.c
    session.execute(sa.delete(tables.exchange_rate).where(column.source == "settings"))
    session.upsert(
        tables.exchange_rate,
        [
            {
                "currency": rate.currency,
                "from_date": rate.from_date,
                "rate": rate.rate,
                "source": "settings",
            }
            for rate in settings.rates
        ],
    )


def _compared(session: Session, kpi: Kpi, options: Options) -> Kpi:
    if not BY_ID[kpi.id].state:
        return kpi
    today = local_day(kpi.as_of, options.time_zone)
    _, before = periods(options.period, today, options.year_start)
    if before is not None and before.end is not None:
        kpi = with_previous(kpi, _kept(session, kpi, before.end, options.time_zone))
    target = options.targets.get(kpi.id)
    if kpi.source or target is None or target.per is None:
        return kpi
    _, before = periods(target.per, today, options.year_start)
    assert before is not None
    assert before.end is not None
    return judge(kpi, target, kpi.value, _kept(session, kpi, before.end, options.time_zone))


def _kept(session: Session, kpi: Kpi, end: date, time_zone: str) -> Decimal | None:
    """The last value kept before the day `end` began, in the reporting time zone."""
    column = tables.kpi_value.c
    until = datetime.combine(end, time(), ZoneInfo(time_zone)).astimezone(UTC)
    query = (
        sa.select(column.value, column.detail)
        .where(
            column.kpi == kpi.id,
            column.version == kpi.version,
            column.unit == kpi.unit,
            column.as_of < until,
            column.as_of >= until - timedelta(days=366),
        )
        .order_by(column.as_of.desc(), column.id.desc())
    )
    for value, detail in session.rows(query):
        if detail.get("source", "") == kpi.source:
            found: Decimal | None = value
            return found
    return None


def _save(session: Session, found: Sequence[Kpi], now: datetime) -> None:
    session.execute(
        sa.insert(tables.kpi_value),
        [
            {
                "kpi": kpi.id,
                "version": kpi.version,
                "as_of": now,
                "value": kpi.value,
                "numerator": kpi.numerator,
                "denominator": kpi.denominator,
                "unit": kpi.unit,
                "target": kpi.required,
                "status": str(kpi.status),
                "detail": {
                    "source": kpi.source,
                    "period": kpi.period.name,
                    "n": kpi.n,
                    "excluded": [[item.reason, item.n] for item in kpi.excluded],
                },
            }
            for kpi in found
        ],
    )


def as_json(kpi: Kpi) -> dict[str, object]:
    """A KPI as plain JSON, numbers as exact decimals."""
    return {
        "id": kpi.id,
        "title": kpi.title,
        "value": kpi.value,
        "unit": kpi.unit,
        "numerator": kpi.numerator,
        "denominator": kpi.denominator,
        "n": kpi.n,
        "excluded": [{"reason": item.reason, "n": item.n} for item in kpi.excluded],
        "period": kpi.period.name,
        "as_of": kpi.as_of.isoformat(),
        "previous": kpi.previous,
        "trend": kpi.trend,
        "target": kpi.required,
        "direction": kpi.target.direction if kpi.target else None,
        "status": str(kpi.status),
        "source": kpi.source,
        "version": kpi.version,
    }
