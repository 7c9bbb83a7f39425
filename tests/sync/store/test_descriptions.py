"""Descriptions kept between runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync.store import tables
from sync.store.database import session
from sync.store.descriptions import KEPT, StoreShelf

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Time:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_what_was_flushed_is_there_for_a_day(database: Engine) -> None:
    time = Time()
    shelf = StoreShelf(database, "a", time)
    shelf.save("Contact", b"one")
    shelf.save("Contact", b"two")
    assert shelf.load("Contact") == b"two"
    assert StoreShelf(database, "a", time).load("Contact") is None
    shelf.flush()
    shelf.flush()
    assert shelf.load("Contact") == StoreShelf(database, "a", time).load("Contact") == b"two"
    assert StoreShelf(database, "b", time).load("Contact") is None
    assert shelf.load("Account") is None
    time.now += KEPT - timedelta(seconds=1)
    assert shelf.load("Contact") == b"two"
    time.now += timedelta(seconds=1)
    assert shelf.load("Contact") is None
    shelf.save("Contact", b"three")
    shelf.flush()
    assert StoreShelf(database, "a", time).load("Contact") == b"three"


def test_a_busy_store_costs_a_call_and_no_more(database: Engine) -> None:
    shelf = StoreShelf(database, "a", Time())
    shelf.save("Contact", b"one")
    assert shelf.load("Contact") == b"one", "before it is stored"
    if database.dialect.name == "sqlite":
        with session(database) as busy:
            busy.rows(sa.select(tables.description))  # a writer from its first statement on
            shelf.flush(patience=0.01)
            assert StoreShelf(database, "a", Time()).load("Contact") is None
    assert shelf.load("Contact") == b"one"
    shelf.flush()
    assert StoreShelf(database, "a", Time()).load("Contact") == b"one"
