"""Worlds to run in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import Engine

from connectors.sandbox.server import Server
from connectors.transport import Retrier
from tests.sync.engine.world import Known, World, acquaint


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """Sockets by vendor; each test puts sandboxes of its own behind them."""
    opened: dict[str, Server] = {}
    yield opened
    for server in opened.values():
        server.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries take no time."""
    monkeypatch.setattr(Retrier, "_pause", lambda self, state: 0.0)


#: Modules whose scenarios run on every database wherever there is one.
MAIN = ("test_runs", "test_kpi_example")


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    servers: dict[str, Server],
    database: Engine,
    every_database: bool,
) -> World:
    """Three empty accounts and a hub on each database, connected."""
    module = request.module.__name__.rpartition(".")[2]
    if database.dialect.name != "sqlite" and not every_database and module not in MAIN:
        pytest.skip("long scenarios run on PostgreSQL where CONCORD_TEST_POSTGRES is set")
    made = World(servers, database)
    made.connect()
    return made


@pytest.fixture
def known(world: World) -> Known:
    """The small company in every vendor, settled."""
    ids = acquaint(world)
    world.settle()
    return ids
