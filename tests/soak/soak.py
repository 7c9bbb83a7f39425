"""One vendor's soak: its sandbox, its people, and a connector that must not miss anything."""

from __future__ import annotations

import importlib
import math
import random
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.base import Access, Connector
from connectors.errors import ConnectorError
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce.connector import SalesforceConnector
from connectors.sandbox.server import Clock, Server, Vendor
from connectors.transport import Retrier
from connectors.zoho.connector import ZohoConnector
from tests.contract.words import WORDS
from tests.soak.asked import asked
from tests.soak.follower import Follower
from tests.soak.people import People
from tests.soak.picture import Picture, Wrong
from tests.soak.truth import Truth
from tests.soak.weather import Weather
from tests.soak.writer import Writer

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
#: Seconds between two pulls of a round: within a stamp, within the overlap, far beyond it.
_PAUSES = (0.0, 0.4, 1.0, 7.0, 31.0, 61.0, 300.0, 1000.0, 3700.0)
#: In so long associations are read again, those that bump no stamp.
_ASSOCIATIONS = 6 * 3600.0
_CHECK_EVERY = 10


class Kept:
    """Keeps a connection's tokens from one process of the hub to the next."""

    def __init__(self) -> None:
        self._sealed: bytes | None = None

    def load(self) -> bytes | None:
        """See `connectors.tokens.TokenKeeper`."""
        return self._sealed

    def save(self, sealed: bytes) -> None:
        """See `connectors.tokens.TokenKeeper`."""
        self._sealed = sealed


@dataclass(slots=True)
class Outcome:
    """What a soak of one vendor was."""

    vendor: str
    rounds: int = 0
    calls: int = 0
    failed: int = 0
    reports: int = 0
    records: int = 0
    checks: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    pulls: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    wrong: str = ""


class Soak:
    """A sandbox in a time of its own, followed by a connector.

    Args:
        rate: share of the calls that fail.
        tamper: stands between the connector and whoever reads it, for tests of the soak.
    """

    def __init__(
        self,
        vendor: str,
        seed: int,
        rate: float,
        tamper: Callable[[Connector], Connector] = lambda connector: connector,
    ) -> None:
        self._name = vendor
        self._tamper = tamper
        self.clock = Clock(now=lambda: START)
        self.dice = random.Random(f"{seed} {vendor}")
        package = importlib.import_module(f"connectors.sandbox.{vendor}")
        self.vendor: Vendor = package.Sandbox(clock=self.clock, seed=seed)
        if vendor == "zoho":
            self.vendor.credits = 10**9
        self.server = Server(self.vendor)
        self.things = asked(vendor)
        self.truth = Truth(self.vendor, self.things)
        crowd = WORDS[vendor].crowd
        self.people = People(self.vendor, self.things, self.truth, self._dice(), crowd)
        self.weather = Weather(self.server, rate, self._dice())
        self._kept = Kept()
        self.picture = Picture(self.truth, self.things)
        self.follower = Follower(
            self.connect, self.things, self.truth, self.picture, self.people, self.weather,
            self._dice(),
        )  # fmt: skip
        self.writer = Writer(
            self.vendor, self.things, self.truth, self.people, self.weather,
            WORDS[vendor].external, self._dice(),
        )  # fmt: skip
        self.picture.merges = self.follower.connector.capabilities.reports_merges
        self.outcome = Outcome(vendor)

    def _dice(self) -> random.Random:
        return random.Random(self.dice.random())

    def _pause(self, seconds: float) -> None:
        """Nobody waits: the clock moves. Pauses carry a jitter, up to twice their least, that no
        seed decides; rounded up to a power of two, each is the same in every replay."""
        if seconds > 0:
            self.clock.advance(2.0 ** math.ceil(math.log2(seconds)))

    def connect(self) -> Connector:
        """A connector of a new process; pauses between its tries move the clock."""
        opener = getattr(self.vendor, "oauth_credentials", self.vendor.credentials)
        bulk = self.dice.choice(["100", "20000"])
        access = Access(
            connection=f"my-{self._name}",
            url=self.server.url,
            auth=opener(),
            sandbox=True,
            options={} if self._name == "hubspot" else {"bulk_from": bulk},
            keeper=self._kept,
        )
        made: Connector
        if self._name == "hubspot":
            made = HubSpotConnector(access, self._pause)
        elif self._name == "salesforce":
            made = SalesforceConnector(access, Retrier(sleep=self._pause))
        else:
            made = ZohoConnector(access, Retrier(sleep=self._pause))
        return self._tamper(made)

    def run(self, rounds: int, tell: Callable[[str], None] = lambda line: None) -> Outcome:
        """So many rounds; what was met. `Outcome.wrong` says what is wrong, '' if nothing is."""
        told = max(1, rounds // 20)
        try:
            self._found()
            for number in range(1, rounds + 1):
                self._round(number)
                self.outcome.rounds = number
                if number % _CHECK_EVERY == 0:
                    self.check(everything=number % (10 * _CHECK_EVERY) == 0)
                if number % told == 0:
                    self._count()
                    out = self.outcome
                    tell(f"{self._name}: round {number}, {out.calls} calls, {out.failed} failed")
            self.check(everything=True)
            self.outcome.records = self.picture.against_the_log(self.things)
        except Wrong as wrong:
            self.outcome.wrong = f"round {self.outcome.rounds + 1}: {wrong}"
        except (ConnectorError, LookupError, AssertionError, TypeError, ValueError):
            # What a connector must not raise, with the way it came.
            self.outcome.wrong = f"round {self.outcome.rounds + 1}: {traceback.format_exc()}"
        self._count()
        return self.outcome

    def _found(self) -> None:
        """The account before anything goes wrong: its records, and our field in it."""
        self.people.found(40)
        for made in self.things.values():
            self.follower.connector.provision(made.object, WORDS[self._name].external)
        self.weather.begin()
        self.weather.turn(0)

    def _round(self, number: int) -> None:
        dice = self.dice
        self.weather.turn(number)
        self.people.work(dice.randrange(1, 9))
        self.clock.advance(dice.choice(_PAUSES))
        if dice.random() < 0.05:
            self.follower.restart()
        names = list(self.things)
        dice.shuffle(names)
        for name in names:
            if dice.random() < 0.02:
                self.follower.start_over(name)
            if dice.random() < 0.9:
                self.follower.pull(name)
            self.clock.advance(dice.choice((0.0, 0.3, 2.0)))
        if dice.random() < 0.3:
            most = dice.choice((2, 5, 130)) if dice.random() < 0.1 else 3
            self.writer.push(self.follower.connector, dice.choice(names), most)

    def check(self, everything: bool) -> None:
        """Let what happened show, read on, and compare; `everything` includes what leaves no
        trace in the stamps, which is waited for, or read anew.

        Raises:
            Wrong: the first record that differs.
        """
        can = self.follower.connector.capabilities
        self.clock.advance(can.read_lag + can.deletes_lag + 60)
        anew = everything and self.dice.random() < 0.5
        if everything and not anew:
            self.clock.advance(_ASSOCIATIONS)
        self.weather.lift("quota")
        for name, made in self.things.items():
            if anew:
                self.follower.start_over(name)
            self.follower.settle(name)
            self.picture.compare(made, everything)
        self.outcome.checks += 1

    def _count(self) -> None:
        out = self.outcome
        out.calls, out.failed = len(self.server.log.calls), self.weather.failed_calls
        out.faults, out.reports = self.weather.met, self.picture.reports
        out.deeds, out.pulls = self.people.done, self.follower.pulls
        out.writes = self.writer.outcomes

    def close(self) -> None:
        """Release everything."""
        self.follower.connector.close()
        self.server.close()
