"""Apply: of what a run plans, exactly what a plan file lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapping.schema import OBJECTS
from sync.engine import references
from sync.engine.wiring import Wiring
from sync.model import Place, PlannedWrite, Queued
from sync.store import books, queues, replicas
from sync.store.types import canonical


def keep_only(wiring: Wiring, only: Sequence[dict[str, Any]]) -> None:
    """Withdraw planned writes, and fields of them, that are not in `only`; their entities stay
    touched.

    What `only` lists and the run does not plan was made already, or its record has changed
    since: that is refused. An undo that was cut off goes on.
    """
    session = wiring.session
    found = queues.outbox(session, status=("planned", "pending", "sending"))
    by_target: dict[str, list[Queued]] = {}
    for queued in found:
        by_target.setdefault(_target(queued.write.as_json()), []).append(queued)
    kept: set[int] = set()
    rest: list[dict[str, Any]] = []
    for write in only:
        fitting = [q for q in by_target.get(_target(write), ()) if _contains(q.write, write)]
        if not fitting:
            rest.append(write)
        for queued in fitting:
            kept.add(queued.id)
            if queued.write.fields.keys() != write["fields"].keys():
                queues.narrow(session, queued.id, write["fields"])
                queues.touch(session, queued.write.object, [queued.write.entity])
    undos = {row["id"] for row in books.runs(session, kind="undo")}
    withdrawn = [q for q in found if q.id not in kept and q.run not in undos]
    queues.remove(session, [queued.id for queued in withdrawn])
    for queued in withdrawn:
        queues.touch(session, queued.write.object, [queued.write.entity])
    wiring.report.refused = [write for write in rest if not _is_done(wiring, write)]
    wiring.report.already = len(rest) - len(wiring.report.refused)
    session.commit()


def _target(write: dict[str, Any]) -> str:
    """What a write is done to, and how."""
    return canonical([write[n] for n in ("connection", "object", "entity", "record", "kind")])


def _contains(planned: PlannedWrite, write: dict[str, Any]) -> bool:
    """Whether the run would write this too, over the same values."""
    return all(
        name in planned.fields
        and canonical(planned.fields[name]) == canonical(value)
        and canonical(planned.before.get(name)) == canonical(write["before"].get(name))
        for name, value in write["fields"].items()
    )


def _is_done(wiring: Wiring, write: dict[str, Any]) -> bool:
    """Whether things are as the write would make them."""
    session, object, schema = wiring.session, write["object"], OBJECTS[write["object"]]
    if write["kind"] == "create":
        linked = replicas.links_of_entities(session, object, [write["entity"]])
        return write["connection"] in linked.get(write["entity"], {})
    place = Place(write["connection"], write["record"])
    replica = replicas.load(session, object, [place]).get(place)
    if replica is None or replica.deleted:
        return replica is not None and write["kind"] == "archive"
    if write["kind"] == "archive":
        return False
    links = references.load_links(session, schema, [replica])
    member = references.resolve(schema, replica, links).member
    for name, value in write["fields"].items():
        kind = schema.fields[name].kind
        sent, made = member.renditions.get(name, (value, value))
        if not wiring.same(kind, member.seen.get(name), value) and not (
            wiring.same(kind, sent, value) and wiring.same(kind, member.seen.get(name), made)
        ):
            return False
    return True
