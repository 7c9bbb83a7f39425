"""Pulls against the sandbox: everything, changes, deletions, merges, associations, cost."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from connectors.base import Access, Page, Record, Write
from connectors.budget import Budget, Heard, Terms
from connectors.errors import Misconfigured
from connectors.hubspot.connector import HubSpotConnector
from tests.connectors.hubspot.conftest import OLD, START, Box

FIELDS = ["lastname"]
LINKED = ["lastname", "associations.companies"]


def changes(
    connector: HubSpotConnector, object: str, cursor: str, fields: list[str] | None = None
) -> tuple[list[Record], str]:
    """The records of an incremental pull, and its last cursor."""
    pages = list(connector.pull(object, fields if fields is not None else FIELDS, cursor))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    return [record for page in pages for record in page.records], pages[-1].cursor


def full(
    connector: HubSpotConnector, object: str, fields: list[str] | None = None
) -> tuple[list[Record], str]:
    """The records of a full pull, and its last cursor."""
    pages: list[Page] = list(connector.pull(object, fields if fields is not None else FIELDS, None))
    return [record for page in pages for record in page.records], pages[-1].cursor


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    """Rows of contacts."""
    return [
        {"lastname": f"n{n}", "created_at": OLD, "modified_at": OLD, **more} for n in range(count)
    ]


def test_a_full_pull_costs_one_call_per_hundred_records(box: Box) -> None:
    [company] = box.sandbox.load("companies", [{"name": "Acme"}])
    rows = [{**row, "associations.companies": company} for row in people(250)]
    box.sandbox.load("contacts", rows)
    records, _ = full(box.connect(), "contacts", ["lastname", "associations.companies"])
    assert len(records) == 250
    assert {record.values["associations.companies"] for record in records} == {company}
    assert box.paths == ["GET /crm/v3/objects/contacts"] * 3


def test_a_quiet_pull_costs_one_call_and_one_more_when_the_bin_is_due(box: Box) -> None:
    box.sandbox.load("contacts", people(250))
    connector = box.connect()
    _, cursor = full(connector, "contacts", LINKED)
    look = "GET /crm/v3/objects/contacts"
    for seconds, more in ((0, []), (899, []), (1, [look]), (60, []), (840, [look])):
        box.sandbox.clock.advance(seconds)
        box.server.log.calls.clear()
        records, cursor = changes(connector, "contacts", cursor, LINKED)
        assert records == []
        assert box.paths == ["POST /crm/v3/objects/contacts/search", *more]


def test_a_thousand_changes_cost_sixteen_calls(box: Box) -> None:
    """Five searches, ten reads by id, one read of associations."""
    [company] = box.sandbox.load("companies", [{"name": "Acme"}])
    connector = box.connect()
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(600)
    box.sandbox.load(
        "contacts",
        [{"lastname": f"n{n}", "associations.companies": company} for n in range(1000)],
    )
    box.sandbox.clock.advance(30)
    box.server.log.calls.clear()
    pages = list(connector.pull("contacts", LINKED, cursor))
    assert [len(page.records) for page in pages] == [1000]
    assert pages[0].expected == 1000
    assert {r.values["associations.companies"] for r in pages[0].records} == {company}
    assert Counter(path.rpartition("/")[2] for path in box.paths) == {"search": 5, "read": 11}


@pytest.mark.slow
def test_no_read_meets_the_end_of_search(box: Box) -> None:
    """25,000 records of one stamp: two and a half times what one query can reach."""
    connector = box.connect()
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(3600)
    stamp = box.sandbox.clock.now().isoformat()
    ids = box.sandbox.load(
        "contacts", ({"lastname": "same", "modified_at": stamp} for _ in range(25_000))
    )
    box.sandbox.clock.advance(30)
    first = next(connector.pull("contacts", FIELDS, cursor))
    assert first.expected == 25_000
    records, _ = changes(connector, "contacts", cursor)
    assert len(records) == 25_000
    assert {record.id for record in records} == set(ids)


def test_what_search_still_shows_in_its_old_state_is_read_as_it_is(box: Box) -> None:
    """Our own write must never come back as the value it replaced."""
    [id] = box.sandbox.load("contacts", people(1))
    connector = box.connect()
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(600)
    box.sandbox.edit("contacts", id, {"lastname": "first"})
    box.sandbox.clock.advance(10)
    [result] = connector.push("contacts", [Write("k", "update", {"lastname": "second"}, id=id)])
    found = box.api("POST", "/crm/v3/objects/contacts/search", {"properties": ["lastname"]})[
        "results"
    ]
    assert [raw["properties"]["lastname"] for raw in found] == ["first"]
    [record], _ = changes(connector, "contacts", cursor)
    assert record.values["lastname"] == "second"
    assert record.version == result.version
    assert record.modified_by == box.sandbox.api_user


def test_a_deleted_record_still_in_the_index_stays_deleted(box: Box) -> None:
    [id] = box.sandbox.load("contacts", people(1))
    connector = box.connect(deletes_every="0")
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(600)
    box.sandbox.edit("contacts", id, {"lastname": "first"})
    box.sandbox.clock.advance(10)
    box.sandbox.remove("contacts", id)
    for _ in range(2):
        records, cursor = changes(connector, "contacts", cursor)
        assert [(record.id, record.deleted) for record in records] == [(id, True)]
        assert records[0].modified_at == START + timedelta(seconds=610)
    box.sandbox.clock.advance(120)
    _, cursor = changes(connector, "contacts", cursor)
    box.sandbox.clock.advance(120)
    assert changes(connector, "contacts", cursor)[0] == []


def test_between_looks_a_deleted_record_still_in_the_index_does_not_come_back(box: Box) -> None:
    edited, lost = box.sandbox.load("contacts", people(2))
    connector = box.connect()
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(1000)
    box.sandbox.edit("contacts", lost, {"lastname": "first"})
    box.sandbox.clock.advance(10)
    box.sandbox.remove("contacts", lost)
    records, cursor = changes(connector, "contacts", cursor)
    assert [(record.id, record.deleted) for record in records] == [(lost, True)]
    box.sandbox.edit("contacts", edited, {"lastname": "second"})
    box.sandbox.clock.advance(6)
    records, cursor = changes(connector, "contacts", cursor)
    assert [(record.id, record.deleted) for record in records] == [(edited, False)]


def test_deletions_come_when_the_bin_is_due(box: Box) -> None:
    a, b = box.sandbox.load("contacts", people(2))
    connector = box.connect(deletes_every="300")
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(100)
    box.sandbox.remove("contacts", a)
    records, cursor = changes(connector, "contacts", cursor)
    assert records == []
    box.sandbox.clock.advance(200)
    records, cursor = changes(connector, "contacts", cursor)
    assert [record.id for record in records] == [a]
    box.sandbox.remove("contacts", b)  # in the very instant of that look
    box.sandbox.clock.advance(299)
    records, cursor = changes(connector, "contacts", cursor)
    assert records == []
    box.sandbox.clock.advance(1)
    records, cursor = changes(connector, "contacts", cursor)
    assert b in {record.id for record in records}


@pytest.mark.parametrize("seed", range(3))
def test_no_deletion_is_lost_between_looks(box: Box, seed: int) -> None:
    """Deletions, merges and pulls at random, some of them cut short."""
    dice = random.Random(seed)
    live = box.sandbox.load("contacts", people(60))
    connector, cursor = box.connect(deletes_every="900"), None
    known: set[str] = set()
    for step in range(80):
        box.sandbox.clock.advance(dice.choice([0, 1, 20, 70, 400, 1000]))
        deed = dice.randrange(4)
        if deed == 0 and len(live) > 4:
            box.sandbox.remove("contacts", live.pop(dice.randrange(len(live))))
        elif deed == 1 and len(live) > 4:
            loser = live.pop()
            live[0] = box.sandbox.merge("contacts", live[0], loser)
        else:
            pages = connector.pull("contacts", FIELDS, cursor)
            for page in islice(pages, dice.choice([1, 9])) if step < 78 else pages:
                known |= {record.id for record in page.records if not record.deleted}
                known -= {record.id for record in page.records if record.deleted}
                cursor = page.cursor
    for _ in range(2):
        box.sandbox.clock.advance(900)
        records, cursor = changes(connector, "contacts", cursor)
        known |= {record.id for record in records if not record.deleted}
        known -= {record.id for record in records if record.deleted}
    assert known == set(live)


def test_a_look_that_was_cut_short_is_taken_up(box: Box) -> None:
    ids = box.sandbox.load("contacts", people(1100))
    connector = box.connect()
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(1000)
    for id in ids:
        box.sandbox.remove("contacts", id)
    seen: set[str] = set()
    for _ in range(20):
        page = next(connector.pull("contacts", FIELDS, cursor))
        cursor = page.cursor
        seen |= {record.id for record in page.records}
        box.sandbox.clock.advance(60)
        if page.last:
            break
    assert seen == set(ids)


def test_many_deletions_come_by_pages(box: Box) -> None:
    ids = box.sandbox.load("contacts", people(900))
    connector = box.connect(deletes_every="0")
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(600)
    for id in ids[:850]:
        box.sandbox.remove("contacts", id)
    pages = list(connector.pull("contacts", FIELDS, cursor))
    assert len(pages) > 1
    gone = [record for page in pages for record in page.records]
    assert {record.id for record in gone} == set(ids[:850])
    assert all(record.deleted for record in gone)
    resumed, _ = changes(connector, "contacts", pages[0].cursor)
    assert {record.id for record in resumed} == set(ids[:850])


@pytest.mark.parametrize("keep", [False, True])
def test_merges_come_with_their_survivor(make_box: Callable[..., Box], keep: bool) -> None:
    box = make_box(keep_primary_id=keep)
    a, b, c = box.sandbox.load("contacts", people(3))
    connector = box.connect()
    _, cursor = full(connector, "contacts")
    box.sandbox.clock.advance(600)
    first = box.sandbox.merge("contacts", a, b)
    second = box.sandbox.merge("contacts", first, c)
    assert (second == a) is keep
    box.sandbox.clock.advance(30)
    records, _ = changes(connector, "contacts", cursor)
    live = [record.id for record in records if not record.deleted]
    assert live == [second]
    losers = {record.id: record.merged_into for record in records if record.deleted}
    assert losers == dict.fromkeys({a, b, c, first} - {second}, second)


def test_association_changes_alone_come_within_their_time(box: Box) -> None:
    """HubSpot bumps no stamp for them: everything is read once more."""
    [company] = box.sandbox.load("companies", [{"name": "Acme"}])
    [deal] = box.sandbox.load(
        "deals", [{"dealname": "d", "dealstage": "closedwon", "modified_at": OLD}]
    )
    fields = ["dealname", "associations.companies"]
    connector, never = box.connect(), box.connect(associations_every="0")
    [before], cursor = full(connector, "deals", fields)
    assert before.values["associations.companies"] is None
    box.sandbox.clock.advance(600)
    box.sandbox.edit("deals", deal, {"associations.companies": company})
    box.sandbox.clock.advance(60)
    records, cursor = changes(connector, "deals", cursor, fields)
    assert records == []
    [record] = full(connector, "deals", fields)[0]
    assert record.values["associations.companies"] == company
    box.sandbox.clock.advance(21_600)
    assert changes(never, "deals", cursor, fields)[0] == []
    assert changes(connector, "deals", cursor, ["dealname"])[0] == []
    [after], cursor = changes(connector, "deals", cursor, fields)
    assert after.values == {"dealname": "d", "associations.companies": company}
    assert after.version == before.version
    assert changes(connector, "deals", cursor, fields)[0] == []


def test_a_round_of_associations_is_spread_over_its_time(box: Box) -> None:
    ids = set(box.sandbox.load("contacts", people(4_050)))
    connector = box.connect(associations_every="4000")
    _, cursor = full(connector, "contacts", LINKED)
    rounds: list[list[int]] = []
    for _ in range(2):
        box.server.log.calls.clear()
        found: list[str] = []
        lengths = []
        for _ in range(8):
            box.sandbox.clock.advance(500)
            records, cursor = changes(connector, "contacts", cursor, LINKED)
            lengths.append(len(records))
            found += [record.id for record in records]
        assert sorted(found) == sorted(ids), "each once"
        assert sum(path.startswith("GET") for path in box.paths) == 41 + 4  # and the empty bin
        rounds.append(lengths)
    assert rounds[0] == rounds[1]
    assert rounds[0][0] == 0, "a pull reads a thousand or none"
    assert max(rounds[0]) < 1_600


def test_a_round_of_associations_that_was_cut_short_is_taken_up(box: Box) -> None:
    [company] = box.sandbox.load("companies", [{"name": "Acme"}])
    ids = box.sandbox.load("contacts", people(450))
    connector = box.connect(deletes_every="100000")
    _, cursor = full(connector, "contacts", LINKED)
    for id in ids:
        box.sandbox.edit("contacts", id, {"associations.companies": company})
    box.sandbox.clock.advance(21_600)
    seen: list[str] = []
    for _ in range(4):
        # The second page: the first one is that of the changes.
        page = list(islice(connector.pull("contacts", LINKED, cursor), 2))[-1]
        cursor = page.cursor
        seen += [r.id for r in page.records if r.values["associations.companies"] == company]
        box.sandbox.clock.advance(60)
    records, cursor = changes(connector, "contacts", cursor, LINKED)
    assert seen + [record.id for record in records] == ids
    box.sandbox.clock.advance(60)
    assert changes(connector, "contacts", cursor, LINKED)[0] == []


def test_while_calls_are_few_no_round_is_read(box: Box) -> None:
    box.sandbox.load("contacts", people(150))
    budget = Budget("hs", Terms(per_day=100), clock=box.sandbox.clock.now)
    access = Access("hs", box.server.url, box.sandbox.credentials(), sandbox=True, budget=budget)
    connector = HubSpotConnector(access)
    try:
        _, cursor = full(connector, "contacts", LINKED)
        box.sandbox.clock.advance(21_600)
        budget.take(92)
        assert changes(connector, "contacts", cursor, LINKED)[0] == []
        budget.load({}, Heard())
        box.sandbox.clock.advance(200_000)
        assert len(changes(connector, "contacts", cursor, LINKED)[0]) == 150
    finally:
        connector.close()


@pytest.mark.parametrize("name", ["overlap", "deletes_every", "associations_every"])
@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1e300"])
def test_an_option_in_seconds_is_a_number(box: Box, name: str, text: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        box.connect(**{name: text})


def test_a_cursor_of_an_earlier_build_is_good(box: Box) -> None:
    a, b = box.sandbox.load("contacts", people(2))
    connector = box.connect()
    full(connector, "contacts", LINKED)
    since = int(START.timestamp()) * 1000
    box.sandbox.clock.advance(1000)
    box.sandbox.remove("contacts", a)
    box.sandbox.edit("contacts", b, {"lastname": "new"})
    box.sandbox.clock.advance(30)
    old = json.dumps({"since": since, "began": None, "after": ""})
    records, _ = changes(connector, "contacts", old, LINKED)
    assert {(record.id, record.deleted) for record in records} == {(a, True), (b, False)}


@pytest.mark.parametrize("numbers", [False, True])
def test_the_primary_company_is_the_one(make_box: Callable[..., Box], numbers: bool) -> None:
    box = make_box(numeric_association_ids=numbers)
    companies = box.sandbox.load("companies", [{"name": f"c{n}"} for n in range(12)])
    rows = people(3)
    rows[0]["associations.companies"] = [companies[9], companies[2], companies[11]]
    ids = box.sandbox.load("contacts", rows)
    for company in (companies[10], companies[8]):
        path = f"/crm/v4/objects/contacts/{ids[1]}/associations/default/companies/{company}"
        box.api("PUT", path)
    connector, fields = box.connect(), ["associations.companies"]
    expected = dict(zip(ids, [companies[9], companies[8], None], strict=True))
    records, cursor = full(connector, "contacts", fields)
    assert {r.id: r.values["associations.companies"] for r in records} == expected
    box.sandbox.clock.advance(600)
    for id in ids:
        box.sandbox.edit("contacts", id, {"lastname": "touched"})
    box.sandbox.clock.advance(30)
    records, _ = changes(connector, "contacts", cursor, fields)
    assert {r.id: r.values["associations.companies"] for r in records} == expected


def test_more_associations_than_one_reply_shows(box: Box) -> None:
    contacts = box.sandbox.load("contacts", people(230))
    row = {"dealname": "d", "dealstage": "closedwon", "associations.contacts": contacts}
    [deal] = box.sandbox.load("deals", [row])
    connector, fields = box.connect(), ["associations.contacts"]
    [record], _ = full(connector, "deals", fields)
    assert record.values["associations.contacts"] == tuple(sorted(contacts))
    [record] = connector.fetch("deals", [deal], fields)
    assert record.values["associations.contacts"] == tuple(sorted(contacts))


def test_more_properties_than_a_url_holds(box: Box) -> None:
    [company] = box.sandbox.load("companies", [{"name": "Acme"}])
    box.sandbox.load("contacts", [{**people(1)[0], "associations.companies": company}])
    unknown = [f"property_with_a_rather_long_name_{n}" for n in range(300)]
    connector = box.connect()
    fields = ["lastname", "associations.companies", *unknown]
    [record], _ = full(connector, "contacts", fields)
    assert record.values == {"lastname": "n0", "associations.companies": company}
    assert connector.fetch("contacts", [record.id], fields) == [record]


def test_times_of_single_fields(box: Box) -> None:
    history = [
        {"at": "2025-01-01T00:00:00+00:00", "field": "lastname", "value": "old"},
        {"at": "2025-02-03T04:05:06.789+00:00", "field": "lastname", "value": "n0"},
        {"at": "2025-01-05T00:00:00+00:00", "field": "phone", "value": "1"},
    ]
    [id] = box.sandbox.load("contacts", people(1, phone="1", history=history))
    box.sandbox.load("contacts", people(120))
    connector = box.connect(history="true")
    assert connector.capabilities.field_times
    assert not box.connect().capabilities.field_times
    fields = ["lastname", "phone"]
    records, cursor = full(connector, "contacts", fields)
    assert len(records) == 121
    times = {name: at.isoformat() for name, at in records[0].field_times.items()}
    assert times == {
        "lastname": "2025-02-03T04:05:06.789000+00:00",
        "phone": "2025-01-05T00:00:00+00:00",
    }
    box.sandbox.clock.advance(600)
    box.sandbox.edit("contacts", id, {"phone": "2"})
    box.sandbox.clock.advance(30)
    [record], _ = changes(connector, "contacts", cursor, fields)
    assert record.field_times["phone"] == START + timedelta(seconds=600)
    assert record.field_times["lastname"] == records[0].field_times["lastname"]


def test_dated_paths_read_the_same(box: Box) -> None:
    [company] = box.sandbox.load("companies", [{"name": "Acme"}])
    box.sandbox.load("contacts", people(3, **{"associations.companies": company}))
    fields = ["lastname", "associations.companies"]
    classic, dated = box.connect(), box.connect(api_version="2026-09")
    assert full(classic, "contacts", fields)[0] == full(dated, "contacts", fields)[0]
    _, cursor = full(dated, "contacts", fields)
    box.sandbox.clock.advance(600)
    writes = [
        Write("k", "create", {"lastname": "neu", "associations.companies": company}),
    ]
    [made] = dated.push("contacts", writes)
    assert made.error is None
    assert not made.field_errors
    box.sandbox.clock.advance(30)
    [record], _ = changes(dated, "contacts", cursor, fields)
    assert record.values == {"lastname": "neu", "associations.companies": company}
    clear = Write("k", "update", {"associations.companies": None}, id=made.id, before=record.values)
    assert not dated.push("contacts", [clear])[0].field_errors
    assert dated.check().api_version == "2026-09"
    assert dated.users()
    assert dated.describe("deals").fields
    assert all("2026-09" in p for p in box.paths[-8:] if "/oauth/" not in p)


@pytest.mark.parametrize("text", ["", "x", "[]", '{"since": 1}', "null"])
def test_a_cursor_of_another_maker(box: Box, text: str) -> None:
    with pytest.raises(Misconfigured):
        list(box.connect().pull("contacts", FIELDS, text))


def test_a_cursor_is_plain_json(box: Box) -> None:
    box.sandbox.load("contacts", people(1))
    _, cursor = full(box.connect(), "contacts")
    assert json.loads(cursor)["since"] == int(START.timestamp()) * 1000


def test_the_overlap_is_an_option(box: Box) -> None:
    box.sandbox.load("contacts", [{"lastname": "now"}])
    wide, narrow = box.connect(), box.connect(overlap="0")
    _, cursor = full(wide, "contacts")
    box.sandbox.clock.advance(40)
    box.sandbox.edit("contacts", box.sandbox.load("contacts", people(1))[0], {"lastname": "x"})
    box.sandbox.clock.advance(40)
    _, cursor = changes(wide, "contacts", cursor)
    assert len(changes(wide, "contacts", cursor)[0]) == 1
    assert changes(narrow, "contacts", cursor)[0] == []
