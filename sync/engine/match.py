"""Which records are the same real thing: a pure decision over keys.

Rules are tried strongest first, over all records at once, so that a weak rule never takes
a record that a strong one would have placed. A key shared by too many records, or by too
many last names, links nobody. An entity has at most one record a connection: two records
of one connection that share a key are reported as duplicates, not linked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations

from rapidfuzz.distance import DamerauLevenshtein

from mapping.schema import Fields, FieldValue
from mapping.values import fold
from sync.model import Place, entity_id

#: The rule that a value in the external-id field makes.
EXTERNAL = "external id"

#: A value shared by this many different last names is a switchboard, not a person.
SHARED_NAMES = 3

#: Fields that settle that two records are different people when both have them.
VETO: tuple[str, ...] = ("birth_date",)


@dataclass(frozen=True, slots=True)
class Near:
    """Two values of `field` must lie within `days`, differ by at most `share` of the larger, or
    be spelled alike: `similar` is 1 - (edits, a swap counting one) / length, on folded text."""

    field: str
    days: float | None = None
    share: float | None = None
    similar: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Records that share a key of this rule are the same thing, if `near` does not object.

    `names_people` says that the key itself holds a person's name, so that sharing it
    among many names cannot happen.
    """

    name: str
    near: tuple[Near, ...] = ()
    names_people: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record to place (`entity` None) or one already linked that shares a key with those.

    `keys`: rule name -> keys; `surname`: normalised last name, '' if none.
    """

    place: Place
    entity: str | None
    keys: Mapping[str, Sequence[str]]
    fields: Fields
    surname: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A record's entity; `rule` is ``founder`` for the record that gave a new entity its id,
    ``restored`` for one that was deleted and came back."""

    place: Place
    entity: str
    rule: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Links for all unlinked candidates, the new entities among them, and duplicates seen
    inside one connection as (record, of, rule)."""

    links: tuple[Placed, ...]
    founded: tuple[str, ...]
    duplicates: tuple[tuple[Place, Place, str], ...]


@dataclass(slots=True)
class _Cluster:
    entity: str | None
    connections: set[str]
    fresh: dict[Place, str] = field(default_factory=dict)
    """Unlinked members and the rule that brought each in."""


def match(
    candidates: Iterable[Candidate],
    occupied: Mapping[str, Iterable[str]],
    rules: Sequence[Rule],
    *,
    object: str,
    key_limit: int,
    taken: Iterable[str] = (),
    homes: Mapping[Place, Placed] | None = None,
) -> Outcome:
    """Place every unlinked candidate.

    `occupied`: entity -> connections in which it has a record already. `taken`: ids that
    entities founded by these records must not get. `homes`: where records belong that name
    their entity or were linked before; they go there if the place is free.

    The result does not depend on the order of `candidates`.
    """
    people = sorted(candidates, key=lambda c: c.place)
    clusters = _start(people, occupied, homes or {})
    duplicates: dict[tuple[Place, Place], str] = {}
    for rule in (Rule(EXTERNAL, names_people=True), *rules):
        for bucket in _buckets(people, rule, key_limit):
            _join(bucket, rule, clusters, duplicates)
    return _outcome(people, clusters, duplicates, object, set(taken))


def _start(
    people: Sequence[Candidate],
    occupied: Mapping[str, Iterable[str]],
    homes: Mapping[Place, Placed],
) -> dict[Place, _Cluster]:
    by_entity: dict[str, _Cluster] = {}
    clusters: dict[Place, _Cluster] = {}
    for person in people:
        if person.entity is None:
            cluster = _Cluster(None, {person.place.connection}, {person.place: ""})
        else:
            cluster = by_entity.setdefault(
                person.entity, _Cluster(person.entity, set(occupied.get(person.entity, ())))
            )
            cluster.connections.add(person.place.connection)
        clusters[person.place] = cluster
    for person in people:
        home = homes.get(person.place) if person.entity is None else None
        if home is None:
            continue
        cluster = by_entity.setdefault(
            home.entity, _Cluster(home.entity, set(occupied.get(home.entity, ())))
        )
        if person.place.connection not in cluster.connections:
            cluster.connections.add(person.place.connection)
            cluster.fresh[person.place] = home.rule
            clusters[person.place] = cluster
    return clusters


def _buckets(people: Sequence[Candidate], rule: Rule, limit: int) -> list[list[Candidate]]:
    by_key: dict[str, list[Candidate]] = defaultdict(list)
    for person in people:
        for key in dict.fromkeys(person.keys.get(rule.name, ())):
            by_key[key].append(person)
    return [
        bucket
        for _, bucket in sorted(by_key.items())
        if 2 <= len(bucket) <= limit and (rule.names_people or not _is_shared(bucket))
    ]


def _is_shared(bucket: Sequence[Candidate]) -> bool:
    return len({person.surname for person in bucket if person.surname}) >= SHARED_NAMES


def _join(
    bucket: Sequence[Candidate],
    rule: Rule,
    clusters: dict[Place, _Cluster],
    duplicates: dict[tuple[Place, Place], str],
) -> None:
    pairs = []
    for a, b in combinations(bucket, 2):
        distance = _distance(a, b, rule)
        if distance is None or clusters[a.place] is clusters[b.place]:
            continue
        if a.place.connection == b.place.connection:
            if rule.name != EXTERNAL:
                duplicates.setdefault((a.place, b.place), rule.name)
            continue
        pairs.append((-_shared_rules(a, b), distance, a.place, b.place))
    for _, _, place, other in sorted(pairs):
        first, second = clusters[place], clusters[other]
        if first is second or first.connections & second.connections:
            continue
        if first.entity is not None and second.entity is not None:
            continue
        if first.entity is None and second.entity is not None:
            first, second = second, first
        for moved in second.fresh:
            first.fresh[moved] = second.fresh[moved] or rule.name
            clusters[moved] = first
        for member, why in first.fresh.items():
            first.fresh[member] = why or rule.name
        first.connections |= second.connections


def _shared_rules(a: Candidate, b: Candidate) -> int:
    return sum(1 for name, keys in a.keys.items() if not set(keys).isdisjoint(b.keys.get(name, ())))


def _distance(a: Candidate, b: Candidate, rule: Rule) -> float | None:
    """How far apart the two are by the rule's `near` fields; None if they must not be joined."""
    for name in VETO:
        one, two = a.fields.get(name), b.fields.get(name)
        if one is not None and two is not None and one != two and rule.name != EXTERNAL:
            return None
    total = 0.0
    for near in rule.near:
        one, two = a.fields.get(near.field), b.fields.get(near.field)
        if one is None or two is None:
            continue
        if near.days is not None:
            apart = _days(one, two)
            if apart > near.days:
                return None
            total += apart / max(near.days, 1e-9)
        if near.share is not None:
            apart = _share(one, two)
            if apart > near.share:
                return None
            total += apart / max(near.share, 1e-9)
        if near.similar is not None:
            likeness = _likeness(str(one), str(two))
            if likeness < near.similar:
                return None
            total += 1 - likeness
    return total


def _likeness(one: str, two: str) -> float:
    return DamerauLevenshtein.normalized_similarity(fold(one), fold(two))


def _days(one: FieldValue, two: FieldValue) -> float:
    first, second = str(one), str(two)
    if len(first) == len(second) == 10:
        return float(abs((date.fromisoformat(first) - date.fromisoformat(second)).days))
    gap = datetime.fromisoformat(first) - datetime.fromisoformat(second)
    return abs(gap.total_seconds()) / 86400


def _share(one: FieldValue, two: FieldValue) -> float:
    first, second = Decimal(str(one)), Decimal(str(two))
    larger = max(abs(first), abs(second))
    return float(abs(first - second) / larger) if larger else 0.0


def _outcome(
    people: Sequence[Candidate],
    clusters: Mapping[Place, _Cluster],
    duplicates: Mapping[tuple[Place, Place], str],
    object: str,
    taken: set[str],
) -> Outcome:
    links: list[Placed] = []
    founded: list[str] = []
    for person in people:
        if person.entity is not None:
            continue
        cluster = clusters[person.place]
        if cluster.entity is None:
            founder = min(cluster.fresh)
            attempt = 0
            while (made := entity_id(object, founder, attempt)) in taken:
                attempt += 1
            taken.add(made)
            cluster.entity = made
            cluster.fresh[founder] = "founder"
            founded.append(made)
        links.append(Placed(person.place, cluster.entity, cluster.fresh[person.place]))
    found = tuple((a, b, rule) for (a, b), rule in sorted(duplicates.items()))
    return Outcome(tuple(links), tuple(founded), found)
