"""The sandbox's REST API: statuses, bodies and refusals of the real one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce import values as connector_values
from connectors.sandbox.salesforce import Sandbox
from connectors.sandbox.salesforce.ids import numbered, to18
from connectors.sandbox.salesforce.wire import java_double
from connectors.sandbox.server import Clock
from tests.connectors.salesforce.conftest import BASE, OLD, START, Rest

DEAL = {"Name": "deal", "StageName": "Prospecting", "CloseDate": "2026-05-06"}
KEY = {
    "FullName": "Contact.Key__c",
    "Metadata": {"type": "Text", "label": "Key", "length": 20, "unique": True, "externalId": True},
}


def row(sandbox: Sandbox, object: str, id: str) -> dict[str, Any]:
    [found] = [row for row in sandbox.state(object) if row["id"] == id]
    return found


# -- ids and numbers


@pytest.mark.parametrize("id", ["0014S000007NxmlQAC", "0034S000005YJYwQAO", "0054S000000JFmhQAG"])
def test_checksums_of_real_ids(id: str) -> None:
    assert to18(id[:15]) == id == to18(id)
    assert connector_values.to18(id[:15]) == id == connector_values.to18(id)


@given(st.integers(0, 62**9 - 1))
def test_numbered_ids_differ_and_are_whole(number: int) -> None:
    id = numbered("003", number)
    assert len(id) == 18
    assert connector_values.to18(id[:15]) == id
    assert connector_values.is_id(id)
    assert id != numbered("003", (number + 1) % 62**9)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1e14, max_value=1e14)
)
def test_printed_numbers_keep_every_digit(number: Any) -> None:
    text = java_double(number)
    assert type(number)(text) == number
    assert "." in text


# -- one record


def test_the_life_of_a_record(sandbox: Sandbox, rest: Rest) -> None:
    made = rest.json("POST", "sobjects/Contact", {"LastName": "  Lee ", "FirstName": "อัน"}, 201)
    assert made == {"id": made["id"], "success": True, "errors": []}
    path = f"sobjects/Contact/{made['id']}"
    read = rest.json("GET", path)
    assert (read["Name"], read["LastName"]) == ("อัน Lee", "Lee")
    assert read["attributes"] == {"type": "Contact", "url": f"{BASE}/{path}"}
    assert read["CreatedById"] == read["OwnerId"] == sandbox.store.api_user
    assert read["SystemModstamp"] == "2026-03-04T05:06:07.000+0000"
    sandbox.clock.advance(1.5)
    assert rest.json("PATCH", path[:-3], {"Phone": "1"}, 204) is None
    response = rest.send("GET", f"{path}?fields=Phone,SystemModstamp")
    assert response.headers["Last-Modified"] == "Wed, 04 Mar 2026 05:06:08 GMT"
    assert response.headers["Date"] == "Wed, 04 Mar 2026 05:06:08 GMT"
    assert response.headers["Sforce-Limit-Info"] == "api-usage=4/100000"
    assert set(response.json) == {"attributes", "Phone", "SystemModstamp"}
    assert rest.json("DELETE", path, status=204) is None
    [gone] = rest.json("GET", path, status=404)
    assert gone == {"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED"}
    assert rest.json("PATCH", path, {"Phone": "2"}, 404)[0]["errorCode"] == "ENTITY_IS_DELETED"


@pytest.mark.parametrize(
    ("values", "code", "fields"),
    [
        ({}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"LastName": "x", "Email": "a@b"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG", ["LastName"]),
        ({"LastName": "x", "Name": "y"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]),
        ({"LastName": "x", "AccountId": "1"}, "MALFORMED_ID", ["AccountId"]),
        ({"LastName": "x", "AccountId": "001000000000000AAA"}, "INVALID_CROSS_REFERENCE_KEY", []),
        ({"LastName": "x", "Interests__c": "Events;No"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
         ["Interests__c"]),
        ({"LastName": "x", "HasOptedOutOfEmail": None}, "INVALID_TYPE_ON_FIELD_IN_RECORD",
         ["HasOptedOutOfEmail"]),
        ({"LastName": "x", "CurrencyIsoCode": "XXX"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
         ["CurrencyIsoCode"]),
        ({"LastName": 5}, "JSON_PARSER_ERROR", None),
        ({"LastName": "x", "Birthdate": "soon"}, "JSON_PARSER_ERROR", None),
        ({"LastName": "x", "Nope": 1}, "INVALID_FIELD", None),
    ],
)  # fmt: skip
def test_refused_creates(
    rest: Rest, values: dict[str, Any], code: str, fields: list[str] | None
) -> None:
    [error] = rest.json("POST", "sobjects/Contact", values, 400)
    assert error["errorCode"] == code
    assert error.get("fields") == fields


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Amount": 1e17}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Probability": 1000}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Amount": "many"}, "JSON_PARSER_ERROR"),
        ({"Amount": True}, "JSON_PARSER_ERROR"),
        ({"StageName": "Dreaming"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"CloseDate": None}, "REQUIRED_FIELD_MISSING"),
        ({"IsWon": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_refused_deals(rest: Rest, values: dict[str, Any], code: str) -> None:
    [error] = rest.json("POST", "sobjects/Opportunity", {**DEAL, **values}, 400)
    assert error["errorCode"] == code


def test_stages_set_what_follows_from_them(sandbox: Sandbox, rest: Rest) -> None:
    id = rest.json("POST", "sobjects/Opportunity", {**DEAL, "Amount": 1.005}, 201)["id"]
    path = f"sobjects/Opportunity/{id}"
    assert rest.json("GET", f"{path}?fields=Probability,Amount")["Probability"] == 10.0
    assert rest.json("GET", path)["Amount"] == 1.01
    rest.json("PATCH", path, {"Probability": 33}, 204)
    rest.json("PATCH", path, {"Description": "x"}, 204)
    assert rest.json("GET", path)["Probability"] == 33.0
    rest.json("PATCH", path, {"StageName": "Closed Won"}, 204)
    read = rest.json("GET", path)
    assert (read["Probability"], read["IsWon"], read["IsClosed"]) == (100.0, True, True)
    rest.json("PATCH", path, {"StageName": "Closed Lost", "Probability": 5}, 204)
    read = rest.json("GET", path)
    assert (read["Probability"], read["IsWon"], read["IsClosed"]) == (5.0, False, True)


def test_cases_are_closed_and_opened_again(sandbox: Sandbox, rest: Rest) -> None:
    id = rest.json("POST", "sobjects/Case", {"Subject": "s", "Status": None}, 201)["id"]
    path = f"sobjects/Case/{id}"
    assert rest.json("GET", path)["Status"] == "New"
    rest.json("PATCH", path, {"Status": "Closed"}, 204)
    first = rest.json("GET", path)
    assert (first["IsClosed"], first["ClosedDate"]) == (True, "2026-03-04T05:06:07.000+0000")
    sandbox.clock.advance(60)
    rest.json("PATCH", path, {"Subject": "t"}, 204)
    assert rest.json("GET", path)["ClosedDate"] == first["ClosedDate"]
    rest.json("PATCH", path, {"Status": "Working"}, 204)
    again = rest.json("GET", path)
    assert (again["IsClosed"], again["ClosedDate"]) == (False, None)


# -- external ids


def test_upserts_by_a_field_made_by_the_tooling_api(sandbox: Sandbox, rest: Rest) -> None:
    [missing] = rest.json("PATCH", "sobjects/Contact/Key__c/a", {"LastName": "x"}, 404)
    assert missing["errorCode"] == "NOT_FOUND"
    assert rest.json("POST", "tooling/sobjects/CustomField", KEY, 201)["success"]
    [twice] = rest.json("POST", "tooling/sobjects/CustomField", KEY, 400)
    assert twice["errorCode"] == "DUPLICATE_DEVELOPER_NAME"
    value = quote("a/b% ?ไทย", safe="")
    made = rest.json("PATCH", f"sobjects/Contact/Key__c/{value}", {"LastName": "x"}, 201)
    assert made["created"]
    again = rest.json("PATCH", f"sobjects/Contact/Key__c/{value}", {"Title": "t"}, 200)
    assert (again["id"], again["created"]) == (made["id"], False)
    read = rest.json("GET", f"sobjects/Contact/Key__c/{value}")
    assert (read["Key__c"], read["Title"]) == ("a/b% ?ไทย", "t")
    path = "sobjects/Contact/Key__c/other?updateOnly=true"
    assert rest.json("PATCH", path, {"LastName": "y"}, 404)[0]["errorCode"] == "NOT_FOUND"
    [taken] = rest.json("POST", "sobjects/Contact", {"LastName": "z", "Key__c": "A/B% ?ไทย"}, 400)
    assert taken["errorCode"] == "DUPLICATE_VALUE"
    assert made["id"][:15] in taken["message"]
    sandbox.remove("Contact", made["id"])
    assert rest.json("PATCH", f"sobjects/Contact/Key__c/{value}", {"LastName": "n"}, 201)["created"]


def test_several_holders_are_listed(sandbox: Sandbox, rest: Rest) -> None:
    ids = sandbox.load("Contact", [{"LastName": n, "Email": "a@b.co"} for n in "ab"])
    urls = rest.json("GET", "sobjects/Contact/Email/a@b.co", status=300)
    assert urls == [f"{BASE}/sobjects/Contact/{id}" for id in ids]


def test_parents_by_external_id(sandbox: Sandbox, rest: Rest) -> None:
    rest.json("POST", "tooling/sobjects/CustomField", {**KEY, "FullName": "Account.Key__c"}, 201)
    [acme] = sandbox.load("Account", [{"Name": "Acme", "Key__c": "A1"}])
    given = {"LastName": "x", "Account": {"Key__c": "a1"}}
    id = rest.json("POST", "sobjects/Contact", given, 201)["id"]
    assert row(sandbox, "Contact", id)["AccountId"] == acme
    given = {"LastName": "x", "Account": {"Key__c": "none"}}
    assert rest.json("POST", "sobjects/Contact", given, 400)[0]["errorCode"] == "INVALID_FIELD"


# -- many records


def contacts(*names: str | None) -> dict[str, Any]:
    return {"records": [{"attributes": {"type": "Contact"}, "LastName": name} for name in names]}


def test_collections_keep_the_good_or_none(sandbox: Sandbox, rest: Rest) -> None:
    good, bad = rest.json("POST", "composite/sobjects", contacts("a", None))
    assert (good["success"], good["errors"]) == (True, [])
    assert "id" not in bad
    assert bad["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    results = rest.json("POST", "composite/sobjects", {**contacts("b", None), "allOrNone": True})
    codes = [result["errors"][0]["statusCode"] for result in results]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert [row["LastName"] for row in sandbox.state("Contact")] == ["a"]


def test_what_cannot_be_read_is_refused_whole(sandbox: Sandbox, rest: Rest) -> None:
    body = contacts("a", "b")
    body["records"][1]["Nope"] = 1
    [error] = rest.json("POST", "composite/sobjects", body, 400)
    assert error["errorCode"] == "INVALID_FIELD"
    too_many = contacts(*["x"] * 201)
    [error] = rest.json("POST", "composite/sobjects", too_many, 400)
    assert error["errorCode"] == "EXCEEDED_MAX_SIZE_REQUEST"
    assert sandbox.state("Contact") == []


def test_collections_read_update_and_delete(sandbox: Sandbox, rest: Rest) -> None:
    one, two = sandbox.load("Contact", [{"LastName": "a"}, {"LastName": "b"}])
    nobody = "003000000000000AAA"
    body = {
        "records": [
            {"attributes": {"type": "Contact"}, "id": id, "Title": "t"} for id in (one, nobody)
        ]
    }
    done, missing = rest.json("PATCH", "composite/sobjects", body)
    assert done == {"id": one, "success": True, "errors": []}
    assert missing["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
    asked = {"ids": [two, nobody, one], "fields": ["Title"]}
    found = rest.json("POST", "composite/sobjects/Contact", asked)
    assert [part and part["Title"] for part in found] == [None, None, "t"]
    ids = f"ids={one},{nobody},x&fields=LastName"
    assert len(rest.json("GET", f"composite/sobjects/Contact?{ids}")) == 3
    results = rest.json("DELETE", f"composite/sobjects?ids={one},{one},x&allOrNone=false")
    codes = [(r["success"], [e["statusCode"] for e in r["errors"]]) for r in results]
    assert codes == [(True, []), (False, ["ENTITY_IS_DELETED"]), (False, ["MALFORMED_ID"])]


def test_the_same_key_twice_in_one_call(rest: Rest) -> None:
    rest.json("POST", "tooling/sobjects/CustomField", KEY, 201)
    body = contacts("a", "b")
    for record in body["records"]:
        record["Key__c"] = "k"
    first, second = rest.json("PATCH", "composite/sobjects/Contact/Key__c", body)
    assert first["created"]
    assert second["errors"][0]["statusCode"] == "DUPLICATE_VALUE"


def test_composite_refers_to_earlier_results(sandbox: Sandbox, rest: Rest) -> None:
    requests = [
        {"method": "POST", "url": f"{BASE}/sobjects/Account", "referenceId": "acme",
         "body": {"Name": "Acme"}},
        {"method": "POST", "url": f"{BASE}/sobjects/Contact", "referenceId": "ann",
         "body": {"LastName": "Ann", "AccountId": "@{acme.id}"}},
        {"method": "GET", "referenceId": "q",
         "url": f"{BASE}/query?q=SELECT+Account.Name+FROM+Contact"},
    ]  # fmt: skip
    parts = rest.json("POST", "composite", {"compositeRequest": requests})["compositeResponse"]
    assert [part["httpStatusCode"] for part in parts] == [201, 201, 200]
    assert parts[2]["body"]["records"][0]["Account"]["Name"] == "Acme"
    requests[1]["body"] = {}
    body = {"compositeRequest": requests, "allOrNone": True}
    parts = rest.json("POST", "composite", body)["compositeResponse"]
    assert [part["body"][0]["errorCode"] for part in parts] == [
        "PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED",
    ]  # fmt: skip
    assert len(sandbox.state("Account")) == 1


def test_composite_takes_five_queries(rest: Rest) -> None:
    query = {"method": "GET", "url": f"{BASE}/queryAll/?q=SELECT%20Id%20FROM%20Account"}
    parts = [{**query, "referenceId": f"q{number}"} for number in range(6)]
    answer = rest.json("POST", "composite", {"compositeRequest": parts[:5]})
    assert [part["body"]["totalSize"] for part in answer["compositeResponse"]] == [0] * 5
    refused = rest.json("POST", "composite", {"compositeRequest": parts}, status=400)
    assert refused[0]["errorCode"] == "LIMIT_EXCEEDED"


def test_batches_are_independent(rest: Rest) -> None:
    body = {
        "batchRequests": [
            {"method": "POST", "url": "v62.0/sobjects/Account", "richInput": {"Name": "A"}},
            {"method": "GET", "url": "v62.0/sobjects/Nope"},
        ]
    }
    answer = rest.json("POST", "composite/batch", body)
    assert answer["hasErrors"]
    assert [part["statusCode"] for part in answer["results"]] == [201, 404]


# -- reading on


def test_locators(sandbox: Sandbox, rest: Rest) -> None:
    ids = sandbox.load("Contact", [{"LastName": f"n{n}"} for n in range(450)])
    path = "query?q=SELECT+Id+FROM+Contact"
    response = rest.send("GET", path, Sforce_Query_Options="batchSize=200")
    page = response.json
    assert (page["totalSize"], page["done"], len(page["records"])) == (450, False, 200)
    assert page["nextRecordsUrl"].startswith(f"{BASE}/query/")
    sandbox.remove("Contact", ids[300])
    second = rest.json("GET", page["nextRecordsUrl"])
    assert len(second["records"]) == 199, "a record deleted meanwhile is left out"
    last = rest.json("GET", second["nextRecordsUrl"])
    assert (last["done"], len(last["records"]), "nextRecordsUrl" in last) == (True, 50, False)
    [error] = rest.json("GET", "query/01gxx0000000000AAA-2000", status=400)
    assert error["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_deleted_and_updated(sandbox: Sandbox, rest: Rest) -> None:
    kept, lost = sandbox.load("Contact", [{"LastName": "a"}, {"LastName": "b"}])
    sandbox.remove("Contact", lost)
    span = (
        f"start={quote((START - timedelta(hours=1)).isoformat())}"
        f"&end={quote((START + timedelta(hours=1)).isoformat())}"
    )
    deleted = rest.json("GET", f"sobjects/Contact/deleted/?{span}")
    assert [part["id"] for part in deleted["deletedRecords"]] == [lost]
    assert deleted["latestDateCovered"] == "2026-03-04T05:06:07.000+0000"
    assert rest.json("GET", f"sobjects/Contact/updated/?{span}")["ids"] == [kept]
    old = span.replace("2026-03-04T04", "2026-01-01T04")
    [error] = rest.json("GET", f"sobjects/Contact/deleted/?{old}", status=400)
    assert error["errorCode"] == "INVALID_REPLICATION_DATE"


# -- people at work


def test_a_merge_moves_what_hangs_on_the_loser(sandbox: Sandbox) -> None:
    winner, loser = sandbox.load(
        "Contact", [{"LastName": n, "created_at": OLD, "modified_at": OLD} for n in "wl"]
    )
    [deal] = sandbox.load(
        "Opportunity", [{**DEAL, "OpportunityContactRoles": [winner, loser], "modified_at": OLD}]
    )
    [case] = sandbox.load("Case", [{"Subject": "s", "ContactId": loser, "modified_at": OLD}])
    assert sandbox.merge("Contact", winner, loser) == winner
    lost = row(sandbox, "Contact", loser)
    assert (lost["deleted"], lost["merged_into"]) == (True, winner)
    assert row(sandbox, "Contact", winner)["modified_at"] == START.isoformat()
    assert row(sandbox, "Case", case)["ContactId"] == winner
    assert row(sandbox, "Case", case)["modified_at"] == START.isoformat()
    assert row(sandbox, "Opportunity", deal)["OpportunityContactRoles"] == [winner]
    with pytest.raises(ValueError, match="Opportunity"):
        sandbox.merge("Opportunity", deal, deal)


def test_deleting_an_account_takes_its_contacts_and_deals(sandbox: Sandbox) -> None:
    [acme] = sandbox.load("Account", [{"Name": "Acme"}])
    [ann] = sandbox.load("Contact", [{"LastName": "Ann", "AccountId": acme}])
    [deal] = sandbox.load("Opportunity", [{**DEAL, "AccountId": acme}])
    sandbox.remove("Account", acme)
    assert row(sandbox, "Contact", ann)["deleted"]
    assert row(sandbox, "Opportunity", deal)["deleted"]
    with pytest.raises(KeyError):
        sandbox.edit("Contact", ann, {"LastName": "x"})


def test_rows_are_loaded_as_they_are(sandbox: Sandbox) -> None:
    given = {
        "id": "003Cc0000000002", "LastName": None, "Email": "broken", "created_at": OLD,
        "modified_at": "2025-02-03T04:05:06.789+07:00", "modified_by": "005000000000009AAA",
    }  # fmt: skip
    first, second, third = sandbox.load("Contact", [given, {"LastName": "b"}, {"LastName": "c"}])
    assert first == "003Cc0000000002IAA"
    assert len({first, second, third}) == 3
    loaded = row(sandbox, "Contact", first)
    assert (loaded["Email"], loaded["LastName"]) == ("broken", None)
    assert loaded["created_at"] == OLD
    assert loaded["modified_at"] == "2025-02-02T21:05:06+00:00"
    assert loaded["modified_by"] == "005000000000009AAA"
    with pytest.raises(KeyError, match="Nope"):
        sandbox.load("Contact", [{"LastName": "x", "Nope": 1}])


# -- sessions and limits


def test_sessions_end(sandbox: Sandbox) -> None:
    rest = Rest(sandbox)
    sandbox.clock.advance(7199)
    assert rest.json("GET", "limits")["DailyApiRequests"]["Max"] == 100_000
    sandbox.clock.advance(2)
    [error] = rest.json("GET", "limits", status=401)
    assert error == {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    assert "Sforce-Limit-Info" not in rest.send("GET", "limits").headers
    rest.token = ""
    assert rest.json("GET", "limits", status=401)[0]["errorCode"] == "INVALID_SESSION_ID"
    assert rest.json("GET", "/services/data")[-1]["version"] == "68.0"


def test_the_calls_of_a_day_end() -> None:
    sandbox = Sandbox(clock=Clock(now=lambda: START), daily_calls=2)
    rest = Rest(sandbox)
    for left in (1, 0):
        assert rest.json("GET", "limits")["DailyApiRequests"]["Remaining"] == left
    [error] = rest.json("GET", "limits", status=403)
    assert error["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    sandbox.clock.advance(86_400)
    rest.token = sandbox.sessions.open()
    assert rest.json("GET", "limits")["DailyApiRequests"]["Remaining"] == 1


def test_what_is_not_there(rest: Rest) -> None:
    for path in ("nope", "sobjects/Nope", "sobjects/Nope/describe", "/services/data/v20.0/limits"):
        assert rest.json("GET", path, status=404)[0]["errorCode"] == "NOT_FOUND"
    assert rest.send("GET", "query?q=" + "x" * 20_000).status_code == 414
    assert rest.json("POST", "sobjects/Contact", status=400)[0]["errorCode"] == "JSON_PARSER_ERROR"
    assert rest.json("GET", "")["identity"].endswith(rest.sandbox.store.api_user)


def test_the_global_describe_lists_every_object(sandbox: Sandbox, rest: Rest) -> None:
    listed = {part["name"] for part in rest.json("GET", "sobjects")["sobjects"]}
    assert listed == set(sandbox.objects())
    assert {"Account", "Contact", "Opportunity", "Case", "User"} <= listed
