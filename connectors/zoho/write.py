"""Writing records: create, upsert, update, archive, a hundred a call, thousands by Bulk Write.

Zoho's HTTP status says nothing about a batch (200, 201, 202, 207 and 400 are all seen with
items that were written and items that were not): each item is read.

Workflows, blueprints and approvals of the account run on our writes as they do on a person's:
``trigger`` is not sent. A company that automates on "deal won" expects it to happen whichever
CRM the deal was won in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.base import FieldInfo, Write, WriteResult
from connectors.errors import (
    Bug,
    ConnectorError,
    Gone,
    Invalid,
    ItemError,
    Locked,
    Refused,
    Stop,
    Wait,
)
from connectors.text import refusal
from connectors.transport import Retrier
from connectors.zoho import errors
from connectors.zoho.bulk_write import BulkWriter
from connectors.zoho.client import Answer, Client, dump
from connectors.zoho.describe import Describer
from connectors.zoho.values import editor, encode, read_instant, version

BATCH = 100

_Batch = list[int]
"""Positions in the caller's list."""


class Writer:
    """The writing calls of one account."""

    def __init__(
        self, client: Client, describer: Describer, retrier: Retrier, bulk: BulkWriter
    ) -> None:
        self._client = client
        self._describer = describer
        self._bulk = bulk
        self._retrier = retrier

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """See `connectors.base.Connector.push`."""
        results: dict[int, WriteResult] = {}
        items = self._items(object, writes, results)
        failed: ConnectorError | None = None
        sent = False
        for sheet in self._bulk.sheets(object, writes, items):
            if failed is None:
                try:
                    self._bulk.carry_out(object, writes, sheet, results)
                except (Stop, Wait, Bug) as error:
                    if isinstance(error, Stop) and not sent and not sheet.rows.keys() & results:
                        raise
                    failed = error
                sent = sent or bool(sheet.rows.keys() & results)
        for batch in _batches(writes, {at: items[at] for at in items if at not in results}):
            if failed is None:
                try:
                    self._deliver(object, writes, items, batch, results)
                    sent = True
                    continue
                except (Stop, Wait, Bug) as error:
                    if isinstance(error, Stop) and not sent:
                        raise
                    failed = error
            for at in batch:
                if at not in results:
                    write = writes[at]
                    results[at] = WriteResult(key=write.key, id=write.id, error=failed)
        return [results[at] for at in range(len(writes))]

    # -- items -----------------------------------------------------------------------

    def _items(
        self, object: str, writes: Sequence[Write], results: dict[int, WriteResult]
    ) -> dict[int, dict[str, Any]]:
        """The JSON of each write that can be written down; the others get their error."""
        items: dict[int, dict[str, Any]] = {}
        fields = self._fields(object, writes)
        for at, write in enumerate(writes):
            try:
                items[at] = self._item(object, write, fields)
                dump(items[at])
            except ItemError as error:
                results[at] = WriteResult(key=write.key, id=write.id, error=error)
            except ValueError as error:
                results[at] = WriteResult(
                    key=write.key, id=write.id,
                    error=self._invalid(object, write, (), f"cannot be written down ({error})"),
                )  # fmt: skip
            if at in results:
                items.pop(at, None)
        return items

    def _fields(self, object: str, writes: Sequence[Write]) -> Mapping[str, FieldInfo]:
        """The module's fields; read anew when a write names one that is not among them."""
        names = {name for write in writes for name in write.values}
        names.update(write.external[0] for write in writes if write.external)
        if not names:
            return {}
        known = self._describer.known(object).fields
        if names <= known.keys():
            able = all(known[name].createable and known[name].updateable for name in names)
            # A field may have become writable since its description was kept.
            return known if able else self._describer.current(object).fields
        return self._describer.describe(object).fields

    def _invalid(self, object: str, write: Write, fields: tuple[str, ...], why: str) -> Invalid:
        return Invalid(
            f"{self._client.connection}: {object} {write.id or write.key}: {why}",
            connection=self._client.connection,
            fields=fields,
        )

    def _item(self, object: str, write: Write, fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
        refused = refusal(self._client.connection, object, write)
        if refused is not None:
            raise refused
        item: dict[str, Any] = {}
        if write.kind != "create":
            item["id"] = write.id
        if write.kind == "archive":
            return item
        values = dict(write.values)
        if write.kind == "create" and write.external:
            values[write.external[0]] = write.external[1]
        for name, value in values.items():
            field = fields.get(name)
            # Zoho drops what it does not know or may not set, and reports success.
            if field is None:
                raise self._invalid(object, write, (name,), f"the module has no field {name}")
            if not (field.createable if write.kind == "create" else field.updateable):
                raise Refused(
                    f"{self._client.connection}: {object} {write.id or write.key}: {name} "
                    "cannot be set through the API",
                    connection=self._client.connection,
                    fields=(name,),
                )
            try:
                item[name] = encode(field, value)
            except ValueError as error:
                raise self._invalid(object, write, (name,), f"{name}: {error}") from error
        return item

    # -- batches ---------------------------------------------------------------------

    def _deliver(
        self,
        object: str,
        writes: Sequence[Write],
        items: Mapping[int, dict[str, Any]],
        batch: _Batch,
        results: dict[int, WriteResult],
    ) -> None:
        """Send a batch; records that somebody else holds are tried again by themselves."""

        def attempt() -> ConnectorError | None:
            waiting = [
                at for at in batch if at not in results or isinstance(results[at].error, Locked)
            ]
            try:
                self._send(object, writes, items, waiting, results)
            except Wait as error:
                # The client has been patient with it already.
                return error
            for at in waiting:
                refused = results[at].error
                if isinstance(refused, Locked):
                    raise refused
            return None

        try:
            met = self._retrier.call(attempt)
        except Locked:
            return
        if met is not None:
            raise met

    def _send(
        self,
        object: str,
        writes: Sequence[Write],
        items: Mapping[int, dict[str, Any]],
        batch: _Batch,
        results: dict[int, WriteResult],
    ) -> None:
        """One call. Where Zoho refuses all of it for one item, it is halved down to that."""
        try:
            answer = self._call(object, [writes[at] for at in batch], [items[at] for at in batch])
        except ItemError as error:
            if len(batch) == 1:
                write = writes[batch[0]]
                results[batch[0]] = WriteResult(key=write.key, id=write.id, error=error)
                return
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                self._send(object, writes, items, half, results)
            return
        outcomes = answer.rows()
        if len(outcomes) != len(batch):
            raise Bug(
                f"{self._client.connection}: {object}: Zoho answered {len(outcomes)} outcomes for "
                f"{len(batch)} records",
                connection=self._client.connection,
                status=answer.status,
            )
        for at, outcome in zip(batch, outcomes, strict=True):
            results[at] = self._result(object, writes[at], outcome, answer)

    def _call(
        self, object: str, writes: Sequence[Write], items: Sequence[Mapping[str, Any]]
    ) -> Answer:
        first = writes[0]
        if first.kind == "archive":
            ids = ",".join(str(item["id"]) for item in items)
            return self._client.call("DELETE", object, params={"ids": ids})
        if first.kind == "update":
            return self._client.call("PUT", object, body={"data": items})
        if first.external is None:
            # Nothing tells Zoho that it has seen this one before.
            return self._client.call("POST", object, body={"data": items}, repeatable=False)
        body = {"data": items, "duplicate_check_fields": [first.external[0]]}
        return self._client.call("POST", f"{object}/upsert", body=body)

    def _result(
        self, object: str, write: Write, outcome: Mapping[str, Any], answer: Answer
    ) -> WriteResult:
        given = outcome.get("details")
        details: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        if outcome.get("code") != "SUCCESS":
            record = write.id or write.key
            error = errors.of_item(self._client.connection, object, record, outcome)
            if write.kind == "archive" and isinstance(error, Gone) and answer.attempts > 1:
                # The reply to the first attempt was lost: it was us who deleted it.
                return WriteResult(key=write.key, id=write.id)
            return WriteResult(key=write.key, id=write.id, error=error)
        modified = details.get("Modified_Time")
        return WriteResult(
            key=write.key,
            id=str(details.get("id") or write.id),
            created=write.kind == "create" and outcome.get("action", "insert") == "insert",
            version=version(str(modified), editor(details.get("Modified_By"))) if modified else "",
            modified_at=read_instant(str(modified)) if modified else None,
        )


def _batches(writes: Sequence[Write], items: Mapping[int, Any]) -> Iterator[_Batch]:
    """Writes of one kind (and external field) together, at most `BATCH` of them, no record
    twice in one call: Zoho does not say in which order it works through a batch."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for kind in ("create", "update", "archive"):
        for at, write in enumerate(writes):
            if write.kind == kind and at in items:
                external = write.external[0] if kind == "create" and write.external else ""
                grouped.setdefault((kind, external), []).append(at)
    for places in grouped.values():
        yield from _distinct(places, lambda at: _identity(writes[at]))


def _identity(write: Write) -> str:
    """What tells one record from another, '' for one that nothing is known of yet."""
    if write.kind == "create":
        return write.external[1].casefold() if write.external else ""
    return write.id


def _distinct(places: list[int], identity: Callable[[int], str]) -> Iterator[_Batch]:
    batch: _Batch = []
    seen: set[str] = set()
    for at in places:
        name = identity(at)
        if len(batch) == BATCH or (name and name in seen):
            yield batch
            batch, seen = [], set()
        batch.append(at)
        seen.add(name)
    if batch:
        yield batch
