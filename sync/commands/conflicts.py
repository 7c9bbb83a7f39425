"""`concord conflicts`: fields that records changed to different values, and a person's word."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from mapping.schema import OBJECTS, FieldValue
from mapping.values import Context, Untranslatable, parse
from sync.commands.exits import no_such
from sync.commands.hub import Hub, of, print_json
from sync.commands.show import text
from sync.explain import names_of, shown
from sync.settings import SettingsError
from sync.store import books, entities, queues
from sync.store.database import Session

group = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


class Status(StrEnum):
    """Which conflicts to list."""

    WAITING = "waiting"
    DECIDED = "decided"
    RESOLVED = "resolved"
    APPLIED = "applied"
    SETTLED = "settled"
    ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="conflicts")


@group.callback()
def conflicts(
    context: typer.Context,
    status: Annotated[
        Status | None,
        typer.Option(help="Only these; waiting ones come first if left out."),
    ] = None,
    first_links: Annotated[
        bool,
        typer.Option(
            "--first-links",
            help="Also the disagreements that records already had when they were linked.",
        ),
    ] = False,
    last: Annotated[int, typer.Option(min=1, help="How many to list.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List fields that two CRMs changed to different values, and how each was decided.

    Those with the policy `manual` wait for a person; nobody is written for that field until
    then.
    """
    if context.invoked_subcommand is not None:
        return
    hub = of(context)
    with hub.looking() as session:
        found = _listed(session, status, first_links)[:last]
        names = _names(session, found)
        referred = _referred(session, found)
    if as_json:
        print_json({"conflicts": [{**row, "name": names[row["entity"]]} for row in found]})
        return
    if not found:
        hub.show("No conflicts.")
        return
    table = Table()
    headers = ("id", "object", "entity", "field", "before", "candidates", "rule", "outcome")
    for name in headers:
        table.add_column(name, overflow="fold")
    for row in found:
        waits = row["status"] == "waiting"
        table.add_row(
            str(row["id"]),
            row["object"],
            f"{text(names[row['entity']])}\n[dim]{row['entity']}[/]",
            row["field"],
            text(shown(row["agreed"], referred)),
            "\n".join(f"{c}: {text(shown(v, referred))}" for c, _, v in row["candidates"]),
            row["rule"],
            "[yellow]waits for a person[/]" if waits else text(shown(row["resolution"], referred)),
        )
    hub.show(table)


@group.command()
def resolve(
    context: typer.Context,
    id: Annotated[int, typer.Argument(metavar="ID", help="The conflict's number.")],
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="The value to agree on; '' empties the field."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="CONNECTION", help="Take this connection's value instead."),
    ] = None,
) -> None:
    """Decide a conflict that waits; the next run writes the value to every CRM."""
    hub = of(context)
    with hub.session() as session:
        found = [row for row in books.conflicts(session, "waiting") if row["id"] == id]
        if not found:
            raise no_such("waiting conflict", id, "`concord conflicts` lists them")
        chosen = _chosen(hub, found[0], value, source)
        books.set_conflict(session, id, "resolved", chosen)
        queues.touch(session, found[0]["object"], [found[0]["entity"]])
        session.commit()
    hub.show(f"{found[0]['field']} will be {text(chosen)} everywhere after the next run.")


def _chosen(hub: Hub, row: dict[str, Any], value: str | None, source: str | None) -> FieldValue:
    if (value is None) == (source is None):
        raise SettingsError(["give either a value or --from CONNECTION"])
    if source is not None:
        candidates: dict[str, FieldValue] = {c: held for c, _, held in row["candidates"]}
        if source not in candidates:
            raise no_such("candidate of", repr(source), f"there are {', '.join(candidates)}")
        return candidates[source]
    field = OBJECTS[row["object"]].fields[row["field"]]
    context = Context(
        region=hub.settings.hub.region,
        currency=hub.settings.hub.currency,
        time_zone=hub.settings.hub.time_zone,
    )
    try:
        parsed = parse(field.kind, value or None, context)
    except Untranslatable as error:
        raise SettingsError([f"{field.label}: {error.reason}"]) from error
    if field.choices and parsed is not None:
        for choice in parsed if isinstance(parsed, list) else [parsed]:
            if choice not in field.choices:
                raise no_such("choice", repr(choice), f"there are {', '.join(field.choices)}")
    return parsed


def _listed(session: Session, status: Status | None, first_links: bool) -> list[dict[str, Any]]:
    wanted = "" if status in (None, Status.ALL) else str(status)
    found = [
        row
        for row in books.conflicts(session, wanted)
        if first_links or row["status"] == "waiting" or not row["rule"].startswith("first link")
    ]
    return sorted(found, key=lambda row: row["status"] != "waiting")


def _names(session: Session, found: list[dict[str, Any]]) -> dict[str, FieldValue]:
    """entity id -> what people call it."""
    names: dict[str, FieldValue] = {}
    for object in {row["object"] for row in found}:
        ids = [row["entity"] for row in found if row["object"] == object]
        held = entities.load(session, object, ids)
        title = OBJECTS[object].title
        names |= {id: held[id].fields.get(title) if id in held else None for id in ids}
    return names


def _referred(session: Session, found: list[dict[str, Any]]) -> dict[str, str]:
    """entity id -> name, for the values of reference fields."""
    names: dict[str, str] = {}
    for row in found:
        values = [row["agreed"], row["resolution"], *(value for _, _, value in row["candidates"])]
        names |= names_of(session, OBJECTS[row["object"]].fields[row["field"]], values)
    return names
