"""Runs that may make only so many calls: they stop cleanly, and others finish what they left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors.budget import Budget
from connectors.sandbox.server import Server
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.settings import Settings, budget
from sync.store import spend, tables
from sync.store.database import session
from tests.sync.engine.world import START, Known, World, acquaint, snapshot

DAY = 25 * 3600.0
SMALL = ("hubspot", "zoho")


def allow(world: World, **terms: dict[str, Any]) -> None:
    """Give connections a budget."""
    body = world.settings.model_dump(mode="json")
    for name, chosen in terms.items():
        body["connections"][name]["budget"] = chosen
    world.settings = Settings.model_validate(body)


def firms(world: World, vendor: str, count: int) -> None:
    """Companies of long ago: no vendor minds two of a name."""
    world.load(
        vendor,
        "company",
        *({"name": f"Firm {n}", "domain": f"firm{n}.example"} for n in range(count)),
    )


def people(world: World, vendor: str, count: int) -> list[str]:
    """Contacts of long ago."""
    return world.load(
        vendor,
        "contact",
        *({"last_name": f"Person {n}", "email": f"p{n}@x.example"} for n in range(count)),
    )


def calls(world: World, vendor: str) -> int:
    return len(world.servers[vendor].log.calls)


def spent(world: World, vendor: str) -> int:
    """What the store says of the last 24 hours."""
    found = budget(world.settings, vendor, world.clock.now)
    spend.read(world.engine, [found], world.clock.now())
    return found.spent


@pytest.fixture
def pair(servers: dict[str, Server], sqlite_store: Any) -> World:
    """Two connected accounts, of which one has many contacts that the other lacks."""
    world = World(servers, sqlite_store(), SMALL)
    world.connect()
    acquaint(world)
    people(world, "zoho", 700)
    return world


def test_it_stops_in_time_and_goes_on_until_all_is_done(
    pair: World, servers: dict[str, Server], sqlite_store: Any
) -> None:
    pair.settings.connections["hubspot"].options["associations_every"] = "0"
    allow(pair, hubspot={"per_day": 12})
    reports: list[Report] = []
    for _ in range(30):
        before = calls(pair, "hubspot")
        reports.append(pair.run())
        made = calls(pair, "hubspot") - before
        assert made <= 12
        assert made == spent(pair, "hubspot")
        if reports[-1].status == "done":
            break
        assert reports[-1].status == "problems"
        assert "goes on at" in reports[-1].errors["hubspot"]
        again = calls(pair, "hubspot")
        pair.run()
        assert calls(pair, "hubspot") == again, "nothing is tried before there are calls again"
        pair.clock.advance(DAY)
    assert 2 < len(reports) < 30
    assert not pair.problems()
    assert set(pair.numbers("contact").values()) == {701}
    result = snapshot(pair)

    free = World(servers, sqlite_store(), SMALL)
    free.connect()
    acquaint(free)
    people(free, "zoho", 700)
    free.settle()
    assert snapshot(free) == result


def test_the_line_says_when_it_goes_on_in_the_hubs_zone(world: World, known: Known) -> None:
    body = world.settings.model_dump(mode="json")
    body["hub"]["time_zone"] = "Asia/Bangkok"
    world.settings = Settings.model_validate(body)
    allow(world, zoho={"per_day": 1})
    world.clock.advance(DAY)
    report = world.run()
    assert report.status == "problems"
    until = budget_of(world, "zoho").until
    assert until is not None
    words = report.errors["zoho"]
    assert "our share of the day's credits is used up (1 of 1)" in words
    assert words.endswith("on 2026-03-04")
    assert f"goes on at {(until.hour + 7) % 24:02d}:00" in words


def budget_of(world: World, vendor: str) -> Any:
    found = budget(world.settings, vendor, world.clock.now)
    spend.read(world.engine, [found], world.clock.now())
    return found


def test_others_go_on_and_what_waits_is_written_later(world: World, known: Known) -> None:
    allow(world, hubspot={"per_day": 1})
    world.clock.advance(DAY)
    world.edit("zoho", "contact", known["contact"]["zoho"], job_title="Chief")
    report = world.run()
    assert report.status == "problems"
    assert report.errors.keys() == {"hubspot"}
    titles = world.values("contact", known["contact"], "job_title")
    assert titles == {"salesforce": "Chief", "hubspot": "Buyer", "zoho": "Chief"}
    allow(world, hubspot={"per_day": 1000})
    assert world.run().status == "done"
    assert world.value("hubspot", "contact", known["contact"]["hubspot"], "job_title") == "Chief"


def test_all_out_of_calls_is_no_failure(world: World, known: Known) -> None:
    allow(world, **{vendor: {"per_day": 1} for vendor in world.vendors})
    world.clock.advance(DAY)
    report = world.run()
    assert report.status == "problems"
    assert report.errors.keys() == set(world.vendors)


class TestReadsOfEverything:
    def test_a_first_load_leaves_a_tenth_and_nothing_is_doubled(
        self, servers: dict[str, Server], sqlite_store: Any
    ) -> None:
        world = World(servers, sqlite_store(), SMALL)
        world.connect()
        for vendor in SMALL:
            firms(world, vendor, 900)
        allow(world, hubspot={"per_day": 11})
        report = world.run()
        assert report.status == "problems"
        assert "goes on at" in report.errors["hubspot"]
        assert report.tally("hubspot", "company").pulled == 800, "the rest is for changes"
        for _ in range(12):
            world.clock.advance(DAY)
            if world.run().status == "done":
                break
        assert world.numbers("company") == {"hubspot": 900, "zoho": 900}
        assert world.entities("company") == 900
        allow(world, hubspot={})
        assert world.written(world.settle) == {}

    def test_a_full_run_gives_way_to_changes(self, world: World, known: Known) -> None:
        allow(world, hubspot={"per_day": 1000})
        world.clock.advance(DAY)
        with session(world.engine) as store:
            found = budget(world.settings, "hubspot", world.clock.now)
            found.take(901)
            spend.save(store, [found], world.clock.now())
            store.commit()
        world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")
        report = world.run(full=True)
        assert "reading everything goes on at" in report.errors["hubspot"]
        assert report.status == "problems"
        assert world.value("zoho", "contact", known["contact"]["zoho"], "job_title") == "Chief"
        full = sa.select(sa.func.count()).where(
            tables.cursor.c.connection == "hubspot", tables.cursor.c.complete.is_(False)
        )
        assert world.query(full) == [(0,)]
        world.clock.advance(DAY)
        assert world.run(full=True).status == "done"


class TestWhatIsKept:
    def test_every_call_is_in_the_store_whatever_ends_the_run(
        self, world: World, known: Known, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.clock.advance(DAY)
        before = {vendor: calls(world, vendor) for vendor in world.vendors}

        def crash(*_: Any) -> None:
            raise RuntimeError("here it ends")

        monkeypatch.setattr("sync.engine.run.decide", crash)
        with pytest.raises(RuntimeError):
            world.run()
        for vendor in ("salesforce", "hubspot"):
            assert 0 < spent(world, vendor) == calls(world, vendor) - before[vendor]

    def test_dry_runs_count(self, world: World, known: Known) -> None:
        world.clock.advance(DAY)
        before = calls(world, "hubspot")
        world.run(dry=True)
        assert 0 < spent(world, "hubspot") == calls(world, "hubspot") - before

    def test_processes_add_up(self, database: Engine, world: World) -> None:
        now = world.clock.now()
        with session(database) as store:
            one, two = (budget(world.settings, "zoho", world.clock.now) for _ in "ab")
            one.hear(limit=100, left=80)
            one.take(5)
            two.take(7)
            spend.save(store, [one], now)
            spend.save(store, [two], now)
            spend.save(store, [one, two], now)
            store.commit()
        third = budget(world.settings, "zoho", world.clock.now)
        spend.read(database, [third], now)
        assert (one.spent, two.spent, third.spent) == (12, 12, 12)
        assert third.cap == 50

    def test_a_store_that_is_busy_is_not_waited_for_long(self, sqlite_store: Any) -> None:
        engine: Engine = sqlite_store()
        made = Budget("zoho", clock=lambda: START)
        made.take(3)
        with session(engine) as holder:
            holder.execute(sa.insert(tables.spend).values(connection="x", hour=START, units=1))
            spend.flush(engine, made, START, patience=0.01)
        assert sum(made.unsaved().values()) == 3
        spend.flush(engine, made, START)
        assert made.unsaved() == {}
        other = Budget("zoho", clock=lambda: START)
        spend.read(engine, [other], START)
        assert other.spent == 3


def test_an_account_that_is_checked_in_the_run_spends_too(world: World) -> None:
    with session(world.engine) as store:
        store.execute(sa.delete(tables.account))
        store.commit()
    allow(world, salesforce={"per_day": 2})
    before = calls(world, "salesforce")
    report = run(world.engine, world.settings, Path("."), Options(clock=world.clock.now))
    assert "goes on at" in report.errors["salesforce"]
    assert calls(world, "salesforce") - before == 2 == spent(world, "salesforce")
