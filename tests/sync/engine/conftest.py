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


@pytest.fixture
def world(servers: dict[str, Server], database: Engine) -> World:
    """Three empty accounts and a hub on each database, connected."""
    made = World(servers, database)
    made.connect()
    return made


@pytest.fixture
def known(world: World) -> Known:
    """The small company in every vendor, settled."""
    ids = acquaint(world)
    world.settle()
    return ids
