"""Records of one connection that look like one thing: what speaks for it, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mapping.schema import OBJECTS, Fields, FieldValue
from sync.engine import references
from sync.engine.matching.candidates import BLOCK, EXTERNAL, SCORE
from sync.explain import names_of, shown
from sync.model import Place
from sync.store import decisions, replicas
from sync.store.database import Session

#: What stands between the parts of a key.
_AND = "\x1f"


@dataclass(frozen=True, slots=True)
class Double:
    """Two records of one connection that share a key, or that a score finds to be one thing.

    Attributes:
        rule: by which they were found, in `run`.
        keys: rule -> the keys that both have now, as people read them.
        evidence: field -> [value of the one, value of the other], fields that both lack left
            out. References are names.
    """

    id: int
    object: str
    one: Place
    two: Place
    rule: str
    run: int
    name: FieldValue
    keys: Mapping[str, Sequence[str]]
    evidence: Mapping[str, Sequence[FieldValue]]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "id": self.id,
            "object": self.object,
            "connection": self.one.connection,
            "record": self.one.record,
            "of": self.two.record,
            "rule": self.rule,
            "run": self.run,
            "name": self.name,
            "keys": {rule: list(keys) for rule, keys in self.keys.items()},
            "evidence": {name: list(values) for name, values in self.evidence.items()},
        }


def doubles(session: Session) -> list[Double]:
    """All pairs that nobody keeps apart, in order of their objects, connections and records.
    Pairs that rules found and that share no key any more are left out."""
    found: list[Double] = []
    rows = decisions.duplicates(session)
    for object in dict.fromkeys(row["object"] for row in rows):
        here = [row for row in rows if row["object"] == object]
        pairs = [[Place(row["connection"], row[side]) for side in ("record", "of")] for row in here]
        places = {place for pair in pairs for place in pair}
        keys = replicas.keys_by_record(session, object, places)
        bodies = _bodies(session, object, places)
        for row, (one, two) in zip(here, pairs, strict=True):
            shared = {
                (rule, key)
                for rule, key in keys.get(one, set()) & keys.get(two, set())
                if rule != EXTERNAL and not rule.startswith(BLOCK)
            }
            if shared or row["rule"] == SCORE:
                found.append(_double(session, row, one, two, shared, bodies))
    return found


def _bodies(session: Session, object: str, places: Iterable[Place]) -> dict[Place, Fields]:
    """What the records hold; references are entity ids."""
    schema = OBJECTS[object]
    known = replicas.load(session, object, places)
    links = references.load_links(session, schema, known.values())
    return {
        place: references.resolve(schema, replica, links).member.seen
        for place, replica in known.items()
    }


def _double(
    session: Session,
    row: Mapping[str, Any],
    one: Place,
    two: Place,
    shared: Iterable[tuple[str, str]],
    bodies: Mapping[Place, Fields],
) -> Double:
    schema, names = OBJECTS[row["object"]], dict[str, str]()
    evidence: dict[str, list[FieldValue]] = {}
    for name, field in schema.fields.items():
        values = [bodies[place].get(name) for place in (one, two)]
        if any(value is not None for value in values):
            names |= names_of(session, field, values)
            evidence[name] = [shown(value, names) for value in values]
    keys: dict[str, list[str]] = {}
    for rule, key in sorted(shared):
        parts = (names.get(part, part) for part in key.split(_AND))
        keys.setdefault(rule, []).append(" + ".join(parts))
    return Double(
        id=row["id"],
        object=row["object"],
        one=one,
        two=two,
        rule=row["rule"],
        run=row["run"],
        name=bodies[one].get(schema.title),
        keys=keys,
        evidence=evidence,
    )
