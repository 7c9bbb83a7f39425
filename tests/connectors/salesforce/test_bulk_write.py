"""Writes by the Bulk API 2.0: the same as over REST, for much."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connectors.base import Write, WriteResult
from connectors.errors import (
    AuthenticationFailed,
    Duplicate,
    Gone,
    Invalid,
    Refused,
    Throttled,
    Unavailable,
)
from connectors.salesforce import SalesforceConnector, bulk_write
from connectors.sandbox.faults import Fault
from connectors.sandbox.salesforce import jobs as sandbox_jobs
from connectors.sandbox.server import json_response
from tests.connectors.salesforce.bulk import bulk_calls, fault, people
from tests.connectors.salesforce.conftest import DEAL, KEY, ROLES, Org, meddle


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
