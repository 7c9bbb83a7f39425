"""KPIs that are kept: rates from settings, and what the present is compared with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.engine import Engine

from sync.kpis import Kpi, Status
from sync.kpis.record import as_json, record
from sync.settings import Settings, parse
from sync.store import tables
from sync.store.database import session

SETTINGS = """\
hub: {{time_zone: Asia/Bangkok, currency: USD}}
connections: {{crm: {{vendor: memory, url: "memory://crm", auth: {{}}}}}}
kpis: {{period: {period}, targets: {{pipeline: {{change: "+50%", per: month}}}}}}
rates: [{{currency: EUR, rate: {rate}}}]
"""
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def _settings(period: str = "month", rate: str = "1.2") -> Settings:
    return parse(SETTINGS.format(period=period, rate=rate))


@pytest.fixture
def engine(sqlite_store: Callable[[], Engine]) -> Engine:
    made = sqlite_store()
    _deal(made, "d1", "1000")
    return made


def _deal(engine: Engine, id: str, amount: str) -> None:
    with session(engine) as opened:
        opened.upsert(
            tables.entity["deal"],
            [
                {
                    "entity_id": id, "stage": "proposal", "status": "open", "currency": "EUR",
                    "amount": Decimal(amount), "archived": False, "merged_into": "",
                    "updated_at": NOW,
                }
            ],
        )  # fmt: skip
        opened.commit()


def _pipeline(engine: Engine, at: datetime, settings: Settings | None = None) -> Kpi:
    [found] = [k for k in record(engine, settings or _settings(), at) if k.id == "pipeline"]
    return found


def test_rates_of_the_settings_replace_those_of_before(engine: Engine) -> None:
    assert _pipeline(engine, NOW).value == 1200
    assert _pipeline(engine, NOW, _settings(rate="1.1")).value == 1100


def test_the_present_is_compared_with_what_was_kept_a_period_ago(engine: Engine) -> None:
    assert _pipeline(engine, NOW - timedelta(days=31)).previous is None
    _deal(engine, "d2", "500")
    now = _pipeline(engine, NOW)
    assert (now.value, now.previous, now.trend) == (1800, 1200, Decimal("0.5"))
    assert now.status is Status.MET
    assert now.required == 1800


def test_what_was_kept_within_the_period_is_no_past(engine: Engine) -> None:
    _pipeline(engine, NOW - timedelta(days=3))
    assert _pipeline(engine, NOW).previous is None
    assert _pipeline(engine, NOW).status is Status.NO_VALUE


def test_days_end_in_the_reporting_zone(engine: Engine) -> None:
    # The first 15 days of March are compared with those of February: up to February 15th, 24:00
    # in Bangkok, which is 17:00 UTC.
    _pipeline(engine, datetime(2026, 2, 15, 17, 1, tzinfo=UTC))
    assert _pipeline(engine, NOW).previous is None
    _pipeline(engine, datetime(2026, 2, 15, 16, 59, tzinfo=UTC))
    assert _pipeline(engine, NOW).previous == 1200


def test_nothing_comes_before_all_time(engine: Engine) -> None:
    _pipeline(engine, NOW - timedelta(days=31), _settings("all"))
    assert _pipeline(engine, NOW, _settings("all")).previous is None


def test_values_in_another_currency_do_not_compare(engine: Engine) -> None:
    _pipeline(engine, NOW - timedelta(days=31))
    other = _settings().model_copy(
        update={"hub": _settings().hub.model_copy(update={"currency": "EUR"}), "rates": ()}
    )
    assert _pipeline(engine, NOW, other).previous is None


def test_every_value_is_kept_with_what_it_rests_on(engine: Engine) -> None:
    found = record(engine, _settings(), NOW)
    with session(engine) as opened:
        rows = {row.kpi: row for row in opened.rows(tables.kpi_value.select())}
    assert set(rows) == {kpi.id for kpi in found}
    assert rows["pipeline"].value == 1200
    assert rows["pipeline"].detail["n"] == 1
    assert rows["win_rate"].value is None


def test_json_has_exact_numbers_and_the_target(engine: Engine) -> None:
    body = as_json(_pipeline(engine, NOW))
    assert body["value"] == Decimal(1200)
    assert body["status"] == "no value"
    assert body["direction"] == "up"
