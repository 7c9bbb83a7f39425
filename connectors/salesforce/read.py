"""Reading records: what changed, by id, by value."""

# ruff: noqa: S608 (names are checked and values quoted by `soql`)
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connectors.base import ObjectInfo, Page, Record, Value
from connectors.errors import Misconfigured
from connectors.salesforce.client import Client, LocatorExpired
from connectors.salesforce.cursor import Cursor
from connectors.salesforce.describe import ROLES, Schema
from connectors.salesforce.soql import LONGEST, chunks, listed, name, size
from connectors.salesforce.values import decode, instant, is_id, soql_instant, to18

T = TypeVar("T")

#: A transaction may become visible this long after the stamp it carries.
OVERLAP = timedelta(seconds=60)

_SYSTEM = ("SystemModstamp", "LastModifiedDate", "LastModifiedById", "CreatedDate", "IsDeleted",
           "MasterRecordId")  # fmt: skip
_ROLE_QUERY = f"(SELECT ContactId, IsDeleted, SystemModstamp, LastModifiedById FROM {ROLES})"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Leaves room for a condition behind the longest SELECT that is sent as a query.
_WIDE = LONGEST - 4_000


@dataclass(frozen=True, slots=True)
class _Plan:
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


class Reader:
    """Reads one account. `us` tells the id of our own user, '' where unknown."""

    def __init__(
        self, client: Client, schema: Schema, us: Callable[[], str], overlap: timedelta = OVERLAP
    ) -> None:
        self._client = client
        self._schema = schema
        self._us = us
        self._overlap = overlap

    def _plan(self, object: str, fields: Sequence[str]) -> _Plan:
        info = self._schema.get(object)
        # A field the account hides is absent from the records, and does not stop the others.
        seen = tuple(
            name(field)
            for field in dict.fromkeys(fields)
            if field in info.fields and field != ROLES
        )
        system = tuple(field for field in _SYSTEM if field in info.fields)
        roles = ROLES in fields and ROLES in info.fields
        plan = _Plan(info, seen, system, roles, wide=False)
        return _Plan(info, seen, system, roles, wide=True) if size(plan.select) > _WIDE else plan

    def _fresh(self, object: str, fields: Sequence[str], ask: Callable[[_Plan], T]) -> T:
        """`ask` with a plan; once more with a new describe if a field was hidden meanwhile."""
        try:
            return ask(self._plan(object, fields))
        except Misconfigured as error:
            if error.code not in ("INVALID_FIELD", "INVALID_TYPE"):
                raise
            self._schema.refresh(object)
            return ask(self._plan(object, fields))

    # What changed

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        """See `connectors.base.Connector.pull`."""
        start = None if since is None else Cursor.load(since, self._client.connection)
        plan, page = self._fresh(object, fields, lambda plan: (plan, self._open(plan, start)))
        began = self._client.asked_at or _EPOCH
        place = start
        roles_from = start.roles if start else began
        seen: set[str] = set()
        expected = int(page["totalSize"])
        while True:
            records = self._records(plan, page["records"])
            seen.update(record.id for record in records)
            place = self._advanced(plan, page["records"], place, began, roles_from)
            if page["done"]:
                break
            yield Page(records, (place or _restart(roles_from)).dump(), False, expected)
            try:
                page = self._client.more(page["nextRecordsUrl"])
            except LocatorExpired:
                page = self._open(plan, place or start)
        end = Cursor(began, "", began)
        changed: list[str] = []
        if plan.roles and start is not None:
            changed = [id for id in self._role_changes(start.roles) if id not in seen]
        if not changed:
            yield Page(records, end.dump(), True, expected)
            return
        # Contact roles changed or removed do not touch the opportunity they belong to.
        between = Cursor(began, "", roles_from).dump()
        yield Page(records, between, False, expected)
        parts = list(chunks(plan.select, changed, 200))
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            found = self._records(plan, self._by_ids(plan, part))
            yield Page(found, end.dump() if last else between, last, expected)

    def _open(self, plan: _Plan, start: Cursor | None) -> dict[str, Any]:
        where = f" WHERE {start.condition(plan.stamp, self._overlap)}" if start else ""
        order = f" ORDER BY {plan.stamp} ASC, Id ASC"
        return self._client.query(plan.select + where + order, deleted=start is not None)

    def _advanced(
        self,
        plan: _Plan,
        rows: Sequence[Mapping[str, Any]],
        place: Cursor | None,
        began: datetime,
        roles_from: datetime,
    ) -> Cursor | None:
        """The place after these rows.

        A row stamped since the pull began has left its place in the order: the last one that
        has not tells how far the pull got.
        """
        for row in reversed(rows):
            at = instant(row[plan.stamp])
            if at < began:
                settled = at <= began - self._overlap
                return Cursor(at, to18(row["Id"]) if settled else "", roles_from)
        return place

    def _role_changes(self, since: datetime) -> list[str]:
        """Ids of opportunities with roles added, changed or removed since then."""
        soql = (
            "SELECT OpportunityId FROM OpportunityContactRole WHERE SystemModstamp >= "
            f"{soql_instant(since - self._overlap)} ORDER BY SystemModstamp, Id"
        )
        rows = self._client.query_all(soql, deleted=True)
        return list(dict.fromkeys(to18(row["OpportunityId"]) for row in rows))

    # By id, by value

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """See `connectors.base.Connector.fetch`."""
        wanted = list(dict.fromkeys(to18(id) for id in ids))

        def ask(plan: _Plan) -> list[Record]:
            found: list[Record] = []
            for part in chunks(plan.select, [id for id in wanted if is_id(id)], 400):
                found += self._records(plan, self._by_ids(plan, part))
            return found

        found = self._fresh(object, fields, ask) if wanted else []
        known = {record.id for record in found}
        at = self._client.asked_at or datetime.now(UTC)
        # Past the recycle bin nothing is left of a record but its absence.
        return found + [
            Record(object, id, {}, version="", modified_at=at, deleted=True)
            for id in wanted
            if id not in known
        ]

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """See `connectors.base.Connector.find`."""
        wanted = list(dict.fromkeys(value for value in values if value))
        if not wanted:
            return []
        if field not in self._schema.get(object).fields:
            raise Misconfigured(
                f"{self._client.connection}: {object} shows no field {field!r}",
                connection=self._client.connection,
            )

        def ask(plan: _Plan) -> list[Record]:
            found: dict[str, Record] = {}
            for part in chunks(plan.select, wanted, 200):
                soql = f"{plan.select} WHERE {name(field)} IN {listed(part)}"
                for record in self._records(plan, self._client.query_all(soql)):
                    found[record.id] = record
            return list(found.values())

        return self._fresh(object, fields, ask)

    def _by_ids(self, plan: _Plan, ids: Sequence[str]) -> list[dict[str, Any]]:
        soql = f"{plan.select} WHERE Id IN {listed(ids)}"
        return self._client.query_all(soql, deleted=True)

    # Rows to records

    def _records(self, plan: _Plan, rows: Sequence[dict[str, Any]]) -> tuple[Record, ...]:
        if plan.wide:
            rows = self._widened(plan, rows)
        return tuple(self._record(plan, row) for row in rows)

    def _widened(self, plan: _Plan, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
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

    def _record(self, plan: _Plan, row: Mapping[str, Any]) -> Record:
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
    state = repr((deleted, sorted(values.items())))
    return hashlib.blake2b(state.encode(), digest_size=8).hexdigest()


def _restart(roles_from: datetime) -> Cursor:
    """Nothing is settled yet: read everything again."""
    return Cursor(_EPOCH, "", roles_from)
