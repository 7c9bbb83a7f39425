# ruff: noqa: S608 - names come from the metadata; every value is a bound parameter
"""The account's records, in an in-memory SQLite database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sandbox.changes import Changes
from connectors.sandbox.faults import Traps
from connectors.sandbox.server import Clock
from connectors.sandbox.zoho.metadata import (
    ID_PREFIX,
    PIPELINE,
    STAGES,
    FieldSpec,
    ModuleSpec,
    modules,
    users_module,
)
from connectors.sandbox.zoho.wire import stamp

#: Columns every table has besides the module's fields.
_EXTRA = ("deleted_time", "deleted_by", "deleted_type", "merged_into")

API_USER = f"{ID_PREFIX}000000100001"
ADMIN_USER = f"{ID_PREFIX}000000100002"


def _compare(left: str, right: str) -> int:
    """SQLite collation: decimals by value, whatever their spelling."""
    try:
        a, b = Decimal(left), Decimal(right)
    except InvalidOperation:
        return (left > right) - (left < right)
    return (a > b) - (a < b)


def _declared(spec: FieldSpec) -> str:
    if spec.api_name == "id":
        return "TEXT PRIMARY KEY"
    if spec.data_type in ("currency", "double"):
        return "TEXT COLLATE DECIMAL"
    if spec.data_type in ("integer", "bigint", "boolean"):
        return "INTEGER"
    if spec.is_lookup or spec.data_type in ("datetime", "date"):
        return "TEXT"
    return "TEXT COLLATE NOCASE"


class Store:
    """Rows by module, deleted ones included.

    A row is a dict of stored forms: lookups and ids as text, instants as UTC text, decimals
    as `Decimal`, multi-selects as lists.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.traps = Traps()
        self.modules = modules()
        self.users = users_module()
        self.db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.create_collation("DECIMAL", _compare)
        self.changes = Changes(self.db, clock.now)
        self._next = 300_000
        for module in (*self.modules.values(), self.users):
            self._create(module)
        self.db.execute(
            'CREATE TABLE "contact_roles" (deal TEXT, contact TEXT, role TEXT, '
            "PRIMARY KEY (deal, contact))"
        )
        now = stamp(clock.now())
        for id, name, email in (
            (API_USER, "Concord Integration", "concord@sandbox.example"),
            (ADMIN_USER, "Account Administrator", "admin@sandbox.example"),
        ):
            self.put(self.users, [{"id": id, "full_name": name, "email": email,
                                   "status": "active", "Created_Time": now,
                                   "Modified_Time": now}])  # fmt: skip

    def _create(self, module: ModuleSpec) -> None:
        columns = [f'"{spec.api_name}" {_declared(spec)}' for spec in module.fields.values()]
        columns += [f'"{name}" TEXT' for name in _EXTRA]
        name = module.api_name
        self.db.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')
        self.changes.watch(
            name, f"'{name}'", key="id", gone="deleted_time IS NOT NULL", survivor="merged_into"
        )
        self.db.execute(f'CREATE INDEX "{name}_modified" ON "{name}" ("Modified_Time", id)')
        self.db.execute(f'CREATE INDEX "{name}_deleted" ON "{name}" (deleted_time)')
        for spec in module.fields.values():
            if spec.unique or spec.data_type == "lookup":
                self._index(module, spec)

    def _index(self, module: ModuleSpec, spec: FieldSpec) -> None:
        name = f"{module.api_name}_{spec.api_name}"
        self.db.execute(f'CREATE INDEX "{name}" ON "{module.api_name}" ("{spec.api_name}")')

    def add_field(self, module: ModuleSpec, spec: FieldSpec) -> None:
        """A new custom field, empty in all records."""
        spec.id = self.new_id()
        module.fields[spec.api_name] = spec
        self.db.execute(
            f'ALTER TABLE "{module.api_name}" ADD COLUMN "{spec.api_name}" {_declared(spec)}'
        )
        if spec.unique:
            self._index(module, spec)

    def module(self, name: str) -> ModuleSpec | None:
        """A module, or users, by API name."""
        return self.users if name == "users" else self.modules.get(name)

    def new_id(self) -> str:
        """An id nobody has."""
        while True:
            self._next += 1
            made = f"{ID_PREFIX}{self._next:012d}"
            if not any(
                self.db.execute(f'SELECT 1 FROM "{name}" WHERE id = ?', (made,)).fetchone()
                for name in (*self.modules, "users")
            ):
                return made

    # -- rows ------------------------------------------------------------------------

    def put(self, module: ModuleSpec, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert whole rows, replacing those with the same id."""
        names = [*module.fields, *_EXTRA]
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" * len(names))
        self.db.execute("BEGIN")
        self.db.executemany(
            f'INSERT OR REPLACE INTO "{module.api_name}" ({columns}) VALUES ({marks})',
            ([_bind(row.get(name)) for name in names] for row in rows),
        )
        self.db.execute("COMMIT")

    def set(self, module: ModuleSpec, id: str, values: Mapping[str, Any]) -> None:
        """Change some columns of one row."""
        if not values:
            return
        sets = ", ".join(f'"{name}" = ?' for name in values)
        self.db.execute(
            f'UPDATE "{module.api_name}" SET {sets} WHERE id = ?',
            (*(_bind(value) for value in values.values()), id),
        )

    def get(self, module: ModuleSpec, id: str, deleted: bool = False) -> dict[str, Any] | None:
        """One row; a deleted one only if asked for."""
        found = self.select(module, "id = ?", [id], deleted=deleted)
        return found[0] if found else None

    def select(
        self,
        module: ModuleSpec,
        where: str = "1",
        bound: Sequence[Any] = (),
        order: str = "id",
        limit: int = -1,
        deleted: bool = False,
    ) -> list[dict[str, Any]]:
        """Rows by an SQL condition over the module's columns."""
        live = "" if deleted else "deleted_time IS NULL AND "
        cursor = self.db.execute(
            f'SELECT * FROM "{module.api_name}" WHERE {live}({where}) ORDER BY {order} LIMIT ?',
            (*bound, limit),
        )
        return [decode(module, row) for row in cursor]

    def count(self, module: ModuleSpec, where: str = "1", bound: Sequence[Any] = ()) -> int:
        """How many live rows meet a condition."""
        row = self.db.execute(
            f'SELECT count(*) FROM "{module.api_name}" WHERE deleted_time IS NULL AND ({where})',
            tuple(bound),
        ).fetchone()
        return int(row[0])

    def titles(self, module_name: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """``{"name", "id"}`` (users also ``email``) of records that lookups point to."""
        module = self.module(module_name)
        wanted = sorted(set(ids))
        found: dict[str, dict[str, Any]] = {}
        for at in range(0, len(wanted), 500):
            part = wanted[at : at + 500]
            marks = ", ".join("?" * len(part))
            assert module is not None
            for row in self.select(module, f"id IN ({marks})", part, deleted=True):
                entry = {"name": row[module.title], "id": row["id"]}
                if module_name == "Contacts" and row["First_Name"]:
                    entry["name"] = f"{row['First_Name']} {row['Last_Name']}"
                if module_name == "users":
                    entry["email"] = row["email"]
                found[row["id"]] = entry
        return found

    def derive(self, module: ModuleSpec, before: Mapping[str, Any], values: dict[str, Any]) -> None:
        """What Zoho sets by itself when `values` are written over `before`."""
        if module.api_name == "Deals":
            stage = values.get("Stage")
            if stage and stage != before.get("Stage") and "Probability" not in values:
                values["Probability"] = STAGES.get(stage)
            if not before and not values.get("Pipeline"):
                values["Pipeline"] = PIPELINE
            if not before and not values.get("Currency"):
                values["Currency"] = "USD"
        if module.api_name == "Cases" and "Status" in values and "Closed_At" not in values:
            closed = values["Status"] == "Closed"
            if closed and before.get("Status") != "Closed":
                values["Closed_At"] = stamp(self.clock.now())

    def touch(self, user: str) -> dict[str, Any]:
        """The stamps of a change made now."""
        return {"Modified_Time": stamp(self.clock.now()), "Modified_By": user}

    def delete(
        self, module: ModuleSpec, id: str, user: str, into: str = "", kind: str = "recycle"
    ) -> None:
        """Move a record to the recycle bin; lookups to it stay as they are."""
        self.set(module, id, {
            "deleted_time": stamp(self.clock.now()), "deleted_by": user,
            "deleted_type": kind, "merged_into": into or None,
        })  # fmt: skip
        self.db.execute("DELETE FROM contact_roles WHERE deal = ? OR contact = ?", (id, id))

    def restore(self, module: ModuleSpec, id: str, user: str) -> None:
        """Take a record out of the recycle bin."""
        out = dict.fromkeys(_EXTRA)
        self.set(module, id, {**out, **self.touch(user)})


def _bind(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list | tuple):
        return json.dumps(list(value), ensure_ascii=False)
    return value


def decode(module: ModuleSpec, row: sqlite3.Row) -> dict[str, Any]:
    """A database row as stored forms."""
    made = dict(row)
    for name, spec in module.fields.items():
        value = made.get(name)
        if value is not None:
            made[name] = decode_value(spec, value)
    return made


def decode_value(spec: FieldSpec, value: Any) -> Any:
    """One column's value as its stored form."""
    if spec.data_type in ("currency", "double"):
        return Decimal(str(value))
    if spec.data_type == "boolean":
        return bool(value)
    if spec.data_type == "multiselectpicklist":
        return json.loads(value)
    return value
