"""Carrying out writes: sObject Collections of 200 or bulk jobs, upserts by external id,
junction rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import ObjectInfo, Write, WriteResult
from connectors.errors import ConnectorError, ItemError, Refused
from connectors.salesforce.batch import Batches, Item, Send
from connectors.salesforce.bulk_write import BulkWriter
from connectors.salesforce.client import Client
from connectors.salesforce.describe import ROLES, Schema
from connectors.salesforce.gone import UNCLEAR, explain
from connectors.salesforce.roles import RoleWriter, role_change
from connectors.salesforce.soql import name
from connectors.salesforce.values import encode, to18
from connectors.text import refusal
from connectors.transport import Retrier


class Writer:
    """Writes to one account."""

    def __init__(self, client: Client, schema: Schema, retrier: Retrier, bulk: BulkWriter) -> None:
        self._client = client
        self._bulk = bulk
        self._schema = schema
        self._batches = Batches(client.connection, retrier)
        self._roles = RoleWriter(client, self._batches)

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """See `connectors.base.Connector.push`."""
        if not writes:
            return []
        info = self._schema.get(name(object))
        items = [self._item(info, write) for write in writes]
        for (kind, key), numbers in self._groups(writes, items):
            chosen = [items[number] for number in numbers]
            if self._bulk.worth(kind, key, len(chosen)):
                chosen = self._bulk.deliver(info, kind, key, chosen)
            self._batches.deliver(chosen, object, self._sender(info, kind, key))
        self._explain(info, writes, items)
        field_errors = self._write_roles(writes, items)
        return [
            WriteResult(
                key=write.key,
                id=item.id if item.error is None or write.kind != "create" else "",
                created=item.created,
                error=item.error,
                field_errors=field_errors.get(number, {}),
            )
            for number, (write, item) in enumerate(zip(writes, items, strict=True))
        ]

    # Preparing

    def _item(self, info: ObjectInfo, write: Write) -> Item:
        """The JSON of a write; with an error where it cannot be sent at all."""
        if write.kind == "archive":
            return Item({}, id=to18(write.id), version=write.version)
        item = Item({}, id=to18(write.id), version=write.version)
        item.error = refusal(self._client.connection, info.name, write)
        if item.error is not None:
            item.done = True
            return item
        plain = {field: value for field, value in write.values.items() if field != ROLES}
        unseen = sorted(field for field in plain if field not in info.fields)
        if unseen:
            info = self._schema.refresh(info.name)
            unseen = sorted(field for field in plain if field not in info.fields)
        body: dict[str, object] = {"attributes": {"type": info.name}}
        item = Item(body, id=to18(write.id), version=write.version)
        if unseen:
            self._fail(item, Refused, f"{info.name} shows no field {', '.join(unseen)}", unseen)
            return item
        for field, value in plain.items():
            body[field] = encode(value, info.fields[field])
        if write.kind == "update":
            body["id"] = item.id
            # Only associations change: there is nothing to say about the record itself.
            item.done = not plain
        elif write.external:
            body[write.external[0]] = write.external[1]
        return item

    def _fail(self, item: Item, kind: type[ItemError], problem: str, fields: Sequence[str]) -> None:
        connection = self._client.connection
        item.error = kind(f"{connection}: {problem}", connection=connection, fields=tuple(fields))
        item.done = True

    def _groups(
        self, writes: Sequence[Write], items: Sequence[Item]
    ) -> list[tuple[tuple[str, str], list[int]]]:
        """What goes out together: by kind, creates also by their external-id field."""
        groups: dict[tuple[str, str], list[int]] = {}
        for number, (write, item) in enumerate(zip(writes, items, strict=True)):
            if not item.done:
                key = write.external[0] if write.kind == "create" and write.external else ""
                groups.setdefault((write.kind, key), []).append(number)
        return sorted(groups.items(), key=lambda group: _ORDER[group[0][0]])

    def _sender(self, info: ObjectInfo, kind: str, key: str) -> Send:
        if kind == "archive":
            return self._archive
        if kind == "update":
            return self._call("PATCH", "composite/sobjects")
        if key:
            return self._call("PATCH", f"composite/sobjects/{info.name}/{name(key)}")
        return self._call("POST", "composite/sobjects", repeatable=False)

    # Sending

    def _call(self, method: str, path: str, repeatable: bool = True) -> Send:
        def send(items: Sequence[Item]) -> list[dict[str, Any]]:
            body = {"allOrNone": False, "records": [item.body for item in items]}
            results: list[dict[str, Any]] = self._client.write(
                method, path, body, repeatable=repeatable
            )
            if not repeatable:
                return [{**result, "created": bool(result.get("success"))} for result in results]
            return results

        return send

    def _archive(self, items: Sequence[Item]) -> list[dict[str, Any]]:
        ids = ",".join(item.id for item in items)
        results: list[dict[str, Any]] = self._client.write(
            "DELETE", "composite/sobjects", params={"ids": ids, "allOrNone": "false"}
        )
        return [
            # Deleted already is what was asked for.
            {"id": item.id, "success": True, "errors": []} if _is_deleted(result) else result
            for item, result in zip(items, results, strict=True)
        ]

    # Afterwards

    def _explain(self, info: ObjectInfo, writes: Sequence[Write], items: Sequence[Item]) -> None:
        """Find out what is gone: the record (and into which it was merged), or one it names."""
        unclear = [
            (write, item)
            for write, item in zip(writes, items, strict=True)
            if getattr(item.error, "code", "") in UNCLEAR
        ]
        try:
            explain(self._client, info, unclear)
        except ConnectorError:
            # The refusals stand as they are; nothing was lost by not knowing more.
            return

    def _write_roles(
        self, writes: Sequence[Write], items: Sequence[Item]
    ) -> dict[int, Mapping[str, ItemError]]:
        """Junction rows of the records that were written; the errors by number."""
        changes = [
            role_change(number, items[number].id, write.values[ROLES], write.before.get(ROLES))
            for number, write in enumerate(writes)
            if ROLES in write.values and items[number].error is None and items[number].id
        ]
        field_errors: dict[int, Mapping[str, ItemError]] = {}
        for number, error in (self._roles.write(changes) if changes else {}).items():
            if isinstance(error, ItemError):
                field_errors[number] = {ROLES: error}
            else:
                # The record is written, its contacts are not: the write is done again later.
                items[number].error = error
        return field_errors


_ORDER = {"create": 0, "update": 1, "archive": 2}


def _is_deleted(result: Mapping[str, Any]) -> bool:
    return any(
        entry.get("statusCode") == "ENTITY_IS_DELETED" for entry in result.get("errors") or ()
    )
