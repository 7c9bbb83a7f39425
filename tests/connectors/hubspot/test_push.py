"""Writes: encoding, batches, who fails, associations."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Value, Write
from connectors.errors import (
    AuthenticationFailed,
    Bug,
    Duplicate,
    Gone,
    Invalid,
    Locked,
    Misconfigured,
    Throttled,
    Unavailable,
)
from connectors.hubspot.items import encode
from connectors.sandbox.faults import Fault
from tests.connectors.hubspot.conftest import OLD, Answer, Box, Scripted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.0000001"), "0.0000001"),
        (("b", "a"), "b;a"),
        ((), ""),
        ("ข้อความ", "ข้อความ"),
    ],
)
def test_values_travel_as_text(value: Value, text: str) -> None:
    assert encode(value) == text


def raw(id: str, trace: str | None = None, **properties: str) -> dict[str, Any]:
    """A result of a batch write."""
    made: dict[str, Any] = {
        "id": id,
        "properties": properties,
        "updatedAt": "2026-01-01T00:00:00.005Z",
    }
    return made if trace is None else made | {"objectWriteTraceId": trace}


def creates(*names: str) -> list[Write]:
    """Plain creates."""
    return [Write(name, "create", {"lastname": name}) for name in names]


def test_results_belong_to_their_traces_whatever_the_order(scripted: Scripted) -> None:
    results = [raw("3", "2"), raw("1", "0"), raw("2", "1")]
    scripted.script.say(Answer(201, {"results": results}))
    found = scripted.connector.push("contacts", creates("a", "b", "c"))
    assert [(r.key, r.id) for r in found] == [("a", "1"), ("b", "2"), ("c", "3")]
    assert {r.version for r in found} == {"1767225600005"}
    inputs = scripted.script.asked[0][2]["inputs"]
    assert [entry["objectWriteTraceId"] for entry in inputs] == ["0", "1", "2"]


def test_results_without_traces_are_told_by_their_values(scripted: Scripted) -> None:
    results = [raw("2", lastname="b"), raw("1", lastname="A")]
    scripted.script.say(Answer(201, {"results": results}))
    found = scripted.connector.push("contacts", creates("a", "b"))
    assert [r.id for r in found] == ["1", "2"]


def test_results_that_cannot_be_told_apart_are_not_guessed(scripted: Scripted) -> None:
    results = [raw("2", lastname="same"), raw("1", lastname="same")]
    scripted.script.say(Answer(201, {"results": results}))
    found = scripted.connector.push("contacts", creates("same", "same"))
    assert all(isinstance(r.error, Bug) for r in found)
    assert len(scripted.script.asked) == 1


def test_an_update_of_a_merged_record_lands_at_the_survivor(box: Box) -> None:
    a, b, c = box.sandbox.load("contacts", [{"lastname": n} for n in "abc"])
    new = box.sandbox.merge("contacts", a, b)
    writes = [Write(k, "update", {"lastname": k}, id=id) for k, id in (("x", a), ("y", c))]
    found = box.connect().push("contacts", writes)
    assert [r.id for r in found] == [new, c]
    assert all(r.error is None for r in found)


def test_a_batch_refused_whole_is_split_down_to_the_bad_item(scripted: Scripted) -> None:
    bad = Answer(400, {"message": "no", "category": "VALIDATION_ERROR"})
    scripted.script.say(
        bad,
        Answer(201, {"results": [raw("1", "0"), raw("2", "1")]}),
        bad,
        Answer(201, {"results": [raw("3", "2")]}),
        bad,
    )
    found = scripted.connector.push("contacts", creates("a", "b", "c", "d"))
    assert [r.id for r in found] == ["1", "2", "3", ""]
    assert isinstance(found[3].error, Invalid)
    sizes = [len(body["inputs"]) for _, _, body, _ in scripted.script.asked]
    assert sizes == [4, 2, 2, 1, 1]


def test_a_207_names_the_bad_items_by_trace(scripted: Scripted) -> None:
    errors = [
        {
            "status": "error",
            "category": "CONFLICT",
            "message": "Contact already exists. Existing ID: 77",
            "context": {"objectWriteTraceId": ["1"]},
        }
    ]
    body = {"status": "COMPLETE", "results": [raw("1", "0")], "numErrors": 1, "errors": errors}
    scripted.script.say(Answer(207, body))
    good, bad = scripted.connector.push("contacts", creates("a", "b"))
    assert good.error is None
    assert isinstance(bad.error, Duplicate)
    assert bad.error.of == "77"


def test_a_207_that_names_nobody_is_asked_again_one_by_one(scripted: Scripted) -> None:
    nameless = {"status": "error", "category": "VALIDATION_ERROR", "message": "bad", "context": {}}
    scripted.script.say(
        Answer(207, {"results": [raw("1", "0")], "numErrors": 1, "errors": [nameless]}),
        Answer(207, {"results": [], "numErrors": 1, "errors": [nameless]}),
    )
    found = scripted.connector.push("contacts", creates("a", "b"))
    assert found[0].error is None
    assert isinstance(found[1].error, Invalid)
    assert len(scripted.script.asked) == 2


def test_stop_midway_keeps_what_was_written(scripted: Scripted) -> None:
    results = [raw(str(n), str(n)) for n in range(100)]
    scripted.script.say(Answer(201, {"results": results}), Answer(401, {}))
    found = scripted.connector.push("contacts", creates(*(f"n{n}" for n in range(250))))
    assert all(r.error is None for r in found[:100])
    assert all(isinstance(r.error, AuthenticationFailed) for r in found[100:])
    assert len(scripted.script.asked) == 2


def test_an_unavailable_vendor_leaves_associations_for_later(scripted: Scripted) -> None:
    scripted.script.say(Answer(200, {"results": [raw("1", "0")]}), Answer(503, ""))
    values: dict[str, Value] = {"lastname": "a", "associations.companies": "5"}
    write = Write("a", "update", values, id="1", before={"associations.companies": None})
    [result] = scripted.connector.push("contacts", [write])
    assert result.error is None
    assert result.id == "1"
    assert isinstance(result.field_errors["associations.companies"], Locked)


def test_upserts_need_the_unique_property(box: Box) -> None:
    write = Write("k", "create", {"name": "x"}, external=("concord_id", "1"))
    with pytest.raises(Misconfigured):
        box.connect().push("companies", [write])


def test_an_upsert_hits_the_live_record_and_clears(box: Box) -> None:
    connector = box.connect()
    connector.provision("contacts", "concord_id")
    values: dict[str, Value] = {"lastname": "a", "phone": "1"}
    write = Write("k", "create", values, external=("concord_id", "1"))
    [first] = connector.push("contacts", [write])
    again = Write("k", "create", {**values, "phone": None}, external=("concord_id", "1"))
    [second] = connector.push("contacts", [again])
    assert (first.created, second.created, first.id == second.id) == (True, False, True)
    [record] = connector.fetch("contacts", [first.id], ["phone"])
    assert record.values == {"phone": None}


def test_the_same_record_twice_is_written_in_order(box: Box) -> None:
    [id] = box.sandbox.load("contacts", [{"lastname": "x", "modified_at": OLD}])
    writes = [Write(f"k{n}", "update", {"lastname": f"v{n}"}, id=id) for n in range(3)]
    found = box.connect().push("contacts", writes)
    assert all(r.error is None for r in found)
    assert box.sandbox.state("contacts")[0]["lastname"] == "v2"


def test_a_gone_record_is_gone(box: Box) -> None:
    kept, lost = box.sandbox.load("contacts", [{"lastname": n} for n in "ab"])
    box.sandbox.remove("contacts", lost)
    writes = [Write(id, "update", {"lastname": "z"}, id=id) for id in (lost, kept)]
    gone, good = box.connect().push("contacts", writes)
    assert isinstance(gone.error, Gone)
    assert good.error is None
    assert good.id == kept


# -- associations ----------------------------------------------------------------------


def deal_with(box: Box, **values: Any) -> str:
    [id] = box.sandbox.load("deals", [{"dealname": "d", "dealstage": "closedwon", **values}])
    return id


def primary(box: Box, object: str, id: str) -> Any:
    return next(r for r in box.sandbox.state(object) if r["id"] == id)["associations.companies"]


def test_a_new_primary_company_takes_the_old_ones_place(box: Box) -> None:
    a, b, other = box.sandbox.load("companies", [{"name": n} for n in "abc"])
    id = deal_with(box, **{"associations.companies": [a, other]})
    values = {"associations.companies": b}
    write = Write("k", "update", values, id=id, before={"associations.companies": a})
    [result] = box.connect().push("deals", [write])
    assert not result.field_errors
    body = {"inputs": [{"id": id}]}
    path = "/crm/v4/associations/deals/companies/batch/read"
    [held] = box.api("POST", path, body)["results"]
    labels = {
        to["toObjectId"]: {kind["label"] for kind in to["associationTypes"]} for to in held["to"]
    }
    assert labels == {b: {"Primary", None}, other: {None}}


def test_what_was_associated_is_read_where_the_plan_does_not_say(box: Box) -> None:
    x, y, z = sorted(box.sandbox.load("contacts", [{"lastname": n} for n in "xyz"]))
    id = deal_with(box, **{"associations.contacts": [x, y]})
    write = Write("k", "update", {"associations.contacts": (y, z)}, id=id)
    [result] = box.connect().push("deals", [write])
    assert not result.field_errors
    assert box.sandbox.state("deals")[0]["associations.contacts"] == (y, z)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
@pytest.mark.parametrize("path", ["batch/update", "associations/.*/create", "associations/.*/arch"])
def test_an_update_whose_reply_is_lost_is_sent_again(box: Box, kind: str, path: str) -> None:
    """Records and associations can be written twice without harm."""
    old, new = box.sandbox.load("companies", [{"name": "old"}, {"name": "new"}])
    ids = [deal_with(box, **{"associations.companies": old}) for _ in range(3)]
    writes = [
        Write(
            id, "update", {"dealname": "renamed", "associations.companies": new}, id=id,
            before={"associations.companies": old},
        )
        for id in ids
    ]  # fmt: skip
    box.server.faults.add(Fault("hubspot", kind, path=path, times=1))
    try:
        found = box.connect().push("deals", writes)
        assert sum(line["struck"] for line in box.server.faults.lines()) == 1
    finally:
        box.server.faults.clear()
    assert not [r for r in found if r.error or r.field_errors]
    assert {row["dealname"] for row in box.sandbox.state("deals")} == {"renamed"}
    assert {primary(box, "deals", id) for id in ids} == {new}


def test_a_failed_association_costs_neither_the_old_one_nor_its_neighbours(box: Box) -> None:
    a, b, lost = box.sandbox.load("companies", [{"name": n} for n in "abc"])
    box.sandbox.remove("companies", lost)
    first = deal_with(box, **{"associations.companies": a})
    second = deal_with(box, **{"associations.companies": a})
    before: dict[str, Value] = {"associations.companies": a}
    writes = [
        Write("bad", "update", {"associations.companies": lost}, id=first, before=before),
        Write("good", "update", {"associations.companies": b}, id=second, before=before),
    ]
    bad, good = box.connect().push("deals", writes)
    assert bad.error is None
    error = bad.field_errors["associations.companies"]
    assert isinstance(error, Invalid)
    assert error.fields == ("associations.companies",)
    assert not good.field_errors
    assert primary(box, "deals", first) == a
    assert primary(box, "deals", second) == b


def test_associations_of_a_large_push_cost_few_calls(box: Box) -> None:
    [company] = box.sandbox.load("companies", [{"name": "x"}])
    contacts = tuple(sorted(box.sandbox.load("contacts", [{"lastname": "x"}] * 3)))
    values: dict[str, Value] = {
        "dealname": "d", "dealstage": "closedwon",
        "associations.companies": company, "associations.contacts": contacts,
    }  # fmt: skip
    connector = box.connect()
    connector.provision("deals", "concord_id")
    writes = [Write(f"k{n}", "create", values, external=("concord_id", str(n))) for n in range(250)]
    box.server.log.calls.clear()
    found = connector.push("deals", writes)
    assert not [r for r in found if r.error or r.field_errors]
    assert box.paths == ["POST /crm/v3/objects/deals/batch/create"] * 3
    assert {row["associations.contacts"] for row in box.sandbox.state("deals")} == {contacts}
    assert {primary(box, "deals", r.id) for r in found} == {company}
    box.server.log.calls.clear()
    again = connector.push("deals", writes)
    assert [(r.id, r.created, r.error) for r in again] == [(r.id, False, None) for r in found]
    kinds = Counter(path.rpartition("/")[2] for path in box.paths)
    assert kinds == {"create": 3 + 2, "upsert": 3}, "250 companies and 750 contacts are two more"


@pytest.mark.parametrize("external", [None, ("concord_id", "1")])
def test_a_create_with_a_bad_association_is_made_without_it(
    box: Box, external: tuple[str, str] | None
) -> None:
    """Batch create refuses the record with it; its neighbours are not touched."""
    kept, lost = box.sandbox.load("companies", [{"name": "x"}, {"name": "y"}])
    box.sandbox.remove("companies", lost)
    connector = box.connect()
    connector.provision("contacts", "concord_id")
    writes = [
        Write("bad", "create", {"lastname": "bad", "associations.companies": lost}, "", external),
        Write("none", "create", {"lastname": "none"}),
        Write("good", "create", {"lastname": "good", "associations.companies": kept}),
        Write("rule", "create", {"email": "no address", "associations.companies": kept}),
    ]
    bad, none, good, rule = connector.push("contacts", writes)
    assert bad.error is None
    assert set(bad.field_errors) == {"associations.companies"}
    assert not none.error
    assert not good.error
    assert not good.field_errors
    assert isinstance(rule.error, Invalid)
    rows = {row["lastname"]: row for row in box.sandbox.state("contacts")}
    assert rows.keys() == {"bad", "none", "good"}
    assert primary(box, "contacts", good.id) == kept
    # Refused for its e-mail alone, it is not sent again.
    assert sum("create" in path and "objects" in path for path in box.paths) == 2


def test_a_refused_batch_of_creates_goes_without_associations(scripted: Scripted) -> None:
    """A vendor that does not take them with the record costs one call, not one a record."""
    unique = {"hasUniqueValue": True}
    scripted.script.say(
        Answer(200, unique),
        Answer(400, {"message": "associations are not allowed here", "category": "VALIDATION"}),
        Answer(200, {"results": [{**raw(str(n), str(n)), "new": True} for n in range(3)]}),
        Answer(201, {"results": []}),
    )
    values: dict[str, Value] = {"lastname": "a", "associations.companies": "5"}
    writes = [Write(f"k{n}", "create", values, "", ("concord_id", str(n))) for n in range(3)]
    found = scripted.connector.push("contacts", writes)
    assert [(r.id, r.created) for r in found] == [("0", True), ("1", True), ("2", True)]
    paths = [path.partition("?")[0].rpartition("/")[2] for _, path, _, _ in scripted.script.asked]
    assert paths == ["concord_id", "create", "upsert", "create"]


def test_a_create_that_must_not_be_doubled_is_no_plain_create(scripted: Scripted) -> None:
    """Where the account does not refuse a second record of one key, only an upsert is sent."""
    scripted.script.say(
        Answer(200, {"hasUniqueValue": False}),
        Answer(400, {"message": "Property 'concord_id' is not a unique identifier property"}),
    )
    values: dict[str, Value] = {"lastname": "a", "associations.companies": "5"}
    with pytest.raises(Misconfigured):
        scripted.connector.push("contacts", [Write("k", "create", values, "", ("concord_id", "1"))])
    assert [path.rpartition("/")[2] for _, path, _, _ in scripted.script.asked] == [
        "concord_id",
        "upsert",
    ]


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_create_with_associations_whose_reply_is_lost_is_made_once(box: Box, kind: str) -> None:
    companies = box.sandbox.load("companies", [{"name": f"c{n}"} for n in range(5)])
    connector = box.connect()
    connector.provision("contacts", "concord_id")
    writes = [
        Write(
            str(n), "create", {"lastname": str(n), "associations.companies": id},
            external=("concord_id", str(n)),
        )
        for n, id in enumerate(companies)
    ]  # fmt: skip
    box.server.faults.add(Fault("hubspot", kind, path="batch/create", times=1))
    try:
        found = connector.push("contacts", writes)
    finally:
        box.server.faults.clear()
    assert not [r for r in found if r.error or r.field_errors]
    assert len(box.sandbox.state("contacts")) == 5
    assert [primary(box, "contacts", r.id) for r in found] == companies


def test_an_update_of_associations_alone_bumps_no_stamp(box: Box) -> None:
    [company] = box.sandbox.load("companies", [{"name": "x"}])
    id = deal_with(box, modified_at=OLD)
    write = Write("k", "update", {"associations.companies": company}, id=id)
    [result] = box.connect().push("deals", [write])
    assert (result.error, result.version, result.id) == (None, "", id)
    assert not [path for path in box.paths if "/objects/" in path]
    assert primary(box, "deals", id) == company


def test_a_lost_connection_midway_comes_back_with_the_items(scripted: Scripted) -> None:
    results = [raw(str(n), str(n)) for n in range(100)]
    scripted.script.say(Answer(201, {"results": results}), Answer(cut=True))
    found = scripted.connector.push("contacts", creates(*(f"n{n}" for n in range(201))))
    assert all(r.error is None for r in found[:100])
    assert all(isinstance(r.error, Unavailable) for r in found[100:])


@pytest.mark.parametrize(("status", "kind"), [(503, Unavailable), (429, Throttled)])
def test_associations_alone_that_could_not_be_sent(
    scripted: Scripted, status: int, kind: type[Exception]
) -> None:
    scripted.script.say(Answer(status, {"message": "later"}))
    write = Write(
        "k", "update", {"associations.companies": "5"}, id="1",
        before={"associations.companies": None},
    )  # fmt: skip
    [result] = scripted.connector.push("contacts", [write])
    assert isinstance(result.error, kind)
    scripted.script.say(Answer(401, {}))
    with pytest.raises(AuthenticationFailed):
        scripted.connector.push("contacts", [write])
