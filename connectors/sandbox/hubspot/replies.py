"""What the sandbox answers with: HubSpot's error bodies, stamps and rate-limit headers."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

#: The account's.
TIME_ZONE = "Asia/Bangkok"

#: A JSON object on its way in or out.
Json = dict[str, Any]


class Failure(Exception):
    """A request HubSpot refuses: becomes the documented error body."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        context: Mapping[str, Sequence[str]] | None = None,
        errors: Sequence[Json] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.context = dict(context or {})
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self, correlation: str) -> Json:
        """The whole reply's body."""
        made: Json = {
            "status": "error",
            "message": self.message,
            "correlationId": correlation,
        }
        if self.context:
            made["context"] = self.context
        if self.errors:
            made["errors"] = self.errors
        made["category"] = self.category
        return made | self.more

    def item(self, trace: str) -> Json:
        """The same as one entry of a 207's ``errors``; inputs are named by trace id only."""
        context = dict(self.context)
        if trace:
            context["objectWriteTraceId"] = [trace]
        return {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
        }


def not_found(what: str = "resource not found") -> Failure:
    """404 with the header HubSpot marks its own 404s with."""
    return Failure(404, "OBJECT_NOT_FOUND", what, headers={"X-HubSpot-NotFound": "true"})


def bad_request(message: str) -> Failure:
    """400 VALIDATION_ERROR."""
    return Failure(400, "VALIDATION_ERROR", message)


def invalid_properties(problems: Sequence[Json]) -> Failure:
    """400 with the refused properties as JSON inside the message, as HubSpot does."""
    text = json.dumps(list(problems), ensure_ascii=False, separators=(",", ":"))
    errors = [
        {
            "message": problem["message"],
            "code": problem["error"],
            "context": {"propertyName": [problem["name"]]},
        }
        for problem in problems
    ]
    return Failure(
        400, "VALIDATION_ERROR", f"Property values were not valid: {text}", errors=errors
    )


def iso(ms: int) -> str:
    """Epoch milliseconds as HubSpot writes instants."""
    stamp = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{ms % 1000:03d}Z"


def epoch_ms(instant: datetime) -> int:
    """An aware instant as epoch milliseconds, exactly."""
    delta = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


class Allowance:
    """Counts calls for the rate-limit headers. Calls past the day's are refused; those past
    the ten seconds' are not: the number only falls."""

    daily = 250_000
    per_ten_seconds = 100
    per_second = 10

    def __init__(self, seed: int, time_zone: str = TIME_ZONE) -> None:
        self._zone = ZoneInfo(time_zone)
        self._random = random.Random(seed)
        self._used = 0
        self._day = 0
        self._windows: dict[int, tuple[int, int]] = {}

    def correlation(self) -> str:
        """A correlation id, the same ones in the same order for the same seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _left(self, window_ms: int, limit: int, now_ms: int) -> int:
        start = now_ms // window_ms
        began, used = self._windows.get(window_ms, (start, 0))
        used = used + 1 if began == start else 1
        self._windows[window_ms] = (start, used)
        return max(0, limit - used)

    def leave(self, calls: int, now_ms: int) -> Callable[[], None]:
        """Let that many calls be left today; returns what gives the others back."""
        self._begin(now_ms)
        before, day = self._used, self._day
        spent = self._used = max(0, self.daily - calls)

        def back() -> None:
            if self._day == day:
                self._used = before + self._used - spent

        return back

    def _begin(self, now_ms: int) -> None:
        """A day ends at midnight of the account's time zone."""
        day = datetime.fromtimestamp(now_ms / 1000, self._zone).toordinal()
        if day != self._day:
            self._day, self._used = day, 0

    def require(self, correlation: str) -> None:
        """Let a call that was counted pass.

        Raises:
            Failure: 429, there was none left for it.
        """
        if self._used > self.daily:
            message = "You have reached your daily limit."
            more = {"errorType": "RATE_LIMIT", "policyName": "DAILY", "requestId": correlation}
            raise Failure(429, "RATE_LIMITS", message, more=more)

    def headers(self, now_ms: int, search: bool) -> dict[str, str]:
        """Count one call; search replies carry only the daily pair."""
        self._begin(now_ms)
        self._used += 1
        made = {
            "X-HubSpot-RateLimit-Daily": str(self.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily - self._used)),
        }
        if not search:
            made |= {
                "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
                "X-HubSpot-RateLimit-Max": str(self.per_ten_seconds),
                "X-HubSpot-RateLimit-Remaining": str(
                    self._left(10_000, self.per_ten_seconds, now_ms)
                ),
                "X-HubSpot-RateLimit-Secondly": str(self.per_second),
                "X-HubSpot-RateLimit-Secondly-Remaining": str(
                    self._left(1_000, self.per_second, now_ms)
                ),
            }
        return made
