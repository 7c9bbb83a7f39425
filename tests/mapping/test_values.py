"""Single values: what vendors send, what people type, what connectors are given."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.base import Value
from mapping.schema import FieldValue, Kind
from mapping.values import Context, Untranslatable, format, normalise, parse, same

THAI = Context("TH", "THB", "Asia/Bangkok")


@pytest.mark.parametrize(
    ("native", "value"),
    [("12.5", "12.5"), (Decimal("12.50"), "12.5"), (12, "12"), ("12500.00", "12500"), ("", None),
     ("-0.00", "0"), ("1E+3", "1000"), (Decimal("1E-7"), "0.0000001"), ("๑๒,๕๐๐.๕", "12500.5"),
     ("۱۲۵۰۰٫۵", "12500.5"), ("１２．５", "12.5"), ("12,500.50", "12500.5"),
     ("12.500,50", "12500.5"), ("12,5", "12.5"), ("1,234,567", "1234567"), ("12,500", "12500"),
     ("1.234.567", "1234567"), ("1 200,50 €", "1200.5"), ("฿1,200", "1200"), ("THB 1,200", "1200"),
     ("1,200 บาท", "1200"), ("500.-", "500"), ("(500)", "-500"), ("−5", "-5"), ("-$5", "-5"),
     ("$-5", "-5"), ("US$ 5", "5"), ("75%", "0.75"), ("+3", "3"), (".5", "0.5"),
     ("-123456789012345678901234567890.5", "-123456789012345678901234567890.5"),
     (Decimal("-1234567890123456789012345678901.67"), "-1234567890123456789012345678901.67"),
     ("(12345678901234567890123456789012345.67)", "-12345678901234567890123456789012345.67")],
)  # fmt: skip
def test_numbers(native: Value, value: str | None) -> None:
    assert parse(Kind.MONEY, native, THAI) == value


@pytest.mark.parametrize(
    "native",
    ["abc", "12 monkeys", "1.2.3", "1,2,3", "NaN", "Infinity", Decimal("NaN"), "1E+999", "--5",
     "¹", "+", "-", "(", "()", "5--", "-$-5", "1000 تومان",
     Decimal("1E+1000000"), "Q3 500", "50-100", "500+"],
)  # fmt: skip
def test_what_is_no_number_is_refused(native: Value) -> None:
    with pytest.raises(Untranslatable):
        parse(Kind.MONEY, native, THAI)


@pytest.mark.parametrize(
    ("native", "value"),
    [("250", 250), ("12.0", 12), (Decimal("4.0"), 4), (7, 7), ("1,200", 1200), ("", None),
     (True, 1), ("۴", 4)],
)  # fmt: skip
def test_integers(native: Value, value: int | None) -> None:
    assert parse(Kind.INTEGER, native, THAI) == value
    assert not isinstance(parse(Kind.INTEGER, native, THAI), bool)


def test_a_fraction_is_no_integer() -> None:
    with pytest.raises(Untranslatable, match="whole"):
        parse(Kind.INTEGER, "12.5", THAI)


@pytest.mark.parametrize(
    ("native", "value"),
    [("true", True), ("false", False), (True, True), (False, False), ("TRUE", True), ("Yes", True),
     ("0", False), (1, True), (Decimal(0), False), ("ใช่", True), ("خیر", False), ("", None),
     ("  ", None)],
)  # fmt: skip
def test_truth_values(native: Value, value: bool | None) -> None:
    assert parse(Kind.BOOLEAN, native, THAI) is value


@pytest.mark.parametrize("native", ["maybe", 2, "10", Decimal("0.5")])
def test_what_is_neither_yes_nor_no_is_refused(native: Value) -> None:
    with pytest.raises(Untranslatable):
        parse(Kind.BOOLEAN, native, THAI)


@pytest.mark.parametrize(
    ("text", "code"),
    [("Thailand", "TH"), ("thailand", "TH"), ("TH", "TH"), ("THA", "TH"), ("ประเทศไทย", "TH"),
     ("ไทย", "TH"), ("Iran", "IR"), ("Iran, Islamic Republic of", "IR"), ("ایران", "IR"),
     ("ايران", "IR"), ("آلمان", "DE"), ("Deutschland", "DE"), ("เยอรมนี", "DE"), ("USA", "US"),
     ("U.S.A.", "US"), ("United States", "US"), ("The Netherlands", "NL"), ("Holland", "NL"),
     ("UK", "GB"), ("South Korea", "KR"), ("Côte d'Ivoire", "CI"), ("Cote d’Ivoire", "CI"),
     ("Vietnam", "VN"), ("Viet Nam", "VN"), ("日本", "JP"), ("Türkiye", "TR"), ("Turkey", "TR"),
     ("Kosovo", "XK"), ("España", "ES"), ("ฝรั่งเศส", "FR"), ("", None), (" ", None)],
)  # fmt: skip
def test_countries(text: str, code: str | None) -> None:
    assert parse(Kind.COUNTRY, text, THAI) == code


@pytest.mark.parametrize("text", ["Atlantis", "ZZ", "Bangkok Noi", "123"])
def test_unknown_countries_are_refused(text: str) -> None:
    with pytest.raises(Untranslatable):
        parse(Kind.COUNTRY, text, THAI)


@pytest.mark.parametrize(
    ("code", "name"),
    [("TH", "Thailand"), ("IR", "Iran"), ("DE", "Germany"), ("GB", "United Kingdom"),
     ("US", "United States"), ("KR", "South Korea"), ("TZ", "Tanzania"), ("RU", "Russia")],
)  # fmt: skip
def test_countries_are_written_by_their_everyday_name(code: str, name: str) -> None:
    assert format(Kind.COUNTRY, code, THAI) == name


@pytest.mark.parametrize(
    ("text", "code"),
    [("THB", "THB"), ("thb", "THB"), ("฿", "THB"), ("บาท", "THB"), ("€", "EUR"), ("ریال", "IRR"),
     ("US$", "USD"), ("", None)],
)  # fmt: skip
def test_currencies(text: str, code: str | None) -> None:
    assert parse(Kind.CURRENCY, text, THAI) == code


def test_a_bare_dollar_is_the_accounts_or_nobodys() -> None:
    assert parse(Kind.CURRENCY, "$", Context(currency="AUD")) == "AUD"
    for text in ("$", "تومان", "XXX", "ABC"):
        with pytest.raises(Untranslatable):
            parse(Kind.CURRENCY, text, THAI)


@pytest.mark.parametrize(
    ("native", "value"),
    [("b;a", ["a", "b"]), (("b", "a", "a"), ["a", "b"]), ("a; ;", ["a"]), ("", None), ((), None)],
)  # fmt: skip
def test_sets(native: Value, value: FieldValue) -> None:
    assert parse(Kind.CHOICES, native, THAI) == value


@pytest.mark.parametrize(
    ("kind", "native", "value"),
    [(Kind.TEXT, " a\r\nb\r ", "a\nb"), (Kind.TEXT, "e\u0301", "é"), (Kind.TEXT, True, "true"),
     (Kind.TEXT, Decimal("1E+2"), "100"), (Kind.TEXT, ("a", "b"), "a;b"),
     (Kind.TEXT, " \u200b", None), (Kind.PHONE, 66812345678, "66812345678"),
     (Kind.REFERENCE, 12345, "12345"), (Kind.REFERENCE, ("2", "1"), "1"),
     (Kind.URL, "https://acme.example/a", "https://acme.example/a")],
)  # fmt: skip
def test_texts(kind: Kind, native: Value, value: FieldValue) -> None:
    assert parse(kind, native, THAI) == value


@pytest.mark.parametrize("kind", list(Kind))
def test_none_stays_none_and_equals_only_none(kind: Kind) -> None:
    assert parse(kind, None, THAI) is None
    assert format(kind, None, THAI) is None
    assert normalise(kind, None, THAI) is None
    assert same(kind, None, None)
    assert not same(kind, None, False)
    assert not same(kind, 0, None)
    assert not same(kind, "x", None)
    assert same(kind, [], None)


def test_decimals_compare_by_value_and_choices_by_name() -> None:
    assert same(Kind.MONEY, "12.50", "12.5")
    assert not same(Kind.TEXT, "12.50", "12.5")
    assert same(Kind.TEXT, " e\u0301", "é")
    assert not same(Kind.CHOICE, "Won", "won")


def test_types_for_connectors() -> None:
    assert format(Kind.MONEY, "12.5", THAI) == Decimal("12.5")
    assert format(Kind.BOOLEAN, False, THAI) is False
    assert format(Kind.CHOICES, ["a", "b"], THAI) == ("a", "b")
    assert format(Kind.INSTANT, "2026-01-31T08:00:00.000Z", THAI) == "2026-01-31T08:00:00.000Z"


def test_a_refusal_does_not_repeat_the_value() -> None:
    for kind in Kind:
        for native in ("secret@@value", "s e c r e t"):
            try:
                parse(kind, native, THAI)
            except Untranslatable as error:
                told = error.reason + error.advice
                assert "secret" not in told, kind
