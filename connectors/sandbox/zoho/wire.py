"""How values and errors look in Zoho's JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
from werkzeug.wrappers import Request, Response

#: The account's time zone, Asia/Bangkok, which has no daylight saving time.
ZONE = timezone(timedelta(hours=7))
TIME_ZONE = "Asia/Bangkok"


class ApiError(Exception):
    """A whole request is refused: ``{"code", "details", "message", "status": "error"}``."""

    def __init__(
        self, code: str, message: str, status: int = 400, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = dict(details or {})

    def response(self) -> Response:
        """The HTTP reply."""
        return reply(item_error(self.code, self.message, self.details), self.status)


def item_error(code: str, message: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """One failed item of a batch."""
    return {"code": code, "details": dict(details), "message": message, "status": "error"}


def item_success(message: str, details: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """One item of a batch that was carried out."""
    return {"code": "SUCCESS", "details": dict(details), "message": message,
            "status": "success", **more}  # fmt: skip


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply; decimals are written digit for digit."""
    return Response(
        orjson.dumps(body, default=_number),
        status=status,
        headers=dict(headers or {}),
        content_type="application/json;charset=UTF-8",
    )


def empty(status: int) -> Response:
    """204 or 304: no body, no content type."""
    made = Response(b"", status=status)
    del made.headers["Content-Type"]
    return made


def stamp(moment: datetime) -> str:
    """How instants are stored: UTC to the second, in an order text comparison keeps."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show(stored: str) -> str:
    """A stored instant as the API gives it: ``2026-01-02T10:04:05+07:00``."""
    return datetime.fromisoformat(stored).astimezone(ZONE).isoformat(timespec="seconds")


def read_instant(text: str) -> str:
    """An ISO 8601 instant with an offset, as stored.

    Raises:
        ValueError: not an instant, or without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or len(text) <= len("2026-01-01"):
        raise ValueError(text)
    return stamp(moment)


def read_body(request: Request) -> dict[str, Any]:
    """The request's JSON object, numbers with a fraction as `Decimal`.

    Raises:
        ApiError: ``INVALID_REQUEST`` or ``INVALID_DATA``.
    """
    try:
        body = json.loads(request.get_data(), parse_float=Decimal)
    except ValueError:
        raise ApiError(
            "INVALID_REQUEST", "unable to process your request. please verify whether you have "
            "entered proper method name, parameter and parameter values.",
        ) from None  # fmt: skip
    if not isinstance(body, dict):
        raise ApiError("INVALID_DATA", "body", 400, {"expected_data_type": "jsonobject"})
    return body


def read_header_instant(request: Request, name: str) -> str | None:
    """The instant in a header, as stored; None without the header.

    Raises:
        ApiError: ``INVALID_DATA``, it is no instant.
    """
    text = request.headers.get(name)
    if not text:
        return None
    try:
        return read_instant(text)
    except ValueError:
        details = {"header_name": name, "expected_data_type": "datetime"}
        raise ApiError(
            "INVALID_DATA", f"the {name} given seems to be invalid", 400, details
        ) from None
