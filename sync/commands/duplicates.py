"""`concord duplicates`: records of one account that look like one thing, and a person's word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from sync.commands import identity
from sync.commands.exits import no_such
from sync.commands.hub import of, print_json
from sync.commands.identity import AsJson, Why, deciding, told
from sync.commands.objects import Synced
from sync.commands.show import more, text
from sync.duplicates import Double, doubles
from sync.engine.decide.identity import Refused, keep_apart
from sync.settings import SettingsError
from sync.store.decisions import Verdict

group = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")

#: Pairs listed with what they hold; of more, the first so many.
SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="duplicates")


@group.callback()
def duplicates(context: typer.Context, as_json: AsJson = False) -> None:
    """List records of one account that share a matching key: probably the same thing twice.

    Of each pair the keys that both have are shown, and every field that one of them fills.

    The hub never merges records in a CRM. Merge them there, and it follows; or say
    `concord duplicates apart`, and they are listed no more.
    """
    if context.invoked_subcommand is not None:
        return
    hub = of(context)
    with hub.looking() as session:
        found = doubles(session)
    if as_json:
        print_json({"duplicates": [pair.as_json() for pair in found]})
        return
    if not found:
        hub.show("No duplicates.")
        return
    table = Table(caption=more(len(found) - SHOWN), caption_justify="left")
    for name in ("id", "connection", "object", "field", "the one", "the other"):
        table.add_column(name, overflow="fold")
    for pair in found[:SHOWN]:
        _rows(table, pair)
        table.add_section()
    hub.show(table)


def _rows(table: Table, pair: Double) -> None:
    head = [str(pair.id), pair.one.connection, pair.object]
    table.add_row(*head, "record", text(pair.one.record), text(pair.two.record), style="bold")
    for rule, keys in pair.keys.items():
        both = text("; ".join(keys))
        table.add_row("", "", "", f"key {rule}", both, both, style="green")
    if not pair.keys:
        table.add_row("", "", "", f"found by {pair.rule}", "", "", style="green")
    for name, (one, two) in pair.evidence.items():
        differs = "" if one == two else "yellow"
        table.add_row("", "", "", name, text(one), text(two), style=differs)


@group.command()
def apart(
    context: typer.Context,
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="The pairs' numbers.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All pairs that are listed, instead of some.")
    ] = False,
    object: Annotated[
        Synced | None, typer.Option("--object", help="With --all: only of this object.")
    ] = None,
    why: Why = "",
) -> None:
    """Keep the two records of a pair apart, for ever: they are not the same thing."""
    hub = of(context)
    if every == bool(ids):
        raise SettingsError(["name the pairs by their numbers, or all of them: --all"])
    if object and not every:
        raise SettingsError(["--object goes with --all"])
    with hub.looking() as session:
        listed = {pair.id: pair for pair in doubles(session)}
    for id in ids or ():
        if id not in listed:
            raise no_such("pair of duplicates", id, "`concord duplicates` lists them")
    chosen = [
        pair
        for pair in listed.values()
        if pair.id in (ids or ()) or (every and object in (None, pair.object))
    ]
    done, refused = [], []
    with deciding(hub) as session:
        for pair in chosen:
            word = Verdict(pair.one, pair.two, "apart", identity.who(), datetime.now(UTC), why)
            try:
                keep_apart(session, pair.object, word)
                done.append(pair)
            except Refused as error:
                refused.append(f"pair {pair.id}: {error}")
    if every:
        hub.show(f"Kept apart {len(done)} of {len(listed)} pairs.")
    else:
        for pair in done:
            hub.show(f"{told(pair.one)} and {told(pair.two)} are kept apart.")
    if refused:
        raise SettingsError(refused)
