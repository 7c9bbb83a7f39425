"""Runs, counts and writes as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from mapping.schema import OBJECTS
from sync.engine.report import Report

#: Writes listed one by one; of longer plans, the first so many.
SHOWN_WRITES = 20

_STATUS = {
    "done": "green",
    "problems": "yellow",
    "stopped": "yellow",
    "held": "magenta",
    "failed": "red",
    "interrupted": "red",
}
_COUNTS = ("pulled", "created", "updated", "archived", "problems", "calls")


def styled(status: str) -> str:
    """A run's status in its colour."""
    colour = _STATUS.get(status)
    return f"[{colour}]{status}[/]" if colour else status


def report(show: Callable[..., None], report: Report, *, listed: bool = True) -> None:
    """A run's report: counts, what was decided, and what went wrong. `listed`: planned writes
    one by one."""
    body = report.as_json()
    show(
        f"Run {report.run} ({report.kind}): {styled(report.status)} in {report.seconds:.1f} s, "
        f"{body['calls']:,} calls"
    )
    if report.connections:
        show(counts(body))
    for name, told in body["objects"].items():
        line = _decided(name, told)
        if line:
            show(line)
    for connection, error in report.errors.items():
        show(f"[red]{connection}[/]: {escape(error)}")
    if report.problems:
        show(f"{report.problems:,} problems: `concord problems` lists them.")
    for why, number in report.released.items():
        show(f"{number:,} problems were released, {why}: tried again in this run.")
    if report.withheld:
        show(
            f"{report.withheld:,} writes were withheld: somebody changed the records after they "
            "were read. The next run decides with what they hold now."
        )
    if report.conflicts:
        show(f"{report.conflicts:,} conflicts: `concord conflicts` shows how they were decided.")
    if report.held:
        show(f"[magenta]Held:[/] {escape(report.held)}")
    if report.planned and listed:
        show(f"{len(report.planned):,} writes would be made:")
        show(writes(report.planned))
    if report.already:
        show(f"{report.already:,} planned writes had been made already.")
    if report.refused:
        show(f"{len(report.refused):,} planned writes were refused: their records have changed.")
        show(writes(report.refused))


def counts(body: Mapping[str, Any]) -> Table:
    """The counts of a report by connection and object."""
    table = Table()
    table.add_column("connection")
    table.add_column("object")
    for name in _COUNTS:
        table.add_column(name, justify="right")
    for connection, objects in body["connections"].items():
        for place, (object, tally) in enumerate(objects.items()):
            cells = [f"{tally[name]:,}" if tally[name] else "·" for name in _COUNTS]
            table.add_row("" if place else connection, OBJECTS[object].plural, *cells)
        table.add_section()
    return table


def _decided(object: str, told: Mapping[str, int]) -> str:
    words = {
        "linked": "linked to what another CRM holds",
        "founded": "new",
        "merged": "merged rows changed",
        "disagreements": "first-link disagreements",
        "conflicts": "conflicts",
        "duplicates": "duplicates within one account",
        "asked": "pairs to review",
    }
    parts = [f"{told[name]:,} {text}" for name, text in words.items() if told.get(name)]
    return f"{OBJECTS[object].plural}: {', '.join(parts)}" if parts else ""


def runs(found: Iterable[Mapping[str, Any]]) -> Table:
    """One line a run."""
    table = Table()
    for name in ("run", "kind", "status", "started (UTC)", "seconds"):
        table.add_column(name)
    for name in ("writes", "problems", "conflicts", "calls"):
        table.add_column(name, justify="right")
    for row in found:
        body = row["report"]
        numbers = [f"{body.get(name, 0):,}" for name in ("writes", "problems", "conflicts")]
        table.add_row(
            str(row["id"]),
            row["kind"],
            styled(row["status"]),
            f"{row['started_at']:%Y-%m-%d %H:%M:%S}",
            f"{body['seconds']:.1f}" if "seconds" in body else "",
            *numbers,
            f"{body.get('calls', 0):,}",
        )
    return table


def writes(planned: Sequence[Mapping[str, Any]]) -> Table:
    """Planned writes with before and after of each field, the first of many."""
    table = Table(caption=more(len(planned) - SHOWN_WRITES), caption_justify="left")
    for name in ("connection", "write", "record or entity", "field", "before", "after"):
        table.add_column(name, overflow="fold")
    for write in planned[:SHOWN_WRITES]:
        head = [
            write["connection"],
            f"{write['kind']} {write['object']}",
            write["record"] or write["entity"],
        ]
        for place, (name, value) in enumerate(sorted(write["fields"].items())):
            before = write["before"].get(name)
            table.add_row(*(head if not place else ["", "", ""]), name, text(before), text(value))
        if not write["fields"]:
            table.add_row(*head, "", "", "")
    return table


def kept(show: Callable[..., None], items: Sequence[Mapping[str, Any]]) -> None:
    """What an undo left as it is, the first of many; nothing if there is nothing."""
    if not items:
        return
    show(f"{len(items):,} were left as they are:")
    table = Table(caption=more(len(items) - SHOWN_WRITES), caption_justify="left")
    for name in ("connection", "record", "field", "the run wrote", "it holds", "why"):
        table.add_column(name, overflow="fold")
    for item in items[:SHOWN_WRITES]:
        table.add_row(
            item["connection"],
            f"{item['object']} {item['record']}",
            item["field"] or "(all)",
            text(item["wrote"]),
            text(item["holds"]),
            item["why"],
        )
    show(table)


def more(number: int) -> str | None:
    """The caption of a table that leaves out so many rows, None if it has all."""
    return f"… and {number:,} more" if number > 0 else None


def text(value: Any) -> str:
    """A field's value for a table."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return escape(", ".join(map(str, value))) or "—"
    return escape(str(value))
