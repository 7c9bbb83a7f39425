"""Bad credentials, expired tokens, lost replies; counting; keeping secrets."""

from __future__ import annotations

import pytest

from connectors.base import Write
from connectors.errors import AuthenticationFailed, ConnectorError, Unavailable
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


def test_calls_are_counted_by_purpose(rig: Rig) -> None:
    rig.connector.meter.purpose = "pull"
    rig.pages(rig.words.deal)
    assert set(rig.connector.meter.by_purpose()) == {"pull"}


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


def test_a_call_that_fails_for_a_moment_is_repeated(rig: Rig) -> None:
    thing = rig.words.contact
    rig.fill(thing, 3, at=OLD)
    rig.connector.check()
    rig.fault.strike(2)
    assert Mirror(thing).take(rig.pages(thing)).rows == rig.truth(thing)
    assert rig.fault.struck == 2
    assert rig.connector.meter.total == len(rig.calls)


def test_a_vendor_that_stays_away_is_unavailable(rig: Rig) -> None:
    thing = rig.words.contact
    rig.connector.check()
    rig.fault.strike(1000)
    with pytest.raises(Unavailable) as caught:
        rig.pages(thing)
    assert caught.value.status == 503
    assert caught.value.connection == rig.connector.connection
    with pytest.raises(Unavailable):
        rig.connector.users()
    assert rig.fault.struck <= 20, "patience ends"


def test_an_interrupted_pull_goes_on_where_it_was(rig: Rig) -> None:
    thing = rig.words.company
    rig.fill(thing, rig.connector.capabilities.page_size + 5, at=OLD)
    mirror = Mirror(thing)
    pull = rig.connector.pull(thing.object, [thing.title], None)
    mirror.take([next(pull)])
    rig.fault.strike(1000)
    with pytest.raises(Unavailable):
        mirror.take(pull)
    rig.fault.strike(0)
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


def test_a_lost_reply_to_an_upsert_makes_one_record(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    writes = [
        Write(f"k{n}", "create", thing.row(f"n{n}"), external=(words.external, f"e-{n}"))
        for n in range(3)
    ]
    rig.fault.strike(1, writes=True, applied=True)
    results = rig.push(thing, *writes)
    assert rig.fault.struck == 1
    assert all(result.error is None for result in results)
    assert sorted(rig.truth(thing).values()) == ["n0", "n1", "n2"]


def test_a_lost_reply_to_a_plain_create_doubles_nothing(rig: Rig) -> None:
    """Without an external id the outcome is unknown: the caller is told, nothing is resent."""
    thing = rig.words.company
    rig.connector.describe(thing.object)
    rig.fault.strike(1, writes=True, applied=True)
    [result] = rig.push(thing, Write("k", "create", thing.row("once")))
    assert isinstance(result.error, Unavailable)
    assert list(rig.truth(thing).values()) == ["once"]


def test_a_vendor_that_goes_away_midway_through_a_push(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    batch = rig.connector.capabilities.write_batch
    writes = [
        Write(f"k{n}", "create", thing.row(f"n{n}"), external=(words.external, f"e-{n}"))
        for n in range(2 * batch + 3)
    ]
    rig.connector.describe(thing.object)
    rig.fault.strike(1000, writes=True, skip=1)
    results = rig.push(thing, *writes)
    assert all(result.error is None for result in results[:batch])
    assert all(isinstance(result.error, Unavailable) for result in results[batch:])
    assert len(rig.truth(thing)) == batch
    rig.fault.strike(0)
    assert all(result.error is None for result in rig.push(thing, *writes))
    assert len(rig.truth(thing)) == len(writes)


def test_an_archive_sent_twice_does_no_harm(rig: Rig) -> None:
    thing = rig.words.contact
    kept, lost = rig.fill(thing, 2, at=OLD)
    for _ in range(2):
        [result] = rig.push(thing, Write("k", "archive", id=lost))
        assert result.error is None or result.error.cause == "gone"
    assert set(rig.truth(thing)) == {kept}
