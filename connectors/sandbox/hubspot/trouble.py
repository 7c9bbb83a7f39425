"""What goes wrong in an account on demand: refusals, rules on records, changed properties.

The orders come from `connectors.sandbox.faults`; here is only how HubSpot words them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.sandbox.faults import Traps
from connectors.sandbox.hubspot.replies import Failure, invalid_properties
from connectors.sandbox.hubspot.store import Store
from connectors.sandbox.hubspot.values import problem
from connectors.sandbox.rates import Rate

if TYPE_CHECKING:
    from connectors.sandbox.hubspot.records import Records

#: What a call is refused with: status, category, message.
REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "throttle": (429, "RATE_LIMITS", "You have reached your secondly limit."),
    "unauthorized": (401, "EXPIRED_AUTHENTICATION",
                     "The OAuth token used to make this call expired."),
    "error": (502, "INTERNAL_ERROR", "internal error"),
    "TEN_SECONDLY_ROLLING": (429, "RATE_LIMITS",
                             "You have reached your ten_secondly_rolling limit."),
}  # fmt: skip

#: Private apps of the smallest plan; search has a limit of its own and does not count for the
#: other.
RATES = (
    Rate("searches", 5, 1.0, path=r"/search/?$"),
    Rate("calls", 100, 10.0, "TEN_SECONDLY_ROLLING", path=r"^(?!.*/search/?$)"),
)


def require_unlocked(traps: Traps, object: str) -> None:
    """The account is not busy with these records.

    Raises:
        Failure: 423, for the whole call even in a batch.
    """
    if traps.sprung("lock", object, {}) is not None:
        message = "The resource is locked. Try again in 2 seconds."
        raise Failure(423, "LOCKED", message)


def obey(
    traps: Traps, store: Store, object: str, clean: dict[str, str | None], own: int | None
) -> dict[str, str | None]:
    """The values of a create (no `own` id) or update as the account stores them.

    Raises:
        Failure: 423 for a lock, 409 for a duplicate, 400 for a validation rule.
    """
    require_unlocked(traps, object)
    for armed in traps.on("duplicate_rule", object, clean):
        name = str(armed.fault.options["field"])
        holder = store.holder(object, name, clean[name], own)
        if holder is not None and armed.strikes():
            kind = object.removesuffix("s").capitalize() if object != "companies" else "Company"
            raise Failure(409, "CONFLICT", f"{kind} already exists. Existing ID: {holder}")
    rule = traps.sprung("validation_rule", object, clean)
    if rule is not None:
        name, words = str(rule.options["field"]), str(rule.options["words"])
        raise invalid_properties([problem(name, "FAILED_VALIDATION", words)])
    return traps.stored(object, clean)


def change(records: Records, kind: str, options: Mapping[str, Any]) -> Callable[[], None]:
    """Change an object's properties; returns what puts them back. See `Vendor.set_fault`."""
    object, name = str(options["object"]), str(options["field"])
    properties = records.properties[object]
    before = properties[name]
    if kind == "hide_field":
        if (object, name) in records.hidden:
            return lambda: None
        records.hidden.add((object, name))
        return lambda: records.hidden.discard((object, name))
    if before.read_only or before.calculated:
        raise ValueError(f"{name} is HubSpot's own")
    if kind == "remove_field":
        del properties[name]
    else:
        option = str(options["option"])
        left = tuple(pair for pair in before.options if pair[0] != option)
        if left == before.options:
            raise KeyError(f"{name} has no option {option}")
        properties[name] = replace(before, options=left)

    def back() -> None:
        properties[name] = before

    return back
