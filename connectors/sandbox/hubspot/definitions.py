"""The metadata endpoints: properties, pipelines, schemas, account details."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.sandbox.hubspot import schema
from connectors.sandbox.hubspot.objects import Query, flag
from connectors.sandbox.hubspot.records import Records
from connectors.sandbox.hubspot.replies import Failure, Json, bad_request, not_found
from connectors.sandbox.hubspot.schema import PIPELINES, REQUIRED, TYPES, Property

_CREATED = "2020-01-01T00:00:00.000Z"
_STANDARD = datetime(2026, 1, 1, tzinfo=UTC)
_TYPES = ("bool", "date", "datetime", "enumeration", "number", "phone_number", "string")
#: Unique properties of our own an object may have.
MOST_UNIQUE = 10


class Definitions:
    """The account's metadata; properties can be added."""

    def __init__(self, records: Records, portal: int, time_zone: str) -> None:
        self._properties = records.properties
        self._visible = records.visible
        self._portal = portal
        self._time_zone = time_zone

    def properties(self, object: str, query: Query) -> Json:
        """All properties of an object."""
        if flag(query, "archived"):
            return {"results": []}
        held = self._visible(object)
        return {"results": [held[name].json(_CREATED) for name in sorted(held)]}

    def property(self, object: str, name: str) -> Json:
        """One property."""
        if name not in self._visible(object):
            raise not_found(f"Property {name} does not exist")
        return self._properties[object][name].json(_CREATED)

    def add_property(self, object: str, body: Json) -> Json:
        """A new property of our own.

        Raises:
            Failure: 409 when the name is taken, 400 when the definition is not valid.
        """
        name = str(body.get("name") or "")
        if name in self._properties[object]:
            raise Failure(
                409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists."
            )
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or body.get("type") not in _TYPES:
            raise bad_request("Property name or type is not valid.")
        if not all(body.get(key) for key in ("label", "groupName", "fieldType")):
            raise bad_request("Property needs label, groupName and fieldType.")
        unique = bool(body.get("hasUniqueValue"))
        ours = [p for p in self._properties[object].values() if p.unique and p.custom]
        if unique and len(ours) >= MOST_UNIQUE:
            raise bad_request(f"An object has at most {MOST_UNIQUE} unique properties.")
        made = Property(
            name,
            str(body["label"]),
            str(body["type"]),
            str(body["fieldType"]),
            tuple((o["value"], o["label"]) for o in body.get("options") or ()),
            unique=unique,
            custom=True,
            group=str(body["groupName"]),
        )
        self._properties[object][name] = made
        return made.json(_CREATED)

    def remove_property(self, object: str, name: str) -> None:
        """Archive a property of our own."""
        held = self._properties[object].get(name)
        if held is None or not held.custom:
            raise not_found(f"Property {name} does not exist")
        del self._properties[object][name]

    @staticmethod
    def pipelines(object: str) -> Json:
        """All pipelines of an object with their stages."""
        return {
            "results": [
                {
                    "label": label,
                    "displayOrder": order,
                    "stages": [stage.json(n) for n, stage in enumerate(stages)],
                    "id": id,
                    "createdAt": "1970-01-01T00:00:00Z",
                    "updatedAt": "1970-01-01T00:00:00Z",
                    "archived": False,
                }
                for order, (id, (label, stages)) in enumerate(PIPELINES.get(object, {}).items())
            ]
        }

    def pipeline(self, object: str, id: str) -> Json:
        """One pipeline."""
        for made in self.pipelines(object)["results"]:
            if made["id"] == id:
                found: Json = made
                return found
        raise not_found()

    @staticmethod
    def schemas() -> Json:
        """Custom objects: this account has none."""
        return {"results": []}

    def schema(self, object: str) -> Json:
        """A standard object's schema, without its associations."""
        singular = TYPES[object][1]
        return {
            "id": TYPES[object][0],
            "objectTypeId": TYPES[object][0],
            "fullyQualifiedName": singular.upper(),
            "name": singular.upper(),
            "labels": {"singular": singular.capitalize(), "plural": object.capitalize()},
            "requiredProperties": list(REQUIRED[object]),
            "searchableProperties": list(schema.SEARCHABLE[object]),
            "metaType": "HUBSPOT",
            "properties": self.properties(object, Query())["results"],
            "associations": [],
        }

    def account(self) -> Json:
        """``GET /account-info/v3/details``. The offset is that of standard time."""
        zone = ZoneInfo(self._time_zone)
        offset = _STANDARD.astimezone(zone).utcoffset() or timedelta(0)
        return {
            "portalId": self._portal,
            "accountType": "STANDARD",
            "timeZone": self._time_zone,
            "companyCurrency": "USD",
            "additionalCurrencies": ["EUR", "GBP", "THB", "JPY"],
            "utcOffset": _STANDARD.astimezone(zone).isoformat()[-6:],
            "utcOffsetMilliseconds": int(offset.total_seconds() * 1000),
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }
