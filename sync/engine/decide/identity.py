"""What people decide about identity: one entity of two, two of one, and pairs kept apart.

A person's word is final: `match` heeds it in every later run. Of two words about the same
pair the last one holds. Two entities become one only if no connection has a record of both:
what is double inside one CRM is merged there, and the hub follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from mapping.schema import OBJECTS
from sync.engine import references
from sync.engine.decide import referrers
from sync.engine.matching.candidates import Asked, Candidate
from sync.model import Place, Replica, entity_id
from sync.store import books, decisions, entities, problems, queues, replicas, tables
from sync.store.database import Session
from sync.store.decisions import Review, Verdict


class Refused(Exception):
    """A decision about identity cannot be carried out; the text says why and what to do."""


# -- what people say ---------------------------------------------------------------------


def keep_apart(session: Session, object: str, verdict: Verdict) -> None:
    """Never link the two records. Two of one connection are no longer reported as duplicates.

    Raises:
        Refused: they are linked to one entity already, or one of them is not known.
    """
    one, two = _linked(session, object, verdict.one), _linked(session, object, verdict.two)
    if one == two:
        raise Refused(
            f"{_name(verdict.one)} and {_name(verdict.two)} are one {object} already; take the "
            f"one that does not belong out of it: `concord split {object} {_name(verdict.two)}`"
        )
    decisions.save(session, object, [verdict])
    decisions.set_review(session, object, verdict.one, verdict.two, "apart")
    queues.touch(session, object, [one, two])
    _journal(session, object, "apart", verdict, {one: verdict.one, two: verdict.two}, {})


def unite(session: Session, object: str, verdict: Verdict) -> str:
    """Make the entities of two records one; its id.

    The older entity survives and the other becomes an alias of it. What the other's records
    hold is merged into it by the next run like records linked for the first time. Contrary
    words about records of the two entities are withdrawn.

    Raises:
        Refused: both have a record in the same connection, one of the records is not known,
            or a write of theirs was begun and its outcome is not known.
    """
    one, two = _linked(session, object, verdict.one), _linked(session, object, verdict.two)
    _settled(session, object, (one, two))
    members = _members(session, object, (one, two))
    twice = [
        f"{_name(place)} and {_name(other)}"
        for place in members[one]
        for other in members[two]
        if place.connection == other.connection and one != two
    ]
    if twice:
        raise Refused(
            f"an entity has one record a connection, but these would be two: {'; '.join(twice)}. "
            "If they are the same, merge them in the CRM; the hub follows"
        )
    said = decisions.load(session, object, members[one])
    overruled = [
        v
        for v in said
        if v.verdict == "apart" and one != two and {v.one, v.two} & set(members[two])
    ]
    decisions.remove(session, object, overruled)
    decisions.save(session, object, [verdict])
    decisions.set_review(session, object, verdict.one, verdict.two, "same")
    if one == two:
        _journal(session, object, "same", verdict, {one: verdict.one}, {})
        return one
    held = entities.load(session, object, (one, two))
    kept, left = sorted((one, two), key=lambda id: (held[id].founded_run, id))
    detail = {"alias": left, "overruled": [_told(v) for v in overruled]}
    join(session, object, [Joined(left, kept, "same")], verdict.at)
    _journal(session, object, "same", verdict, {one: verdict.one, two: verdict.two}, detail)
    return kept


def split(session: Session, object: str, place: Place, who: str, at: datetime, note: str) -> str:
    """Take a record out of its entity into one of its own; the new entity's id.

    Both keep the values that their records have, and the record is kept apart from all that
    it was linked with.

    Raises:
        Refused: there is nothing to take it out of, the hub itself made the record for the
            entity, or a write of theirs was begun and its outcome is not known.
    """
    old = _linked(session, object, place)
    _settled(session, object, (old,))
    fellows = [p for p in _members(session, object, (old,))[old] if p != place]
    if not fellows:
        raise Refused(f"{_name(place)} is alone in its {object}; there is nothing to split")
    replica = replicas.load(session, object, [place])[place]
    if replica.external == old:
        others = ", ".join(_name(p) for p in fellows)
        raise Refused(
            f"{_name(place)} was created by the hub as a copy of this {object}; "
            f"split the record that does not belong instead: {others}"
        )
    ids = (entity_id(object, place, attempt) for attempt in range(1000))
    new = next(id for id in ids if not entities.existing(session, object, [id]))
    _found(session, object, replica, new, at)
    words = [Verdict(place, fellow, "apart", who, at, note) for fellow in fellows]
    decisions.save(session, object, words)
    for fellow in fellows:
        decisions.set_review(session, object, place, fellow, "apart")
    referrers.turn(session, object, place, old, new, _run(session), at)
    queues.replace_outbox(session, object, [old], [], 0)
    queues.touch(session, object, [old, new])
    detail = {"who": who, "why": note, "from": old, "to": new}
    books.write_journal(
        session,
        _run(session),
        at,
        [books.Entry(object, id, "split", detail, *place) for id in (old, new)],
    )
    return new


class Joined(NamedTuple):
    """`left` becomes an alias of `kept`, and its records are linked there by `rule`."""

    left: str
    kept: str
    rule: str


def join(session: Session, object: str, joined: Sequence[Joined], at: datetime) -> None:
    """One entity each of several, no connection having two records of it. The records that are
    linked anew have nothing agreed yet."""
    members = _members(session, object, [one.left for one in joined])
    for left, kept, rule in joined:
        _move(session, object, members[left], kept, left, rule, at)
        inherit(session, object, left, kept)
    became = {one.left: one.kept for one in joined}
    referrers.alias(session, object, became, _run(session), at)
    queues.touch(session, object, [*became, *became.values()])


# -- what a run needs of it --------------------------------------------------------------


def said_about(
    session: Session, object: str, unlinked: Iterable[Place], known: Mapping[Place, Candidate]
) -> tuple[list[Candidate], list[tuple[Place, Place]], list[tuple[Place, Place]]]:
    """What people said about unlinked records: linked records it names that are not `known`,
    as candidates without keys, pairs kept apart, and pairs that are the same."""
    said = decisions.load(session, object, unlinked)
    named = {place for v in said for place in (v.one, v.two)} - known.keys()
    linked = replicas.links_of_records(session, object, named)
    more = [Candidate(place, entity, {}, {}) for place, entity in sorted(linked.items())]
    apart = [(v.one, v.two) for v in said if v.verdict == "apart"]
    return more, apart, [(v.one, v.two) for v in said if v.verdict == "same"]


def ask(
    session: Session,
    object: str,
    asked: Sequence[Asked],
    known: Mapping[Place, Candidate],
    run: int,
    now: datetime,
) -> int:
    """Put pairs into the review queue; how many are new there."""
    found = []
    for pair in asked:
        one, two = known[pair.one].fields, known[pair.two].fields
        evidence = {
            name: [one.get(name), two.get(name), *([weight] if weight is not None else [])]
            for name in OBJECTS[object].fields
            if one.get(name) is not None or two.get(name) is not None
            for weight in (pair.weights.get(name),)
        }
        found.append(Review(object, pair.one, pair.two, pair.rule, pair.score, evidence))
    return decisions.ask(session, found, run, now)


def questioned(session: Session, object: str) -> set[str]:
    """Entities that a person is asked about: no record is created for them until the answer,
    because entities with a record each in one connection cannot become one. Questions that
    answered themselves are closed."""
    found: set[str] = set()
    for review in decisions.reviews(session, object):
        links = replicas.links_of_records(session, object, (review.one, review.two))
        one, two = links.get(review.one), links.get(review.two)
        if one is not None and two is not None and one != two:
            found |= {one, two}
            continue
        decisions.set_review(session, object, review.one, review.two, "settled")
        queues.touch(session, object, links.values())
    return found


def follow(session: Session, object: str, loser: Place, survivor: Place) -> None:
    """A vendor merged a record into another: what was said about it is true of the other."""
    for verdict in decisions.load(session, object, [loser]):
        other = verdict.other(loser)
        decisions.remove(session, object, [verdict])
        if other == survivor:
            continue
        known = {v.other(survivor) for v in decisions.load(session, object, [survivor])}
        links = replicas.links_of_records(session, object, (survivor, other))
        together = survivor in links and links[survivor] == links.get(other)
        if other not in known and not (together and verdict.verdict == "apart"):
            moved = Verdict(survivor, other, verdict.verdict, verdict.who, verdict.at, verdict.note)
            decisions.save(session, object, [moved])


def kept_apart(session: Session, object: str, place: Place, members: Iterable[Place]) -> bool:
    """Whether a person keeps the record apart from one of `members`."""
    others = set(members)
    said = decisions.load(session, object, [place])
    return any(v.verdict == "apart" and v.other(place) in others for v in said)


def inherit(session: Session, object: str, old: str, new: str) -> None:
    """What was open for `old` is open for `new`, or over."""
    stone = tables.tombstone.c
    linked = replicas.links_of_entities(session, object, [new]).get(new, {})
    here = (stone.object == object, stone.entity == old)
    for row in session.rows(sa.select(tables.tombstone).where(*here)):
        if row.connection not in linked:
            place = Place(row.connection, row.record)
            replicas.save_tombstone(session, object, place, new, row.run, row.ours)
    session.execute(sa.delete(tables.tombstone).where(*here))
    queues.replace_outbox(session, object, [old, new], [], 0)
    for id, _, _ in books.waiting_conflicts(session, object, [old]).get(old, {}).values():
        books.set_conflict(session, id, "settled")
    left = [row.id for row in problems.of_entities(session, object, [old])]
    problems.set_status(session, left, "solved")


# -- how ---------------------------------------------------------------------------------


def _name(place: Place) -> str:
    return f"{place.connection}:{place.record}"


def _linked(session: Session, object: str, place: Place) -> str:
    """The entity of a live record."""
    replica = replicas.load(session, object, [place]).get(place)
    if replica is None or replica.deleted:
        raise Refused(f"the hub knows no live {object} record {_name(place)}")
    entity = replicas.links_of_records(session, object, [place]).get(place)
    if entity is None or not entities.existing(session, object, [entity]):
        raise Refused(f"{_name(place)} has not been matched yet; run `concord sync` first")
    return entity


def _settled(session: Session, object: str, ids: Sequence[str]) -> None:
    begun = queues.outbox(session, status=("sending",), object=object)
    if any(queued.write.entity in ids for queued in begun):
        raise Refused("a run was cut off while it wrote these; run `concord sync` first")


def _members(session: Session, object: str, ids: Sequence[str]) -> dict[str, list[Place]]:
    linked = replicas.links_of_entities(session, object, ids)
    return {id: sorted(Place(c, r) for c, r in linked.get(id, {}).items()) for id in ids}


def _run(session: Session) -> int:
    """The run after which this happens."""
    latest = books.runs(session, last=1)
    return int(latest[0]["id"]) if latest else 0


def _told(verdict: Verdict) -> dict[str, object]:
    return {
        "one": _name(verdict.one),
        "two": _name(verdict.two),
        "verdict": verdict.verdict,
        "who": verdict.who,
        "at": verdict.at.isoformat(timespec="seconds"),
        "why": verdict.note,
    }


def _journal(
    session: Session,
    object: str,
    action: str,
    verdict: Verdict,
    places: Mapping[str, Place],
    more: Mapping[str, object],
) -> None:
    detail = {**_told(verdict), **more}
    lines = [books.Entry(object, id, action, detail, *place) for id, place in places.items()]
    books.write_journal(session, _run(session), verdict.at, lines)


def move_links(
    session: Session,
    object: str,
    places: Sequence[Place],
    entity: str,
    rule: str,
    left: str,
    run: int,
    at: datetime,
) -> None:
    """Link records to an entity instead of the one they `left` ('' for none)."""
    links = [replicas.Link(place, entity, rule) for place in places]
    replicas.save_links(session, object, links, run)
    lines = [books.Entry(object, entity, "link", {"rule": rule}, *place) for place in places]
    if left:
        gone = {"rule": rule, "to": entity}
        lines += [books.Entry(object, left, "unlink", gone, *place) for place in places]
    books.write_journal(session, run, at, lines)


def _move(
    session: Session,
    object: str,
    places: Sequence[Place],
    entity: str,
    left: str,
    rule: str,
    at: datetime,
) -> None:
    """Link records to another entity, with nothing agreed yet."""
    move_links(session, object, places, entity, rule, left, _run(session), at)
    known = replicas.load(session, object, places)
    for replica in known.values():
        replica.base, replica.waiting = None, not replica.deleted
    replicas.save(session, object, known.values())
    _arrived(session, object, places, entity)


def _arrived(session: Session, object: str, places: Sequence[Place], entity: str) -> None:
    """The entity has these records: whoever waited for that goes on."""
    for place in places:
        replicas.lift_tombstones(session, object, place.connection, [entity])
        targets = [f"record:{place.record}", f"entity:{entity}"]
        queues.settle_pending(session, place.connection, object, targets)


def _found(session: Session, object: str, replica: Replica, entity: str, at: datetime) -> None:
    """An entity of what the record holds: all of that is agreed and its own, whatever the hub
    wrote there before."""
    schema, run, place = OBJECTS[object], _run(session), replica.place
    links = references.load_links(session, schema, [replica])
    resolved = references.resolve(schema, replica, links)
    fields = dict(resolved.member.seen)
    entities.save(session, object, [entities.Entity(entity, fields, founded_run=run)], run, at)
    replicas.save_links(session, object, [replicas.Link(place, entity, "split")], run)
    replica.base, replica.waiting = resolved.base_records, True
    replica.renditions = {}  # what our last write is expected to make of it still comes
    replicas.save(session, object, [replica])
    reasons = {
        name: {
            "old": None,
            "new": value,
            "reason": "split",
            "connection": place.connection,
            "record": place.record,
            "at": replica.changed_at.isoformat(),
            "losing": [],
        }
        for name, value in fields.items()
        if value is not None
    }
    books.write_journal(session, run, at, [books.Entry(object, entity, "merge", reasons)])
    _arrived(session, object, [place], entity)
