"""Reading by id and by key."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Write
from connectors.errors import Misconfigured, Unavailable
from tests.connectors.hubspot.conftest import OLD, Answer, Box, Scripted


def test_merged_ids_lead_to_the_survivor(box: Box) -> None:
    a, b, c = box.sandbox.load("contacts", [{"lastname": n} for n in "abc"])
    new = box.sandbox.merge("contacts", a, b)
    found = box.connect().fetch("contacts", [a, c, b, new], ["lastname"])
    shown = {r.id: (r.deleted, r.merged_into, r.values.get("lastname")) for r in found}
    assert shown == {
        new: (False, "", "a"),
        c: (False, "", "c"),
        a: (True, new, None),
        b: (True, new, None),
    }
    assert len(found) == 4


def test_a_merged_id_that_batch_read_does_not_resolve(scripted: Scripted) -> None:
    """Only the single GET is documented to lead from an old id to the survivor."""
    survivor = {
        "id": "9",
        "properties": {"lastname": "x", "lastmodifieddate": "2026-01-01T00:00:00.001Z"},
        "createdAt": "2025-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00.001Z",
    }
    nothing = Answer(207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": []})
    scripted.script.say(nothing, nothing, Answer(body=survivor))
    found = scripted.connector.fetch("contacts", ["3"], ["lastname"])
    assert [(r.id, r.merged_into) for r in found] == [("9", ""), ("3", "9")]


def test_a_survivor_is_read_whole_where_its_properties_fit_no_url(scripted: Scripted) -> None:
    fields = ["lastname", *(f"property_with_a_rather_long_name_{n}" for n in range(300))]
    short = {"id": "9", "properties": {"email": "a@x.example"}, "updatedAt": "2026-01-01T00:00:00Z"}
    whole = {**short, "properties": dict.fromkeys(fields, "x")}
    nothing = Answer(207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": []})
    read = Answer(body={"status": "COMPLETE", "results": [whole]})
    scripted.script.say(nothing, nothing, Answer(body=short), read)
    survivor, merged = scripted.connector.fetch("contacts", ["3"], fields)
    assert survivor.values.keys() == set(fields)
    assert merged.merged_into == "9"
    assert all(len(path) < 15_000 for _, path, _, _ in scripted.script.asked)


def test_erased_and_unknown_ids_are_gone(box: Box) -> None:
    [id] = box.sandbox.load("contacts", [{"email": "a@example.com"}])
    box.api("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": id}, status=204)
    found = box.connect().fetch("contacts", [id, "999999"], ["email"])
    assert {(r.id, r.deleted, r.merged_into) for r in found} == {
        (id, True, ""),
        ("999999", True, ""),
    }


def test_ids_asked_twice_come_once(box: Box) -> None:
    [id] = box.sandbox.load("companies", [{"name": "x"}])
    assert len(box.connect().fetch("companies", [id, id], ["name"])) == 1


def test_fetch_costs_one_call_per_hundred(box: Box) -> None:
    ids = box.sandbox.load("companies", [{"name": "x"} for _ in range(230)])
    assert len(box.connect().fetch("companies", ids, ["name"])) == 230
    assert len(box.paths) == 3


def test_find_by_a_unique_property_asks_no_index(box: Box) -> None:
    connector = box.connect()
    connector.provision("contacts", "concord_id")
    connector.push(
        "contacts",
        [Write("k", "create", {"email": "Ann@Example.com"}, external=("concord_id", "e1"))],
    )
    for field, value in (("email", "ANN@example.com"), ("concord_id", "e1")):
        [record] = connector.find("contacts", field, [value, "none"], ["email"])
        assert record.values == {"email": "ann@example.com"}
    assert not [path for path in box.paths if path.endswith("/search")]
    [same] = connector.find("contacts", "hs_object_id", [record.id], ["email"])
    assert same == record


def test_find_by_an_additional_email_after_a_merge(box: Box) -> None:
    a, b = box.sandbox.load("contacts", [{"email": f"{n}@example.com"} for n in "ab"])
    new = box.sandbox.merge("contacts", a, b)
    [record] = box.connect().find("contacts", "email", ["b@example.com"], ["email"])
    assert (record.id, record.values["email"]) == (new, "a@example.com")


def test_find_goes_beyond_one_page_and_ignores_letter_case(box: Box) -> None:
    rows: list[dict[str, Any]] = [{"name": "ACME", "modified_at": OLD} for _ in range(450)]
    ids = box.sandbox.load("companies", [*rows, {"name": "Acme Ltd", "modified_at": OLD}])
    found = box.connect().find("companies", "name", ["Acme"], ["name"])
    assert {record.id for record in found} == set(ids[:450])


def test_what_search_finds_is_checked_against_the_record(box: Box) -> None:
    [id] = box.sandbox.load("companies", [{"name": "old", "modified_at": OLD}])
    box.sandbox.edit("companies", id, {"name": "new"})
    connector = box.connect()
    assert connector.find("companies", "name", ["old"], ["name"]) == []
    assert connector.find("companies", "name", ["new"], ["name"]) == []
    box.sandbox.clock.advance(6)
    assert len(connector.find("companies", "name", ["new"], ["name"])) == 1


def test_find_by_a_property_the_account_lacks(box: Box) -> None:
    with pytest.raises(Misconfigured):
        box.connect().find("companies", "no_such", ["x"], ["name"])


def test_what_was_not_read_is_neither_deleted_nor_empty(scripted: Scripted) -> None:
    """A batch that leaves out inputs for another reason than that they do not exist."""
    entry = {"status": "error", "category": "INTERNAL_ERROR", "message": "oops", "context": {}}
    partial = Answer(207, {"results": [], "numErrors": 1, "errors": [entry]})
    scripted.script.say(partial)
    with pytest.raises(Unavailable):
        scripted.connector.fetch("contacts", ["1"], ["lastname"])
    scripted.script.say(partial)
    with pytest.raises(Unavailable):
        scripted.connector.fetch("contacts", ["1"], ["associations.companies"])


def test_properties_missing_from_a_reply_are_absent(scripted: Scripted) -> None:
    record = {"id": "1", "properties": {"city": ""}, "updatedAt": "2026-01-01T00:00:00.001Z"}
    scripted.script.say(Answer(body={"results": [record]}))
    [found] = scripted.connector.fetch("contacts", ["1"], ["lastname", "city"])
    assert found.values == {"city": None}
