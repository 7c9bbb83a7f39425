"""Descriptions of the accounts' objects between runs, kept for a day."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync.store import tables
from sync.store.database import session

#: So long a description is taken for true unless the vendor contradicts it.
KEPT = timedelta(days=1)


class StoreShelf:
    """Keeps one connection's descriptions. Connectors call it from their own threads, while the
    store may be held by the run; what they save is stored by `flush`."""

    def __init__(
        self,
        engine: Engine,
        connection: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()
        self._unsaved: dict[str, tuple[bytes, datetime]] = {}

    def load(self, object: str) -> bytes | None:
        """What was saved of the object last, within the day."""
        with self._lock:
            if object in self._unsaved:
                return self._unsaved[object][0]
        column = tables.description.c
        query = sa.select(column.sealed).where(
            column.connection == self._connection,
            column.native == object,
            column.saved_at > self._clock() - KEPT,
        )
        with self._engine.connect() as reader:
            row = reader.execute(query).first()
        return None if row is None else str(row[0]).encode()

    def save(self, object: str, sealed: bytes) -> None:
        """Keep `sealed` from now on."""
        with self._lock:
            self._unsaved[object] = sealed, self._clock()

    def flush(self, patience: float = 30.0) -> None:
        """Store what is not stored yet. Where the store is not free within `patience` seconds,
        the vendor is asked again by the next process."""
        with self._lock:
            rows = [
                {
                    "connection": self._connection,
                    "native": object,
                    "sealed": sealed.decode(),
                    "saved_at": at,
                }
                for object, (sealed, at) in self._unsaved.items()
            ]
            if not rows:
                return
            try:
                with session(self._engine, patience=patience) as books:
                    books.upsert(tables.description, rows)
                    books.commit()
            except sa.exc.OperationalError:
                return
            self._unsaved.clear()
