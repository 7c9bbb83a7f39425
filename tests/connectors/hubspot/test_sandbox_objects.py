"""The sandbox's records over raw HTTP: shapes, rules, errors, batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.sandbox.hubspot.replies import iso
from tests.connectors.hubspot.conftest import OLD, START, Box, recorded

CONTACTS = "/crm/v3/objects/contacts"


def problems(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The list inside the message."""
    head, _, text = str(body["message"]).partition(": ")
    assert head == "Property values were not valid"
    made: list[dict[str, Any]] = json.loads(text)
    return made


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


#: What HubSpot adds to a new contact and the sandbox does not know.
UNKNOWN = {"hs_is_contact", "hs_is_unworked", "hs_pipeline"}


def test_recorded_batches_are_answered_alike(box: Box) -> None:
    """Status, headers, keys of the reply, and every property with its value."""
    for name, type_ in (("text_field", "string"), ("number_field", "number")):
        box.api(
            "POST",
            "/crm/v3/properties/contacts",
            {"name": name, "label": name, "type": type_, "fieldType": "text", "groupName": "g"},
            status=201,
        )
    ids: dict[str, str] = {}
    volatile = {"createdate", "hs_object_id", "hs_all_contact_vids", "lastmodifieddate"}
    for interaction in recorded("v3_batch_create_update_archive.json"):
        request, response = interaction["request"], interaction["response"]
        body = request["body"]
        if request["path"].endswith("create"):
            held = {row["email"]: row["id"] for row in box.sandbox.state("contacts")}
            for mail in {e["properties"]["email"] for e in body["inputs"]} & held.keys():
                box.sandbox.remove("contacts", held[mail])
        for entry in body["inputs"]:
            if "id" in entry:
                entry["id"] = ids.get(str(entry["id"]), str(entry["id"]))
        found = box.raw(request["method"], request["path"], body)
        if found.status_code == 404:
            continue  # a contact that was removed above to make way for its successor
        assert found.status_code == response["status"], found.text
        limits = {n for n in response["headers"] if n.startswith("X-HubSpot-RateLimit")}
        assert limits <= set(found.headers)
        results = (response.get("body") or {}).get("results", [])
        if results:
            assert set(found.json()) == set(response["body"])
        for theirs in results:
            [ours] = [
                raw
                for raw in found.json()["results"]
                if raw["properties"]["email"] == theirs["properties"]["email"]
            ]
            ids[theirs["id"]] = ours["id"]
            assert set(ours) - {"url"} == set(theirs)
            assert set(ours["properties"]) == set(theirs["properties"]) - UNKNOWN
            for name in set(ours["properties"]) - volatile:
                assert ours["properties"][name] == theirs["properties"][name]
    assert len(ids) == 3


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


# -- batches ---------------------------------------------------------------------------


def inputs(*emails: str, traces: bool) -> dict[str, Any]:
    """A batch create."""
    return {
        "inputs": [
            {"properties": {"email": mail}} | ({"objectWriteTraceId": f"t{n}"} if traces else {})
            for n, mail in enumerate(emails)
        ]
    }


def test_one_bad_input_fails_the_batch_unless_all_have_traces(box: Box) -> None:
    bad = inputs("a@example.com", "broken", "c@example.com", traces=False)
    error = box.api("POST", f"{CONTACTS}/batch/create", bad, status=400)
    assert [p["error"] for p in problems(error)] == ["INVALID_EMAIL"]
    assert box.sandbox.state("contacts") == []
    some = inputs("a@example.com", "broken", traces=True)
    del some["inputs"][0]["objectWriteTraceId"]
    box.api("POST", f"{CONTACTS}/batch/create", some, status=400)
    assert box.sandbox.state("contacts") == []
    good = inputs("a@example.com", "broken", "c@example.com", traces=True)
    mixed = box.api("POST", f"{CONTACTS}/batch/create", good, status=207)
    assert mixed["status"] == "COMPLETE"
    assert mixed["numErrors"] == 1
    assert {raw["objectWriteTraceId"] for raw in mixed["results"]} == {"t0", "t2"}
    [error] = mixed["errors"]
    assert error["context"] == {"objectWriteTraceId": ["t1"]}
    assert error["category"] == "VALIDATION_ERROR"


def test_batches_have_limits(box: Box) -> None:
    box.api("POST", f"{CONTACTS}/batch/create", inputs(*["x"] * 101, traces=False), status=400)
    ids = [{"id": str(n)} for n in range(51)]
    body = {"inputs": ids, "properties": [], "propertiesWithHistory": ["email"]}
    box.api("POST", f"{CONTACTS}/batch/read", body, status=400)
    double = {"inputs": [{"id": "1", "properties": {}}] * 2}
    error = box.api("POST", f"{CONTACTS}/batch/update", double, status=400)
    assert "Duplicate" in error["message"]
    box.api("POST", f"{CONTACTS}/batch/update", {"x": 1}, status=400)
    box.api("POST", f"{CONTACTS}/batch/explode", {"inputs": []}, status=404)


def test_batch_read_names_what_is_missing(box: Box) -> None:
    a, b = box.sandbox.load("contacts", [{"email": f"{n}@example.com"} for n in "ab"])
    body = {"inputs": [{"id": a}, {"id": "999"}, {"id": b}], "properties": ["email"]}
    found = box.api("POST", f"{CONTACTS}/batch/read", body, status=207)
    assert [raw["id"] for raw in found["results"]] == [b, a], "not in the order asked"
    assert found["errors"][0]["context"] == {"ids": ["999"]}
    assert found["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    by_email = {"idProperty": "email", "inputs": [{"id": "A@example.com"}], "properties": []}
    [raw] = box.api("POST", f"{CONTACTS}/batch/read", by_email)["results"]
    assert raw["id"] == a
    assert "associations" not in raw
    by_phone = {"idProperty": "phone", "inputs": [{"id": "1"}], "properties": []}
    box.api("POST", f"{CONTACTS}/batch/read", by_phone, status=400)


def test_upsert_says_what_is_new(box: Box) -> None:
    body = {
        "inputs": [
            {"idProperty": "email", "id": f"{n}@example.com", "properties": {"lastname": n}}
            for n in "ab"
        ]
    }
    first = box.api("POST", f"{CONTACTS}/batch/upsert", body)
    second = box.api("POST", f"{CONTACTS}/batch/upsert", body)
    assert [raw["new"] for raw in first["results"]] == [True, True]
    assert [raw["new"] for raw in second["results"]] == [False, False]


def test_batch_archive(box: Box) -> None:
    ids = box.sandbox.load("contacts", [{"lastname": "x"}, {"lastname": "y"}])
    body = {"inputs": [{"id": id} for id in (*ids, "12345")]}
    box.api("POST", f"{CONTACTS}/batch/archive", body, status=204)
    assert all(row["deleted"] for row in box.sandbox.state("contacts"))


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


# -- merging and erasing ---------------------------------------------------------------


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


# -- around ----------------------------------------------------------------------------


def test_limits_are_told_and_the_clock_is_the_sandboxes(box: Box) -> None:
    reply = box.raw("GET", CONTACTS)
    assert reply.headers["X-HubSpot-RateLimit-Daily"] == "250000"
    assert reply.headers["X-HubSpot-RateLimit-Max"] == "100"
    assert reply.headers["X-HubSpot-RateLimit-Secondly-Remaining"] == "9"
    assert reply.headers["Date"] == "Sun, 01 Mar 2026 08:00:00 GMT"
    search = box.raw("POST", f"{CONTACTS}/search", {})
    told = {name for name in search.headers if name.startswith("X-HubSpot-RateLimit")}
    assert told == {"X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining"}
    assert search.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "249998"


def test_tokens(box: Box) -> None:
    error = box.api("GET", CONTACTS, status=401, token="pat-na1-x")
    assert error["category"] == "INVALID_AUTHENTICATION"
    token = box.sandbox.tokens.grant(
        {"grant_type": "refresh_token"}
        | {k: v for k, v in box.sandbox.oauth_credentials().items() if k != "kind"}
    )["access_token"]
    box.api("GET", CONTACTS, token=token)
    assert box.api("GET", f"/oauth/v1/access-tokens/{token}")["hub_id"] == 62515
    box.sandbox.clock.advance(1801)
    error = box.api("GET", CONTACTS, status=401, token=token)
    assert error["category"] == "EXPIRED_AUTHENTICATION"


def test_unknown_addresses_and_objects(box: Box) -> None:
    for path in ("/crm/v3/nothing/x", "/x", "/crm/v3/objects/contacts/1/2/3/4", "/crm/v3"):
        assert box.raw("GET", path).status_code == 404
    error = box.api("GET", "/crm/v3/objects/cars", status=400)
    assert "Unable to infer object type" in error["message"]


def test_only_changes_of_records_count_as_writes(box: Box) -> None:
    box.api("POST", f"{CONTACTS}/search", {})
    box.api("POST", f"{CONTACTS}/batch/read", {"inputs": []})
    box.api("GET", CONTACTS)
    box.connect().provision("deals", "concord_id")
    assert not any(call.wrote for call in box.server.log.calls)
    made = box.api("POST", CONTACTS, {"properties": {"lastname": "x"}}, status=201)
    box.api("DELETE", f"{CONTACTS}/{made['id']}", status=204)
    assert [call.wrote for call in box.server.log.calls[-2:]] == [True, True]


def test_load_and_state_are_inverse(box: Box) -> None:
    [company] = box.sandbox.load("companies", [{"id": "5000", "name": "x"}])
    row = {
        "id": "777",
        "email": "ann@example.com",
        "interests": "events;support",
        "email_opt_out": "true",
        "associations.companies": company,
        "created_at": "2024-05-06T07:08:09.010Z",
        "modified_at": "2025-05-06T07:08:09.010Z",
        "modified_by": "42",
    }
    assert box.sandbox.load("contacts", [row]) == ["777"]
    [state] = box.sandbox.state("contacts")
    assert {name: state[name] for name in row} == row
    made = box.api("POST", CONTACTS, {"properties": {"lastname": "x"}}, status=201)
    assert int(made["id"]) > 777
