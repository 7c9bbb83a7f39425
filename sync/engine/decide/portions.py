"""Waiting records in portions that are placed one after the other.

`match` decides over records that share keys, and must see all of those at once. Records that
share none, by no chain of others, have nothing to do with each other: a first load of any size
is placed in portions of such chains, with the outcome it would have had in one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sync.engine.decide.placing import make_keys_again, save_keys
from sync.engine.wiring import Wiring
from sync.model import Place, Replica
from sync.store import decisions, replicas, waiting
from sync.store.database import Session, chunks

#: As many waiting records are placed at once, without looking for chains.
AT_ONCE = 4_000
#: Records whose chains make a portion.
SEEDS = 1_000


@dataclass(frozen=True, slots=True)
class Portion:
    """Waiting records, linked or not; `keyed` if their match keys are stored already."""

    live: Sequence[Replica]
    keyed: bool


def portions(wiring: Wiring, object: str) -> Iterator[Portion]:
    """Everything that waits and is not deleted, linked records left out where there are many:
    they need no place. The caller places and commits each before it asks for the next."""
    session = wiring.session
    names = waiting.live(session, object)
    first = next(names, [])
    if len(first) <= AT_ONCE:
        yield Portion(waiting.by_place(session, object, first), keyed=False)
        return
    while first:
        for places in chunks(first, AT_ONCE):
            save_keys(wiring, object, waiting.by_place(session, object, places))
            session.commit()
        first = next(names, [])
    make_keys_again(wiring, object)
    limit = wiring.settings.object(object).key_limit
    for unlinked in waiting.live(session, object, unlinked=True):
        for seeds in chunks(unlinked, SEEDS):
            found = chain(session, object, seeds, limit)
            if found:
                yield Portion(waiting.by_place(session, object, found), keyed=True)


def chain(
    session: Session,
    object: str,
    seeds: Iterable[Place],
    limit: int,
    chosen: Callable[[Session, str, set[Place]], set[Place]] | None = None,
    rules: Collection[str] = (),
) -> set[Place]:
    """The unlinked records among `seeds` (or those that are otherwise `chosen`) and all that hang
    together with them: by a key that at most `limit` records share (one of these `rules`, if
    some are named), by a person's word, or by an entity that they share keys with."""
    chosen = chosen or _unlinked
    frontier = chosen(session, object, set(seeds))
    found: set[Place] = set()
    known_entities: set[str] = set()
    while frontier:
        found |= frontier
        near = _sharing(session, object, frontier, limit, rules)
        near |= {
            place
            for verdict in decisions.load(session, object, frontier)
            for place in (verdict.one, verdict.two)
        }
        near -= found
        linked = replicas.links_of_records(session, object, near)
        new = set(linked.values()) - known_entities
        known_entities |= new
        members = {
            Place(connection, record)
            for records in replicas.links_of_entities(session, object, new).values()
            for connection, record in records.items()
        }
        near |= _sharing(session, object, members, limit, rules)
        frontier = chosen(session, object, near - found)
    return found


def _unlinked(session: Session, object: str, places: set[Place]) -> set[Place]:
    return places - replicas.links_of_records(session, object, places).keys()


def _sharing(
    session: Session, object: str, places: set[Place], limit: int, rules: Collection[str]
) -> set[Place]:
    """Records that share a key with one of these."""
    keys = replicas.keys_of(session, object, places)
    if rules:
        keys = {(rule, key) for rule, key in keys if rule in rules}
    holders: dict[tuple[str, str], set[Place]] = defaultdict(set)
    for rule, key, place in replicas.sharing(session, object, keys, limit):
        holders[rule, key].add(place)
    return {place for found in holders.values() if len(found) <= limit for place in found}
