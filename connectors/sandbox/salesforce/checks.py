"""What Salesforce refuses: the validation of values that arrive over the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sandbox.salesforce.ids import is_id, to18
from connectors.sandbox.salesforce.schema import SCALED, TEXTUAL, Field, Object
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.values import Row, Stored, ordered, parse_instant, scaled, stamp
from connectors.sandbox.salesforce.wire import Refusal, Refusals

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\Z"
)


def _unparsable(kind: str, value: Any) -> Refusal:
    return Refusal(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {kind} from VALUE_STRING value {value} or request may "
        "be missing a required field at [line:1, column:1]",
    )


def known(object: Object, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body under the fields' own names.

    Raises:
        Refusal: INVALID_FIELD, for the whole request.
    """
    named: dict[str, Any] = {}
    for name, value in body.items():
        if name == "attributes":
            continue
        parent = object.parent(name) if isinstance(value, Mapping) else None
        field = object.find(name) or parent
        if field is None:
            raise Refusal(
                "INVALID_FIELD", f"No such column '{name}' on sobject of type {object.name}"
            )
        named[field.name] = value
    return named


def check(store: Store, object: Object, body: Mapping[str, Any], id: str = "") -> Row:
    """The values of a create (no `id`) or update, as they are stored.

    Raises:
        Refusal: the whole request cannot be read (a date that is none, an unknown field).
        Refusals: this record is refused.
    """
    wrong: list[Refusal] = []
    row: Row = {}
    named = known(object, body)
    named.pop("Id", None)
    locked = [n for n in named if not _writable(object.fields[n], creating=not id)]
    if locked:
        raise Refusals(
            [
                Refusal(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    f"Unable to create/update fields: {', '.join(locked)}. Please check the "
                    "security settings of this field and verify that it is read/write for your "
                    "profile or permission set.",
                    fields=locked,
                )
            ]
        )
    for name, value in named.items():
        try:
            row[name] = _value(store, object, object.fields[name], value)
        except Refusals as refused:
            wrong += refused.refusals
    missing = [
        name
        for name, field in object.fields.items()
        if field.required and (row.get(name) is None if name in row else not id)
        and not any(name in (refusal.fields or ()) for refusal in wrong)
    ]  # fmt: skip
    if missing:
        wrong.insert(
            0,
            Refusal(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(missing)}]",
                fields=missing,
            ),
        )
    for name, stored in row.items():
        if object.fields[name].unique and stored is not None:
            wrong += _taken(store, object, object.fields[name], stored, id)
    if wrong:
        raise Refusals(wrong)
    return row


def _writable(field: Field, creating: bool) -> bool:
    return field.createable if creating else field.updateable


def _taken(store: Store, object: Object, field: Field, value: Stored, id: str) -> list[Refusal]:
    return [
        Refusal(
            "DUPLICATE_VALUE",
            f"duplicate value found: {field.name} duplicates value on record with id: "
            f"{str(other['Id'])[:15]}",
            fields=[],
        )
        for other in store.holders(object, field, value)
        if other["Id"] != to18(id)
    ]


def _refuse(code: str, message: str, *fields: str) -> Refusals:
    return Refusals([Refusal(code, message, fields=list(fields))])


def _value(store: Store, object: Object, field: Field, value: Any) -> Stored:
    if field.type == "boolean":
        if str(value).lower() not in ("true", "false"):
            raise _refuse(
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                f"{field.label}: value not of required type: {value}",
                field.name,
            )
        return int(str(value).lower() == "true")
    if value is None or value == "":
        return None
    if field.type in TEXTUAL:
        return _text(field, value)
    if field.type == "int" or field.type in SCALED:
        return _number(field, value)
    if field.type == "date":
        try:
            return date.fromisoformat(str(value)[:10]).isoformat()
        except ValueError:
            raise _unparsable("date", value) from None
    if field.type == "datetime":
        try:
            return stamp(parse_instant(str(value)))
        except ValueError:
            raise _unparsable("datetime", value) from None
    if isinstance(value, Mapping):
        return _by_external_id(store, field, value)
    return _reference(store, object, field, str(value))


def _text(field: Field, value: Any) -> Stored:
    if not isinstance(value, str):
        raise Refusal(
            "JSON_PARSER_ERROR",
            f"Cannot deserialize instance of string from {type(value).__name__} value {value}",
        )
    text = value.strip()
    if not text:
        return None
    if len(text) > field.length:
        raise _refuse(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text} (max length={field.length})",
            field.name,
        )
    if field.type == "email" and not _EMAIL.match(text):
        raise _refuse(
            "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", field.name
        )
    chosen = text.split(";") if field.type == "multipicklist" else [text]
    if field.restricted:
        for part in chosen:
            if part.strip() not in field.choices:
                raise _refuse(
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                    f"{field.label}: bad value for restricted picklist field: {part}",
                    field.name,
                )
    return ordered(field, chosen) if field.type == "multipicklist" else text


def _number(field: Field, value: Any) -> int:
    try:
        number = Decimal(str(value))
        if isinstance(value, bool) or not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise _unparsable(field.type, value) from None
    whole = field.precision - field.scale if field.precision else field.digits
    if abs(number) >= 10**whole:
        raise _refuse(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {number}",
            field.name,
        )
    return scaled(number, field.scale)


def _reference(store: Store, object: Object, field: Field, value: str) -> str:
    if not is_id(value):
        raise _refuse(
            "MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", field.name
        )
    target = store.by_prefix(value)
    if target is None or target.name not in field.targets:
        raise _refuse(
            "FIELD_INTEGRITY_EXCEPTION",
            f"{field.label}: id value of incorrect type: {value}",
            field.name,
        )
    row = store.row(target, value)
    if row is None:
        raise _refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    if row["IsDeleted"]:
        raise _refuse("ENTITY_IS_DELETED", "entity is deleted")
    if target.name == "User" and not row["IsActive"]:
        raise _refuse(
            "INACTIVE_OWNER_OR_USER",
            f"operation performed with inactive user [{value[:15]}] as owner of "
            f"{object.label.lower()}",
        )
    return to18(value)


def _by_external_id(store: Store, field: Field, given: Mapping[str, Any]) -> str:
    """A lookup written as the parent's external id: ``"Account": {"Key__c": "A1"}``."""
    keys = [key for key in given if key != "attributes"]
    for name in field.targets:
        key = store.objects[name].find(keys[0]) if len(keys) == 1 else None
        if key is not None and (key.external_id or key.id_lookup):
            holders = store.holders(store.objects[name], key, str(given[keys[0]]))
            if len(holders) == 1:
                return str(holders[0]["Id"])
    raise _refuse(
        "INVALID_FIELD",
        f"Foreign key external ID: {given.get(keys[0]) if keys else None} not found for field "
        f"{keys[0] if keys else ''} in entity {'/'.join(field.targets)}",
    )
