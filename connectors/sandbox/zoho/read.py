"""Reading records: list, get, deleted, search, COQL, count."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from connectors.sandbox.zoho import coql, criteria, show
from connectors.sandbox.zoho.metadata import FieldSpec, ModuleSpec
from connectors.sandbox.zoho.query import (
    Comparison,
    Condition,
    Junction,
    Path,
    Select,
    SyntaxTrouble,
    Term,
    criteria_count,
)
from connectors.sandbox.zoho.sql import Compiler, UnknownField, WrongValue
from connectors.sandbox.zoho.store import Store, decode_value
from connectors.sandbox.zoho.wire import (
    ApiError,
    empty,
    read_body,
    read_header_instant,
    reply,
    stamp,
)
from connectors.sandbox.zoho.wire import show as show_instant

_PAGE_WINDOW = 2_000
_TOKEN_WINDOW = 100_000
_TOKEN_LIFE = timedelta(hours=24)
_COQL_ROWS = 2_000
_COQL_WINDOW = 100_000
_COQL_CRITERIA = 25
_COQL_IN = 50
_FIELDS = 50


@dataclass(frozen=True, slots=True)
class _Place:
    """What a page token stands for."""

    bound: str
    column: str
    value: str
    id: str
    seen: int
    expiry: datetime


def _whole(request: Request, name: str, default: int, most: int | None = None) -> int:
    text = request.args.get(name, str(default))
    if not text.isdigit() or int(text) < 1 or (most is not None and int(text) > most):
        raise ApiError("INVALID_DATA", f"the {name} given seems to be invalid", 400,
                       {"param_name": name})  # fmt: skip
    return int(text)


class Reader:
    """The reading calls. `index_lag` is how many seconds search is behind the records."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.index_lag = 0.0
        self._places: dict[str, _Place] = {}

    # -- list and get ----------------------------------------------------------------

    def get(self, request: Request, module: ModuleSpec, id: str) -> Response:
        """One record, 204 when there is none."""
        row = self._store.get(module, id)
        if row is None:
            return empty(204)
        names = request.args.get("fields")
        fields = names.split(",") if names else None
        return reply({"data": show.records(self._store, module, [row], fields)})

    def page(self, request: Request, module: ModuleSpec, version: str) -> Response:
        """A page of records."""
        names = [name.strip() for name in request.args.get("fields", "").split(",") if name]
        if version != "v2":
            if not names:
                raise ApiError("REQUIRED_PARAM_MISSING", "One of the expected parameter is missing",
                               400, {"param_name": "fields"})  # fmt: skip
            if len(names) > _FIELDS:
                raise ApiError("LIMIT_EXCEEDED", "fields limit exceeded", 400,
                               {"param_name": "fields", "limit": _FIELDS})  # fmt: skip
        if request.args.get("ids"):
            return self._by_ids(request, module, names or None)
        per_page = _whole(request, "per_page", 200, 200)
        since = read_header_instant(request, "If-Modified-Since")
        token = request.args.get("page_token") if version != "v2" else None
        if token and request.args.get("page"):
            raise ApiError("AMBIGUITY_DURING_PROCESSING", "page and page_token given together",
                           400, {"param_names": ["page", "page_token"]})  # fmt: skip
        column = request.args.get("sort_by", "id")
        if column not in ("id", "Created_Time", "Modified_Time"):
            raise ApiError("INVALID_DATA", "the sort_by given seems to be invalid", 400,
                           {"param_name": "sort_by"})  # fmt: skip
        down = request.args.get("sort_order", "desc").lower() != "asc"
        bound = self._bound(request, since)
        where, values, seen = ["1"], [], 0
        if since is not None:
            where.append('"Modified_Time" >= ?')
            values.append(since)
        offset = 0
        if token:
            place = self._place(token, bound)
            seen = place.seen
            where.append(f'("{column}", id) {"<" if down else ">"} (?, ?)')
            values += [place.value, place.id]
        else:
            page = _whole(request, "page", 1)
            offset = (page - 1) * per_page
            seen = offset
            limit = _PAGE_WINDOW if version != "v2" else _TOKEN_WINDOW
            if offset + per_page > limit and offset >= limit:
                raise ApiError(
                    "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
                    "You can only get the first 2000 records without using page_token param.", 400,
                )  # fmt: skip
        if seen >= _TOKEN_WINDOW:
            raise ApiError(
                "PAGINATION_LIMIT_EXCEEDED",
                "You can only get the first 100000 records.", 400,
            )  # fmt: skip
        way = "DESC" if down else "ASC"
        order = f'"{column}" {way}, id {way}'
        rows = self._store.select(
            module, " AND ".join(where), [*values], order, offset + per_page + 1
        )[offset:]
        if not rows:
            return empty(304 if since is not None and not token else 204)
        more = len(rows) > per_page
        rows = rows[:per_page]
        info: dict[str, Any] = {
            "per_page": per_page,
            "count": len(rows),
            "page": seen // per_page + 1,
            "more_records": more,
        }
        if version != "v2":
            expiry = self._store.clock.now() + _TOKEN_LIFE
            info.update(
                sort_by=column,
                sort_order="desc" if down else "asc",
                previous_page_token=None,
                next_page_token=self._token(bound, column, rows[-1], seen + len(rows), expiry)
                if more else None,
                page_token_expiry=show_instant(stamp(expiry)) if more else None,
            )  # fmt: skip
        return reply({"data": show.records(self._store, module, rows, names or None), "info": info})

    def _by_ids(
        self, request: Request, module: ModuleSpec, names: Sequence[str] | None
    ) -> Response:
        ids = request.args["ids"].split(",")
        if len(ids) > 100:
            raise ApiError("LIMIT_EXCEEDED", "ids limit exceeded", 400, {"param_name": "ids"})
        marks = ", ".join("?" * len(ids))
        rows = self._store.select(module, f"id IN ({marks})", ids)
        if not rows:
            return empty(204)
        info = {"per_page": 200, "count": len(rows), "page": 1, "more_records": False}
        return reply({"data": show.records(self._store, module, rows, names), "info": info})

    @staticmethod
    def _bound(request: Request, since: str | None) -> str:
        """What a page token is bound to: the path and all parameters but the paging ones."""
        kept = sorted(
            (key, value)
            for key, value in request.args.items(multi=True)
            if key not in ("page", "page_token")
        )
        return hashlib.sha256(repr((request.path, kept, since)).encode()).hexdigest()

    def _token(
        self, bound: str, column: str, row: Mapping[str, Any], seen: int, expiry: datetime
    ) -> str:
        token = secrets.token_hex(32)
        self._places[token] = _Place(bound, column, row[column], row["id"], seen, expiry)
        return token

    def _place(self, token: str, bound: str) -> _Place:
        place = self._places.get(token)
        if place is None:
            raise ApiError("INVALID_DATA", "the page_token given seems to be invalid", 400,
                           {"param_name": "page_token"})  # fmt: skip
        if place.expiry <= self._store.clock.now():
            raise ApiError("EXPIRED_VALUE", "page_token has been expired.", 400,
                           {"param_name": "page_token"})  # fmt: skip
        if place.bound != bound:
            raise ApiError(
                "TOKEN_BOUND_DATA_MISMATCH",
                "Change detected in the request parameters bound to the page_token.", 401,
                {"param_name": "page_token"},
            )  # fmt: skip
        return place

    # -- deleted, count --------------------------------------------------------------

    def deleted(self, request: Request, module: ModuleSpec) -> Response:
        """``GET /{M}/deleted``: the newest deletion first."""
        kind = request.args.get("type", "all")
        if kind not in ("all", "recycle", "permanent"):
            raise ApiError("INVALID_DATA", "the type given seems to be invalid", 400,
                           {"param_name": "type"})  # fmt: skip
        per_page, page = _whole(request, "per_page", 200, 200), _whole(request, "page", 1)
        where, values = "deleted_time IS NOT NULL", []
        if kind != "all":
            where += " AND deleted_type = ?"
            values.append(kind)
        since = read_header_instant(request, "If-Modified-Since")
        if since is not None:
            where += " AND deleted_time >= ?"
            values.append(since)
        start = (page - 1) * per_page
        rows = self._store.select(
            module, where, values, "deleted_time DESC, id DESC", start + per_page + 1, deleted=True
        )[start:]
        if not rows:
            return empty(304 if since is not None and page == 1 else 204)
        users = self._store.titles(
            "users", [row[key] for row in rows for key in ("deleted_by", "Created_By") if row[key]]
        )
        data = [
            {
                "deleted_by": _person(users, row["deleted_by"]),
                "id": row["id"],
                "display_name": row[module.title],
                "type": row["deleted_type"],
                "created_by": _person(users, row["Created_By"]),
                "deleted_time": show_instant(row["deleted_time"]),
            }
            for row in rows[:per_page]
        ]
        info = {"per_page": per_page, "count": len(data), "page": page,
                "more_records": len(rows) > per_page}  # fmt: skip
        return reply({"data": data, "info": info})

    def count(self, module: ModuleSpec) -> Response:
        """``GET /{M}/actions/count``."""
        return reply({"count": self._store.count(module)})

    # -- search ----------------------------------------------------------------------

    def search(self, request: Request, module: ModuleSpec) -> Response:
        """``GET /{M}/search`` by criteria, email, phone or word, from an index that may lag."""
        per_page, page = _whole(request, "per_page", 200, 200), _whole(request, "page", 1)
        if page * per_page > _PAGE_WINDOW:
            raise ApiError("LIMIT_EXCEEDED", "only 2000 records can be searched", 400,
                           {"param_name": "page"})  # fmt: skip
        compiler = Compiler(self._store, module, escaped=True)
        try:
            condition = self._sought(request, module)
            if condition is None:
                return empty(204)
            found = compiler.matching(condition, "m.id DESC", per_page + 1, (page - 1) * per_page)
        except (SyntaxTrouble, UnknownField, WrongValue) as error:
            raise ApiError("INVALID_QUERY", "Invalid query formed", 400,
                           {"reason": str(error)}) from None  # fmt: skip
        indexed = stamp(self._store.clock.now() - timedelta(seconds=self.index_lag))
        ids = [row[0] for row in self._store.db.execute(found.text, found.bound)]
        more, ids = len(ids) > per_page, ids[:per_page]
        marks = ", ".join("?" * len(ids))
        rows = self._store.select(
            module, f'id IN ({marks}) AND "Modified_Time" <= ?', [*ids, indexed], "id DESC"
        )
        if not rows:
            return empty(204)
        names = [name for name in request.args.get("fields", "").split(",") if name]
        info = {"per_page": per_page, "count": len(rows), "page": page, "more_records": more}
        return reply({"data": show.records(self._store, module, rows, names or None), "info": info})

    def _sought(self, request: Request, module: ModuleSpec) -> Condition | None:
        args = request.args
        if "criteria" in args:
            return criteria.parse(args["criteria"])
        for key, type in (("email", "email"), ("phone", "phone")):
            if key in args:
                return _any_field(module, (type,), "=", args[key])
        if "word" in args:
            word = args["word"].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            types = ("text", "email", "phone", "website", "textarea", "picklist")
            return _any_field(module, types, "like", f"%{word}%")
        raise ApiError("REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", 400,
                       {"param_names": ["criteria", "email", "phone", "word"]})  # fmt: skip

    # -- COQL ------------------------------------------------------------------------

    def coql(self, request: Request) -> Response:
        """``POST /coql``."""
        query = read_body(request).get("select_query")
        if not isinstance(query, str):
            raise ApiError("MANDATORY_NOT_FOUND", "required field not found", 400,
                           {"api_name": "select_query"})  # fmt: skip
        try:
            made = coql.parse(query)
        except SyntaxTrouble as error:
            raise ApiError("SYNTAX_ERROR", f"error occurred while parsing the query: {error}", 400,
                           {"near": error.near}) from None  # fmt: skip
        module = self._store.modules.get(made.module)
        if module is None:
            raise ApiError("INVALID_QUERY", "the module name given seems to be invalid", 400,
                           {"clause": "from", "module": made.module})  # fmt: skip
        self._check(made)
        compiler = Compiler(self._store, module)
        try:
            compiled = compiler.select(made)
        except UnknownField as error:
            raise ApiError("INVALID_QUERY", "column given seems to be invalid", 400,
                           {"column_name": str(error)}) from None  # fmt: skip
        except WrongValue as error:
            raise ApiError("INVALID_QUERY", "value given seems to be invalid for the column", 400,
                           {"column_name": str(error).partition(":")[0]}) from None  # fmt: skip
        rows = self._store.db.execute(compiled.text, compiled.bound).fetchall()
        if not rows:
            return empty(204)
        more, rows = len(rows) > made.limit, rows[: made.limit]
        names = [column.name for column in made.columns]
        data = self._answers(names, compiled.specs, rows)
        return reply({"data": data, "info": {"count": len(data), "more_records": more}})

    def _answers(
        self, names: Sequence[str], specs: Sequence[FieldSpec], rows: Sequence[Sequence[Any]]
    ) -> list[dict[str, Any]]:
        linked: dict[str, dict[str, dict[str, Any]]] = {}
        for at, spec in enumerate(specs):
            if spec.is_lookup:
                ids = [row[at] for row in rows if row[at]]
                linked.setdefault(spec.module, {}).update(self._store.titles(spec.module, ids))
        data = []
        for row in rows:
            answer: dict[str, Any] = {}
            for at, (name, spec) in enumerate(zip(names, specs, strict=True)):
                stored = None if row[at] is None else decode_value(spec, row[at])
                answer[name] = show.value(spec, stored, linked.get(spec.module, {}))
            if len(row) > len(names):
                answer["id"] = row[len(names)]
            data.append(answer)
        return data

    @staticmethod
    def _check(made: Select) -> None:
        """Zoho's limits on a query."""
        problems = (
            ("select", len(made.columns) > _FIELDS),
            ("where", criteria_count(made.where) > _COQL_CRITERIA or _long_in(made.where)),
            ("group by", len(made.group) > 4),
            ("order by", len(made.order) > 10),
            ("limit", made.limit > _COQL_ROWS or made.limit < 1),
            ("offset", made.offset + made.limit > _COQL_WINDOW),
        )
        for clause, exceeded in problems:
            if exceeded:
                raise ApiError("LIMIT_EXCEEDED", f"the limit of the {clause} clause is exceeded",
                               400, {"clause": clause})  # fmt: skip


def _person(users: Mapping[str, dict[str, Any]], id: str | None) -> dict[str, Any] | None:
    found = users.get(id or "")
    return {"name": found["name"], "id": found["id"]} if found else None


def _long_in(condition: Condition) -> bool:
    if isinstance(condition, Comparison):
        return len(condition.terms) > _COQL_IN
    return _long_in(condition.left) or _long_in(condition.right)


def _any_field(
    module: ModuleSpec, types: tuple[str, ...], operator: Any, text: str
) -> Condition | None:
    found: Condition | None = None
    for spec in module.fields.values():
        if spec.data_type in types:
            one = Comparison(Path(spec.api_name), operator, (Term(text, "text"),))
            found = one if found is None else Junction("or", found, one)
    return found
