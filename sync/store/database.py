"""Opening the store, migrating it, and the transactions of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine, make_url

from sync.store.views import create_views, views_are_current

T = TypeVar("T")

#: Seconds a writer waits for another to finish.
PATIENCE = 60.0

#: Most bound values in one IN list; both databases take more, but plans get worse.
CHUNK = 400


class StoreError(Exception):
    """The store cannot be opened or is of another version; the text says what to do."""


def open_engine(url: str) -> Engine:
    """An engine for ``sqlite:///file.db`` or ``postgresql://…`` with our settings applied.

    Raises:
        StoreError: the URL is not one of the two.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreError(f"hub.store: {error}; write sqlite:///concord.db, for example") from error
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise StoreError("hub.store: only sqlite and postgresql are supported")
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": 60})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: a deferred one can fail in the middle with
        # "database is locked". Readers never wait and never make others wait (WAL).
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def migrate(engine: Engine) -> None:
    """Bring the store to this version's tables and views; a new store gets all of them.

    A store that is up to date is only read.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as reader:
        head = ScriptDirectory.from_config(config).get_current_head()
        current = MigrationContext.configure(reader).get_current_revision()
        if current == head and views_are_current(reader):
            return
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        create_views(connection)


@lru_cache(maxsize=256)
def _upsert(database: str, table: sa.Table, names: tuple[str, ...]) -> Any:
    """The statement that inserts rows of these columns or replaces them by their primary key."""
    statement = (postgresql if database == "postgresql" else sqlite).insert(table)
    keys = [column.name for column in table.primary_key]
    new = statement.excluded
    if rest := {name: new[name] for name in names if name not in keys}:
        return statement.on_conflict_do_update(index_elements=keys, set_=rest)
    return statement.on_conflict_do_nothing(index_elements=keys)


class Session:
    """One connection to the store whose commits can be withheld (a dry run).

    All of a run's reads and writes go through it, from one thread.
    """

    def __init__(
        self, engine: Engine, dry: bool = False, patience: float = PATIENCE, writes: bool = True
    ) -> None:
        self.engine = engine
        self.dry = dry
        self._connection = engine.connect().execution_options(writes=writes)
        # `SET` outlives the session in a pooled connection, so everybody sets it.
        milliseconds = int(patience * 1000)
        if engine.dialect.name == "sqlite":
            driver = self._connection.connection.driver_connection
            assert driver is not None
            driver.execute(f"PRAGMA busy_timeout = {milliseconds}")
        else:
            self._connection.exec_driver_sql(f"SET lock_timeout = {milliseconds}")
            self._connection.commit()

    def execute(self, statement: Any, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run one statement in the current transaction."""
        return self._connection.execute(statement, parameters)

    def rows(self, statement: Any) -> Sequence[Any]:
        """All rows of a query, as `sqlalchemy.Row`s (their columns have no static types)."""
        return self._connection.execute(statement).all()

    def upsert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows, replacing those with the same primary key. Rows share their keys."""
        rows = list(rows)
        if not rows:
            return
        statement = _upsert(self.engine.dialect.name, table, tuple(rows[0]))
        self._connection.execute(statement, rows)

    def commit(self) -> None:
        """Make everything since the last commit durable; in a dry run, nothing."""
        if not self.dry:
            self._connection.commit()

    def rollback(self) -> None:
        """Undo everything since the last commit."""
        self._connection.rollback()

    def close(self) -> None:
        """Roll back what was not committed and give the connection back."""
        self._connection.rollback()
        self._connection.close()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A `Session` for looking only: it waits for no writer and keeps none waiting."""
    made = Session(engine, writes=False)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def session(engine: Engine, dry: bool = False, patience: float = PATIENCE) -> Iterator[Session]:
    """A `Session` that is closed at the end; commits are the caller's."""
    made = Session(engine, dry, patience)
    try:
        yield made
    finally:
        made.close()


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Lists of at most `size`, in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
