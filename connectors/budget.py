"""What a connection may spend: calls a day and in a few seconds, with a part left to others.

A vendor counts the calls of all applications of an account together. A `Budget` knows how many
of them are ours, learns from the replies what the account allows and has left, and refuses a
call that would go past our share before it is sent. Some vendors charge a call more than one
unit (Zoho counts credits); `cost` is in the vendor's unit.

The day is any 24 hours, which also keeps to a calendar day in every zone. Hours are kept, not
single calls: those of an hour come back when the last of them can be 24 hours old.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.errors import QuotaExhausted, Throttled

#: An hour's calls count this long after it began.
KEPT = timedelta(hours=25)

#: How long the vendor's word on what is left of the day is believed. Then one call asks anew.
BELIEVED = timedelta(hours=1)

#: Most seconds one call waits for a short interval to have room.
PATIENCE = 60.0

#: Below this part of our share, first loads and full reads leave the rest to reads of changes.
LOW = 10


@dataclass(frozen=True, slots=True)
class Terms:
    """What a connection may use.

    Attributes:
        share: part of the account's day that is ours, above 0 and at most 1.
        per_day: most units of ours a day, whatever the share; None for the share alone.
        per_10_seconds: most calls of ours in any ten seconds; None for what the vendor allows.
    """

    share: float = 0.5
    per_day: int | None = None
    per_10_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Usual:
    """What a vendor allows every account, until the account's replies say otherwise.

    Attributes:
        unit: what is counted, in the plural.
        per_day: the whole account's units a day; None where the first reply tells.
        intervals: (kind of call, seconds) -> calls; the kind '' is any call.
    """

    unit: str = "calls"
    per_day: int | None = None
    intervals: Mapping[tuple[str, float], int] = field(default_factory=dict)


#: By vendor. HubSpot: private apps of the smallest plan, and search's own limit (HubSpot's
#: changelog); Zoho: the credits of the smallest paid edition, as its replies tell nothing until
#: half of them are used. Salesforce tells with every reply, and has no limit by the second.
USUAL: Mapping[str, Usual] = {
    "salesforce": Usual(),
    "hubspot": Usual(per_day=250_000, intervals={("", 10.0): 100, ("search", 1.0): 5}),
    "zoho": Usual(unit="credits", per_day=50_000),
    "memory": Usual(),
}


class _Window:
    """At most `most` calls in any `seconds`."""

    def __init__(self, seconds: float, most: int) -> None:
        self.length = timedelta(seconds=seconds)
        self.most = most
        self._sent: deque[datetime] = deque()

    def pause(self, now: datetime) -> float:
        """Seconds until one more call fits, 0 if it fits now."""
        while self._sent and not now - self.length < self._sent[0] <= now:
            self._sent.popleft()
        if len(self._sent) < self.most:
            return 0.0
        return (self._sent[-self.most] + self.length - now).total_seconds()

    def add(self, now: datetime, calls: int = 1) -> None:
        self._sent.extend([now] * calls)

    def hear(self, now: datetime, most: int, left: int | None) -> None:
        """The vendor's own count: calls of other processes are in it."""
        self.most = most
        self.pause(now)
        if left is not None:
            self.add(now, max(0, most - left - len(self._sent)))


@dataclass(frozen=True, slots=True)
class Heard:
    """What the vendor said last: the account's units a day, those left, and when it said so."""

    limit: int | None = None
    left: int | None = None
    at: datetime | None = None


class Budget:
    """One connection's spending. Safe to share between threads.

    `paced` is false for sandboxes on this machine: they answer as fast as they can, and only
    an interval that the terms name holds them back.
    """

    def __init__(
        self,
        connection: str,
        terms: Terms | None = None,
        usual: Usual | None = None,
        *,
        paced: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = connection
        self.terms = terms or Terms()
        self.usual = usual or Usual()
        self._paced = paced
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.RLock()
        self._hours: Counter[datetime] = Counter()
        self._unsaved: Counter[datetime] = Counter()
        self._heard = Heard()
        self._since = 0
        """Units spent since the vendor said what is left."""
        self._windows: dict[tuple[str, float], _Window] = {}
        if paced:
            for (kind, seconds), most in self.usual.intervals.items():
                self._windows[kind, seconds] = _Window(seconds, most)
        own = self.terms.per_10_seconds
        self._own = [] if own is None else [_Window(10.0, own)]

    # -- spending

    def take(self, cost: int = 1, kind: str = "") -> None:
        """Book a call that is about to be sent, waiting until the intervals have room for it.

        `cost`: units of the day; a call that costs 0 is refused with the others all the same.

        Raises:
            QuotaExhausted: the day's share does not have that much left.
            Throttled: there was no room within `PATIENCE` seconds.
        """
        waited = 0.0
        while True:
            with self._lock:
                now = self._clock()
                self._require(max(1, cost), now)
                theirs = [w for (of, _), w in self._windows.items() if of in ("", kind)]
                windows = [*self._own, *theirs]
                pause = max((window.pause(now) for window in windows), default=0.0)
                if pause <= 0:
                    for window in windows:
                        window.add(now)
                    self._book(now, cost)
                    return
            if waited + pause > PATIENCE:
                raise Throttled(
                    f"{self.connection}: no room for a call within {PATIENCE:.0f} seconds",
                    retry_after=pause,
                    connection=self.connection,
                )
            self._sleep(pause)
            waited += pause

    def _book(self, now: datetime, cost: int) -> None:
        if cost:
            hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            self._hours[hour] += cost
            self._unsaved[hour] += cost
            self._since += cost

    def _require(self, cost: int, now: datetime) -> None:
        ours, account = self._ours_left(now), self._account_left(now)
        if (ours is None or ours >= cost) and (account is None or account >= cost):
            return
        unit, spent, cap = self.usual.unit, self._spent(now), self._cap()
        if ours is not None and ours < cost:
            words = f"our share of the day's {unit} is used up ({spent:,} of {cap:,})"
        else:
            words = f"the account has no {unit} left today"
        raise QuotaExhausted(
            f"{self.connection}: {words}",
            until=self._until(cost, now),
            connection=self.connection,
        )

    # -- learning

    def hear(self, *, limit: int | None = None, left: int | None = None) -> None:
        """What a reply says: the account's units a day, and how many of them are left.

        None for what it does not say; the limit heard last is kept then.
        """
        with self._lock:
            known = limit if limit is not None else self._heard.limit
            self._heard = Heard(known, left, self._clock())
            self._since = 0

    def hear_interval(self, seconds: float, limit: int, left: int | None = None) -> None:
        """What a reply says of any calls in `seconds`: how many, and how many are left."""
        with self._lock:
            if not self._paced or limit < 1:
                return
            window = self._windows.setdefault(("", seconds), _Window(seconds, limit))
            window.hear(self._clock(), limit, left)

    def ran_out(self, error: QuotaExhausted) -> None:
        """The vendor refused a call because the day's are used up; `error` gets an `until`."""
        with self._lock:
            self.hear(left=0)
            error.until = error.until or self._clock() + BELIEVED

    # -- looking

    def _spent(self, now: datetime) -> int:
        return sum(units for hour, units in self._hours.items() if hour + KEPT > now)

    def _cap(self) -> int | None:
        own, account = self.terms.per_day, self._heard.limit
        if account is None and own is None:
            account = self.usual.per_day
        # The sum keeps 0.29 of 100 from being 28.
        share = None if account is None else math.floor(account * self.terms.share + 1e-9)
        return min((most for most in (own, share) if most is not None), default=None)

    def _ours_left(self, now: datetime) -> int | None:
        cap = self._cap()
        return None if cap is None else max(0, cap - self._spent(now))

    def _account_left(self, now: datetime) -> int | None:
        heard = self._heard
        if heard.left is None or heard.at is None or now >= heard.at + BELIEVED:
            return None
        return max(0, heard.left - self._since)

    def _until(self, cost: int, now: datetime) -> datetime | None:
        until = now
        account = self._account_left(now)
        if account is not None and account < cost and self._heard.at is not None:
            until = self._heard.at + BELIEVED
        cap, spent = self._cap(), self._spent(now)
        if cap is None or cap - spent >= cost:
            return until
        for hour in sorted(self._hours):
            if hour + KEPT > now:
                spent -= self._hours[hour]
                if cap - spent >= cost:
                    return max(until, hour + KEPT)
        return None

    @property
    def cap(self) -> int | None:
        """Our share of the day, in units; None before anything is known."""
        with self._lock:
            return self._cap()

    @property
    def spent(self) -> int:
        """Units of ours in the last 24 hours."""
        with self._lock:
            return self._spent(self._clock())

    @property
    def left(self) -> int | None:
        """Units we may still spend today; None before anything is known."""
        with self._lock:
            now = self._clock()
            known = (self._ours_left(now), self._account_left(now))
            return min((left for left in known if left is not None), default=None)

    @property
    def until(self) -> datetime | None:
        """When there will be a unit left to spend; now or before if there is one."""
        with self._lock:
            return self._until(1, self._clock())

    @property
    def until_not_low(self) -> datetime | None:
        """When a tenth of our share will be there to spend; None if that is not known."""
        with self._lock:
            return self._until(max(1, -(-(self._cap() or 0) // LOW)), self._clock())

    @property
    def is_low(self) -> bool:
        """Whether less than a tenth of our share is left."""
        with self._lock:
            cap, left = self._cap(), self.left
            return cap is not None and left is not None and left * LOW < cap

    # -- sharing with other processes

    @property
    def heard(self) -> Heard:
        """What the vendor said last."""
        return self._heard

    def unsaved(self) -> dict[datetime, int]:
        """Units spent and not kept anywhere yet, by the hour (its beginning, UTC)."""
        with self._lock:
            return dict(self._unsaved)

    def saved(self, hours: Mapping[datetime, int]) -> None:
        """These are kept now."""
        with self._lock:
            self._unsaved.subtract(hours)
            self._unsaved = +self._unsaved

    def load(self, hours: Mapping[datetime, int], heard: Heard) -> None:
        """Take up what is kept, that of other processes included."""
        with self._lock:
            self._hours = Counter(hours) + self._unsaved
            if heard.at is not None and (self._heard.at is None or heard.at > self._heard.at):
                self._heard, self._since = heard, 0
