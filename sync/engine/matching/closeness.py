"""How close two records are, beyond their keys."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from rapidfuzz.distance import DamerauLevenshtein

from mapping.schema import FieldValue
from mapping.values import fold
from sync.engine.matching.candidates import EXTERNAL, Candidate, Rule

#: Fields that settle that two records are different people when both have them.
VETO: tuple[str, ...] = ("birth_date",)

#: Likeness of last names without which a score links nobody by itself.
NAMES_ALIKE = 0.65


def distance(a: Candidate, b: Candidate, rule: Rule) -> float | None:
    """How far apart the two are by the rule's `near` fields; None if they must not be joined."""
    if rule.name != EXTERNAL and is_vetoed(a, b):
        return None
    total = 0.0
    for near in rule.near:
        one, two = a.fields.get(near.field), b.fields.get(near.field)
        if one is None or two is None:
            if near.needed:
                return None
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


def is_vetoed(a: Candidate, b: Candidate) -> bool:
    """Whether both have a value that settles that they are two."""
    return any(
        a.fields.get(name) is not None
        and b.fields.get(name) is not None
        and a.fields[name] != b.fields[name]
        for name in VETO
    )


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


def may_be_one_name(a: Candidate, b: Candidate) -> bool:
    """Whether the last names, where both are known, could be one with typing errors: two
    colleagues have so much in common that a score may take them for one."""
    if not a.surname or not b.surname:
        return True
    names = [fold(str(person.fields.get("first_name") or "")) for person in (a, b)]
    swapped = [a.surname, names[0]] == [names[1], b.surname]
    return swapped or _likeness(a.surname, b.surname) >= NAMES_ALIKE
