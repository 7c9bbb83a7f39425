"""`concord serve` with edits arriving, for a few seconds; `serve_soak` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.serve_soak import soak


@pytest.mark.slow
def test_edits_arrive_while_it_serves_and_it_stops_when_told(tmp_path: Path) -> None:
    found = soak(tmp_path / "soak", seconds=20, seed=5)
    assert found["edits"] >= 5
    assert found["runs"] >= 2
    assert found["disagreements"] == []
    assert found["exit_code"] == 0
