"""What is selected of an object, and rows of an answer as records."""

# ruff: noqa: S608 (names are checked and values quoted by `soql`)
from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from connectors.base import ObjectInfo, Record, Value
from connectors.errors import Misconfigured
from connectors.salesforce.client import Client
from connectors.salesforce.describe import ROLES, Schema
from connectors.salesforce.soql import LONGEST, name, size
from connectors.salesforce.values import decode, instant, soql_instant, to18

T = TypeVar("T")

_SYSTEM = ("SystemModstamp", "LastModifiedDate", "LastModifiedById", "CreatedDate", "IsDeleted",
           "MasterRecordId")  # fmt: skip
ROLE_FIELDS = "ContactId, IsDeleted, SystemModstamp, LastModifiedById"
_ROLE_QUERY = f"(SELECT {ROLE_FIELDS} FROM {ROLES})"
# Leaves room for a condition behind the longest SELECT that is sent as a query.
_WIDE = LONGEST - 4_000
# Their parts are fields of their own; the Bulk API refuses the whole.
_COMPOUND = ("address", "location")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is selected. `wide`: too many fields for a URL; they are fetched by a POST."""

    info: ObjectInfo
    fields: tuple[str, ...]
    system: tuple[str, ...]
    roles: bool
    wide: bool

    @property
    def stamp(self) -> str:
        """The field changes are ordered by."""
        return self.system[0]

    @property
    def select(self) -> str:
        """``SELECT … FROM …``."""
        names = ["Id", *self.system]
        if not self.wide:
            names += [field for field in self.fields if field not in names]
        if self.roles:
            names.append(_ROLE_QUERY)
        return f"SELECT {', '.join(names)} FROM {self.info.name}"

    @property
    def bulk(self) -> str:
        """The same for a bulk query: no compound fields, no sub-select, any length."""
        names = ["Id", *self.system]
        names += [field for field in self.fields if field not in names]
        simple = [field for field in names if self.info.fields[field].native_type not in _COMPOUND]
        return f"SELECT {', '.join(simple)} FROM {self.info.name}"

    @property
    def shape(self) -> str:
        """Short text that tells this plan's fields from others'."""
        return hashlib.blake2b(f"{self.bulk} {self.roles}".encode(), digest_size=4).hexdigest()


class Plans:
    """Makes plans from what the account shows."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def make(self, object: str, fields: Sequence[str]) -> Plan:
        """What to select for these fields, as the object was last described.

        Raises:
            Misconfigured: the account has no such object.
        """
        info = self._schema.get(object)
        # A field the account hides is absent from the records, and does not stop the others.
        seen = tuple(
            name(field)
            for field in dict.fromkeys(fields)
            if field in info.fields and field != ROLES
        )
        system = tuple(field for field in _SYSTEM if field in info.fields)
        roles = ROLES in fields and ROLES in info.fields
        plan = Plan(info, seen, system, roles, wide=False)
        return Plan(info, seen, system, roles, wide=True) if size(plan.select) > _WIDE else plan

    def fresh(self, object: str, fields: Sequence[str], ask: Callable[[Plan], T]) -> T:
        """`ask` with a plan; once more with a new describe if a field was hidden meanwhile."""
        try:
            return ask(self.make(object, fields))
        except Misconfigured as error:
            if error.code not in ("INVALID_FIELD", "INVALID_TYPE"):
                raise
            self._schema.refresh(object)
            return ask(self.make(object, fields))


class Rows:
    """Makes records of rows. `us` tells the id of our own user, '' where unknown."""

    def __init__(self, client: Client, us: Callable[[], str]) -> None:
        self._client = client
        self._us = us

    def records(
        self, plan: Plan, rows: Sequence[Mapping[str, Any]], whole: bool = False
    ) -> tuple[Record, ...]:
        """Records of the rows of a query; `whole`: they hold all fields however many."""
        if plan.wide and not whole:
            rows = self._widened(plan, rows)
        return tuple(self._record(plan, row) for row in rows)

    def _widened(self, plan: Plan, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The rows with all fields, read in one piece so that no record is half old, half new."""
        live = [row["Id"] for row in rows if not row.get("IsDeleted")]
        whole: dict[str, dict[str, Any]] = {}
        if live:
            body = {"ids": live, "fields": ["Id", *plan.system, *plan.fields]}
            path = f"composite/sobjects/{plan.info.name}"
            whole = {row["Id"]: row for row in self._client.post_read(path, body) or () if row}
        # A live row that has gone meanwhile comes in the next pull, as a deletion.
        return [
            {**row, **whole.get(row["Id"], {})}
            for row in rows
            if row.get("IsDeleted") or row["Id"] in whole
        ]

    def _record(self, plan: Plan, row: Mapping[str, Any]) -> Record:
        stamp = str(row[plan.stamp])
        modified = instant(row.get("LastModifiedDate") or stamp)
        editor = to18(row.get("LastModifiedById") or "")
        created = row.get("CreatedDate")
        deleted = bool(row.get("IsDeleted"))
        values: dict[str, Value] = {}
        if not deleted:
            for field in plan.fields:
                if field in row:
                    values[field] = decode(row[field], plan.info.fields[field].type)
        if plan.roles and not deleted:
            rows = self._all_roles(row.get(ROLES))
            contacts = {to18(role["ContactId"]) for role in rows if not role.get("IsDeleted")}
            values[ROLES] = tuple(sorted(contacts))
            modified, editor = self._latest(modified, editor, rows)
        return Record(
            object=plan.info.name,
            id=to18(row["Id"]),
            values=values,
            version=f"{soql_instant(instant(stamp))}/{_digest(deleted, values)}",
            modified_at=modified,
            created_at=instant(created) if created else None,
            modified_by=editor,
            deleted=deleted,
            merged_into=to18(row.get("MasterRecordId") or "") if deleted else "",
        )

    def _all_roles(self, nested: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
        """The rows of a child query; many of them come in pages of their own."""
        rows: list[Mapping[str, Any]] = list((nested or {}).get("records") or ())
        while nested is not None and not nested.get("done", True):
            nested = self._client.more(nested["nextRecordsUrl"])
            rows += nested["records"]
        return rows

    def _latest(
        self, modified: datetime, editor: str, roles: Sequence[Mapping[str, Any]]
    ) -> tuple[datetime, str]:
        """Who touched the opportunity or its roles last, and when.

        In a tie with ourselves the other one counts: a change by a person must not pass for
        the echo of our own.
        """
        for role in roles:
            at, by = instant(role["SystemModstamp"]), to18(role.get("LastModifiedById") or "")
            if at > modified or (at == modified and by != editor and editor == self._us()):
                modified, editor = at, by
        return modified, editor


def _digest(deleted: bool, values: Mapping[str, Value]) -> str:
    """What tells two states of a record apart that were stamped in the same second, and an
    opportunity whose contact roles changed, which leaves its stamp alone."""
    # One number has several spellings (5, 5.0), and the Bulk API need not choose that of REST.
    plain = {
        field: format(value.normalize(), "f") if isinstance(value, Decimal) else value
        for field, value in values.items()
    }
    state = repr((deleted, sorted(plain.items())))
    return hashlib.blake2b(state.encode(), digest_size=8).hexdigest()
