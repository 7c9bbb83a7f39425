"""Zoho's bulk jobs: asked after until they are done, their results read line by line."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from connectors.errors import Bug, Invalid, Misconfigured, PermissionDenied, Unavailable
from connectors.transport import Retrier
from connectors.zoho.client import Client

Kind = Literal["read", "write"]

#: Errors that say the bulk API will not do it: the record APIs are asked instead.
DECLINED = (Invalid, PermissionDenied, Misconfigured)

_WAITING = frozenset({"ADDED", "QUEUED", "SCHEDULED", "IN PROGRESS", "INPROGRESS", "IN_PROGRESS"})
_FIRST, _LONGEST = 2.0, 60.0
_PATIENCE = 1_800.0
_IN_MEMORY = 1 << 20


class Failed(Exception):
    """The job came to nothing."""


class Lost(Failed):
    """Zoho no longer knows the job or its result."""


class Jobs:
    """Bulk jobs of one account. `retrier` waits for them."""

    def __init__(self, client: Client, retrier: Retrier) -> None:
        self._client = client
        self._retrier = retrier

    def start(self, kind: Kind, body: Mapping[str, Any]) -> str:
        """A new job's id.

        Raises:
            ConnectorError: refused. After `Unavailable` from a write job nobody knows whether
                it was made: it is not sent twice.
        """
        answer = self._client.call(
            "POST", f"/crm/bulk/v8/{kind}", body=body, repeatable=kind == "read"
        )
        rows = answer.rows()
        outcome = rows[0] if rows else answer.body
        details = outcome.get("details")
        if not isinstance(details, Mapping) or "id" not in details:
            raise Invalid(
                f"{self._client.connection}: Zoho made no bulk {kind} job: {outcome.get('code')}",
                connection=self._client.connection,
                code=str(outcome.get("code") or ""),
                words=str(outcome.get("message") or ""),
            )
        return str(details["id"])

    def finished(self, kind: Kind, id: str) -> Mapping[str, Any]:
        """The ``result`` of a job, once it is done.

        Raises:
            Failed, Lost: there is none and will be none.
            Unavailable: it is still under way after half an hour.
        """
        waited, pause = 0.0, _FIRST
        while waited < _PATIENCE:
            self._retrier.pause(pause)
            waited, pause = waited + pause, min(pause * 2, _LONGEST)
            try:
                answer = self._client.get(f"/crm/bulk/v8/{kind}/{id}")
            except DECLINED as error:
                raise Lost(str(error)) from error
            rows = answer.rows()
            job = rows[0] if rows else answer.body
            state = str(job.get("state") or job.get("status") or "")
            result = job.get("result")
            if state == "COMPLETED" and isinstance(result, Mapping):
                return result
            if state not in _WAITING:
                raise Failed(f"bulk {kind} job {id} ended as {state}")
        raise Unavailable(
            f"{self._client.connection}: bulk {kind} job {id} is not done after half an hour",
            connection=self._client.connection,
        )

    @contextmanager
    def lines(self, address: str) -> Iterator[Iterator[list[str]]]:
        """The lines of a result's one CSV, the header first. The ZIP lies in a temporary file,
        never whole in memory.

        Raises:
            Lost: Zoho does not have it.
        """
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            try:
                self._client.download(address, spool)
            except DECLINED as error:
                raise Lost(str(error)) from error
            with zipfile.ZipFile(spool) as packed:
                names = packed.namelist()
                if len(names) != 1:
                    raise Bug(
                        f"{self._client.connection}: the result of a bulk job holds {names}",
                        connection=self._client.connection,
                    )
                with (
                    packed.open(names[0]) as raw,
                    io.TextIOWrapper(raw, "utf-8-sig", newline="") as text,
                ):
                    yield csv.reader(text)
