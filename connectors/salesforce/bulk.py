"""Bulk API 2.0 jobs: started, waited for, their CSV read.

Facts from the Bulk API 2.0 guide: data can be uploaded once per job; nothing of an ingest job
is processed before its upload is complete; JobComplete with failed rows is normal; results
are kept for seven days; null is an empty cell in results and ``#N/A`` in uploads.
"""

from __future__ import annotations

import codecs
import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import IO, Literal

import requests

from connectors.errors import Bug, ConnectorError, Misconfigured, Unavailable
from connectors.salesforce.client import Client
from connectors.salesforce.values import to18
from connectors.transport import Retrier

Kind = Literal["query", "ingest"]

#: Seconds between two looks at a job: at first, and in the end.
FIRST, LONGEST = 2.0, 30.0
#: Seconds a job is waited for in one go.
PATIENCE = 1800.0
_OVER = frozenset({"JobComplete", "Failed", "Aborted"})
_UPLOADS = 4
#: A result of so many bytes is held in memory, a larger one in a file.
_IN_MEMORY = 1 << 20

# A cell may hold a whole long text; the module's own limit is below that.
csv.field_size_limit(1_000_000)


class JobGone(Exception):
    """The job, or its result, is not there any more, or never came to be."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as last looked at.

    Attributes:
        words: what Salesforce says of its failure.
        processed, failed: rows it has worked through, and those of them that it refused; None
            where that is not said.
    """

    id: str
    state: str
    words: str = ""
    processed: int | None = None
    failed: int | None = None

    @property
    def over(self) -> bool:
        """Nothing more happens to it."""
        return self.state in _OVER


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Rows of a query's result, read as they are asked for; `count` is how many there are, and
    `locator` of the next page is '' on the last."""

    columns: list[str]
    rows: Iterator[list[str]]
    count: int
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
        return Job(
            id,
            str(body.get("state")),
            str(body.get("errorMessage") or ""),
            _whole(body.get("numberRecordsProcessed")),
            _whole(body.get("numberRecordsFailed")),
        )

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

    @contextmanager
    def results(self, id: str, locator: str, most: int, after: str = "") -> Iterator[ResultPage]:
        """A page of a finished query, of at most `most` rows: those behind the one whose id is
        `after`, where that one is on the page. The page lies in a temporary file, never whole
        in memory.

        Raises:
            JobGone: the job is not there, or is not finished.
        """
        params = {"maxRecords": str(most)} | ({"locator": locator} if locator else {})
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:

            def ask() -> tuple[int, int, str]:
                spool.seek(0)
                spool.truncate()
                reply = self._fetch(id, params, spool)
                came, read = self._counted(spool, after)
                told = reply.headers.get("Sforce-NumberOfRecords", "")
                if told.isdecimal() and int(told) != came:
                    raise self._torn(f"{came} rows of {told} came")
                following = reply.headers.get("Sforce-Locator", "null")
                return came, read, "" if following == "null" else following

            came, read, following = self._retrier.call(ask)
            columns, rows = table(spool)
            yield ResultPage(columns, islice(rows, read, None), came - read, following)

    def _fetch(self, id: str, params: Mapping[str, str], spool: IO[bytes]) -> requests.Response:
        try:
            return self._client.bulk(
                "GET", f"jobs/query/{id}/results", params=params, into=spool, retry=False
            )
        except ConnectorError as error:
            if error.status == 404 or error.code in ("INVALIDJOBSTATE", "INVALID_QUERY_LOCATOR"):
                raise JobGone(id) from error
            raise

    def _counted(self, spool: IO[bytes], after: str) -> tuple[int, int]:
        """How many whole rows a page has, and how many of them end with the one of that id."""
        count = read = 0
        try:
            columns, rows = table(spool)
            at = columns.index("Id") if "Id" in columns else 0
            for count, row in enumerate(rows, 1):
                if after and to18(row[at]) == after:
                    read = count
        except (ValueError, csv.Error):
            raise self._torn("a row is cut short") from None
        return count, read

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
            columns, rows = table(io.BytesIO(reply.content))
            return columns, list(rows)
        except (ValueError, csv.Error):
            raise self._torn("a row is cut short") from None

    def _torn(self, what: str) -> Unavailable:
        connection = self._client.connection
        return Unavailable(
            f"{connection}: a bulk result is not complete: {what}", connection=connection
        )


def table(data: IO[bytes]) -> tuple[list[str], Iterator[list[str]]]:
    """The columns and rows of a result, from its beginning. NUL, which Salesforce lets through,
    is dropped.

    Raises:
        ValueError: now or on the way: a row is longer or shorter than the header, or a character
            is torn.
    """
    data.seek(0)
    lines = codecs.iterdecode((line.replace(b"\x00", b"") for line in data), "utf-8-sig")
    reader = csv.reader(lines)
    columns = next(reader, [])

    def rows() -> Iterator[list[str]]:
        for row in reader:
            if row and len(row) != len(columns):
                raise ValueError("a row of another length than the header's")
            if row:
                yield row

    return columns, rows()


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """CSV to upload."""
    text = io.StringIO(newline="")
    # Unless told to, the module leaves a carriage return unquoted.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
