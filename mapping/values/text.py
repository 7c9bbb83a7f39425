"""Text: what is stored (NFC, trimmed) and how it is folded for keys.

Stored text keeps what was typed: NFKC would rewrite Thai SARA AM and full-width letters.
Folding is for comparing only, and never leaves this package as a stored value.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from connectors.base import Value
from mapping.values.base import Untranslatable

#: What is trimmed from both ends: white space, and invisible marks that pasting leaves.
EDGE = (
    "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
    + "\u200b\u2060\ufeff\u200e\u200f"
)

_SURROGATE = re.compile("[\ud800-\udfff]")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_SEPARATED = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\u00ad\u0640]")
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc\u0060\u00b4\uff07]")
_THAI = re.compile("[\u0e01-\u0e4e]")
_THAI_MARKS = re.compile("[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]{2,}")
#: One letter with several code points: Arabic and Persian keyboards differ.
_ARABIC = str.maketrans(
    {
        "\u064a": "\u06cc",  # yeh
        "\u0649": "\u06cc",  # alef maksura
        "\u0643": "\u06a9",  # kaf
        "\u0629": "\u0647",  # teh marbuta
        "\u06c0": "\u0647",  # heh with yeh above
        "\u06d5": "\u0647",  # ae
        "\u06be": "\u0647",  # heh doachashmee
    }
)


def whole(text: str) -> str:
    """The text itself.

    Raises:
        Untranslatable: NUL or half a surrogate pair, which no vendor and no store takes.
    """
    if "\0" in text:
        raise Untranslatable(
            "the text holds a NUL character", "Retype the value in the CRM it comes from."
        )
    if not text.isascii() and _SURROGATE.search(text):
        raise Untranslatable(
            "the text holds half a character (a lone surrogate)",
            "Retype the value in the CRM it comes from.",
        )
    return text


def clean(text: str) -> str | None:
    """Canonical text: NFC, trimmed, line ends as ``\\n``; None when nothing is left.

    Raises:
        Untranslatable: NUL or half a surrogate pair, which no vendor and no store takes.
    """
    text = whole(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text.strip() or None
    return unicodedata.normalize("NFC", text).strip(EDGE) or None


def spell(native: Value) -> str:
    """Any native value as text, before cleaning: decimals without exponent, lists by ``;``."""
    match native:
        case None:
            return ""
        case str():
            return native
        case bool():
            return "true" if native else "false"
        case Decimal():
            return f"{native:f}" if native.is_finite() else str(native)
        case tuple():
            return ";".join(native)
        case _:
            return str(native)


def parse_text(native: Value) -> str | None:
    """Text as written, in canonical form."""
    return clean(native if isinstance(native, str) else spell(native))


def fold_digits(text: str) -> str:
    """Thai, Persian, Arabic-Indic, full-width and all other decimal digits as ``0-9``."""
    if text.isascii():
        return text
    return _OTHER_DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), text)


def without_invisible(text: str) -> str:
    """The text without zero-width characters, direction marks, soft hyphens and tatweel."""
    return text if text.isascii() else _SEPARATED.sub("", text)


def _thai_order(found: re.Match[str]) -> str:
    """Marks over one consonant in one order, each once: typing order is invisible."""

    def place(mark: str) -> tuple[int, str]:
        if mark == "\u0e3a":  # phinthu, combining class 9
            return (0, mark)
        if "\u0e48" <= mark <= "\u0e4b":  # tone marks, combining class 107
            return (2, mark)
        return (3 if mark >= "\u0e4c" else 1, mark)

    return "".join(sorted(set(found[0]), key=place))


def _fold_once(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    text = unicodedata.normalize("NFKC", without_invisible(text).casefold())
    text = fold_digits(text).translate(_ARABIC)
    if _THAI.search(text):
        text = text.replace("\u0e40\u0e40", "\u0e41")
        text = _THAI_MARKS.sub(_thai_order, text)
    text = _APOSTROPHES.sub("", text)
    # Marks (Mn) belong to the word: without them น้ำใจ becomes another one.
    return "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text)


def fold(text: str) -> str:
    """The text as a key: equal for spellings a person would call the same.

    NFKC and case folding; Arabic and Persian letters, Thai mark order, SARA AM and all
    digits unified; invisible characters and apostrophes removed; everything but letters,
    marks and numbers becomes one space. Accents stay (see `without_accents`). Idempotent.
    """
    if text.isascii():
        text = _APOSTROPHES.sub("", text.lower())
        return " ".join("".join(char if char.isalnum() else " " for char in text).split())
    for _ in range(4):  # case folding can undo normal form, rarely more than once
        before, text = text, " ".join(_fold_once(text).split())
        if text == before:
            break
    return text


def without_accents(key: str) -> str:
    """A folded key without accents, for a second, weaker comparison (Müller, Muller).

    Only marks of the Latin, Greek, Cyrillic and Arabic scripts go; in Thai and the Indic
    scripts marks are vowels.
    """
    if key.isascii():
        return key
    decomposed = unicodedata.normalize("NFD", key)
    kept = (
        char
        for char in decomposed
        if not ("\u0300" <= char <= "\u036f" or "\u064b" <= char <= "\u0655" or char == "\u0670")
    )
    return unicodedata.normalize("NFC", "".join(kept))
