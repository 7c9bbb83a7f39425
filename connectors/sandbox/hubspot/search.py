"""The search endpoint: filter groups compiled to SQL over the trailing index."""

# ruff: noqa: S608 (terms are spelled here, names and values are bound)

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.sandbox.hubspot import schema
from connectors.sandbox.hubspot.objects import Objects, whole
from connectors.sandbox.hubspot.replies import Json, bad_request, iso
from connectors.sandbox.hubspot.schema import Property
from connectors.sandbox.hubspot.store import Row, Store
from connectors.sandbox.hubspot.values import parse_instant

#: Results that one query can reach.
CAP = 10_000
PAGE = 200
GROUPS, FILTERS, ALL_FILTERS = 5, 6, 18

_COMPARE = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_WORDS = re.compile(r"[\w*]+(?:[.@'-][\w*]+)*")


def _fold(text: str | None) -> str | None:
    return text.casefold() if text is not None else None


def _has_token(text: str | None, pattern: str) -> bool | None:
    """Whether a word of `text` is like `pattern`, in which ``*`` stands for anything."""
    if text is None:
        return None
    shape = re.compile(".*".join(map(re.escape, pattern.casefold().split("*"))))
    folded = text.casefold()
    words = [*folded.split(), *re.findall(r"\w+", folded)]
    return any(shape.fullmatch(word) for word in words)


class Search:
    """Answers ``POST …/{type}/search``. `lag` is in seconds."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        visible: Callable[[str], Mapping[str, Property]],
        now: Callable[[], int],
        lag: float,
    ) -> None:
        self._store = store
        self._objects = objects
        self._visible = visible
        self._now = now
        self.lag = lag
        store.db.create_function("fold", 1, _fold, deterministic=True)
        store.db.create_function("has_token", 2, _has_token, deterministic=True)

    def __call__(self, object: str, body: Json) -> Json:
        """One page of results; ``after`` is an offset.

        Raises:
            Failure: 400 for a bad filter, a page over the cap, too many groups.
        """
        self._store.index_until(self._now() - round(self.lag * 1000))
        limit = whole(body, "limit", 10, PAGE)
        offset = whole(body, "after", 0, 2**62)
        if offset + limit > CAP:
            raise bad_request(f"The maximum number of results a search can page to is {CAP}.")
        where, bound = self._where(object, body)
        order, sorted_by = self._order(object, body.get("sorts") or [])
        try:
            (total,) = self._store.db.execute(
                f"SELECT count(*) FROM indexed WHERE {where}",
                bound,
            ).fetchone()
            found = self._store.db.execute(
                "SELECT object, id, created, modified, editor, body FROM indexed"
                f" WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
                [*bound, *sorted_by, limit, offset],
            ).fetchall()
        except sqlite3.Error as error:
            raise bad_request(f"Invalid search: {error}") from error
        properties = body.get("properties") or ()
        made: Json = {
            "total": total,
            "results": [self._objects.shape(_indexed(columns), properties) for columns in found],
        }
        if offset + len(found) < total and found:
            after = str(offset + len(found))
            made["paging"] = {"next": {"after": after, "link": f"?after={after}"}}
        return made

    def _expression(self, object: str, name: str) -> tuple[str, list[Any], Property]:
        prop = self._visible(object).get(name)
        if prop is None:
            raise bad_request(f"There was a problem with the request: property {name} is unknown")
        if name == "hs_object_id":
            return "id", [], prop
        if name == schema.MODIFIED[object]:
            return "modified", [], prop
        if name == "createdate":
            return "created", [], prop
        if name == "hs_updated_by_user_id":
            return "CAST(nullif(editor, '') AS REAL)", [], prop
        path = f'$."{name}"'
        if prop.type == "number":
            return "CAST(json_extract(body, ?) AS REAL)", [path], prop
        if prop.type == "string":
            return "fold(json_extract(body, ?))", [path], prop
        return "json_extract(body, ?)", [path], prop

    def _operand(self, object: str, prop: Property, raw: Any) -> Any:
        text = str(raw)
        if prop.type == "number":
            try:
                return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
            except ValueError as error:
                raise bad_request(f"{prop.name}: {text} is not a number") from error
        if prop.type in ("date", "datetime"):
            ms = parse_instant(text)
            if ms is None:
                raise bad_request(f"{prop.name}: {text} is not a date")
            if prop.name in ("createdate", schema.MODIFIED[object]):
                return ms
            return iso(ms)[:10] if prop.type == "date" else iso(ms)
        return text.casefold() if prop.type == "string" else text

    def _filter(self, object: str, entry: Json) -> tuple[str, list[Any]]:
        operator = str(entry.get("operator"))
        expression, bound, prop = self._expression(object, str(entry.get("propertyName")))
        many = prop.type == "enumeration" and prop.field_type == "checkbox"
        if operator == "HAS_PROPERTY":
            return f"{expression} IS NOT NULL", bound
        if operator == "NOT_HAS_PROPERTY":
            return f"{expression} IS NULL", bound
        if operator == "BETWEEN":
            low, high = (self._operand(object, prop, entry.get(k)) for k in ("value", "highValue"))
            return f"{expression} BETWEEN ? AND ?", [*bound, low, high]
        if operator in ("IN", "NOT_IN"):
            values = entry.get("values")
            if not isinstance(values, list) or not values:
                raise bad_request(f"{operator} needs values")
            if prop.type == "string" and any(str(v) != str(v).lower() for v in values):
                return ("0", []) if operator == "IN" else (f"{expression} IS NOT NULL", bound)
            operands = [self._operand(object, prop, value) for value in values]
            if many:
                return self._members(expression, bound, operands, operator == "IN")
            word = "IN" if operator == "IN" else "NOT IN"
            return f"{expression} {word} ({', '.join('?' * len(operands))})", [*bound, *operands]
        if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
            truth = "1" if operator == "CONTAINS_TOKEN" else "0"
            return f"has_token({expression}, ?) = {truth}", [*bound, str(entry.get("value"))]
        if operator not in _COMPARE:
            raise bad_request(f"There was a problem with the request: operator {operator}")
        if entry.get("value") is None:
            raise bad_request(f"{operator} needs a value")
        operand = self._operand(object, prop, entry["value"])
        if many and operator in ("EQ", "NEQ"):
            return self._members(expression, bound, [operand], operator == "EQ")
        return f"{expression} {_COMPARE[operator]} ?", [*bound, operand]

    @staticmethod
    def _members(
        expression: str, bound: list[Any], operands: Sequence[Any], wanted: bool
    ) -> tuple[str, list[Any]]:
        """Multi-selects match by any member."""
        one = f"instr(';' || {expression} || ';', ';' || ? || ';')"
        terms, values = [], []
        for operand in operands:
            terms.append(f"{one} > 0" if wanted else f"{one} = 0")
            values += [*bound, operand]
        return f"({(' OR ' if wanted else ' AND ').join(terms)})", values

    def _where(self, object: str, body: Json) -> tuple[str, list[Any]]:
        groups = body.get("filterGroups") or []
        counts = [len(group.get("filters") or []) for group in groups]
        if len(groups) > GROUPS or max(counts, default=0) > FILTERS or sum(counts) > ALL_FILTERS:
            raise bad_request(
                f"A search takes at most {GROUPS} filter groups of {FILTERS} filters,"
                f" {ALL_FILTERS} in all."
            )
        sql, bound = "object = ?", [object]
        alternatives = []
        for group in groups:
            terms = []
            for entry in group.get("filters") or []:
                term, values = self._filter(object, entry)
                terms.append(term)
                bound += values
            if terms:
                alternatives.append(" AND ".join(terms))
        if alternatives:
            sql += f" AND ({' OR '.join(f'({a})' for a in alternatives)})"
        query = str(body.get("query") or "")
        if len(query) > 3000:
            raise bad_request("query is longer than 3000 characters")
        for word in _WORDS.findall(query):
            paths = [f'$."{name}"' for name in schema.SEARCHABLE[object]]
            sql += f" AND ({' OR '.join('has_token(json_extract(body, ?), ?) = 1' for _ in paths)})"
            bound += [item for path in paths for item in (path, f"{word}*")]
        return sql, bound

    def _order(self, object: str, sorts: Sequence[Any]) -> tuple[str, list[Any]]:
        if len(sorts) > 1:
            raise bad_request("A search takes one sort.")
        if not sorts:
            return "created, id", []
        first = sorts[0] if isinstance(sorts[0], dict) else {"propertyName": str(sorts[0])}
        expression, bound, _ = self._expression(object, str(first.get("propertyName")))
        descending = str(first.get("direction", "ASCENDING")).upper() == "DESCENDING"
        return f"{expression} {'DESC' if descending else 'ASC'}, id", bound


def _indexed(columns: Sequence[Any]) -> Row:
    object, id, created, modified, editor, body = columns
    return Row(object, id, created, modified, editor, json.loads(body))
