"""What connections have spent, kept so that restarts and other processes know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from connectors.budget import KEPT, Budget, Heard
from sync.store import database, tables
from sync.store.database import Session

#: How long spending is kept for people to look at.
_HISTORY = timedelta(days=90)


def read(engine: Engine, budget: Budget, now: datetime) -> None:
    """Tell a budget what is kept of its connection; waits for nobody."""
    with engine.connect() as reader:
        _take_up(budget, now, lambda query: reader.execute(query).all())


def _take_up(budget: Budget, now: datetime, rows: Callable[[Any], Sequence[Any]]) -> None:
    column = tables.spend.c
    mine = sa.select(tables.spend).where(column.connection == budget.connection)
    kept = rows(mine.where(column.hour > now - KEPT))
    said = rows(mine.where(column.heard_at.is_not(None)).order_by(column.hour.desc()).limit(1))
    heard = Heard(said[0].allowed, said[0].remaining, said[0].heard_at) if said else Heard()
    budget.load({row.hour: row.units for row in kept}, heard)


def flush(engine: Engine, budget: Budget, now: datetime, patience: float = 30.0) -> None:
    """`save` and commit, if the store is free within `patience` seconds.

    A dry run holds it to its end; what was spent meanwhile the vendor's own count still has.
    """
    try:
        with database.session(engine, patience=patience) as store:
            save(store, [budget], now)
            store.commit()
    except sa.exc.OperationalError:
        return


def save(session: Session, budgets: Iterable[Budget], now: datetime) -> None:
    """Add what was spent since the last time, and take up what others have spent.

    The caller commits.
    """
    for budget in budgets:
        spent = budget.unsaved()
        if spent:
            _add(session, budget, spent)
            budget.saved(spent)
            _forget(session, budget.connection, now - _HISTORY)
        _take_up(budget, now, session.rows)


def _add(session: Session, budget: Budget, spent: dict[datetime, int]) -> None:
    dialect = postgresql if session.engine.dialect.name == "postgresql" else sqlite
    statement: Any = dialect.insert(tables.spend)
    column, new, heard = tables.spend.c, statement.excluded, budget.heard
    statement = statement.on_conflict_do_update(
        index_elements=["connection", "hour"],
        set_={
            "units": column.units + new.units,
            "allowed": sa.func.coalesce(new.allowed, column.allowed),
            "remaining": new.remaining,
            "heard_at": sa.func.coalesce(new.heard_at, column.heard_at),
        },
    )
    rows = [
        {
            "connection": budget.connection,
            "hour": hour,
            "units": units,
            "allowed": heard.limit,
            "remaining": heard.left,
            "heard_at": heard.at,
        }
        for hour, units in spent.items()
    ]
    session.execute(statement, rows)


def _forget(session: Session, connection: str, before: datetime) -> None:
    column = tables.spend.c
    session.execute(
        sa.delete(tables.spend).where(column.connection == connection, column.hour < before)
    )
