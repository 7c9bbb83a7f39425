"""The command line on three sandboxes: exit codes, JSON, and what is never printed."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn
from typer.testing import CliRunner, Result

from connectors.errors import (
    AuthenticationFailed,
    Bug,
    Misconfigured,
    PermissionDenied,
    Unavailable,
)
from connectors.sandbox.client import ControlClient
from connectors.sandbox.fleet import Fleet
from mapping.document import DocumentError
from sync.cli import app
from sync.commands.bars import Bars
from sync.commands.exits import Code, advise
from sync.commands.runs import stopping
from sync.demo import demo_settings
from sync.model import Place
from sync.settings import SYNCED, SettingsError
from sync.store import problems, replicas, versions
from sync.store.books import LeaseHeld
from sync.store.database import Session, StoreError, open_engine, session
from sync.store.problems import Problem


@dataclass
class Desk:
    """Somebody at a terminal, in a folder with a settings file."""

    folder: Path
    control: ControlClient

    def run(self, *arguments: str, code: int = 0, quiet: bool = False) -> Result:
        """A command that must end with `code`."""
        options = ["--settings", str(self.folder / "settings.yaml"), *(["-q"] if quiet else [])]
        result = CliRunner().invoke(app, [*options, *arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """The one JSON object that a command prints."""
        body = json.loads(self.run(*arguments, "--json", code=code).stdout)
        assert isinstance(body, dict)
        return body

    def change(self, **blocks: Any) -> None:
        """Edit the settings: dotted paths by keyword, ``objects__contact__limits={...}``."""
        path = self.folder / "settings.yaml"
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        for way, value in blocks.items():
            *parents, last = way.split("__")
            place = body
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = value
        path.write_text(yaml.safe_dump(body, allow_unicode=True), encoding="utf-8")


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Three accounts; Salesforce knows one company with a contact and a deal."""
    with Fleet(contacts=0, search_lag=0) as running, ControlClient(running.control_url) as control:
        company = control.create(
            "salesforce", "Account", {"Name": "Acme Tea", "Website": "https://acme-tea.example"}
        )
        names = {"FirstName": "Ann", "LastName": "Lee", "Email": "ann@acme-tea.example"}
        control.create("salesforce", "Contact", {**names, "AccountId": company})
        deal = {"Name": "Samovars", "StageName": "Proposal/Price Quote", "CloseDate": "2026-12-01"}
        control.create("salesforce", "Opportunity", {**deal, "Amount": 1200, "AccountId": company})
        yield running


@pytest.fixture(scope="module")
def settled(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Connected and synchronised."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "settings.yaml").write_text(demo_settings(fleet.describe()), encoding="utf-8")
    with ControlClient(fleet.control_url) as control:
        desk = Desk(folder, control)
        desk.run("connect")
        for _ in range(3):
            control.advance(60)
            if not desk.json("sync")["writes"]:
                break
        yield desk


@pytest.fixture
def desk(settled: Desk) -> Iterator[Desk]:
    """A settled hub; settings that a test changes are put back."""
    path = settled.folder / "settings.yaml"
    before = path.read_text(encoding="utf-8")
    yield settled
    path.write_text(before, encoding="utf-8")


def _contact(desk: Desk, **values: str) -> str:
    """A new contact in Salesforce, brought in by nobody yet; its e-mail address."""
    number = len(desk.control.state("salesforce", "Contact"))
    email = f"new.person{number}@fresh{number}.example"
    body = {"FirstName": f"Nadia{number}", "LastName": f"Okafor{number}", "Email": email, **values}
    desk.control.create("salesforce", "Contact", body)
    desk.control.advance(60)
    return email


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


def test_a_dry_run_writes_nothing_and_a_plan_is_carried_out_exactly(
    desk: Desk, tmp_path: Path
) -> None:
    email = _contact(desk)
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
    email = _contact(desk, Title="Analyst")
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
    email = _contact(desk)
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
    _contact(desk)
    run = str(desk.json("sync", code=3)["run"])
    desk.run("discard", run)
    assert desk.json("runs", run)["status"] == "discarded"
    desk.change(objects__contact__limits={"create": 100})
    assert desk.json("sync")["writes"] == 2


def test_explain_names_origin_rule_and_writes_of_every_field(desk: Desk) -> None:
    email = _contact(desk, Title="Pilot")
    desk.run("sync")
    body = desk.json("explain", "contact", email.upper())
    field = body["fields"]["job_title"]
    assert (field["value"], field["connection"]) == ("Pilot", "salesforce")
    assert field["rule"]
    assert field["at"]
    assert {link["connection"] for link in body["links"]} == {"salesforce", "hubspot", "zoho"}
    assert [write["kind"] for write in body["writes"]] == ["create", "create"]
    [record] = [link["record"] for link in body["links"] if link["connection"] == "zoho"]
    assert desk.json("explain", "contact", record)["entity"] == body["entity"]
    assert "Pilot" in desk.run("explain", "contact", body["entity"]).stdout
    assert "no contact" in desk.run("explain", "contact", "nobody@nowhere.example", code=2).stderr


def test_a_manual_conflict_waits_and_is_resolved_by_a_person(desk: Desk) -> None:
    desk.change(objects__contact__fields={"job_title": "manual"})
    email = _contact(desk, Title="Pilot")
    desk.run("sync")
    desk.control.advance(60)
    links = {
        link["connection"]: link["record"]
        for link in desk.json("explain", "contact", email)["links"]
    }
    desk.control.edit("salesforce", "Contact", links["salesforce"], {"Title": "Captain"})
    desk.control.edit("zoho", "Contacts", links["zoho"], {"Title": "Flight Captain"})
    desk.control.advance(60)
    report = desk.json("sync")
    assert report["conflicts"] == 1
    assert report["writes"] == 0
    [conflict] = desk.json("conflicts", "--status", "waiting")["conflicts"]
    assert {value for _, _, value in conflict["candidates"]} == {"Captain", "Flight Captain"}
    id = str(conflict["id"])
    desk.run("conflicts", "resolve", id, code=2)
    desk.run("conflicts", "resolve", id, "Captain", "--from", "zoho", code=2)
    desk.run("conflicts", "resolve", id, "--from", "hubspotty", code=2)
    desk.run("conflicts", "resolve", id, "--from", "zoho")
    desk.run("sync")
    held = {row["id"]: row["Title"] for row in desk.control.state("salesforce", "Contact")}
    assert held[links["salesforce"]] == "Flight Captain"
    assert desk.json("conflicts", "--status", "waiting")["conflicts"] == []


def test_problems_can_be_ignored_and_tried_again(desk: Desk) -> None:
    email = _contact(desk)
    # The same address in another record of HubSpot that no rule links: a create is refused.
    desk.control.create("hubspot", "contacts", {"email": email, "lastname": "ThirdPerson"})
    desk.change(objects__contact__match=["full_name+birth_date"])
    desk.json("sync", code=1)
    found = desk.json("problems")["problems"]
    assert {problem["cause"] for problem in found} == {"duplicate"}
    ids = [str(problem["id"]) for problem in found]
    assert "Link the two" in desk.run("problems").stdout
    desk.run("problems", "ignore", *ids)
    assert desk.json("problems")["problems"] == []
    assert len(desk.json("problems", "--ignored")["problems"]) == len(ids)
    desk.run("problems", "retry", *ids)
    desk.run("problems", "retry", "999999", code=2)
    desk.json("sync", code=1)
    assert {str(problem["id"]) for problem in desk.json("problems")["problems"]} == set(ids)
    desk.run("problems", "ignore", *ids)


def _store(desk: Desk) -> AbstractContextManager[Session]:
    """The hub's store."""
    return session(open_engine(f"sqlite:///{desk.folder / 'concord.db'}"))


def _aside(desk: Desk, email: str, stage: str, cause: str) -> tuple[int, Place]:
    """A problem with a contact of Salesforce's, put into the store; its number."""
    rows = desk.control.state("salesforce", "Contact")
    [record] = [row["id"] for row in rows if row["Email"] == email]
    found = Problem("salesforce", "contact", record, "", "", stage, cause, "m", fingerprint=cause)
    with _store(desk) as store:
        problems.report(store, [found], 1, datetime.now(UTC))
        store.commit()
        return int(problems.load(store)[-1]["id"]), Place("salesforce", record)


def test_a_person_says_that_a_hidden_record_was_deleted(desk: Desk) -> None:
    email = _contact(desk)
    desk.json("sync")
    id, place = _aside(desk, email, "read", "validation")
    assert "no record that is hidden" in desk.run("problems", "gone", str(id), code=2).output
    id, place = _aside(desk, email, "read", "hidden")
    assert "taken for deleted" in desk.run("problems", "gone", str(id)).stdout
    assert desk.json("problems")["problems"] == []
    with _store(desk) as store:
        [known] = replicas.load(store, "contact", [place]).values()
    assert known.deleted
    assert known.waiting, "the next run decides what that means for the others"
    desk.json("sync")


def test_check_lets_go_what_other_options_may_end(desk: Desk) -> None:
    email = _contact(desk)
    desk.json("sync")
    desk.run("check")
    id, _ = _aside(desk, email, "write", "validation")
    desk.run("check")
    assert "tried again" not in desk.run("problems").stdout, "nothing has changed"
    with _store(desk) as store:
        versions.save_metadata(store, "salesforce", "contact", "before", datetime.now(UTC))
        store.commit()
    desk.run("check")
    assert "tried again in the next run" in desk.run("problems").stdout
    desk.run("problems", "ignore", str(id))


def test_kpis_are_computed_kept_and_printed_as_exact_numbers(desk: Desk) -> None:
    body = desk.json("kpis")
    by_id = {kpi["id"]: kpi for kpi in body["kpis"]}
    assert isinstance(by_id["pipeline"]["value"], int | float)
    assert by_id["win_rate"]["target"] == 0.45
    assert by_id["win_rate"]["status"] in ("met", "missed", "no value")
    assert "Weighted pipeline" in desk.run("kpis", "--by-source").stdout


def test_export_writes_the_merged_rows(desk: Desk, tmp_path: Path) -> None:
    files = desk.json("export", "--to", str(tmp_path / "out"), "--object", "contact")["files"]
    assert [file["name"] for file in files] == ["contacts"]
    lines = (tmp_path / "out" / "contacts.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == files[0]["rows"] + 1
    desk.run("export", "--to", str(tmp_path / "out"), "--format", "parquet")
    assert (tmp_path / "out" / "deals.parquet").exists()


def test_mappings_are_shown_and_hold(desk: Desk) -> None:
    body = desk.json("mapping", "show", "deal", "--connection", "hubspot")
    assert body["hubspot"]["deal"]["fields"]["name"]["native"] == "dealname"
    assert "dealname" in desk.run("mapping", "show").stdout
    assert desk.json("mapping", "check")["ok"] is True


def test_results_go_to_stdout_and_nothing_else_does(desk: Desk) -> None:
    result = desk.run("sync", "--json")
    assert result.stdout.count("\n") == 1
    assert desk.run("sync", quiet=True).output == ""


def test_secrets_are_never_printed(desk: Desk, fleet: Fleet) -> None:
    secrets = {
        value
        for vendor in ("salesforce", "hubspot", "zoho")
        for name, value in fleet.describe()[vendor]["auth"].items()
        if name not in ("kind", "client_id")
    }
    shown = ""
    for command in (["check"], ["connect"], ["sync", "--full"], ["runs"], ["mapping", "show"]):
        shown += desk.run(*command).output
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in shown]


def test_init_writes_a_file_once(tmp_path: Path) -> None:
    where = tmp_path / "new"
    assert CliRunner().invoke(app, ["init", str(where)]).exit_code == 0
    text = (where / "settings.yaml").read_text(encoding="utf-8")
    again = CliRunner().invoke(app, ["init", str(where)])
    assert again.exit_code == Code.CONFIGURATION
    assert "left as it is" in again.stderr
    assert (where / "settings.yaml").read_text(encoding="utf-8") == text


def test_faults_of_the_settings_are_told_with_the_file_and_without_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("hub: {currency: baht}\nconnections: {}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["sync"], env={"CONCORD_SETTINGS": str(path)})
    assert result.exit_code == Code.CONFIGURATION
    assert f"{path}:1" in result.stderr
    assert f"{path}:2" in result.stderr
    assert result.stdout == ""


def test_rules_and_targets_that_cannot_be_are_told(desk: Desk) -> None:
    desk.change(
        objects__contact__match=["emial"],
        kpis__targets={"win_rat": {"target": 1}, "csat": {"target": 1, "per": "year"}},
    )
    told = desk.run("runs", code=2).stderr
    assert "emial" in told
    assert "win_rat" in told
    assert "kpis.targets.csat" in told


def test_a_missing_secret_is_told_by_its_name(desk: Desk) -> None:
    desk.change(connections__zoho__auth__client_secret="${env:NOT_SET_ANYWHERE}")
    assert "NOT_SET_ANYWHERE" in desk.run("sync", code=2).stderr


def test_a_store_that_cannot_be_opened_is_a_matter_of_settings(desk: Desk) -> None:
    desk.change(hub__store="mysql://root@localhost/x")
    desk.run("runs", code=2)


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


def test_bars_name_what_is_done_and_how_far_it_is() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, color_system=None, width=100)
    with Progress(TextColumn("{task.description}"), MofNCompleteColumn(), console=console) as bars:
        shown = Bars(bars)
        shown.step("look", "contact", "zoho", 50, None)
        shown.step("look", "contact", "zoho", 120, 400)
        shown.step("decide", "company", "", 3, 3)
    told = " ".join(text.getvalue().split())
    assert "reading contacts zoho 120/400" in told
    assert "deciding companies 3/3" in told


def test_version_and_help() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("concord ")
    for words in (["--help"], ["sync", "-h"], ["problems", "retry", "--help"]):
        assert CliRunner().invoke(app, words).exit_code == 0
    assert CliRunner().invoke(app, ["no-such-command"]).exit_code == Code.CONFIGURATION


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError(["a", "b"]), Code.CONFIGURATION),
        (StoreError("x"), Code.CONFIGURATION),
        (DocumentError([]), Code.CONFIGURATION),
        (AuthenticationFailed("x"), Code.CONFIGURATION),
        (PermissionDenied("x"), Code.CONFIGURATION),
        (Misconfigured("x"), Code.CONFIGURATION),
        (LeaseHeld("x"), Code.HELD),
        (Unavailable("x"), Code.FAILED),
        (Bug("x"), Code.FAILED),
        (OSError(2, "No such file", "plan.json"), Code.FAILED),
        (KeyboardInterrupt(), Code.FAILED),
    ],
)
def test_every_foreseen_error_has_its_code(error: BaseException, code: Code) -> None:
    advice = advise(error)
    assert advice.code == code
    assert advice.known


def test_advice_is_free_of_secrets_and_unforeseen_errors_say_so() -> None:
    advice = advise(RuntimeError("token=abcdef123 went wrong"))
    assert not advice.known
    assert "abcdef123" not in advice.text
    assert "--debug" in advice.text
