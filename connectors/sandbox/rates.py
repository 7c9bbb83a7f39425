"""A vendor's rates, enforced by counting: calls in an interval, calls at the same time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from werkzeug.wrappers import Request


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` calls in any `seconds`; at the same time where `seconds` is 0.

    Attributes:
        option: of the fault ``rates``, to set another `most`.
        refusal: what `Vendor.refuse` is asked for when a call is above it.
        path: regular expression searched in the paths of the calls it counts; '' for all.
        running: at the same time: only calls that have run for this many seconds count.
    """

    option: str
    most: int
    seconds: float = 0.0
    refusal: str = "throttle"
    path: str = ""
    running: float = 0.0


def changed(vendor: str, rates: Sequence[Rate], options: Mapping[str, Any]) -> tuple[Rate, ...]:
    """The rates of a `vendor`, each with the `most` that the options give it.

    Raises:
        ValueError: the vendor has no such rate, or no call could ever pass.
    """
    known = {rate.option for rate in rates}
    for name, most in options.items():
        if name not in known:
            raise ValueError(f"{vendor} has no rate {name}; it has {', '.join(sorted(known))}")
        if int(most) < 1:
            raise ValueError(f"{name} must be at least 1")
    return tuple(replace(rate, most=int(options.get(rate.option, rate.most))) for rate in rates)


class Pace:
    """The calls of one account, held against its rates. A call that is refused does not count.

    Args:
        now: the account's own time.
    """

    def __init__(self, rates: Sequence[Rate], now: Callable[[], datetime]) -> None:
        self._rates = tuple(rates)
        self._now = now
        self._sent: dict[Rate, deque[datetime]] = {rate: deque() for rate in rates}
        self._running: dict[int, datetime] = {}

    def refusal(self, request: Request) -> str:
        """What to refuse the call with, '' if it may pass: it is counted, and runs until `end`."""
        now = self._now()
        mine = [rate for rate in self._rates if re.search(rate.path, request.path)]
        for rate in mine:
            if self._used(rate, now) >= rate.most:
                return rate.refusal
        for rate in mine:
            self._sent[rate].append(now)
        self._running[id(request)] = now
        return ""

    def end(self, request: Request) -> None:
        """The call has been answered."""
        self._running.pop(id(request), None)

    def _used(self, rate: Rate, now: datetime) -> int:
        if not rate.seconds:
            long = timedelta(seconds=rate.running)
            return sum(now - began >= long for began in self._running.values())
        sent, length = self._sent[rate], timedelta(seconds=rate.seconds)
        while sent and sent[0] <= now - length:
            sent.popleft()
        return len(sent)
