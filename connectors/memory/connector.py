"""The connector protocol on an `Account` in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
    Write,
    WriteResult,
)
from connectors.budget import Budget
from connectors.errors import (
    Duplicate,
    Gone,
    Invalid,
    ItemError,
    Misconfigured,
    Refused,
)
from connectors.memory.account import HUB_USER, Account, Row
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
            for name, field in info.fields.items()
            if name not in quirks.hidden
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
        """Ordered by (stamp, id), from the cursor's stamp on."""
        self._info(object)
        start, after = _read_cursor(since)
        start -= timedelta(seconds=self._account.quirks.lag)
        size = self.capabilities.page_size
        while True:
            self._call("pull")
            rows = self._changed(object, start, after, first_load=since is None)
            chosen = rows[:size]
            last = len(rows) <= size
            if chosen:
                start, after = chosen[-1].modified_at, chosen[-1].id
            # The last page's cursor repeats its stamp: others may still get the same one.
            cursor = _cursor(start, "" if last else after)
            yield Page(
                records=tuple(self._record(object, row, fields) for row in chosen),
                cursor=cursor,
                last=last,
                expected=None,
            )
            if last:
                return

    def _changed(self, object: str, start: datetime, after: str, *, first_load: bool) -> list[Row]:
        shown = self._account.now() - timedelta(seconds=self._account.quirks.lag)
        rows = [
            row
            for row in self._account.rows[object].values()
            if (row.modified_at, row.id) > (start, after)
            and (row.modified_at <= shown or not self._account.quirks.lag)
            and not (row.deleted and first_load)
        ]
        return sorted(rows, key=lambda row: (row.modified_at, row.id))

    def _record(self, object: str, row: Row, fields: Sequence[str]) -> Record:
        known, hidden = self._account.objects[object].fields, self._account.quirks.hidden
        external = self._account.external.get(object)
        values = (
            {}
            if row.deleted
            else {
                name: row.values.get(name)
                for name in fields
                if (name in known or name == external) and name not in hidden
            }
        )
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
                found.append(self._record(object, gone, fields))
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
        self._call("find")
        return [
            self._record(object, row, fields)
            for row in self._account.live(object).values()
            if row.values.get(field) in values
        ]

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """One after another; a failing one leaves the others alone."""
        self._info(object)
        if not writes:
            return []
        self._call("push")
        results = []
        for write in writes:
            self._account.writes += 1
            try:
                results.append(self._apply(object, write))
            except ItemError as error:
                results.append(WriteResult(key=write.key, id=write.id, error=error))
        self._call("push", "after")
        return results

    def _apply(self, object: str, write: Write) -> WriteResult:
        account = self._account
        self._refuse_read_only(write)
        row = None
        created = False
        if write.kind == "create":
            row = self._by_external(object, write)
            values = dict(write.values)
            if write.external is not None:
                values[write.external[0]] = write.external[1]
            self._refuse_duplicate(object, values, row.id if row else "")
            if row is None:
                self._refuse_missing(object, values)
                row = account.rows[object][account.create(object, values, HUB_USER)]
                created = True
            else:
                account.edit(object, row.id, values, HUB_USER)
        else:
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
                self._refuse_duplicate(object, write.values, write.id)
                account.edit(object, write.id, write.values, HUB_USER)
        told = account.quirks.returns_version
        return WriteResult(
            key=write.key,
            id=row.id,
            created=created,
            version=str(row.version) if told else "",
            modified_at=row.modified_at if told else None,
        )

    def _by_external(self, object: str, write: Write) -> Row | None:
        if write.external is None:
            return None
        name, value = write.external
        rows = self._account.live(object).values()
        return next((row for row in rows if row.values.get(name) == value), None)

    def _refuse_read_only(self, write: Write) -> None:
        refused = sorted(write.values.keys() & self._account.quirks.read_only)
        if refused:
            raise Refused(
                f"{self.connection}: {', '.join(refused)} cannot be written",
                connection=self.connection,
                words=f"read-only: {', '.join(refused)}",
                fields=tuple(refused),
            )

    def _refuse_missing(self, object: str, values: dict[str, base.Value]) -> None:
        for name, field in self._account.objects[object].fields.items():
            if field.required and values.get(name) is None:
                raise Invalid(
                    f"{self.connection}: {object} needs {name}",
                    connection=self.connection,
                    words=f"required: {name}",
                    fields=(name,),
                )

    def _refuse_duplicate(self, object: str, values: object, own: str) -> None:
        assert isinstance(values, dict) or hasattr(values, "items")
        for name, value in values.items():
            if value is None or name not in self._account.quirks.unique:
                continue
            for row in self._account.live(object).values():
                if row.id != own and row.values.get(name) == value:
                    raise Duplicate(
                        f"{self.connection}: {object} {row.id} already has this {name}",
                        connection=self.connection,
                        words=f"duplicate: {name}",
                        fields=(name,),
                        of=row.id,
                    )

    def users(self) -> list[User]:
        """The account's users."""
        self._call("users")
        return list(self._account.users)

    def pipelines(self, object: str) -> list[Pipeline]:
        """The account's pipelines."""
        self._call("pipelines")
        return list(self._account.pipelines.get(object, []))

    def provision(self, object: str, field: str) -> Provisioned:
        """Add the external-id field."""
        self._call("provision")
        info = self._info(object)
        created = field not in info.fields
        if created:
            made = FieldInfo(field, field, NativeType.TEXT, unique=True)
            self._account.objects[object] = replace(info, fields={**info.fields, field: made})
        self._account.external[object] = field
        return Provisioned(object, field, created)

    def close(self) -> None:
        """Nothing to release."""


def _cursor(stamp: datetime, after: str) -> str:
    return json.dumps([stamp.isoformat(), after])


def _read_cursor(since: str | None) -> tuple[datetime, str]:
    if since is None:
        return datetime.min.replace(tzinfo=UTC) + timedelta(days=1), ""
    stamp, after = json.loads(since)
    return datetime.fromisoformat(stamp), after
