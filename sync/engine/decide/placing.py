"""Place: find the entity of every new record.

The deciding itself is in `match`, which does no I/O; here its inputs are gathered (keys,
records that share them, what people said) and its outcome is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from mapping.schema import OBJECTS, ObjectSchema
from sync.engine import references, release
from sync.engine.decide import identity
from sync.engine.matching.candidates import EXTERNAL, Candidate, Near, Outcome, Placed, Rule, Scores
from sync.engine.matching.keys import keys_of, surname_of
from sync.engine.matching.match import match
from sync.engine.matching.scored import to_score
from sync.engine.wiring import Wiring
from sync.match_rules import RuleSettings
from sync.model import Place, Replica, entity_id, fingerprint
from sync.scores.features import features_of
from sync.store import books, decisions, entities, queues, replicas, waiting
from sync.store.database import Session, chunks

#: Rule of the link of a record that was deleted and came back.
RESTORED = "restored"


def save_keys(wiring: Wiring, object: str, live: Sequence[Replica]) -> None:
    """Store the match keys of these replicas."""
    keys = {c.place: c.keys for c in candidates_of(wiring, object, live)}
    replicas.save_keys(wiring.session, object, keys)


def place(wiring: Wiring, object: str, live: Sequence[Replica], *, keyed: bool = False) -> None:
    """Link unlinked records. `live` is all that waits, unless the match keys of all that waits
    are stored already (`keyed`)."""
    session = wiring.session
    limit = wiring.settings.object(object).key_limit
    fresh = candidates_of(wiring, object, live)
    if not keyed:
        replicas.save_keys(session, object, {c.place: c.keys for c in fresh})
    unlinked = [c for c in fresh if c.entity is None]
    if not unlinked:
        return
    if not keyed:
        make_keys_again(wiring, object)
    candidates = {c.place: c for c in fresh}
    shared = replicas.sharing(
        session,
        object,
        {(rule, key) for c in unlinked for rule, keys in c.keys.items() for key in keys},
        limit,
    )
    missing = {place for _, _, place in shared if place not in candidates}
    known = replicas.load(session, object, missing).values()
    for candidate in candidates_of(wiring, object, list(known)):
        candidates[candidate.place] = candidate
    more, apart, same = identity.said_about(
        session, object, [c.place for c in unlinked], candidates
    )
    candidates.update({candidate.place: candidate for candidate in more})
    homes = _homes(session, object, live, {c.place for c in unlinked})
    linked = {c.entity for c in candidates.values() if c.entity is not None}
    linked |= {home.entity for home in homes.values()}
    decided = partial(
        match,
        candidates.values(),
        replicas.links_of_entities(session, object, linked),
        rules_of(wiring.settings.rules(object), OBJECTS[object]),
        object=object,
        key_limit=limit,
        taken=entities.existing(session, object, _possible_ids(object, unlinked)),
        homes=homes,
        apart=apart,
        same=same,
    )
    outcome = decided()
    scores = scores_of(wiring, object, candidates, outcome)
    if scores is not None:
        outcome = decided(scores=scores)
    links = [replicas.Link(link.place, link.entity, link.rule) for link in outcome.links]
    replicas.save_links(session, object, links, wiring.run)
    _forget_agreed(session, object, live, links, homes)
    decisions.save_duplicates(session, object, outcome.duplicates, wiring.run)
    _announce(wiring, object, links)
    _keep_single(wiring, object, outcome, candidates)
    tally = wiring.report.objects[object]
    tally.founded += len(outcome.founded)
    tally.linked += len(links) - len(outcome.founded)
    tally.duplicates += len(outcome.duplicates)
    now = wiring.clock()
    tally.asked += identity.ask(session, object, outcome.asked, candidates, wiring.run, now)


def make_keys_again(wiring: Wiring, object: str) -> None:
    """Where the rules have changed, the keys of all records but those that wait, whose keys were
    made just now: a new record must meet what was there before the change."""
    session = wiring.session
    readings = {name: wiring.reading(name) for name in wiring.settings.connections}
    digest = fingerprint([wiring.key_parts(object), {n: r.as_json() for n, r in readings.items()}])
    if replicas.keys_made_by(session, object) == digest:
        return
    for names in waiting.at_rest(session, object):
        for batch in chunks(names):
            save_keys(wiring, object, waiting.by_place(session, object, batch))
    replicas.note_keys_made(session, object, digest)


def rules_of(chosen: Sequence[RuleSettings], schema: ObjectSchema) -> list[Rule]:
    """Rules as `match` takes them."""
    people = {"last_name", "first_name"} <= schema.fields.keys()
    return [
        Rule(
            rule.name,
            tuple(Near(n.field, n.days, n.share, n.similar, n.needed) for n in rule.near),
            names_people=not people
            or bool({"last_name", "full_name", "first_name"} & set(rule.keys)),
            asks=rule.asks,
        )
        for rule in chosen
    ]


def scores_of(
    wiring: Wiring,
    object: str,
    candidates: Mapping[Place, Candidate],
    outcome: Outcome,
    again: Collection[Place] = (),
) -> Scores | None:
    """Scores for what the rules leave open; None where none are wanted or nothing is open. Of
    pairs that are looked at `again`, which begin with one of these, none links: not all that
    comes near them is at hand."""
    chosen = wiring.settings.score(object)
    if chosen is None:
        return None
    limit = wiring.settings.object(object).key_limit
    pairs, shared = to_score(candidates.values(), outcome, limit, again)
    if not pairs:
        return None
    features = {
        place: features_of(
            object, candidates[place].fields, wiring.reading(place.connection), shared
        )
        for pair in pairs
        for place in pair
    }
    link = None if again else chosen.link
    return Scores(wiring.scorers[object].score(features, pairs), chosen.review, link)


def _homes(
    session: Session, object: str, live: Sequence[Replica], unlinked: set[Place]
) -> dict[Place, Placed]:
    """Where unlinked records belong: one that was deleted and came back to the entity it
    left, one that carries an entity's id (a create whose reply was lost) to that entity."""
    named = {r.place: r.external for r in live if r.place in unlinked and r.external}
    left = replicas.buried(session, object, unlinked)
    known = entities.load(session, object, {*named.values(), *left.values()})
    homes: dict[Place, Placed] = {}
    for found, rule in ((named, EXTERNAL), (left, RESTORED)):
        for place, id in found.items():
            if id in known:
                homes[place] = Placed(place, known[id].merged_into or id, rule)
    return homes


def _forget_agreed(
    session: Session,
    object: str,
    live: Sequence[Replica],
    links: Sequence[replicas.Link],
    homes: Mapping[Place, Placed],
) -> None:
    """A record that comes back to another entity than it left has agreed nothing with it."""
    strange = {
        link.place
        for link in links
        if link.place not in homes or homes[link.place].entity != link.entity
    }
    found = [r for r in live if r.place in strange and r.base is not None]
    for replica in found:
        replica.base = None
    replicas.save(session, object, found)


def _possible_ids(object: str, unlinked: Iterable[Candidate]) -> set[str]:
    return {entity_id(object, c.place, attempt) for c in unlinked for attempt in range(8)}


def candidates_of(wiring: Wiring, object: str, found: Sequence[Replica]) -> list[Candidate]:
    """Records as `match` takes them, deleted ones left out."""
    schema, session = OBJECTS[object], wiring.session
    parts = wiring.key_parts(object)
    places = [replica.place for replica in found]
    linked = replicas.links_of_records(session, object, places)
    links = references.load_links(session, schema, found)
    made = []
    for replica in found:
        if replica.deleted:
            continue
        fields = references.resolve(schema, replica, links).member.seen
        reading = wiring.reading(replica.place.connection)
        made.append(
            Candidate(
                place=replica.place,
                entity=linked.get(replica.place),
                keys=keys_of(schema, fields, parts, reading, replica.external),
                fields=fields,
                surname=surname_of(fields),
            )
        )
    return made


def _keep_single(
    wiring: Wiring, object: str, outcome: Outcome, candidates: Mapping[Place, Candidate]
) -> None:
    """A copy that the hub made, brought back when its entity has another record there, is that
    one's duplicate: an entity of its own, of which no further copies are made."""
    session = wiring.session
    copies = {
        link.place: (link.entity, key)
        for link in outcome.links
        if link.entity in outcome.founded
        for key in candidates[link.place].keys.get(EXTERNAL, ())
    }
    held = entities.load(session, object, {of for _, of in copies.values()})
    now = {id: entity.merged_into or id for id, entity in held.items()}
    linked = replicas.links_of_entities(session, object, now.values())
    others = {target.connection for target in wiring.targets(object)}
    for place, (entity, of) in copies.items():
        if place.connection in linked.get(now.get(of, ""), {}):
            for connection in others - {place.connection}:
                replicas.save_tombstone(session, object, Place(connection, ""), entity, wiring.run)


def _announce(wiring: Wiring, object: str, links: Sequence[replicas.Link]) -> None:
    """Journal new links, lift tombstones, and touch whoever waited for them. Where a deleted
    record came back, what the hub archived or was to archive because of that comes back too."""
    session = wiring.session
    books.write_journal(
        session,
        wiring.run,
        wiring.clock(),
        [
            books.Entry(object, link.entity, "link", {"rule": link.rule}, *link.place)
            for link in links
        ],
    )
    back = [link.entity for link in links if link.rule == RESTORED]
    replicas.lift_our_tombstones(session, object, back)
    queues.withdraw_archives(session, object, back)
    release.by_links(wiring, object, [(link.place, link.entity) for link in links])
    for connection in {link.place.connection for link in links}:
        here = [link for link in links if link.place.connection == connection]
        replicas.lift_tombstones(session, object, connection, [link.entity for link in here])
        queues.settle_pending(
            session,
            connection,
            object,
            [f"record:{link.place.record}" for link in here]
            + [f"entity:{link.entity}" for link in here],
        )
