"""`concord check` and `concord connect` on three sandboxes."""

from __future__ import annotations

import json
from pathlib import Path

from connectors.sandbox.client import ControlClient
from connectors.sandbox.fleet import Fleet
from sync.demo import demo_settings
from sync.settings import SYNCED
from tests.sync.commands.desk import Desk


def test_check_says_whose_accounts_these_are(desk: Desk) -> None:
    body = desk.json("check")
    assert body["ok"] is True
    for connection in body["connections"]:
        assert connection["account"]["currency"] == "USD"
        assert set(connection["provisioned"]) == set(SYNCED)
        assert connection["problems"] == []


def test_check_says_what_is_left_to_spend(desk: Desk) -> None:
    first = {c["connection"]: c for c in desk.json("check")["connections"]}
    for connection in ("salesforce", "hubspot"):
        found = first[connection]
        assert found["budget"]["share"] == found["account"]["quota_limit"] // 2
    second = {c["connection"]: c["budget"] for c in desk.json("check")["connections"]}
    for connection, found in second.items():
        before = first[connection]["budget"]
        assert found["left"] == found["share"] - found["spent"]
        assert 0 < found["spent"] - before["spent"] < 30, "what one check costs"
    desk.change(connections__hubspot__budget={"per_day": 1})
    body = desk.json("check", code=1)
    [hubspot] = [c for c in body["connections"] if c["connection"] == "hubspot"]
    assert hubspot["budget"]["left"] == 0
    assert "our share of the day's calls is used up" in hubspot["problems"][0]


def test_a_second_connect_adds_nothing(desk: Desk) -> None:
    assert [c["added"] for c in desk.json("connect")["connections"]] == [[], [], []]


def test_nothing_is_created_before_connect_and_all_of_it_after(tmp_path: Path) -> None:
    with Fleet(contacts=0, search_lag=0) as fleet, ControlClient(fleet.control_url) as control:
        control.create("zoho", "Contacts", {"Last_Name": "Lee", "Email": "ann@lee.example"})
        (tmp_path / "settings.yaml").write_text(demo_settings(fleet.describe()), encoding="utf-8")
        fresh = Desk(tmp_path, control)
        told = fresh.run("sync")
        assert "concord connect" in told.stderr
        assert control.state("hubspot", "contacts") == []
        added = {c["connection"]: c["added"] for c in fresh.json("connect")["connections"]}
        assert "contacts.concord_id" in added["hubspot"]
        again = fresh.run("sync")
        assert "concord connect" not in again.stderr
        assert [row["email"] for row in control.state("hubspot", "contacts")] == ["ann@lee.example"]


def test_wrong_credentials_are_a_problem_of_their_connection_only(desk: Desk) -> None:
    desk.change(connections__hubspot__auth__access_token="pat-na1-wrong")
    body = desk.json("check", code=1)
    problems = {c["connection"]: c["problems"] for c in body["connections"]}
    assert problems["hubspot"]
    assert problems["salesforce"] == problems["zoho"] == []
    assert "pat-na1-wrong" not in json.dumps(body)
