"""The tables that KPIs are computed from, read from the store."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from sqlalchemy.engine import Engine

from sync.kpis.tables import COLUMNS
from sync.publish import Query, read_view, reading


def tables(engine: Engine) -> dict[str, pa.Table]:
    """The merged rows and the exchange rates, all from one state of the store.

    Returns:
        What `compute` takes: ``deals``, ``tickets``, ``companies``, ``contacts`` with the
        columns KPIs use, and ``rates`` (to the reporting currency).
    """
    views = [name for name in COLUMNS if name != "rates"]
    with reading(engine) as query:
        result = {view: read_view(query, view, list(COLUMNS[view])) for view in views}
        result["rates"] = _rates(query)
    return result


def _rates(query: Query) -> pa.Table:
    _, batches = query("SELECT currency, rate, from_date FROM exchange_rate")
    rows = [row for batch in batches for row in batch]
    types = COLUMNS["rates"]
    return pa.table(
        {
            "currency": pa.array([row[0] for row in rows], types["currency"]),
            "rate": pa.array([Decimal(row[1]) for row in rows], types["rate"]),
            "from_date": pa.array([_day(row[2]) for row in rows], types["from_date"]),
        }
    )


def _day(value: Any) -> date | None:
    """SQLite gives ISO text, PostgreSQL a date."""
    if isinstance(value, datetime):
        return value.date()
    return date.fromisoformat(value) if isinstance(value, str) else value
