"""What the agreed value of each field is, and why: a pure decision over members.

Fields of one group (an address, amount and currency) are decided as one. For each group:

========================= ==========================================================
members say               outcome
========================= ==========================================================
nothing new               kept
one new value             taken
several new values        the policy decides; ``manual`` keeps and asks a person
a first value (new link)  filled beats empty, a fuller address a barer one, then the policy
========================= ==========================================================

`union`, `restrictive` and `oldest` look at all members and never disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mapping.schema import FULLER_FIRST, Field, Fields, FieldValue, Kind, ObjectSchema, Policy
from sync.model import NEVER, Decision, Disagreement, Member, Merged, Place

#: Whether two canonical values of a kind mean the same.
Same = Callable[[Kind, FieldValue, FieldValue], bool]


@dataclass(frozen=True, slots=True)
class Rules:
    """Who decides: policy and order of connections by field (a group's first field counts)."""

    policies: Mapping[str, Policy]
    priority: Mapping[str, Sequence[str]]


@dataclass(slots=True)
class _Candidate:
    """One version of a group: the values a member (or the entity itself) holds."""

    place: Place | None
    values: Fields
    at: datetime
    fresh: bool


def merge(
    schema: ObjectSchema,
    agreed: Fields,
    members: Sequence[Member],
    rules: Rules,
    same: Same,
    resolutions: Mapping[str, FieldValue] | None = None,
) -> Merged:
    """The agreed fields of one entity.

    `agreed`: the entity as it was, {} for a new one. `resolutions`: fields a person has
    decided, which end their conflict. The result does not depend on the order of `members`.
    """
    ordered = sorted(members, key=lambda m: m.place)
    merged = _Merger(schema, dict(agreed), ordered, rules, same, resolutions or {})
    for group in _groups(schema):
        merged.decide(group)
    return Merged(
        fields=merged.fields,
        decisions=tuple(merged.decisions),
        disagreements=tuple(merged.disagreements),
        blocked=frozenset(merged.blocked),
    )


def _groups(schema: ObjectSchema) -> list[list[Field]]:
    groups: dict[str, list[Field]] = {}
    for field in schema.fields.values():
        if not field.computed:
            groups.setdefault(field.group or field.name, []).append(field)
    return list(groups.values())


class _Merger:
    def __init__(
        self,
        schema: ObjectSchema,
        fields: Fields,
        members: Sequence[Member],
        rules: Rules,
        same: Same,
        resolutions: Mapping[str, FieldValue],
    ) -> None:
        self.schema = schema
        self.fields = fields
        self.members = [_as_sent(schema, member, same) for member in members]
        self.voices = [_as_sent(schema, member, same, derived=True) for member in members]
        self.rules = rules
        self.same = same
        self.resolutions = resolutions
        self.decisions: list[Decision] = []
        self.disagreements: list[Disagreement] = []
        self.blocked: set[str] = set()

    def decide(self, group: list[Field]) -> None:
        policy = self.rules.policies[group[0].name]
        if any(field.name in self.resolutions for field in group):
            self._resolve(group)
            rest = [field for field in group if field.name not in self.resolutions]
            if rest:
                self._by_change(rest, policy)
        elif policy is Policy.UNION and group[0].kind in (Kind.CHOICES, Kind.REFERENCES):
            self._union(group[0])
        elif policy is Policy.RESTRICTIVE:
            self._restrictive(group[0])
        elif policy is Policy.OLDEST:
            self._oldest(group[0])
        else:
            self._by_change(group, policy)

    # -- policies that look at everybody -----------------------------------------------

    def _union(self, field: Field) -> None:
        name = field.name
        old = _items(self.fields.get(name))
        adds: set[str] = set()
        removes: set[str] = set()
        source: Member | None = None
        for member in self.members:
            if name not in member.seen:
                continue
            seen = _items(member.seen[name])
            base = _items(_base(member, name)) if _has_base(member, name) else set()
            added, removed = seen - base, base - seen
            if (added - old) or (removed & old):
                source = member
            adds |= added
            removes |= removed
        new = sorted((old | adds) - (removes - adds))
        known = name in self.fields or any(name in member.seen for member in self.members)
        value: FieldValue = new or None
        if known and not self.same(field.kind, value, self.fields.get(name)):
            self._take(field, value, "union", source)
        elif known:
            self.fields.setdefault(name, value)

    def _restrictive(self, field: Field) -> None:
        said = [member for member in self.members if member.seen.get(field.name) is not None]
        if not said:
            return
        strict = [member for member in said if member.seen[field.name] is True]
        source = (strict or said)[0]
        value = bool(strict)
        if self.fields.get(field.name) is not value:
            losing = tuple(
                (m.place, m.seen[field.name]) for m in said if m.seen[field.name] is not value
            )
            self._take(field, value, "most restrictive", source, losing)

    def _oldest(self, field: Field) -> None:
        said = [member for member in self.members if member.seen.get(field.name) is not None]
        if not said:
            return
        source = min(said, key=lambda m: (str(m.seen[field.name]), m.place))
        value = source.seen[field.name]
        old = self.fields.get(field.name)
        if old is None or str(value) < str(old):
            self._take(field, value, "oldest", source)

    # -- three-way merge -----------------------------------------------------------------

    def _by_change(self, group: list[Field], policy: Policy) -> None:
        changed: list[_Candidate] = []
        fresh: list[_Candidate] = []
        for member in self.voices:
            values = {f.name: member.seen[f.name] for f in group if f.name in member.seen}
            if not values:
                continue
            known = [f for f in group if f.name in values and _has_base(member, f.name)]
            at = _changed_at(member, values)
            if any(not self.same(f.kind, values[f.name], _base(member, f.name)) for f in known):
                changed.append(_Candidate(member.place, values, at, fresh=False))
            elif len(known) < len(values):
                fresh.append(_Candidate(member.place, values, at, fresh=True))
        old = {f.name: self.fields[f.name] for f in group if f.name in self.fields}
        filled = [c for c in fresh if not _is_empty(c.values, group)]
        if not filled and not changed and all(value is None for value in old.values()):
            # A currency without an amount says little, but more than nothing.
            filled = [c for c in fresh if any(v is not None for v in c.values.values())]
        fresh = filled
        if not changed and not fresh:
            return
        candidates = list(changed)
        if fresh:
            candidates += fresh
            if not changed and not _is_empty(old, group):
                candidates.append(_Candidate(None, old, self._agreed_at(fresh), fresh=False))
        distinct = self._distinct(group, candidates)
        if len(distinct) == 1:
            reason = "changed" if changed else "only value"
            self._take_group(group, distinct[0], reason, ())
            return
        self._settle(group, policy, distinct, first_link=not (len(changed) > 1))

    def _agreed_at(self, fresh: Sequence[_Candidate]) -> datetime:
        newcomers = {candidate.place for candidate in fresh}
        stamps = [m.changed_at for m in self.members if m.place not in newcomers]
        return max(stamps, default=NEVER)

    def _distinct(
        self, group: Sequence[Field], candidates: Sequence[_Candidate]
    ) -> list[_Candidate]:
        """One candidate for each different version, the newest of those alike. First values
        that complete each other (a street here, a city there) are one."""
        found: list[_Candidate] = []
        for candidate in sorted(candidates, key=_newest, reverse=True):
            for other in found:
                blank_fits = candidate.fresh and other.fresh
                if self._alike(group, candidate.values, other.values, blank_fits):
                    filled = {n: v for n, v in other.values.items() if v is not None}
                    other.values = {**other.values, **candidate.values, **filled}
                    break
            else:
                found.append(candidate)
        return found

    def _alike(self, group: Sequence[Field], a: Fields, b: Fields, blank_fits: bool) -> bool:
        return all(
            self.same(f.kind, a[f.name], b[f.name])
            or (blank_fits and (a[f.name] is None or b[f.name] is None))
            for f in group
            if f.name in a and f.name in b
        )

    def _settle(
        self, group: list[Field], policy: Policy, versions: list[_Candidate], first_link: bool
    ) -> None:
        if policy is Policy.MANUAL:
            self.blocked |= {field.name for field in group}
            self._book(group, versions, None, "manual", first_link)
            return
        ranked = self._rank(group, policy, versions, first_link)
        winner = ranked[0]
        rule = f"first link: {policy}" if first_link else f"conflict: {policy}"
        self._book(group, versions, winner, str(policy), first_link)
        losing = [c for c in ranked[1:] if c.place is not None]
        self._take_group(group, winner, rule, losing)

    def _rank(
        self, group: list[Field], policy: Policy, versions: list[_Candidate], first_link: bool
    ) -> list[_Candidate]:
        order = list(self.rules.priority[group[0].name])

        def standing(candidate: _Candidate) -> int:
            connection = candidate.place.connection if candidate.place else ""
            if not connection:
                held = [m.place.connection for m in self.members if _has_base(m, group[0].name)]
                return min((order.index(c) for c in held if c in order), default=len(order))
            return order.index(connection) if connection in order else len(order)

        def key(candidate: _Candidate) -> tuple[object, ...]:
            filled = sum(value is not None for value in candidate.values.values())
            fuller = -filled if first_link and group[0].group in FULLER_FIRST else 0
            newest = -candidate.at.timestamp()
            place = candidate.place or Place("", "")
            if policy is Policy.PRIORITY:
                return (fuller, standing(candidate), newest, place)
            if policy is Policy.LONGEST:
                length = sum(len(str(v)) for v in candidate.values.values() if v is not None)
                return (fuller, -length, newest, standing(candidate), place)
            return (fuller, newest, standing(candidate), place)

        return sorted(versions, key=key)

    # -- outcomes ------------------------------------------------------------------------

    def _resolve(self, group: list[Field]) -> None:
        for field in group:
            if field.name in self.resolutions:
                value = self.resolutions[field.name]
                if not self.same(field.kind, value, self.fields.get(field.name)):
                    self._take(field, value, "resolved by a person", None)

    def _take_group(
        self,
        group: list[Field],
        winner: _Candidate,
        reason: str,
        losing: Sequence[_Candidate],
    ) -> None:
        for field in group:
            if field.name not in winner.values:
                continue
            value, old = winner.values[field.name], self.fields.get(field.name)
            lost = tuple(
                (c.place, c.values[field.name])
                for c in losing
                if c.place is not None
                and field.name in c.values
                and not self.same(field.kind, c.values[field.name], value)
            )
            if self.same(field.kind, value, old) and not lost:
                self.fields.setdefault(field.name, value)
                continue
            if field.name not in self.fields or not self.same(field.kind, value, old):
                self.fields[field.name] = value
            self.decisions.append(
                Decision(
                    field.name,
                    old,
                    self.fields.get(field.name),
                    reason,
                    winner.place,
                    winner.at if winner.place else None,
                    lost,
                )
            )

    def _take(
        self,
        field: Field,
        value: FieldValue,
        reason: str,
        source: Member | None,
        losing: tuple[tuple[Place, FieldValue], ...] = (),
    ) -> None:
        old = self.fields.get(field.name)
        self.fields[field.name] = value
        place = source.place if source else None
        at = source.changed_at if source else None
        self.decisions.append(Decision(field.name, old, value, reason, place, at, losing))

    def _book(
        self,
        group: list[Field],
        versions: Sequence[_Candidate],
        winner: _Candidate | None,
        rule: str,
        first_link: bool,
    ) -> None:
        for field in group:
            agreed = self.fields.get(field.name)
            said = [
                (c.place, c.values[field.name])
                for c in versions
                if c.place is not None and field.name in c.values
            ]
            held = [value for _, value in said]
            if winner is None or any(c.place is None for c in versions):
                held.append(agreed)
            if not said or all(self.same(field.kind, value, held[0]) for value in held[1:]):
                continue
            outcome = agreed if winner is None else winner.values.get(field.name, agreed)
            self.disagreements.append(
                Disagreement(
                    field.name, agreed, outcome, tuple(said), rule, first_link, winner is None
                )
            )


def _as_sent(schema: ObjectSchema, member: Member, same: Same, derived: bool = False) -> Member:
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


def _newest(candidate: _Candidate) -> tuple[datetime, bool, Place]:
    return (candidate.at, candidate.place is not None, candidate.place or Place("", ""))


def _items(value: FieldValue) -> set[str]:
    return set(value) if isinstance(value, list) else set()


def _has_base(member: Member, name: str) -> bool:
    return member.base is not None and name in member.base


def _base(member: Member, name: str) -> FieldValue:
    assert member.base is not None
    return member.base[name]


def _changed_at(member: Member, values: Fields) -> datetime:
    times = [member.field_times[name] for name in values if name in member.field_times]
    return max(times) if times else member.changed_at


def _is_empty(values: Fields, group: Sequence[Field]) -> bool:
    """Whether nothing but a currency is filled."""
    return all(
        values.get(field.name) is None or field.kind is Kind.CURRENCY
        for field in group
        if field.name in values
    )
