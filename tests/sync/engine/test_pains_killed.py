"""A run that creates 200 records and is killed, with a search index that knows nothing of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.engine import Engine

from connectors.sandbox.server import Server
from tests.sync.engine.killed_creates import COUNT, Creates, Steps


@pytest.fixture
def steps() -> Iterator[Steps]:
    with Steps() as made:
        yield made


@pytest.fixture
def creates(servers: dict[str, Server], sqlite_store: Callable[[], Engine]) -> Iterator[Creates]:
    made = Creates(servers, sqlite_store())
    yield made
    made.world.servers["hubspot"].faults.clear()


def test_killed_again_and_again_each_time_some_steps_later(steps: Steps, creates: Creates) -> None:
    """`python -m tests.sync.engine.killed_creates` kills fresh runs, at every step."""
    for last in range(1, 500, 5):
        if steps.take(creates.run, last):
            break
        assert len(creates.world.rows("hubspot", "contact")) <= COUNT
    assert last > 20
    assert creates.wrong() == ""
