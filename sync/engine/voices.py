"""What members say of a group of fields: their values as sent, and their candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mapping.schema import Field, Fields, FieldValue, Kind, ObjectSchema
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
