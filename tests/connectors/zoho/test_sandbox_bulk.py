"""The sandbox's Bulk Read and Bulk Write as a client of Zoho meets them, and what calls cost."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest
import requests

import connectors.sandbox.zoho.bulk_read as bulk_read
import connectors.sandbox.zoho.bulk_write as bulk_write
from connectors.sandbox.zoho.settings import ORG_ID
from tests.connectors.zoho.conftest import Account, Ask

READ, WRITE, UPLOAD = "/crm/bulk/v8/read", "/crm/bulk/v8/write", "/crm/v8/upload"
FOR_WRITES = {"feature": "bulk-write", "X-CRM-ORG": ORG_ID}


def packed(*rows: list[str], name: str = "x.csv") -> bytes:
    lines, out = io.StringIO(newline=""), io.BytesIO()
    csv.writer(lines).writerows(rows)
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(name, lines.getvalue())
    return out.getvalue()


def unpacked(content: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        [name] = made.namelist()
        return list(csv.reader(io.StringIO(made.read(name).decode(), newline="")))


def code(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


def read(ask: Ask, **query: Any) -> requests.Response:
    asked = {"module": {"api_name": "Accounts"}, "fields": ["Account_Name"], **query}
    return ask("POST", READ, json={"query": asked, "file_type": "csv"})


def done(ask: Ask, made: requests.Response) -> dict[str, Any]:
    assert made.status_code == 201, made.text
    [outcome] = made.json()["data"]
    assert (outcome["code"], outcome["details"]["state"]) == ("ADDED_SUCCESSFULLY", "ADDED")
    id = outcome["details"]["id"]
    early = ask("GET", f"{READ}/{id}/result")
    assert early.status_code == 400
    states = [ask("GET", f"{READ}/{id}").json()["data"][0] for _ in range(2)]
    assert [state["state"] for state in states] == ["IN PROGRESS", "COMPLETED"]
    return dict(states[1]["result"])


# -- Bulk Read -----------------------------------------------------------------------


def test_a_read_job_from_beginning_to_end(account: Account, ask: Ask) -> None:
    [company] = account.sandbox.load("Accounts", [{"Account_Name": 'A "b", c\nสวัสดี'}])
    [contact] = account.sandbox.load("Contacts", [
        {"Last_Name": "x", "Account_Name": company, "Interests": ["Support", "Events"],
         "modified_at": "2026-01-02T03:04:05+00:00"},
    ])  # fmt: skip
    fields = ["Last_Name", "Account_Name", "Account_Name.Account_Name", "Interests",
              "Email_Opt_Out", "Email", "Modified_Time"]  # fmt: skip
    result = done(ask, read(ask, module={"api_name": "Contacts"}, fields=fields))
    assert (result["count"], result["more_records"], result["page"]) == (1, False, 1)
    reply = ask("GET", result["download_url"])
    assert unpacked(reply.content) == [
        ["Id", *fields],
        [contact, "x", company, 'A "b", c\nสวัสดี', "Support;Events", "false", "",
         "2026-01-02T10:04:05+07:00"],
    ]  # fmt: skip


def test_pages_by_number_and_by_token(
    account: Account, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_read, "ROWS", 100)
    made = account.sandbox.load("Accounts", [{"Account_Name": f"n{n}"} for n in range(250)])
    first = done(ask, read(ask))
    assert (first["per_page"], first["count"], first["more_records"]) == (100, 100, True)
    second = done(ask, read(ask, page_token=first["next_page_token"]))
    third = done(ask, read(ask, page=3))
    assert (second["page"], third["more_records"], third["next_page_token"]) == (2, False, None)
    found = [
        row[0]
        for result in (first, second, third)
        for row in unpacked(ask("GET", result["download_url"]).content)[1:]
    ]
    assert found == made
    token = {"page_token": first["next_page_token"]}
    assert code(read(ask, fields=["Phone"], **token)) == (401, "TOKEN_BOUND_DATA_MISMATCH")
    assert code(read(ask, page=2, **token)) == (400, "AMBIGUITY_DURING_PROCESSING")
    account.sandbox.clock.advance(25 * 3600)
    monkeypatch.setattr(account.sandbox.tokens, "require", lambda request: None)
    assert code(read(ask, **token)) == (400, "EXPIRED_VALUE")
    assert code(ask("GET", first["download_url"])) == (404, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"module": {"api_name": "Nothing"}}, "INVALID_MODULE"),
        ({"module": None}, "MANDATORY_NOT_FOUND"),
        ({"fields": ["Nothing"]}, "FIELD_NOT_AVAILABLE"),
        ({"fields": ["Phone"] * 201}, "LIMIT_EXCEEDED"),
        ({"fields": ["Owner.id", "Created_By.id", "Modified_By.id"]}, "JOIN_LIMIT_EXCEEDED"),
        ({"page": 501}, "PAGE_RANGE_EXCEEDED"),
        ({"page": 0}, "INVALID_DATA"),
        ({"cvid": "1"}, "CVID_NOT_SUPPORTED"),
        ({"criteria": {}}, "AMBIGUOUS_CRITERIA"),
        ({"criteria": {"field": {"api_name": "Phone"}, "value": "1"}}, "AMBIGUOUS_CRITERIA"),
        ({"criteria": {"group": [], "group_operator": "and"}}, "AMBIGUOUS_CRITERIA"),
        ({"page_token": "x"}, "INVALID_DATA"),
    ],
)
def test_read_jobs_that_are_refused(ask: Ask, query: dict[str, Any], expected: str) -> None:
    assert code(read(ask, **query)) == (400, expected)


def test_read_jobs_take_criteria(account: Account, ask: Ask) -> None:
    account.sandbox.load("Accounts", [
        {"Account_Name": f"n{n}", "Employees": n, "Phone": "1" if n % 2 else None}
        for n in range(10)
    ])  # fmt: skip

    def one(name: str, comparator: str, value: Any) -> dict[str, Any]:
        return {"field": {"api_name": name}, "comparator": comparator, "value": value}

    for criteria, expected in (
        (one("Employees", "greater_equal", 8), ["n8", "n9"]),
        (one("Account_Name", "in", ["n1", "n2"]), ["n1", "n2"]),
        (one("Employees", "between", [3, 4]), ["n3", "n4"]),
        ({"group_operator": "and", "group": [
            one("Phone", "equal", None), one("Employees", "less_than", 3),
        ]}, ["n0", "n2"]),
    ):  # fmt: skip
        result = done(ask, read(ask, criteria=criteria))
        rows = unpacked(ask("GET", result["download_url"]).content)
        assert [row[1] for row in rows[1:]] == expected


# -- Bulk Write ----------------------------------------------------------------------


def sent(ask: Ask, content: bytes) -> str:
    reply = ask("POST", UPLOAD, files={"file": ("x.zip", content)}, headers=FOR_WRITES)
    assert reply.json()["code"] == "FILE_UPLOAD_SUCCESS"
    return str(reply.json()["details"]["file_id"])


def write(
    ask: Ask, operation: str, names: list[str], *rows: list[str], **more: Any
) -> requests.Response:
    resource = {
        "type": "data", "module": {"api_name": "Contacts"},
        "file_id": more.pop("file_id", "") or sent(ask, packed(names, *rows)),
        "field_mappings": [{"api_name": name, "index": at} for at, name in enumerate(names)],
        **more.pop("resource", {}),
    }  # fmt: skip
    return ask("POST", WRITE, json={"operation": operation, "resource": [resource], **more})


def outcome(ask: Ask, made: requests.Response) -> tuple[dict[str, int], list[list[str]]]:
    """The counts, and the result's rows without the header."""
    assert made.status_code == 201, made.text
    id = made.json()["details"]["id"]
    jobs = [ask("GET", f"{WRITE}/{id}").json() for _ in range(2)]
    assert [job["status"] for job in jobs] == ["IN PROGRESS", "COMPLETED"]
    url = jobs[1]["result"]["download_url"]
    rows = unpacked(ask("GET", url[url.index("/crm/") :]).content)
    assert rows[0][-3:] == ["STATUS", "RECORD_ID", "ERRORS"]
    return jobs[1]["resource"][0]["file"], rows[1:]


def test_rows_are_validated_like_records(account: Account, ask: Ask) -> None:
    [taken] = account.sandbox.load("Contacts", [{"Last_Name": "n", "Email": "a@b.example"}])
    names = ["Last_Name", "Email", "Date_of_Birth", "Interests", "Account_Name"]
    counts, rows = outcome(ask, write(
        ask, "insert", names,
        ["good", "g@b.example", "1990-02-03", "Events;Support", ""],
        ["", "h@b.example", "", "", ""],
        ["x", "A@b.example", "", "", ""],
        ["x", "nobody", "", "", ""],
        ["x", "", "1990", "", ""],
        ["x", "", "", "Nothing", ""],
        ["x", "", "", "", taken],
    ))  # fmt: skip
    assert (counts["added_count"], counts["skipped_count"], counts["total_count"]) == (1, 6, 7)
    [added] = [row for row in account.sandbox.state("Contacts") if row["id"] != taken]
    assert rows[0] == ["good", "g@b.example", "1990-02-03", "ADDED", added["id"], ""]
    assert added["Interests"] == ["Events", "Support"]
    assert added["modified_by"] == account.sandbox.api_user
    assert [row[-3:] for row in rows[1:]] == [
        ["SKIPPED", "", "MANDATORY_NOT_FOUND-Last_Name"],
        ["SKIPPED", "", "DUPLICATE_DATA-Email"],
        ["SKIPPED", "", "INVALID_DATA-Email"],
        ["SKIPPED", "", "INVALID_DATA-Date_of_Birth"],
        ["SKIPPED", "", "INVALID_DATA-Interests"],
        ["SKIPPED", "", "INVALID_DATA-Account_Name"],
    ]


@pytest.mark.parametrize("ignore_empty", [True, False])
def test_updates_and_upserts_by_a_field(account: Account, ask: Ask, ignore_empty: bool) -> None:
    [id] = account.sandbox.load("Contacts", [
        {"Last_Name": "n", "Email": "a@b.example", "Phone": "1"},
    ])  # fmt: skip
    by = {"resource": {"find_by": "Email"}, "ignore_empty": ignore_empty}
    names = ["Email", "Last_Name", "Phone"]
    _, rows = outcome(ask, write(
        ask, "update", names, ["A@b.example", "u", ""], ["z@b.example", "u", ""], **by,
    ))  # fmt: skip
    assert rows == [
        ["A@b.example", "u", "", "UPDATED", id, ""],
        ["z@b.example", "u", "", "SKIPPED", "", "RESOURCE_NOT_FOUND-Email"],
    ]
    [row] = account.sandbox.state("Contacts")
    assert (row["Last_Name"], row["Phone"]) == ("u", "1" if ignore_empty else None)
    _, rows = outcome(ask, write(
        ask, "upsert", names, ["a@b.example", "v", "2"], ["z@b.example", "w", "3"], **by,
    ))  # fmt: skip
    assert [row[3] for row in rows] == ["UPDATED", "ADDED"]
    assert {row["Last_Name"] for row in account.sandbox.state("Contacts")} == {"v", "w"}


def test_a_lookup_is_found_by_a_field_of_its_module(account: Account, ask: Ask) -> None:
    [company] = account.sandbox.load("Accounts", [{"Account_Name": "Acme"}])
    mappings = [
        {"api_name": "Last_Name", "index": 1},
        {"api_name": "Account_Name", "index": 0, "find_by": "Account_Name"},
    ]
    outcome(ask, write(ask, "insert", ["Company", "Name"], ["Acme", "x"],
                       resource={"field_mappings": mappings}))  # fmt: skip
    [row] = account.sandbox.state("Contacts")
    assert (row["Last_Name"], row["Account_Name"]) == ("x", company)


def test_a_job_is_carried_out_though_nobody_asks_after_it(account: Account, ask: Ask) -> None:
    write(ask, "insert", ["Last_Name"], ["x"])
    assert [row["Last_Name"] for row in account.sandbox.state("Contacts")] == ["x"]


def test_write_jobs_that_are_refused(
    account: Account, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ["x"]
    assert code(write(ask, "delete", ["Last_Name"], row)) == (400, "INVALID_DATA")
    assert code(write(ask, "insert", ["Phone"], row)) == (400, "MANDATORY_FIELDS_NOT_MAPPED")
    assert code(write(ask, "insert", ["Nothing"], row)) == (400, "INVALID_DATA")
    assert code(write(ask, "update", ["Last_Name"], row)) == (400, "INVALID_DATA"), "find_by"
    refused = write(ask, "insert", ["Last_Name"], file_id="1")
    assert code(refused) == (400, "INVALID_FILE_ID")
    wrong = {"field_mappings": [{"api_name": "Last_Name", "index": 1}]}
    refused = write(ask, "insert", ["Last_Name"], row, resource=wrong)
    assert code(refused) == (400, "COLUMN_INDEX_NOT_FOUND")
    wide = [["Last_Name", *(f"c{n}" for n in range(200))]]
    refused = write(ask, "insert", ["Last_Name"], file_id=sent(ask, packed(*wide)))
    assert code(refused) == (400, "HEADER_LIMIT_EXCEEDED")
    monkeypatch.setattr(bulk_write, "ROWS", 2)
    assert code(write(ask, "insert", ["Last_Name"], row, row, row)) == (400, "LIMIT_EXCEEDED")
    assert code(ask("GET", f"{WRITE}/1")) == (404, "RESOURCE_NOT_FOUND")
    assert account.sandbox.state("Contacts") == []


def test_uploads_that_are_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def upload(content: bytes, headers: dict[str, str]) -> tuple[int, str]:
        return code(ask("POST", UPLOAD, files={"file": ("x.zip", content)}, headers=headers))

    good = packed(["a"])
    assert upload(good, {"feature": "bulk-write"}) == (400, "INVALID_REQUEST")
    assert upload(good, {"X-CRM-ORG": ORG_ID}) == (400, "INVALID_REQUEST")
    assert upload(b"a,b", FOR_WRITES) == (400, "INVALID_FILE_FORMAT")
    assert upload(packed(["a"], name="x.txt"), FOR_WRITES) == (400, "INVALID_FILE_FORMAT")
    nothing = ask("POST", UPLOAD, headers=FOR_WRITES)
    assert code(nothing) == (400, "REQUIRED_PARAM_MISSING")
    monkeypatch.setattr(bulk_write, "_BYTES", 10)
    assert upload(good, FOR_WRITES) == (413, "FILE_TOO_LARGE")


# -- what calls cost -----------------------------------------------------------------


def test_credits_by_kind_of_call(account: Account, ask: Ask) -> None:
    account.sandbox.load("Contacts", [{"Last_Name": "x"}])
    [id] = [row["id"] for row in account.sandbox.state("Contacts")]
    file = sent(ask, packed(["Last_Name"], ["y"]))

    def cost(method: str, path: str, **what: Any) -> int:
        before = account.sandbox.credits_used
        assert ask(method, path, **what).status_code < 300
        return account.sandbox.credits_used - before

    def coql(limit: int) -> int:
        query = f"select Last_Name from Contacts where id > '0' limit {limit}"
        return cost("POST", "/crm/v8/coql", json={"select_query": query})

    people = {"data": [{"Last_Name": f"p{n}"} for n in range(25)]}
    assert cost("GET", f"/crm/v8/Contacts/{id}") == 1
    assert cost("GET", "/crm/v8/Contacts/deleted") == 2
    assert [coql(limit) for limit in (200, 201, 1000, 1001, 2000)] == [1, 2, 2, 3, 3]
    assert cost("POST", "/crm/v8/Contacts", json=people) == 3
    assert cost("PUT", f"/crm/v8/Contacts/{id}", json={"data": [{"Phone": "1"}]}) == 1
    job = {"query": {"module": {"api_name": "Contacts"}}}
    assert cost("POST", READ, json=job) == 50
    resource = {
        "module": {"api_name": "Contacts"}, "file_id": file,
        "field_mappings": [{"api_name": "Last_Name", "index": 0}],
    }  # fmt: skip
    assert cost("POST", WRITE, json={"operation": "insert", "resource": [resource]}) == 500


def test_a_job_above_the_credits_is_refused(account: Account, ask: Ask) -> None:
    account.sandbox.credits_used = account.sandbox.credits - 49
    refused = read(ask)
    assert code(refused) == (429, "TOO_MANY_REQUESTS")
    assert refused.headers["X-API-CREDITS-REMAINING"] == "49", "a refused call costs nothing"
    assert ask("GET", "/crm/v8/Contacts/actions/count").status_code == 200
