"""Access tokens between runs: sealed by `connectors.tokens`, kept in the store."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync.store import tables
from sync.store.database import session


class StoreKeeper:
    """Keeps one connection's tokens. Connectors call it from their own threads.

    A save that finds the store busy (a dry run holds it to its end) is made up for by
    `flush`; until then the token is known to this process only.
    """

    def __init__(self, engine: Engine, connection: str) -> None:
        self._engine = engine
        self._connection = connection
        self._lock = threading.Lock()
        self._unsaved: bytes | None = None

    def load(self) -> bytes | None:
        """What was saved last."""
        with self._lock:
            if self._unsaved is not None:
                return self._unsaved
        column = tables.token.c
        query = sa.select(column.sealed).where(column.connection == self._connection)
        with self._engine.connect() as reader:
            row = reader.execute(query).first()
        return None if row is None else str(row[0]).encode()

    def save(self, sealed: bytes) -> None:
        """Keep `sealed`, at once if the store is free."""
        with self._lock:
            self._unsaved = sealed
        self.flush(patience=0.5)

    def flush(self, patience: float = 30.0) -> None:
        """Store what is not stored yet, waiting at most `patience` seconds for the store."""
        with self._lock:
            if self._unsaved is None:
                return
            try:
                self._store(self._unsaved, patience)
            except sa.exc.OperationalError:
                return
            self._unsaved = None

    def _store(self, sealed: bytes, patience: float) -> None:
        row = {
            "connection": self._connection,
            "sealed": sealed.decode(),
            "saved_at": datetime.now(UTC),
        }
        with session(self._engine, patience=patience) as books:
            books.upsert(tables.token, [row])
            books.commit()
