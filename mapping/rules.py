"""What a mapping document must satisfy beyond its form: it has to fit the common schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from mapping.positions import Way
from mapping.schema import Field, Kind, ObjectSchema

if TYPE_CHECKING:
    from mapping.document import FieldMapping

#: A place in an `on_create` template: a common field, or a day from today on.
TEMPLATE = re.compile(r"\{([a-z_]+)(?:\+([0-9]{1,4}))?\}")

_NUMBERS = (Kind.MONEY, Kind.DECIMAL)
_CHOSEN = (Kind.CHOICE, Kind.CHOICES)
_POLICIES = ("report", "ignore", "keep")


def is_power_of_ten(number: Decimal) -> bool:
    """Whether multiplying by it only moves the decimal point."""
    return number > 0 and number.normalize().as_tuple().digits == (1,)


def flaws_of(
    fields: Mapping[str, FieldMapping], constants: Collection[str], schema: ObjectSchema
) -> Iterator[tuple[Way, str]]:
    """Where the fields of a document do not fit the schema: way in the file, and the words."""
    writers: dict[str, str] = {}
    for name, field in fields.items():
        way: Way = ("fields", name)
        spec = schema.fields.get(name)
        if spec is None:
            yield way, _unknown(name, schema)
            continue
        if spec.computed:
            yield way, "the hub computes this field; it cannot be mapped"
            continue
        yield from _flaws_of_field(way, field, spec, schema)
        if field.writable:
            if field.native in writers:
                yield way, f"{field.native} is written by {writers[field.native]!r} already"
            writers.setdefault(field.native, name)
            if field.native in constants:
                yield way, f"{field.native} is a constant too"


def _unknown(name: str, schema: ObjectSchema) -> str:
    near = difflib.get_close_matches(name, schema.fields, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(schema.fields)}"
    return f"{schema.name} has no field {name!r}{hint}"


def _flaws_of_field(
    way: Way, field: FieldMapping, spec: Field, schema: ObjectSchema
) -> Iterator[tuple[Way, str]]:
    if field.choices and spec.kind not in _CHOSEN:
        yield (*way, "choices"), f"only a choice has choices; {spec.name} is a {spec.kind}"
    for choice in field.choices if spec.choices else ():
        if choice not in spec.choices:
            known = ", ".join(spec.choices)
            yield (*way, "choices", choice), f"no choice {choice!r}; there are {known}"
    yield from _flaws_of_unmapped(way, field, spec)
    if field.scale is not None:
        if spec.kind not in _NUMBERS:
            yield (*way, "scale"), f"only a number has a scale; {spec.name} is a {spec.kind}"
        elif not is_power_of_ten(field.scale):
            yield (*way, "scale"), "a scale is a power of ten, so that nothing is rounded"
    if field.native_type == "instant" and spec.kind is not Kind.DATE:
        yield (*way, "native_type"), f"only a date can be an instant; {spec.name} is a {spec.kind}"
    if field.native_type == "integer" and spec.kind not in _NUMBERS:
        yield (
            (*way, "native_type"),
            f"only a decimal can be an integer; {spec.name} is a {spec.kind}",
        )
    if field.holds and spec.kind is not Kind.REFERENCES:
        yield (*way, "holds"), f"only references need it; {spec.name} is a {spec.kind}"
    if field.on_create and not field.writable:
        yield (*way, "on_create"), "the field is never written"
    if field.on_create and spec.kind in (Kind.REFERENCE, Kind.REFERENCES):
        yield (*way, "on_create"), "a reference has no default"
    for text in field.on_create:
        for place in TEMPLATE.finditer(str(text)):
            if place[1] != "today" and place[1] not in schema.fields:
                yield (*way, "on_create"), f"no field {place[1]!r} for the template"


def _flaws_of_unmapped(way: Way, field: FieldMapping, spec: Field) -> Iterator[tuple[Way, str]]:
    policy = field.unmapped
    if policy == "report":
        return
    place = (*way, "unmapped")
    if spec.kind not in _CHOSEN:
        yield place, f"only a choice has options; {spec.name} is a {spec.kind}"
    elif policy == "keep" and spec.choices:
        yield place, f"{spec.name} has fixed choices; an unknown option cannot be kept"
    elif policy not in _POLICIES and spec.choices and policy not in spec.choices:
        yield place, f"neither report, ignore, keep nor a choice of {spec.name}: {policy!r}"
