"""Writes: batches, outcomes item by item, upserts, what is sent twice and what never is."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Write
from connectors.errors import Duplicate, Gone, Invalid, QuotaExhausted, Refused
from connectors.zoho import ZohoConnector
from tests.connectors.zoho.conftest import Account

EXTERNAL = "Concord_Id"


def truth(account: Account, object: str = "Contacts") -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in account.sandbox.state(object) if not row["deleted"]}


def test_all_kinds_in_one_push_come_back_in_order(
    account: Account, connector: ZohoConnector
) -> None:
    connector.provision("Contacts", EXTERNAL)
    old = account.sandbox.load("Contacts", [{"Last_Name": f"n{n}"} for n in range(250)])
    writes = []
    for number, id in enumerate(old):
        kind = number % 5
        if kind == 0:
            writes.append(Write(f"k{number}", "update", {"Last_Name": f"u{number}"}, id=id))
        elif kind == 1:
            writes.append(Write(f"k{number}", "archive", id=id))
        elif kind == 2:
            writes.append(Write(f"k{number}", "create", {"Last_Name": f"c{number}"}))
        elif kind == 3:
            writes.append(Write(f"k{number}", "create", {"Last_Name": f"x{number}"},
                                external=(EXTERNAL, f"e{number}")))  # fmt: skip
        else:
            writes.append(Write(f"k{number}", "create", {"Email": "nobody"}))
    results = connector.push("Contacts", writes)
    assert [result.key for result in results] == [write.key for write in writes]
    rows = truth(account)
    for number, (write, result) in enumerate(zip(writes, results, strict=True)):
        if number % 5 == 4:
            assert isinstance(result.error, Invalid)
            continue
        assert result.error is None
        assert result.created is (write.kind == "create")
        assert (result.id in rows) is (write.kind != "archive")
        if write.kind != "archive":
            assert rows[result.id]["Last_Name"] == write.values["Last_Name"]
            assert result.modified_at == account.sandbox.clock.now()
    [record] = connector.fetch("Contacts", [results[0].id], ("Last_Name",))
    assert record.version == results[0].version


def test_values_of_every_type(account: Account, connector: ZohoConnector) -> None:
    [company] = account.sandbox.load("Accounts", [{"Account_Name": "Acme"}])
    values: dict[str, Any] = {
        "Last_Name": "นาย ﺖﺳﺖ 👩‍👩‍👧", "Interests": ("Support", "Events"), "Email_Opt_Out": True,
        "Date_of_Birth": "1990-02-03", "Account_Name": company, "Email": "Ann@Example.com",
    }  # fmt: skip
    [made] = connector.push("Contacts", [Write("a", "create", values)])
    [back] = connector.fetch("Contacts", [made.id], list(values))
    assert back.values == {**values, "Interests": ("Events", "Support")}
    connector.push("Contacts", [
        Write("a", "update", {"Interests": (), "Account_Name": None, "Email": None,
                              "Email_Opt_Out": False, "Date_of_Birth": None}, id=made.id),
    ])  # fmt: skip
    [back] = connector.fetch("Contacts", [made.id], list(values))
    assert back.values == {
        "Last_Name": values["Last_Name"], "Interests": (), "Email_Opt_Out": False,
        "Date_of_Birth": None, "Account_Name": None, "Email": None,
    }  # fmt: skip
    money = Decimal("99999999999999.99")
    [made] = connector.push("Accounts", [
        Write("a", "create", {"Account_Name": "x", "Annual_Revenue": money, "Employees": 7}),
    ])  # fmt: skip
    [back] = connector.fetch("Accounts", [made.id], ("Annual_Revenue", "Employees"))
    assert back.values == {"Annual_Revenue": money, "Employees": 7}
    [made] = connector.push("Cases", [
        Write("a", "create", {"Subject": "s", "Status": "New", "Case_Origin": "Web",
                              "Closed_At": "2026-01-31T08:00:00.000Z"}),
    ])  # fmt: skip
    [back] = connector.fetch("Cases", [made.id], ("Closed_At",))
    assert back.values == {"Closed_At": "2026-01-31T15:00:00+07:00"}


def test_an_upsert_sent_twice_makes_one_record(account: Account, connector: ZohoConnector) -> None:
    connector.provision("Contacts", EXTERNAL)
    writes = [
        Write(name, "create", {"Last_Name": name}, external=(EXTERNAL, key))
        for name, key in (("first", "A"), ("other", "b"), ("again", "a"))
    ]
    results = connector.push("Contacts", writes)
    assert [result.created for result in results] == [True, True, False]
    assert results[0].id == results[2].id
    assert truth(account)[results[0].id]["Last_Name"] == "again"
    assert len(truth(account)) == 2


def test_updates_of_one_record_are_applied_in_order(
    account: Account, connector: ZohoConnector
) -> None:
    [id] = account.sandbox.load("Contacts", [{"Last_Name": "n"}])
    writes = [Write(str(n), "update", {"Last_Name": f"n{n}"}, id=id) for n in range(3)]
    assert not any(result.error for result in connector.push("Contacts", writes))
    assert truth(account)[id]["Last_Name"] == "n2"
    assert account.paths("PUT") == ["/crm/v8/Contacts"] * 3


def test_an_update_never_creates(account: Account, connector: ZohoConnector) -> None:
    [gone] = account.sandbox.load("Contacts", [{"Last_Name": "n"}])
    account.sandbox.remove("Contacts", gone)
    results = connector.push("Contacts", [
        Write("a", "update", {"Last_Name": "x"}, id=gone), Write("b", "archive", id="77"),
    ])  # fmt: skip
    assert [type(result.error) for result in results] == [Gone, Gone]
    assert truth(account) == {}


def test_a_duplicate_names_the_other_record(account: Account, connector: ZohoConnector) -> None:
    [other] = account.sandbox.load("Contacts", [{"Last_Name": "n", "Email": "a@x.co"}])
    [result] = connector.push(
        "Contacts", [Write("a", "create", {"Last_Name": "x", "Email": "A@x.co"})]
    )
    assert isinstance(result.error, Duplicate)
    assert (result.error.of, result.error.fields) == (other, ("Email",))
    assert result.error.code == "DUPLICATE_DATA"
    assert result.error.words.startswith("duplicate data")


@pytest.mark.parametrize(
    ("values", "kind", "field"),
    [
        ({"Nothing": "x"}, Invalid, "Nothing"),
        ({"Modified_Time": "2026-01-31T08:00:00.000Z"}, Refused, "Modified_Time"),
        ({"Account_Name": ("1", "2")}, Invalid, "Account_Name"),
        ({"Account_Name": "404"}, Invalid, "Account_Name"),
        ({"Interests": ("Golf",)}, Invalid, "Interests"),
        ({"Last_Name": "y" * 81}, Invalid, "Last_Name"),
        ({"Last_Name": None}, Invalid, "Last_Name"),
    ],
)
def test_what_zoho_would_drop_or_refuse_names_the_field(
    account: Account, connector: ZohoConnector, values: Any, kind: type, field: str
) -> None:
    good = Write("good", "create", {"Last_Name": "good"})
    bad = Write("bad", "create", {"Last_Name": "bad", **values})
    first, second = connector.push("Contacts", [bad, good])
    assert type(first.error) is kind
    assert first.error is not None
    assert first.error.fields == (field,)
    assert second.error is None
    assert [row["Last_Name"] for row in truth(account).values()] == ["good"]


def test_a_field_made_meanwhile_is_found(account: Account, connector: ZohoConnector) -> None:
    connector.describe("Contacts")
    account.connect().provision("Contacts", EXTERNAL)
    [result] = connector.push(
        "Contacts", [Write("a", "create", {"Last_Name": "x"}, external=(EXTERNAL, "1"))]
    )
    assert result.error is None


def test_what_was_not_sent_for_want_of_credits_says_so(
    account: Account, connector: ZohoConnector
) -> None:
    connector.describe("Contacts")
    account.sandbox.credits = account.sandbox.credits_used + 15
    writes = [Write(str(n), "create", {"Last_Name": f"n{n}"}) for n in range(250)]
    results = connector.push("Contacts", writes)
    assert [result.error is None for result in results] == [True] * 100 + [False] * 150
    assert {type(result.error) for result in results[100:]} == {QuotaExhausted}
    assert account.pauses == []
    assert len(truth(account)) == 100


def test_workflows_run_unless_somebody_says_otherwise(
    account: Account, connector: ZohoConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    handle = account.sandbox.handle
    monkeypatch.setattr(
        account.sandbox, "handle", lambda r: (bodies.append(r.get_data()), handle(r))[1]
    )
    connector.push("Contacts", [Write("a", "create", {"Last_Name": "x"})])
    assert "trigger" not in json.loads(bodies[-1])
