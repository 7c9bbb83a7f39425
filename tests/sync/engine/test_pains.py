"""What users of other tools complain of, one test each."""

from __future__ import annotations

from sync.explain import explain
from sync.store.database import session
from tests.sync.engine.world import VENDORS, Known, World


def test_a_merge_in_hubspot_makes_a_new_id_and_no_new_record(world: World, known: Known) -> None:
    row = {"last_name": "Rock", "first_name": "Rob", "email": "rob@x.example"}
    now = world.clock.now().isoformat()
    [other] = world.load("hubspot", "contact", {**row, "modified_at": now})
    world.settle()
    first = known["contact"]["hubspot"]
    entity = world.entity("contact", "hubspot", first)
    before = world.numbers("contact")
    survivor = world.merge("hubspot", "contact", first, other)
    assert survivor not in (first, other)
    world.settle()
    assert world.entity("contact", "hubspot", survivor) == entity
    assert world.records("contact", entity).keys() == set(VENDORS)
    assert world.numbers("contact") == {**before, "hubspot": before["hubspot"] - 1}
    assert not [e for e in world.journal("create") if e["record"] == survivor]
    assert world.written(lambda: world.run(full=True)) == {}


def test_one_person_changed_in_three_crms_between_two_runs(world: World, known: Known) -> None:
    """The newest title wins everywhere, the other changes are kept, and all of it is explained."""
    ids = known["contact"]
    world.edit("salesforce", "contact", ids["salesforce"], job_title="Chief", first_name="Robert")
    world.edit("zoho", "contact", ids["zoho"], job_title="Director", last_name="Stone-Hill")
    world.edit("hubspot", "contact", ids["hubspot"], job_title="Boss", mobile="+66 81 234 5678")
    report = world.run()
    assert report.conflicts == 1
    world.settle()
    for name, value in (
        ("job_title", "Boss"), ("first_name", "Robert"), ("last_name", "Stone-Hill")
    ):  # fmt: skip
        assert set(world.values("contact", ids, name).values()) == {value}
    assert all(world.values("contact", ids, "mobile").values())
    with session(world.engine) as store:
        entity = world.entity("contact", "hubspot", ids["hubspot"])
        told = explain(store, "contact", entity).fields["job_title"]
    assert (told.connection, told.rule) == ("hubspot", "conflict: newest")
    assert {(place, value) for place, _, value in told.against} == {
        ("salesforce", "Chief"),
        ("zoho", "Director"),
    }


def test_a_blank_never_overwrites_when_records_are_linked(world: World, known: Known) -> None:
    row = {"last_name": "Full", "email": "full@x.example"}
    now = world.clock.now().isoformat()
    world.configure({"contact": {"create_in": []}})
    world.load("salesforce", "contact", {**row, "job_title": "Buyer", "modified_at": now})
    world.run()
    world.clock.advance(60)
    now = world.clock.now().isoformat()
    [blank] = world.load("zoho", "contact", {**row, "modified_at": now})
    world.settle()
    records = world.records("contact", world.entity("contact", "zoho", blank))
    assert records.keys() == {"salesforce", "zoho"}
    assert set(world.values("contact", records, "job_title").values()) == {"Buyer"}


def test_a_field_hidden_by_permission_clears_nothing(world: World, known: Known) -> None:
    ids = known["contact"]
    for vendor in VENDORS:
        world.hide(vendor, "contact", "birth_date" if vendor == "zoho" else "job_title")
    assert world.written(lambda: world.run(full=True)) == {}
    assert set(world.values("contact", ids, "job_title").values()) == {"Buyer"}


def test_what_a_vendor_makes_of_our_values_is_no_change(world: World, known: Known) -> None:
    ids = known["contact"]
    with world.fault("hubspot", "store", "contact", "job_title", change="lower"):
        world.edit("zoho", "contact", ids["zoho"], job_title="Head of Sales")
        world.run()
        assert world.written(world.settle) == {}
        assert world.values("contact", ids, "job_title") == {
            "hubspot": "head of sales",
            "salesforce": "Head of Sales",
            "zoho": "Head of Sales",
        }
        assert world.written(lambda: world.run(full=True)) == {}
        world.edit("salesforce", "contact", ids["salesforce"], job_title="Chief")
        world.settle()
        assert world.value("zoho", "contact", ids["zoho"], "job_title") == "Chief"
