# ruff: noqa: S608 - names come from the metadata; every value is a bound parameter
"""Conditions and COQL queries compiled to SQLite, every value a bound parameter."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sandbox.zoho.metadata import FieldSpec, ModuleSpec
from connectors.sandbox.zoho.query import (
    Comparison,
    Condition,
    Path,
    Select,
    Term,
    words_like,
)
from connectors.sandbox.zoho.store import Store
from connectors.sandbox.zoho.wire import read_instant


class UnknownField(Exception):
    """A path names no field of the module."""


class WrongValue(Exception):
    """A value does not fit the field it is compared with."""


@dataclass(slots=True)
class Compiled:
    """An SQL text and its parameters; `specs` are the fields of the selected columns."""

    text: str
    bound: list[Any] = field(default_factory=list)
    specs: list[FieldSpec] = field(default_factory=list)


class Compiler:
    """Compiles for one module, whose table has the alias ``m``."""

    def __init__(self, store: Store, module: ModuleSpec, escaped: bool = False) -> None:
        self._store = store
        self._module = module
        self._escaped = escaped
        self._joins: dict[str, str] = {}
        self._bound: list[Any] = []

    def spec(self, path: Path) -> FieldSpec:
        """The field a path ends in.

        Raises:
            UnknownField: there is none, or it does not go through a lookup.
        """
        if not path.through:
            found = self._module.fields.get(path.field)
        else:
            lookup = self._module.fields.get(path.through)
            target = self._store.module(lookup.module) if lookup and lookup.is_lookup else None
            found = target.fields.get(path.field) if target else None
        if found is None or found.hidden:
            raise UnknownField(str(path))
        return found

    def column(self, path: Path) -> str:
        """The SQL name of a path's column; joins what it goes through."""
        self.spec(path)
        if not path.through:
            return f'm."{path.field}"'
        if path.through not in self._joins:
            self._joins[path.through] = f"j{len(self._joins)}"
        return f'{self._joins[path.through]}."{path.field}"'

    def _from(self) -> str:
        text = f'FROM "{self._module.api_name}" m'
        for through, alias in self._joins.items():
            target = self._module.fields[through].module
            text += f' LEFT JOIN "{target}" {alias} ON {alias}.id = m."{through}"'
        return text

    def condition(self, condition: Condition) -> Compiled:
        """A condition on live records, without joins being written out."""
        self._bound = []
        return Compiled(self._condition(condition), self._bound)

    def matching(self, condition: Condition, order: str, limit: int, offset: int) -> Compiled:
        """The ids of live records that meet the condition."""
        where = self.condition(condition)
        return Compiled(
            f"SELECT m.id {self._from()} WHERE m.deleted_time IS NULL AND ({where.text}) "
            f"ORDER BY {order} LIMIT ? OFFSET ?",
            [*where.bound, limit, offset],
        )

    def select(self, query: Select) -> Compiled:
        """A COQL query. Columns come in its order, the record's id last if rows are records."""
        self._bound = []
        specs, columns = [], []
        for column in query.columns:
            spec = self.spec(column.path)
            name = self.column(column.path)
            if column.function == "COUNT":
                spec = FieldSpec(column.name, column.name, "integer")
            columns.append(f"{column.function}({name})" if column.function else name)
            specs.append(spec)
        grouped = bool(query.group) or any(column.function for column in query.columns)
        if not grouped:
            columns.append("m.id")
        where = self._condition(query.where)
        group = ", ".join(self.column(path) for path in query.group)
        order = ", ".join(
            f"{self.column(path)} {'DESC' if down else 'ASC'}" for path, down in query.order
        )
        text = (
            f"SELECT {', '.join(columns)} {self._from()} "
            f"WHERE m.deleted_time IS NULL AND ({where})"
            + (f" GROUP BY {group}" if group else "")
            + (f" ORDER BY {order}" if order else "" if grouped else " ORDER BY m.id")
            + " LIMIT ? OFFSET ?"
        )
        return Compiled(text, [*self._bound, query.limit + 1, query.offset], specs)

    def _condition(self, condition: Condition) -> str:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        left, right = self._condition(condition.left), self._condition(condition.right)
        return f"({left}) {condition.word.upper()} ({right})"

    def _comparison(self, made: Comparison) -> str:
        spec, column = self.spec(made.path), self.column(made.path)
        if made.operator in ("is null", "is not null"):
            return f"{column} {made.operator.upper()}"
        if len(made.terms) == 1 and made.terms[0] == Term("null", "word"):
            return f"{column} IS {'NOT ' if made.operator == '!=' else ''}NULL"
        if made.operator in ("like", "not like"):
            text = made.terms[0].text
            pattern = text if self._escaped else words_like(text)
            self._bound.append(pattern)
            return f"{column} {made.operator.upper()} ? ESCAPE '\\'"
        values = [_value(spec, term) for term in made.terms]
        if spec.data_type == "multiselectpicklist":
            return self._options(column, made, values)
        self._bound.extend(values)
        if made.operator in ("in", "not in"):
            return f"{column} {made.operator.upper()} ({', '.join('?' * len(values))})"
        if made.operator in ("between", "not between"):
            return f"{column} {made.operator.upper()} ? AND ?"
        if made.operator == "!=":
            return f"({column} != ? OR {column} IS NULL)"
        return f"{column} {made.operator} ?"

    def _options(self, column: str, made: Comparison, values: list[Any]) -> str:
        """A multi-select meets ``=`` and ``in`` when it holds one of the options."""
        self._bound.extend(values)
        held = (
            f"EXISTS (SELECT 1 FROM json_each({column}) o "
            f"WHERE o.value IN ({', '.join('?' * len(values))}))"
        )
        return f"NOT {held}" if made.operator in ("!=", "not in") else held


def _value(spec: FieldSpec, term: Term) -> Any:
    """A term as the column stores it.

    Raises:
        WrongValue: it does not fit the field's type.
    """
    kind = spec.data_type
    try:
        if kind == "datetime":
            return read_instant(term.text)
        if kind == "boolean":
            return {"true": 1, "false": 0}[term.text.lower()]
        if kind in ("currency", "double"):
            return format(Decimal(term.text), "f")
        if kind == "integer":
            number = Decimal(term.text)
            return int(number) if number == int(number) else float(number)
    except (ValueError, KeyError, InvalidOperation):
        raise WrongValue(f"{spec.api_name}: {term.text}") from None
    return term.text
