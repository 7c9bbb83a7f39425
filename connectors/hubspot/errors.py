"""HubSpot's refusals, and everything its SDK raises, as our errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
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
    Refused,
    Throttled,
    Unavailable,
)
from connectors.transport import redact, retry_after, unreachable

_EXISTING = re.compile(r"Existing ID:\s*(\d+)")
_HOLDER = re.compile(r"(\d+) already has that value")
_BAD_VALUES = "Property values were not valid:"
_SENTENCES: Mapping[str, str] = {
    "PROPERTY_DOESNT_EXIST": "the account has no such property",
    "INVALID_EMAIL": "not an e-mail address HubSpot takes",
    "INVALID_OPTION": "not one of the property's options",
    "INVALID_LONG": "not a number",
    "INVALID_DATE": "not a date HubSpot takes",
    "READ_ONLY_VALUE": "a property that cannot be written",
}


def parse(body: bytes | str | None) -> dict[str, Any]:
    """An error body as a JSON object; {} when it is anything else (a proxy's page)."""
    try:
        read = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}


def _problems(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(property, code) pairs, from the list inside the message or from ``errors``."""
    message = str(body.get("message", ""))
    found: list[tuple[str, str]] = []
    if message.startswith(_BAD_VALUES):
        try:
            listed = orjson.loads(message.removeprefix(_BAD_VALUES))
        except orjson.JSONDecodeError:
            listed = []
        found = [
            (str(entry.get("name", "")), str(entry.get("error", "")))
            for entry in listed
            if isinstance(entry, dict)
        ]
    if not found:
        for entry in body.get("errors") or []:
            if isinstance(entry, dict):
                names = (entry.get("context") or {}).get("propertyName") or [entry.get("in") or ""]
                found += [(str(name), str(entry.get("code") or "")) for name in names]
    context = body.get("context") or {}
    for name in context.get("properties") or context.get("propertyName") or []:
        found.append((str(name), "REQUIRED"))
    return [(name, code) for name, code in dict.fromkeys(found) if name]


def of_reply(
    status: int,
    body: Mapping[str, Any],
    connection: str,
    headers: Mapping[str, str] | None = None,
    text: str = "",
) -> ConnectorError:
    """The error for one refusal: a whole reply, or an entry of a 207's ``errors`` with the
    status its category stands for (see `of_item`)."""
    headers = headers or {}
    message = redact(str(body.get("message") or text[:300]))
    category = str(body.get("category") or body.get("errorType") or body.get("status") or "")
    rest: dict[str, Any] = {
        "connection": connection,
        "words": message,
        "code": category,
        "status": status,
    }

    def say(what: str) -> str:
        return f"{connection}: {what}"

    if status == 401 or status == 530:
        return AuthenticationFailed(say("HubSpot does not accept the token"), **rest)
    if status == 403:
        return PermissionDenied(say("the app lacks a scope for this call"), **rest)
    if status == 423:
        return Locked(say("HubSpot has locked the record for a moment"), **rest)
    if status in (429, 477):
        policy = str(body.get("policyName") or "")
        if policy == "DAILY" or "daily limit" in message.lower():
            return QuotaExhausted(say("today's calls are used up"), **rest)
        pause = retry_after(headers)
        if pause is None and policy == "TEN_SECONDLY_ROLLING":
            pause = 10.0
        return Throttled(say("too many calls in a short time"), retry_after=pause, **rest)
    if status >= 500:
        pause = retry_after(headers)
        return Unavailable(say(f"HubSpot answered {status}"), retry_after=pause, **rest)
    return _of_item_status(status, body, message, headers, say, rest)


def _of_item_status(
    status: int,
    body: Mapping[str, Any],
    message: str,
    headers: Mapping[str, str],
    say: Any,
    rest: dict[str, Any],
) -> ConnectorError:
    holder = _EXISTING.search(message) or _HOLDER.search(message)
    if holder or status == 409:
        of = holder.group(1) if holder else ""
        what = f"record {of}" if of else "another record"
        return Duplicate(say(f"{what} already holds this unique value"), of=of, **rest)
    if status == 404:
        folded = {name.lower() for name in headers}
        if rest["code"] == "OBJECT_NOT_FOUND" or "x-hubspot-notfound" in folded:
            return Gone(say("the record does not exist any more"), **rest)
        return Misconfigured(say("HubSpot has nothing at this address"), **rest)
    if "Unable to infer object type" in message or "not a unique identifier" in message:
        return Misconfigured(say(message), **rest)
    if status in (400, 413, 414, 422):
        problems = _problems(body)
        fields = tuple(name for name, _ in problems)
        if problems:
            rest["code"] = problems[0][1] or rest["code"]
            told = "; ".join(
                f"{name}: {_SENTENCES.get(code, code.lower().replace('_', ' '))}"
                for name, code in problems
            )
        else:
            told = message or f"HubSpot answered {status}"
        if any(code == "FORBIDDEN" for _, code in problems):
            return Refused(say(told), fields=fields, **rest)
        return Invalid(say(told), fields=fields, **rest)
    return Bug(say(f"HubSpot gave an answer we do not understand ({status})"), **rest)


_CATEGORY_STATUS: Mapping[str, int] = {
    "OBJECT_NOT_FOUND": 404,
    "CONFLICT": 409,
    "OBJECT_ALREADY_EXISTS": 409,
    "MISSING_SCOPES": 403,
    "RATE_LIMITS": 429,
    "LOCKED": 423,
}


def of_item(entry: Mapping[str, Any], connection: str) -> ItemError:
    """One entry of a 207's ``errors``."""
    status = _CATEGORY_STATUS.get(str(entry.get("category", "")), 400)
    made = of_reply(status, entry, connection)
    if isinstance(made, ItemError):
        return made
    kind = {429: Locked, 403: Refused}.get(status, Invalid)
    return kind(str(made), connection=connection, words=made.words, code=made.code, status=status)


def translate(error: Exception, connection: str) -> ConnectorError:
    """Whatever the SDK or urllib3 raised, as ours."""
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, urllib3.exceptions.HTTPError):
        return unreachable(error, connection)
    status = getattr(error, "status", None)
    if isinstance(status, int) and status:
        body = getattr(error, "body", None)
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
        headers = dict(getattr(error, "headers", None) or {})
        return of_reply(status, parse(text), connection, headers, text)
    if status == 0:
        return unreachable(error, connection)
    return Bug(
        f"{connection}: the HubSpot library failed ({type(error).__name__})",
        connection=connection,
        words=redact(str(error)),
    )


def for_reading(error: ConnectorError, what: str) -> ConnectorError:
    """An error of a call that names no single record: never an `ItemError`."""
    if isinstance(error, Locked):
        return Unavailable(
            str(error), connection=error.connection, words=error.words, code=error.code,
            status=error.status,
        )  # fmt: skip
    if isinstance(error, ItemError | Misconfigured):
        return Misconfigured(
            f"{error.connection}: HubSpot cannot read {what}: {error.words or error}",
            connection=error.connection, words=error.words, code=error.code, status=error.status,
        )  # fmt: skip
    return error
