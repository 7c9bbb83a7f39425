"""Which records are the same real thing: a pure decision over keys.

Rules are tried strongest first, over all records at once, so that a weak rule never takes
a record that a strong one would have placed. A key shared by too many records, or by too
many last names, links nobody. An entity has at most one record a connection: two records
of one connection that share a key are reported as duplicates, not linked.

What people said comes first: records they keep apart never get into one entity, records
they call the same do wherever an entity can hold both. A rule may ask people instead of
linking; then it links nobody.
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

#: The rule that a person's word makes.
SAME = "same"

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
    among many names cannot happen. A rule that `asks` links nobody: its pairs are for people
    to decide.
    """

    name: str
    near: tuple[Near, ...] = ()
    names_people: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record to place (`entity` None), or one already linked that shares a key with those
    or that people said something about together with one of those.

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
class Asked:
    """Two records that may be the same thing: people decide. `score` is 1 where all that the
    rule compares agrees, and falls towards 0 with the distance of its `near` fields."""

    one: Place
    two: Place
    rule: str
    score: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Links for all unlinked candidates, the new entities among them, duplicates seen inside
    one connection as (record, of, rule), and pairs for people to decide."""

    links: tuple[Placed, ...]
    founded: tuple[str, ...]
    duplicates: tuple[tuple[Place, Place, str], ...]
    asked: tuple[Asked, ...] = ()


@dataclass(slots=True)
class _Cluster:
    entity: str | None
    connections: set[str]
    fresh: dict[Place, str] = field(default_factory=dict)
    """Unlinked members and the rule that brought each in."""
    members: set[Place] = field(default_factory=set)
    """All members among the candidates."""


@dataclass(frozen=True, slots=True)
class _Words:
    """What people said: record -> the records it is not."""

    apart: Mapping[Place, frozenset[Place]]

    def divide(self, one: _Cluster, two: _Cluster) -> bool:
        """Whether a record of the one is kept apart from a record of the other."""
        return any(
            not self.apart[m].isdisjoint(two.members) for m in one.members & self.apart.keys()
        )

    def allow(self, one: _Cluster, two: _Cluster) -> bool:
        """Whether the two can become one entity: each connection once, no two entities, and
        nobody objects."""
        return not (
            one.connections & two.connections
            or (one.entity is not None and two.entity is not None)
            or self.divide(one, two)
        )


def match(
    candidates: Iterable[Candidate],
    occupied: Mapping[str, Iterable[str]],
    rules: Sequence[Rule],
    *,
    object: str,
    key_limit: int,
    taken: Iterable[str] = (),
    homes: Mapping[Place, Placed] | None = None,
    apart: Iterable[tuple[Place, Place]] = (),
    same: Iterable[tuple[Place, Place]] = (),
) -> Outcome:
    """Place every unlinked candidate.

    `occupied`: entity -> connections in which it has a record already. `taken`: ids that
    entities founded by these records must not get. `homes`: where records belong that name
    their entity or were linked before; they go there if the place is free. `apart` and
    `same`: pairs that people decided; where both are said, apart holds. Of a linked record
    that is no candidate nothing can be said.

    The result does not depend on the order of `candidates`, `apart` and `same`.
    """
    people = sorted(candidates, key=lambda c: c.place)
    words = _words(apart)
    clusters = _start(people, occupied, homes or {}, words)
    for place, other in sorted((min(pair), max(pair)) for pair in same):
        if place in clusters and other in clusters:
            _unite(clusters[place], clusters[other], SAME, clusters, words)
    duplicates: dict[tuple[Place, Place], str] = {}
    for rule in (Rule(EXTERNAL, names_people=True), *(r for r in rules if not r.asks)):
        for bucket in _buckets(people, rule, key_limit):
            _join(bucket, rule, clusters, duplicates, words)
    asked: dict[tuple[Place, Place], Asked] = {}
    for rule in (r for r in rules if r.asks):
        for bucket in _buckets(people, rule, key_limit):
            _ask(bucket, rule, clusters, asked, words)
    return _outcome(people, clusters, duplicates, asked, object, set(taken))


def _words(apart: Iterable[tuple[Place, Place]]) -> _Words:
    found: dict[Place, set[Place]] = defaultdict(set)
    for one, two in apart:
        found[one].add(two)
        found[two].add(one)
    return _Words({place: frozenset(others) for place, others in found.items()})


def _start(
    people: Sequence[Candidate],
    occupied: Mapping[str, Iterable[str]],
    homes: Mapping[Place, Placed],
    words: _Words,
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
        cluster.members.add(person.place)
        clusters[person.place] = cluster
    for person in people:
        home = homes.get(person.place) if person.entity is None else None
        if home is None:
            continue
        cluster = by_entity.setdefault(
            home.entity, _Cluster(home.entity, set(occupied.get(home.entity, ())))
        )
        if words.allow(clusters[person.place], cluster):
            cluster.connections.add(person.place.connection)
            cluster.fresh[person.place] = home.rule
            cluster.members.add(person.place)
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
    words: _Words,
) -> None:
    pairs = []
    for a, b in combinations(bucket, 2):
        distance = _distance(a, b, rule)
        if distance is None or clusters[a.place] is clusters[b.place]:
            continue
        if a.place.connection == b.place.connection:
            if rule.name != EXTERNAL and b.place not in words.apart.get(a.place, ()):
                duplicates.setdefault((a.place, b.place), rule.name)
            continue
        pairs.append((-_shared_rules(a, b), distance, a.place, b.place))
    for _, _, place, other in sorted(pairs):
        _unite(clusters[place], clusters[other], rule.name, clusters, words)


def _unite(
    first: _Cluster, second: _Cluster, rule: str, clusters: dict[Place, _Cluster], words: _Words
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


def _ask(
    bucket: Sequence[Candidate],
    rule: Rule,
    clusters: Mapping[Place, _Cluster],
    asked: dict[tuple[Place, Place], Asked],
    words: _Words,
) -> None:
    """Note the closest pair of each two clusters that could be one, if no earlier rule has."""
    pairs = []
    for a, b in combinations(bucket, 2):
        distance = _distance(a, b, rule)
        one, two = clusters[a.place], clusters[b.place]
        if distance is not None and one is not two and words.allow(one, two):
            pairs.append((distance, a.place, b.place))
    for distance, place, other in sorted(pairs):
        first, second = sorted(min(clusters[p].members) for p in (place, other))
        found = Asked(place, other, rule.name, round(1 / (1 + distance), 3))
        asked.setdefault((first, second), found)


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
    asked: Mapping[tuple[Place, Place], Asked],
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
    questions = tuple(sorted(asked.values(), key=lambda a: (a.one, a.two)))
    return Outcome(tuple(links), tuple(founded), found, questions)
