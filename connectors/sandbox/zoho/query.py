"""Conditions as a tree, what COQL and search criteria are both parsed into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class SyntaxTrouble(Exception):
    """The text is no query; `near` is where reading stopped."""

    def __init__(self, message: str, near: str = "") -> None:
        super().__init__(message)
        self.near = near


@dataclass(frozen=True, slots=True)
class Path:
    """A field, or with `through` a field of the record that a lookup points to."""

    field: str
    through: str = ""

    def __str__(self) -> str:
        return f"{self.through}.{self.field}" if self.through else self.field


@dataclass(frozen=True, slots=True)
class Term:
    """A value as written: quoted text, a number, or a bare word (true, false, null)."""

    text: str
    kind: Literal["text", "number", "word"]


Operator = Literal[
    "=", "!=", ">", ">=", "<", "<=", "in", "not in", "like", "not like",
    "between", "not between", "is null", "is not null",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """One criterion."""

    path: Path
    operator: Operator
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Junction:
    """Two conditions joined."""

    word: Literal["and", "or"]
    left: Condition
    right: Condition


Condition = Comparison | Junction


@dataclass(frozen=True, slots=True)
class Column:
    """A selected column; `function` is '' or an aggregate."""

    path: Path
    function: str = ""
    alias: str = ""

    @property
    def name(self) -> str:
        """Its key in the reply."""
        if self.alias:
            return self.alias
        return f"{self.function}({self.path})" if self.function else str(self.path)


@dataclass(frozen=True, slots=True)
class Select:
    """A whole COQL query."""

    columns: tuple[Column, ...]
    module: str
    where: Condition
    group: tuple[Path, ...] = ()
    order: tuple[tuple[Path, bool], ...] = ()
    """(field, descending)"""
    limit: int = 200
    offset: int = 0


def criteria_count(condition: Condition) -> int:
    """How many comparisons a condition holds."""
    if isinstance(condition, Comparison):
        return 1
    return criteria_count(condition.left) + criteria_count(condition.right)


def words_like(pattern: str) -> str:
    """`pattern` for SQL LIKE with ``\\`` as escape: only ``%`` is a wildcard in COQL."""
    return pattern.replace("\\", "\\\\").replace("_", "\\_")
