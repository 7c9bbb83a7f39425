"""What a run did, counted as it goes; the body of `sync --json`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(slots=True)
class Tally:
    """Counts for one connection and object."""

    pulled: int = 0
    created: int = 0
    updated: int = 0
    archived: int = 0
    problems: int = 0
    calls: int = 0

    def as_json(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class ObjectTally:
    """Counts for one object over all connections."""

    linked: int = 0
    founded: int = 0
    merged: int = 0
    conflicts: int = 0
    disagreements: int = 0
    duplicates: int = 0
    asked: int = 0

    def as_json(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Report:
    """One run's outcome.

    `status`: done, problems, held, failed, stopped (asked to end), running.
    """

    run: int
    kind: str
    status: str = "running"
    seconds: float = 0.0
    connections: dict[str, dict[str, Tally]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Tally))
    )
    objects: dict[str, ObjectTally] = field(default_factory=lambda: defaultdict(ObjectTally))
    errors: dict[str, str] = field(default_factory=dict)
    """Connections that could not be worked on, and why."""
    held: str = ""
    """Why nothing was written, if the run is held."""
    released: dict[str, int] = field(default_factory=dict)
    """Problems that were tried again by themselves: why -> how many."""
    withheld: int = 0
    """Writes not made because somebody changed the record after it was read."""
    planned: list[dict[str, Any]] = field(default_factory=list)
    """The writes a dry run would have made."""
    refused: list[dict[str, Any]] = field(default_factory=list)
    """Planned writes that `apply` did not make: their records have changed since."""
    already: int = 0
    """Planned writes that `apply` found made."""

    undone: int = 0
    """The run that this one undid, 0 if it is no undo."""
    kept: list[dict[str, Any]] = field(default_factory=list)
    """What an undo left as it is: connection, object, entity, record, field ('' for the whole
    record), what the run wrote, what it holds, and why."""

    def tally(self, connection: str, object: str) -> Tally:
        """The counts of one connection and object."""
        return self.connections[connection][object]

    @property
    def writes(self) -> int:
        """Records created, updated and archived by this run."""
        return sum(
            t.created + t.updated + t.archived
            for objects in self.connections.values()
            for t in objects.values()
        )

    @property
    def problems(self) -> int:
        """Records and fields set aside by this run."""
        return sum(t.problems for objects in self.connections.values() for t in objects.values())

    @property
    def conflicts(self) -> int:
        """Fields that several records changed to different values since they last agreed."""
        return sum(tally.conflicts for tally in self.objects.values())

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        body: dict[str, Any] = {
            "run": self.run,
            "kind": self.kind,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "connections": {
                name: {object: tally.as_json() for object, tally in objects.items()}
                for name, objects in self.connections.items()
            },
            "objects": {name: tally.as_json() for name, tally in self.objects.items()},
            "conflicts": self.conflicts,
            "problems": self.problems,
            "writes": self.writes,
            "calls": sum(t.calls for o in self.connections.values() for t in o.values()),
            "errors": self.errors,
        }
        if self.held:
            body["held"] = self.held
        if self.released:
            body["released"] = self.released
        if self.withheld:
            body["withheld"] = self.withheld
        if self.undone:
            body["undone"] = self.undone
            body["kept"] = self.kept
        if self.planned:
            body["planned"] = self.planned
        if self.already:
            body["already"] = self.already
        if self.refused:
            body["refused"] = self.refused
        return body


class Progress(Protocol):
    """Told how far a run is; implemented by the terminal's progress bars."""

    def step(self, stage: str, object: str, connection: str, done: int, total: int | None) -> None:
        """`done` records of `total` (None if unknown) in this stage."""
        ...


class Silent:
    """Nobody is watching."""

    def step(self, stage: str, object: str, connection: str, done: int, total: int | None) -> None:
        """Say nothing."""
