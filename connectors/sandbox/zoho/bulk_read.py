"""Bulk Read: jobs that put up to 200,000 records of a module into a CSV in a ZIP."""

from __future__ import annotations

import csv
import io
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from werkzeug.wrappers import Request, Response

from connectors.sandbox.zoho.metadata import FieldSpec, ModuleSpec
from connectors.sandbox.zoho.query import (
    Column,
    Comparison,
    Condition,
    Junction,
    Operator,
    Path,
    Select,
    Term,
)
from connectors.sandbox.zoho.sql import Compiler, UnknownField, WrongValue
from connectors.sandbox.zoho.store import API_USER, Store, decode_value
from connectors.sandbox.zoho.wire import ApiError, read_body, reply, stamp
from connectors.sandbox.zoho.wire import show as show_instant

ROWS = 200_000
_PAGES = 500
_FIELDS = 200
_JOINS = 2
_LIFE = timedelta(hours=24)
_ALL = Comparison(Path("id"), "is not null")
_COMPARATORS: Mapping[str, Operator] = {
    "equal": "=", "not_equal": "!=", "greater_than": ">", "greater_equal": ">=",
    "less_than": "<", "less_equal": "<=", "in": "in", "not_in": "not in",
    "between": "between", "not_between": "not between",
}  # fmt: skip


@dataclass(slots=True)
class ReadJob:
    """One job. `query` is as it was sent; `zip` is its result, None until it is done."""

    id: str
    module: ModuleSpec
    query: Mapping[str, Any]
    select: Select
    created: datetime
    page: int = 1
    asked: int = 0
    zip: bytes | None = None
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a page token stands for: the same query, after a record."""

    job: ReadJob
    after: str
    expiry: datetime


class BulkRead:
    """The jobs. `polls` is how often one is asked after before it is done."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: dict[str, ReadJob] = {}
        self._places: dict[str, _Place] = {}
        self.polls = 1

    # -- calls -----------------------------------------------------------------------

    def create(self, request: Request) -> Response:
        """``POST /crm/bulk/v8/read``."""
        body = read_body(request)
        if body.get("file_type", "csv") != "csv":
            raise ApiError("INVALID_DATA", "the file_type given seems to be invalid", 400,
                           {"api_name": "file_type"})  # fmt: skip
        query = body.get("query")
        if not isinstance(query, dict):
            raise ApiError("MANDATORY_NOT_FOUND", "required field not found", 400,
                           {"api_name": "query"})  # fmt: skip
        job = self._made(query)
        self._jobs[job.id] = job
        details = {"id": job.id, "operation": "read", "state": "ADDED", **self._origin(job)}
        return reply({"data": [{
            "status": "success", "code": "ADDED_SUCCESSFULLY",
            "message": "Added successfully.", "details": details,
        }], "info": {}}, 201)  # fmt: skip

    def show(self, id: str) -> Response:
        """``GET /crm/bulk/v8/read/{id}``: each time a step further."""
        job = self._job(id)
        if job.zip is None and job.asked >= self.polls:
            self._carry_out(job)
        job.asked += 1
        shown: dict[str, Any] = {
            "id": job.id, "operation": "read", "state": "IN PROGRESS", "query": dict(job.query),
            **self._origin(job), "file_type": "csv",
        }  # fmt: skip
        if job.zip is not None:
            shown.update(state="COMPLETED", result=job.result)
        return reply({"data": [shown]})

    def download(self, id: str) -> Response:
        """``GET /crm/bulk/v8/read/{id}/result``."""
        job = self._job(id)
        if job.zip is None:
            raise ApiError("INVALID_REQUEST", "the job is not completed yet", 400)
        return Response(job.zip, content_type="application/zip", headers={
            "Content-Disposition": f"attachment; filename={job.id}.zip"
        })  # fmt: skip

    # -- jobs ------------------------------------------------------------------------

    def _job(self, id: str) -> ReadJob:
        job = self._jobs.get(id)
        if job is None or self._store.clock.now() - job.created >= _LIFE:
            raise ApiError("RESOURCE_NOT_FOUND", "The requested resource doesn't exist.", 404)
        return job

    def _origin(self, job: ReadJob) -> dict[str, Any]:
        person = self._store.titles("users", [API_USER])[API_USER]
        return {
            "created_by": {"id": API_USER, "name": person["name"]},
            "created_time": show_instant(stamp(job.created)),
        }

    def _made(self, query: dict[str, Any]) -> ReadJob:
        now = self._store.clock.now()
        token = query.get("page_token")
        if token:
            if query.get("page"):
                raise ApiError("AMBIGUITY_DURING_PROCESSING", "page and page_token given together",
                               400, {"param_names": ["page", "page_token"]})  # fmt: skip
            return self._continued(str(token), query, now)
        module = self._module(query.get("module"))
        if query.get("cvid"):
            raise ApiError("CVID_NOT_SUPPORTED", "the custom view is not supported", 400,
                           {"api_name": "cvid"})  # fmt: skip
        page = query.get("page", 1)
        if isinstance(page, bool) or not isinstance(page, int) or page < 1:
            raise ApiError("INVALID_DATA", "invalid data", 400,
                           {"api_name": "page", "expected_data_type": "integer"})  # fmt: skip
        if page > _PAGES:
            raise ApiError("PAGE_RANGE_EXCEEDED", "The page range exceeded its limit.", 400,
                           {"api_name": "page", "range": f"1-{_PAGES}"})  # fmt: skip
        select = Select(
            self._columns(module, query.get("fields")), module.api_name,
            _criteria(query.get("criteria")) or _ALL,
            order=((Path("id"), False),), limit=ROWS, offset=(page - 1) * ROWS,
        )  # fmt: skip
        self._compile(module, select)
        return ReadJob(self._store.new_id(), module, query, select, now, page)

    def _continued(self, token: str, query: dict[str, Any], now: datetime) -> ReadJob:
        place = self._places.get(token)
        if place is None:
            raise ApiError("INVALID_DATA", "the page_token given seems to be invalid", 400,
                           {"param_name": "page_token"})  # fmt: skip
        if place.expiry <= now:
            raise ApiError("EXPIRED_VALUE", "page_token has been expired.", 400,
                           {"param_name": "page_token"})  # fmt: skip
        before = place.job
        kept = ("module", "fields", "criteria")
        if any(query.get(name) != before.query.get(name) for name in kept):
            raise ApiError(
                "TOKEN_BOUND_DATA_MISMATCH",
                "Change detected in the request parameters bound to the page_token.", 401,
                {"param_name": "page_token"},
            )  # fmt: skip
        further = Comparison(Path("id"), ">", (Term(place.after, "text"),))
        made = before.select
        where = _criteria(query.get("criteria")) or _ALL
        select = Select(
            made.columns, made.module, Junction("and", where, further), (), made.order, ROWS
        )
        return ReadJob(self._store.new_id(), before.module, query, select, now, before.page + 1)

    def _module(self, given: Any) -> ModuleSpec:
        name = given.get("api_name") if isinstance(given, Mapping) else None
        if not name:
            raise ApiError("MANDATORY_NOT_FOUND", "required field not found", 400,
                           {"api_name": "module"})  # fmt: skip
        module = self._store.modules.get(str(name))
        if module is None:
            raise ApiError("INVALID_MODULE", "the module name given seems to be invalid", 400,
                           {"api_name": "module"})  # fmt: skip
        return module

    @staticmethod
    def _columns(module: ModuleSpec, given: Any) -> tuple[Column, ...]:
        names = given or [spec.api_name for spec in module.fields.values() if not spec.hidden]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ApiError("INVALID_DATA", "invalid data", 400,
                           {"api_name": "fields", "expected_data_type": "jsonarray"})  # fmt: skip
        if len(names) > _FIELDS:
            raise ApiError("LIMIT_EXCEEDED", "fields limit exceeded", 400,
                           {"api_name": "fields", "limit": _FIELDS})  # fmt: skip
        paths = []
        for name in names:
            if name != "id":
                through, _, last = name.rpartition(".")
                paths.append(Path(last, through))
        if len({path.through for path in paths if path.through}) > _JOINS:
            raise ApiError("JOIN_LIMIT_EXCEEDED", "the number of joins exceeds the limit", 400,
                           {"api_name": "fields", "limit": _JOINS})  # fmt: skip
        return tuple(Column(path) for path in paths)

    def _compile(
        self, module: ModuleSpec, select: Select
    ) -> tuple[str, list[Any], Sequence[FieldSpec]]:
        try:
            made = Compiler(self._store, module).select(select)
        except UnknownField as error:
            raise ApiError("FIELD_NOT_AVAILABLE", "the field is not available", 400,
                           {"api_name": str(error)}) from None  # fmt: skip
        except WrongValue as error:
            raise ApiError("INVALID_DATA", "invalid data", 400,
                           {"api_name": str(error).partition(":")[0]}) from None  # fmt: skip
        return made.text, made.bound, made.specs

    def _carry_out(self, job: ReadJob) -> None:
        text, bound, specs = self._compile(job.module, job.select)
        out = io.BytesIO()
        count, last, more = 0, "", False
        with (
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
            packed.open(f"{job.id}.csv", "w", force_zip64=True) as raw,
            io.TextIOWrapper(raw, "utf-8", newline="") as lines,
        ):
            writer = csv.writer(lines)
            writer.writerow(["Id", *(column.name for column in job.select.columns)])
            for row in self._store.db.execute(text, bound):
                if count == ROWS:
                    more = True
                    break
                last, count = row[len(specs)], count + 1
                cells = (_cell(spec, row[at]) for at, spec in enumerate(specs))
                writer.writerow([last, *cells])
        job.zip = out.getvalue()
        token = None
        if more:
            token = secrets.token_hex(40)
            self._places[token] = _Place(job, last, self._store.clock.now() + _LIFE)
        job.result = {
            "page": job.page, "per_page": ROWS, "count": count,
            "download_url": f"/crm/bulk/v8/read/{job.id}/result",
            "more_records": more, "next_page_token": token,
        }  # fmt: skip


def _cell(spec: FieldSpec, stored: Any) -> str:
    """A column's value in the CSV: lookups as ids, several options joined by semicolons."""
    if stored is None:
        return ""
    value = decode_value(spec, stored)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return show_instant(value) if spec.data_type == "datetime" else str(value)


def _criteria(given: Any) -> Condition | None:
    """The criteria's JSON as a condition: one comparison, or a group of criteria."""
    if given is None:
        return None
    unclear = ApiError("AMBIGUOUS_CRITERIA", "the criteria is ambiguous", 400,
                       {"api_name": "criteria"})  # fmt: skip
    if not isinstance(given, Mapping) or ("group" in given) == ("field" in given):
        raise unclear
    if "group" in given:
        group, word = given["group"], str(given.get("group_operator", "")).lower()
        if word not in ("and", "or") or not isinstance(group, list) or not group:
            raise unclear
        made = _criteria(group[0])
        for one in group[1:]:
            right = _criteria(one)
            assert made is not None
            assert right is not None
            made = Junction("and" if word == "and" else "or", made, right)
        return made
    name = given["field"].get("api_name") if isinstance(given["field"], Mapping) else None
    operator = _COMPARATORS.get(str(given.get("comparator")))
    if not name or operator is None or "value" not in given:
        raise unclear
    through, _, last = str(name).rpartition(".")
    values = given["value"] if isinstance(given["value"], list) else [given["value"]]
    if len(values) != 2 if "between" in operator else "in" not in operator and len(values) != 1:
        raise unclear
    return Comparison(Path(last, through), operator, tuple(_term(value) for value in values))


def _term(value: Any) -> Term:
    if value is None:
        return Term("null", "word")
    if isinstance(value, bool):
        return Term("true" if value else "false", "word")
    return Term(str(value), "text")
