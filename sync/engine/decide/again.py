"""Again: records that were placed by other rules, held against those of now. Once per change.

First what a rule links: a record that is alone in its entity becomes part of another one, as it
would have been had it come today. The entity that has records with it keeps its id, of two single
ones the older does; the other id stays as an alias. A record that has fellows stays where it is.

Then what is left: two entities that a linking rule finds to be one although both have several
records or are being written, what an asking rule finds, and what scores find likely, is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial

from mapping.schema import OBJECTS
from sync.engine import release
from sync.engine.decide import identity
from sync.engine.decide.placing import candidates_of, make_keys_again, rules_of, scores_of
from sync.engine.decide.portions import SEEDS, chain
from sync.engine.matching.candidates import EXTERNAL, Candidate, Outcome
from sync.engine.matching.match import match
from sync.engine.wiring import Wiring
from sync.match_rules import RuleSettings
from sync.model import Place, fingerprint
from sync.store import books, decisions, entities, queues, replicas, versions, waiting
from sync.store.database import Session, chunks


def rules_changed(wiring: Wiring, object: str) -> bool:
    """Whether the object's records were placed by other rules, or scored by others, than those
    of now. Where nothing is known of that, it is noted for the next time."""
    known, now = versions.matching(wiring.session, object), _digest(wiring, object)
    if not known:
        versions.save_matching(wiring.session, object, now)
    return known not in ("", now)


def look_again(wiring: Wiring, object: str) -> None:
    """Hold all records of an object that belong to entities against each other. What waits for
    a place has one already.

    A run that is stopped meanwhile leaves the rest, and the next one begins anew: what was linked
    or asked stays so.
    """
    session, tally = wiring.session, wiring.report.objects[object]
    make_keys_again(wiring, object)
    session.commit()
    linked, asked = _link(wiring, object), 0
    known = _in_question(session, object)
    for names in waiting.linked(session, object):
        for seeds in chunks(names, SEEDS):
            if wiring.stop.is_set():
                return
            asked += _ask(wiring, object, seeds, known)
            session.commit()
    tally.linked += linked
    tally.asked += asked
    versions.save_matching(session, object, _digest(wiring, object))
    entry = books.Entry(object, "", "matching changed", {"linked": linked, "asked": asked})
    books.write_journal(session, wiring.run, wiring.clock(), [entry])
    session.commit()


def _digest(wiring: Wiring, object: str) -> str:
    """Equal for settings by which the same records are found to be one."""
    settings = wiring.settings
    score = settings.score(object)
    readings = [wiring.reading(name).as_json() for name in settings.connections]
    return fingerprint(
        [
            [rule.model_dump(mode="json") for rule in settings.rules(object)],
            settings.object(object).key_limit,
            sorted({fingerprint(reading) for reading in readings}),
            score and [score.review, wiring.scorers[object].numbers.model_dump(mode="json")],
        ]
    )


# -- linking -----------------------------------------------------------------------------


def _link(wiring: Wiring, object: str) -> int:
    """Link single records where the rules that link say so; how many."""
    session = wiring.session
    linking = {rule.name for rule in wiring.settings.rules(object) if not rule.asks}
    limit = wiring.settings.object(object).key_limit
    number, ahead = 0, set[Place]()
    for names in waiting.alone(session, object):
        for seeds in chunks(names, SEEDS):
            if wiring.stop.is_set():
                return number
            fresh = [place for place in seeds if place not in ahead]
            found = chain(session, object, fresh, limit, _alone, linking)
            ahead = {place for place in ahead | found if place > seeds[-1]}
            number += _link_portion(wiring, object, found, linking)
            session.commit()
    return number


def _alone(session: Session, object: str, places: set[Place]) -> set[Place]:
    """Those that have an entity to themselves."""
    linked = replicas.links_of_records(session, object, places)
    records = replicas.links_of_entities(session, object, linked.values())
    return {place for place, entity in linked.items() if len(records[entity]) == 1}


def _link_portion(
    wiring: Wiring, object: str, single: Collection[Place], linking: Collection[str]
) -> int:
    session = wiring.session
    known = _sharers(wiring, object, single, linking)
    held = entities.load(session, object, {c.entity for c in known.values() if c.entity})
    busy = _busy(session, object, held)
    known = {place: c for place, c in known.items() if c.entity not in busy}
    own = {
        place: known[place].entity or ""
        for place in single
        if place in known and known[place].entity in held  # else it was placed just now
    }
    loose = [replace(c, entity=None) if c.place in own else c for c in known.values()]
    rules = [rule for rule in wiring.settings.rules(object) if not rule.asks]
    outcome = _matched(wiring, object, loose, rules, taken=held)
    groups: dict[str, list[tuple[Place, str]]] = defaultdict(list)
    for link in outcome.links:
        groups[link.entity].append((link.place, link.rule))
    moved: list[tuple[Place, str]] = []
    joined: list[identity.Joined] = []
    for label, members in sorted(groups.items()):
        ages = sorted((held[own[place]].founded_run, own[place]) for place, _ in members)
        kept = ages[0][1] if label in outcome.founded else label
        why = next((rule for _, rule in members if rule != "founder"), "")
        for place, rule in members:
            if own[place] != kept:
                by = why if rule == "founder" else rule
                joined.append(identity.Joined(own[place], kept, by))
                moved.append((place, kept))
    identity.join(session, object, joined, wiring.clock())
    release.by_links(wiring, object, moved)
    return len(moved)


def _busy(session: Session, object: str, held: Mapping[str, entities.Entity]) -> set[str]:
    """Entities that nothing is linked to now: they are over, or are being written."""
    begun = {q.write.entity for q in queues.outbox(session, status=("sending",), object=object)}
    over = {id for id, entity in held.items() if entity.archived or entity.merged_into}
    return begun | over | queues.undoing(session, object, held).keys()


# -- asking ------------------------------------------------------------------------------


def _in_question(session: Session, object: str) -> set[frozenset[str]]:
    """Entities, two and two, that people are asked about already."""
    reviews = decisions.reviews(session, object)
    places = {place for review in reviews for place in (review.one, review.two)}
    linked = replicas.links_of_records(session, object, places)
    return {frozenset((linked.get(r.one, ""), linked.get(r.two, ""))) for r in reviews}


def _ask(wiring: Wiring, object: str, seeds: list[Place], known: set[frozenset[str]]) -> int:
    """Ask about entities of these records and others that none is `known` to be asked about, and
    report records of one connection that share a key; how many questions are new."""
    session = wiring.session
    found = _sharers(wiring, object, seeds)
    held = entities.load(session, object, {c.entity for c in found.values() if c.entity})
    over = {id for id, entity in held.items() if entity.archived or entity.merged_into}
    found = {place: c for place, c in found.items() if c.entity not in over}
    outcome = _matched(
        wiring, object, found.values(), wiring.settings.rules(object), taken=held, seeds=seeds
    )
    double = decisions.save_duplicates(session, object, outcome.duplicates, wiring.run)
    wiring.report.objects[object].duplicates += double
    fresh = []
    for question in outcome.asked:
        pair = frozenset(found[place].entity or "" for place in (question.one, question.two))
        if pair not in known:
            known.add(pair)
            fresh.append(question)
            queues.touch(session, object, pair)  # nothing is created for them until the answer
    return identity.ask(session, object, fresh, found, wiring.run, wiring.clock())


# -- both --------------------------------------------------------------------------------


def _sharers(
    wiring: Wiring, object: str, places: Iterable[Place], rules: Collection[str] = ()
) -> dict[Place, Candidate]:
    """These records, as far as they share a key (of one of these `rules`) with another, and the
    others; of their keys only those that all holders of are among them, and not too many."""
    session = wiring.session
    limit = wiring.settings.object(object).key_limit
    keys = {
        (rule, key)
        for rule, key in replicas.keys_of(session, object, places)
        if rule != EXTERNAL and (not rules or rule in rules)
    }
    holders: dict[tuple[str, str], set[Place]] = defaultdict(set)
    for rule, key, place in replicas.sharing(session, object, keys, limit):
        holders[rule, key].add(place)
    kept = {name: held for name, held in holders.items() if 2 <= len(held) <= limit}
    found = {place for held in kept.values() for place in held}
    made = candidates_of(wiring, object, list(replicas.load(session, object, found).values()))
    return {
        c.place: replace(
            c,
            keys={
                rule: [key for key in held if (rule, key) in kept] for rule, held in c.keys.items()
            },
        )
        for c in made
        if c.entity is not None
    }


def _matched(
    wiring: Wiring,
    object: str,
    found: Collection[Candidate],
    rules: Iterable[RuleSettings],
    taken: Iterable[str],
    seeds: Collection[Place] = (),
) -> Outcome:
    """What `match` says of these; with `seeds`, questions are asked about them."""
    session = wiring.session
    candidates = {candidate.place: candidate for candidate in found}
    more, apart, _ = identity.said_about(session, object, list(candidates), candidates)
    candidates.update({candidate.place: candidate for candidate in more})
    linked = {c.entity for c in candidates.values() if c.entity is not None}
    decided = partial(
        match,
        candidates.values(),
        replicas.links_of_entities(session, object, linked),
        rules_of(list(rules), OBJECTS[object]),
        object=object,
        key_limit=wiring.settings.object(object).key_limit,
        taken=taken,
        apart=apart,
        again=bool(seeds),
    )
    outcome = decided()
    if seeds:
        scores = scores_of(wiring, object, candidates, outcome, set(seeds))
        if scores is not None:
            outcome = decided(scores=scores)
    return outcome
