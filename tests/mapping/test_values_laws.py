"""Laws that hold for every value of every kind."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Value
from mapping import values
from mapping.schema import FieldValue, Kind
from mapping.values.text import spell
from tests.mapping.strategies import CONTEXT, anything, canonical, readable

KINDS = list(Kind)
AS_TEXT = [kind for kind in KINDS if kind not in (Kind.REFERENCES, Kind.CHOICES)]
LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("kind", KINDS)
@LAW
@given(data=st.data())
def test_what_is_formatted_is_parsed_as_the_same_value(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(canonical(kind))
    native = values.format(kind, value, CONTEXT)
    assert not isinstance(native, float | list)
    assert values.parse(kind, native, CONTEXT) == value


@pytest.mark.parametrize("kind", AS_TEXT)
@LAW
@given(data=st.data())
def test_a_vendor_that_holds_only_text_gives_the_value_back(
    kind: Kind, data: st.DataObject
) -> None:
    value = data.draw(canonical(kind))
    assert values.parse(kind, spell(values.format(kind, value, CONTEXT)), CONTEXT) == value


@pytest.mark.parametrize("kind", KINDS)
@LAW
@given(data=st.data())
def test_parsing_any_text_gives_a_canonical_value_or_a_reason(
    kind: Kind, data: st.DataObject
) -> None:
    native = data.draw(st.one_of(anything, canonical(kind).map(str), st.text()))
    refusal: values.Untranslatable | None = None
    try:
        value = values.parse(kind, native, CONTEXT)
    except values.Untranslatable as error:
        refusal = error
    if refusal is not None:
        assert refusal.reason
        assert refusal.advice.endswith(".")
        return
    if value is None:
        return
    again = values.parse(kind, values.format(kind, value, CONTEXT), CONTEXT)
    assert again == value
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str):
            assert text
            assert unicodedata.is_normalized("NFC", text)


natives: st.SearchStrategy[Value] = st.one_of(
    st.booleans(),
    st.integers(),
    st.integers(-(10**30), 10**30),
    st.decimals(),
    st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "1" * 5000, "9" * 16]),
    st.lists(anything, max_size=3).map(tuple),
    anything,
)


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Bangkok"])
@LAW
@given(native=natives)
def test_nothing_a_vendor_sends_breaks_the_translation(zone: str, native: Value) -> None:
    context = values.Context("TH", "THB", zone)
    for kind in KINDS:
        with suppress(values.Untranslatable):
            values.parse(kind, native, context)
    with suppress(values.Untranslatable):
        values.date_of_instant(native, context)


@pytest.mark.parametrize("kind", KINDS)
@LAW
@given(data=st.data())
def test_same_is_an_equivalence(kind: Kind, data: st.DataObject) -> None:
    def draw() -> FieldValue:
        return data.draw(st.one_of(st.none(), canonical(kind)))

    one, two, three = draw(), draw(), draw()
    assert values.same(kind, one, one, "TH")
    assert values.same(kind, one, two, "TH") == values.same(kind, two, one, "TH")
    if values.same(kind, one, two, "TH") and values.same(kind, two, three, "TH"):
        assert values.same(kind, one, three, "TH")
    assert values.same(kind, one, None, "TH") == (one is None)


@pytest.mark.parametrize("kind", KINDS)
@LAW
@given(data=st.data())
def test_normalising_twice_is_normalising_once(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(canonical(kind))
    key = values.normalise(kind, value, CONTEXT)
    if key is not None and kind not in (Kind.CHOICES, Kind.REFERENCES):
        assert values.normalise(kind, key, CONTEXT) == key


@pytest.mark.parametrize("kind", [Kind.EMAIL, Kind.PHONE, Kind.DOMAIN, Kind.URL])
@LAW
@given(data=st.data())
def test_same_values_have_the_same_key(kind: Kind, data: st.DataObject) -> None:
    one = data.draw(canonical(kind))
    two = data.draw(st.sampled_from([one, str(one).upper(), f" {one} ", f"{one}"]))
    if values.same(kind, one, two, "TH"):
        assert values.normalise(kind, one, CONTEXT) == values.normalise(kind, two, CONTEXT)


@LAW
@given(anything)
def test_keys_of_names_are_idempotent(name: str) -> None:
    for key in (values.person_key, values.company_key):
        once = key(name)
        if once is not None:
            assert key(once) == once
    accentless = values.without_accents(values.fold(name))
    assert values.without_accents(accentless) == accentless


@LAW
@given(anything)
def test_keys_keep_letters_marks_and_numbers_only(name: str) -> None:
    key = values.fold(name)
    assert all(char == " " or unicodedata.category(char)[0] in "LMN" for char in key)
    assert key == " ".join(key.split())


@LAW
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_decimals_lose_nothing(number: Decimal) -> None:
    value = readable(Kind.MONEY, number)
    if value is not None:
        assert Decimal(str(value)) == number
        assert "E" not in str(value)


@LAW
@given(st.sampled_from([Kind.CHOICES, Kind.REFERENCES]), st.data())
def test_sets_have_no_order(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(canonical(kind))
    assert isinstance(value, list)
    shuffled = data.draw(st.permutations(value))
    assert values.parse(kind, tuple(shuffled), CONTEXT) == value
    assert values.same(kind, list(shuffled), value)
