"""A sandbox's own log of changes: what happened to which record, written by its database.

Triggers write it, so that nothing reaches a table past it, and what is rolled back leaves
no line.
"""

# ruff: noqa: S608 (tables and columns are the sandboxes' own; a trigger takes no bound values)

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KIND = """
CASE
    WHEN gone IS NULL THEN 'linked'
    WHEN was IS NULL THEN 'created'
    WHEN gone AND survivor IS NOT NULL THEN 'merged'
    WHEN gone AND NOT was THEN 'deleted'
    WHEN was AND NOT gone THEN 'restored'
    ELSE 'changed'
END
"""


class Changes:
    """The log of one account, in the database of its records.

    Args:
        db: the database.
        now: the account's clock.
    """

    def __init__(self, db: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self._db = db
        db.create_function("sandbox_ms", 0, lambda: (now() - _EPOCH) // timedelta(milliseconds=1))
        db.execute(
            "CREATE TABLE change_log (number INTEGER PRIMARY KEY, at INTEGER, object TEXT,"
            " id TEXT, was INTEGER, gone INTEGER, survivor TEXT)"
        )

    def watch(self, table: str, object: str, *, key: str, gone: str, survivor: str) -> None:
        """Log the rows of a table, which are inserted (or replaced) and updated.

        Args:
            object: SQL for the object's name; columns are named ``NEW.…`` here and below.
            key: the column of the id.
            gone: SQL for whether the row is deleted, over bare columns.
            survivor: the column of the record it was merged into.
        """
        same = f'"{key}" = NEW."{key}"'
        if object.startswith("NEW."):
            same += f" AND {object.removeprefix('NEW.')} = {object}"
        now = f'(SELECT {gone} FROM "{table}" WHERE {same})'
        line = f'sandbox_ms(), {object}, NEW."{key}"'
        # The row that an insert replaces is there before it, and only then.
        for when in ("BEFORE INSERT", "BEFORE UPDATE"):
            self._db.execute(
                f'CREATE TRIGGER "{table}_{when}" {when} ON "{table}" BEGIN INSERT INTO'
                f" change_log (at, object, id, was) VALUES ({line}, {now}); END"
            )
        last = "(SELECT max(number) FROM change_log)"
        for when in ("AFTER INSERT", "AFTER UPDATE"):
            self._db.execute(
                f'CREATE TRIGGER "{table}_{when}" {when} ON "{table}" BEGIN UPDATE change_log'
                f' SET gone = {now}, survivor = NEW."{survivor}" WHERE number = {last}; END'
            )

    def watch_links(self, table: str, object: str, key: str) -> None:
        """Log the rows of a table of associations, as changes of the records they go out from."""
        for when, row in (("INSERT", "NEW"), ("DELETE", "OLD")):
            self._db.execute(
                f'CREATE TRIGGER "{table}_{when}" AFTER {when} ON "{table}" BEGIN INSERT INTO'
                f' change_log (at, object, id) VALUES (sandbox_ms(), {row}."{object}",'
                f' {row}."{key}"); END'
            )

    @property
    def last(self) -> int:
        """The number of the last line, 0 before the first."""
        return int(self._db.execute("SELECT ifnull(max(number), 0) FROM change_log").fetchone()[0])

    def lines(self, since: int = 0) -> list[dict[str, Any]]:
        """The lines after number `since`, oldest first.

        Each has: ``number``, ``at``, ``object``, ``id``, ``kind`` (``created``, ``changed``,
        ``deleted``, ``merged``, ``restored``, ``linked``: an association of it came or went)
        and ``merged_into`` ('' unless it was merged away).
        """
        found = self._db.execute(
            f"SELECT number, at, object, id, {_KIND}, survivor FROM change_log"
            " WHERE number > ? ORDER BY number",
            (since,),
        )
        return [
            {
                "number": number,
                "at": (_EPOCH + timedelta(milliseconds=at)).isoformat(),
                "object": object,
                "id": str(id),
                "kind": kind,
                "merged_into": "" if survivor is None else str(survivor),
            }
            for number, at, object, id, kind, survivor in found.fetchall()
        ]
