"""Canonical values of every kind, for property tests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pycountry
from hypothesis import strategies as st

from mapping.schema import FieldValue, Kind
from mapping.values import parse
from mapping.values.base import Context, Untranslatable
from mapping.values.numbers import plain
from mapping.values.text import clean
from mapping.values.times import instant_text

CONTEXT = Context(region="TH", currency="THB", time_zone="Asia/Bangkok")

#: Letters of the scripts our users write, with the marks and invisible signs that go wrong.
SCRIPTS = (
    "abcXYZéßİıŁ น้ำใจกำแก่เเ็์ํ ีู่้ علی‌محمدي کكیىـ آأإةه "
    "中文字 한국 कि Ελ Дж １２３ ๑๒๓ ۱۲۳ ١٢٣ -_.,;&'’()/@+\"\n\t\u200b\u00ad\ufeff"
)
anything = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.text(alphabet=st.sampled_from(SCRIPTS)),
)
texts: st.SearchStrategy[str] = anything.map(lambda text: clean(text) or "").filter(bool)
_labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_hosts = (
    st.lists(_labels, min_size=2, max_size=4)
    .map(".".join)
    .filter(lambda host: not host.rpartition(".")[2].isdecimal())
)
domains = st.one_of(
    _hosts, st.sampled_from(["บริษัท.ไทย", "пример.рф", "müller.de", "xn--bcher-kva.example"])
).filter(lambda host: not host.startswith("www."))
emails = st.builds(
    "{}@{}".format,
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9.+_-]{0,8}[A-Za-z0-9])?", fullmatch=True),
    _hosts,
)
dates = st.dates(min_value=date(1800, 1, 1), max_value=date(2399, 12, 31))
instants = st.datetimes(datetime(1900, 1, 1), datetime(2300, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (Hypothesis adds the zone)
numbers = st.decimals(
    Decimal(-(10**15)), Decimal(10**15), allow_nan=False, allow_infinity=False, places=6
).map(plain)
phones = st.one_of(
    st.from_regex(r"\+66 ?[689][0-9] ?[0-9]{3} ?[0-9]{4}", fullmatch=True),
    st.from_regex(r"0[689][0-9]-[0-9]{3}-[0-9]{4}", fullmatch=True),
    st.from_regex(r"[๐-๙]{9,10}", fullmatch=True),
    texts,
)
ids = st.from_regex(r"[0-9A-Za-z]{1,18}", fullmatch=True)
sets = st.lists(texts, min_size=1, max_size=5, unique=True).map(lambda found: sorted(found))


def canonical(kind: Kind) -> st.SearchStrategy[FieldValue]:
    """Values of a kind that are not empty."""
    by_kind: dict[Kind, st.SearchStrategy[FieldValue]] = {
        Kind.TEXT: texts,
        Kind.EMAIL: emails,
        Kind.PHONE: phones,
        Kind.URL: st.builds("{}{}{}".format, st.sampled_from(["", "http://", "https://"]), domains,
                            st.sampled_from(["", "/", "/a?b=c", ":8080/x", "/#top"])),
        Kind.DOMAIN: domains,
        Kind.MONEY: numbers,
        Kind.DECIMAL: numbers,
        Kind.INTEGER: st.integers(-(10**18), 10**18),
        Kind.BOOLEAN: st.booleans(),
        Kind.DATE: dates.map(date.isoformat),
        Kind.INSTANT: instants.map(instant_text),
        Kind.CHOICE: texts,
        Kind.CHOICES: sets,
        Kind.COUNTRY: st.sampled_from([one.alpha_2 for one in pycountry.countries] + ["XK"]),
        Kind.CURRENCY: st.sampled_from(["THB", "USD", "EUR", "IRR", "JPY", "GBP", "KWD"]),
        Kind.REFERENCE: ids,
        Kind.REFERENCES: st.lists(ids, min_size=1, max_size=5, unique=True).map(sorted),
    }  # fmt: skip
    return by_kind[kind]


def readable(kind: Kind, native: object) -> FieldValue:
    """The canonical value of a native one, None where it has none."""
    try:
        return parse(kind, native, CONTEXT)
    except Untranslatable:
        return None
