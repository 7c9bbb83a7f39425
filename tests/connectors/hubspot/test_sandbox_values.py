"""The sandbox's values over raw HTTP: what it refuses, keeps, and sets by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.sandbox.hubspot.replies import iso
from tests.connectors.hubspot.conftest import START, Box
from tests.connectors.hubspot.raw import CONTACTS, problems


def test_emails_are_lower_cased_and_unique(box: Box) -> None:
    made = box.api("POST", CONTACTS, {"properties": {"email": "Ann@Example.COM"}}, status=201)
    assert made["properties"]["email"] == "ann@example.com"
    error = box.api("POST", CONTACTS, {"properties": {"email": "ANN@example.com"}}, status=409)
    assert error["category"] == "CONFLICT"
    assert error["message"] == f"Contact already exists. Existing ID: {made['id']}"
    assert error["status"] == "error"
    assert len(error["correlationId"]) == 36
    found = box.api("GET", f"{CONTACTS}/ANN@example.com", idProperty="email")
    assert found["id"] == made["id"]


@pytest.mark.parametrize(
    ("object", "properties", "name", "code"),
    [
        ("contacts", {"lastname": "x", "foo": "1"}, "foo", "PROPERTY_DOESNT_EXIST"),
        ("contacts", {"email": "not an email"}, "email", "INVALID_EMAIL"),
        ("contacts", {"email": "a@b"}, "email", "INVALID_EMAIL"),
        ("contacts", {"lastname": "x", "interests": "golf"}, "interests", "INVALID_OPTION"),
        ("contacts", {"lastname": "x", "birth_date": "soon"}, "birth_date", "INVALID_DATE"),
        ("contacts", {"city": "", "birth_date": "1767225601000"}, "birth_date", "INVALID_DATE"),
        ("contacts", {"lastname": "x", "hs_object_id": "1"}, "hs_object_id", "READ_ONLY_VALUE"),
        ("contacts", {"hubspot_owner_id": "1"}, "hubspot_owner_id", "INVALID_OPTION"),
        ("companies", {"numberofemployees": "many"}, "numberofemployees", "INVALID_LONG"),
        ("companies", {"numberofemployees": "NaN"}, "numberofemployees", "INVALID_LONG"),
        ("companies", {"industry": "Retail"}, "industry", "INVALID_OPTION"),
        ("deals", {"dealname": "x", "dealstage": "1"}, "dealstage", "INVALID_OPTION"),
        (
            "deals",
            {"dealname": "x", "dealstage": "closedwon", "pipeline": "p"},
            "pipeline",
            "INVALID_OPTION",
        ),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(
    box: Box, object: str, properties: dict[str, str], name: str, code: str
) -> None:
    error = box.api("POST", f"/crm/v3/objects/{object}", {"properties": properties}, status=400)
    assert error["category"] == "VALIDATION_ERROR"
    [problem] = problems(error)
    assert problem["isValid"] is False
    assert (problem["name"], problem["error"]) == (name, code)
    assert error["errors"][0]["context"] == {"propertyName": [name]}
    assert box.sandbox.state(object) == []


@pytest.mark.parametrize(
    ("object", "name", "written", "kept"),
    [
        ("contacts", "birth_date", "2000-02-29", "2000-02-29"),
        ("contacts", "birth_date", "951782400000", "2000-02-29"),
        ("contacts", "birth_date", "2000-02-29T00:00:00Z", "2000-02-29"),
        ("contacts", "birth_date", "1969-12-31", "1969-12-31"),
        ("contacts", "email_opt_out", "TRUE", "true"),
        ("contacts", "email_opt_out", True, "true"),
        ("contacts", "interests", "support;events", "events;support"),
        ("contacts", "city", "กรุงเทพฯ", "กรุงเทพฯ"),
        ("contacts", "city", "", None),
        ("contacts", "city", None, None),
        ("companies", "annualrevenue", "12345678901234.50", "12345678901234.50"),
        ("companies", "annualrevenue", 12.5, "12.5"),
        ("companies", "annualrevenue", "1e3", "1000"),
        ("deals", "closedate", "1772352000123", "2026-03-01T08:00:00.123Z"),
        ("deals", "closedate", "2026-03-01", "2026-03-01T00:00:00.000Z"),
        ("deals", "closedate", "2026-03-01T15:00:00+07:00", "2026-03-01T08:00:00.000Z"),
    ],
)
def test_values_as_they_are_kept(
    box: Box, object: str, name: str, written: Any, kept: str | None
) -> None:
    least = {
        "contacts": {"lastname": "x"},
        "companies": {"name": "x"},
        "deals": {"dealname": "x", "dealstage": "contractsent"},
    }[object]
    body = {"properties": {**least, name: written}}
    made = box.api("POST", f"/crm/v3/objects/{object}", body, status=201)
    found = box.api("GET", f"/crm/v3/objects/{object}/{made['id']}", properties=name)
    assert found["properties"][name] == kept


def test_a_leading_semicolon_adds_to_a_set(box: Box) -> None:
    [id] = box.sandbox.load("contacts", [{"lastname": "x", "interests": "events"}])
    body = {"properties": {"interests": ";training"}}
    found = box.api("PATCH", f"{CONTACTS}/{id}", body)
    assert found["properties"]["interests"] == "events;training"


def test_required_properties(box: Box) -> None:
    for object, names in {
        "deals": ["dealname", "dealstage"],
        "tickets": ["subject", "hs_pipeline_stage"],
    }.items():
        error = box.api("POST", f"/crm/v3/objects/{object}", {"properties": {}}, status=400)
        assert error["context"] == {"properties": names}
    error = box.api("POST", CONTACTS, {"properties": {"phone": "1"}}, status=400)
    assert error["category"] == "VALIDATION_ERROR"
    box.api("POST", "/crm/v3/objects/companies", {"properties": {}}, status=201)


def test_what_hubspot_sets_by_itself(box: Box) -> None:
    body = {"properties": {"dealname": "x", "dealstage": "qualifiedtobuy"}}
    deal = box.api("POST", "/crm/v3/objects/deals", body, status=201)
    assert deal["properties"]["pipeline"] == "default"
    assert deal["properties"]["hs_deal_stage_probability"] == "0.4"
    box.sandbox.clock.advance(10)
    won = box.api(
        "PATCH", f"/crm/v3/objects/deals/{deal['id']}", {"properties": {"dealstage": "closedwon"}}
    )
    stamp = iso(int((START + timedelta(seconds=10)).timestamp() * 1000))
    assert won["properties"]["closedate"] == won["updatedAt"] == stamp
    body = {"properties": {"subject": "x", "hs_pipeline_stage": "4"}}
    ticket = box.api("POST", "/crm/v3/objects/tickets", body, status=201)
    assert ticket["properties"]["closed_date"] == stamp
    path = f"/crm/v3/objects/tickets/{ticket['id']}"
    reopened = box.api("PATCH", path, {"properties": {"hs_pipeline_stage": "2"}})
    assert reopened["properties"]["closed_date"] == ""
