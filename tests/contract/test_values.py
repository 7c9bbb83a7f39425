"""Values arrive as they left, and come back as they were written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.base import NativeType, Value, Write
from connectors.errors import Invalid
from tests.contract.rig import OLD, Rig, flag, instant, number, options
from tests.contract.words import Thing

TEXTS = [
    "Plain",
    'O\'Neil & "Söhne" <b>\\n</b>; 100%',
    "บริษัท ตัวอย่าง จำกัด (มหาชน)",
    "شرکت نمونه\u200cسازان — ۱۲۳",
    "👩🏽\u200d💻🎉 🇹🇭",
    "line one\nline two\ttab",
    "ก\u0e33 e\u0301 ﷽",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text(rig: Rig, text: str) -> None:
    thing, words = rig.words.company, rig.words
    id = rig.create(thing, thing.row("t", **{words.text: text}))
    assert rig.one(thing, id, words.text).values[words.text] == text
    name = text.replace("\n", " ").replace("\t", " ")
    rig.update(thing, id, {thing.title: name})
    assert rig.truth(thing) == {id: name}
    assert rig.one(thing, id).values[thing.title] == name


@pytest.mark.parametrize("text", ["a\0b", "\0", "x\ud800", "\udfffx", "🎉\ud83c 🎉"])
def test_text_that_no_vendor_holds_is_refused_and_not_sent(rig: Rig, text: str) -> None:
    words, thing, bad = rig.words, rig.words.company, f"unsendable {text}"
    rig.connector.provision(thing.object, words.external)
    old, other = rig.fill(thing, 2, at=OLD)
    keyed = (words.external, "e-1")
    results = rig.push(
        thing,
        Write("bad create", "create", thing.row("bad", **{words.text: bad})),
        Write("good create", "create", thing.row("good")),
        Write("bad upsert", "create", thing.row(bad), external=keyed),
        Write("bad update", "update", {words.text: bad, thing.title: "bad"}, id=old),
        Write("good update", "update", {thing.title: "updated"}, id=other),
    )
    assert [result.error is None for result in results] == [False, True, False, False, True]
    for result, field in zip(results[0:4:2], (words.text, thing.title), strict=True):
        assert isinstance(result.error, Invalid)
        assert result.error.fields == (field,)
        assert result.key in str(result.error)
        assert rig.connector.connection in str(result.error)
    assert old in str(results[3].error)
    assert sorted(rig.truth(thing).values()) == ["good", "row 0", "updated"]
    assert not rig.received("unsendable")
    assert rig.received("good")


@pytest.mark.parametrize(
    "text", ["0.01", "9999999999.99", "123456789012345.67", "0.10", "1E+3", "0", "-5.5"]
)
def test_money_is_exact(rig: Rig, text: str) -> None:
    thing, words = rig.words.deal, rig.words
    id = rig.create(thing, thing.row("m", **{words.amount: Decimal(text)}))
    assert number(rig.one(thing, id, words.amount).values[words.amount]) == Decimal(text)
    [truth] = rig.sandbox.state(thing.object)
    assert Decimal(str(truth[words.amount])) == Decimal(text)
    assert "E" not in str(truth[words.amount]).upper()


def test_whole_numbers(rig: Rig) -> None:
    thing, words = rig.words.company, rig.words
    id = rig.create(thing, thing.row("n", **{words.whole: 12345}))
    assert number(rig.one(thing, id, words.whole).values[words.whole]) == 12345
    rig.update(thing, id, {words.whole: 0})
    assert number(rig.one(thing, id, words.whole).values[words.whole]) == 0


@pytest.mark.parametrize("date", ["1988-02-29", "1969-12-31", "2026-11-01"])
def test_dates_have_no_time_zone(rig: Rig, date: str) -> None:
    thing, words = rig.words.contact, rig.words
    id = rig.create(thing, thing.row("d", **{words.date: date}))
    assert rig.one(thing, id, words.date).values[words.date] == date


@pytest.mark.parametrize("day", ["2026-03-31", "2028-02-29"])
def test_the_close_of_a_deal(rig: Rig, day: str) -> None:
    """A date in some vendors, an instant in others."""
    thing, words = rig.words.deal, rig.words
    if rig.field(thing, words.close).type is NativeType.DATE:
        id = rig.create(thing, thing.row("d", **{words.close: day}))
        assert rig.one(thing, id, words.close).values[words.close] == day
        return
    wanted = f"{day}T23:30:00.000Z"
    id = rig.create(thing, thing.row("d", **{words.close: wanted}))
    read = rig.one(thing, id, words.close).values[words.close]
    assert instant(read) == instant(wanted)


def test_instants(rig: Rig) -> None:
    """Every vendor's stamps of creation are instants, whatever offset it writes them with."""
    thing = rig.words.company
    fields = rig.connector.describe(thing.object).fields
    names = [name for name, field in fields.items() if field.type is NativeType.INSTANT]
    id = rig.create(thing, thing.row("i"))
    record = rig.one(thing, id, *names)
    read = {name: instant(value) for name, value in record.values.items() if value}
    assert record.created_at in read.values()


def test_sets_of_options(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    names = {c.value.lower(): c.value for c in rig.field(thing, words.options).choices}
    both = (names["support"], names["pricing"])
    id = rig.create(thing, thing.row("o", **{words.options: both}))
    assert options(rig.one(thing, id, words.options).values[words.options]) == set(both)
    rig.update(thing, id, {words.options: (names["events"],)})
    read = rig.one(thing, id, words.options).values[words.options]
    assert options(read) == {names["events"]}
    for empty in ((), None):
        rig.update(thing, id, {words.options: both})
        rig.update(thing, id, {words.options: empty})
        assert rig.one(thing, id, words.options).values[words.options] in (None, ())


def test_booleans(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    id = rig.create(thing, thing.row("b", **{words.flag: True}))
    assert flag(rig.one(thing, id, words.flag).values[words.flag])
    rig.update(thing, id, {words.flag: False})
    assert not flag(rig.one(thing, id, words.flag).values[words.flag])


#: A value to write for each type, and what must be true of what is read.
SAMPLES: dict[NativeType, tuple[Value, Callable[[Value], object]]] = {
    NativeType.TEXT: ("نمونه", lambda read: read == "نمونه"),
    NativeType.LONG_TEXT: ("ก\nข", lambda read: read == "ก\nข"),
    NativeType.EMAIL: ("a.b@example.com", lambda read: read == "a.b@example.com"),
    NativeType.PHONE: ("+66 2 123 4567", lambda read: read == "+66 2 123 4567"),
    NativeType.URL: ("https://example.com/", lambda read: read == "https://example.com/"),
    NativeType.INTEGER: (7, lambda read: number(read) == 7),
    NativeType.DECIMAL: (3, lambda read: number(read) == 3),
    NativeType.MONEY: (Decimal("12.34"), lambda read: number(read) == Decimal("12.34")),
    NativeType.BOOLEAN: (True, flag),
    NativeType.DATE: ("2027-02-28", lambda read: read == "2027-02-28"),
    NativeType.INSTANT: (
        "2027-02-28T17:30:00.000Z",
        lambda read: instant(read) == datetime(2027, 2, 28, 17, 30, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize("name", ["company", "contact", "deal", "ticket"])
def test_every_field_said_to_be_writable_is(rig: Rig, name: str) -> None:
    thing = getattr(rig.words, name)
    fields = rig.connector.describe(thing.object).fields
    values = thing.row("all")
    holds: dict[str, Callable[[Value], object]] = {}
    for field in fields.values():
        if field.type not in SAMPLES or not field.createable or field.name in values:
            continue
        value, holds[field.name] = SAMPLES[field.type]
        if isinstance(value, Decimal) and field.digits == 0:
            value, holds[field.name] = SAMPLES[NativeType.INTEGER]
        values[field.name] = value
    id = rig.create(thing, values)
    record = rig.one(thing, id, *holds)
    read = {field: record.values[field] for field in holds}
    wrong = {field: value for field, value in read.items() if value is None}
    wrong |= {
        field: read[field]
        for field in holds
        if field not in wrong and not holds[field](read[field])
    }
    assert wrong == {}


@pytest.mark.parametrize("name", ["company", "contact", "deal", "ticket"])
def test_every_option_said_to_be_there_is(rig: Rig, name: str) -> None:
    thing = getattr(rig.words, name)
    fields = rig.connector.describe(thing.object).fields
    writes, wanted = [], []
    for field in fields.values():
        if field.type is NativeType.CHOICE and field.createable:
            for choice in field.choices:
                if choice.active:
                    wanted.append((field.name, choice.value))
                    values = thing.row("x", **{field.name: choice.value})
                    writes.append(Write(str(len(writes)), "create", values))
    results = rig.push(thing, *writes)
    assert [str(result.error) for result in results if result.error] == []
    names = list({field for field, _ in wanted})
    found = rig.connector.fetch(thing.object, [result.id for result in results], names)
    read = {record.id: record.values for record in found}
    for (field, value), result in zip(wanted, results, strict=True):
        assert read[result.id][field] == value


@pytest.mark.parametrize("name", ["company", "contact", "deal", "ticket"])
def test_every_field_can_be_read_at_once(rig: Rig, name: str) -> None:
    thing = getattr(rig.words, name)
    fields = rig.connector.describe(thing.object).fields
    made = rig.fill(thing, 3, at=OLD)
    for record in (*rig.pulled(thing, None, *fields), rig.one(thing, made[0], *fields)):
        assert set(record.values) == set(fields)
        for value in record.values.values():
            assert value is None or isinstance(value, bool | int | Decimal | str | tuple)


def test_long_texts_are_whole(rig: Rig) -> None:
    thing, words = rig.words.company, rig.words
    length = min(rig.field(thing, words.text).length or 30000, 30000)
    text = ("ข้อความยาว متن بلند 🎉\n" * 2000)[: length - 1] + "."
    id = rig.create(thing, thing.row("long", **{words.text: text}))
    assert rig.one(thing, id, words.text).values[words.text] == text
    rig.settle()
    [record] = rig.pulled(thing, None, words.text)
    assert record.values[words.text] == text


def test_everything_can_be_cleared(rig: Rig) -> None:
    words = rig.words
    rows: list[tuple[Thing, dict[str, Value]]] = [
        (words.company, {words.text: "x", words.money: Decimal("1.50"), words.whole: 3}),
        (words.contact, {words.email: "a@example.com", words.date: "2000-01-01"}),
        (words.deal, {words.amount: Decimal("2.25"), words.text: "y"}),
    ]
    for thing, values in rows:
        id = rig.create(thing, thing.row("full", **values))
        assert None not in rig.one(thing, id, *values).values.values()
        rig.update(thing, id, dict.fromkeys(values))
        assert dict(rig.one(thing, id, *values).values) == dict.fromkeys(values)


def test_what_is_pulled_is_what_is_fetched(rig: Rig) -> None:
    words, thing = rig.words, rig.words.company
    names = (thing.title, words.text, words.money, words.whole)
    rig.create(
        thing,
        thing.row("p", **{words.text: "ข้อความ", words.money: Decimal("10.05"), words.whole: 7}),
    )
    rig.settle()
    [pulled] = rig.pulled(thing, None, *names[1:])
    fetched = rig.one(thing, pulled.id, *names)
    assert dict(pulled.values) == dict(fetched.values)
    assert pulled.version == fetched.version
    assert pulled.modified_at == fetched.modified_at
    [found] = rig.connector.find(thing.object, thing.title, ["p"], names)
    assert dict(found.values) == dict(fetched.values)
