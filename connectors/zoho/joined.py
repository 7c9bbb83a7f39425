"""Records read in parts, because Zoho gives 50 fields a call, joined without tearing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.base import Record
from connectors.zoho.values import editor, record, version

#: How often a record is read again that changed between the reads of its parts.
ROUNDS = 5

Row = Mapping[str, Any]

#: (object, ids, field names) -> the rows that are still there.
Read = Callable[[str, Sequence[str], Sequence[str]], Sequence[Row]]


def join(
    read: Read, object: str, fields: Sequence[str], chunks: Sequence[Sequence[str]], rows: list[Row]
) -> tuple[list[Record], list[str]]:
    """The records whose parts are of one version, and the ids of those that changed between the
    reads of their parts, however often they were read again. One deleted between two reads is
    left out; its deletion is reported.

    Args:
        fields: what the records are to hold.
        chunks: the names for one call each; the stamps are in each.
        rows: what the first chunk gave.
    """
    made: list[Record] = []
    torn: list[str] = []
    for _ in range(ROUNDS):
        others = [_by_id(read(object, _ids(rows), names)) for names in chunks[1:]]
        torn = []
        for row in rows:
            id = str(row["id"])
            rest = [part[id] for part in others if id in part]
            if len(rest) < len(others):
                continue
            if any(_version(part) != _version(row) for part in rest):
                torn.append(id)
                continue
            joined = {name: value for part in (*rest, row) for name, value in part.items()}
            made.append(record(object, id, joined, fields))
        if not torn:
            break
        rows = list(read(object, torn, chunks[0]))
    return made, torn


def _ids(rows: Sequence[Row]) -> list[str]:
    return [str(row["id"]) for row in rows]


def _by_id(rows: Sequence[Row]) -> dict[str, Row]:
    return {str(row["id"]): row for row in rows}


def _version(row: Row) -> str:
    return version(str(row["Modified_Time"]), editor(row.get("Modified_By")))
