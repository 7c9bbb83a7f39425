"""What people did in the accounts, and whether the hub has heeded it (laws 1 and 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Value
from mapping import values
from mapping.schema import OBJECTS, Field, FieldValue, Kind, Policy
from tests.stateful.accounts import plain
from tests.stateful.observed import Observed


@dataclass(frozen=True, slots=True)
class Edit:
    """A person's last change of one field of one record.

    `value` and `old` are what the account holds and held, in the common schema's words with
    record ids for references; `old` is what the hub had read there last, if it had. `line` is
    the journal's last line at that time; `placed`: the record's values had been merged by then.
    """

    account: str
    object: str
    record: str
    field: Field
    old: FieldValue
    value: FieldValue
    line: int
    placed: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of an object once the world is settled.

    `links`: record -> entity; `aliases`: entity -> what it became; `agreed`: entity -> fields;
    `lines`: the journal since the last time; `waiting`: (entity, field) of open conflicts.
    """

    links: Mapping[tuple[str, str], str]
    aliases: Mapping[str, str]
    agreed: Mapping[str, Mapping[str, FieldValue]]
    lines: Sequence[Any]
    waiting: frozenset[tuple[str, str]]

    def home(self, entity: str) -> str:
        """The entity that `entity` is now."""
        return self.aliases.get(entity) or entity

    def decisions(self, edit: Edit, entity: str) -> Iterable[tuple[dict[str, Any], bool]]:
        """What was decided about the edit's field since, and whether it was of its entity or
        took the value from its record."""
        for line in self.lines:
            if line.id <= edit.line or line.action != "merge":
                continue
            found = line.detail.get(edit.field.name)
            if found is not None:
                ours = (found["connection"], found["record"]) == (edit.account, edit.record)
                yield found, ours or self.home(line.entity) == entity

    def archived(self, edit: Edit) -> bool:
        """Whether the hub archived the record since."""
        return any(
            line.id > edit.line
            and line.action == "archive"
            and (line.connection, line.record) == (edit.account, edit.record)
            for line in self.lines
        )

    def moved(self, edit: Edit, entity: str) -> bool:
        """Whether the entity got or gave a record since: first values are merged anew."""
        moving = ("link", "same", "split", "gone", "apart")
        return any(
            line.id > edit.line
            and line.action in moving
            and (self.home(line.entity) == entity or line.record == edit.record)
            for line in self.lines
        )


class Ledger:
    """Remembers edits until a settled world has been held against them."""

    def __init__(self, world: Observed) -> None:
        self.world = world
        self.edits: dict[tuple[str, str, str, str], Edit] = {}
        self.deleted: dict[tuple[str, str, str], datetime] = {}
        """(account, object, record) that a person deleted, and when by the account's clock."""
        self.loosened: set[tuple[str, str, str]] = set()
        """(account, object, record) that was deleted or parted once: it may found an entity when
        it comes back."""
        self.buried: dict[tuple[str, str, str], str] = {}
        """Of those, the entities they left."""

    def person(self, account: str, object: str, record: str, changes: Mapping[str, Value]) -> None:
        """A person edits a record. Who puts back what the hub has read last has said nothing,
        and who types what is agreed has been heard already."""
        held, fields = self.world.accounts[account], OBJECTS[object].fields
        before = dict(held.rows[object][record].values)
        held.edit(object, record, changes)
        after = held.rows[object][record].values
        line, known = self.world.last_line(), self.world.replica(account, object, record)
        agreed = self.world.agreed(account, object, record)
        for name in changes:
            if before.get(name) == after.get(name):
                continue
            place = (account, object, record, name)
            value = plain(after.get(name))
            old = known.seen.get(name, plain(before.get(name)))
            said = [body[name] for body in (known.seen, agreed) if name in body]
            if any(_alike(fields[name], one, value) for one in said):
                self.edits.pop(place, None)
                continue
            self.edits[place] = Edit(
                account, object, record, fields[name], old, value, line, known.base is not None
            )

    def remove(self, account: str, object: str, record: str) -> None:
        """A person deletes a record."""
        self.world.accounts[account].remove(object, record)
        self.loosened.add((account, object, record))
        self.deleted[account, object, record] = self.world.accounts[account].now()
        self.forget(account, object, record)

    def forget(self, account: str, object: str, *records: str) -> None:
        """These records were deleted or merged: their edits went with them."""
        self.edits = {
            place: edit
            for place, edit in self.edits.items()
            if not (place[:2] == (account, object) and place[2] in records)
        }

    def check(self, object: str, heard: Heard) -> int:
        """Every edit is agreed, was overruled by a named rule, or waits; how many there were."""
        mine = [edit for edit in self.edits.values() if edit.object == object]
        for edit in mine:
            readable = self.world.translators(
                self.world.settings,
                edit.account,
                None,
                None,
            )[object].readable
            hidden = self.world.accounts[edit.account].quirks.hidden
            if edit.field.name in readable - hidden and edit.field.policy is not Policy.OLDEST:
                self._check(edit, heard)
            del self.edits[edit.account, object, edit.record, edit.field.name]
        return len(mine)

    def check_deleted(
        self, object: str, heard: Heard, homes: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Of what a person deleted the hub makes no other copy."""
        for line in heard.lines:
            if line.action == "gone" and not line.detail["merged_into"]:
                self.buried[line.connection, object, line.record] = line.entity
        for place, left in list(self.buried.items()):
            account, of, record = place
            if of != object:
                continue
            if (
                place not in self.deleted
                or not self.world.accounts[account].rows[of][record].deleted
            ):
                del self.buried[place]
                continue
            other = homes.get(heard.home(left), {}).get(account, "")
            held = self.world.accounts[account]
            made = held.made_by_hub.get((object, other))
            if made is None or held.rows[object][other].values.get("concord_id") != left:
                continue  # the hub did not make it, or for another entity that became one with it
            assert made <= self.deleted[place], (
                f"law 2: {account} {object} {record} was deleted, and made again as {other}"
            )

    def _check(self, edit: Edit, heard: Heard) -> None:
        entity = heard.links.get((edit.account, edit.record))
        where = f"{edit.account} {edit.object} {edit.record} {edit.field.name}"
        if entity is None and heard.archived(edit):
            return  # somebody deleted it elsewhere, and that travels
        assert entity is not None, f"law 1: {where} was edited, but belongs to nothing"
        group = {f.name for f in _fellows(edit)}
        if any((entity, name) in heard.waiting for name in group):
            return
        agreed = heard.agreed[entity].get(edit.field.name)
        if edit.field.kind in (Kind.REFERENCE, Kind.REFERENCES):
            return  # law 4 holds references
        if edit.field.kind is Kind.CHOICES:
            self._check_set(edit, entity, agreed, heard)
            return
        if edit.field.policy is Policy.RESTRICTIVE and edit.value is not True:
            return  # a stricter record overrules it
        if _alike(edit.field, agreed, edit.value):
            return
        for found, ours in heard.decisions(edit, entity):
            if ours and _alike(edit.field, found["new"], edit.value):
                return  # agreed then, and changed again by somebody
            for connection, record, value in found["losing"]:
                if (connection, record) == (edit.account, edit.record) and _alike(
                    edit.field, value, edit.value
                ):
                    assert found["reason"], f"law 1: {where} was overruled without a reason"
                    return
        if edit.value is None and (heard.moved(edit, entity) or not edit.placed):
            return  # first values: filled beats empty
        raise AssertionError(
            f"law 1: {where} was set to {edit.value!r} (from {edit.old!r}), but {agreed!r} is "
            "agreed and nothing says why"
        )

    def _check_set(self, edit: Edit, entity: str, agreed: FieldValue, heard: Heard) -> None:
        old, new = _items(edit.old), _items(edit.value)
        found = [found for found, ours in heard.decisions(edit, entity) if ours]
        overruled: set[str] = set()
        for decision in found:
            for connection, record, value in decision["losing"]:
                if (connection, record) == (edit.account, edit.record):
                    overruled |= _items(value)
        for item in new - old - overruled:
            assert item in _items(agreed) or any(item in _items(f["new"]) for f in found), (
                f"law 1: {item} was added to {edit.record}'s {edit.field.name}, and is lost"
            )


def _fellows(edit: Edit) -> list[Field]:
    fields = OBJECTS[edit.object].fields.values()
    return [f for f in fields if f is edit.field or (f.group and f.group == edit.field.group)]


def _items(value: FieldValue) -> set[str]:
    return set(value) if isinstance(value, list) else set()


def _alike(field: Field, one: FieldValue, two: FieldValue) -> bool:
    return values.same(field.kind, one, two, "TH")
