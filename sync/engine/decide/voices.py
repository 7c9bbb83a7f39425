"""What members say of a group of fields: their values as sent, and their candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mapping.schema import FULLER_FIRST, Field, Fields, FieldValue, Kind, ObjectSchema, Policy
from sync.model import Member, Place

#: Whether two canonical values of a kind mean the same.
Same = Callable[[Kind, FieldValue, FieldValue], bool]


@dataclass(slots=True)
class Candidate:
    """One version of a group: the values a member (or the entity itself) holds."""

    place: Place | None
    values: Fields
    at: datetime
    fresh: bool


def as_sent(schema: ObjectSchema, member: Member, same: Same, derived: bool = False) -> Member:
    """The member with what was sent to it for what the vendor made of that: a rendition is
    nobody's change. `derived` keeps what the vendor set by itself where nothing was sent."""
    seen, base = dict(member.seen), dict(member.base or {})
    for name, (sent, made) in member.renditions.items():
        kind = schema.fields[name].kind
        if name not in seen or not same(kind, seen[name], made) or (derived and sent is None):
            continue
        seen[name] = sent
        if name in base:
            base[name] = sent
    return replace(member, seen=seen, base=base if member.base is not None else None)


def newest(candidate: Candidate) -> tuple[datetime, bool, Place]:
    """Sorts candidates by time; what a record holds comes after what was agreed."""
    return (candidate.at, candidate.place is not None, candidate.place or Place("", ""))


def items(value: FieldValue) -> set[str]:
    """The members of a set field, none where it is empty."""
    return set(value) if isinstance(value, list) else set()


def has_base(member: Member, name: str) -> bool:
    """Whether the record has agreed on the field before."""
    return member.base is not None and name in member.base


def base_of(member: Member, name: str) -> FieldValue:
    """What the record last agreed on; it `has_base`."""
    assert member.base is not None
    return member.base[name]


def changed_at(member: Member, values: Fields) -> datetime:
    """When a person last changed one of these fields, as far as the vendor tells."""
    times = [member.field_times[name] for name in values if name in member.field_times]
    return max(times) if times else member.changed_at


def is_empty(values: Fields, group: Sequence[Field]) -> bool:
    """Whether nothing but a currency is filled."""
    return all(
        values.get(field.name) is None or field.kind is Kind.CURRENCY
        for field in group
        if field.name in values
    )


def alike(
    group: Sequence[Field], a: Fields, b: Fields, same: Same, *, blank_fits: bool = False
) -> bool:
    """Whether two versions of a group say the same of the fields that both name;
    `blank_fits`: an empty field says nothing."""
    return all(
        same(f.kind, a[f.name], b[f.name])
        or (blank_fits and (a[f.name] is None or b[f.name] is None))
        for f in group
        if f.name in a and f.name in b
    )


def differing(
    group: Sequence[Field], candidates: Iterable[Candidate], values: Fields, same: Same
) -> list[Candidate]:
    """Those candidates that say otherwise."""
    return [c for c in candidates if not alike(group, c.values, values, same)]


def distinct(
    group: Sequence[Field], candidates: Iterable[Candidate], same: Same
) -> list[Candidate]:
    """One candidate for each different version, the newest of those alike. First values
    that complete each other (a street here, a city there) are one."""
    found: list[Candidate] = []
    for candidate in sorted(candidates, key=newest, reverse=True):
        for other in found:
            blank_fits = candidate.fresh and other.fresh
            if alike(group, candidate.values, other.values, same, blank_fits=blank_fits):
                filled = {n: v for n, v in other.values.items() if v is not None}
                other.values = {**other.values, **candidate.values, **filled}
                break
        else:
            found.append(candidate)
    return found


def ranked(
    group: Sequence[Field],
    policy: Policy,
    versions: Iterable[Candidate],
    order: Sequence[str],
    holders: Sequence[str],
    *,
    first_link: bool,
) -> list[Candidate]:
    """Versions by a policy, the winner first. `order`: connections, most trusted first.
    `holders`: connections that hold what was agreed."""

    def standing(candidate: Candidate) -> int:
        connection = candidate.place.connection if candidate.place else ""
        if not connection:
            return min((order.index(c) for c in holders if c in order), default=len(order))
        return order.index(connection) if connection in order else len(order)

    def key(candidate: Candidate) -> tuple[object, ...]:
        filled = sum(value is not None for value in candidate.values.values())
        fuller = -filled if first_link and group[0].group in FULLER_FIRST else 0
        last = -candidate.at.timestamp()
        place = candidate.place or Place("", "")
        if policy is Policy.PRIORITY:
            return (fuller, standing(candidate), last, place)
        if policy is Policy.LONGEST:
            length = sum(len(str(v)) for v in candidate.values.values() if v is not None)
            return (fuller, -length, last, standing(candidate), place)
        return (fuller, last, standing(candidate), place)

    return sorted(versions, key=key)
