"""Leftovers: writes that earlier runs planned and did not finish."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from mapping.schema import OBJECTS, Fields
from sync.engine import references
from sync.engine.look.pull import reread
from sync.engine.wiring import Wiring
from sync.model import Place, PlannedWrite, Queued, Replica
from sync.store import books, queues, replicas
from sync.store.types import canonical


def expect(wiring: Wiring) -> None:
    """Writes that were begun may have been made, with nobody there to book them: what their
    records hold when they are read next can be the hub's own doing, and nobody's change."""
    begun: dict[str, dict[Place, set[str]]] = defaultdict(lambda: defaultdict(set))
    for queued in queues.outbox(wiring.session, status=("sending",)):
        write = queued.write
        if write.record:
            begun[write.object][Place(write.connection, write.record)] |= write.fields.keys()
    for object, places in begun.items():
        known = replicas.load(wiring.session, object, places)
        told = [
            replace(replica, expected={"fields": sorted(places[place]), "version": ""})
            for place, replica in known.items()
            if replica.expected is None
        ]
        replicas.save(wiring.session, object, told)
    wiring.session.commit()


def recheck(wiring: Wiring) -> None:
    """Withdraw what was to change records that somebody has changed since, where records are
    not verified before each write anyway. They are read again for that.

    Only the fields concerned are withdrawn. The entities are decided again.
    """
    found: dict[str, list[Queued]] = defaultdict(list)
    for queued in queues.outbox(wiring.session, status=("pending",)):
        connected = wiring.connections.get(queued.write.connection)
        if queued.write.record and not (connected and connected.verifies):
            found[queued.write.object].append(queued)
    undos = {row["id"] for row in books.runs(wiring.session, kind="undo")} if found else set()
    for object, waiting in found.items():
        places = {Place(q.write.connection, q.write.record) for q in waiting}
        with wiring.counting(object):
            reread(wiring, object, places)
        known = replicas.load(wiring.session, object, places)
        for queued in waiting:
            replica = known.get(Place(queued.write.connection, queued.write.record))
            if replica is None or not replica.waiting or replica.deleted:
                continue
            queues.touch(wiring.session, object, [queued.write.entity])
            if queued.write.kind == "archive":
                if queued.run in undos:  # only what nobody works on is archived
                    queues.remove(wiring.session, [queued.id])
                continue
            changed = _changed(wiring, queued.write, replica)
            left = {n: v for n, v in queued.write.fields.items() if n not in changed}
            if changed and left:
                queues.narrow(wiring.session, queued.id, left)
            elif changed:
                queues.remove(wiring.session, [queued.id])
    wiring.session.commit()


def foreseen(wiring: Wiring, waiting: Sequence[Queued]) -> list[PlannedWrite]:
    """What a run would write of all that waits: first what was begun before, except fields that
    somebody has changed since, then what else is planned for the same records."""
    begun = [queued.write for queued in waiting if queued.status == "sending"]
    planned = [queued.write for queued in waiting if queued.status != "sending"]
    found: list[PlannedWrite] = []
    made: dict[tuple[str, ...], Fields] = defaultdict(dict)
    for write in begun:
        place = Place(write.connection, write.record)
        replica = replicas.load(wiring.session, write.object, [place]).get(place)
        if write.kind == "archive" and (replica is None or replica.deleted):
            continue  # it was made
        moved = _changed(wiring, write, replica, begun=True) if replica else set()
        left = {name: value for name, value in write.fields.items() if name not in moved}
        made[write.connection, write.object, write.entity, write.record].update(left)
        found += [replace(write, fields=left)] if left or not write.fields else []
    for write in planned:
        there = made.get((write.connection, write.object, write.entity, write.record), {})
        left = {
            name: value
            for name, value in write.fields.items()
            if name not in there or canonical(there[name]) != canonical(value)
        }
        found += [replace(write, fields=left)] if left or not write.fields else []
    return found


def _changed(
    wiring: Wiring, write: PlannedWrite, replica: Replica, begun: bool = False
) -> set[str]:
    """Fields of the write, and of their groups, that the record holds otherwise than planned;
    where it was `begun`, it may hold what was written."""
    schema = OBJECTS[write.object]
    links = references.load_links(wiring.session, schema, [replica])
    member = references.resolve(schema, replica, links).member
    changed = set()
    for name, value in write.fields.items():
        expected = [write.before.get(name)]
        if begun:
            expected += [value, *member.renditions.get(name, ())]
        kind = schema.fields[name].kind
        if not any(wiring.same(kind, member.seen.get(name), one) for one in expected):
            changed.add(name)
    groups = {schema.fields[name].group for name in changed} - {""}
    return changed | {name for name in write.fields if schema.fields[name].group in groups}
