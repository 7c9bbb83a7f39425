"""The two functions of one field: native value to canonical value, and back."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from connectors.base import Value
from mapping.document import FieldMapping
from mapping.schema import Field, FieldValue, Kind
from mapping.values import (
    Context,
    Untranslatable,
    date_of_instant,
    formatter,
    instant_of_date,
    parser,
)
from mapping.values.numbers import decimal_of, moved, plain
from mapping.values.text import clean, spell, whole

Reader = Callable[[Value], FieldValue]
Writer = Callable[[FieldValue], Value]


class LeaveOut(Exception):
    """The value says nothing, by the document's word: the field is absent."""


def reader(spec: Field, field: FieldMapping, context: Context) -> Reader:
    """The function from a native value that is not None to the canonical one."""
    if spec.kind is Kind.CHOICE:
        return _choice_reader(spec, field)
    if spec.kind is Kind.CHOICES:
        return _choices_reader(_choice_reader(spec, field), parser(Kind.CHOICES, context))
    if field.native_type == "instant":
        return lambda native: date_of_instant(native, context)
    if field.scale is not None:
        return _scaled_reader(field.scale)
    return parser(spec.kind, context)


def writer(spec: Field, field: FieldMapping, context: Context, vendor: str) -> Writer:
    """The function from a canonical value that is not empty to the native one."""
    if spec.kind is Kind.CHOICE:
        return _choice_writer(spec, field, vendor)
    if spec.kind is Kind.CHOICES:
        return _choices_writer(_choice_writer(spec, field, vendor))
    if field.native_type == "instant":
        return lambda value: instant_of_date(str(value), context)
    if spec.kind in (Kind.MONEY, Kind.DECIMAL):
        return _number_writer(field)
    if field.holds == "one":
        return lambda value: value[0] if isinstance(value, list) else str(value)
    return formatter(spec.kind, context)


def _choice_reader(spec: Field, field: FieldMapping) -> Reader:
    names = field.choices or {choice: (choice,) for choice in spec.choices}
    table: dict[str, str] = {}
    for common, natives in names.items():
        for native in natives:
            table.setdefault(native, common)
    loose: dict[str, str] = {}
    for native, common in table.items():
        loose.setdefault((clean(native) or "").casefold(), common)
    policy = field.unmapped
    open_choices = not names

    def read(native: Value) -> FieldValue:
        found = table.get(native) if isinstance(native, str) else None
        if found is not None:
            return found
        text = clean(spell(native))
        if text is None:
            return None
        found = table.get(text) or loose.get(text.casefold())
        if found is not None:
            return found
        if open_choices or policy == "keep":
            return text
        if policy == "ignore":
            raise LeaveOut
        if policy != "report":
            return policy
        raise Untranslatable(
            f"no common choice stands for this option of {spec.name}",
            "Add the option under `choices` in the mapping, or set `unmapped`.",
        )

    return read


def _choices_reader(one: Reader, split: Reader) -> Reader:
    @lru_cache(maxsize=4096)
    def sorted_choices(native: Value) -> tuple[str, ...]:
        options = split(native)
        return (
            tuple(sorted({str(one(text)) for text in options if text}))
            if (isinstance(options, list))
            else ()
        )

    return lambda native: list(sorted_choices(native)) or None


def _choice_writer(spec: Field, field: FieldMapping, vendor: str) -> Writer:
    names = field.choices or {choice: (choice,) for choice in spec.choices}
    table = {common: natives[0] for common, natives in names.items()}
    open_choices = not names or field.unmapped == "keep"

    def write(value: FieldValue) -> Value:
        found = table.get(str(value))
        if found is None:
            if open_choices:
                return whole(str(value))
            raise Untranslatable(
                f"{vendor} has no option for this choice of {spec.name}",
                "Add the option to the account and, under `choices`, to the mapping.",
            )
        return found

    return write


def _choices_writer(one: Writer) -> Writer:
    def write(value: FieldValue) -> Value:
        options = value if isinstance(value, list) else [str(value)]
        return tuple(dict.fromkeys(str(one(option)) for option in options))

    return write


def _scaled_reader(scale: Decimal) -> Reader:
    places = -scale.adjusted()

    def read(native: Value) -> FieldValue:
        if isinstance(native, str):
            native = native.strip().rstrip("%")
        number = decimal_of(native)
        return None if number is None else plain(moved(number, places))

    return read


def _number_writer(field: FieldMapping) -> Writer:
    places = field.scale.adjusted() if field.scale is not None else 0
    whole = field.native_type == "integer"

    def write(value: FieldValue) -> Value:
        try:
            number = Decimal(str(value))
        except ArithmeticError as error:
            raise Untranslatable("not a number") from error
        if not places and not whole:
            return number
        number = moved(number, places)
        if whole:
            return int(number.to_integral_value(ROUND_HALF_EVEN))
        return Decimal(plain(number))

    return write
