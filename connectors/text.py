"""Text that no vendor can hold. JSON would carry some of it, and a vendor cut it off in silence."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connectors.base import Value, Write
from connectors.errors import Invalid

_SURROGATE = re.compile("[\ud800-\udfff]")


def unsendable(values: Mapping[str, Value]) -> dict[str, str]:
    """The fields that cannot be sent, each with the reason: a NUL character, or half a character
    (a lone surrogate)."""
    found: dict[str, str] = {}
    for name, value in values.items():
        for text in value if isinstance(value, tuple) else (value,):
            if not isinstance(text, str):
                continue
            if "\0" in text:
                found[name] = "the text holds a NUL character"
            elif not text.isascii() and _SURROGATE.search(text):
                found[name] = "the text holds half a character (a lone surrogate)"
    return found


def refusal(connection: str, object: str, write: Write) -> Invalid | None:
    """Why a write is not sent at all; None for one that may be."""
    values: dict[str, Value] = dict(write.values)
    if write.external is not None:
        values[write.external[0]] = write.external[1]
    found = unsendable(values)
    if not found:
        return None
    told = "; ".join(f"{name}: {reason}" for name, reason in found.items())
    return Invalid(
        f"{connection}: {object} {write.id or write.key} is not sent: {told}",
        connection=connection,
        words=told,
        fields=tuple(found),
    )
