"""The records of a sandbox org, in SQLite: created, changed, deleted, merged, stamped."""

# ruff: noqa: S608 (names come from the metadata, values are bound)
from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

from connectors.sandbox.changes import Changes
from connectors.sandbox.faults import Traps
from connectors.sandbox.salesforce.ids import numbered, to18
from connectors.sandbox.salesforce.schema import (
    CURRENCIES,
    STAGES,
    STATUSES,
    Field,
    Object,
    standard,
)
from connectors.sandbox.salesforce.values import Row, Stored, derive, parse_instant, stamp, store
from connectors.sandbox.server import Clock

ROLES = "OpportunityContactRoles"
"""The pseudo-field of Opportunity that stands for its OpportunityContactRole rows."""

_NUMERIC = frozenset({"boolean", "int", "double", "currency", "percent"})
_INDEXED = frozenset({"reference", "email"})


@lru_cache(maxsize=512)
def _like(pattern: str) -> re.Pattern[str]:
    signs = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    text = "".join(signs.get(p) or re.escape(p[1:] if p.startswith("\\") else p) for p in parts)
    return re.compile(text + r"\Z", re.IGNORECASE | re.DOTALL)


def _nocase(left: str, right: str) -> int:
    first, second = left.casefold(), right.casefold()
    return (first > second) - (first < second)


class Store:
    """Rows of every object, the clock that stamps them, and the metadata they follow.

    `api_user` is the integration user, `human` whoever works in the vendor's own screens.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.traps = Traps()
        self.objects: dict[str, Object] = standard()
        self._names = {name.lower(): name for name in self.objects}
        self._numbers: dict[str, int] = {}
        self._depth = 0
        self.db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.create_collation("NOCASE_ANY", _nocase)
        self.db.create_function(
            "soql_like", 2, lambda p, v: v is not None and bool(_like(p).match(str(v))),
            deterministic=True,
        )  # fmt: skip
        self.changes = Changes(self.db, clock.now)
        for made in self.objects.values():
            self._create_table(made)
        self._found()

    @contextmanager
    def undoable(self) -> Iterator[None]:
        """What is written inside is undone when an exception leaves the block."""
        self._depth += 1
        name = f"s{self._depth}"
        self.db.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            self.db.execute(f"ROLLBACK TO {name}")
            raise
        finally:
            self.db.execute(f"RELEASE {name}")
            self._depth -= 1

    # Metadata

    def object(self, name: str) -> Object | None:
        """The object of that name, in any case."""
        found = self._names.get(name.lower())
        return self.objects[found] if found and found != "Name" else None

    def by_prefix(self, id: str) -> Object | None:
        """The object an id belongs to."""
        for made in self.objects.values():
            if id.startswith(made.prefix) and made.name != "Name":
                return made
        return None

    def add_field(self, object: Object, field: Field) -> None:
        """Add a custom field; existing rows have no value in it."""
        object.add(field)
        self.db.execute(f'ALTER TABLE "{object.name}" ADD COLUMN {_column(field)}')
        if field.unique or field.external_id:
            self._index(object, field)

    def _create_table(self, object: Object) -> None:
        if object.name == "Name":
            stamps = "CreatedDate, CreatedById, LastModifiedDate, LastModifiedById, SystemModstamp"
            self.db.execute(
                'CREATE VIEW "Name" AS '
                f"SELECT Id, Name, Email, IsActive, 'User' AS Type, {stamps}, 0 AS IsDeleted "
                f'FROM "User" UNION ALL '
                f'SELECT Id, Name, Email, 1, Type, {stamps}, 0 FROM "Group"'
            )
            return
        columns = [_column(made) for made in object.fields.values()]
        for extra, kind in (("IsDeleted", "INTEGER"), ("MasterRecordId", "TEXT")):
            if extra not in object.fields:
                columns.append(f'"{extra}" {kind}')
        self.db.execute(f'CREATE TABLE "{object.name}" ({", ".join(columns)})')
        self.changes.watch(
            object.name, f"'{object.name}'", key="Id", gone="IsDeleted", survivor="MasterRecordId"
        )
        self.db.execute(
            f'CREATE INDEX "{object.name}_stamp" ON "{object.name}" (SystemModstamp, Id)'
        )
        for made in object.fields.values():
            if made.type in _INDEXED and not made.name.endswith("ById"):
                self._index(object, made)

    def _index(self, object: Object, field: Field) -> None:
        self.db.execute(
            f'CREATE INDEX "{object.name}_{field.name}" ON "{object.name}" ("{field.name}")'
        )

    # Time and ids

    def now(self) -> str:
        """The present second."""
        return stamp(self.clock.now())

    def new_id(self, object: Object) -> str:
        """An id nobody has."""
        while True:
            number = self._numbers[object.prefix] = self._numbers.get(object.prefix, 0) + 1
            made = numbered(object.prefix, number)
            if self.row(object, made) is None:
                return made

    # Reading

    def row(self, object: Object, id: str) -> Row | None:
        """The row of that id, deleted or not."""
        found = self.db.execute(
            f'SELECT * FROM "{object.name}" WHERE Id = ?', (to18(id),)
        ).fetchone()
        return None if found is None else dict(found)

    def rows(self, object: Object, where: str = "1", binds: Sequence[Stored] = ()) -> list[Row]:
        """Rows by id."""
        found = self.db.execute(f'SELECT * FROM "{object.name}" WHERE {where} ORDER BY Id', binds)
        return [dict(row) for row in found]

    def holders(self, object: Object, field: Field, value: Stored) -> list[Row]:
        """Live rows with that value, letters compared as the field compares them."""
        collation = "" if field.case_sensitive or not isinstance(value, str) else "NOCASE_ANY"
        collate = f"COLLATE {collation}" if collation else ""
        return self.rows(object, f'"{field.name}" = ? {collate} AND IsDeleted = 0', (value,))

    # Writing

    def insert(
        self,
        object: Object,
        values: Mapping[str, Stored],
        actor: str,
        *,
        id: str = "",
        created: str = "",
        modified: str = "",
    ) -> str:
        """A new row with defaults and computed fields; returns its id."""
        modified = modified or created or self.now()
        made = to18(id) if id else self.new_id(object)
        row: Row = {name: _default(field) for name, field in object.fields.items()}
        if "OwnerId" in row:
            row["OwnerId"] = actor
        if object.name == "Case":
            row["CaseNumber"] = f"{1000 + self._numbers.get('case', 0):08d}"
            self._numbers["case"] = self._numbers.get("case", 0) + 1
        row.update(values)
        stamps: Row = {
            "CreatedDate": created or modified,
            "CreatedById": actor,
            "LastModifiedDate": modified,
            "LastModifiedById": actor,
            "SystemModstamp": modified,
        }
        row.update({**stamps, "Id": made, "IsDeleted": 0, "MasterRecordId": None})
        derive(object, {}, row, set(values), modified)
        marks = ", ".join("?" * len(row))
        names = ", ".join(f'"{name}"' for name in row)
        self.db.execute(f'DELETE FROM "{object.name}" WHERE Id = ?', (made,))
        self.db.execute(
            f'INSERT INTO "{object.name}" ({names}) VALUES ({marks})', list(row.values())
        )
        if object.name == "OpportunityContactRole" and row.get("IsPrimary"):
            self._only_primary(row, actor)
        return made

    def update(
        self, object: Object, id: str, values: Mapping[str, Stored], actor: str, modified: str = ""
    ) -> None:
        """Change a row and stamp it."""
        before = self.row(object, id)
        assert before is not None
        at = modified or self.now()
        row = {**before, **values}
        derive(object, before, row, set(values), at)
        row.update(LastModifiedDate=at, LastModifiedById=actor, SystemModstamp=at)
        self._set(object, str(before["Id"]), row)
        if object.name == "OpportunityContactRole" and values.get("IsPrimary"):
            self._only_primary(row, actor)

    def _set(self, object: Object, id: str, values: Mapping[str, Stored]) -> None:
        sets = ", ".join(f'"{name}" = ?' for name in values)
        self.db.execute(f'UPDATE "{object.name}" SET {sets} WHERE Id = ?', [*values.values(), id])

    def _only_primary(self, row: Row, actor: str) -> None:
        roles = self.objects["OpportunityContactRole"]
        for other in self.rows(
            roles, "OpportunityId = ? AND IsPrimary = 1 AND IsDeleted = 0", (row["OpportunityId"],)
        ):
            if other["Id"] != row["Id"]:
                self.update(roles, str(other["Id"]), {"IsPrimary": 0}, actor)

    def delete(self, object: Object, id: str, actor: str) -> None:
        """Put a row, and what hangs on it, in the recycle bin; other lookups to it are emptied."""
        at = self.now()
        self._set(
            object,
            id,
            {
                "IsDeleted": 1,
                "SystemModstamp": at,
                "LastModifiedDate": at,
                "LastModifiedById": actor,
            },
        )
        for child in object.children:
            below = self.objects[child.object]
            for row in self.rows(below, f'"{child.field}" = ? AND IsDeleted = 0', (id,)):
                if child.cascades:
                    self.delete(below, str(row["Id"]), actor)
                else:
                    self.update(below, str(row["Id"]), {child.field: None}, actor)

    def restore(self, object: Object, id: str, actor: str) -> None:
        """Take a row out of the recycle bin, what went there with it too."""
        at = self.now()
        self._set(object, id, {"IsDeleted": 0, "MasterRecordId": None})
        self._set(
            object,
            id,
            {"SystemModstamp": at, "LastModifiedDate": at, "LastModifiedById": actor},
        )
        for child in object.children:
            if child.cascades:
                below = self.objects[child.object]
                for row in self.rows(below, f'"{child.field}" = ? AND IsDeleted = 1', (id,)):
                    self.restore(below, str(row["Id"]), actor)

    def merge(self, object: Object, winner: str, losers: Iterable[str], actor: str) -> None:
        """Losers go to the recycle bin with the winner's id; what pointed to them moves over."""
        for loser in losers:
            for child in object.children:
                below = self.objects[child.object]
                for row in self.rows(below, f'"{child.field}" = ? AND IsDeleted = 0', (loser,)):
                    if child.object == "OpportunityContactRole" and self.rows(
                        below,
                        "OpportunityId = ? AND ContactId = ? AND IsDeleted = 0",
                        (row["OpportunityId"], winner),
                    ):
                        self.delete(below, str(row["Id"]), actor)
                    else:
                        self.update(below, str(row["Id"]), {child.field: winner}, actor)
            self.delete(object, loser, actor)
            self._set(object, loser, {"MasterRecordId": winner})
        self.update(object, winner, {}, actor)

    # Contact roles as one value of their opportunity

    def roles(self, opportunity: str) -> list[str]:
        """Contact ids of an opportunity, sorted."""
        found = self.rows(
            self.objects["OpportunityContactRole"],
            "OpportunityId = ? AND IsDeleted = 0",
            (opportunity,),
        )
        return sorted({str(row["ContactId"]) for row in found})

    def set_roles(
        self, opportunity: str, contacts: Iterable[str], actor: str, modified: str = ""
    ) -> None:
        """Make these contacts, and no others, the contacts of the opportunity."""
        roles = self.objects["OpportunityContactRole"]
        wanted = {to18(contact) for contact in contacts}
        for row in self.rows(roles, "OpportunityId = ? AND IsDeleted = 0", (opportunity,)):
            if row["ContactId"] not in wanted:
                self.delete(roles, str(row["Id"]), actor)
            wanted.discard(str(row["ContactId"]))
        for contact in sorted(wanted):
            values: Row = {"OpportunityId": opportunity, "ContactId": contact}
            self.insert(roles, values, actor, modified=modified)

    def _found(self) -> None:
        """The rows an org has before anybody works in it."""
        user, org = self.objects["User"], self.objects["Organization"]
        self.api_user = numbered("005", 1)
        self.human = numbered("005", 2)
        for id, first, last, name in (
            (self.api_user, "Concord", "Integration", "integration"),
            (self.human, "Sandbox", "Administrator", "admin"),
        ):
            email = f"{name}@sandbox.example"
            values: Row = {"Username": email, "FirstName": first, "LastName": last, "Email": email}
            self.insert(user, {**values, "IsActive": 1}, self.human, id=id)
        self._numbers["005"] = 2
        self.organization = self.insert(
            org,
            {
                "Name": "Concord Sandbox",
                "OrganizationType": "Developer Edition",
                "InstanceName": "SBX1",
                "IsSandbox": 1,
                "TimeZoneSidKey": "America/Los_Angeles",
                "LanguageLocaleKey": "en_US",
                "DefaultLocaleSidKey": "en_US",
            },
            self.human,
        )
        stage, status = self.objects["OpportunityStage"], self.objects["CaseStatus"]
        for order, (stage_name, probability, closed, won) in enumerate(STAGES, 1):
            category = "Closed" if won else "Omitted" if closed else "Pipeline"
            self.insert(
                stage,
                {
                    "ApiName": stage_name, "MasterLabel": stage_name, "SortOrder": order,
                    "IsActive": 1, "IsClosed": int(closed), "IsWon": int(won),
                    "DefaultProbability": probability, "ForecastCategoryName": category,
                },
                self.human,
            )  # fmt: skip
        for order, (status_name, closed) in enumerate(STATUSES, 1):
            self.insert(
                status,
                {
                    "ApiName": status_name, "MasterLabel": status_name, "SortOrder": order,
                    "IsDefault": int(order == 1), "IsClosed": int(closed),
                },
                self.human,
            )  # fmt: skip
        currency = self.objects["CurrencyType"]
        for code, rate in CURRENCIES:
            self.insert(
                currency,
                {
                    "IsoCode": code, "IsActive": 1, "IsCorporate": int(code == "USD"),
                    "ConversionRate": store(currency.fields["ConversionRate"], rate),
                    "DecimalPlaces": 0 if code in ("JPY", "IRR") else 2,
                },
                self.human,
            )  # fmt: skip

    def instant(self, text: Any) -> str:
        """Any ISO text with an offset as a stamp; '' for nothing."""
        if not text:
            return ""
        return stamp(text if isinstance(text, datetime) else parse_instant(str(text)))


def _column(field: Field) -> str:
    kind = "INTEGER" if field.type in _NUMERIC else "TEXT"
    words = field.type not in _NUMERIC | {"id", "reference", "date", "datetime"}
    collate = " COLLATE NOCASE_ANY" if words and not field.case_sensitive else ""
    key = " PRIMARY KEY" if field.name == "Id" else ""
    return f'"{field.name}" {kind}{collate}{key}'


def _default(field: Field) -> Stored:
    if field.default is not None:
        return int(field.default) if isinstance(field.default, bool) else field.default
    return 0 if field.type == "boolean" else None
