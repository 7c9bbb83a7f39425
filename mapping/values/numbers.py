"""Numbers and truth values, exact: text in, text out, never through a float."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from connectors.base import Value
from mapping.values.base import Untranslatable
from mapping.values.text import fold, fold_digits, spell, without_invisible

_MOST_DIGITS = 40
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_GROUPED_COMMA = re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}")
_GROUPED_DOT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_SIGN = "[\u0024\u00a2-\u00a5\u0e3f\u20a0-\u20cf\ufdfc]"
_CURRENCY_MARK = re.compile(rf"^(?:[A-Z]{{0,3}}{_SIGN}|[A-Z]{{3}}(?![A-Za-z])|Rs\.?)\s*")
_CURRENCY_TAIL = re.compile(rf"\s*(?:{_SIGN}|(?<![A-Za-z])[A-Z]{{3}}|บาท|ریال|ريال|-)$")
_MINUS = str.maketrans("\u2212\u2013\ufe63\uff0d", "----")
_SPACES = re.compile(r"(?<=[0-9])[\s\u00a0\u202f'\u2019_](?=[0-9])")

_ADVICE = "Enter a plain number, such as 12500.50, in the CRM it comes from."
_TRUE = frozenset({"true", "1", "yes", "y", "t", "on", "ใช่", "بله", "بلی", "oui", "ja", "sí", "si"})
_FALSE = frozenset({"false", "0", "no", "n", "f", "off", "ไม่ใช่", "ไม่", "خیر", "نه", "non", "nein"})


def plain(number: Decimal) -> str:
    """A decimal as canonical text: no exponent, no trailing zeros, no negative zero.

    Raises:
        Untranslatable: not finite, or of more digits than a CRM can mean.
    """
    if not number.is_finite():
        raise Untranslatable("not a finite number", _ADVICE)
    if number and (abs(number.adjusted()) > _MOST_DIGITS or _exponent(number) < -_MOST_DIGITS):
        raise Untranslatable(f"a number of more than {_MOST_DIGITS} digits", _ADVICE)
    if not number:
        return "0"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moved(number: Decimal, places: int) -> Decimal:
    """The number with its point moved to the right: exact, whatever the decimal context."""
    sign, digits, exponent = number.as_tuple()
    return Decimal((sign, digits, exponent + places)) if isinstance(exponent, int) else number


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def decimal_of(native: Value) -> Decimal | None:
    """The number a native value stands for; None for an empty one.

    Reads ``12500.5``, ``12,500.50``, ``12.500,50``, ``12,5``, ``(500)``, ``฿1,200``,
    ``๑๒๐๐``, ``75%`` (as 0.75). A single comma before exactly three digits groups; a single
    dot is always the decimal point, because that is what the vendors' APIs send.

    Raises:
        Untranslatable: not a number.
    """
    if isinstance(native, bool):
        return Decimal(int(native))
    if isinstance(native, int | Decimal):
        return Decimal(native)
    text = spell(native)
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    text = fold_digits(without_invisible(text)).translate(_MINUS).strip()
    text = (
        text.replace("\u066b", ".")
        .replace("\u066c", ",")
        .replace("\uff0c", ",")
        .replace("\uff0e", ".")
    )
    if not text:
        return None
    negative = text.startswith("(") and text.endswith(")")
    if negative:
        text = text[1:-1].strip()
    percent = text.endswith(("%", "\u066a", "\uff05"))
    if percent:
        text = text[:-1].strip()
    marked = _CURRENCY_MARK.sub("", text, count=1)
    if text.startswith(("+", "-")):
        negative, text = negative != (text[0] == "-"), text[1:].strip()
        text = _CURRENCY_MARK.sub("", text, count=1)
    elif marked != text:
        text = marked
        if text.startswith(("+", "-")):
            negative, text = negative != (text[0] == "-"), text[1:].strip()
    if not _NUMBER.fullmatch(text):
        text = _CURRENCY_TAIL.sub("", text, count=1)
    number = _unsigned(_SPACES.sub("", text))
    if percent:
        number = moved(number, -2)
    # Unary minus would round to the decimal context's precision.
    return number.copy_negate() if negative else number


def _unsigned(text: str) -> Decimal:
    comma, dot = text.rfind(","), text.rfind(".")
    if comma >= 0 and dot >= 0:
        text = text.replace(",", "") if dot > comma else text.replace(".", "").replace(",", ".")
    elif comma >= 0:
        if _GROUPED_COMMA.fullmatch(text):
            text = text.replace(",", "")
        elif text.count(",") == 1:
            text = text.replace(",", ".")
    elif _GROUPED_DOT.fullmatch(text):
        text = text.replace(".", "")
    if not _NUMBER.fullmatch(text) or text.startswith(("+", "-")):
        raise Untranslatable("not a number", _ADVICE)
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Untranslatable("not a number", _ADVICE) from error


def parse_decimal(native: Value) -> str | None:
    """A number as canonical decimal text."""
    if isinstance(native, str) and _PLAIN.fullmatch(native):  # what vendors send: no Decimal
        text = native.rstrip("0").rstrip(".") if "." in native else native
        return "0" if text == "-0" else text
    number = decimal_of(native)
    return None if number is None else plain(number)


def parse_integer(native: Value) -> int | None:
    """A whole number; ``12.0`` is one.

    Raises:
        Untranslatable: a fraction, or not a number.
    """
    if isinstance(native, int):
        return int(native)
    number = decimal_of(native)
    if number is None:
        return None
    plain(number)
    if number != number.to_integral_value():
        raise Untranslatable("not a whole number", "Enter a whole number, or map it as a decimal.")
    return int(number)


def parse_boolean(native: Value) -> bool | None:
    """A truth value, from the words vendors and people use for one.

    Raises:
        Untranslatable: none of those words.
    """
    if isinstance(native, bool):
        return native
    if native == "true":
        return True
    if native == "false":
        return False
    word = fold(spell(native))
    if not word:
        return None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Untranslatable("neither yes nor no", "Enter true or false, or map the field as a choice.")
