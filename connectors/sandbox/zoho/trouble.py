"""What goes wrong in an account on demand: refusals, rules on records, changed fields.

The orders come from `connectors.sandbox.faults`; here is only how Zoho words them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.sandbox.rates import Rate
from connectors.sandbox.zoho.metadata import FieldSpec, ModuleSpec
from connectors.sandbox.zoho.store import Store
from connectors.sandbox.zoho.validate import ItemTrouble, Validator

#: What a call is refused with: code, message, status.
REFUSALS: Mapping[str, tuple[str, str, int]] = {
    "throttle": ("TOO_MANY_REQUESTS", "You have made too many requests continuously.", 429),
    "unauthorized": ("INVALID_TOKEN", "invalid oauth token", 401),
    "error": ("INTERNAL_ERROR", "Internal Server Error", 500),
}

#: The standard edition's calls at the same time; the credits of a day are always counted.
RATES = (Rate("at_once", 10),)


def require_unlocked(store: Store, module: ModuleSpec, id: str) -> None:
    """Nobody else holds the record.

    Raises:
        ItemTrouble: ``RECORD_LOCKED``.
    """
    if store.traps.sprung("lock", module.api_name, {}) is not None:
        details = {"id": id} if id else {}
        raise ItemTrouble("RECORD_LOCKED", "the record is locked", details)


def obey(
    store: Store, module: ModuleSpec, validator: Validator, values: dict[str, Any], id: str = ""
) -> dict[str, Any]:
    """The values of an insert (no `id`) or update as the account stores them.

    Raises:
        ItemTrouble: ``RECORD_LOCKED``, ``DUPLICATE_DATA`` or ``INVALID_DATA``.
    """
    require_unlocked(store, module, id)
    for armed in store.traps.on("duplicate_rule", module.api_name, values):
        spec = module.fields[armed.fault.options["field"]]
        holder = validator.holder(spec, values[spec.api_name], id)
        if holder is not None and armed.strikes():
            raise validator.duplicate(spec, holder)
    rule = store.traps.sprung("validation_rule", module.api_name, values)
    if rule is not None:
        raise validator.broken(module.fields[rule.options["field"]], str(rule.options["words"]))
    return store.traps.stored(module.api_name, values)


def change(module: ModuleSpec, kind: str, options: Mapping[str, Any]) -> Callable[[], None]:
    """Change a module's fields; returns what puts them back. See `Vendor.set_fault`."""
    spec = module.fields[options["field"]]
    if kind == "hide_field":
        return _hidden(spec)
    if spec.read_only:
        raise ValueError(f"{spec.api_name} is Zoho's own")
    if kind == "remove_field":
        return _without(module, spec)
    return _without_option(spec, str(options["option"]))


def _hidden(spec: FieldSpec) -> Callable[[], None]:
    before, spec.hidden = spec.hidden, True

    def back() -> None:
        spec.hidden = before

    return back


def _without(module: ModuleSpec, spec: FieldSpec) -> Callable[[], None]:
    del module.fields[spec.api_name]

    def back() -> None:
        module.fields[spec.api_name] = spec

    return back


def _without_option(spec: FieldSpec, option: str) -> Callable[[], None]:
    if option not in spec.choices:
        raise KeyError(f"{spec.api_name} has no option {option}")
    before = spec.choices
    spec.choices = tuple(choice for choice in before if choice != option)

    def back() -> None:
        spec.choices = before

    return back
