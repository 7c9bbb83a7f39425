"""docs/kpis.md says what the code does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sync.kpis import DEFINITIONS, Definition, Kpi, Options, Status

DOCS = (Path(__file__).parents[3] / "docs" / "kpis.md").read_text("utf-8")


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.id)
def test_every_kpi_is_documented_in_its_own_words(definition: Definition) -> None:
    heading = f"### {definition.title}\n\n`{definition.id}`, version {definition.version}, "
    assert heading in DOCS
    assert f"\n\n{definition.text}\n" in DOCS


def test_every_part_option_and_status_is_documented() -> None:
    parts = {field.name for field in dataclasses.fields(Kpi)} - {"title", "definition"}
    options = {field.name for field in dataclasses.fields(Options)}
    missing = {name for name in parts | options if f"`{name}`" not in DOCS}
    assert missing == set()
    assert {status for status in Status if f"`{status.value}`" not in DOCS} == set()


def test_ids_titles_and_texts_are_each_used_once() -> None:
    for part in ("id", "title", "text"):
        values = [getattr(definition, part) for definition in DEFINITIONS]
        assert len(values) == len(set(values))
