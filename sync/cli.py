"""The command line: `concord`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sync.commands import (
    accounts,
    conflicts,
    duplicates,
    explain,
    identity,
    mappings,
    problems,
    reports,
    runs,
    servers,
    training,
    undo,
)
from sync.commands.exits import MEANING, advise
from sync.commands.hub import Hub, errors

_CODES = "\n\n".join(f"{code:d}  {words}" for code, words in MEANING.items())


class _Group(TyperGroup):
    """The commands; whatever one of them raises ends here as advice and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if hasattr(error, "exit_code") or isinstance(error, typer.Abort):
                raise  # the command line's own: wrong usage, or an exit that was meant
            hub = ctx.obj
            advice = advise(error)
            if isinstance(hub, Hub) and hub.debug:
                raise
            errors().print(advice.text, style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(advice.code) from None
        finally:
            if isinstance(ctx.obj, Hub):
                ctx.obj.close()


app = typer.Typer(
    name="concord",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes:\n\n{_CODES}",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"concord {version('concord-crm')}")
        raise typer.Exit


@app.callback()
def concord(
    context: typer.Context,
    settings: Annotated[
        Path,
        typer.Option(
            envvar="CONCORD_SETTINGS", metavar="PATH", help="The settings file to work with."
        ),
    ] = Path("settings.yaml"),
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only results and errors, nothing in between.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Keep the CRMs you already have in agreement.

    Concord reads contacts, companies, deals and tickets from Salesforce, HubSpot and Zoho CRM,
    holds one merged record for each real one, writes what was agreed back to each CRM, and
    computes KPIs over the merged records.

    Results go to stdout, everything else to stderr. With `--json` a command prints exactly one
    JSON object, on one line of stdout.
    """
    context.obj = Hub(path=settings, quiet=quiet, debug=debug)


for group in (
    accounts,
    runs,
    undo,
    problems,
    conflicts,
    identity,
    duplicates,
    explain,
    reports,
    mappings,
    servers,
    training,
):
    group.register(app)


def main() -> None:
    """The entry point of the `concord` command."""
    app()


if __name__ == "__main__":
    main()
