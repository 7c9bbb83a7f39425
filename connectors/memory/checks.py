"""What an account in this process takes: the rules of its fields, as its `ObjectInfo` has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connectors.base import FieldInfo, NativeType, ObjectInfo, Value, Write
from connectors.errors import Duplicate, Invalid, ItemError, Refused
from connectors.memory.account import Account

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(\.[^@\s,;<>\".]+)+")
_TEXTS = frozenset({
    NativeType.TEXT, NativeType.LONG_TEXT, NativeType.EMAIL, NativeType.PHONE, NativeType.URL,
})  # fmt: skip
_SEVERAL = frozenset({NativeType.CHOICES, NativeType.LOOKUPS})


def stored(info: ObjectInfo, values: Mapping[str, Value]) -> dict[str, Value]:
    """Values as the account keeps them: an empty text is None, a set has one order, a number no
    exponent."""
    made: dict[str, Value] = {}
    for name, value in values.items():
        field = info.fields.get(name)
        if field is not None and field.type in _SEVERAL and isinstance(value, tuple):
            made[name] = tuple(sorted(set(value)))
        elif isinstance(value, Decimal):
            made[name] = Decimal(format(value, "f"))
        else:
            made[name] = None if value == "" else value
    return made


def require(account: Account, connection: str, info: ObjectInfo, write: Write, own: str) -> None:
    """Let a create or update pass; `own` is the id of the record it is about, '' for a new one.

    Raises:
        ItemError: the first rule that it breaks.
    """
    fields = account.shown(info)
    creating = not own
    for name, value in write.values.items():
        field = fields.get(name)
        if field is None:
            raise _refusal(Invalid, connection, write, name, f"no such field: {name}")
        may = field.createable if creating else field.updateable
        if not may or name in account.quirks.read_only:
            raise _refusal(Refused, connection, write, name, f"read-only: {name}")
        reason = _reason(account, field, value)
        if reason:
            raise _refusal(Invalid, connection, write, name, f"{name}: {reason}")
        words = account.quirks.rules[name](value) if name in account.quirks.rules else ""
        if words:
            raise _refusal(Invalid, connection, write, name, words)
    for name, field in fields.items():
        if field.required and (creating or name in write.values) and not write.values.get(name):
            raise _refusal(Invalid, connection, write, name, f"required: {name}")
    _require_unique(account, connection, info, write, own)


def _require_unique(
    account: Account, connection: str, info: ObjectInfo, write: Write, own: str
) -> None:
    fields = account.shown(info)
    for name, value in write.values.items():
        if value is None or not (fields[name].unique or name in account.quirks.unique):
            continue
        for row in account.live(info.name).values():
            if row.id != own and row.values.get(name) == value:
                raise _refusal(Duplicate, connection, write, name, f"duplicate: {name}", of=row.id)


def _refusal(
    kind: type[ItemError], connection: str, write: Write, name: str, words: str, **rest: Any
) -> ItemError:
    return kind(
        f"{connection}: {write.id or write.key}: {words}",
        connection=connection,
        words=words,
        fields=(name,),
        **rest,
    )


def _reason(account: Account, field: FieldInfo, value: Value) -> str:
    """Why the field does not take the value, '' if it does."""
    if value is None or value in ("", ()):
        return ""
    if field.type in _TEXTS:
        if not isinstance(value, str):
            return "not a text"
        if field.length is not None and len(value) > field.length:
            return f"longer than {field.length} characters"
        return "not an e-mail address" if _is_no_email(field, value) else ""
    match field.type:
        case NativeType.BOOLEAN:
            return "" if isinstance(value, bool) else "neither true nor false"
        case NativeType.INTEGER | NativeType.DECIMAL | NativeType.MONEY:
            return _of_number(field, value)
        case NativeType.DATE:
            return "" if _is_date(value) else "not a date"
        case NativeType.INSTANT:
            return "" if _is_instant(value) else "not an instant with its offset"
        case NativeType.CHOICE | NativeType.CHOICES:
            return _of_choice(field, value)
        case NativeType.LOOKUP | NativeType.LOOKUPS:
            return _of_lookup(account, field, value)
    return ""


def _is_no_email(field: FieldInfo, value: str) -> bool:
    return field.type is NativeType.EMAIL and not _EMAIL.fullmatch(value)


def _of_number(field: FieldInfo, value: Value) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return "not a number"
    number = Decimal(value)
    if not number.is_finite():
        return "not a finite number"
    whole = number == number.to_integral_value()
    return "not a whole number" if field.type is NativeType.INTEGER and not whole else ""


def _is_date(value: Value) -> bool:
    try:
        return date.fromisoformat(str(value)).isoformat() == value
    except ValueError:
        return False


def _is_instant(value: Value) -> bool:
    try:
        return datetime.fromisoformat(str(value)).tzinfo is not None
    except ValueError:
        return False


def _of_choice(field: FieldInfo, value: Value) -> str:
    several = field.type is NativeType.CHOICES
    if isinstance(value, tuple) != several:
        return "not a set of options" if several else "not one option"
    known = {choice.value for choice in field.choices if choice.active}
    if field.open_choices or not known:
        return ""
    given = value if isinstance(value, tuple) else (value,)
    return "" if known.issuperset(given) else "not one of its options"


def _of_lookup(account: Account, field: FieldInfo, value: Value) -> str:
    if isinstance(value, tuple) != (field.type is NativeType.LOOKUPS):
        return "one id where it holds several" if isinstance(value, str) else "several ids"
    given = value if isinstance(value, tuple) else (str(value),)
    people = {user.id for user in account.users}
    live = [account.live(target) for target in field.targets if target in account.rows]
    for id in given:
        if id not in people and not any(id in rows for rows in live):
            return f"no such record: {id}"
    return ""
