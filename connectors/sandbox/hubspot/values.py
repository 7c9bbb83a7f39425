"""How HubSpot checks a written value and what it then stores: always text, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sandbox.hubspot.replies import Json, epoch_ms, iso
from connectors.sandbox.hubspot.schema import Property

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(\.[^@\s,;<>\".]+)+")
_DAY_MS = 86_400_000
_LONGEST = 65_536


class Rejected(Exception):
    """One value HubSpot refuses, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse_instant(text: str) -> int | None:
    """Epoch milliseconds of an epoch-ms text, an ISO instant or an ISO date; None if neither."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return epoch_ms(read if read.tzinfo else read.replace(tzinfo=UTC))


def _text(prop: Property, text: str) -> str:
    if prop.name == "email" and not _EMAIL.fullmatch(text):
        raise Rejected("INVALID_EMAIL", f"Email address {text} is invalid")
    return text.lower() if prop.name == "email" else text


def _number(prop: Property, text: str) -> str:
    try:
        if not text.isascii():
            raise InvalidOperation
        finite = Decimal(text.strip()).is_finite()
    except InvalidOperation:
        finite = False
    if not finite:
        raise Rejected("INVALID_LONG", f"{text} was not a valid number.")
    return format(Decimal(text.strip()), "f")


def _date(prop: Property, text: str) -> str:
    ms = parse_instant(text)
    if ms is None:
        raise Rejected("INVALID_DATE", f"{text} was not a valid date.")
    if ms % _DAY_MS:
        raise Rejected("INVALID_DATE", f"{iso(ms)} is at {iso(ms)[11:]}, not midnight UTC.")
    return (date(1970, 1, 1) + timedelta(days=ms // _DAY_MS)).isoformat()


def _instant(prop: Property, text: str) -> str:
    ms = parse_instant(text)
    if ms is None:
        raise Rejected("INVALID_DATE", f"{text} was not a valid date.")
    return iso(ms)


def _bool(prop: Property, text: str) -> str:
    if text.lower() not in ("true", "false"):
        raise Rejected(
            "INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]"
        )
    return text.lower()


def _option(prop: Property, text: str) -> str:
    chosen = [part for part in text.split(";") if part] if prop.field_type == "checkbox" else [text]
    allowed = [value for value, _ in prop.options]
    for part in chosen:
        if part not in allowed:
            raise Rejected(
                "INVALID_OPTION",
                f"{part} was not one of the allowed options: [{', '.join(allowed)}]",
            )
    return ";".join(value for value in allowed if value in chosen) if chosen else ""


_BY_TYPE: Mapping[str, Callable[[Property, str], str]] = {
    "string": _text,
    "phone_number": _text,
    "number": _number,
    "date": _date,
    "datetime": _instant,
    "bool": _bool,
    "enumeration": _option,
}


def stored(prop: Property, raw: Any, current: str | None) -> str | None:
    """What HubSpot keeps of a written value; None when it is cleared.

    `current` is the stored value: a multi-select written as ``;x`` adds to it.

    Raises:
        Rejected: the value does not fit the property.
    """
    if raw is None:
        return None
    text = ("true" if raw else "false") if isinstance(raw, bool) else str(raw)
    if text == "":
        return None
    if len(text) > _LONGEST:
        raise Rejected("TOO_LONG", f"value is longer than {_LONGEST} characters")
    if prop.field_type == "checkbox" and prop.type == "enumeration":
        if text.startswith(";"):
            text = f"{current or ''}{text}"
        if not prop.options:
            return text
    elif prop.type == "enumeration" and not prop.options:
        return text
    return _BY_TYPE.get(prop.type, _text)(prop, text) or None


def problem(name: str, code: str, message: str) -> Json:
    """One entry of the list that travels inside the error message."""
    return {"isValid": False, "message": message, "error": code, "name": name}
