"""Calls: counting, retries, time, tokens, and what the server may answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.base import Access, Write
from connectors.errors import (
    AuthenticationFailed,
    Bug,
    Misconfigured,
    PermissionDenied,
    QuotaExhausted,
    Throttled,
    Unavailable,
)
from connectors.hubspot import connect, limits
from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.versions import Paths, paths
from connectors.sandbox.faults import Fault
from connectors.transport import TIMEOUT
from tests.connectors.hubspot.conftest import Answer, Box, Scripted

SLOW = Answer(429, {"message": "You have reached your secondly limit.", "category": "RATE_LIMITS"})


def test_a_throttled_call_is_repeated_after_a_pause(scripted: Scripted) -> None:
    scripted.script.say(SLOW, SLOW, Answer(body={"results": []}))
    assert scripted.connector.pipelines("deals") == []
    assert len(scripted.pauses) == 2
    assert all(0 < pause <= 60 for pause in scripted.pauses)
    assert scripted.connector.meter.total == 3


def test_the_vendors_pause_is_kept(scripted: Scripted) -> None:
    asked = Answer(429, SLOW.body, {"Retry-After": "4"})
    scripted.script.say(asked, Answer(body={"results": []}))
    scripted.connector.pipelines("deals")
    assert scripted.pauses == [4.0]


def test_a_pause_too_long_is_the_callers(scripted: Scripted) -> None:
    scripted.script.say(Answer(477, {"message": "Migration"}, {"Retry-After": "7200"}))
    with pytest.raises(Throttled) as caught:
        scripted.connector.pipelines("deals")
    assert caught.value.retry_after == 7200
    assert scripted.pauses == []
    assert len(scripted.script.asked) == 1


def test_an_empty_quota_is_not_knocked_at(scripted: Scripted) -> None:
    scripted.script.say(Answer(429, {"message": "daily limit", "policyName": "DAILY"}))
    with pytest.raises(QuotaExhausted):
        scripted.connector.users()
    assert len(scripted.script.asked) == 1


def test_a_used_up_day_ends_at_midnight_of_the_account(box: Box) -> None:
    """The sandbox's account is in Bangkok, where it is 15:00 at its start."""
    connector = box.connect()
    connector.check()
    box.server.faults.add(Fault("hubspot", "quota", times=None, options={"left": 0}))
    try:
        with pytest.raises(QuotaExhausted) as caught:
            connector.users()
        assert caught.value.until == datetime(2026, 3, 1, 17, tzinfo=UTC)
        left = caught.value.until - box.sandbox.clock.now()
        box.sandbox.clock.advance(left.total_seconds() - 1)
        with pytest.raises(QuotaExhausted):
            connector.users()
        box.sandbox.clock.advance(1)
        assert connector.users()
    finally:
        box.server.faults.clear()


@pytest.mark.parametrize(
    ("now", "zone", "ends"),
    [
        ("2026-03-01T08:00:00+00:00", "Asia/Bangkok", "2026-03-01T17:00:00+00:00"),
        ("2026-03-01T17:00:00+00:00", "Asia/Bangkok", "2026-03-02T17:00:00+00:00"),
        ("2026-03-08T06:00:00+00:00", "America/New_York", "2026-03-09T04:00:00+00:00"),  # 23 hours
        ("2026-11-01T05:00:00+00:00", "America/New_York", "2026-11-02T05:00:00+00:00"),  # 25 hours
        ("2026-03-01T08:00:00+00:00", "", None),
        ("2026-03-01T08:00:00+00:00", "Nowhere/Land", None),
        ("2026-03-01T08:00:00+00:00", "America", None),
    ],
)
def test_when_a_day_ends(now: str, zone: str, ends: str | None) -> None:
    found = limits.day_ends(datetime.fromisoformat(now), zone)
    assert (found and found.isoformat()) == ends


@pytest.mark.parametrize(
    "bad", [Answer(502, "<html>Bad Gateway</html>"), Answer(524, ""), Answer(cut=True)]
)
def test_a_broken_answer_is_asked_for_again(scripted: Scripted, bad: Answer) -> None:
    scripted.script.say(bad, Answer(body={"results": []}))
    assert scripted.connector.pipelines("tickets") == []
    assert len(scripted.pauses) == 1


def test_patience_ends(scripted: Scripted) -> None:
    scripted.script.say(Answer(cut=True))
    with pytest.raises(Unavailable) as caught:
        scripted.connector.pipelines("deals")
    assert caught.value.connection == "hs"
    assert len(scripted.script.asked) == 6 == scripted.connector.meter.total


def test_a_plain_create_of_unknown_outcome_is_not_sent_again(scripted: Scripted) -> None:
    scripted.script.say(Answer(cut=True))
    [result] = scripted.connector.push("contacts", [Write("k", "create", {"lastname": "x"})])
    assert isinstance(result.error, Unavailable)
    assert len(scripted.script.asked) == 1


def test_a_plain_create_that_was_throttled_is_sent_again(scripted: Scripted) -> None:
    made = {"id": "7", "properties": {"lastname": "x"}, "updatedAt": "2026-01-01T00:00:00.005Z"}
    scripted.script.say(SLOW, Answer(201, {"results": [made]}))
    [result] = scripted.connector.push("contacts", [Write("k", "create", {"lastname": "x"})])
    assert (result.id, result.created, result.error) == ("7", True, None)


def test_an_answer_that_is_no_json_is_a_bug(scripted: Scripted) -> None:
    for body in ("<html>login</html>", "[]", '"x"'):
        scripted.script.say(Answer(body=body))
        with pytest.raises(Bug):
            scripted.connector.pipelines("deals")


def test_a_missing_scope_stops(scripted: Scripted) -> None:
    body = {"category": "MISSING_SCOPES", "message": "This app hasn't been granted all scopes"}
    scripted.script.say(Answer(403, body))
    with pytest.raises(PermissionDenied) as caught:
        scripted.connector.push("contacts", [Write("k", "create", {"lastname": "x"})])
    assert "scope" in caught.value.words


def test_packed_answers_and_the_headers_we_send(scripted: Scripted) -> None:
    owner = {"id": "1", "firstName": "มานี", "lastName": "", "email": "m@x.example"}
    scripted.script.say(Answer(body={"results": [owner]}, packed=True))
    assert scripted.connector.users()[0].name == "มานี"
    headers = scripted.script.asked[0][3]
    assert headers["Authorization"] == "Bearer pat-na1-0000"
    assert "gzip" in headers["Accept-Encoding"]


def test_every_call_has_a_time_limit(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    client = scripted.connector._wire._client
    seen: list[object] = []
    send = client.request

    def watched(*args: object, **rest: object) -> object:
        seen.append(rest["_request_timeout"])
        return send(*args, **rest)

    monkeypatch.setattr(client, "request", watched)
    scripted.script.say(Answer(body={"results": []}))
    scripted.connector.pipelines("deals")
    assert seen == [TIMEOUT]


def test_one_connection_serves_many_calls(scripted: Scripted) -> None:
    scripted.script.say(Answer(body={"results": []}))
    for _ in range(5):
        scripted.connector.pipelines("deals")
    pools = scripted.connector._wire._client.rest_client.pool_manager.pools
    assert len(pools) == 1
    assert next(iter(pools._container.values())).num_connections == 1


def test_time_is_the_servers_or_ours(scripted: Scripted) -> None:
    wire = scripted.connector._wire
    assert wire._date({"date": "Sun, 01 Mar 2026 08:00:00 GMT"}) == datetime(
        2026, 3, 1, 8, tzinfo=UTC
    )
    for nonsense in ({}, {"Date": "yesterday"}):
        assert abs((wire._date(nonsense) - datetime.now(UTC)).total_seconds()) < 60


# -- tokens ----------------------------------------------------------------------------


def test_a_token_is_renewed_when_it_expires(box: Box) -> None:
    connector = box.connect(box.sandbox.oauth_credentials())
    assert connector.check().user_id == box.sandbox.api_user
    box.sandbox.clock.advance(1799)
    connector.users()
    assert box.paths.count("POST /oauth/v1/token") == 1
    box.sandbox.clock.advance(2)
    connector.users()
    assert box.paths.count("POST /oauth/v1/token") == 2
    assert connector.meter.total == len(box.paths)


def test_a_rotated_refresh_token_is_used_next(scripted: Scripted) -> None:
    auth = {"kind": "oauth", "client_id": "i", "client_secret": "s", "refresh_token": "first"}
    connector = HubSpotConnector(Access("hs", scripted.script.url, auth, sandbox=True))
    token = {"access_token": "C1", "refresh_token": "second", "expires_in": 1800}
    expired = Answer(401, {"category": "EXPIRED_AUTHENTICATION", "message": "expired"})
    listed = Answer(body={"results": []})
    scripted.script.say(Answer(body=token), listed, expired, Answer(body=token), listed)
    assert connector.pipelines("deals") == []
    assert connector.pipelines("deals") == []
    forms = [body for _, path, body, _ in scripted.script.asked if path == "/oauth/v1/token"]
    assert ["refresh_token=first" in forms[0], "refresh_token=second" in forms[1]] == [True, True]
    connector.close()


@pytest.mark.parametrize("name", ["client_id", "client_secret", "refresh_token"])
def test_a_renewal_refused_needs_a_person(box: Box, name: str) -> None:
    wrong = box.sandbox.oauth_credentials() | {name: "na1-wrong"}
    with pytest.raises(AuthenticationFailed) as caught:
        box.connect(wrong).users()
    assert len(box.paths) == 1
    assert "na1-wrong" not in str(caught.value) + caught.value.words
    assert caught.value.code.startswith("BAD_")


def test_a_wrong_token_needs_a_person(box: Box) -> None:
    connector = box.connect({"kind": "private_app", "access_token": "pat-na1-wrong"})
    with pytest.raises(AuthenticationFailed):
        connector.check()
    assert len(box.paths) == 1


# -- access ----------------------------------------------------------------------------

GOOD = {"kind": "private_app", "access_token": "pat-na1-x"}


@pytest.mark.parametrize(
    ("url", "auth", "options"),
    [
        ("http://api.example.com", GOOD, {}),
        ("", {}, {}),
        ("", {"kind": "private_app"}, {}),
        ("", {"kind": "oauth", "client_id": "a", "client_secret": "b"}, {}),
        ("", {"kind": "password", "password": "hunter2"}, {}),
        ("", GOOD, {"api_version": "v9"}),
        ("", GOOD, {"overlap": "soon"}),
    ],
)
def test_access_that_cannot_work(url: str, auth: dict[str, str], options: dict[str, str]) -> None:
    with pytest.raises(Misconfigured) as caught:
        connect(Access("hs", url, auth, options=options))
    assert "hunter2" not in str(caught.value)


def test_the_vendors_address_is_the_default() -> None:
    connector = connect(Access("hs", auth=GOOD))
    assert isinstance(connector, HubSpotConnector)
    assert connector._wire.host == "https://api.hubapi.com"
    connector.close()


def test_paths_of_both_kinds_of_version() -> None:
    classic, dated = Paths(), paths("2026-09", "hs")
    assert classic.objects("contacts", "batch", "read") == "/crm/v3/objects/contacts/batch/read"
    assert dated.objects("contacts") == "/crm/objects/2026-09/contacts"
    assert classic.associations("deals", "contacts", "read") == (
        "/crm/v4/associations/deals/contacts/batch/read"
    )
    assert dated.associations("deals", "contacts", "read") == (
        "/crm/associations/2026-09/deals/contacts/batch/read"
    )
    assert classic.owners() == "/crm/v3/owners"
    assert dated.pipelines("deals") == "/crm/pipelines/2026-09/deals"
    assert dated.properties("deals", "a/b") == "/crm/properties/2026-09/deals/a%2Fb"
    assert dated.account() == "/account-info/2026-09/details"
