"""`concord sync`, `plan`, `apply`, `runs`, `approve`, `discard`: runs and what became of them."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from mapping.schema import OBJECTS
from sync.accounts import unprepared
from sync.commands import show
from sync.commands.bars import progress
from sync.commands.exits import OF_STATUS, Code, no_such, readable
from sync.commands.hub import Hub, of, print_json
from sync.commands.objects import Synced
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.model import Queued
from sync.settings import SettingsError
from sync.store import books, doubts, queues

#: The version of plan files.
PLAN_FORMAT = 1

Objects = Annotated[
    list[Synced] | None,
    typer.Option("--object", help="Only this object; may be given several times."),
]
Connections = Annotated[
    list[str] | None,
    typer.Option(
        "--connection", metavar="NAME", help="Only this connection; may be given several times."
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Re-read everything instead of what changed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
RunId = Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sync)
    app.command()(plan)
    app.command()(apply)
    app.command()(runs)
    app.command()(approve)
    app.command()(discard)


def sync(
    context: typer.Context,
    object: Objects = None,
    connection: Connections = None,
    full: Full = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing anywhere; say what would be written.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the CRMs into agreement: look, decide, do.

    A run that is interrupted (Ctrl-C, SIGTERM) finishes the batches in flight; the next run
    goes on where it stopped.
    """
    hub = of(context)
    report = carry_out(hub, _options(hub, object, connection, full, dry_run))
    _tell(hub, report, as_json)


def plan(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write the plan.")
    ],
    object: Objects = None,
    connection: Connections = None,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Write the plan of a run to a file and change nothing.

    The file is JSON: each write with its connection, record, and the fields before and after.
    `concord apply` carries out exactly that.
    """
    hub = of(context)
    report = carry_out(hub, _options(hub, object, connection, full, dry=True))
    body = {
        "format": PLAN_FORMAT,
        "concord": version("concord-crm"),
        "made_at": datetime.now(UTC).isoformat(),
        "writes": report.planned,
    }
    output.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    _tell(
        hub,
        report,
        as_json,
        listed=False,
        last=f"Wrote {len(report.planned)} planned writes to {output}.",
    )


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A plan that `plan` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Carry out exactly the writes of a plan file.

    A write whose record has changed since the plan was made is refused and listed. Applying a
    plan again writes nothing.
    """
    hub = of(context)
    report = carry_out(hub, Options(only=read_plan(file)))
    _tell(hub, report, as_json)


def runs(
    context: typer.Context,
    run: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="One run, with its counts.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="How many runs to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest runs, or show one of them.

    A held run is shown with the writes that wait for approval.
    """
    hub = of(context)
    with hub.looking() as session:
        if run is None:
            found = books.runs(session, last)
            if as_json:
                print_json({"runs": [_run_json(row) for row in found]})
            else:
                hub.show(show.runs(found))
            return
        row = _row(books.runs(session, run=run), run)
        held = [q.write.as_json() for q in queues.outbox(session, status=("held",), run=run)]
    if as_json:
        print_json({**_run_json(row), "held_writes": held})
        return
    hub.show(show.runs([row]))
    if row["report"].get("connections"):
        hub.show(show.counts(row["report"]))
    if row["report"].get("undone"):
        hub.show(f"Put back what run {row['report']['undone']} wrote.")
        show.kept(hub.show, row["report"]["kept"])
    if row["report"].get("held"):
        hub.show(f"Held: {row['report']['held']}")
    if held:
        hub.show(show.writes(held))


def approve(context: typer.Context, run: RunId) -> None:
    """Release the writes of a held run; the next run sends them.

    Where a run was held because an account lists almost nothing, this says that the records
    that are missing were deleted.
    """
    hub = of(context)
    with hub.session() as session:
        held = _held(session, run)
        queues.set_status(session, [queued.id for queued in held], "pending")
        believed = doubts.open_since(session, run)
        doubts.approve(session, believed)
        books.set_run_status(session, run, "approved")
        session.commit()
    for doubt in believed:
        hub.show(
            f"{doubt.missing:,} {OBJECTS[doubt.object].plural} that {doubt.connection} does not "
            "list are taken for deleted."
        )
    hub.show(
        f"Approved {len(held)} writes of run {run}. The next run sends them: `concord sync`, or "
        "`concord serve` by itself."
    )


def discard(context: typer.Context, run: RunId) -> None:
    """Drop the writes of a held run.

    Their entities are decided afresh in the next run, with the settings of then. Where the run
    was held because an account lists almost nothing, the next ones are held as well, until the
    records are listed again.
    """
    hub = of(context)
    with hub.session() as session:
        held = _held(session, run)
        doubted = doubts.open_since(session, run)
        for queued in held:
            queues.touch(session, queued.write.object, [queued.write.entity])
        queues.remove(session, [queued.id for queued in held])
        books.set_run_status(session, run, "discarded")
        session.commit()
    hub.show(f"Dropped {len(held)} writes of run {run}.")
    for doubt in doubted:
        hub.show(
            f"{doubt.missing:,} {OBJECTS[doubt.object].plural} that {doubt.connection} does not "
            "list are not taken for deleted: nothing is written anywhere until they are listed "
            "again."
        )


def carry_out(hub: Hub, options: Options) -> Report:
    """One run, with progress bars, that SIGINT and SIGTERM end after the batch in flight.

    Raises: as `sync.engine.run.run`.
    """
    with stopping(options.stop), progress(hub) as options.progress:
        report = run(hub.engine, hub.settings, hub.base, options)
    with hub.session() as session:
        for name, objects in unprepared(session, hub.settings).items():
            hub.say(
                f"{name}: no {', '.join(objects)} is created there before `concord connect` has "
                "added the field for the hub's own id"
            )
    return report


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop`; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    chosen = (signal.SIGINT, signal.SIGTERM)
    before: dict[int, Any] = {number: signal.getsignal(number) for number in chosen}

    def end(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[number] or signal.SIG_DFL)

    for wanted in chosen:
        signal.signal(wanted, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_plan(file: Path) -> list[dict[str, Any]]:
    """The writes of a plan file.

    Raises:
        SettingsError: it is none.
    """
    try:
        body = json.loads(readable(file))
        writes = body["writes"]
        if body["format"] != PLAN_FORMAT or not all(isinstance(w, dict) for w in writes):
            raise ValueError("another format")
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            [f"{file} is no plan of this version ({error}); make one with `concord plan -o FILE`"]
        ) from error
    return list(writes)


def _options(
    hub: Hub,
    objects: Sequence[Synced] | None,
    connections: Sequence[str] | None,
    full: bool,
    dry: bool,
) -> Options:
    known = hub.settings.connections
    for name in connections or ():
        if name not in known:
            raise no_such("connection", repr(name), f"there are {', '.join(known)}")
    return Options(
        objects=tuple(str(object) for object in objects or ()),
        connections=tuple(connections or ()),
        full=full,
        dry=dry,
    )


def _tell(hub: Hub, report: Report, as_json: bool, *, listed: bool = True, last: str = "") -> None:
    """Print a run's report and exit by its status."""
    if as_json:
        print_json(report.as_json())
    elif not hub.quiet:
        show.report(hub.show, report, listed=listed)
        if last:
            hub.show(last)
    if code := OF_STATUS.get(report.status, Code.FAILED):
        raise typer.Exit(code)


def _row(found: list[dict[str, Any]], run: int) -> dict[str, Any]:
    if not found:
        raise no_such("run", run, "`concord runs` lists them")
    return found[0]


def _held(session: Any, run: int) -> list[Queued]:
    row = _row(books.runs(session, run=run), run)
    if row["status"] != "held":
        raise SettingsError([f"run {run} is not held: it is {row['status']}"])
    return queues.outbox(session, status=("held",), run=run)


def _run_json(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": row["id"],
        "kind": row["kind"],
        "status": row["status"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "report": row["report"],
    }
