"""The sandbox's search: filters, sorting, limits, and the index that trails behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.connectors.hubspot.conftest import OLD, START, Box, recorded


def find(box: Box, object: str = "contacts", status: int = 200, **body: Any) -> Any:
    """One search."""
    return box.api("POST", f"/crm/v3/objects/{object}/search", body, status=status)


def names(box: Box, *filters: dict[str, Any]) -> set[str]:
    """Last names of the contacts that match all filters."""
    groups = [{"filters": list(filters)}]
    found = find(box, filterGroups=groups, properties=["lastname"], limit=200)["results"]
    return {raw["properties"]["lastname"] for raw in found}


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """One filter."""
    made = {"propertyName": name, "operator": operator, **more}
    return made if value is None else made | {"value": value}


@pytest.fixture
def crowd(box: Box) -> Box:
    """Five contacts."""
    rows: list[dict[str, Any]] = [
        {"lastname": "a", "email": "ann@example.com", "city": "Bangkok", "interests": "events"},
        {"lastname": "b", "city": "เชียงใหม่", "birth_date": "2000-01-01"},
        {"lastname": "c", "city": "New York", "birth_date": "2001-01-01"},
        {"lastname": "d", "interests": "events;support", "birth_date": "2002-01-01"},
        {"lastname": "e", "email": "eve@acme.example", "email_opt_out": "true"},
    ]
    stamps = [f"2025-01-0{n}T00:00:00.00{n}+00:00" for n in range(1, 6)]
    box.sandbox.load(
        "contacts",
        [
            {**row, "modified_at": at, "created_at": OLD}
            for row, at in zip(rows, stamps, strict=True)
        ],
    )
    return box


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([where("city", "EQ", "BANGKOK")], "a"),
        ([where("city", "NEQ", "bangkok")], "bc"),
        ([where("city", "IN", values=["bangkok", "new york"])], "ac"),
        ([where("city", "IN", values=["Bangkok"])], ""),
        ([where("city", "NOT_IN", values=["bangkok"])], "bc"),
        ([where("city", "HAS_PROPERTY")], "abc"),
        ([where("city", "NOT_HAS_PROPERTY")], "de"),
        ([where("city", "CONTAINS_TOKEN", "york")], "c"),
        ([where("city", "CONTAINS_TOKEN", "yo*")], "c"),
        ([where("email", "CONTAINS_TOKEN", "*@acme.example")], "e"),
        ([where("city", "NOT_CONTAINS_TOKEN", "york")], "ab"),
        ([where("city", "EQ", "เชียงใหม่")], "b"),
        ([where("interests", "EQ", "support")], "d"),
        ([where("interests", "IN", values=["support", "events"])], "ad"),
        ([where("interests", "NEQ", "support")], "a"),
        ([where("email_opt_out", "EQ", "true")], "e"),
        ([where("birth_date", "GT", "2000-06-01")], "cd"),
        ([where("birth_date", "BETWEEN", "2000-01-01", highValue="978307200000")], "bc"),
        ([where("lastmodifieddate", "GTE", "1735862400003")], "cde"),
        ([where("lastmodifieddate", "GT", "1735862400003")], "de"),
        ([where("lastmodifieddate", "LT", "2025-01-02T00:00:00.002Z")], "a"),
        ([where("lastmodifieddate", "LTE", "2025-01-02T00:00:00.002Z")], "ab"),
        ([where("createdate", "GTE", "2026-01-01")], ""),
        ([where("city", "HAS_PROPERTY"), where("email", "HAS_PROPERTY")], "a"),
    ],
)
def test_operators(crowd: Box, filters: list[dict[str, Any]], found: str) -> None:
    assert names(crowd, *filters) == set(found)


def test_groups_are_alternatives(crowd: Box) -> None:
    groups = [{"filters": [where("lastname", "EQ", n)]} for n in "ae"]
    assert find(crowd, filterGroups=groups)["total"] == 2


def test_full_text(crowd: Box) -> None:
    assert find(crowd, query="ann")["total"] == 1
    assert find(crowd, query="ANN@example.com")["total"] == 1
    assert find(crowd, query="nobody")["total"] == 0
    assert find(crowd, query="x" * 3001, status=400)["category"] == "VALIDATION_ERROR"


def test_injection_is_a_value(crowd: Box) -> None:
    assert names(crowd, where("lastname", "EQ", "x' OR '1'='1")) == set()
    find(crowd, filterGroups=[{"filters": [where("x') OR 1=1 --", "EQ", "1")]}], status=400)
    find(crowd, sorts=[{"propertyName": "id; DROP TABLE record"}], status=400)
    assert find(crowd)["total"] == 5


def test_sorting(crowd: Box) -> None:
    def order(sorts: Any) -> str:
        found = find(crowd, sorts=sorts, properties=["lastname"])["results"]
        return "".join(raw["properties"]["lastname"] for raw in found)

    assert order([{"propertyName": "lastmodifieddate", "direction": "DESCENDING"}]) == "edcba"
    assert order([{"propertyName": "hs_object_id", "direction": "ASCENDING"}]) == "abcde"
    assert order(["lastname"]) == "abcde"
    find(crowd, sorts=["lastname", "email"], status=400)


def test_limits(crowd: Box) -> None:
    one = where("lastname", "EQ", "a")
    find(crowd, filterGroups=[{"filters": [one]}] * 6, status=400)
    find(crowd, filterGroups=[{"filters": [one] * 7}], status=400)
    find(crowd, filterGroups=[{"filters": [one] * 5}] * 4, status=400)
    find(crowd, filterGroups=[{"filters": [one] * 6}] * 3)
    find(crowd, limit=201, status=400)
    find(crowd, filterGroups=[{"filters": [where("lastname", "LIKE", "a")]}], status=400)
    find(crowd, filterGroups=[{"filters": [where("lastname", "EQ")]}], status=400)
    find(crowd, filterGroups=[{"filters": [where("birth_date", "EQ", "soon")]}], status=400)


def test_pages_are_offsets_and_end_at_ten_thousand(box: Box) -> None:
    box.sandbox.load("contacts", ({"lastname": str(n), "modified_at": OLD} for n in range(10_050)))
    first = find(box, limit=200)
    assert first["total"] == 10_050
    assert first["paging"]["next"]["after"] == "200"
    last = find(box, limit=200, after="9800")
    assert last["paging"]["next"]["after"] == "10000"
    assert find(box, limit=200, after="10000", status=400)["category"] == "VALIDATION_ERROR"
    assert find(box, limit=200, after="9801", status=400)


@pytest.mark.parametrize("lag", [0.0, 5.0, 30.0])
def test_the_index_trails_behind(make_box: Callable[..., Box], lag: float) -> None:
    box = make_box(search_lag=lag)
    [id] = box.sandbox.load("contacts", [{"lastname": "old", "modified_at": OLD}])

    def shown() -> set[str]:
        return names(box, where("lastname", "HAS_PROPERTY"))

    assert shown() == {"old"}
    box.sandbox.edit("contacts", id, {"lastname": "new"})
    if lag:
        assert shown() == {"old"}
        box.sandbox.clock.advance(lag - 0.1)
        assert shown() == {"old"}
        box.sandbox.clock.advance(0.1)
    assert shown() == {"new"}
    box.sandbox.remove("contacts", id)
    if lag:
        assert shown() == {"new"}, "an archived record lingers as long"
        box.sandbox.clock.advance(lag)
    assert shown() == set()


def test_recorded_searches_are_answered_alike(box: Box) -> None:
    """Contacts as they were then, the requests as they were sent."""
    replayed = 0
    for interaction in recorded("v3_search_upsert_lookup.json"):
        request, theirs = interaction["request"], interaction["response"]["body"]
        if "/CONTACT/" not in request["path"]:
            continue
        known = set(box.sandbox._records.properties["contacts"])
        for raw in theirs["results"]:
            values = {k: v for k, v in raw["properties"].items() if k in known}
            box.sandbox.load("contacts", [{**values, "id": raw["id"]}])
        ours = box.api("POST", request["path"], request["body"])
        asked = {raw["properties"]["email"] for raw in theirs["results"]}
        assert asked <= {raw["properties"]["email"] for raw in ours["results"]}
        assert set(theirs) <= set(ours) | {"paging"}
        for raw in ours["results"]:
            twin = next((t for t in theirs["results"] if t["id"] == raw["id"]), None)
            if twin is not None:
                assert set(raw) - {"url"} == set(twin)
                assert set(raw["properties"]) == set(twin["properties"]) & known
                assert raw["updatedAt"] == twin["updatedAt"]
        replayed += 1
    assert replayed


def test_time_is_the_clocks(box: Box) -> None:
    box.sandbox.load("contacts", [{"lastname": "now"}])
    box.sandbox.clock.advance(5)
    stamp = str(int(START.timestamp() * 1000))
    assert names(box, where("lastmodifieddate", "EQ", stamp)) == {"now"}
