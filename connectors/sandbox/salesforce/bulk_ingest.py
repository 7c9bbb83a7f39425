"""Bulk API 2.0 ingest jobs: rows of CSV, each created, changed or deleted by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox.salesforce import jobs
from connectors.sandbox.salesforce.bulk_query import unsupported
from connectors.sandbox.salesforce.csvs import parsed, written
from connectors.sandbox.salesforce.jobs import Job, Jobs, wrong_state
from connectors.sandbox.salesforce.rows import Rows, Several, missing, problems
from connectors.sandbox.salesforce.schema import SCALED, Object
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.wire import Refusal, Refusals, Reply

#: Rows that Salesforce handles in one transaction.
BATCH = 200
#: Most bytes of one upload.
LARGEST = 100_000_000
_EMPTY = "#N/A"
_XSD = {"int": "xsd:int", "boolean": "xsd:boolean", "date": "xsd:date", "datetime": "xsd:dateTime"}


@dataclass(slots=True)
class _Data:
    """A job's rows, and what came of those that were processed."""

    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    done: int = 0
    succeeded: list[list[str]] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """External ids of the batch at hand."""


class IngestJobs(Jobs):
    """``/jobs/ingest``. Results come in another order than the rows went in."""

    kind = "ingest"
    first = 1_000_000

    def __init__(self, store: Store, rows: Rows) -> None:
        super().__init__(store)
        self._rows = rows
        self._data: dict[str, _Data] = {}

    def create(self, body: Mapping[str, Any], base: str) -> Job:
        """An open job; see `Jobs`."""
        operation, name = str(body.get("operation")), str(body.get("object"))
        object = self.store.object(name)
        if object is None or not object.writable:
            raise unsupported(name)
        if operation == "hardDelete":
            raise Refusal(
                "FEATURENOTENABLED",
                "hardDelete operation requires special user profile permission, please contact "
                "your system administrator",
            )
        if operation not in ("insert", "update", "upsert", "delete"):
            raise Refusal("INVALIDJOB", f"InvalidJob : {operation} is no operation")
        about: dict[str, Any] = {"jobType": "V2Ingest"}
        if operation == "upsert":
            key = object.find(str(body.get("externalIdFieldName") or ""))
            if key is None or not (key.external_id or key.id_lookup):
                raise Refusal(
                    "INVALIDJOB",
                    "InvalidJob : External ID was blank or not an external id field for "
                    f"{object.name}: {body.get('externalIdFieldName')}",
                )
            about["externalIdFieldName"] = key.name
        job = self.add(body, base, object.name, "Open")
        job.about |= {**about, "contentUrl": f"{base.lstrip('/')}/jobs/ingest/{job.id}/batches"}
        self._data[job.id] = _Data()
        return job

    def info(self, job: Job) -> dict[str, Any]:
        """See `Jobs.info`."""
        shown = super().info(job)
        if "numberRecordsProcessed" in shown:
            shown["numberRecordsFailed"] = job.failed
        return shown

    def set_state(self, job: Job, state: str) -> None:
        """Open -> UploadComplete; anything that is not over -> Aborted."""
        if state == "UploadComplete":
            if job.state != "Open":
                raise wrong_state(job, "Open")
            job.state = state
        elif state == "Aborted":
            if job.over:
                raise wrong_state(job, "running")
            job.state = state
        else:
            raise Refusal("INVALIDJOB", f"InvalidJob : a job cannot be set to {state}")

    def resource(
        self, method: str, job: Job, name: str, args: Mapping[str, str], data: bytes
    ) -> Reply:
        """``batches``, ``successfulResults``, ``failedResults``, ``unprocessedrecords``."""
        held = self._data[job.id]
        match method, name:
            case "PUT", "batches":
                self._upload(job, held, data)
                return Reply(201)
            case "GET", "successfulResults":
                made = ["sf__Id", "sf__Created", *held.header], held.succeeded[::-1]
            case "GET", "failedResults":
                made = ["sf__Id", "sf__Error", *held.header], held.failed[::-1]
            case "GET", "unprocessedrecords":
                made = held.header, held.rows[held.done :] if job.over else []
            case _:
                raise missing()
        text = written(*made, job.delimiter, job.ending)
        return Reply(body=text, headers={"Content-Type": "text/csv"})

    def forget(self, job: Job) -> None:
        """Drop the rows."""
        self._data.pop(job.id, None)

    def _upload(self, job: Job, held: _Data, data: bytes) -> None:
        if job.state != "Open":
            raise wrong_state(job, "Open")
        if held.header:
            raise Refusal(
                "INVALIDJOBSTATE",
                f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' "
                "the current Job then create a new Job and make sure you only do 'PUT' once on a "
                "given Job.",
            )
        if len(data) > LARGEST:
            raise Refusal("INVALIDJOB", "InvalidJob : the upload is too large", 413)
        try:
            held.header, held.rows = parsed(data, job.delimiter)
        except ValueError as error:
            # What was uploaded is looked at when the job is processed.
            held.header, job.error = ["?"], f"InvalidBatch : {error}"

    # Processing

    def step(self, job: Job) -> None:
        """The next `CHUNK` rows, if the upload is complete."""
        if job.state == "Open":
            return
        held = self._data[job.id]
        object = self._rows.object(job.object)
        job.error = job.error or self._unusable(job, object, held.header)
        job.changed = self.store.now()
        if job.error:
            job.state = "Failed"
            return
        rows = held.rows[held.done : held.done + jobs.CHUNK]
        for number, row in enumerate(rows, held.done):
            if number % BATCH == 0:
                held.seen.clear()
            self._one(job, object, held, row)
        held.done += len(rows)
        job.processed, job.failed = held.done, len(held.failed)
        job.state = "JobComplete" if held.done == len(held.rows) else "InProgress"

    def _unusable(self, job: Job, object: Object, header: Sequence[str]) -> str:
        """Why no row can be processed, '' if they can."""
        if not header:
            return "InvalidBatch : no content"
        if job.operation == "delete" and [name.lower() for name in header] != ["id"]:
            return "InvalidBatch : a delete takes the column Id and no other"
        for name in header:
            step, _, below = name.partition(".")
            found = object.parent(step) if below else object.find(step)
            if found is None:
                return f"InvalidBatch : Field name not found : {name}"
        return ""

    def _one(self, job: Job, object: Object, held: _Data, row: list[str]) -> None:
        values = _values(held.header, row)
        id = next((str(values.pop(name)) for name in list(values) if name.lower() == "id"), "")
        try:
            with self.store.undoable():
                made, created = self._carry_out(job, object, held, id, values)
        except (Refusal, Refusals) as refused:
            text = ";".join(_told(object, held.header, values, each) for each in problems(refused))
            held.failed.append([id, text, *row])
        else:
            held.succeeded.append([made, "true" if created else "false", *row])

    def _carry_out(
        self, job: Job, object: Object, held: _Data, id: str, values: Mapping[str, Any]
    ) -> tuple[str, bool]:
        if job.operation == "insert":
            return self._rows.create(object, values), True
        if job.operation == "upsert":
            return self._upsert(job, object, held, id, values)
        if not id:
            raise Refusal("MISSING_ARGUMENT", f"Id not specified in {job.operation} call")
        if job.operation == "delete":
            self._rows.delete(object, id, item=True)
        else:
            self._rows.update(object, id, values, item=True)
        return id, False

    def _upsert(
        self, job: Job, object: Object, held: _Data, id: str, values: Mapping[str, Any]
    ) -> tuple[str, bool]:
        key = self._rows.key(object, str(job.about["externalIdFieldName"]))
        named = {name.lower(): value for name, value in values.items()}
        value = id if key.name == "Id" else named.get(key.name.lower())
        if value is None or value == "":
            raise Refusal("MISSING_ARGUMENT", f"{key.name} not specified")
        if str(value).casefold() in held.seen:
            raise Refusal(
                "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", fields=[key.name]
            )
        held.seen.add(str(value).casefold())
        try:
            return self._rows.upsert(object, key, str(value), values)
        except Several as several:
            raise Refusal(
                "DUPLICATE_EXTERNAL_ID",
                f"{key.name}: more than one record found for external id field: "
                f"[{', '.join(several.ids)}]",
            ) from None


def _values(header: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """What a row says: an empty cell nothing, ``#N/A`` that the field is emptied."""
    values: dict[str, Any] = {}
    for name, text in zip(header, row, strict=True):
        if text == "":
            continue
        value = None if text == _EMPTY else text
        step, _, below = name.partition(".")
        values[step] = {below: value} if below else value
    return values


def _told(object: Object, header: Sequence[str], values: Mapping[str, Any], one: Refusal) -> str:
    """A refusal as the ``sf__Error`` of a row."""
    if one.code != "JSON_PARSER_ERROR":
        return f"{one.code}:{one.message}:{','.join(one.fields or ())} --"
    for column, name in enumerate(header):
        made, value = object.find(name), values.get(name)
        if made is None or value is None or f"value {value} or" not in one.message:
            continue
        kind = "xsd:double" if made.type in SCALED else _XSD.get(made.type, "xsd:string")
        return (
            f"INVALID_FIELD:Failed to deserialize field at col {column}. Due to, '{value}' is not "
            f"a valid value for the type {kind}:{made.name} --"
        )
    return f"INVALID_FIELD:{one.message}: --"
