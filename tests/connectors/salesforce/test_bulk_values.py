"""Records read by the Bulk API 2.0 are those read by REST, to the type of every value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.base import Record
from connectors.sandbox.salesforce.schema import Field
from tests.connectors.salesforce.bulk import BULK, bulk_calls, people
from tests.connectors.salesforce.conftest import DEAL, OLD, ROLES, Org, records


def same(one: list[Record], other: list[Record]) -> None:
    """Equal records, versions included, with values of the same Python types."""
    by_id = {record.id: record for record in other}
    assert len(by_id) == len(one) == len(other)
    for record in one:
        twin = by_id[record.id]
        assert record == twin
        for field, value in record.values.items():
            assert type(value) is type(twin.values[field]), field


def both(org: Org, object: str, fields: list[str]) -> list[Record]:
    """All records, found to be the same by REST and by the Bulk API."""
    rest = records(org.connect().pull(object, fields, None))
    assert bulk_calls(org) == []
    found = records(org.connect(**BULK).pull(object, fields, None))
    assert bulk_calls(org)[0] == "POST query"
    same(found, rest)
    return found


def test_every_type_of_field_reads_as_over_rest(org: Org) -> None:
    contact, fields = org.sandbox.store.objects["Contact"], ["Id", "LastModifiedDate"]
    for name, type, more in (
        ("Home__c", "address", {}),
        ("Share__c", "percent", {"precision": 5, "scale": 2}),
        ("Money__c", "currency", {"precision": 18, "scale": 2}),
        ("Whole__c", "double", {"precision": 18}),
        ("Part__c", "double", {"precision": 18, "scale": 6}),
        ("Count__c", "int", {"digits": 9}),
        ("At__c", "datetime", {}),
    ):
        field = Field(name, name, type, custom=True, **more)
        org.sandbox.store.add_field(contact, field)
    fields += list(org.connect().describe("Contact").fields)
    [account] = org.sandbox.load("Account", [{"Name": "ไทย"}])
    full = {
        "LastName": 'ณ «قول»\r\nsecond "line", \U0001f600',
        "Description": "#N/A\n\n",
        "Title": "NUL\x00here",
        "Department": "\x00",
        "Email": "a@b.io",
        "Interests__c": "Events;Support",
        "HasOptedOutOfEmail": True,
        "Birthdate": "1999-12-31",
        "AccountId": account,
        "Share__c": "12.5",
        "Money__c": "560000000",
        "Whole__c": "12345678901234",
        "Part__c": "-0.000001",
        "Count__c": 0,
        "At__c": "2026-01-31T08:00:00+07:00",
    }
    org.sandbox.load(
        "Contact", [{**full, "created_at": OLD}, {"LastName": "bare", "Whole__c": "0"}]
    )
    whole, bare = sorted(both(org, "Contact", fields), key=lambda record: record.id)
    assert whole.values["Title"] == "NULhere"
    assert whole.values["Department"] is None
    assert whole.values["Money__c"] == Decimal(560000000)
    assert whole.values["Whole__c"] == 12345678901234
    assert whole.values["HasOptedOutOfEmail"] is True
    assert bare.values["HasOptedOutOfEmail"] is False
    assert bare.values["Whole__c"] == 0
    assert bare.values["Home__c"] is None


def test_deals_come_with_their_contacts(org: Org, small: None) -> None:
    ids = people(org, 4)
    rows = [{**DEAL, "Amount": n, ROLES: ids[: n % 5], "modified_at": OLD} for n in range(13)]
    org.sandbox.load("Opportunity", rows)
    found = both(org, "Opportunity", ["Name", "Amount", ROLES])
    sizes = [len(record.values[ROLES]) for record in found]
    assert sizes == [n % 5 for n in range(13)]


@pytest.mark.parametrize("object", ["Account", "Case"])
def test_other_objects_too(org: Org, object: str) -> None:
    org.sandbox.load("Account", [{"Name": "a", "AnnualRevenue": "0.5", "NumberOfEmployees": 3}])
    org.sandbox.load("Case", [{"Subject": "s", "Rating__c": 4, "Status": "Closed"}])
    both(org, object, list(org.connect().describe(object).fields))


def test_more_fields_than_a_url_holds_come_at_once(org: Org) -> None:
    contact = org.sandbox.store.objects["Contact"]
    names = [f"A_Field_With_A_Rather_Long_Name_{number:03d}__c" for number in range(300)]
    for name in names:
        org.sandbox.store.add_field(contact, Field(name, name, "string", 255, custom=True))
    org.sandbox.load("Contact", [{"LastName": "a", **dict.fromkeys(names, "ค่า")}])
    [record] = both(org, "Contact", names)
    assert record.values == dict.fromkeys(names, "ค่า")
