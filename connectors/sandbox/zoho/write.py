# ruff: noqa: S608 - names come from the metadata; every value is a bound parameter
"""Writing records: create, update, upsert, delete, merge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from connectors.sandbox.zoho.metadata import ModuleSpec
from connectors.sandbox.zoho.store import API_USER, Store
from connectors.sandbox.zoho.trouble import obey, require_unlocked
from connectors.sandbox.zoho.validate import ItemTrouble, Validator
from connectors.sandbox.zoho.wire import (
    ApiError,
    item_error,
    item_success,
    read_body,
    read_header_instant,
    reply,
    stamp,
)
from connectors.sandbox.zoho.wire import show as show_instant

_BATCH = 100


@dataclass(slots=True)
class MergeJob:
    """One merge asked for over HTTP: done with the next request that comes."""

    id: str
    module: ModuleSpec
    master: str
    losers: tuple[str, ...]
    done: bool = False


def read_items(request: Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The body and the records in it.

    Raises:
        ApiError: no ``data``, none or too many records in it.
    """
    body = read_body(request)
    items = body.get("data")
    if items is None:
        raise ApiError("MANDATORY_NOT_FOUND", "required field not found", 400,
                       {"api_name": "data", "json_path": "$.data"})  # fmt: skip
    if not isinstance(items, list) or not items or not all(isinstance(i, dict) for i in items):
        raise ApiError("INVALID_DATA", "invalid data", 400,
                       {"api_name": "data", "expected_data_type": "jsonarray"})  # fmt: skip
    if len(items) > _BATCH:
        raise ApiError("LIMIT_EXCEEDED", "maximum number of records exceeded", 400,
                       {"api_name": "data", "limit": _BATCH})  # fmt: skip
    return body, items


class Writer:
    """The writing calls, carried out as the API user."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.jobs: dict[str, MergeJob] = {}

    # -- batches ---------------------------------------------------------------------

    def _batch(
        self,
        items: Sequence[Mapping[str, Any]],
        one: Callable[[int, Mapping[str, Any]], dict[str, Any]],
        success: int,
    ) -> Response:
        """One answer an item, in order. 207 when they differ, 400 when none was carried out."""
        data = []
        for at, item in enumerate(items):
            try:
                data.append(one(at, item))
            except ItemTrouble as trouble:
                data.append(item_error(trouble.code, trouble.message, trouble.details))
        failed = sum(answer["status"] == "error" for answer in data)
        status = success if not failed else 400 if failed == len(data) else 207
        return reply({"data": data}, status)

    def create(self, request: Request, module: ModuleSpec) -> Response:
        """``POST /{M}``."""
        _, items = read_items(request)
        return self._batch(items, lambda at, item: self._insert(module, at, item), 201)

    def update(self, request: Request, module: ModuleSpec, id: str = "") -> Response:
        """``PUT /{M}`` with ids in the items, or ``PUT /{M}/{id}``."""
        _, items = read_items(request)
        if id:
            items = [{**items[0], "id": id}]
        unmodified = read_header_instant(request, "If-Unmodified-Since") or ""
        return self._batch(items, lambda at, item: self._update(module, at, item, unmodified), 200)

    def upsert(self, request: Request, module: ModuleSpec) -> Response:
        """``POST /{M}/upsert``: the first duplicate-check field that matches decides."""
        body, items = read_items(request)
        given = body.get("duplicate_check_fields") or []
        for name in given:
            if name not in module.fields:
                raise ApiError(
                    "INVALID_DATA", "the duplicate check field given seems to be invalid",
                    400, {"api_name": "duplicate_check_fields"},
                )  # fmt: skip
        checked = given or [spec.api_name for spec in module.fields.values() if spec.unique]
        return self._batch(items, lambda at, item: self._upsert(module, at, item, checked), 200)

    def delete(self, request: Request, module: ModuleSpec, id: str = "") -> Response:
        """``DELETE /{M}?ids=`` or ``DELETE /{M}/{id}``."""
        ids = [id] if id else [one for one in request.args.get("ids", "").split(",") if one]
        if not ids:
            raise ApiError("REQUIRED_PARAM_MISSING", "One of the expected parameter is missing",
                           400, {"param_name": "ids"})  # fmt: skip
        if len(ids) > _BATCH:
            raise ApiError("LIMIT_EXCEEDED", "ids limit exceeded", 400, {"param_name": "ids"})

        def one(at: int, item: Mapping[str, Any]) -> dict[str, Any]:
            self._need(module, at, item["id"])
            require_unlocked(self._store, module, item["id"])
            self._store.delete(module, item["id"], API_USER)
            return item_success("record deleted", {"id": item["id"]})

        return self._batch([{"id": one_id} for one_id in ids], one, 200)

    # -- single items ----------------------------------------------------------------

    def carry_out(
        self, operation: str, module: ModuleSpec, at: int, item: Mapping[str, Any], find_by: str
    ) -> dict[str, Any]:
        """One row of a bulk write: ``insert``, or ``update`` or ``upsert`` of the record whose
        `find_by` (``id`` or a unique field) the item names.

        Raises:
            ItemTrouble: as for a single write; ``RESOURCE_NOT_FOUND`` for an update of none.
        """
        if operation == "insert":
            return self._insert(module, at, item)
        if operation == "upsert" and find_by != "id":
            return self._upsert(module, at, item, [find_by])
        value = str(item.get(find_by) or "").strip()
        found = self._store.select(module, f'"{find_by}" = ?', [value], limit=1) if value else []
        if found:
            return self._update(module, at, {**item, "id": found[0]["id"]})
        if operation == "upsert":
            return self._insert(module, at, {k: v for k, v in item.items() if k != "id"})
        raise ItemTrouble("RESOURCE_NOT_FOUND", "no such record", {"api_name": find_by})

    def _need(self, module: ModuleSpec, at: int, id: Any) -> dict[str, Any]:
        if not id:
            raise ItemTrouble("MANDATORY_NOT_FOUND", "required field not found",
                              {"api_name": "id", "json_path": f"$.data[{at}].id"})  # fmt: skip
        found = self._store.get(module, str(id))
        if found is None:
            raise ItemTrouble(
                "INVALID_DATA", "the id given seems to be invalid",
                {"id": str(id), "api_name": "id", "json_path": f"$.data[{at}].id"},
            )  # fmt: skip
        return found

    def _insert(
        self, module: ModuleSpec, at: int, item: Mapping[str, Any], **more: Any
    ) -> dict[str, Any]:
        validator = Validator(self._store, module, at)
        values = validator.values(item, creating=True)
        values = obey(self._store, module, validator, values)
        validator.unique(values, "")
        row = self.new_row(module, values, API_USER)
        self._store.put(module, [row])
        self._after(module, row)
        return item_success("record added", self._details(row), **more)

    def new_row(self, module: ModuleSpec, values: Mapping[str, Any], user: str) -> dict[str, Any]:
        """A row with everything Zoho adds to a new record."""
        row = dict(values)
        self._store.derive(module, {}, row)
        touched = self._store.touch(user)
        row.update(touched, id=self._store.new_id())
        row["Created_Time"], row["Created_By"] = touched["Modified_Time"], user
        row["Owner"] = row.get("Owner") or user
        for spec in module.fields.values():
            if spec.data_type == "boolean":
                row.setdefault(spec.api_name, False)
        return row

    def _update(
        self, module: ModuleSpec, at: int, item: Mapping[str, Any], unmodified: str = "",
        **more: Any,
    ) -> dict[str, Any]:  # fmt: skip
        before = self._need(module, at, item.get("id"))
        if unmodified and before["Modified_Time"] > unmodified:
            raise ItemTrouble("ALREADY_MODIFIED", "record has been modified since", {
                "id": before["id"], "Modified_Time": show_instant(before["Modified_Time"]),
            })  # fmt: skip
        validator = Validator(self._store, module, at)
        values = validator.values(item, creating=False)
        values = obey(self._store, module, validator, values, before["id"])
        validator.unique(values, before["id"])
        self.change(module, before, values, API_USER)
        after = self._store.get(module, before["id"])
        assert after is not None
        return item_success("record updated", self._details(after), **more)

    def change(
        self, module: ModuleSpec, before: Mapping[str, Any], values: dict[str, Any], user: str
    ) -> None:
        """Write stored forms over a row, with what follows from them and the stamps."""
        self._store.derive(module, before, values)
        self._store.set(module, before["id"], {**values, **self._store.touch(user)})
        self._after(module, {**before, **values})

    def _after(self, module: ModuleSpec, row: Mapping[str, Any]) -> None:
        if module.api_name == "Deals" and row.get("Contact_Name"):
            self._store.db.execute(
                "INSERT OR IGNORE INTO contact_roles VALUES (?, ?, NULL)",
                (row["id"], row["Contact_Name"]),
            )

    def _upsert(
        self, module: ModuleSpec, at: int, item: Mapping[str, Any], checked: Sequence[str]
    ) -> dict[str, Any]:
        for name in checked:
            value = item.get(name)
            if not isinstance(value, str) or not value.strip():
                continue
            found = self._store.select(module, f'"{name}" = ?', [value.strip()], limit=1)
            if found:
                merged = {**item, "id": found[0]["id"]}
                return self._update(module, at, merged, action="update", duplicate_field=name)
        fresh = {key: value for key, value in item.items() if key != "id"}
        return self._insert(module, at, fresh, action="insert", duplicate_field=None)

    def _details(self, row: Mapping[str, Any]) -> dict[str, Any]:
        users = self._store.titles("users", [row["Created_By"], row["Modified_By"]])
        person = {id: {"name": user["name"], "id": id} for id, user in users.items()}
        return {
            "Modified_Time": show_instant(row["Modified_Time"]),
            "Modified_By": person.get(row["Modified_By"]),
            "Created_Time": show_instant(row["Created_Time"]),
            "id": row["id"],
            "Created_By": person.get(row["Created_By"]),
        }

    # -- merge -----------------------------------------------------------------------

    def schedule(self, request: Request, module: ModuleSpec, master: str) -> Response:
        """``POST /{M}/{id}/actions/merge``: the merge is carried out by a job."""
        body = read_body(request)
        try:
            losers = tuple(str(entry["id"]) for entry in body["merge"][0]["data"])
        except (TypeError, LookupError):
            raise ApiError("INVALID_DATA", "invalid data", 400, {"api_name": "merge"}) from None
        for id in (master, *losers):
            if self._store.get(module, id) is None or (id == master) != (id not in losers):
                raise ApiError("INVALID_DATA", "the id given seems to be invalid", 400, {"id": id})
        job = MergeJob(self._store.new_id(), module, master, losers)
        self.jobs[job.id] = job
        details = {"id": master, "job_id": job.id}
        return reply({"merge": [
            {"code": "SCHEDULED", "details": details, "message": "merge scheduled",
             "status": "success"},
        ]}, 201)  # fmt: skip

    def job(self, request: Request) -> Response:
        """``GET /{M}/{id}/actions/merge?job_id=``."""
        job = self.jobs.get(request.args.get("job_id", ""))
        if job is None:
            raise ApiError("INVALID_DATA", "the job_id given seems to be invalid", 400,
                           {"param_name": "job_id"})  # fmt: skip
        status = "COMPLETED" if job.done else "SCHEDULED"
        return reply({"merge": [{"status": status, "job_id": job.id, "id": job.master}]})

    def run_jobs(self) -> None:
        """Carry out the merges that wait."""
        for job in self.jobs.values():
            if not job.done:
                job.done = True
                for loser in job.losers:
                    self.merge(job.module, job.master, loser, API_USER)

    def merge(self, module: ModuleSpec, master: str, loser: str, user: str) -> None:
        """The master's empty fields are filled, what pointed to the loser points to the master,
        the loser is deleted. Zoho leaves no pointer from it to the master."""
        kept, lost = self._store.get(module, master), self._store.get(module, loser)
        if kept is None or lost is None:
            raise KeyError(loser if kept else master)
        filled = {
            name: lost[name]
            for name, spec in module.fields.items()
            if not spec.read_only and kept[name] is None and lost[name] is not None
        }
        self._store.delete(module, loser, user, into=master)
        self.change(module, kept, filled, user)
        now = stamp(self._store.clock.now())
        for other in self._store.modules.values():
            for spec in other.fields.values():
                if spec.data_type == "lookup" and spec.module == module.api_name:
                    self._store.db.execute(
                        f'UPDATE "{other.api_name}" SET "{spec.api_name}" = ?, '
                        '"Modified_Time" = ?, "Modified_By" = ? '
                        f'WHERE "{spec.api_name}" = ? AND deleted_time IS NULL',
                        (master, now, user, loser),
                    )
