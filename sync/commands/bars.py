"""Progress of a run on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichProgress

from mapping.schema import OBJECTS
from sync.commands.hub import Hub, errors
from sync.engine.report import Progress, Silent

_VERBS = {"look": "reading", "decide": "deciding", "do": "writing"}


class Bars:
    """A bar for each stage, object and connection, in the order in which they start."""

    def __init__(self, shown: RichProgress) -> None:
        self._shown = shown
        self._tasks: dict[tuple[str, str, str], TaskID] = {}

    def step(self, stage: str, object: str, connection: str, done: int, total: int | None) -> None:
        """See `sync.engine.report.Progress`."""
        key = (stage, object, connection)
        if key not in self._tasks:
            words = f"{_VERBS.get(stage, stage)} {OBJECTS[object].plural} {connection}".rstrip()
            self._tasks[key] = self._shown.add_task(words, total=total)
        self._shown.update(self._tasks[key], completed=done, total=total)


@contextmanager
def progress(hub: Hub) -> Iterator[Progress]:
    """Bars on stderr where it is a terminal; nothing elsewhere, and nothing when quiet."""
    if hub.quiet or not sys.stderr.isatty():
        yield Silent()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=errors(), transient=True) as shown:
        yield Bars(shown)
