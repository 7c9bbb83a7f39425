"""Replies, refusals, and JSON in which decimals stay exact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson


@dataclass(slots=True)
class Reply:
    """What goes back: a status, a JSON body (None for an empty one), headers."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A request that is answered with a list of errors, as Salesforce does."""

    def __init__(
        self, code: str, message: str, status: int = 400, fields: Sequence[str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = None if fields is None else list(fields)

    @property
    def entry(self) -> dict[str, Any]:
        """The error as a whole request's answer lists it."""
        entry: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            entry["fields"] = self.fields
        return entry

    @property
    def item(self) -> dict[str, Any]:
        """The error as the result of one record lists it."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields or []}


class Refusals(Exception):
    """Everything that is wrong with one record."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = list(refusals)


def java_double(number: Decimal) -> str:
    """`number` the way Salesforce prints it: ``10000.0``, ``5.6E8``; no digit is lost."""
    if not number:
        return "0.0"
    sign, digits, exponent = number.normalize().as_tuple()
    point = len(digits) + int(exponent)
    text = "".join(map(str, digits))
    if -3 < point <= 7:
        whole = text[:point].ljust(point, "0") if point > 0 else "0"
        rest = text[point:] if point > 0 else "0" * -point + text
        shown = f"{whole}.{rest or '0'}"
    else:
        shown = f"{text[0]}.{text[1:] or '0'}E{point - 1}"
    return f"-{shown}" if sign else shown


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(java_double(value))
    raise TypeError(f"no JSON for {type(value).__name__}")


def encode(body: Any) -> bytes:
    """JSON, decimals included."""
    return orjson.dumps(body, default=_exact)


def decode(data: bytes) -> Any:
    """A request's JSON body, decimals exact.

    Raises:
        Refusal: JSON_PARSER_ERROR.
    """
    try:
        return json.loads(data.decode("utf-8") or "null", parse_float=Decimal)
    except ValueError as error:
        raise Refusal("JSON_PARSER_ERROR", f"Unexpected content: {error}") from None


def listed(body: Any, name: str) -> list[Any]:
    """The list under `name` of a request body.

    Raises:
        Refusal: there is none.
    """
    found = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        raise Refusal("JSON_PARSER_ERROR", f"The {name} property is required")
    return found
