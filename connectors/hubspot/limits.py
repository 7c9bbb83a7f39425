"""What HubSpot's replies say about the calls that are left.

Every reply carries the account's day; all but those of search also the ten seconds and the
second of our own app (the headers were seen in recorded replies). The day ends at midnight in
the account's time zone (HubSpot's usage guidelines).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from connectors.budget import Budget

_PREFIX = "x-hubspot-ratelimit-"


def kind(path: str) -> str:
    """``search`` for calls that count against the search API's own limit, '' for others."""
    return "search" if path.rstrip("/").endswith("/search") else ""


def day_ends(now: datetime, zone: str) -> datetime | None:
    """When the day that `now` is in ends, aware UTC; None if `zone` is not known."""
    try:
        there = ZoneInfo(zone)
    except (LookupError, ValueError, OSError):  # no such name, none at all, that of a folder
        return None
    tomorrow = now.astimezone(there).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), there).astimezone(UTC)


def hear(budget: Budget, headers: Mapping[str, str]) -> None:
    """Tell the budget what a reply's headers say."""
    found = {
        name.lower().removeprefix(_PREFIX): int(value)
        for name, value in headers.items()
        if name.lower().startswith(_PREFIX) and str(value).isdecimal()
    }
    if "daily-remaining" in found:
        budget.hear(limit=found.get("daily"), left=found["daily-remaining"])
    if "max" in found:
        seconds = found.get("interval-milliseconds", 10_000) / 1000
        budget.hear_interval(seconds, found["max"], found.get("remaining"))
    if "secondly" in found:
        budget.hear_interval(1.0, found["secondly"], found.get("secondly-remaining"))
