"""`concord init`, `check` and `connect`: the settings file and the accounts it names."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from connectors.budget import Budget
from sync.accounts import Checked, check_all, connect_all
from sync.commands.exits import Code
from sync.commands.hub import Hub, of, print_json
from sync.commands.starter import STARTER
from sync.settings import SettingsError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(check)
    app.command()(connect)


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to put it; made if it is not there.")
    ] = Path("."),
) -> None:
    """Write a commented settings.yaml to start from.

    An existing one is left alone.
    """
    path = directory / "settings.yaml"
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(STARTER)
    except FileExistsError:
        raise SettingsError([f"{path} exists; it was left as it is"]) from None
    typer.echo(f"Wrote {path}. Fill in the connections, then run `concord check`.")


def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Check every connection and every mapping; nothing is changed anywhere.

    For each connection: credentials, account, currency, time zone, what is left of the account's
    calls of the day and of the hub's share of them; each mapping is held against the fields that
    the account has. Exits with 1 when something is wrong.
    """
    hub = of(context)
    checked = check_all(hub.settings, hub.base, hub.engine)
    _tell(hub, checked, as_json)


def connect(context: typer.Context, as_json: AsJson = False) -> None:
    """Check every connection and add what the hub needs in each account.

    That is one text field for each object (Concord_Id__c in Salesforce, concord_id in HubSpot,
    Concord_Id in Zoho), which makes a create that is sent twice one record. Without it the hub
    creates nothing in that account.
    """
    hub = of(context)
    with hub.session() as session:
        checked = connect_all(hub.settings, hub.base, session, datetime.now(UTC))
    _tell(hub, checked, as_json)


def _tell(hub: Hub, checked: list[Checked], as_json: bool) -> None:
    """Print what was found; exit with 1 if there are problems."""
    wrong = any(found.problems for found in checked)
    if as_json:
        print_json({"ok": not wrong, "connections": [_json(found) for found in checked]})
    else:
        hub.show(_table(checked))
        for found in checked:
            for field in found.added:
                hub.show(f"{found.connection}: added {field}")
            for line in found.advice:
                hub.show(f"{found.connection}: [yellow]note:[/] {escape(line)}")
            for problem in found.problems:
                hub.show(f"{found.connection}: [red]problem:[/] {escape(problem)}")
        if not wrong:
            hub.show("Everything is in order.")
    if wrong:
        raise typer.Exit(Code.PROBLEMS)


def _table(checked: list[Checked]) -> Table:
    table = Table()
    for name in (
        "connection",
        "vendor",
        "account",
        "currency",
        "time zone",
        "calls left",
        "ours",
        "ready",
    ):
        table.add_column(name)
    for found in checked:
        account = found.account
        quota = "" if account is None or account.quota_left is None else f"{account.quota_left:,}"
        if quota and account is not None and account.quota_limit:
            quota += f" of {account.quota_limit:,}"
        table.add_row(
            found.connection,
            found.vendor,
            f"{account.name} ({account.id})" if account else "[red]no answer[/]",
            account.currency if account else "",
            account.time_zone if account else "",
            quota,
            _ours(found.budget),
            ", ".join(found.provisioned) or "not connected",
        )
    return table


def _ours(budget: Budget | None) -> str:
    """What is left of the hub's own share of the day."""
    if budget is None or budget.cap is None:
        return ""
    return f"{budget.left or 0:,} of {budget.cap:,}"


def _json(found: Checked) -> dict[str, Any]:
    return {
        "connection": found.connection,
        "vendor": found.vendor,
        "account": dataclasses.asdict(found.account) if found.account else None,
        "budget": _budget(found.budget) if found.budget else None,
        "provisioned": found.provisioned,
        "added": found.added,
        "advice": found.advice,
        "problems": found.problems,
    }


def _budget(budget: Budget) -> dict[str, Any]:
    return {
        "unit": budget.usual.unit,
        "share": budget.cap,
        "spent": budget.spent,
        "left": budget.left,
    }
