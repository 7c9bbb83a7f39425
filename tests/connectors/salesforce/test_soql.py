"""SOQL: what is understood, what is refused, and what the answers are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce.soql import chunks, listed, name, size
from connectors.sandbox.salesforce import Sandbox
from connectors.sandbox.salesforce.soql import Among, Both, Compare, Not, Path, Query, parse
from connectors.sandbox.salesforce.wire import Refusal
from tests.connectors.salesforce.conftest import Rest

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


# -- the tree


def test_a_query_with_every_clause() -> None:
    tree = parse(
        "select Id, Account.Name, (SELECT ContactId FROM OpportunityContactRoles) "
        "from Opportunity where Amount >= 10.5 AND (Name LIKE 'A%' OR NOT StageName IN ('X', 'Y')) "
        "order by Amount desc nulls last, Id limit 10 offset 20"
    )
    assert tree.items[:2] == (Path(("Id",)), Path(("Account", "Name")))
    assert isinstance(tree.items[2], Query)
    assert isinstance(tree.where, Both)
    amount, other = tree.where.parts
    assert isinstance(amount, Compare)
    assert (amount.operator, amount.value.text) == (">=", "10.5")
    assert isinstance(other, Both)
    assert isinstance(other.parts[1], Not)
    assert isinstance(other.parts[1].inner, Among)
    assert [(key.descending, key.nulls_last) for key in tree.order] == [
        (True, True),
        (False, False),
    ]
    assert (tree.limit, tree.offset) == (10, 20)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT FROM Contact",
        "SELECT Id FROM Contact WHERE",
        "SELECT Id FROM Contact WHERE Name = ",
        'SELECT Id FROM Contact WHERE Name = "x"',
        "SELECT Id FROM Contact WHERE Name = 'x",
        "SELECT Id FROM Contact WHERE Name = 'x' OR Name = 'y' AND Id != null",
        "SELECT Id FROM Contact WHERE (Name = 'x'",
        "SELECT Id FROM Contact ORDER BY",
        "SELECT Id FROM Contact LIMIT x",
        "SELECT Id FROM Contact; DELETE FROM Contact",
        "DELETE FROM Contact",
        "SELECT Id FROM Contact WHERE Name IN ()",
    ],
)
def test_text_that_is_no_query(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(text)
    assert caught.value.code == "MALFORMED_QUERY"


@given(st.lists(texts, min_size=1, max_size=5))
def test_quoting_is_undone_by_parsing(values: list[str]) -> None:
    tree = parse(f"SELECT Id FROM Contact WHERE Name IN {listed(values)}")
    assert isinstance(tree.where, Among)
    assert isinstance(tree.where.values, tuple)
    assert [value.text for value in tree.where.values] == values


@given(st.lists(texts, max_size=60), st.integers(1, 10))
def test_chunks_keep_order_and_size(values: list[str], most: int) -> None:
    parts = list(chunks("SELECT Id FROM Contact", values, most))
    assert [value for part in parts for value in part] == values
    assert all(0 < len(part) <= most for part in parts)


def test_long_lists_are_cut_to_the_length_of_a_url() -> None:
    values = [f"ชื่อ {number}" * 10 for number in range(300)]
    for part in chunks("SELECT Id FROM Contact", values):
        assert size(f"SELECT Id FROM Contact WHERE Name IN {listed(part)}") < 15_000


@pytest.mark.parametrize("text", ["", "a b", "Name'", "1st", "A.B", "ชื่อ", "Id, Name"])
def test_only_names_are_spliced(text: str) -> None:
    with pytest.raises(ValueError, match="not a Salesforce name"):
        name(text)


# -- the answers


@pytest.fixture
def people(sandbox: Sandbox, rest: Rest) -> Rest:
    """Three contacts of two accounts, one of them deleted."""
    acme, beta = sandbox.load(
        "Account", [{"Name": "Acme", "AnnualRevenue": 560000000}, {"Name": "Bêta"}]
    )
    rows = [
        {"LastName": "Ant", "Email": "a@x.io", "AccountId": acme, "Interests__c": "Events;Support"},
        {"LastName": "bee", "Birthdate": "1990-01-02", "AccountId": beta,
         "HasOptedOutOfEmail": True, "Interests__c": "Support"},
        {"LastName": "Cat_5%", "Email": "c@x.io"},
        {"LastName": "Dog", "Email": "d@x.io", "AccountId": acme},
    ]  # fmt: skip
    *_, dog = sandbox.load("Contact", rows)
    sandbox.remove("Contact", dog)
    return rest


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("LastName = 'ANT'", ["Ant"]),
        ("lastname != 'Ant'", ["bee", "Cat_5%"]),
        ("Email = null", ["bee"]),
        ("Email != null", ["Ant", "Cat_5%"]),
        ("Email != 'a@x.io'", ["bee", "Cat_5%"]),
        ("NOT Email = 'a@x.io'", ["bee", "Cat_5%"]),
        ("NOT Email LIKE 'a%'", ["bee", "Cat_5%"]),
        ("LastName LIKE '%e'", ["bee"]),
        ("LastName LIKE '%\\_5\\%'", ["Cat_5%"]),
        ("LastName LIKE '_nt'", ["Ant"]),
        ("LastName > 'B' AND LastName < 'C'", ["bee"]),
        ("Account.Name = 'bêta'", ["bee"]),
        ("Account.Name = 'BÊTA'", ["bee"]),
        ("Account.AnnualRevenue >= 560000000", ["Ant"]),
        ("Account.Owner.IsActive = true AND Email != null", ["Ant"]),
        ("HasOptedOutOfEmail = TRUE", ["bee"]),
        ("Birthdate < 1990-01-03", ["bee"]),
        ("CreatedDate = TODAY", ["Ant", "bee", "Cat_5%"]),
        ("CreatedDate < LAST_N_DAYS:1", []),
        ("SystemModstamp >= 2026-03-04T05:06:07Z", ["Ant", "bee", "Cat_5%"]),
        ("SystemModstamp > 2026-03-04T12:06:07+07:00", []),
        ("LastName IN ('ant', 'Bee', 'Dog')", ["Ant", "bee"]),
        ("Email IN ('a@x.io', null)", ["Ant", "bee"]),
        ("Email NOT IN ('a@x.io')", ["bee", "Cat_5%"]),
        ("Interests__c INCLUDES ('Events')", ["Ant"]),
        ("Interests__c INCLUDES ('Events;Support', 'Pricing')", ["Ant"]),
        ("Interests__c EXCLUDES ('Events')", ["bee", "Cat_5%"]),
        ("AccountId IN (SELECT Id FROM Account WHERE Name LIKE 'A%')", ["Ant"]),
        ("Id NOT IN (SELECT ContactId FROM Case)", ["Ant", "bee", "Cat_5%"]),
        ("(LastName = 'Ant' OR LastName = 'bee') AND Email = null", ["bee"]),
        ("IsDeleted = true", []),
    ],
)
def test_conditions(people: Rest, where: str, names: list[str]) -> None:
    found = people.query(f"SELECT LastName FROM Contact WHERE {where} ORDER BY LastName")
    assert [row["LastName"] for row in found] == names


def test_the_recycle_bin_is_seen_by_query_all_only(people: Rest) -> None:
    soql = "SELECT LastName FROM Contact WHERE IsDeleted = true"
    assert people.query(soql) == []
    assert people.query(soql, deleted=True) == [{"LastName": "Dog"}]


def test_order_and_nulls(people: Rest) -> None:
    def emails(order: str) -> list[str | None]:
        found = people.query(f"SELECT Email FROM Contact ORDER BY Email {order}")
        return [row["Email"] for row in found]

    assert emails("") == [None, "a@x.io", "c@x.io"]
    assert emails("NULLS LAST") == ["a@x.io", "c@x.io", None]
    assert emails("DESC NULLS LAST") == ["c@x.io", "a@x.io", None]
    assert emails("ASC LIMIT 1 OFFSET 1") == ["a@x.io"]


def test_parents_come_as_objects_and_missing_ones_as_null(people: Rest) -> None:
    found = people.query(
        "SELECT Account.Name, Owner.Email FROM Contact WHERE Email != null ORDER BY LastName"
    )
    assert found[0]["Account"]["Name"] == "Acme"
    assert found[1]["Account"] is None
    assert found[1]["Owner"]["Email"] == "admin@sandbox.example"


def test_children(sandbox: Sandbox, rest: Rest) -> None:
    ann, bob = sandbox.load("Contact", [{"LastName": "Ann"}, {"LastName": "Bob"}])
    deal = {"StageName": "Prospecting", "CloseDate": "2026-05-06"}
    sandbox.load(
        "Opportunity",
        [{"Name": "two", "OpportunityContactRoles": [ann, bob], **deal}, {"Name": "none", **deal}],
    )
    none, two = rest.query(
        "SELECT Name, (SELECT ContactId, Contact.LastName FROM OpportunityContactRoles "
        "WHERE Contact.LastName != 'Bob') FROM Opportunity ORDER BY Name"
    )
    assert none["OpportunityContactRoles"] is None
    children = two["OpportunityContactRoles"]
    assert (children["totalSize"], children["done"]) == (1, True)
    assert children["records"][0]["Contact"]["LastName"] == "Ann"


def test_a_polymorphic_owner_shows_its_name(sandbox: Sandbox, rest: Rest) -> None:
    [queue] = sandbox.load("Group", [{"Name": "Support", "Type": "Queue"}])
    sandbox.load("Case", [{"Subject": "a", "OwnerId": queue}, {"Subject": "b"}])
    found = rest.query("SELECT Owner.Name, Owner.Type FROM Case ORDER BY Subject")
    assert [row["Owner"]["Name"] for row in found] == ["Support", "Sandbox Administrator"]
    assert found[0]["Owner"]["Type"] == "Queue"


def test_aggregates(people: Rest) -> None:
    assert people.json("GET", "query?q=SELECT+COUNT()+FROM+Contact")["totalSize"] == 3
    found = people.query(
        "SELECT HasOptedOutOfEmail, COUNT(Id) n FROM Contact GROUP BY HasOptedOutOfEmail "
        "HAVING COUNT(Id) > 1"
    )
    assert found == [{"HasOptedOutOfEmail": False, "n": 2}]
    assert people.query("SELECT SUM(AnnualRevenue), MAX(Name) m FROM Account") == [
        {"expr0": 560000000.0, "m": "Bêta"}
    ]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nope FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Nope.Name FROM Contact", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Nopes) FROM Contact", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE Birthdate = '1990-01-02'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE SystemModstamp > 2026-01-02", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE LastName INCLUDES ('x')", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT LastName, COUNT(Id) FROM Contact", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_refused_queries(rest: Rest, soql: str, code: str) -> None:
    assert rest.refusal(soql)["errorCode"] == code


def test_a_hidden_field_is_no_field(sandbox: Sandbox, rest: Rest) -> None:
    sandbox.hide("Contact", "Email")
    assert rest.refusal("SELECT Email FROM Contact")["errorCode"] == "INVALID_FIELD"
    sandbox.hide("Contact", "Email", hidden=False)
    assert rest.query("SELECT Email FROM Contact") == []


@given(texts)
def test_no_text_leaves_its_quotes(value: str) -> None:
    sandbox = Sandbox()
    rest = Rest(sandbox)
    sandbox.load("Account", [{"Name": "other"}])
    found = rest.query(f"SELECT Id FROM Account WHERE Name IN {listed([value])}")
    assert len(found) == (value.casefold() == "other")
