"""A SOQL tree to SQLite SQL with bound parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.sandbox.salesforce.ids import is_id, to18
from connectors.sandbox.salesforce.schema import SCALED, Child, Field, Object
from connectors.sandbox.salesforce.soql import (
    AllFields,
    Among,
    Both,
    Compare,
    Condition,
    Function,
    Literal_,
    Not,
    OrderKey,
    Path,
    Query,
)
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.values import parse_instant, scaled, stamp
from connectors.sandbox.salesforce.wire import Refusal

_KINDS = {
    "boolean": ("boolean",),
    "int": ("number",),
    "date": ("date", "relative"),
    "datetime": ("datetime", "relative"),
    **dict.fromkeys(SCALED, ("number",)),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One selected field: the relationships on the way, the field, its SQL."""

    way: tuple[str, ...]
    field: Field
    object: Object
    sql: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One result of a function, under the name it has in the reply."""

    name: str
    sql: str
    field: Field | None
    function: str


@dataclass(frozen=True, slots=True)
class ChildQuery:
    """A compiled ``(SELECT … FROM relationship)``."""

    child: Child
    plan: Plan


@dataclass(slots=True)
class Plan:
    """A compiled query. `rows_sql` reads the rows of given ids, `ids_sql` finds them."""

    object: Object
    source: str = ""
    where: str = "1"
    binds: list[Any] = field(default_factory=list)
    order: str = ""
    limit: str = ""
    columns: list[Column] = field(default_factory=list)
    aggregates: list[Aggregate] = field(default_factory=list)
    group: list[Column] = field(default_factory=list)
    having: str = ""
    having_binds: list[Any] = field(default_factory=list)
    children: list[ChildQuery] = field(default_factory=list)
    counts: bool = False
    """The query is a bare ``SELECT COUNT()``."""

    @property
    def ids_sql(self) -> str:
        """Ids of the rows, in order."""
        return f"SELECT t.Id {self.source} WHERE {self.where}{self.order}{self.limit}"

    @property
    def grouped(self) -> bool:
        """Whether the result is made of aggregates, not of records."""
        return bool(self.aggregates or self.group) and not self.counts


def _invalid(message: str) -> Refusal:
    return Refusal("INVALID_FIELD", message)


class Compiler:
    """Compiles one query; joins are added as paths ask for them."""

    def __init__(
        self, store: Store, query: Query, deleted: bool, child: Child | None = None
    ) -> None:
        name = child.object if child else query.object
        object = store.object(name)
        if object is None:
            raise Refusal(
                "INVALID_TYPE",
                f"\nERROR at Row:1:Column:1\nsObject type '{name}' is not supported. If you are "
                "attempting to use a custom object, be sure to append the '__c' after the entity "
                "name. Please reference your WSDL or the describe call for the appropriate names.",
            )
        self.store = store
        self.query = query
        self.deleted = deleted
        self.child = child
        self.plan = Plan(object)
        self._joins: dict[tuple[str, ...], tuple[str, Object]] = {(): ("t", object)}
        self._join_sql: list[str] = []

    def compile(self) -> Plan:
        """The plan.

        Raises:
            Refusal: unknown names, wrong types, or a shape SOQL does not allow.
        """
        plan, query = self.plan, self.query
        for number, item in enumerate(query.items):
            self._select(item, number)
        where: list[str] = []
        if not self.deleted:
            where.append("t.IsDeleted = 0")
        if query.where is not None:
            where.append(self._condition(query.where, plan.binds))
        plan.where = " AND ".join(f"({part})" for part in where) or "1"
        plan.group = [self._column(path) for path in query.group]
        if query.having is not None:
            plan.having = self._condition(query.having, plan.having_binds)
        if plan.grouped:
            loose = [c for c in plan.columns if c.sql not in {g.sql for g in plan.group}]
            if loose:
                raise Refusal(
                    "MALFORMED_QUERY",
                    f"Field must be grouped or aggregated: {loose[0].field.name}",
                )
        keys = [self._order(key) for key in query.order]
        if keys:
            plan.order = " ORDER BY " + ", ".join(keys)
        elif not plan.grouped:
            plan.order = " ORDER BY t.Id"
        if query.limit is not None or query.offset:
            if query.offset > 2000:
                raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
            limit = -1 if query.limit is None else query.limit
            plan.limit = f" LIMIT {limit} OFFSET {query.offset}"
        plan.source = f'FROM "{plan.object.name}" t' + "".join(self._join_sql)
        return plan

    def _select(self, item: Path | Function | AllFields | Query, number: int) -> None:
        plan = self.plan
        if isinstance(item, Query):
            plan.children.append(self._subquery(item))
        elif isinstance(item, AllFields):
            if self.query.limit is None or self.query.limit > 200:
                raise Refusal(
                    "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"
                )
            for made in plan.object.fields.values():
                if not made.hidden and item.which in (
                    "ALL",
                    "CUSTOM" if made.custom else "STANDARD",
                ):
                    plan.columns.append(self._column(Path((made.name,))))
        elif isinstance(item, Function):
            if item.path is None:
                plan.counts = len(self.query.items) == 1 and not self.query.group
                plan.aggregates.append(
                    Aggregate(item.alias or f"expr{number}", "COUNT(*)", None, "COUNT")
                )
            else:
                column = self._column(item.path)
                names = [a.name for a in plan.aggregates if a.name.startswith("expr")]
                name = item.alias or f"expr{len(names)}"
                plan.aggregates.append(
                    Aggregate(name, _function(item, column.sql), column.field, item.name)
                )
        else:
            plan.columns.append(self._column(item))

    def _subquery(self, query: Query) -> ChildQuery:
        if self.child is not None:
            raise Refusal("MALFORMED_QUERY", "Nesting of semi join sub-selects is not supported")
        for child in self.plan.object.children:
            if child.relationship.lower() == query.object.lower():
                return ChildQuery(child, Compiler(self.store, query, self.deleted, child).compile())
        raise Refusal(
            "INVALID_TYPE",
            f"Didn't understand relationship '{query.object}' in FROM part of query call. If you "
            "are attempting to use a custom relationship, be sure to append the '__r' after the "
            "custom relationship name.",
        )

    def _column(self, path: Path) -> Column:
        parts = path.parts
        names = {self.query.alias.lower(), self.query.object.lower()} - {""}
        if len(parts) > 1 and parts[0].lower() in names:
            parts = parts[1:]
        way: tuple[str, ...] = ()
        for step in parts[:-1]:
            way = self._join(way, step)
        alias, object = self._joins[way]
        found = object.find(parts[-1])
        if found is None:
            raise _invalid(
                f"\nERROR at Row:1:Column:1\nNo such column '{parts[-1]}' on entity "
                f"'{object.name}'. If you are attempting to use a custom field, be sure to append "
                "the '__c' after the custom field name. Please reference your WSDL or the describe "
                "call for the appropriate names."
            )
        return Column(way, found, object, f'{alias}."{found.name}"')

    def _join(self, way: tuple[str, ...], step: str) -> tuple[str, ...]:
        alias, object = self._joins[way]
        lookup = object.parent(step)
        if lookup is None or lookup.relationship is None:
            raise _invalid(
                f"Didn't understand relationship '{step}' in field path. If you are attempting to "
                "use a custom relationship, be sure to append the '__r' after the custom "
                "relationship name."
            )
        longer = (*way, lookup.relationship)
        if longer not in self._joins:
            target = "Name" if len(lookup.targets) > 1 else lookup.targets[0]
            made = f"j{len(self._joins)}"
            self._joins[longer] = (made, self.store.objects[target])
            self._join_sql.append(
                f' LEFT JOIN "{target}" {made} ON {made}.Id = {alias}."{lookup.name}"'
            )
        return longer

    def _order(self, key: OrderKey) -> str:
        if isinstance(key.by, Function):
            column = self._column(key.by.path).sql if key.by.path else "*"
            sql = _function(key.by, column)
        else:
            aliases = {a.name.lower(): a.sql for a in self.plan.aggregates}
            sql = aliases.get(str(key.by).lower(), "") or self._column(key.by).sql
        direction = "DESC" if key.descending else "ASC"
        return f"{sql} {direction} NULLS {'LAST' if key.nulls_last else 'FIRST'}"

    # Conditions are two-valued, as in SOQL: a comparison with an empty field is false, and
    # its negation true.

    def _condition(self, condition: Condition, binds: list[Any]) -> str:
        match condition:
            case Both(operator, parts):
                return f" {operator} ".join(f"({self._condition(p, binds)})" for p in parts)
            case Not(inner):
                return f"NOT COALESCE(({self._condition(inner, binds)}), 0)"
            case Compare():
                return self._compare(condition, binds)
            case Among():
                return self._among(condition, binds)

    def _compare(self, condition: Compare, binds: list[Any]) -> str:
        operator, value = condition.operator, condition.value
        if isinstance(condition.left, Function):
            column = self._column(condition.left.path) if condition.left.path else None
            sql = _function(condition.left, column.sql if column else "*")
            number = Decimal(value.text)
            is_count = condition.left.name.startswith("COUNT") or column is None
            binds.append(
                int(number) if is_count or column is None else scaled(number, column.field.scale)
            )
            return f"{sql} {operator} ?"
        column = self._column(condition.left)
        made, sql = column.field, column.sql
        self._check_filterable(made)
        if value.kind == "null":
            if operator not in ("=", "!="):
                raise Refusal("INVALID_QUERY_FILTER_OPERATOR", "invalid operator on null")
            return f"{sql} IS {'NOT ' if operator == '!=' else ''}NULL"
        if operator == "LIKE":
            if made.type in _KINDS or made.type in ("id", "reference"):
                raise Refusal(
                    "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {made.type} field"
                )
            binds.append(value.text)
            return f"soql_like(?, {sql})"
        if value.kind == "relative":
            return self._relative(sql, made, operator, value.text, binds)
        binds.append(self._bind(made, value))
        if operator == "!=":
            return f"{sql} IS NOT ?"
        return f"{sql} {operator} ?"

    def _among(self, condition: Among, binds: list[Any]) -> str:
        column = self._column(condition.left)
        sql = column.sql
        self._check_filterable(column.field)
        values = condition.values
        if isinstance(values, Query):
            inner = Compiler(self.store, values, self.deleted).compile()
            if len(inner.columns) != 1 or condition.operator not in ("IN", "NOT IN"):
                raise Refusal("MALFORMED_QUERY", "semi join sub-selects take exactly one field")
            binds.extend(inner.binds)
            # NULL inside NOT IN would make everything unknown.
            chosen = inner.columns[0].sql
            where = f"({inner.where}) AND {chosen} IS NOT NULL"
            test = f"{sql} IN (SELECT {chosen} {inner.source} WHERE {where})"
            return f"NOT COALESCE({test}, 0)" if condition.operator == "NOT IN" else test
        if condition.operator in ("INCLUDES", "EXCLUDES"):
            return self._includes(column, condition.operator, values, binds)
        bound = [self._bind(column.field, value) for value in values if value.kind != "null"]
        binds.extend(bound)
        test = f"{sql} IN ({', '.join('?' * len(bound))})"
        if len(bound) < len(values):
            test = f"({test} OR {sql} IS NULL)"
        return f"NOT COALESCE({test}, 0)" if condition.operator == "NOT IN" else test

    def _includes(
        self, column: Column, operator: str, values: Sequence[Literal_], binds: list[Any]
    ) -> str:
        if column.field.type != "multipicklist":
            raise Refusal(
                "INVALID_QUERY_FILTER_OPERATOR",
                "includes and excludes need a multi-select picklist",
            )
        tests = []
        for value in values:
            every = []
            for part in value.text.split(";"):
                every.append(f"instr(';' || {column.sql} || ';', ?) > 0")
                binds.append(f";{part};")
            tests.append(f"({' AND '.join(every)})")
        test = f"COALESCE({' OR '.join(tests)}, 0)"
        return f"NOT {test}" if operator == "EXCLUDES" else test

    def _check_filterable(self, made: Field) -> None:
        if not made.filterable:
            raise _invalid(f"field '{made.name}' can not be filtered in a query call")

    def _bind(self, made: Field, value: Literal_) -> Any:
        wanted = _KINDS.get(made.type, ("string",))
        if value.kind not in wanted:
            quoted = (
                "should not be enclosed in quotes" if value.kind == "string" else "must be quoted"
            )
            raise _invalid(
                f"value of filter criterion for field '{made.name}' must be of type {made.type} "
                f"and {quoted}"
            )
        if made.type == "boolean":
            return int(value.text == "TRUE")
        if made.type == "datetime":
            return stamp(_instant(value.text))
        if made.type == "date":
            return value.text
        if made.type == "int":
            return float(value.text)
        if made.type in SCALED:
            exact = Decimal(value.text).scaleb(made.scale)
            return int(exact) if exact == exact.to_integral_value() else float(exact)
        if made.type in ("id", "reference"):
            if value.text and not is_id(value.text):
                raise Refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value.text}")
            return to18(value.text)
        return value.text

    def _relative(self, sql: str, made: Field, operator: str, text: str, binds: list[Any]) -> str:
        if "relative" not in _KINDS.get(made.type, ()):
            raise _invalid(f"value of filter criterion for field '{made.name}' is no date")
        first, after = _span(text, self.store.clock.now())
        low, high = (
            (stamp(first), stamp(after))
            if made.type == "datetime"
            else (first.date().isoformat(), after.date().isoformat())
        )
        shapes: dict[str, tuple[str, list[str]]] = {
            "=": (f"{sql} >= ? AND {sql} < ?", [low, high]),
            "!=": (f"NOT COALESCE({sql} >= ? AND {sql} < ?, 0)", [low, high]),
            "<": (f"{sql} < ?", [low]),
            "<=": (f"{sql} < ?", [high]),
            ">": (f"{sql} >= ?", [high]),
            ">=": (f"{sql} >= ?", [low]),
        }
        shape, values = shapes[operator]
        binds.extend(values)
        return f"({shape})"


def _function(made: Function, column: str) -> str:
    if made.name == "COUNT_DISTINCT":
        return f"COUNT(DISTINCT {column})"
    return f"{made.name}({column})"


def _instant(text: str) -> datetime:
    if text[-5] in "+-" and text[-3] != ":":
        text = f"{text[:-2]}:{text[-2:]}"
    return parse_instant(text)


def _span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """First instant of a date literal and the first after it; days are UTC days here."""
    word, _, count = text.partition(":")
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    number = int(count or 0)
    spans: dict[str, Callable[[], tuple[datetime, datetime]]] = {
        "TODAY": lambda: (today, today + day),
        "YESTERDAY": lambda: (today - day, today),
        "TOMORROW": lambda: (today + day, today + 2 * day),
        "LAST_N_DAYS": lambda: (today - number * day, today + day),
        "NEXT_N_DAYS": lambda: (today + day, today + (number + 1) * day),
        "THIS_YEAR": lambda: (
            today.replace(month=1, day=1),
            today.replace(year=today.year + 1, month=1, day=1),
        ),
        "LAST_YEAR": lambda: (
            today.replace(year=today.year - 1, month=1, day=1),
            today.replace(month=1, day=1),
        ),
        "THIS_MONTH": lambda: (
            today.replace(day=1),
            (today.replace(day=28) + 4 * day).replace(day=1),
        ),
    }
    if word not in spans:
        raise Refusal("MALFORMED_QUERY", f"unexpected token: '{text}'")
    return spans[word]()
