"""`concord sync`, killed at random moments, ends where an undisturbed hub ends."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.e2e.side import Side, differences

KILLS = 20


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killing_a_run_changes_nothing_in_the_end(tmp_path: Path) -> None:
    chance = random.Random(2026)
    undisturbed, disturbed = Side(tmp_path / "a"), Side(tmp_path / "b")
    try:
        undisturbed.settle()
        hit = 0
        for _ in range(KILLS // 2):  # during the first load, which needs about 70 calls
            hit += disturbed.killed(chance.randrange(1, 45))
        disturbed.settle()
        for number in range(KILLS - KILLS // 2):  # during runs that carry edits
            for side in (undisturbed, disturbed):
                side.edit(number)
                side.fleet.clock.advance(60)
            hit += disturbed.killed(chance.randrange(1, 60))
        undisturbed.settle()
        disturbed.settle()
        assert hit >= KILLS // 2, "most kills must find the run alive"
        assert differences(disturbed.accounts(), undisturbed.accounts()) == []
        assert differences(disturbed.merged(), undisturbed.merged()) == []
    finally:
        undisturbed.close()
        disturbed.close()
