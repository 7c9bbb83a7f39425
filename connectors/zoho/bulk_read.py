"""Reading a whole module by Bulk Read: up to 200,000 records for 50 credits, as a CSV.

Zoho does not say in which order the records come. A page's cursor therefore names the job and
how many of its rows were read: the result stays as it is for a day, and is read on from there
after a cut-off. The next 200,000 are asked for with the page token of the ones before, never by
page number: a record deleted meanwhile would move others to a page that was read already.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from connectors.base import FieldInfo, Page, Record
from connectors.errors import Bug, ConnectorError
from connectors.zoho import errors
from connectors.zoho.cells import FLAT, read_cell
from connectors.zoho.cursor import Cursor
from connectors.zoho.describe import Describer
from connectors.zoho.jobs import DECLINED, Failed, Jobs
from connectors.zoho.values import STAMPS, record

PAGE = 2_000
_FIELDS = 200


class BulkReader:
    """Bulk Read of one account."""

    def __init__(self, jobs: Jobs, describer: Describer) -> None:
        self._jobs = jobs
        self._describer = describer

    def pull(
        self, object: str, fields: Sequence[str], cursor: Cursor, expected: int | None
    ) -> Iterator[Page]:
        """All records from where the cursor stands. The first page of a job is empty: from
        its cursor a later pull finds the job that was paid for.

        Raises:
            Failed: it cannot be done, or not be gone on with, by Bulk Read.
        """
        while True:
            if not cursor.job:
                job = self._start(object, fields, cursor.token)
                cursor = replace(cursor, job=job, rows=0, token="")
                yield Page((), cursor.text(), last=False, expected=expected)
            result = self._jobs.finished("read", cursor.job)
            more, token = bool(result.get("more_records")), str(result.get("next_page_token") or "")
            if more and not token:
                raise Failed("there are more records, and no token to ask for them")
            finished = Cursor(cursor.next)
            after = replace(cursor, job="", rows=0, token=token) if more else finished
            held: list[Record] = []
            for found in self._records(object, fields, cursor):
                held.append(found)
                if len(held) > PAGE:
                    cursor = replace(cursor, rows=cursor.rows + PAGE)
                    yield Page(tuple(held[:PAGE]), cursor.text(), last=False, expected=expected)
                    del held[:PAGE]
            yield Page(tuple(held), after.text(), last=not more, expected=expected)
            if not more:
                return
            cursor = after

    def _names(self, object: str, fields: Sequence[str]) -> list[str]:
        """The fields to ask for: those that the account shows, and the stamps.

        Raises:
            Failed: a CSV cannot carry one of them, or there are too many.
        """
        known = self._describer.known(object).fields
        asked = [name for name in dict.fromkeys((*STAMPS, *fields)) if name in known]
        names = [name for name in asked if name != "id"]
        if len(names) > _FIELDS or any(known[name].type not in FLAT for name in names):
            raise Failed("fields that Bulk Read does not give as the record APIs do")
        return names

    def _start(self, object: str, fields: Sequence[str], token: str) -> str:
        while True:
            names = self._names(object, fields)
            query = {"module": {"api_name": object}, "fields": names}
            asked = {**query, "page_token": token} if token else query
            try:
                return self._jobs.start("read", {"query": asked, "file_type": "csv"})
            except ConnectorError as error:
                if error.code == "FIELD_NOT_AVAILABLE":
                    # Renamed, or hidden from us, since the fields were last read.
                    self._describer.describe(object)
                    if self._names(object, fields) != names:
                        continue
                if isinstance(error, DECLINED) or error.code in errors.PAGING_CODES:
                    raise Failed(str(error)) from error
                raise

    def _records(self, object: str, fields: Sequence[str], cursor: Cursor) -> Iterator[Record]:
        known = self._describer.known(object).fields
        names = self._names(object, fields)
        with self._jobs.lines(f"/crm/bulk/v8/read/{cursor.job}/result") as lines, _readable(object):
            header = next(lines, [])
            places = {name.casefold(): at for at, name in enumerate(header)}
            if any(name.casefold() not in places for name in ("id", *names)):
                raise Failed("the job was for other fields")
            columns = [(known[name], places[name.casefold()]) for name in names]
            id = places["id"]
            for number, line in enumerate(lines):
                if number >= cursor.rows:
                    yield _record(object, line[id], columns, line, fields)


def _record(
    object: str,
    id: str,
    columns: Sequence[tuple[FieldInfo, int]],
    line: Sequence[str],
    fields: Sequence[str],
) -> Record:
    row = {field.name: read_cell(field, line[at]) for field, at in columns}
    return record(object, id, row, fields)


@contextmanager
def _readable(object: str) -> Iterator[None]:
    try:
        yield
    except (csv.Error, zipfile.BadZipFile, LookupError, UnicodeDecodeError) as error:
        raise Bug(f"a result of Bulk Read for {object} is not understood: {error}") from error
