"""Stored rows as the records of a reply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.sandbox.zoho.metadata import FieldSpec, ModuleSpec
from connectors.sandbox.zoho.store import Store
from connectors.sandbox.zoho.wire import show as show_instant


def records(
    store: Store, module: ModuleSpec, rows: Sequence[Mapping[str, Any]], names: Iterable[str] | None
) -> list[dict[str, Any]]:
    """The rows with the named fields (all of them for None), lookups with their names."""
    asked = module.fields if names is None else dict.fromkeys(names)
    specs = [
        spec
        for spec in (module.fields.get(name) for name in asked)
        if spec is not None and not spec.hidden and spec.api_name != "id"
    ]
    linked: dict[str, dict[str, dict[str, Any]]] = {}
    for target in {spec.module for spec in specs if spec.is_lookup}:
        ids = (
            row[spec.api_name]
            for row in rows
            for spec in specs
            if spec.module == target and row[spec.api_name]
        )
        linked[target] = store.titles(target, ids)
    made = []
    for row in rows:
        record: dict[str, Any] = {
            spec.api_name: value(spec, row[spec.api_name], linked.get(spec.module, {}))
            for spec in specs
        }
        record["id"] = row["id"]
        if names is None:
            record["$approved"] = True
            record["$editable"] = True
        made.append(record)
    return made


def value(spec: FieldSpec, stored: Any, linked: Mapping[str, dict[str, Any]]) -> Any:
    """One stored value as JSON; `linked` are the records lookups of this kind point to."""
    if stored is None:
        return [] if spec.data_type == "multiselectpicklist" else None
    if spec.is_lookup:
        return linked.get(stored, {"name": None, "id": stored})
    if spec.data_type == "datetime":
        return show_instant(stored)
    return stored


def flat(module: ModuleSpec, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in the convention of `Vendor.state`: native fields with lookups as ids, and the
    neutral keys."""
    made: dict[str, Any] = {}
    for name, spec in module.fields.items():
        stored = row[name]
        if spec.data_type == "datetime" and stored is not None:
            stored = show_instant(stored)
        elif isinstance(stored, Decimal):
            stored = plain_number(stored)
        made[name] = stored
    made.update(
        id=row["id"],
        created_at=made["Created_Time"],
        modified_at=made["Modified_Time"],
        modified_by=row.get("Modified_By") or "",
        deleted=row["deleted_time"] is not None,
        merged_into=row["merged_into"] or "",
    )
    return made


def plain_number(number: Decimal) -> int | Decimal:
    """Whole numbers as int, others as they are."""
    return int(number) if number == number.to_integral_value() else number
