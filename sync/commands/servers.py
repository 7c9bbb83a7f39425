"""`concord serve`, `sandbox` and `demo`: what runs for a while."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connectors.sandbox import fleet
from sync.commands.exits import Code
from sync.commands.hub import of, print_json
from sync.commands.runs import stopping
from sync.demo import Demo
from sync.schedule import Service, log_to_stderr
from sync.settings import SettingsError

Contacts = Annotated[
    int,
    typer.Option(
        "--contacts", min=0, metavar="N", help="Contacts each account has at least; 0: empty."
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="S", help="Decides which demo data it is.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(sandbox)
    app.command()(demo)


def serve(context: typer.Context) -> None:
    """Run the jobs of settings.yaml until stopped: reconcile, full runs, KPIs.

    The first run starts at once. Each run is one line on stderr. SIGTERM and Ctrl-C finish the
    batch in flight and end with exit code 0.
    """
    hub = of(context)
    service = Service(hub.engine, hub.settings, hub.base)
    try:
        service.scheduler()
    except ValueError as error:
        raise SettingsError([f"{hub.path}: schedule: {error}"]) from error
    log_to_stderr()
    with stopping(service.stop):
        service.serve()


def sandbox(
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65532,
            metavar="P",
            help="The control API's port; Salesforce, HubSpot and Zoho follow. 0: any free ports.",
        ),
    ] = 8700,
    seed: Seed = 7,
    contacts: Contacts = 400,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", metavar="FILE", help="Write who is who there, as JSON."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print addresses and credentials as one JSON line.")
    ] = False,
) -> None:
    """Start Salesforce, HubSpot and Zoho CRM on this machine, filled with demo data.

    They speak the vendors' real protocols, on loopback only, and forget everything when they
    end. The settings.yaml of the source tree connects to them as they start without options.
    """
    fleet.serve(port, seed, contacts, truth, as_json)


def demo(
    context: typer.Context,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end.")
    ] = False,
    contacts: Contacts = 400,
    seed: Seed = 7,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="DIR", help="Keep settings, store and exported files in this folder."
        ),
    ] = None,
) -> None:
    """Show the whole job on three sandboxes: three CRMs brought into agreement, and kept so.

    Starts the sandboxes, connects, runs twice, edits a contact in each CRM, makes a conflict,
    explains a contact and prints the KPIs. Needs no account and no settings, and leaves
    nothing behind. Exits with 1 when something was not as promised.
    """
    hub = of(context)
    outcome = Demo(hub, contacts=contacts, seed=seed, folder=keep, to_stderr=as_json).carry_out()
    if as_json:
        print_json(outcome)
    if outcome["broken"]:
        raise typer.Exit(Code.PROBLEMS)
