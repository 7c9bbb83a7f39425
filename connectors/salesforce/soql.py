"""SOQL text: quoting, and pieces short enough for a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote_plus

from simple_salesforce import format_soql

#: Longest query in URL-encoded characters. Salesforce takes 16,384 for the whole request line.
LONGEST = 14_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def name(text: str) -> str:
    """`text`, if it can be the name of an object or field.

    Raises:
        ValueError: it cannot; nothing else may be spliced into a query.
    """
    if not _NAME.match(text):
        raise ValueError(f"not a Salesforce name: {text!r}")
    return text


def listed(values: Sequence[str]) -> str:
    """``('a','b\\'c')``: values quoted for an IN."""
    quoted: str = format_soql("{}", list(values))
    return quoted


def size(query: str) -> int:
    """Characters the query takes in a URL."""
    return len(quote_plus(query))


def chunks(query: str, values: Sequence[str], most: int = 500) -> Iterator[list[str]]:
    """`values` in runs that fit into a URL behind `query`, in order.

    A single value too long for any URL comes alone.
    """
    room = LONGEST - size(query)
    chunk: list[str] = []
    used = 0
    for value in values:
        needs = size(listed([value]))
        if chunk and (used + needs > room or len(chunk) == most):
            yield chunk
            chunk, used = [], 0
        chunk.append(value)
        used += needs
    if chunk:
        yield chunk
