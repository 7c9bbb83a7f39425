"""Scores in matching: which pairs are worth scoring, and what follows from their scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations

from sync.engine.matching.candidates import (
    BLOCK,
    SCORE,
    SHARED_NAMES,
    Asked,
    Candidate,
    Outcome,
    Pair,
    Scores,
    by_key,
)
from sync.engine.matching.closeness import is_vetoed, may_be_one_name
from sync.engine.matching.clusters import Cluster, IsOpen, Words, unite
from sync.model import Place

#: A score with which two records of one connection are reported as duplicates.
SURE = 0.9999


def to_score(
    candidates: Iterable[Candidate],
    outcome: Outcome,
    key_limit: int,
    again: Collection[Place] = (),
) -> tuple[list[Pair], set[str]]:
    """The pairs that `outcome` (of the rules alone) leaves open and that share a key made for
    scoring, a new record in each, or as the first one of those that are looked at `again`; and
    the keys that many people share, which say nothing about one of them."""
    people = sorted(candidates, key=lambda c: c.place)
    entities = {link.place: link.entity for link in outcome.links}
    entities |= {c.place: c.entity for c in people if c.entity is not None}
    found: set[Pair] = set()
    shared: set[str] = set()
    for name in sorted({key for c in people for key in c.keys if key[0] == BLOCK}):
        for key, bucket in by_key(people, name).items():
            if len({c.surname for c in bucket if c.surname}) >= SHARED_NAMES:
                shared.add(f"{name}{key}")
            if len(bucket) > key_limit:
                continue
            found |= {
                (a.place, b.place)
                for a, b in combinations(bucket, 2)
                if (a.entity is None or b.entity is None or a.place in again)
                and entities[a.place] != entities[b.place]
            }
    return sorted(found), shared


def weigh(
    scores: Scores,
    people: Mapping[Place, Candidate],
    clusters: dict[Place, Cluster],
    duplicates: dict[Pair, str],
    asked: dict[Pair, Asked],
    words: Words,
    is_open: IsOpen,
) -> None:
    """Link what is certain and alone, ask about what is likely, report what is double."""
    likely = sorted(
        (
            (pair, scored)
            for pair, scored in scores.pairs.items()
            if scored.probability >= scores.review and set(pair) <= people.keys()
        ),
        key=lambda found: (-found[1].probability, found[0]),
    )
    near: dict[Place, list[Pair]] = defaultdict(list)
    for pair, _ in likely:
        for place in pair:
            near[place].append(pair)
    certain = [
        pair
        for pair, scored in likely
        if scores.link is not None
        and scored.probability >= scores.link
        and not is_vetoed(*(people[place] for place in pair))
        and may_be_one_name(*(people[place] for place in pair))
    ]
    alone = [pair for pair in certain if not _rivals(pair, near, clusters, words)]
    for place, other in alone:
        if not _contradicted(clusters[place], clusters[other], scores):
            unite(clusters[place], clusters[other], SCORE, clusters, words)
    for (place, other), scored in likely:
        one, two = clusters[place], clusters[other]
        if place.connection == other.connection:
            if scored.probability >= SURE and other not in words.apart.get(place, ()):
                duplicates.setdefault((place, other), SCORE)
        elif one is not two and is_open(one, two):
            first, second = sorted(min(c.members) for c in (one, two))
            probability = round(scored.probability, 6)
            found = Asked(place, other, SCORE, probability, scored.weights)
            asked.setdefault((first, second), found)


def _rivals(
    pair: Pair, near: Mapping[Place, list[Pair]], clusters: Mapping[Place, Cluster], words: Words
) -> bool:
    """Whether one of the two could as well be the same as a third that cannot be both."""
    one, two = (clusters[place] for place in pair)
    for cluster in (one, two):
        for member in cluster.members:
            for other in near.get(member, ()):
                for place in other:
                    third = clusters[place]
                    if third is one or third is two:
                        continue
                    if not (words.allow(third, one) and words.allow(third, two)):
                        return True
    return False


def _contradicted(one: Cluster, two: Cluster, scores: Scores) -> bool:
    """Whether the score of any two of their records is too low to ask about."""
    return any(
        (scored := scores.pairs.get((min(a, b), max(a, b)))) is not None
        and scored.probability < scores.review
        for a in one.members
        for b in two.members
    )
