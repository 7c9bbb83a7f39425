"""`concord conflicts`: fields that records changed to different values, and a person's word."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from mapping.schema import OBJECTS, FieldValue
from sync import conflicts as deciding
from sync.commands.exits import no_such
from sync.commands.hub import of, print_json
from sync.commands.objects import Synced
from sync.commands.show import text
from sync.explain import names_of, shown
from sync.settings import SettingsError
from sync.store import books, entities
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
    id: Annotated[int | None, typer.Argument(metavar="[ID]", help="The conflict's number.")] = None,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="The value to agree on; '' empties the field."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", "--prefer", metavar="CONNECTION", help="Take this connection's value instead."
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep what was agreed before.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="All conflicts that wait, instead of one.")
    ] = False,
    object: Annotated[
        Synced | None, typer.Option("--object", help="With --all: only of this object.")
    ] = None,
    field: Annotated[
        str | None, typer.Option("--field", metavar="NAME", help="With --all: only this field.")
    ] = None,
) -> None:
    """Decide a conflict that waits, or all; the next run writes the value to every CRM.

    The value of a connection is taken for all fields that are decided as one with the
    conflict's: a street comes with its city.
    """
    hub = of(context)
    if every == (id is not None) or (every and value is not None):
        raise SettingsError(["give the ID of one conflict, or --all with --prefer or --keep"])
    if (value is not None) + (source is not None) + keep != 1:
        raise SettingsError(["give one of a value, --from CONNECTION and --keep"])
    if (object or field) and not every:
        raise SettingsError(["--object and --field go with --all"])
    with hub.session() as session:
        rows = deciding.waiting(session, [id] if id is not None else (), object or "", field or "")
        if id is not None and value is None:
            rows = deciding.together(session, rows[0])
        if value is not None:
            chosen = [deciding.typed(hub.settings, rows[0], value)]
        elif keep:
            chosen = [(row, row["agreed"]) for row in rows]
        else:
            assert source is not None
            chosen = deciding.of_connection(rows, source)
            if id is not None and id not in {row["id"] for row, _ in chosen}:
                [asked] = [row for row in rows if row["id"] == id]
                known = ", ".join(name for name, _, _ in asked["candidates"])
                raise no_such("candidate of", repr(source), f"there are {known}")
        deciding.resolve(session, chosen)
        session.commit()
    if every:
        hub.show(f"Decided {len(chosen)} of {len(rows)} conflicts; the next run writes them.")
        return
    for row, agreed in chosen:
        hub.show(f"{row['field']} will be {text(agreed)} everywhere after the next run.")


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
