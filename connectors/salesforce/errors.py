"""Every error Salesforce or its SDK can give, as one of ours.

Codes are those of the Object Reference ("StatusCode") and the REST API guide. REST errors
are a list of ``{message, errorCode, fields}``; results of single records in a collection
carry ``statusCode`` instead; OAuth errors are an object ``{error, error_description}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError

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
    Refused,
    Throttled,
    Unavailable,
)
from connectors.salesforce.values import to18
from connectors.transport import redact, unreachable

_AUTH = frozenset(
    {
        "INVALID_SESSION_ID",
        "INVALID_AUTH_HEADER",
        "INVALID_LOGIN",
        "LOGIN_MUST_USE_SECURITY_TOKEN",
        "LOGIN_DURING_RESTRICTED_TIME",
        "LOGIN_DURING_RESTRICTED_DOMAIN",
        "PASSWORD_LOCKOUT",
        "ORG_LOCKED",
        "TRIAL_EXPIRED",
        "invalid_grant",
        "invalid_client",
        "invalid_client_id",
        "inactive_user",
        "inactive_org",
        "unauthorized_client",
    }
)
_PERMISSION = frozenset(
    {
        "API_DISABLED_FOR_ORG",
        "API_CURRENTLY_DISABLED",
        "FUNCTIONALITY_NOT_ENABLED",
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "invalid_scope",
    }
)
_SETTINGS = frozenset(
    {
        "INVALID_FIELD",
        "INVALID_TYPE",
        "INVALID_QUERY_FILTER_OPERATOR",
        "NOT_FOUND",
        "UNSUPPORTED_API_VERSION",
        "unsupported_grant_type",
        "invalid_request",
    }
)
_BUSY = frozenset(
    {
        "SERVER_UNAVAILABLE",
        "UNKNOWN_EXCEPTION",
        "QUERY_TIMEOUT",
        "INVALID_QUERY_LOCATOR",
        "UNABLE_TO_PROCESS_REQUEST",
    }
)
_UNREADABLE = frozenset({"JSON_PARSER_ERROR", "INVALID_TYPE_ON_FIELD_IN_RECORD"})

_DUPLICATE = frozenset({"DUPLICATE_VALUE", "DUPLICATES_DETECTED", "DUPLICATE_EXTERNAL_ID"})
_GONE = frozenset({"ENTITY_IS_DELETED"})
_LOCKED = frozenset({"UNABLE_TO_LOCK_ROW", "ENTITY_IS_LOCKED"})
_REFUSED = _PERMISSION | {
    "INVALID_FIELD",
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "TRANSFER_REQUIRES_READ",
}
_ID = re.compile(r"\bid:\s*([0-9A-Za-z]{15,18})\b")


def translate(error: Exception, connection: str) -> ConnectorError:
    """Anything the SDK or `requests` raised, as one of ours.

    Args:
        error: a `SalesforceError`, a `requests` exception, or already one of ours.
    """
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, SalesforceAuthenticationFailed):
        return _login_error(error, connection)
    if isinstance(error, SalesforceError):
        return from_reply(connection, error.status, error.content)
    if isinstance(error, requests.JSONDecodeError) and _is_page(error.doc):
        return strange(connection, error.doc)
    if isinstance(error, requests.RequestException):
        return unreachable(error, connection)
    return Bug(
        f"{connection}: the Salesforce library failed with {type(error).__name__}",
        connection=connection,
        words=redact(str(error)),
    )


def strange(connection: str, reply: object) -> Bug:
    """The error of a good reply that is not what was asked for. Of a page it keeps the text; JSON
    may hold personal values."""
    page = _is_page(reply)
    return Bug(
        f"{connection}: Salesforce's answer is not understood",
        connection=connection,
        words=_text(reply) if page else f"not what was asked for, but {type(reply).__name__}",
    )


def _is_page(reply: object) -> bool:
    """Whether it is a web page; JSON that cannot be read was cut off on the way."""
    return isinstance(reply, str) and reply.lstrip().startswith("<")


def _login_error(error: SalesforceAuthenticationFailed, connection: str) -> ConnectorError:
    code, words = error.code, str(error.auth_message)
    # Without a readable body the SDK puts the HTTP status where the code belongs.
    if isinstance(code, int) and code < 300:
        return Misconfigured(
            f"{connection}: what answers at this address is not Salesforce; check url",
            connection=connection,
            words=_text(words),
            status=code,
        )
    if isinstance(code, int):
        return from_reply(connection, code, words)
    return _whole(connection, None, str(code or ""), words, unknown=AuthenticationFailed)


def from_reply(connection: str, status: int, content: object) -> ConnectorError:
    """The error of a whole call.

    Args:
        status: the HTTP status.
        content: the parsed JSON body, or the text or bytes where it is no JSON.
    """
    entries = content if isinstance(content, list) else [content]
    first = entries[0] if entries else None
    if isinstance(first, Mapping):
        code = str(first.get("errorCode") or first.get("error") or first.get("statusCode") or "")
        words = str(first.get("message") or first.get("error_description") or "")
        if code:
            return _whole(connection, status, code, words, entry=first)
    if status == 300:
        return Duplicate(
            f"{connection}: several records hold the same external id",
            connection=connection,
            status=status,
        )
    return _by_status(connection, status, _text(content))


def _text(content: object) -> str:
    if isinstance(content, bytes):
        content = content.decode("utf-8", "replace")
    return (
        redact(re.sub(r"<[^>]*>|\s+", " ", content).strip()[:300])
        if isinstance(content, str)
        else ""
    )


def _by_status(connection: str, status: int, words: str) -> ConnectorError:
    """The meaning of a reply that names no code, an HTML page for instance."""
    kind: type[ConnectorError]
    if status == 401:
        kind = AuthenticationFailed
    elif status == 403:
        kind = PermissionDenied
    elif status == 404:
        kind = Misconfigured
    elif status == 429:
        kind = Throttled
    # 406 and 420 with an empty body are passing faults of the edge servers.
    elif status >= 500 or status in (406, 408, 420):
        kind = Unavailable
    else:
        kind = Bug
    return kind(
        f"{connection}: Salesforce answered {status} without an error code",
        connection=connection,
        words=words,
        status=status,
    )


def _whole(
    connection: str,
    status: int | None,
    code: str,
    words: str,
    *,
    entry: Mapping[str, Any] | None = None,
    unknown: type[ConnectorError] | None = None,
) -> ConnectorError:
    kind: type[ConnectorError]
    if code == "REQUEST_LIMIT_EXCEEDED":
        # One code for two limits: calls a day, and long requests at the same time.
        kind = Throttled if "concurrent" in words.lower() else QuotaExhausted
    elif code in _AUTH:
        kind = AuthenticationFailed
    elif code in _BUSY:
        kind = Unavailable
    elif code in _PERMISSION:
        kind = PermissionDenied
    elif code in _SETTINGS:
        kind = Misconfigured
    elif code in _DUPLICATE | _GONE | _LOCKED | _UNREADABLE and entry is not None:
        return from_item(connection, "record", [entry], status)
    elif unknown is not None:
        kind = unknown
    elif status is not None and status >= 500:
        kind = Unavailable
    else:
        kind = Bug
    return kind(
        f"{connection}: Salesforce refused the call ({code})",
        connection=connection,
        words=redact(words),
        code=code,
        status=status,
    )


def from_item(
    connection: str, object: str, entries: Sequence[Mapping[str, Any]], status: int | None = None
) -> ItemError:
    """The error of one record in a batch.

    Args:
        object: what the record is, for the message.
        entries: its ``errors``; the first one says what kind of error it is.
    """
    first = entries[0] if entries else {}
    code = str(first.get("statusCode") or first.get("errorCode") or "")
    words = "; ".join(str(entry.get("message") or "") for entry in entries)
    fields = tuple(
        dict.fromkeys(str(name) for entry in entries for name in entry.get("fields") or ())
    )
    about = f" on {', '.join(fields)}" if fields else ""
    message = f"{connection}: Salesforce refused the {object} ({code or 'no code'}){about}"
    rest: dict[str, Any] = {
        "connection": connection,
        "words": redact(words),
        "code": code,
        "status": status,
        "fields": fields,
    }
    if code in _DUPLICATE:
        return Duplicate(message, of=_other(first), **rest)
    if code in _GONE:
        return Gone(message, **rest)
    if code in _LOCKED:
        return Locked(message, **rest)
    # What the Bulk API says of a date or number that is none has the code of a hidden field.
    if code in _REFUSED and "Failed to deserialize" not in words:
        return Refused(message, **rest)
    return Invalid(message, **rest)


def _other(entry: Mapping[str, Any]) -> str:
    """Id of the record that holds the value already, '' where the message hides it."""
    for result in (entry.get("duplicateResult") or {}).get("matchResults") or ():
        for match in result.get("matchRecords") or ():
            found = str((match.get("record") or {}).get("Id") or "")
            if found:
                return to18(found)
    named = _ID.search(str(entry.get("message") or ""))
    return to18(named[1]) if named else ""
