"""How well records are matched where it is known who is who: the shipped rules on the demo's
accounts and on FEBRL 3 and 4, alone and with scores. Precision is the share of the linked pairs
that are right, recall the share of the true pairs (across accounts) that are linked; `asked` are
the pairs that people are asked about, `share` the part of all records in them, `right` those
that are the same thing, `then` the recall once all are answered.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mapping.schema import OBJECTS
from sync import scores
from sync.engine.decide.placing import rules_of
from sync.engine.matching.candidates import Candidate, Outcome, Scores
from sync.engine.matching.keys import Reading, keys_of, surname_of
from sync.engine.matching.match import match
from sync.engine.matching.scored import to_score
from sync.match_rules import DEFAULT_MATCH, Score
from sync.model import Place
from sync.quality import Quality, compare
from sync.scores.features import BLOCKS, Features, features_of
from sync.scores.numbers import Numbers, shipped
from sync.scores.scorer import Scorer, available, train
from tests.bench.known import Dataset, Known, NoData, demo, febrl

#: The accounts on which the numbers that ship are trained.
SHIPPED_CONTACTS, SHIPPED_SEED = 3_000, 11
SHIPPED_PRIOR = 1e-6

#: As `objects.OBJECT.key_limit`.
KEY_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Way:
    """How to match: rules alone, or with scores by the shipped or by freshly trained numbers."""

    name: str
    score: Score | None = None
    trained: bool = False


RULES = Way("rules")
ASKING = Way("rules, scores ask", Score())
LINKING = Way("rules, scores link at 0.9999", Score(link=0.9999))
TRAINED = Way("rules, trained scores link at 0.9999", Score(link=0.9999), trained=True)
WAYS = (RULES, ASKING, LINKING, TRAINED)


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one data set's object, matched in one way."""

    object: str
    records: int
    quality: Quality
    review: int
    review_right: int
    share: float
    """Of all records, those that a person is asked about."""
    seconds: float

    @property
    def recall_reviewed(self) -> float:
        """Recall if people answer every question rightly (each joins at least one pair)."""
        found = self.quality.right + self.review_right
        return min(found / self.quality.across, 1.0) if self.quality.across else 1.0


def measure(dataset: Dataset, way: Way) -> Iterator[Measured]:
    """Match all objects of a data set."""
    links: dict[str, Mapping[Place, str]] = {}
    for known in dataset.objects:
        resolved = known.resolved(links)
        start = time.perf_counter()
        outcome = decide(resolved, way)
        seconds = time.perf_counter() - start
        links[known.object] = {link.place: link.entity for link in outcome.links}
        asked = {(pair.one, pair.two) for pair in outcome.asked}
        yield Measured(
            object=known.object,
            records=len(known.fields),
            quality=compare(links[known.object], known.keys),
            review=len(asked),
            review_right=sum(known.keys[one] == known.keys[two] for one, two in asked),
            share=len({place for pair in asked for place in pair}) / max(len(known.fields), 1),
            seconds=seconds,
        )


def decide(known: Known, way: Way) -> Outcome:
    """What the hub would decide on these records if all of them came at once."""
    object, reading = known.object, Reading(known.region)
    rules = DEFAULT_MATCH[object]
    scoring = way.score if object in BLOCKS else None
    parts = {rule.name: rule.keys for rule in rules} | dict(BLOCKS[object] if scoring else {})
    candidates = [
        Candidate(
            place,
            None,
            keys_of(OBJECTS[object], fields, parts, reading),
            fields,
            surname_of(fields),
        )
        for place, fields in known.fields.items()
    ]
    ruled = rules_of(rules, OBJECTS[object])
    outcome = match(candidates, {}, ruled, object=object, key_limit=KEY_LIMIT)
    if scoring is None:
        return outcome
    pairs, shared = to_score(candidates, outcome, KEY_LIMIT)
    features = {c.place: features_of(object, c.fields, reading, shared) for c in candidates}
    numbers = learnt(object, features, outcome, known) if way.trained else None
    scored = Scorer(object, numbers).score(features, pairs)
    following = Scores(scored, scoring.review, scoring.link)
    return match(candidates, {}, ruled, object=object, key_limit=KEY_LIMIT, scores=following)


def learnt(
    object: str, features: Mapping[Place, Features], outcome: Outcome, known: Known
) -> Numbers:
    """Numbers trained on these records, as `concord train` does."""
    linked = compare({link.place: link.entity for link in outcome.links}, known.keys).found
    if len(features) < 500 or not linked:
        return shipped(object)
    return train(object, list(features.values()), linked, shipped(object))


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--contacts", type=int, default=400, help="size of the demo's accounts")
    parser.add_argument("--seed", type=int, default=7, help="seed of the demo's accounts")
    parser.add_argument(
        "--ship", action="store_true", help="train the numbers that ship and write them"
    )


def run(options: argparse.Namespace) -> None:
    """Print a line for each data set, object and way."""
    if options.ship:
        ship()
        return
    print(
        f"{'data set':<30}{'object':<9}{'way':<38}{'precision':>9}{'recall':>8}"
        f"{'asked':>7}{'share':>8}{'right':>7}{'then':>8}{'seconds':>9}"
    )
    for make in (lambda: demo(options.contacts, options.seed), lambda: febrl(3), lambda: febrl(4)):
        try:
            dataset = make()
        except NoData as missing:
            print(missing)
            continue
        for way in WAYS if available() else (RULES,):
            for found in measure(dataset, way):
                if way is RULES or found.object in BLOCKS:
                    print(line(dataset, way, found))


def ship() -> None:
    """Train what ships, on other accounts than are measured: without the names of made-up
    people, and with a prior for a million records, so that smaller accounts get too low a
    probability rather than too high a one."""
    links: dict[str, Mapping[Place, str]] = {}
    for known in demo(SHIPPED_CONTACTS, SHIPPED_SEED).objects:
        if known.object not in BLOCKS:
            continue
        resolved = known.resolved(links)
        outcome = decide(resolved, RULES)
        links[known.object] = {link.place: link.entity for link in outcome.links}
        linked = compare(links[known.object], known.keys).found
        features = [
            features_of(known.object, fields, Reading(known.region))
            for fields in resolved.fields.values()
        ]
        numbers = train(known.object, features, linked, None)
        path = Path(scores.__file__).parent / f"{known.object}.json"
        numbers.model_copy(update={"prior": SHIPPED_PRIOR, "rarity": {}}).write(path)
        print(f"{path.name}: {numbers.records:,} records, {linked:,} linked pairs")


def line(dataset: Dataset, way: Way, found: Measured) -> str:
    """One row of the table; `then` is recall once people have answered."""
    quality = found.quality
    return (
        f"{dataset.name:<30}{found.object:<9}{way.name:<38}{quality.precision:>9.4f}"
        f"{quality.recall_across:>8.4f}{found.review:>7}{found.share:>8.2%}{found.review_right:>7}"
        f"{found.recall_reviewed:>8.4f}{found.seconds:>9.2f}"
    )
