"""Values that do not tell one person or company from another."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from mapping.schema import FieldValue, Kind
from mapping.values.text import fold, fold_digits
from mapping.values.web import domain_key, email_key
from mapping.values.words import words

_SEPARATORS = re.compile(r"[._+\-0-9]+")
_NOT_DIGITS = re.compile(r"[^0-9]")
_MEANINGLESS_DATES = frozenset({"0001-01-01", "1900-01-01", "1970-01-01", "9999-12-31"})
_COUNTED = frozenset({"1234567890", "0123456789", "123456789", "1234567", "12345678", "123456"})


@lru_cache(maxsize=32)
def _set(name: str, key: str) -> frozenset[str]:
    return frozenset(words(name, key))


@lru_cache(maxsize=1)
def _placeholder_texts() -> frozenset[str]:
    return frozenset(fold(word) for word in words("placeholders", "texts"))


def is_role_mailbox(email: str, extra: Collection[str] = ()) -> bool:
    """Whether an address belongs to a function (``info@``, ``sales.bkk@``), not to a person.

    Args:
        email: an address.
        extra: further names before the @ of the installation's own, in lower case.
    """
    key = email_key(email)
    if key is None:
        return False
    local = key.rpartition("@")[0].partition("+")[0]
    roles = _set("mailboxes", "roles")
    bare = _SEPARATORS.sub("", local)
    if local in roles or bare in roles or local in extra:
        return True
    first = _SEPARATORS.split(local)[0]
    return len(first) > 3 and first in roles  # two letters may be somebody's initials


def is_free_mail(domain: str, extra: Collection[str] = ()) -> bool:
    """Whether anybody can have an address there, so that the domain names no company.

    Args:
        domain: a domain, host or URL.
        extra: further domains of the installation's own.
    """
    key = domain_key(domain)
    if key is None:
        return False
    if key in _set("mailboxes", "free") or key in extra:
        return True
    name, dot, suffix = key.partition(".")
    return bool(dot) and name in _set("mailboxes", "free_brands") and len(suffix) <= 6


def is_shared_domain(domain: str, extra: Collection[str] = ()) -> bool:
    """Whether many companies share the domain: free mail, social networks, marketplaces."""
    return is_free_mail(domain, extra) or domain_key(domain) in _set("mailboxes", "shared_sites")


def is_placeholder(kind: Kind, value: FieldValue) -> bool:
    """Whether a canonical value was typed to fill a field and says nothing.

    ``n/a``, ``unknown``, ``-``, ``test``, ``000-0000``, ``no@email.com``, ``1900-01-01``.
    None is no placeholder: it is empty.
    """
    if not isinstance(value, str):
        return False
    match kind:
        case Kind.EMAIL:
            return _is_placeholder_email(value)
        case Kind.PHONE:
            return _is_placeholder_phone(value)
        case Kind.DOMAIN | Kind.URL:
            return domain_key(value) in _set("placeholders", "domains") | {None}
        case Kind.DATE:
            return value in _MEANINGLESS_DATES
        case Kind.TEXT:
            key = fold(value)
            return not key or key in _placeholder_texts()
        case _:
            return False


def _is_placeholder_email(value: str) -> bool:
    key = email_key(value)
    if key is None:
        return True
    local, _, domain = key.rpartition("@")
    bare = _SEPARATORS.sub("", local)
    return (
        bare in _set("placeholders", "email_names")
        or not bare
        or domain in _set("placeholders", "email_domains")
        or domain.endswith(".invalid")
    )


def _is_placeholder_phone(value: str) -> bool:
    digits = _NOT_DIGITS.sub("", fold_digits(value))
    if len(digits) < 5 or digits in _COUNTED:
        return True
    return len(set(digits[-7:])) == 1 or len(set(digits)) == 1
