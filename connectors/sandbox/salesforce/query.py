"""Running queries: pages of records, locators, children, aggregates."""

# ruff: noqa: S608 (names come from the metadata, values are bound)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.sandbox.salesforce.compile import Aggregate, ChildQuery, Column, Compiler, Plan
from connectors.sandbox.salesforce.schema import SCALED, Object
from connectors.sandbox.salesforce.soql import parse
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.values import show
from connectors.sandbox.salesforce.wire import Refusal

PAGE = 2000
_CHUNK = 500


@dataclass(slots=True)
class _Cursor:
    plan: Plan
    ids: list[str]
    size: int
    deleted: bool


class Queries:
    """Runs SOQL; keeps the cursors of results that go on over several pages.

    A cursor holds the ids found when the query was run; the rows of a page are read when
    the page is asked for, as Salesforce does.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cursors: dict[str, _Cursor] = {}

    def forget(self) -> None:
        """Let every locator expire."""
        self._cursors.clear()

    def run(self, text: str, base: str, deleted: bool = False, size: int = PAGE) -> dict[str, Any]:
        """The first page. `base` is ``/services/data/vNN.0``.

        Raises:
            Refusal: the query is wrong.
        """
        plan = Compiler(self._store, parse(text), deleted).compile()
        if plan.counts:
            sql = f"SELECT COUNT(*) {plan.source} WHERE {plan.where}"
            count = self._store.db.execute(sql, plan.binds).fetchone()[0]
            return {"totalSize": count, "done": True, "records": []}
        if plan.grouped:
            records = self._grouped(plan)
            return {"totalSize": len(records), "done": True, "records": records}
        ids = [row[0] for row in self._store.db.execute(plan.ids_sql, plan.binds)]
        name = f"0r8Cc{len(self._cursors):010d}AAA"
        self._cursors[name] = _Cursor(plan, ids, max(200, min(PAGE, size)), deleted)
        return self._page(name, 0, base)

    def more(self, locator: str, base: str) -> dict[str, Any]:
        """A further page.

        Raises:
            Refusal: INVALID_QUERY_LOCATOR.
        """
        name, _, offset = locator.rpartition("-")
        if name not in self._cursors or not offset.isdigit():
            raise Refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(name, int(offset), base)

    def explain(self, text: str) -> Object:
        """The object a query reads, the query being checked.

        Raises:
            Refusal: the query is wrong.
        """
        return Compiler(self._store, parse(text), True).compile().object

    def _page(self, name: str, offset: int, base: str) -> dict[str, Any]:
        cursor = self._cursors[name]
        end = offset + cursor.size
        page: dict[str, Any] = {"totalSize": len(cursor.ids), "done": end >= len(cursor.ids)}
        if page["done"]:
            del self._cursors[name]
        else:
            page["nextRecordsUrl"] = f"{base}/query/{name}-{end}"
        page["records"] = self._records(cursor.plan, cursor.ids[offset:end], base, cursor.deleted)
        return page

    def _records(
        self, plan: Plan, ids: Sequence[str], base: str, deleted: bool
    ) -> list[dict[str, Any]]:
        columns = plan.columns
        rows = self._read(plan, columns, "t.Id", ids, "")
        by_id = {row[-1]: row for row in rows}
        below = [self._children(child, ids, base) for child in plan.children]
        gone = set() if deleted else self._deleted(plan.object, ids)
        records = []
        for id in ids:
            if id not in by_id or id in gone:
                continue
            record = _record(plan.object, columns, by_id[id], base)
            for child, found in zip(plan.children, below, strict=True):
                record[child.child.relationship] = found.get(id)
            records.append(record)
        return records

    def _deleted(self, object: Object, ids: Sequence[str]) -> set[str]:
        """Which of the ids were deleted since the query was run."""
        gone: set[str] = set()
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            marks = ", ".join("?" * len(part))
            sql = f'SELECT Id FROM "{object.name}" WHERE IsDeleted = 1 AND Id IN ({marks})'
            gone.update(row[0] for row in self._store.db.execute(sql, part))
        return gone

    def _read(
        self, plan: Plan, columns: Sequence[Column], key: str, ids: Sequence[str], order: str
    ) -> list[tuple[Any, ...]]:
        shown = "".join(f"{column.sql}, " for column in columns)
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            where = f"{key} IN ({', '.join('?' * len(part))})"
            extra = f" AND ({plan.where})" if order else ""
            binds = [*part, *(plan.binds if order else ())]
            sql = f"SELECT {shown}t.Id, {key} {plan.source} WHERE {where}{extra}{order}"
            if not order:
                sql = f"SELECT {shown}{key} {plan.source} WHERE {where}"
            found += [tuple(row) for row in self._store.db.execute(sql, binds)]
        return found

    def _children(
        self, query: ChildQuery, parents: Sequence[str], base: str
    ) -> Mapping[str, dict[str, Any]]:
        plan = query.plan
        rows = self._read(plan, plan.columns, f't."{query.child.field}"', parents, plan.order)
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            page = found.setdefault(row[-1], {"totalSize": 0, "done": True, "records": []})
            page["records"].append(_record(plan.object, plan.columns, row[:-1], base))
            page["totalSize"] += 1
        return found

    def _grouped(self, plan: Plan) -> list[dict[str, Any]]:
        parts = [column.sql for column in plan.columns] + [a.sql for a in plan.aggregates]
        group = ", ".join(column.sql for column in plan.group)
        sql = f"SELECT {', '.join(parts)} {plan.source} WHERE {plan.where}"
        sql += f" GROUP BY {group}" if group else ""
        sql += f" HAVING {plan.having}" if plan.having else ""
        sql += plan.order + plan.limit
        records = []
        for row in self._store.db.execute(sql, [*plan.binds, *plan.having_binds]):
            record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
            for column, value in zip(plan.columns, row, strict=False):
                record[column.field.name] = show(column.field, value)
            for made, value in zip(plan.aggregates, row[len(plan.columns) :], strict=True):
                record[made.name] = _aggregated(made, value)
            records.append(record)
        return records


def _aggregated(made: Aggregate, value: Any) -> Any:
    if value is None or made.field is None or made.function.startswith("COUNT"):
        return value
    if made.field.type in SCALED:
        return Decimal(str(value)).scaleb(-made.field.scale)
    if made.function == "AVG":
        return Decimal(str(value))
    return show(made.field, value)


def link(object: Object, id: str, base: str) -> dict[str, str]:
    """The ``attributes`` of a record."""
    return {"type": object.name, "url": f"{base}/sobjects/{object.name}/{id}"}


def _record(
    object: Object, columns: Sequence[Column], row: Sequence[Any], base: str
) -> dict[str, Any]:
    """One record as JSON; `row` holds the columns' values and then the id."""
    record: dict[str, Any] = {"attributes": link(object, str(row[-1]), base)}
    for column, value in zip(columns, row, strict=False):
        place = record
        for step in column.way:
            if place.get(step) is None:
                place[step] = {"attributes": {"type": column.object.name}}
            place = place[step]
        place[column.field.name] = show(column.field, value)
    return _emptied(record)


def _emptied(record: dict[str, Any]) -> dict[str, Any]:
    """Parents that do not exist are null, not an object full of nulls."""
    for name, value in record.items():
        if name != "attributes" and isinstance(value, dict):
            inner = {k: v for k, v in value.items() if k != "attributes"}
            record[name] = None if all(v is None for v in inner.values()) else _emptied(value)
    return record
