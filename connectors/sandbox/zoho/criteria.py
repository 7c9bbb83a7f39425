"""Search criteria, parsed: ``((Last_Name:equals:Burns)and(Email:starts_with:ann))``.

Brackets, commas and backslashes inside values are written with a backslash before them.
"""

from __future__ import annotations

import re
from typing import Literal, cast

from connectors.sandbox.zoho.query import (
    Comparison,
    Condition,
    Junction,
    Operator,
    Path,
    SyntaxTrouble,
    Term,
    words_like,
)

_OPERATORS: dict[str, Operator] = {
    "equals": "=", "not_equal": "!=", "greater_than": ">", "greater_equal": ">=",
    "less_than": "<", "less_equal": "<=", "in": "in", "between": "between",
    "starts_with": "like",
}  # fmt: skip
_HEAD = re.compile(r"\s*([A-Za-z_$][\w$]*)\s*:\s*(\w+)\s*:")
_JOIN = re.compile(r"\s*(and|or)\s*", re.IGNORECASE)


def _split(value: str) -> list[str]:
    """The value at its bare commas, unescaped."""
    parts = re.findall(r"(?:[^,\\]|\\.)*", value, flags=re.DOTALL)
    return [_plain(part).strip() for part in parts if part]


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _mark(self, mark: str) -> bool:
        self._skip()
        if self._text.startswith(mark, self._at):
            self._at += 1
            return True
        return False

    def _fail(self, message: str) -> SyntaxTrouble:
        return SyntaxTrouble(message, self._text[self._at : self._at + 20])

    def whole(self) -> Condition:
        found = self._chain()
        self._skip()
        if self._at != len(self._text):
            raise self._fail("text after the criteria")
        return found

    def _chain(self) -> Condition:
        left = self._unit()
        while match := _JOIN.match(self._text, self._at):
            self._at = match.end()
            word = cast(Literal["and", "or"], match.group(1).lower())
            left = Junction(word, left, self._unit())
        return left

    def _unit(self) -> Condition:
        if self._mark("("):
            inner = self._chain()
            if not self._mark(")"):
                raise self._fail("a bracket is not closed")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        head = _HEAD.match(self._text, self._at)
        if head is None or head.group(2).lower() not in _OPERATORS:
            raise self._fail("expected field:comparator:value")
        self._at = head.end()
        value = self._value()
        comparator = head.group(2).lower()
        operator = _OPERATORS[comparator]
        if operator in ("in", "between"):
            terms = tuple(Term(part, "text") for part in _split(value))
            if not terms or (operator == "between" and len(terms) != 2):
                raise self._fail("a value is missing")
            return Comparison(Path(head.group(1)), operator, terms)
        text = _plain(value)
        if comparator == "starts_with":
            text = words_like(text).replace("%", "\\%") + "%"
        return Comparison(Path(head.group(1)), operator, (Term(text, "text"),))

    def _value(self) -> str:
        """Everything up to the bracket that closes this criterion; pairs inside belong to it."""
        start = self._at
        depth = 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "\\":
                self._at += 1
            elif char == "(":
                depth += 1
            elif char == ")":
                if depth == 0:
                    break
                depth -= 1
            self._at += 1
        return self._text[start : self._at]


def parse(text: str) -> Condition:
    """The criteria as a condition.

    Raises:
        SyntaxTrouble: not criteria.
    """
    return _Parser(text).whole()
