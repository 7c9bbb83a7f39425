"""What a run must not do: go past its limits, believe an empty listing, write in a dry run."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors.base import Page, Record
from connectors.errors import Unavailable
from sync.engine import run as run_module
from sync.settings import Limits
from sync.store import books, doubts, problems, queues, tables
from sync.store.database import session
from tests.sync.engine.office import Office
from tests.sync.engine.world import VENDORS, Known, World


def add(world: World, vendor: str, count: int, start: int = 0) -> list[str]:
    """New contacts, made just now."""
    now = world.clock.now().isoformat()
    return world.load(
        vendor,
        "contact",
        *(
            {"last_name": f"Person {n}", "email": f"p{n}@many.example", "modified_at": now}
            for n in range(start, start + count)
        ),
    )


def contents(world: World) -> dict[str, Any]:
    """Every row of the store but those of leases and of calls made, by table."""
    return {
        name: sorted(map(repr, world.query(sa.select(table))))
        for name, table in tables.metadata.tables.items()
        if name not in ("lease", "spend")
    }


class TestDryRuns:
    def test_it_stores_nothing_and_prints_what_the_next_run_does(
        self, world: World, known: Known
    ) -> None:
        add(world, "hubspot", 2)
        world.edit("zoho", "contact", known["contact"]["zoho"], job_title="Chief")
        before = contents(world)
        dry: list[Any] = []
        assert world.written(lambda: dry.append(world.run(dry=True))) == {}
        assert contents(world) == before
        planned = dry[0].planned
        assert len(planned) == 2 * 2 + 2
        real = world.run()
        assert real.writes == len(planned)
        with session(world.engine) as store:
            done = books.journal(store, run=real.run, actions=["create", "update", "archive"])

        def told(kind: str, fields: Any, row: Any) -> tuple[Any, ...]:
            return kind, row["connection"], row["object"], row["entity"], repr(fields)

        assert sorted(told(e["action"], e["detail"]["fields"], e) for e in done) == sorted(
            told(w["kind"], w["fields"], w) for w in planned
        )

    def test_apply_does_exactly_the_plan_once(self, world: World, known: Known) -> None:
        add(world, "hubspot", 1)
        planned = world.run(dry=True).planned
        world.edit("zoho", "company", known["company"]["zoho"], name="Acme Tools Ltd")
        shuffled = [dict(reversed(write.items())) for write in reversed(planned)]
        report = world.run(only=shuffled)
        assert report.refused == []
        assert report.writes == len(planned)
        assert set(world.values("company", known["company"], "name").values()) == {
            "Acme Tools",
            "Acme Tools Ltd",
        }, "what is not in the plan is not written"
        again = world.run(only=planned)
        assert (again.writes, again.already, again.refused) == (0, len(planned), [])
        world.run()
        assert set(world.values("company", known["company"], "name").values()) == {"Acme Tools Ltd"}

    def test_apply_refuses_what_has_changed_since(self, world: World, known: Known) -> None:
        world.edit("zoho", "contact", known["contact"]["zoho"], job_title="Chief")
        planned = world.run(dry=True).planned
        world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Boss")
        report = world.run(only=planned)
        assert report.writes == 0
        assert report.refused == planned


class TestLimits:
    @pytest.fixture
    def tight(self, world: World, known: Known) -> World:
        world.configure({"contact": {"limits": {"create": 3}}})
        return world

    def test_past_a_limit_nothing_is_written_until_it_is_approved(self, tight: World) -> None:
        add(tight, "zoho", 4)
        report: list[Any] = []
        assert tight.written(lambda: report.append(tight.run())) == {}
        held = report[0]
        assert held.status == "held"
        assert "4 contacts in hubspot (limit 3)" in held.held
        assert tight.written(tight.run) == {}, "the next run does not release it"
        with session(tight.engine) as store:
            waiting = queues.outbox(store, status=("held",), run=held.run)
            assert len(waiting) == 8
            queues.set_status(store, [queued.id for queued in waiting], "pending")
            store.commit()
        tight.run()
        assert set(tight.numbers("contact").values()) == {5}
        assert tight.written(tight.run) == {}

    def test_at_the_limit_it_is_written(self, tight: World) -> None:
        add(tight, "zoho", 3)
        assert tight.run().status == "done"
        assert set(tight.numbers("contact").values()) == {4}

    def test_a_run_cut_off_before_the_check_slips_nothing_through(
        self, tight: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cut(wiring: Any, planned: Any) -> str:
            raise KeyboardInterrupt

        add(tight, "zoho", 4)
        with monkeypatch.context() as patch:
            patch.setattr(run_module, "over_limits", cut)
            with pytest.raises(KeyboardInterrupt):
                tight.run()
        report: list[Any] = []
        assert tight.written(lambda: report.append(tight.run())) == {}
        assert report[0].status == "held"

    def test_a_run_cut_off_after_the_check_still_waits_for_a_person(
        self, tight: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cut(*arguments: Any, begun: bool = False) -> None:
            if not begun:
                raise KeyboardInterrupt

        add(tight, "zoho", 4)
        with monkeypatch.context() as patch:
            patch.setattr(run_module, "do", cut)
            # Not even the books can be closed: the process is gone.
            patch.setattr(run_module.books, "finish_run", cut)
            with pytest.raises(KeyboardInterrupt):
                tight.run()
        assert tight.written(tight.run) == {}
        with session(tight.engine) as store:
            [held] = [row for row in books.runs(store) if row["status"] == "held"]
            waiting = queues.outbox(store, status=("held",), run=held["id"])
            assert len(waiting) == 8
            queues.set_status(store, [queued.id for queued in waiting], "pending")
            store.commit()
        tight.settle()
        assert set(tight.numbers("contact").values()) == {5}

    def test_approving_late_brings_no_old_value_back(self, tight: World) -> None:
        ids = add(tight, "zoho", 4)
        held = tight.run()
        tight.edit("zoho", "contact", ids[0], last_name="Renamed")
        tight.run()
        with session(tight.engine) as store:
            waiting = queues.outbox(store, status=("held",), run=held.run)
            queues.set_status(store, [queued.id for queued in waiting], "pending")
            store.commit()
        tight.settle()
        records = tight.records("contact", tight.entity("contact", "zoho", ids[0]))
        assert records.keys() == set(VENDORS)
        assert set(tight.values("contact", records, "last_name").values()) == {"Renamed"}


def test_what_a_person_let_through_is_not_asked_again(database: Engine) -> None:
    """Although it is decided again in each run, as long as another account cannot be read."""
    office = Office(database)
    office.choose(limits=Limits(create=0, update=0, archive=0))
    office.pass_time(1)
    office.accounts["left"].create("contact", {"last_name": "Bob", "email": "bob@acme.example"})

    def down(call: str, moment: str) -> None:
        raise Unavailable("right: no answer", connection="right")

    office.accounts["right"].interfere = down
    held = office.sync()
    assert held.status == "held"
    with session(office.engine) as store:
        waiting = queues.outbox(store, status=("held",), run=held.run)
        queues.set_status(store, [queued.id for queued in waiting], "pending")
        store.commit()
    report = office.sync()
    assert (report.held, report.writes) == ("", 1)
    assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 2, 1]
    office.pass_time(1)
    office.edit("left", job_title="Chief")
    assert office.sync().status == "held", "what nobody let through is"


class TestShares:
    def test_too_large_a_share_of_an_account_is_not_archived(
        self, world: World, known: Known
    ) -> None:
        world.configure({"contact": {"deletes": "archive", "limits": {"archive_share": 0.3}}})
        ids = add(world, "zoho", 49)
        world.settle()
        for id in ids[:25]:
            world.remove("zoho", "contact", id)
        report: list[Any] = []
        assert world.written(lambda: report.append(world.run())) == {}
        assert report[0].status == "held"
        assert "archive 25 contacts in hubspot, which has 50 (limit 30% of them)" in report[0].held

    def test_a_few_records_are_never_too_large_a_share(self, world: World, known: Known) -> None:
        limits = {"create_share": 0.1, "update_share": 0.1, "archive_share": 0.1}
        world.configure({"contact": {"deletes": "archive", "limits": limits}})
        add(world, "zoho", 20)
        assert world.run().status == "done"
        assert set(world.numbers("contact").values()) == {21}

    def test_what_was_let_through_goes_although_the_next_run_is_held(
        self, world: World, known: Known
    ) -> None:
        world.configure({"contact": {"limits": {"create": 3}}})
        add(world, "zoho", 4)
        held = world.run()
        with session(world.engine) as store:
            waiting = queues.outbox(store, status=("held",), run=held.run)
            queues.set_status(store, [queued.id for queued in waiting], "pending")
            store.commit()
        add(world, "zoho", 5, start=10)
        again = world.run()
        assert again.status == "held"
        assert "create 5 contacts" in again.held
        assert world.numbers("contact") == {"zoho": 10, "salesforce": 5, "hubspot": 5}


class TestListings:
    def test_an_almost_empty_listing_is_not_believed(
        self, world: World, known: Known, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from connectors.zoho.connector import ZohoConnector

        add(world, "zoho", 25)
        world.settle()
        world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")

        def nothing(self: Any, object: str, fields: Any, since: Any) -> Any:
            return iter([Page((), cursor='{"none":true}', last=True)])

        report: list[Any] = []
        with monkeypatch.context() as patch:
            patch.setattr(ZohoConnector, "pull", nothing)
            written = world.written(lambda: report.append(world.run(full=True)))
        assert written == {}
        assert report[0].status == "held"
        assert "zoho lists only 0 of 26" in report[0].held
        assert len(world.links("contact")) == 26 * 3

    @pytest.fixture
    def crowd(self, world: World, known: Known) -> World:
        """Enough contacts for a listing to be doubted."""
        world.configure({"contact": {"deletes": "archive", "limits": {"archive_share": None}}})
        add(world, "salesforce", 25)
        world.settle()
        return world

    def hold(self, crowd: World, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        """Salesforce shows our user no contact any more: neither lists nor single records."""
        from connectors.salesforce.connector import SalesforceConnector

        real = SalesforceConnector.pull

        def nothing(self: Any, object: str, fields: Any, since: Any) -> Any:
            for page in real(self, object, fields, since):
                records = () if object == "Contact" else page.records
                yield Page(records, page.cursor, page.last, page.expected)

        def hidden(self: Any, object: str, ids: Any, fields: Any) -> Any:
            now = crowd.clock.now()
            return [Record(object, id, {}, "", now, deleted=True, certain=False) for id in ids]

        monkeypatch.setattr(SalesforceConnector, "pull", nothing)
        monkeypatch.setattr(SalesforceConnector, "fetch", hidden)
        return monkeypatch

    def test_a_source_that_lists_nothing_is_held_until_it_lists_again(
        self, crowd: World, known: Known, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            self.hold(crowd, patch)
            first: list[Any] = []
            assert crowd.written(lambda: first.append(crowd.run(full=True))) == {}
            assert first[0].status == "held"
            crowd.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")
            for _ in range(2):
                later: list[Any] = []
                assert crowd.written(lambda runs=later: runs.append(crowd.run())) == {}
                assert later[0].status == "held"
                assert "salesforce lists only 0 of 26" in later[0].held
            assert len(crowd.links("contact")) == 26 * 3
        crowd.run()
        assert crowd.run().status == "done", "one call told that it was worth reading all again"
        held = crowd.values("contact", known["contact"], "job_title")
        assert set(held.values()) == {"Chief"}
        assert set(crowd.numbers("contact").values()) == {26}
        assert crowd.journal("listing listed again")

    def test_a_person_can_say_that_the_records_were_deleted(
        self, crowd: World, known: Known, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            self.hold(crowd, patch)
            held = crowd.run(full=True)
            with session(crowd.engine) as store:
                doubts.approve(store, doubts.open_since(store, held.run))
                store.commit()
            crowd.run()
            assert crowd.numbers("contact")["hubspot"] < 26, "the delete travels, as is set"
            assert not [place for place in crowd.links("contact") if place[0] == "salesforce"]

    def test_a_record_that_is_merely_not_shown_is_not_taken_for_deleted(
        self, crowd: World, known: Known
    ) -> None:
        """Salesforce says nothing at all of a record that is not shared with us."""
        server = crowd.servers["salesforce"]
        vendor: Any = server.vendor
        [id, *_] = [record for name, record in crowd.links("contact") if name == "salesforce"]
        with vendor.lock:
            columns = [row[1] for row in vendor.store.db.execute('PRAGMA table_info("Contact")')]
            row = vendor.store.db.execute('SELECT * FROM "Contact" WHERE Id = ?', (id,)).fetchone()
            vendor.store.db.execute('DELETE FROM "Contact" WHERE Id = ?', (id,))
        report: list[Any] = []
        assert crowd.written(lambda: report.append(crowd.run(full=True))) == {}
        [problem] = crowd.problems()
        assert (problem["cause"], problem["record"]) == ("hidden", id)
        with session(crowd.engine) as store:
            problems.set_status(store, [problem["id"]], "retried")
            store.commit()
        crowd.run()
        assert [p["id"] for p in crowd.problems()] == [problem["id"]], "still hidden"
        assert ("salesforce", id) in crowd.links("contact")
        with vendor.lock:
            marks = ", ".join("?" for _ in columns)
            vendor.store.db.execute(f'INSERT INTO "Contact" VALUES ({marks})', tuple(row))
        assert crowd.written(lambda: crowd.run(full=True)) == {}
        assert crowd.problems() == []

    def test_a_record_that_a_full_listing_lacks_is_asked_for(
        self, world: World, known: Known, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its deletion was never reported: the cursor was lost, or the vendor forgot it."""
        from connectors.zoho.connector import ZohoConnector

        [id] = add(world, "zoho", 1)
        world.settle()
        world.remove("zoho", "contact", id)
        real = ZohoConnector.pull

        def silent(self: Any, object: str, fields: Any, since: Any) -> Any:
            for page in real(self, object, fields, since):
                live = tuple(record for record in page.records if not record.deleted)
                yield Page(live, page.cursor, page.last, page.expected)

        monkeypatch.setattr(ZohoConnector, "pull", silent)
        world.run()
        assert ("zoho", id) in world.links("contact")
        world.run(full=True)
        assert ("zoho", id) not in world.links("contact")
        assert world.written(world.settle) == {}
