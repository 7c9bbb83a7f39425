"""Values arrive as they left."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import FieldInfo, NativeType, Value
from connectors.zoho.client import dump
from connectors.zoho.values import decode, encode, read_instant, version, write_instant


def wire(type: NativeType, value: Value) -> Any:
    """What Zoho would read in the field, decimals kept."""
    body = dump({"x": encode(FieldInfo("x", "x", type), value)})
    return json.loads(body, parse_float=Decimal)["x"]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20),
                   max_value=10**20))  # fmt: skip
def test_decimals_are_written_digit_for_digit(number: Decimal) -> None:
    body = dump({"x": encode(FieldInfo("x", "x", NativeType.MONEY), number)})
    assert b"e" not in body.lower().replace(b'"x"', b"")
    assert json.loads(body, parse_float=Decimal, parse_int=Decimal)["x"] == number


@given(st.integers())
def test_integers_of_any_size(number: int) -> None:
    assert wire(NativeType.INTEGER, number) == number


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text(text: str) -> None:
    assert wire(NativeType.TEXT, text) == text


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1)))  # noqa: DTZ001 (Hypothesis adds the zone)
def test_instants_to_the_second(moment: datetime) -> None:
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sent = wire(NativeType.INSTANT, text)
    assert sent.endswith("+00:00")
    assert "." not in sent
    assert read_instant(sent) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    ("type", "value", "expected"),
    [
        (NativeType.LOOKUP, "12", {"id": "12"}),
        (NativeType.LOOKUP, ("12",), {"id": "12"}),
        (NativeType.LOOKUP, (), None),
        (NativeType.LOOKUP, None, None),
        (NativeType.LOOKUPS, ("1", "2"), [{"id": "1"}, {"id": "2"}]),
        (NativeType.LOOKUPS, None, []),
        (NativeType.CHOICES, ("a", "b"), ["a", "b"]),
        (NativeType.CHOICES, "a", ["a"]),
        (NativeType.CHOICES, None, []),
        (NativeType.INTEGER, Decimal("5.00"), 5),
        (NativeType.BOOLEAN, True, True),
        (NativeType.DATE, "2026-01-31", "2026-01-31"),
        (NativeType.TEXT, "2026-01-31T08:00:00.000Z", "2026-01-31T08:00:00.000Z"),
        (NativeType.TEXT, None, None),
    ],
)
def test_by_the_fields_type(type: NativeType, value: Value, expected: Any) -> None:
    assert wire(type, value) == expected


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (NativeType.LOOKUP, ("1", "2")),
        (NativeType.TEXT, ("1",)),
        (NativeType.MONEY, Decimal("NaN")),
        (NativeType.INSTANT, "tomorrow"),
        (NativeType.INSTANT, "2026-01-31T08:00:00"),
        (NativeType.TEXT, "half a pair \ud83d"),
    ],
)
def test_what_cannot_be_written(type: NativeType, value: Value) -> None:
    with pytest.raises(ValueError, match=r"."):
        wire(type, value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({"name": "Acme", "id": "12"}, "12"),
        ({"name": None}, None),
        (["a", "b"], ("a", "b")),
        ([], ()),
        ([{"id": "1"}, {"id": "2"}], ("1", "2")),
        ("", None),
        (None, None),
        (False, False),
        (0, 0),
        (Decimal("1.50"), Decimal("1.50")),
    ],
)
def test_reading(raw: Any, value: Value) -> None:
    assert decode(raw) == value


def test_a_version_is_the_same_in_every_offset_and_names_the_editor() -> None:
    bangkok = datetime(2026, 1, 1, 7, tzinfo=timezone(timedelta(hours=7)))
    assert version(bangkok.isoformat(), "9") == version("2026-01-01T00:00:00+00:00", "9")
    assert version(bangkok.isoformat(), "9") != version(bangkok.isoformat(), "8")
    with pytest.raises(ValueError, match="offset"):
        write_instant(datetime(2026, 1, 1))  # noqa: DTZ001 (no offset is the fault)
