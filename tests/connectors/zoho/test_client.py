"""Replies no sandbox gives: pages of HTML, lying statuses, cut connections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import pytest
import requests
import responses

from connectors.base import Access, Write
from connectors.errors import (
    AuthenticationFailed,
    Bug,
    ConnectorError,
    Duplicate,
    Gone,
    Invalid,
    Locked,
    Misconfigured,
    PermissionDenied,
    QuotaExhausted,
    Refused,
    Stale,
    Throttled,
    Unavailable,
)
from connectors.transport import Retrier
from connectors.zoho import ZohoConnector, errors
from connectors.zoho.tokens import STORE

API = "https://www.zohoapis.eu/crm/v8"
CONTACTS = f"{API}/Contacts"
FIELDS = [
    {"api_name": name, "data_type": "text", "field_label": name}
    for name in ("Last_Name", "Concord_Id", "Modified_Time")
] + [{"api_name": "Amount", "data_type": "currency", "decimal_place": 2}]


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    STORE.delete_tokens()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(
            "https://accounts.zoho.eu/oauth/v2/token",
            json={"access_token": "1000.token", "expires_in": 3600},
        )
        mock.get(f"{API}/settings/fields", json={"fields": FIELDS})
        mock.get(re.compile(rf"{API}/settings/modules/.*"), json={"modules": [{}]})
        yield mock
    STORE.delete_tokens()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def connector(pauses: list[float]) -> Iterator[ZohoConnector]:
    auth = {"kind": "self_client", "client_id": "1000.A", "client_secret": "s",
            "refresh_token": "1000.r.r"}  # fmt: skip
    made = ZohoConnector(
        Access("asia", url="https://www.zohoapis.eu", auth=auth), Retrier(sleep=pauses.append)
    )
    yield made
    made.close()


def fetch(connector: ZohoConnector) -> Any:
    return connector.fetch("Contacts", ["1"], ["Last_Name"])


ROW = {"id": "1", "Last_Name": "x", "Modified_Time": "2026-01-02T03:04:05+05:30"}


def test_an_html_page_is_waited_out(
    web: responses.RequestsMock, connector: ZohoConnector, pauses: list[float]
) -> None:
    web.get(CONTACTS, status=502, body="<html>bad gateway</html>")
    web.get(CONTACTS, body=requests.ConnectionError("cut"))
    web.get(CONTACTS, json={"data": [ROW]})
    assert fetch(connector)[0].values == {"Last_Name": "x"}
    assert len(pauses) == 2
    assert connector.meter.total == 4 + 2


def test_retry_after_is_honoured_and_a_long_one_is_told_on(
    web: responses.RequestsMock, connector: ZohoConnector, pauses: list[float]
) -> None:
    busy = {"code": "TOO_MANY_REQUESTS", "details": {}, "message": "slow", "status": "error"}
    web.get(CONTACTS, status=429, json=busy, headers={"Retry-After": "7"})
    web.get(CONTACTS, status=429, json=busy, headers={"Retry-After": "900"})
    with pytest.raises(Throttled) as caught:
        fetch(connector)
    assert caught.value.retry_after == 900
    assert pauses == [7]


def test_no_credits_are_left(web: responses.RequestsMock, connector: ZohoConnector) -> None:
    web.get(CONTACTS, status=429, json={"code": "TOO_MANY_REQUESTS", "status": "error"},
            headers={"X-API-CREDITS-REMAINING": "0"})  # fmt: skip
    with pytest.raises(QuotaExhausted):
        fetch(connector)


def test_something_else_than_json(web: responses.RequestsMock, connector: ZohoConnector) -> None:
    web.get(CONTACTS, body="hello")
    with pytest.raises(Bug, match="not JSON"):
        fetch(connector)


@pytest.mark.parametrize("status", [200, 201, 202, 207, 400, 500])
def test_the_status_of_a_batch_says_nothing(
    web: responses.RequestsMock, connector: ZohoConnector, status: int
) -> None:
    good = {"code": "SUCCESS", "details": {"id": "9"}, "message": "record added",
            "status": "success"}  # fmt: skip
    bad = {"code": "RECORD_LOCKED", "details": {}, "message": "locked", "status": "error"}
    web.post(CONTACTS, status=status, json={"data": [bad, good]})
    first, second = connector.push(
        "Contacts", [Write(key, "create", {"Last_Name": key}) for key in "ab"]
    )
    assert isinstance(first.error, Locked)
    assert (second.error, second.id, second.version) == (None, "9", "")


def test_outcomes_that_do_not_add_up(web: responses.RequestsMock, connector: ZohoConnector) -> None:
    web.post(CONTACTS, json={"data": []})
    [result] = connector.push("Contacts", [Write("a", "create", {"Last_Name": "a"})])
    assert isinstance(result.error, Bug)


def test_a_lost_reply_to_a_bare_create_is_not_sent_again(
    web: responses.RequestsMock, connector: ZohoConnector
) -> None:
    sent = web.post(CONTACTS, body=requests.ReadTimeout("no answer"))
    results = connector.push("Contacts", [Write(key, "create", {"Last_Name": key}) for key in "ab"])
    assert [type(result.error) for result in results] == [Unavailable, Unavailable]
    assert sent.call_count == 1


def test_a_throttled_create_is_sent_again(
    web: responses.RequestsMock, connector: ZohoConnector
) -> None:
    web.post(CONTACTS, status=429, json={"code": "TOO_MANY_REQUESTS", "status": "error"})
    web.post(CONTACTS, json={"data": [{"code": "SUCCESS", "details": {"id": "9"}}]})
    [result] = connector.push("Contacts", [Write("a", "create", {"Last_Name": "a"})])
    assert (result.error, result.id) == (None, "9")


def test_an_upsert_and_a_delete_are_sent_again(
    web: responses.RequestsMock, connector: ZohoConnector
) -> None:
    web.post(f"{CONTACTS}/upsert", body=requests.ConnectionError("cut"))
    web.post(f"{CONTACTS}/upsert", json={
        "data": [{"code": "SUCCESS", "details": {"id": "9"}, "action": "update"}],
    })  # fmt: skip
    web.delete(CONTACTS, body=requests.ConnectionError("cut"))
    web.delete(CONTACTS, status=400, json={"data": [
        {"code": "INVALID_DATA", "details": {"id": "8"}, "status": "error",
         "message": "the id given seems to be invalid"},
    ]})  # fmt: skip
    made, gone = connector.push("Contacts", [
        Write("a", "create", {"Last_Name": "a"}, external=("Concord_Id", "1")),
        Write("b", "archive", id="8"),
    ])  # fmt: skip
    assert (made.error, made.id, made.created) == (None, "9", False)
    assert gone.error is None, "the first attempt deleted it"


def test_a_batch_refused_for_one_member_is_halved_down_to_it(
    web: responses.RequestsMock, connector: ZohoConnector
) -> None:
    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        items = orjson.loads(request.body or b"")["data"]
        if any(item["Last_Name"] == "poison" for item in items):
            body: dict[str, Any] = {"code": "INVALID_DATA", "details": {}, "message": "no",
                                    "status": "error"}  # fmt: skip
            return 400, {}, orjson.dumps(body).decode()
        done = [{"code": "SUCCESS", "details": {"id": item["Last_Name"]}} for item in items]
        return 200, {}, orjson.dumps({"data": done}).decode()

    web.add_callback("POST", CONTACTS, callback=answer)
    names = [f"n{n}" for n in range(60)]
    names[41] = "poison"
    results = connector.push("Contacts", [Write(n, "create", {"Last_Name": n}) for n in names])
    assert [result.key for result in results if result.error] == ["poison"]
    assert isinstance(results[41].error, Invalid)
    assert [r.id for r in results if not r.error] == [n for n in names if n != "poison"]


def test_a_stop_before_anything_was_sent_is_raised_and_after_that_is_told(
    web: responses.RequestsMock, connector: ZohoConnector
) -> None:
    denied = {"code": "OAUTH_SCOPE_MISMATCH", "details": {}, "message": "no", "status": "error"}
    writes = [Write(str(n), "create", {"Last_Name": str(n)}) for n in range(101)]
    web.post(CONTACTS, status=401, json=denied)
    with pytest.raises(PermissionDenied):
        connector.push("Contacts", writes)
    web.replace(
        "POST", CONTACTS, json={"data": [{"code": "SUCCESS", "details": {"id": "1"}}] * 100}
    )
    web.post(CONTACTS, status=401, json=denied)
    results = connector.push("Contacts", writes)
    assert [result.error is None for result in results] == [True] * 100 + [False]
    assert isinstance(results[100].error, PermissionDenied)


def test_decimals_cross_the_wire_exactly(
    web: responses.RequestsMock, connector: ZohoConnector
) -> None:
    web.get(CONTACTS, body='{"data":[{"id":"1","Amount":0.10000000000000000555,'
            '"Modified_Time":"2026-01-02T03:04:05+05:30"}]}')  # fmt: skip
    [record] = connector.fetch("Contacts", ["1"], ["Amount"])
    assert record.values == {"Amount": Decimal("0.10000000000000000555")}
    web.put(CONTACTS, json={"data": [{"code": "SUCCESS", "details": {"id": "1"}}]})
    amount = Decimal("12345678901234567.10")
    connector.push("Contacts", [Write("a", "update", {"Amount": amount}, id="1")])
    body = web.calls[-1].request.body
    assert isinstance(body, bytes)
    assert b'"Amount":12345678901234567.10}' in body


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "INVALID_TOKEN", AuthenticationFailed),
        (401, "AUTHENTICATION_FAILURE", AuthenticationFailed),
        (401, "OAUTH_SCOPE_MISMATCH", PermissionDenied),
        (403, "NO_PERMISSION", PermissionDenied),
        (403, "", PermissionDenied),
        (400, "FEATURE_NOT_SUPPORTED", PermissionDenied),
        (400, "INVALID_MODULE", Misconfigured),
        (404, "INVALID_URL_PATTERN", Misconfigured),
        (404, "", Misconfigured),
        (400, "INVALID_QUERY", Misconfigured),
        (400, "SYNTAX_ERROR", Bug),
        (400, "INVALID_DATA", Invalid),
        (412, "", Stale),
        (429, "", Throttled),
        (500, "INTERNAL_ERROR", Unavailable),
        (503, "", Unavailable),
        (418, "TEAPOT", Bug),
    ],
)
def test_refusals_of_whole_requests(status: int, code: str, kind: type[ConnectorError]) -> None:
    body = {"code": code, "message": "said Zoho", "details": {"token": "1000.secret"}}
    error = errors.of_request("asia", status, body)
    assert type(error) is kind
    assert (error.connection, error.code, error.status) == ("asia", code, status)
    assert "said Zoho" in str(error)
    assert "secret" not in str(error) + error.words


@pytest.mark.parametrize(
    ("code", "message", "api_name", "kind"),
    [
        ("DUPLICATE_DATA", "duplicate data", "Email", Duplicate),
        ("MANDATORY_NOT_FOUND", "required field not found", "Last_Name", Invalid),
        ("INVALID_DATA", "invalid data", "Email", Invalid),
        ("INVALID_DATA", "the id given seems to be invalid", "id", Gone),
        ("INVALID_DATA", "the id given seems to be invalid", "", Gone),
        ("INVALID_DATA", "the related id given seems to be invalid", "Account_Name", Invalid),
        ("NO_PERMISSION", "permission denied", "", Refused),
        ("RECORD_IN_BLUEPRINT", "blueprint", "Stage", Refused),
        ("RECORD_LOCKED", "locked", "", Locked),
        ("ALREADY_MODIFIED", "newer", "", Stale),
        ("SOMETHING_NEW", "news", "", Invalid),
    ],
)
def test_refusals_of_single_items(
    code: str, message: str, api_name: str, kind: type[ConnectorError]
) -> None:
    details = {"api_name": api_name} if api_name else {}
    answer = {"code": code, "message": message, "details": details}
    error = errors.of_item("asia", "Contacts", "17", answer)
    assert type(error) is kind
    assert message in str(error)
    assert "Contacts 17" in str(error)
    assert getattr(error, "fields", ()) == ((api_name,) if api_name not in ("", "id") else ())


def test_nobodys_name_is_in_the_words() -> None:
    other = {"id": "9", "Owner": {"name": "Somchai Jaidee", "email": "somchai@x.co"}}
    details = {"api_name": "Email", "json_path": "$.data[0].Email", "duplicate_record": other}
    answer = {"code": "DUPLICATE_DATA", "message": "duplicate data", "details": details}
    error = errors.of_item("asia", "Contacts", "17", answer)
    assert error.words == "duplicate data (api_name: Email, json_path: $.data[0].Email)"
