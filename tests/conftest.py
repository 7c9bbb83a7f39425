"""What every test can rely on: a clean environment, no network, and a store on each database."""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from sqlalchemy.engine import URL, Engine, make_url

from sync.store.database import migrate, open_engine
from sync.store.tables import metadata

# Machines are shared, so no example is too slow. CI repeats the same examples, and the laws
# are searched with fresh ones everywhere else.
hypothesis.settings.register_profile(
    "concord", deadline=None, derandomize=bool(os.environ.get("CI"))
)
hypothesis.settings.load_profile("concord")

#: Read before the environment is cleaned.
_POSTGRES = os.environ.get("CONCORD_TEST_POSTGRES", "")

_LOCAL = ("127.0.0.1", "::1", "localhost")

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("CONCORD_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets connect to this machine only."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: socket.socket, address: Any) -> Any:
            if isinstance(address, tuple) and address[0] not in _LOCAL:
                raise AssertionError(f"a test wants to connect to {address[0]}:{address[1]}")
            return real(self, address)

        return call

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))


# -- stores ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def every_database() -> bool:
    """Whether long scenarios run on PostgreSQL too: where CONCORD_TEST_POSTGRES names one, as
    in CI. A server that is merely found serves the store's tests and the main scenarios."""
    return bool(_POSTGRES)


def _postgres_urls() -> list[str]:
    if _POSTGRES:
        return [_POSTGRES]
    user = os.environ.get("USER") or "root"
    return list(dict.fromkeys(f"postgresql://{who}@127.0.0.1:5432/test" for who in ("root", user)))


@pytest.fixture(scope="session")
def postgres() -> URL:
    """A PostgreSQL server that may be used; the test is skipped where there is none."""
    reasons = []
    for text in _postgres_urls():
        url = make_url(text).set(drivername="postgresql")
        try:
            with psycopg.connect(url.render_as_string(hide_password=False), connect_timeout=3):
                return url
        except psycopg.Error as error:
            reasons.append(str(error).strip())
    pytest.skip(f"no PostgreSQL (set CONCORD_TEST_POSTGRES): {'; '.join(reasons)}")


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store without a row, to copy."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@contextmanager
def _schema(url: URL) -> Iterator[Engine]:
    """A PostgreSQL schema of its own, dropped afterwards."""
    schema = f"concord_{uuid.uuid4().hex[:12]}"
    text = url.render_as_string(hide_password=False)
    with psycopg.connect(text, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
    mine = url.update_query_dict({"options": f"-csearch_path={schema} -csynchronous_commit=off"})
    engine = open_engine(mine.render_as_string(hide_password=False))
    try:
        yield engine
    finally:
        engine.dispose()
        with psycopg.connect(text, autocommit=True) as admin:
            admin.execute("SET client_min_messages = warning")
            admin.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=DATABASES)
def blank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of each kind without any table."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'blank.db'}")
        yield engine
        engine.dispose()
        return
    with _schema(request.getfixturevalue("postgres")) as engine:
        yield engine


@pytest.fixture(scope="session")
def postgres_store(postgres: URL) -> Iterator[Engine]:
    """A migrated store on PostgreSQL, emptied for each test that uses it."""
    with _schema(postgres) as engine:
        migrate(engine)
        yield engine


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty store with all tables and views, on each database."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("empty_sqlite"), path)
        engine = open_engine(f"sqlite:///{path}")
        yield engine
        engine.dispose()
        return
    engine = request.getfixturevalue("postgres_store")
    names = ", ".join(f'"{name}"' for name in metadata.tables if name != "made")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    yield engine


@pytest.fixture
def sqlite_store(empty_sqlite: Path, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Makes fresh SQLite stores, for tests that need several or do not concern the database."""
    made: list[Engine] = []

    def make() -> Engine:
        path = tmp_path / f"store{len(made)}.db"
        shutil.copy(empty_sqlite, path)
        made.append(open_engine(f"sqlite:///{path}"))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()
