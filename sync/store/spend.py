"""What connections have spent, kept so that restarts and other processes know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from connectors.budget import KEPT, Budget, Heard
from sync.store import database, tables
from sync.store.database import Session

#: How long spending is kept for people to look at.
_HISTORY = timedelta(days=90)


def read(engine: Engine, budgets: Iterable[Budget], now: datetime) -> None:
    """Tell budgets what is kept of their connections; waits for nobody."""
    column, known = tables.spend.c, list(budgets)
    latest = sa.select(column.connection, sa.func.max(column.hour).label("hour"))
    latest = latest.where(
        column.connection.in_([budget.connection for budget in known]),
        column.heard_at.is_not(None),
    ).group_by(column.connection)
    last = latest.subquery()
    told = sa.select(tables.spend).join(
        last, sa.and_(column.connection == last.c.connection, column.hour == last.c.hour)
    )
    with engine.connect() as reader:
        earlier = reader.execute(told).all()
        _take_up(known, now, lambda query: reader.execute(query).all(), earlier)


def _take_up(
    budgets: Sequence[Budget],
    now: datetime,
    rows: Callable[[Any], Sequence[Any]],
    earlier: Sequence[Any] = (),
) -> None:
    """Load what is kept of the last day, and what vendors said in it or `earlier`."""
    column = tables.spend.c
    names = [budget.connection for budget in budgets]
    recent = sa.select(tables.spend).where(column.connection.in_(names), column.hour > now - KEPT)
    kept: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows(recent.order_by(column.hour)):
        kept[row.connection].append(row)
    for budget in budgets:
        mine = kept[budget.connection]
        before = [row for row in earlier if row.connection == budget.connection]
        said = [row for row in (*before, *mine) if row.heard_at is not None]
        heard = Heard(said[-1].allowed, said[-1].remaining, said[-1].heard_at) if said else Heard()
        budget.load({row.hour: row.units for row in mine}, heard)


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
    known = list(budgets)
    spent = {budget.connection: budget.unsaved() for budget in known}
    if any(spent.values()):
        _add(session, known, spent)
        for budget in known:
            budget.saved(spent[budget.connection])
        _forget(session, now - _HISTORY)
    _take_up(known, now, session.rows)


@lru_cache(maxsize=2)
def _statement(database: str) -> Any:
    """The statement that adds units to what is kept of an hour."""
    statement: Any = (postgresql if database == "postgresql" else sqlite).insert(tables.spend)
    column, new = tables.spend.c, statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["connection", "hour"],
        set_={
            "units": column.units + new.units,
            "allowed": sa.func.coalesce(new.allowed, column.allowed),
            "remaining": new.remaining,
            "heard_at": sa.func.coalesce(new.heard_at, column.heard_at),
        },
    )


def _add(
    session: Session, budgets: Sequence[Budget], spent: Mapping[str, Mapping[datetime, int]]
) -> None:
    statement = _statement(session.engine.dialect.name)
    rows = [
        {
            "connection": budget.connection,
            "hour": hour,
            "units": units,
            "allowed": budget.heard.limit,
            "remaining": budget.heard.left,
            "heard_at": budget.heard.at,
        }
        for budget in budgets
        for hour, units in spent[budget.connection].items()
    ]
    session.execute(statement, rows)


def _forget(session: Session, before: datetime) -> None:
    session.execute(sa.delete(tables.spend).where(tables.spend.c.hour < before))
