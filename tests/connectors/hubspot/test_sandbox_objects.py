"""The sandbox's records over raw HTTP: shapes, lists, history, merging and erasing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.sandbox.hubspot.replies import iso
from tests.connectors.hubspot.conftest import OLD, START, Box, recorded
from tests.connectors.hubspot.raw import CONTACTS


@pytest.mark.parametrize("name", ["contacts", "CONTACT", "contact", "0-1"])
def test_every_name_of_an_object_works_on_every_path(box: Box, name: str) -> None:
    [id] = box.sandbox.load("contacts", [{"email": "a@example.com"}])
    for base in (f"/crm/v3/objects/{name}", f"/crm/objects/2026-09/{name}"):
        assert box.api("GET", f"{base}/{id}")["id"] == id
        assert box.api("GET", base)["results"][0]["id"] == id


def test_the_shape_of_a_record(box: Box) -> None:
    row = {"email": "a@example.com", "created_at": OLD, "modified_at": OLD}
    [id] = box.sandbox.load("contacts", [row])
    found = box.api("GET", f"{CONTACTS}/{id}")
    assert list(found["properties"]) == sorted(found["properties"])
    assert found["properties"] == {
        "createdate": "2024-05-06T07:08:09.010Z",
        "email": "a@example.com",
        "firstname": None,
        "hs_object_id": id,
        "lastmodifieddate": "2024-05-06T07:08:09.010Z",
        "lastname": None,
    }
    assert found["createdAt"] == found["updatedAt"] == "2024-05-06T07:08:09.010Z"
    assert found["archived"] is False
    assert "archivedAt" not in found


@pytest.mark.parametrize(
    ("object", "file"),
    [
        ("contacts", "dlt_mock_contacts_data.json"),
        ("companies", "dlt_mock_companies_data.json"),
        ("deals", "dlt_mock_deals_data.json"),
        ("tickets", "dlt_mock_tickets_data.json"),
    ],
)
def test_recorded_records_come_back_alike(box: Box, object: str, file: str) -> None:
    """What HubSpot once gave is loaded, and the sandbox gives the same again."""
    for raw in recorded(file)[0]["response"]["body"]["results"]:
        values = {k: v for k, v in raw["properties"].items() if k != "hs_ticket_category"}
        box.sandbox.load(object, [{**values, "id": raw["id"]}])
        found = box.api("GET", f"/crm/v3/objects/{object}/{raw['id']}")
        del found["url"]
        assert found["properties"].keys() == values.keys()
        for name, value in values.items():
            if not name.endswith("date"):
                assert found["properties"][name] == value
        assert set(raw) == set(found)
        assert found["updatedAt"] == raw["updatedAt"]


def test_lists_of_names_with_commas_or_repeated_or_both(box: Box) -> None:
    box.sandbox.load("contacts", [{"email": "a@example.com", "phone": "1", "city": "x"}])
    for asked in (["phone,city"], ["phone", "city"], ["phone,city", "phone"]):
        [found] = box.api("GET", CONTACTS, properties=asked)["results"]
        names = {"phone", "city", "createdate", "hs_object_id", "lastmodifieddate"}
        assert set(found["properties"]) == names
    [found] = box.api("GET", CONTACTS, properties="no_such,phone")["results"]
    assert "no_such" not in found["properties"]


def test_list_goes_on_at_the_next_id(box: Box) -> None:
    ids = box.sandbox.load("contacts", [{"lastname": f"n{n}"} for n in range(25)])
    first = box.api("GET", CONTACTS)
    assert [raw["id"] for raw in first["results"]] == ids[:10]
    assert first["paging"]["next"]["after"] == ids[10]
    box.sandbox.remove("contacts", ids[10])
    second = box.api("GET", CONTACTS, after=ids[10], limit=100)
    assert [raw["id"] for raw in second["results"]] == ids[11:]
    assert "paging" not in second
    assert box.raw("GET", CONTACTS, limit=101).status_code == 400
    assert box.raw("GET", CONTACTS, limit=51, propertiesWithHistory="email").status_code == 400


@pytest.mark.parametrize("spelling", ["true", "True"])
def test_the_recycling_bin(box: Box, spelling: str) -> None:
    [id] = box.sandbox.load("contacts", [{"email": "a@example.com"}])
    box.api("DELETE", f"{CONTACTS}/{id}", status=204)
    box.api("DELETE", f"{CONTACTS}/{id}", status=204)
    box.api("DELETE", f"{CONTACTS}/12345", status=204)
    reply = box.raw("GET", f"{CONTACTS}/{id}")
    assert reply.status_code == 404
    assert reply.headers["X-HubSpot-NotFound"] == "true"
    assert box.api("GET", CONTACTS)["results"] == []
    [found] = box.api("GET", CONTACTS, archived=spelling)["results"]
    assert found["archived"] is True
    assert found["archivedAt"] == iso(int(START.timestamp() * 1000))
    assert box.api("GET", f"{CONTACTS}/{id}", archived=spelling)["id"] == id
    made = box.api("POST", CONTACTS, {"properties": {"email": "a@example.com"}}, status=201)
    assert made["id"] != id


def test_editors_are_told_apart(box: Box) -> None:
    made = box.api("POST", CONTACTS, {"properties": {"lastname": "x"}}, status=201)
    path = f"{CONTACTS}/{made['id']}"
    name = "hs_updated_by_user_id"
    assert box.api("GET", path, properties=name)["properties"][name] == box.sandbox.api_user
    box.sandbox.edit("contacts", made["id"], {"lastname": "y"})
    assert box.api("GET", path, properties=name)["properties"][name] == "9586504"


def test_history_of_properties(box: Box) -> None:
    made = box.api("POST", CONTACTS, {"properties": {"lastname": "x"}}, status=201)
    box.sandbox.clock.advance(1.5)
    box.api("PATCH", f"{CONTACTS}/{made['id']}", {"properties": {"lastname": "y"}})
    found = box.api("GET", f"{CONTACTS}/{made['id']}", propertiesWithHistory="lastname")
    entries = found["propertiesWithHistory"]["lastname"]
    assert [entry["value"] for entry in entries] == ["y", "x"]
    assert entries[0]["timestamp"] == "2026-03-01T08:00:01.623Z"


def test_inline_associations(box: Box) -> None:
    company, lost = box.sandbox.load("companies", [{"name": "x"}, {"name": "y"}])
    box.sandbox.remove("companies", lost)

    def body(to: str, type_id: int) -> dict[str, Any]:
        kinds = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
        return {
            "properties": {"lastname": "x"},
            "associations": [{"to": {"id": to}, "types": kinds}],
        }

    box.api("POST", CONTACTS, body(lost, 279), status=400)
    box.api("POST", CONTACTS, body(company, 341), status=400)
    assert box.sandbox.state("contacts") == []
    made = box.api("POST", CONTACTS, body(company, 1), status=201)
    found = box.api("GET", f"{CONTACTS}/{made['id']}", associations="companies")
    listed = found["associations"]["companies"]["results"]
    assert listed == [
        {"id": company, "type": "contact_to_company"},
        {"id": company, "type": "contact_to_company_unlabeled"},
    ]


@pytest.mark.parametrize("keep", [False, True])
def test_merge(make_box: Callable[..., Box], keep: bool) -> None:
    box = make_box(keep_primary_id=keep)
    company = box.sandbox.load("companies", [{"name": "x"}])[0]
    a, b = box.sandbox.load(
        "contacts",
        [
            {"email": "a@example.com", "phone": "1"},
            {
                "email": "b@example.com",
                "phone": "2",
                "city": "x",
                "associations.companies": company,
            },
        ],
    )
    body = {"primaryObjectId": a, "objectIdToMerge": b}
    made = box.api("POST", f"{CONTACTS}/merge", body)
    assert (made["id"] == a) is keep
    names = "email,phone,city,hs_merged_object_ids,hs_additional_emails"
    for id in (a, b):
        found = box.api("GET", f"{CONTACTS}/{id}", properties=names, associations="0-2")
        assert found["id"] == made["id"]
        assert found["properties"]["phone"] == "1"
        assert found["properties"]["city"] == "x"
        assert found["properties"]["hs_additional_emails"] == "b@example.com"
        merged = found["properties"]["hs_merged_object_ids"].split(";")
        assert set(merged) == ({b} if keep else {a, b})
        assert found["associations"]["companies"]["results"][0]["id"] == company
    assert box.api("GET", CONTACTS, archived="true")["results"] == []
    assert [raw["id"] for raw in box.api("GET", CONTACTS)["results"]] == [made["id"]]
    taken = {"properties": {"email": "b@example.com"}}
    assert made["id"] in box.api("POST", CONTACTS, taken, status=409)["message"]
    box.api("POST", f"{CONTACTS}/merge", body, status=400)
    [loser] = [row for row in box.sandbox.state("contacts") if row["id"] == b]
    assert (loser["deleted"], loser["merged_into"]) == (True, made["id"])


def test_privacy_deletion(box: Box) -> None:
    [id] = box.sandbox.load("contacts", [{"email": "a@example.com"}])
    body = {"objectId": "a@example.com", "idProperty": "email"}
    box.api("POST", f"{CONTACTS}/gdpr-delete", body, status=204)
    assert box.raw("GET", f"{CONTACTS}/{id}").status_code == 404
    assert box.api("GET", CONTACTS, archived="true")["results"] == []
    box.api("POST", CONTACTS, {"properties": {"email": "a@example.com"}}, status=400)
