"""COQL: what is read, what is refused, and that values are never part of the SQL."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.server import Clock
from connectors.sandbox.zoho import coql
from connectors.sandbox.zoho.query import Comparison, Junction, Path, SyntaxTrouble, Term
from connectors.sandbox.zoho.sql import Compiler, UnknownField, WrongValue
from connectors.sandbox.zoho.store import Store
from connectors.zoho.read import quote


def test_a_query_with_everything() -> None:
    made = coql.parse(
        "SELECT Last_Name, Account_Name.Account_Name as company FROM Contacts "
        "WHERE ((Email like '%@x.co' and Created_Time between '2026-01-01T00:00:00+00:00' and "
        "'2026-02-01T00:00:00+00:00') or (Phone is not null)) "
        "ORDER BY Last_Name desc, id LIMIT 20 OFFSET 40"
    )
    assert [column.name for column in made.columns] == ["Last_Name", "company"]
    assert made.columns[1].path == Path("Account_Name", "Account_Name")
    assert made.module == "Contacts"
    assert made.order == ((Path("Last_Name"), True), (Path("id"), False))
    assert (made.limit, made.offset) == (20, 40)
    assert isinstance(made.where, Junction)
    assert made.where.word == "or"
    assert made.where.right == Comparison(Path("Phone"), "is not null")


def test_mysql_style_limit_names_the_offset_first() -> None:
    made = coql.parse("select id from Deals where Amount > -12.50 limit 40, 20")
    assert (made.limit, made.offset) == (20, 40)
    assert made.where == Comparison(Path("Amount"), ">", (Term("-12.50", "number"),))


@pytest.mark.parametrize("operator", ["in", "not in"])
def test_lists(operator: str) -> None:
    made = coql.parse(f"select id from Deals where Stage {operator} ('a', 'b''s', 'c')".replace(
        "b''s", "b\\'s"))  # fmt: skip
    assert made.where == Comparison(
        Path("Stage"), operator, tuple(Term(text, "text") for text in ("a", "b's", "c"))
    )


@pytest.mark.parametrize(
    "query",
    [
        "",
        "select Last_Name from Contacts",
        "select from Contacts where id is not null",
        "select Last_Name from Contacts where",
        "select Last_Name from Contacts where Last_Name",
        "select Last_Name from Contacts where Last_Name = ",
        "select Last_Name from Contacts where Last_Name = Burns",
        "select Last_Name from Contacts where (Last_Name = 'a'",
        "select Last_Name from Contacts where Last_Name = 'a' and",
        "select Last_Name from Contacts where Last_Name = 'open",
        "select Last_Name from Contacts where a = 1 and b = 2 and c = 3",
        "select Last_Name from Contacts where a = 1 limit x",
        "select Last_Name from Contacts where a = 1 limit 5 offset -1",
        "select Last_Name from Contacts where a = 1 order Last_Name",
        "select Last_Name from Contacts where a = 1; drop table Contacts",
        "select Last_Name from Contacts where a in ()",
        "select Last_Name from Contacts where a is empty",
        "select * from Contacts where a = 1",
        "select a.b.c from Contacts where a = 1",
    ],
)
def test_what_is_no_query(query: str) -> None:
    with pytest.raises(SyntaxTrouble):
        coql.parse(query)


@given(st.text())
def test_any_text_survives_quoting(text: str) -> None:
    made = coql.parse(f"select id from Contacts where Last_Name = {quote(text)} limit 1")
    assert made.where == Comparison(Path("Last_Name"), "=", (Term(text, "text"),))


@given(st.text(max_size=60))
def test_the_parser_refuses_or_reads_but_never_breaks(text: str) -> None:
    with contextlib.suppress(SyntaxTrouble):
        coql.parse(f"select id from Contacts where {text}")


# -- against rows ---------------------------------------------------------------------


@pytest.fixture
def store() -> Store:
    made = Store(Clock())
    stamps = {"Created_Time": "2026-01-01T00:00:00Z", "Modified_Time": "2026-01-01T00:00:00Z"}
    made.put(made.modules["Accounts"], [{"id": "1", "Account_Name": "Acme", **stamps}])
    rows: list[dict[str, Any]] = [
        {"id": "11", "Deal_Name": "a_b", "Amount": "9.5", "Probability": 10, "Account_Name": "1"},
        {"id": "12", "Deal_Name": "axb", "Amount": "10.25", "Probability": 75},
        {"id": "13", "Deal_Name": "Ünïcode 100%", "Amount": None, "Probability": None},
    ]
    made.put(made.modules["Deals"], [{**stamps, **row} for row in rows])
    return made


def ids(store: Store, where: str, module: str = "Deals") -> list[str]:
    query = coql.parse(f"select id from {module} where {where} order by id")
    compiled = Compiler(store, store.modules[module]).select(query)
    assert all(isinstance(value, str | int | float) for value in compiled.bound)
    return [row[-1] for row in store.db.execute(compiled.text, compiled.bound)]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Amount > 9.75", ["12"]),
        ("Amount = 9.50", ["11"]),
        ("Amount between 9 and 10", ["11"]),
        ("Amount not between 9 and 10", ["12"]),
        ("Amount is null", ["13"]),
        ("Amount = null", ["13"]),
        ("Amount != null", ["11", "12"]),
        ("Deal_Name = 'A_B'", ["11"]),
        ("Deal_Name like 'a_b'", ["11"]),
        ("Deal_Name like 'a%'", ["11", "12"]),
        ("Deal_Name not like 'a%'", ["13"]),
        ("Deal_Name = 'Ünïcode 100%'", ["13"]),
        ("Deal_Name in ('axb', 'nothing')", ["12"]),
        ("Deal_Name not in ('axb', 'nothing')", ["11", "13"]),
        ("Probability != 10", ["12", "13"]),
        ("Account_Name.Account_Name = 'acme'", ["11"]),
        ("Account_Name = '1'", ["11"]),
        ("Created_Time = '2026-01-01T07:00:00+07:00'", ["11", "12", "13"]),
        ("((Amount > 1 and Probability > 50) or (Amount is null))", ["12", "13"]),
        ("(Amount > 1 and (Probability > 50 or Probability = 10))", ["11", "12"]),
        ("id > '11'", ["12", "13"]),
    ],
)
def test_rows_that_meet_a_condition(store: Store, where: str, found: list[str]) -> None:
    assert ids(store, where) == found


@given(st.text())
def test_values_are_bound_whatever_they_hold(text: str) -> None:
    query = coql.parse(f"select id from Deals where Deal_Name = {quote(text)}")
    compiler = Compiler(_ANY, _ANY.modules["Deals"])
    compiled = compiler.select(query)
    assert compiled.bound[0] == text
    assert compiled.text.count("?") == len(compiled.bound)


_ANY = Store(Clock())


@pytest.mark.parametrize(
    "where",
    ["Nothing = 1", "Account_Name.Nothing = 1", "Amount.Account_Name = 1", "Nothing.id = '1'"],
)
def test_unknown_fields(store: Store, where: str) -> None:
    with pytest.raises(UnknownField):
        ids(store, where)


@pytest.mark.parametrize(
    "where",
    ["Created_Time > '2026-01-01'", "Created_Time > 'x'", "Amount > 'x'", "Probability = 'x'"],
)
def test_values_of_the_wrong_type(store: Store, where: str) -> None:
    with pytest.raises(WrongValue):
        ids(store, where)


def test_counting_in_groups(store: Store) -> None:
    query = coql.parse(
        "select count(id) as deals, sum(Amount), Account_Name from Deals where id is not null "
        "group by Account_Name order by Account_Name desc"
    )
    compiled = Compiler(store, store.modules["Deals"]).select(query)
    rows = [tuple(row) for row in store.db.execute(compiled.text, compiled.bound)]
    assert rows == [(1, 9.5, "1"), (2, 10.25, None)]
    assert [column.name for column in query.columns] == ["deals", "SUM(Amount)", "Account_Name"]
