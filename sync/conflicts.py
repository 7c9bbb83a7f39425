"""A person's word on conflicts that wait: one of the candidates, what was agreed, or a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapping.schema import OBJECTS, FieldValue
from mapping.values import Context, Untranslatable, parse
from sync.settings import Settings, SettingsError
from sync.store import books, queues
from sync.store.database import Session

#: A waiting conflict, as `books.conflicts` gives it, and what was chosen for it.
Chosen = tuple[dict[str, Any], FieldValue]


def waiting(
    session: Session, ids: Sequence[int] = (), object: str = "", field: str = ""
) -> list[dict[str, Any]]:
    """Conflicts that wait for a person, oldest first: these, or those of an object or field.

    Raises:
        SettingsError: one of the ids is not waiting.
    """
    found = list(reversed(books.conflicts(session, "waiting")))
    if missing := set(ids) - {row["id"] for row in found}:
        raise SettingsError(
            [
                f"there is no waiting conflict {id}; `concord conflicts` lists them"
                for id in sorted(missing)
            ]
        )
    return [
        row
        for row in found
        if (not ids or row["id"] in ids)
        and object in ("", row["object"])
        and field in ("", row["field"])
    ]


def together(session: Session, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The waiting conflicts of the same entity that are decided as one with `row`, it included:
    the parts of an address, an amount and its currency."""
    fields = OBJECTS[row["object"]].fields
    group = fields[row["field"]].group
    return [
        other
        for other in waiting(session, object=row["object"])
        if other["entity"] == row["entity"]
        and (other["id"] == row["id"] or (group and fields[other["field"]].group == group))
    ]


def of_connection(rows: Sequence[dict[str, Any]], connection: str) -> list[Chosen]:
    """What a connection's record holds, where it is a candidate."""
    return [
        (row, value) for row in rows for name, _, value in row["candidates"] if name == connection
    ]


def typed(settings: Settings, row: dict[str, Any], text: str) -> Chosen:
    """A value that a person typed; '' empties the field.

    Raises:
        SettingsError: it is no value of the field.
    """
    field = OBJECTS[row["object"]].fields[row["field"]]
    if field.target and text:
        raise SettingsError(
            [f"{field.label} names another record; choose a candidate: --from CONNECTION"]
        )
    context = Context(
        region=settings.hub.region,
        currency=settings.hub.currency,
        time_zone=settings.hub.time_zone,
    )
    try:
        value = parse(field.kind, text or None, context)
    except Untranslatable as error:
        raise SettingsError([f"{field.label}: {error.reason}"]) from error
    if field.choices and value is not None:
        known = ", ".join(field.choices)
        for choice in value if isinstance(value, list) else [value]:
            if choice not in field.choices:
                raise SettingsError([f"there is no choice {choice!r}; there are {known}"])
    return row, value


def resolve(session: Session, chosen: Sequence[Chosen]) -> None:
    """Store what was decided; the next run writes it everywhere. The caller commits."""
    for row, value in chosen:
        books.set_conflict(session, row["id"], "resolved", value)
        queues.touch(session, row["object"], [row["entity"]])
