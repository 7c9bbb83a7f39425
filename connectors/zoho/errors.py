"""Zoho's error codes as ours.

The same code means different things for a whole request and for one item of a batch:
``NO_PERMISSION`` stops a connection in the one place and refuses a record in the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zcrmsdk.src.com.zoho.crm.api.exception import SDKException
from zcrmsdk.src.com.zoho.crm.api.util.constants import Constants

from connectors.errors import (
    AuthenticationFailed,
    Bug,
    ConnectorError,
    Duplicate,
    Gone,
    Invalid,
    Locked,
    Misconfigured,
    PermissionDenied,
    QuotaExhausted,
    Refused,
    Stale,
    Throttled,
    Unavailable,
)
from connectors.transport import redact

#: A token was refused: it is renewed once before the call is given up.
TOKEN_CODES = frozenset({"INVALID_TOKEN", "AUTHENTICATION_FAILURE", "INVALID_OAUTHTOKEN"})

#: A page token cannot be used (any more): reading goes on by id.
PAGING_CODES = frozenset({
    "EXPIRED_VALUE", "TOKEN_BOUND_DATA_MISMATCH", "PAGINATION_LIMIT_EXCEEDED",
    "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
})  # fmt: skip

_DENIED = frozenset({
    "OAUTH_SCOPE_MISMATCH", "NO_PERMISSION", "PERMISSION_DENIED", "FEATURE_NOT_SUPPORTED",
    "FEATURE_NOT_ENABLED", "NOT_SUPPORTED", "FEATURE_PERMISSION", "CANNOT_PERFORM_ACTION",
    "UNAUTHORIZED", "LICENSE_EXPIRED",
})  # fmt: skip
_CONFIGURATION = frozenset({
    "INVALID_MODULE", "INVALID_URL_PATTERN", "INVALID_REQUEST_METHOD", "INVALID_QUERY",
    "RESOURCE_NOT_FOUND", "API_NOT_SUPPORTED", "NOT_FOUND",
})  # fmt: skip
_VALUE = frozenset({
    "INVALID_DATA", "MANDATORY_NOT_FOUND", "DEPENDENT_FIELD_MISSING", "EXPECTED_FIELD_MISSING",
    "DEPENDENT_MISMATCH", "LIMIT_EXCEEDED", "MAPPING_MISMATCH", "AMBIGUITY_DURING_PROCESSING",
    "ID_ALREADY_CONVERTED", "DUPLICATE_DATA", "ALREADY_MODIFIED",
    # What the bulk APIs do not take; the record APIs do the same work in smaller pieces.
    "PAGE_RANGE_EXCEEDED", "AMBIGUOUS_CRITERIA", "FIELD_NOT_AVAILABLE", "JOIN_LIMIT_EXCEEDED",
    "CVID_NOT_SUPPORTED", "INVALID_FILE_FORMAT", "FILE_TOO_LARGE", "HEADER_LIMIT_EXCEEDED",
    "COLUMN_INDEX_NOT_FOUND", "MANDATORY_FIELDS_NOT_MAPPED", "COEXISTENCE_NOT_ALLOWED",
    "INVALID_FILE_ID", "CANNOT_PROCESS",
})  # fmt: skip
_REFUSED = _DENIED | {"NOT_APPROVED", "RECORD_IN_BLUEPRINT", "NOT_ALLOWED", "APPROVAL_PENDING"}
_LOCKED = frozenset({"RECORD_LOCKED", "INTERNAL_ERROR"})

_TELLING = (
    "api_name", "json_path", "expected_data_type", "maximum_length", "limit", "param_name",
    "param_names", "clause", "column_name", "id",
)  # fmt: skip

#: zcrmsdk's own codes that say how the hub called it, not what Zoho answered.
_SDK_SETUP = frozenset({
    Constants.TOKEN_ERROR, Constants.INITIALIZATION_ERROR, Constants.SWITCH_USER_ERROR,
    Constants.SDK_UNINITIALIZATION_ERROR, Constants.USER_PROXY_ERROR,
    str(Constants.USER_SIGNATURE_ERROR),
})  # fmt: skip


def of_request(
    connection: str,
    status: int,
    body: Mapping[str, Any],
    *,
    credits_left: int | None = None,
    retry_after: float | None = None,
) -> ConnectorError:
    """The error of a whole request that Zoho refused.

    `body` is Zoho's ``{"code", "details", "message", "status"}``, or {} where it was not JSON.
    """
    code = str(body.get("code") or "")
    message = str(body.get("message") or "")
    words = redact(message + _told(body.get("details"))).strip()
    facts: dict[str, Any] = {"connection": connection, "words": words, "code": code,
                             "status": status}  # fmt: skip
    said = f"Zoho answered {code or status}" + (f": {redact(message)}" if message else "")
    if status == 429 or code == "TOO_MANY_REQUESTS":
        if credits_left == 0 or "credit" in message.lower():
            return QuotaExhausted(f"{connection}: no API credits are left ({said})", **facts)
        return Throttled(f"{connection}: too many calls ({said})", retry_after=retry_after, **facts)
    if code in TOKEN_CODES or (status == 401 and code not in _DENIED):
        return AuthenticationFailed(f"{connection}: the credentials are refused ({said})", **facts)
    if code in _DENIED or status == 403:
        return PermissionDenied(f"{connection}: the credentials may not do this ({said})", **facts)
    if status >= 500 or code == "INTERNAL_ERROR":
        return Unavailable(f"{connection}: {said}", retry_after=retry_after, **facts)
    if code in _CONFIGURATION or status == 404:
        return Misconfigured(f"{connection}: {said}", **facts)
    if status == 412:
        return Stale(f"{connection}: {said}", **facts)
    if code in _VALUE:
        return Invalid(f"{connection}: {said}", **facts)
    return Bug(f"{connection}: an answer that is not understood: {said}", **facts)


def of_item(connection: str, object: str, record: str, answer: Mapping[str, Any]) -> ConnectorError:
    """The error of one item of a batch; `record` names it to people (an id, a key)."""
    code = str(answer.get("code") or "")
    message = str(answer.get("message") or "")
    given = answer.get("details")
    details: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    name = str(details.get("api_name") or "")
    fields = (name,) if name and name != "id" else ()
    where = f" in {name}" if fields else ""
    said = f"{connection}: {object} {record}: Zoho answered {code}{where}: {redact(message)}"
    facts: dict[str, Any] = {
        "connection": connection,
        "words": redact(message + _told(details)).strip(),
        "code": code,
        "fields": fields,
    }
    if code == "DUPLICATE_DATA":
        other = details.get("duplicate_record")
        of = other.get("id") if isinstance(other, Mapping) else details.get("id")
        return Duplicate(said, of=str(of or ""), **facts)
    if code == "INVALID_DATA" and not fields and "the id given" in message:
        return Gone(said, **facts)
    if code in ("RECORD_NOT_FOUND", "RESOURCE_NOT_FOUND"):
        return Gone(said, **facts)
    if code == "ALREADY_MODIFIED":
        return Stale(said, **facts)
    if code in _LOCKED:
        return Locked(said, **facts)
    if code in _REFUSED:
        return Refused(said, **facts)
    return Invalid(said, **facts)


def _told(details: Any) -> str:
    """The details that say what is wrong. The others can hold people's names and addresses."""
    if not isinstance(details, Mapping):
        return ""
    kept = ", ".join(f"{name}: {details[name]}" for name in _TELLING if name in details)
    return f" ({kept})" if kept else ""


def of_token(connection: str, status: int, body: Mapping[str, Any]) -> ConnectorError:
    """The error of the accounts server, which refuses with HTTP 200 as often as with 400."""
    code = str(body.get("error") or "")
    words = redact(str(body.get("error_description") or code))
    facts: dict[str, Any] = {"connection": connection, "words": words, "code": code,
                             "status": status}  # fmt: skip
    if code == "Access Denied" or status == 429:
        # Ten tokens per ten minutes; Zoho does not say when the oldest drops out.
        return Throttled(
            f"{connection}: Zoho gives no more access tokens for the moment", retry_after=600.0,
            **facts,
        )  # fmt: skip
    if status >= 500 or code in ("general_error", "internal_error", "server_error"):
        return Unavailable(f"{connection}: Zoho's accounts server answered {status}", **facts)
    if not code:
        return Bug(f"{connection}: an answer of Zoho's accounts server is not understood", **facts)
    return AuthenticationFailed(
        f"{connection}: Zoho refused the refresh token or the client ({code}); tokens are good "
        "in one data centre only: is data_center right?",
        **facts,
    )


def of_sdk(connection: str, error: SDKException) -> ConnectorError:
    """An error of zcrmsdk."""
    code = str(error.code or "")
    words = redact(str(error))
    if code == Constants.INVALID_CLIENT_ERROR:
        return AuthenticationFailed(
            f"{connection}: Zoho refused the refresh token or the client",
            connection=connection, words=words, code=code,
        )  # fmt: skip
    if code in _SDK_SETUP:
        return Misconfigured(
            f"{connection}: zcrmsdk refused the settings of this connection",
            connection=connection, words=words, code=code,
        )  # fmt: skip
    return Bug(f"{connection}: zcrmsdk failed", connection=connection, words=words, code=code)
