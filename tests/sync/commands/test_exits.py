"""Settings, errors and exit codes at the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.errors import (
    AuthenticationFailed,
    Bug,
    Misconfigured,
    PermissionDenied,
    Unavailable,
)
from mapping.document import DocumentError
from sync.cli import app
from sync.commands.exits import Code, advise
from sync.settings import SettingsError
from sync.store.books import LeaseHeld
from sync.store.database import StoreError
from tests.sync.commands.desk import Desk


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
