"""Runs, plans and approvals at the command line, on three sandboxes."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from sync.commands.runs import stopping
from sync.settings import SYNCED
from tests.sync.commands.desk import Desk


def test_sync_reports_counts_for_every_connection_and_object(desk: Desk) -> None:
    report = desk.json("sync")
    assert report["status"] == "done"
    assert report["writes"] == 0
    assert {"run", "seconds", "conflicts", "calls"} <= report.keys()
    assert set(report["connections"]) == {"salesforce", "hubspot", "zoho"}
    counts = {"pulled", "created", "updated", "archived", "problems", "calls"}
    for objects in report["connections"].values():
        assert set(objects) == {"user", *SYNCED}
        assert all(counts <= tally.keys() for tally in objects.values())


def test_only_the_named_object_and_connection_are_read(desk: Desk) -> None:
    report = desk.json("sync", "--object", "company", "--connection", "zoho")
    assert set(report["connections"]) == {"zoho"}
    assert set(report["connections"]["zoho"]) == {"user", "company"}
    assert "no connection 'nope'" in desk.run("sync", "--connection", "nope", code=2).stderr
    desk.run("sync", "--object", "lead", code=2)


def test_a_dry_run_writes_nothing_and_a_plan_is_carried_out_exactly(
    desk: Desk, tmp_path: Path
) -> None:
    email = desk.contact()
    dry = desk.json("sync", "--dry-run")
    assert {(w["connection"], w["kind"]) for w in dry["planned"]} == {
        ("hubspot", "create"),
        ("zoho", "create"),
    }
    file = tmp_path / "plan.json"
    desk.run("plan", "-o", str(file))
    planned = json.loads(file.read_text(encoding="utf-8"))["writes"]
    assert planned == dry["planned"]
    done = desk.json("apply", str(file))
    assert done["writes"] == len(planned) == 2
    held = [row["email"] for row in desk.control.state("hubspot", "contacts")]
    assert email in held


def test_a_plan_whose_record_has_changed_is_refused(desk: Desk, tmp_path: Path) -> None:
    email = desk.contact(Title="Analyst")
    desk.run("plan", "-o", str(tmp_path / "plan.json"))
    [row] = [r for r in desk.control.state("salesforce", "Contact") if r["Email"] == email]
    desk.control.edit("salesforce", "Contact", row["id"], {"Title": "Promoted meanwhile"})
    desk.control.advance(60)
    done = desk.json("apply", str(tmp_path / "plan.json"), code=1)
    assert done["writes"] == 0
    assert len(done["refused"]) == 2
    assert desk.json("sync")["writes"] == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 99, "writes": []}'])
def test_a_file_that_is_no_plan_is_refused(text: str, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    assert "concord plan" in desk.run("apply", str(tmp_path / "plan.json"), code=2).stderr


def test_a_held_run_waits_for_approval(desk: Desk) -> None:
    desk.change(objects__contact__limits={"create": 0})
    email = desk.contact()
    report = desk.json("sync", code=3)
    assert report["status"] == "held"
    assert "approve" in report["held"]
    run = str(report["run"])
    assert len(desk.json("runs", run)["held_writes"]) == 2
    desk.run("approve", run)
    desk.run("approve", run, code=2)
    assert desk.json("sync")["writes"] == 2
    assert email in [row["Email"] for row in desk.control.state("zoho", "Contacts")]


def test_a_discarded_run_is_decided_again_with_the_settings_of_then(desk: Desk) -> None:
    desk.change(objects__contact__limits={"create": 0})
    desk.contact()
    run = str(desk.json("sync", code=3)["run"])
    desk.run("discard", run)
    assert desk.json("runs", run)["status"] == "discarded"
    desk.change(objects__contact__limits={"create": 100})
    assert desk.json("sync")["writes"] == 2


def test_a_signal_asks_a_run_to_stop_and_a_second_one_ends_the_process() -> None:
    met: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: met.append(number))
    try:
        stop = threading.Event()
        with stopping(stop):
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.wait(timeout=10)
            assert met == []
            os.kill(os.getpid(), signal.SIGTERM)
            assert met == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
