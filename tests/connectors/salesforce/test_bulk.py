"""The connector's use of the Bulk API 2.0: the same as REST, for much."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from connectors.base import Page, Record, Write, WriteResult
from connectors.errors import (
    AuthenticationFailed,
    Duplicate,
    Gone,
    Invalid,
    Misconfigured,
    Refused,
    Throttled,
    Unavailable,
)
from connectors.salesforce import SalesforceConnector, bulk_write, sweep
from connectors.salesforce.bulk import table, written
from connectors.salesforce.bulk_write import errors
from connectors.sandbox.faults import Fault
from connectors.sandbox.salesforce import csvs
from connectors.sandbox.salesforce import jobs as sandbox_jobs
from connectors.sandbox.salesforce.schema import Field
from connectors.sandbox.server import json_response
from tests.connectors.salesforce.conftest import OLD, Org, records

DEAL = {"Name": "deal", "StageName": "Prospecting", "CloseDate": "2026-05-06"}
ROLES = "OpportunityContactRoles"
KEY = "Concord_Id__c"
BULK = {"bulk_from": "0"}


def people(org: Org, count: int, **more: object) -> list[str]:
    rows = [{"LastName": f"p{n}", "modified_at": OLD, **more} for n in range(count)]
    return org.sandbox.load("Contact", rows)


def meddle(org: Org, answer: Callable[[Request], Response | None]) -> None:
    """Let `answer` reply in the sandbox's place where it wants to."""
    handle = org.sandbox.handle
    org.sandbox.handle = lambda request: answer(request) or handle(request)


def fault(org: Org, kind: str, method: str, path: str, **more: Any) -> None:
    body = {"kind": kind, "method": method, "path": path, **more}
    org.server.faults.add(Fault.read("salesforce", body))


def bulk_calls(org: Org) -> list[str]:
    """The Bulk API's calls so far: method and last part of the path."""
    return [
        f"{call.method} {call.path.rpartition('/')[2].replace(_id(call.path), 'job')}"
        for call in org.server.log.calls
        if "/jobs/" in call.path
    ]


def _id(path: str) -> str:
    last = path.rpartition("/")[2]
    return last if last.startswith("750") else "-"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results and pages of few rows."""
    monkeypatch.setattr(sweep, "ROWS", 5)
    monkeypatch.setattr(sweep, "PAGE", 2)
    monkeypatch.setattr(sweep, "GROUP", 4)


# -- the same values


def same(one: list[Record], other: list[Record]) -> None:
    """Equal records, versions included, with values of the same Python types."""
    by_id = {record.id: record for record in other}
    assert len(by_id) == len(one) == len(other)
    for record in one:
        twin = by_id[record.id]
        assert record == twin
        for field, value in record.values.items():
            assert type(value) is type(twin.values[field]), field


def both(org: Org, object: str, fields: list[str]) -> list[Record]:
    """All records, found to be the same by REST and by the Bulk API."""
    rest = records(org.connect().pull(object, fields, None))
    assert bulk_calls(org) == []
    found = records(org.connect(**BULK).pull(object, fields, None))
    assert bulk_calls(org)[0] == "POST query"
    same(found, rest)
    return found


def test_every_type_of_field_reads_as_over_rest(org: Org) -> None:
    contact, fields = org.sandbox.store.objects["Contact"], ["Id", "LastModifiedDate"]
    for name, type, more in (
        ("Home__c", "address", {}),
        ("Share__c", "percent", {"precision": 5, "scale": 2}),
        ("Money__c", "currency", {"precision": 18, "scale": 2}),
        ("Whole__c", "double", {"precision": 18}),
        ("Part__c", "double", {"precision": 18, "scale": 6}),
        ("Count__c", "int", {"digits": 9}),
        ("At__c", "datetime", {}),
    ):
        field = Field(name, name, type, custom=True, **more)
        org.sandbox.store.add_field(contact, field)
    fields += list(org.connect().describe("Contact").fields)
    [account] = org.sandbox.load("Account", [{"Name": "ไทย"}])
    full = {
        "LastName": 'ณ «قول»\r\nsecond "line", \U0001f600',
        "Description": "#N/A\n\n",
        "Title": "NUL\x00here",
        "Department": "\x00",
        "Email": "a@b.io",
        "Interests__c": "Events;Support",
        "HasOptedOutOfEmail": True,
        "Birthdate": "1999-12-31",
        "AccountId": account,
        "Share__c": "12.5",
        "Money__c": "560000000",
        "Whole__c": "12345678901234",
        "Part__c": "-0.000001",
        "Count__c": 0,
        "At__c": "2026-01-31T08:00:00+07:00",
    }
    org.sandbox.load(
        "Contact", [{**full, "created_at": OLD}, {"LastName": "bare", "Whole__c": "0"}]
    )
    whole, bare = sorted(both(org, "Contact", fields), key=lambda record: record.id)
    assert whole.values["Title"] == "NULhere"
    assert whole.values["Department"] is None
    assert whole.values["Money__c"] == Decimal(560000000)
    assert whole.values["Whole__c"] == 12345678901234
    assert whole.values["HasOptedOutOfEmail"] is True
    assert bare.values["HasOptedOutOfEmail"] is False
    assert bare.values["Whole__c"] == 0
    assert bare.values["Home__c"] is None


def test_deals_come_with_their_contacts(org: Org, small: None) -> None:
    ids = people(org, 4)
    rows = [{**DEAL, "Amount": n, ROLES: ids[: n % 5], "modified_at": OLD} for n in range(13)]
    org.sandbox.load("Opportunity", rows)
    found = both(org, "Opportunity", ["Name", "Amount", ROLES])
    sizes = [len(record.values[ROLES]) for record in found]
    assert sizes == [n % 5 for n in range(13)]


def test_a_deal_deleted_during_the_load_does_not_pass_for_one_without_contacts(org: Org) -> None:
    deal = {"StageName": "Prospecting", "CloseDate": "2026-03-31"}
    [contact] = org.sandbox.load("Contact", [{"LastName": "x"}])
    rows = [{**deal, "Name": f"d{n}", ROLES: [contact]} for n in range(30)]
    made = org.sandbox.load("Opportunity", rows)
    org.server.faults.add(
        # The roles are the only thing a first load asks with what was deleted.
        Fault("salesforce", "remove", path="/queryAll", object="Opportunity",
              options={"id": made[3]})
    )  # fmt: skip
    found = records(org.connect(bulk_from="10").pull("Opportunity", ["Name", ROLES], None))
    assert {record.id for record in found} == {*made} - {made[3]}
    assert all(record.values[ROLES] == (contact,) for record in found)


@pytest.mark.parametrize("object", ["Account", "Case"])
def test_other_objects_too(org: Org, object: str) -> None:
    org.sandbox.load("Account", [{"Name": "a", "AnnualRevenue": "0.5", "NumberOfEmployees": 3}])
    org.sandbox.load("Case", [{"Subject": "s", "Rating__c": 4, "Status": "Closed"}])
    both(org, object, list(org.connect().describe(object).fields))


def test_more_fields_than_a_url_holds_come_at_once(org: Org) -> None:
    contact = org.sandbox.store.objects["Contact"]
    names = [f"A_Field_With_A_Rather_Long_Name_{number:03d}__c" for number in range(300)]
    for name in names:
        org.sandbox.store.add_field(contact, Field(name, name, "string", 255, custom=True))
    org.sandbox.load("Contact", [{"LastName": "a", **dict.fromkeys(names, "ค่า")}])
    [record] = both(org, "Contact", names)
    assert record.values == dict.fromkeys(names, "ค่า")


# -- first loads


def test_only_large_objects_go_this_way(org: Org) -> None:
    people(org, 3)
    assert len(records(org.connect(bulk_from="3").pull("Contact", ["LastName"], None))) == 3
    assert bulk_calls(org) == []
    assert len(records(org.connect(bulk_from="2").pull("Contact", ["LastName"], None))) == 3
    assert bulk_calls(org) == ["POST query", "GET job", "GET job", "GET results"]
    assert org.pauses == [2.0]


@pytest.mark.slow
def test_25_000_of_one_stamp_are_complete(org: Org) -> None:
    ids = people(org, 25_000)
    connector = org.connect()
    pages = []
    largest = 0
    before = org.sandbox.rest.used
    for page in connector.pull("Contact", ["LastName"], None):
        largest = max(largest, len(page.records))
        pages.append(replace(page, records=()))
        ids = ids if not page.records else _without(ids, page)
    assert ids == []
    assert largest == 2000
    assert {page.expected for page in pages} == {25_000}
    # Describe, first query, the job, two looks at it, its result.
    assert org.sandbox.rest.used - before == 6
    org.sandbox.clock.advance(3600)
    assert records(connector.pull("Contact", ["LastName"], pages[-1].cursor)) == []


def _without(ids: list[str], page: Page) -> list[str]:
    """The page is the beginning of what is missing; the rest."""
    got = [record.id for record in page.records]
    assert ids[: len(got)] == got
    return ids[len(got) :]


def test_changes_during_the_load_come_next(org: Org, small: None) -> None:
    ids = people(org, 7)
    connector = org.connect(**BULK)
    pull = connector.pull("Contact", ["LastName"], None)
    next(pull), next(pull)
    org.sandbox.clock.advance(10)
    org.sandbox.edit("Contact", ids[6], {"LastName": "changed"})
    org.sandbox.remove("Contact", ids[0])
    *_, last = pull
    assert last.last
    changes = {r.id: r for r in records(connector.pull("Contact", ["LastName"], last.cursor))}
    assert set(changes) == {ids[0], ids[6]}
    assert changes[ids[0]].deleted
    assert changes[ids[6]].values["LastName"] == "changed"


@pytest.mark.parametrize("lost", [False, True], ids=["job kept", "job gone"])
def test_a_load_cut_off_anywhere_goes_on(org: Org, small: None, lost: bool) -> None:
    """Also when Salesforce has thrown the job away meanwhile; nothing is read twice."""
    ids = people(org, 11)
    whole = list(org.connect(**BULK).pull("Contact", ["LastName"], None))
    assert [len(page.records) for page in whole] == [0, 2, 2, 1, 2, 2, 1, 1]
    for kept in range(1, len(whole)):
        pull = org.connect(**BULK).pull("Contact", ["LastName"], None)
        pages = [next(pull) for _ in range(kept)]
        assert not pages[-1].last
        if lost:
            org.sandbox.rest.bulk["query"].jobs.clear()
        jobs = bulk_calls(org).count("POST query")
        pages += org.connect(**BULK).pull("Contact", ["LastName"], pages[-1].cursor)
        assert [record.id for page in pages for record in page.records] == ids
        assert [page.last for page in pages[-2:]] == [False, True]
        assert bulk_calls(org).count("POST query") == jobs, "no second job"
        assert "2026-03-04" in json.loads(pages[-1].cursor)["stamp"], "changes come next"


def test_a_load_goes_on_in_pages_when_its_job_vanishes(org: Org, small: None) -> None:
    ids = people(org, 2300)
    pull = org.connect(**BULK).pull("Contact", ["LastName"], None)
    pages = [next(pull), next(pull)]
    org.sandbox.rest.bulk["query"].jobs.clear()
    pages += [next(pull) for _ in range(3)]
    assert len(pages[-1].records) == 2000
    org.sandbox.rest.queries.forget()
    pages += org.connect(**BULK).pull("Contact", ["LastName"], pages[-1].cursor)
    assert [record.id for page in pages for record in page.records] == ids


def test_other_fields_do_not_go_on_with_the_old_job(org: Org, small: None) -> None:
    ids = people(org, 4, Title="t")
    pull = org.connect(**BULK).pull("Contact", ["LastName"], None)
    pages = [next(pull), next(pull)]
    rest = records(org.connect(**BULK).pull("Contact", ["LastName", "Title"], pages[-1].cursor))
    assert [record.id for record in rest] == ids[2:]
    assert all(record.values["Title"] == "t" for record in rest)


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_fails_is_done_without(org: Org, state: str) -> None:
    ids = people(org, 3)
    query_jobs = org.sandbox.rest.bulk["query"]
    query_jobs.step = lambda job: setattr(job, "state", state)
    found = records(org.connect(**BULK).pull("Contact", ["LastName"], None))
    assert [record.id for record in found] == ids


def test_an_account_without_the_bulk_api_is_read_over_rest(org: Org) -> None:
    ids = people(org, 3)
    refusal = [{"errorCode": "API_DISABLED_FOR_ORG", "message": "No Bulk API."}]
    meddle(org, lambda request: json_response(refusal, 403) if "/jobs/" in request.path else None)
    found = records(org.connect(**BULK).pull("Contact", ["LastName"], None))
    assert [record.id for record in found] == ids


def test_a_hidden_field_is_left_out(org: Org) -> None:
    people(org, 1, Email="a@b.io")
    connector = org.connect(**BULK)
    connector.describe("Contact")
    org.sandbox.hide("Contact", "Email")
    [record] = records(connector.pull("Contact", ["LastName", "Email"], None))
    assert record.values == {"LastName": "p0"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("throttle", {}),
        ("error", {"status": 503}),
        ("error", {"status": 502, "html": True}),
        ("unauthorized", {}),
        ("cut_before", {}),
        ("cut_after", {}),
    ],
)
def test_every_call_is_patient(org: Org, small: None, kind: str, options: dict[str, Any]) -> None:
    ids = people(org, 7)
    for method, path in (("POST", "/query$"), ("GET", r"/750\w+$"), ("GET", "/results$")):
        fault(org, kind, method, path, options=options)
    found = records(org.connect(**BULK).pull("Contact", ["LastName"], None))
    assert [record.id for record in found] == ids
    assert sum(line["struck"] for line in org.server.faults.lines()) == 3


def test_a_torn_result_is_asked_for_again(org: Org) -> None:
    ids = people(org, 9)
    handle, struck = org.sandbox.handle, []

    def tear(request: Request) -> Response | None:
        if request.path.endswith("/results") and len(struck) < 2:
            reply = handle(request)
            lines = reply.get_data().split(b"\n")
            struck.append(reply)
            reply.set_data(b"\n".join(lines[:5]) + (b'\n"003' if len(struck) == 1 else b""))
            return reply
        return None

    meddle(org, tear)
    found = records(org.connect(**BULK).pull("Contact", ["LastName"], None))
    assert [record.id for record in found] == ids
    assert len(struck) == 2


def test_a_job_that_never_ends_is_told_and_met_again(org: Org) -> None:
    ids = people(org, 3)
    query_jobs = org.sandbox.rest.bulk["query"]
    step = query_jobs.step
    query_jobs.step = lambda job: None
    pull = org.connect(**BULK).pull("Contact", ["LastName"], None)
    first = next(pull)
    with pytest.raises(Unavailable, match="30 minutes"):
        next(pull)
    assert len(org.pauses) < 100
    query_jobs.step = step
    found = records(org.connect(**BULK).pull("Contact", ["LastName"], first.cursor))
    assert [record.id for record in found] == ids
    assert bulk_calls(org).count("POST query") == 1


@pytest.mark.parametrize("option", ["bulk_from", "bulk_write_from"])
def test_an_option_that_is_no_number_is_told(org: Org, option: str) -> None:
    with pytest.raises(Misconfigured, match=option):
        org.connect(**{option: "many"})


# -- writes


def keyed(org: Org, object: str = "Contact", **options: str) -> SalesforceConnector:
    """A connector that sends everything it can by bulk jobs, and an external id."""
    connector = org.connect(**{"bulk_write_from": "0", **options})
    connector.provision(object, KEY)
    return connector


def creates(count: int, **values: Any) -> list[Write]:
    return [
        Write(f"k{n}", "create", {"LastName": f"n{n}", **values}, external=(KEY, f"e{n}"))
        for n in range(count)
    ]


def live(org: Org, object: str = "Contact") -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in org.sandbox.state(object) if not row["deleted"]}


def fine(results: list[WriteResult]) -> list[str]:
    assert [result.error for result in results] == [None] * len(results)
    return [result.id for result in results]


def test_creates_updates_and_archives_go_by_jobs(org: Org) -> None:
    connector = keyed(org)
    results = connector.push("Contact", creates(5, Interests__c=("Support", "Events")))
    ids = fine(results)
    assert [result.created for result in results] == [True] * 5
    assert [live(org)[id]["LastName"] for id in ids] == [f"n{n}" for n in range(5)]
    again = connector.push("Contact", creates(5, Title="t"))
    assert (fine(again), [result.created for result in again]) == (ids, [False] * 5)
    writes = [
        Write("a", "update", {"Title": None, "Phone": "+66 1"}, ids[0]),
        Write("b", "update", {"LastName": ' ไทย "x",\ny'}, ids[1][:15]),
        Write("c", "archive", id=ids[2]),
        Write("d", "update", {"Interests__c": (), "HasOptedOutOfEmail": True}, ids[3]),
        Write("e", "update", {"HasOptedOutOfEmail": None, "Department": "  "}, ids[4]),
    ]
    assert fine(connector.push("Contact", writes)) == ids
    rows = live(org)
    assert (rows[ids[0]]["Title"], rows[ids[0]]["Phone"]) == (None, "+66 1")
    assert (rows[ids[1]]["LastName"], rows[ids[1]]["Title"]) == ('ไทย "x",\ny', "t")
    assert ids[2] not in rows
    assert (rows[ids[3]]["Interests__c"], rows[ids[3]]["HasOptedOutOfEmail"]) == (None, True)
    assert rows[ids[4]]["HasOptedOutOfEmail"] is False
    assert not [path for path in org.paths() if path.endswith("composite/sobjects")]
    assert fine(connector.push("Contact", [Write("c", "archive", id=ids[2])])) == [ids[2]]


def test_values_arrive_as_over_rest(org: Org) -> None:
    values = {
        **DEAL,
        "Name": "ข้อตกลง «قرارداد»",
        "Amount": Decimal("9999999999999999.99"),
        "Probability": Decimal("35"),
        "Description": "a\r\nb",
    }
    connector = keyed(org, "Opportunity")
    write = Write("k", "create", values, external=(KEY, "e"))
    [id] = fine(connector.push("Opportunity", [write]))
    [record] = connector.fetch("Opportunity", [id], list(values))
    assert record.values == values


def test_few_writes_and_creates_without_a_key_stay_with_rest(org: Org) -> None:
    connector = keyed(org, bulk_write_from="3")
    fine(connector.push("Contact", creates(3)))
    fine(connector.push("Contact", [Write(f"k{n}", "create", {"LastName": "x"}) for n in range(9)]))
    assert bulk_calls(org) == []
    fine(connector.push("Contact", creates(4)))
    assert bulk_calls(org)[0] == "POST ingest"


def test_failed_rows_carry_the_errors_of_rest(org: Org) -> None:
    [winner, loser, removed, plain] = people(org, 4)
    org.sandbox.merge("Contact", winner, [loser])
    org.sandbox.remove("Contact", removed)
    connector = keyed(org)
    fine(connector.push("Contact", creates(1)))
    bad: list[Write] = [
        Write("a", "update", {"LastName": None}, plain),
        Write("b", "update", {"Title": "x"}, loser),
        Write("c", "update", {"Title": "x"}, removed),
        Write("d", "create", {"LastName": "x", "Email": "x"}, external=(KEY, "d")),
        Write("e", "create", {"LastName": "x", "Birthdate": "31.12.99"}, external=(KEY, "e")),
        Write("f", "create", {"LastName": "x", "AccountId": "001000000000000AAA"},
              external=(KEY, "f")),
        Write("g", "create", {"LastName": "x", "CreatedDate": "2026-01-01T00:00:00.000Z"},
              external=(KEY, "g")),
        Write("h", "create", {"LastName": "x", "Nope__c": "x"}, external=(KEY, "h")),
        Write("i", "update", {KEY: "E0"}, winner),
        Write("j", "create", {"LastName": "fine"}, external=(KEY, "j")),
    ]  # fmt: skip
    by_bulk = connector.push("Contact", bad)
    by_rest = org.connect().push("Contact", bad)
    for one, other in zip(by_bulk, by_rest, strict=True):
        assert (one.key, type(one.error)) == (other.key, type(other.error))
        assert getattr(one.error, "fields", ()) == getattr(other.error, "fields", ()) or (
            one.key == "e"
        ), one.key
    kinds = [type(result.error) for result in by_bulk]
    assert kinds == [Invalid, Gone, Gone, Invalid, Invalid, Invalid, Refused, Refused, Duplicate,
                     type(None)]  # fmt: skip
    found = {result.key: result.error for result in by_bulk}
    assert isinstance(found["b"], Gone)
    assert found["b"].merged_into == winner
    assert isinstance(found["e"], Invalid)
    assert found["e"].fields == ("Birthdate",)
    assert isinstance(found["i"], Duplicate)
    assert live(org)[found["i"].of][KEY] == "e0"


def test_what_csv_cannot_say_goes_over_rest(org: Org) -> None:
    connector = keyed(org)
    [one, two, three] = fine(connector.push("Contact", creates(3)))
    writes = [
        Write("a", "update", {"Title": "#N/A"}, one),
        Write("b", "update", {"Title": "first"}, two),
        Write("c", "update", {"Title": "second"}, two),
        Write("d", "update", {"Description": "x" * 32_001}, three),
        Write("e", "update", {"Title": "bulk"}, three),
    ]
    results = connector.push("Contact", writes)
    assert [result.error is None for result in results] == [True, True, True, False, True]
    assert isinstance(results[3].error, Invalid)
    rows = live(org)
    assert [rows[id]["Title"] for id in (one, two, three)] == ["#N/A", "second", "bulk"]


def test_contacts_of_deals_written_by_jobs(org: Org) -> None:
    ann, bob = people(org, 2)
    connector = keyed(org, "Opportunity")
    writes = [
        Write(f"k{n}", "create", {**DEAL, ROLES: (ann, bob)[: n % 3]}, external=(KEY, f"e{n}"))
        for n in range(6)
    ]
    ids = fine(connector.push("Opportunity", writes))
    assert [len(live(org, "Opportunity")[id][ROLES]) for id in ids] == [0, 1, 2, 0, 1, 2]


def test_a_job_that_fails_as_a_whole_is_done_over_rest(org: Org) -> None:
    connector = keyed(org)
    ingest = org.sandbox.rest.bulk["ingest"]

    def fail(job: Any) -> None:
        job.state, job.error = "Failed", "InternalServerError : sorry"

    ingest.step = fail
    assert len(fine(connector.push("Contact", creates(3)))) == 3
    assert len(live(org)) == 3


def test_rows_of_an_aborted_job_wait(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator stopped it: what was not processed is for the next run."""
    monkeypatch.setattr(sandbox_jobs, "CHUNK", 2)
    connector = keyed(org)
    ingest = org.sandbox.rest.bulk["ingest"]
    step = ingest.step

    def once(job: Any) -> None:
        if job.processed:
            job.state = "Aborted"
        else:
            step(job)

    ingest.step = once
    results = connector.push("Contact", creates(5))
    assert [type(result.error) for result in results] == [type(None)] * 2 + [Unavailable] * 3
    assert len(live(org)) == 2


def test_an_account_without_the_bulk_api_is_written_over_rest(org: Org) -> None:
    connector = keyed(org)
    refusal = [{"errorCode": "INVALIDENTITY", "message": "not supported by the Bulk API"}]
    meddle(org, lambda request: json_response(refusal, 400) if "/jobs/" in request.path else None)
    assert len(fine(connector.push("Contact", creates(3)))) == 3


def test_locked_rows_are_tried_again(org: Org) -> None:
    connector = keyed(org)
    fault_body = {"kind": "lock", "object": "Contact", "times": 2}
    org.server.faults.add(Fault.read("salesforce", fault_body))
    assert len(fine(connector.push("Contact", creates(4)))) == 4
    assert len(live(org)) == 4


def test_many_rows_go_in_several_jobs(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_write, "LARGEST", 80)
    connector = keyed(org)
    assert len(set(fine(connector.push("Contact", creates(12))))) == 12
    assert bulk_calls(org).count("POST ingest") > 2


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "error", "throttle", "unauthorized"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/jobs/ingest$"),
        ("PUT", "/batches$"),
        ("PATCH", "/jobs/ingest/"),
        ("GET", r"/ingest/750\w+$"),
        ("GET", "/successfulResults$"),
        ("GET", "/failedResults$"),
    ],
)
def test_a_cut_writes_nothing_twice(org: Org, kind: str, method: str, path: str) -> None:
    connector = keyed(org)
    connector.describe("Contact")
    fault(org, kind, method, path)
    refused = Write("bad", "create", {"LastName": "x" * 100}, external=(KEY, "bad"))
    *results, bad = connector.push("Contact", [*creates(3), refused])
    fine(results)
    assert isinstance(bad.error, Invalid)
    assert [result.created for result in results] == [True] * 3, "one job was processed, once"
    assert len(live(org)) == 3
    assert sum(line["struck"] for line in org.server.faults.lines()) == 1


def test_a_job_whose_outcome_stayed_unknown_is_met_again(org: Org) -> None:
    connector = keyed(org)
    fault(org, "cut_after", "GET", "/successfulResults$", times=6)
    lost = connector.push("Contact", creates(3))
    assert [type(result.error) for result in lost] == [Unavailable] * 3
    assert len(live(org)) == 3
    results = connector.push("Contact", creates(3))
    fine(results)
    assert [result.created for result in results] == [True] * 3
    assert bulk_calls(org).count("POST ingest") == 1


def test_a_wait_midway_is_on_the_rest(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_write, "LARGEST", 80)
    connector = keyed(org)
    refusal = [
        {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}
    ]
    jobs: list[str] = []

    def answer(request: Request) -> Response | None:
        if request.method == "POST" and request.path.endswith("/jobs/ingest"):
            jobs.append(request.path)
            return json_response(refusal, 403) if len(jobs) > 1 else None
        return None

    meddle(org, answer)
    *results, later = connector.push("Contact", creates(12) + creates(1, Title="later"))
    assert isinstance(later.error, Throttled), "it does not overtake an earlier write"
    kinds = [type(result.error) for result in results]
    done = kinds.count(type(None))
    assert 0 < done < 12
    assert kinds == [type(None)] * done + [Throttled] * (12 - done)
    assert len(live(org)) == done


def test_many_updates_take_few_calls(org: Org) -> None:
    ids = people(org, 2001)
    connector = org.connect()
    connector.describe("Contact")
    before = connector.meter.total
    writes = [Write(id, "update", {"Title": f"t{n}"}, id) for n, id in enumerate(ids)]
    assert fine(connector.push("Contact", writes)) == ids
    # Made, filled, started, looked at: none was refused, and the ids are known.
    assert connector.meter.total - before == 4
    rows = live(org)
    assert [rows[id]["Title"] for id in ids] == [f"t{n}" for n in range(2001)]


def test_of_creates_only_the_ids_are_fetched(org: Org) -> None:
    connector = keyed(org)
    fine(connector.push("Contact", creates(3)))
    assert bulk_calls(org)[-2:] == ["GET job", "GET successfulResults"]


def test_credentials_that_end_are_told_with_what_was_written(org: Org) -> None:
    connector = keyed(org)
    fault(org, "unauthorized", "GET", "/successfulResults$", times=2)
    results = connector.push("Contact", creates(2))
    assert [type(result.error) for result in results] == [AuthenticationFailed] * 2
    assert [result.created for result in connector.push("Contact", creates(2))] == [True] * 2
    fault(org, "unauthorized", "POST", "/jobs/ingest$", times=2)
    with pytest.raises(AuthenticationFailed):
        connector.push("Contact", creates(2))


def test_the_same_values_planned_on_a_newer_version_are_sent(org: Org) -> None:
    """What a person changed meanwhile is not taken for what the lost job wrote."""
    [id] = people(org, 1)
    connector = keyed(org)
    fault(org, "cut_after", "GET", r"/ingest/750\w+$", times=6)
    write = Write("k", "update", {"Title": "ours"}, id, version="1")
    assert isinstance(connector.push("Contact", [write])[0].error, Unavailable)
    org.sandbox.edit("Contact", id, {"Title": "theirs"})
    fine(connector.push("Contact", [replace(write, version="2")]))
    assert live(org)[id]["Title"] == "ours"


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=4))
def test_any_text_survives_csv_both_ways(rows: list[list[str]]) -> None:
    columns = ["one", "two"]
    result = csvs.written(columns, rows).encode()
    found, lines = table(io.BytesIO(result))
    assert (found, list(lines)) == (columns, rows)
    assert csvs.parsed(written(columns, rows).encode()) == (columns, rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
         [("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", ["Name"])]),
        ("INVALID_CROSS_REFERENCE_KEY:invalid cross reference id: --",
         [("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])]),
        ("ENTITY_IS_DELETED:it is deleted:--", [("ENTITY_IS_DELETED", "it is deleted", [])]),
        ("X_Y:a:b c --;Z:d: e:F,G__c --", [("X_Y", "a:b c", []), ("Z", "d: e", ["F", "G__c"])]),
        ("", [("", "", [])]),
    ],
)  # fmt: skip
def test_the_errors_of_a_row(text: str, expected: list[tuple[str, str, list[str]]]) -> None:
    found = [(e["statusCode"], e["message"], e["fields"]) for e in errors(text)]
    assert found == expected
