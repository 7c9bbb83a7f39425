"""What the account looks like: itself, users, fields, pipelines, the external-id field."""

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
    User,
)
from connectors.descriptions import Descriptions
from connectors.errors import (
    Bug,
    Duplicate,
    Misconfigured,
    PermissionDenied,
    Refused,
    Unavailable,
)
from connectors.zoho import errors
from connectors.zoho.client import API_VERSION, Answer, Client

_TYPES: Mapping[str, NativeType] = {
    "text": NativeType.TEXT,
    "textarea": NativeType.LONG_TEXT,
    "email": NativeType.EMAIL,
    "phone": NativeType.PHONE,
    "website": NativeType.URL,
    "integer": NativeType.INTEGER,
    "bigint": NativeType.INTEGER,
    "double": NativeType.DECIMAL,
    "percent": NativeType.DECIMAL,
    "currency": NativeType.MONEY,
    "boolean": NativeType.BOOLEAN,
    "date": NativeType.DATE,
    "datetime": NativeType.INSTANT,
    "picklist": NativeType.CHOICE,
    "multiselectpicklist": NativeType.CHOICES,
    "lookup": NativeType.LOOKUP,
    "ownerlookup": NativeType.LOOKUP,
    "userlookup": NativeType.LOOKUP,
    "multiselectlookup": NativeType.LOOKUPS,
    "multiuserlookup": NativeType.LOOKUPS,
    "autonumber": NativeType.TEXT,
}
_USERS = frozenset({"ownerlookup", "userlookup", "multiuserlookup"})
_TEXTS = frozenset({
    NativeType.TEXT, NativeType.LONG_TEXT, NativeType.EMAIL, NativeType.PHONE, NativeType.URL,
})  # fmt: skip
_NONE = "-None-"
_EXTERNAL_LENGTH = 64


def _field(raw: Mapping[str, Any]) -> FieldInfo:
    name, native = str(raw["api_name"]), str(raw.get("data_type") or "")
    type = NativeType.ID if name == "id" else _TYPES.get(native, NativeType.OTHER)
    frozen = bool(raw.get("read_only") or raw.get("field_read_only"))
    allowed = raw.get("operation_type") or {}
    lookup = raw.get("lookup") or raw.get("multiselectlookup") or {}
    module = lookup.get("module") if isinstance(lookup, Mapping) else None
    target = module.get("api_name") if isinstance(module, Mapping) else module
    return FieldInfo(
        name=name,
        label=str(raw.get("field_label") or raw.get("display_label") or name),
        type=type,
        native_type=native,
        required=bool(raw.get("system_mandatory")),
        createable=not frozen and bool(allowed.get("api_create", True)),
        updateable=not frozen and bool(allowed.get("api_update", True)),
        unique=bool(raw.get("unique")),
        length=raw.get("length") if type in _TEXTS else None,
        digits=raw.get("decimal_place"),
        choices=tuple(
            Choice(
                str(one.get("actual_value")),
                str(one.get("display_value")),
                one.get("type", "used") != "unused",
            )
            for one in raw.get("pick_list_values") or ()
            if one.get("actual_value") != _NONE
        ),
        targets=("users",) if native in _USERS else (str(target),) if target else (),
    )


class Describer:
    """Metadata calls. Fields are remembered until they are described anew, also from one
    process to the next where their description is kept."""

    def __init__(self, client: Client, kept: Descriptions) -> None:
        self._client = client
        self._kept = kept
        self._known: dict[str, ObjectInfo] = {}
        self._asked: set[str] = set()
        self._organisation = ""

    def organisation(self) -> str:
        """The id of the organisation, which uploads name; asked once."""
        if not self._organisation:
            found = self._client.get("org").rows("org")
            self._organisation = str(found[0].get("zgid") or found[0].get("id")) if found else ""
        return self._organisation

    def describe(self, object: str) -> ObjectInfo:
        """The module's fields, read now.

        Raises:
            Misconfigured: the account has no such module.
        """
        try:
            answer = self._client.get("settings/fields", {"module": object})
        except Misconfigured as error:
            raise Misconfigured(
                f"{self._client.connection}: the account has no module {object}",
                connection=error.connection,
                words=error.words,
                code=error.code,
                status=error.status,
            ) from error
        fields = [_field(raw) for raw in answer.rows("fields")]
        if not fields:
            raise Misconfigured(
                f"{self._client.connection}: the module {object} shows no fields",
                connection=self._client.connection,
            )
        modules = self._client.get(f"settings/modules/{object}").rows("modules")
        raw: Mapping[str, Any] = modules[0] if modules else {}
        made = ObjectInfo(
            name=object,
            label=str(raw.get("singular_label") or object),
            fields={field.name: field for field in fields},
            createable=bool(raw.get("creatable", True)),
            updateable=bool(raw.get("editable", True)),
            deletable=bool(raw.get("deletable", True)),
        )
        self._known[object] = made
        self._asked.add(object)
        self._kept.save(object, made)
        return made

    def known(self, object: str) -> ObjectInfo:
        """The module's fields, as last read."""
        if object not in self._known and (kept := self._kept.load(object)) is not None:
            self._known[object] = kept.info
        return self._known.get(object) or self.describe(object)

    def current(self, object: str) -> ObjectInfo:
        """The module's fields, as read by this process."""
        return self._known[object] if object in self._asked else self.describe(object)

    # -- the account -----------------------------------------------------------------

    def check(self) -> Account:
        """Whose account this is. Three calls."""
        org = next(iter(self._client.get("org").rows("org")), None)
        me = next(iter(self._client.get("users", {"type": "CurrentUser"}).rows("users")), None)
        if org is None or me is None:
            raise PermissionDenied(
                f"{self._client.connection}: the credentials show neither organisation nor user; "
                "add the scopes ZohoCRM.org.READ and ZohoCRM.users.READ",
                connection=self._client.connection,
            )
        base, several = str(org.get("iso_code") or ""), bool(org.get("mc_status"))
        codes: tuple[str, ...] = (base,)
        if several:
            rows = self._client.get("org/currencies").rows("currencies")
            codes = tuple(str(row["iso_code"]) for row in rows if row.get("is_active", True))
            base = next((str(row["iso_code"]) for row in rows if row.get("is_base")), base)
        return Account(
            id=str(org.get("zgid") or org.get("id") or ""),
            name=str(org.get("company_name") or ""),
            currency=base,
            time_zone=str(org.get("time_zone") or "UTC"),
            user_id=str(me["id"]),
            multi_currency=several,
            currencies=codes,
            api_version=API_VERSION,
            quota_left=self._client.credits_left,
        )

    def users(self) -> list[User]:
        """Everyone, inactive ones included."""
        found: list[User] = []
        page = 1
        while True:
            answer = self._client.get(
                "users", {"type": "AllUsers", "page": str(page), "per_page": "200"}
            )
            found += [
                User(
                    id=str(raw["id"]),
                    name=str(raw.get("full_name") or raw.get("last_name") or ""),
                    email=str(raw.get("email") or ""),
                    active=raw.get("status") == "active",
                    version=str(raw.get("Modified_Time") or ""),
                )
                for raw in answer.rows("users")
            ]
            if not answer.more:
                return found
            page += 1

    # -- pipelines -------------------------------------------------------------------

    def pipelines(self, object: str) -> list[Pipeline]:
        """The pipelines of Deals; for Cases one nameless pipeline, the status field."""
        if object == "Cases":
            return [self._statuses()]
        if object != "Deals":
            return []
        likely = self._probabilities()
        found: dict[str, Pipeline] = {}
        for layout in self._client.get("settings/layouts", {"module": object}).rows("layouts"):
            rows = self._client.get("settings/pipeline", {"layout_id": str(layout["id"])})
            for raw in rows.rows("pipeline"):
                stages = sorted(raw.get("maps") or (), key=lambda one: one["sequence_number"])
                name = str(raw["actual_value"])
                found[name] = Pipeline(
                    id=name,
                    label=str(raw.get("display_value") or name),
                    stages=tuple(
                        Stage(
                            id=str(one["actual_value"]),
                            label=str(one.get("display_value") or one["actual_value"]),
                            order=at,
                            status=_status(str(one.get("forecast_type") or "")),
                            probability=likely.get(str(one["actual_value"])),
                        )
                        for at, one in enumerate(stages)
                    ),
                )
        return list(found.values())

    def _probabilities(self) -> dict[str, Decimal]:
        """Stage -> probability, where the field's options carry it."""
        fields = self._client.get("settings/fields", {"module": "Deals"}).rows("fields")
        return {
            str(option["actual_value"]): Decimal(str(option["probability"])) / 100
            for raw in fields
            if raw["api_name"] == "Stage"
            for option in raw.get("pick_list_values") or ()
            if option.get("probability") is not None
        }

    def _statuses(self) -> Pipeline:
        status = self.known("Cases").fields.get("Status")
        choices = status.choices if status else ()
        return Pipeline(
            id="",
            label="Status",
            stages=tuple(
                Stage(
                    id=choice.value,
                    label=choice.label,
                    order=at,
                    status="closed" if choice.value == "Closed" else "open",
                )
                for at, choice in enumerate(choices)
            ),
        )

    # -- the external-id field -------------------------------------------------------

    def provision(self, object: str, field: str) -> Provisioned:
        """Make the field if it is not there; it can be used for upserts once it is unique."""
        known = self.describe(object).fields.get(field)
        if known is not None:
            return Provisioned(object, field, created=False, advice=_advice(object, known))
        try:
            answer = self._add(object, field)
        except Unavailable:
            # It may have been made all the same; made again, it would get another name.
            made = self.describe(object).fields.get(field)
            if made is None:
                raise
            return Provisioned(object, field, created=True, advice=_advice(object, made))
        for outcome in answer.rows("fields"):
            if outcome.get("code") == "SUCCESS":
                continue
            error = errors.of_item(self._client.connection, object, field, outcome)
            if isinstance(error, Refused):
                raise PermissionDenied(
                    str(error), connection=error.connection, words=error.words, code=error.code
                )
            if not isinstance(error, Duplicate):
                raise Misconfigured(
                    str(error), connection=error.connection, words=error.words, code=error.code
                )
        made = self.describe(object).fields.get(field)
        if made is None:
            raise Bug(
                f"{self._client.connection}: {object}: the field {field} was made under another "
                "name; rename its API name in Setup, APIs, CRM API, API names",
                connection=self._client.connection,
            )
        return Provisioned(object, field, created=True, advice=_advice(object, made))

    def _add(self, object: str, field: str) -> Answer:
        return self._client.call(
            "POST",
            "settings/fields",
            params={"module": object},
            body={
                "fields": [
                    {
                        "field_label": field.replace("_", " "),
                        "data_type": "text",
                        "length": _EXTERNAL_LENGTH,
                        "unique": {"casesensitive": True},
                    }
                ]
            },
            repeatable=False,
        )


def _advice(object: str, field: FieldInfo) -> str:
    if field.type is not NativeType.TEXT:
        return f"{object}.{field.name} is {field.native_type}; it has to be a single line of text"
    if not field.unique:
        return f"set 'Do not allow duplicate values' on {object}.{field.name}"
    return ""


def _status(forecast: str) -> Any:
    return {"Closed Won": "won", "Closed Lost": "lost"}.get(forecast, "open")
