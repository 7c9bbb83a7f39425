"""Bad credentials, expired tokens, lost replies; counting; keeping secrets."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Response

from connectors.base import Write, WriteResult
from connectors.budget import USUAL, Budget, Terms
from connectors.errors import (
    AuthenticationFailed,
    Bug,
    ConnectorError,
    Gone,
    Invalid,
    Locked,
    PermissionDenied,
    QuotaExhausted,
    Throttled,
    Unavailable,
)
from tests.contract.rig import OLD, Mirror, Rig

DAY = 86400.0


def test_nothing_is_sent_before_the_first_method(rig: Rig) -> None:
    assert rig.calls == []


def test_every_call_is_counted(rig: Rig) -> None:
    words, thing = rig.words, rig.words.contact
    made = rig.fill(thing, 130, at=OLD)
    connector = rig.connector
    connector.check()
    connector.describe(thing.object)
    cursor = rig.pages(thing)[-1].cursor
    rig.pages(thing, cursor)
    connector.fetch(thing.object, made, [thing.title])
    connector.find(thing.object, words.email, ["a@example.com"], [thing.title])
    connector.users()
    connector.pipelines(words.deal.object)
    connector.provision(thing.object, words.external)
    rig.push(
        thing,
        Write("a", "create", thing.row("a"), external=(words.external, "1")),
        Write("b", "update", thing.row("b"), id=made[0]),
        Write("c", "archive", id=made[1]),
        Write("d", "create", thing.row("d", **{words.email: "bad"})),
    )
    assert connector.meter.total == len(rig.calls)


def test_reading_never_writes(rig: Rig) -> None:
    words, thing = rig.words, rig.words.deal
    made = rig.fill(thing, 5, at=OLD)
    connector = rig.connector
    connector.check()
    connector.users()
    for each in words.things:
        connector.describe(each.object)
        connector.pipelines(each.object)
        rig.pages(each, rig.pages(each)[-1].cursor)
        connector.find(each.object, each.title, ["row 1"], [each.title])
    connector.fetch(thing.object, made, [thing.title, words.deal_company, words.deal_contacts])
    assert not [call for call in rig.calls if call.wrote]
    rig.create(thing, thing.row("w"))
    assert [call for call in rig.calls if call.wrote], "the log tells writes apart"


@pytest.mark.needs("tokens")
def test_an_expired_token_is_renewed_once(rig: Rig) -> None:
    words, thing = rig.words, rig.words.contact
    renewable = getattr(rig.sandbox, "oauth_credentials", rig.credentials)()
    connector = rig.connect(renewable)
    count = connector.capabilities.page_size + 5
    rig.fill(thing, count, at=OLD)
    connector.check()
    signed_in = rig.token_calls()
    assert signed_in
    pull = connector.pull(thing.object, [thing.title], None)
    mirror = Mirror(thing).take([next(pull)])
    rig.clock.advance(DAY)
    mirror.take(pull)
    assert mirror.rows == rig.truth(thing)
    assert rig.token_calls() == signed_in + 1
    rig.clock.advance(DAY)
    [result] = connector.push(thing.object, [Write("k", "create", thing.row("after"))])
    assert result.error is None
    assert rig.token_calls() == signed_in + 2
    assert list(rig.truth(thing).values()).count("after") == 1
    connector.users()
    connector.describe(words.deal.object)
    assert rig.token_calls() == signed_in + 2
    assert connector.meter.total == len(rig.calls)


def _wrong(rig: Rig) -> dict[str, str]:
    """The sandbox's credentials with every secret spoiled."""
    return {
        name: value if name == "kind" else f"{value[:8]}WRONG{value[8:]}"
        for name, value in rig.credentials().items()
        if name != "private_key"
    }


@pytest.mark.needs("tokens")
def test_wrong_credentials_need_a_person(rig: Rig) -> None:
    thing = rig.words.contact
    connector = rig.connect(_wrong(rig))
    with pytest.raises(AuthenticationFailed) as caught:
        connector.check()
    assert caught.value.connection == connector.connection
    with pytest.raises(AuthenticationFailed):
        connector.describe(thing.object)
    with pytest.raises(AuthenticationFailed):
        list(connector.pull(thing.object, [thing.title], None))
    with pytest.raises(AuthenticationFailed):
        connector.push(thing.object, [Write("k", "create", thing.row("x"))])
    assert len(rig.calls) <= 12, "a door that stays shut is not knocked at again and again"
    assert rig.truth(thing) == {}


@pytest.mark.needs("tokens")
def test_no_secret_shows(rig: Rig) -> None:
    wrong = _wrong(rig)
    connector = rig.connect(wrong)
    shown = [repr(connector), str(connector), repr(rig.connector), repr(rig.access())]
    errors: list[BaseException] = []
    with pytest.raises(AuthenticationFailed) as caught:
        connector.check()
    errors.append(caught.value)
    rig.connector.check()
    [result] = rig.push(
        rig.words.contact,
        Write("k", "create", rig.words.contact.row("x", **{rig.words.email: "bad"})),
    )
    assert result.error is not None
    errors.append(result.error)
    with pytest.raises(ConnectorError) as unknown:
        rig.connector.describe("NoSuchThings")
    errors.append(unknown.value)
    for error in errors:
        link: BaseException | None = error
        while link is not None:
            shown += [str(link), repr(link), repr(link.args), getattr(link, "words", "")]
            link = link.__cause__ or link.__context__
    secret = {"client_secret", "password", "security_token", "access_token", "refresh_token"}
    for auth in (wrong, rig.credentials()):
        for name, value in auth.items():
            if name in secret:
                assert not any(value in text for text in shown), name


#: Faults of a moment that a read gets over by itself.
MOMENTS = [
    ("throttle", {}),
    ("throttle", {"retry_after": 1}),
    ("error", {}),
    ("error", {"status": 502, "html": True}),
    ("error", {"status": 500}),
    ("cut_before", {}),
    ("cut_after", {}),
]


@pytest.mark.needs("wire")
@pytest.mark.parametrize(("kind", "options"), MOMENTS)
def test_a_read_that_fails_for_a_moment_is_repeated(
    rig: Rig, kind: str, options: dict[str, Any]
) -> None:
    thing = rig.words.contact
    made = rig.fill(thing, 3, at=OLD)
    rig.connector.describe(thing.object)
    rig.fault(kind, times=2, options=options)
    assert Mirror(thing).take(rig.pages(thing)).rows == rig.truth(thing)
    assert rig.struck == 2
    rig.clear_faults()
    rig.fault(kind, times=2, options=options)
    assert len(rig.connector.fetch(thing.object, made, [thing.title])) == 3
    assert rig.connector.users()
    assert rig.struck == 2
    assert rig.connector.meter.total == len(rig.calls)


@pytest.mark.needs("wire")
@pytest.mark.parametrize(("kind", "options"), MOMENTS)
@pytest.mark.parametrize("external", [True, False])
def test_a_write_that_fails_for_a_moment_is_done_once(
    rig: Rig, kind: str, options: dict[str, Any], external: bool
) -> None:
    """A create without an external id is not resent when its outcome is unknown."""
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    rig.connector.describe(thing.object)
    [old] = rig.fill(thing, 1, at=OLD)
    writes = [
        Write(
            f"k{n}",
            "create",
            thing.row(f"n{n}"),
            external=(words.external, f"e-{n}") if external else None,
        )
        for n in range(3)
    ]
    rig.fault(kind, writes=True, times=1, options=options)
    results = rig.push(thing, *writes)
    assert rig.struck == 1
    truth = rig.truth(thing)
    titles = sorted(title for id, title in truth.items() if id != old)
    if external or kind == "throttle":
        assert [result.error for result in results] == [None] * 3
        assert titles == ["n0", "n1", "n2"]
        assert all(truth[result.id] == f"n{n}" for n, result in enumerate(results))
    else:
        errors = [result.error for result in results]
        assert all(error is None or isinstance(error, Unavailable) for error in errors)
        assert titles in ([], ["n0", "n1", "n2"])
    rig.clear_faults()
    rig.fault(kind, writes=True, times=1, options=options)
    [result] = rig.push(thing, Write("u", "update", thing.row("updated"), id=old))
    assert result.error is None
    assert rig.truth(thing)[old] == "updated"
    rig.clear_faults()
    rig.fault(kind, writes=True, times=1, options=options)
    [result] = rig.push(thing, Write("a", "archive", id=old))
    assert result.error is None or result.error.cause == "gone"
    assert old not in rig.truth(thing)


@pytest.mark.needs("wire")
@pytest.mark.parametrize(
    ("kind", "error"), [("error", Unavailable), ("throttle", Throttled), ("cut_after", Unavailable)]
)
def test_patience_ends(rig: Rig, kind: str, error: type[ConnectorError]) -> None:
    thing = rig.words.contact
    rig.connector.provision(thing.object, rig.words.external)
    rig.connector.describe(thing.object)
    rig.fault(kind, times=None)
    with pytest.raises(error) as caught:
        rig.pages(thing)
    assert caught.value.connection == rig.connector.connection
    with pytest.raises(error):
        rig.connector.users()
    write = Write("k", "create", thing.row("x"), external=(rig.words.external, "e-1"))
    [result] = rig.push(thing, write)
    assert isinstance(result.error, error)
    assert rig.struck <= 30


@pytest.mark.needs("tokens")
def test_a_token_ended_by_the_vendor_is_renewed(rig: Rig) -> None:
    thing = rig.words.contact
    renewable = getattr(rig.sandbox, "oauth_credentials", rig.credentials)()
    connector = rig.connect(renewable)
    rig.fill(thing, 3, at=OLD)
    connector.check()
    connector.describe(thing.object)
    signed_in = rig.token_calls()
    rig.fault("unauthorized", times=1)
    pages = connector.pull(thing.object, [thing.title], None)
    assert Mirror(thing).take(pages).rows == rig.truth(thing)
    assert rig.token_calls() == signed_in + 1
    rig.clear_faults()
    rig.fault("unauthorized", times=None)
    before = len(rig.calls)
    with pytest.raises(AuthenticationFailed):
        list(connector.pull(thing.object, [thing.title], None))
    assert len(rig.calls) - before <= 6


@pytest.mark.needs("tokens")
@pytest.mark.parametrize(("kind", "options"), [way for way in MOMENTS if way[0] != "throttle"])
def test_a_sign_in_that_fails_for_a_moment_is_repeated(
    rig: Rig, kind: str, options: dict[str, Any]
) -> None:
    thing = rig.words.contact
    rig.fill(thing, 3, at=OLD)
    connector = rig.connect(getattr(rig.sandbox, "oauth_credentials", rig.credentials)())
    rig.fault(kind, path=rig.words.token_path, times=1, options=options)
    pages = connector.pull(thing.object, [thing.title], None)
    assert Mirror(thing).take(pages).rows == rig.truth(thing)
    assert rig.struck == (1 if rig.token_calls() else 0)


def test_no_calls_left(rig: Rig) -> None:
    thing = rig.words.contact
    rig.fill(thing, 3, at=OLD)
    rig.connector.check()
    rig.connector.describe(thing.object)
    rig.fault("quota", times=None, options={"left": 0})
    before = len(rig.calls)
    with pytest.raises(QuotaExhausted):
        rig.pages(thing)
    assert len(rig.calls) == before + 1, "asking again does not help"
    [result] = rig.push(thing, Write("k", "create", thing.row("x")))
    assert isinstance(result.error, QuotaExhausted)
    rig.clear_faults()
    assert Mirror(thing).take(rig.pages(thing)).rows == rig.truth(thing)


@pytest.mark.needs("wire")
def test_a_locked_record_is_tried_again(rig: Rig) -> None:
    thing = rig.words.contact
    made = rig.fill(thing, 3, at=OLD)
    writes = [Write(f"k{n}", "update", thing.row(f"v{n}"), id=id) for n, id in enumerate(made)]
    rig.fault("lock", object=thing.object, times=1)
    assert [result.error for result in rig.push(thing, *writes)] == [None] * 3
    assert sorted(rig.truth(thing).values()) == ["v0", "v1", "v2"]
    rig.clear_faults()
    rig.fault("lock", object=thing.object, times=None)
    results = rig.push(thing, *writes)
    assert all(isinstance(result.error, Locked) for result in results)


def test_a_rule_of_the_account_refuses_one_record(rig: Rig) -> None:
    words, thing = rig.words, rig.words.company
    rule = {"field": words.text, "words": "Descriptions must be polite", "value": "rude"}
    rig.fault("validation_rule", object=thing.object, times=None, options=rule)
    good, bad, also = rig.push(
        thing,
        Write("good", "create", thing.row("good", **{words.text: "kind"})),
        Write("bad", "create", thing.row("bad", **{words.text: "rude"})),
        Write("also", "create", thing.row("also")),
    )
    assert isinstance(bad.error, Invalid)
    assert "Descriptions must be polite" in bad.error.words
    assert good.error is None
    assert also.error is None
    assert sorted(rig.truth(thing).values()) == ["also", "good"]


def test_an_interrupted_pull_goes_on_where_it_was(rig: Rig) -> None:
    thing = rig.words.company
    rig.fill(thing, rig.connector.capabilities.page_size + 5, at=OLD)
    mirror = Mirror(thing)
    pull = rig.connector.pull(thing.object, [thing.title], None)
    mirror.take([next(pull)])
    rig.fault("cut_before", times=None)
    with pytest.raises(Unavailable):
        mirror.take(pull)
    rig.clear_faults()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


def test_a_vendor_that_goes_away_midway_through_a_push(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    batch = rig.connector.capabilities.write_batch
    writes = [
        Write(f"k{n}", "create", thing.row(f"n{n}"), external=(words.external, f"e-{n}"))
        for n in range(2 * batch + 3)
    ]
    rig.connector.describe(thing.object)
    rig.fault("error", writes=True, times=None, skip=1)
    results = rig.push(thing, *writes)
    assert all(result.error is None for result in results[:batch])
    assert all(isinstance(result.error, Unavailable) for result in results[batch:])
    assert len(rig.truth(thing)) == batch
    rig.clear_faults()
    assert all(result.error is None for result in rig.push(thing, *writes))
    assert len(rig.truth(thing)) == len(writes)


def _answer(rig: Rig, status: int, body: Any) -> None:
    """From now on the sandbox says the same to everything."""
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    rig.sandbox.handle = lambda request: Response(text, status=status, content_type=kind)


@pytest.mark.needs("wire")
def test_what_we_may_not_do_needs_a_person(rig: Rig) -> None:
    thing = rig.words.contact
    rig.connector.check()
    rig.connector.describe(thing.object)
    _answer(rig, *rig.words.denied)
    before = len(rig.calls)
    with pytest.raises(PermissionDenied) as caught:
        rig.pages(thing)
    with pytest.raises(PermissionDenied):
        rig.push(thing, Write("k", "create", thing.row("x")))
    with pytest.raises(PermissionDenied):
        rig.connector.provision(thing.object, rig.words.external)
    assert caught.value.advice
    assert caught.value.connection == rig.connector.connection
    assert caught.value.words
    assert caught.value.code
    assert len(rig.calls) - before <= 5, "asking again does not help"


@pytest.mark.needs("wire")
@pytest.mark.parametrize("body", ["<html>Please sign in</html>", "[]", '"ok"', '{"ok": 1}'])
def test_an_answer_nobody_understands_is_our_bug(rig: Rig, body: str) -> None:
    thing = rig.words.contact
    rig.connector.check()
    rig.connector.describe(thing.object)
    _answer(rig, 200, body)
    with pytest.raises(Bug) as caught:
        rig.pages(thing)
    assert caught.value.connection == rig.connector.connection
    assert "report" in caught.value.advice
    try:
        [result] = rig.push(thing, Write("k", "update", thing.row("x"), id="1"))
    except Bug as error:
        result = WriteResult("k", error=error)
    assert isinstance(result.error, Bug)


@pytest.mark.needs("wire")
def test_a_used_up_day_says_when_it_goes_on(rig: Rig) -> None:
    thing, now = rig.words.contact, rig.clock.now
    budget = Budget("mine", Terms(share=1.0), USUAL[rig.vendor], clock=now, sleep=rig.clock.advance)
    connector = rig.connect(budget=budget)
    connector.check()
    rig.fault("quota", times=None, options={"left": 0})
    with pytest.raises(QuotaExhausted) as caught:
        list(connector.pull(thing.object, [thing.title], None))
    assert caught.value.until is not None
    assert now() < caught.value.until <= now() + timedelta(hours=25)


def test_a_write_to_a_record_merged_away(rig: Rig) -> None:
    """It is told, with the survivor where the vendor knows it; or it reaches the survivor."""
    thing = rig.words.contact
    winner, loser = rig.fill(thing, 2, at=OLD)
    survivor = rig.merge(thing, winner, loser)
    rig.settle()
    [result] = rig.push(thing, Write("k", "update", {thing.title: "to the loser"}, id=loser))
    if result.error is None:
        assert result.id == survivor
        assert rig.truth(thing) == {survivor: "to the loser"}
        return
    assert isinstance(result.error, Gone)
    assert result.error.merged_into in ("", survivor)
    if rig.connector.capabilities.reports_merges:
        assert result.error.merged_into == survivor
    assert "to the loser" not in rig.truth(thing).values()


def test_an_archive_sent_twice_does_no_harm(rig: Rig) -> None:
    thing = rig.words.contact
    kept, lost = rig.fill(thing, 2, at=OLD)
    for _ in range(2):
        [result] = rig.push(thing, Write("k", "archive", id=lost))
        assert result.error is None or result.error.cause == "gone"
    assert set(rig.truth(thing)) == {kept}
