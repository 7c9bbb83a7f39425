"""`concord undo`: put back what a run wrote."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from sync.commands import show
from sync.commands.bars import progress
from sync.commands.exits import OF_STATUS, Code, no_such
from sync.commands.hub import Hub, of, print_json
from sync.commands.runs import RunId, stopping
from sync.engine.report import Report
from sync.engine.run import Options
from sync.engine.undo import undo as put_back
from sync.settings import SettingsError
from sync.store import books


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(undo)


def undo(
    context: typer.Context,
    run: RunId,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing anywhere; say what would be written.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put back what a run wrote, in all CRMs.

    What somebody changed since is left and listed. Records that the run created are archived,
    records that it archived are made again. A field on which the CRMs then disagree waits for a
    person in `concord conflicts`. An undo is a run, and can be undone like any other.
    """
    hub = of(context)
    with hub.looking() as session:
        found = books.runs(session, run=run)
    if not found:
        raise no_such("run", run, "`concord runs` lists them")
    if found[0]["status"] == "held":
        raise SettingsError([f"run {run} is held and wrote nothing: `concord discard {run}`"])
    options = Options(dry=dry_run)
    if not (dry_run or yes) and _at_a_terminal():
        planned = _carry_out(hub, run, replace(options, dry=True))
        show.report(hub.say, planned)
        show.kept(hub.say, planned.kept)
        if planned.planned and not typer.confirm("Write this?", err=True):
            raise typer.Exit(Code.DONE)
    report = _carry_out(hub, run, options)
    if as_json:
        print_json(report.as_json())
    elif not hub.quiet:
        show.report(hub.show, report)
        show.kept(hub.show, report.kept)
        if not report.writes and not report.planned:
            hub.show(f"There is nothing left to undo of run {run}.")
    if code := OF_STATUS.get(report.status, Code.FAILED):
        raise typer.Exit(code)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _carry_out(hub: Hub, run: int, options: Options) -> Report:
    with stopping(options.stop), progress(hub) as options.progress:
        return put_back(hub.engine, hub.settings, hub.base, run, options)
