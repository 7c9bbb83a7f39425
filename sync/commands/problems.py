"""`concord problems`: what was set aside, why, and trying it again."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sync.commands.exits import no_such
from sync.commands.hub import of, print_json
from sync.engine.look.vanished import HIDDEN
from sync.model import Place
from sync.settings import SettingsError
from sync.store import problems as store
from sync.store import queues, replicas
from sync.store.database import Session

group = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")

Ids = Annotated[list[int], typer.Argument(metavar="ID…", help="Numbers of problems.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="problems")


@group.callback()
def problems(
    context: typer.Context,
    ignored: Annotated[
        bool, typer.Option("--ignored", help="Those that are ignored instead of the open ones.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List records that were set aside and writes that failed, with what to do about each.

    A problem is tried again by itself when its record, the record in its way, the mapping or
    the vendor's fields and options change, and closes when that goes well.
    """
    if context.invoked_subcommand is not None:
        return
    hub = of(context)
    with hub.looking() as session:
        found = store.load(session, *(("ignored",) if ignored else store.UNSOLVED))
    if as_json:
        print_json({"problems": found})
        return
    if not found:
        hub.show("No problems.")
        return
    table = Table()
    for name in ("id", "connection", "object", "record or entity", "cause", "what and what to do"):
        table.add_column(name, overflow="fold")
    for row in found:
        table.add_row(
            str(row["id"]),
            row["connection"],
            f"{row['stage']} {row['object']}" + (f".{row['field']}" if row["field"] else ""),
            row["record"] or row["entity"],
            row["cause"],
            _words(row),
        )
    hub.show(table)


@group.command()
def retry(context: typer.Context, ids: Ids) -> None:
    """Try these again in the next run.

    A failed write is planned again; a record that could not be read is read again.
    """
    hub = of(context)
    with hub.session() as session:
        for row in _chosen(session, ids):
            if row["entity"]:
                queues.touch(session, row["object"], [row["entity"]])
        store.set_status(session, ids, "retried")
        session.commit()
    hub.show(f"{len(ids)} will be tried again in the next run: `concord sync`.")


@group.command()
def ignore(context: typer.Context, ids: Ids) -> None:
    """Do not report these again while what failed is the same."""
    hub = of(context)
    with hub.session() as session:
        _chosen(session, ids)
        store.set_status(session, ids, "ignored")
        session.commit()
    hub.show(f"{len(ids)} will not be reported again; `concord problems --ignored` lists them.")


@group.command()
def gone(context: typer.Context, ids: Ids) -> None:
    """Say that the records of these problems were deleted for good.

    For records that their CRM does not show any more without saying that they were deleted. What
    a delete means for the others is decided in the next run, as the settings say.
    """
    hub = of(context)
    with hub.session() as session:
        rows = _chosen(session, ids)
        for row in rows:
            if row["cause"] != HIDDEN:
                raise SettingsError(
                    [f"problem {row['id']} is no record that is hidden or deleted: {row['cause']}"]
                )
            place = Place(row["connection"], row["record"])
            known = replicas.load(session, row["object"], [place])
            for replica in known.values():
                replica.deleted, replica.waiting = True, True
            replicas.save(session, row["object"], known.values())
        store.set_status(session, ids, "solved")
        session.commit()
    hub.show(f"{len(rows)} will be taken for deleted in the next run: `concord sync`.")


def _chosen(session: Session, ids: list[int]) -> list[dict[str, Any]]:
    """The problems with these numbers.

    Raises:
        sync.settings.SettingsError: one does not exist.
    """
    known = {row["id"]: row for row in store.load(session, *store.UNSOLVED, "ignored")}
    for id in ids:
        if id not in known:
            raise no_such("problem", id, "`concord problems` lists them")
    return [known[id] for id in dict.fromkeys(ids)]


def _words(row: dict[str, Any]) -> str:
    said = f"\nThe vendor says: {row['words']}" if row["words"] else ""
    again = "" if row["status"] in ("open", "ignored") else "\nIt is tried again in the next run."
    return escape(f"{row['message']}{said}\n{row['advice']}".strip() + again)
