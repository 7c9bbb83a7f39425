"""Pushing: what the contract suite cannot know of Salesforce."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connectors.base import Write
from connectors.errors import (
    Duplicate,
    Gone,
    Invalid,
    Locked,
    Misconfigured,
    Refused,
    Unavailable,
)
from connectors.salesforce.roles import role_change
from connectors.sandbox.server import json_response
from tests.connectors.salesforce.conftest import DEAL, KEY, OLD, ROLES, Org, meddle


def people(org: Org, *names: str) -> list[str]:
    rows = [{"LastName": name, "created_at": OLD, "modified_at": OLD} for name in names]
    return org.sandbox.load("Contact", rows)


def state(org: Org, object: str, id: str) -> dict[str, Any]:
    [row] = [row for row in org.sandbox.state(object) if row["id"] == id]
    return row


# -- values


def test_values_arrive_as_they_left(org: Org) -> None:
    values = {
        **DEAL,
        "Name": "ข้อตกลง «قرارداد»",
        "Amount": Decimal("9999999999999999.99"),
        "Probability": Decimal("35"),
    }
    connector = org.connect()
    [result] = connector.push("Opportunity", [Write("k", "create", values)])
    [record] = connector.fetch("Opportunity", [result.id], list(values))
    assert record.values == values


def test_sets_clears_and_checkboxes(org: Org) -> None:
    connector = org.connect()
    values = {"LastName": "x", "Interests__c": ("Support", "Events"), "HasOptedOutOfEmail": True}
    [result] = connector.push("Contact", [Write("k", "create", values)])
    assert state(org, "Contact", result.id)["Interests__c"] == "Events;Support"
    cleared = dict.fromkeys(("Interests__c", "HasOptedOutOfEmail", "Phone"))
    [result] = connector.push(
        "Contact", [Write("k", "update", {**cleared, "Title": ""}, result.id)]
    )
    assert result.error is None
    row = state(org, "Contact", result.id)
    assert (row["Interests__c"], row["HasOptedOutOfEmail"], row["Title"]) == (None, False, None)


def test_half_a_character_harms_only_its_record(org: Org) -> None:
    bad, good = org.connect().push(
        "Contact",
        [
            Write("bad", "create", {"LastName": "\ud83d"}),
            Write("good", "create", {"LastName": "\U0001f600"}),
        ],
    )
    assert isinstance(bad.error, Invalid)
    assert bad.error.fields == ("LastName",)
    assert good.error is None


# -- one bad item


@pytest.mark.parametrize(
    ("values", "kind", "fields"),
    [
        ({"LastName": None}, Invalid, ("LastName",)),
        ({"Email": "x"}, Invalid, ("Email",)),
        ({"FirstName": "x" * 41}, Invalid, ("FirstName",)),
        ({"Interests__c": ("Nope",)}, Invalid, ("Interests__c",)),
        ({"Birthdate": "31.12.1999"}, Invalid, ()),
        ({"AccountId": "x"}, Invalid, ("AccountId",)),
        ({"AccountId": "001000000000000AAA"}, Invalid, ("AccountId",)),
        ({"AccountId": "003000000000000AAA"}, Invalid, ("AccountId",)),
        ({"CreatedDate": "2026-01-01T00:00:00.000Z"}, Refused, ("CreatedDate",)),
        ({"Nope__c": "x"}, Refused, ("Nope__c",)),
    ],
)
def test_a_bad_value_fails_alone(
    org: Org, values: dict[str, Any], kind: type[Exception], fields: tuple[str, ...]
) -> None:
    writes = [Write(f"k{n}", "create", {"LastName": f"n{n}"}) for n in range(5)]
    writes[3] = Write("k3", "create", {"LastName": "n3", **values})
    results = org.connect().push("Contact", writes)
    assert [result.error is None for result in results] == [True, True, True, False, True]
    assert type(results[3].error) is kind
    assert getattr(results[3].error, "fields", None) == fields
    assert len(org.sandbox.state("Contact")) == 4


def test_an_inactive_owner_is_told(org: Org) -> None:
    [gone] = org.sandbox.load("User", [{"Name": "Gone", "Email": "g@x.io", "IsActive": False}])
    [result] = org.connect().push(
        "Contact", [Write("k", "create", {"LastName": "x", "OwnerId": gone})]
    )
    assert isinstance(result.error, Invalid)
    assert result.error.code == "INACTIVE_OWNER_OR_USER"


def test_upserts_without_the_external_id_field_stop(org: Org) -> None:
    write = Write("k", "create", {"LastName": "x"}, external=(KEY, "1"))
    with pytest.raises(Misconfigured) as caught:
        org.connect().push("Contact", [write])
    assert KEY in caught.value.words


def test_an_unknown_object_stops(org: Org) -> None:
    with pytest.raises(Misconfigured, match="Nope"):
        org.connect().push("Nope", [Write("k", "create", {"Name": "x"})])


def test_the_other_holder_is_named_by_its_long_id(org: Org) -> None:
    connector = org.connect()
    connector.provision("Contact", KEY)
    first, second = connector.push(
        "Contact",
        [
            Write("a", "create", {"LastName": "a"}, external=(KEY, "e1")),
            Write("b", "create", {"LastName": "b", KEY: "E1"}),
        ],
    )
    assert first.error is None
    assert isinstance(second.error, Duplicate)
    assert second.error.of == first.id


def test_merged_and_purged_records_are_told_apart(org: Org) -> None:
    winner, loser, removed = people(org, "w", "l", "r")
    org.sandbox.merge("Contact", winner, [loser])
    org.sandbox.remove("Contact", removed)
    writes = [
        Write(id, "update", {"Title": "x"}, id=id)
        for id in (loser, removed, "003000000000000AAA", winner[:15])
    ]
    merged, gone, purged, fine = org.connect().push("Contact", writes)
    assert isinstance(merged.error, Gone)
    assert merged.error.merged_into == winner
    assert isinstance(gone.error, Gone)
    assert gone.error.merged_into == ""
    assert isinstance(purged.error, Gone)
    assert fine.error is None
    assert fine.id == winner


def test_an_account_with_cases_cannot_be_archived(org: Org) -> None:
    free, busy = org.sandbox.load("Account", [{"Name": "free"}, {"Name": "busy"}])
    org.sandbox.load("Case", [{"Subject": "s", "AccountId": busy}])
    one, two = org.connect().push(
        "Account", [Write("a", "archive", id=free), Write("b", "archive", id=busy)]
    )
    assert one.error is None
    assert isinstance(two.error, Invalid)
    assert "cases" in two.error.words


# -- busy and broken accounts


def test_a_locked_row_is_tried_again_alone(org: Org) -> None:
    ids = people(org, "a", "b", "c")
    connector = org.connect()
    connector.describe("Contact")
    sizes: list[int] = []

    def answer(request: Request) -> Response | None:
        if request.method != "PATCH":
            return None
        records = json.loads(request.get_data())["records"]
        sizes.append(len(records))
        if len(sizes) > 2:
            return None
        locked = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "busy", "fields": []}
        return json_response(
            [
                {"success": False, "errors": [locked]}
                if record["id"] == ids[1]
                else {"id": record["id"], "success": True, "errors": []}
                for record in records
            ]
        )

    meddle(org, answer)
    results = connector.push("Contact", [Write(id, "update", {"Title": "t"}, id=id) for id in ids])
    assert [result.error for result in results] == [None, None, None]
    assert sizes == [3, 1, 1]
    assert len(org.pauses) == 2


def test_a_row_locked_for_good_is_given_up(org: Org) -> None:
    [id] = people(org, "a")
    locked = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "busy", "fields": []}
    meddle(
        org,
        lambda request: (
            json_response([{"success": False, "errors": [locked]}])
            if request.method == "PATCH"
            else None
        ),
    )
    [result] = org.connect().push("Contact", [Write("k", "update", {"Title": "t"}, id=id)])
    assert isinstance(result.error, Locked)


def test_assignment_rules_are_kept_out(org: Org) -> None:
    seen: list[str | None] = []

    def answer(request: Request) -> Response | None:
        if request.method == "POST" and "composite" in request.path:
            seen.append(request.headers.get("Sforce-Auto-Assign"))
        return None

    meddle(org, answer)
    org.connect().push("Case", [Write("k", "create", {"Subject": "x"})])
    assert seen == ["FALSE"]


# -- contact roles


def test_only_what_was_known_is_removed() -> None:
    change = role_change(1, "006", ("a", "b"), ("b", "c"))
    assert (change.add, change.remove) == (frozenset("a"), frozenset("c"))
    assert role_change(1, "006", None, ("a",)).remove == frozenset("a")
    assert role_change(1, "006", "a", None).add == frozenset("a")


def test_a_contact_somebody_added_meanwhile_stays(org: Org) -> None:
    ann, bob, eve = people(org, "a", "b", "e")
    [id] = org.sandbox.load("Opportunity", [{**DEAL, ROLES: [ann, bob, eve]}])
    [result] = org.connect().push(
        "Opportunity", [Write("k", "update", {ROLES: (ann,)}, id=id, before={ROLES: (ann, bob)})]
    )
    assert result.error is None
    assert state(org, "Opportunity", id)[ROLES] == sorted([ann, eve])


def test_a_role_that_fails_leaves_the_record_written(org: Org) -> None:
    ann, bob = people(org, "a", "b")
    org.sandbox.remove("Contact", bob)
    values = {**DEAL, ROLES: (ann, bob)}
    [result] = org.connect().push("Opportunity", [Write("k", "create", values)])
    assert result.error is None
    assert set(result.field_errors) == {ROLES}
    assert state(org, "Opportunity", result.id)[ROLES] == [ann]


def test_roles_interrupted_are_told_and_done_again_once(org: Org) -> None:
    ann, bob = people(org, "a", "b")
    connector = org.connect()
    connector.provision("Opportunity", KEY)
    write = Write("k", "create", {**DEAL, ROLES: (ann, bob)}, external=(KEY, "e1"))
    struck: list[int] = []
    handle = org.sandbox.handle

    def lose(request: Request) -> Response | None:
        data = request.get_data()
        if b"OpportunityContactRole" in data and not struck:
            struck.append(handle(request).status_code)
            return Response("gone", 503)
        return None

    meddle(org, lose)
    [result] = connector.push("Opportunity", [write])
    assert struck == [200]
    assert isinstance(result.error, Unavailable)
    [result] = connector.push("Opportunity", [write])
    assert result.error is None
    roles = [row for row in org.sandbox.state("OpportunityContactRole") if not row["deleted"]]
    assert len(roles) == 2


def test_roles_of_many_deals_take_few_calls(org: Org) -> None:
    [ann] = people(org, "a")
    connector = org.connect()
    connector.describe("Opportunity")
    writes = [Write(f"k{n}", "create", {**DEAL, ROLES: (ann,)}) for n in range(200)]
    before = connector.meter.total
    assert not any(result.error for result in connector.push("Opportunity", writes))
    assert connector.meter.total - before <= 3
