"""Every refusal and every SDK exception becomes one of our errors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import hubspot
import pytest
import urllib3.exceptions

from connectors.errors import (
    AuthenticationFailed,
    Bug,
    ConnectorError,
    Duplicate,
    Gone,
    Invalid,
    ItemError,
    Locked,
    Misconfigured,
    PermissionDenied,
    QuotaExhausted,
    Throttled,
    Unavailable,
)
from connectors.hubspot import errors
from tests.connectors.hubspot.conftest import recorded


def _sdk_exceptions() -> list[type[Exception]]:
    found: set[type[Exception]] = set()
    for module in pkgutil.walk_packages(hubspot.__path__, "hubspot."):
        if module.name.endswith(".exceptions"):
            members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
            found |= {
                kind
                for _, kind in members
                if issubclass(kind, Exception) and kind.__module__.startswith("hubspot.")
            }
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def _is_reply(kind: type[Exception]) -> bool:
    return any(base.__name__ == "ApiException" for base in kind.__mro__)


def _made(kind: type[Exception]) -> Exception:
    if _is_reply(kind):
        return kind(status=503, reason="Service Unavailable")
    return kind("pat-na1-11111111-2222 leaked")


def test_every_exception_of_the_sdk_is_ours_in_the_end() -> None:
    kinds = _sdk_exceptions()
    assert len(kinds) > 200, "the walk found the SDK's packages"
    for kind in kinds:
        ours = errors.translate(_made(kind), "hs")
        assert isinstance(ours, ConnectorError)
        assert ours.connection == "hs"
        assert "11111111" not in str(ours) + ours.words
        assert type(ours) is (Unavailable if _is_reply(kind) else Bug), kind


def test_every_exception_of_urllib3_means_unavailable() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(urllib3.exceptions, inspect.isclass)
        if issubclass(kind, urllib3.exceptions.HTTPError)
    ]
    seen = 0
    for kind in kinds:
        try:
            error = kind("cut")
        except TypeError:
            continue  # wants a live connection; its parents are among the others
        seen += 1
        assert isinstance(errors.translate(error, "hs"), Unavailable), kind
    assert seen > 10


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"category": "INVALID_AUTHENTICATION"}, AuthenticationFailed),
        (401, {"category": "EXPIRED_AUTHENTICATION"}, AuthenticationFailed),
        (530, {}, AuthenticationFailed),
        (403, {"category": "MISSING_SCOPES"}, PermissionDenied),
        (404, {"category": "OBJECT_NOT_FOUND"}, Gone),
        (404, {}, Misconfigured),
        (409, {"message": "x"}, Duplicate),
        (400, {"message": "no"}, Invalid),
        (400, {"message": "Unable to infer object type from: cars"}, Misconfigured),
        (414, {"message": "too many identities"}, Invalid),
        (423, {}, Locked),
        (429, {"message": "You have reached your secondly limit."}, Throttled),
        (429, {"message": "You have reached your daily limit."}, QuotaExhausted),
        (429, {"policyName": "DAILY"}, QuotaExhausted),
        (477, {}, Throttled),
        (500, {}, Unavailable),
        (502, {}, Unavailable),
        (521, {}, Unavailable),
        (524, {}, Unavailable),
        (418, {}, Bug),
    ],
)
def test_status_and_category_decide(
    status: int, body: dict[str, Any], kind: type[ConnectorError]
) -> None:
    error = errors.of_reply(status, body, "hs")
    assert type(error) is kind
    assert error.status == status
    assert error.connection == "hs"
    assert str(error).startswith("hs: ")


def test_pauses_are_the_vendors_where_it_names_one() -> None:
    named = errors.of_reply(429, {}, "hs", {"Retry-After": "7"})
    rolling = errors.of_reply(429, {"policyName": "TEN_SECONDLY_ROLLING"}, "hs")
    silent = errors.of_reply(429, {"policyName": "SECONDLY"}, "hs")
    migration = errors.of_reply(477, {}, "hs", {"Retry-After": "3600"})
    found = [e.retry_after for e in (named, rolling, silent, migration) if isinstance(e, Throttled)]
    assert found == [7.0, 10.0, None, 3600.0]


@pytest.mark.parametrize(
    ("message", "of"),
    [
        ("Contact already exists. Existing ID: 3401", "3401"),
        (
            "Cannot set PropertyValueCoordinates{portalId=1, propertyName=concord_id, value=7} on"
            " 12. 34 already has that value.",
            "34",
        ),
        ("Conflict", ""),
    ],
)
def test_a_duplicate_names_the_holder(message: str, of: str) -> None:
    error = errors.of_reply(409, {"message": message, "category": "CONFLICT"}, "hs")
    assert isinstance(error, Duplicate)
    assert error.of == of
    if of:
        whole = errors.of_reply(400, {"message": message, "category": "VALIDATION_ERROR"}, "hs")
        assert isinstance(whole, Duplicate)
        assert whole.of == of


def test_the_properties_to_blame_are_named() -> None:
    text = (
        'Property values were not valid: [{"isValid":false,"message":"Property \\"foo\\" does not'
        ' exist","error":"PROPERTY_DOESNT_EXIST","name":"foo"},{"isValid":false,'
        '"message":"Email address x is invalid","error":"INVALID_EMAIL","name":"email"}]'
    )
    error = errors.of_reply(400, {"message": text, "category": "VALIDATION_ERROR"}, "hs")
    assert isinstance(error, Invalid)
    assert error.fields == ("foo", "email")
    assert error.code == "PROPERTY_DOESNT_EXIST"
    assert error.words == text
    missing = errors.of_reply(
        400, {"message": "not set", "context": {"properties": ["subject"]}}, "hs"
    )
    assert isinstance(missing, Invalid)
    assert missing.fields == ("subject",)
    coded = errors.of_reply(
        400,
        {"message": "m", "errors": [{"code": "X", "context": {"propertyName": ["a"]}}]},
        "hs",
    )
    assert isinstance(coded, Invalid)
    assert coded.fields == ("a",)


def test_a_text_that_only_looks_like_a_list_is_no_bug() -> None:
    text = "Property values were not valid: [oops"
    assert isinstance(errors.of_reply(400, {"message": text}, "hs"), Invalid)


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("VALIDATION_ERROR", Invalid),
        ("OBJECT_NOT_FOUND", Gone),
        ("CONFLICT", Duplicate),
        ("RATE_LIMITS", Locked),
        ("", Invalid),
    ],
)
def test_items_of_a_batch(category: str, kind: type[ItemError]) -> None:
    error = errors.of_item({"category": category, "message": "m"}, "hs")
    assert type(error) is kind
    assert isinstance(error, ItemError)


def test_calls_that_name_no_record_never_blame_one() -> None:
    for status in (400, 404, 409, 423):
        error = errors.for_reading(errors.of_reply(status, {"message": "m"}, "hs"), "deals")
        assert not isinstance(error, ItemError)


@pytest.mark.parametrize("body", [None, b"", b"<html>", "[1]", b"\xff"])
def test_bodies_that_are_no_json_object(body: Any) -> None:
    assert errors.parse(body) == {}


def test_recorded_throttling_is_throttling() -> None:
    for interaction in recorded("v3_429_secondly_limit.json"):
        response = interaction["response"]
        error = errors.of_reply(response["status"], response["body"], "hs", response["headers"])
        assert isinstance(error, Throttled)
        assert error.retry_after is None
        assert error.words == "You have reached your secondly limit."


def test_recorded_refusals_are_understood() -> None:
    kinds = set()
    for name in ("v1_contact_errors.json", "vcr_contact_errors_v1.json"):
        for interaction in recorded(name):
            response = interaction["response"]
            if response["status"] >= 400:
                body = response["body"] if isinstance(response["body"], dict) else {}
                error = errors.of_reply(response["status"], body, "hs", response["headers"])
                assert isinstance(error, ItemError | Misconfigured), response
                kinds.add(type(error))
    assert {Gone, Invalid, Duplicate} <= kinds
