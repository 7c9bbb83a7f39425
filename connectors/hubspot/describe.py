"""The account and its metadata: properties, pipelines, the external-id property."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.base import (
    Account,
    Choice,
    FieldInfo,
    NativeType,
    ObjectInfo,
    Pipeline,
    Provisioned,
    Stage,
    StageStatus,
)
from connectors.errors import Bug, ConnectorError, Duplicate, Gone, ItemError, Misconfigured, Stop
from connectors.hubspot import errors
from connectors.hubspot.versions import OAUTH_APP, PRIVATE_APP, Paths
from connectors.hubspot.wire import Wire
from connectors.hubspot.words import ASSOCIATIONS

#: Texts are cut nowhere, refused above this.
_TEXT_LENGTH = 65_536
#: Where HubSpot's own properties need more than their type says.
_NAMED: Mapping[str, NativeType] = {
    "email": NativeType.EMAIL,
    "website": NativeType.URL,
    "hs_object_id": NativeType.ID,
}
#: Not in the metadata: a record cannot be created without these.
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "deals": ("dealname", "dealstage"),
    "tickets": ("subject", "hs_pipeline_stage"),
}
#: Object -> (pipeline property, stage property).
_STAGED: Mapping[str, tuple[str, str]] = {
    "deals": ("pipeline", "dealstage"),
    "tickets": ("hs_pipeline", "hs_pipeline_stage"),
}
_GROUPS: Mapping[str, str] = {
    "contacts": "contactinformation",
    "companies": "companyinformation",
    "deals": "dealinformation",
    "tickets": "ticketinformation",
}


class Describer:
    """What the account says about itself."""

    def __init__(self, wire: Wire, paths: Paths) -> None:
        self._wire = wire
        self._paths = paths
        self._unique: dict[tuple[str, str], bool] = {}

    # -- account

    def check(self) -> Account:
        """Two calls: account details, and whose the token is."""
        reply = self._wire.read("GET", self._paths.account(), "the account")
        about = reply.body
        self._wire.time_zone = str(about.get("timeZone") or "")
        user, name = self._whose()
        home = str(about.get("companyCurrency") or "")
        others = [str(code) for code in about.get("additionalCurrencies") or []]
        limits = {key.lower(): value for key, value in reply.headers.items()}
        left = limits.get("x-hubspot-ratelimit-daily-remaining")
        limit = limits.get("x-hubspot-ratelimit-daily")
        return Account(
            id=str(about["portalId"]),
            name=name or f"HubSpot {about['portalId']}",
            currency=home,
            time_zone=str(about.get("timeZone") or "UTC"),
            user_id=user,
            multi_currency=bool(others),
            currencies=tuple(dict.fromkeys([home, *others])),
            api_version=self._paths.version,
            quota_left=int(left) if left else None,
            quota_limit=int(limit) if limit else None,
        )

    def _whose(self) -> tuple[str, str]:
        """(user id, account's domain) of the token; '' where HubSpot does not tell."""
        try:
            if self._wire.kind == "oauth":
                path = OAUTH_APP.format(token=self._wire.token)
                about = self._wire.call("GET", path).body
                return str(about.get("user_id") or ""), str(about.get("hub_domain") or "")
            body = {"tokenKey": self._wire.token}
            about = self._wire.call("POST", PRIVATE_APP, body=body).body
            return str(about.get("userId") or ""), ""
        except (ItemError, Stop, Bug):
            # The token is good, the account was read with it; but not every kind of key can
            # be looked up. Our edits are then told apart by version only.
            return "", ""

    # -- objects

    def describe(self, object: str) -> ObjectInfo:
        """Properties and pseudo-fields; one call, and one more where there are pipelines."""
        body = self._wire.read("GET", self._paths.properties(object), f"object {object!r}").body
        staged = self._stage_choices(object)
        fields: dict[str, FieldInfo] = {}
        for raw in body.get("results") or []:
            info = _field(object, raw, staged.get(str(raw["name"])))
            fields[info.name] = info
            self._unique[object, info.name] = info.unique
        for name, association in ASSOCIATIONS.get(object, {}).items():
            what = "Primary company" if association.single else "Contacts"
            fields[name] = FieldInfo(
                name,
                f"{what} (association)",
                NativeType.LOOKUP if association.single else NativeType.LOOKUPS,
                native_type="association",
                targets=(association.target,),
            )
        return ObjectInfo(object, object.capitalize(), fields)

    def is_unique(self, object: str, field: str) -> bool:
        """Whether records can be read by this property; asked once."""
        if object == "contacts" and field == "email":
            return True
        if (object, field) not in self._unique:
            try:
                raw = self._wire.call("GET", self._paths.properties(object, field)).body
            except ConnectorError as error:
                raise errors.for_reading(error, f"property {field!r} of {object}") from error
            self._unique[object, field] = bool(raw.get("hasUniqueValue"))
        return self._unique[object, field]

    def _stage_choices(self, object: str) -> dict[str, tuple[Choice, ...]]:
        if object not in _STAGED:
            return {}
        pipeline, stage = _STAGED[object]
        known = self.pipelines(object)
        stages = {s.id: s for p in known for s in p.stages}
        return {
            pipeline: tuple(Choice(p.id, p.label) for p in known),
            stage: tuple(Choice(s.id, s.label) for s in stages.values()),
        }

    def pipelines(self, object: str) -> list[Pipeline]:
        """Pipelines of deals and tickets; [] for other objects, without a call."""
        if object not in _STAGED:
            return []
        path = self._paths.pipelines(object)
        body = self._wire.read("GET", path, f"pipelines of {object}").body
        return [
            Pipeline(
                str(raw["id"]),
                str(raw["label"]),
                tuple(
                    sorted(
                        (_stage(stage) for stage in raw.get("stages") or []),
                        key=lambda stage: stage.order,
                    )
                ),
            )
            for raw in body.get("results") or []
            if not raw.get("archived")
        ]

    def provision(self, object: str, field: str) -> Provisioned:
        """See `connectors.base.Connector.provision`."""
        try:
            return self._existing(object, field)
        except Gone:
            pass
        except ItemError as error:
            raise errors.for_reading(error, f"properties of {object}") from error
        body = {
            "name": field,
            "label": "Concord ID",
            "description": "Identifies the record across CRMs. Set by Concord; do not edit.",
            "type": "string",
            "fieldType": "text",
            "groupName": _GROUPS.get(object, f"{object}information"),
            "hasUniqueValue": True,
            "formField": False,
        }
        try:
            self._wire.call("POST", self._paths.properties(object), body=body)
        except Duplicate:
            return self._existing(object, field)
        except ItemError as error:
            raise Misconfigured(
                f"{error.connection}: HubSpot does not add the property {field} to {object}:"
                f" {error.words}",
                connection=error.connection, words=error.words, code=error.code,
                status=error.status,
            ) from error  # fmt: skip
        self._unique[object, field] = True
        return Provisioned(object, field, created=True)

    def _existing(self, object: str, field: str) -> Provisioned:
        raw = self._wire.call("GET", self._paths.properties(object, field)).body
        unique = bool(raw.get("hasUniqueValue"))
        self._unique[object, field] = unique
        advice = "" if unique else (
            f"The property {field} of {object} exists but does not require unique values, which"
            " cannot be changed: rename or delete it in HubSpot, then connect again."
        )  # fmt: skip
        return Provisioned(object, field, created=False, advice=advice)


def _stage(raw: Mapping[str, Any]) -> Stage:
    metadata = raw.get("metadata") or {}
    closed = metadata.get("isClosed") == "true" or metadata.get("ticketState") == "CLOSED"
    probability = Decimal(metadata["probability"]) if metadata.get("probability") else None
    status: StageStatus
    if probability is None:
        status = "closed" if closed else "open"
    elif closed or probability in (0, 1):
        status = "won" if probability == 1 else "lost"
    else:
        status = "open"
    return Stage(
        str(raw["id"]),
        str(raw["label"]),
        int(raw.get("displayOrder") or 0),
        status,
        probability,
    )


def _type(raw: Mapping[str, Any], choices: tuple[Choice, ...]) -> NativeType:
    name, type_, field_type = str(raw["name"]), raw.get("type"), raw.get("fieldType")
    if name in _NAMED:
        return _NAMED[name]
    if raw.get("referencedObjectType") == "OWNER":
        return NativeType.LOOKUP
    if type_ == "bool" or field_type == "booleancheckbox":
        return NativeType.BOOLEAN
    if type_ == "enumeration":
        if not choices:
            return NativeType.OTHER
        return NativeType.CHOICES if field_type == "checkbox" else NativeType.CHOICE
    if type_ == "number":
        return NativeType.MONEY if raw.get("showCurrencySymbol") else NativeType.DECIMAL
    if type_ == "date":
        return NativeType.DATE
    if type_ == "datetime":
        return NativeType.INSTANT
    if type_ == "phone_number" or field_type == "phonenumber":
        return NativeType.PHONE
    if type_ == "string":
        long = field_type in ("textarea", "html")
        return NativeType.LONG_TEXT if long else NativeType.TEXT
    return NativeType.OTHER


def _field(object: str, raw: Mapping[str, Any], staged: tuple[Choice, ...] | None) -> FieldInfo:
    choices = staged or tuple(
        Choice(str(o["value"]), str(o.get("label") or o["value"]), not o.get("hidden"))
        for o in raw.get("options") or []
    )
    type_ = _type(raw, choices)
    writable = not (
        raw.get("calculated") or (raw.get("modificationMetadata") or {}).get("readOnlyValue")
    )
    name = str(raw["name"])
    is_choice = type_ in (NativeType.CHOICE, NativeType.CHOICES)
    return FieldInfo(
        name,
        str(raw.get("label") or name),
        type_,
        native_type=f"{raw.get('type')}/{raw.get('fieldType')}",
        required=name in _REQUIRED.get(object, ()),
        createable=writable,
        updateable=writable,
        unique=bool(raw.get("hasUniqueValue")) or (object, name) == ("contacts", "email"),
        length=_TEXT_LENGTH if raw.get("type") == "string" else None,
        choices=choices if is_choice else (),
        targets=("owners",) if type_ is NativeType.LOOKUP else (),
    )
