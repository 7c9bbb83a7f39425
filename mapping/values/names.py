"""Names of people and companies as match keys."""

from __future__ import annotations

from functools import lru_cache

from mapping.values.text import fold
from mapping.values.words import words


def _longest_first(*forms: str) -> tuple[str, ...]:
    return tuple(sorted(map(fold, forms), key=len, reverse=True))


#: Written without a space between them and the name.
_ATTACHED_BEFORE = _longest_first(
    "ห้างหุ้นส่วนสามัญนิติบุคคล", "ห้างหุ้นส่วนจำกัด", "ห้างหุ้นส่วนสามัญ", "บริษัท",
    "株式会社", "有限会社", "合同会社", "주식회사",
)  # fmt: skip
_ATTACHED_AFTER = _longest_first(
    "จำกัดมหาชน", "จำกัด มหาชน", "จำกัด", "株式会社", "有限会社", "合同会社", "股份有限公司",
    "有限责任公司", "有限公司", "주식회사",
)  # fmt: skip


@lru_cache(maxsize=1)
def _legal_forms() -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]], int]:
    """Forms that follow a name, forms that precede one, and the length of the longest."""
    after = {tuple(fold(form).split()) for form in words("legal_forms", "after")}
    before = {tuple(fold(form).split()) for form in words("legal_forms", "before")}
    return frozenset(after), frozenset(before), max(map(len, after | before))


@lru_cache(maxsize=1)
def _honorifics() -> frozenset[str]:
    return frozenset(fold(word) for word in words("legal_forms", "honorifics"))


def person_key(name: str) -> str | None:
    """A personal name as a key, without leading titles (Mr, คุณ, آقای); None for nothing.

    Titles go only as words of their own, and never the last word.
    """
    tokens = fold(name).split()
    while len(tokens) > 1 and tokens[0] in _honorifics():
        tokens = tokens[1:]
    return " ".join(tokens) or None


def company_key(name: str) -> str | None:
    """A company's name as a key, without its legal form; None for nothing.

    ``Acme Co., Ltd.`` and ``ACME`` are one; so are ``บริษัท เอซีเอ็มอี จำกัด (มหาชน)`` and
    ``เอซีเอ็มอี``. A name that consists of nothing else is kept. Idempotent.
    """
    key = fold(name.replace("&", " and ").replace("+", " and "))
    while True:
        shorter = _without_form(key)
        if shorter == key or not shorter:
            return key or None
        key = shorter


def _without_form(key: str) -> str:
    after, before, longest = _legal_forms()
    tokens = [word for word in key.split() if word != "and"] or key.split()
    for length in range(min(longest, len(tokens) - 1), 0, -1):
        if tuple(tokens[-length:]) in after:
            return " ".join(tokens[:-length])
        if tuple(tokens[:length]) in before:
            return " ".join(tokens[length:])
    joined = " ".join(tokens)
    for prefix in _ATTACHED_BEFORE:
        if joined.startswith(prefix) and len(joined) > len(prefix):
            return joined[len(prefix) :].strip()
    for suffix in _ATTACHED_AFTER:
        if joined.endswith(suffix) and len(joined) > len(suffix):
            return joined[: -len(suffix)].strip()
    return joined
