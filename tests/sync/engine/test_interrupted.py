"""A run that dies between any two commits, and the run after it: nothing lost, nothing doubled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from connectors.sandbox.server import Server
from sync.engine import run as run_module
from sync.settings import SYNCED
from sync.store.database import Session
from tests.sync.engine.world import Known, World, acquaint, snapshot


class Killed(BaseException):
    """The process ends here."""


class Killer:
    """Ends the process at the n-th commit of a run's session: before it if `before`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        self.before = True
        self.commits = 0
        real = Session.commit

        def commit(session: Session) -> None:
            self.commits += 1
            if self.left < 0:
                real(session)
                return
            self.left -= 1
            if self.left > 0:
                real(session)
                return
            if self.left == 0 and not self.before:
                real(session)
            raise Killed

        monkeypatch.setattr(Session, "commit", commit)

    def count(self, work: Callable[[], Any]) -> int:
        """Commits that `work` makes when nothing happens to it."""
        before = self.commits
        work()
        return self.commits - before

    def kill(self, work: Callable[[], Any], at: int, before: bool) -> None:
        """Do `work` and end it at its commit number `at`; nothing it does after counts."""
        self.left, self.before = at, before
        try:
            with pytest.raises(Killed):
                work()
        finally:
            self.left = -1


def prepare(servers: dict[str, Server], engine: Engine) -> tuple[World, Known]:
    """Two accounts that agree, and then an edit, a clear, a new record, a new company with its
    contact, and a deletion. Everything that a run does is in it."""
    world = World(servers, engine, ("hubspot", "zoho"))
    world.connect()
    known = acquaint(world)
    doomed = world.load("zoho", "contact", {"email": "gone@x.example", "last_name": "Gone"})
    world.settle()
    world.configure({"contact": {"deletes": "archive"}})
    now = {"modified_at": world.clock.now().isoformat()}
    world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")
    world.edit("zoho", "deal", known["deal"]["zoho"], amount="2500.5")
    world.edit("zoho", "company", known["company"]["zoho"], phone=None)
    world.remove("zoho", "contact", doomed[0])
    [company] = world.load("hubspot", "company", {"name": "Beta", "domain": "beta.example", **now})
    world.load(
        "hubspot",
        "contact",
        {"email": "new@beta.example", "last_name": "New", "company": company, **now},
        {"last_name": "Nomail", **now},
    )
    return world, known


def end(world: World) -> dict[str, Any]:
    """Let it come to rest, and say how it ended."""
    world.settle()
    found = snapshot(world)
    for object in SYNCED:
        places = [(e, c) for (c, _), e in world.links(object).items()]
        assert len(places) == len(set(places))
        for vendor in world.vendors:
            rows = world.rows(vendor, object).keys()
            assert {r for (c, r) in world.links(object) if c == vendor} == set(rows)
    return found


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    return Killer(monkeypatch)


def test_a_run_killed_at_any_commit_is_made_good_by_the_next(
    servers: dict[str, Server], sqlite_store: Callable[[], Engine], killer: Killer
) -> None:
    world, _ = prepare(servers, sqlite_store())
    commits = killer.count(world.run)
    expected = end(world)
    assert commits > 20
    for at in range(3, commits + 1, max(1, commits // 6)):
        world, _ = prepare(servers, sqlite_store())
        killer.kill(world.run, at, before=bool(at % 2))
        assert end(world) == expected, f"killed at commit {at} of {commits}"


def test_killed_again_and_again_each_time_a_commit_later(
    servers: dict[str, Server], sqlite_store: Callable[[], Engine], killer: Killer
) -> None:
    world, _ = prepare(servers, sqlite_store())
    world.run()
    expected = end(world)
    world, _ = prepare(servers, sqlite_store())
    for at in range(1, 100):
        killer.left, killer.before = at, True
        try:
            world.run()
        except Killed:
            continue
        finally:
            killer.left = -1
        break
    else:
        raise AssertionError("a run never comes to its end")
    assert at > 20
    assert end(world) == expected


def test_first_runs_killed_again_and_again(
    servers: dict[str, Server], sqlite_store: Callable[[], Engine], killer: Killer
) -> None:
    def fresh() -> World:
        world = World(servers, sqlite_store(), ("hubspot", "zoho"))
        world.connect()
        acquaint(world)
        world.load("hubspot", "contact", {"last_name": "Nomail"}, {"last_name": "Nothing"})
        return world

    world = fresh()
    world.run()
    expected = end(world)
    world = fresh()
    for at in range(1, 100, 2):
        killer.left, killer.before = at, bool(at % 4 == 1)
        try:
            world.run()
        except Killed:
            continue
        finally:
            killer.left = -1
        break
    assert end(world) == expected


@pytest.mark.parametrize("stage", ["pull", "decide", "push"])
def test_asked_to_stop_a_run_ends_cleanly_and_the_next_goes_on(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")
    stop = threading.Event()
    real = getattr(run_module, stage)

    def stopping(wiring: Any, object: str, **rest: Any) -> None:
        if object == "contact":
            stop.set()
        real(wiring, object, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, stage, stopping)
        report = world.run(stop=stop)
    assert report.status == "stopped"
    world.settle()
    assert set(world.values("contact", known["contact"], "job_title").values()) == {"Chief"}
