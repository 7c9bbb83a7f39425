"""First loads by the Bulk API 2.0: complete, patient, and gone on with after a cut."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connectors.base import Page
from connectors.errors import Misconfigured, Unavailable
from connectors.sandbox.faults import Fault
from connectors.sandbox.server import json_response
from tests.connectors.salesforce.bulk import BULK, bulk_calls, fault, people
from tests.connectors.salesforce.conftest import ROLES, Org, meddle, records


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
