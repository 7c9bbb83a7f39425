"""The documentation held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sync import reference
from sync.cli import app
from sync.commands.exits import Code
from sync.settings import Settings

ROOT = reference.ROOT
PAGES = [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("path", sorted(reference.pages()), ids=lambda path: path.name)
def test_generated_pages_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == reference.pages()[path], "run `make docs`"


def test_every_command_has_a_heading_and_answers_to_its_name() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    found = list(reference.commands())
    assert len(found) > 20
    for command in found:
        name = " ".join(command.way)
        assert f"\n## concord {name}\n" in page
        shown = CliRunner().invoke(app, [*command.way, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, name
        for parameter, _, info in command.parameters:
            for word in reference.spellings(parameter, info):
                assert word in shown.output, f"{name}: {word}"


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for code in Code:
        assert f"\n| {code:d} | " in page


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert re.search(rf"^## {name}\b", page, re.MULTILINE), name
    for _, model, _ in reference.SECTIONS:
        for field in model.model_fields:
            assert f"| `{field}` |" in page, f"{model.__name__}.{field}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_in_the_text_exist(path: Path) -> None:
    known = {command.way for command in reference.commands()}
    for words in re.findall(r"`concord ([a-z]+)(?: ([a-z]+))?", path.read_text(encoding="utf-8")):
        assert (words[0],) in known, words
