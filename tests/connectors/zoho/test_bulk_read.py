"""Bulk Read: the same records as through the record APIs, for fewer credits."""

from __future__ import annotations

import pytest

import connectors.sandbox.zoho.bulk_read as sandbox_read
import connectors.zoho.bulk_read as bulk_read
from connectors.errors import QuotaExhausted, Unavailable
from connectors.sandbox.zoho.metadata import make_field
from tests.connectors.zoho.bulk import BULK, fault, pull
from tests.connectors.zoho.conftest import OLD, Account, fill, records


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
