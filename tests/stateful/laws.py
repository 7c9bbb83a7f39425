"""The laws of the design, held against a settled world."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connectors.base import Value
from mapping import values
from mapping.schema import OBJECTS, Field, Fields, FieldValue, Kind, Policy
from sync.engine.report import Report
from sync.store import tables
from sync.store.database import reading
from tests.stateful.accounts import plain
from tests.stateful.ledger import Heard, Ledger
from tests.stateful.observed import Observed
from tests.stateful.world import is_agreed, nothing_doubled

#: Kinds that are the same under more than one spelling; of others, every character counts.
_LOOSE = frozenset({Kind.EMAIL, Kind.PHONE, Kind.DOMAIN, Kind.URL, Kind.MONEY, Kind.DECIMAL})

#: Statements that a quiet run may send to the store, whatever it holds: some for the run, some
#: for each object.
STATEMENTS = (60, 60)


class Eavesdropper(logging.Handler):
    """Keeps everything that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(record.getMessage())


class Laws:
    """Holds one world to the laws; see the design for their words."""

    def __init__(self, world: Observed, ledger: Ledger) -> None:
        self.world = world
        self.ledger = ledger
        self.ear = Eavesdropper()
        self.secrets: set[str] = set()
        """Personal values that were put into the accounts."""
        self._line = 0
        self._seen_runs: dict[int, int] = {}

    def check(self, full: bool) -> int:
        """Hold the settled world against the laws; how many single facts were held."""
        world = self.world
        self._quiet(full)
        facts = 0
        lines = world.journal(self._line)
        problems = {
            (p["connection"], p["object"], p["entity"], p["field"]) for p in world.open_problems()
        }
        waiting = world.asked()
        for object in world.objects:
            blocked = frozenset((c["entity"], c["field"]) for c in waiting if c["object"] == object)
            facts += self._object(object, lines, problems, blocked)
        self._limits(lines)
        self._budget()
        self._silence()
        self._line = lines[-1].id if lines else self._line
        return facts + 5

    # -- 3: quiet, and 11: cheap -------------------------------------------------------------

    def _quiet(self, full: bool) -> None:
        world = self.world
        before = {name: account.writes for name, account in world.accounts.items()}
        for account in world.accounts.values():
            account.log.calls.clear()
        statements = world.statements
        report = world.sync(full=full)
        spent = world.statements - statements
        after = {name: account.writes for name, account in world.accounts.items()}
        assert before == after, f"law 3: a settled world is quiet: {report.as_json()}"
        assert report.status in ("done", "problems"), f"law 3: {report.as_json()}"
        if full:
            return
        fixed, each = STATEMENTS
        most = fixed + each * len(world.objects)
        assert spent <= most, f"law 11: {spent} statements in a quiet run, {most} allowed"
        for name, account in world.accounts.items():
            allowed = 1 + sum(self._pages(name, object) for object in world.objects)
            calls = sum(account.log.calls.values())
            assert calls <= allowed, f"law 11: {dict(account.log.calls)} of {name} in a quiet run"

    def _pages(self, name: str, object: str) -> int:
        """Pages of what shares the newest stamp: those are read again, as others may get it."""
        account = self.world.accounts[name]
        stamps = [row.modified_at for row in account.rows[object].values()]
        if not stamps:
            return 1
        reach = max(stamps).timestamp() - account.quirks.lag
        return 1 + sum(stamp.timestamp() >= reach for stamp in stamps) // 5

    # -- 1, 2, 4, 6, 7 ------------------------------------------------------------------------

    def _object(
        self,
        object: str,
        lines: Any,
        problems: set[tuple[str, str, str, str]],
        blocked: frozenset[tuple[str, str]],
    ) -> int:
        world, links = self.world, self.world.links(object)
        merged = world.merged(object)
        homes = {place: entity for entity, mine in links.items() for place in mine.items()}
        heard = Heard(
            links=homes,
            aliases={id: entity.merged_into for id, entity in merged.items()},
            agreed={id: entity.fields for id, entity in merged.items()},
            lines=[line for line in lines if line.object == object],
            waiting=blocked,
        )
        for name, account in world.accounts.items():
            nothing_doubled(account, object)
            loose = {id for id in account.live(object) if (name, id) not in homes}
            assert not loose, f"law 1: {loose} of {name} belong to nothing"
        for id, entity in merged.items():
            assert not entity.merged_into or id not in links, f"law 2: {id} is an alias with links"
            if id not in links and not entity.merged_into:
                assert entity.archived, f"law 2: {id} is a {object} without a record"
        self._founders(heard)
        self._sources(heard)
        facts = self.ledger.check(object, heard)
        self.ledger.check_deleted(object, heard, links)
        for entity_id, records in links.items():
            for name, record in records.items():
                if record in world.accounts[name].live(object):
                    facts += self._member(
                        object, entity_id, merged[entity_id].fields, name, record, problems, blocked
                    )
        return facts

    def _founders(self, heard: Heard) -> None:
        """No record that the hub made passes for a new thing. A copy that a person brought back,
        when its entity had another record there, stands for itself, and none is made of it."""
        for line in heard.lines:
            if line.action != "link" or line.detail["rule"] != "founder":
                continue
            account, place = self.world.accounts[line.connection], (line.object, line.record)
            if place not in account.made_by_hub or (
                (line.connection, *place) in self.ledger.loosened
            ):
                continue
            of = heard.home(str(account.rows[line.object][line.record].values.get("concord_id")))
            told = f"law 2: {line.connection} {line.record} is the hub's, and founded an entity"
            assert any(
                name == line.connection and entity == of
                for (name, _), entity in heard.links.items()
            ), told
            copies = {
                row.values.get("concord_id")
                for other in self.world.accounts.values()
                for row in other.live(line.object).values()
            }
            assert line.entity not in copies, f"{told}, of which others were made"

    def _sources(self, heard: Heard) -> None:
        """Every agreed value comes from a record that held it: what is absent never clears."""
        for line in heard.lines:
            if line.action != "merge":
                continue
            for name, found in line.detail.items():
                field = OBJECTS[line.object].fields[name]
                if not found["connection"] or field.kind in (
                    Kind.REFERENCE, Kind.REFERENCES, Kind.CHOICES, Kind.CURRENCY, Kind.INSTANT,
                ):  # fmt: skip
                    continue
                account = self.world.accounts[found["connection"]]
                told = f"{found['connection']} {line.object} {found['record']} {name}"
                assert name not in account.quirks.hidden, f"law 6: {told} is hidden, yet decides"
                place = (line.object, found["record"], name)
                told = f"{told} = {found['new']!r} ({found['reason']})"
                ever, made = account.held.get(place, []), account.quirks.renditions.get(name)
                if made is not None and found["new"] is not None:  # a rendition is nobody's change
                    ever = [*ever, *(found["new"] for one in ever if one == made(found["new"]))]
                assert _among(field, found["new"], ever), f"law 6: {told} was never held: {ever}"
                if found["reason"] == "changed":
                    assert any(
                        _among(other, line.detail[other.name]["new"], typed)
                        for other in OBJECTS[line.object].fields.values()
                        if (other is field or (field.group and other.group == field.group))
                        and other.name in line.detail
                        and (typed := account.typed.get((*place[:2], other.name)))
                    ), f"law {6 if found['new'] is None else 1}: nobody typed {told}"

    def _member(
        self,
        object: str,
        entity: str,
        agreed: Fields,
        name: str,
        record: str,
        problems: set[tuple[str, str, str, str]],
        blocked: frozenset[tuple[str, str]],
    ) -> int:
        world = self.world
        fields, quirks = world.fields_of(name, object, record), world.accounts[name].quirks
        shared, facts = world.shared_fields(name, object), 0
        if (name, object, entity, "") in problems:
            return 0
        for field in OBJECTS[object].fields.values():
            if (
                field.name not in shared
                or field.name not in fields
                or field.computed
                or field.policy is Policy.OLDEST
                or field.name in quirks.read_only
                or (entity, field.name) in blocked
                or (name, object, entity, field.name) in problems
            ):
                continue
            facts += 1
            wanted, there = agreed.get(field.name), fields[field.name]
            told = f"{name} {object} {record} {field.name}: {there!r} != {wanted!r}"
            if field.kind in (Kind.REFERENCE, Kind.REFERENCES):
                self._reference(field, name, there, wanted, told)
                continue
            assert is_agreed(field, there, wanted, quirks), f"law 4: {told}"
            if field.name not in quirks.renditions and field.kind not in _LOOSE:
                assert there == wanted or (not there and not wanted), f"law 7: {told}"
        return facts

    def _reference(
        self, field: Field, name: str, there: FieldValue, wanted: FieldValue, told: str
    ) -> None:
        """The records named are those of the entities agreed, as far as there are any."""
        if field.target not in self.world.objects:
            return
        links = self.world.links(field.target)
        records = {mine[name]: entity for entity, mine in links.items() if name in mine}
        named = {records.get(id, id) for id in _ids(there)}
        expected = {id for id in _ids(wanted) if name in links.get(id, {})}
        if field.kind is Kind.REFERENCE and wanted is not None and not expected:
            return  # nothing to name there
        assert named & set(records.values()) == expected, f"law 4: {told}"

    # -- 8, 10, 12 ----------------------------------------------------------------------------

    def _budget(self) -> None:
        allowed = self.world.climate.per_day
        if allowed is not None:
            calls = self.world.accounts["left"].calls_of_a_day()
            assert calls <= allowed, f"law 8: {calls} calls in a day, {allowed} allowed"

    def _limits(self, lines: Any) -> None:
        limits = self.world.climate.limits
        if limits is None:
            return
        most = dict(zip(("create", "update", "archive"), limits, strict=True))
        counts: dict[tuple[int, str, str, str], int] = {}
        for line in lines:
            if line.action in most:
                planned = line.detail.get("planned", line.run)
                place = (planned, line.connection, line.object, line.action)
                counts[place] = counts.get(place, 0) + 1
        released = self.world.released()
        for (run, name, object, kind), count in counts.items():
            assert count <= most[kind] or run in released, (
                f"law 10: run {run} did {kind} {count} {object} in {name}"
            )

    def _silence(self) -> None:
        for line in self.ear.lines:
            for secret in self.secrets:
                assert secret not in line, f"law 12: {secret!r} was logged: {line}"
        self.ear.lines.clear()


def _among(field: Field, value: FieldValue, held: Sequence[Value]) -> bool:
    return any(values.same(field.kind, plain(one), value, "TH") for one in held)


# -- what a run said and did ---------------------------------------------------------------


#: (connection, object, entity, kind, record) -> field -> value, spelled out. What becomes of one
#: record in two writes, one of them begun by an earlier run, counts as one.
Writes = dict[tuple[str, str, str, str, str], dict[str, str]]


def promised(planned: Iterable[Mapping[str, Any]]) -> Writes:
    """The writes that a dry run or a plan lists."""
    said: Writes = {}
    for w in planned:
        record = "" if w["kind"] == "create" else w["record"]
        place = w["connection"], w["object"], w["entity"], w["kind"], record
        said.setdefault(place, {}).update(_spelled(w["fields"]))
    return said


def carried_out(world: Observed, report: Report) -> Writes:
    """The writes a run made or tried, by its journal."""
    tried: Writes = {}
    for line in _journal(world, report):
        kind = line.detail["kind"] if line.action == "write failed" else line.action
        if kind in ("create", "update", "archive"):
            # A write that was refused for one field is made without it: that is one write.
            record = "" if kind == "create" else line.record
            place = line.connection, line.object, line.entity, kind, record
            tried.setdefault(place, {}).update(_spelled(line.detail["fields"]))
    return tried


def withheld(world: Observed, report: Report) -> Writes:
    """What a run did not write after all, by its journal: somebody had changed it."""
    return promised(
        {**line.detail, **line._mapping}
        for line in _journal(world, report)
        if line.action == "write withheld"
    )


def outside(some: Writes, of: Writes) -> Writes:
    """What of `some` is not among the writes `of`, or not with that value."""
    found = {
        place: {n: v for n, v in fields.items() if of.get(place, {}).get(n) != v}
        for place, fields in some.items()
    }
    return {place: fields for place, fields in found.items() if fields or place not in of}


def _journal(world: Observed, report: Report) -> Sequence[Any]:
    column = tables.journal.c
    with reading(world.engine) as store:
        query = sa.select(tables.journal).where(column.run == report.run).order_by(column.id)
        return store.rows(query)


def _spelled(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in fields.items()}


def _ids(value: FieldValue) -> list[str]:
    if isinstance(value, list):
        return value
    return [] if value is None else [str(value)]
