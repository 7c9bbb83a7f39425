"""What goes wrong while a connector works: one call in ten, and the account as a whole."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from connectors.sandbox.faults import Fault
from connectors.sandbox.server import Server

#: Ways a call fails: kind, options.
_WAYS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("throttle", {}),
    ("throttle", {"retry_after": 2}),
    ("unauthorized", {}),
    ("error", {}),
    ("error", {"status": 500}),
    ("error", {"html": True, "status": 502}),
    ("cut_before", {}),
    ("cut_after", {}),
)
_SIGN_IN = r"/oauth2?/|/services/Soap/"


class Weather:
    """The faults of one server.

    Args:
        rate: share of the calls that fail.
        dice: decides everything; the same dice, the same faults.
    """

    def __init__(self, server: Server, rate: float, dice: random.Random) -> None:
        self._server = server
        self._rate = rate
        self._dice = dice
        self._standing: dict[str, str] = {}
        self.accidents: Counter[str] = Counter()

    def begin(self) -> None:
        """From now on calls fail."""
        if not self._rate:
            return
        each = 1 - (1 - self._rate) ** (1 / len(_WAYS))
        for kind, options in _WAYS:
            self._add(kind, times=None, probability=each, options=options)
        for kind in ("error", "cut_after"):
            self._add(kind, times=None, probability=self._rate / 2, path=_SIGN_IN)
        slow = {"seconds": 3, "clock": True}
        self._add("slow", times=None, probability=self._rate / 5, options=slow)

    def _drift(self) -> None:
        """The vendor's clock is far behind everybody's, and is never set right by much."""
        self._stand("clock_skew", seconds=-700 + self._dice.uniform(-8, 8))

    def _add(self, kind: str, **rest: Any) -> str:
        vendor = self._server.vendor
        with vendor.lock:
            return self._server.faults.add(
                Fault(vendor.name, kind, seed=self._dice.randrange(2**31), **rest)
            )

    def _stand(self, kind: str, **options: Any) -> None:
        """Put a change of the account in place of the last one of its kind."""
        self.lift(kind)
        self._standing[kind] = self._add(kind, times=None, options=options)
        self.accidents[kind] += 1

    def lift(self, kind: str) -> None:
        """End a change of the account."""
        with self._server.vendor.lock:
            if kind in self._standing:
                self._server.faults.clear(self._standing.pop(kind))

    def turn(self, number: int) -> None:
        """What changes with round `number`, 0 being the beginning: the index's lag, the clock,
        the quota."""
        if not self._rate:
            return
        if number % 20 == 0:
            self._drift()
        if self._server.vendor.name != "salesforce" and number % 7 == 0:
            self._stand("search_lag", seconds=self._dice.choice([0, 5, 12, 25]))
        if self._dice.random() < self._rate / 5:
            self._stand("quota", left=self._dice.randrange(8))
        else:
            self.lift("quota")

    def ambush(self, kind: str, object: str, options: Mapping[str, Any]) -> str:
        """Let a user do something while one of the next calls is answered; the fault's id."""
        return self._add(kind, object=object, skip=self._dice.randrange(3), options=options)

    def call_off(self, id: str) -> None:
        """Take an ambush away, sprung or not."""
        with self._server.vendor.lock:
            self._server.faults.clear(id)

    @property
    def met(self) -> Counter[str]:
        """How often each kind of fault struck, by the server's own log."""
        calls = Counter(kind for call in self._server.log.calls for kind in call.faults)
        return calls + self.accidents

    @property
    def failed_calls(self) -> int:
        """Calls that were refused or cut, by the server's own log."""
        ending = {kind for kind, _ in _WAYS}
        return sum(not ending.isdisjoint(call.faults) for call in self._server.log.calls)

    def twice_unauthorized(self) -> bool:
        """Whether a token was refused, and at once the one that came after it."""
        calls = [call for call in self._server.log.calls[-6:] if "oauth" not in call.path]
        return [call.status for call in calls[-2:]] == [401, 401]
