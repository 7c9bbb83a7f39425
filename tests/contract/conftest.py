"""The rig, once for each vendor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.sandbox.server import Server
from connectors.transport import Retrier
from tests.contract.rig import MemoryRig, Rig, ServedRig
from tests.contract.words import SETUPS


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """Sockets by setup; each test puts a sandbox of its own behind one of them."""
    opened: dict[str, Server] = {}
    yield opened
    for server in opened.values():
        server.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every vendor in turn, in every way it can be connected that concerns the module; a class
    may choose its own."""
    if "setup" in metafunc.fixturenames and not hasattr(metafunc.cls, "setup"):
        module = metafunc.module.__name__.rpartition(".")[2]
        needed = {need for mark in metafunc.definition.iter_markers("needs") for need in mark.args}
        ways = [
            name
            for name, way in SETUPS.items()
            if (not way.modules or module in way.modules) and not needed & way.lacks
        ]
        metafunc.parametrize("setup", ways)


@pytest.fixture
def rig(setup: str, servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A fresh sandbox of the vendor and a connector to it; pauses between tries take no time."""
    monkeypatch.setattr(Retrier, "_pause", lambda self, state: 0.0)
    made: Rig
    if SETUPS[setup].vendor == "memory":
        made = MemoryRig(SETUPS[setup])
    else:
        if setup not in servers:
            servers[setup] = Server(None)
        made = ServedRig(SETUPS[setup], servers[setup])
    yield made
    made.close()
