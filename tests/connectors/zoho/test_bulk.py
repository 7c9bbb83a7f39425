"""Bulk Read and Bulk Write: the same records as through the record APIs, for fewer credits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.wrappers import Response

import connectors.sandbox.zoho.bulk_read as sandbox_read
import connectors.sandbox.zoho.bulk_write as sandbox_write
import connectors.zoho.bulk_read as bulk_read
import connectors.zoho.bulk_write as bulk_write
from connectors.base import Page, Record, Write, WriteResult
from connectors.errors import (
    Bug,
    Duplicate,
    Gone,
    Invalid,
    Misconfigured,
    QuotaExhausted,
    Unavailable,
)
from connectors.sandbox.faults import Fault
from connectors.sandbox.zoho.metadata import make_field
from connectors.sandbox.zoho.wire import ApiError, reply
from connectors.zoho import ZohoConnector
from tests.connectors.zoho.conftest import Account

OLD = "2025-01-02T03:04:05+00:00"
EXTERNAL = "Concord_Id"
BULK = {"bulk_from": "10", "bulk_write_from": "10"}


def fault(account: Account, kind: str, **options: Any) -> None:
    account.server.faults.add(Fault(vendor="zoho", kind=kind, **options))


def records(pages: Iterable[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def pull(
    connector: ZohoConnector, object: str, *names: str, since: str | None = None
) -> list[Page]:
    pages = list(connector.pull(object, names, since))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    return pages


def fill(account: Account, count: int, start: int = 0) -> list[str]:
    rows = [{"Account_Name": f"n{n}", "modified_at": OLD} for n in range(start, start + count)]
    return account.sandbox.load("Accounts", rows)


def live(account: Account, object: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in account.sandbox.state(object) if not row["deleted"]}


# -- reading -------------------------------------------------------------------------


def load_of_every_type(account: Account) -> None:
    companies = account.sandbox.load("Accounts", [
        {"Account_Name": 'Acme "the, best"\nสวัสดี', "Annual_Revenue": "12345678901.50",
         "Employees": 7, "Description": "one\r\ntwo", "Website": "x.example"},
        {"Account_Name": "شرکت", "Annual_Revenue": "3", "Modified_By": account.sandbox.api_user},
    ])  # fmt: skip
    contacts = account.sandbox.load("Contacts", [
        {"Last_Name": f"n{n}", "Email_Opt_Out": n % 2 == 0, "Date_of_Birth": "1990-02-03",
         "Interests": ["Support", "Events"][: n % 3], "Account_Name": companies[n % 2],
         "Email": f"a{n}@b.example" if n % 2 else None}
        for n in range(12)
    ])  # fmt: skip
    account.sandbox.load("Cases", [
        {"Subject": "s", "Status": "Closed", "Case_Origin": "Web", "Closed_At": OLD,
         "Related_To": contacts[0], "Satisfaction_Rating": 4},
        {"Subject": "s", "Status": "New", "Case_Origin": "Web", "Priority": "High"},
    ])  # fmt: skip


@pytest.mark.parametrize("object", ["Accounts", "Contacts", "Cases"])
def test_bulk_read_gives_what_the_list_gives(account: Account, object: str) -> None:
    load_of_every_type(account)
    plain, bulk = account.connect(), account.connect(bulk_from="1")
    names = [name for name in plain.describe(object).fields if name != "Created_By"] + ["Nothing"]
    expected = records(pull(plain, object, *names))
    assert "/crm/bulk/v8/read" not in account.paths()
    found = records(pull(bulk, object, *names))
    assert account.paths().count("/crm/bulk/v8/read") == 1
    assert found == expected
    for one, other in zip(found, expected, strict=True):
        kinds = {name: type(value) for name, value in one.values.items()}
        assert kinds == {name: type(value) for name, value in other.values.items()}


def test_25_000_of_one_second_cost_less_than_by_list(account: Account) -> None:
    made = fill(account, 25_000)
    connector = account.connect(bulk_from="24999")
    used = account.sandbox.credits_used
    pages = pull(connector, "Accounts", "Account_Name")
    assert [record.id for record in records(pages)] == made
    assert {page.expected for page in pages} == {25_000}
    assert max(len(page.records) for page in pages) == bulk_read.PAGE
    assert account.sandbox.credits_used - used < 60
    assert account.pauses == [2.0, 4.0], "asked after with growing pauses"
    account.sandbox.clock.advance(300)
    [changed] = [made[17]]
    account.sandbox.edit("Accounts", changed, {"Account_Name": "later"})
    later = records(pull(connector, "Accounts", "Account_Name", since=pages[-1].cursor))
    assert [record.id for record in later] == [changed]


def test_the_count_decides(account: Account) -> None:
    fill(account, 10)
    pull(account.connect(**BULK), "Accounts", "Account_Name")
    assert "/crm/bulk/v8/read" not in account.paths()
    fill(account, 1, start=10)
    pull(account.connect(**BULK), "Accounts", "Account_Name")
    assert "/crm/bulk/v8/read" in account.paths()


@pytest.mark.parametrize("option", ["bulk_from", "bulk_write_from"])
def test_a_threshold_is_a_number(account: Account, option: str) -> None:
    with pytest.raises(Misconfigured, match=option):
        account.connect(**{option: "many"})


def test_jobs_of_several_pages_resume_anywhere(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_read, "ROWS", 100)
    monkeypatch.setattr(bulk_read, "PAGE", 30)
    made = fill(account, 250)
    connector = account.connect(**BULK)
    pages = pull(connector, "Accounts", "Account_Name")
    assert [record.id for record in records(pages)] == made
    assert account.paths("POST").count("/crm/bulk/v8/read") == 3
    for stop in range(len(pages) - 1):
        before = [record.id for record in records(pages[: stop + 1])]
        rest = pull(connector, "Accounts", "Account_Name", since=pages[stop].cursor)
        assert before + [record.id for record in records(rest)] == made, stop
    # Two jobs were resumed in their midst or begun from their token, never the first.
    asked = account.paths("POST").count("/crm/bulk/v8/read")
    pull(connector, "Accounts", "Account_Name", since=pages[0].cursor)
    assert account.paths("POST").count("/crm/bulk/v8/read") == asked + 2


def test_records_deleted_between_two_jobs_move_none(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_read, "ROWS", 100)
    made = fill(account, 250)
    pages = account.connect(**BULK).pull("Accounts", ("Account_Name",), None)
    seen = [record.id for record in (*next(pages).records, *next(pages).records)]
    for id in made[:40]:
        account.sandbox.remove("Accounts", id)
    found, cursor = seen, ""
    for page in pages:
        found, cursor = found + [record.id for record in page.records], page.cursor
    assert found == made
    gone = records(pull(account.connect(), "Accounts", "Account_Name", since=cursor))
    assert {record.id for record in gone if record.deleted} == set(made[:40])


def test_what_is_gone_after_a_day_is_read_by_coql(account: Account) -> None:
    made = fill(account, 50)
    connector = account.connect(**BULK)
    first = next(connector.pull("Accounts", ("Account_Name",), None))
    account.sandbox.clock.advance(25 * 3600)
    pages = pull(connector, "Accounts", "Account_Name", since=first.cursor)
    assert [record.id for record in records(pages)] == made
    assert "/crm/v8/coql" in account.paths()


def test_a_job_for_other_fields_is_not_gone_on_with(account: Account) -> None:
    made = fill(account, 50)
    connector = account.connect(**BULK)
    first = next(connector.pull("Accounts", ("Account_Name",), None))
    found = records(pull(connector, "Accounts", "Account_Name", "Phone", since=first.cursor))
    assert [record.id for record in found] == made
    assert all("Phone" in record.values for record in found)


def test_a_field_hidden_since_it_was_described(account: Account) -> None:
    fill(account, 50)
    connector = account.connect(**BULK)
    connector.describe("Accounts")
    account.sandbox.hide("Accounts", "Phone")
    found = records(pull(connector, "Accounts", "Account_Name", "Phone"))
    assert len(found) == 50
    assert set(found[0].values) == {"Account_Name"}


def test_fields_a_csv_cannot_carry_are_listed(account: Account) -> None:
    module = account.sandbox.store.modules["Accounts"]
    account.sandbox.store.add_field(module, make_field("Rows", "subform", custom=True))
    made = fill(account, 50)
    found = records(pull(account.connect(**BULK), "Accounts", "Account_Name", "Rows"))
    assert [record.id for record in found] == made
    assert "/crm/bulk/v8/read" not in account.paths()


def declined(code: str, status: int) -> Callable[..., Response]:
    def refuse(*given: object) -> Response:
        return ApiError(code, "no", status).response()

    return refuse


@pytest.mark.parametrize(
    ("code", "status"), [("OAUTH_SCOPE_MISMATCH", 401), ("FEATURE_NOT_SUPPORTED", 400)]
)
def test_an_account_without_the_bulk_apis(
    account: Account, monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    monkeypatch.setattr(sandbox_read.BulkRead, "create", declined(code, status))
    monkeypatch.setattr(sandbox_write.BulkWrite, "upload", declined(code, status))
    connector = account.connect(**BULK)
    made = fill(account, 50)
    assert [record.id for record in records(pull(connector, "Accounts", "Phone"))] == made
    results = push(connector, updates(contacts(account, 50)))
    assert all(result.error is None for result in results)


def test_jobs_that_come_to_nothing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_failed(self: object, id: str) -> Response:
        return reply({"data": [{"id": id, "operation": "read", "state": "FAILURE"}]})

    def write_failed(self: object, request: object, id: str) -> Response:
        return reply({"id": id, "operation": "update", "status": "FAILED"})

    monkeypatch.setattr(sandbox_read.BulkRead, "show", read_failed)
    monkeypatch.setattr(sandbox_write.BulkWrite, "show", write_failed)
    monkeypatch.setattr(sandbox_write.BulkWrite, "run_jobs", lambda self: None)
    connector = account.connect(**BULK)
    made = fill(account, 50)
    assert [record.id for record in records(pull(connector, "Accounts", "Phone"))] == made
    ids = contacts(account, 50)
    assert all(result.error is None for result in push(connector, updates(ids)))
    assert {row["Last_Name"] for row in live(account, "Contacts").values()} == {
        f"u{n}" for n in range(50)
    }


def test_a_job_that_takes_too_long_is_found_again(account: Account) -> None:
    made = fill(account, 50)
    account.sandbox.bulk_read.polls = 10**6
    connector = account.connect(**BULK)
    pages = connector.pull("Accounts", ("Account_Name",), None)
    cursor = next(pages).cursor
    with pytest.raises(Unavailable, match="not done"):
        next(pages)
    assert 1_800 <= sum(account.pauses) < 2_000
    account.sandbox.bulk_read.polls = 0
    found = records(pull(connector, "Accounts", "Account_Name", since=cursor))
    assert [record.id for record in found] == made
    assert account.paths("POST").count("/crm/bulk/v8/read") == 1


@pytest.mark.parametrize("kind", ["throttle", "unauthorized", "error", "cut_after", "cut_before"])
@pytest.mark.parametrize("path", ["/read$", "/read/[0-9]+$", "/result$"])
def test_trouble_on_the_way_is_got_over(account: Account, kind: str, path: str) -> None:
    made = fill(account, 50)
    connector = account.connect(**BULK)
    fault(account, kind, path=path, times=1)
    found = records(pull(connector, "Accounts", "Account_Name"))
    assert [record.id for record in found] == made
    assert account.server.faults.lines()[0]["struck"] == 1


def test_no_credits_for_a_job(account: Account) -> None:
    fill(account, 50)
    connector = account.connect(**BULK)
    connector.describe("Accounts")
    account.sandbox.credits_used = account.sandbox.credits - 20
    with pytest.raises(QuotaExhausted):
        pull(connector, "Accounts", "Account_Name")


# -- writing -------------------------------------------------------------------------


def updates(ids: list[str], **more: Any) -> list[Write]:
    return [
        Write(f"k{n}", "update", {"Last_Name": f"u{n}", **more}, id=id) for n, id in enumerate(ids)
    ]


def creates(count: int, **more: Any) -> list[Write]:
    return [
        Write(f"k{n}", "create", {"Last_Name": f"c{n}", **more}, external=(EXTERNAL, f"X{n}"))
        for n in range(count)
    ]


def contacts(account: Account, count: int) -> list[str]:
    rows = [{"Last_Name": f"n{n}", "Phone": "1", "modified_at": OLD} for n in range(count)]
    return account.sandbox.load("Contacts", rows)


def push(connector: ZohoConnector, writes: list[Write]) -> list[WriteResult]:
    results = connector.push("Contacts", writes)
    assert [result.key for result in results] == [write.key for write in writes]
    return results


def jobs(account: Account) -> int:
    return account.paths("POST").count("/crm/bulk/v8/write")


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


def test_a_result_is_fetched_from_zoho_alone(account: Account, tmp_path: Any) -> None:
    connector = account.connect()
    with (tmp_path / "x").open("w+b") as into, pytest.raises(Bug, match="example"):
        connector._client.download("https://www.zohoapis.com.example/x.zip", into)
    assert account.paths() == []


@pytest.mark.slow
def test_25_000_updates_for_the_credits_of_one_job(account: Account) -> None:
    connector = account.connect()
    ids = contacts(account, 25_000)
    account.sandbox.clock.advance(100)
    used = account.sandbox.credits_used
    results = push(connector, updates(ids))
    assert all(result.error is None for result in results)
    assert account.sandbox.credits_used - used < 600, "2,500 by the record API"
