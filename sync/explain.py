"""Why an entity is as it is: for every field, from which record, when, by which rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mapping.schema import OBJECTS, Field, FieldValue, Kind
from sync.model import Place
from sync.past import Past, rebuild
from sync.store import books, decisions, entities, tables
from sync.store.database import Session


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a field has its value.

    Attributes:
        value: the agreed value; references are entity ids.
        shown: the value with names in place of entity ids.
        connection, record: where it came from, '' when the hub computed it.
        at: when that record says it was changed, ISO text, '' if unknown.
        rule: the rule that decided.
        against: what other records held: (connection, record, value) each.
        against_shown: the same as (connection, value), with names in place of entity ids.
        before: the agreed value before.
        run: the run that decided; 0 when it was never decided.
        waits: a person must decide before it changes again.
    """

    value: FieldValue
    shown: FieldValue
    connection: str = ""
    record: str = ""
    at: str = ""
    rule: str = ""
    against: tuple[tuple[str, str, FieldValue], ...] = ()
    against_shown: tuple[tuple[str, FieldValue], ...] = ()
    before: FieldValue = None
    run: int = 0
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything on record about one entity."""

    object: str
    entity: str
    name: str
    archived: bool
    links: tuple[dict[str, Any], ...]
    """connection, record, rule, run each."""
    fields: dict[str, Reason]
    writes: tuple[dict[str, Any], ...] = field(default=())
    """What the hub wrote for it, newest first: connection, record, kind, fields, at, run."""
    decisions: tuple[dict[str, Any], ...] = field(default=())
    """What people said of its records: connection, record, verdict (same, apart) of
    other_connection, other_record, who, at, note."""
    as_of: int = 0
    """The run after which it was like this; 0 for now."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "object": self.object,
            "entity": self.entity,
            "name": self.name,
            "archived": self.archived,
            "links": list(self.links),
            "fields": {
                name: {
                    "value": reason.value,
                    "connection": reason.connection,
                    "record": reason.record,
                    "at": reason.at,
                    "rule": reason.rule,
                    "against": [list(item) for item in reason.against],
                    "before": reason.before,
                    "run": reason.run,
                    "waits": reason.waits,
                }
                for name, reason in self.fields.items()
            },
            "writes": list(self.writes),
            "decisions": list(self.decisions),
            **({"as_of_run": self.as_of} if self.as_of else {}),
        }


def find(session: Session, object: str, wanted: str) -> list[str]:
    """Entities that a person may mean by `wanted`: an entity id, a record's id, or what the
    object's title field says (the e-mail address of a contact, the name of a deal)."""
    found = entities.find_by_text(session, object, wanted)
    if found:
        return found
    column = tables.link.c
    query = sa.select(column.entity).where(column.object == object, column.record == wanted)
    return sorted({row[0] for row in session.rows(query)})


def explain(session: Session, object: str, id: str, run: int = 0) -> Explanation:
    """All that is on record about an entity, or that was after `run`. An alias is followed to
    what it became.

    Raises:
        LookupError: there is no such entity, or was none then.
    """
    past = rebuild(session, object, id, run) if run else _now(session, object, id)
    while past is not None and past.merged_into:
        id = past.merged_into
        past = rebuild(session, object, id, run) if run else _now(session, object, id)
    if past is None:
        raise LookupError(id)
    schema = OBJECTS[object]
    decided = _decisions(session, object, id, run)
    waiting = {} if run else books.waiting_conflicts(session, object, [id]).get(id, {})
    names = _names(session, object, past.fields, decided)
    reasons = {}
    for name in schema.fields:
        value = past.fields.get(name)
        decided_in, detail = decided.get(name, (0, {}))
        reasons[name] = Reason(
            value=value,
            shown=shown(value, names),
            connection=detail.get("connection", ""),
            record=detail.get("record", ""),
            at=detail.get("at", ""),
            rule=detail.get("reason", "computed" if schema.fields[name].computed else ""),
            against=tuple((c, r, v) for c, r, v in detail.get("losing", ())),
            against_shown=tuple((c, shown(v, names)) for c, _, v in detail.get("losing", ())),
            before=detail.get("old"),
            run=decided_in,
            waits=name in waiting,
        )
    return Explanation(
        object=object,
        entity=id,
        name=str(past.fields.get(schema.title) or id),
        archived=past.archived,
        links=tuple(
            {"connection": connection, "record": record, "rule": rule, "run": linked}
            for connection, (record, rule, linked) in sorted(past.links.items())
        ),
        fields=reasons,
        writes=_writes(session, object, id, run),
        decisions=_said(session, object, past, run),
        as_of=run,
    )


def _now(session: Session, object: str, id: str) -> Past | None:
    entity = entities.load(session, object, [id]).get(id)
    if entity is None:
        return None
    column = tables.link.c
    query = sa.select(column.connection, column.record, column.rule, column.run)
    rows = session.rows(query.where(column.object == object, column.entity == id))
    links = {row.connection: (row.record, row.rule, row.run) for row in rows}
    return Past(entity.fields, entity.archived, entity.merged_into, links)


def _decisions(
    session: Session, object: str, id: str, until: int
) -> dict[str, tuple[int, dict[str, Any]]]:
    """field -> (run, the newest decision about it). One that kept the value against a record
    leaves it where it came from."""
    newest: dict[str, tuple[int, dict[str, Any]]] = {}
    for row in books.journal(session, object, id, actions=["merge"], until=until):
        for name, detail in row["detail"].items():
            if name in newest and not detail["connection"] and detail["new"] == detail["old"]:
                earlier = newest[name][1]
                detail |= {key: earlier[key] for key in ("connection", "record", "at")}
            newest[name] = (row["run"], detail)
    return newest


def _said(session: Session, object: str, past: Past, run: int) -> tuple[dict[str, Any], ...]:
    mine = [Place(connection, link[0]) for connection, link in past.links.items()]
    later = books.runs(session, run=run + 1) if run else []
    found = []
    for verdict in decisions.load(session, object, mine):
        if later and verdict.at >= later[0]["started_at"]:
            continue
        place = verdict.one if verdict.one in mine else verdict.two
        other = verdict.other(place)
        found.append(
            {
                "connection": place.connection,
                "record": place.record,
                "verdict": verdict.verdict,
                "other_connection": other.connection,
                "other_record": other.record,
                "who": verdict.who,
                "at": _iso(verdict.at),
                "note": verdict.note,
            }
        )
    return tuple(found)


def _writes(session: Session, object: str, id: str, until: int) -> tuple[dict[str, Any], ...]:
    rows = books.journal(session, object, id, actions=["create", "update", "archive"], until=until)
    return tuple(
        {
            "connection": row["connection"],
            "record": row["record"],
            "kind": row["action"],
            "fields": row["detail"].get("sent", []),
            "at": _iso(row["at"]),
            "run": row["run"],
        }
        for row in reversed(rows)
    )


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _names(
    session: Session,
    object: str,
    fields: dict[str, FieldValue],
    decided: dict[str, tuple[int, dict[str, Any]]],
) -> dict[str, str]:
    """entity id -> name, for everything the entity refers to or might have."""
    names: dict[str, str] = {}
    for spec in OBJECTS[object].fields.values():
        _, detail = decided.get(spec.name, (0, {}))
        held = [fields.get(spec.name), *(value for _, _, value in detail.get("losing", ()))]
        names |= names_of(session, spec, held)
    return names


def names_of(session: Session, field: Field, values: Iterable[FieldValue]) -> dict[str, str]:
    """entity id -> name, for the entities that values of a reference field stand for."""
    if field.kind not in (Kind.REFERENCE, Kind.REFERENCES):
        return {}
    ids = {id for value in values for id in _ids(value)}
    title = OBJECTS[field.target].title
    found = entities.load(session, field.target, ids)
    return {id: str(entity.fields.get(title) or id) for id, entity in found.items()}


def _ids(value: FieldValue) -> list[str]:
    if isinstance(value, list):
        return value
    return [] if value is None else [str(value)]


def shown(value: FieldValue, names: Mapping[str, str]) -> FieldValue:
    """A value with names in place of entity ids."""
    if isinstance(value, list):
        return [names.get(item, item) for item in value]
    return names.get(value, value) if isinstance(value, str) else value
