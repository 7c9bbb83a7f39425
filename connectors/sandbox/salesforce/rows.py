"""Single records over the API: create, read, update, delete, by id and by external id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from connectors.sandbox.salesforce.checks import check, known
from connectors.sandbox.salesforce.ids import is_id, to18
from connectors.sandbox.salesforce.query import link
from connectors.sandbox.salesforce.schema import Field, Object
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.trouble import obey, require_unlocked
from connectors.sandbox.salesforce.values import Row, parse_instant, show, stamp
from connectors.sandbox.salesforce.wire import Refusal, Refusals

Values = Mapping[str, Any]


class Several(Exception):
    """More than one record holds an external id; `ids` are theirs."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__("several records")
        self.ids = ids


def missing() -> Refusal:
    """There is nothing at that address."""
    return Refusal("NOT_FOUND", "The requested resource does not exist", 404)


class Rows:
    """What the API lets the integration user do with one record. Each method validates."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def object(self, name: str) -> Object:
        """The object of that name.

        Raises:
            Refusal: NOT_FOUND.
        """
        found = self._store.object(name)
        if found is None:
            raise missing()
        return found

    def key(self, object: Object, name: str) -> Field:
        """The field of that name, if records can be addressed by it.

        Raises:
            Refusal: NOT_FOUND.
        """
        field = object.find(name)
        if field is None or not (field.external_id or field.id_lookup):
            raise Refusal(
                "NOT_FOUND",
                f"Provided external ID field does not exist or is not accessible: {name}",
                404,
            )
        return field

    def live(self, object: Object, id: str, item: bool = False) -> Row:
        """The row of an id that is not deleted. `item`: as one of a collection.

        Raises:
            Refusal: malformed, unknown or deleted.
        """
        if not is_id(id):
            raise Refusal("MALFORMED_ID", f"malformed id {id}", 400 if item else 404)
        row = self._store.row(object, id)
        if row is None:
            raise (
                Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
                if item
                else missing()
            )
        if row["IsDeleted"]:
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", 400 if item else 404)
        return row

    def shown(
        self, object: Object, row: Row, base: str, fields: list[str] | None
    ) -> dict[str, Any]:
        """A row as a reply; all visible fields, or those named.

        Raises:
            Refusal: INVALID_FIELD.
        """
        if fields is None:
            chosen = [field for field in object.fields.values() if not field.hidden]
        else:
            chosen = [object.fields[name] for name in known(object, dict.fromkeys(fields))]
        record: dict[str, Any] = {"attributes": link(object, str(row["Id"]), base)}
        record.update({field.name: show(field, row[field.name]) for field in chosen})
        return record

    def by_key(self, object: Object, key: Field, value: str) -> Row | None:
        """The live row with that external id.

        Raises:
            Several: more than one has it.
        """
        if key.name == "Id":
            row = self._store.row(object, value)
            return None if row is None or row["IsDeleted"] else row
        holders = self._store.holders(object, key, value.strip())
        if len(holders) > 1:
            raise Several([str(row["Id"]) for row in holders])
        return holders[0] if holders else None

    def create(self, object: Object, values: Values) -> str:
        """A new record; its id.

        Raises:
            Refusal, Refusals: it is not taken.
        """
        self._require_writable(object)
        row = obey(self._store, object, check(self._store, object, values))
        for name, field in object.fields.items():
            # An explicit null takes the default where there is one.
            if field.defaulted and row.get(name) is None:
                row.pop(name, None)
        return self._store.insert(object, row, self._store.api_user)

    def update(self, object: Object, id: str, values: Values, item: bool = False) -> None:
        """Change a record.

        Raises:
            Refusal, Refusals: it is not taken.
        """
        self._require_writable(object)
        before = self.live(object, id, item)
        own = str(before["Id"])
        row = obey(self._store, object, check(self._store, object, values, own), own)
        self._store.update(object, own, row, self._store.api_user)

    def upsert(self, object: Object, key: Field, value: str, values: Values) -> tuple[str, bool]:
        """Create or update by external id; the id, and whether it was created.

        Raises:
            Refusal, Refusals, Several: it is not taken.
        """
        found = self.by_key(object, key, value)
        rest = {name: given for name, given in values.items() if name.lower() != key.name.lower()}
        if found is None:
            return self.create(object, {**rest, key.name: value}), True
        self.update(object, str(found["Id"]), rest, item=True)
        return str(found["Id"]), False

    def delete(self, object: Object, id: str, item: bool = False) -> None:
        """Put a record in the recycle bin.

        Raises:
            Refusal, Refusals: it is not there, it is locked, or cases hang on it.
        """
        self._require_writable(object)
        row = self.live(object, id, item)
        require_unlocked(self._store, object, str(row["Id"]))
        for child in object.children:
            if child.restricts and self._store.rows(
                self._store.objects[child.object],
                f'"{child.field}" = ? AND IsDeleted = 0',
                (row["Id"],),
            ):
                raise Refusal(
                    "DELETE_FAILED",
                    f"Your attempt to delete {row.get('Name')} could not be completed because it "
                    f"is associated with the following {child.relationship.lower()}.",
                    fields=[],
                )
        self._store.delete(object, str(row["Id"]), self._store.api_user)

    def _require_writable(self, object: Object) -> None:
        if not object.writable:
            raise Refusal(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {object.name} is read-only"
            )

    def changes(
        self, object: Object, start: str, end: str, deleted: bool, base: str
    ) -> dict[str, Any]:
        """The body of getDeleted or getUpdated.

        Raises:
            Refusal: the span is not allowed.
        """
        first, last = parse_instant(start), parse_instant(end)
        now = self._store.clock.now()
        days = 15 if deleted else 30
        if last - first < timedelta(minutes=1):
            raise Refusal(
                "INVALID_REPLICATION_DATE",
                "endDate must be at least one minute greater than startDate",
            )
        if first < now - timedelta(days=days):
            raise Refusal(
                "INVALID_REPLICATION_DATE",
                f"startDate before org replication enabled date: at most {days} days",
            )
        rows = self._store.rows(
            object,
            f"IsDeleted = {int(deleted)} AND SystemModstamp >= ? AND SystemModstamp < ?",
            (stamp(first), stamp(last)),
        )
        covered = stamp(min(last, now))
        if deleted:
            return {
                "deletedRecords": [
                    {"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in rows
                ],
                "earliestDateAvailable": stamp(now - timedelta(days=days)),
                "latestDateCovered": covered,
            }
        return {"ids": [row["Id"] for row in rows], "latestDateCovered": covered}


def urls(object: Object, ids: list[str], base: str) -> list[str]:
    """The body of a 300 reply."""
    return [f"{base}/sobjects/{object.name}/{quote(to18(id))}" for id in ids]


def problems(error: Refusal | Refusals) -> list[Refusal]:
    """What is wrong, as a list."""
    return error.refusals if isinstance(error, Refusals) else [error]
