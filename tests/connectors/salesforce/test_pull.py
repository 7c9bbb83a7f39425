"""Pulling: what the contract suite cannot know of Salesforce."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Page, Record
from connectors.errors import Misconfigured
from connectors.salesforce.cursor import Cursor
from connectors.sandbox.salesforce import Sandbox
from connectors.sandbox.salesforce.schema import Field
from connectors.sandbox.server import Clock, Server
from tests.connectors.salesforce.conftest import OLD, ROLES, START, Org, records

DEAL = {"StageName": "Prospecting", "CloseDate": "2026-05-06"}


def only(found: list[Record]) -> Record:
    [record] = found
    return record


def deal(org: Org, *contacts: str, **more: object) -> str:
    row = {"Name": "deal", ROLES: contacts, "created_at": OLD, "modified_at": OLD, **DEAL, **more}
    return org.sandbox.load("Opportunity", [row])[0]


def people(org: Org, count: int) -> list[str]:
    rows = [{"LastName": f"p{n}", "created_at": OLD, "modified_at": OLD} for n in range(count)]
    return org.sandbox.load("Contact", rows)


# -- the cursor


def test_a_place_far_back_is_exact_and_a_recent_one_overlaps() -> None:
    far = Cursor(START, "003Cc0000000001IAA", START)
    assert far.condition("SystemModstamp", timedelta(seconds=60)) == (
        "(SystemModstamp > 2026-03-04T05:06:07Z OR (SystemModstamp = 2026-03-04T05:06:07Z "
        "AND Id > '003Cc0000000001IAA'))"
    )
    near = Cursor(START, "", START)
    assert near.condition("S", timedelta(seconds=60)) == "S >= 2026-03-04T05:05:07Z"


def test_a_cursor_survives_its_text() -> None:
    cursor = Cursor(START, "003Cc0000000001IAA", START - timedelta(days=1))
    assert Cursor.load(cursor.dump(), "west") == cursor


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", "null", '{"stamp": "soon", "id": ""}'])
def test_a_foreign_cursor_is_told(org: Org, text: str) -> None:
    with pytest.raises(Misconfigured, match="cursor"):
        list(org.connect().pull("Contact", ["LastName"], text))


def test_a_quiet_account_is_read_once(org: Org) -> None:
    """What settled is not read again, however much of it carries the same stamp."""
    people(org, 250)
    connector = org.connect()
    *_, last = connector.pull("Contact", ["LastName"], None)
    assert records(connector.pull("Contact", ["LastName"], last.cursor)) == []


def test_a_late_commit_is_seen(org: Org) -> None:
    """A transaction becomes visible after the stamp it carries."""
    connector = org.connect()
    *_, last = connector.pull("Contact", ["LastName"], None)
    late = (START - timedelta(seconds=40)).isoformat()
    [id] = org.sandbox.load("Contact", [{"LastName": "late", "modified_at": late}])
    assert [r.id for r in records(connector.pull("Contact", ["LastName"], last.cursor))] == [id]


def test_a_resumed_pull_goes_on_in_the_middle_of_a_second(org: Org) -> None:
    people(org, 4500)
    connector = org.connect()
    pull = connector.pull("Contact", ["LastName"], None)
    first = next(pull)
    assert first.expected == 4500
    second, third = connector.pull("Contact", ["LastName"], first.cursor)
    assert (len(first.records), len(second.records), len(third.records)) == (2000, 2000, 500)
    assert third.last


def test_an_expired_locator_starts_the_query_again(org: Org) -> None:
    ids = people(org, 4100)
    pull = org.connect().pull("Contact", ["LastName"], None)
    pages = [next(pull)]
    org.sandbox.rest.queries.forget()
    pages += pull
    seen = [record.id for page in pages for record in page.records]
    assert sorted(seen) == sorted(ids)
    assert [page.last for page in pages] == [False, False, True]


def test_pages_smaller_than_asked_for_are_no_end(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sandbox.salesforce.rest.PAGE", 300)
    ids = people(org, 1000)
    found = records(org.connect().pull("Contact", ["LastName"], None))
    assert [record.id for record in found] == sorted(ids)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["edit", "tick", "remove", "create", "pull"]), max_size=25))
def test_a_mirror_kept_by_pulls_is_the_truth(steps: list[str]) -> None:
    """Edits of any kind, in the same second or not: no change is missed."""
    sandbox = Sandbox(clock=Clock(now=lambda: START))
    org = Org(sandbox, Server(sandbox))
    try:
        connector, mirror = org.connect(), {}
        people(org, 3)
        cursor = None
        for number, step in enumerate([*steps, "pull"]):
            live = sorted(r["id"] for r in sandbox.state("Contact") if not r["deleted"])
            if step == "tick":
                sandbox.clock.advance(0.4)
            elif step == "create":
                sandbox.load("Contact", [{"LastName": f"n{number}"}])
            elif step == "edit" and live:
                sandbox.edit("Contact", live[number % len(live)], {"LastName": f"e{number}"})
            elif step == "remove" and live:
                sandbox.remove("Contact", live[number % len(live)])
            elif step == "pull":
                for page in connector.pull("Contact", ["LastName"], cursor):
                    for record in page.records:
                        known = mirror.get(record.id)
                        if known and known.version == record.version:
                            assert known == record, "equal versions are equal records"
                        mirror[record.id] = record
                    cursor = page.cursor
                truth = {
                    r["id"]: r["LastName"] for r in sandbox.state("Contact") if not r["deleted"]
                }
                assert truth == {
                    r.id: r.values["LastName"] for r in mirror.values() if not r.deleted
                }
    finally:
        for connector in org.opened:
            connector.close()
        org.server.close()


# -- contact roles


def test_roles_changed_alone_are_seen(org: Org) -> None:
    ann, bob, eve = people(org, 3)
    id = deal(org, ann, bob)
    deal(org)
    connector = org.connect()
    *_, last = connector.pull("Opportunity", ["Name", ROLES], None)
    org.sandbox.clock.advance(3600)
    org.sandbox.edit("Opportunity", id, {ROLES: [ann, eve]})
    truth = {row["id"]: row for row in org.sandbox.state("Opportunity")}
    assert truth[id]["modified_at"].startswith("2025"), "the opportunity itself is untouched"
    pages: list[Page] = list(connector.pull("Opportunity", ["Name", ROLES], last.cursor))
    record = only([record for page in pages for record in page.records])
    assert record.id == id
    assert record.values[ROLES] == tuple(sorted([ann, eve]))
    assert record.modified_at == START + timedelta(hours=1)
    assert record.modified_by == org.sandbox.store.human
    assert [page.last for page in pages] == [False, True]
    # What changed in the last minute is repeated once, as the same version; then it is quiet.
    org.sandbox.clock.advance(3600)
    pages = list(connector.pull("Opportunity", ["Name", ROLES], pages[-1].cursor))
    assert only([again for page in pages for again in page.records]) == record
    assert records(connector.pull("Opportunity", ["Name", ROLES], pages[-1].cursor)) == []


def test_roles_removed_and_contacts_deleted_are_seen(org: Org) -> None:
    ann, bob = people(org, 2)
    one, two = deal(org, ann, bob), deal(org, bob)
    connector = org.connect()
    *_, last = connector.pull("Opportunity", ["Name", ROLES], None)
    org.sandbox.clock.advance(3600)
    org.sandbox.edit("Opportunity", one, {ROLES: [bob]})
    org.sandbox.remove("Contact", bob)
    found = records(connector.pull("Opportunity", ["Name", ROLES], last.cursor))
    assert {record.id: record.values[ROLES] for record in found} == {one: (), two: ()}


def test_a_crash_between_records_and_roles_loses_no_role(org: Org) -> None:
    ann, bob = people(org, 2)
    quiet = deal(org, ann)
    connector = org.connect()
    *_, last = connector.pull("Opportunity", ["Name", ROLES], None)
    org.sandbox.clock.advance(3600)
    org.sandbox.edit("Opportunity", quiet, {ROLES: [bob]})
    busy = deal(org, modified_at=(START + timedelta(minutes=50)).isoformat())
    first = next(connector.pull("Opportunity", ["Name", ROLES], last.cursor))
    assert [record.id for record in first.records] == [busy]
    assert not first.last
    found = records(connector.pull("Opportunity", ["Name", ROLES], first.cursor))
    assert quiet in [record.id for record in found]


def test_deals_and_their_roles_are_asked_for_in_one_call(org: Org) -> None:
    deal(org, *people(org, 2))
    connector = org.connect()
    *_, last = connector.pull("Opportunity", ["Name", ROLES], None)
    org.sandbox.clock.advance(600)
    *_, last = connector.pull("Opportunity", ["Name", ROLES], last.cursor)
    org.sandbox.clock.advance(600)
    before, used = len(org.server.log.calls), org.sandbox.rest.used
    assert records(connector.pull("Opportunity", ["Name", ROLES], last.cursor)) == []
    [call] = org.server.log.calls[before:]
    assert call.path.endswith("/composite")
    assert not call.wrote
    assert org.sandbox.rest.used - used == 1


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "locators lost"])
def test_many_changed_roles_come_in_pages(
    org: Org, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    monkeypatch.setattr("connectors.sandbox.salesforce.rest.PAGE", 200)
    ann, bob = people(org, 2)
    ids = [deal(org, ann) for _ in range(450)]
    connector = org.connect()
    *_, last = connector.pull("Opportunity", ["Name", ROLES], None)
    org.sandbox.clock.advance(3600)
    for id in ids:
        org.sandbox.edit("Opportunity", id, {ROLES: [bob]})
    if lost:
        queries, answer = org.sandbox.rest.queries, org.sandbox.rest.queries.more
        left = iter([True])

        def more(locator: str, base: str) -> dict[str, Any]:
            if next(left, False):
                queries.forget()
            return answer(locator, base)

        monkeypatch.setattr(queries, "more", more)
    found = records(connector.pull("Opportunity", ["Name", ROLES], last.cursor))
    assert {record.id for record in found} == set(ids)
    assert {record.values[ROLES] for record in found} == {(bob,)}


def test_a_field_of_deals_hidden_after_the_describe_is_left_out(org: Org) -> None:
    ann, bob = people(org, 2)
    id = deal(org, ann, Description="x")
    connector = org.connect()
    names = ["Name", "Description", ROLES]
    *_, last = connector.pull("Opportunity", names, None)
    org.sandbox.clock.advance(3600)
    org.sandbox.edit("Opportunity", id, {"Name": "renamed", ROLES: [bob]})
    org.sandbox.hide("Opportunity", "Description")
    record = only(records(connector.pull("Opportunity", names, last.cursor)))
    assert record.values == {"Name": "renamed", ROLES: (bob,)}


def test_in_the_same_second_a_person_is_not_taken_for_us(org: Org) -> None:
    ann, bob = people(org, 2)
    connector = org.connect()
    us = connector.check().user_id
    id = deal(org, ann, modified_at=START.isoformat(), modified_by=us)
    org.sandbox.edit("Opportunity", id, {ROLES: [ann, bob]})
    record = only(connector.fetch("Opportunity", [id], [ROLES]))
    assert record.modified_by == org.sandbox.store.human


# -- fields


def test_a_field_hidden_after_the_describe_is_left_out(org: Org) -> None:
    people(org, 1)
    connector = org.connect()
    connector.describe("Contact")
    org.sandbox.hide("Contact", "Email")
    record = only(records(connector.pull("Contact", ["LastName", "Email"], None)))
    assert record.values == {"LastName": "p0"}


def test_more_fields_than_a_url_holds(org: Org) -> None:
    contact = org.sandbox.store.objects["Contact"]
    names = [f"A_Field_With_A_Rather_Long_Name_{number:03d}__c" for number in range(300)]
    for name in names:
        org.sandbox.store.add_field(contact, Field(name, name, "string", 255, custom=True))
    row = dict.fromkeys(names, "ค่า")
    kept, lost = org.sandbox.load("Contact", [{"LastName": "a", **row}, {"LastName": "b", **row}])
    connector = org.connect()
    *_, last = connector.pull("Contact", names, None)
    assert len(last.records) == 2
    assert all(record.values == row for record in last.records)
    org.sandbox.remove("Contact", lost)
    found = {r.id: r for r in records(connector.pull("Contact", names, last.cursor))}
    assert found[lost].deleted
    assert found[kept].values == row
    assert {r.id: r.values for r in connector.fetch("Contact", [kept], names)} == {kept: row}
    assert org.sandbox.rest.used < 20


def test_numbers_are_exact(org: Org) -> None:
    deals = ["0.01", "10000", "12345678901234.56", "560000000", "9999999999999999.99", "-3.5"]
    for amount in deals:
        deal(org, Amount=amount)
    org.sandbox.load("Case", [{"Subject": "s", "Rating__c": 5}])
    connector = org.connect()
    found = records(connector.pull("Opportunity", ["Amount"], None))
    assert [record.values["Amount"] for record in found] == [Decimal(text) for text in deals]
    assert [str(record.values["Amount"]) for record in found][3] == "560000000"
    assert only(records(connector.pull("Case", ["Rating__c"], None))).values == {"Rating__c": 5}


def test_short_ids_and_foreign_words_are_found(org: Org) -> None:
    [ann, _] = people(org, 2)
    connector = org.connect()
    found = connector.fetch("Contact", [ann[:15], ann, "nonsense"], ["LastName"])
    assert {record.id: record.deleted for record in found} == {ann: False, "nonsense": True}
    org.sandbox.load("Contact", [{"LastName": 'O\'สมชาย \\ "x"'}])
    assert only(connector.find("Contact", "LastName", ['O\'สมชาย \\ "x"'], ["LastName"]))
    with pytest.raises(Misconfigured, match="Nope"):
        connector.find("Contact", "Nope", ["x"], ["LastName"])


def test_a_cursor_is_short_json(org: Org) -> None:
    *_, last = org.connect().pull("Contact", ["LastName"], None)
    assert set(json.loads(last.cursor)) == {"stamp", "id", "roles"}
    assert len(last.cursor) < 150
