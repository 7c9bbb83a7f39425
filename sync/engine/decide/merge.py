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

`union`, `restrictive` and `oldest` look at all members and never disagree. Where only some
connections decide, changes of the others are overruled. What an undo left different waits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from datetime import datetime

from mapping.schema import Field, Fields, FieldValue, Kind, ObjectSchema, Policy
from sync.engine.decide.voices import (
    Candidate,
    Same,
    as_sent,
    base_of,
    changed_at,
    differing,
    distinct,
    has_base,
    is_empty,
    items,
    ranked,
)
from sync.model import NEVER, Decision, Disagreement, Member, Merged, Place


@dataclass(frozen=True, slots=True)
class Rules:
    """Who decides, by field (of a group the first field counts).

    `decides`: the connections whose changes count, where not all do.
    """

    policies: Mapping[str, Policy]
    priority: Mapping[str, Sequence[str]]
    decides: Mapping[str, Sequence[str]] = attribute(default_factory=dict)


def merge(
    schema: ObjectSchema,
    agreed: Fields,
    members: Sequence[Member],
    rules: Rules,
    same: Same,
    resolutions: Mapping[str, FieldValue] | None = None,
    undone: Collection[str] = (),
) -> Merged:
    """The agreed fields of one entity.

    `agreed`: the entity as it was, {} for a new one. `resolutions`: fields a person has
    decided, which end their conflict. `undone`: fields that an undo left different; they wait
    until somebody changes one of them, a person resolves them, or all members agree. The
    result does not depend on the order of `members`.
    """
    ordered = sorted(members, key=lambda m: m.place)
    merged = _Merger(schema, dict(agreed), ordered, rules, same, resolutions or {}, undone)
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
        undone: Collection[str],
    ) -> None:
        self.schema = schema
        self.fields = fields
        self.members = [as_sent(schema, member, same) for member in members]
        self.voices = [as_sent(schema, member, same, derived=True) for member in members]
        self.rules = rules
        self.same = same
        self.resolutions = resolutions
        self.undone = undone
        self.decisions: list[Decision] = []
        self.disagreements: list[Disagreement] = []
        self.blocked: set[str] = set()

    def decide(self, group: list[Field]) -> None:
        policy = self.rules.policies[group[0].name]
        resolved = [field for field in group if field.name in self.resolutions]
        if resolved:
            self._resolve(resolved)
            group = [field for field in group if field not in resolved]
            if not group:
                return
        displaced: list[Candidate] = []
        undone = any(field.name in self.undone for field in group)
        if undone:
            if self._waits(group):
                return
            displaced = self._displaced(group)
        if resolved:
            self._by_change(group, policy, displaced)
        elif policy is Policy.UNION and group[0].kind in (Kind.CHOICES, Kind.REFERENCES):
            self._union(group[0], undone)
        elif policy is Policy.RESTRICTIVE:
            self._restrictive(group[0])
        elif policy is Policy.OLDEST:
            self._oldest(group[0])
        else:
            self._by_change(group, policy, displaced)

    # -- what an undo left different -----------------------------------------------------

    def _waits(self, group: list[Field]) -> bool:
        """Whether a person has still to say which of the values is right."""
        silent = self._silent(group)
        if any(m.place not in silent and self._has_changed(m, group) for m in self.voices):
            return False
        for field in group:
            held = [m.seen[field.name] for m in self._agreed_before(field)]
            if any(not self.same(field.kind, value, held[0]) for value in held[1:]):
                self.blocked |= {field.name for field in group}
                return True
        for field in group:
            for value in [m.seen[field.name] for m in self._agreed_before(field)][:1]:
                if not self.same(field.kind, value, self.fields.get(field.name)):
                    self._take(field, value, "all agree", None)
        return False

    def _agreed_before(self, field: Field) -> list[Member]:
        return [m for m in self.members if field.name in m.seen and has_base(m, field.name)]

    def _displaced(self, group: list[Field]) -> list[Candidate]:
        """What the members hold that nobody changed: lost when another value is taken."""
        return [
            Candidate(member.place, dict(member.seen), member.changed_at, fresh=False)
            for member in self.voices
            if not self._has_changed(member, group)
        ]

    def _has_changed(self, member: Member, group: Sequence[Field]) -> bool:
        return any(
            not self.same(field.kind, member.seen[field.name], base_of(member, field.name))
            for field in group
            if field.name in member.seen and has_base(member, field.name)
        )

    def _as_agreed(self, member: Member, group: Sequence[Field], values: Fields) -> Fields:
        """Somebody who types of a group just what is agreed says nothing against the rest of it,
        which may be on its way to the record."""
        changed = [field for field in group if self._has_changed(member, [field])]
        if all(self.same(f.kind, values[f.name], self.fields.get(f.name)) for f in changed):
            return {name: self.fields.get(name, value) for name, value in values.items()}
        return values

    # -- who may decide ------------------------------------------------------------------

    def _silent(self, group: Sequence[Field]) -> frozenset[Place]:
        """Members whose changes do not count: others decide, and one of those has a record."""
        deciding = self.rules.decides.get(group[0].name, ())
        said = {m.place for m in self.members if any(f.name in m.seen for f in group)}
        silent = frozenset(place for place in said if place.connection not in deciding)
        return silent if deciding and silent != said else frozenset()

    def _only(self, group: Sequence[Field]) -> str:
        deciding = self.rules.decides.get(group[0].name, ())
        return f"only {' and '.join(deciding)} decide{'s' if len(deciding) == 1 else ''}"

    # -- policies that look at everybody -----------------------------------------------

    def _union(self, field: Field, undone: bool) -> None:
        """What is agreed, with what was added and without what was removed. Where an undo left
        members different, what they hold and nobody changed is agreed as well."""
        name = field.name
        old = items(self.fields.get(name))
        silent = self._silent([field])
        if silent and not old:
            decided = [m for m in self.members if m.place not in silent and m.seen.get(name)]
            silent = silent if decided else frozenset()
        if undone:
            old = old.union(*(items(member.seen.get(name)) for member in self.voices))
        adds: set[str] = set()
        removes: set[str] = set()
        source: Member | None = None
        overruled: list[tuple[Place, FieldValue]] = []
        for member in self.members:
            if name not in member.seen:
                continue
            seen = items(member.seen[name])
            base = items(base_of(member, name)) if has_base(member, name) else set()
            added, removed = seen - base, base - seen
            if member.place in silent:
                if (added - old) or (removed & old):
                    overruled.append((member.place, member.seen[name]))
                continue
            if (added - old) or (removed & old):
                source = member
            adds |= added
            removes |= removed
        new = sorted((old | adds) - (removes - adds))
        known = name in self.fields or any(name in member.seen for member in self.members)
        value: FieldValue = new or None
        reason = f"overruled: {self._only([field])}" if overruled else "union"
        if known and not self.same(field.kind, value, self.fields.get(name)):
            self._take(field, value, reason, source, tuple(overruled))
        elif known:
            self.fields.setdefault(name, value)
            if overruled:
                self._take(field, self.fields[name], reason, None, tuple(overruled))

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

    def _by_change(
        self, group: list[Field], policy: Policy, displaced: Sequence[Candidate]
    ) -> None:
        changed: list[Candidate] = []
        fresh: list[Candidate] = []
        for member in self.voices:
            values = {f.name: member.seen[f.name] for f in group if f.name in member.seen}
            if not values:
                continue
            at = changed_at(member, values)
            if self._has_changed(member, group):
                values = self._as_agreed(member, group, values)
                changed.append(Candidate(member.place, values, at, fresh=False))
            elif any(not has_base(member, name) for name in values):
                fresh.append(Candidate(member.place, values, at, fresh=True))
        old = {f.name: self.fields[f.name] for f in group if f.name in self.fields}
        filled = [c for c in fresh if not is_empty(c.values, group)]
        if not filled and not changed and all(value is None for value in old.values()):
            # A currency without an amount says little, but more than nothing.
            filled = [c for c in fresh if any(v is not None for v in c.values.values())]
        silent = self._silent(group)
        spoken = [c for c in (*changed, *filled) if c.place not in silent]
        if not spoken and is_empty(old, group):
            silent = frozenset()  # whoever has a value may fill what nobody filled
        overruled = [c for c in (*changed, *filled) if c.place in silent]
        changed = [c for c in changed if c.place not in silent]
        fresh = [c for c in filled if c.place not in silent]
        if not changed and not fresh:
            self._overrule(group, overruled)
            return
        candidates = [*changed, *fresh]
        if not changed and not is_empty(old, group):
            if self._is_theirs(group, silent):
                overruled += [c for c in self._displaced(group) if c.place in silent]
            else:
                candidates.append(Candidate(None, old, self._agreed_at(fresh), fresh=False))
        versions = distinct(group, candidates, self.same)
        lost = [*displaced, *overruled]
        named = differing(group, overruled, versions[0].values, self.same)
        if len(versions) == 1:
            if named:
                reason = f"overruled: {self._only(group)}"
                if changed and any(not c.fresh for c in named):
                    self._book(group, [*versions, *named], versions[0], self._only(group), False)
            else:
                reason = "changed" if changed else "only value"
            self._take_group(group, versions[0], reason, lost)
            return
        self._settle(group, policy, versions, candidates, lost, first_link=not (len(changed) > 1))

    def _is_theirs(self, group: Sequence[Field], silent: frozenset[Place]) -> bool:
        """Whether the agreed value comes from members who may not decide."""
        return bool(silent) and not any(
            m.place not in silent and any(has_base(m, f.name) for f in group) for m in self.members
        )

    def _overrule(self, group: list[Field], overruled: Sequence[Candidate]) -> None:
        """Keep what is agreed against those who may not decide, and say so."""
        for field in group:
            value = self.fields.get(field.name)
            lost = tuple(
                (c.place, c.values[field.name])
                for c in overruled
                if c.place is not None
                and field.name in c.values
                and not self.same(field.kind, c.values[field.name], value)
            )
            if lost:
                self._take(field, value, f"overruled: {self._only(group)}", None, lost)

    def _agreed_at(self, fresh: Sequence[Candidate]) -> datetime:
        newcomers = {candidate.place for candidate in fresh}
        stamps = [m.changed_at for m in self.members if m.place not in newcomers]
        return max(stamps, default=NEVER)

    def _settle(
        self,
        group: list[Field],
        policy: Policy,
        versions: list[Candidate],
        candidates: Sequence[Candidate],
        lost: Sequence[Candidate],
        first_link: bool,
    ) -> None:
        """Decide between different `versions`; the `candidates` that hold them are all named."""
        if policy is Policy.MANUAL:
            self.blocked |= {field.name for field in group}
            self._book(group, candidates, None, "manual", first_link)
            return
        first = group[0].name
        holders = [m.place.connection for m in self.members if has_base(m, first)]
        order = list(self.rules.priority[first])
        winner, *_ = ranked(group, policy, versions, order, holders, first_link=first_link)
        rule = f"first link: {policy}" if first_link else f"conflict: {policy}"
        self._book(group, candidates, winner, str(policy), first_link)
        self._take_group(group, winner, rule, [*candidates, *lost])

    # -- outcomes ------------------------------------------------------------------------

    def _resolve(self, group: list[Field]) -> None:
        for field in group:
            value = self.resolutions[field.name]
            lost = tuple(
                (member.place, member.seen[field.name])
                for member in self.voices
                if self._has_changed(member, [field])
                and not self.same(field.kind, member.seen[field.name], value)
            )
            if lost or not self.same(field.kind, value, self.fields.get(field.name)):
                self._take(field, value, "resolved by a person", None, lost)

    def _take_group(
        self,
        group: list[Field],
        winner: Candidate,
        reason: str,
        losing: Sequence[Candidate],
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
        versions: Sequence[Candidate],
        winner: Candidate | None,
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
