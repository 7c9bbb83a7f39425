"""The state after every earlier run can be rebuilt from the journal, whatever happened: edits,
deletes, vendors' merges, people's decisions, undos and crashes."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, rule

from tests.stateful.chronicle import Chronicle
from tests.stateful.machine import Hub


class Historian(Hub):
    """Somebody who writes down what there was before each new run, and compares."""

    chronicle: Chronicle | None = None

    @invariant()
    def takes_up_the_pen(self) -> None:
        if self.world is not None and self.chronicle is None:
            self.chronicle = Chronicle(self.world)

    @rule()
    def look_back(self) -> None:
        if self.chronicle is not None:
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
