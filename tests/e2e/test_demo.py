"""`concord demo` as a newcomer starts it: a process of its own, one JSON object at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sync.kpis import BY_ID
from sync.settings import SYNCED

VENDORS = ("salesforce", "hubspot", "zoho")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the demo with few contacts prints, from a folder without settings."""
    done = subprocess.run(
        [sys.executable, "-m", "sync.cli", "demo", "--json", "--contacts", "60", "--seed", "7"],
        cwd=tmp_path_factory.mktemp("anywhere"),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("\n") == 1
    body = json.loads(done.stdout)
    assert isinstance(body, dict)
    return body


def test_the_accounts_hold_what_was_asked_for(told: dict[str, Any]) -> None:
    assert set(told["counts"]) == set(VENDORS)
    for counts in told["counts"].values():
        assert counts["contact"] >= 60
        assert set(counts) == set(SYNCED)


def test_the_first_run_writes_everywhere_and_the_second_nowhere(told: dict[str, Any]) -> None:
    first, second = told["first"], told["second"]
    assert set(first["connections"]) == set(VENDORS)
    for objects in first["connections"].values():
        assert set(objects) == {"user", *SYNCED}
        assert objects["contact"]["created"] > 0
        assert objects["contact"]["updated"] > 0
    assert second["writes"] == 0
    assert second["write_calls"] == 0
    assert told["broken"] == []


def test_an_edit_in_each_account_reaches_the_others(told: dict[str, Any]) -> None:
    assert set(told["edits"]) == set(VENDORS)
    for vendor, edit in told["edits"].items():
        assert edit["reached"] is True
        assert edit["others"] == [name for name in VENDORS if name != vendor]
        assert edit["seconds"] > 0


def test_the_conflict_is_decided_by_a_named_rule_for_all(told: dict[str, Any]) -> None:
    conflict = told["conflict"]
    assert len(conflict["candidates"]) == 2
    assert conflict["rule"] == "newest"
    assert set(conflict["now"].values()) == {conflict["outcome"]} == {"Chief Revenue Officer"}


def test_links_are_right_as_far_as_is_promised(told: dict[str, Any]) -> None:
    truth = told["truth"]
    assert set(truth) == set(SYNCED)
    assert all(quality["precision"] >= 0.995 for quality in truth.values())
    assert truth["contact"]["recall"] >= 0.9
    assert truth["company"]["recall"] >= 0.9


def test_kpis_come_with_target_and_status(told: dict[str, Any]) -> None:
    assert [kpi["id"] for kpi in told["kpis"]] == list(BY_ID)
    by_id = {kpi["id"]: kpi for kpi in told["kpis"]}
    assert by_id["pipeline"]["value"] > 0
    assert by_id["win_rate"]["target"] == 0.45


def test_a_demo_that_is_ended_leaves_no_sandbox_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sync.cli", "demo", "--contacts", "30"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = ""
        for line in process.stdout:
            if "connected" in line:
                break
        assert "connected" in line
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()  # ends when every process that holds the pipe has ended
        assert process.wait(timeout=60) != 0
        assert "Traceback" not in rest
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert list(tmp_path.iterdir()) == []
