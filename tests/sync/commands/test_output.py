"""What commands print: exact numbers, one JSON object, files; and what they never print."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from connectors.sandbox.fleet import Fleet
from sync.commands.bars import Bars
from tests.sync.commands.desk import Desk


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
