"""Bulk Write: the same records as through the record APIs, for fewer credits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import connectors.zoho.bulk_write as bulk_write
from connectors.base import Write
from connectors.errors import Duplicate, Gone, Invalid, QuotaExhausted, Unavailable
from tests.connectors.zoho.bulk import BULK, contacts, fault, jobs, live, push, updates
from tests.connectors.zoho.conftest import Account

EXTERNAL = "Concord_Id"


def creates(count: int, **more: Any) -> list[Write]:
    return [
        Write(f"k{n}", "create", {"Last_Name": f"c{n}", **more}, external=(EXTERNAL, f"X{n}"))
        for n in range(count)
    ]


def test_updates_and_upserts_in_bulk_come_back_in_order(account: Account) -> None:
    connector = account.connect(**BULK)
    connector.provision("Contacts", EXTERNAL)
    ids = contacts(account, 30)
    account.sandbox.edit("Contacts", ids[0], {EXTERNAL: "X5"})
    account.sandbox.clock.advance(100)
    mixed = [write for pair in zip(updates(ids), creates(30), strict=True) for write in pair]
    results = push(connector, mixed)
    assert jobs(account) == 2
    rows = live(account, "Contacts")
    assert len(rows) == 59
    assert all(result.error is None for result in results)
    assert [n for n, result in enumerate(results) if result.created] == [
        n for n in range(1, 60, 2) if n != 11
    ]
    fetched = {
        record.id: record for record in connector.fetch("Contacts", list(rows), ("Last_Name",))
    }
    for write, result in zip(mixed, results, strict=True):
        if result.id != ids[0]:
            assert rows[result.id]["Last_Name"] == write.values["Last_Name"]
        assert result.version in ("", fetched[result.id].version)
        assert result.modified_at in (None, account.sandbox.clock.now())


def test_values_of_every_type_as_by_the_record_api(account: Account) -> None:
    plain, bulk = account.connect(), account.connect(bulk_write_from="0")
    [company] = account.sandbox.load("Accounts", [{"Account_Name": "Acme"}])
    values: dict[str, Any] = {
        "Last_Name": 'นาย "ﺖﺳﺖ", 👩‍👩‍👧\nB', "Interests": ("Support", "Events"),
        "Email_Opt_Out": True, "Date_of_Birth": "1990-02-03", "Account_Name": company,
        "First_Name": None,
    }  # fmt: skip
    one, other = contacts(account, 2)
    push(plain, [Write("a", "update", values, id=one)])
    push(bulk, [Write("a", "update", values, id=other)])
    [left, right] = bulk.fetch("Contacts", [one, other], [*values, "Owner"])
    assert left.values == right.values
    assert left.values["Interests"] == ("Events", "Support")
    made: dict[str, Any] = {
        "Account_Name": "a", "Annual_Revenue": Decimal("99999999999999.99"), "Employees": 7,
    }  # fmt: skip
    [company] = account.sandbox.load("Accounts", [{"Account_Name": "b"}])
    bulk.push("Accounts", [Write("a", "update", made, id=company)])
    [back] = bulk.fetch("Accounts", [company], list(made))
    assert back.values == made
    [case] = account.sandbox.load(
        "Cases", [{"Subject": "s", "Status": "New", "Case_Origin": "Web"}]
    )
    bulk.push("Cases", [Write("a", "update", {"Closed_At": "2026-01-31T08:00:00.000Z"}, id=case)])
    [back] = bulk.fetch("Cases", [case], ("Closed_At",))
    assert back.values == {"Closed_At": "2026-01-31T15:00:00+07:00"}
    assert jobs(account) == 3


def test_a_field_is_emptied_only_where_that_was_asked(account: Account) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 64)
    sets: list[dict[str, Any]] = [
        {"Title": "t"}, {"Mobile": "3"}, {"Title": "t", "Mobile": "3"},
    ]  # fmt: skip
    writes = updates(ids[:20], Phone=None) + updates(ids[20:40], Mobile="2")
    writes += [
        Write(f"o{n}", "update", sets[n % 3], id=id) for n, id in enumerate(ids[40:])
    ]  # fmt: skip
    results = push(connector, writes)
    assert all(result.error is None for result in results)
    assert jobs(account) == 3
    rows = live(account, "Contacts")
    assert [rows[id]["Phone"] for id in ids] == [None] * 20 + ["1"] * 44
    assert [(rows[id]["Title"], rows[id]["Mobile"]) for id in ids[40:43]] == [
        ("t", None), (None, "3"), ("t", "3"),
    ]  # fmt: skip


def test_what_zoho_skips_comes_back_with_its_reason(account: Account) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 30)
    account.sandbox.edit("Contacts", ids[29], {"Email": "taken@b.example"})
    account.sandbox.remove("Contacts", ids[1])
    writes = updates(ids[:20])
    writes[2] = Write("bad", "update", {"Last_Name": "x", "Email": "nobody"}, id=ids[2])
    writes[3] = Write("twice", "update", {"Last_Name": "x", "Email": "Taken@b.example"}, id=ids[3])
    writes[4] = Write("option", "update", {"Last_Name": "x", "Interests": ("New",)}, id=ids[4])
    results = push(connector, writes)
    assert jobs(account) == 1
    failed = {n: type(result.error) for n, result in enumerate(results) if result.error}
    assert failed == {1: Gone, 2: Invalid, 3: Duplicate, 4: Invalid}
    assert isinstance(results[3].error, Duplicate)
    assert results[3].error.of == ids[29]
    assert live(account, "Contacts")[ids[4]]["Last_Name"] == "n4"


def test_a_record_somebody_holds_is_tried_again(account: Account) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 20)
    fault(account, "lock", object="Contacts", times=1)
    results = push(connector, updates(ids))
    assert all(result.error is None for result in results)
    assert jobs(account) == 1


def test_several_writes_to_one_record_keep_their_order(account: Account) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 20)
    writes = [*updates(ids), Write("last", "update", {"Last_Name": "last"}, id=ids[7])]
    assert all(result.error is None for result in push(connector, writes))
    assert live(account, "Contacts")[ids[7]]["Last_Name"] == "last"
    assert jobs(account) == 1


def test_only_what_names_its_record_goes_in_bulk(account: Account) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 20)
    writes = [Write(f"n{n}", "create", {"Last_Name": "x"}) for n in range(20)]
    writes += [Write(f"a{n}", "archive", id=id) for n, id in enumerate(ids)]
    assert all(result.error is None for result in push(connector, writes))
    assert len(live(account, "Contacts")) == 20
    assert jobs(account) == 0


def test_rows_are_cut_into_files_and_a_rest_too_small_is_not(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_write, "ROWS", 20)
    connector = account.connect(**BULK)
    ids = contacts(account, 45)
    assert all(result.error is None for result in push(connector, updates(ids)))
    assert jobs(account) == 2
    assert account.paths("PUT") == ["/crm/v8/Contacts"]


@pytest.mark.parametrize("kind", ["throttle", "unauthorized"])
@pytest.mark.parametrize("path", ["upload$", "/write$", "/write/[0-9]+$", "/result$"])
def test_refusals_on_the_way_are_got_over(account: Account, kind: str, path: str) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 20)
    fault(account, kind, path=path, times=1)
    results = push(connector, updates(ids))
    assert all(result.error is None for result in results)
    assert jobs(account) == (2 if path == "/write$" else 1)


def test_a_job_whose_reply_was_lost_is_looked_up(account: Account) -> None:
    connector = account.connect(**BULK)
    connector.provision("Contacts", EXTERNAL)
    ids = contacts(account, 20)
    account.sandbox.clock.advance(100)
    fault(account, "cut_after", path="/write$", times=2)
    writes = updates(ids) + creates(20)
    results = push(connector, writes)
    assert jobs(account) == 2, "one for each, and none sent twice"
    assert account.paths("PUT") == []
    assert all(result.error is None and result.version for result in results)
    assert [result.created for result in results] == [False] * 20 + [True] * 20
    assert len(live(account, "Contacts")) == 40


def test_a_job_that_never_arrived_leaves_its_rows_unknown(account: Account) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 40)
    account.sandbox.clock.advance(100)
    fault(account, "cut_before", path="/write$", times=1)
    results = push(connector, [*updates(ids[:20]), Write("z", "archive", id=ids[30])])
    assert all(isinstance(result.error, Unavailable) for result in results)
    assert jobs(account) == 1
    assert {row["Last_Name"] for row in live(account, "Contacts").values()} == {
        f"n{n}" for n in range(40)
    }


def test_a_result_that_cannot_be_had_is_looked_up(account: Account) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 20)
    account.sandbox.clock.advance(100)
    fault(account, "error", path="/result$", times=20)
    results = push(connector, updates(ids))
    assert all(result.error is None and result.version for result in results)
    assert (jobs(account), account.paths("PUT")) == (1, [])


def test_a_bulk_write_that_takes_too_long_is_looked_up(account: Account) -> None:
    account.sandbox.bulk_write.polls = 10**6
    connector = account.connect(**BULK)
    ids = contacts(account, 20)
    account.sandbox.clock.advance(100)
    writes = updates(ids)
    writes[3] = Write("bad", "update", {"Last_Name": None}, id=ids[3])
    results = push(connector, writes)
    assert [n for n, result in enumerate(results) if result.error] == [3]
    assert isinstance(results[3].error, Unavailable)
    assert (jobs(account), account.paths("PUT")) == (1, [])


def test_no_credits_for_a_bulk_write(account: Account) -> None:
    connector = account.connect(**BULK)
    ids = contacts(account, 20)
    connector.describe("Contacts")
    account.sandbox.credits_used = account.sandbox.credits - 100
    results = push(connector, updates(ids))
    assert all(isinstance(result.error, QuotaExhausted) for result in results)
    assert {row["Last_Name"] for row in live(account, "Contacts").values()} == {
        f"n{n}" for n in range(20)
    }


@pytest.mark.slow
def test_25_000_updates_for_the_credits_of_one_job(account: Account) -> None:
    connector = account.connect()
    ids = contacts(account, 25_000)
    account.sandbox.clock.advance(100)
    used = account.sandbox.credits_used
    results = push(connector, updates(ids))
    assert all(result.error is None for result in results)
    assert account.sandbox.credits_used - used < 600, "2,500 by the record API"
