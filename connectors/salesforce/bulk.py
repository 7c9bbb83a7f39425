"""Bulk API 2.0 jobs: started, waited for, their CSV read.

Facts from the Bulk API 2.0 guide: data can be uploaded once per job; nothing of an ingest job
is processed before its upload is complete; JobComplete with failed rows is normal; results
are kept for seven days; null is an empty cell in results and ``#N/A`` in uploads.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import requests

from connectors.errors import Bug, ConnectorError, Misconfigured, Unavailable
from connectors.salesforce.client import Client
from connectors.transport import Retrier

Kind = Literal["query", "ingest"]

#: Seconds between two looks at a job: at first, and in the end.
FIRST, LONGEST = 2.0, 30.0
#: Seconds a job is waited for in one go.
PATIENCE = 1800.0
_OVER = frozenset({"JobComplete", "Failed", "Aborted"})
_UPLOADS = 4

# A cell may hold a whole long text; the module's own limit is below that.
csv.field_size_limit(1_000_000)


class JobGone(Exception):
    """The job, or its result, is not there any more, or never came to be."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as last looked at; `words` is what Salesforce says of its failure."""

    id: str
    state: str
    words: str = ""

    @property
    def over(self) -> bool:
        """Nothing more happens to it."""
        return self.state in _OVER


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Rows of a query's result; `locator` of the next page is '' on the last."""

    columns: list[str]
    rows: list[list[str]]
    locator: str


class Jobs:
    """The bulk jobs of one account."""

    def __init__(self, client: Client, retrier: Retrier) -> None:
        self._client = client
        self._retrier = retrier

    def look(self, kind: Kind, id: str) -> Job:
        """The job as it is now.

        Raises:
            JobGone: Salesforce does not know it.
        """
        try:
            body = self._client.bulk("GET", f"jobs/{kind}/{id}").json()
        except Misconfigured as error:
            if error.status == 404:
                raise JobGone(id) from error
            raise
        return Job(id, str(body.get("state")), str(body.get("errorMessage") or ""))

    def wait(self, kind: Kind, id: str) -> Job:
        """The job when it is over.

        Raises:
            JobGone: Salesforce does not know it.
            Unavailable: it takes longer than `PATIENCE`; look again later.
        """
        waited, pause = 0.0, FIRST
        while not (job := self.look(kind, id)).over:
            if waited >= PATIENCE:
                raise Unavailable(
                    f"{self._client.connection}: Salesforce has not finished bulk job {id} in "
                    f"{waited / 60:.0f} minutes",
                    connection=self._client.connection,
                )
            self._retrier.pause(pause)
            waited, pause = waited + pause, min(LONGEST, pause * 2)
        return job

    # Queries

    def query(self, soql: str) -> str:
        """Start a query; the job's id."""
        body = {"operation": "query", "query": soql}
        return str(self._client.bulk("POST", "jobs/query", body).json()["id"])

    def results(self, id: str, locator: str, most: int) -> ResultPage:
        """A page of a finished query, of at most `most` rows.

        Raises:
            JobGone: the job is not there, or is not finished.
        """
        params = {"maxRecords": str(most)} | ({"locator": locator} if locator else {})

        def ask() -> ResultPage:
            try:
                reply = self._client.bulk(
                    "GET", f"jobs/query/{id}/results", params=params, retry=False
                )
            except ConnectorError as error:
                if error.status == 404 or error.code in (
                    "INVALIDJOBSTATE",
                    "INVALID_QUERY_LOCATOR",
                ):
                    raise JobGone(id) from error
                raise
            columns, rows = self._table(reply)
            told = reply.headers.get("Sforce-NumberOfRecords", "")
            if told.isdecimal() and int(told) != len(rows):
                raise self._torn(f"{len(rows)} rows of {told} came")
            following = reply.headers.get("Sforce-Locator", "null")
            return ResultPage(columns, rows, "" if following == "null" else following)

        return self._retrier.call(ask)

    # Uploads

    def upload(self, settings: Mapping[str, str], text: str) -> str:
        """An open job with these rows in it, not started yet; its id.

        An upload that was cut off may have arrived or not, and is not to be repeated: the job
        is thrown away, and another made.
        """
        body = {**settings, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
        data = text.encode()
        for attempt in range(1, _UPLOADS + 1):
            id = str(self._client.bulk("POST", "jobs/ingest", body).json()["id"])
            try:
                self._client.bulk(
                    "PUT", f"jobs/ingest/{id}/batches", data=data, repeatable=False
                )  # fmt: skip
            except Unavailable:
                with suppress(ConnectorError):
                    self._client.bulk("PATCH", f"jobs/ingest/{id}", {"state": "Aborted"})
                if attempt == _UPLOADS:
                    raise
            else:
                return id
        raise AssertionError

    def start(self, id: str) -> None:
        """Let Salesforce process an open job.

        When the answer is lost, the job is looked up: it is started once.

        Raises:
            JobGone: Salesforce does not know it.
        """

        def once() -> None:
            try:
                self._client.bulk(
                    "PATCH", f"jobs/ingest/{id}", {"state": "UploadComplete"}, retry=False
                )
            except (Unavailable, Bug):
                if self.look("ingest", id).state == "Open":
                    raise

        self._retrier.call(once)

    def outcome(self, id: str, which: str) -> list[dict[str, str]]:
        """Rows of ``successfulResults``, ``failedResults`` or ``unprocessedrecords``, by column."""
        path = f"jobs/ingest/{id}/{which}"
        columns, rows = self._retrier.call(
            lambda: self._table(self._client.bulk("GET", path, retry=False))
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _table(self, reply: requests.Response) -> tuple[list[str], list[list[str]]]:
        try:
            return parsed(reply.content)
        except (ValueError, csv.Error):
            raise self._torn("a row is cut short") from None

    def _torn(self, what: str) -> Unavailable:
        connection = self._client.connection
        return Unavailable(
            f"{connection}: a bulk result is not complete: {what}", connection=connection
        )


def parsed(data: bytes) -> tuple[list[str], list[list[str]]]:
    """The columns and rows of a result. NUL, which Salesforce lets through, is dropped.

    Raises:
        ValueError: a row is longer or shorter than the header, or a character is torn.
    """
    if b"\x00" in data:
        data = data.replace(b"\x00", b"")
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=""))
    columns = next(reader, [])
    rows = [row for row in reader if row]
    if any(len(row) != len(columns) for row in rows):
        raise ValueError("a row of another length than the header's")
    return columns, rows


def written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """CSV to upload."""
    text = io.StringIO(newline="")
    # Unless told to, the module leaves a carriage return unquoted.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
