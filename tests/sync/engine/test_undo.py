"""An undo puts back what a run wrote, leaves what people changed since, and can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from connectors.errors import Unavailable
from connectors.memory import Quirks
from sync.engine.run import Options
from sync.engine.undo import undo
from sync.settings import Limits
from sync.store import books, queues
from sync.store.database import session
from tests.stateful.accounts import NAMES
from tests.sync.engine.office import Office
from tests.sync.engine.world import Known
from tests.sync.engine.world import World as Sandboxes


@pytest.fixture
def office(database: Engine) -> Office:
    return Office(database)


@contextmanager
def right_is_down(office: Office, *calls: str) -> Iterator[None]:
    """The account on the right does not answer; or only not to these calls."""
    account = office.accounts["right"]
    usual = account.interfere

    def interfere(call: str, moment: str) -> None:
        if call in calls or not calls:
            raise Unavailable("right: no answer", connection="right")

    account.interfere = interfere
    yield
    account.interfere = usual


@pytest.fixture
def offices(sqlite_store: Callable[[], Engine]) -> Callable[[], Office]:
    """Makes as many as a test needs."""
    return lambda: Office(sqlite_store())


class TestFields:
    def test_a_change_goes_back_and_waits_for_a_person(self, office: Office) -> None:
        office.edit("left", job_title="Chief")
        run = office.sync().run
        assert set(office.held("job_title").values()) == {"Chief"}
        dry = office.undo(run, dry=True)
        assert [(w["connection"], w["fields"], w["before"]) for w in dry.planned] == [
            (name, {"job_title": "Buyer"}, {"job_title": "Chief"}) for name in ("middle", "right")
        ]
        assert set(office.held("job_title").values()) == {"Chief"}
        report = office.undo(run)
        assert (report.status, report.writes, report.kept) == ("done", 2, [])
        expected = {"left": "Chief", "middle": "Buyer", "right": "Buyer"}
        assert office.held("job_title") == expected
        assert office.agreed("job_title") == "Buyer"
        with session(office.engine) as store:
            [waiting] = books.conflicts(store, "waiting")
        assert waiting["rule"] == f"undone: run {run}"
        assert {c: v for c, _, v in waiting["candidates"]} == expected
        office.check_laws()
        office.sync(full=True)
        assert office.held("job_title") == expected

    def test_other_fields_flow_on(self, office: Office) -> None:
        office.edit("left", job_title="Chief")
        office.undo(office.sync().run)
        office.edit("left", first_name="Anna")
        office.settle()
        assert set(office.held("first_name").values()) == {"Anna"}
        assert office.held("job_title")["right"] == "Buyer"
        assert office.waiting_conflicts() == {("contact", office.entity, "job_title")}

    def test_a_later_change_ends_it_and_says_what_lost(self, office: Office) -> None:
        office.edit("left", job_title="Chief")
        office.undo(office.sync().run)
        office.edit("right", job_title="Director")
        run = office.sync().run
        assert set(office.held("job_title").values()) == {"Director"}
        assert office.waiting_conflicts() == set()
        with session(office.engine) as store:
            [line] = books.journal(store, "contact", run=run, actions=["merge"])
        losing = {c: v for c, _, v in line["detail"]["job_title"]["losing"]}
        assert losing == {"left": "Chief", "middle": "Buyer"}
        office.check_laws()

    def test_a_person_resolves_it(self, office: Office) -> None:
        office.edit("left", job_title="Chief")
        office.undo(office.sync().run)
        with session(office.engine) as store:
            [waiting] = books.conflicts(store, "waiting")
            books.set_conflict(store, waiting["id"], "resolved", "Chief")
            queues.touch(store, "contact", [office.entity])
            store.commit()
        office.settle()
        assert set(office.held("job_title").values()) == {"Chief"}
        office.check_laws()

    def test_they_agree_again(self, office: Office) -> None:
        office.edit("left", job_title="Chief")
        office.undo(office.sync().run)
        office.edit("left", job_title="Buyer")
        office.settle()
        assert set(office.held("job_title").values()) == {"Buyer"}
        assert office.waiting_conflicts() == set()
        office.check_laws()

    def test_what_somebody_changed_since_stays_and_is_listed(self, office: Office) -> None:
        office.edit("left", job_title="Chief", first_name="Anna")
        run = office.sync().run
        office.edit("middle", job_title="Director")
        report = office.undo(run)
        assert office.kept(report) == {("middle", "job_title")}
        assert office.held("job_title") == {
            "left": "Chief", "middle": "Director", "right": "Buyer",
        }  # fmt: skip
        assert office.held("first_name") == {"left": "Anna", "middle": None, "right": None}
        office.settle()
        assert set(office.held("job_title").values()) == {"Director"}
        office.check_laws()

    def test_a_later_run_wrote_over_it(self, office: Office) -> None:
        office.edit("left", job_title="Chief")
        run = office.sync().run
        office.edit("left", job_title="Director")
        office.sync()
        report = office.undo(run)
        assert report.writes == 0
        assert office.kept(report) == {("middle", "job_title"), ("right", "job_title")}
        assert set(office.held("job_title").values()) == {"Director"}

    def test_groups_go_back_together(self, office: Office) -> None:
        office.edit("left", street="2 Low St", city="York")
        run = office.sync().run
        office.edit("right", city="Bath")
        report = office.undo(run)
        assert office.kept(report) == {("right", "street"), ("right", "city")}
        assert office.held("street")["middle"] == "1 High St"
        assert office.held("city") == {"left": "York", "middle": "Leeds", "right": "Bath"}

    def test_sets_and_clears(self, office: Office) -> None:
        office.edit("left", interests=("events", "pricing"), job_title=None)
        run = office.sync().run
        assert set(office.held("interests").values()) == {("events", "pricing")}
        office.undo(run)
        assert office.held("interests") == {
            "left": ("events", "pricing"), "middle": ("events",), "right": ("events",),
        }  # fmt: skip
        assert office.held("job_title") == {"left": None, "middle": "Buyer", "right": "Buyer"}
        office.check_laws()
        office.edit("right", interests=("events", "support"))
        office.settle()
        assert set(office.held("interests").values()) == {("events", "pricing", "support")}

    def test_an_opt_out_counts_though_its_spreading_is_undone(self, office: Office) -> None:
        office.edit("left", email_opt_out=True)
        office.undo(office.sync().run)
        assert office.held("email_opt_out")["right"] is not True
        assert office.agreed("email_opt_out") is True
        office.check_laws()

    def test_what_was_there_when_records_were_first_linked_goes_back(self, office: Office) -> None:
        office.pass_time(1)
        office.accounts["left"].create("contact", {"last_name": "Bo", "email": "bo@b.example"})
        record = office.accounts["right"].create(
            "contact", {"last_name": "Bo", "email": "bo@b.example", "job_title": "Cook"}
        )
        run = office.sync().run
        report = office.undo(run)
        assert report.status == "done"
        [entity] = [e for e, r in office.links("contact").items() if r.get("right") == record]
        assert office.links("contact")[entity].keys() == {"left", "right"}
        assert office.merged("contact")[entity].fields["job_title"] == "Cook"
        office.check_laws()


class TestRecords:
    def test_what_was_created_is_archived_and_not_created_again(self, office: Office) -> None:
        office.pass_time(1)
        office.accounts["left"].create("contact", {"last_name": "Bo", "email": "bo@b.example"})
        run = office.sync().run
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 2, 2]
        office.undo(run)
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 1, 1]
        office.check_laws()
        office.sync(full=True)
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 1, 1]

    def test_what_a_person_works_on_is_left(self, office: Office) -> None:
        office.pass_time(1)
        office.accounts["left"].create("contact", {"last_name": "Bo", "email": "bo@b.example"})
        run = office.sync().run
        [made] = office.accounts["right"].live("contact").keys() - {office.ann["right"]}
        office.pass_time(1)
        office.accounts["right"].edit("contact", made, {"job_title": "Cook"})
        report = office.undo(run)
        assert [(k["connection"], k["record"], k["field"]) for k in report.kept] == [
            ("right", made, "")
        ]
        assert made in office.accounts["right"].live("contact")
        assert len(office.accounts["middle"].live("contact")) == 1

    def test_what_a_person_merged_another_record_into_is_left(self, office: Office) -> None:
        office.pass_time(1)
        office.accounts["left"].create("contact", {"last_name": "Bob", "email": "bob@acme.example"})
        run = office.sync().run
        right = office.accounts["right"]
        [copy] = right.live("contact").keys() - {office.ann["right"]}
        own = right.create("contact", {"last_name": "Bob"})
        office.pass_time(1)
        right.merge("contact", copy, own)
        report = office.undo(run)
        assert office.kept(report) == {("right", "")}
        assert copy in right.live("contact")
        office.settle()
        office.check_laws()

    def test_what_a_person_brought_back_is_listed(self, office: Office) -> None:
        office.pass_time(1)
        office.accounts["left"].create("contact", {"last_name": "Bob", "email": "bob@acme.example"})
        run = office.sync().run
        right = office.accounts["right"]
        [copy] = right.live("contact").keys() - {office.ann["right"]}
        office.undo(run)
        assert copy not in right.live("contact")
        office.pass_time(1)
        right.restore("contact", copy)
        assert office.kept(office.undo(run)) == {("right", "")}
        assert copy in right.live("contact")

    def test_of_a_copy_brought_back_beside_a_new_one_no_copies_are_made(
        self, office: Office
    ) -> None:
        office.pass_time(1)
        office.accounts["left"].create("contact", {"last_name": "Bob", "email": "bob@acme.example"})
        run = office.sync().run
        right = office.accounts["right"]
        [copy] = right.live("contact").keys() - {office.ann["right"]}
        office.undo(office.undo(run).run)
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 2, 2]
        office.pass_time(1)
        right.restore("contact", copy)
        office.settle()
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 2, 3]

    def test_what_was_archived_is_made_again_with_its_references(self, database: Engine) -> None:
        office = Office(database)
        office.choose(deletes="archive")
        office.pass_time(1)
        office.accounts["left"].remove("contact", office.ann["left"])
        run = office.sync().run
        assert [len(a.live("contact")) for a in office.accounts.values()] == [0, 0, 0]
        assert office.merged("contact")[office.entity].archived
        office.undo(run)
        assert [len(a.live("contact")) for a in office.accounts.values()] == [0, 1, 1]
        office.ann = office.links("contact")[office.entity]
        assert office.held("job_title") == {"middle": "Buyer", "right": "Buyer"}
        [companies] = office.links("company").values()
        assert office.held("company") == {name: companies[name] for name in ("middle", "right")}
        assert not office.merged("contact")[office.entity].archived
        office.check_laws()

    def test_first_contacts_then_their_companies_are_archived(self, office: Office) -> None:
        office.pass_time(1)
        left = office.accounts["left"]
        company = left.create("company", {"name": "Beta", "domain": "beta.example"})
        office.edit("left", company=company)
        run = office.sync().run
        seen: list[str] = []
        for name, account in office.accounts.items():

            def told(call: str, moment: str, name: str = name) -> None:
                if call == "push" and moment == "after" and name == "right":
                    seen.append(
                        str(
                            [
                                len(office.accounts[name].live("company")),
                                office.held("company")[name],
                            ]
                        )
                    )

            account.interfere = told
        office.undo(run)
        [acme] = [r for r in office.links("company").values() if r.keys() == set(NAMES)]
        assert office.held("company")["right"] == acme["right"]
        assert seen == [f"[2, '{acme['right']}']", f"[1, '{acme['right']}']"]


class TestUndoneAgain:
    def test_undo_of_an_undo_restores_and_closes_the_conflict(self, office: Office) -> None:
        office.edit("left", job_title="Chief", city="York")
        undone = office.undo(office.sync().run).run
        report = office.undo(undone)
        assert report.writes == 2
        assert set(office.held("job_title").values()) == {"Chief"}
        assert set(office.held("city").values()) == {"York"}
        assert office.agreed("job_title") == "Chief"
        assert office.waiting_conflicts() == set()
        office.check_laws()
        office.undo(report.run)
        assert office.held("job_title")["right"] == "Buyer"
        assert office.agreed("job_title") == "Buyer"
        office.check_laws()

    def test_created_records_come_back_under_new_ids(self, office: Office) -> None:
        office.pass_time(1)
        office.accounts["left"].create("contact", {"last_name": "Bo", "email": "bo@b.example"})
        undone = office.undo(office.sync().run).run
        office.undo(undone)
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 2, 2]
        office.check_laws()

    def test_twice_is_once(self, office: Office) -> None:
        office.edit("left", job_title="Chief")
        office.accounts["left"].create("contact", {"last_name": "Bo", "email": "bo@b.example"})
        run = office.sync().run
        office.undo(run)
        for _ in range(2):
            again = office.undo(run)
            assert (again.writes, again.kept, again.status) == (0, [], "done")
            office.settle()

    def test_renditions_are_nobodys_change(self, database: Engine) -> None:
        short = {"job_title": lambda value: str(value)[:4].strip() or None}
        office = Office(database, middle=Quirks(renditions=short))
        office.edit("left", job_title="Director")
        office.settle()
        office.edit("left", job_title="Chief of all")
        run = office.sync().run
        office.sync()
        undone = office.undo(run)
        assert undone.kept == []
        expected = {"left": "Chief of all", "middle": "Dire", "right": "Director"}
        assert office.held("job_title") == expected
        office.check_laws()
        office.undo(undone.run)
        assert set(office.held("job_title").values()) == {"Chief of all", "Chie"}
        assert office.waiting_conflicts() == set()
        office.check_laws()


class TestTrouble:
    def story(self, office: Office) -> int:
        """A run that changes a field, creates records and writes an address."""
        office.edit("left", job_title="Chief", city="York")
        office.accounts["left"].create("contact", {"last_name": "Bo", "email": "bo@b.example"})
        return office.sync().run

    def state(self, office: Office) -> tuple[Any, ...]:
        office.settle()
        office.check_laws()
        return (
            office.held("job_title"), office.held("city"), office.agreed("job_title"),
            [len(a.live("contact")) for a in office.accounts.values()],
            office.waiting_conflicts(),
        )  # fmt: skip

    @pytest.mark.parametrize("kind", ["before commit", "before call", "after call"])
    def test_killed_anywhere_the_next_run_goes_on(
        self, offices: Callable[[], Office], kind: str
    ) -> None:
        office = offices()
        office.undo(self.story(office))
        expected = self.state(office)
        begun = 0
        for at in range(1, 90, 4 if kind == "before commit" else 1):  # commits are many, and alike
            office = offices()
            run = self.story(office)
            if not office.crash(at, kind, lambda o=office, r=run: o.undo(r)):
                break
            with session(office.engine) as store:
                unsent = queues.outbox(store, status=("pending", "sending"))
            if unsent:
                begun += 1
                assert self.state(office) == expected, f"died at {kind} {at}"
            else:
                office.undo(run)
                assert self.state(office) == expected, f"died at {kind} {at}, then undone again"
        else:
            raise AssertionError("an undo never comes to its end")
        assert begun, "it never died in the middle"

    def test_an_account_that_is_down_is_undone_later(self, office: Office) -> None:
        run = self.story(office)
        with right_is_down(office):
            report = office.undo(run)
            assert report.status == "problems"
            assert "right" in report.errors
            assert office.held("job_title") == {
                "left": "Chief", "middle": "Buyer", "right": "Chief",
            }  # fmt: skip
            office.sync()
        office.undo(run)
        assert office.held("job_title")["right"] == "Buyer"
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 1, 1]
        office.check_laws()

    def test_an_account_that_goes_down_in_the_middle_gets_it_later(self, office: Office) -> None:
        run = self.story(office)
        with right_is_down(office, "push"):
            office.undo(run)
            office.edit("left", first_name="Anna")
            office.sync()  # decides on Ann while what goes back is still on its way
            assert office.held("job_title")["right"] == "Chief"
        office.settle()
        assert office.held("job_title") == {
            "left": "Chief", "middle": "Buyer", "right": "Buyer",
        }  # fmt: skip
        assert set(office.held("first_name").values()) == {"Anna"}
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 1, 1]
        office.check_laws()

    def test_a_person_comes_before_what_is_on_its_way(self, office: Office) -> None:
        run = self.story(office)
        with right_is_down(office, "push"):
            office.undo(run)
            office.edit("right", job_title="Director")
            office.sync()
        office.settle()
        assert set(office.held("job_title").values()) == {"Director"}
        assert office.held("city")["right"] == "Leeds"
        office.check_laws()

    def test_what_a_stopped_run_did_not_write_is_not_written(self, office: Office) -> None:
        with right_is_down(office, "push"):
            run = self.story(office)
        office.undo(run)
        assert office.held("job_title") == {
            "left": "Chief", "middle": "Buyer", "right": "Buyer",
        }  # fmt: skip
        assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 1, 1]
        office.check_laws()

    def test_no_limit_holds_an_undo(self, office: Office) -> None:
        run = self.story(office)
        office.choose(limits=Limits(create=0, update=0, archive=0))
        assert office.undo(run).status == "done"
        assert office.held("job_title")["right"] == "Buyer"

    def test_no_such_run(self, office: Office) -> None:
        with pytest.raises(LookupError):
            office.undo(999)


def test_a_record_brought_back_and_edited_meanwhile_keeps_the_edit(office: Office) -> None:
    """Undone, the undo finds the record that it is to make again."""
    right = office.accounts["right"]
    office.pass_time(1)
    office.accounts["left"].create("contact", {"last_name": "Bob", "email": "bob@acme.example"})
    run = office.sync().run
    [made] = set(right.live("contact")) - {office.ann["right"]}
    undone = office.undo(run).run
    office.pass_time(1)
    right.restore("contact", made)
    right.edit("contact", made, {"mobile": "+66812345678"})
    office.undo(undone)
    office.settle()
    [bob] = (links for links in office.links("contact").values() if links != office.ann)
    assert bob["right"] == made
    for name, record in bob.items():
        held = office.accounts[name].live("contact")[record].values
        assert held.get("mobile") == "+66812345678", name
    office.check_laws()


def test_on_three_vendors(world: Sandboxes, known: Known) -> None:
    def back(run: int) -> Any:
        world.clock.advance(60)
        options = Options(clock=world.clock.now)
        return undo(world.engine, world.settings, Path("."), run, options)

    contact, deal = known["contact"], known["deal"]
    before = world.values("deal", deal, "stage")
    world.edit("salesforce", "contact", contact["salesforce"], job_title="Chief")
    world.edit("hubspot", "deal", deal["hubspot"], stage="closedwon", amount="77.5")
    [fresh] = world.load(
        "zoho", "contact", {"email": "new@other.example", "last_name": "Neu",
                            "company": known["company"]["zoho"],
                            "modified_at": world.clock.now().isoformat()},
    )  # fmt: skip
    run = world.run().run
    assert world.numbers("contact") == {"salesforce": 2, "hubspot": 2, "zoho": 2}
    undone = back(run)
    assert (undone.status, undone.kept) == ("done", [])
    assert world.values("contact", contact, "job_title") == {
        "salesforce": "Chief", "hubspot": "Buyer", "zoho": "Buyer",
    }  # fmt: skip
    stages = world.values("deal", deal, "stage")
    assert stages == {**before, "hubspot": "closedwon"}
    assert float(world.value("zoho", "deal", deal["zoho"], "amount")) == 1000
    assert world.numbers("contact") == {"salesforce": 1, "hubspot": 1, "zoho": 2}
    assert world.written(world.run) == {}
    assert world.written(lambda: world.run(full=True)) == {}
    back(undone.run)
    world.settle()
    assert set(world.values("contact", contact, "job_title").values()) == {"Chief"}
    assert float(world.value("zoho", "deal", deal["zoho"], "amount")) == 77.5
    records = world.records("contact", world.entity("contact", "zoho", fresh))
    assert world.values("contact", records, "company") == known["company"]
    with session(world.engine) as store:
        assert books.conflicts(store, "waiting") == []
