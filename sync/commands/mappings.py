"""`concord mapping`: which native field is which, and whether the mapping holds."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from mapping.check import Finding, Severity, round_trip
from mapping.document import Document, FieldMapping
from mapping.schema import OBJECTS
from mapping.values import Context
from sync.accounts import documents, findings
from sync.commands.exits import Code, no_such
from sync.commands.hub import Hub, of, print_json
from sync.commands.objects import Synced
from sync.settings import SYNCED

group = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Chosen = Annotated[
    str | None, typer.Option("--connection", metavar="NAME", help="Only this connection.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="mapping", help="Show the mappings, and check them.")


@group.command()
def show(
    context: typer.Context,
    object: Annotated[
        Synced | None, typer.Argument(metavar="[OBJECT]", help="Only this object.")
    ] = None,
    connection: Chosen = None,
    as_json: AsJson = False,
) -> None:
    """Show which native field each common field is, in each connection."""
    hub = of(context)
    found = {name: documents(hub.settings, hub.base, name) for name in _names(hub, connection)}
    objects = [str(object)] if object else list(SYNCED)
    if as_json:
        print_json(
            {
                name: {o: held[o].model_dump(mode="json") for o in objects if o in held}
                for name, held in found.items()
            }
        )
        return
    for name in objects:
        hub.show(_table(name, {c: held[name] for c, held in found.items() if name in held}))


@group.command()
def check(context: typer.Context, connection: Chosen = None, as_json: AsJson = False) -> None:
    """Hold every mapping against the account's fields, and write and read samples through it.

    Notes and warnings are worth knowing; errors make the command exit with 1.
    """
    hub = of(context)
    told: list[tuple[str, str, Finding]] = []
    for name in _names(hub, connection):
        held = documents(hub.settings, hub.base, name)
        for object, document in held.items():
            samples = round_trip(document, _context(hub, name))
            live = findings(hub.settings, hub.base, name, document, hub.engine)
            told += [(name, object, finding) for finding in (*live, *samples)]
    wrong = any(finding.severity is Severity.ERROR for _, _, finding in told)
    if as_json:
        print_json({"ok": not wrong, "findings": [_json(*item) for item in told]})
    elif not told:
        hub.show("Every mapping holds.")
    else:
        table = Table()
        for header in ("connection", "object", "", "field", "what and what to do"):
            table.add_column(header, overflow="fold")
        for name, object, finding in told:
            colour = _COLOURS[finding.severity]
            native = f" ↔ {finding.native}" if finding.native else ""
            table.add_row(
                name,
                object,
                f"[{colour}]{finding.severity}[/]",
                escape(f"{finding.field}{native}"),
                escape(f"{finding.message}. {finding.advice}"),
            )
        hub.show(table)
    if wrong:
        raise typer.Exit(Code.PROBLEMS)


def _names(hub: Hub, connection: str | None) -> list[str]:
    known = list(hub.settings.connections)
    if connection is not None and connection not in known:
        raise no_such("connection", repr(connection), f"there are {', '.join(known)}")
    return [connection] if connection else known


def _context(hub: Hub, connection: str) -> Context:
    return Context(
        region=hub.settings.region_of(connection),
        currency=hub.settings.hub.currency,
        time_zone=hub.settings.hub.time_zone,
    )


def _table(object: str, held: dict[str, Document]) -> Table:
    table = Table(title=OBJECTS[object].plural, title_justify="left")
    table.add_column("field")
    table.add_column("kind")
    for name, document in held.items():
        table.add_column(f"{name} {document.native}", overflow="fold")
    for field in OBJECTS[object].fields.values():
        cells = [_cell(document.fields.get(field.name)) for document in held.values()]
        table.add_row(field.name, "computed" if field.computed else str(field.kind), *cells)
    return table


def _cell(field: FieldMapping | None) -> str:
    if field is None:
        return "—"
    ways = {"in": " (read only)", "out": " (written only)"}
    return escape(field.native + ways.get(field.direction, ""))


def _json(connection: str, object: str, finding: Finding) -> dict[str, Any]:
    return {
        "connection": connection,
        "object": object,
        "severity": str(finding.severity),
        "field": finding.field,
        "native": finding.native,
        "message": finding.message,
        "advice": finding.advice,
    }
