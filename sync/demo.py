"""`concord demo`: the whole job on three sandboxes, told to a newcomer.

The sandboxes run in a process of their own and are reached only by their URLs, as accounts of
real vendors are; what is measured (who is who, the request log) comes from their control API.
Time is not waited for: HubSpot's search index is seconds behind, so the demo moves the
sandboxes' clock forward instead.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import Engine

from connectors.sandbox.client import ControlClient
from connectors.sandbox.demo import Truth, read_truth
from mapping.document import Document
from mapping.schema import OBJECTS, FieldValue
from sync.accounts import connect_all, documents
from sync.commands import show
from sync.commands.bars import progress
from sync.commands.exits import Disappointed
from sync.commands.explain import show as show_explanation
from sync.commands.hub import Hub, errors, output, store_url
from sync.commands.starter import STARTER
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.explain import explain
from sync.kpis import record
from sync.kpis.show import table as kpi_table
from sync.quality import Quality, measure
from sync.settings import SYNCED, Settings, SettingsError, load
from sync.store import books, problems, tables
from sync.store.database import migrate, open_engine, session

#: Seconds the sandboxes' clock is moved before a run: more than HubSpot's index lags.
LAG = 15

#: Seconds the sandboxes may take to start.
START = 120

#: Runs an edit may take to arrive.
PATIENCE = 3

#: Least share of links that must be right.
PRECISION = 0.995


class DemoError(Disappointed):
    """The demo did not show what it promises; the text says what."""


@dataclass
class Demo:
    """One demonstration. `carry_out` does it and returns what was measured.

    Attributes:
        hub: for progress bars and quietness.
        folder: where settings and store are kept; a temporary folder when None.
        to_stderr: tell the story on stderr, because stdout is for JSON.
    """

    hub: Hub
    contacts: int = 400
    seed: int = 7
    folder: Path | None = None
    to_stderr: bool = False
    _console: Console = field(init=False)
    _settings: Settings = field(init=False)
    _engine: Engine = field(init=False)
    _base: Path = field(init=False)
    _control: ControlClient = field(init=False)
    _documents: dict[str, Document] = field(init=False)
    _broken: list[str] = field(default_factory=list)

    def carry_out(self) -> dict[str, Any]:
        """Everything, in order.

        Returns:
            The body of `demo --json`; `broken` lists what was not as promised.

        Raises:
            DemoError: the sandboxes did not start, or a step could not be shown.
            SettingsError: `folder` holds another demo.
        """
        self._console = errors() if self.to_stderr else output()
        with contextlib.ExitStack() as stack:
            self._base = self._prepare(stack)
            truth_file = self._base / "truth.json"
            self._head("Three CRM accounts on this machine")
            described = stack.enter_context(sandboxes(self.seed, self.contacts, truth_file))
            self._control = stack.enter_context(ControlClient(described["control"]))
            self._open(described)
            stack.callback(self._engine.dispose)
            return self._show(read_truth(truth_file))

    def _show(self, truth: Truth) -> dict[str, Any]:
        told: dict[str, Any] = {"counts": self._counts()}
        self._connect()
        self._head("The first run: read everything, find who is who, agree, write")
        told["first"] = self._first().as_json()
        quality = self._quality(truth)
        told["truth"] = {name: found.as_json() for name, found in quality.items()}
        self._head("The second run: nothing changed, so nothing is written")
        told["second"] = self._second()
        self._head("An edit in each CRM reaches the other two")
        subject, other = self._subjects()
        told["edits"] = self._edits(subject)
        self._head("A conflict: one field, two CRMs, two values")
        told["conflict"] = self._conflict(other)
        self._head("Why is it so? `concord explain` for the contact that was edited")
        told["explain"] = self._explain(subject)
        self._head("KPIs: each deal once, however many CRMs hold it")
        told["kpis"] = self._kpis()
        self._close()
        told["broken"] = self._broken
        return told

    # -- beginning and end

    def _prepare(self, stack: contextlib.ExitStack) -> Path:
        if self.folder is None:
            made = tempfile.TemporaryDirectory(prefix="concord-demo-")
            return Path(stack.enter_context(made))
        self.folder.mkdir(parents=True, exist_ok=True)
        if any(self.folder.glob("concord.db*")):
            raise SettingsError(
                [f"{self.folder} holds a store already; choose an empty folder or remove it"]
            )
        return self.folder.resolve()

    def _open(self, described: Mapping[str, Any]) -> None:
        path = self._base / "settings.yaml"
        path.write_text(demo_settings(described), encoding="utf-8")
        self._settings = load(path)
        self._engine = open_engine(store_url(self._settings, self._base))
        migrate(self._engine)
        self._documents = {
            name: documents(self._settings, self._base, name)["contact"]
            for name in self._settings.connections
        }

    def _close(self) -> None:
        self._console.print()
        for promise in self._broken:
            self._console.print(f"[red]Not as promised:[/] {promise}")
        if self.folder is not None:
            self._console.print(f"Kept in {self._base}: settings.yaml, concord.db, truth.json")
        self._console.print(
            "Next: README.md tells how to connect a real account; `concord --help` lists the "
            "commands.",
            highlight=False,
        )

    # -- the steps

    def _counts(self) -> dict[str, dict[str, int]]:
        """vendor -> object -> live records, before anything is synchronised."""
        found: dict[str, dict[str, int]] = {}
        table = Table()
        table.add_column("account")
        for name in SYNCED:
            table.add_column(OBJECTS[name].plural, justify="right")
        for connection in self._settings.connections:
            held = documents(self._settings, self._base, connection)
            found[connection] = {
                name: sum(
                    not row["deleted"] for row in self._control.state(connection, held[name].native)
                )
                for name in SYNCED
            }
            table.add_row(connection, *(f"{found[connection][name]:,}" for name in SYNCED))
        self._console.print(table)
        self._say("The same customers, spelled differently, out of date, incomplete, some twice.")
        return found

    def _connect(self) -> None:
        with session(self._engine) as opened:
            found = connect_all(self._settings, self._base, opened, datetime.now(UTC))
        for checked in found:
            if checked.problems:
                raise DemoError(f"{checked.connection}: {'; '.join(checked.problems)}")
            self._say(f"{checked.connection}: connected, added {', '.join(checked.added)}")

    def _run(self) -> Report:
        """One run, after the sandboxes' clock was moved past every lag."""
        self._control.advance(LAG)
        with progress(self.hub) as shown:
            return run(self._engine, self._settings, self._base, Options(progress=shown))

    def _first(self) -> Report:
        report = self._run()
        show.report(self._console.print, report)
        with session(self._engine) as opened:
            found = Counter(
                (row["connection"], row["object"], row["cause"], row["advice"])
                for row in problems.load(opened)
            )
        for (connection, object, cause, advice), number in sorted(found.items()):
            self._say(f"  {connection}: {number} {OBJECTS[object].plural}, {cause}. {advice}")
        return report

    def _quality(self, truth: Truth) -> dict[str, Quality]:
        with session(self._engine) as opened:
            found = {name: measure(opened, name, truth[name]) for name in SYNCED}
        table = Table(title="Links against who is who", title_justify="left")
        for name in ("object", "precision", "recall", "across accounts"):
            table.add_column(name, justify="left" if name == "object" else "right")
        for name, quality in found.items():
            figures = (quality.precision, quality.recall, quality.recall_across)
            table.add_row(OBJECTS[name].plural, *(f"{figure:.4f}" for figure in figures))
        self._console.print(table)
        self._broken += [
            f"{OBJECTS[name].plural}: {1 - quality.precision:.2%} of the links are wrong"
            for name, quality in found.items()
            if quality.precision < PRECISION
        ]
        return found

    def _second(self) -> dict[str, Any]:
        before = {name: len(self._control.log(name)) for name in self._settings.connections}
        report = self._run()
        calls = sum(self._control.writes(name, since) for name, since in before.items())
        self._say(
            f"Run {report.run}: {show.styled(report.status)} in {report.seconds:.1f} s. "
            f"The accounts' own logs show [bold]{calls}[/] write calls."
        )
        if calls:
            self._broken.append(f"the second run made {calls} write calls")
        return {**report.as_json(), "write_calls": calls}

    def _subjects(self) -> tuple[str, str]:
        """Two contacts that all three accounts held from the start."""
        column = tables.link.c
        query = (
            sa.select(column.entity)
            .where(column.object == "contact", column.rule != "created")
            .group_by(column.entity)
            .having(sa.func.count() == len(self._settings.connections))
            .order_by(column.entity)
            .limit(2)
        )
        with session(self._engine) as opened:
            found = [row[0] for row in opened.rows(query)]
        if len(found) < 2:
            raise DemoError("too few contacts are known to all three accounts; use more contacts")
        return found[0], found[1]

    def _edits(self, entity: str) -> dict[str, dict[str, Any]]:
        """For each vendor: seconds until the others had an edit made there, and who had it."""
        table = Table()
        for name in ("edited in", "job title set to", "reached", "seconds"):
            table.add_column(name, justify="right" if name == "seconds" else "left")
        told: dict[str, dict[str, Any]] = {}
        for place, vendor in enumerate(self._settings.connections, start=1):
            value = f"Director of Operations {place}"
            self._edit(vendor, entity, "job_title", value)
            started = time.monotonic()
            others = [name for name in self._settings.connections if name != vendor]
            reached: list[str] = []
            for _ in range(PATIENCE):
                self._run()
                reached = [n for n in others if self._held(n, entity, "job_title") == value]
                if reached == others:
                    break
            else:
                self._broken.append(f"the edit in {vendor} did not reach everybody")
            seconds = round(time.monotonic() - started, 3)
            told[vendor] = {"seconds": seconds, "others": reached, "reached": reached == others}
            table.add_row(vendor, value, ", ".join(reached) or "[red]nobody[/]", f"{seconds:.1f}")
        self._console.print(table)
        return told

    def _conflict(self, entity: str) -> dict[str, Any]:
        """The same field changed in two CRMs between two runs."""
        first, second, *_ = self._settings.connections
        self._edit(first, entity, "job_title", "Head of Sales")
        self._control.advance(60)
        self._edit(second, entity, "job_title", "Chief Revenue Officer")
        report = self._run()
        with session(self._engine) as opened:
            found = [
                row
                for row in books.conflicts(opened, run=report.run)
                if row["entity"] == entity and row["field"] == "job_title"
            ]
        if not found:
            raise DemoError("the conflict was not noticed")
        row = found[0]
        now = {n: self._held(n, entity, "job_title") for n in self._settings.connections}
        for connection, _, value in row["candidates"]:
            self._say(f"{connection} says [bold]{value}[/]")
        self._say(
            f"Decided by [bold]{row['rule']}[/]: {row['resolution']}. Now all hold: "
            + ", ".join(f"{name} {value}" for name, value in now.items())
        )
        return {
            "object": "contact",
            "entity": entity,
            "field": row["field"],
            "before": row["agreed"],
            "candidates": row["candidates"],
            "rule": row["rule"],
            "outcome": row["resolution"],
            "status": row["status"],
            "now": now,
        }

    def _explain(self, entity: str) -> dict[str, Any]:
        with session(self._engine) as opened:
            found = explain(opened, "contact", entity)
        show_explanation(self._console.print, found)
        return found.as_json()

    def _kpis(self) -> list[dict[str, object]]:
        found = record.record(self._engine, self._settings, datetime.now(UTC))
        record.snapshot(self._engine, self._settings, datetime.now(UTC))
        self._console.print(kpi_table(found))
        return [record.as_json(kpi) for kpi in found]

    # -- single records in the accounts

    def _record_id(self, connection: str, entity: str) -> str:
        column = tables.link.c
        query = sa.select(column.record).where(
            column.object == "contact", column.entity == entity, column.connection == connection
        )
        with session(self._engine) as opened:
            return str(opened.rows(query)[0][0])

    def _edit(self, connection: str, entity: str, name: str, value: str) -> None:
        """Change a field as a person does in that CRM's own screens."""
        document = self._documents[connection]
        id = self._record_id(connection, entity)
        self._control.edit(connection, document.native, id, {document.fields[name].native: value})

    def _held(self, connection: str, entity: str, name: str) -> FieldValue:
        """What the account really holds."""
        document, id = self._documents[connection], self._record_id(connection, entity)
        rows = self._control.state(connection, document.native)
        found: FieldValue = next(
            (row[document.fields[name].native] for row in rows if row["id"] == id), None
        )
        return found

    # -- talking

    def _head(self, text: str) -> None:
        self._console.print()
        self._console.rule(f"[bold]{text}[/]", align="left")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)


def demo_settings(described: Mapping[str, Any]) -> str:
    """The shipped settings with the connections pointed to running sandboxes."""
    body = yaml.safe_load(STARTER)
    for name, connection in body["connections"].items():
        connection["url"] = described[name]["url"]
        connection["auth"] = described[name]["auth"]
        connection["options"] = {**connection.get("options", {}), "deletes_every": "0"}
    body["hub"]["store"] = "sqlite:///concord.db"
    text: str = yaml.safe_dump(body, sort_keys=False, allow_unicode=True)
    return text


@contextlib.contextmanager
def sandboxes(seed: int, contacts: int, truth: Path) -> Iterator[dict[str, Any]]:
    """Three sandboxes in a process of their own; what `connectors.sandbox --json` prints.

    Raises:
        DemoError: they do not start.
    """
    command = [sys.executable, "-m", "connectors.sandbox", "--port", "0", "--json"]
    command += ["--seed", str(seed), "--contacts", str(contacts), "--truth", str(truth)]
    with _ending_on_sigterm():
        process = subprocess.Popen(  # noqa: S603 (our own command, and no shell)
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                _, words = process.communicate(timeout=START)
                raise DemoError(f"the sandboxes did not start: {words.strip()[-2000:]}")
            yield json.loads(line)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=10)
            if process.poll() is None:
                process.kill()
                process.communicate()


@contextlib.contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that the sandboxes are not left behind."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not in the main thread: whoever is, takes care
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
