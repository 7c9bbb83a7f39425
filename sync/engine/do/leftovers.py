"""Leftovers: writes that an earlier run planned and did not begin. Their records may have
changed in the meantime, and are read again before anything is sent."""

from __future__ import annotations

from collections import defaultdict

from mapping.schema import OBJECTS
from sync.engine import references
from sync.engine.look.pull import reread
from sync.engine.wiring import Wiring
from sync.model import Place, PlannedWrite, Queued, Replica
from sync.store import books, queues, replicas


def recheck(wiring: Wiring) -> None:
    """Withdraw what was to change records that somebody has changed since, where records are
    not verified before each write anyway.

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


def _changed(wiring: Wiring, write: PlannedWrite, replica: Replica) -> set[str]:
    """Fields of the write, and of their groups, that the record holds otherwise than planned."""
    schema = OBJECTS[write.object]
    links = references.load_links(wiring.session, schema, [replica])
    member = references.resolve(schema, replica, links).member
    changed = {
        name
        for name in write.fields
        if not wiring.same(schema.fields[name].kind, member.seen.get(name), write.before.get(name))
    }
    groups = {schema.fields[name].group for name in changed} - {""}
    return changed | {name for name in write.fields if schema.fields[name].group in groups}
