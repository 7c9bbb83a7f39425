"""A mapping document held against an account's live metadata, and against itself.

`check` compares with what the connector's `describe` gives; an installation runs it at
`concord check` and after each change of the vendor's metadata. `round_trip` needs no account:
it shows where a vendor's words lose something of the common schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from connectors.base import FieldInfo, NativeType, ObjectInfo, Record, Value
from mapping.document import Document, FieldMapping
from mapping.schema import OBJECTS, Field, FieldValue, Kind, ObjectSchema
from mapping.translate import compile
from mapping.values import Context, same
from mapping.values.text import spell


class Severity(StrEnum):
    """What a finding means for a run."""

    ERROR = "error"
    """Reading or writing will fail."""
    WARNING = "warning"
    """Some values will not arrive."""
    NOTE = "note"
    """Works; worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement between a document and an account; `field` is '' where it is about none."""

    severity: Severity
    field: str
    native: str
    message: str
    advice: str


_TEXTS = frozenset(
    {NativeType.TEXT, NativeType.LONG_TEXT, NativeType.EMAIL, NativeType.PHONE, NativeType.URL,
     NativeType.CHOICE, NativeType.ID}
)  # fmt: skip
_NUMBERS = frozenset({NativeType.INTEGER, NativeType.DECIMAL, NativeType.MONEY})
_TIMES = frozenset({NativeType.DATE, NativeType.INSTANT})
_FREE = frozenset({NativeType.TEXT, NativeType.LONG_TEXT})

#: Native types that hold each kind's values without loss.
_FITTING: Mapping[Kind, frozenset[NativeType]] = {
    Kind.TEXT: _TEXTS,
    Kind.EMAIL: _FREE | {NativeType.EMAIL},
    Kind.PHONE: _FREE | {NativeType.PHONE},
    Kind.URL: _FREE | {NativeType.URL},
    Kind.DOMAIN: _FREE | {NativeType.URL},
    Kind.MONEY: _NUMBERS - {NativeType.INTEGER},
    Kind.DECIMAL: _NUMBERS - {NativeType.INTEGER},
    Kind.INTEGER: _NUMBERS,
    Kind.BOOLEAN: frozenset({NativeType.BOOLEAN}),
    Kind.DATE: frozenset({NativeType.DATE}),
    Kind.INSTANT: frozenset({NativeType.INSTANT}),
    Kind.CHOICE: _FREE | {NativeType.CHOICE},
    Kind.CHOICES: frozenset({NativeType.CHOICES}),
    Kind.COUNTRY: _FREE | {NativeType.CHOICE},
    Kind.CURRENCY: _FREE | {NativeType.CHOICE},
    Kind.REFERENCE: frozenset({NativeType.LOOKUP}),
    Kind.REFERENCES: frozenset({NativeType.LOOKUPS}),
}

#: Characters that values of these kinds commonly need.
_NEEDED = {Kind.EMAIL: 80, Kind.PHONE: 20, Kind.URL: 200, Kind.DOMAIN: 80, Kind.COUNTRY: 40,
           Kind.CURRENCY: 3}  # fmt: skip
_NEEDED_TEXT = 40
_NEEDED_BY_NAME = {"description": 1000, "postal_code": 10}


def check(
    document: Document, info: ObjectInfo, objects: Mapping[str, ObjectSchema] = OBJECTS
) -> list[Finding]:
    """What in the account does not fit the document, errors first.

    Args:
        info: the native object as the connector's `describe` gives it.
        objects: the common schema, where an installation has fields of its own.
    """
    schema = objects[document.object]
    found = list(_of_object(document, info))
    for name, field in document.fields.items():
        found += _of_field(schema.fields[name], field, info)
    for native in document.constants:
        found += _of_constant(native, document, info)
    found += _unfilled(document, info)
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _error(field: str, native: str, message: str, advice: str) -> Finding:
    return Finding(Severity.ERROR, field, native, message, advice)


def _warning(field: str, native: str, message: str, advice: str) -> Finding:
    return Finding(Severity.WARNING, field, native, message, advice)


def _of_object(document: Document, info: ObjectInfo) -> Iterator[Finding]:
    if not info.createable or not info.updateable:
        verb = "created" if not info.createable else "changed"
        yield _warning(
            "", info.name, f"our user sees {info.label or info.name} records that cannot be {verb}",
            "Give the integration user the permission, or take no part in writing this object.",
        )  # fmt: skip
    external = info.fields.get(document.external_id) if document.external_id else None
    if document.external_id and external is None:
        yield _warning(
            "", document.external_id, "the field for the hub's own id is missing or hidden",
            "Run `concord connect`, which adds it; until then nothing is created here.",
        )  # fmt: skip
    elif external and not external.unique:
        yield _warning(
            "", document.external_id, "the field for the hub's own id is not unique",
            "Make it unique, so that a create sent twice makes one record.",
        )  # fmt: skip


def _of_field(spec: Field, field: FieldMapping, info: ObjectInfo) -> Iterator[Finding]:
    native = info.fields.get(field.native)
    if native is None:
        yield _error(
            spec.name, field.native, "the account does not have this field, or hides it from us",
            "Give the integration user access to it, or take it out of the mapping.",
        )  # fmt: skip
        return
    if field.writable and not (native.createable or native.updateable):
        yield _error(
            spec.name, field.native, "the field is read-only, and the mapping writes it",
            "Set `direction: in` in the mapping, or give the integration user write access.",
        )  # fmt: skip
    elif field.writable and not native.updateable:
        yield _warning(
            spec.name, field.native, "the field can be filled on creation only",
            "Later changes will not arrive there; set `direction: in` to stop trying.",
        )  # fmt: skip
    if field.writable and native.required and field.clear and spec.kind is not Kind.BOOLEAN:
        yield _warning(
            spec.name, field.native, "the vendor requires a value, and the mapping may clear it",
            "Add `clear: false`, and `on_create` with a value for records that have none.",
        )  # fmt: skip
    yield from _of_type(spec, field, native)
    if field.writable:
        yield from _of_choices(spec, field, native)
        yield from _of_length(spec, field, native)


def _of_type(spec: Field, field: FieldMapping, native: FieldInfo) -> Iterator[Finding]:
    kind, has = spec.kind, native.type
    if has is NativeType.OTHER or has in _fitting(spec, field):
        if kind is Kind.MONEY and field.writable and native.digits == 0:
            yield _warning(
                spec.name, field.native, "the vendor keeps no decimal places here",
                "Fractions of an amount will be rounded by the vendor.",
            )  # fmt: skip
        return
    told = f"the field is of type {has} ({native.native_type or has}); {spec.name} is a {kind}"
    advice = "Map another field, or change the field's type in the account."
    if kind is Kind.DATE and has is NativeType.INSTANT:
        advice = "Add `native_type: instant`, so that the day is that of the account's time zone."
    elif kind is Kind.DATE and has is NativeType.DATE:
        advice = "Take `native_type: instant` away: the vendor holds a plain date."
    elif kind is Kind.REFERENCES and has is NativeType.LOOKUP:
        advice = "Add `holds: one`: the vendor keeps a single record here."
    elif kind in (Kind.DECIMAL, Kind.MONEY) and has is NativeType.INTEGER:
        advice = "Add `native_type: integer`; fractions are rounded."
    # What is only read is parsed liberally, and what does not fit is reported record by record.
    grave = field.writable and not (has in _TEXTS and kind is not Kind.REFERENCES)
    yield (_error if grave else _warning)(spec.name, field.native, told, advice)


def _fitting(spec: Field, field: FieldMapping) -> frozenset[NativeType]:
    if field.native_type == "instant":
        return frozenset({NativeType.INSTANT})
    if field.native_type == "integer":
        return _NUMBERS
    if field.holds == "one":
        return frozenset({NativeType.LOOKUP})
    if not field.writable:
        if spec.kind in (Kind.DATE, Kind.INSTANT):
            return _TIMES
        if spec.kind in (Kind.MONEY, Kind.DECIMAL):
            return _NUMBERS
    return _FITTING[spec.kind]


def _of_choices(spec: Field, field: FieldMapping, native: FieldInfo) -> Iterator[Finding]:
    if spec.kind not in (Kind.CHOICE, Kind.CHOICES) or not native.choices:
        return
    active = {choice.value for choice in native.choices if choice.active}
    names = field.choices or {choice: (choice,) for choice in spec.choices}
    for common in spec.choices:
        if common not in names:
            yield _warning(
                spec.name, field.native, f"the mapping has no option for {common!r}",
                "Add it under `choices`; until then the field is left as it is for that choice.",
            )  # fmt: skip
    named = {option for options in names.values() for option in options}
    for common, options in names.items():
        if options[0] not in active and not native.open_choices:
            yield _error(
                spec.name, field.native,
                f"the account has no active option {options[0]!r}, which {common!r} is written as",
                "Add the option to the account, or name another under `choices`.",
            )  # fmt: skip
    unknown = sorted(active - named)
    if unknown and field.unmapped == "report":
        listed = ", ".join(repr(option) for option in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        yield Finding(
            Severity.NOTE, spec.name, field.native,
            f"the mapping does not know the account's options {listed}{more}",
            "Add them under `choices`; until then records with them keep the field unread.",
        )  # fmt: skip


def _of_length(spec: Field, field: FieldMapping, native: FieldInfo) -> Iterator[Finding]:
    if native.length is None or native.type not in _TEXTS | {NativeType.OTHER}:
        return
    usual = _NEEDED_TEXT if spec.kind is Kind.TEXT else _NEEDED.get(spec.kind, 0)
    needed = _NEEDED_BY_NAME.get(spec.name, usual)
    if native.length < needed:
        yield _warning(
            spec.name, field.native, f"the field holds {native.length} characters only",
            "Longer values will be refused by the vendor; lengthen the field if you can.",
        )  # fmt: skip


def _of_constant(native: str, document: Document, info: ObjectInfo) -> Iterator[Finding]:
    field = info.fields.get(native)
    if field is None or not field.createable:
        state = "missing or hidden" if field is None else "not writable on creation"
        yield _error(
            "", native, f"the constant's field is {state}",
            "Correct the name under `constants`, or give the integration user access.",
        )  # fmt: skip
        return
    value = spell(document.constants[native])
    options = {choice.value for choice in field.choices if choice.active}
    if options and value not in options and not field.open_choices:
        yield _error(
            "", native, f"the account has no active option {value!r}, which is the constant",
            "Name one of the account's options under `constants`.",
        )  # fmt: skip


def _unfilled(document: Document, info: ObjectInfo) -> Iterator[Finding]:
    """Fields without which the vendor creates nothing, and that may be left empty."""
    filled = {field.native: name for name, field in document.fields.items() if field.writable}
    for native in info.fields.values():
        if not native.required or not native.createable or native.name in document.constants:
            continue
        if native.type is NativeType.BOOLEAN:
            continue
        if native.name not in filled:
            yield _error(
                "", native.name, "the vendor requires this field, and the mapping never fills it",
                "Map it, or give it a value under `constants`.",
            )  # fmt: skip
        elif not document.fields[filled[native.name]].on_create:
            yield _warning(
                filled[native.name], native.name,
                "the vendor requires this field; records without a value cannot be created",
                "Add `on_create` with a value or a template.",
            )  # fmt: skip


_SAMPLES: Mapping[Kind, tuple[FieldValue, ...]] = {
    Kind.TEXT: ("Ann O'Neil", "น้ำใจ บริษัท", "علی‌رضا", "two\nlines", "a;b, \"c\""),
    Kind.EMAIL: ("Ann.Lee+x@Example.com", "info@пример.рф"),
    Kind.PHONE: ("+66 81 234 5678", "๐๘๑ ๒๓๔ ๕๖๗๘"),
    Kind.URL: ("https://www.acme.example/a?b=c",),
    Kind.DOMAIN: ("acme.example", "บริษัท.ไทย"),
    Kind.MONEY: ("0", "12500.5", "-0.01", "123456789012.34"),
    Kind.DECIMAL: ("0", "0.25", "1"),
    Kind.INTEGER: (0, 42),
    Kind.BOOLEAN: (True, False),
    Kind.DATE: ("2026-01-31", "2024-02-29", "1969-12-31"),
    Kind.INSTANT: ("2026-01-31T08:00:00.000Z",),
    Kind.COUNTRY: ("TH", "IR", "DE", "US", "CI"),
    Kind.CURRENCY: ("THB", "USD", "IRR"),
    Kind.REFERENCE: ("0017000000abcde",),
    Kind.REFERENCES: (["1", "2"],),
}  # fmt: skip


def round_trip(
    document: Document, context: Context, objects: Mapping[str, ObjectSchema] = OBJECTS
) -> list[Finding]:
    """What is lost between writing a value and reading it again, on samples of every kind.

    Every choice is tried. A choice that comes back as another one is a warning: two common
    choices share a native option. Anything else that does not come back is an error.
    """
    translator = compile(document, context, objects)
    schema = objects[document.object]
    found: list[Finding] = []
    for name, field in document.fields.items():
        if not (field.writable and field.readable):
            continue
        spec = schema.fields[name]
        for sample in _samples(spec, field):
            natives, written = translator.to_native({name: sample}, False)
            back, read = translator.to_fields(_record(document.native, natives))
            if written or read:
                reason = (written + read)[0].reason
                message = f"{sample!r} cannot be written and read again: {reason}"
                found.append(_error(name, field.native, message, "Correct the mapping."))
            elif not same(spec.kind, sample, back.get(name), context.region):
                grave = spec.kind not in (Kind.CHOICE, Kind.CHOICES)
                message = f"{sample!r} comes back as {back.get(name)!r}"
                advice = "The vendor has no value of its own for it."
                found.append((_error if grave else _warning)(name, field.native, message, advice))
    return found


def _samples(spec: Field, field: FieldMapping) -> tuple[FieldValue, ...]:
    if spec.kind is Kind.CHOICE:
        return tuple(field.choices or spec.choices)
    if spec.kind is Kind.CHOICES:
        every = sorted(field.choices or spec.choices)
        return (every, *([choice] for choice in every))
    if field.holds == "one":
        return (["1"],)
    return _SAMPLES[spec.kind]


def _record(native: str, values: Mapping[str, Value]) -> Record:
    return Record(native, "1", values, "1", datetime(2026, 1, 1, tzinfo=UTC))
