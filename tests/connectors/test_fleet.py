"""The fleet: three sandboxes with demo data, as a context manager and as a command."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.client import ControlClient
from connectors.sandbox.demo import read_truth
from connectors.sandbox.fleet import VENDORS, Fleet
from connectors.sandbox.server import Clock, PortTaken

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)

#: How the vendors' own texts of an instant and an empty list compare with what was loaded.
_STAMPS = {"created_at", "modified_at", "ClosedDate", "Closed_At", "closed_date"}


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(contacts=60, clock=Clock(now=lambda: NOW)) as running:
        yield running


@pytest.fixture
def control(fleet: Fleet) -> Iterator[ControlClient]:
    with ControlClient(fleet.control_url) as client:
        yield client


def comparable(name: str, value: Any) -> Any:
    if name in _STAMPS and value:
        return datetime.fromisoformat(str(value))
    if isinstance(value, list | tuple):
        return sorted(value) or None
    return value


def test_the_accounts_hold_the_rows_value_for_value(fleet: Fleet, control: ControlClient) -> None:
    for vendor, account in fleet.dataset.rows.items():
        for object, rows in account.items():
            state = {record["id"]: record for record in control.state(vendor, object)}
            assert rows
            for row in rows:
                held = state[row["id"]]
                for name, value in row.items():
                    if name != "history":
                        got = comparable(name, held[name])
                        assert got == comparable(name, value), (vendor, object, name)


def test_nobody_but_the_integration_user_is_added(fleet: Fleet, control: ControlClient) -> None:
    for vendor, account in fleet.dataset.rows.items():
        users, *others = account
        for object in others:
            assert len(control.state(vendor, object)) == len(account[object])
        known = {row["id"] for row in account[users]}
        added = [record for record in control.state(vendor, users) if record["id"] not in known]
        assert "Integration" in json.dumps(added, default=str)


def test_description_is_json_and_complete(fleet: Fleet) -> None:
    described = json.loads(json.dumps(fleet.describe()))
    assert list(described) == ["control", *VENDORS]
    for vendor in VENDORS:
        assert described[vendor]["url"].startswith("http://127.0.0.1:")
        assert described[vendor]["auth"]["kind"]


def test_people_change_records_in_all_three(fleet: Fleet, control: ControlClient) -> None:
    for vendor, object, field in (
        ("salesforce", "Contact", "Title"),
        ("hubspot", "contacts", "jobtitle"),
        ("zoho", "Contacts", "Title"),
    ):
        before = control.state(vendor, object)
        control.edit(vendor, object, before[0]["id"], {field: "หัวหน้าฝ่าย"})
        control.remove(vendor, object, before[1]["id"])
        after = {record["id"]: record for record in control.state(vendor, object)}
        assert after[before[0]["id"]][field] == "หัวหน้าฝ่าย"
        edited = datetime.fromisoformat(after[before[0]["id"]]["modified_at"])
        assert edited > datetime.fromisoformat(before[0]["modified_at"])
        assert after[before[1]["id"]]["deleted"]
        assert control.writes(vendor) == 0


def test_new_records_get_ids_of_their_own(fleet: Fleet, control: ControlClient) -> None:
    for vendor, object, values in (
        ("salesforce", "Account", {"Name": "Neu"}),
        ("hubspot", "companies", {"name": "Neu"}),
        ("zoho", "Accounts", {"Account_Name": "Neu"}),
    ):
        known = {record["id"] for record in control.state(vendor, object)}
        assert control.create(vendor, object, values) not in known


def test_the_clock_is_shared(fleet: Fleet, control: ControlClient) -> None:
    before = {name: server.vendor.clock.now() for name, server in fleet.servers.items()}
    after = control.advance(60)
    assert {name: server.vendor.clock.now() for name, server in fleet.servers.items()} == (
        dict.fromkeys(VENDORS, after)
    )
    assert all((after - earlier).total_seconds() == 60 for earlier in before.values())


def test_empty_accounts_and_truth(tmp_path: Path) -> None:
    with Fleet(contacts=0, truth_path=tmp_path / "truth.json") as empty:
        with ControlClient(empty.control_url) as client:
            assert client.state("salesforce", "Contact") == []
            assert client.state("hubspot", "deals") == []
            assert client.state("zoho", "Cases") == []
        assert read_truth(tmp_path / "truth.json") == empty.dataset.truth


def test_the_same_day_and_seed_give_the_same_data(fleet: Fleet) -> None:
    morning = Clock(now=lambda: NOW.replace(hour=1))
    with Fleet(contacts=60, clock=morning) as again:
        assert again.dataset == fleet.dataset
        assert again.describe()["hubspot"]["auth"] == fleet.describe()["hubspot"]["auth"]


def free_run_of_ports() -> int:
    """A port that is free together with the three after it, as far as one can tell."""
    for _ in range(50):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        held = []
        try:
            for port in range(first, first + 4):
                held.append(socket.create_server(("127.0.0.1", port)))
            return first
        except OSError:
            continue
        finally:
            for listening in held:
                listening.close()
    raise AssertionError("no four free ports in a row")


def test_ports_follow_one_another_and_are_freed_when_one_is_taken() -> None:
    port = free_run_of_ports()
    with Fleet(port, contacts=0) as running:
        described = running.describe()
        assert described["control"].endswith(f":{port}")
        for place, vendor in enumerate(VENDORS, start=1):
            assert described[vendor]["url"].endswith(f":{port + place}")
        with pytest.raises(PortTaken, match=f"port {port + 1} "):
            Fleet(port, contacts=0)
    with (
        socket.create_server(("127.0.0.1", port + 3)),
        pytest.raises(PortTaken, match=f"port {port + 3} "),
    ):
        Fleet(port, contacts=0)
    socket.create_server(("127.0.0.1", port + 1)).close()


# --- the command -------------------------------------------------------------------------


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "connectors.sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], 120)
    assert readable, "nothing was printed"
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_one_json_line_and_ends_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    truth = tmp_path / "truth.json"
    process = start("--json", "--contacts", "12", "--seed", "3", "--truth", str(truth))
    try:
        described = json.loads(first_line(process))
        with ControlClient(described["control"]) as client:
            contacts = {record["id"] for record in client.state("zoho", "Contacts")}
        assert set(read_truth(truth)["contact"]["zoho"]) == contacts
        assert len(contacts) >= 12
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")


def test_without_json_each_server_has_a_line() -> None:
    process = start("--contacts", "0")
    try:
        lines = [first_line(process)]
        assert process.stdout is not None
        lines += [process.stdout.readline() for _ in VENDORS]
        process.terminate()
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert [line.split()[0] for line in lines] == ["control", *VENDORS]
    assert all("http://127.0.0.1:" in line for line in lines)


def outcome(arguments: Sequence[str]) -> tuple[int, str]:
    process = start(*arguments)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_what_goes_wrong_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, words = outcome(["--port", str(port), "--contacts", "0"])
    assert status == 1
    assert "is taken" in words
    assert "Traceback" not in words
    status, words = outcome(["--contacts", "0", "--truth", str(tmp_path / "no" / "truth.json")])
    assert status == 1
    assert "No such file or directory" in words
    assert "truth.json" in words
    status, words = outcome(["--contacts", "-1"])
    assert status == 2
    assert "negative" in words
