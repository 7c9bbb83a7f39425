"""Values as clients send them, checked and turned into stored forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.sandbox.zoho.metadata import FieldSpec, ModuleSpec
from connectors.sandbox.zoho.store import Store
from connectors.sandbox.zoho.wire import read_instant

_EMAIL = re.compile(r"[^@\s\"<>(),;:]+@[^@\s\"<>(),;:.]+(\.[^@\s\"<>(),;:.]+)+")
_WEBSITE = re.compile(r"\S+\.\S+")


class ItemTrouble(Exception):
    """One item cannot be written; what its place in the reply says."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = dict(details)


class Validator:
    """Checks one item of a request, the `at`-th of its batch."""

    def __init__(self, store: Store, module: ModuleSpec, at: int) -> None:
        self._store = store
        self._module = module
        self._at = at

    def _trouble(self, spec: FieldSpec, code: str, message: str, **details: Any) -> ItemTrouble:
        place = {"api_name": spec.api_name, "json_path": f"$.data[{self._at}].{spec.api_name}"}
        return ItemTrouble(code, message, {**details, **place})

    def _invalid(self, spec: FieldSpec, **details: Any) -> ItemTrouble:
        details = details or {"expected_data_type": spec.data_type}
        return self._trouble(spec, "INVALID_DATA", "invalid data", **details)

    def values(self, item: Mapping[str, Any], creating: bool) -> dict[str, Any]:
        """The item's writable fields in stored form; unknown and read-only ones are dropped.

        Raises:
            ItemTrouble: ``INVALID_DATA`` or ``MANDATORY_NOT_FOUND``.
        """
        made: dict[str, Any] = {}
        for name, value in item.items():
            spec = self._module.fields.get(name)
            if spec is None or spec.read_only or spec.hidden:
                continue
            made[name] = self._value(spec, value)
        for spec in self._module.fields.values():
            given = spec.api_name in made
            if spec.mandatory and (creating or given) and made.get(spec.api_name) is None:
                raise self._trouble(spec, "MANDATORY_NOT_FOUND", "required field not found")
        return made

    def unique(self, values: Mapping[str, Any], own_id: str) -> None:
        """Refuse a value of a unique field that another live record holds.

        Raises:
            ItemTrouble: ``DUPLICATE_DATA`` with ``duplicate_record``.
        """
        for spec in self._module.fields.values():
            if spec.unique:
                holder = self.holder(spec, values.get(spec.api_name), own_id)
                if holder is not None:
                    raise self.duplicate(spec, holder)

    def holder(self, spec: FieldSpec, value: Any, own_id: str) -> dict[str, Any] | None:
        """Another live record with that value."""
        if value is None:
            return None
        where = f'"{spec.api_name}" = ? AND id != ?'
        found = self._store.select(self._module, where, [value, own_id], limit=1)
        return found[0] if found else None

    def duplicate(self, spec: FieldSpec, holder: Mapping[str, Any]) -> ItemTrouble:
        """The refusal of a value that `holder` has."""
        owner = self._store.titles("users", [holder["Owner"] or ""])
        return self._trouble(
            spec, "DUPLICATE_DATA", "duplicate data",
            id=holder["id"],
            duplicate_record={
                "id": holder["id"],
                "module": {"api_name": self._module.api_name, "id": self._module.id},
                "Owner": owner.get(holder["Owner"]),
            },
        )  # fmt: skip

    def broken(self, spec: FieldSpec, words: str) -> ItemTrouble:
        """The refusal of a value by a validation rule, in the words of whoever made the rule."""
        return self._trouble(spec, "INVALID_DATA", words)

    def _value(self, spec: FieldSpec, value: Any) -> Any:
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            return False if spec.data_type == "boolean" else None
        if spec.is_lookup:
            return self._lookup(spec, value)
        if spec.data_type == "multiselectpicklist":
            return self._options(spec, value)
        if spec.data_type in ("integer", "currency", "double"):
            return self._number(spec, value)
        if spec.data_type == "boolean":
            if not isinstance(value, bool):
                raise self._invalid(spec)
            return value
        return self._text(spec, value)

    def _lookup(self, spec: FieldSpec, value: Any) -> str:
        id = value.get("id") if isinstance(value, Mapping) else value
        if isinstance(id, int) and not isinstance(id, bool):
            id = str(id)
        if not isinstance(id, str):
            raise self._invalid(spec)
        target = self._store.module(spec.module)
        if target is None or self._store.get(target, id) is None:
            raise self._trouble(
                spec, "INVALID_DATA", "the related id given seems to be invalid",
            )  # fmt: skip
        return id

    def _options(self, spec: FieldSpec, value: Any) -> list[str] | None:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._invalid(spec, expected_data_type="jsonarray")
        if any(one not in spec.choices for one in value):
            raise self._invalid(spec)
        return [one for one in spec.choices if one in value] or None

    def _number(self, spec: FieldSpec, value: Any) -> int | Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self._invalid(spec)
        if spec.data_type == "integer":
            if value != int(value):
                raise self._invalid(spec)
            if len(str(abs(int(value)))) > spec.length:
                raise self._invalid(spec, maximum_length=spec.length)
            return int(value)
        number = Decimal(value)
        if spec.decimal_place is not None:
            number = number.quantize(Decimal(1).scaleb(-spec.decimal_place), ROUND_HALF_UP)
        if len(str(abs(int(number)))) > spec.length:
            raise self._invalid(spec, maximum_length=spec.length)
        return number

    def _text(self, spec: FieldSpec, value: Any) -> str | None:
        if not isinstance(value, str):
            raise self._invalid(spec)
        if spec.data_type == "picklist":
            if value == "-None-":
                return None
            if value not in spec.choices:
                raise self._invalid(spec)
            return value
        try:
            if spec.data_type == "date":
                if len(value) != len("2026-01-31"):
                    raise ValueError(value)
                return date.fromisoformat(value).isoformat()
            if spec.data_type == "datetime":
                return read_instant(value)
        except ValueError:
            raise self._invalid(spec) from None
        if len(value) > spec.length:
            raise self._invalid(spec, maximum_length=spec.length)
        if spec.data_type == "email" and not _EMAIL.fullmatch(value):
            raise self._invalid(spec)
        if spec.data_type == "website" and not _WEBSITE.fullmatch(value):
            raise self._invalid(spec)
        return value
