"""The sums and counts that KPIs are made of, taken from the tables by DuckDB.

The SQL lies in `sql/`. It filters, buckets days in the reporting time zone, finds rates and
groups; whatever is multiplied or divided is multiplied or divided here and in
`definitions.py`, in exact decimals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from sync.kpis.kpi import EXACT, Excluded
from sync.kpis.options import Options
from sync.kpis.period import Period
from sync.kpis.tables import MONEY, TEXT, conform

Row: TypeAlias = dict[str, Any]

#: Why an amount is not summed, by the code that prepare_deals.sql gives.
_PROBLEMS = {
    "amount": "without an amount",
    "currency": "with an amount but no currency",
    "rate": "in {unrated}, which has no rate for their day",
}


@dataclass(frozen=True, slots=True)
class OpenDeals:
    """Deals open now. `amount` and `weighted` are in the reporting currency."""

    n: int
    amount: Decimal
    valued: int
    unvalued: tuple[Excluded, ...]
    weighted: Decimal
    weighed: int
    unweighed: tuple[Excluded, ...]
    unknown: tuple[Excluded, ...]
    """Deals without a status."""


@dataclass(frozen=True, slots=True)
class ClosedDeals:
    """Deals closed in the period: counts and amounts, with what has no amount."""

    won: int
    lost: int
    won_amount: Decimal
    lost_amount: Decimal
    won_valued: int
    lost_valued: int
    won_unvalued: tuple[Excluded, ...]
    lost_unvalued: tuple[Excluded, ...]
    undated: tuple[Excluded, ...]
    """Closed deals without a close date: in no period."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long something took: `total` and `median` in the unit the asker names."""

    n: int
    total: Decimal
    median: Decimal | None
    excluded: tuple[Excluded, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole."""

    part: int
    whole: int
    excluded: tuple[Excluded, ...]


@dataclass(frozen=True, slots=True)
class Ratings:
    """Answers from 1 to 5: how many, how many of 4 and 5, their sum."""

    rated: int
    satisfied: int
    points: Decimal
    excluded: tuple[Excluded, ...]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """What customers have paid so far."""

    amount: Decimal
    customers: int
    excluded: tuple[Excluded, ...]


class Base:
    """The tables in an in-memory DuckDB, prepared once for any number of periods and sources.

    Use as a context manager.
    """

    def __init__(self, tables: Mapping[str, pa.Table], options: Options, today: date) -> None:
        """Load and prepare. Raises ValueError where a table does not fit (`tables.conform`)."""
        self.options = options
        self._connection = duckdb.connect(
            ":memory:",
            # Nothing is downloaded: icu, which knows the time zones, is part of the wheel.
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self._connection.execute("set timezone = 'UTC'")
        for name, table in conform(tables).items():
            self._connection.register(name, table)
        stages = options.stage_probability
        self._connection.register(
            "stage_probability",
            pa.table(
                {
                    "stage": pa.array(list(stages), TEXT),
                    "probability": pa.array(list(stages.values()), MONEY),
                }
            ),
        )
        common = {"time_zone": options.time_zone, "currency": options.currency, "today": today}
        for step in ("prepare_deals", f"prepare_leads_{options.lead}", "prepare_tickets"):
            self.run(step, common)

    def __enter__(self) -> Base:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def run(self, name: str, parameters: Mapping[str, object]) -> list[Row]:
        """The rows that `sql/<name>.sql` gives for the parameters it mentions."""
        sql = _sql(name)
        wanted = {key: parameters[key] for key in _mentioned(sql)}
        cursor = self._connection.execute(sql, wanted)
        rows = cursor.fetchall()
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def sources(self) -> list[str]:
        """Every connection that holds a row of any table, sorted."""
        return [row["source"] for row in self.run("sources", {})]


@cache
def _sql(name: str) -> str:
    return resources.files("sync.kpis").joinpath("sql", f"{name}.sql").read_text("utf-8")


@cache
def _mentioned(sql: str) -> frozenset[str]:
    code = re.sub(r"--[^\n]*", "", sql)
    return frozenset(re.findall(r"\$([a-z_]+)", code))


class Facts:
    """The facts of one period and one source ('' for all of them), each taken once."""

    def __init__(self, base: Base, period: Period, source: str = "") -> None:
        self._base = base
        self._parameters: dict[str, object] = {
            "start": period.start,
            "end": period.end,
            "measured": period.measured,
            "source": source or None,
            "active_days": base.options.active_days,
            "within": base.options.conversion_days,
        }
        self._rows: dict[str, list[Row]] = {}

    def _run(self, name: str) -> list[Row]:
        if name not in self._rows:
            self._rows[name] = self._base.run(name, self._parameters)
        return self._rows[name]

    def open_deals(self) -> OpenDeals:
        """Of the present state, whatever the period."""
        rows = [row for row in self._run("open") if row["status"] == "open"]
        unknown = sum(row["n"] for row in self._run("open") if row["status"] is None)
        valued = [row for row in rows if row["problem"] is None]
        weighed = [row for row in valued if _is_share(row["probability"])]
        unweighed = sum(row["n"] for row in valued if not _is_share(row["probability"]))
        unvalued = _unvalued(rows, "open deals")
        return OpenDeals(
            n=_count(rows),
            amount=_amount(valued),
            valued=_count(valued),
            unvalued=unvalued,
            weighted=_amount(weighed, weighted=True),
            weighed=_count(weighed),
            unweighed=(
                *unvalued,
                *_excluded(("open deals without a probability between 0 and 1", unweighed)),
            ),
            unknown=_excluded(("deals without a status", unknown)),
        )

    def closed_deals(self) -> ClosedDeals:
        """By close date."""
        rows = [row for row in self._run("closed") if not row["undated"]]
        undated = sum(row["n"] for row in self._run("closed") if row["undated"])
        won = [row for row in rows if row["status"] == "won"]
        lost = [row for row in rows if row["status"] == "lost"]
        won_valued = [row for row in won if row["problem"] is None]
        lost_valued = [row for row in lost if row["problem"] is None]
        return ClosedDeals(
            won=_count(won),
            lost=_count(lost),
            won_amount=_amount(won_valued),
            lost_amount=_amount(lost_valued),
            won_valued=_count(won_valued),
            lost_valued=_count(lost_valued),
            won_unvalued=_unvalued(won, "won deals"),
            lost_unvalued=_unvalued(lost, "lost deals"),
            undated=_excluded(("closed deals without a close date", undated)),
        )

    def cycle(self) -> Durations:
        """Days from creation to close of won deals."""
        (row,) = self._run("cycle")
        return Durations(
            n=row["n"],
            total=row["days"],
            median=row["median"],
            excluded=_excluded(
                ("won deals without a creation or a close date", row["undated"]),
                ("won deals closed before they were created", row["negative"]),
            ),
        )

    def conversion(self) -> Share:
        """Leads of the period that became customers."""
        (row,) = self._run("conversion")
        leads = "companies" if self._base.options.lead == "company" else "contacts"
        return Share(
            part=row["converted"],
            whole=row["n"],
            excluded=_excluded(
                (f"{leads} that were customers before they were created", row["already"]),
                (f"{leads} without a creation date", row["undated"]),
            ),
        )

    def retention(self) -> Share:
        """Customers at the start, and those of them still customers at the end."""
        (row,) = self._run("retention")
        return Share(
            part=row["retained"],
            whole=row["at_start"],
            excluded=_excluded(
                ("new customers", row["new"]),
                ("reactivated customers", row["reactivated"]),
            ),
        )

    def lifetime(self) -> Lifetime:
        """Won amounts of all customers up to the end of the period."""
        rows = [row for row in self._run("lifetime") if not row["total"]]
        (total,) = (row for row in self._run("lifetime") if row["total"])
        owned = [row for row in rows if not row["orphan"]]
        return Lifetime(
            amount=_amount([row for row in owned if row["problem"] is None]),
            customers=total["customers"],
            excluded=(
                *_unvalued(owned, "won deals"),
                *_excluded(
                    ("won deals without a company", sum(r["n"] for r in rows if r["orphan"]))
                ),
            ),
        )

    def resolution(self) -> Durations:
        """Microseconds from creation to close of tickets."""
        (row,) = self._run("resolution")
        return Durations(
            n=row["n"],
            total=row["elapsed"],
            median=row["median"],
            excluded=_excluded(
                ("closed tickets without a closing time", row["unclosed"]),
                ("closed tickets without a creation time", row["uncreated"]),
                ("tickets closed before they were created", row["negative"]),
            ),
        )

    def ratings(self) -> Ratings:
        """Satisfaction answers on tickets."""
        (row,) = self._run("csat")
        return Ratings(
            rated=row["rated"],
            satisfied=row["satisfied"],
            points=row["points"],
            excluded=_excluded(
                ("tickets without a rating", row["unrated"]),
                ("ratings outside 1 to 5", row["outside"]),
            ),
        )


def _is_share(probability: Decimal | None) -> bool:
    return probability is not None and 0 <= probability <= 1


def _count(rows: list[Row]) -> int:
    return sum(row["n"] for row in rows)


def _amount(rows: list[Row], weighted: bool = False) -> Decimal:
    with localcontext(EXACT):
        total = Decimal(0)
        for row in rows:
            part: Decimal = row["amount"] * row["rate"]
            total += part * row["probability"] if weighted else part
        return total


def _unvalued(rows: list[Row], what: str) -> tuple[Excluded, ...]:
    counts: dict[str, int] = {}
    for row in rows:
        if row["problem"] is not None:
            reason = f"{what} {_PROBLEMS[row['problem']].format(unrated=row['unrated'])}"
            counts[reason] = counts.get(reason, 0) + row["n"]
    return _excluded(*sorted(counts.items()))


def _excluded(*items: tuple[str, int]) -> tuple[Excluded, ...]:
    return tuple(Excluded(reason, n) for reason, n in items if n)
