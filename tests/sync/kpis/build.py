"""Small tables for KPI tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sync.kpis import Kpi
from sync.kpis.tables import COLUMNS


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as one of the input tables; what a row does not say is NULL."""
    types = COLUMNS[name]
    return pa.table(
        [pa.array([row.get(column) for row in rows], kind) for column, kind in types.items()],
        names=list(types),
    )


def tables(**rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Table]:
    return {name: table(name, items) for name, items in rows.items()}


def instant(text: str) -> datetime:
    """A UTC instant; a day alone is its midnight."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


def won(id: str, amount: str | None, closed: str, **more: Any) -> dict[str, Any]:
    return closed_deal(id, "won", amount, closed, **more)


def closed_deal(
    id: str, status: str, amount: str | None, closed: str, **more: Any
) -> dict[str, Any]:
    return {
        "id": id,
        "status": status,
        "amount": None if amount is None else Decimal(amount),
        "currency": "USD",
        "close_date": day(closed),
        "created_at": instant("2025-01-01"),
        "sources": ["salesforce"],
        **more,
    }


def open_deal(id: str, amount: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "status": "open",
        "amount": None if amount is None else Decimal(amount),
        "currency": "USD",
        "probability": Decimal("0.5"),
        "sources": ["salesforce"],
        **more,
    }


def by_id(kpis: Sequence[Kpi], source: str = "") -> dict[str, Kpi]:
    return {kpi.id: kpi for kpi in kpis if kpi.source == source}
