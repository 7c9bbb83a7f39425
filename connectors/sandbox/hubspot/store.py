"""The sandbox's tables: records, unique keys, history, associations, and the search index.

The search index is a second copy of the records that trails behind by `lag` seconds: every
change is queued with its instant, and the queue is applied before each search.
"""

# ruff: noqa: S608 (columns and conditions are spelled here, values are bound)

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.sandbox.changes import Changes

_TABLES = """
CREATE TABLE record (
    object TEXT, id INTEGER, body TEXT NOT NULL, created INTEGER NOT NULL,
    modified INTEGER NOT NULL, editor TEXT NOT NULL, archived_at INTEGER, merged_into INTEGER,
    purged INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (object, id)) WITHOUT ROWID;
CREATE TABLE indexed (
    object TEXT, id INTEGER, body TEXT NOT NULL, created INTEGER NOT NULL,
    modified INTEGER NOT NULL, editor TEXT NOT NULL, PRIMARY KEY (object, id)) WITHOUT ROWID;
CREATE INDEX indexed_modified ON indexed (object, modified, id);
CREATE TABLE pending (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, live INTEGER NOT NULL, object TEXT, id INTEGER,
    body TEXT, created INTEGER, modified INTEGER, editor TEXT);
CREATE TABLE unique_key (
    object TEXT, property TEXT, value TEXT, id INTEGER,
    PRIMARY KEY (object, property, value)) WITHOUT ROWID;
CREATE INDEX unique_key_id ON unique_key (object, id);
CREATE TABLE history (
    seq INTEGER PRIMARY KEY, object TEXT, id INTEGER, property TEXT, value TEXT, at INTEGER,
    editor TEXT, source TEXT);
CREATE INDEX history_id ON history (object, id, property, at);
CREATE TABLE association (
    from_object TEXT, from_id INTEGER, to_object TEXT, to_id INTEGER, type_id INTEGER,
    PRIMARY KEY (from_object, from_id, to_object, to_id, type_id)) WITHOUT ROWID;
CREATE TABLE owner (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE blocked (email TEXT PRIMARY KEY);
"""


@dataclass(slots=True)
class Row:
    """One record as stored: `body` holds the properties that are not empty."""

    object: str
    id: int
    created: int
    modified: int
    editor: str
    body: dict[str, str] = field(default_factory=dict)
    archived_at: int | None = None
    merged_into: int | None = None
    purged: bool = False

    @property
    def live(self) -> bool:
        """Neither archived nor merged away nor erased."""
        return self.archived_at is None and self.merged_into is None and not self.purged


_COLUMNS = "object, id, body, created, modified, editor, archived_at, merged_into, purged"


def _row(columns: Sequence[Any]) -> Row:
    object, id, body, created, modified, editor, archived_at, merged_into, purged = columns
    return Row(
        object, id, created, modified, editor, json.loads(body), archived_at, merged_into,
        bool(purged),
    )  # fmt: skip


class Store:
    """The database of one sandbox."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.db.executescript(_TABLES)
        self.changes = Changes(self.db, now)
        self.changes.watch(
            "record",
            "NEW.object",
            key="id",
            gone="archived_at IS NOT NULL OR merged_into IS NOT NULL OR purged",
            survivor="merged_into",
        )
        self.changes.watch_links("association", "from_object", "from_id")
        self._highest: dict[str, int] = {}

    def new_id(self, object: str) -> int:
        """An id never used before for this object."""
        self._highest[object] = self._highest.get(object, 100) + 1
        return self._highest[object]

    def saw_id(self, object: str, id: int) -> None:
        """Keep new ids above a given one."""
        self._highest[object] = max(self._highest.get(object, 100), id)

    def get(self, object: str, id: int) -> Row | None:
        """The row of exactly this id, in whatever state."""
        found = self.db.execute(
            f"SELECT {_COLUMNS} FROM record WHERE object = ? AND id = ?",
            (object, id),
        ).fetchone()
        return _row(found) if found else None

    def resolve(self, object: str, id: int) -> Row | None:
        """The row an id stands for: merged ids lead to their survivor."""
        row = self.get(object, id)
        while row is not None and row.merged_into is not None:
            row = self.get(object, row.merged_into)
        return row

    def put(self, row: Row, at: int) -> None:
        """Insert or replace, and queue the change for the search index as of `at` (ms)."""
        body = json.dumps(row.body, ensure_ascii=False, separators=(",", ":"))
        self.db.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.object, row.id, body, row.created, row.modified, row.editor,
                row.archived_at, row.merged_into, row.purged,
            ),
        )  # fmt: skip
        self.db.execute(
            "INSERT INTO pending (at, live, object, id, body, created, modified, editor)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (at, row.live, row.object, row.id, body, row.created, row.modified, row.editor),
        )

    def index_until(self, at: int) -> None:
        """Let the search index see every change queued up to `at` (ms)."""
        due = self.db.execute("SELECT 1 FROM pending WHERE at <= ? LIMIT 1", (at,)).fetchone()
        if due is None:
            return
        self.db.execute("BEGIN")
        self.db.execute(
            "INSERT OR REPLACE INTO indexed SELECT object, id, body, created, modified, editor"
            " FROM pending WHERE at <= ? ORDER BY seq",
            (at,),
        )
        self.db.execute(
            "DELETE FROM indexed WHERE (object, id) IN (SELECT p.object, p.id FROM pending p"
            " WHERE p.at <= ?1 AND p.live = 0 AND NOT EXISTS (SELECT 1 FROM pending q"
            " WHERE q.at <= ?1 AND q.object = p.object AND q.id = p.id AND q.seq > p.seq))",
            (at,),
        )
        self.db.execute("DELETE FROM pending WHERE at <= ?", (at,))
        self.db.execute("COMMIT")

    def page(self, object: str, archived: bool, after: int, limit: int) -> list[Row]:
        """Rows by id from `after` on (inclusive)."""
        state = "archived_at IS NOT NULL" if archived else "archived_at IS NULL"
        found = self.db.execute(
            f"SELECT {_COLUMNS} FROM record WHERE object = ? AND id >= ? AND {state}"
            " AND merged_into IS NULL AND purged = 0 ORDER BY id LIMIT ?",
            (object, after, limit),
        )
        return [_row(columns) for columns in found.fetchall()]

    def everything(self, object: str, ids: Sequence[int] = ()) -> Iterator[Row]:
        """All rows by id, or those of `ids`, deleted ones included."""
        only = f" AND id IN ({', '.join('?' * len(ids))})" if ids else ""
        found = self.db.execute(
            f"SELECT {_COLUMNS} FROM record WHERE object = ?{only} ORDER BY id",
            (object, *ids),
        )
        return map(_row, found.fetchall())

    def key_holder(self, object: str, property: str, value: str) -> int | None:
        """The id of the record that holds a unique value."""
        found = self.db.execute(
            "SELECT id FROM unique_key WHERE object = ? AND property = ? AND value = ?",
            (object, property, value),
        ).fetchone()
        return int(found[0]) if found else None

    def holder(self, object: str, property: str, value: str | None, own: int | None) -> int | None:
        """The id of another live record with that value, letters' case aside."""
        found = self.db.execute(
            "SELECT id FROM record WHERE object = ? AND id IS NOT ? AND archived_at IS NULL"
            " AND merged_into IS NULL AND purged = 0"
            " AND json_extract(body, ?) = ? COLLATE NOCASE ORDER BY id LIMIT 1",
            (object, own, f'$."{property}"', value),
        ).fetchone()
        return int(found[0]) if found else None

    def set_keys(self, object: str, id: int, keys: Iterable[tuple[str, str]]) -> None:
        """Replace a record's unique keys by (property, value) pairs."""
        self.db.execute("DELETE FROM unique_key WHERE object = ? AND id = ?", (object, id))
        self.db.executemany(
            "INSERT OR REPLACE INTO unique_key VALUES (?, ?, ?, ?)",
            [(object, property, value, id) for property, value in keys],
        )

    def remember(
        self, row: Row, property: str, value: str | None, at: int, editor: str, source: str
    ) -> None:
        """Add one entry to a property's history."""
        self.db.execute(
            "INSERT INTO history (object, id, property, value, at, editor, source)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row.object, row.id, property, value or "", at, editor, source),
        )

    def history(self, object: str, id: int, property: str) -> list[tuple[str, int, str, str]]:
        """(value, at, editor, source) of one property, newest first."""
        return self.db.execute(
            "SELECT value, at, editor, source FROM history"
            " WHERE object = ? AND id = ? AND property = ? ORDER BY at DESC, seq DESC",
            (object, id, property),
        ).fetchall()
