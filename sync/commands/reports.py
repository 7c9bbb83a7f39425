"""`concord kpis` and `concord export`: what reporting consumers read."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sync.commands.hub import of, print_json
from sync.commands.objects import Synced
from sync.kpis import record
from sync.kpis.show import table
from sync.publish import export as publish

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class Format(StrEnum):
    """Formats of exported files."""

    CSV = "csv"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(kpis)
    app.command()(export)


def kpis(
    context: typer.Context,
    by_source: Annotated[
        bool, typer.Option("--by-source", help="Also for the rows each connection holds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute the KPIs over the merged records, keep them, and print them.

    A deal that lives in several CRMs counts once. Values are printed with target and trend;
    docs/kpis.md defines each of them.
    """
    hub = of(context)
    found = record.record(hub.engine, hub.settings, datetime.now(UTC), by_source=by_source)
    if as_json:
        print_json({"kpis": [record.as_json(kpi) for kpi in found]})
    else:
        hub.show(table(found))


def export(
    context: typer.Context,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files; made if needed.")],
    format: Annotated[Format, typer.Option(help="Of the files.")] = Format.CSV,
    object: Annotated[
        list[Synced] | None,
        typer.Option("--object", help="Only this object; may be given several times."),
    ] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin CSV files with a byte order mark, for Excel.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the merged records to files: companies, contacts, deals and tickets.

    In CSV files a text that a spreadsheet would run as a formula gets a ' in front.
    """
    hub = of(context)
    chosen = [str(name) for name in object] if object else None
    found = publish(hub.engine, format.value, to, chosen, bom=bom)
    if as_json:
        files = [{"name": f.name, "path": str(f.path), "rows": f.rows} for f in found]
        print_json({"files": files})
        return
    for file in found:
        hub.show(f"{file.path}: {file.rows:,} {file.name}")
