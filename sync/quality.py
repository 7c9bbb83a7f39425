"""How well records were linked, where it is known who is who.

Two records are a pair when they are linked to one entity; they should be when the truth gives
them the same key. Precision is the share of the pairs that should be, recall the share of the
pairs that should be that are. Records the hub itself created are in no truth and not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import sqlalchemy as sa

from sync.model import Place
from sync.store import tables
from sync.store.database import Session

#: A pair of records, the smaller place first.
Pair = tuple[Place, Place]


@dataclass(frozen=True, slots=True)
class Quality:
    """Pairs found, right and wanted. Ratios are 1.0 where there is nothing to get wrong.

    `across` counts only pairs of different connections: two records of one connection are
    duplicates, which the hub reports and never links.
    """

    found: int
    right: int
    wanted: int
    across: int

    @property
    def precision(self) -> float:
        """Share of the linked pairs that are right."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of all true pairs that are linked, duplicates within an account included."""
        return self.right / self.wanted if self.wanted else 1.0

    @property
    def recall_across(self) -> float:
        """Share of the true pairs of different connections that are linked."""
        return self.right / self.across if self.across else 1.0

    def as_json(self) -> dict[str, float | int]:
        """Ratios with four places, and the counts behind them."""
        return {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "recall_across": round(self.recall_across, 4),
            "linked_pairs": self.found,
            "right_pairs": self.right,
            "true_pairs": self.wanted,
        }


def measure(session: Session, object: str, truth: Mapping[str, Mapping[str, str]]) -> Quality:
    """The links of one object against the truth: connection -> record id -> key."""
    keys = {
        Place(connection, record): key
        for connection, records in truth.items()
        for record, key in records.items()
    }
    column = tables.link.c
    query = sa.select(column.connection, column.record, column.entity)
    linked = {
        Place(row.connection, row.record): row.entity
        for row in session.rows(query.where(column.object == object))
    }
    return compare({place: e for place, e in linked.items() if place in keys}, keys)


def compare(linked: Mapping[Place, str], keys: Mapping[Place, str]) -> Quality:
    """Pairs of records with one entity against pairs of records with one key."""
    found, wanted = _pairs(linked), _pairs(keys)
    return Quality(
        found=len(found),
        right=len(found & wanted),
        wanted=len(wanted),
        across=sum(one.connection != two.connection for one, two in wanted),
    )


def _pairs(groups: Mapping[Place, str]) -> set[Pair]:
    members: dict[str, list[Place]] = defaultdict(list)
    for place, group in groups.items():
        members[group].append(place)
    return set(_combined(members.values()))


def _combined(groups: Iterable[list[Place]]) -> Iterable[Pair]:
    for group in groups:
        yield from combinations(sorted(group), 2)
