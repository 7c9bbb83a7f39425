# ruff: noqa: S608 - COQL, with every value through `quote`
"""Writing thousands of records by Bulk Write: up to 25,000 rows of a CSV for 500 credits.

Only what has a name of its own goes this way: updates by id, and creates with an external id,
as upserts. Their results are joined back by that name, and where an answer is lost, the records
themselves say what became of them: those we changed since are read, nothing is sent again.

An empty cell says one thing for the whole job: with ``ignore_empty`` the field is left alone,
without it is emptied. So the rows of one job have the same fields, or none of them empties one.

A job's result names the records and not their new stamps; the next pull brings those.

Zoho's result names an error code and a column. What it says it did not write is left to the
record APIs, which tell which record a duplicate is of, and try locked records again.

Zoho does not say whether an account's workflows run on the rows of a job as they do on single
writes. An account that needs them to has ``bulk_write_from`` set beyond its reach.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Write, WriteResult
from connectors.errors import Bug, ConnectorError, Stop, Unavailable, Wait
from connectors.transport import Retrier
from connectors.zoho.cells import Unfit, write_cell
from connectors.zoho.client import Client
from connectors.zoho.describe import Describer
from connectors.zoho.jobs import DECLINED, Failed, Jobs, Lost
from connectors.zoho.read import COQL_PAGE, quote
from connectors.zoho.values import editor, read_instant, version, write_instant

ROWS = 25_000
_COLUMNS = 200
_LOST = 60.0
"""Seconds that a job nobody knows the id of is given before its records are looked at."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one job. `names` are its columns, the one that tells records apart first;
    `rows` are the cells by their write's position in the caller's list."""

    operation: str
    names: tuple[str, ...]
    ignore_empty: bool
    rows: Mapping[int, Mapping[str, str]]

    def zip(self, object: str) -> bytes:
        """As Zoho takes it."""
        lines = io.StringIO(newline="")
        writer = csv.writer(lines)
        writer.writerow(self.names)
        writer.writerows([row.get(name, "") for name in self.names] for row in self.rows.values())
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(f"{object}.csv", lines.getvalue())
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class _Seen:
    """A record as Zoho has it after we wrote it."""

    id: str
    version: str
    modified_at: datetime
    created_at: datetime


class BulkWriter:
    """Bulk Write of one account: for more than `least` rows that fit into one job."""

    def __init__(
        self,
        client: Client,
        jobs: Jobs,
        describer: Describer,
        retrier: Retrier,
        least: int,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._describer = describer
        self._retrier = retrier
        self._least = least

    # -- which rows ------------------------------------------------------------------

    def sheets(
        self, object: str, writes: Sequence[Write], items: Mapping[int, Mapping[str, Any]]
    ) -> Iterator[Sheet]:
        """The jobs that are worth their price, creates before updates; `items` are the writes
        in Zoho's JSON."""
        if len(items) <= self._least:
            return
        fields = self._describer.known(object).fields
        for operation, key, places in _named(writes, items):
            rows: dict[int, dict[str, str]] = {}
            for at in places:
                try:
                    rows[at] = {
                        name: str(value) if name == "id" else write_cell(fields[name], value)
                        for name, value in items[at].items()
                    }
                except (Unfit, KeyError):
                    continue
            alike: dict[frozenset[str], dict[int, dict[str, str]]] = {}
            for at, row in rows.items():
                alike.setdefault(frozenset(row), {})[at] = row
            rest: dict[int, dict[str, str]] = {}
            for same in alike.values():
                if len(same) > self._least:
                    yield from self._cut(operation, key, same, ignore_empty=False)
                else:
                    rest.update((at, row) for at, row in same.items() if all(row.values()))
            yield from self._cut(operation, key, rest, ignore_empty=True)

    def _cut(
        self, operation: str, key: str, rows: Mapping[int, Mapping[str, str]], ignore_empty: bool
    ) -> Iterator[Sheet]:
        names = sorted({name for row in rows.values() for name in row} - {key})
        if len(names) >= _COLUMNS:
            return
        ordered = list(rows.items())
        for start in range(0, len(ordered), ROWS):
            part = dict(ordered[start : start + ROWS])
            if len(part) > self._least:
                yield Sheet(operation, (key, *names), ignore_empty, part)

    # -- one job ---------------------------------------------------------------------

    def carry_out(
        self, object: str, writes: Sequence[Write], sheet: Sheet, results: dict[int, WriteResult]
    ) -> None:
        """Write a sheet's rows; those that Zoho says it did not write get no result.

        Raises:
            Stop, Wait, Bug: nothing more can be sent now. Rows with a result may have been
                written; the others were not.
        """
        try:
            uploaded = self._client.upload(
                "upload",
                sheet.zip(object),
                {"feature": "bulk-write", "X-CRM-ORG": self._describer.organisation()},
            )
            details = uploaded.body.get("details") or {}
            body = self._body(object, sheet, str(details.get("file_id")))
        except DECLINED:
            return

        def seen() -> dict[str, _Seen]:
            return self._seen(object, sheet, uploaded.at, self._describer.check().user_id)

        try:
            job = self._jobs.start("write", body)
        except DECLINED:
            return
        except Unavailable as error:
            self._retrier.pause(_LOST)
            self._look(writes, sheet, seen, uploaded.at, results, error)
            return
        try:
            written = self._written(job)
        except (Lost, Stop, Wait, Bug) as error:
            self._look(writes, sheet, seen, uploaded.at, results, error)
            return
        except Failed:
            return
        for at, row in sheet.rows.items():
            name = row[sheet.names[0]].strip()
            if name in written:
                created, id = written[name]
                results[at] = _result(writes[at], created, id, None)

    def _look(
        self,
        writes: Sequence[Write],
        sheet: Sheet,
        seen: Callable[[], dict[str, _Seen]],
        since: datetime,
        results: dict[int, WriteResult],
        cause: Exception,
    ) -> None:
        """What became of a sheet nobody told us about; `cause` is raised if that stays open."""
        try:
            found = seen()
        except ConnectorError:
            found = {}
        unknown = Unavailable(
            f"{self._client.connection}: what became of a bulk write is not known: {cause}",
            connection=self._client.connection,
        )
        for at, row in sheet.rows.items():
            write, record = writes[at], found.get(row[sheet.names[0]].strip())
            if record is None:
                results[at] = WriteResult(key=write.key, id=write.id, error=unknown)
            else:
                results[at] = _result(write, record.created_at >= since, record.id, record)
        if any(results[at].error is unknown for at in sheet.rows):
            raise cause if isinstance(cause, ConnectorError) else unknown from cause

    def _body(self, object: str, sheet: Sheet, file_id: str) -> dict[str, Any]:
        fields = self._describer.known(object).fields
        mappings = []
        for index, name in enumerate(sheet.names):
            mapping: dict[str, Any] = {"api_name": name, "index": index}
            if name != "id" and fields[name].targets:
                mapping["find_by"] = "id"
            mappings.append(mapping)
        resource = {
            "type": "data", "module": {"api_name": object}, "file_id": file_id,
            "find_by": sheet.names[0], "field_mappings": mappings,
        }  # fmt: skip
        return {"operation": sheet.operation, "ignore_empty": sheet.ignore_empty,
                "resource": [resource]}  # fmt: skip

    def _written(self, job: str) -> dict[str, tuple[bool, str]]:
        """What a job wrote: name -> (whether it was created, id).

        Raises:
            Lost: nobody says what it did.
            Failed: it came to nothing.
        """
        address = self._jobs.finished("write", job).get("download_url")
        if not address:
            raise Lost(f"bulk write job {job} has no result")
        found: dict[str, tuple[bool, str]] = {}
        with self._jobs.lines(str(address)) as lines:
            header = next(lines, [])
            try:
                status, id = header.index("STATUS"), header.index("RECORD_ID")
            except ValueError:
                raise Lost(f"the result of bulk write job {job} has the columns {header}") from None
            for line in lines:
                if line[status] in ("ADDED", "UPDATED"):
                    found[line[0].strip()] = (line[status] == "ADDED", line[id])
        return found

    def _seen(self, object: str, sheet: Sheet, since: datetime, user: str) -> dict[str, _Seen]:
        """The records that `user`, which is us, changed since: name -> record."""
        key = sheet.names[0]
        names = ", ".join(dict.fromkeys(("Modified_Time", "Modified_By", "Created_Time", key)))
        found: dict[str, _Seen] = {}
        after = "0"
        while True:
            answer = self._client.coql(
                f"select {names} from {object} where (((Modified_Time >= "
                f"{quote(write_instant(since))}) and (Modified_By = {quote(user)})) and "
                f"(id > {quote(after)})) order by id limit {COQL_PAGE}"
            )
            for row in answer.rows():
                modified, after = str(row["Modified_Time"]), str(row["id"])
                found[str(row[key]).strip()] = _Seen(
                    after, version(modified, editor(row["Modified_By"])),
                    read_instant(modified), read_instant(str(row["Created_Time"])),
                )  # fmt: skip
            if not answer.more:
                return found


def _result(write: Write, created: bool, id: str, record: _Seen | None) -> WriteResult:
    return WriteResult(
        key=write.key,
        id=id,
        created=created and write.kind == "create",
        version=record.version if record else "",
        modified_at=record.modified_at if record else None,
    )


def _named(
    writes: Sequence[Write], items: Mapping[int, Any]
) -> Iterator[tuple[str, str, list[int]]]:
    """(operation, naming field, positions) of the writes that name their record, each record
    once: of several writes to one record Zoho does not say which is the last."""
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for kind in ("create", "update"):
        for at in items:
            write = writes[at]
            if write.kind == kind == "update":
                groups.setdefault(("update", "id"), {})[at] = write.id
            elif write.kind == kind and write.external:
                field, value = write.external
                groups.setdefault(("upsert", field), {})[at] = value.strip().casefold()
    for (operation, key), named in groups.items():
        times = Counter(named.values())
        yield operation, key, [at for at, name in named.items() if name and times[name] == 1]
