"""Related lists: records that point to a record, and the contacts of a deal."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request, Response

from connectors.sandbox.zoho import show
from connectors.sandbox.zoho.metadata import ModuleSpec
from connectors.sandbox.zoho.settings import contact_roles
from connectors.sandbox.zoho.store import API_USER, Store
from connectors.sandbox.zoho.wire import ApiError, empty, item_error, item_success, reply
from connectors.sandbox.zoho.write import read_items

ROLES = "Contact_Roles"


class Related:
    """The related-list calls."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, request: Request, module: ModuleSpec, id: str, name: str) -> Response:
        """``GET /{M}/{id}/{RelatedList}``."""
        if self._store.get(module, id) is None:
            raise ApiError("INVALID_DATA", "the id given seems to be invalid", 400, {"id": id})
        if module.api_name == "Deals" and name == ROLES:
            return self._roles(id)
        other = self._store.modules.get(name)
        lookups = [
            spec.api_name
            for spec in (other.fields.values() if other else ())
            if spec.data_type == "lookup" and spec.module == module.api_name
        ]
        if other is None or not lookups:
            raise ApiError("INVALID_DATA", "the relation name given seems to be invalid", 400,
                           {"relation": name})  # fmt: skip
        per_page, page = int(request.args.get("per_page", 200)), int(request.args.get("page", 1))
        where = " OR ".join(f'"{lookup}" = ?' for lookup in lookups)
        rows = self._store.select(other, where, [id] * len(lookups))
        part = rows[(page - 1) * per_page : page * per_page]
        if not part:
            return empty(204)
        fields = request.args.get("fields")
        data = show.records(self._store, other, part, fields.split(",") if fields else None)
        info = {"per_page": per_page, "count": len(part), "page": page,
                "more_records": len(rows) > page * per_page}  # fmt: skip
        return reply({"data": data, "info": info})

    def _roles(self, deal: str) -> Response:
        query = "SELECT contact, role FROM contact_roles WHERE deal = ?"
        held = dict(self._store.db.execute(query, (deal,)).fetchall())
        contacts = self._store.modules["Contacts"]
        marks = ", ".join("?" * len(held))
        rows = self._store.select(contacts, f"id IN ({marks})", list(held))
        if not rows:
            return empty(204)
        names = {role["id"]: role["name"] for role in contact_roles()}
        data: list[dict[str, Any]] = []
        for record in show.records(
            self._store, contacts, rows, ["Email", "First_Name", "Last_Name"]
        ):
            role = held[record["id"]]
            record["Contact_Role"] = {"name": names.get(role), "id": role} if role else None
            data.append(record)
        info = {"per_page": 200, "count": len(data), "page": 1, "more_records": False}
        return reply({"data": data, "info": info})

    def put(self, request: Request, module: ModuleSpec, id: str, name: str, other: str) -> Response:
        """``PUT /Deals/{id}/Contact_Roles/{contact}``."""
        self._only_roles(module, name)
        _, items = read_items(request)
        role = (items[0].get("Contact_Role") or {}).get("id")
        contacts = self._store.modules["Contacts"]
        if self._store.get(module, id) is None or self._store.get(contacts, other) is None:
            answer = item_error("INVALID_DATA", "the related id given seems to be invalid", {})
            return reply({"data": [answer]}, 400)
        if role and role not in {one["id"] for one in contact_roles()}:
            answer = item_error("INVALID_DATA", "invalid data", {"api_name": "Contact_Role"})
            return reply({"data": [answer]}, 400)
        self._store.db.execute("INSERT OR REPLACE INTO contact_roles VALUES (?, ?, ?)",
                               (id, other, role))  # fmt: skip
        self._store.set(module, id, self._store.touch(API_USER))
        return reply({"data": [item_success("relation updated", {"id": other})]})

    def delete(self, module: ModuleSpec, id: str, name: str, other: str) -> Response:
        """``DELETE /Deals/{id}/Contact_Roles/{contact}``."""
        self._only_roles(module, name)
        gone = self._store.db.execute("DELETE FROM contact_roles WHERE deal = ? AND contact = ?",
                                      (id, other)).rowcount  # fmt: skip
        if not gone:
            answer = item_error("INVALID_DATA", "the related id given seems to be invalid", {})
            return reply({"data": [answer]}, 400)
        self._store.set(module, id, self._store.touch(API_USER))
        return reply({"data": [item_success("relation removed", {"id": other})]})

    @staticmethod
    def _only_roles(module: ModuleSpec, name: str) -> None:
        if (module.api_name, name) != ("Deals", ROLES):
            raise ApiError("NOT_SUPPORTED", "relation cannot be changed", 400, {"relation": name})
