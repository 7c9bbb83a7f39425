"""Phone numbers: stored as written, compared in E.164."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

from mapping.values.text import fold_digits, without_invisible

_EXTENSION = re.compile(
    r"\s*[(,;]?\s*(?:ต่อ|เบอร์ต่อ|داخلی|داخلي|تحويلة|durchwahl)\s*:?\s*(?=[0-9])", re.I
)
_BETWEEN = re.compile(r"\s*(?:[,;|/\n]|\bor\b|\band\b|หรือ|และ|\bيا\b|\bیا\b|\bو\b)\s*")
#: Countries whose international prefix is not 00, where people write 00 all the same.
_ZEROS = re.compile(r"^\s*\(?00\)?\s*(?=[1-9])")
_JUNK = re.compile(r"[^0-9a-z+]")


def _prepare(text: str) -> str:
    text = fold_digits(without_invisible(text)).replace("\uff0b", "+").strip()
    return _EXTENSION.sub(" ext. ", _ZEROS.sub("+", text))


def _one(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


@lru_cache(maxsize=65536)
def _numbers(text: str, region: str) -> tuple[tuple[str, str], ...]:
    """The valid numbers in a field, as (E.164, extension); () when there is none."""
    prepared = _prepare(text)
    found = _one(prepared, region)
    every = [found] if found else [_one(part, region) for part in _BETWEEN.split(prepared) if part]
    return tuple(
        (
            phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
            number.extension or "",
        )
        for number in every
        if number
    )


def phone_key(text: str, region: str) -> str | None:
    """The number in E.164, without extension; the first one where a field holds several.

    None when it is not a valid number: a national number without a region never is.
    """
    numbers = _numbers(text, region)
    return numbers[0][0] if numbers else None


@lru_cache(maxsize=65536)
def is_mobile(key: str) -> bool | None:
    """Whether a number in E.164 is one person's; None where its country's numbers do not tell."""
    number = _one(key, "")
    if number is None:
        return None
    kind = phonenumbers.number_type(number)
    if kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.PERSONAL_NUMBER):
        return True
    return None if kind == phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE else False


def comparable_phone(text: str, region: str) -> tuple[object, ...]:
    """Equal for two spellings of one number (or list of numbers), extension included."""
    numbers = _numbers(text, region)
    return numbers or ("", _JUNK.sub("", _prepare(text).casefold()))
