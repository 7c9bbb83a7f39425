"""CSV and the errors of its rows, without an account."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce.bulk import table, written
from connectors.salesforce.bulk_write import errors
from connectors.sandbox.salesforce import csvs

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=4))
def test_any_text_survives_csv_both_ways(rows: list[list[str]]) -> None:
    columns = ["one", "two"]
    result = csvs.written(columns, rows).encode()
    found, lines = table(io.BytesIO(result))
    assert (found, list(lines)) == (columns, rows)
    assert csvs.parsed(written(columns, rows).encode()) == (columns, rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
         [("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", ["Name"])]),
        ("INVALID_CROSS_REFERENCE_KEY:invalid cross reference id: --",
         [("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])]),
        ("ENTITY_IS_DELETED:it is deleted:--", [("ENTITY_IS_DELETED", "it is deleted", [])]),
        ("X_Y:a:b c --;Z:d: e:F,G__c --", [("X_Y", "a:b c", []), ("Z", "d: e", ["F", "G__c"])]),
        ("", [("", "", [])]),
    ],
)  # fmt: skip
def test_the_errors_of_a_row(text: str, expected: list[tuple[str, str, list[str]]]) -> None:
    found = [(e["statusCode"], e["message"], e["fields"]) for e in errors(text)]
    assert found == expected
