"""The sandbox's associations and metadata over raw HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.sandbox.hubspot.schema import LINKS, links_between
from tests.connectors.hubspot.conftest import OLD, Box

V4 = "/crm/v4/associations"


@pytest.fixture
def pair(box: Box) -> tuple[Box, str, str]:
    """A contact and a company."""
    [contact] = box.sandbox.load("contacts", [{"lastname": "x", "modified_at": OLD}])
    [company] = box.sandbox.load("companies", [{"name": "y", "modified_at": OLD}])
    return box, contact, company


def types(box: Box, from_object: str, id: str, to_object: str) -> dict[str, set[int]]:
    """Target id -> type ids, by the single GET."""
    path = f"/crm/v4/objects/{from_object}/{id}/associations/{to_object}"
    return {
        str(entry["toObjectId"]): {kind["typeId"] for kind in entry["associationTypes"]}
        for entry in box.api("GET", path)["results"]
    }


def kind(type_id: int) -> dict[str, Any]:
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}


def test_every_type_has_its_inverse() -> None:
    for link in LINKS.values():
        back = LINKS[link.inverse]
        assert back.inverse == link.type_id
        assert (back.from_object, back.to_object) == (link.to_object, link.from_object)
        assert back.label == link.label
    assert {k.type_id for k in links_between("tickets", "companies")} == {339, 26}


def test_type_ids_are_the_sdks() -> None:
    enum = pytest.importorskip("hubspot.crm.association_type").AssociationType
    known = {value for name, value in vars(enum).items() if isinstance(value, int)}
    assert set(LINKS) <= known


def test_primary_implies_unlabeled_and_both_sides_see_it(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    path = f"/crm/v4/objects/contacts/{contact}/associations/companies/{company}"
    made = box.api("PUT", path, [kind(1)], status=201)
    assert made["labels"] == ["Primary"]
    assert types(box, "contacts", contact, "companies") == {company: {1, 279}}
    assert types(box, "companies", company, "contacts") == {contact: {2, 280}}
    box.api("DELETE", path, status=204)
    assert types(box, "contacts", contact, "companies") == {}
    assert types(box, "companies", company, "contacts") == {}


def test_there_is_one_primary_company(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    [other] = box.sandbox.load("companies", [{"name": "z"}])
    for id in (company, other):
        entry = {"from": {"id": contact}, "to": {"id": id}, "types": [kind(1)]}
        box.api("POST", f"{V4}/contacts/companies/batch/create", {"inputs": [entry]}, status=201)
    expected = {company: {279}, other: {1, 279}}
    assert types(box, "contacts", contact, "companies") == expected
    back = {"from": {"id": company}, "to": {"id": contact}, "types": [kind(2)]}
    box.api("POST", f"{V4}/companies/contacts/batch/create", {"inputs": [back]}, status=201)
    expected = {company: {1, 279}, other: {279}}
    assert types(box, "contacts", contact, "companies") == expected


def test_associations_bump_no_stamp(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    before = box.api("GET", f"/crm/v3/objects/contacts/{contact}")["updatedAt"]
    box.sandbox.clock.advance(60)
    box.api("PUT", f"/crm/v4/objects/contacts/{contact}/associations/default/companies/{company}")
    assert box.api("GET", f"/crm/v3/objects/contacts/{contact}")["updatedAt"] == before


def test_types_go_one_way(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    path = f"/crm/v4/objects/contacts/{contact}/associations/companies/{company}"
    for wrong in (280, 341, 9999):
        box.api("PUT", path, [kind(wrong)], status=400)


def test_batch_read_reports_those_without(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    box.sandbox.edit("contacts", contact, {"associations.companies": company})
    [lonely] = box.sandbox.load("contacts", [{"lastname": "z"}])
    body = {"inputs": [{"id": contact}, {"id": lonely}]}
    found = box.api("POST", f"{V4}/contacts/companies/batch/read", body, status=207)
    [result] = found["results"]
    assert result["from"] == {"id": contact}
    assert result["to"][0]["toObjectId"] == company
    [error] = found["errors"]
    assert error["subCategory"].endswith("NO_ASSOCIATIONS_FOUND")
    assert error["context"]["fromObjectId"] == [lonely]


def test_ids_may_be_numbers(make_box: Callable[..., Box]) -> None:
    box = make_box(numeric_association_ids=True)
    [company] = box.sandbox.load("companies", [{"name": "y"}])
    [contact] = box.sandbox.load("contacts", [{"lastname": "x", "associations.companies": company}])
    body = {"inputs": [{"id": contact}]}
    [result] = box.api("POST", f"{V4}/contacts/companies/batch/read", body)["results"]
    assert result["to"][0]["toObjectId"] == int(company)


def test_one_bad_pair_refuses_the_batch(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    inputs = [
        {"from": {"id": contact}, "to": {"id": to}, "types": [kind(279)]} for to in (company, "999")
    ]
    path = f"{V4}/contacts/companies/batch/create"
    box.api("POST", path, {"inputs": inputs}, status=404)
    assert types(box, "contacts", contact, "companies") == {}


def test_labels_can_be_taken_alone(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    box.sandbox.edit("contacts", contact, {"associations.companies": company})
    entry = {"from": {"id": contact}, "to": {"id": company}, "types": [kind(1)]}
    path = f"{V4}/contacts/companies/batch/labels/archive"
    box.api("POST", path, {"inputs": [entry]}, status=204)
    assert types(box, "contacts", contact, "companies") == {company: {279}}


def test_dated_batches_answer_200(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    dated = "/crm/associations/2026-09/contacts/companies/batch"
    entry = {"from": {"id": contact}, "to": {"id": company}, "types": [kind(1)]}
    box.api("POST", f"{dated}/create", {"inputs": [entry]})
    entry = {"from": {"id": contact}, "to": [{"id": company}]}
    assert box.api("POST", f"{dated}/archive", {"inputs": [entry]})["status"] == "COMPLETE"
    assert types(box, "contacts", contact, "companies") == {}


def test_the_third_versions_batches(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    base = "/crm/v3/associations/contacts/companies"
    entry = {"from": {"id": contact}, "to": {"id": company}, "type": "contact_to_company"}
    box.api("POST", f"{base}/batch/create", {"inputs": [entry]}, status=201)
    found = box.api("POST", f"{base}/batch/read", {"inputs": [{"id": contact}]})
    [result] = found["results"]
    assert {to["type"] for to in result["to"]} == {
        "contact_to_company",
        "contact_to_company_unlabeled",
    }
    box.api("POST", f"{base}/batch/archive", {"inputs": [entry]}, status=204)
    assert box.api("POST", f"{base}/batch/read", {"inputs": [{"id": contact}]})["results"] == []
    named = {t["name"]: t["id"] for t in box.api("GET", f"{base}/types")["results"]}
    assert named == {"contact_to_company": "1", "contact_to_company_unlabeled": "279"}


def test_archived_records_have_no_associations(pair: tuple[Box, str, str]) -> None:
    box, contact, company = pair
    box.sandbox.edit("contacts", contact, {"associations.companies": company})
    box.sandbox.remove("companies", company)
    assert types(box, "contacts", contact, "companies") == {}


def test_labels_are_served_at_both_addresses(box: Box) -> None:
    for path in (f"{V4}/deals/companies/labels", "/crm/associations/v4/deals/companies/labels"):
        found = box.api("GET", path)["results"]
        assert {(k["typeId"], k["label"]) for k in found} == {(341, None), (5, "Primary")}


# -- metadata --------------------------------------------------------------------------


def test_properties(box: Box) -> None:
    path = "/crm/v3/properties/contacts"
    listed = {raw["name"]: raw for raw in box.api("GET", path)["results"]}
    assert listed["email"]["hasUniqueValue"]
    assert listed["interests"]["fieldType"] == "checkbox"
    assert [o["value"] for o in listed["email_opt_out"]["options"]] == ["true", "false"]
    assert listed["hubspot_owner_id"]["referencedObjectType"] == "OWNER"
    assert listed["lastmodifieddate"]["modificationMetadata"]["readOnlyValue"]
    assert box.api("GET", f"{path}/email") == listed["email"]
    assert box.api("GET", "/crm/properties/2026-09/0-1/email") == listed["email"]
    box.api("GET", f"{path}/none", status=404)
    body = {
        "name": "key", "label": "Key", "type": "string", "fieldType": "text",
        "groupName": "contactinformation", "hasUniqueValue": True,
    }  # fmt: skip
    box.api("POST", path, body, status=201)
    box.api("POST", path, body, status=409)
    box.api("POST", path, {**body, "name": "Bad Name"}, status=400)
    box.api("POST", path, {**body, "name": "other", "label": ""}, status=400)
    contact = {"properties": {"lastname": "x", "key": "1"}}
    made = box.api("POST", "/crm/v3/objects/contacts", contact, status=201)
    error = box.api("POST", "/crm/v3/objects/contacts", contact, status=409)
    assert f"{made['id']} already has that value" in error["message"]
    box.api("DELETE", f"{path}/key", status=204)
    box.api("GET", f"{path}/key", status=404)
    box.api("DELETE", f"{path}/email", status=404)


def test_owners(box: Box) -> None:
    [id] = box.sandbox.load("owners", [{"firstName": "A", "email": "a@x.example"}])
    [owner] = box.api("GET", "/crm/v3/owners/", email="a@x.example")["results"]
    assert owner["id"] == id
    assert owner["userId"] == owner["userIdIncludingInactive"] != int(id)
    by_user = box.api("GET", f"/crm/v3/owners/{owner['userId']}", idProperty="userId")
    assert by_user == owner == box.api("GET", f"/crm/owners/2026-09/{id}")
    box.sandbox.remove("owners", id)
    assert box.raw("GET", f"/crm/v3/owners/{id}").status_code == 404
    gone = box.api("GET", f"/crm/v3/owners/{id}", archived="true")
    assert gone["userId"] is None
    assert gone["userIdIncludingInactive"] == owner["userId"]
    pages = box.api("GET", "/crm/v3/owners", limit=1)
    assert len(pages["results"]) == 1


def test_pipelines_and_schemas(box: Box) -> None:
    [sales] = box.api("GET", "/crm/v3/pipelines/deals")["results"]
    assert sales == box.api("GET", "/crm/pipelines/2026-09/0-3/default")
    stages = box.api("GET", "/crm/v3/pipelines/deals/default/stages")["results"]
    assert stages == sales["stages"]
    assert stages[0]["metadata"] == {"isClosed": "false", "probability": "0.2"}
    schema = box.api("GET", "/crm-object-schemas/v3/schemas/tickets")
    assert schema["requiredProperties"] == ["subject", "hs_pipeline_stage"]
    assert box.api("GET", "/crm-object-schemas/2026-09/schemas") == {"results": []}
    box.api("GET", "/crm/v3/pipelines/deals/none", status=404)
