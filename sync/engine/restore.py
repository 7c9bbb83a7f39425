"""What an undo puts back, and what it leaves: pure decisions over the journal and members.

A field goes back to what the record held before the run, if the record still holds what the
run wrote (or the vendor's rendition of that). Fields of one group go back together or not at
all. After that the entity's records may disagree, because those that a person changed keep
their values: such a field waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mapping.schema import WRITTEN_TOGETHER, Field, Fields, FieldValue, ObjectSchema, Policy
from sync.engine.decide.voices import Same, as_sent
from sync.model import NEVER, Decision, Disagreement, Member, Merged, Place, Queued

#: (field, value) -> a reference to that can be written in the record's connection.
Reaches = Callable[[Field, FieldValue], bool]


@dataclass(slots=True)
class Written:
    """What a run did to one record. References are entity ids.

    `wrote` is what it sent, `before` what the record held, as it was once sent where that was
    a vendor's rendition.
    """

    connection: str
    object: str
    entity: str
    record: str
    kind: str
    wrote: Fields = field(default_factory=dict)
    before: Fields = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """The record."""
        return Place(self.connection, self.record)


@dataclass(frozen=True, slots=True)
class Kept:
    """A field (or with `field` '' a whole record) that an undo leaves as it is."""

    written: Written
    field: str
    holds: FieldValue
    why: str

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "connection": self.written.connection,
            "object": self.written.object,
            "entity": self.written.entity,
            "record": self.written.record,
            "field": self.field,
            "wrote": self.written.wrote.get(self.field),
            "holds": self.holds,
            "why": self.why,
        }


def fold(lines: Iterable[Mapping[str, Any]]) -> list[Written]:
    """One `Written` for each record, from a run's lines of the journal, oldest first."""
    found: dict[tuple[str, Place], Written] = {}
    for line in lines:
        detail = line["detail"]
        key = line["object"], Place(line["connection"], line["record"])
        sent = {name: detail["fields"][name] for name in detail["sent"]}
        before = {**detail["before"], **detail.get("meant", {})}
        known = found.get(key)
        if known is None:
            found[key] = known = Written(
                line["connection"], line["object"], line["entity"], line["record"], line["action"]
            )
        elif line["action"] == "archive" and known.kind == "create":
            del found[key]
            continue
        elif line["action"] != "update":
            known.kind = line["action"]
        known.wrote.update(sent)
        for name in sent:
            known.before.setdefault(name, before.get(name))
    return list(found.values())


def put_back(
    schema: ObjectSchema,
    written: Written,
    member: Member,
    same: Same,
    reaches: Reaches,
    waiting: Mapping[str, int],
) -> tuple[Fields, list[Kept]]:
    """What to write to an updated record, and what is left.

    `waiting`: fields of the entity on which a person is asked, with the conflict's number.
    """
    groups: dict[str, list[str]] = {}
    for name in written.wrote:
        groups.setdefault(schema.fields[name].group or name, []).append(name)
    fields: Fields = {}
    kept: list[Kept] = []
    for names in groups.values():
        back = [n for n in names if _holds(schema, member, n, written.before.get(n), same)]
        if len(back) == len(names):
            continue
        changed = [
            name
            for name in names
            if name not in back and not _holds(schema, member, name, written.wrote[name], same)
        ]
        why = dict.fromkeys(changed, "it has been changed since")
        for name in names:
            spec = schema.fields[name]
            if name in waiting:
                why[name] = f"it waits for a person as conflict {waiting[name]}"
            elif spec.target and not reaches(spec, written.before.get(name)):
                why[name] = f"the {spec.target} it named has no record there any more"
        if why:
            cause = next(iter(why))
            for name in names:
                reason = why.get(name, f"it goes together with {cause}")
                kept.append(Kept(written, name, member.seen.get(name), reason))
            continue
        together = schema.fields[names[0]].group in WRITTEN_TOGETHER
        fields |= {n: written.before.get(n) for n in names if together or n not in back}
    return fields, kept


def _holds(schema: ObjectSchema, member: Member, name: str, value: FieldValue, same: Same) -> bool:
    kind = schema.fields[name].kind
    held = member.seen.get(name)
    rendition = member.renditions.get(name)
    return same(kind, held, value) or (
        rendition is not None and same(kind, rendition[0], value) and same(kind, rendition[1], held)
    )


def settle(
    schema: ObjectSchema,
    agreed: Fields,
    members: Sequence[Member],
    concerned: Collection[str],
    before: Mapping[str, FieldValue],
    policies: Mapping[str, Policy],
    slots: Collection[tuple[str, str]],
    same: Same,
    rule: str,
) -> Merged:
    """What is agreed once `members` hold what was put back.

    `concerned`: fields of which something was put back (or was not written after all).
    `before`: what was agreed before the run, as far as anything was. `slots`: (connection,
    field) of references kept in a slot for one record, which never hold them all.
    Where all agree, that is agreed; where they do not, the value before the run is, except
    that the most restrictive consent always counts, and the field waits for a person.
    """
    fields = dict(agreed)
    decisions: list[Decision] = []
    waits: list[Disagreement] = []
    blocked: set[str] = set()
    heard = [as_sent(schema, member, same) for member in members]
    for group in _groups(schema, concerned):
        said = {
            f.name: [
                (m.place, m.seen[f.name])
                for m in heard
                if f.name in m.seen and (m.place.connection, f.name) not in slots
            ]
            for f in group
        }
        differing = [
            f
            for f in group
            if any(not same(f.kind, v, said[f.name][0][1]) for _, v in said[f.name])
        ]
        for spec in group:
            held = [value for _, value in said[spec.name]]
            if policies[spec.name] is Policy.RESTRICTIVE and any(v is not None for v in held):
                value: FieldValue = True in held
            elif differing:
                value = before.get(spec.name, fields.get(spec.name))
            else:
                value = held[0] if held else fields.get(spec.name)
            old = fields.get(spec.name)
            if not same(spec.kind, value, old):
                losing = tuple(c for c in said[spec.name] if not same(spec.kind, c[1], value))
                decisions.append(Decision(spec.name, old, value, rule, None, None, losing))
                fields[spec.name] = value
            if spec in differing:
                waits.append(
                    Disagreement(spec.name, value, value, tuple(said[spec.name]), rule, False, True)
                )
        if differing:
            blocked |= {f.name for f in group}
    return Merged(fields, tuple(decisions), tuple(waits), frozenset(blocked))


def _groups(schema: ObjectSchema, concerned: Collection[str]) -> list[list[Field]]:
    wanted = {schema.fields[name].group or name for name in concerned}
    groups: dict[str, list[Field]] = {name: [] for name in sorted(wanted)}
    for spec in schema.fields.values():
        if (spec.group or spec.name) in groups and not spec.computed:
            groups[spec.group or spec.name].append(spec)
    return list(groups.values())


# -- while what is put back is still on its way ----------------------------------------------


def as_restored(
    schema: ObjectSchema, member: Member, queued: Iterable[Queued], same: Same
) -> Member:
    """The member as if it held what an undo is about to write there."""
    for q in queued:
        if q.write.kind == "update" and Place(q.write.connection, q.write.record) == member.place:
            values = {n: q.write.fields[n] for n in _standing(schema, q, member, same)}
            base = {**(member.base or {}), **values}
            member = replace(member, seen={**member.seen, **values}, base=base)
    return member


def standing(
    schema: ObjectSchema,
    queued: Queued,
    members: Iterable[Member],
    blocked: Collection[str],
    same: Same,
) -> Fields | None:
    """What is still to be put back of a write; None if nothing is.

    A person who changed the record in the meantime comes first.
    """
    write = queued.write
    member = next((m for m in members if m.place.connection == write.connection), None)
    if write.kind == "create":
        return write.fields if member is None else None
    if member is None or member.place.record != write.record:
        return None
    if write.kind == "archive":
        return write.fields if is_unedited(member) else None
    names = [n for n in _standing(schema, queued, member, same) if n in blocked]
    return {name: write.fields[name] for name in names} or None


def is_unedited(member: Member) -> bool:
    """Whether nobody but the hub has changed a record that the hub created."""
    return member.changed_at == NEVER


def _standing(schema: ObjectSchema, queued: Queued, member: Member, same: Same) -> list[str]:
    write = queued.write
    found = []
    for name in write.fields:
        kind = schema.fields[name].kind
        held = [write.before.get(name)]
        if queued.status == "sending":
            held.append(write.fields[name])  # it may be there already
        if any(same(kind, member.seen.get(name), value) for value in held):
            found.append(name)
    return found
