"""What the account's objects look like: describes, as `ObjectInfo`, remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base import Choice, FieldInfo, NativeType, ObjectInfo
from connectors.descriptions import Described, Descriptions
from connectors.errors import Misconfigured
from connectors.salesforce.client import Client
from connectors.salesforce.soql import name as checked

#: Pseudo-field of Opportunity: the contacts of its OpportunityContactRole rows.
ROLES = "OpportunityContactRoles"

_TYPES = {
    "string": NativeType.TEXT,
    "encryptedstring": NativeType.TEXT,
    "textarea": NativeType.LONG_TEXT,
    "email": NativeType.EMAIL,
    "phone": NativeType.PHONE,
    "url": NativeType.URL,
    "int": NativeType.INTEGER,
    "long": NativeType.INTEGER,
    "double": NativeType.DECIMAL,
    "percent": NativeType.DECIMAL,
    "currency": NativeType.MONEY,
    "boolean": NativeType.BOOLEAN,
    "date": NativeType.DATE,
    "datetime": NativeType.INSTANT,
    "picklist": NativeType.CHOICE,
    "combobox": NativeType.CHOICE,
    "multipicklist": NativeType.CHOICES,
    "reference": NativeType.LOOKUP,
    "id": NativeType.ID,
}
_SIZED = frozenset(
    {NativeType.TEXT, NativeType.LONG_TEXT, NativeType.EMAIL, NativeType.PHONE, NativeType.URL,
     NativeType.CHOICE, NativeType.CHOICES}
)  # fmt: skip


def field_info(entry: Mapping[str, Any]) -> FieldInfo:
    """One entry of a describe's ``fields``."""
    native = str(entry["type"])
    type = _TYPES.get(native, NativeType.OTHER)
    if native == "double" and not entry.get("scale"):
        type = NativeType.INTEGER
    createable = bool(entry.get("createable"))
    return FieldInfo(
        name=str(entry["name"]),
        label=str(entry.get("label") or entry["name"]),
        type=type,
        native_type=native,
        required=createable
        and not entry.get("nillable")
        and not entry.get("defaultedOnCreate")
        and native != "boolean",
        createable=createable,
        updateable=bool(entry.get("updateable")),
        unique=bool(entry.get("unique")),
        length=int(entry.get("length") or 0) or None if type in _SIZED else None,
        digits=int(entry.get("scale") or 0)
        if type in (NativeType.DECIMAL, NativeType.MONEY)
        else None,
        choices=tuple(
            Choice(str(option["value"]), str(option.get("label") or option["value"]),
                   bool(option.get("active", True)))
            for option in entry.get("picklistValues") or ()
        ),
        open_choices=type in (NativeType.CHOICE, NativeType.CHOICES)
        and not entry.get("restrictedPicklist"),
        targets=tuple(str(target) for target in entry.get("referenceTo") or ()),
    )  # fmt: skip


def object_info(body: Mapping[str, Any]) -> ObjectInfo:
    """A whole describe, the contact roles of an opportunity as a field of it."""
    fields = {made.name: made for made in map(field_info, body["fields"])}
    for child in body.get("childRelationships") or ():
        if body["name"] == "Opportunity" and child.get("relationshipName") == ROLES:
            fields[ROLES] = FieldInfo(
                name=ROLES,
                label="Contact Roles",
                type=NativeType.LOOKUPS,
                native_type="childRelationship",
                targets=("Contact",),
            )
    return ObjectInfo(
        name=str(body["name"]),
        label=str(body.get("label") or body["name"]),
        fields=fields,
        createable=bool(body.get("createable")),
        updateable=bool(body.get("updateable")),
        deletable=bool(body.get("deletable")),
    )


class Schema:
    """Describes of one account; each object is asked for once until `refresh`, and not even
    that where its description is still kept."""

    def __init__(self, client: Client, kept: Descriptions) -> None:
        self._client = client
        self._kept = kept
        self._known: dict[str, Described] = {}
        self._asked: set[str] = set()

    def get(self, object: str) -> ObjectInfo:
        """The object as last described.

        Raises:
            Misconfigured: the account has no such object.
        """
        return self._described(object).info

    def _described(self, object: str) -> Described:
        known = self._known.get(object) or self._kept.load(object)
        if known is None:
            self.refresh(object)
        else:
            self._known[object] = known
        return self._known[object]

    def current(self, object: str) -> ObjectInfo:
        """The object as described to this process.

        Raises:
            Misconfigured: the account has no such object.
        """
        return self.get(object) if object in self._asked else self.refresh(object)

    def refresh(self, object: str) -> ObjectInfo:
        """The object as it is now.

        Raises:
            Misconfigured: the account has no such object.
        """
        try:
            body = self._client.get(f"sobjects/{checked(object)}/describe")
        except ValueError:
            raise self._unknown(object) from None
        except Misconfigured as error:
            raise self._unknown(object, error) from error
        keys = frozenset(
            str(entry["name"])
            for entry in body["fields"]
            if entry.get("externalId") and entry.get("unique")
        )
        made = self._known[object] = Described(object_info(body), keys)
        self._asked.add(object)
        self._kept.save(object, made.info, keys)
        return made.info

    def keys(self, object: str) -> frozenset[str]:
        """Names of the unique external-id fields."""
        return self._described(object).keys

    def _unknown(self, object: str, error: Misconfigured | None = None) -> Misconfigured:
        return Misconfigured(
            f"{self._client.connection}: the account shows no object {object!r}",
            connection=self._client.connection,
            words=error.words if error else "",
            code=error.code if error else "",
            status=error.status if error else None,
        )
