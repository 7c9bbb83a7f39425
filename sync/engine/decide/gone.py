"""Records that were deleted or merged away in their CRM, and what that means for entities."""

from __future__ import annotations

from collections.abc import Sequence

from sync.engine.decide import identity, referrers
from sync.engine.wiring import Wiring
from sync.model import Place, Replica
from sync.store import books, problems, queues, replicas


def bury(wiring: Wiring, object: str, gone: Sequence[Replica]) -> set[str]:
    """Settle deleted replicas; the ids of entities that are to be archived everywhere.

    A record merged into another hands its link on. Else the object's `deletes` policy
    applies; a deleted record leaves a tombstone, so that it is not created again.
    """
    session, doomed = wiring.session, set[str]()
    policy = wiring.settings.object(object).deletes
    places = [replica.place for replica in gone]
    links = replicas.links_of_records(session, object, places)
    journal: list[books.Entry] = []
    for replica in gone:
        replica.waiting = False
        place, entity = replica.place, links.get(replica.place)
        for stage in ("read", "write"):
            problems.solve(session, place.connection, object, stage=stage, records=[place.record])
        if replica.merged_into:
            identity.follow(session, object, place, Place(place.connection, replica.merged_into))
        if entity is None:
            continue
        survivor = _survivor(wiring, object, replica)
        detail = {"policy": policy, "merged_into": survivor.record if survivor else ""}
        if survivor is not None:
            _hand_on(wiring, object, place, survivor, entity)
            links = replicas.links_of_records(session, object, places)  # of others that are gone
        elif policy != "ignore":
            replicas.remove_link(session, object, place)
            replicas.save_tombstone(session, object, place, entity, wiring.run)
            if policy == "archive":
                doomed.add(entity)
        queues.touch(session, object, [entity])
        journal.append(books.Entry(object, entity, "gone", detail, place.connection, place.record))
    replicas.save(session, object, gone)
    replicas.save_keys(session, object, {replica.place: {} for replica in gone})
    books.write_journal(session, wiring.run, wiring.clock(), journal)
    return doomed


def _survivor(wiring: Wiring, object: str, replica: Replica) -> Place | None:
    """The record that a deleted one lives on in, through any number of merges; None if that
    was deleted as well."""
    met = {replica.place.record}
    while replica.merged_into and replica.merged_into not in met:
        met.add(replica.merged_into)
        place = Place(replica.place.connection, replica.merged_into)
        known = replicas.load(wiring.session, object, [place]).get(place)
        if known is None or not known.deleted:
            return place
        replica = known
    return None


def _hand_on(wiring: Wiring, object: str, loser: Place, survivor: Place, entity: str) -> None:
    """A vendor merged `loser` into `survivor`: the survivor keeps all that was linked.

    What cannot follow, because the survivor's entity has a record in that connection, stays an
    entity of its own, and gets no other record where its records were handed on.
    """
    session, run, now = wiring.session, wiring.run, wiring.clock()
    replicas.remove_link(session, object, loser)
    other = replicas.links_of_records(session, object, [survivor]).get(survivor)
    if other is None:
        identity.move_links(session, object, [survivor], entity, "vendor merge", "", run, now)
        return
    if other == entity:
        return
    places = replicas.links_of_entities(session, object, [entity, other])
    theirs = {Place(*place) for place in places.get(other, {}).items()}
    for connection, record in places.get(entity, {}).items():
        moved = Place(connection, record)
        if connection not in places.get(other, {}) and not identity.kept_apart(
            session, object, moved, theirs
        ):
            identity.move_links(session, object, [moved], other, "vendor merge", entity, run, now)
            replicas.save_tombstone(session, object, moved, entity, run)
    queues.touch(session, object, [other])
    if replicas.links_of_entities(session, object, [entity]):
        replicas.save_tombstone(session, object, loser, entity, run)
    else:
        identity.inherit(session, object, entity, other)
        referrers.alias(session, object, {entity: other}, run, now)
