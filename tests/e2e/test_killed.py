"""`concord sync`, killed at random moments, ends where an undisturbed hub ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.killing import kill


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killing_a_run_changes_nothing_in_the_end(tmp_path: Path) -> None:
    outcome = kill(tmp_path, seed=11, points=20, rate=0.1, stores=["", ""])
    assert outcome.alive == 20
    assert outcome.failed > 0
    assert outcome.accounts == []
    assert outcome.merged == []
    assert outcome.again == 0
