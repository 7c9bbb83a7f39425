"""Seeded chance: who is in which account, when things happened, what is missing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle

#: The accounts the data is dealt out to, in order.
VENDORS: tuple[str, ...] = ("salesforce", "hubspot", "zoho")

#: In how many accounts the next entity is: 35 % in three, 35 % in two, 30 % in one.
OVERLAPPING = "32132132132132132132"
#: Tickets mostly stay where they were opened: 25 % are in more than one account.
MOSTLY_ONE = "11121112111211121113"

_PAIRS = (("salesforce", "hubspot"), ("hubspot", "zoho"), ("salesforce", "zoho"))


class Chance(random.Random):
    """A stream of chance that depends on nothing but its seed text."""

    def __init__(self, seed: int, stream: str) -> None:
        super().__init__(f"{seed}/{stream}")

    def sometimes(self, share: float) -> bool:
        """True in `share` of the cases."""
        return self.random() < share

    def instant(self, earliest: datetime, latest: datetime) -> datetime:
        """A whole second between the two; `earliest` when they are the wrong way round."""
        seconds = max(0, int((latest - earliest).total_seconds()))
        return earliest + timedelta(seconds=self.randint(0, seconds))

    def money(self, low: int, high: int, currency: str, whole: bool) -> Decimal:
        """An amount with cents in half of the cases, with none where `whole`.

        Currencies of small units get accordingly large amounts.
        """
        scale = {"THB": 30, "JPY": 150, "IRR": 42000}.get(currency, 1)
        units = self.randint(low, high) * scale
        if whole:
            return Decimal(units - units % 1000)
        if self.sometimes(0.5):
            return Decimal(units - units % 50)
        return Decimal(units) + Decimal(self.randint(1, 99)) / 100


def memberships(chance: Chance, least: int, pattern: str) -> list[tuple[str, ...]]:
    """For each entity the accounts that know it, in mixed order.

    As many entities as it takes for every account to know at least `least` of them.
    """
    pairs, singles = cycle(_PAIRS), cycle((vendor,) for vendor in VENDORS)
    counts = dict.fromkeys(VENDORS, 0)
    dealt: list[tuple[str, ...]] = []
    for many in cycle(pattern):
        if min(counts.values()) >= least:
            break
        vendors = {"3": VENDORS, "2": next(pairs), "1": next(singles)}[many]
        dealt.append(vendors)
        for vendor in vendors:
            counts[vendor] += 1
    chance.shuffle(dealt)
    return dealt


@dataclass(frozen=True, slots=True)
class Calendar:
    """The time the data covers: three years of creations, one year of changes, up to `now`."""

    now: datetime

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("now must be an aware instant")

    @property
    def today(self) -> datetime:
        """`now` in UTC, to the second."""
        return self.now.astimezone(UTC).replace(microsecond=0)

    def ago(self, days: float) -> datetime:
        """The instant `days` before now."""
        return self.today - timedelta(days=days)

    def created(self, chance: Chance, earliest: datetime | None = None) -> datetime:
        """When an entity was first entered: in the last three years, a month ago at the latest."""
        return chance.instant(earliest or self.ago(3 * 365), self.ago(30))

    def entered(self, chance: Chance, created: datetime, place: int) -> datetime:
        """When the account at `place` of an entity's accounts got its record: days apart."""
        return created + timedelta(
            days=place * chance.randint(1, 9), minutes=chance.randint(0, 900)
        )

    def modified(self, chance: Chance, created: datetime, stale: bool) -> datetime:
        """A record's last change, within the last year; a stale record's lies months back."""
        latest = self.ago(120) if stale else self.ago(0.05)
        earliest = max(created, self.ago(364) if stale else self.ago(118))
        return chance.instant(earliest, max(earliest, latest))


def pick_wide(
    chance: Chance, groups: dict[tuple[str, ...], list[int]], vendors: tuple[str, ...]
) -> int | None:
    """Index of something all of `vendors` know; something one of them knows if there is none."""
    for enough in (lambda have: set(vendors) <= set(have), lambda have: set(vendors) & set(have)):
        found = [group for have, group in groups.items() if group and enough(have)]
        if found:
            sizes = [len(group) for group in found]
            return chance.choice(chance.choices(found, sizes)[0])
    return None


def group_by_vendors(all_vendors: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], list[int]]:
    """Indexes by the accounts that know them."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, vendors in enumerate(all_vendors):
        groups.setdefault(vendors, []).append(index)
    return groups
