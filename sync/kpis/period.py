"""Periods: which days a KPI is about, and which days it is compared with.

A period is made of whole days in the reporting time zone. One that is still running is
compared with as many days of the one before it (the first 52 days of this quarter with the
first 52 days of the last), a finished one with the whole of the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

#: Months in the calendar periods.
MONTHS = {"month": 1, "quarter": 3, "year": 12}

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` to the day before `end`; both None for all time.

    `measured` is the day after the last one that has begun: equal to `end` in a finished
    period, tomorrow in a running one.
    """

    name: str
    start: date | None
    end: date | None
    measured: date

    @property
    def running(self) -> bool:
        """Days of it are still to come."""
        return self.end is not None and self.measured < self.end


def local_day(as_of: datetime, time_zone: str) -> date:
    """The calendar day of an instant in the reporting time zone.

    Raises:
        ValueError: the instant is naive.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"as_of {as_of.isoformat()} has no time zone; pass an aware datetime")
    return as_of.astimezone(ZoneInfo(time_zone)).date()


def periods(
    spec: str | tuple[date, date], today: date, year_start: int = 1
) -> tuple[Period, Period | None]:
    """The period that `spec` names on a day, and the one it is compared with.

    Args:
        spec: ``month``, ``quarter`` or ``year`` (the one `today` lies in), ``all``, or the
            first and the last day.
        today: the day of the report in the reporting time zone.
        year_start: month (1 to 12) in which years, and so quarters, begin.

    Returns:
        The second is None for ``all``, which nothing comes before.

    Raises:
        ValueError: no such period, or its last day lies before its first.
    """
    if isinstance(spec, tuple):
        start, last = spec
        if last < start:
            raise ValueError(f"period: the last day {last} lies before the first day {start}")
        end = last + _DAY
        name = f"{start}..{last}"
        before = start - (end - start)
    elif spec == "all":
        return Period("all", None, None, today + _DAY), None
    elif spec in MONTHS:
        months = MONTHS[spec]
        start = _month(today, -((today.month - year_start) % months))
        end = _month(start, months)
        before = _month(start, -months)
        name = _name(spec, start, end, year_start)
    else:
        raise ValueError(
            f"period: {spec!r} is none of month, quarter, year, all, or a first and a last day"
        )
    measured = max(start, min(end, today + _DAY))
    current = Period(name, start, end, measured)
    until = min(start, before + (measured - start)) if current.running else start
    if isinstance(spec, str) and not current.running:
        previous_name = _name(spec, before, start, year_start)
    else:
        previous_name = f"{before}..{max(before, until - _DAY)}"
    return current, Period(previous_name, before, until, until)


def _month(day: date, shift: int) -> date:
    """The first day of the month so many months away."""
    months = day.year * 12 + day.month - 1 + shift
    return date(months // 12, months % 12 + 1, 1)


def _name(spec: str, start: date, end: date, year_start: int) -> str:
    if spec == "month":
        return f"{start:%Y-%m}"
    if year_start != 1:
        return f"{start}..{end - _DAY}"
    if spec == "year":
        return f"{start:%Y}"
    return f"{start:%Y}-Q{(start.month + 2) // 3}"
