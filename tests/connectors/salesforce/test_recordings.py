"""Replies that real orgs gave: the connector reads them, and the sandbox gives the same shapes."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.base import NativeType
from connectors.errors import (
    AuthenticationFailed,
    Duplicate,
    Invalid,
    ItemError,
    Misconfigured,
)
from connectors.salesforce.describe import ROLES, object_info
from connectors.salesforce.errors import from_item, from_reply
from connectors.salesforce.values import decode, instant
from tests.connectors.salesforce.conftest import Rest

FOLDER = Path(__file__).parents[4] / "shared" / "fixtures" / "salesforce"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not here")

OBJECTS = {
    "Account": "account",
    "Case": "case",
    "Contact": "contact",
    "Opportunity": "opportunity",
    "OpportunityContactRole": "opportunitycontactrole",
}


def recording(name: str) -> list[dict[str, Any]]:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text, parse_float=Decimal)["interactions"]
    return found


def body(name: str) -> dict[str, Any]:
    found = recording(name)[0]["response"]["body"]
    parsed: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
    return parsed


def bundle(name: str) -> Any:
    [found] = [part for part in recording("restforce_bundle") if part["fixture"] == name]
    return found["response"]["body"]


# -- describes


DESCRIBES = [
    *(f"cci_describe_{name}" for name in OBJECTS.values()),
    "cci_describe_event",
    "cci_describe_lead",
    "describe_contact_v42",
    "describe_lead_v42",
]


@pytest.mark.parametrize("name", DESCRIBES)
def test_every_describe_is_read(name: str) -> None:
    described = body(name)
    info = object_info(described)
    assert set(info.fields) - {ROLES} == {field["name"] for field in described["fields"]}
    for field in described["fields"]:
        made = info.fields[field["name"]]
        known = field["type"] not in ("address", "location", "anyType", "base64")
        assert (made.type is not NativeType.OTHER) == known, field["type"]
        assert made.native_type == field["type"]
        assert len(made.choices) == len(field["picklistValues"])


def test_what_a_describe_says() -> None:
    contact = object_info(body("describe_contact_v42"))
    assert [f.name for f in contact.fields.values() if f.required] == ["LastName"]
    assert contact.fields["Custom_External_ID__c"].unique
    assert contact.fields["email_field__c"].type is NativeType.EMAIL
    assert contact.fields["currency_field__c"].digits == 2
    assert contact.fields["number_field__c"].type is NativeType.INTEGER
    assert contact.fields["float_field__c"].type is NativeType.DECIMAL
    assert not contact.fields["picklist_field__c"].open_choices
    assert contact.fields["AccountId"].targets == ("Account",)
    assert not contact.fields["CreatedDate"].createable
    deal = object_info(body("cci_describe_opportunity"))
    required = {field.name for field in deal.fields.values() if field.required}
    assert required == {"Name", "StageName", "CloseDate"}
    assert deal.fields[ROLES].type is NativeType.LOOKUPS
    assert ROLES not in contact.fields


@pytest.mark.parametrize(("object", "name"), OBJECTS.items())
def test_the_sandbox_describes_as_real_orgs_do(rest: Rest, object: str, name: str) -> None:
    real = body(f"cci_describe_{name}")
    ours = rest.json("GET", f"sobjects/{object}/describe")
    assert set(real) <= set(ours)
    assert set(real["fields"][0]) == set(ours["fields"][0])
    assert {key: type(value) for key, value in real["fields"][0].items() if value is not None} == {
        key: type(value)
        for key, value in ours["fields"][0].items()
        if real["fields"][0][key] is not None
    }
    assert (ours["keyPrefix"], ours["label"]) == (real["keyPrefix"], real["label"])
    theirs = {field["name"]: field for field in real["fields"]}
    same = ("type", "createable", "updateable", "nillable", "defaultedOnCreate", "precision",
            "scale", "digits", "soapType", "label", "relationshipName", "nameField")  # fmt: skip
    # Lengths of picklists and flags of currencies are an org's own.
    for field in ours["fields"]:
        other = theirs.get(field["name"])
        if other is not None and field["name"] != "CaseNumber":
            assert {key: field[key] for key in same} == {key: other[key] for key in same}
            if field["type"] != "picklist":
                assert field["length"] == other["length"], field["name"]


# -- records


def test_records_are_read() -> None:
    info = object_info(body("describe_contact_v42"))
    seen = 0
    for part in recording("record_get_v42"):
        record = part["response"]["body"]
        assert instant(record["SystemModstamp"]).tzinfo is not None
        if record["attributes"]["type"] != "Contact":
            continue
        seen += 1
        for name, value in record.items():
            if name in info.fields and info.fields[name].type is not NativeType.OTHER:
                decoded = decode(value, info.fields[name].type)
                assert decoded is None if value is None else decoded == value
    assert seen


# -- errors


def test_errors_of_single_records() -> None:
    found: list[ItemError] = []
    for part in recording("errors_composite_and_404"):
        if part["response"]["status"] == 200:
            for result in part["response"]["body"]:
                if not result["success"]:
                    assert "id" not in result
                    found.append(from_item("west", "Account", result["errors"]))
    assert [type(error) for error in found] == [Invalid, Invalid, Invalid]
    assert [(error.code, error.fields) for error in found] == [
        ("INVALID_EMAIL_ADDRESS", ("email_field__c",)),
        ("REQUIRED_FIELD_MISSING", ("Name",)),
        ("CANNOT_UPDATE_CONVERTED_LEAD", ()),
    ]


def test_the_sandbox_refuses_in_the_same_words(rest: Rest) -> None:
    [recorded] = [
        result["errors"]
        for part in recording("errors_composite_and_404")
        if part["response"]["status"] == 200
        for result in part["response"]["body"]
        if not result["success"] and result["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    ]
    wanted = {"attributes": {"type": "Account"}, "Name": None}
    [result] = rest.json("POST", "composite/sobjects", {"records": [wanted]})
    assert result == {"success": False, "errors": recorded}
    [gone] = [
        part["response"]["body"]
        for part in recording("errors_composite_and_404")
        if part["response"]["status"] == 404
    ]
    assert rest.json("GET", "sobjects/Account/001000000000000AAA", status=404) == gone


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("auth_error_response", 400, AuthenticationFailed),
        ("refresh_error_response", 400, AuthenticationFailed),
        ("expired_session_response", 401, AuthenticationFailed),
        ("query_error_response", 400, Misconfigured),
        ("sobject_describe_error_response", 404, Misconfigured),
        ("upsert_error_response", 404, Misconfigured),
        ("upsert_multiple_error_response", 300, Duplicate),
        ("write_error_response", 400, Misconfigured),
    ],
)
def test_errors_of_whole_calls(name: str, status: int, expected: type[Exception]) -> None:
    error = from_reply("west", status, bundle(name))
    assert type(error) is expected
    assert error.connection == "west"
    if status != 300:
        assert error.code
        assert error.words


def test_composite_errors_look_the_same(rest: Rest) -> None:
    for part in recording("cci_composite_errors_and_counts"):
        request = json.loads(json.dumps(part["request"]["body"]).replace("vxx.0", "v62.0"))
        ours = rest.json("POST", "composite", request)["compositeResponse"]
        theirs = part["response"]["body"]["compositeResponse"]
        for mine, real in zip(ours, theirs, strict=True):
            assert mine["httpStatusCode"] == real["httpStatusCode"]
            assert mine["referenceId"] == real["referenceId"]
            if isinstance(real["body"], list):
                assert mine["body"][0]["errorCode"] == real["body"][0]["errorCode"]
            else:
                assert set(mine["body"]) == set(real["body"])
