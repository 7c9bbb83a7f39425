"""What may be spent: never more than our share, never too fast, and learnt from each vendor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Access, Connector
from connectors.budget import BELIEVED, USUAL, Budget, Heard, Terms, Usual
from connectors.errors import QuotaExhausted, Throttled
from connectors.hubspot import limits
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce.connector import SalesforceConnector
from connectors.transport import Retrier
from connectors.zoho import credits
from connectors.zoho.connector import ZohoConnector
from tests.connectors.faulty import Account

NOON = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
DAY = timedelta(hours=24)


class Time:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.at = NOON
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    return Time()


def budget(time: Time, usual: Usual | None = None, paced: bool = True, **terms: float) -> Budget:
    chosen = Terms(**terms)
    return Budget("crm", chosen, usual, paced=paced, clock=time, sleep=time.sleep)


def spend(made: Budget, most: int = 10_000) -> int:
    """Take calls until there are none; how many there were."""
    for count in range(most):
        try:
            made.take()
        except QuotaExhausted:
            return count
    return most


# -- the day


@pytest.mark.parametrize(
    ("limit", "share", "ours"),
    [(100, 0.5, 50), (100, 0.29, 29), (101, 0.5, 50), (3, 0.1, 0), (15_000, 1, 10_000)],
)
def test_our_share_is_exact_and_the_rest_is_left(
    time: Time, limit: int, share: float, ours: int
) -> None:
    made = budget(time, share=share)
    made.hear(limit=limit, left=limit)
    assert spend(made) == ours


def test_what_others_used_of_our_share_is_not_there(time: Time) -> None:
    made = budget(time)
    made.hear(limit=100, left=10)
    assert spend(made) == 10
    with pytest.raises(QuotaExhausted, match="the account has no calls left") as met:
        made.take()
    assert met.value.until == NOON + BELIEVED
    time.at = met.value.until
    made.take()


def test_a_bound_of_our_own_holds_whatever_the_share(time: Time) -> None:
    made = budget(time, per_day=7)
    assert made.cap == 7
    made.hear(limit=1000, left=1000)
    assert spend(made) == 7
    made.hear(limit=10, left=10)
    assert made.cap == 5


def test_without_any_word_the_vendors_usual_day_is_shared(time: Time) -> None:
    assert budget(time, USUAL["zoho"]).cap == 25_000
    assert budget(time, USUAL["salesforce"]).cap is None
    assert budget(time, USUAL["zoho"], per_day=400_000).cap == 400_000


def test_an_exhausted_day_says_when_it_goes_on_and_does(time: Time) -> None:
    made = budget(time, per_day=3)
    made.take()
    time.pass_by(3600)
    assert spend(made) == 2
    with pytest.raises(QuotaExhausted, match=r"crm: our share .* \(3 of 3\)") as met:
        made.take()
    until = met.value.until
    assert until == datetime(2026, 3, 3, 13, tzinfo=UTC) == made.until
    time.at = until - timedelta(seconds=1)
    assert made.left == 0
    time.at = until
    assert spend(made) == 1


def test_a_call_dearer_than_what_is_left_is_refused_and_a_cheaper_one_passes(time: Time) -> None:
    made = budget(time, per_day=10)
    made.take(8)
    with pytest.raises(QuotaExhausted):
        made.take(3)
    made.take(2)
    with pytest.raises(QuotaExhausted):
        made.take(0)
    assert made.spent == 10


def test_a_call_that_can_never_be_paid_has_no_time(time: Time) -> None:
    with pytest.raises(QuotaExhausted) as met:
        budget(time, per_day=10).take(50)
    assert met.value.until is None


@given(
    cap=st.integers(1, 20),
    steps=st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 6)), max_size=40),
)
def test_no_24_hours_see_more_than_the_share(cap: int, steps: list[tuple[int, int]]) -> None:
    time = Time()
    made = budget(time, per_day=cap)
    sent: list[datetime] = []
    for pause, calls in steps:
        time.pass_by(pause)
        for _ in range(calls):
            if made.left:
                made.take()
                sent.append(time.at)
                continue
            with pytest.raises(QuotaExhausted) as met:
                made.take()
            assert met.value.until is not None
            assert time.at < met.value.until <= time.at + timedelta(hours=25)
    for first in sent:
        assert sum(first <= at < first + DAY for at in sent) <= cap


def test_threads_together_keep_to_the_share(time: Time) -> None:
    made = budget(time, per_day=200)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(spend(made))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 200


def test_low_is_less_than_a_tenth_of_the_share(time: Time) -> None:
    made = budget(time, per_day=100)
    assert not made.is_low
    made.take(90)
    assert not made.is_low
    made.take()
    assert made.is_low
    assert made.until_not_low == datetime(2026, 3, 3, 13, tzinfo=UTC)
    assert not budget(time).is_low, "nothing is known yet"


# -- short intervals


@given(
    most=st.integers(1, 5),
    pauses=st.lists(st.sampled_from([0.0, 0.1, 3.0, 9.9, 10.0]), min_size=1, max_size=40),
)
def test_no_ten_seconds_see_more_than_allowed(most: int, pauses: list[float]) -> None:
    time = Time()
    made = budget(time, per_10_seconds=most)
    sent: list[datetime] = []
    for pause in pauses:
        time.pass_by(pause)
        made.take()
        sent.append(time.at)
    for first in sent:
        assert sum(first <= at < first + timedelta(seconds=10) for at in sent) <= most
    assert sum(time.slept) <= 10 * len(pauses) / most, "and no longer than needed"


def test_searches_wait_for_one_another_and_hold_nobody_else_back(time: Time) -> None:
    made = budget(time, USUAL["hubspot"])
    for _ in range(5):
        made.take(kind="search")
    made.take()
    assert time.slept == []
    made.take(kind="search")
    assert time.slept == [1.0]


def test_what_waits_too_long_is_told(time: Time) -> None:
    stuck = Budget("crm", Terms(per_10_seconds=1), clock=time, sleep=time.slept.append)
    stuck.take()
    with pytest.raises(Throttled) as met:
        stuck.take()
    assert met.value.retry_after == 10.0
    assert sum(time.slept) == 60.0
    assert stuck.spent == 1, "what was not sent is not spent"


def test_the_vendors_interval_counts_the_calls_of_other_processes(time: Time) -> None:
    made = budget(time, USUAL["hubspot"])
    made.hear_interval(10.0, limit=190, left=2)
    for _ in range(2):
        made.take()
    assert time.slept == []
    made.take()
    assert time.slept == [10.0]


def test_an_interval_of_our_own_is_tighter_than_the_vendors(time: Time) -> None:
    made = budget(time, USUAL["hubspot"], per_10_seconds=3)
    made.hear_interval(10.0, limit=190, left=189)
    for _ in range(3):
        made.take()
    assert time.slept == []
    made.take()
    assert time.slept == [10.0]


def test_a_sandbox_is_held_back_only_by_what_is_set(time: Time) -> None:
    free = budget(time, USUAL["hubspot"], paced=False)
    free.hear_interval(10.0, limit=1, left=0)
    for _ in range(300):
        free.take(kind="search")
    bound = budget(time, USUAL["hubspot"], paced=False, per_10_seconds=1)
    bound.take()
    assert time.slept == []
    bound.take()
    assert time.slept == [10.0]


# -- what is kept


def test_a_restart_goes_on_where_it_was(time: Time) -> None:
    first = budget(time, share=0.5)
    first.hear(limit=10, left=10)
    first.take(3)
    second = budget(time, share=0.5)
    second.load(first.unsaved(), first.heard)
    assert (second.cap, second.spent, second.left) == (5, 3, 2)
    assert second.unsaved() == {}


def test_what_is_saved_is_saved_once_and_nothing_is_forgotten_between(time: Time) -> None:
    made = budget(time, per_day=10)
    made.take(2)
    taken = made.unsaved()
    made.take(1)
    made.saved(taken)
    assert sum(made.unsaved().values()) == 1
    hour = NOON.replace(minute=0)
    made.load({hour: 5}, Heard())  # two of ours, three of another process
    assert made.spent == 6


def test_an_older_word_of_another_process_does_not_replace_ours(time: Time) -> None:
    made = budget(time, share=1)
    made.hear(limit=100, left=40)
    made.load({}, Heard(100, 90, NOON - timedelta(minutes=1)))
    assert made.left == 40
    made.load({}, Heard(100, 30, NOON + timedelta(minutes=1)))
    assert made.left == 30


# -- the vendors


def connected(account: Account, made: Budget) -> Connector:
    access = Access("mine", account.server.url, account.auth(), sandbox=True, budget=made)
    if account.vendor == "hubspot":
        return HubSpotConnector(access, sleep=account.waited.append)
    kind = SalesforceConnector if account.vendor == "salesforce" else ZohoConnector
    return kind(access, Retrier(sleep=account.waited.append))


@pytest.fixture
def connect(account: Account) -> Callable[..., tuple[Connector, Budget]]:
    def make(**terms: float) -> tuple[Connector, Budget]:
        made = Budget(
            "mine",
            Terms(**terms),
            USUAL[account.vendor],
            paced=False,
            clock=account.clock.now,
            sleep=account.waited.append,
        )
        return connected(account, made), made

    return make


def allow(account: Account, calls: int) -> None:
    """Give the account a day of so many calls."""
    if account.vendor == "salesforce":
        account.sandbox.rest.calls = calls
    elif account.vendor == "hubspot":
        account.sandbox._allowance.daily = calls
    else:
        account.sandbox.credits = calls


def used(account: Account) -> int:
    """What the vendor says was used today, by everybody."""
    if account.vendor == "salesforce":
        return int(account.sandbox.rest.used)
    if account.vendor == "hubspot":
        return int(account.sandbox._allowance._used)
    return int(account.sandbox.credits_used)


def exhaust(account: Account, connector: Connector) -> QuotaExhausted:
    """Read until the budget is used up."""
    for _ in range(100_000):
        try:
            account.pulled(connector)
        except QuotaExhausted as error:
            return error
    raise AssertionError("it never ends")


Connect = Callable[..., tuple[Connector, Budget]]


def test_the_account_keeps_the_reserve_of_others(account: Account, connect: Connect) -> None:
    account.load("Somchai")
    limit = 6_000 if account.vendor == "zoho" else 40
    allow(account, limit)
    others = used(account)
    terms = {"per_day": limit // 2} if account.vendor == "zoho" else {}
    connector, made = connect(**terms)
    if account.vendor == "zoho":
        made.load({account.clock.now().replace(minute=0): limit // 2 - 20}, Heard())
        account.sandbox.credits_used += limit // 2 - 20
    before = account.calls()
    error = exhaust(account, connector)
    assert error.until is not None
    assert made.cap == limit // 2
    dearest = 3 if account.vendor == "zoho" else 1  # credits of a COQL query
    assert 0 <= made.left < dearest
    assert made.spent <= limit // 2
    assert used(account) - others <= limit // 2
    assert account.calls() - before <= 21
    assert account.waited == [], "an empty budget is not waited for"
    again, left = account.calls(), made.left
    with pytest.raises(QuotaExhausted):
        account.pulled(connector)
    assert account.calls() - again <= left, "and the vendor is not asked what costs more than that"
    for _ in range(limit - used(account) if account.vendor != "zoho" else 20):
        assert account.read().status_code == 200, "others have theirs"


def test_our_count_is_the_vendors(account: Account, connect: Connect) -> None:
    ids = account.load("Somchai", "Malee")
    connector, made = connect()
    before, calls = used(account), account.calls()
    account.pulled(connector)
    connector.fetch(account.object, ids, [account.title])
    connector.describe(account.object)
    sign_ins = 0 if account.vendor == "hubspot" else 1
    if account.vendor == "zoho":
        assert made.spent == used(account) - before
    else:
        assert made.spent == account.calls() - calls == connector.meter.total
        assert 0 <= made.spent - (used(account) - before) <= sign_ins + 1


def test_the_account_is_learnt_from_its_replies(account: Account, connect: Connect) -> None:
    allow(account, 10_000)
    connector, made = connect(share=0.25)
    if account.vendor == "zoho":
        account.sandbox.credits_used = 4_990
        for _ in range(12):
            connector.users()
    connector.check()
    assert made.cap is not None
    assert abs(made.cap - 2_500) <= 2
    assert made.heard.left is not None
    assert made.heard.left == 10_000 - used(account)


def test_a_refusal_of_the_vendor_is_believed_for_an_hour(
    account: Account, connect: Connect
) -> None:
    connector, _ = connect()
    connector.check()
    account.fail("quota", {"left": 0})
    with pytest.raises(QuotaExhausted):
        account.pulled(connector)
    calls = account.calls()
    with pytest.raises(QuotaExhausted) as met:
        account.pulled(connector)
    assert account.calls() == calls
    assert met.value.until is not None
    account.control.heal()
    account.clock.advance((met.value.until - account.clock.now()).total_seconds())
    account.pulled(connector)


@pytest.mark.parametrize("kept", ["refused", "reply"])
def test_hubspots_headers_of_either_case(time: Time, kept: str) -> None:
    made = budget(time, USUAL["hubspot"])
    headers = {
        "X-HubSpot-RateLimit-Daily": "1000",
        "X-HubSpot-RateLimit-Daily-Remaining": "900",
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Max": "190",
        "X-HubSpot-RateLimit-Remaining": "none",
        "X-HubSpot-RateLimit-Secondly": "19",
        "X-HubSpot-RateLimit-Secondly-Remaining": "18",
    }
    if kept == "refused":
        headers = {name.lower(): value for name, value in headers.items()}
    limits.hear(made, headers)
    assert (made.cap, made.heard.left) == (500, 900)
    for _ in range(18):
        made.take()
    assert time.slept == []
    made.take()
    assert time.slept == [1.0]


def test_kinds_of_hubspots_calls() -> None:
    assert limits.kind("/crm/v3/objects/contacts/search") == "search"
    assert limits.kind("/crm/v3/objects/contacts/batch/read") == ""


@pytest.mark.parametrize(
    ("method", "path", "body", "units"),
    [
        ("GET", "/crm/v8/Contacts", None, 1),
        ("GET", "/crm/v8/Contacts/deleted", None, 2),
        ("POST", "/oauth/v2/token", None, 0),
        ("POST", "/crm/v8/Contacts", {"data": [{}] * 10}, 1),
        ("PUT", "/crm/v8/Contacts", {"data": [{}] * 11}, 2),
        ("POST", "/crm/v8/Contacts/upsert", {"data": [{}] * 100}, 10),
        ("POST", "/crm/v8/coql", {"select_query": "select id from Contacts limit 200"}, 1),
        ("POST", "/crm/v8/coql", {"select_query": "select id from Contacts limit 1000"}, 2),
        ("POST", "/crm/v8/coql", {"select_query": "select id from Contacts LIMIT 2000"}, 3),
        ("POST", "/crm/bulk/v8/read", {"query": {}}, 50),
        ("POST", "/crm/bulk/v8/write", {"resource": []}, 500),
        ("GET", "/crm/bulk/v8/read/1", None, 1),
        ("DELETE", "/crm/v8/Contacts", None, 1),
        ("POST", "/crm/v8/settings/fields", ["odd"], 1),
    ],
)
def test_what_zohos_calls_cost(method: str, path: str, body: object, units: int) -> None:
    request = requests.Request(method, f"https://www.zohoapis.com{path}", json=body).prepare()
    assert credits.cost(request) == units


def test_zohos_first_word_tells_the_day_and_a_late_one_does_not(time: Time) -> None:
    made = budget(time, USUAL["zoho"])
    credits.hear(made, 120, first=False)
    assert (made.heard.limit, made.left) == (None, 120)
    credits.hear(made, 120, first=True)
    assert made.heard.limit is None, "no account has so few"
    credits.hear(made, 2_499, first=True)
    assert made.cap == 2_499
    credits.hear(made, None, first=False)
    assert made.heard == Heard(4_998, None, NOON)
