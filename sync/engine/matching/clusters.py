"""Groups of records that are one thing, as they grow while matching goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sync.engine.matching.candidates import Candidate, Placed
from sync.model import Place


@dataclass(slots=True)
class Cluster:
    """Records of one entity; `entity` is None until they have one."""

    entity: str | None
    connections: set[str]
    fresh: dict[Place, str] = field(default_factory=dict)
    """Unlinked members and the rule that brought each in."""
    members: set[Place] = field(default_factory=set)
    """All members among the candidates."""


@dataclass(frozen=True, slots=True)
class Words:
    """What people said: record -> the records it is not."""

    apart: Mapping[Place, frozenset[Place]]

    def divide(self, one: Cluster, two: Cluster) -> bool:
        """Whether a record of the one is kept apart from a record of the other."""
        return any(
            not self.apart[m].isdisjoint(two.members) for m in one.members & self.apart.keys()
        )

    def allow(self, one: Cluster, two: Cluster) -> bool:
        """Whether the two can become one entity: each connection once, no two entities, and
        nobody objects."""
        return self.leave_open(one, two) and (one.entity is None or two.entity is None)

    def leave_open(self, one: Cluster, two: Cluster) -> bool:
        """Whether a person could make the two one entity: as `allow`, but of two entities too."""
        return not (one.connections & two.connections or self.divide(one, two))


#: Whether two groups may be asked about.
IsOpen: TypeAlias = Callable[[Cluster, Cluster], bool]


def words_of(apart: Iterable[tuple[Place, Place]]) -> Words:
    """What pairs that people keep apart say of each record."""
    found: dict[Place, set[Place]] = defaultdict(set)
    for one, two in apart:
        found[one].add(two)
        found[two].add(one)
    return Words({place: frozenset(others) for place, others in found.items()})


def start(
    people: Sequence[Candidate],
    occupied: Mapping[str, Iterable[str]],
    homes: Mapping[Place, Placed],
    words: Words,
) -> dict[Place, Cluster]:
    """Every record with its entity's others; an unlinked one alone, or where it belongs."""
    by_entity: dict[str, Cluster] = {}
    clusters: dict[Place, Cluster] = {}
    for person in people:
        if person.entity is None:
            cluster = Cluster(None, {person.place.connection}, {person.place: ""})
        else:
            cluster = by_entity.setdefault(
                person.entity, Cluster(person.entity, set(occupied.get(person.entity, ())))
            )
            cluster.connections.add(person.place.connection)
        cluster.members.add(person.place)
        clusters[person.place] = cluster
    for person in people:
        home = homes.get(person.place) if person.entity is None else None
        if home is None:
            continue
        cluster = by_entity.setdefault(
            home.entity, Cluster(home.entity, set(occupied.get(home.entity, ())))
        )
        if words.allow(clusters[person.place], cluster):
            cluster.connections.add(person.place.connection)
            cluster.fresh[person.place] = home.rule
            cluster.members.add(person.place)
            clusters[person.place] = cluster
    return clusters


def unite(
    first: Cluster, second: Cluster, rule: str, clusters: dict[Place, Cluster], words: Words
) -> None:
    """Make one cluster of two, if that may be."""
    if first is second or not words.allow(first, second):
        return
    if first.entity is None and second.entity is not None:
        first, second = second, first
    for moved in second.fresh:
        first.fresh[moved] = second.fresh[moved] or rule
        clusters[moved] = first
    for member, why in first.fresh.items():
        first.fresh[member] = why or rule
    first.connections |= second.connections
    first.members |= second.members
