"""Faults on demand: what each vendor's sandbox then answers, over real HTTP."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from connectors.base import Write
from connectors.errors import (
    Invalid,
    Refused,
)
from connectors.sandbox.client import ControlError
from connectors.sandbox.faults import Fault
from connectors.sandbox.kinds import CHANGES
from tests.connectors.faulty import FAILED, REFUSED_TOKEN, THROTTLED, VENDORS, Account
from tests.contract.rig import START


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
    account.fail("throttle", writes=True)
    assert account.read().ok
    assert account.write("fifth").status_code == THROTTLED[account.vendor][0]
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
    make_account: Callable[[str], Account], vendor: str
) -> None:
    def outcomes(seed: int) -> list[bool]:
        account = make_account(vendor)
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


#: Seconds after which each connector has looked for deletions (`deletes_every`).
LOOK = 901


def test_a_restored_record_is_pulled_again(account: Account) -> None:
    connector = account.connect()
    [id] = account.load("back")
    account.control.advance(LOOK)
    pages = list(connector.pull(account.object, [account.title], None))
    account.control.remove(account.vendor, account.object, id)
    account.control.advance(LOOK)
    pages = list(connector.pull(account.object, [account.title], pages[-1].cursor))
    assert any(r.id == id and r.deleted for page in pages for r in page.records)
    account.control.restore(account.vendor, account.object, id)
    account.control.advance(LOOK)
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
    account.control.advance(LOOK)
    seen = {r.id: r for page in pages for r in page.records}
    seen |= {r.id: r for r in account.pulled(connector, pages[-1].cursor)}
    assert {id for id, record in seen.items() if not record.deleted} == set(ids[:-1])


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
