"""Bulk Write: jobs that carry out the rows of an uploaded CSV like single writes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from werkzeug.wrappers import Request, Response

from connectors.sandbox.zoho.metadata import FieldSpec, ModuleSpec
from connectors.sandbox.zoho.settings import ORG_ID
from connectors.sandbox.zoho.store import API_USER, Store
from connectors.sandbox.zoho.validate import ItemTrouble
from connectors.sandbox.zoho.wire import ApiError, read_body, reply, stamp
from connectors.sandbox.zoho.wire import show as show_instant
from connectors.sandbox.zoho.write import Writer

ROWS = 25_000
_COLUMNS = 200
_BYTES = 25 * 1024 * 1024
_SHOWN = 3
"""How many of the uploaded columns the result repeats."""
_STATUS = {"record added": "ADDED", "record updated": "UPDATED"}


@dataclass(frozen=True, slots=True)
class _Mapping:
    """One column: the field it goes into, and for a lookup the field that finds the record."""

    spec: FieldSpec
    index: int
    find_by: str


@dataclass(slots=True)
class WriteJob:
    """One job. `rows` are the CSV's, without the header; `zip` is the result once done."""

    id: str
    operation: str
    module: ModuleSpec
    asked: Mapping[str, Any]
    header: list[str]
    rows: list[list[str]]
    columns: list[_Mapping]
    find_by: str
    ignore_empty: bool
    created: datetime
    polls: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    zip: bytes | None = None


class BulkWrite:
    """Uploads and jobs. A job is carried out with the next request that comes; `polls` is how
    often it is asked after before it says so."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer
        self._files: dict[str, bytes] = {}
        self._jobs: dict[str, WriteJob] = {}
        self.polls = 1

    # -- calls -----------------------------------------------------------------------

    def upload(self, request: Request) -> Response:
        """``POST /crm/v8/upload``: a ZIP with one CSV, for one organisation."""
        if request.headers.get("feature") != "bulk-write":
            raise ApiError("INVALID_REQUEST", "the feature header is missing or unknown", 400,
                           {"header_name": "feature"})  # fmt: skip
        if request.headers.get("X-CRM-ORG") != ORG_ID:
            raise ApiError("INVALID_REQUEST", "the X-CRM-ORG header is missing or wrong", 400,
                           {"header_name": "X-CRM-ORG"})  # fmt: skip
        given = request.files.get("file")
        if given is None:
            raise ApiError("REQUIRED_PARAM_MISSING", "One of the expected parameter is missing",
                           400, {"param_name": "file"})  # fmt: skip
        with given.stream as stream:
            content = stream.read()
        if len(content) > _BYTES:
            raise ApiError("FILE_TOO_LARGE", "The file size exceeds the limit.", 413)
        if _csv_name(content) is None:
            raise ApiError("INVALID_FILE_FORMAT", "The file must be a ZIP with one CSV.", 400)
        id = self._store.new_id()
        self._files[id] = content
        return reply({
            "status": "success", "code": "FILE_UPLOAD_SUCCESS",
            "message": "file uploaded.",
            "details": {"file_id": id, "created_time": self._now()},
        })  # fmt: skip

    def create(self, request: Request) -> Response:
        """``POST /crm/bulk/v8/write``."""
        body = read_body(request)
        operation = body.get("operation")
        if operation not in ("insert", "update", "upsert"):
            raise _invalid("operation")
        asked = body.get("resource")
        if not isinstance(asked, list) or len(asked) != 1 or not isinstance(asked[0], dict):
            raise _invalid("resource")
        job = self._made(operation, asked[0], bool(body.get("ignore_empty", False)))
        self._jobs[job.id] = job
        person = self._store.titles("users", [API_USER])[API_USER]
        return reply({
            "status": "success", "code": "SUCCESS", "message": "success",
            "details": {"id": job.id, "created_by": {"id": API_USER, "name": person["name"]}},
        }, 201)  # fmt: skip

    def show(self, request: Request, id: str) -> Response:
        """``GET /crm/bulk/v8/write/{id}``."""
        job = self._job(id)
        job.polls += 1
        done = job.zip is not None and job.polls > self.polls
        status = "COMPLETED" if done else "IN PROGRESS"
        resource = {
            **job.asked, "status": status, "code": None, "message": None,
            "file": {"status": status, "name": f"{job.module.api_name}.csv",
                     "added_count": job.counts.get("ADDED", 0) if done else 0,
                     "updated_count": job.counts.get("UPDATED", 0) if done else 0,
                     "skipped_count": job.counts.get("SKIPPED", 0) if done else 0,
                     "total_count": len(job.rows)},
        }  # fmt: skip
        shown: dict[str, Any] = {
            "status": status, "character_encoding": "UTF-8", "resource": [resource],
            "id": job.id, "callback": None, "operation": job.operation,
            "created_time": show_instant(stamp(job.created)),
        }  # fmt: skip
        if done:
            # Zoho gives an absolute address here, and for Bulk Read only a path.
            url = f"{request.host_url}crm/bulk/v8/write/{job.id}/result"
            shown["result"] = {"download_url": url}
        return reply(shown)

    def download(self, id: str) -> Response:
        """The result's ZIP."""
        job = self._job(id)
        if job.zip is None:
            raise ApiError("INVALID_REQUEST", "the job is not completed yet", 400)
        return Response(job.zip, content_type="application/zip")

    # -- jobs ------------------------------------------------------------------------

    def _now(self) -> str:
        return show_instant(stamp(self._store.clock.now()))

    def _job(self, id: str) -> WriteJob:
        if id not in self._jobs:
            raise ApiError("RESOURCE_NOT_FOUND", "The requested resource doesn't exist.", 404)
        return self._jobs[id]

    def _made(self, operation: str, asked: dict[str, Any], ignore_empty: bool) -> WriteJob:
        given = asked.get("module")
        name = given.get("api_name") if isinstance(given, Mapping) else None
        module = self._store.modules.get(str(name))
        if module is None:
            raise ApiError("INVALID_MODULE", "the module name given seems to be invalid", 400,
                           {"api_name": "module"})  # fmt: skip
        content = self._files.get(str(asked.get("file_id")))
        if content is None:
            raise ApiError("INVALID_FILE_ID", "The given file id is invalid", 400,
                           {"api_name": "file_id"})  # fmt: skip
        header, *rows = _lines(content) or [[]]
        if len(header) > _COLUMNS:
            raise ApiError("HEADER_LIMIT_EXCEEDED", "The headers exceed the limit", 400,
                           {"limit": _COLUMNS})  # fmt: skip
        if len(rows) > ROWS:
            raise ApiError("LIMIT_EXCEEDED", "The rows exceed the limit", 400, {"limit": ROWS})
        columns = self._columns(module, asked.get("field_mappings"), len(header))
        mapped = {column.spec.api_name for column in columns}
        find_by = str(asked.get("find_by") or "")
        if operation != "insert" and find_by not in mapped:
            raise _invalid("find_by")
        needed = {spec.api_name for spec in module.fields.values() if spec.mandatory}
        if operation == "insert" and needed - mapped:
            raise ApiError("MANDATORY_FIELDS_NOT_MAPPED", "mandatory fields are not mapped", 400,
                           {"api_names": sorted(needed - mapped)})  # fmt: skip
        return WriteJob(self._store.new_id(), operation, module, asked, header, rows, columns,
                        find_by, ignore_empty, self._store.clock.now())  # fmt: skip

    @staticmethod
    def _columns(module: ModuleSpec, given: Any, width: int) -> list[_Mapping]:
        if not isinstance(given, list) or not given:
            raise _invalid("field_mappings")
        made = []
        for one in given:
            spec = module.fields.get(str(one.get("api_name")))
            if spec is None or spec.hidden:
                raise _invalid("field_mappings", field=str(one.get("api_name")))
            index = one.get("index")
            if not isinstance(index, int) or not 0 <= index < width:
                raise ApiError("COLUMN_INDEX_NOT_FOUND", "the column index is not found", 400,
                               {"api_name": spec.api_name, "index": index})  # fmt: skip
            made.append(_Mapping(spec, index, str(one.get("find_by") or "id")))
        return made

    def run_jobs(self) -> None:
        """Carry out the jobs that wait."""
        for job in self._jobs.values():
            if job.zip is None:
                self._carry_out(job)

    def _carry_out(self, job: WriteJob) -> None:
        headers = {column.spec.api_name: job.header[column.index] for column in job.columns}
        shown = [column.index for column in job.columns[:_SHOWN]]
        lines = io.StringIO(newline="")
        result = csv.writer(lines)
        titles = [job.header[index] for index in shown]
        result.writerow([*titles, "STATUS", "RECORD_ID", "ERRORS"])
        for at, row in enumerate(job.rows):
            status, id, error = self._row(job, at, row, headers)
            job.counts[status] = job.counts.get(status, 0) + 1
            result.writerow([*(row[index] for index in shown), status, id, error])
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(f"{job.module.api_name}-bulkwrite.csv", lines.getvalue())
        job.zip = out.getvalue()

    def _row(
        self, job: WriteJob, at: int, row: list[str], headers: Mapping[str, str]
    ) -> tuple[str, str, str]:
        """STATUS, RECORD_ID and ERRORS of a row."""
        try:
            item = {
                column.spec.api_name: self._value(column, row[column.index])
                for column in job.columns
                if row[column.index] or not job.ignore_empty
            }
            done = self._writer.carry_out(job.operation, job.module, at, item, job.find_by)
        except ItemTrouble as trouble:
            name = str(trouble.details.get("api_name") or "")
            blamed = headers.get(name) or name or headers.get(job.find_by) or ""
            return "SKIPPED", "", f"{trouble.code}-{blamed}"
        return _STATUS[done["message"]], done["details"]["id"], ""

    def _value(self, column: _Mapping, text: str) -> Any:
        """A cell as its field's JSON; one that cannot be it stays text, and is refused."""
        spec = column.spec
        if text == "":
            return [] if spec.data_type == "multiselectpicklist" else None
        if spec.is_lookup:
            return {"id": self._found(spec, column.find_by, text)}
        if spec.data_type == "multiselectpicklist":
            return text.split(";")
        if spec.data_type == "boolean":
            return {"true": True, "false": False}.get(text.lower(), text)
        if spec.data_type in ("integer", "currency", "double"):
            try:
                number = Decimal(text)
            except InvalidOperation:
                return text
            return number if number.is_finite() else text
        return text

    def _found(self, spec: FieldSpec, find_by: str, text: str) -> str:
        target = self._store.module(spec.module)
        if find_by == "id" or target is None or find_by not in target.fields:
            return text
        rows = self._store.select(target, f'"{find_by}" = ?', [text], limit=1)
        return rows[0]["id"] if rows else text


def _invalid(name: str, **details: str) -> ApiError:
    return ApiError("INVALID_DATA", "invalid data", 400, {"api_name": name, **details})


def _csv_name(content: bytes) -> str | None:
    """The name of the one CSV in a ZIP."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            names = packed.namelist()
    except zipfile.BadZipFile:
        return None
    return names[0] if len(names) == 1 and names[0].lower().endswith(".csv") else None


def _lines(content: bytes) -> list[list[str]]:
    """The CSV's rows; short ones are filled up with empty cells."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        text = packed.read(packed.namelist()[0]).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    width = len(rows[0]) if rows else 0
    return [(row + [""] * width)[:width] for row in rows]
