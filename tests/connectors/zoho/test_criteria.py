"""Search criteria: brackets, escapes, comparators."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.zoho import criteria
from connectors.sandbox.zoho.query import Comparison, Junction, Path, SyntaxTrouble, Term


def test_nested_brackets() -> None:
    made = criteria.parse("((Last_Name:equals:Burns)and((Email:equals:a@x.co)or(Phone:in:1,2)))")
    assert isinstance(made, Junction)
    assert made.left == Comparison(Path("Last_Name"), "=", (Term("Burns", "text"),))
    assert isinstance(made.right, Junction)
    assert made.right.right == Comparison(
        Path("Phone"), "in", (Term("1", "text"), Term("2", "text"))
    )


def test_colons_and_pairs_of_brackets_belong_to_the_value() -> None:
    made = criteria.parse("(Created_Time:greater_equal:2026-01-01T00:00:00+00:00)")
    assert made == Comparison(
        Path("Created_Time"), ">=", (Term("2026-01-01T00:00:00+00:00", "text"),)
    )
    made = criteria.parse("(Account_Name:equals:Acme (Thailand\\) Co)".replace("\\)", ")"))
    assert made == Comparison(Path("Account_Name"), "=", (Term("Acme (Thailand) Co", "text"),))


@given(st.text(min_size=1))
def test_escaped_values_come_back_whole(text: str) -> None:
    escaped = re.sub(r"([(),\\])", r"\\\1", text)
    made = criteria.parse(f"(Last_Name:equals:{escaped})")
    assert made == Comparison(Path("Last_Name"), "=", (Term(text, "text"),))


def test_starts_with_takes_wildcards_literally() -> None:
    made = criteria.parse("(Last_Name:starts_with:100%_)")
    assert made == Comparison(Path("Last_Name"), "like", (Term("100\\%\\_%", "text"),))


@pytest.mark.parametrize(
    "text",
    ["", "(", "()", "(Last_Name)", "(Last_Name:resembles:x)", "(a:equals:1)and", "(a:equals:1",
     "(a:equals:1)x", "(a:between:1)"],
)  # fmt: skip
def test_what_is_no_criteria(text: str) -> None:
    with pytest.raises(SyntaxTrouble):
        criteria.parse(text)
