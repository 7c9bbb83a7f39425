"""References: record ids in replicas, entity ids everywhere else, and the way between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mapping.schema import Fields, FieldValue, Kind, ObjectSchema
from sync.model import Member, Place, Replica
from sync.store import queues, replicas
from sync.store.database import Session

#: (target object, place of the record) -> entity id
Links = Mapping[tuple[str, Place], str]


def _reference_fields(schema: ObjectSchema) -> list[tuple[str, str]]:
    return [
        (field.name, field.target)
        for field in schema.fields.values()
        if field.kind in (Kind.REFERENCE, Kind.REFERENCES)
    ]


def ids_of(value: FieldValue) -> list[str]:
    """The ids that a reference's value names."""
    if isinstance(value, list):
        return value
    return [] if value is None else [str(value)]


def load_links(session: Session, schema: ObjectSchema, found: Iterable[Replica]) -> Links:
    """The entities of all records that these replicas refer to."""
    wanted: dict[str, set[Place]] = defaultdict(set)
    for replica in found:
        for name, target in _reference_fields(schema):
            told = replica.renditions.get(name, [])
            for value in (replica.seen.get(name), (replica.base or {}).get(name), *told):
                for record in ids_of(value):
                    wanted[target].add(Place(replica.place.connection, record))
    return {
        (target, place): entity
        for target, places in wanted.items()
        for place, entity in replicas.links_of_records(session, target, places).items()
    }


@dataclass(frozen=True, slots=True)
class Resolved:
    """A replica with entity ids for record ids.

    `base_records` is what becomes the replica's base: record ids of resolved references only,
    so that one that resolves later counts as new.
    """

    member: Member
    base_records: Fields
    waits_for: tuple[tuple[str, str], ...]
    """(target object, record id) of references nobody knows yet."""


def resolve(schema: ObjectSchema, replica: Replica, links: Links) -> Resolved:
    """The replica as merging sees it."""
    seen, base = dict(replica.seen), dict(replica.base) if replica.base is not None else None
    base_records = dict(replica.seen)
    renditions = dict(replica.renditions)
    unresolved: set[str] = set()
    waits: list[tuple[str, str]] = []
    for name, target in _reference_fields(schema):
        if name in seen:
            records = ids_of(seen[name])
            known = [r for r in records if (target, _at(replica, r)) in links]
            for record in records:
                if record not in known:
                    unresolved.add(name)
                    waits.append((target, record))
            _put(seen, name, [links[target, _at(replica, r)] for r in known], not records)
            _put(base_records, name, known, not records)
        if base is not None and name in base:
            records = ids_of(base[name])
            known = [r for r in records if (target, _at(replica, r)) in links]
            _put(base, name, [links[target, _at(replica, r)] for r in known], not records)
        if name in renditions:
            renditions[name] = [
                _translated(value, target, replica, links) for value in renditions[name]
            ]
    member = Member(
        place=replica.place,
        seen=seen,
        base=base,
        changed_at=replica.changed_at,
        field_times={},
        version=replica.version,
        renditions=renditions,
        unresolved=frozenset(unresolved),
    )
    return Resolved(member, base_records, tuple(waits))


def _translated(value: FieldValue, target: str, replica: Replica, links: Links) -> FieldValue:
    """A value with entity ids for record ids; an unknown record stays as it is."""
    if value is None:
        return None
    found = [links.get((target, _at(replica, record)), record) for record in ids_of(value)]
    return sorted(set(found)) if isinstance(value, list) else found[0]


def _at(replica: Replica, record: str) -> Place:
    return Place(replica.place.connection, record)


def _put(body: Fields, name: str, ids: list[str], empty: bool) -> None:
    """Replace a reference's value; one with nothing known becomes absent."""
    many = isinstance(body[name], list)
    if ids:
        body[name] = sorted(set(ids)) if many else ids[0]
    elif empty:
        body[name] = None
    else:
        del body[name]


def to_records(
    session: Session, schema: ObjectSchema, connection: str, bodies: Iterable[Fields]
) -> dict[tuple[str, str], str]:
    """(target object, entity id) -> record id in `connection`, for all references in bodies."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for body in bodies:
        for name, target in _reference_fields(schema):
            wanted[target].update(ids_of(body.get(name)))
    found: dict[tuple[str, str], str] = {}
    for target, entities in wanted.items():
        for entity, places in replicas.links_of_entities(session, target, entities).items():
            if connection in places:
                found[target, entity] = places[connection]
    return found


def outward(
    schema: ObjectSchema, body: Fields, known: Mapping[tuple[str, str], str]
) -> tuple[Fields, list[tuple[str, str]]]:
    """`body` with record ids for entity ids, and the (target object, entity) without one.

    A reference without a record is left out; of several, the known ones are kept.
    """
    result = dict(body)
    missing: list[tuple[str, str]] = []
    for name, target in _reference_fields(schema):
        if name not in result:
            continue
        entities = ids_of(result[name])
        records = [known[target, e] for e in entities if (target, e) in known]
        missing += [(target, e) for e in entities if (target, e) not in known]
        _put(result, name, records, not entities)
    return result, missing


class Reach:
    """Which references can be written where: linked records and planned creates."""

    def __init__(self, session: Session, schema: ObjectSchema, bodies: Iterable[Fields]) -> None:
        wanted: dict[str, set[str]] = defaultdict(set)
        for body in bodies:
            for name, target in _reference_fields(schema):
                wanted[target].update(ids_of(body.get(name)))
        self._found: set[tuple[str, str, str]] = set()
        for target, entities in wanted.items():
            links = replicas.links_of_entities(session, target, entities)
            for entity, places in links.items():
                self._found |= {(connection, target, entity) for connection in places}
            if target == "user":
                self._found -= _inactive(session, links)
            else:
                for entity, connection in queues.planned_creates(session, target, entities):
                    self._found.add((connection, target, entity))

    def __call__(self, connection: str, target: str, entity: str) -> bool:
        """Whether `connection` has, or is about to get, a record of the entity."""
        return (connection, target, entity) in self._found


def _inactive(
    session: Session, links: Mapping[str, Mapping[str, str]]
) -> set[tuple[str, str, str]]:
    places = {
        Place(connection, record): entity
        for entity, records in links.items()
        for connection, record in records.items()
    }
    return {
        (place.connection, "user", places[place])
        for place, replica in replicas.load(session, "user", places).items()
        if replica.seen.get("active") is False
    }
