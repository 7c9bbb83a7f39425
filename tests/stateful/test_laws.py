"""The laws of the design, under random edits, faults, decisions and crashes.

CI repeats the same examples; elsewhere they are fresh ones. They are spread over several tests,
so that processes can share them. The long form is ``python -m tests.stateful``.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import SETTINGS, Hub

#: Examples of one part.
EXAMPLES = int(os.environ.get("CONCORD_STATEFUL_EXAMPLES", "30"))


@pytest.mark.parametrize("part", range(8))
def test_laws_hold(part: int) -> None:
    chosen = settings(SETTINGS, max_examples=EXAMPLES, database=None)
    if chosen.derandomize:
        chosen = settings(chosen, derandomize=False)

    class Part(Hub):
        """The same machine, with examples of its own."""

    machine = seed(part)(Part) if os.environ.get("CI") else Part
    run_state_machine_as_test(machine, settings=chosen)
