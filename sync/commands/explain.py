"""`concord explain`: why an entity is as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sync.commands.exits import no_such
from sync.commands.hub import of, print_json
from sync.commands.objects import Known
from sync.commands.show import text
from sync.explain import Explanation, Reason, find
from sync.explain import explain as look_up
from sync.settings import SettingsError
from sync.store import books

#: Writes listed under the fields.
SHOWN_WRITES = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    context: typer.Context,
    object: Annotated[Known, typer.Argument(metavar="OBJECT", help="contact, company, …")],
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="ID|EMAIL", help="An entity's or a record's id, an e-mail address, or a name."
        ),
    ],
    run: Annotated[
        int | None, typer.Option(metavar="RUN", help="As it was after this run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell for every field from which CRM its value came, when, by which rule, against what.

    With `--run` the entity is shown as it was after an earlier run, rebuilt from the journal.
    """
    hub = of(context)
    with hub.looking() as session:
        found = find(session, object, wanted)
        if not found:
            raise no_such(object, repr(wanted), "give an id, an e-mail address or an exact name")
        if len(found) > 1:
            raise SettingsError(
                [f"{len(found)} entities are called {wanted!r}; name one: {', '.join(found[:20])}"]
            )
        if run is not None and not books.runs(session, run=run):
            raise no_such("run", run, "`concord runs` lists them")
        try:
            explanation = look_up(session, object, found[0], run or 0)
        except LookupError:
            raise no_such(object, repr(wanted), f"after run {run}; it came later") from None
    if as_json:
        print_json(explanation.as_json())
        return
    show(hub.show, explanation)


def show(out: Callable[..., None], explanation: Explanation) -> None:
    """An explanation for people."""
    state = " [yellow](archived)[/]" if explanation.archived else ""
    if explanation.as_of:
        state += f" as it was after run {explanation.as_of}"
    out(f"[bold]{escape(explanation.name)}[/] · {explanation.object} {explanation.entity}{state}")
    for link in explanation.links:
        out(f"  {link['connection']} {link['record']}: linked by {link['rule']}, run {link['run']}")
    for said in explanation.decisions:
        word = "the same as" if said["verdict"] == "same" else "kept apart from"
        why = f": {said['note']}" if said["note"] else ""
        out(
            escape(
                f"  {said['connection']} {said['record']}: {word} {said['other_connection']} "
                f"{said['other_record']}, says {said['who']}, {said['at'][:10]}{why}"
            )
        )
    out(_fields(explanation))
    for write in explanation.writes[:SHOWN_WRITES]:
        fields = ", ".join(write["fields"]) or "—"
        out(
            f"  {write['at']} run {write['run']}: {write['kind']} in {write['connection']} "
            f"{write['record']}: {fields}"
        )
    if len(explanation.writes) > SHOWN_WRITES:
        out(f"  … and {len(explanation.writes) - SHOWN_WRITES} earlier writes")


def _fields(explanation: Explanation) -> Table:
    table = Table()
    for name in ("field", "value", "from", "changed (UTC)", "rule", "against"):
        table.add_column(name, overflow="fold")
    for name, reason in explanation.fields.items():
        if reason.value is None and not reason.rule:
            continue
        table.add_row(
            name,
            text(reason.shown),
            reason.connection,
            reason.at[:19].replace("T", " "),
            "[yellow]waits for a person[/]" if reason.waits else escape(reason.rule),
            _against(reason),
        )
    return table


def _against(reason: Reason) -> str:
    held: dict[str, list[Any]] = {}
    for connection, value in reason.against_shown:
        held.setdefault(connection, []).append(value)
    return "\n".join(
        f"{connection}: {', '.join(text(value) for value in values)}"
        for connection, values in held.items()
    )
