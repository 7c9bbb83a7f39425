"""Which record is gone, when Salesforce only says that one is."""

from __future__ import annotations

# ruff: noqa: S608 (names are checked and values quoted by `soql`)
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from connectors.base import NativeType, ObjectInfo, Write
from connectors.errors import ConnectorError, Gone, Invalid, ItemError
from connectors.salesforce.batch import Item
from connectors.salesforce.client import Client
from connectors.salesforce.soql import chunks, listed, name
from connectors.salesforce.values import is_id, to18

E = TypeVar("E", bound=ItemError)

#: Codes that are said of the record itself and of a record it refers to alike, mostly
#: without naming a field.
UNCLEAR = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"})


def explain(client: Client, info: ObjectInfo, unclear: Sequence[tuple[Write, Item]]) -> None:
    """Turn the errors of these items into `Gone` with its survivor, or into `Invalid` that
    names the lookups to blame.

    Raises:
        ConnectorError: the account could not be asked; some items are left as they are.
    """
    unclear = [(write, item) for write, item in unclear if isinstance(item.error, ItemError)]
    rows = _rows(client, info, [item.id for write, item in unclear if write.kind != "create"])
    alive: list[tuple[Write, Item]] = []
    for write, item in unclear:
        row = rows.get(item.id)
        if write.kind == "create" or (row is not None and not row["IsDeleted"]):
            alive.append((write, item))
            continue
        gone = _as(Gone, item.error)
        gone.merged_into = to18((row or {}).get("MasterRecordId") or "")
        item.error = gone
    _blame(client, info, alive)


def _rows(client: Client, info: ObjectInfo, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What the account knows of these ids, the recycle bin included."""
    merges = ", MasterRecordId" if "MasterRecordId" in info.fields else ""
    select = f"SELECT Id, IsDeleted{merges} FROM {name(info.name)}"
    rows: dict[str, Mapping[str, Any]] = {}
    for part in chunks(select, [id for id in dict.fromkeys(ids) if is_id(id)]):
        found = client.query_all(f"{select} WHERE Id IN {listed(part)}", deleted=True)
        rows.update({to18(row["Id"]): row for row in found})
    return rows


def _blame(client: Client, info: ObjectInfo, items: Sequence[tuple[Write, Item]]) -> None:
    """Name the lookups that lead nowhere."""
    wanted: dict[str, set[str]] = {}
    for write, _ in items:
        for field, id in _lookups(info, write).items():
            for target in info.fields[field].targets:
                wanted.setdefault(target, set()).add(id)
    found: set[str] = set()
    for target, ids in sorted(wanted.items()):
        select = f"SELECT Id FROM {name(target)}"
        for part in chunks(select, sorted(id for id in ids if is_id(id))):
            rows = client.query_all(f"{select} WHERE Id IN {listed(part)}")
            found.update(to18(row["Id"]) for row in rows)
    for write, item in items:
        lookups = _lookups(info, write)
        lost = tuple(field for field, id in lookups.items() if id not in found)
        item.error = _as(Invalid, item.error)
        item.error.fields = item.error.fields or lost


def _lookups(info: ObjectInfo, write: Write) -> dict[str, str]:
    """The ids the write refers to, by field."""
    return {
        field: to18(value)
        for field, value in write.values.items()
        if isinstance(value, str)
        and value
        and field in info.fields
        and info.fields[field].type is NativeType.LOOKUP
    }


def _as(kind: type[E], error: ConnectorError | None) -> E:
    """The same refusal under another class."""
    assert error is not None
    return kind(
        str(error),
        connection=error.connection,
        words=error.words,
        code=error.code,
        status=error.status,
        fields=getattr(error, "fields", ()),
    )
