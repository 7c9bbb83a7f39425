"""The connector protocol on an `Account` in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import nsmallest

from connectors import base
from connectors.base import (
    Capabilities,
    FieldInfo,
    NativeType,
    ObjectInfo,
    Page,
    Pipeline,
    Provisioned,
    Record,
    User,
    Value,
    Write,
    WriteResult,
)
from connectors.budget import Budget
from connectors.errors import Bug, Gone, ItemError, Misconfigured, Stop, Wait
from connectors.memory.account import HUB_USER, Account, Row
from connectors.memory.checks import require, stored
from connectors.text import refusal
from connectors.transport import Meter


class MemoryConnector:
    """See `connectors.base.Connector`."""

    vendor = "memory"

    def __init__(
        self,
        connection: str,
        account: Account,
        *,
        batch: int = 5,
        page: int = 5,
        budget: Budget | None = None,
    ) -> None:
        self.connection = connection
        self._budget = budget
        self.meter = Meter()
        self.capabilities = Capabilities(
            write_batch=batch,
            fetch_batch=page,
            page_size=page,
            read_lag=account.quirks.lag,
        )
        self._account = account

    def _call(self, name: str, moment: str = "before") -> None:
        if moment == "before":
            if self._budget is not None:
                self._budget.take()
            self.meter.add()
        self._account.interfere(name, moment)

    def check(self) -> base.Account:
        """Always the account's own."""
        self._call("check")
        account = self._account
        return base.Account(
            id=account.name,
            name=account.name,
            currency=account.currency,
            time_zone=account.time_zone,
            user_id=HUB_USER,
            api_version="1",
        )

    def describe(self, object: str) -> ObjectInfo:
        """The object without its hidden fields."""
        self._call("describe")
        info = self._info(object)
        quirks = self._account.quirks
        fields = {
            name: replace(
                field,
                createable=field.createable and name not in quirks.read_only,
                updateable=field.updateable and name not in quirks.read_only,
                unique=field.unique or name in quirks.unique,
            )
            for name, field in self._account.shown(info).items()
        }
        return replace(info, fields=fields)

    def _info(self, object: str) -> ObjectInfo:
        try:
            return self._account.objects[object]
        except KeyError:
            raise Misconfigured(
                f"{self.connection}: the account has no object {object!r}",
                connection=self.connection,
            ) from None

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        """Ordered by (stamp, id), from the cursor's stamp on. The account's own clock says up to
        when everything was seen."""
        self._info(object)
        start, after = _read_cursor(since)
        lag = timedelta(seconds=self._account.quirks.lag)
        start -= lag
        size = self.capabilities.page_size
        # What was deleted before a first load is of no interest; what is deleted during it may
        # have been read already.
        all_rows = self._account.rows[object].values()
        unseen = {row.id for row in all_rows if row.deleted} if since is None else set()
        while True:
            self._call("pull")
            seen_to = self._account.now() - lag
            rows = self._changed(object, start, after, size + 1, unseen)
            chosen = rows[:size]
            last = len(rows) <= size
            if chosen:
                start, after = chosen[-1].modified_at, chosen[-1].id
            # The last page's cursor repeats its instant: others may still get the same stamp.
            yield Page(
                records=tuple(self._record(object, row, fields) for row in chosen),
                cursor=_cursor(max(start, seen_to), "") if last else _cursor(start, after),
                last=last,
                expected=None,
            )
            if last:
                return

    def _changed(
        self, object: str, start: datetime, after: str, most: int, unseen: set[str]
    ) -> list[Row]:
        """The first rows after (start, after), at most so many; no deleted one of `unseen`."""
        shown = self._account.now() - timedelta(seconds=self._account.quirks.lag)
        rows = (
            row
            for row in self._account.rows[object].values()
            if (row.modified_at, row.id) > (start, after)
            and (row.modified_at <= shown or not self._account.quirks.lag)
            and not (row.deleted and row.id in unseen)
        )
        return nsmallest(most, rows, key=lambda row: (row.modified_at, row.id))

    def _record(self, object: str, row: Row, fields: Sequence[str]) -> Record:
        shown = self._account.shown(self._info(object))
        values = {} if row.deleted else {n: _value(row, shown[n]) for n in fields if n in shown}
        return Record(
            object=object,
            id=row.id,
            values=values,
            version=str(row.version),
            modified_at=row.modified_at,
            created_at=row.created_at,
            modified_by=row.modified_by,
            deleted=row.deleted,
            merged_into=row.merged_into,
        )

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """By id; unknown ids come as deleted."""
        if not ids:
            return []
        self._call("fetch")
        rows = self._account.rows[object]
        found = []
        for id in ids:
            row = rows.get(id)
            if row is None:
                gone = Row(id, {}, self._account.now(), "", self._account.now(), deleted=True)
                found.append(replace(self._record(object, gone, fields), certain=False))
                continue
            found.append(self._record(object, row, fields))
            if row.merged_into and row.merged_into in rows:
                found.append(self._record(object, rows[row.merged_into], fields))
        return found

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """Live records by value, immediately."""
        if not values:
            return []
        if field not in self._account.shown(self._info(object)):
            raise Misconfigured(
                f"{self.connection}: {object} has no field {field!r}", connection=self.connection
            )
        self._call("find")
        return [
            self._record(object, row, fields)
            for row in self._account.live(object).values()
            if row.values.get(field) in values
        ]

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """In batches, one write after another; a failing one leaves the others alone."""
        self._info(object)
        results: list[WriteResult] = []
        size = self.capabilities.write_batch
        for start in range(0, len(writes), size):
            batch = writes[start : start + size]
            try:
                self._call("push")
                made = [self._outcome(object, write) for write in batch]
                self._call("push", "after")
                results += made
            except (Wait, Stop, Bug) as error:
                if isinstance(error, Stop) and not start:
                    raise
                left = writes[start:]
                return results + [WriteResult(w.key, id=w.id, error=error) for w in left]
        return results

    def _outcome(self, object: str, write: Write) -> WriteResult:
        self._account.writes += 1
        try:
            refused = refusal(self.connection, object, write)
            if refused is not None:
                raise refused
            return self._apply(object, write)
        except ItemError as error:
            return WriteResult(key=write.key, id=write.id, error=error)

    def _apply(self, object: str, write: Write) -> WriteResult:
        account, info = self._account, self._info(object)
        values = stored(info, write.values)
        if write.external is not None:
            values[write.external[0]] = write.external[1]
        row = self._by_external(object, write)
        created = write.kind == "create" and row is None
        if write.kind != "create":
            row = account.rows[object].get(write.id)
            if row is None or row.deleted:
                raise Gone(
                    f"{self.connection}: {object} {write.id} was deleted",
                    connection=self.connection,
                    merged_into=row.merged_into if row else "",
                )
        if write.kind == "archive":
            account.remove(object, write.id, HUB_USER)
        else:
            require(account, self.connection, info, replace(write, values=values), _id(row))
            if row is None:
                row = account.rows[object][account.create(object, values, HUB_USER)]
            else:
                account.edit(object, row.id, values, HUB_USER)
        assert row is not None
        told = account.quirks.returns_version
        return WriteResult(
            key=write.key,
            id=row.id,
            created=created,
            version=str(row.version) if told else "",
            modified_at=row.modified_at if told else None,
        )

    def _by_external(self, object: str, write: Write) -> Row | None:
        if write.kind != "create" or write.external is None:
            return None
        name, value = write.external
        rows = self._account.live(object).values()
        return next((row for row in rows if row.values.get(name) == value), None)

    def users(self) -> list[User]:
        """The account's users."""
        self._call("users")
        return list(self._account.users)

    def pipelines(self, object: str) -> list[Pipeline]:
        """The account's pipelines."""
        self._call("pipelines")
        return list(self._account.pipelines.get(object, []))

    def provision(self, object: str, field: str) -> Provisioned:
        """Add the external-id field; one that is there must be unique."""
        self._call("provision")
        known = self._account.shown(self._info(object)).get(field)
        if known is not None and not (known.unique or field in self._account.quirks.unique):
            return Provisioned(object, field, False, f"make {object}.{field} unique")
        self._account.external[object] = field
        return Provisioned(object, field, created=known is None)

    def close(self) -> None:
        """Nothing to release."""


def _cursor(stamp: datetime, after: str) -> str:
    return json.dumps([stamp.isoformat(), after])


def _read_cursor(since: str | None) -> tuple[datetime, str]:
    if since is None:
        return datetime.min.replace(tzinfo=UTC) + timedelta(days=1), ""
    stamp, after = json.loads(since)
    return datetime.fromisoformat(stamp), after


def _id(row: Row | None) -> str:
    return row.id if row else ""


#: Fields of type instant in which an account shows a record's own stamps.
_STAMPS = {
    "created_at": lambda row: row.created_at,
    "modified_at": lambda row: row.modified_at,
}


def _value(row: Row, field: FieldInfo) -> Value:
    if field.type is NativeType.INSTANT and field.name in _STAMPS:
        return str(_STAMPS[field.name](row).isoformat())
    value = row.values.get(field.name)
    return () if value is None and field.type is NativeType.LOOKUPS else value
