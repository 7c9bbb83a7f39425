"""Around the sandbox's records: limits, tokens, addresses, what counts as a write."""

from __future__ import annotations

from tests.connectors.hubspot.conftest import Box
from tests.connectors.hubspot.raw import CONTACTS


def test_limits_are_told_and_the_clock_is_the_sandboxes(box: Box) -> None:
    reply = box.raw("GET", CONTACTS)
    assert reply.headers["X-HubSpot-RateLimit-Daily"] == "250000"
    assert reply.headers["X-HubSpot-RateLimit-Max"] == "100"
    assert reply.headers["X-HubSpot-RateLimit-Secondly-Remaining"] == "9"
    assert reply.headers["Date"] == "Sun, 01 Mar 2026 08:00:00 GMT"
    search = box.raw("POST", f"{CONTACTS}/search", {})
    told = {name for name in search.headers if name.startswith("X-HubSpot-RateLimit")}
    assert told == {"X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining"}
    assert search.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "249998"


def test_tokens(box: Box) -> None:
    error = box.api("GET", CONTACTS, status=401, token="pat-na1-x")
    assert error["category"] == "INVALID_AUTHENTICATION"
    token = box.sandbox.tokens.grant(
        {"grant_type": "refresh_token"}
        | {k: v for k, v in box.sandbox.oauth_credentials().items() if k != "kind"}
    )["access_token"]
    box.api("GET", CONTACTS, token=token)
    assert box.api("GET", f"/oauth/v1/access-tokens/{token}")["hub_id"] == 62515
    box.sandbox.clock.advance(1801)
    error = box.api("GET", CONTACTS, status=401, token=token)
    assert error["category"] == "EXPIRED_AUTHENTICATION"


def test_unknown_addresses_and_objects(box: Box) -> None:
    for path in ("/crm/v3/nothing/x", "/x", "/crm/v3/objects/contacts/1/2/3/4", "/crm/v3"):
        assert box.raw("GET", path).status_code == 404
    error = box.api("GET", "/crm/v3/objects/cars", status=400)
    assert "Unable to infer object type" in error["message"]


def test_only_changes_of_records_count_as_writes(box: Box) -> None:
    box.api("POST", f"{CONTACTS}/search", {})
    box.api("POST", f"{CONTACTS}/batch/read", {"inputs": []})
    box.api("GET", CONTACTS)
    box.connect().provision("deals", "concord_id")
    assert not any(call.wrote for call in box.server.log.calls)
    made = box.api("POST", CONTACTS, {"properties": {"lastname": "x"}}, status=201)
    box.api("DELETE", f"{CONTACTS}/{made['id']}", status=204)
    assert [call.wrote for call in box.server.log.calls[-2:]] == [True, True]


def test_load_and_state_are_inverse(box: Box) -> None:
    [company] = box.sandbox.load("companies", [{"id": "5000", "name": "x"}])
    row = {
        "id": "777",
        "email": "ann@example.com",
        "interests": "events;support",
        "email_opt_out": "true",
        "associations.companies": company,
        "created_at": "2024-05-06T07:08:09.010Z",
        "modified_at": "2025-05-06T07:08:09.010Z",
        "modified_by": "42",
    }
    assert box.sandbox.load("contacts", [row]) == ["777"]
    [state] = box.sandbox.state("contacts")
    assert {name: state[name] for name in row} == row
    made = box.api("POST", CONTACTS, {"properties": {"lastname": "x"}}, status=201)
    assert int(made["id"]) > 777
