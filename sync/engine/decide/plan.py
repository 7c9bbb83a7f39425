"""Which writes bring each record of an entity to the agreed values: a pure decision.

A field is written only if it differs, the mapping allows it, and nobody is being asked
about it. A value the vendor is known to store in its own way (a rendition) does not differ.
References are entity ids; one whose target has no record in the connection is left out and
reported as pending.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connectors.base import WriteKind
from mapping.schema import WRITTEN_TOGETHER, Field, Fields, FieldValue, Kind, ObjectSchema
from sync.engine.decide.voices import Same
from sync.model import Member, PlannedWrite

#: (connection, target object, entity id) -> the reference can be written there, now or
#: after the creates planned already.
Reachable = Callable[[str, str, str], bool]


@dataclass(frozen=True, slots=True)
class Target:
    """A connection that takes part in the object.

    Attributes:
        writable: fields the mapping lets us write.
        readable: fields the mapping reads; a field that is readable but was not seen is
            hidden from us and is not written.
        holds_one: fields of kind references kept in a slot for one record.
        creates: entities without a record here get one.
        when: only entities whose fields have these values get one.
    """

    connection: str
    writable: frozenset[str]
    readable: frozenset[str]
    holds_one: frozenset[str] = frozenset()
    creates: bool = False
    when: Mapping[str, FieldValue] | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A reference that waits: `entity` has no record in `connection` yet."""

    connection: str
    target_object: str
    entity: str


@dataclass(frozen=True, slots=True)
class Planned:
    """The writes for one entity and the references that wait."""

    writes: tuple[PlannedWrite, ...]
    missing: tuple[Missing, ...]


def plan(
    schema: ObjectSchema,
    entity: str,
    fields: Fields,
    members: Sequence[Member],
    targets: Sequence[Target],
    same: Same,
    reachable: Reachable,
    *,
    blocked: frozenset[str] = frozenset(),
    buried: frozenset[str] = frozenset(),
    archive: bool = False,
) -> Planned:
    """The writes for one entity, by connection.

    `blocked`: fields that wait for a person. `buried`: connections in which somebody deleted
    the entity's record. `archive`: the entity goes everywhere.
    """
    by_connection = {member.place.connection: member for member in members}
    writes: list[PlannedWrite] = []
    missing: list[Missing] = []
    for target in targets:
        member = by_connection.get(target.connection)
        planner = _Planner(schema, fields, target, member, same, reachable, blocked, missing)
        if archive:
            if member is not None:
                writes.append(_write(schema, entity, member, target, "archive", {}, {}))
        elif member is not None:
            changes, before = planner.differences()
            if changes:
                writes.append(_write(schema, entity, member, target, "update", changes, before))
        elif target.creates and target.connection not in buried and _wanted(fields, target):
            values = planner.contents()
            if values:
                writes.append(_write(schema, entity, None, target, "create", values, {}))
    return Planned(tuple(writes), tuple(missing))


def _wanted(fields: Fields, target: Target) -> bool:
    return all(fields.get(name) == value for name, value in (target.when or {}).items())


def _write(
    schema: ObjectSchema,
    entity: str,
    member: Member | None,
    target: Target,
    kind: WriteKind,
    fields: Fields,
    before: Fields,
) -> PlannedWrite:
    return PlannedWrite(
        connection=target.connection,
        object=schema.name,
        entity=entity,
        record=member.place.record if member else "",
        kind=kind,
        fields=fields,
        before=before,
        version=member.version if member else "",
    )


@dataclass(slots=True)
class _Planner:
    schema: ObjectSchema
    fields: Fields
    target: Target
    member: Member | None
    same: Same
    reachable: Reachable
    blocked: frozenset[str]
    missing: list[Missing]

    def contents(self) -> Fields:
        """Everything there is to put into a new record."""
        values: Fields = {}
        for name in self._writable():
            value = self._reference_or_value(self.schema.fields[name], self.fields[name])
            if value is not None and value != []:
                values[name] = value
        return values

    def differences(self) -> tuple[Fields, Fields]:
        """(fields to write, what the record holds in them now)."""
        assert self.member is not None
        changes: Fields = {}
        for name in self._writable():
            if name in self.member.unresolved:
                continue
            if name in self.target.readable and name not in self.member.seen:
                continue
            field = self.schema.fields[name]
            current = self._current(name)
            desired = self._reference_or_value(field, self.fields[name], current)
            if field.kind is Kind.REFERENCE and desired is None and self.fields[name] is not None:
                continue
            if not self._settled(field, desired, current):
                changes[name] = desired
        for name in self._writable():
            group = self.schema.fields[name].group
            if group in WRITTEN_TOGETHER and any(
                self.schema.fields[other].group == group for other in changes
            ):
                changes.setdefault(name, self.fields[name])
        return changes, {name: self._current(name) for name in changes}

    def _writable(self) -> list[str]:
        return [
            name
            for name, field in self.schema.fields.items()
            if name in self.target.writable
            and name in self.fields
            and name not in self.blocked
            and not field.computed
        ]

    def _current(self, name: str) -> FieldValue:
        assert self.member is not None
        if name in self.member.seen:
            return self.member.seen[name]
        return (self.member.base or {}).get(name)

    def _settled(self, field: Field, desired: FieldValue, current: FieldValue) -> bool:
        if self.same(field.kind, desired, current):
            return True
        assert self.member is not None
        rendition = self.member.renditions.get(field.name)
        return rendition is not None and (
            self.same(field.kind, rendition[0], desired)
            and self.same(field.kind, rendition[1], current)
        )

    def _reference_or_value(
        self, field: Field, value: FieldValue, current: FieldValue = None
    ) -> FieldValue:
        if field.kind is Kind.REFERENCE:
            if value is None or self._reaches(field, str(value)):
                return value
            return None
        if field.kind is not Kind.REFERENCES:
            return value
        wanted = value if isinstance(value, list) else []
        held = current if isinstance(current, list) else []
        if field.name in self.target.holds_one and set(held) & set(wanted):
            return held
        found = [item for item in wanted if item in held or self._reaches(field, item)]
        if field.name in self.target.holds_one:
            found = found[:1]
        return found or None

    def _reaches(self, field: Field, entity: str) -> bool:
        connection = self.target.connection
        if self.reachable(connection, field.target, entity):
            return True
        self.missing.append(Missing(connection, field.target, entity))
        return False
