"""The sandbox's batches over raw HTTP."""

from __future__ import annotations

from typing import Any

from tests.connectors.hubspot.conftest import Box, recorded
from tests.connectors.hubspot.raw import CONTACTS, problems

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
