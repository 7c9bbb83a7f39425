"""What the account says about itself: organisation, users, modules, fields, pipelines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from connectors.sandbox.zoho.metadata import (
    CURRENCIES,
    ID_PREFIX,
    PIPELINE,
    STAGES,
    FieldSpec,
    ModuleSpec,
    make_field,
)
from connectors.sandbox.zoho.store import API_USER, Store
from connectors.sandbox.zoho.wire import (
    TIME_ZONE,
    ApiError,
    empty,
    item_error,
    item_success,
    read_body,
    reply,
)
from connectors.sandbox.zoho.wire import show as show_instant

ORG_ID = "60000000001"
_PIPELINE_ID = f"{ID_PREFIX}000000095001"
_ROLE = {"name": "CEO", "id": f"{ID_PREFIX}000000026005"}
_PROFILE = {"name": "Administrator", "id": f"{ID_PREFIX}000000026011"}
_CREATABLE = ("text", "textarea", "email", "phone", "website", "integer", "double", "currency",
              "date", "datetime", "boolean")  # fmt: skip
_CONTACT_ROLES = ("Decision Maker", "Purchasing", "Product Management", "Executive Sponsor")


def org() -> Response:
    """``GET /org``."""
    body = {
        "id": f"{ID_PREFIX}000000020005",
        "zgid": ORG_ID,
        "company_name": "Concord Sandbox",
        "primary_email": "admin@sandbox.example",
        "iso_code": "USD",
        "currency": "US Dollar",
        "currency_symbol": CURRENCIES["USD"],
        "currency_locale": "en_US",
        "time_zone": TIME_ZONE,
        "country_code": "TH",
        "mc_status": True,
        "gapps_enabled": False,
        "privacy_settings": False,
        "license_details": {
            "paid": True, "paid_type": "enterprise", "users_license_purchased": 20,
            "paid_expiry": "2030-01-01T00:00:00+07:00", "trial_type": None, "trial_expiry": None,
            "trial_action": None,
        },
    }  # fmt: skip
    return reply({"org": [body]})


def currencies() -> Response:
    """``GET /org/currencies``."""
    data = [
        {
            "id": f"{ID_PREFIX}{60_000 + at:012d}",
            "name": code,
            "iso_code": code,
            "symbol": symbol,
            "is_active": True,
            "is_base": code == "USD",
            "prefix_symbol": True,
            "exchange_rate": "1.000000000",
            "format": {"decimal_separator": "Period", "thousand_separator": "Comma",
                       "decimal_places": "2"},
        }
        for at, (code, symbol) in enumerate(CURRENCIES.items())
    ]  # fmt: skip
    return reply({"currencies": data})


def contact_roles() -> list[dict[str, Any]]:
    """The roles a contact can have in a deal."""
    return [
        {"id": f"{ID_PREFIX}{70_000 + at:012d}", "name": name, "sequence_number": at + 1}
        for at, name in enumerate(_CONTACT_ROLES)
    ]


def _user(row: Mapping[str, Any]) -> dict[str, Any]:
    full = row["full_name"] or ""
    first, _, last = full.rpartition(" ")
    return {
        "id": row["id"],
        "full_name": row["full_name"],
        "first_name": row["first_name"] or first or None,
        "last_name": row["last_name"] or last,
        "email": row["email"],
        "status": row["status"],
        "confirm": True,
        "role": _ROLE,
        "profile": _PROFILE,
        "time_zone": TIME_ZONE,
        "country": "TH",
        "locale": "en_US",
        "language": "en_US",
        "zuid": row["id"][-9:],
        "created_time": show_instant(row["Created_Time"]),
        "Modified_Time": show_instant(row["Modified_Time"]),
    }


class Settings:
    """Users and metadata calls."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- users -----------------------------------------------------------------------

    def users(self, request: Request) -> Response:
        """``GET /users``."""
        kind = request.args.get("type", "AllUsers")
        where, bound = {
            "AllUsers": ("1", []),
            "ActiveUsers": ("status = 'active'", []),
            "ActiveConfirmedUsers": ("status = 'active'", []),
            "DeactiveUsers": ("status != 'active'", []),
            "CurrentUser": ("id = ?", [API_USER]),
        }.get(kind, ("", []))
        if not where:
            raise ApiError("INVALID_DATA", "the type given seems to be invalid", 400,
                           {"param_name": "type"})  # fmt: skip
        page, per_page = int(request.args.get("page", 1)), int(request.args.get("per_page", 200))
        rows = self._store.select(self._store.users, where, bound)
        part = rows[(page - 1) * per_page : page * per_page]
        if not part:
            return empty(204)
        info = {"per_page": per_page, "count": len(part), "page": page,
                "more_records": len(rows) > page * per_page}  # fmt: skip
        return reply({"users": [_user(row) for row in part], "info": info})

    def user(self, id: str) -> Response:
        """``GET /users/{id}``."""
        row = self._store.get(self._store.users, id)
        return reply({"users": [_user(row)]}) if row else empty(204)

    # -- modules and layouts ---------------------------------------------------------

    def modules(self, name: str = "") -> Response:
        """``GET /settings/modules[/{M}]``."""
        chosen = self._store.modules.values() if not name else [self._module(name)]
        return reply({"modules": [self._describe(module) for module in chosen]})

    def _module(self, name: str) -> ModuleSpec:
        found = self._store.modules.get(name)
        if found is None:
            raise ApiError("INVALID_MODULE", "the module name given seems to be invalid", 400)
        return found

    @staticmethod
    def _describe(module: ModuleSpec) -> dict[str, Any]:
        return {
            "id": module.id,
            "api_name": module.api_name,
            "module_name": module.api_name,
            "singular_label": module.singular,
            "plural_label": module.api_name,
            "generated_type": "default",
            "api_supported": True,
            "creatable": True,
            "editable": True,
            "deletable": True,
            "viewable": True,
            "visible": True,
            "visibility": 1,
            "modified_time": None,
        }

    def layouts(self, request: Request, version: str) -> Response:
        """``GET /settings/layouts?module=``."""
        module = self._module(request.args.get("module", ""))
        layout = {
            "id": module.layout_id,
            "name": "Standard",
            "display_label": "Standard",
            "status": 0 if version == "v2" else "active",
            "visible": True,
            "profiles": [_PROFILE],
            "sections": [
                {
                    "api_name": f"{module.singular}_Information",
                    "name": f"{module.singular} Information",
                    "display_label": f"{module.singular} Information",
                    "sequence_number": 1,
                    "fields": self._fields(module, version),
                }
            ],
        }
        return reply({"layouts": [layout]})

    def related_lists(self, request: Request) -> Response:
        """``GET /settings/related_lists?module=``."""
        module = self._module(request.args.get("module", ""))
        lists = [
            {"api_name": other.api_name, "module": other.api_name}
            for other in self._store.modules.values()
            for spec in other.fields.values()
            if spec.data_type == "lookup" and spec.module == module.api_name
        ]
        if module.api_name == "Deals":
            lists.append({"api_name": "Contact_Roles", "module": "Contacts"})
        data = [
            {
                "id": f"{ID_PREFIX}{80_000 + at:012d}", "sequence_number": str(at + 1),
                "display_label": entry["api_name"].replace("_", " "), "name": entry["api_name"],
                "href": f"{module.api_name}/{{ENTITYID}}/{entry['api_name']}", "type": "default",
                **entry,
            }
            for at, entry in enumerate(lists)
        ]  # fmt: skip
        return reply({"related_lists": data}) if data else empty(204)

    def pipelines(self, request: Request) -> Response:
        """``GET /settings/pipeline?layout_id=``."""
        if request.args.get("layout_id") != self._store.modules["Deals"].layout_id:
            raise ApiError("INVALID_DATA", "the layout_id given seems to be invalid", 400,
                           {"param_name": "layout_id"})  # fmt: skip
        maps = [
            {
                "id": f"{ID_PREFIX}{95_100 + at:012d}",
                "display_value": stage,
                "actual_value": stage,
                "sequence_number": at + 1,
                "forecast_type": _forecast(stage),
                "forecast_category": {"name": _forecast_category(stage), "id": str(at)},
                "delete": False,
            }
            for at, stage in enumerate(STAGES)
        ]
        pipeline = {
            "id": _PIPELINE_ID,
            "display_value": PIPELINE,
            "actual_value": PIPELINE,
            "default": True,
            "maps": maps,
            "child_available": False,
            "parent": None,
        }
        return reply({"pipeline": [pipeline]})

    # -- fields ----------------------------------------------------------------------

    def fields(self, request: Request, version: str) -> Response:
        """``GET /settings/fields?module=``."""
        module = self._module(request.args.get("module", ""))
        return reply({"fields": self._fields(module, version)})

    def _fields(self, module: ModuleSpec, version: str) -> list[dict[str, Any]]:
        """What our user sees; v2 does not list the id."""
        return [
            self._field(module, spec, version)
            for spec in module.fields.values()
            if not spec.hidden and (version != "v2" or spec.api_name != "id")
        ]

    def field(self, request: Request, id: str, version: str) -> Response:
        """``GET /settings/fields/{id}?module=``."""
        module = self._module(request.args.get("module", ""))
        found = [spec for spec in module.fields.values() if spec.id == id]
        return reply({"fields": [self._field(module, found[0], version)]}) if found else empty(204)

    def _field(self, module: ModuleSpec, spec: FieldSpec, version: str) -> dict[str, Any]:
        target = self._store.modules.get(spec.module)
        lookup: dict[str, Any] = {}
        if spec.data_type == "lookup" and target is not None:
            pointed: Any = {"api_name": target.api_name, "id": target.id}
            lookup = {
                "id": spec.id, "display_label": f"{module.singular}s", "api_name": None,
                "module": target.api_name if version == "v2" else pointed,
            }  # fmt: skip
        writable = not spec.read_only
        return {
            "id": spec.id,
            "api_name": spec.api_name,
            "field_label": spec.label,
            "display_label": spec.label,
            "data_type": spec.data_type,
            "json_type": spec.json_type,
            "length": spec.length,
            "decimal_place": spec.decimal_place,
            "system_mandatory": spec.mandatory,
            "custom_field": spec.custom,
            "read_only": spec.read_only,
            "field_read_only": spec.read_only,
            "visible": True,
            "webhook": True,
            "businesscard_supported": True,
            "created_source": "default",
            "quick_sequence_number": None,
            "mass_update": writable,
            "unique": {"casesensitive": False if version != "v2" else ""} if spec.unique else {},
            "external": None,
            "lookup": lookup,
            "multiselectlookup": {},
            "subform": None,
            "formula": {},
            "auto_number": {},
            "currency": {"precision": spec.decimal_place, "rounding_option": "normal"}
            if spec.data_type == "currency" and version != "v2"
            else {},
            "pick_list_values": self._choices(module, spec, version),
            "operation_type": {
                "web_create": writable, "web_update": writable,
                "api_create": writable, "api_update": writable,
            },
            "view_type": {
                "view": True, "edit": writable, "create": writable, "quick_create": False,
            },
        }  # fmt: skip

    def _choices(self, module: ModuleSpec, spec: FieldSpec, version: str) -> list[dict[str, Any]]:
        if not spec.choices:
            return []
        values = list(spec.choices)
        if spec.data_type == "picklist" and not spec.mandatory:
            values.insert(0, "-None-")
        made = []
        for at, value in enumerate(values):
            entry: dict[str, Any] = {
                "display_value": value,
                "actual_value": value,
                "reference_value": value,
                "id": f"{spec.id[:-3]}{at:03d}",
                "sequence_number": at + 1,
                "type": "used",
            }
            if version == "v2":
                entry = {"display_value": value, "actual_value": value, "sequence_number": at + 1,
                         "maps": []}  # fmt: skip
            elif module.api_name == "Deals" and spec.api_name == "Stage":
                entry.update(
                    probability=STAGES.get(value), forecast_type=_forecast(value),
                    forecast_category={"name": _forecast_category(value), "id": str(at)},
                )  # fmt: skip
            made.append(entry)
        return made

    def create_fields(self, request: Request) -> Response:
        """``POST /settings/fields?module=``: custom fields."""
        module = self._module(request.args.get("module", ""))
        asked = read_body(request).get("fields")
        if not isinstance(asked, list) or not 1 <= len(asked) <= 5:
            raise ApiError("INVALID_DATA", "invalid data", 400, {"api_name": "fields"})
        answers = [self._create_field(module, entry, at) for at, entry in enumerate(asked)]
        failed = sum(answer["status"] == "error" for answer in answers)
        status = 201 if not failed else 400 if failed == len(answers) else 207
        return reply({"fields": answers}, status)

    def _create_field(self, module: ModuleSpec, entry: Any, at: int) -> dict[str, Any]:
        path = f"$.fields[{at}]"
        for name in ("field_label", "data_type"):
            if not isinstance(entry, dict) or not entry.get(name):
                return item_error("MANDATORY_NOT_FOUND", "required field not found",
                                  {"api_name": name, "json_path": f"{path}.{name}"})  # fmt: skip
        label, data_type = str(entry["field_label"]), str(entry["data_type"])
        name = re.sub(r"\W+", "_", label.strip(), flags=re.ASCII).strip("_")
        if data_type not in _CREATABLE or not name:
            place = {"api_name": "data_type", "json_path": f"{path}.data_type"}
            return item_error("INVALID_DATA", "invalid data", place)
        if any(name.lower() == known.lower() for known in module.fields):
            place = {"api_name": "field_label", "json_path": f"{path}.field_label"}
            return item_error("DUPLICATE_DATA", "duplicate data", place)
        spec = make_field(name, data_type, label=label, custom=True,
                          unique="unique" in entry and entry["unique"] is not None)  # fmt: skip
        if isinstance(entry.get("length"), int):
            spec.length = entry["length"]
        self._store.add_field(module, spec)
        return item_success("field created", {"id": spec.id})


def _forecast(stage: str) -> str:
    if stage == "Closed Won":
        return "Closed Won"
    return "Closed Lost" if stage.startswith("Closed Lost") else "Open"


def _forecast_category(stage: str) -> str:
    return {"Closed Won": "Closed", "Closed Lost": "Omitted"}.get(_forecast(stage), "Pipeline")
