"""The account, its metadata, and the external-id property."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.base import Choice, NativeType
from connectors.errors import Misconfigured, PermissionDenied
from tests.connectors.hubspot.conftest import Answer, Box, Scripted


def test_the_account(box: Box) -> None:
    account = box.connect().check()
    assert account.id == "62515"
    assert account.currency == "USD"
    assert account.time_zone == "Asia/Bangkok"
    assert account.multi_currency
    assert account.currencies[:2] == ("USD", "EUR")
    assert account.user_id == box.sandbox.api_user
    assert account.api_version == "v3"
    assert account.quota_limit == 250_000
    assert account.quota_left == 249_999
    assert box.connect(box.sandbox.oauth_credentials()).check().user_id == account.user_id


def test_a_token_that_tells_nothing_of_its_user(scripted: Scripted) -> None:
    details = {"portalId": 7, "companyCurrency": "THB", "timeZone": "Asia/Bangkok"}
    scripted.script.say(Answer(body=details), Answer(404, {"message": "no"}))
    account = scripted.connector.check()
    assert (account.id, account.name, account.user_id) == ("7", "HubSpot 7", "")
    assert (account.currencies, account.multi_currency) == (("THB",), False)
    assert account.quota_left is None


def test_types_of_fields(box: Box) -> None:
    connector = box.connect()
    contact = connector.describe("contacts").fields
    company = connector.describe("companies").fields
    deal = connector.describe("deals").fields
    found = {
        "email": contact["email"].type,
        "phone": contact["phone"].type,
        "birth_date": contact["birth_date"].type,
        "interests": contact["interests"].type,
        "email_opt_out": contact["email_opt_out"].type,
        "hubspot_owner_id": contact["hubspot_owner_id"].type,
        "associations.companies": contact["associations.companies"].type,
        "industry": company["industry"].type,
        "website": company["website"].type,
        "description": company["description"].type,
        "amount": deal["amount"].type,
        "closedate": deal["closedate"].type,
        "associations.contacts": deal["associations.contacts"].type,
        "hs_object_id": deal["hs_object_id"].type,
        "hs_deal_stage_probability": deal["hs_deal_stage_probability"].type,
    }
    assert found == {
        "email": NativeType.EMAIL,
        "phone": NativeType.PHONE,
        "birth_date": NativeType.DATE,
        "interests": NativeType.CHOICES,
        "email_opt_out": NativeType.BOOLEAN,
        "hubspot_owner_id": NativeType.LOOKUP,
        "associations.companies": NativeType.LOOKUP,
        "industry": NativeType.CHOICE,
        "website": NativeType.URL,
        "description": NativeType.LONG_TEXT,
        "amount": NativeType.MONEY,
        "closedate": NativeType.INSTANT,
        "associations.contacts": NativeType.LOOKUPS,
        "hs_object_id": NativeType.ID,
        "hs_deal_stage_probability": NativeType.DECIMAL,
    }
    assert contact["email"].unique
    assert Choice("RETAIL", "Retail") in company["industry"].choices
    assert not deal["hs_deal_stage_probability"].updateable
    assert [name for name, field in deal.items() if field.required] == ["dealname", "dealstage"]
    assert "associations.companies" not in company


def test_stages(box: Box) -> None:
    connector = box.connect()
    [pipeline] = connector.pipelines("deals")
    assert pipeline.id == "default"
    shown = {stage.id: (stage.status, stage.probability) for stage in pipeline.stages}
    assert shown["appointmentscheduled"] == ("open", Decimal("0.2"))
    assert shown["closedwon"] == ("won", Decimal("1.0"))
    assert shown["closedlost"] == ("lost", Decimal("0.0"))
    [support] = connector.pipelines("tickets")
    assert [stage.status for stage in support.stages] == ["open", "open", "open", "closed"]
    calls = connector.meter.total
    assert connector.pipelines("contacts") == []
    assert connector.meter.total == calls


def test_an_external_id_that_is_not_unique_needs_advice(box: Box) -> None:
    body = {
        "name": "concord_id", "label": "x", "type": "string", "fieldType": "text",
        "groupName": "dealinformation",
    }  # fmt: skip
    box.api("POST", "/crm/v3/properties/deals", body, status=201)
    found = box.connect().provision("deals", "concord_id")
    assert not found.created
    assert "unique" in found.advice
    assert box.connect().provision("tickets", "concord_id").advice == ""


def test_an_account_that_takes_no_more_unique_properties(box: Box) -> None:
    connector = box.connect()
    for n in range(10):
        assert connector.provision("deals", f"key_{n}").created
    with pytest.raises(Misconfigured) as caught:
        connector.provision("deals", "concord_id")
    assert "10" in caught.value.words


def test_two_that_provision_at_once(scripted: Scripted) -> None:
    missing = Answer(404, {"category": "OBJECT_NOT_FOUND", "message": "no"})
    taken = Answer(409, {"category": "OBJECT_ALREADY_EXISTS", "message": "exists"})
    scripted.script.say(missing, taken, Answer(body={"name": "c", "hasUniqueValue": True}))
    found = scripted.connector.provision("deals", "c")
    assert (found.created, found.advice) == (False, "")


def test_a_scope_that_is_missing_for_provisioning(scripted: Scripted) -> None:
    scripted.script.say(Answer(403, {"category": "MISSING_SCOPES", "message": "scopes"}))
    with pytest.raises(PermissionDenied):
        scripted.connector.provision("deals", "c")
