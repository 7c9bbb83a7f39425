"""Records to fields and back, for every vendor's own way of sending values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import VENDORS
from connectors.base import Record, Value
from mapping.document import catalog, parse_document
from mapping.schema import OBJECTS, Fields, FieldValue, Kind
from mapping.translate import Translator, compile, shown
from mapping.values import Context, same
from mapping.values.text import spell
from tests.mapping.strategies import canonical

CONTEXT = Context("TH", "THB", "Asia/Bangkok")


def _record(values: Mapping[str, Value]) -> Record:
    return Record("X", "1", values, "1", datetime(2026, 1, 1, tzinfo=UTC))


def _translator(vendor: str, object: str, context: Context = CONTEXT) -> Translator:
    return compile(catalog(vendor, object), context, today=lambda: date(2026, 1, 15))


DEAL: Fields = {
    "name": "Cement for น้ำใจ", "amount": "12500.5", "currency": "THB", "stage": "negotiation",
    "probability": "0.9", "close_date": "2026-01-31", "deal_type": "new_business",
    "description": "two\nlines", "company": "17", "contacts": ["4", "9"], "owner": "77",
    "created_at": "2025-12-02T18:22:42.000Z",
}  # fmt: skip
DEALS: Mapping[str, Mapping[str, Value]] = {
    "salesforce": {
        "Name": "Cement for น้ำใจ", "Amount": Decimal("12500.50"), "CurrencyIsoCode": "THB",
        "StageName": "Negotiation/Review", "Probability": Decimal("90.0"),
        "CloseDate": "2026-01-31", "Type": "New Business", "Description": "two\r\nlines",
        "AccountId": "17", "OpportunityContactRoles": ("9", "4"), "OwnerId": "77",
        "CreatedDate": "2025-12-02T18:22:42.000+0000",
    },
    "hubspot": {
        "dealname": "Cement for น้ำใจ", "amount": "12500.50", "deal_currency_code": "THB",
        "dealstage": "contractsent", "hs_deal_stage_probability": "0.90",
        "closedate": "2026-01-31T08:30:00Z", "dealtype": "newbusiness",
        "description": "two\nlines", "associations.companies": "17",
        "associations.contacts": ("4", "9"), "hubspot_owner_id": "77",
        "createdate": "2025-12-02T18:22:42.000Z",
    },
    "zoho": {
        "Deal_Name": "Cement for น้ำใจ", "Amount": Decimal("12500.5"), "Currency": "THB",
        "Stage": "Negotiation/Review", "Probability": 90, "Closing_Date": "2026-01-31",
        "Type": "New Business", "Description": "two\nlines", "Account_Name": "17",
        "Contact_Name": "4", "Owner": "77", "Created_Time": "2025-12-03T01:22:42+07:00",
    },
}  # fmt: skip


@pytest.mark.parametrize("vendor", DEALS)
def test_a_deal_reads_the_same_from_every_vendor(vendor: str) -> None:
    translator = _translator(vendor, "deal")
    fields, problems = translator.to_fields(_record(DEALS[vendor]))
    assert problems == []
    expected = DEAL | {"contacts": ["4"]} if vendor == "zoho" else DEAL
    assert fields == expected
    assert set(translator.native_fields) == set(DEALS[vendor])
    assert translator.readable == set(DEAL)


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("salesforce",
         {"StageName": "Negotiation/Review", "Probability": Decimal(90), "CloseDate": "2026-01-31",
          "OpportunityContactRoles": ("4", "9"), "Amount": Decimal("12500.5")}),
        ("hubspot",
         {"dealstage": "decisionmakerboughtin", "closedate": "2026-01-30T17:00:00.000Z",
          "associations.contacts": ("4", "9"), "associations.companies": "17"}),
        ("zoho", {"Probability": 90, "Contact_Name": "4", "Account_Name": "17"}),
    ],
)  # fmt: skip
def test_a_deal_is_written_in_each_vendors_words(vendor: str, expected: dict[str, Value]) -> None:
    translator = _translator(vendor, "deal")
    values, problems = translator.to_native(DEAL, creating=False)
    assert problems == []
    assert {name: values[name] for name in expected} == expected
    assert {name: type(values[name]) for name in expected} == {
        name: type(value) for name, value in expected.items()
    }
    assert "created_at" not in translator.writable
    assert not {"CreatedDate", "createdate", "Created_Time", "pipeline", "Pipeline"} & set(values)
    assert translator.holds_one == ({"contacts"} if vendor == "zoho" else set())


def _fields(vendor: str, object: str) -> st.SearchStrategy[Fields]:
    document = catalog(vendor, object)
    schema = OBJECTS[object]
    strategies: dict[str, st.SearchStrategy[FieldValue]] = {}
    for name, field in document.fields.items():
        spec = schema.fields[name]
        if not (field.writable and field.readable):
            continue
        if field.native == "Priority":  # one option for two choices
            strategies[name] = st.sampled_from(["low", "medium", "high"])
        elif spec.kind is Kind.CHOICE:
            strategies[name] = st.sampled_from(list(field.choices))
        elif spec.kind is Kind.CHOICES:
            strategies[name] = st.sets(st.sampled_from(list(field.choices)), min_size=1).map(sorted)
        elif field.holds == "one":
            strategies[name] = canonical(Kind.REFERENCE).map(lambda one: [str(one)])
        elif field.native_type == "integer":
            strategies[name] = st.sampled_from(["0", "0.01", "0.5", "0.75", "1"])
        else:
            strategies[name] = canonical(spec.kind)
    return st.fixed_dictionaries({}, optional=strategies)


@pytest.mark.parametrize("object", ["company", "contact", "deal", "ticket"])
@pytest.mark.parametrize("vendor", VENDORS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_as_the_same_fields(
    vendor: str, object: str, data: st.DataObject
) -> None:
    translator = _translator(vendor, object)
    fields = data.draw(_fields(vendor, object))
    values, problems = translator.to_native(fields, creating=False)
    assert problems == []
    if vendor == "hubspot":  # its wire knows only text
        values = {
            name: value if isinstance(value, tuple) and "." in name else spell(value)
            for name, value in values.items()
        }
    back, problems = translator.to_fields(_record(values))
    assert problems == []
    if "amount" in fields and "currency" not in fields:
        assert back.pop("currency") == "THB"
    assert back.keys() == fields.keys()
    for name, value in fields.items():
        assert same(OBJECTS[object].fields[name].kind, value, back[name], "TH"), name
        assert back[name] == value


@pytest.mark.parametrize("vendor", VENDORS)
def test_absent_empty_and_cleared_are_three_things(vendor: str) -> None:
    translator = _translator(vendor, "contact")
    mobile, title = (
        catalog(vendor, "contact").fields[name].native for name in ("mobile", "job_title")
    )
    fields, _ = translator.to_fields(_record({mobile: None}))
    assert fields == {"mobile": None}
    values, problems = translator.to_native({"job_title": None}, creating=False)
    assert (values, problems) == ({title: None}, [])
    values, _ = translator.to_native({"job_title": None, "first_name": "Ann"}, creating=True)
    assert title not in values


def test_what_a_vendor_cannot_hold_empty_is_a_problem_not_a_write() -> None:
    values, problems = _translator("salesforce", "contact").to_native(
        {"last_name": None, "phone": None}, creating=False
    )
    assert values == {"Phone": None}
    assert [(problem.field, problem.native) for problem in problems] == [("last_name", "LastName")]


def test_defaults_fill_required_fields_of_new_records_only() -> None:
    translator = _translator("salesforce", "contact")
    values, _ = translator.to_native({"email": "ann@acme.example"}, creating=True)
    assert values == {"Email": "ann@acme.example", "LastName": "ann@acme.example"}
    values, _ = translator.to_native({"phone": "081"}, creating=True)
    assert values["LastName"] == "081"
    values, _ = translator.to_native({"last_name": "Lee"}, creating=True)
    assert values == {"LastName": "Lee"}
    values, _ = translator.to_native({"first_name": "Ann"}, creating=False)
    assert values == {"FirstName": "Ann"}


def test_constants_and_dates_from_today_are_added_on_create() -> None:
    values, _ = _translator("salesforce", "deal").to_native({"name": "A"}, creating=True)
    assert values == {"Name": "A", "StageName": "Qualification", "CloseDate": "2026-02-14"}
    values, _ = _translator("hubspot", "deal").to_native({"name": "A"}, creating=True)
    assert values == {"dealname": "A", "pipeline": "default", "dealstage": "appointmentscheduled"}


def test_an_untranslatable_value_leaves_its_neighbours_alone() -> None:
    fields, problems = _translator("zoho", "deal").to_fields(
        _record({"Deal_Name": "A", "Amount": "plenty", "Stage": "Dreaming", "Closing_Date": None})
    )
    assert fields == {"name": "A", "close_date": None}
    assert [(one.field, one.native, one.value_shown) for one in problems] == [
        ("amount", "Amount", "xxxxxx"), ("stage", "Stage", "Dreaming"),
    ]  # fmt: skip
    assert all(one.reason and one.advice for one in problems)


def test_a_choice_without_an_option_is_left_out_and_told() -> None:
    document = parse_document(
        "vendor: acme\nobject: contact\nnative: C\nfields:\n"
        "  interests: {native: I, choices: {pricing: P, events: [E, Ev]}}\n"
    )
    translator = compile(document, CONTEXT)
    values, problems = translator.to_native({"interests": ["pricing", "support"]}, False)
    assert values == {}
    assert problems[0].value_shown == "pricing;support"
    assert "acme has no option" in problems[0].reason
    assert translator.to_native({"interests": ["events", "pricing"]}, False)[0] == {"I": ("E", "P")}
    assert translator.to_fields(_record({"I": "Ev;P"}))[0] == {"interests": ["events", "pricing"]}
    assert translator.to_fields(_record({"I": "Ev;Zzz"}))[0] == {}
    assert translator.to_fields(_record({"I": ";"})) == ({"interests": None}, [])


@pytest.mark.parametrize(
    ("policy", "fields", "told"),
    [("report", {}, 1), ("ignore", {}, 0), ("other", {"industry": "other"}, 0)],
)
def test_options_the_mapping_does_not_know(policy: str, fields: Fields, told: int) -> None:
    document = parse_document(
        "vendor: a\nobject: company\nnative: C\nfields:\n"
        f"  industry: {{native: I, choices: {{retail: Shops}}, unmapped: {policy}}}\n"
    )
    found, problems = compile(document, CONTEXT).to_fields(_record({"I": "Biotech"}))
    assert (found, len(problems)) == (fields, told)


def test_options_are_read_without_regard_to_case_and_spaces() -> None:
    translator = _translator("salesforce", "deal")
    for native in ("closed won", " Closed Won ", "CLOSED WON"):
        assert translator.to_fields(_record({"StageName": native}))[0] == {"stage": "won"}
    assert translator.to_fields(_record({"StageName": ""}))[0] == {"stage": None}


def test_an_amount_without_a_currency_is_in_the_accounts() -> None:
    translator = _translator("hubspot", "deal")
    read = translator.to_fields
    assert read(_record({"amount": "5", "deal_currency_code": None}))[0]["currency"] == "THB"
    assert read(_record({"amount": "5"}))[0]["currency"] == "THB"
    assert read(_record({"amount": None, "deal_currency_code": None}))[0]["currency"] is None
    assert "currency" not in read(_record({"dealname": "A"}))[0]
    fields, problems = read(_record({"amount": "5", "deal_currency_code": "toman"}))
    assert fields == {"amount": "5"}
    assert [problem.field for problem in problems] == ["currency"]


def test_a_single_currency_account_reads_the_currency_all_the_same() -> None:
    document = parse_document("vendor: a\nobject: deal\nnative: D\nfields: {amount: A}\n")
    translator = compile(document, CONTEXT)
    assert translator.readable == {"amount", "currency"}
    assert translator.writable == {"amount"}
    assert translator.native_fields == ("A",)
    assert translator.to_fields(_record({"A": "5"}))[0] == {"amount": "5", "currency": "THB"}


def test_percent_is_exact_both_ways() -> None:
    translator = _translator("salesforce", "deal")
    for common, native in (("0.75", Decimal(75)), ("0.125", Decimal("12.5")), ("1", Decimal(100))):
        assert translator.to_native({"probability": common}, False)[0] == {"Probability": native}
        assert translator.to_fields(_record({"Probability": native}))[0] == {"probability": common}
    assert translator.to_fields(_record({"Probability": "75%"}))[0] == {"probability": "0.75"}
    zoho = _translator("zoho", "deal")
    assert zoho.to_native({"probability": "0.125"}, False)[0] == {"Probability": 12}


@pytest.mark.parametrize("zone", ["Asia/Bangkok", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_hubspots_close_date_keeps_the_day_of_the_account(zone: str) -> None:
    translator = _translator("hubspot", "deal", Context(time_zone=zone))
    for day in ("2026-01-31", "2026-03-08", "2026-11-01", "2024-02-29"):
        values, _ = translator.to_native({"close_date": day}, False)
        assert str(values["closedate"]).endswith(".000Z")
        assert translator.to_fields(_record(values))[0] == {"close_date": day}


def test_a_record_without_values_gives_no_fields() -> None:
    gone = Record("Contact", "1", {}, "1", datetime(2026, 1, 1, tzinfo=UTC), deleted=True)
    assert _translator("zoho", "contact").to_fields(gone) == ({}, [])


def test_fields_that_are_not_writable_or_not_known_are_passed_over() -> None:
    translator = _translator("hubspot", "deal")
    assert translator.to_native(
        {"probability": "0.5", "created_at": "2026-01-01T00:00:00.000Z", "status": "won"}, True
    ) == (translator.to_native({}, True)[0], [])


def test_a_personal_value_is_shown_by_its_shape() -> None:
    assert shown(Kind.EMAIL, "Ann99@acme") == "xxx99@xxxx"
    assert "Ann" not in shown(Kind.TEXT, "Ann\0Lee")
    assert shown(Kind.CHOICE, "Dreaming\nof") == "Dreaming\ufffdof"
    assert len(shown(Kind.CHOICE, "x" * 500)) == 40
    assert shown(Kind.MONEY, Decimal("12.5")) == "99.9"


@pytest.mark.parametrize("vendor", VENDORS)
def test_users_are_read_from_what_connectors_list(vendor: str) -> None:
    values: dict[str, Value] = {"name": "Ann", "email": "ann@acme.example", "active": True}
    fields, problems = _translator(vendor, "user").to_fields(_record(values))
    assert (fields, problems) == (values, [])


def test_the_common_order_of_vendors_does_not_matter() -> None:
    """A deal carried from vendor to vendor arrives as it left, up to what vendors lack."""
    fields = {name: DEAL[name] for name in DEAL if name not in ("created_at", "contacts")}
    for one, two in pairwise([*VENDORS, *reversed(VENDORS)]):
        for vendor in (one, two):
            translator = _translator(vendor, "deal")
            values, _ = translator.to_native(fields, creating=True)
            back, _ = translator.to_fields(_record(values))
            assert {name: back.get(name, fields[name]) for name in fields} == fields


def test_a_time_zone_that_does_not_exist_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="IANA"):
        compile(catalog("zoho", "deal"), Context(time_zone="Bangkok"))
