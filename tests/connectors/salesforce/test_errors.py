"""Every error of the SDK and of the vendor has a class of ours."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
import requests
import responses
import simple_salesforce
import simple_salesforce.exceptions as sdk

from connectors import errors
from connectors.base import Access
from connectors.errors import ConnectorError
from connectors.salesforce import SalesforceConnector
from connectors.salesforce.errors import from_item, from_reply, translate
from connectors.transport import Retrier, RetryPolicy

SDK_ERRORS = [
    made
    for _, made in inspect.getmembers(sdk, inspect.isclass)
    if issubclass(made, Exception) and made.__module__ == sdk.__name__
]
EXPECTED: dict[str, type[ConnectorError]] = {
    "SalesforceAuthenticationFailed": errors.AuthenticationFailed,
    "SalesforceError": errors.Bug,
    "SalesforceMoreThanOneRecord": errors.Duplicate,
    "SalesforceMalformedRequest": errors.Bug,
    "SalesforceExpiredSession": errors.AuthenticationFailed,
    "SalesforceRefusedRequest": errors.PermissionDenied,
    "SalesforceResourceNotFound": errors.Misconfigured,
    "SalesforceGeneralError": errors.Unavailable,
    "SalesforceOperationError": errors.Bug,
    "SalesforceBulkV2LoadError": errors.Bug,
    "SalesforceBulkV2ExtractError": errors.Bug,
}
STATUS = {
    "SalesforceError": 418,
    "SalesforceMoreThanOneRecord": 300,
    "SalesforceMalformedRequest": 400,
    "SalesforceExpiredSession": 401,
    "SalesforceRefusedRequest": 403,
    "SalesforceResourceNotFound": 404,
    "SalesforceGeneralError": 500,
}


@pytest.mark.filterwarnings("ignore")
def test_the_sdk_has_these_exceptions_and_no_others() -> None:
    found = set()
    for info in pkgutil.walk_packages(simple_salesforce.__path__, "simple_salesforce."):
        for _, made in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
            if issubclass(made, BaseException) and made.__module__.startswith("simple_salesforce"):
                found.add(made)
    assert found == set(SDK_ERRORS)
    assert {made.__name__ for made in found} == EXPECTED.keys()


@pytest.mark.parametrize("kind", SDK_ERRORS, ids=lambda kind: kind.__name__)
def test_every_sdk_error_is_one_of_ours(kind: type[Exception]) -> None:
    if kind is sdk.SalesforceAuthenticationFailed:
        made: Exception = kind("some_code", "words")
    elif issubclass(kind, sdk.SalesforceError):
        made = kind("https://x", STATUS[kind.__name__], "name", "<html>words</html>")
    else:
        made = kind("words")
    error = translate(made, "west")
    assert type(error) is EXPECTED[kind.__name__]
    assert error.connection == "west"
    assert "words" in error.words or kind is sdk.SalesforceMoreThanOneRecord
    assert translate(error, "west") is error


def test_every_transport_error_is_unavailable() -> None:
    kinds = [
        made
        for _, made in inspect.getmembers(requests.exceptions, inspect.isclass)
        if issubclass(made, requests.RequestException) and made is not requests.JSONDecodeError
    ]
    assert len(kinds) > 15
    for kind in kinds:
        assert type(translate(kind("words"), "west")) is errors.Unavailable


@pytest.mark.parametrize(
    ("status", "code", "words", "expected"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", errors.QuotaExhausted),
        (403, "REQUEST_LIMIT_EXCEEDED",
         "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", errors.Throttled),
        (403, "API_DISABLED_FOR_ORG", "", errors.PermissionDenied),
        (403, "INSUFFICIENT_ACCESS", "", errors.PermissionDenied),
        (400, "QUERY_TIMEOUT", "", errors.Unavailable),
        (400, "INVALID_QUERY_LOCATOR", "", errors.Unavailable),
        (400, "MALFORMED_QUERY", "", errors.Bug),
        (400, "INVALID_TYPE", "", errors.Misconfigured),
        (400, "UNABLE_TO_LOCK_ROW", "", errors.Locked),
        (404, "ENTITY_IS_DELETED", "", errors.Gone),
        (503, "SERVER_UNAVAILABLE", "", errors.Unavailable),
        (500, "UNKNOWN_EXCEPTION", "", errors.Unavailable),
        (500, "SOMETHING_NEW", "", errors.Unavailable),
        (400, "SOMETHING_NEW", "", errors.Bug),
    ],
)  # fmt: skip
def test_codes_of_whole_calls(
    status: int, code: str, words: str, expected: type[ConnectorError]
) -> None:
    error = from_reply("west", status, [{"errorCode": code, "message": words}])
    assert type(error) is expected
    assert (error.code, error.status, error.words) == (code, status, words)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (503, "<html><body>Down for\n maintenance</body></html>", errors.Unavailable),
        (502, "", errors.Unavailable),
        (420, "", errors.Unavailable),
        (406, b"", errors.Unavailable),
        (429, "", errors.Throttled),
        (401, "{", errors.AuthenticationFailed),
        (414, "URI Too Long", errors.Bug),
        (400, [], errors.Bug),
        (500, None, errors.Unavailable),
    ],
)
def test_replies_without_a_code(
    status: int, content: object, expected: type[ConnectorError]
) -> None:
    assert type(from_reply("west", status, content)) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", errors.Invalid),
        ("STRING_TOO_LONG", errors.Invalid),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", errors.Invalid),
        ("SOMETHING_NEW", errors.Invalid),
        ("ENTITY_IS_DELETED", errors.Gone),
        ("UNABLE_TO_LOCK_ROW", errors.Locked),
        ("INSUFFICIENT_ACCESS_OR_READONLY", errors.Refused),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", errors.Refused),
        ("DUPLICATE_VALUE", errors.Duplicate),
    ],
)
def test_codes_of_single_records(code: str, expected: type[ConnectorError]) -> None:
    entry = {"statusCode": code, "message": "no: secret@example.com", "fields": ["Email"]}
    error = from_item("west", "Contact", [entry])
    assert type(error) is expected
    assert error.fields == ("Email",)
    assert code in str(error)
    assert "secret@example.com" not in str(error)
    assert "secret@example.com" in error.words


@pytest.mark.parametrize(
    ("message", "of"),
    [
        ("duplicate value found: Key__c duplicates value on record with id: 0034S000007NxmlQAC",
         "0034S000007NxmlQAC"),
        ("duplicate value found: Key__c duplicates value on record with id: 0034S000007Nxml",
         "0034S000007NxmlQAC"),
        ("duplicate value found: <unknown> duplicates value on record with id: <unknown>", ""),
    ],
)  # fmt: skip
def test_a_duplicate_names_the_other_record(message: str, of: str) -> None:
    error = from_item("west", "Contact", [{"statusCode": "DUPLICATE_VALUE", "message": message}])
    assert isinstance(error, errors.Duplicate)
    assert error.of == of


def test_a_duplicate_rule_names_the_other_record() -> None:
    entry = {
        "errorCode": "DUPLICATES_DETECTED",
        "message": "Use one of these records?",
        "duplicateResult": {
            "matchResults": [{"matchRecords": [{"record": {"Id": "0034S000007Nxml"}}]}]
        },
    }
    error = from_reply("west", 400, [entry])
    assert isinstance(error, errors.Duplicate)
    assert error.of == "0034S000007NxmlQAC"


# -- through the SDK, on replies a sandbox does not give


HOST = "https://acme.my.salesforce.com"
TOKEN = {"access_token": "00Dx!AQ", "instance_url": HOST, "token_type": "Bearer"}


@pytest.fixture
def wire() -> responses.RequestsMock:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{HOST}/services/oauth2/token", json=TOKEN)
        yield mock


@pytest.fixture
def connector() -> SalesforceConnector:
    auth = {"kind": "client_credentials", "client_id": "id", "client_secret": "secret"}
    retrier = Retrier(RetryPolicy(attempts=3), sleep=lambda seconds: None)
    return SalesforceConnector(Access("west", HOST, auth), retrier)


DESCRIBE = f"{HOST}/services/data/v62.0/sobjects/Contact/describe"


def test_a_passing_fault_is_waited_out(
    wire: responses.RequestsMock, connector: SalesforceConnector
) -> None:
    wire.get(DESCRIBE, status=503, body="<html>busy</html>")
    wire.get(DESCRIBE, json={"name": "Contact", "fields": []})
    assert connector.describe("Contact").name == "Contact"
    assert connector.meter.total == 3, "the sign-in, the fault and the answer"


def test_a_lasting_fault_is_told(
    wire: responses.RequestsMock, connector: SalesforceConnector
) -> None:
    wire.get(DESCRIBE, status=500, body="")
    with pytest.raises(errors.Unavailable):
        connector.describe("Contact")
    assert len(wire.calls) == 4


def test_an_exhausted_quota_is_not_retried(
    wire: responses.RequestsMock, connector: SalesforceConnector
) -> None:
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    wire.get(DESCRIBE, status=403, json=body)
    with pytest.raises(errors.QuotaExhausted):
        connector.describe("Contact")
    assert len(wire.calls) == 2


@pytest.mark.parametrize(
    "body", ['[{"errorCode": "INVALID_SESSION_ID", "message": "expired"}]', "{}", "", "<html>"]
)
def test_a_session_that_never_works_is_given_up(
    wire: responses.RequestsMock, connector: SalesforceConnector, body: str
) -> None:
    wire.get(DESCRIBE, status=401, body=body)
    with pytest.raises(errors.AuthenticationFailed):
        connector.describe("Contact")
    assert len(wire.calls) == 4, "two sign-ins, two tries"


def test_a_cut_reply_is_unavailable(
    wire: responses.RequestsMock, connector: SalesforceConnector
) -> None:
    wire.get(DESCRIBE, body='{"name": "Cont', content_type="application/json")
    with pytest.raises(errors.Unavailable):
        connector.describe("Contact")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, '{"error": "invalid_grant", "error_description": "authentication failure"}',
         errors.AuthenticationFailed),
        (400, '{"error": "invalid_client_id"}', errors.AuthenticationFailed),
        (400, '{"error": "unsupported_grant_type"}', errors.Misconfigured),
        (503, "<html>busy</html>", errors.Unavailable),
        (200, "<html>welcome</html>", errors.Misconfigured),
        (200, '{"access_token": "x"}', errors.Misconfigured),
    ],
)  # fmt: skip
def test_trouble_with_signing_in(
    connector: SalesforceConnector, status: int, body: str, expected: type[ConnectorError]
) -> None:
    with responses.RequestsMock() as mock:
        mock.post(f"{HOST}/services/oauth2/token", status=status, body=body)
        with pytest.raises(expected) as caught:
            connector.describe("Contact")
    assert type(caught.value) is expected


def test_children_that_come_in_pages(
    wire: responses.RequestsMock, connector: SalesforceConnector
) -> None:
    base = f"{HOST}/services/data/v62.0"
    names = {"Id": "id", "SystemModstamp": "datetime", "Name": "string"}
    wire.get(
        f"{base}/sobjects/Opportunity/describe",
        json={
            "name": "Opportunity",
            "fields": [{"name": name, "type": type} for name, type in names.items()],
            "childRelationships": [{"relationshipName": "OpportunityContactRoles"}],
        },
    )
    at = "2026-01-02T03:04:05.000+0000"

    def role(contact: str, deleted: bool = False) -> dict[str, object]:
        return {"ContactId": contact, "IsDeleted": deleted, "SystemModstamp": at}

    nested = {"done": False, "nextRecordsUrl": "/services/data/v62.0/query/x-1"}
    deal = {"Id": "006000000000001AAA", "SystemModstamp": at, "Name": "deal"}
    deal["OpportunityContactRoles"] = {**nested, "records": [role("003000000000001AAA")]}
    wire.get(f"{base}/queryAll/", json={"totalSize": 1, "done": True, "records": [deal]})
    more = [role("003000000000002AAA"), role("003000000000003AAA", deleted=True)]
    wire.get(f"{base}/query/x-1", json={"totalSize": 3, "done": True, "records": more})
    [record] = connector.fetch("Opportunity", [deal["Id"]], ["OpportunityContactRoles"])
    assert record.values == {
        "OpportunityContactRoles": ("003000000000001AAA", "003000000000002AAA")
    }
