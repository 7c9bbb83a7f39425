"""The state after every earlier run can be rebuilt from the journal, whatever happened: edits,
deletes, vendors' merges, people's decisions, undos and crashes."""

from __future__ import annotations

import os

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule

from sync.store import books
from sync.store.database import reading
from tests.stateful.chronicle import Chronicle
from tests.stateful.test_laws import Hub


class Historian(Hub):
    """Somebody who writes down what there was before each new run, and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.chronicle = Chronicle(self.world)

    @rule(back=st.integers(1, 4))
    def undo_one(self, back: int) -> None:
        with reading(self.world.engine) as store:
            runs = [row["id"] for row in books.runs(store) if row["status"] != "held"]
        if len(runs) >= back:
            self.world.undo(runs[back - 1])

    @rule()
    def look_back(self) -> None:
        self.chronicle.compare()


#: CONCORD_STATEFUL_EXAMPLES=10000 is the long profile.
Historian.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONCORD_STATEFUL_EXAMPLES", "6")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
TestPast = Historian.TestCase
del Hub
