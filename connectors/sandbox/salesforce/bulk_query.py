"""Bulk API 2.0 query jobs: the result is a snapshot, read page by page."""

# ruff: noqa: S608 (names come from the metadata, values are bound)
from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from connectors.sandbox.salesforce.compile import Compiler, Plan
from connectors.sandbox.salesforce.csvs import cell, written
from connectors.sandbox.salesforce.jobs import Job, Jobs, wrong_state
from connectors.sandbox.salesforce.rows import missing
from connectors.sandbox.salesforce.soql import parse
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.wire import Refusal, Reply

#: Most rows of one page, whatever is asked for.
PAGE = 50_000
_COMPOUND = ("address", "location")
#: Objects that the REST API shows and the Bulk API does not.
_UNSUPPORTED = frozenset({"CaseStatus", "OpportunityStage"})


def unsupported(object: str) -> Refusal:
    """The Bulk API does not know the object."""
    return Refusal("INVALIDENTITY", f"Entity '{object}' is not supported by the Bulk API.")


class QueryJobs(Jobs):
    """``/jobs/query``. Rows without an ORDER BY come in an order of their own."""

    kind = "query"

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._plans: dict[str, Plan] = {}

    def create(self, body: Mapping[str, Any], base: str) -> Job:
        """A job over ``query``; see `Jobs`."""
        operation = body.get("operation")
        if operation not in ("query", "queryAll"):
            raise Refusal("INVALIDJOB", f"InvalidJob : {operation} is no operation of a query job")
        query = parse(str(body.get("query") or ""))
        compiler = Compiler(self.store, query, operation == "queryAll")
        plan = compiler.compile()
        if plan.object.name in _UNSUPPORTED:
            raise unsupported(plan.object.name)
        if any(column.field.type in _COMPOUND for column in plan.columns):
            raise Refusal("API_ERROR", "Selecting compound data not supported in Bulk Query")
        if plan.grouped or plan.counts or plan.children or query.offset:
            raise Refusal(
                "API_ERROR",
                "Implementation restriction: aggregates, relationship sub-selects and OFFSET are "
                "not supported in Bulk Query",
            )
        if not query.order:
            plan.order = " ORDER BY substr(t.Id, 15, 1) DESC, t.Id"
        job = self.add(body, base, plan.object.name, "UploadComplete")
        self._plans[job.id] = plan
        return job

    def step(self, job: Job) -> None:
        """UploadComplete, InProgress, JobComplete."""
        if job.state == "UploadComplete":
            job.state = "InProgress"
            return
        plan = self._plans[job.id]
        shown = ", ".join(f"{column.sql} AS c{n}" for n, column in enumerate(plan.columns))
        self.store.db.execute(
            f'CREATE TABLE "{job.id}" AS SELECT {shown} {plan.source} '
            f"WHERE {plan.where}{plan.order}{plan.limit}",
            plan.binds,
        )
        job.processed = self.store.db.execute(f'SELECT COUNT(*) FROM "{job.id}"').fetchone()[0]
        job.state, job.changed = "JobComplete", self.store.now()

    def set_state(self, job: Job, state: str) -> None:
        """A query job can only be aborted."""
        if state != "Aborted":
            raise Refusal("INVALIDJOB", f"InvalidJob : a query job cannot be set to {state}")
        if job.over:
            raise wrong_state(job, "running")
        job.state = "Aborted"

    def resource(
        self, method: str, job: Job, name: str, args: Mapping[str, str], data: bytes
    ) -> Reply:
        """``results?maxRecords=&locator=``."""
        if (method, name) != ("GET", "results"):
            raise missing()
        if job.state != "JobComplete":
            raise wrong_state(job, "JobComplete")
        offset = _offset(args.get("locator", ""))
        most = args.get("maxRecords", str(PAGE))
        if not most.isdecimal() or not int(most):
            raise Refusal("INVALID_QUERY_PARAMETER", f"maxRecords must be a number, not {most}")
        columns = self._plans[job.id].columns
        found = self.store.db.execute(
            f'SELECT * FROM "{job.id}" WHERE rowid > ? ORDER BY rowid LIMIT ?',
            (offset, min(PAGE, int(most))),
        ).fetchall()
        rows = [
            [cell(column.field, value) for column, value in zip(columns, row, strict=True)]
            for row in found
        ]
        header = [".".join([*column.way, column.field.name]) for column in columns]
        end = offset + len(rows)
        return Reply(
            body=written(header, rows, job.delimiter, job.ending),
            headers={
                "Content-Type": "text/csv",
                "Sforce-NumberOfRecords": str(len(rows)),
                "Sforce-Locator": _locator(end) if end < job.processed else "null",
            },
        )

    def forget(self, job: Job) -> None:
        """Drop the snapshot."""
        self.store.db.execute(f'DROP TABLE IF EXISTS "{job.id}"')
        self._plans.pop(job.id, None)


def _locator(offset: int) -> str:
    return base64.b64encode(str(offset).encode()).decode().rstrip("=")


def _offset(locator: str) -> int:
    try:
        text = base64.b64decode(locator + "=" * (-len(locator) % 4), validate=True).decode()
        return int(text) if locator else 0
    except ValueError:
        raise Refusal("INVALID_QUERY_LOCATOR", f"invalid query locator: {locator}") from None
