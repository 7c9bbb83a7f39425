"""What matching works on: records with their keys, rules and scores, and what comes of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mapping.schema import Fields
from sync.model import Place

#: The rule that a value in the external-id field makes.
EXTERNAL = "external id"

#: The rule that a person's word makes.
SAME = "same"

#: The rule that a score makes.
SCORE = "score"

#: How the names of keys begin that only make two records worth scoring.
BLOCK = "~"

#: A value shared by this many different last names is a switchboard, not a person.
SHARED_NAMES = 3

#: Two records, the smaller place first.
Pair: TypeAlias = tuple[Place, Place]


@dataclass(frozen=True, slots=True)
class Near:
    """Two values of `field` must lie within `days`, differ by at most `share` of the larger, or
    be spelled alike: `similar` is 1 - (edits, a swap counting one) / length, on folded text.
    A missing value does not object unless it is `needed`."""

    field: str
    days: float | None = None
    share: float | None = None
    similar: float | None = None
    needed: bool = False


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
class Scored:
    """How likely two records are the same thing, 0 to 1, and how many bits what they have in
    each field adds to that or takes away."""

    probability: float
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scores:
    """Scored pairs, and what follows from how much: from `review` on people are asked, from
    `link` on (None: never) two are linked that nothing else speaks against."""

    pairs: Mapping[Pair, Scored]
    review: float
    link: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Two records that may be the same thing: people decide. `score` is 1 where all that the
    rule compares agrees, and falls towards 0 with the distance of its `near` fields; or it is
    the probability that a model gives them, by the `weights` of their fields."""

    one: Place
    two: Place
    rule: str
    score: float
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Links for all unlinked candidates, the new entities among them, duplicates seen inside
    one connection as (record, of, rule), and pairs for people to decide."""

    links: tuple[Placed, ...]
    founded: tuple[str, ...]
    duplicates: tuple[tuple[Place, Place, str], ...]
    asked: tuple[Asked, ...] = ()


def by_key(people: Sequence[Candidate], rule: str) -> dict[str, list[Candidate]]:
    """Records by their keys of one rule."""
    found: dict[str, list[Candidate]] = defaultdict(list)
    for person in people:
        for key in dict.fromkeys(person.keys.get(rule, ())):
            found[key].append(person)
    return found
