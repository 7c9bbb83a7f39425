"""Random canonical values of every kind, within what the accounts on the way can hold."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pycountry

from mapping.schema import FieldValue, Kind
from mapping.values.numbers import plain
from mapping.values.text import clean
from mapping.values.times import instant_text


@dataclass(frozen=True, slots=True)
class Limits:
    """What every account on the way holds in a field.

    Attributes:
        length: most characters of a text.
        digits: most decimal places of a number.
        least, most: the range of a whole number; the widest is that of Salesforce's employees.
        lines: line breaks may stand in the text.
        options: the choices there are; for references, how many records there are to refer to.
        unique: no two records share the value.
    """

    length: int = 255
    digits: int = 2
    least: int = -99_999_999
    most: int = 99_999_999
    lines: bool = False
    options: Sequence[str] = ()
    unique: bool = False


#: What goes wrong somewhere: signs of CSV, SQL, HTML and bulk APIs, scripts, marks, emoji.
_CORNERS = (
    "#N/A", "null", "None", "-None-", "0", "false", "=1+1", "'", '"', '""', "\\", "\\n", ",", ";",
    "a;b", "a,b", "O'Neil", 'He said "no"', "100% _x_", "' OR 1=1 --", "<b>&amp;</b>", "{}", "[]",
    "ß İ ı ﬁ", "บริษัท น้ำใจ จำกัด (มหาชน)", "กำ ก\u0e4d\u0e32", "شرکت نمونه\u200cسازان",
    "كي ک ی ۱۲۳",
    "👩🏽\u200d💻", "🇹🇭🇮🇷", "❤\ufe0f", "e\u0301\u0323", "Z\u0351\u036b\u0343\u032f",
    "한국", "中文字", "１２３",
    "\u202eabc\u202c", "a\u00a0b", "\u00ad-", "𝒜𝓃𝓃", "\U0001f9d1\u200d\U0001f91d\u200d\U0001f9d1",
)  # fmt: skip
_RANGES = (
    (0x20, 0x7E), (0x20, 0x7E), (0xA1, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA),
    (0x600, 0x6FF), (0x900, 0x97F), (0xE01, 0xE5B), (0x300, 0x36F), (0x3041, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F6FF), (0x2000, 0x206F), (0x21, 0xD7FF),
    (0xE000, 0xFFFD), (0x10000, 0x10FFFD),
)  # fmt: skip
_SCRIPTS = tuple(range(low, high + 1) for low, high in _RANGES)
_AMOUNTS = ("0.01", "9999999999.99", "-0.01", "0", "-9999999999.99", "1000000", "0.1", "99.9")
_WORD = string.ascii_lowercase + string.digits
_IDN = ("บริษัท.ไทย", "пример.рф", "müller.de", "xn--bcher-kva.example")
_DAYS = ("1970-01-01", "2000-02-29", "1900-01-01", "2399-12-31", "1800-01-01", "2026-03-29")


def value(kind: Kind, limits: Limits, number: int, dice: random.Random) -> FieldValue:
    """The `number`-th value of a kind; the first ones are the awkward ones."""
    return _BY_KIND[kind](limits, number, dice)


def bad_text(dice: random.Random) -> str:
    """A text that no vendor holds: with NUL or half of a surrogate pair."""
    bad = dice.choice(["\0", "\ud800", "\udbff", "\udc00", "\udfff", "\udfff\ud800"])
    text = _free_text(20, lines=False, dice=dice)
    at = dice.randint(0, len(text))
    return text[:at] + bad + text[at:]


def _text(limits: Limits, number: int, dice: random.Random) -> str:
    if number < len(_CORNERS):
        text = clean(_CORNERS[number]) or "-"
        return text if len(text) <= limits.length else text[: limits.length].strip() or "-"
    return _free_text(limits.length, lines=limits.lines, dice=dice)


def _free_text(most: int, *, lines: bool, dice: random.Random) -> str:
    """Canonical text of up to `most` characters, and at times of exactly so many."""
    length = most if dice.random() < 0.002 else dice.randint(1, min(most, 60))
    parts: list[str] = []
    drawn = 0
    while drawn < length:
        if dice.random() < 0.1:
            parts.append(dice.choice(_CORNERS))
        elif lines and dice.random() < 0.1:
            parts.append(dice.choice(["\n", "\t", "\n\n"]))
        else:
            letters = dice.choice(_SCRIPTS)
            parts.append("".join(map(chr, dice.choices(letters, k=dice.randint(1, 8)))))
        drawn += len(parts[-1])
    joined = "".join(parts)
    if not lines:
        joined = "".join(" " if char in "\x85\u2028\u2029" else char for char in joined)
    while True:
        text = clean(joined[:length]) or "-"
        if len(text) <= most and clean(text) == text:
            return text
        length -= 1


def _phone(limits: Limits, number: int, dice: random.Random) -> str:
    digits = f"{dice.randint(0, 9999999):07d}"
    forms = (
        f"+66 2 {digits[:3]} {digits[3:]}", f"08{digits[0]}-{digits[1:4]}-{digits[3:]}",
        f"+98 21 {digits}", f"(02) {digits} ต่อ {digits[:2]}", f"+1-202-{digits[:3]}-{digits[3:]}",
        "".join(chr(0xE50 + int(digit)) for digit in digits),
        "".join(chr(0x6F0 + int(digit)) for digit in digits),
    )  # fmt: skip
    if dice.random() < 0.2:
        return _free_text(limits.length, lines=False, dice=dice)
    return dice.choice(forms)[: limits.length].strip()


def _word(dice: random.Random, most: int = 10) -> str:
    return "".join(dice.choice(_WORD) for _ in range(dice.randint(1, most)))


def _host(dice: random.Random) -> str:
    labels = [_word(dice) for _ in range(dice.randint(1, 2))]
    return ".".join([*labels, dice.choice(["com", "co.th", "ir", "example", "museum"])])


def _domain(limits: Limits, number: int, dice: random.Random) -> str:
    host = dice.choice(_IDN) if dice.random() < 0.1 else _host(dice)
    return host.removeprefix("www.")


def _url(limits: Limits, number: int, dice: random.Random) -> str:
    path = dice.choice(["", "/", f"/{_word(dice)}?q={_word(dice)}#top", ":8080/a", "/ไทย/فارسی"])
    return f"{dice.choice(['https://', 'http://', ''])}{_domain(limits, number, dice)}{path}"


def _email(limits: Limits, number: int, dice: random.Random) -> str:
    local = dice.choice([_word(dice), f"{_word(dice)}.{_word(dice)}", f"{_word(dice)}+a", "O'Neil"])
    local = local.capitalize() if dice.random() < 0.3 else local
    return f"{local}.{number}@{_host(dice)}" if limits.unique else f"{local}@{_host(dice)}"


def _decimal(limits: Limits, number: int, dice: random.Random) -> str:
    if number < len(_AMOUNTS) and len(_AMOUNTS[number].partition(".")[2]) <= limits.digits:
        return _AMOUNTS[number]
    whole = dice.randint(0, 10 ** dice.randint(1, 10) - 1)
    scale = dice.randint(0, limits.digits)
    sign = dice.choice([1, 1, -1])
    return plain(sign * (Decimal(whole) + Decimal(dice.randrange(10**scale)).scaleb(-scale)))


def _integer(limits: Limits, number: int, dice: random.Random) -> int:
    corners = (0, 1, -1, limits.most, -limits.most)
    if number < len(corners) and limits.least <= corners[number]:
        return corners[number]
    bound = 10 ** dice.randint(1, 8)
    return max(limits.least, min(limits.most, dice.randint(-bound, bound)))


def _date(limits: Limits, number: int, dice: random.Random) -> str:
    if number < len(_DAYS):
        return _DAYS[number]
    first, last = date(1800, 1, 1), date(2399, 12, 31)
    if dice.random() < 0.5:
        first, last = date(1950, 1, 1), date(2050, 12, 31)
    return (first + timedelta(days=dice.randint(0, (last - first).days))).isoformat()


def _instant(limits: Limits, number: int, dice: random.Random) -> str:
    """To the second: that is what every vendor keeps."""
    seconds = dice.randint(0, int(timedelta(days=365 * 300).total_seconds()))
    return instant_text(datetime(1900, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


def _choices(limits: Limits, number: int, dice: random.Random) -> list[str]:
    return sorted(dice.sample(limits.options, dice.randint(1, len(limits.options))))


def _references(limits: Limits, number: int, dice: random.Random) -> list[str]:
    return sorted(dice.sample(limits.options, dice.randint(1, 3)))


def _one(limits: Limits, number: int, dice: random.Random) -> str:
    return dice.choice(limits.options)


_COUNTRIES = (*(one.alpha_2 for one in pycountry.countries), "XK")

_BY_KIND: Mapping[Kind, Callable[[Limits, int, random.Random], FieldValue]] = {
    Kind.TEXT: _text,
    Kind.EMAIL: _email,
    Kind.PHONE: _phone,
    Kind.URL: _url,
    Kind.DOMAIN: _domain,
    Kind.MONEY: _decimal,
    Kind.DECIMAL: _decimal,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: lambda limits, number, dice: dice.random() < 0.5,
    Kind.DATE: _date,
    Kind.INSTANT: _instant,
    Kind.CHOICE: _one,
    Kind.CHOICES: _choices,
    Kind.COUNTRY: lambda limits, number, dice: dice.choice(_COUNTRIES),
    Kind.CURRENCY: _one,
    Kind.REFERENCE: _one,
    Kind.REFERENCES: _references,
}
