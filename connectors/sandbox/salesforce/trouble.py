"""What goes wrong in an org on demand: refusals, rules on records, changes of the org itself.

The orders come from `connectors.sandbox.faults`; here is only how Salesforce words them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from connectors.sandbox.rates import Rate
from connectors.sandbox.salesforce.schema import Field, Object
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.values import Row, plain
from connectors.sandbox.salesforce.wire import Refusal, Refusals

if TYPE_CHECKING:
    from connectors.sandbox.salesforce.rest import Rest

#: What a call is refused with.
REFUSALS: Mapping[str, tuple[str, str, int]] = {
    "throttle": (
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        403,
    ),
    "unauthorized": ("INVALID_SESSION_ID", "Session expired or invalid", 401),
    "error": ("SERVER_UNAVAILABLE", "The server is unavailable.", 503),
}

#: Requests that run for 20 seconds and longer, at the same time; the calls of a day are always
#: counted.
RATES = (Rate("at_once", 25, running=20.0),)


class _DuplicateRule(Refusal):
    """A duplicate rule's refusal; only the answer to a single record says of which."""

    def __init__(self, object: Object, id: str) -> None:
        super().__init__("DUPLICATES_DETECTED", "Use one of these records?")
        self._object = object.name
        self._id = id

    @property
    def entry(self) -> dict[str, Any]:
        record = {"attributes": {"type": self._object}, "Id": self._id}
        rule = f"Standard_{self._object}_Duplicate_Rule"
        match = {
            "entityType": self._object, "errors": [], "matchEngine": "ExactMatchEngine",
            "matchRecords": [
                {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
                 "record": record}
            ],
            "rule": f"Standard_{self._object}_Match_Rule", "size": 1, "success": True,
        }  # fmt: skip
        found = {
            "allowSave": False, "duplicateRule": rule, "duplicateRuleEntityType": self._object,
            "errorMessage": self.message, "matchResults": [match],
        }  # fmt: skip
        return {"duplicateResult": found, "errorCode": self.code, "message": self.message}


def obey(store: Store, object: Object, row: Row, id: str = "") -> Row:
    """The values of a create (no `id`) or update as the org stores them.

    Raises:
        Refusal, Refusals: the row is locked, or a rule forbids the values.
    """
    require_unlocked(store, object, id)
    values = {name: plain(object.fields[name], value) for name, value in row.items()}
    for armed in store.traps.on("duplicate_rule", object.name, values):
        field = object.fields[armed.fault.options["field"]]
        others = [r for r in store.holders(object, field, row[field.name]) if r["Id"] != id]
        if row[field.name] is not None and others and armed.strikes():
            raise _DuplicateRule(object, str(others[0]["Id"]))
    rule = store.traps.sprung("validation_rule", object.name, values)
    if rule is not None:
        words, name = str(rule.options["words"]), str(rule.options["field"])
        raise Refusals([Refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", words, fields=[name])])
    return store.traps.stored(object.name, row)


def require_unlocked(store: Store, object: Object, id: str) -> None:
    """Nobody else holds the row, or the one it hangs on.

    Raises:
        Refusals: UNABLE_TO_LOCK_ROW.
    """
    if store.traps.sprung("lock", object.name, {}) is not None:
        about = f": {id}" if id else ""
        words = f"unable to obtain exclusive access to this record or 1 records{about}"
        raise Refusals([Refusal("UNABLE_TO_LOCK_ROW", words, fields=[])])


def change(store: Store, rest: Rest, kind: str, options: Mapping[str, Any]) -> Callable[[], None]:
    """Change the org; returns what puts it back. See `Vendor.set_fault`."""
    if kind == "quota":
        return rest.leave(int(options["left"]))
    if kind == "clock_skew":
        return _skew(store, float(options["seconds"]))
    if kind == "search_lag":
        raise ValueError("salesforce answers from its records, not from an index that lags")
    object = store.objects[options["object"]]
    field = object.fields[options["field"]]
    if not field.createable and not field.updateable:
        raise ValueError(f"{field.name} is Salesforce's own")
    if kind == "remove_field":
        return _without(object, field)
    if kind == "hide_field":
        return _hidden(field)
    return _without_option(field, str(options["option"]))


def _skew(store: Store, seconds: float) -> Callable[[], None]:
    store.clock.skew += seconds

    def back() -> None:
        store.clock.skew -= seconds

    return back


def _without(object: Object, field: Field) -> Callable[[], None]:
    del object.fields[field.name], object.names[field.name.lower()]
    return lambda: object.add(field)


def _hidden(field: Field) -> Callable[[], None]:
    before, field.hidden = field.hidden, True

    def back() -> None:
        field.hidden = before

    return back


def _without_option(field: Field, option: str) -> Callable[[], None]:
    if option not in field.choices:
        raise KeyError(f"{field.name} has no option {option}")
    before = field.choices
    field.choices = tuple(choice for choice in before if choice != option)

    def back() -> None:
        field.choices = before

    return back
