"""Writing an opportunity's contacts: rows of OpportunityContactRole."""

# ruff: noqa: S608 (names are checked and values quoted by `soql`)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import ConnectorError, ItemError, Wait
from connectors.salesforce.batch import Batches, Item
from connectors.salesforce.client import Client
from connectors.salesforce.soql import chunks, listed
from connectors.salesforce.values import to18

_OBJECT = "OpportunityContactRole"
_SELECT = f"SELECT Id, OpportunityId, ContactId FROM {_OBJECT}"


@dataclass(frozen=True, slots=True)
class RoleChange:
    """Contacts to add to and remove from an opportunity; `key` is the caller's."""

    key: int
    opportunity: str
    add: frozenset[str]
    remove: frozenset[str]


def role_change(key: int, opportunity: str, after: object, before: object) -> RoleChange:
    """The difference between two values of the pseudo-field.

    Only what `before` knew is removed: a contact somebody added meanwhile stays.
    """
    wanted, known = _ids(after), _ids(before)
    return RoleChange(key, opportunity, wanted - known, known - wanted)


def _ids(value: object) -> frozenset[str]:
    if isinstance(value, str):
        value = (value,)
    return (
        frozenset(to18(str(id)) for id in value) if isinstance(value, tuple | list) else frozenset()
    )


class RoleWriter:
    """Adds and removes junction rows in batches."""

    def __init__(self, client: Client, batches: Batches) -> None:
        self._client = client
        self._batches = batches

    def write(self, changes: Sequence[RoleChange]) -> dict[int, ConnectorError]:
        """Carry out the changes; the errors, by the change's key.

        Rows are looked up first, so that doing it again does nothing twice.
        """
        changes = [change for change in changes if change.add or change.remove]
        errors: dict[int, ConnectorError] = {}
        try:
            held = self._held([change.opportunity for change in changes])
        except Wait as error:
            return {change.key: error for change in changes}
        adding: list[tuple[int, Item]] = []
        removing: list[tuple[int, Item]] = []
        for change in changes:
            rows = held.get(change.opportunity, {})
            for contact in sorted(change.add - rows.keys()):
                body = {
                    "attributes": {"type": _OBJECT},
                    "OpportunityId": change.opportunity,
                    "ContactId": contact,
                }
                adding.append((change.key, Item(body)))
            for contact in sorted(change.remove & rows.keys()):
                removing += [(change.key, Item({}, id=row)) for row in rows[contact]]
        self._batches.deliver([item for _, item in adding], "contact role", self._create)
        self._batches.deliver([item for _, item in removing], "contact role", self._delete)
        for key, item in adding + removing:
            gone_already = not item.body and getattr(item.error, "code", "") == "ENTITY_IS_DELETED"
            if item.error is None or gone_already:
                continue
            # A wait outweighs the rest: the whole write is done again then.
            if key not in errors or isinstance(errors[key], ItemError):
                errors[key] = item.error
        return errors

    def _held(self, opportunities: Sequence[str]) -> Mapping[str, dict[str, list[str]]]:
        """Row ids by opportunity and contact."""
        held: dict[str, dict[str, list[str]]] = {}
        for part in chunks(_SELECT, list(dict.fromkeys(opportunities))):
            soql = f"{_SELECT} WHERE OpportunityId IN {listed(part)}"
            for row in self._client.query_all(soql):
                contacts = held.setdefault(to18(row["OpportunityId"]), {})
                contacts.setdefault(to18(row["ContactId"]), []).append(row["Id"])
        return held

    def _create(self, items: Sequence[Item]) -> list[dict[str, object]]:
        body = {"allOrNone": False, "records": [item.body for item in items]}
        made: list[dict[str, object]] = self._client.write(
            "POST", "composite/sobjects", body, repeatable=False
        )
        return made

    def _delete(self, items: Sequence[Item]) -> list[dict[str, object]]:
        ids = ",".join(item.id for item in items)
        made: list[dict[str, object]] = self._client.write(
            "DELETE", "composite/sobjects", params={"ids": ids, "allOrNone": "false"}
        )
        return made
