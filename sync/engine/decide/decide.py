"""Decide: place new records, merge touched entities, plan writes, and store all of it.

The deciding itself is in `match`, `merge` and `plan`, which do no I/O; here their inputs
are gathered and their outcomes stored, a batch of entities in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mapping.schema import OBJECTS, Fields
from mapping.stages import load_stages
from sync.engine import references, release, restore
from sync.engine.decide import identity
from sync.engine.decide.again import look_again, rules_changed
from sync.engine.decide.gone import bury
from sync.engine.decide.merge import merge
from sync.engine.decide.placing import place
from sync.engine.decide.plan import Planned, plan
from sync.engine.decide.portions import portions
from sync.engine.wiring import Wiring
from sync.model import (
    Decision,
    Disagreement,
    Member,
    Merged,
    Place,
    PlannedWrite,
    Queued,
    Replica,
    fingerprint,
)
from sync.store import books, entities, queues, replicas, waiting
from sync.store.database import chunks

#: Entities merged and planned in one transaction.
BATCH = 250


def decide(wiring: Wiring, object: str) -> None:
    """Everything that waits for a decision on one object."""
    gone = waiting.gone(wiring.session, object)
    doomed = bury(wiring, object, gone) if gone else set()
    for batch in chunks(sorted(doomed), BATCH):
        _settle(wiring, object, batch, doomed, set())  # nothing else remembers the burial
    changed = rules_changed(wiring, object)
    for portion in portions(wiring, object):
        place(wiring, object, portion.live, keyed=portion.keyed)
        wiring.session.commit()
    if changed:
        look_again(wiring, object)
    doomed |= queues.planned_archives(wiring.session, object)
    asked = identity.questioned(wiring.session, object)
    wiring.session.commit()
    done = known = 0
    for names in waiting.entities(wiring.session, object):
        known += len(names)
        for batch in chunks(names, BATCH):
            _settle(wiring, object, batch, doomed, asked)
            wiring.session.commit()
            done += len(batch)
            wiring.progress.step("decide", object, "", done, known)


def _settle(
    wiring: Wiring, object: str, ids: Sequence[str], doomed: set[str], asked: set[str]
) -> None:
    """Merge and plan a batch of entities and store the outcome (the caller commits)."""
    session, schema = wiring.session, OBJECTS[object]
    held = entities.load(session, object, ids)
    archived = {id for id, entity in held.items() if entity.archived}
    linked = replicas.links_of_entities(session, object, ids)
    places = [Place(c, r) for records in linked.values() for c, r in records.items()]
    known = replicas.load(session, object, places)
    links = references.load_links(session, schema, known.values())
    conflicts = books.waiting_conflicts(session, object, ids)
    undone = books.undone(session, object, ids)
    undoing = queues.undoing(session, object, ids)
    rules = wiring.rules(object)
    outcomes: dict[str, tuple[entities.Entity, Merged, list[Member]]] = {}
    changed_replicas: list[Replica] = []
    pending: list[queues.Pending] = []
    for id in ids:
        mine = [known[p] for p in _places(linked, id) if p in known and not known[p].deleted]
        resolved = [references.resolve(schema, replica, links) for replica in mine]
        entity = held.get(id) or entities.Entity(id, {}, founded_run=wiring.run)
        decided = {
            field: value
            for field, (_, status, value) in conflicts.get(id, {}).items()
            if status == "resolved"
        }
        members = [r.member for r in resolved]
        on_the_way = undoing.get(id, [])
        voices = [restore.as_restored(schema, m, on_the_way, wiring.same) for m in members]
        merged = merge(
            schema, entity.fields, voices, rules, wiring.same, decided, undone.get(id, ())
        )
        made_again = any(queued.write.kind == "create" for queued in on_the_way)
        entity.archived = id in doomed or not (linked.get(id) or entity.merged_into or made_again)
        outcomes[id] = (entity, merged, members)
        for replica, r in zip(mine, resolved, strict=True):
            if _rebase(replica, r, merged):
                changed_replicas.append(replica)
            pending += [
                queues.Pending(replica.place.connection, target, f"record:{record}", object, id)
                for target, record in r.waits_for
            ]
        _close_conflicts(wiring, conflicts.get(id, {}), merged)
    for _, merged, _ in outcomes.values():
        compute(object, merged.fields)
    _store(wiring, object, outcomes, held, archived, changed_replicas)
    pending += _plan(wiring, object, outcomes, linked, doomed, asked, undoing)
    queues.save_pending(session, pending)
    if wiring.is_partial(object):
        queues.touch(session, object, ids)  # connections left out have not been planned for
    else:
        queues.take_touched(session, object, ids)
        unread = wiring.unread.get(object, frozenset())
        # They have not been planned for where they may turn out to have a record.
        queues.touch(session, object, [id for id in ids if unread - linked.get(id, {}).keys()])
        queues.touch(session, object, undoing)  # one write at a time for a record


def _places(linked: dict[str, dict[str, str]], id: str) -> list[Place]:
    return sorted(Place(c, r) for c, r in linked.get(id, {}).items())


def _rebase(replica: Replica, resolved: references.Resolved, merged: Merged) -> bool:
    """base := seen, except for what waits for a person; whether anything changed."""
    old = replica.base or {}
    base: Fields = {
        name: value for name, value in resolved.base_records.items() if name not in merged.blocked
    }
    base.update({name: old[name] for name in merged.blocked if name in old})
    if base == replica.base and not replica.waiting:
        return False
    replica.base, replica.waiting = base, False
    return True


def _close_conflicts(
    wiring: Wiring, open_ones: dict[str, tuple[int, str, object]], merged: Merged
) -> None:
    for field, (id, status, resolution) in open_ones.items():
        if status == "resolved":
            books.set_conflict(wiring.session, id, "applied", resolution)
        elif field not in merged.blocked:
            books.set_conflict(wiring.session, id, "settled")


def compute(object: str, fields: Fields) -> None:
    """Set the fields the hub derives: a deal's status follows its stage."""
    if object == "deal":
        stage = load_stages().get(str(fields.get("stage")))
        fields["status"] = stage.status if stage else None


def _store(
    wiring: Wiring,
    object: str,
    outcomes: dict[str, tuple[entities.Entity, Merged, list[Member]]],
    held: dict[str, entities.Entity],
    archived: set[str],
    changed: Sequence[Replica],
) -> None:
    session, now, tally = wiring.session, wiring.clock(), wiring.report.objects[object]
    rows, journal, conflicts = [], [], []
    for id, (entity, merged, _) in outcomes.items():
        before = held[id].fields if id in held else None
        if before != merged.fields or entity.archived:
            tally.merged += 1
        entity.fields = merged.fields
        rows.append(entity)
        if entity.archived != (id in archived):
            told_so = {"archived": entity.archived}
            journal.append(books.Entry(object, id, "archived", told_so))
        if merged.decisions:
            detail = {decision.field: told(decision) for decision in merged.decisions}
            journal.append(books.Entry(object, id, "merge", detail))
        for disagreement in merged.disagreements:
            conflicts.append(conflict(object, id, disagreement))
            tally.disagreements += disagreement.first_link
            tally.conflicts += not disagreement.first_link
    entities.save(session, object, rows, wiring.run, now)
    replicas.save(session, object, changed)
    books.write_journal(session, wiring.run, now, journal)
    books.save_conflicts(session, conflicts, wiring.run, now)


def told(decision: Decision) -> dict[str, object]:
    """A decision as the journal keeps it."""
    return {
        "old": decision.old,
        "new": decision.new,
        "reason": decision.reason,
        "connection": decision.place.connection if decision.place else "",
        "record": decision.place.record if decision.place else "",
        "at": decision.at.isoformat() if decision.at else "",
        "losing": [[p.connection, p.record, value] for p, value in decision.losing],
    }


def conflict(object: str, entity: str, found: Disagreement) -> books.Conflict:
    """A disagreement as the queue keeps it."""
    return books.Conflict(
        object=object,
        entity=entity,
        field=found.field,
        agreed=found.agreed,
        candidates=[[p.connection, p.record, value] for p, value in found.candidates],
        rule=("first link: " if found.first_link else "") + found.rule,
        status="waiting" if found.waits else "decided",
        resolution=None if found.waits else found.outcome,
    )


def _plan(
    wiring: Wiring,
    object: str,
    outcomes: dict[str, tuple[entities.Entity, Merged, list[Member]]],
    linked: dict[str, dict[str, str]],
    doomed: set[str],
    asked: set[str],
    undoing: dict[str, list[Queued]],
) -> list[queues.Pending]:
    session, schema = wiring.session, OBJECTS[object]
    targets = wiring.targets(object)
    if not targets:
        return []
    reach = references.Reach(session, schema, (m.fields for _, m, _ in outcomes.values()))
    tombstones = replicas.tombstones(session, object, outcomes)
    planned: dict[str, Planned] = {}
    kept: list[int] = []
    for id, (entity, merged, members) in outcomes.items():
        busy = set[str]()
        for queued in undoing.get(id, ()):
            fields = restore.standing(schema, queued, members, merged.blocked, wiring.same)
            if fields is None:
                continue
            kept.append(queued.id)
            if fields != queued.write.fields and queued.status == "pending":
                queues.narrow(session, queued.id, fields)
            busy.add(queued.write.connection)
        if entity.merged_into or (entity.archived and id not in doomed):
            continue
        absent = set(linked.get(id, {})) - {member.place.connection for member in members}
        closed = {target.connection for target in targets if id in asked}
        planned[id] = plan(
            schema,
            id,
            merged.fields,
            members,
            [target for target in targets if target.connection not in busy],
            wiring.same,
            reach,
            blocked=merged.blocked,
            buried=frozenset({c for e, c in tombstones if e == id} | absent | closed),
            archive=id in doomed,
        )
    every = [write for p in planned.values() for write in p.writes]
    here = {target.connection for target in targets} - wiring.unread.get(object, frozenset())
    failed = release.settle(wiring, object, outcomes, every, here)
    writes = [w for write in every if (w := _without_failed(write, failed)) is not None]
    queues.replace_outbox(session, object, outcomes, writes, wiring.run, kept)
    return [
        queues.Pending(m.connection, m.target_object, f"entity:{m.entity}", object, id)
        for id, p in planned.items()
        for m in p.missing
    ]


def _without_failed(
    write: PlannedWrite, failed: set[tuple[str, str, str, str]]
) -> PlannedWrite | None:
    """The write without what failed before and has not changed since; None if that is all.

    Deciding on an entity again for another reason must not repeat a write that cannot
    succeed: it waits as a problem until its values change or a person says so.
    """
    place = (write.connection, write.entity)
    if (*place, "", write.fingerprint) in failed:
        return None
    kept = {
        name: value
        for name, value in write.fields.items()
        if (*place, name, fingerprint(value)) not in failed
    }
    if len(kept) == len(write.fields):
        return write
    return replace(write, fields=kept) if kept else None
