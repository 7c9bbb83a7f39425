"""Deleted, restored and merged records, and records whose create was never confirmed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sync.store import books, tables
from sync.store.database import session
from tests.sync.engine.world import VENDORS, Known, World


@pytest.mark.parametrize("vendor", ["salesforce", "zoho"])
def test_a_delete_unlinks_and_is_not_undone(world: World, known: Known, vendor: str) -> None:
    entity = world.entity("contact", vendor, known["contact"][vendor])
    world.remove(vendor, "contact", known["contact"][vendor])
    assert world.written(world.run) == {}
    assert world.records("contact", entity).keys() == set(VENDORS) - {vendor}
    stones = world.query(sa.select(tables.tombstone.c.connection, tables.tombstone.c.entity))
    assert stones == [(vendor, entity)]
    world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")
    world.settle()
    assert world.numbers("contact")[vendor] == 0
    assert world.written(lambda: world.run(full=True)) == {}


def stranger(world: World) -> dict[str, str]:
    """A contact in every vendor that no deal and no ticket holds on to."""
    row = {"last_name": "Apart", "email": "apart@x.example"}
    [id] = world.load("zoho", "contact", {**row, "modified_at": world.clock.now().isoformat()})
    world.settle()
    return world.records("contact", world.entity("contact", "zoho", id))


def test_a_delete_travels_where_the_policy_says_archive(world: World, known: Known) -> None:
    world.configure({"contact": {"deletes": "archive"}})
    world.remove("zoho", "contact", stranger(world)["zoho"])
    world.run()
    assert set(world.numbers("contact").values()) == {1}
    assert world.entities("contact") == 1
    assert world.written(world.settle) == {}


class TestRestored:
    """With ``deletes: archive``, a record that comes back brings the others back."""

    @pytest.fixture
    def records(self, world: World, known: Known) -> dict[str, str]:
        world.configure({"contact": {"deletes": "archive"}})
        found = stranger(world)
        world.remove("zoho", "contact", found["zoho"])
        return found

    def test_what_followed_the_delete_is_made_again(
        self, world: World, records: dict[str, str]
    ) -> None:
        world.settle()
        assert set(world.numbers("contact").values()) == {1}
        world.restore("zoho", "contact", records["zoho"])
        world.settle()
        assert set(world.numbers("contact").values()) == {2}
        entity = world.entity("contact", "zoho", records["zoho"])
        again = world.records("contact", entity)
        assert again.keys() == set(VENDORS)
        assert set(world.values("contact", again, "last_name").values()) == {"Apart"}
        assert world.written(lambda: world.run(full=True)) == {}

    def test_what_a_person_deleted_is_not(self, world: World, records: dict[str, str]) -> None:
        world.remove("salesforce", "contact", records["salesforce"])
        world.settle()
        world.restore("zoho", "contact", records["zoho"])
        world.settle()
        assert world.numbers("contact") == {"zoho": 2, "hubspot": 2, "salesforce": 1}

    def test_an_archive_that_waits_is_withdrawn(
        self, world: World, records: dict[str, str]
    ) -> None:
        world.configure({"contact": {"deletes": "archive", "limits": {"archive": 0}}})
        assert world.run().status == "held"
        world.restore("zoho", "contact", records["zoho"])
        report = world.run()
        assert report.status == "done"
        assert set(world.numbers("contact").values()) == {2}
        assert world.written(world.settle) == {}


def test_an_archive_that_is_refused_is_told(world: World, known: Known) -> None:
    world.configure({"contact": {"deletes": "archive"}})
    world.remove("zoho", "contact", known["contact"]["zoho"])
    world.run()
    assert world.numbers("contact") == {"salesforce": 1, "hubspot": 0, "zoho": 0}
    [told] = world.problems()
    assert "associated with the following cases" in told["words"]


def test_a_delete_that_could_not_travel_yet_still_does(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    from werkzeug.wrappers import Response

    world.configure({"contact": {"deletes": "archive"}})
    records = stranger(world)
    world.remove("zoho", "contact", records["zoho"])
    hubspot = world.servers["hubspot"].vendor
    with monkeypatch.context() as patch:
        patch.setattr(hubspot, "handle", lambda request: Response("<html>down</html>", 503))
        world.run()
    assert world.numbers("contact") == {"salesforce": 1, "hubspot": 2, "zoho": 1}
    world.edit("hubspot", "contact", records["hubspot"], job_title="Chief")
    world.settle()
    assert set(world.numbers("contact").values()) == {1}


def test_where_deletes_are_ignored_the_others_stay_in_step(world: World, known: Known) -> None:
    world.configure({"contact": {"deletes": "ignore"}})
    world.remove("zoho", "contact", known["contact"]["zoho"])
    assert world.written(world.settle) == {}
    world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")
    world.settle()
    assert world.value("salesforce", "contact", known["contact"]["salesforce"],
                       "job_title") == "Chief"  # fmt: skip
    assert world.numbers("contact")["zoho"] == 0


def test_merged_records_hand_their_links_on(world: World, known: Known) -> None:
    row = {"last_name": "Rock", "first_name": "Rob", "email": "rob@x.example"}
    now = {"modified_at": world.clock.now().isoformat()}
    [other] = world.load("zoho", "contact", {**row, **now})
    world.settle()
    numbers = world.numbers("contact")
    loser = world.entity("contact", "zoho", other)
    survivor = world.merge("zoho", "contact", known["contact"]["zoho"], other)
    world.settle()
    assert world.entity("contact", "zoho", survivor) == world.entity(
        "contact", "hubspot", known["contact"]["hubspot"]
    )
    assert world.numbers("contact") == {**numbers, "zoho": numbers["zoho"] - 1}
    assert "zoho" not in world.records("contact", loser), "the merge is not undone"
    assert world.written(lambda: world.run(full=True)) == {}


def test_new_records_that_lost_their_twin_are_found_by_what_was_created(
    world: World, known: Known
) -> None:
    """The record a contact came from is deleted; one typed in anew is the same contact."""
    now = world.clock.now().isoformat()
    row = {"last_name": "Again", "email": "again@x.example", "modified_at": now}
    [first] = world.load("zoho", "contact", row)
    world.settle()
    entity = world.entity("contact", "zoho", first)
    world.remove("zoho", "contact", first)
    world.settle()
    [second] = world.load("zoho", "contact", {**row, "modified_at": world.clock.now().isoformat()})
    world.settle()
    assert world.entity("contact", "zoho", second) == entity
    assert set(world.numbers("contact").values()) == {2}


def test_a_create_whose_reply_was_lost_makes_one_record(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outbox forgot it as well: the record itself says whose it is."""
    from sync.engine.do import push as push_module

    [id] = world.load(
        "hubspot",
        "contact",
        {
            "last_name": "Nameless",
            "job_title": "Buyer",
            "modified_at": world.clock.now().isoformat(),
        },
    )

    def lost(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(push_module, "book", lost)
        with pytest.raises(KeyboardInterrupt):
            world.run()
    with session(world.engine) as store:
        store.execute(sa.delete(tables.outbox))
        store.commit()
    world.settle()
    entity = world.entity("contact", "hubspot", id)
    for vendor in VENDORS:
        rows = world.rows(vendor, "contact")
        names = [row.get("LastName") or row.get("lastname") or row.get("Last_Name")
                 for row in rows.values()]  # fmt: skip
        assert names.count("Nameless") <= 1, vendor
    assert len(set(world.links("contact").values())) == 2
    assert "hubspot" in world.records("contact", entity)


def test_a_record_deleted_while_we_write_to_it_leaves_no_problem_behind(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.engine import run as run_module

    world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")
    real, done = run_module.push, []

    def racing(wiring: object, object: str, **kinds: object) -> None:
        if object == "contact" and wiring.run == latest() and not done:
            queued = world_outbox()
            if queued:
                done.append(1)
                world.remove("zoho", "contact", known["contact"]["zoho"])
        real(wiring, object, **kinds)

    def latest() -> int:
        return max(row[0] for row in world.query(sa.select(tables.run.c.id)))

    def world_outbox() -> list[tuple[object, ...]]:
        return world.query(sa.select(tables.outbox.c.id))

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "push", racing)
        world.run()
    assert done
    world.settle()
    assert world.problems() == []
    assert world.numbers("contact")["zoho"] == 0
    with session(world.engine) as store:
        assert books.journal(store, "contact", actions=["gone"])
