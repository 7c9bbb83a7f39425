"""The value types: parse, format, compare, normalise.

    parse(kind, native, context)      a vendor's value -> the canonical value
    format(kind, value, context)      the canonical value -> what a connector takes
    same(kind, a, b, region)          whether two canonical values mean the same
    normalise(kind, value, context)   a canonical value as a match key

`parse(kind, format(kind, value, context), context) == value` for every canonical value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from connectors.base import Value
from mapping.schema import FieldValue, Kind
from mapping.values.base import Context, Untranslatable
from mapping.values.names import company_key, person_key
from mapping.values.numbers import parse_boolean, parse_decimal, parse_integer
from mapping.values.phones import comparable_phone, is_mobile, phone_key
from mapping.values.places import country_name, parse_country, parse_currency
from mapping.values.shared import is_free_mail, is_placeholder, is_role_mailbox, is_shared_domain
from mapping.values.text import clean, fold, parse_text, spell, whole, without_accents
from mapping.values.times import (
    date_of_instant,
    instant_of_date,
    parse_date,
    parse_instant,
)
from mapping.values.web import (
    ascii_host,
    domain_key,
    email_key,
    normal_email,
    parse_domain,
    parse_email,
    parse_url,
    url_key,
)

__all__ = [
    "Context", "Untranslatable", "company_key", "date_of_instant", "domain_key", "email_key",
    "fold", "format", "formatter", "instant_of_date", "is_free_mail", "is_mobile", "is_placeholder",
    "is_role_mailbox", "is_shared_domain", "normalise", "parse", "parser", "person_key",
    "phone_key", "same", "without_accents",
]  # fmt: skip


def _items(native: Value) -> Iterable[str]:
    if isinstance(native, tuple):
        return native
    return spell(native).split(";")


def _parse_set(native: Value) -> list[str] | None:
    items = {text for item in _items(native) if (text := clean(item)) is not None}
    return sorted(items) or None


def _parse_reference(native: Value) -> str | None:
    if isinstance(native, tuple):
        return min((text for item in native if (text := clean(item))), default=None)
    return parse_text(native)


def parser(kind: Kind, context: Context) -> Callable[[Value], FieldValue]:
    """`parse` for one kind and context, as a function of the native value alone."""
    match kind:
        case Kind.TEXT | Kind.PHONE | Kind.CHOICE:
            return parse_text
        case Kind.EMAIL:
            return parse_email
        case Kind.URL:
            return parse_url
        case Kind.DOMAIN:
            return parse_domain
        case Kind.MONEY | Kind.DECIMAL:
            return parse_decimal
        case Kind.INTEGER:
            return parse_integer
        case Kind.BOOLEAN:
            return parse_boolean
        case Kind.DATE:
            return lambda native: parse_date(native, context)
        case Kind.INSTANT:
            return lambda native: parse_instant(native, context)
        case Kind.CHOICES | Kind.REFERENCES:
            return _parse_set
        case Kind.COUNTRY:
            return parse_country
        case Kind.CURRENCY:
            return lambda native: parse_currency(native, context)
        case Kind.REFERENCE:
            return _parse_reference


def parse(kind: Kind, native: Value, context: Context) -> FieldValue:
    """The canonical value of a native one; None for an empty one.

    Raises:
        Untranslatable: it has no meaning as this kind.
    """
    return None if native is None else parser(kind, context)(native)


def _as_tuple(value: FieldValue) -> Value:
    return tuple(map(whole, value)) if isinstance(value, list) else (whole(str(value)),)


def _as_decimal(value: FieldValue) -> Value:
    return Decimal(str(value))


def _as_is(value: FieldValue) -> Value:
    if isinstance(value, list):
        return _as_tuple(value)
    return whole(value) if isinstance(value, str) else value


def formatter(kind: Kind, context: Context) -> Callable[[FieldValue], Value]:
    """`format` for one kind and context, as a function of a value that is not None."""
    match kind:
        case Kind.MONEY | Kind.DECIMAL:
            return _as_decimal
        case Kind.CHOICES | Kind.REFERENCES:
            return _as_tuple
        case Kind.COUNTRY:
            return lambda value: country_name(str(value))
        case _:
            return _as_is


def format(kind: Kind, value: FieldValue, context: Context) -> Value:
    """A canonical value as connectors take it: `Decimal`, bool, int, ISO text, tuple for sets,
    a country's English name.

    Raises:
        Untranslatable: not a canonical value of this kind (a country code that is none), or text
            that no vendor can hold.
    """
    return None if value is None else formatter(kind, context)(value)


def _comparable(kind: Kind, value: FieldValue, region: str) -> object:
    """Equal exactly for values that mean the same."""
    if value is None or value == [] or value == "":
        return None
    match kind, value:
        case ((Kind.CHOICES | Kind.REFERENCES), _):
            return frozenset(value if isinstance(value, list) else _items(str(value)))
        case ((Kind.MONEY | Kind.DECIMAL), _):
            try:
                return Decimal(str(value))
            except ArithmeticError:
                return value
        case Kind.EMAIL, str():
            return normal_email(value)
        case Kind.PHONE, str():
            return comparable_phone(value, region)
        case Kind.URL, str():
            return url_key(value)
        case Kind.DOMAIN, str():
            return ascii_host(value.strip().lower().removeprefix("www."))
        case Kind.TEXT, str():
            return clean(value)
        case _:
            return value


def same(kind: Kind, a: FieldValue, b: FieldValue, region: str = "") -> bool:
    """Whether two canonical values mean the same. An equivalence for a given region.

    Phones compare in E.164 (with extension), e-mail addresses without case, domains and
    URLs normalised, decimals by value, sets without order; None equals only None (and the
    empty set).
    """
    if a == b:
        return True
    if a is None or b is None:
        return not a and not b and not isinstance(a, bool | int) and not isinstance(b, bool | int)
    return _comparable(kind, a, region) == _comparable(kind, b, region)


def normalise(
    kind: Kind, value: FieldValue, context: Context, *, aliases: bool = False
) -> str | None:
    """A canonical value as a match key; None where it cannot serve as one. Idempotent.

    Names of people and companies have sharper keys of their own: `person_key`,
    `company_key`. `without_accents` makes the second, weaker key of either.

    Args:
        aliases: for e-mail, see `email_key`.
    """
    if value is None or value == []:
        return None
    match kind, value:
        case Kind.EMAIL, str():
            return email_key(value, aliases=aliases)
        case Kind.PHONE, str():
            return phone_key(value, context.region)
        case Kind.DOMAIN, str():
            return domain_key(value)
        case Kind.URL, str():
            return url_key(value) or None
        case Kind.TEXT, str():
            return fold(value) or None
        case _, bool():
            return "true" if value else "false"
        case _, list():
            return ";".join(value)
        case _:
            return str(value)
