"""Faults on demand: what each vendor's sandbox then answers, and what its connector makes of it."""

from __future__ import annotations

import importlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.base import Access, Connector, Record, Write, WriteResult
from connectors.errors import (
    AuthenticationFailed,
    Duplicate,
    Gone,
    Invalid,
    Locked,
    QuotaExhausted,
    Refused,
    Throttled,
    Unavailable,
)
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce.connector import SalesforceConnector
from connectors.sandbox.client import ControlClient, ControlError
from connectors.sandbox.faults import CHANGES, KINDS, Fault
from connectors.sandbox.server import Clock, Control, Server
from connectors.transport import Retrier, RetryPolicy
from connectors.zoho.connector import ZohoConnector
from tests.contract.rig import OLD, START, WORDS

VENDORS = ("salesforce", "hubspot", "zoho")
ATTEMPTS = RetryPolicy().attempts


class Account:
    """A vendor's sandbox behind a socket with its control API, and a raw and a real client."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self.words = WORDS[vendor]
        self.object = self.words.contact.object
        self.title = self.words.contact.title
        self.clock = Clock(now=lambda: START)
        package = importlib.import_module(f"connectors.sandbox.{vendor}")
        self.sandbox = package.Sandbox(clock=self.clock)
        self.waited: list[float] = []
        self.server = Server(self.sandbox, sleep=self.waited.append)
        self.listener = Control({vendor: self.server})
        self.control = ControlClient(self.listener.url)
        self.http = requests.Session()
        self.http.trust_env = False
        self._connectors: list[Connector] = []

    def close(self) -> None:
        for connector in self._connectors:
            connector.close()
        self.http.close()
        self.control.close()
        self.listener.close()
        self.server.close()

    # -- the control API

    def fail(self, kind: str, options: Mapping[str, Any] | None = None, **rest: Any) -> str:
        return self.control.fail(self.vendor, kind, options=dict(options or {}), **rest)

    def truth(self) -> list[str]:
        rows = self.control.state(self.vendor, self.object)
        return [row[self.title] for row in rows if not row["deleted"]]

    def load(self, *titles: str, **more: Any) -> list[str]:
        rows = [
            {self.title: title, "created_at": OLD, "modified_at": OLD, **more} for title in titles
        ]
        return list(self.sandbox.load(self.object, rows))

    # -- raw HTTP

    def sign_in(self) -> None:
        """A fresh token for the raw client."""
        url, auth = self.server.url, self.auth()
        if self.vendor == "salesforce":
            form = {"grant_type": "client_credentials"}
            path = "/services/oauth2/token"
        else:
            form = {"grant_type": "refresh_token", "refresh_token": auth["refresh_token"]}
            path = "/oauth/v2/token" if self.vendor == "zoho" else "/oauth/v1/token"
        form |= {name: auth[name] for name in ("client_id", "client_secret")}
        token = self.http.post(url + path, form, timeout=5).json()["access_token"]
        scheme = "Zoho-oauthtoken" if self.vendor == "zoho" else "Bearer"
        self.http.headers["Authorization"] = f"{scheme} {token}"

    def auth(self) -> dict[str, str]:
        found = self.sandbox.oauth_credentials if self.vendor == "hubspot" else (
            self.sandbox.credentials
        )  # fmt: skip
        return dict(found())

    def read(self) -> requests.Response:
        """A request that lists contacts."""
        path = {
            "salesforce": "/services/data/v62.0/query?q=SELECT+Id+FROM+Contact",
            "hubspot": "/crm/v3/objects/contacts",
            "zoho": "/crm/v8/Contacts?fields=Last_Name",
        }[self.vendor]
        return self.http.get(self.server.url + path, timeout=5)

    def write(self, title: str, **more: Any) -> requests.Response:
        """A request that creates one contact."""
        values = {self.title: title, **more}
        path, body = {
            "salesforce": ("/services/data/v62.0/sobjects/Contact", values),
            "hubspot": ("/crm/v3/objects/contacts", {"properties": values}),
            "zoho": ("/crm/v8/Contacts", {"data": [values]}),
        }[self.vendor]
        return self.http.post(self.server.url + path, json=body, timeout=5)

    # -- the connector

    def connect(self, pauses: list[float] | None = None) -> Connector:
        """A connector whose pauses are noted and take no time."""
        noted = [] if pauses is None else pauses
        access = Access("mine", self.server.url, self.auth(), sandbox=True)
        made: Connector
        if self.vendor == "hubspot":
            made = HubSpotConnector(access, sleep=noted.append)
        else:
            kind: Any = SalesforceConnector if self.vendor == "salesforce" else ZohoConnector
            made = kind(access, Retrier(sleep=noted.append))
        self._connectors.append(made)
        return made

    def pulled(self, connector: Connector, since: str | None = None) -> list[Record]:
        pages = connector.pull(self.object, [self.title], since)
        return [record for page in pages for record in page.records]

    def fetch_all(self, connector: Connector, *fields: str) -> list[Record]:
        ids = [row["id"] for row in self.control.state(self.vendor, self.object)]
        return connector.fetch(self.object, ids, [self.title, *fields])

    def push(self, connector: Connector, *writes: Write) -> list[WriteResult]:
        return connector.push(self.object, writes)

    def calls(self) -> int:
        return len(self.server.log.calls)

    def sign_ins(self) -> int:
        path = self.words.token_path
        return sum(bool(re.fullmatch(path, call.path)) for call in self.server.log.calls)


@pytest.fixture
def make() -> Iterator[Callable[[str], Account]]:
    made: list[Account] = []

    def account(vendor: str) -> Account:
        made.append(Account(vendor))
        return made[-1]

    yield account
    for one in made:
        one.close()


@pytest.fixture(params=VENDORS)
def account(request: pytest.FixtureRequest, make: Callable[[str], Account]) -> Account:
    """Each vendor in turn, the raw client signed in."""
    made = make(request.param)
    made.sign_in()
    return made


def error(reply: requests.Response, vendor: str) -> tuple[str, str]:
    """(code, words) of a refusal, which must have the vendor's shape and nothing else."""
    body = reply.json()
    if vendor == "salesforce":
        [entry] = body
        assert entry.keys() - {"fields", "duplicateResult"} == {"message", "errorCode"}
        return entry["errorCode"], entry["message"]
    if vendor == "hubspot":
        assert body["status"] == "error"
        assert body.keys() >= {"message", "correlationId", "category"}
        return body["category"], body["message"]
    [entry] = body.get("data", [body])
    assert entry.keys() == {"code", "details", "message", "status"}
    assert entry["status"] == "error"
    return entry["code"], entry["message"]


# --- any request -------------------------------------------------------------------------


THROTTLED = {
    "salesforce": (403, "REQUEST_LIMIT_EXCEEDED"),
    "hubspot": (429, "RATE_LIMITS"),
    "zoho": (429, "TOO_MANY_REQUESTS"),
}
REFUSED_TOKEN = {
    "salesforce": "INVALID_SESSION_ID",
    "hubspot": "EXPIRED_AUTHENTICATION",
    "zoho": "INVALID_TOKEN",
}
FAILED = {
    "salesforce": (503, "SERVER_UNAVAILABLE"),
    "hubspot": (502, "INTERNAL_ERROR"),
    "zoho": (500, "INTERNAL_ERROR"),
}


@pytest.mark.parametrize("pause", [None, 7])
def test_throttle(account: Account, pause: int | None) -> None:
    account.fail("throttle", {} if pause is None else {"retry_after": pause}, times=2)
    status, code = THROTTLED[account.vendor]
    for reply in (account.read(), account.write("x")):
        assert (reply.status_code, error(reply, account.vendor)[0]) == (status, code)
        assert reply.headers.get("Retry-After") == (None if pause is None else str(pause))
    assert account.read().ok
    assert account.truth() == []


def test_unauthorized_ends_the_token(account: Account) -> None:
    account.fail("unauthorized")
    code = REFUSED_TOKEN[account.vendor]
    for _ in range(2):  # the fault strikes once; the token stays refused
        reply = account.read()
        assert (reply.status_code, error(reply, account.vendor)[0]) == (401, code)
    assert account.control.faults()[0]["struck"] == 1
    account.sign_in()
    assert account.read().ok


def test_error_as_json_and_as_a_page(account: Account) -> None:
    account.fail("error")
    account.fail("error", {"status": 504})
    account.fail("error", {"html": True, "status": 502})
    status, code = FAILED[account.vendor]
    reply = account.read()
    assert (reply.status_code, error(reply, account.vendor)[0]) == (status, code)
    reply = account.read()
    assert (reply.status_code, error(reply, account.vendor)[0]) == (504, code)
    reply = account.read()
    assert (reply.status_code, reply.headers["Content-Type"]) == (502, "text/html")
    assert "<h1>502 Bad Gateway</h1>" in reply.text
    assert account.read().ok


def test_slow(account: Account) -> None:
    before = account.clock.now()
    account.fail("slow", {"seconds": 0.25})
    account.fail("slow", {"seconds": 90, "clock": True})
    assert account.read().ok
    assert account.waited == [0.25]
    assert account.clock.now() - before == timedelta(seconds=90)
    assert account.read().ok
    assert account.waited == [0.25]


def test_a_connection_cut_before_and_after_the_write(account: Account) -> None:
    account.fail("cut_before", writes=True)
    with pytest.raises(requests.ConnectionError):
        account.write("never")
    assert account.truth() == []
    account.fail("cut_after", writes=True)
    with pytest.raises(requests.ConnectionError):
        account.write("once")
    assert account.truth() == ["once"]
    assert account.read().ok
    cut = [call for call in account.control.log(account.vendor) if call["faults"]]
    assert [(call["status"], call["faults"]) for call in cut] == [
        (0, ["cut_before"]), (0, ["cut_after"]),
    ]  # fmt: skip


def test_a_fault_strikes_what_it_is_about(account: Account) -> None:
    account.fail("error", method="POST", object=account.object, times=None, skip=1)
    assert account.read().ok
    assert account.write("first").ok
    assert not account.write("second").ok
    assert not account.write("third").ok
    assert account.control.heal() == 1
    assert account.write("fourth").ok
    account.fail("error", object=account.words.ticket.object)
    assert account.read().ok
    account.fail("error", path="no/such/path$")
    assert account.read().ok
    account.fail("error", path=r"[Cc]ontact|query")
    assert not account.read().ok
    assert account.truth() == ["first", "fourth"]


def test_sign_ins_are_left_alone_unless_named(account: Account) -> None:
    account.fail("error", times=None)
    account.sign_in()
    account.control.heal()
    account.fail("error", path="/token$")
    with pytest.raises((KeyError, TypeError)):
        account.sign_in()
    account.sign_in()


def test_one_request_meets_one_end(account: Account) -> None:
    """Two faults that each end a request strike one after the other."""
    account.fail("throttle")
    account.fail("error")
    assert account.read().status_code == THROTTLED[account.vendor][0]
    assert account.read().status_code == FAILED[account.vendor][0]
    assert account.read().ok


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_same_seed_fails_in_the_same_places(
    make: Callable[[str], Account], vendor: str
) -> None:
    def outcomes(seed: int) -> list[bool]:
        account = make(vendor)
        account.sign_in()
        account.fail("error", probability=0.4, times=None, seed=seed)
        return [account.read().ok for _ in range(40)]

    first = outcomes(5)
    assert outcomes(5) == first
    assert outcomes(6) != first
    assert 8 <= first.count(False) <= 24


# --- records -----------------------------------------------------------------------------


def test_lock(account: Account) -> None:
    account.fail("lock", object=account.object, times=2)
    shape = {
        "salesforce": (400, "UNABLE_TO_LOCK_ROW"),
        "hubspot": (423, "LOCKED"),
        "zoho": (400, "RECORD_LOCKED"),
    }[account.vendor]
    for _ in range(2):
        reply = account.write("x")
        assert (reply.status_code, error(reply, account.vendor)[0]) == shape
    assert account.write("x").ok


def test_duplicate_rule(account: Account) -> None:
    [held] = account.load("Somchai")
    account.fail("duplicate_rule", {"field": account.title}, object=account.object)
    reply = account.write("somchai")
    shape = {
        "salesforce": (400, "DUPLICATES_DETECTED"),
        "hubspot": (409, "CONFLICT"),
        "zoho": (400, "DUPLICATE_DATA"),
    }[account.vendor]
    assert (reply.status_code, error(reply, account.vendor)[0]) == shape
    assert held in reply.text, "it says of which record"
    assert account.write("Somsak").ok
    assert account.control.heal() == 1
    assert account.write("somchai").ok


def test_validation_rule(account: Account) -> None:
    words = "นามสกุลต้องไม่ใช่ Test"
    options = {"field": account.title, "words": words, "value": "Test"}
    account.fail("validation_rule", options, object=account.object)
    code = {
        "salesforce": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "hubspot": "VALIDATION_ERROR",
        "zoho": "INVALID_DATA",
    }[account.vendor]
    for _ in range(2):
        reply = account.write("Test")
        assert (reply.status_code, error(reply, account.vendor)[0]) == (400, code)
        assert words in error(reply, account.vendor)[1]
        assert account.title in reply.text
    assert account.write("Wanida").ok


@pytest.mark.parametrize(
    ("change", "more", "given", "kept"),
    [
        ("lower", {}, "McDonald", "mcdonald"),
        ("truncate", {"length": 4}, "Wanida", "Wani"),
        ("phone", {}, "+66 (2) 123-45 67", "+6621234567"),
        ("trim", {}, "x", "x"),
    ],
)
def test_store(account: Account, change: str, more: dict[str, int], given: str, kept: str) -> None:
    account.fail("store", {"field": account.title, "change": change, **more}, object=account.object)
    assert account.write(given).ok
    assert account.truth() == [kept]
    account.control.heal()
    assert account.write(given).ok
    assert sorted(account.truth()) == sorted([kept, given])


def test_every_change_on_store_settles() -> None:
    """Stored again, a stored value stays as it is."""
    assert {"lower", "truncate", "phone", "trim"} == CHANGES.keys()
    for change, text in itertools.product(CHANGES.values(), [" +66 (2) 12 ", "ÀB\u0e01 ", "", "İ"]):
        once = change(text, {"length": 5})
        assert change(once, {"length": 5}) == once


# --- the account -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["remove_field", "hide_field"])
def test_a_field_goes_and_comes_back(account: Account, kind: str) -> None:
    field, connector = account.words.date, account.connect()
    account.load("x", **{field: "1990-02-03"})
    assert field in connector.describe(account.object).fields
    account.fail(kind, {"field": field}, object=account.object)
    assert field not in connector.describe(account.object).fields
    [record] = account.fetch_all(connector, field)
    assert field not in record.values, "absent, not empty"
    [result] = connector.push(
        account.object,
        [Write("k", "create", {account.title: "y", field: "1990-02-04"})],
    )
    assert isinstance(result.error, Refused | Invalid)
    assert result.error.fields == (field,)
    assert account.truth() == ["x"]
    account.control.heal()
    assert field in connector.describe(account.object).fields
    [record] = account.fetch_all(connector, field)
    assert record.values[field] == "1990-02-03"


def test_an_option_goes(account: Account) -> None:
    field, connector = account.words.options, account.connect()
    info = connector.describe(account.object).fields[field]
    option = info.choices[0].value
    account.fail("remove_option", {"field": field, "option": option}, object=account.object)
    after = connector.describe(account.object).fields[field]
    assert [c.value for c in after.choices] == [c.value for c in info.choices[1:]]
    writes = [
        Write("bad", "create", {account.title: "a", field: (option,)}),
        Write("good", "create", {account.title: "b", field: (info.choices[1].value,)}),
    ]
    bad, good = connector.push(account.object, writes)
    assert isinstance(bad.error, Invalid)
    assert bad.error.fields == (field,)
    assert good.error is None
    account.control.heal()
    assert connector.describe(account.object).fields[field] == info


def test_search_lag(account: Account) -> None:
    if account.vendor == "salesforce":
        with pytest.raises(ControlError, match="not from an index"):
            account.fail("search_lag", {"seconds": 60})
        return
    account.fail("search_lag", {"seconds": 60})
    assert account.write("Wanida").ok
    url = account.server.url
    searches: dict[str, Callable[[], requests.Response]] = {
        "hubspot": lambda: account.http.post(
            f"{url}/crm/v3/objects/contacts/search", json={"filterGroups": []}, timeout=5
        ),
        "zoho": lambda: account.http.get(f"{url}/crm/v8/Contacts/search?word=Wanida", timeout=5),
    }
    search = searches[account.vendor]
    account.control.advance(59)
    assert "Wanida" not in search().text
    account.control.advance(2)
    assert "Wanida" in search().text


def test_clock_skew(account: Account) -> None:
    account.fail("clock_skew", {"seconds": -300})
    shown = parsedate_to_datetime(account.read().headers["Date"])
    assert shown - START == timedelta(seconds=-300)
    account.write("x")
    [row] = account.control.state(account.vendor, account.object)
    stamp = re.sub(r"Z$", "+00:00", row["modified_at"])
    assert START - timedelta(seconds=300) == type(START).fromisoformat(stamp)
    account.control.advance(10)
    assert account.clock.now() - START == timedelta(seconds=10), "time passes once for all"
    account.control.heal()
    shown = parsedate_to_datetime(account.read().headers["Date"])
    assert shown - START == timedelta(seconds=10)


def test_quota(account: Account) -> None:
    account.fail("quota", {"left": 2})
    assert account.read().ok
    left = account.read()
    assert left.ok
    header, text = {
        "salesforce": ("Sforce-Limit-Info", "api-usage=100000/100000"),
        "hubspot": ("X-HubSpot-RateLimit-Daily-Remaining", "0"),
        "zoho": ("X-API-CREDITS-REMAINING", "0"),
    }[account.vendor]
    assert left.headers[header] == text
    reply = account.read()
    status, code = THROTTLED[account.vendor]
    assert (reply.status_code, error(reply, account.vendor)[0]) == (status, code)
    account.control.heal()
    assert account.read().ok


# --- a user of the vendor ----------------------------------------------------------------


def test_users_merge_remove_and_restore(account: Account) -> None:
    winner, loser, other = account.load("kept", "lost", "other")
    survivor = account.control.merge(account.vendor, account.object, winner, loser)
    account.control.remove(account.vendor, account.object, other)
    assert account.truth() == ["kept"]
    rows = {row["id"]: row for row in account.control.state(account.vendor, account.object)}
    assert rows[loser]["merged_into"] == survivor
    stamp = rows[other]["modified_at"]
    account.control.advance(60)
    account.control.restore(account.vendor, account.object, other)
    rows = {row["id"]: row for row in account.control.state(account.vendor, account.object)}
    assert sorted(account.truth()) == ["kept", "other"]
    assert rows[other]["modified_at"] > stamp
    assert account.calls() == account.sign_ins(), "what people do is not a call of the API"
    for act in (
        lambda: account.control.merge(account.vendor, account.object, survivor, "404"),
        lambda: account.control.restore(account.vendor, account.object, other),
        lambda: account.control.remove(account.vendor, account.object, "404"),
    ):
        with pytest.raises(ControlError, match=r"404: .*no such record"):
            act()


def test_a_restored_record_is_pulled_again(account: Account) -> None:
    connector = account.connect()
    [id] = account.load("back")
    account.control.advance(600)
    pages = list(connector.pull(account.object, [account.title], None))
    account.control.remove(account.vendor, account.object, id)
    account.control.advance(600)
    pages = list(connector.pull(account.object, [account.title], pages[-1].cursor))
    assert any(r.id == id and r.deleted for page in pages for r in page.records)
    account.control.restore(account.vendor, account.object, id)
    account.control.advance(600)
    last = [r for r in account.pulled(connector, pages[-1].cursor) if r.id == id]
    assert not last[-1].deleted
    assert last[-1].values[account.title] == "back"


def test_a_record_goes_in_the_middle_of_a_pull(account: Account) -> None:
    connector = account.connect()
    size = connector.capabilities.page_size
    ids = account.load(*(f"n{n}" for n in range(size + 5)))
    connector.describe(account.object)
    account.fail("remove", {"id": ids[-1]}, object=account.object, skip=1)
    pages = list(connector.pull(account.object, [account.title], None))
    assert account.control.faults()[0]["struck"] == 1
    account.control.advance(600)
    seen = {r.id: r for page in pages for r in page.records}
    seen |= {r.id: r for r in account.pulled(connector, pages[-1].cursor)}
    assert {id for id, record in seen.items() if not record.deleted} == set(ids[:-1])


# --- what a connector makes of it --------------------------------------------------------


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def connector(account: Account, pauses: list[float]) -> Connector:
    """Signed in, with the account's fields and external id known: the next call is the first."""
    made = account.connect(pauses)
    account.load("a", "b")
    made.provision(account.object, account.words.external)
    made.describe(account.object)
    account.push(made, *upserts(account))
    assert not pauses
    return made


def upserts(account: Account, *names: str) -> list[Write]:
    key = account.words.external
    return [
        Write(n, "create", {account.title: n}, external=(key, f"e-{n}")) for n in names or ("c",)
    ]


def test_a_throttled_call_waits_as_told_and_is_repeated(
    account: Account, connector: Connector, pauses: list[float]
) -> None:
    plain = len(account.pulled(connector))
    cost = account.calls()
    account.pulled(connector)
    cost = account.calls() - cost
    account.fail("throttle", {"retry_after": 7}, times=2)
    before, metered = account.calls(), connector.meter.total
    assert len(account.pulled(connector)) == plain
    assert account.calls() - before == connector.meter.total - metered == cost + 2
    assert pauses == [7.0, 7.0]


def test_a_throttle_without_retry_after_backs_off(
    account: Account, connector: Connector, pauses: list[float]
) -> None:
    account.fail("throttle", times=3)
    before = account.calls()
    assert [r.error for r in account.push(connector, *upserts(account, "d"))] == [None]
    assert account.calls() - before == 4
    assert len(pauses) == 3
    policy = RetryPolicy()
    for number, pause in enumerate(pauses):
        assert policy.first * 2**number / 2 <= pause <= policy.first * 2**number


def test_a_throttle_longer_than_a_call_waits_is_told_on(
    account: Account, connector: Connector, pauses: list[float]
) -> None:
    account.fail("throttle", {"retry_after": 3600}, times=None)
    before = account.calls()
    with pytest.raises(Throttled) as caught:
        account.pulled(connector)
    assert caught.value.retry_after == 3600
    assert account.calls() - before == 1
    assert not pauses


def test_a_token_that_ends_is_renewed_once(
    account: Account, connector: Connector, pauses: list[float]
) -> None:
    account.fail("unauthorized")
    calls, sign_ins = account.calls(), account.sign_ins()
    results = account.push(connector, *upserts(account, "d"))
    assert [r.error for r in results] == [None]
    assert account.sign_ins() - sign_ins == 1
    assert account.calls() - calls == 3, "refused, signed in, done"
    assert not pauses
    assert sorted(account.truth()) == ["a", "b", "c", "d"]


def test_tokens_that_never_work_need_a_person(
    account: Account, connector: Connector, pauses: list[float]
) -> None:
    account.fail("unauthorized", times=None)
    calls, sign_ins = account.calls(), account.sign_ins()
    with pytest.raises(AuthenticationFailed) as caught:
        account.pulled(connector)
    assert caught.value.status == 401
    assert account.sign_ins() - sign_ins == 1
    assert account.calls() - calls == 3
    assert not pauses


@pytest.mark.parametrize("options", [{}, {"html": True}], ids=["json", "page"])
def test_errors_of_the_vendor_are_sat_out(
    account: Account, connector: Connector, pauses: list[float], options: dict[str, bool]
) -> None:
    account.fail("error", options, times=2)
    before = account.calls()
    results = account.push(connector, *upserts(account, "d"))
    assert [r.error for r in results] == [None]
    assert account.calls() - before == len(pauses) + 1 == 3
    account.fail("error", options, times=None)
    before = account.calls()
    [result] = account.push(connector, *upserts(account, "e"))
    assert isinstance(result.error, Unavailable)
    assert result.error.status == (503 if options else FAILED[account.vendor][0])
    assert account.calls() - before == ATTEMPTS
    assert "e" not in account.truth()


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_an_upsert_whose_reply_is_lost_makes_one_record(
    account: Account, connector: Connector, pauses: list[float], kind: str
) -> None:
    account.fail(kind, writes=True)
    before, metered = account.calls(), connector.meter.total
    [result] = account.push(connector, *upserts(account, "d"))
    assert result.error is None
    assert sorted(account.truth()) == ["a", "b", "c", "d"]
    assert account.calls() - before == connector.meter.total - metered == 2
    assert len(pauses) == 1


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_plain_create_whose_reply_is_lost_is_not_sent_again(
    account: Account, connector: Connector, pauses: list[float], kind: str
) -> None:
    account.fail(kind, writes=True)
    before = account.calls()
    [result] = account.push(connector, Write("k", "create", {account.title: "d"}))
    assert isinstance(result.error, Unavailable)
    assert account.calls() - before == 1
    assert account.truth().count("d") == (kind == "cut_after")


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_read_that_is_cut_is_repeated(
    account: Account, connector: Connector, pauses: list[float], kind: str
) -> None:
    whole = {r.id for r in account.pulled(connector)}
    account.fail(kind, times=2)
    assert {r.id for r in account.pulled(connector)} == whole
    assert len(pauses) == 2


def test_an_archive_whose_reply_is_lost(account: Account, connector: Connector) -> None:
    [id] = account.load("gone")
    account.fail("cut_after", writes=True)
    [result] = account.push(connector, Write("k", "archive", id=id))
    assert result.error is None or isinstance(result.error, Gone)
    assert "gone" not in account.truth()


def test_a_slow_answer_is_an_answer(account: Account, connector: Connector) -> None:
    account.fail("slow", {"seconds": 0.5}, times=None)
    assert account.pulled(connector)
    assert set(account.waited) == {0.5}


def test_locked_rows_are_tried_again_and_told(
    account: Account, connector: Connector, pauses: list[float]
) -> None:
    account.fail("lock", object=account.object)
    before = account.calls()
    results = account.push(connector, *upserts(account, "d", "e"))
    assert [result.error for result in results] == [None, None]
    assert account.calls() - before == len(pauses) + 1 == 2
    account.control.heal()
    account.fail("lock", object=account.object, times=None)
    before = account.calls()
    results = account.push(connector, *upserts(account, "f", "g", "h"))
    assert all(isinstance(result.error, Locked) for result in results)
    assert account.calls() - before <= ATTEMPTS, "a lock is no reason to send each record alone"
    assert not {"f", "g", "h"} & set(account.truth())


def test_a_duplicate_names_the_other(account: Account, connector: Connector) -> None:
    [held] = account.load("Somchai")
    account.fail("duplicate_rule", {"field": account.title}, object=account.object)
    writes = [Write(n, "create", {account.title: n}) for n in ("d", "Somchai", "e")]
    fine, refused, also = account.push(connector, *writes)
    assert fine.error is None
    assert also.error is None
    assert isinstance(refused.error, Duplicate)
    # Salesforce names the other record to single creates only.
    assert refused.error.of == ("" if account.vendor == "salesforce" else held)
    assert account.truth().count("Somchai") == 1


def test_a_validation_rule_is_told_in_its_words(account: Account, connector: Connector) -> None:
    words = "Surnames of three letters at least, please"
    options = {"field": account.title, "words": words, "value": "X"}
    account.fail("validation_rule", options, object=account.object)
    fine, refused, also = account.push(connector, *upserts(account, "d", "X", "e"))
    assert fine.error is None
    assert also.error is None
    assert isinstance(refused.error, Invalid)
    assert words in refused.error.words
    assert refused.error.fields == (account.title,)
    assert "X" not in account.truth()


def test_a_spent_quota_stops_without_knocking(
    account: Account, connector: Connector, pauses: list[float]
) -> None:
    account.fail("quota", {"left": 0})
    before = account.calls()
    with pytest.raises(QuotaExhausted):
        account.pulled(connector)
    [result] = account.push(connector, *upserts(account, "d"))
    assert isinstance(result.error, QuotaExhausted)
    assert account.calls() - before == 2
    assert not pauses
    account.control.heal()
    assert account.pulled(connector)


def test_what_was_altered_on_store_is_read_back(account: Account, connector: Connector) -> None:
    options = {"field": account.title, "change": "truncate", "length": 3}
    account.fail("store", options, object=account.object)
    [result] = account.push(connector, Write("k", "create", {account.title: "Wanida"}))
    assert result.error is None
    assert result.created
    [record] = connector.fetch(account.object, [result.id], [account.title])
    assert record.values[account.title] == "Wan"


@pytest.mark.parametrize("seconds", [-240, 240])
def test_a_vendor_whose_clock_is_wrong_hides_nothing(
    account: Account, connector: Connector, seconds: int
) -> None:
    account.fail("clock_skew", {"seconds": seconds})
    account.control.advance(600)
    cursor = list(connector.pull(account.object, [account.title], None))[-1].cursor
    for name in ("d", "e", "f"):
        account.push(connector, *upserts(account, name))
        account.control.advance(40)
        pages = list(connector.pull(account.object, [account.title], cursor))
        cursor = pages[-1].cursor
    account.control.advance(40)
    assert "f" in {r.values.get(account.title) for r in account.pulled(connector, cursor)}


@pytest.mark.parametrize("seed", range(3))
def test_one_call_in_four_fails_and_everything_arrives(
    account: Account, connector: Connector, seed: int
) -> None:
    for kind in ("error", "throttle", "cut_before", "cut_after", "unauthorized"):
        account.fail(kind, probability=0.05, times=None, seed=seed)
    names = [f"n{n}" for n in range(12)]
    for name in names:
        [result] = account.push(connector, *upserts(account, name))
        assert result.error is None
    assert {r.values[account.title] for r in account.pulled(connector)} == {"a", "b", "c", *names}
    account.control.heal()
    assert sorted(account.truth()) == sorted(["a", "b", "c", *names])


# --- orders that make no sense -----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "needs a kind"),
        ({"kind": "flood"}, "no such kind"),
        ({"kind": "slow"}, "needs the options seconds"),
        ({"kind": "slow", "options": {"seconds": "long"}}, "must be a number"),
        ({"kind": "error", "options": {"html": 1}}, "true or false"),
        ({"kind": "error", "options": {"colour": 1}}, "no options colour"),
        ({"kind": "error", "path": "("}, "no regular expression"),
        ({"kind": "error", "times": 0}, "at least 1"),
        ({"kind": "error", "times": True}, "must not be True"),
        ({"kind": "error", "method": 7}, "must not be 7"),
        ({"kind": "error", "probability": 0}, "above 0"),
        ({"kind": "error", "probability": "often"}, "not a number"),
        ({"kind": "error", "wrong": 1}, "no such part"),
        ({"kind": "lock", "path": "x"}, "not about requests"),
        ({"kind": "quota", "options": {"left": 1}, "skip": 1}, "holds at once"),
        ({"kind": "remove_field", "options": {"field": "x"}}, "needs an object"),
        ({"kind": "store", "object": "x", "options": {"field": "x", "change": "dye"}}, "one of"),
        (
            {"kind": "store", "object": "x", "options": {"field": "x", "change": "truncate"}},
            "length goes with truncate",
        ),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(body: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fault.read("zoho", body)


def test_unknown_names_and_ids_are_told(account: Account) -> None:
    vendor, known = account.vendor, account.object
    with pytest.raises(ControlError, match="no such vendor"):
        account.control.fail("siebel", "error")
    with pytest.raises(ControlError, match="no such object"):
        account.fail("error", object="Unicorns")
    for kind in ("remove_field", "hide_field"):
        with pytest.raises(ControlError, match="no such object, field or option"):
            account.fail(kind, {"field": "Unicorn"}, object=known)
    options = {"field": account.words.options, "option": "Unicorns"}
    with pytest.raises(ControlError, match="no option"):
        account.fail("remove_option", options, object=known)
    with pytest.raises(ControlError, match="404"):
        account.control.heal(f"{vendor}-99")
    assert account.control.faults() == []
    assert account.control.heal() == 0


def test_faults_are_listed_and_cleared_one_by_one(account: Account) -> None:
    first = account.fail("error", times=3)
    second = account.fail("throttle", {"retry_after": 1.5}, probability=0.5)
    listed = account.control.faults()
    assert [fault["id"] for fault in listed] == [first, second] != [first, first]
    assert (listed[0]["kind"], listed[0]["times"], listed[0]["struck"]) == ("error", 3, 0)
    account.read()
    assert account.control.faults()[0]["struck"] == 1
    assert account.control.heal(first) == 1
    assert [fault["id"] for fault in account.control.faults()] == [second]


# --- the page ----------------------------------------------------------------------------


PAGE = Path(__file__).parents[2] / "docs" / "sandboxes.md"


def test_the_page_shows_every_fault_with_an_example_that_works(
    make: Callable[[str], Account],
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    examples = re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    assert [kind for kind, _ in examples] == list(KINDS)
    for kind, section in examples:
        blocks = re.findall(r"POST /control/faults/(\w+)\n(\{.*?\})\n```", section, re.DOTALL)
        assert blocks, kind
        for vendor, block in blocks:
            body = json.loads(block)
            assert body["kind"] == kind
            account = make(vendor)
            assert account.control.fail(vendor, **body)
            assert account.control.heal() == 1
        for option in (*KINDS[kind].needs, *KINDS[kind].takes):
            assert f"`{option}`" in section, (kind, option)


def test_the_page_names_every_call_and_every_part_of_a_fault() -> None:
    text = PAGE.read_text(encoding="utf-8")
    calls = re.findall(r"^    (GET|POST|DELETE) +``(.+?)``", Control.__doc__ or "", re.MULTILINE)
    assert len(calls) == 12
    for method, path in calls:
        assert re.search(rf"`{method} {re.escape(path)}`", text), path
    for part in Fault.__dataclass_fields__:
        assert part == "vendor" or f"`{part}`" in text, part
    for change in CHANGES:
        assert f"`{change}`" in text
