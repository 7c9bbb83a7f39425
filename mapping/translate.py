"""A mapping document compiled to two fast functions: record to fields, fields to record.

Everything that can be decided from the document is decided once, in `compile`; what is left
for each record is one dictionary look-up and one closure call a field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from connectors.base import Record, Value
from mapping.closures import LeaveOut, reader, writer
from mapping.document import Constant, Document, FieldMapping
from mapping.rules import TEMPLATE
from mapping.schema import OBJECTS, Field, Fields, FieldValue, Kind, ObjectSchema
from mapping.values import Context, Untranslatable, parser
from mapping.values.text import spell
from mapping.values.times import zone

#: Kinds whose values are shown in problems as they are: they are not personal.
_SHOWN = frozenset({Kind.CHOICE, Kind.CHOICES, Kind.COUNTRY, Kind.CURRENCY, Kind.BOOLEAN})
_SHOWN_LENGTH = 40


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A value that could not be translated; its field was left out.

    Attributes:
        field: the common field.
        native: the native field.
        value_shown: the value, short; for personal kinds only its shape (``xxx@9.xx``).
        reason: what is wrong, one clause.
        advice: what a person can do about it.
    """

    field: str
    native: str
    value_shown: str
    reason: str
    advice: str


@dataclass(frozen=True, slots=True)
class _Slot:
    """One writable field."""

    name: str
    native: str
    kind: Kind
    clear: bool
    write: Callable[[FieldValue], Value]
    parse: Callable[[Value], FieldValue]
    defaults: tuple[Constant, ...]


class Translator:
    """A compiled document. See `compile`.

    Attributes:
        native: the native object.
        native_fields: what to ask the connector for.
        external_id: the native field that holds the entity id, '' for none.
        readable: common fields that `to_fields` can give.
        writable: common fields that `to_native` takes.
        holds_one: references fields kept in a slot for a single record.
    """

    def __init__(
        self,
        document: Document,
        context: Context,
        schema: ObjectSchema,
        today: Callable[[], date],
    ) -> None:
        mapped = [(schema.fields[name], field) for name, field in document.fields.items()]
        read = [(spec, field) for spec, field in mapped if field.readable]
        self._context = context
        self._today = today
        self._readers: tuple[tuple[str, str, Callable[[Value], FieldValue]], ...] = tuple(
            (spec.name, field.native, reader(spec, field, context)) for spec, field in read
        )
        self._kinds = {spec.name: spec.kind for spec, _ in mapped}
        self._slots = {
            spec.name: _slot(spec, field, context, document.vendor)
            for spec, field in mapped
            if field.writable
        }
        self._defaulted = tuple(slot for slot in self._slots.values() if slot.defaults)
        self._constants = dict(document.constants)
        self._currencies = tuple(_currencies(schema, dict(self._names(read)), context))
        self.document = document
        self.native = document.native
        self.native_fields = tuple(dict.fromkeys(field.native for _, field in read))
        self.external_id = document.external_id
        self.readable = frozenset(spec.name for spec, _ in read) | {
            currency for currency, _, _ in self._currencies
        }
        self.writable = frozenset(self._slots)
        self.holds_one = frozenset(spec.name for spec, field in mapped if field.holds == "one")

    @staticmethod
    def _names(read: list[tuple[Field, FieldMapping]]) -> Iterator[tuple[str, str]]:
        for spec, field in read:
            yield spec.name, field.native

    def fields_of(self, native: str) -> list[str]:
        """The common fields that are kept in a native one."""
        return [name for name, field in self.document.fields.items() if field.native == native]

    def to_fields(self, record: Record) -> tuple[Fields, list[FieldProblem]]:
        """The record's fields, references as native ids; and what could not be translated.

        A native field that was not read is absent; so is one whose value could not be
        translated. An empty one is None. An amount without a currency of its own gets the
        account's.
        """
        fields: Fields = {}
        problems: list[FieldProblem] = []
        values = record.values
        for name, native, read in self._readers:
            if native not in values:
                continue
            value = values[native]
            if value is None:
                fields[name] = None
                continue
            try:
                fields[name] = read(value)
            except Untranslatable as error:
                problems.append(self._problem(name, native, value, error))
            except LeaveOut:
                continue
        for currency, native, amounts in self._currencies:
            if native in values and currency not in fields:
                continue  # untranslatable: the amount is in some other currency
            if fields.get(currency) is None and any(
                fields.get(amount) is not None for amount in amounts
            ):
                fields[currency] = self._context.currency
        return fields, problems

    def to_native(
        self, fields: Mapping[str, FieldValue], creating: bool
    ) -> tuple[dict[str, Value], list[FieldProblem]]:
        """Native values for the given fields, and which of them this vendor cannot hold.

        Fields that are not writable are passed over. References are given as native ids of
        this vendor; where the vendor holds one of them, the first is taken.

        Args:
            creating: add the document's constants and the defaults of empty fields, and
                leave out what is empty anyway.
        """
        values: dict[str, Value] = {}
        problems: list[FieldProblem] = []
        for name, value in fields.items():
            slot = self._slots.get(name)
            if slot is None:
                continue
            if value is None or value == []:
                if creating:
                    continue
                if slot.clear:
                    values[slot.native] = None
                else:
                    problems.append(_not_empty(slot))
                continue
            try:
                values[slot.native] = slot.write(value)
            except Untranslatable as error:
                problems.append(self._problem(name, slot.native, value, error))
        if creating:
            for native, constant in self._constants.items():
                values.setdefault(native, constant)
            for slot in self._defaulted:
                if slot.native not in values and fields.get(slot.name) is None:
                    default = self._default(slot, fields)
                    if default is not None:
                        values[slot.native] = default
        return values, problems

    def _default(self, slot: _Slot, fields: Mapping[str, FieldValue]) -> Value:
        for template in slot.defaults:
            text = template
            if isinstance(template, str):
                text = TEMPLATE.sub(
                    lambda place: self._filled(place[1], place[2], fields), template
                )
            try:
                value = slot.parse(text)
                if value is not None:
                    return slot.write(value)
            except Untranslatable:
                continue
        return None

    def _filled(self, name: str, days: str | None, fields: Mapping[str, FieldValue]) -> str:
        if name == "today":
            return (self._today() + timedelta(days=int(days or 0))).isoformat()
        value = fields.get(name)
        return "" if value is None else spell(tuple(value) if isinstance(value, list) else value)

    def _problem(
        self, name: str, native: str, value: Value | FieldValue, error: Untranslatable
    ) -> FieldProblem:
        return FieldProblem(
            name, native, shown(self._kinds[name], value), error.reason, error.advice
        )


def compile(
    document: Document,
    context: Context,
    objects: Mapping[str, ObjectSchema] = OBJECTS,
    today: Callable[[], date] | None = None,
) -> Translator:
    """A document made ready for one account.

    Args:
        context: region, currency and time zone of the account.
        objects: the common schema, where an installation has fields of its own.
        today: for ``{today}`` in defaults; the day in UTC where not given.

    Raises:
        ValueError: the context's time zone does not exist.
    """
    zone(context.time_zone)
    return Translator(document, context, objects[document.object], today or _utc_today)


def _utc_today() -> date:
    return datetime.now(UTC).date()


def _slot(spec: Field, field: FieldMapping, context: Context, vendor: str) -> _Slot:
    return _Slot(
        name=spec.name,
        native=field.native,
        kind=spec.kind,
        clear=field.clear,
        write=writer(spec, field, context, vendor),
        parse=parser(spec.kind, context),
        defaults=field.on_create,
    )


def _currencies(
    schema: ObjectSchema, natives: Mapping[str, str], context: Context
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Currency fields, their native names ('' if unmapped), and the amounts they go with."""
    for spec in schema.fields.values():
        if spec.kind is Kind.CURRENCY and spec.group and context.currency:
            amounts = tuple(
                other.name
                for other in schema.fields.values()
                if other.kind is Kind.MONEY and other.group == spec.group and other.name in natives
            )
            if amounts:
                yield spec.name, natives.get(spec.name, ""), amounts


def _not_empty(slot: _Slot) -> FieldProblem:
    return FieldProblem(
        slot.name,
        slot.native,
        "",
        "the vendor does not hold an empty value here",
        "Nothing to do, unless the value there is wrong: then correct it in that CRM.",
    )


def shown(kind: Kind, value: Value | FieldValue) -> str:
    """A value fit for a log: short, and of personal kinds only the shape."""
    text = spell(tuple(value) if isinstance(value, list) else value)
    if kind not in _SHOWN:
        text = "".join(
            "9" if char.isdecimal() else "x" if char.isalnum() else char
            for char in text[: _SHOWN_LENGTH + 1]
        )
    text = "".join(char if char.isprintable() else "\ufffd" for char in text[: _SHOWN_LENGTH + 1])
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"
