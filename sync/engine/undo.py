"""Undo: a run that puts back what an earlier run wrote.

Look: the records that the run wrote are read again. Decide: from the journal, what goes back,
what was created and is archived, what was archived and is made again, and what somebody has
changed since and stays. Do: through the outbox, like every run, so that an undo that is cut
off goes on in the next run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.engine import Engine

from connectors.base import WriteKind
from mapping.schema import OBJECTS, Field, Fields, FieldValue, Kind
from sync.engine import references, restore
from sync.engine.decide import decide
from sync.engine.decide.plan import Target, plan
from sync.engine.do import leftovers
from sync.engine.look.pull import reread
from sync.engine.references import Reach
from sync.engine.report import Report
from sync.engine.restore import Kept, Written
from sync.engine.run import Options, carry_out, do
from sync.engine.wiring import Wiring
from sync.model import Member, Place, PlannedWrite, Queued
from sync.settings import SYNCED, Settings
from sync.store import books, entities, queues, replicas
from sync.store.database import reading

#: Reasons of decisions before which nothing was agreed that could be agreed again.
_FIRST = ("only value", "first link")


def undo(
    engine: Engine, settings: Settings, base: Path, run: int, options: Options | None = None
) -> Report:
    """Put back what `run` wrote; of the options, `dry`, `stop`, `progress` and `clock` count.

    Raises:
        LookupError: there is no such run.
        Further as `sync.engine.run.run`.
    """
    options = options or Options()
    with reading(engine) as store:
        if not books.runs(store, run=run):
            raise LookupError(f"there is no run {run}")
    kind = "dry undo" if options.dry else "undo"
    return carry_out(
        engine, settings, base, options, kind, lambda wiring: _stages(wiring, run, options.dry)
    )


def _stages(wiring: Wiring, run: int, dry: bool) -> None:
    session = wiring.session
    wiring.report.undone = run
    withdrawn = _withdraw(wiring, run)
    if not dry:
        leftovers.recheck(wiring)
        do(wiring, list(SYNCED))  # what was begun must be known before it is undone
    [row] = books.runs(session, run=run)
    lines = books.written(session, run, relayed=row["kind"] != "undo")
    written = restore.fold(lines)
    for object in SYNCED:
        with wiring.counting(object):
            reread(wiring, object, [w.place for w in written if w.object == object])
        if wiring.stop.is_set():
            return
    runs = {run, *(line["detail"].get("planned", run) for line in lines)}
    planned: list[PlannedWrite] = []
    for object in SYNCED:
        mine = [w for w in written if w.object == object]
        unsent = [q for q in withdrawn if q.write.object == object]
        planned += _Undoing(wiring, object, run).decide(mine, unsent, runs)
    queues.remove(session, [queued.id for queued in withdrawn])
    session.commit()
    if dry:
        wiring.report.planned = [write.as_json() for write in planned]
    else:
        do(wiring, list(SYNCED))


def _withdraw(wiring: Wiring, run: int) -> list[Queued]:
    """What the run planned and nobody began to write: it is not written any more."""
    session = wiring.session
    found = queues.outbox(session, status=("planned", "pending", "withdrawn"), run=run)
    queues.set_status(session, [queued.id for queued in found], "withdrawn")
    for queued in found:
        queues.touch(session, queued.write.object, [queued.write.entity])
    session.commit()
    return found


@dataclass(slots=True)
class _Undoing:
    """The undo of what a run did to one object's records; the caller commits."""

    wiring: Wiring
    object: str
    run: int
    writes: list[PlannedWrite] = field(default_factory=list)
    restored: dict[Place, Fields] = field(default_factory=dict)
    concerned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def decide(
        self, written: Sequence[Written], unsent: Sequence[Queued], runs: Iterable[int]
    ) -> list[PlannedWrite]:
        """Store what goes back in the outbox, and what is agreed then; the writes."""
        session, object, schema = self.wiring.session, self.object, OBJECTS[self.object]
        written = self._current(written)
        homes = replicas.links_of_records(session, object, [w.place for w in written])
        ids = {homes.get(w.place, w.entity) for w in written} | {q.write.entity for q in unsent}
        held = {e.id: e for e in entities.load(session, object, ids).values() if not e.merged_into}
        members = self._members(held)
        bodies = [*(w.before for w in written), *(entity.fields for entity in held.values())]
        reach = Reach(session, schema, bodies)
        asked = books.waiting_conflicts(session, object, held)
        undone = books.undone(session, object, held)
        for w in written:
            id = homes.get(w.place, w.entity)
            connected = self.wiring.connections.get(w.connection)
            if w.connection in self.wiring.failed:
                continue  # the report names the connection; undoing again goes on here
            if connected is None or not connected.takes_part(object):
                self._keep(w, "", None, f"{w.connection} does not take part any more")
            elif id not in held:
                self._keep(w, "", None, "it belongs to another entity now")
            elif w.kind == "archive":
                self._make_again(w, held[id], members[id], reach)
            elif w.place not in {m.place for m in members[id]}:
                if w.kind == "update":
                    self._keep(w, "", None, "the record is gone")
                elif self._is_live(w.place):
                    self._keep(w, "", None, "it was deleted, and brought back since")
            else:
                [member] = [m for m in members[id] if m.place == w.place]
                waiting = {
                    name: number
                    for name, (number, _, _) in asked.get(id, {}).items()
                    if name not in undone.get(id, {})
                }
                self._take_back(w, id, member, reach, waiting)
        for q in unsent:
            self._leave_unwritten(q)
        self._agree(held, members, runs, undone)
        queues.add(session, self.writes, self.wiring.run, "pending")
        queues.touch(session, object, held)
        return self.writes

    # -- one record ----------------------------------------------------------------------

    def _is_live(self, place: Place) -> bool:
        replica = replicas.load(self.wiring.session, self.object, [place]).get(place)
        return replica is not None and not replica.deleted

    def _take_back(
        self, w: Written, id: str, member: Member, reach: Reach, waiting: Mapping[str, int]
    ) -> None:
        if w.kind == "create":
            if restore.is_unedited(member):
                self._write(w, id, "archive", {}, member)
            else:
                self._keep(w, "", None, "it has been changed since it was created")
            return

        def reaches(spec: Field, value: FieldValue) -> bool:
            wanted = references.ids_of(value)
            return all(reach(w.connection, spec.target, target) for target in wanted)

        schema = OBJECTS[self.object]
        able = self.wiring.connections[w.connection].translators[self.object].writable
        for name in sorted(w.wrote.keys() - able):
            self._keep(w, name, member.seen.get(name), "the mapping does not write it any more")
            del w.wrote[name]
        fields, kept = restore.put_back(schema, w, member, self.wiring.same, reaches, waiting)
        self.wiring.report.kept += [k.as_json() for k in kept]
        if fields:
            self._write(w, id, "update", fields, member)
            self.restored[w.place] = fields
            self.concerned[id] |= fields.keys()

    def _make_again(
        self, w: Written, entity: entities.Entity, members: Sequence[Member], reach: Reach
    ) -> None:
        """A record that the run archived becomes a new one with the values last agreed."""
        if any(m.place.connection == w.connection for m in members):
            return
        connected = self.wiring.connections[w.connection]
        translator = connected.translators[self.object]
        if self.object not in connected.provisioned:
            self._keep(w, "", None, "`concord connect` must first add the field for the hub's id")
            return
        target = Target(
            w.connection,
            translator.writable,
            translator.readable,
            translator.holds_one,
            creates=True,
        )
        schema, same = OBJECTS[self.object], self.wiring.same
        self.writes += plan(schema, entity.id, entity.fields, [], [target], same, reach).writes
        session = self.wiring.session
        replicas.lift_tombstones(session, self.object, w.connection, [entity.id])
        if entity.archived:
            entity.archived = False
            run, now = self.wiring.run, self.wiring.clock()
            entities.save(session, self.object, [entity], run, now)
            entry = books.Entry(self.object, entity.id, "archived", {"archived": False})
            books.write_journal(session, run, now, [entry])

    def _leave_unwritten(self, queued: Queued) -> None:
        """What the run had not yet begun to write is as good as put back."""
        write = queued.write
        if write.kind == "create":
            place = Place(write.connection, "")
            session, run = self.wiring.session, self.wiring.run
            replicas.save_tombstone(session, self.object, place, write.entity, run)
        self.concerned[write.entity] |= write.fields.keys() if write.kind == "update" else set()

    def _write(self, w: Written, id: str, kind: WriteKind, fields: Fields, member: Member) -> None:
        self.writes.append(
            PlannedWrite(
                connection=w.connection,
                object=self.object,
                entity=id,
                record=w.record,
                kind=kind,
                fields=fields,
                before={name: member.seen.get(name) for name in fields},
                version=member.version,
            )
        )

    def _keep(self, w: Written, name: str, holds: FieldValue, why: str) -> None:
        self.wiring.report.kept.append(Kept(w, name, holds, why).as_json())

    # -- the entities --------------------------------------------------------------------

    def _agree(
        self,
        held: Mapping[str, entities.Entity],
        members: Mapping[str, Sequence[Member]],
        runs: Iterable[int],
        undone: Mapping[str, Mapping[str, int]],
    ) -> None:
        """Store what is agreed of the fields concerned, and what waits for a person."""
        wiring, object, schema = self.wiring, self.object, OBJECTS[self.object]
        session, now = wiring.session, wiring.clock()
        rule = f"{books.UNDONE}{self.run}"
        before = self._agreed_before(runs)
        slots = {
            (c.name, name)
            for c in wiring.with_object(object)
            for name in c.translators[object].holds_one
        }
        journal, conflicts, rows = [], [], []
        for id in sorted(self.concerned.keys() & held.keys()):
            entity = held[id]
            merged = restore.settle(
                schema,
                entity.fields,
                [self._restored(member) for member in members[id]],
                self.concerned[id],
                before.get(id, {}),
                wiring.rules(object).policies,
                slots,
                wiring.same,
                rule,
            )
            decide.compute(object, merged.fields)
            entity.fields = merged.fields
            rows.append(entity)
            if merged.decisions:
                detail = {decision.field: decide.told(decision) for decision in merged.decisions}
                journal.append(books.Entry(object, id, "merge", detail))
            conflicts += [decide.conflict(object, id, found) for found in merged.disagreements]
            for name, number in undone.get(id, {}).items():
                if name in self.concerned[id] and name not in merged.blocked:
                    books.set_conflict(session, number, "settled")
        entities.save(session, object, rows, wiring.run, now)
        books.write_journal(session, wiring.run, now, journal)
        books.save_conflicts(session, conflicts, wiring.run, now)

    def _restored(self, member: Member) -> Member:
        return replace(member, seen={**member.seen, **self.restored.get(member.place, {})})

    def _agreed_before(self, runs: Iterable[int]) -> dict[str, Fields]:
        """entity -> field -> what was agreed before these runs, where they decided otherwise."""
        found: dict[str, Fields] = defaultdict(dict)
        for run in sorted(runs):
            for line in books.journal(self.wiring.session, self.object, run=run, actions=["merge"]):
                for name, detail in line["detail"].items():
                    if not detail["reason"].startswith(_FIRST):
                        found[line["entity"]].setdefault(name, detail["old"])
        return found

    def _members(self, held: Iterable[str]) -> dict[str, list[Member]]:
        session, object, schema = self.wiring.session, self.object, OBJECTS[self.object]
        linked = replicas.links_of_entities(session, object, held)
        places = [Place(c, r) for records in linked.values() for c, r in records.items()]
        known = replicas.load(session, object, places)
        links = references.load_links(session, schema, known.values())
        return {
            id: [
                references.resolve(schema, known[place], links).member
                for place in sorted(Place(c, r) for c, r in linked.get(id, {}).items())
                if place in known and not known[place].deleted
            ]
            for id in held
        }

    def _current(self, written: Sequence[Written]) -> list[Written]:
        """With the ids that entities have now, for those that have become one with another."""
        session, schema = self.wiring.session, OBJECTS[self.object]
        specs = [f for f in schema.fields.values() if f.kind in (Kind.REFERENCE, Kind.REFERENCES)]
        named: dict[str, set[str]] = defaultdict(set, {self.object: {w.entity for w in written}})
        for w in written:
            for spec in specs:
                for value in (w.wrote.get(spec.name), w.before.get(spec.name)):
                    named[spec.target] |= set(references.ids_of(value))
        now = {
            target: {
                id: entity.merged_into
                for id, entity in entities.load(session, target, ids).items()
                if entity.merged_into
            }
            for target, ids in named.items()
        }
        for w in written:
            w.entity = now[self.object].get(w.entity, w.entity)
            for body in (w.wrote, w.before):
                for spec in specs:
                    value = body.get(spec.name)
                    if isinstance(value, list):
                        body[spec.name] = sorted({now[spec.target].get(v, v) for v in value})
                    elif value is not None:
                        body[spec.name] = now[spec.target].get(str(value), value)
        return list(written)
