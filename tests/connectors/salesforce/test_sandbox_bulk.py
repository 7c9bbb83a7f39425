"""The sandbox's Bulk API 2.0, on the wire."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from simple_salesforce import Salesforce
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from connectors.base import Write
from connectors.sandbox.faults import Fault
from connectors.sandbox.salesforce import Sandbox
from connectors.sandbox.salesforce import jobs as sandbox_jobs
from connectors.sandbox.salesforce.schema import Field
from connectors.transport import Meter, session
from tests.connectors.salesforce.conftest import BASE, OLD, Org, Rest

KEY = "Concord_Id__c"
UPSERT = {"operation": "upsert", "object": "Contact", "externalIdFieldName": KEY}


@pytest.fixture
def keyed(sandbox: Sandbox) -> None:
    """Contacts have an external id."""
    sandbox.store.add_field(
        sandbox.store.objects["Contact"],
        Field(KEY, "Key", "string", 64, custom=True, unique=True, external_id=True),
    )


def put(rest: Rest, job: str, text: str) -> Response:
    builder = EnvironBuilder(
        f"{BASE}/jobs/ingest/{job}/batches",
        method="PUT",
        headers={"Authorization": f"Bearer {rest.token}"},
        data=text.encode(),
        content_type="text/csv",
    )
    return rest.sandbox.handle(Request(builder.get_environ()))


def read(response: Response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.content_type.startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.get_data().decode(), newline="")))


def run(rest: Rest, settings: Mapping[str, str], text: str) -> str:
    """A job with these rows, started; its id."""
    job = rest.json("POST", "jobs/ingest", {**settings, "contentType": "CSV", "lineEnding": "LF"})
    assert job["state"] == "Open"
    assert job["contentUrl"] == f"services/data/v62.0/jobs/ingest/{job['id']}/batches"
    sent = put(rest, job["id"], text)
    assert (sent.status_code, sent.get_data()) == (201, b"")
    done = rest.json("PATCH", f"jobs/ingest/{job['id']}", {"state": "UploadComplete"})
    assert done["state"] == "UploadComplete"
    return str(job["id"])


def outcome(rest: Rest, job: str, which: str) -> list[dict[str, str]]:
    return read(rest.send("GET", f"jobs/ingest/{job}/{which}"))


def ask(rest: Rest, soql: str, operation: str = "query") -> str:
    body = {"operation": operation, "query": soql}
    return str(rest.json("POST", "jobs/query", body)["id"])


def finish(rest: Rest, kind: str, job: str) -> dict[str, Any]:
    for _ in range(9):
        found: dict[str, Any] = rest.json("GET", f"jobs/{kind}/{job}")
        if found["state"] in ("JobComplete", "Failed", "Aborted"):
            return found
    raise AssertionError("never over")


def code(rest: Rest, method: str, path: str, body: Any = None, status: int = 400) -> str:
    return str(rest.json(method, path, body, status)[0]["errorCode"])


# -- queries


def test_a_query_job_goes_its_way(rest: Rest) -> None:
    ids = rest.sandbox.load("Contact", [{"LastName": f"p{n}"} for n in range(5)])
    rest.sandbox.remove("Contact", ids[4])
    job = rest.json("POST", "jobs/query", {"operation": "query", "query": "SELECT Id FROM Contact"})
    assert job["id"].startswith("750")
    assert job["state"] == "UploadComplete"
    assert job["apiVersion"] == 62.0
    assert code(rest, "GET", f"jobs/query/{job['id']}/results") == "INVALIDJOBSTATE"
    states = [rest.json("GET", f"jobs/query/{job['id']}") for _ in range(3)]
    assert [state["state"] for state in states] == ["InProgress", "JobComplete", "JobComplete"]
    assert states[2]["numberRecordsProcessed"] == 4
    seen: list[str] = []
    locator = ""
    sizes = []
    while locator != "null":
        more = f"&locator={locator}" if locator else ""
        reply = rest.send("GET", f"jobs/query/{job['id']}/results?maxRecords=3{more}")
        seen += [row["Id"] for row in read(reply)]
        sizes.append(reply.headers["Sforce-NumberOfRecords"])
        locator = reply.headers["Sforce-Locator"]
        assert "Sforce-Limit-Info" in reply.headers
    assert sizes == ["3", "1"]
    assert sorted(seen) == sorted(ids[:4])
    assert seen != sorted(seen), "rows come in the order of the ids only when asked to"
    assert [found["id"] for found in rest.json("GET", "jobs/query")["records"]] == [job["id"]]
    assert rest.send("DELETE", f"jobs/query/{job['id']}").status_code == 204
    assert code(rest, "GET", f"jobs/query/{job['id']}", status=404) == "NOT_FOUND"


def test_a_result_is_a_snapshot_that_is_kept_for_a_week(rest: Rest) -> None:
    [id] = rest.sandbox.load("Contact", [{"LastName": "before"}])
    job = ask(rest, "SELECT Id, LastName FROM Contact")
    finish(rest, "query", job)
    rest.sandbox.edit("Contact", id, {"LastName": "after"})
    path = f"jobs/query/{job}/results"
    assert [row["LastName"] for row in read(rest.send("GET", path))] == ["before"]
    rest.sandbox.clock.advance(timedelta(days=8).total_seconds())
    rest.token = rest.sandbox.sessions.open()
    assert code(rest, "GET", path, status=404) == "NOT_FOUND"


def test_cells_are_quoted_and_empty_for_null(rest: Rest) -> None:
    name = 'ไทย "قول",\r\nnext\x00'
    rest.sandbox.load(
        "Account",
        [{"Name": name, "AnnualRevenue": 560000000, "NumberOfEmployees": 7, "Phone": ""}],
    )
    soql = "SELECT Name, AnnualRevenue, NumberOfEmployees, Phone, Owner.Name FROM Account"
    job = ask(rest, soql)
    finish(rest, "query", job)
    reply = rest.send("GET", f"jobs/query/{job}/results")
    text = reply.get_data().decode()
    head, _, _ = text.partition("\n")
    assert head == '"Name","AnnualRevenue","NumberOfEmployees","Phone","Owner.Name"'
    assert text.endswith(',"5.6E8","7","","Sandbox Administrator"\n')
    assert '"ไทย ""قول"",\r\nnext\x00"' in text


def test_deleted_rows_are_read_by_query_all(rest: Rest) -> None:
    one, two = rest.sandbox.load("Contact", [{"LastName": "a"}, {"LastName": "b"}])
    rest.sandbox.remove("Contact", two)
    job = ask(rest, "SELECT Id, IsDeleted FROM Contact ORDER BY Id", "queryAll")
    finish(rest, "query", job)
    rows = read(rest.send("GET", f"jobs/query/{job}/results"))
    assert rows == [{"Id": one, "IsDeleted": "false"}, {"Id": two, "IsDeleted": "true"}]


@pytest.mark.parametrize(
    ("soql", "refused", "words"),
    [
        ("SELECT Home__c FROM Contact", "API_ERROR", "Selecting compound data not supported"),
        ("SELECT COUNT() FROM Contact", "API_ERROR", "Implementation restriction"),
        ("SELECT Id, (SELECT Id FROM Cases) FROM Contact", "API_ERROR", "Implementation"),
        ("SELECT ApiName FROM CaseStatus", "INVALIDENTITY", "is not supported by the Bulk API"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD", "Nope"),
        ("SELECT FROM", "MALFORMED_QUERY", ""),
    ],
)
def test_what_bulk_queries_cannot_do(rest: Rest, soql: str, refused: str, words: str) -> None:
    contact = rest.sandbox.store.objects["Contact"]
    rest.sandbox.store.add_field(contact, Field("Home__c", "Home", "address", custom=True))
    [error] = rest.json("POST", "jobs/query", {"operation": "query", "query": soql}, 400)
    assert error["errorCode"] == refused
    assert words in error["message"]


def test_an_aborted_query_has_no_result(rest: Rest) -> None:
    job = ask(rest, "SELECT Id FROM Contact")
    assert code(rest, "DELETE", f"jobs/query/{job}") == "INVALIDJOBSTATE"
    assert rest.json("PATCH", f"jobs/query/{job}", {"state": "Aborted"})["state"] == "Aborted"
    assert rest.json("GET", f"jobs/query/{job}")["state"] == "Aborted"
    assert code(rest, "GET", f"jobs/query/{job}/results") == "INVALIDJOBSTATE"


# -- ingest


@pytest.mark.usefixtures("keyed")
def test_rows_are_upserted_each_by_itself(rest: Rest) -> None:
    [id] = rest.sandbox.load("Contact", [{"LastName": "old", KEY: "k1", "Phone": "1"}])
    text = (
        f"{KEY},LastName,Email,Birthdate,Phone\n"
        "k1,,,,#N/A\n"
        'k2,"new, ไทย",a@b.io,2000-01-02,\n'
        "k3,,x,,\n"
        "k4,name,,31.12.1999,\n"
        "K2,twice,,,\n"
    )
    job = run(rest, UPSERT, text)
    state = finish(rest, "ingest", job)
    assert state["state"] == "JobComplete"
    assert (state["numberRecordsProcessed"], state["numberRecordsFailed"]) == (5, 3)
    second, first = outcome(rest, job, "successfulResults")
    assert (first["sf__Id"], first["sf__Created"], first[KEY]) == (id, "false", "k1")
    assert (second["sf__Created"], second["LastName"]) == ("true", "new, ไทย")
    errors = {row[KEY]: row["sf__Error"] for row in outcome(rest, job, "failedResults")}
    assert errors == {
        "k3": "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --;"
        "INVALID_EMAIL_ADDRESS:Email: invalid email address: x:Email --",
        "k4": "INVALID_FIELD:Failed to deserialize field at col 3. Due to, '31.12.1999' is not a "
        "valid value for the type xsd:date:Birthdate --",
        "K2": f"DUPLICATE_VALUE:Duplicate external id specified: K2:{KEY} --",
    }
    assert outcome(rest, job, "unprocessedrecords") == []
    rows = {row["LastName"]: row for row in rest.sandbox.state("Contact")}
    assert rows["old"]["Phone"] is None
    assert rows["old"]["modified_by"] == rest.sandbox.store.api_user
    assert set(rows) == {"old", "new, ไทย"}


def test_insert_update_and_delete(rest: Rest) -> None:
    insert = {"operation": "insert", "object": "Contact"}
    job = run(rest, insert, "LastName,HasOptedOutOfEmail\na,true\nb,\n")
    finish(rest, "ingest", job)
    made = {row["LastName"]: row["sf__Id"] for row in outcome(rest, job, "successfulResults")}
    assert set(made) == {"a", "b"}
    update = {"operation": "update", "object": "Contact"}
    text = f"Id,Title\n{made['a']},boss\n003000000000000AAA,x\n,y\n"
    job = run(rest, update, text)
    finish(rest, "ingest", job)
    failed = [row["sf__Error"].partition(":")[0] for row in outcome(rest, job, "failedResults")]
    assert failed == ["MISSING_ARGUMENT", "INVALID_CROSS_REFERENCE_KEY"]
    job = run(rest, {"operation": "delete", "object": "Contact"}, f"Id\n{made['b']}\n")
    finish(rest, "ingest", job)
    rows = {row["LastName"]: row for row in rest.sandbox.state("Contact")}
    assert rows["a"]["Title"] == "boss"
    assert rows["a"]["HasOptedOutOfEmail"] is True
    assert rows["b"]["deleted"]


def test_a_lookup_by_the_parents_key(rest: Rest) -> None:
    field = Field(KEY, "Key", "string", 64, custom=True, unique=True, external_id=True)
    rest.sandbox.store.add_field(rest.sandbox.store.objects["Account"], field)
    [account] = rest.sandbox.load("Account", [{"Name": "parent", KEY: "a1"}])
    job = run(rest, {"operation": "insert", "object": "Contact"}, f"LastName,Account.{KEY}\nx,a1\n")
    assert finish(rest, "ingest", job)["numberRecordsFailed"] == 0
    assert rest.sandbox.state("Contact")[0]["AccountId"] == account


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LastName,Nope__c\nx,y\n", "InvalidBatch : Field name not found : Nope__c"),
        ("LastName,Title\nx\n", "InvalidBatch : 1 cells under 2 columns"),
        ("", "InvalidBatch : no header"),
    ],
)
def test_an_unreadable_upload_fails_the_job(rest: Rest, text: str, words: str) -> None:
    job = run(rest, {"operation": "insert", "object": "Contact"}, text)
    state = finish(rest, "ingest", job)
    assert (state["state"], state["errorMessage"]) == ("Failed", words)
    assert rest.sandbox.state("Contact") == []


def test_an_aborted_job_leaves_the_rest_unprocessed(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_jobs, "CHUNK", 2)
    job = run(rest, {"operation": "insert", "object": "Contact"}, "LastName\na\nb\nc\n")
    assert rest.json("GET", f"jobs/ingest/{job}")["state"] == "InProgress"
    rest.json("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"})
    assert len(outcome(rest, job, "successfulResults")) == 2
    assert outcome(rest, job, "unprocessedrecords") == [{"LastName": "c"}]
    assert code(rest, "PATCH", f"jobs/ingest/{job}", {"state": "Aborted"}) == "INVALIDJOBSTATE"


def test_data_is_uploaded_once_and_only_while_open(rest: Rest) -> None:
    settings = {"operation": "insert", "object": "Contact", "contentType": "CSV"}
    job = rest.json("POST", "jobs/ingest", settings)["id"]
    assert rest.json("GET", f"jobs/ingest/{job}")["state"] == "Open"
    assert put(rest, job, "LastName\nx\n").status_code == 201
    again = json.loads(put(rest, job, "LastName\ny\n").get_data())
    assert "Found multiple contents" in again[0]["message"]
    rest.json("PATCH", f"jobs/ingest/{job}", {"state": "UploadComplete"})
    assert put(rest, job, "LastName\ny\n").status_code == 400
    done = {"state": "UploadComplete"}
    assert code(rest, "PATCH", f"jobs/ingest/{job}", done) == "INVALIDJOBSTATE"


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({"operation": "insert", "object": "Nope"}, "INVALIDENTITY"),
        ({"operation": "insert", "object": "CurrencyType"}, "INVALIDENTITY"),
        ({"operation": "upsert", "object": "Contact"}, "INVALIDJOB"),
        ({"operation": "hardDelete", "object": "Contact"}, "FEATURENOTENABLED"),
        ({"operation": "merge", "object": "Contact"}, "INVALIDJOB"),
        ({"operation": "insert", "object": "Contact", "columnDelimiter": "X"}, "INVALIDJOB"),
        ({"operation": "insert", "object": "Contact", "contentType": "JSON"}, "INVALIDJOB"),
    ],
)
def test_jobs_that_are_not_taken(rest: Rest, settings: dict[str, str], refused: str) -> None:
    assert code(rest, "POST", "jobs/ingest", settings) == refused


def test_the_rules_of_the_org_hold_for_rows_too(org: Org, rest: Rest) -> None:
    """The faults of the control API strike bulk rows as they strike those of REST."""
    options = {"field": "Title", "words": "No.", "value": "x"}
    fault = {"kind": "validation_rule", "object": "Contact", "options": options}
    org.server.faults.add(Fault.read("salesforce", fault))
    job = run(rest, {"operation": "insert", "object": "Contact"}, "LastName,Title\na,\nb,x\n")
    finish(rest, "ingest", job)
    errors = [row["sf__Error"] for row in outcome(rest, job, "failedResults")]
    assert errors == ["FIELD_CUSTOM_VALIDATION_EXCEPTION:No.:Title --"]


def test_the_log_calls_a_start_a_write(org: Org) -> None:
    """Nothing is written before the upload is complete."""
    connector = org.connect(bulk_write_from="0")
    connector.provision("Contact", KEY)
    write = Write("k", "create", {"LastName": "x"}, external=(KEY, "1"))
    assert connector.push("Contact", [write])[0].error is None
    bulk = [call for call in org.server.log.calls if "/jobs/" in call.path]
    assert [call.method for call in bulk if call.wrote] == ["PATCH"]


def test_the_sdk_is_at_home(org: Org) -> None:
    org.sandbox.load("Contact", [{"LastName": f"p{n}", "modified_at": OLD} for n in range(3)])
    client = Salesforce(
        session_id=org.sandbox.sessions.open(),
        instance=org.server.url.removeprefix("http://"),
        session=session(Meter(), sandbox_url=org.server.url),
    )
    [text] = client.bulk2.Contact.query("SELECT LastName FROM Contact", wait=0)
    assert sorted(text.split()[1:]) == ['"p0"', '"p1"', '"p2"']
    [done] = client.bulk2.Contact.insert(records=[{"LastName": "n", "Title": "t"}], wait=0)
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (1, 0)
    assert "n" in client.bulk2.Contact.get_successful_records(done["job_id"])
