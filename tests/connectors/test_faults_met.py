"""Faults on demand: what each connector makes of them."""

from __future__ import annotations

import pytest

from connectors.base import Connector, Write
from connectors.errors import (
    AuthenticationFailed,
    Duplicate,
    Gone,
    Invalid,
    Locked,
    QuotaExhausted,
    Throttled,
    Unavailable,
)
from connectors.transport import RetryPolicy
from tests.connectors.faulty import FAILED, Account

ATTEMPTS = RetryPolicy().attempts


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


@pytest.mark.parametrize("kind", ["throttle", "error"])
def test_a_refused_call_waits_as_told_and_is_repeated(
    account: Account, connector: Connector, pauses: list[float], kind: str
) -> None:
    """A 429 (Salesforce: 403) and a 5xx."""
    plain = len(account.pulled(connector))
    cost = account.calls()
    account.pulled(connector)
    cost = account.calls() - cost
    account.fail(kind, {"retry_after": 7}, times=2)
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


@pytest.mark.parametrize(("kind", "error"), [("throttle", Throttled), ("error", Unavailable)])
def test_a_pause_longer_than_a_call_waits_is_told_on(
    account: Account,
    connector: Connector,
    pauses: list[float],
    kind: str,
    error: type[Throttled | Unavailable],
) -> None:
    account.fail(kind, {"retry_after": 3600}, times=None)
    before = account.calls()
    with pytest.raises(error) as caught:
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


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_field_is_made_once_though_the_reply_is_lost(account: Account, kind: str) -> None:
    connector, key = account.connect(), account.words.external
    account.fail(kind, method="POST", path="CustomField|/properties|settings/fields")
    if account.vendor == "zoho" and kind == "cut_before":
        # A field made twice would get another name: nothing is sent without having looked.
        with pytest.raises(Unavailable):
            connector.provision(account.object, key)
    made = connector.provision(account.object, key)
    assert made.advice == ""
    assert account.control.faults()[0]["struck"] == 1
    names = [name for name in connector.describe(account.object).fields if "oncord" in name]
    assert names == [key]
    results = account.push(connector, *upserts(account), *upserts(account, "d"))
    assert [result.error for result in results] == [None, None]
