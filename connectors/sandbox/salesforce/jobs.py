"""Bulk API 2.0: jobs, their states, and the paths under ``/jobs``.

A job moves on each time its state is asked for: a query from UploadComplete over InProgress
to JobComplete, an ingest job by `CHUNK` records. So it takes its time even where the clock
stands still.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.sandbox.salesforce.csvs import DELIMITERS, ENDINGS
from connectors.sandbox.salesforce.ids import numbered, to18
from connectors.sandbox.salesforce.rows import missing
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.values import parse_instant
from connectors.sandbox.salesforce.wire import Refusal, Reply, decode

#: Salesforce forgets a job and its results after this.
KEPT = timedelta(days=7)
#: Records of an ingest job that are processed between two questions for its state.
CHUNK = 10_000

_OVER = ("JobComplete", "Failed", "Aborted")


@dataclass(slots=True)
class Job:
    """One job; `about` is what its own kind adds to the answer."""

    id: str
    object: str
    operation: str
    state: str
    created: str
    changed: str
    delimiter: str = "COMMA"
    ending: str = "LF"
    error: str = ""
    processed: int = 0
    failed: int = 0
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Nothing more happens to it."""
        return self.state in _OVER


def wrong_state(job: Job, wanted: str) -> Refusal:
    """The job is not where the request needs it to be."""
    return Refusal(
        "INVALIDJOBSTATE", f"Job {job.id} is in state {job.state}; it must be {wanted} for this."
    )


class Jobs(ABC):
    """The jobs of one kind (``query`` or ``ingest``)."""

    kind: str
    first = 0
    """Where its ids start: the two kinds share a prefix."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.jobs: dict[str, Job] = {}
        self._made = self.first

    # What each kind does in its own way

    @abstractmethod
    def create(self, body: Mapping[str, Any], base: str) -> Job:
        """A new job, registered by `add`.

        Raises:
            Refusal: the job is not taken.
        """

    @abstractmethod
    def step(self, job: Job) -> None:
        """Let a job that is not over get on."""

    @abstractmethod
    def set_state(self, job: Job, state: str) -> None:
        """What a client may set.

        Raises:
            Refusal: not this, or not now.
        """

    @abstractmethod
    def resource(
        self, method: str, job: Job, name: str, args: Mapping[str, str], data: bytes
    ) -> Reply:
        """What lies under the job: its data and its results.

        Raises:
            Refusal: there is no such thing, or not yet.
        """

    @abstractmethod
    def forget(self, job: Job) -> None:
        """Throw the job's data away."""

    # The same for both

    def add(self, body: Mapping[str, Any], base: str, object: str, state: str) -> Job:
        """A job with the settings every kind has.

        Raises:
            Refusal: the settings are wrong.
        """
        delimiter = str(body.get("columnDelimiter") or "COMMA")
        ending = str(body.get("lineEnding") or "LF")
        if delimiter not in DELIMITERS or ending not in ENDINGS:
            raise Refusal("INVALIDJOB", f"InvalidJob : {delimiter} or {ending} is not supported")
        if str(body.get("contentType") or "CSV") != "CSV":
            raise Refusal("INVALIDJOB", "InvalidJob : contentType must be CSV")
        self._made += 1
        now = self.store.now()
        version = re.search(r"/v(\d+\.\d)", base)
        job = Job(
            numbered("750", self._made), object, str(body["operation"]), state, now, now,
            delimiter, ending, about={"apiVersion": Decimal(version[1] if version else "62.0")},
        )  # fmt: skip
        self.jobs[job.id] = job
        return job

    def answer(
        self, method: str, base: str, rest: list[str], args: Mapping[str, str], data: bytes
    ) -> Reply:
        """One request; `rest` is the path behind ``/jobs/{kind}``."""
        match method, rest:
            case "POST", []:
                return Reply(body=self.info(self.create(_body(data), base)))
            case "GET", []:
                records = [self.info(job) for job in self.jobs.values() if self._alive(job)]
                return Reply(body={"done": True, "nextRecordsUrl": None, "records": records})
            case _, [id]:
                return self._job(method, self._get(id), data)
            case _, [id, name]:
                return self.resource(method, self._get(id), name, args, data)
        raise missing()

    def _job(self, method: str, job: Job, data: bytes) -> Reply:
        if method == "GET":
            if not job.over:
                self.step(job)
            return Reply(body=self.info(job))
        if method == "PATCH":
            self.set_state(job, str(_body(data).get("state")))
            job.changed = self.store.now()
            return Reply(body=self.info(job))
        if method == "DELETE":
            if not job.over:
                raise wrong_state(job, "complete, aborted or failed")
            self.forget(job)
            del self.jobs[job.id]
            return Reply(204)
        raise Refusal("METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed.", 405)

    def _alive(self, job: Job) -> bool:
        return self.store.clock.now() - parse_instant(job.created) <= KEPT

    def _get(self, id: str) -> Job:
        job = self.jobs.get(to18(id))
        if job is None or not self._alive(job):
            raise missing()
        return job

    def info(self, job: Job) -> dict[str, Any]:
        """The job as the API shows it."""
        shown: dict[str, Any] = {
            "id": job.id,
            "operation": job.operation,
            "object": job.object,
            "createdById": self.store.api_user,
            "createdDate": job.created,
            "systemModstamp": job.changed,
            "state": job.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "lineEnding": job.ending,
            "columnDelimiter": job.delimiter,
            **job.about,
        }
        if job.state not in ("Open", "UploadComplete"):
            shown |= {
                "numberRecordsProcessed": job.processed,
                "retries": 0,
                "totalProcessingTime": job.processed,
            }
        if job.error:
            shown["errorMessage"] = job.error
        return shown


def _body(data: bytes) -> Mapping[str, Any]:
    body = decode(data)
    if not isinstance(body, Mapping):
        raise Refusal("JSON_PARSER_ERROR", "The HTTP entity body is required")
    return body
