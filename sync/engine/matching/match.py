"""Which records are the same real thing: a pure decision over keys.

Rules are tried strongest first, over all records at once, so that a weak rule never takes
a record that a strong one would have placed. A key shared by too many records, or by too
many last names, links nobody. An entity has at most one record a connection: two records
of one connection that share a key are reported as duplicates, not linked.

What people said comes first: records they keep apart never get into one entity, records
they call the same do wherever an entity can hold both. A rule may ask people instead of
linking; then it links nobody.

Scores come last: how likely two records are the same that no rule has linked. A probability is
about one pair, and chains of pairs make wrong entities fast, so a score links only where the
two are each other's only candidate; all else is for people to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from sync.engine.matching.candidates import (
    BLOCK,
    EXTERNAL,
    SAME,
    SHARED_NAMES,
    Asked,
    Candidate,
    Outcome,
    Placed,
    Rule,
    Scores,
    by_key,
)
from sync.engine.matching.closeness import distance
from sync.engine.matching.clusters import Cluster, IsOpen, Words, start, unite, words_of
from sync.engine.matching.scored import weigh
from sync.model import Place, entity_id


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
    scores: Scores | None = None,
    again: bool = False,
) -> Outcome:
    """Place every unlinked candidate.

    `occupied`: entity -> connections in which it has a record already. `taken`: ids that
    entities founded by these records must not get. `homes`: where records belong that name
    their entity or were linked before; they go there if the place is free. `apart` and
    `same`: pairs that people decided; where both are said, apart holds. Of a linked record
    that is no candidate nothing can be said.

    `again`: the candidates were placed by other rules. Where the rules of now find two entities
    to be one, people are asked, whichever rule it is.

    The result does not depend on the order of `candidates`, `apart` and `same`.
    """
    people = sorted(candidates, key=lambda c: c.place)
    words = words_of(apart)
    clusters = start(people, occupied, homes or {}, words)
    for place, other in sorted((min(pair), max(pair)) for pair in same):
        if place in clusters and other in clusters:
            unite(clusters[place], clusters[other], SAME, clusters, words)
    duplicates: dict[tuple[Place, Place], str] = {}
    for rule in (Rule(EXTERNAL, names_people=True), *(r for r in rules if not r.asks)):
        for bucket in _buckets(people, rule, key_limit):
            _join(bucket, rule, clusters, duplicates, words)
    asked: dict[tuple[Place, Place], Asked] = {}
    is_open = words.leave_open if again else words.allow
    for rule in (r for r in rules if r.asks or again):
        for bucket in _buckets(people, rule, key_limit):
            _ask(bucket, rule, clusters, asked, is_open)
    if scores is not None:
        by_place = {person.place: person for person in people}
        weigh(scores, by_place, clusters, duplicates, asked, words, is_open)
    return _outcome(people, clusters, duplicates, asked, object, set(taken))


def _buckets(people: Sequence[Candidate], rule: Rule, limit: int) -> list[list[Candidate]]:
    return [
        bucket
        for _, bucket in sorted(by_key(people, rule.name).items())
        if 2 <= len(bucket) <= limit and (rule.names_people or not _is_shared(bucket))
    ]


def _is_shared(bucket: Sequence[Candidate]) -> bool:
    return len({person.surname for person in bucket if person.surname}) >= SHARED_NAMES


def _join(
    bucket: Sequence[Candidate],
    rule: Rule,
    clusters: dict[Place, Cluster],
    duplicates: dict[tuple[Place, Place], str],
    words: Words,
) -> None:
    pairs = []
    for a, b in combinations(bucket, 2):
        apart = distance(a, b, rule)
        if apart is None or clusters[a.place] is clusters[b.place]:
            continue
        if a.place.connection == b.place.connection:
            if rule.name != EXTERNAL and b.place not in words.apart.get(a.place, ()):
                duplicates.setdefault((a.place, b.place), rule.name)
            continue
        pairs.append((-_shared_rules(a, b), apart, a.place, b.place))
    for _, _, place, other in sorted(pairs):
        unite(clusters[place], clusters[other], rule.name, clusters, words)


def _ask(
    bucket: Sequence[Candidate],
    rule: Rule,
    clusters: Mapping[Place, Cluster],
    asked: dict[tuple[Place, Place], Asked],
    is_open: IsOpen,
) -> None:
    """Note the closest pair of each two clusters that could be one, if no earlier rule has."""
    pairs = []
    for a, b in combinations(bucket, 2):
        apart = distance(a, b, rule)
        one, two = clusters[a.place], clusters[b.place]
        if apart is not None and one is not two and is_open(one, two):
            pairs.append((apart, a.place, b.place))
    for apart, place, other in sorted(pairs):
        first, second = sorted(min(clusters[p].members) for p in (place, other))
        found = Asked(place, other, rule.name, round(1 / (1 + apart), 3))
        asked.setdefault((first, second), found)


def _shared_rules(a: Candidate, b: Candidate) -> int:
    return sum(
        1
        for name, keys in a.keys.items()
        if name[0] != BLOCK and not set(keys).isdisjoint(b.keys.get(name, ()))
    )


def _outcome(
    people: Sequence[Candidate],
    clusters: Mapping[Place, Cluster],
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
