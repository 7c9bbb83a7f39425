"""Dates as people write them: three calendars, three languages, several orders."""

from __future__ import annotations

import re
from datetime import date, timedelta

from mapping.values.base import Context, Untranslatable
from mapping.values.text import fold

_ADVICE = "Enter the date as 2026-01-31."
_NUMBERS = re.compile(r"([0-9]{1,4})\s*[-/.]\s*([0-9]{1,2})\s*[-/.]\s*([0-9]{1,4})")
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_WORDS = re.compile(r"[0-9]+|[^\W\d_][^\d]*", re.UNICODE)

#: 1 Farvardin 1400 of the Iranian calendar is 2021-03-21.
_ANCHOR_YEAR, _ANCHOR = 1400, date(2021, 3, 21)

_GREGORIAN_MONTHS = (
    ("january", "jan", "มกราคม", "มค", "ม ค", "ژانویه"),
    ("february", "feb", "กุมภาพันธ์", "กพ", "ก พ", "فوریه"),
    ("march", "mar", "มีนาคม", "มีค", "มี ค", "مارس"),
    ("april", "apr", "เมษายน", "เมย", "เม ย", "آوریل"),
    ("may", "พฤษภาคม", "พค", "พ ค", "مه"),
    ("june", "jun", "มิถุนายน", "มิย", "มิ ย", "ژوئن"),
    ("july", "jul", "กรกฎาคม", "กค", "ก ค", "ژوئیه"),
    ("august", "aug", "สิงหาคม", "สค", "ส ค", "اوت"),
    ("september", "sep", "sept", "กันยายน", "กย", "ก ย", "سپتامبر"),
    ("october", "oct", "ตุลาคม", "ตค", "ต ค", "اکتبر"),
    ("november", "nov", "พฤศจิกายน", "พย", "พ ย", "نوامبر"),
    ("december", "dec", "ธันวาคม", "ธค", "ธ ค", "دسامبر"),
)
_IRANIAN_MONTHS = (
    "فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور",
    "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند",
)  # fmt: skip
_MONTHS: dict[str, int] = {
    fold(word): number for number, words in enumerate(_GREGORIAN_MONTHS, start=1) for word in words
} | {fold(word): number for number, word in enumerate(_IRANIAN_MONTHS, start=1)}


def _is_long(year: int) -> bool:
    """Whether the Iranian year has 366 days: the 33-year rule, right for 1178 to 1633."""
    return (year * 8 + 29) % 33 < 8


def from_iranian(year: int, month: int, day: int) -> date:
    """A date of the Iranian (solar Hijri) calendar, years 1300 to 1499, as a Gregorian one.

    Raises:
        ValueError: no such day.
    """
    longest = 31 if month <= 6 else 30 if month < 12 or _is_long(year) else 29
    if not (1 <= month <= 12 and 1 <= day <= longest):
        raise ValueError("no such day")
    days = sum(366 if _is_long(past) else 365 for past in range(_ANCHOR_YEAR, year))
    days -= sum(366 if _is_long(later) else 365 for later in range(year, _ANCHOR_YEAR))
    days += (month - 1) * 31 - max(0, month - 7)
    return _ANCHOR + timedelta(days=days + day - 1)


def from_written_year(year: int, month: int, day: int) -> date:
    """The Gregorian date; years 2400 to 2700 are Buddhist, 1300 to 1499 Iranian.

    The year is converted before the day is checked: 29 February 2567 exists (it is 2024).

    Raises:
        Untranslatable: no such day.
    """
    try:
        if 2400 <= year <= 2700:
            return date(year - 543, month, day)
        if 1300 <= year <= 1499:
            return from_iranian(year, month, day)
        return date(year, month, day)
    except ValueError as error:
        raise Untranslatable("no such day", _ADVICE) from error


def date_from_text(text: str, context: Context) -> date:
    """A date written with numbers (``31/01/2569``, ``1404/11/25``) or a month's name.

    With the year last, the day comes first, except in the United States; without a known
    region, only dates that can be read in one way are read.

    Raises:
        Untranslatable: not a date, no such day, or ambiguous.
    """
    if found := _COMPACT.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
        return from_written_year(year, month, day)
    if found := _NUMBERS.fullmatch(text):
        first, second, last = found.groups()
        if len(first) == 4:
            return from_written_year(int(first), int(second), int(last))
        if len(last) == 4:
            day, month = _day_and_month(int(first), int(second), context)
            return from_written_year(int(last), month, day)
        raise Untranslatable("a date without a four-digit year", _ADVICE)
    return _with_month_name(text)


def _day_and_month(first: int, second: int, context: Context) -> tuple[int, int]:
    if first > 12 or first == second:
        return first, second
    if second > 12 or context.region == "US":
        return second, first
    if not context.region:
        raise Untranslatable(
            "day and month cannot be told apart",
            "Enter the date as 2026-01-31, or set the connection's region.",
        )
    return first, second


def _with_month_name(text: str) -> date:
    key = fold(text)
    for word in ("พศ", "พ ศ", "คศ", "ค ศ", "วันที่", "of"):
        key = f" {key} ".replace(f" {word} ", " ").strip()
    numbers = [part for part in key.split() if part.isdecimal()]
    name = " ".join(part for part in key.split() if not part.isdecimal())
    month = _MONTHS.get(name)
    if month is None or len(numbers) != 2:
        raise Untranslatable("not a date", _ADVICE)
    day, year = sorted(numbers, key=len)
    if len(year) != 4 or len(day) > 2:
        raise Untranslatable("a date without a four-digit year", _ADVICE)
    return from_written_year(int(year), month, int(day))
