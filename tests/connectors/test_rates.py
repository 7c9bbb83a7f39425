"""Rates that a sandbox enforces by counting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from connectors.sandbox.client import ControlError
from connectors.sandbox.faults import Fault
from connectors.sandbox.server import Server
from tests.connectors.faulty import Account


@pytest.fixture
def hubspot(make_account: Callable[[str], Account]) -> Account:
    made = make_account("hubspot")
    made.sign_in()
    return made


def search(account: Account) -> requests.Response:
    url = f"{account.server.url}/crm/v3/objects/contacts/search"
    return account.http.post(url, json={"limit": 1}, timeout=5)


def passed(call: Callable[[], requests.Response], times: int) -> int:
    """How many of so many calls are not refused."""
    return sum(call().ok for _ in range(times))


def test_without_an_order_only_the_day_is_counted(hubspot: Account) -> None:
    assert passed(hubspot.read, 130) == 130
    assert passed(lambda: search(hubspot), 10) == 10


def test_any_ten_seconds_see_a_hundred_calls(hubspot: Account) -> None:
    hubspot.fail("rates", times=None)
    assert passed(hubspot.read, 60) == 60
    hubspot.control.advance(6)
    assert passed(hubspot.read, 50) == 40
    refused = hubspot.read()
    body = refused.json()
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers
    assert body.pop("correlationId")
    assert body == {
        "status": "error",
        "message": "You have reached your ten_secondly_rolling limit.",
        "category": "RATE_LIMITS",
        "errorType": "RATE_LIMIT",
        "policyName": "TEN_SECONDLY_ROLLING",
    }
    hubspot.control.advance(4)
    assert passed(hubspot.read, 70) == 60, "refused calls did not count"
    assert hubspot.control.faults()[0]["struck"] == 10 + 1 + 10
    assert hubspot.control.heal() == 1
    assert hubspot.read().ok


def test_searches_have_a_limit_of_their_own(hubspot: Account) -> None:
    hubspot.fail("rates", times=None)
    assert passed(lambda: search(hubspot), 8) == 5
    refused = search(hubspot)
    assert refused.status_code == 429
    assert refused.json()["message"] == "You have reached your secondly limit."
    assert refused.json()["category"] == "RATE_LIMITS"
    assert "X-HubSpot-RateLimit-Max" not in refused.headers
    assert passed(hubspot.read, 101) == 100, "searches are not among the hundred"
    hubspot.control.advance(1)
    assert search(hubspot).ok
    assert not hubspot.read().ok


def test_another_plan_has_other_rates(hubspot: Account) -> None:
    hubspot.fail("rates", {"calls": 190, "searches": 4}, times=None)
    assert hubspot.read().headers["X-HubSpot-RateLimit-Max"] == "190"
    assert passed(hubspot.read, 200) == 189
    assert passed(lambda: search(hubspot), 6) == 4
    hubspot.control.heal()
    assert hubspot.read().headers["X-HubSpot-RateLimit-Max"] == "100"


def test_what_a_vendor_does_not_count_is_refused(account: Account) -> None:
    wrong = "at_once" if account.vendor == "hubspot" else "calls"
    with pytest.raises(ControlError, match=f"{account.vendor} has no rate {wrong}"):
        account.fail("rates", {wrong: 5}, times=None)
    right = "calls" if account.vendor == "hubspot" else "at_once"
    with pytest.raises(ControlError, match="at least 1"):
        account.fail("rates", {right: 0}, times=None)
    with pytest.raises(ControlError, match="no skip or probability"):
        account.fail("rates", times=None, skip=3)


class Busy:
    """Calls of one account that are under way until they are let go."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.arrived = threading.Semaphore(0)
        self.release = threading.Event()
        account.server.close()
        account.server = Server(account.sandbox, sleep=self._wait)
        slow = Fault(account.vendor, "slow", method="GET", times=3, options={"seconds": 1})
        account.server.faults.add(slow)

    def _wait(self, seconds: float) -> None:
        self.arrived.release()
        assert self.release.wait(20)


@pytest.fixture(params=["salesforce", "zoho"])
def busy(request: pytest.FixtureRequest, make_account: Callable[[str], Account]) -> Iterator[Busy]:
    made = Busy(make_account(request.param))
    made.account.sign_in()
    yield made
    made.release.set()


def test_so_many_calls_at_the_same_time(busy: Busy) -> None:
    """Zoho counts every call that is under way, Salesforce those that have run for 20 seconds."""
    account = busy.account
    rates = Fault(account.vendor, "rates", times=None, options={"at_once": 3})
    account.server.faults.add(rates)
    with ThreadPoolExecutor(3) as pool:
        long = [pool.submit(account.read) for _ in range(3)]
        for _ in long:
            assert busy.arrived.acquire(timeout=20)
        if account.vendor == "salesforce":
            assert account.read().ok, "they have only just begun"
            account.clock.advance(20)
        refused = account.read()
        busy.release.set()
        assert all(call.result().ok for call in long)
    if account.vendor == "salesforce":
        assert refused.status_code == 403
        [told] = refused.json()
        assert told["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
        assert "ConcurrentRequests" in told["message"]
    else:
        assert refused.status_code == 429
        assert refused.json()["code"] == "TOO_MANY_REQUESTS"
    assert account.read().ok, "there is room again"
