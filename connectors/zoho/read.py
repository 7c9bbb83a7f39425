# ruff: noqa: S608 - COQL, with every value through `quote`
"""Reading records: everything, what changed, by id, by value.

Everything is read by COQL windows in the order of the ids, each going on after the last:
``id > X order by id``. Why not the list: its pages hold 200 records, it ends at 100,000, and its
place is a token that expires; a COQL window holds 2,000 for the credits of three list pages.

What changed is read by COQL alone: ``Modified_Time >= T order by Modified_Time, id``, each page
going on after the last (stamp, id). COQL needs no token and stays complete however many records
share one second. It reads the records, not an index.

A pull starts 120 seconds before Zoho's own time at the start of the one before it. That covers
writes that were stamped then and committed later, and clocks that differ among Zoho's servers.

Deleted records stand in a list of their own, which costs a call (of two credits) to look at. It
is looked at once an interval, by Zoho's own time, and from where the last look began: a deletion
comes later, and never not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import NativeType, Page, Record
from connectors.errors import Invalid, Misconfigured, Unavailable
from connectors.zoho.bulk_read import BulkReader
from connectors.zoho.client import Answer, Client
from connectors.zoho.cursor import Cursor
from connectors.zoho.describe import Describer
from connectors.zoho.jobs import Failed
from connectors.zoho.joined import join
from connectors.zoho.values import STAMPS, editor, read_instant, version, write_instant

OVERLAP = timedelta(seconds=120)
DELETED_PAGE = 200
COQL_PAGE = 2_000
IDS = 100

#: So many pages of deleted records are looked through for single ones.
_DELETED_PAGES = 10
_FIELDS = 50 - len(STAMPS)
_IN = 50
_BARE = re.compile(r"-?\d+(\.\d+)?|true|false")
_BEGINNING = "1970-01-01T00:00:00+00:00"


def quote(text: str) -> str:
    """A text as COQL writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _parts(items: Sequence[str], size: int) -> list[Sequence[str]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


class Reader:
    """The reading calls of one account."""

    def __init__(
        self,
        client: Client,
        describer: Describer,
        bulk: BulkReader,
        bulk_from: int,
        deletes_every: timedelta,
    ) -> None:
        self._client = client
        self._describer = describer
        self._bulk = bulk
        self._bulk_from = bulk_from
        self._deletes_every = deletes_every

    # -- pull ------------------------------------------------------------------------

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        """See `connectors.base.Connector.pull`."""
        if since is None:
            self._describer.current(object)
        chunks = self._chunks(object, fields)
        if since is None:
            counted = self._client.get(f"{object}/actions/count")
            total = counted.body.get("count")
            start = Cursor(_BEGINNING, self._start(counted), everything=True)
            expected = int(total) if total is not None else None
            if expected is not None and expected > self._bulk_from:
                yield from self._in_bulk(object, fields, chunks, start, expected)
            else:
                yield from self._windows(object, fields, chunks, start, expected)
            return
        cursor = Cursor.read(since)
        if cursor.bulk:
            yield from self._in_bulk(object, fields, chunks, cursor, None)
        elif cursor.everything:
            yield from self._windows(object, fields, chunks, cursor, None)
        else:
            yield from self._changes(object, fields, chunks, cursor)

    @staticmethod
    def _start(answer: Answer) -> str:
        return write_instant(answer.at - OVERLAP)

    def _in_bulk(
        self,
        object: str,
        fields: Sequence[str],
        chunks: list[list[str]],
        cursor: Cursor,
        expected: int | None,
    ) -> Iterator[Page]:
        """By Bulk Read; where Zoho declines that, all of it once more by COQL."""
        try:
            yield from self._bulk.pull(object, fields, cursor, expected)
        except Failed:
            start = Cursor(cursor.since, cursor.next, everything=True)
            yield from self._windows(object, fields, chunks, start, expected)

    def _windows(
        self,
        object: str,
        fields: Sequence[str],
        chunks: list[list[str]],
        cursor: Cursor,
        expected: int | None,
    ) -> Iterator[Page]:
        while True:
            after = cursor.after[0] if cursor.after else "0"
            answer = self._select(
                object, fields, chunks, f"id > {quote(after)} order by id limit {COQL_PAGE}"
            )
            rows = self._client.records(answer)
            if rows:
                cursor = Cursor(cursor.since, cursor.next, True, (str(rows[-1]["id"]),))
            last = not answer.more
            yield self._page(object, fields, chunks, rows, cursor, last, expected)
            if last:
                return

    def _page(
        self,
        object: str,
        fields: Sequence[str],
        chunks: list[list[str]],
        rows: list[Any],
        cursor: Cursor,
        last: bool,
        expected: int | None,
    ) -> Page:
        return Page(
            records=tuple(self._records(object, fields, chunks, rows)),
            cursor=Cursor(cursor.next).text() if last else cursor.text(),
            last=last,
            expected=expected,
        )

    def _changes(
        self, object: str, fields: Sequence[str], chunks: list[list[str]], cursor: Cursor
    ) -> Iterator[Page]:
        while cursor.after != ():
            if cursor.after is None:
                where = f"Modified_Time >= {quote(cursor.since)}"
            else:
                stamp, id = (quote(part) for part in cursor.after)
                where = (
                    f"((Modified_Time > {stamp}) or ((Modified_Time = {stamp}) and (id > {id})))"
                )
            answer = self._select(
                object,
                fields,
                chunks,
                f"{where} order by Modified_Time, id limit {COQL_PAGE}",
            )
            rows = self._client.records(answer)
            after: tuple[str, ...] = ()
            if rows and answer.more:
                stamped = write_instant(read_instant(str(rows[-1]["Modified_Time"])))
                after = (stamped, str(rows[-1]["id"]))
            next = cursor.next or self._start(answer)
            cursor = Cursor(cursor.since, next, False, after, looked=cursor.looked)
            quiet = after == () and not self._is_due(cursor)
            done = Cursor(next, looked=cursor.deletions_since)
            yield Page(
                records=tuple(self._records(object, fields, chunks, rows)),
                cursor=done.text() if quiet else cursor.text(),
                last=quiet,
            )
            if quiet:
                return
        yield from self._deletions(object, cursor)

    def _is_due(self, cursor: Cursor) -> bool:
        """Whether it is time to look for deletions."""
        last = read_instant(cursor.deletions_since)
        return read_instant(cursor.next) - last >= self._deletes_every

    def _deletions(self, object: str, cursor: Cursor) -> Iterator[Page]:
        """Deleted records, the newest first: one deleted meanwhile only moves others back.

        Zoho shows the losers of a merge here, and does not say into which record they went.
        """
        number = 1
        while True:
            answer = self._client.get(
                f"{object}/deleted",
                {"type": "all", "per_page": str(DELETED_PAGE), "page": str(number)},
                {"If-Modified-Since": cursor.deletions_since},
            )
            records = []
            for raw in self._client.records(answer):
                stamped = str(raw["deleted_time"])
                by = editor(raw.get("deleted_by"))
                records.append(
                    Record(
                        object=object,
                        id=str(raw["id"]),
                        values={},
                        version=f"deleted/{version(stamped, by)}",
                        modified_at=read_instant(stamped),
                        modified_by=by,
                        deleted=True,
                    )
                )
            last = not answer.more
            text = Cursor(cursor.next).text() if last else cursor.text()
            yield Page(records=tuple(records), cursor=text, last=last)
            if last:
                return
            number += 1

    # -- by id, by value -------------------------------------------------------------

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """See `connectors.base.Connector.fetch`."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return []
        chunks = self._chunks(object, fields)
        found: list[Record] = []
        missing: dict[str, datetime] = {}
        for part in _parts(wanted, IDS):
            rows, at = self._by_ids(object, part, chunks[0])
            here, torn = self._joined(object, fields, chunks, rows)
            self._require_whole(object, torn)
            known = {record.id for record in here}
            found += here
            missing.update({id: at for id in part if id not in known})
        sure = self._deleted_of(object, missing.keys())
        return found + [
            Record(
                object=object,
                id=id,
                values={},
                version="deleted",
                modified_at=at,
                deleted=True,
                certain=id in sure,
            )
            for id, at in missing.items()
        ]

    def _deleted_of(self, object: str, ids: Set[str]) -> set[str]:
        """Those of the ids that are among the records deleted last. One that is in neither list
        was erased long ago, or is hidden from our user."""
        found: set[str] = set()
        number = 1
        while len(found) < len(ids) and number <= _DELETED_PAGES:
            query = {"type": "all", "per_page": str(DELETED_PAGE), "page": str(number)}
            answer = self._client.get(f"{object}/deleted", query)
            found |= {str(raw["id"]) for raw in self._client.records(answer)} & ids
            if not answer.more:
                break
            number += 1
        return found

    def _by_ids(
        self, object: str, ids: Sequence[str], names: Sequence[str]
    ) -> tuple[list[Any], datetime]:
        """The rows there are, and Zoho's time. An id Zoho does not take for one has no row."""
        try:
            answer = self._client.get(object, {"ids": ",".join(ids), "fields": ",".join(names)})
        except Invalid:
            if len(ids) == 1:
                return [], datetime.now(UTC)
            middle = len(ids) // 2
            left, _ = self._by_ids(object, ids[:middle], names)
            right, at = self._by_ids(object, ids[middle:], names)
            return left + right, at
        return self._client.records(answer), answer.at

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """See `connectors.base.Connector.find`. COQL reads the records; Zoho's search would
        read an index that lags."""
        wanted = [value for value in dict.fromkeys(values) if value != ""]
        if not wanted:
            return []
        if field == "id":
            return [r for r in self.fetch(object, wanted, fields) if not r.deleted]
        info = self._describer.known(object).fields.get(field)
        if info is None:
            raise Misconfigured(
                f"{self._client.connection}: {object} has no field {field}",
                connection=self._client.connection,
            )
        bare = info.type in (
            NativeType.INTEGER, NativeType.DECIMAL, NativeType.MONEY, NativeType.BOOLEAN,
        )  # fmt: skip
        if bare:
            wanted = [value for value in wanted if _BARE.fullmatch(value)]
        chunks = self._chunks(object, fields)
        found: list[Record] = []
        for part in _parts(wanted, _IN):
            listed = ", ".join(part if bare else [quote(value) for value in part])
            after = "0"
            while True:
                answer = self._select(
                    object,
                    fields,
                    chunks,
                    f"(({field} in ({listed})) and (id > {quote(after)})) "
                    f"order by id limit {COQL_PAGE}",
                )
                rows = self._client.records(answer)
                here, torn = self._joined(object, fields, chunks, rows)
                self._require_whole(object, torn)
                found += here
                if not answer.more:
                    break
                after = str(rows[-1]["id"])
        return found

    # -- rows to records -------------------------------------------------------------

    def _chunks(self, object: str, fields: Sequence[str]) -> list[list[str]]:
        """The fields the account shows, in groups that one call may ask for; the stamps are
        in each."""
        known = self._describer.known(object).fields
        asked = [
            name
            for name in dict.fromkeys(fields)
            if name in known and name != "id" and name not in STAMPS
        ]
        parts = _parts(asked, _FIELDS) or [[]]
        return [[*STAMPS, *part] for part in parts]

    def _select(
        self, object: str, fields: Sequence[str], chunks: list[list[str]], rest: str
    ) -> Answer:
        """The first chunk's fields by COQL.

        COQL refuses a query for one unknown column. A field may have been renamed, or hidden
        from us, since the fields were last read: they are read anew, and `chunks` changed in
        place, before that is an error.
        """
        while True:
            names = ", ".join(chunks[0])
            try:
                return self._client.coql(f"select {names} from {object} where {rest}")
            except Misconfigured as error:
                if error.code != "INVALID_QUERY":
                    raise
                self._describer.describe(object)
                fresh = self._chunks(object, fields)
                if fresh == chunks:
                    raise
                chunks[:] = fresh

    def _records(
        self, object: str, fields: Sequence[str], chunks: list[list[str]], rows: list[Any]
    ) -> list[Record]:
        """Rows of the first chunk, joined with their other fields.

        A record that keeps changing while it is read is left out: its change is newer than this
        pull, so it comes again. One deleted between two reads is left out, too; its deletion is
        reported.
        """
        records, _ = self._joined(object, fields, chunks, rows)
        return records

    def _joined(
        self, object: str, fields: Sequence[str], chunks: list[list[str]], rows: list[Any]
    ) -> tuple[list[Record], list[str]]:
        """See `join`."""
        return join(self._rows, object, fields, chunks, rows)

    def _rows(self, object: str, ids: Sequence[str], names: Sequence[str]) -> list[Any]:
        """The rows there are, however many are asked for."""
        return [row for part in _parts(ids, IDS) for row in self._by_ids(object, part, names)[0]]

    def _require_whole(self, object: str, torn: Sequence[str]) -> None:
        if torn:
            raise Unavailable(
                f"{self._client.connection}: {object} {', '.join(torn)} changes faster than it "
                "can be read",
                connection=self._client.connection,
            )
