"""The sandbox's protocol, seen by a client that knows nothing of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import requests

import connectors.sandbox.zoho.read as reading
from connectors.sandbox.server import Control
from tests.connectors.zoho.conftest import START, Account, Ask

OLD = "2026-01-02T03:04:05+00:00"


def fill(account: Account, count: int, **row: Any) -> list[str]:
    return account.sandbox.load(
        "Contacts", [{"Last_Name": f"n{n}", "modified_at": OLD, **row} for n in range(count)]
    )


# -- tokens ---------------------------------------------------------------------------


def test_refusals_of_the_accounts_server_come_with_200(account: Account, ask: Ask) -> None:
    good = {**account.sandbox.credentials(), "grant_type": "refresh_token"}
    for spoiled, word in (
        ("refresh_token", "invalid_code"),
        ("client_id", "invalid_client"),
        ("client_secret", "invalid_client_secret"),
    ):
        reply = ask("POST", "/oauth/v2/token", data={**good, spoiled: "x"})
        assert (reply.status_code, reply.json()) == (200, {"error": word})


def test_a_grant_code_is_good_once_and_for_minutes(account: Account, ask: Ask) -> None:
    form = {**account.sandbox.credentials(), "grant_type": "authorization_code"}
    code = account.sandbox.tokens.grant_code(minutes=3)
    first = ask("POST", "/oauth/v2/token", data={**form, "code": code}).json()
    assert first["api_domain"] == account.server.url
    assert first["refresh_token"] == form["refresh_token"]
    assert ask("POST", "/oauth/v2/token", data={**form, "code": code}).json() == {
        "error": "invalid_code"
    }
    late = account.sandbox.tokens.grant_code(minutes=3)
    account.sandbox.clock.advance(200)
    assert "error" in ask("POST", "/oauth/v2/token", data={**form, "code": late}).json()


def test_tokens_end_with_the_hour(account: Account, ask: Ask) -> None:
    assert ask("GET", "/crm/v8/org").status_code == 200
    account.sandbox.clock.advance(3600)
    reply = ask("GET", "/crm/v8/org")
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
    reply = ask("GET", "/crm/v8/org", headers={"Authorization": "Bearer x"})
    assert (reply.status_code, reply.json()["code"]) == (401, "AUTHENTICATION_FAILURE")


def test_the_eleventh_token_in_ten_minutes_is_refused(account: Account, ask: Ask) -> None:
    form = {**account.sandbox.credentials(), "grant_type": "refresh_token"}
    for _ in range(9):
        assert "access_token" in ask("POST", "/oauth/v2/token", data=form).json()
    reply = ask("POST", "/oauth/v2/token", data=form)
    assert (reply.status_code, reply.json()["error"]) == (400, "Access Denied")
    account.sandbox.clock.advance(600)
    assert "access_token" in ask("POST", "/oauth/v2/token", data=form).json()


# -- lists ----------------------------------------------------------------------------


def test_fields_are_required_in_v8_alone(account: Account, ask: Ask) -> None:
    fill(account, 1)
    reply = ask("GET", "/crm/v8/Contacts")
    assert (reply.status_code, reply.json()["code"]) == (400, "REQUIRED_PARAM_MISSING")
    names = ",".join(f"f{n}" for n in range(51))
    reply = ask("GET", "/crm/v8/Contacts", params={"fields": names})
    assert reply.json()["code"] == "LIMIT_EXCEEDED"
    assert "Email" in ask("GET", "/crm/v2/Contacts").json()["data"][0]


def test_nothing_is_204_and_unmodified_is_304_both_empty(account: Account, ask: Ask) -> None:
    for path in ("Contacts", "Contacts/1", "Contacts/deleted", "Contacts/search?word=x"):
        reply = ask("GET", f"/crm/v8/{path}", params={"fields": "Last_Name"})
        assert (reply.status_code, reply.content) == (204, b""), path
    fill(account, 1)
    for stamp, status in (("2026-01-02T10:04:05+07:00", 200), ("2026-01-02T03:04:06+00:00", 304)):
        reply = ask("GET", "/crm/v8/Contacts", params={"fields": "id"},
                    headers={"If-Modified-Since": stamp})  # fmt: skip
        assert reply.status_code == status, "the stamp itself is included"
    assert reply.content == b""


def test_pages_end_at_2000_and_tokens_go_on(account: Account, ask: Ask) -> None:
    made = fill(account, 2201)
    params = {"fields": "Last_Name", "per_page": "200", "sort_by": "id", "sort_order": "asc"}
    tenth = ask("GET", "/crm/v8/Contacts", params={**params, "page": "10"}).json()
    assert tenth["info"]["more_records"] is True
    reply = ask("GET", "/crm/v8/Contacts", params={**params, "page": "11"})
    assert (reply.status_code, reply.json()["code"]) == (400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED")
    seen: list[str] = []
    page = ask("GET", "/crm/v8/Contacts", params=params).json()
    while True:
        seen += [row["id"] for row in page["data"]]
        token = page["info"]["next_page_token"]
        if not page["info"]["more_records"]:
            break
        page = ask("GET", "/crm/v8/Contacts", params={**params, "page_token": token}).json()
    assert token is None
    assert seen == made


def test_page_tokens_are_bound_and_expire(account: Account, ask: Ask) -> None:
    fill(account, 3)
    params = {"fields": "Last_Name", "per_page": "2"}
    token = ask("GET", "/crm/v8/Contacts", params=params).json()["info"]["next_page_token"]
    for more, status, code in (
        ({"fields": "Email"}, 401, "TOKEN_BOUND_DATA_MISMATCH"),
        ({"page": "2"}, 400, "AMBIGUITY_DURING_PROCESSING"),
        ({}, 200, None),
    ):
        reply = ask("GET", "/crm/v8/Contacts", params={**params, "page_token": token, **more})
        assert (reply.status_code, reply.json().get("code")) == (status, code)
    account.sandbox.tokens.life = 10**6
    form = {**account.sandbox.credentials(), "grant_type": "refresh_token"}
    fresh = ask("POST", "/oauth/v2/token", data=form).json()
    account.sandbox.clock.advance(25 * 3600)
    reply = ask("GET", "/crm/v8/Contacts", params={**params, "page_token": token},
                headers={"Authorization": f"Zoho-oauthtoken {fresh['access_token']}"})  # fmt: skip
    assert reply.json()["code"] == "EXPIRED_VALUE"


def test_tokens_end_at_100_000_records(
    account: Account, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_TOKEN_WINDOW", 4)
    fill(account, 5)
    params = {"fields": "Last_Name", "per_page": "2"}
    page = ask("GET", "/crm/v8/Contacts", params=params).json()
    for _ in range(2):
        token = page["info"]["next_page_token"]
        page = ask("GET", "/crm/v8/Contacts", params={**params, "page_token": token}).json()
    assert page["code"] == "PAGINATION_LIMIT_EXCEEDED"


def test_stamps_show_the_accounts_offset(account: Account, ask: Ask) -> None:
    [id] = fill(account, 1)
    row = ask("GET", f"/crm/v8/Contacts/{id}").json()["data"][0]
    assert row["Modified_Time"] == "2026-01-02T10:04:05+07:00"
    assert row["Modified_By"]["name"] == "Account Administrator"


# -- writes ---------------------------------------------------------------------------


def test_items_answer_at_their_own_position(account: Account, ask: Ask) -> None:
    [other] = fill(account, 1, Email="taken@x.co")
    items = [
        {"Last_Name": "good"},
        {"First_Name": "nameless"},
        {"Last_Name": "x", "Email": "TAKEN@x.co"},
        {"Last_Name": "x", "Email": "no address"},
        {"Last_Name": "x" * 81},
        {"Last_Name": "x", "Interests": ["Pricing", "Golf"]},
        {"Last_Name": "x", "Account_Name": {"id": "1"}},
        {"Last_Name": "x", "Date_of_Birth": "2026-02-30"},
        {"Last_Name": "x", "Email_Opt_Out": "yes"},
    ]
    reply = ask("POST", "/crm/v8/Contacts", json={"data": items})
    assert reply.status_code == 207
    data = reply.json()["data"]
    assert [one["code"] for one in data] == [
        "SUCCESS", "MANDATORY_NOT_FOUND", "DUPLICATE_DATA", *["INVALID_DATA"] * 6,
    ]  # fmt: skip
    assert data[1]["details"] == {"api_name": "Last_Name", "json_path": "$.data[1].Last_Name"}
    assert data[2]["details"]["duplicate_record"]["id"] == other
    assert data[3]["details"]["expected_data_type"] == "email"
    assert data[4]["details"]["maximum_length"] == 80
    assert len(account.sandbox.state("Contacts")) == 2
    assert ask("POST", "/crm/v8/Contacts", json={"data": items[1:]}).status_code == 400
    assert ask("POST", "/crm/v8/Contacts", json={"data": items[:1]}).status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "INVALID_REQUEST"),
        ("[]", "INVALID_DATA"),
        ("{}", "MANDATORY_NOT_FOUND"),
        ('{"data": []}', "INVALID_DATA"),
        (json.dumps({"data": [{"Last_Name": "x"}] * 101}), "LIMIT_EXCEEDED"),
    ],
)
def test_bodies_that_are_refused_whole(ask: Ask, body: str, code: str) -> None:
    reply = ask("POST", "/crm/v8/Contacts", data=body)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert "data" not in reply.json()


def test_upsert_falls_back_to_unique_fields(account: Account, ask: Ask) -> None:
    body = {"data": [{"Last_Name": "a", "Email": "a@x.co"}]}
    first = ask("POST", "/crm/v8/Contacts/upsert", json=body).json()["data"][0]
    second = ask("POST", "/crm/v8/Contacts/upsert", json=body).json()["data"][0]
    assert (first["action"], second["action"]) == ("insert", "update")
    assert second["duplicate_field"] == "Email"
    assert first["details"]["id"] == second["details"]["id"]
    reply = ask("POST", "/crm/v8/Contacts/upsert", json={**body, "duplicate_check_fields": ["No"]})
    assert reply.json()["code"] == "INVALID_DATA"


def test_stages_bring_their_probability_and_closing_its_time(account: Account, ask: Ask) -> None:
    deal = {"Deal_Name": "d", "Stage": "Value Proposition"}
    id = ask("POST", "/crm/v8/Deals", json={"data": [deal]}).json()["data"][0]["details"]["id"]
    assert account.sandbox.state("Deals")[0]["Probability"] == 40
    ask("PUT", f"/crm/v8/Deals/{id}", json={"data": [{"Stage": "Closed Won"}]})
    ask("PUT", f"/crm/v8/Deals/{id}", json={"data": [{"Probability": 99}]})
    assert account.sandbox.state("Deals")[0]["Probability"] == 99
    [case] = account.sandbox.load("Cases", [{"Subject": "s", "Status": "New"}])
    assert account.sandbox.state("Cases")[0]["Closed_At"] is None
    account.sandbox.edit("Cases", case, {"Status": "Closed"})
    assert account.sandbox.state("Cases")[0]["Closed_At"] == "2026-03-04T12:06:07+07:00"


def test_deleted_records_and_merged_ones_leave_no_pointer(account: Account, ask: Ask) -> None:
    kept, lost, gone = fill(account, 3)
    account.sandbox.edit("Contacts", lost, {"Phone": "1"})
    [deal] = account.sandbox.load(
        "Deals", [{"Deal_Name": "d", "Stage": "Qualification", "Contact_Name": lost}]
    )
    assert ask("DELETE", "/crm/v8/Contacts", params={"ids": gone}).status_code == 200
    assert ask("DELETE", f"/crm/v8/Contacts/{gone}").status_code == 400
    body = {"merge": [{"data": [{"id": lost, "_fields": []}]}]}
    job = ask("POST", f"/crm/v8/Contacts/{kept}/actions/merge", json=body)
    assert (job.status_code, job.json()["merge"][0]["code"]) == (201, "SCHEDULED")
    number = job.json()["merge"][0]["details"]["job_id"]
    polled = ask("GET", f"/crm/v8/Contacts/{kept}/actions/merge", params={"job_id": number})
    assert polled.json()["merge"][0]["status"] == "COMPLETED"
    rows = ask("GET", "/crm/v8/Contacts/deleted", params={"type": "all"}).json()["data"]
    assert {row["id"] for row in rows} == {lost, gone}
    assert not any(kept in json.dumps(row) for row in rows)
    truth = {row["id"]: row for row in account.sandbox.state("Contacts")}
    assert truth[lost]["merged_into"] == kept
    assert truth[kept]["Phone"] == "1"
    assert account.sandbox.state("Deals")[0]["Contact_Name"] == kept
    roles = ask("GET", f"/crm/v8/Deals/{deal}/Contact_Roles")
    assert roles.status_code in (200, 204)


def test_contact_roles(account: Account, ask: Ask) -> None:
    first, second = fill(account, 2)
    [deal] = account.sandbox.load(
        "Deals", [{"Deal_Name": "d", "Stage": "Qualification", "Contact_Name": first}]
    )
    path = f"/crm/v8/Deals/{deal}/Contact_Roles"
    role = ask("GET", "/crm/v8/Contacts/roles").json()["contact_roles"][0]
    body = {"data": [{"Contact_Role": {"id": role["id"]}}]}
    assert ask("PUT", f"{path}/{second}", json=body).status_code == 200
    rows = ask("GET", path).json()["data"]
    assert {row["id"]: row["Contact_Role"] for row in rows} == {
        first: None, second: {"name": role["name"], "id": role["id"]},
    }  # fmt: skip
    assert ask("DELETE", f"{path}/{second}").status_code == 200
    assert [row["id"] for row in ask("GET", path).json()["data"]] == [first]
    assert ask("GET", f"/crm/v8/Contacts/{first}/Deals").json()["data"][0]["id"] == deal


# -- search, COQL, credits ------------------------------------------------------------


def test_search_reads_an_index_that_lags_and_coql_does_not(account: Account, ask: Ask) -> None:
    account.sandbox.index_lag = 30
    ask("POST", "/crm/v8/Contacts", json={"data": [{"Last_Name": "Müller", "Email": "m@x.co"}]})
    query = {"select_query": "select Email from Contacts where Last_Name = 'Müller'"}
    assert len(ask("POST", "/crm/v8/coql", json=query).json()["data"]) == 1
    searches = (
        {"email": "m@x.co"}, {"word": "mü"}, {"criteria": "((Last_Name:equals:Müller))"},
        {"criteria": "(Email:starts_with:m@)"},
    )  # fmt: skip
    for params in searches:
        assert ask("GET", "/crm/v8/Contacts/search", params=params).status_code == 204
    account.sandbox.clock.advance(30)
    for params in searches:
        assert len(ask("GET", "/crm/v8/Contacts/search", params=params).json()["data"]) == 1
    assert ask("GET", "/crm/v8/Contacts/search", params={"criteria": "(("}).status_code == 400


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("select Email from Contacts", "SYNTAX_ERROR"),
        ("select Email from Nothing where id is not null", "INVALID_QUERY"),
        ("select Nothing from Contacts where id is not null", "INVALID_QUERY"),
        ("select Email from Contacts where Created_Time > 'x'", "INVALID_QUERY"),
        ("select Email from Contacts where id is not null limit 2001", "LIMIT_EXCEEDED"),
        ("select Email from Contacts where id is not null limit 1 offset 100000", "LIMIT_EXCEEDED"),
        (f"select Email from Contacts where id in ({','.join(['1'] * 51)})", "LIMIT_EXCEEDED"),
    ],
)
def test_coql_that_is_refused(ask: Ask, query: str, code: str) -> None:
    reply = ask("POST", "/crm/v8/coql", json={"select_query": query})
    assert (reply.status_code, reply.json()["code"]) == (400, code)


def test_coql_goes_through_lookups_and_says_whether_there_is_more(
    account: Account, ask: Ask
) -> None:
    [company] = account.sandbox.load("Accounts", [{"Account_Name": "Acme"}])
    fill(account, 3, Account_Name=company)
    query = (
        "select Last_Name, Account_Name.Account_Name, Owner.email, Account_Name from Contacts "
        "where Account_Name.Account_Name = 'acme' order by id limit 2"
    )
    body = ask("POST", "/crm/v8/coql", json={"select_query": query}).json()
    assert body["info"] == {"count": 2, "more_records": True}
    assert body["data"][0]["Account_Name.Account_Name"] == "Acme"
    assert body["data"][0]["Account_Name"] == {"name": "Acme", "id": company}
    assert body["data"][0]["Owner.email"] == "admin@sandbox.example"


def test_credits_are_told_from_the_half_on_and_then_end(account: Account, ask: Ask) -> None:
    account.sandbox.credits = 10
    left = []
    for _ in range(10):
        left.append(ask("GET", "/crm/v8/org").headers.get("X-API-CREDITS-REMAINING"))
    assert left == [None] * 4 + ["5", "4", "3", "2", "1", "0"]
    reply = ask("GET", "/crm/v8/org")
    assert (reply.status_code, reply.json()["code"]) == (429, "TOO_MANY_REQUESTS")


def test_made_fields_can_be_written_and_are_unique(account: Account, ask: Ask) -> None:
    field = {"field_label": "Concord Id", "data_type": "text", "unique": {"casesensitive": True}}
    for status, code in ((201, "SUCCESS"), (400, "DUPLICATE_DATA")):
        reply = ask("POST", "/crm/v8/settings/fields", params={"module": "Deals"},
                    json={"fields": [field]})  # fmt: skip
        assert (reply.status_code, reply.json()["fields"][0]["code"]) == (status, code)
    deal = {"Deal_Name": "d", "Stage": "Qualification", "Concord_Id": "c-1"}
    codes = [
        ask("POST", "/crm/v8/Deals", json={"data": [deal]}).json()["data"][0]["code"]
        for _ in range(2)
    ]
    assert codes == ["SUCCESS", "DUPLICATE_DATA"]


def test_unknown_paths_and_methods(ask: Ask) -> None:
    for method, path, status, code in (
        ("GET", "/crm/v1/Contacts", 404, "INVALID_URL_PATTERN"),
        ("GET", "/crm/v8/Nothing", 400, "INVALID_MODULE"),
        ("PATCH", "/crm/v8/Contacts", 400, "INVALID_REQUEST_METHOD"),
    ):
        reply = ask(method, path)
        assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_the_date_header_is_the_sandboxs_own_time(account: Account, ask: Ask) -> None:
    account.sandbox.clock.advance(86400)
    assert ask("GET", "/crm/v8/org").status_code == 401
    assert ask("GET", "/crm/v8/org").headers["Date"] == "Thu, 05 Mar 2026 05:06:07 GMT"
    assert START.day == 4


def test_a_record_changed_since_is_not_written(account: Account, ask: Ask) -> None:
    [id] = fill(account, 1)
    body = {"data": [{"id": id, "Last_Name": "mine"}]}
    for stamp, code in (
        ("2026-01-02T10:04:04+07:00", "ALREADY_MODIFIED"),
        ("2026-01-02T10:04:05+07:00", "SUCCESS"),
        ("2026-01-02T10:04:05+07:00", "ALREADY_MODIFIED"),
    ):
        reply = ask("PUT", "/crm/v8/Contacts", json=body, headers={"If-Unmodified-Since": stamp})
        assert reply.json()["data"][0]["code"] == code
    reply = ask("PUT", "/crm/v8/Contacts", json=body, headers={"If-Unmodified-Since": "noon"})
    assert reply.json()["code"] == "INVALID_DATA"


def test_the_control_api_shows_the_true_records(account: Account) -> None:
    account.sandbox.load("Accounts", [{"Account_Name": "สยาม", "Annual_Revenue": "0.10"}])
    control = Control({"zoho": account.server})
    try:
        url = f"{control.url}/control/state/zoho/Accounts"
        [row] = requests.get(url, proxies={"http": ""}).json()
    finally:
        control.close()
    assert (row["Account_Name"], Decimal(str(row["Annual_Revenue"]))) == ("สยาม", Decimal("0.1"))
