"""Problems in the store, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from sync.store import problems
from sync.store.database import session
from sync.store.problems import Problem

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)


class TestProblems:
    def problem(self, words: str = "", record: str = "1") -> Problem:
        return Problem("zoho", "contact", record, "e", "email", "write", "validation", "m", words)

    def test_one_place_has_one_problem(self, database: Engine) -> None:
        with session(database) as store:
            problems.report(store, [self.problem("first")], 1, NOW)
            problems.report(store, [self.problem("again")], 2, NOW)
            [found] = problems.load(store)
            assert (found["words"], found["first_run"], found["last_run"]) == ("again", 1, 2)

    def test_solved_ones_open_again_and_ignored_ones_do_not(self, database: Engine) -> None:
        with session(database) as store:
            problems.report(store, [self.problem(), self.problem(record="2")], 1, NOW)
            assert problems.exist(store, "zoho", "contact", "write")
            problems.solve(store, "zoho", "contact", stage="read", records=["1"])
            problems.solve(store, "hubspot", "contact", stage="write", records=["1"])
            assert len(problems.load(store)) == 2
            problems.solve(store, "zoho", "contact", stage="write", records=["1"])
            [left] = problems.load(store)
            assert left["record"] == "2"
            problems.set_status(store, [left["id"]], "ignored")
            assert not problems.exist(store, "zoho", "contact", "write")
            problems.report(store, [self.problem(), self.problem(record="2")], 2, NOW)
            assert [p["record"] for p in problems.load(store)] == ["1"]
            assert [p["record"] for p in problems.load(store, "ignored")] == ["2"]
