"""Runs on the sandboxes: what travels, what does not, and that a settled world is quiet."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from werkzeug.wrappers import Response

from connectors.sandbox.demo import Dataset, generate
from connectors.sandbox.server import Server
from sync.settings import SYNCED
from sync.store import books, queues, tables
from sync.store.database import session
from tests.sync.engine.world import START, VENDORS, Known, World, native

UNICODE = [
    "ผู้จัดการฝ่ายขาย กำลังซื้อ น้ำ",
    "مدیر فروش می‌خواهد ۱۲۳",
    "👩‍🔧 Zoë & <b>'Ω'</b> \\ 100%",
]


@cache
def demo() -> Dataset:
    """The same demo data for every test that wants some."""
    return generate(seed=3, contacts=40, now=START)


def fill(world: World) -> None:
    """Load the demo data."""
    for vendor in world.vendors:
        for object, rows in demo().rows[vendor].items():
            world.servers[vendor].vendor.load(object, rows)


class TestFirstRun:
    @pytest.fixture
    def crowd(self, servers: dict[str, Server], database: Engine) -> World:
        world = World(servers, database)
        fill(world)
        world.connect()
        return world

    def test_links_creates_and_is_quiet_ever_after(self, crowd: World) -> None:
        first = crowd.run()
        assert first.status in ("done", "problems")
        assert first.writes > 100
        for object in SYNCED:
            links = crowd.links(object)
            truth = demo().truth[object]
            told: dict[str, set[str]] = {}
            for (vendor, record), entity in links.items():
                if record in truth[vendor]:
                    told.setdefault(entity, set()).add(truth[vendor][record])
            assert all(len(real) == 1 for real in told.values()), "two real things in one entity"
            places = [(entity, vendor) for (vendor, _), entity in links.items()]
            assert len(places) == len(set(places)), "an entity with two records of a connection"
            live = {(v, id) for v in VENDORS for id in crowd.rows(v, object)}
            assert links.keys() == live, "every record is linked, and nothing else"
        problems = {(p["connection"], p["object"], p["entity"]) for p in crowd.problems()}
        for object in SYNCED:
            for entity in set(crowd.links(object).values()):
                here = crowd.records(object, entity)
                for vendor in set(VENDORS) - here.keys():
                    assert (vendor, object, entity) in problems, "missing without a reason"
        assert crowd.written(crowd.settle) == {}
        assert crowd.written(lambda: crowd.run(full=True)) == {}
        self.agree(crowd)

    def agree(self, crowd: World) -> None:
        """Members hold the same, except where a problem says why not."""
        reported = {(p["connection"], p["entity"]) for p in crowd.problems()}
        for object, names in {
            "contact": ("first_name", "last_name", "job_title"),
            "company": ("name", "employees", "city"),
        }.items():
            rows = {vendor: crowd.rows(vendor, object) for vendor in VENDORS}
            links = crowd.links(object)
            for name in names:
                held: dict[str, set[str]] = {}
                for (vendor, record), entity in links.items():
                    if (vendor, entity) not in reported:
                        value = rows[vendor][record][native(vendor, object, name)]
                        held.setdefault(entity, set()).add(str(value or ""))
                assert {e: v for e, v in held.items() if len(v) > 1} == {}, (object, name)


class TestEverybodysEdits:
    """One after the other, each vendor's people change something."""

    def test_an_edit_reaches_the_others_and_only_them(self, world: World, known: Known) -> None:
        for editor in VENDORS:
            world.edit(editor, "contact", known["contact"][editor], job_title=f"By {editor}")
            written = world.written(world.run)
            assert written.keys() == set(VENDORS) - {editor}
            held = world.values("contact", known["contact"], "job_title")
            assert set(held.values()) == {f"By {editor}"}
            assert world.written(world.run) == {}

    def test_a_clear_travels(self, world: World, known: Known) -> None:
        for editor in VENDORS:
            world.edit(editor, "contact", known["contact"][editor], job_title=None)
            world.run()
            assert set(world.values("contact", known["contact"], "job_title").values()) == {None}
            assert world.written(world.run) == {}
            world.edit(editor, "contact", known["contact"][editor], job_title="Buyer")
            world.run()

    def test_any_unicode_passes_unchanged(self, world: World, known: Known) -> None:
        for editor, text in zip(VENDORS, UNICODE, strict=True):
            world.edit(editor, "contact", known["contact"][editor], job_title=text)
            world.run()
            assert set(world.values("contact", known["contact"], "job_title").values()) == {text}
        assert world.written(world.run) == {}

    def test_money_is_exact(self, world: World, known: Known) -> None:
        for editor, amount in zip(VENDORS, ("9999999999.99", "0.01", "1234567.89"), strict=True):
            world.edit(editor, "deal", known["deal"][editor], amount=amount)
            world.run()
            held = world.values("deal", known["deal"], "amount")
            assert {Decimal(str(value)) for value in held.values()} == {Decimal(amount)}
        assert world.written(world.run) == {}


@pytest.mark.parametrize("editor", VENDORS)
class TestEdits:
    def test_a_hidden_field_clears_nothing_and_is_not_written(
        self, world: World, known: Known, editor: str
    ) -> None:
        world.hide(editor, "contact", "job_title")
        world.edit(editor, "contact", known["contact"][editor], first_name="Robert")
        written = world.written(world.run)
        assert written.keys() == set(VENDORS) - {editor}
        assert world.written(lambda: world.run(full=True)) == {}
        assert set(world.values("contact", known["contact"], "job_title").values()) == {"Buyer"}
        assert set(world.values("contact", known["contact"], "first_name").values()) == {"Robert"}

    def test_deal_stage_and_ticket_status_travel(
        self, world: World, known: Known, editor: str
    ) -> None:
        won = {"salesforce": "Closed Won", "hubspot": "closedwon", "zoho": "Closed Won"}
        closed = {"salesforce": "Closed", "hubspot": "4", "zoho": "Closed"}
        world.edit(editor, "deal", known["deal"][editor], stage=won[editor])
        world.edit(editor, "ticket", known["ticket"][editor], status=closed[editor])
        world.run()
        assert world.values("deal", known["deal"], "stage") == won
        assert world.values("ticket", known["ticket"], "status") == closed
        assert world.written(world.settle) == {}
        entity = world.entity("deal", editor, known["deal"][editor])
        assert world.fields("deal", entity)["status"] == "won"

    def test_a_new_record_is_created_elsewhere_with_its_references(
        self, world: World, known: Known, editor: str
    ) -> None:
        [id] = world.load(
            editor,
            "contact",
            {
                "email": "new@other.example",
                "last_name": "Neu",
                "company": known["company"][editor],
                "owner": known["user"][editor],
                "modified_at": world.clock.now().isoformat(),
            },
        )
        world.run()
        records = world.records("contact", world.entity("contact", editor, id))
        assert records.keys() == set(VENDORS)
        assert world.values("contact", records, "company") == known["company"]
        assert world.values("contact", records, "owner") == known["user"]
        assert world.written(world.run) == {}

    def test_company_of_a_contact_changes_everywhere(
        self, world: World, known: Known, editor: str
    ) -> None:
        [id] = world.load(
            editor,
            "company",
            {"name": "Beta", "domain": "beta.example",
             "modified_at": world.clock.now().isoformat()},
        )  # fmt: skip
        world.edit(editor, "contact", known["contact"][editor], company=id)
        world.settle()
        companies = world.records("company", world.entity("company", editor, id))
        assert world.values("contact", known["contact"], "company") == companies
        assert world.written(world.run) == {}


class TestOwners:
    def test_an_owner_known_in_one_account_only_is_left_alone(
        self, world: World, known: Known
    ) -> None:
        [solo] = world.load(
            "hubspot",
            "user",
            {"firstName": "Only", "lastName": "Here", "email": "only@ours.example"},
        )
        world.edit("hubspot", "contact", known["contact"]["hubspot"], owner=solo)
        assert world.written(world.run) == {}
        assert world.written(lambda: world.run(full=True)) == {}
        owners = world.values("contact", known["contact"], "owner")
        assert owners == {**known["user"], "hubspot": solo}
        assert world.problems() == []

    def test_a_shared_owner_travels(self, world: World, known: Known) -> None:
        rows: dict[str, dict[str, Any]] = {
            "salesforce": {"Name": "Nok Dee", "Email": "nok@ours.example", "IsActive": True},
            "hubspot": {"firstName": "Nok", "lastName": "Dee", "email": "nok@ours.example"},
            "zoho": {"full_name": "Nok Dee", "email": "NOK@ours.example", "status": "active"},
        }
        users = {vendor: world.load(vendor, "user", rows[vendor])[0] for vendor in VENDORS}
        world.edit("zoho", "deal", known["deal"]["zoho"], owner=users["zoho"])
        world.settle()
        assert world.values("deal", known["deal"], "owner") == users
        assert world.written(world.run) == {}


class TestConflicts:
    def clash(self, world: World, known: Known, field: str = "job_title") -> None:
        """HubSpot says one thing, and Zoho, later, another."""
        for vendor in ("hubspot", "zoho"):
            world.edit(vendor, "contact", known["contact"][vendor], **{field: f"by {vendor}"})

    def test_the_newest_wins(self, world: World, known: Known) -> None:
        self.clash(world, known)
        report = world.run()
        assert report.conflicts == 1
        assert set(world.values("contact", known["contact"], "job_title").values()) == {"by zoho"}
        assert world.written(world.run) == {}

    def test_the_trusted_wins(self, world: World, known: Known) -> None:
        rule = {"policy": "priority", "priority": ["hubspot", "zoho", "salesforce"]}
        world.configure({"contact": {"fields": {"job_title": rule}}})
        self.clash(world, known)
        world.run()
        held = world.values("contact", known["contact"], "job_title")
        assert set(held.values()) == {"by hubspot"}
        assert world.written(world.run) == {}

    def test_the_journal_keeps_what_lost(self, world: World, known: Known) -> None:
        self.clash(world, known)
        report = world.run()
        with session(world.engine) as store:
            [entry] = books.journal(store, "contact", run=report.run, actions=["merge"])
        told = entry["detail"]["job_title"]
        assert (told["connection"], told["new"]) == ("zoho", "by zoho")
        assert told["reason"] == "conflict: newest"
        assert ["hubspot", known["contact"]["hubspot"], "by hubspot"] in told["losing"]

    def test_manual_waits_while_other_fields_flow(self, world: World, known: Known) -> None:
        world.configure({"contact": {"fields": {"job_title": "manual"}}})
        self.clash(world, known)
        world.edit("zoho", "contact", known["contact"]["zoho"], first_name="Robert")
        before = world.values("contact", known["contact"], "job_title")
        world.run()
        assert world.values("contact", known["contact"], "job_title") == before
        assert set(world.values("contact", known["contact"], "first_name").values()) == {"Robert"}
        assert world.written(world.run) == {}
        with session(world.engine) as store:
            [waiting] = books.conflicts(store, "waiting")
            assert waiting["agreed"] == "Buyer"
            assert {c[0]: c[2] for c in waiting["candidates"]} == {
                "hubspot": "by hubspot",
                "zoho": "by zoho",
            }
            books.set_conflict(store, waiting["id"], "resolved", "by a person")
            queues.touch(store, "contact", [waiting["entity"]])
            store.commit()
        world.run()
        held = world.values("contact", known["contact"], "job_title")
        assert set(held.values()) == {"by a person"}
        assert world.written(world.run) == {}
        with session(world.engine) as store:
            assert books.conflicts(store, "waiting") == []
            assert [c["status"] for c in books.conflicts(store) if c["field"] == "job_title"] == [
                "applied"
            ]

    def test_resolving_one_part_of_an_address_loses_no_other(
        self, world: World, known: Known
    ) -> None:
        world.configure({"contact": {"fields": {"street": "manual"}}})
        for n, vendor in enumerate(("hubspot", "zoho")):
            world.edit(
                vendor,
                "contact",
                known["contact"][vendor],
                street=f"{n} High Street",
                city=("Ayutthaya", "Bangkok")[n],
            )
        world.run()
        with session(world.engine) as store:
            waiting = {c["field"]: c for c in books.conflicts(store, "waiting")}
            assert waiting.keys() == {"street", "city"}
            chosen = waiting["street"]
            books.set_conflict(store, chosen["id"], "resolved", "0 High Street")
            queues.touch(store, "contact", [chosen["entity"]])
            store.commit()
        world.run()
        streets = world.values("contact", known["contact"], "street")
        assert set(streets.values()) == {"0 High Street"}
        with session(world.engine) as store:
            [city] = books.conflicts(store, "waiting")
            assert city["field"] == "city"
            books.set_conflict(store, city["id"], "resolved", "Bangkok")
            queues.touch(store, "contact", [city["entity"]])
            store.commit()
        world.run()
        assert set(world.values("contact", known["contact"], "city").values()) == {"Bangkok"}

    def test_opt_out_is_never_undone_by_another_account(self, world: World, known: Known) -> None:
        world.edit("salesforce", "contact", known["contact"]["salesforce"], email_opt_out=True)
        world.run()
        held = world.values("contact", known["contact"], "email_opt_out")
        assert {str(value).lower() for value in held.values()} == {"true"}
        assert world.written(world.run) == {}


class TestTrouble:
    def test_a_bad_value_stops_no_neighbour_and_is_told(self, world: World, known: Known) -> None:
        ids = [
            world.load(
                "salesforce",
                "contact",
                {"last_name": f"Number {n}", "email": mail,
                 "modified_at": world.clock.now().isoformat()},
            )[0]
            for n, mail in enumerate(("a@x.example", "no address at all", "c@x.example"))
        ]  # fmt: skip
        report = world.run()
        assert report.status == "problems"
        entities = [world.entity("contact", "salesforce", id) for id in ids]
        for good in (entities[0], entities[2]):
            assert world.records("contact", good).keys() == set(VENDORS)
        told = [p for p in world.problems() if p["object"] == "contact"]
        assert told
        assert {p["entity"] for p in told if p["stage"] == "write"} <= {entities[1]}
        assert all(p["message"] and p["advice"] for p in told)
        assert world.written(world.run) == {}, "a refused write is not tried for ever"
        world.edit("salesforce", "contact", ids[1], email="b@x.example")
        world.settle()
        assert world.problems() == []
        assert world.records("contact", entities[1]).keys() == set(VENDORS)

    def test_an_account_that_is_away_does_not_stop_the_others(
        self, world: World, known: Known, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Away")
        zoho = world.servers["zoho"].vendor
        with monkeypatch.context() as patch:
            patch.setattr(zoho, "handle", lambda request: Response("<html>down</html>", 503))
            report = world.run()
        assert set(report.errors) == {"zoho"}
        assert report.status == "problems"
        held = world.values("contact", known["contact"], "job_title")
        assert held == {"salesforce": "Away", "hubspot": "Away", "zoho": "Buyer"}
        world.run()
        assert set(world.values("contact", known["contact"], "job_title").values()) == {"Away"}
        assert world.written(world.run) == {}

    def test_a_run_over_some_connections_loses_nothing_for_the_others(
        self, world: World, known: Known
    ) -> None:
        world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Some")
        world.run(connections=("hubspot", "salesforce"))
        held = world.values("contact", known["contact"], "job_title")
        assert held == {"salesforce": "Some", "hubspot": "Some", "zoho": "Buyer"}
        world.run()
        assert set(world.values("contact", known["contact"], "job_title").values()) == {"Some"}
        assert world.written(world.run) == {}
        world.run(connections=("hubspot", "salesforce"))
        touched = world.query(sa.select(tables.touched.c.entity))
        assert touched == [], "nothing happened, so nothing waits"
