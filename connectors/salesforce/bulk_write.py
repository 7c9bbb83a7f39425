"""Many writes of one kind at once, through Bulk API 2.0 ingest jobs.

Only writes that may be sent twice go this way: updates, archives, and creates keyed on an
external id. Their key also says which row of the results is whose, for Salesforce returns
them in any order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base import NativeType, ObjectInfo
from connectors.errors import AuthenticationFailed, ConnectorError, Locked, Unavailable, Wait
from connectors.salesforce.batch import Item
from connectors.salesforce.bulk import Job, JobGone, Jobs, written
from connectors.salesforce.errors import from_item
from connectors.salesforce.values import NULL, to18, to_cell

#: Pushes of more writes of one kind than this go through the Bulk API.
BULK_WRITE_FROM = 2_000
#: Most characters of one job's CSV; Salesforce takes 100 MB of bytes, four to a character.
LARGEST = 25_000_000
#: Most characters of a cell.
_LONGEST = 32_000
_OPERATIONS = {"create": "upsert", "update": "update", "archive": "delete"}
_PART = re.compile(r"--;(?=[A-Z_]+:)")


class BulkWriter:
    """Writes to one account, if there is enough to write."""

    def __init__(self, connection: str, jobs: Jobs, least: int = BULK_WRITE_FROM) -> None:
        self._connection = connection
        self._jobs = jobs
        self._least = least
        self._started: dict[str, str] = {}
        """Jobs whose outcome was not learnt, by what was sent in them."""

    def worth(self, kind: str, key: str, count: int) -> bool:
        """Whether so many writes of a kind are for the Bulk API; `key` is the external id
        field of creates."""
        return count > self._least and (kind != "create" or bool(key))

    def deliver(self, info: ObjectInfo, kind: str, key: str, items: Sequence[Item]) -> list[Item]:
        """Send items and note each one's outcome in it.

        Returns:
            what has to be sent in another way: what CSV cannot say, rows that others hold,
            rows of a job that failed as a whole, or everything where there is no Bulk API.

        Raises:
            AuthenticationFailed: nothing was sent.
        """
        field = key if kind == "create" else "Id"
        rows, left = _rows(field, items)
        # Rows with one parent together: jobs run in parallel, and lock the parents.
        parents = [name for name, made in info.fields.items() if made.type is NativeType.LOOKUP]
        order = sorted(rows, key=lambda name: [rows[name][0].get(p, "") for p in parents])
        settings = {"object": info.name, "operation": _OPERATIONS[kind]}
        if kind == "create":
            settings["externalIdFieldName"] = key
        failure: ConnectorError | None = None
        for part in _parts(field, rows, order):
            waiting = {name: rows[name][1] for name in part}
            if failure is None:
                try:
                    text = _text(field, [rows[name][0] for name in part])
                    left += self._one(info.name, settings, field, text, waiting)
                    continue
                except (Wait, AuthenticationFailed) as error:
                    if isinstance(error, AuthenticationFailed) and not self._begun(items):
                        raise
                    failure = error
                except ConnectorError:
                    # No Bulk API for this account or object: collections say what is wrong.
                    left += [item for item in waiting.values() if not item.done]
                    continue
            left += [item for item in waiting.values() if not item.done]
        if failure is None:
            return left
        # Nothing overtakes what has to wait: of two writes to one record the later wins.
        for item in left:
            item.error = failure
        return []

    def _begun(self, items: Sequence[Item]) -> bool:
        """Something may have been written already."""
        return bool(self._started) or any(item.done for item in items)

    def _one(
        self,
        object: str,
        settings: Mapping[str, str],
        field: str,
        text: str,
        waiting: Mapping[str, Item],
    ) -> list[Item]:
        """One job; the items to send in another way.

        Raises:
            ConnectorError: nothing is known of the items.
        """
        # The same values planned on another version of a record are not the same write.
        versions = [item.version for item in waiting.values()]
        sent = hashlib.blake2b((json.dumps([settings, versions]) + text).encode()).hexdigest()
        try:
            job = self._carried_out(sent, settings, text)
        except JobGone:
            # It cannot be told any more whether it was done; doing it again does no harm.
            self._started.pop(sent, None)
            try:
                job = self._carried_out(sent, settings, text)
            except JobGone as gone:
                raise Unavailable(
                    f"{self._connection}: Salesforce does not know the bulk job it has just taken",
                    connection=self._connection,
                ) from gone
        left = self._settle(object, job, field, waiting)
        self._started.pop(sent, None)
        return left

    def _carried_out(self, sent: str, settings: Mapping[str, str], text: str) -> Job:
        """The job when it is over; the one started before, if the same was sent already."""
        id = self._started.get(sent)
        if id is None:
            id = self._started[sent] = self._jobs.upload(settings, text)
            self._jobs.start(id)
        elif self._jobs.look("ingest", id).state == "Open":
            self._jobs.start(id)
        return self._jobs.wait("ingest", id)

    def _settle(self, object: str, job: Job, field: str, waiting: Mapping[str, Item]) -> list[Item]:
        """Note the outcome of each row; the items to send in another way.

        Only what the job itself does not tell is asked for: the ids of what was created, and
        which rows were refused.
        """
        clean = job.state == "JobComplete" and job.failed == 0 and job.processed == len(waiting)
        if clean and field == "Id":
            for sent in waiting.values():
                sent.error, sent.done = None, True
            return []
        for row in self._jobs.outcome(job.id, "successfulResults"):
            item = waiting.get(_key(field, row.get(field) or row["sf__Id"]))
            if item is not None:
                item.id = to18(row["sf__Id"] or item.id)
                item.created = row["sf__Created"] == "true"
                item.error, item.done = None, True
        left: list[Item] = []
        for row in [] if clean else self._jobs.outcome(job.id, "failedResults"):
            item = waiting.get(_key(field, row.get(field) or row["sf__Id"]))
            if item is None or item.done:
                continue
            error = from_item(self._connection, object, errors(row["sf__Error"]))
            if not item.body and error.code == "ENTITY_IS_DELETED":
                # Deleted already is what was asked for.
                item.error, item.done = None, True
            elif isinstance(error, Locked):
                left.append(item)
            else:
                item.error, item.done = error, True
        held = {id(item) for item in left}
        rest = [item for item in waiting.values() if not item.done and id(item) not in held]
        if job.state == "Failed":
            return left + rest
        for item in rest:
            item.error = Unavailable(
                f"{self._connection}: bulk job {job.id} ended ({job.state}) without this record",
                connection=self._connection,
                words=job.words,
            )
        return left


def errors(text: str) -> list[dict[str, Any]]:
    """The refusals in a row's ``sf__Error``: ``CODE:message:Field,Field --``, several of them
    with ``;`` between."""
    found = []
    for part in _PART.split(text):
        code, _, rest = part.strip().removesuffix("--").strip().partition(":")
        message, _, fields = rest.rpartition(":")
        names = [name.strip() for name in fields.split(",") if name.strip()]
        if not all(re.fullmatch(r"[A-Za-z]\w*", name) for name in names):
            # The last colon stood in the message.
            message, names = rest, []
        found.append({"statusCode": code, "message": message or rest, "fields": names})
    return found


def _key(field: str, text: str) -> str:
    """Keys as Salesforce compares them: ids long, other texts without blanks and case."""
    return to18(text.strip()) if field == "Id" else text.strip().casefold()


def _rows(
    field: str, items: Sequence[Item]
) -> tuple[dict[str, tuple[dict[str, str], Item]], list[Item]]:
    """Cells and item by key, and the items that a job cannot carry."""
    rows: dict[str, tuple[dict[str, str], Item]] = {}
    left: list[Item] = []
    for item in items:
        cells = _cells(field, item)
        key = _key(field, cells.get(field, "")) if cells else ""
        # The order within a job is Salesforce's: of two writes to one record one must wait.
        if cells is None or not key or key in rows:
            left.append(item)
        else:
            rows[key] = (cells, item)
    return rows, left


def _cells(field: str, item: Item) -> dict[str, str] | None:
    """An item's cells by column; None if CSV cannot say them."""
    cells = {"Id": item.id} if field == "Id" else {}
    for name, value in item.body.items():
        if name in ("attributes", "id"):
            continue
        if isinstance(value, str) and (value.strip() == NULL or len(value) > _LONGEST):
            return None
        cells[name] = to_cell(value)
    return None if cells.get(field) == NULL else cells


def _text(field: str, rows: Sequence[Mapping[str, str]]) -> str:
    """CSV of rows; the columns are those of any of them."""
    names = sorted({name for row in rows for name in row} - {field})
    columns = [field, *names]
    return written(columns, ([row.get(name, "") for name in columns] for row in rows))


def _parts(
    field: str, rows: Mapping[str, tuple[dict[str, str], Item]], order: Sequence[str]
) -> Iterator[list[str]]:
    """Keys of rows that go into one job."""
    part: list[str] = []
    used = 0
    columns = len({name for cells, _ in rows.values() for name in cells})
    for key in order:
        size = 3 * columns + sum(len(text) + 3 for text in rows[key][0].values())
        if part and used + size > LARGEST:
            yield part
            part, used = [], 0
        part.append(key)
        used += size
    if part:
        yield part
