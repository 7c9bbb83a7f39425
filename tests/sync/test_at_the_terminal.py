"""Plan and apply, undo, and conflicts at the terminal: in-memory accounts, real commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from connectors.memory import Account, register
from sync.cli import app
from tests.stateful.accounts import NAMES, described

SETTINGS = """
hub: {region: TH, store: "sqlite:///hub.db"}
connections:
  left: {vendor: memory, url: "memory://left", auth: {}, objects: [contact]}
  middle: {vendor: memory, url: "memory://middle", auth: {}, objects: [contact]}
  right: {vendor: memory, url: "memory://right", auth: {}, objects: [contact]}
objects:
  contact:
    create_in: [left, middle, right]
    fields: {street: manual, job_title: manual}
"""


class Desk:
    """Somebody at a terminal with three accounts that know Ann."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = datetime.now(UTC) - timedelta(days=1)
        self.accounts = {}
        for name in NAMES:
            account = Account(name, described(), clock=lambda: self.time)
            register(account)
            self.accounts[name] = account
        (folder / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
        self.run("connect")
        self.create("left", last_name="Ann", email="a@x.example", job_title="Buyer", city="Leeds")
        self.run("sync")

    def settings(self, text: str) -> None:
        """Other settings from now on."""
        (self.folder / "settings.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str, code: int = 0, answer: str = "") -> str:
        """A command that must end with `code`; what it prints."""
        return self._invoke(arguments, code, answer).stdout

    def output(self, *arguments: str, code: int = 0) -> str:
        """The same, with what it says on stderr."""
        return self._invoke(arguments, code, "").output

    def _invoke(self, arguments: tuple[str, ...], code: int, answer: str) -> Result:
        settings = str(self.folder / "settings.yaml")
        result = CliRunner().invoke(app, ["--settings", settings, *arguments], input=answer)
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """The JSON object that a command prints."""
        body = json.loads(self.run(*arguments, "--json", code=code))
        assert isinstance(body, dict)
        return body

    def create(self, account: str, **values: Any) -> str:
        """A person makes a contact."""
        self.time += timedelta(seconds=10)
        return self.accounts[account].create("contact", values)

    def edit(self, account: str, **values: Any) -> None:
        """A person edits Ann."""
        self.time += timedelta(seconds=10)
        [ann] = [i for i, r in self.live(account).items() if r.values["last_name"] == "Ann"]
        self.accounts[account].edit("contact", ann, values)

    def live(self, account: str) -> Any:
        return self.accounts[account].live("contact")

    def held(self, name: str) -> list[Any]:
        """What each account holds in a field of Ann's."""
        return [
            row.values.get(name)
            for account in NAMES
            for row in self.live(account).values()
            if row.values["last_name"] == "Ann"
        ]

    def written(self) -> int:
        return sum(account.writes for account in self.accounts.values())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class TestPlanAndApply:
    @pytest.fixture
    def plan(self, desk: Desk) -> Path:
        """An edit of Ann and a new contact, planned; the file."""
        desk.edit("left", first_name="Anna", city=None)
        desk.create("right", last_name="Bo", email="bo@x.example")
        file = desk.folder / "plan.json"
        before = desk.written()
        desk.run("plan", "-o", str(file))
        assert desk.written() == before
        return file

    def test_the_file_lists_every_write_and_apply_makes_exactly_these(
        self, desk: Desk, plan: Path
    ) -> None:
        writes = json.loads(plan.read_text(encoding="utf-8"))["writes"]
        updates = [w for w in writes if w["kind"] == "update"]
        assert {w["connection"] for w in updates} == {"middle", "right"}
        for write in updates:
            assert write["fields"] == {"first_name": "Anna", "city": None}
            assert write["before"] == {"first_name": None, "city": "Leeds"}
        assert {w["connection"] for w in writes if w["kind"] == "create"} == {"left", "middle"}
        desk.edit("left", mobile="+66 81 234 5678")  # after the plan: not part of it
        desk.create("middle", last_name="Late", email="late@x.example")
        before = desk.written()
        report = desk.json("apply", str(plan))
        assert (report["writes"], desk.written() - before) == (4, 4)
        assert "refused" not in report
        assert desk.held("first_name") == ["Anna"] * 3
        assert desk.held("mobile") == ["+66 81 234 5678", None, None]
        assert [len(desk.live(name)) for name in NAMES] == [2, 3, 2]
        desk.run("sync")
        assert desk.held("mobile") == ["+66 81 234 5678"] * 3
        assert [len(desk.live(name)) for name in NAMES] == [3, 3, 3]

    def test_again_it_writes_nothing(self, desk: Desk, plan: Path) -> None:
        desk.run("apply", str(plan))
        before = desk.written()
        report = desk.json("apply", str(plan))
        assert (report["writes"], report["already"], report["status"]) == (0, 4, "done")
        assert "refused" not in report
        assert desk.written() == before
        assert "had been made already" in desk.run("apply", str(plan))

    def test_what_has_changed_since_is_refused_and_listed(self, desk: Desk, plan: Path) -> None:
        desk.edit("middle", first_name="Annette")
        report = desk.json("apply", str(plan), code=1)
        assert [(w["connection"], w["kind"]) for w in report["refused"]] == [
            ("middle", "update"), ("right", "update"),
        ]  # fmt: skip
        assert report["writes"] == 2
        assert desk.held("first_name") == ["Anna", "Annette", None]
        assert [len(desk.live(name)) for name in NAMES] == [2, 2, 2]


class TestUndo:
    def test_from_the_first_look_to_undoing_the_undo(self, desk: Desk) -> None:
        desk.edit("left", first_name="Anna", city="York")
        run = desk.json("sync")["run"]
        desk.edit("right", city="Bath")
        dry = desk.json("undo", str(run), "--dry-run")
        assert [(w["connection"], w["fields"]) for w in dry["planned"]] == [
            ("middle", {"city": "Leeds", "first_name": None}), ("right", {"first_name": None}),
        ]  # fmt: skip
        assert desk.held("first_name") == ["Anna"] * 3
        told = desk.run("undo", str(run), "--yes")
        assert "1 were left as they are" in told
        assert "Bath" in told
        assert desk.held("first_name") == ["Anna", None, None]
        assert desk.held("city") == ["York", "Leeds", "Bath"]
        again = desk.json("undo", str(run))
        assert again["writes"] == 0
        assert [k["field"] for k in again["kept"]] == ["city"]
        assert f"nothing left to undo of run {run}" in desk.run("undo", str(run))
        undone = min(r["run"] for r in desk.json("runs")["runs"] if r["kind"] == "undo")
        told = desk.run("runs", str(undone))
        assert f"Put back what run {run} wrote" in told
        assert "Bath" in told
        desk.run("undo", str(undone))
        assert desk.held("first_name") == ["Anna"] * 3
        assert desk.run("undo", "999", code=2) == ""

    def test_a_person_is_asked_first(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.edit("left", first_name="Anna")
        run = str(desk.json("sync")["run"])
        monkeypatch.setattr("sync.commands.undo._at_a_terminal", lambda: True)
        desk.run("undo", run, answer="n")
        assert desk.held("first_name") == ["Anna"] * 3
        desk.run("undo", run, answer="y")
        assert desk.held("first_name") == ["Anna", None, None]

    def test_the_choice_after_it(self, desk: Desk) -> None:
        desk.edit("left", first_name="Anna")
        run = desk.json("sync")["run"]
        desk.run("undo", str(run))
        desk.run("sync")
        [waiting] = desk.json("conflicts", "--status", "waiting")["conflicts"]
        assert waiting["rule"] == f"undone: run {run}"
        desk.run("conflicts", "resolve", str(waiting["id"]), "--keep")
        desk.run("sync")
        assert desk.held("first_name") == [None] * 3
        assert desk.json("conflicts", "--status", "waiting")["conflicts"] == []
        told = desk.json("explain", "contact", "a@x.example", "--run", str(run))
        assert told["fields"]["first_name"]["value"] == "Anna"
        assert "as it was after run" in desk.run("explain", "contact", "a@x.example", "--run", "1")
        desk.run("explain", "contact", "a@x.example", "--run", "999", code=2)


class TestConflicts:
    @pytest.fixture
    def waiting(self, desk: Desk) -> dict[str, int]:
        """Conflicts about a job title, a street and a city; their numbers."""
        desk.edit("left", job_title="Chief", street="1 High St", city="York")
        desk.edit("middle", job_title="Boss", street="2 Low St", city="Bath")
        desk.run("sync")
        found = desk.json("conflicts", "--status", "waiting")["conflicts"]
        return {row["field"]: row["id"] for row in found}

    def test_a_connections_value_comes_with_all_that_goes_with_it(
        self, desk: Desk, waiting: dict[str, int]
    ) -> None:
        assert waiting.keys() == {"job_title", "street", "city"}
        told = desk.run("conflicts", "resolve", str(waiting["city"]), "--from", "middle")
        assert "street will be 2 Low St" in told
        desk.run("sync")
        assert desk.held("street") == ["2 Low St"] * 3
        assert desk.held("city") == ["Bath"] * 3
        assert desk.held("job_title") == ["Chief", "Boss", "Buyer"]

    def test_a_given_value(self, desk: Desk, waiting: dict[str, int]) -> None:
        desk.run("conflicts", "resolve", str(waiting["job_title"]), "Director")
        desk.run("sync")
        assert desk.held("job_title") == ["Director"] * 3

    def test_all_by_the_connection_preferred(self, desk: Desk, waiting: dict[str, int]) -> None:
        told = desk.run("conflicts", "resolve", "--all", "--prefer", "right")
        assert "Decided 0 of 3 conflicts" in told
        told = desk.run(
            "conflicts", "resolve", "--all", "--prefer", "left", "--field", "job_title",
        )  # fmt: skip
        assert "Decided 1 of 1 conflicts" in told
        desk.run("conflicts", "resolve", "--all", "--prefer", "middle", "--object", "contact")
        desk.run("sync")
        assert desk.held("job_title") == ["Chief"] * 3
        assert desk.held("city") == ["Bath"] * 3
        assert desk.json("conflicts", "--status", "waiting")["conflicts"] == []

    def test_all_as_they_were(self, desk: Desk, waiting: dict[str, int]) -> None:
        desk.run("conflicts", "resolve", "--all", "--keep")
        desk.run("sync")
        assert desk.held("job_title") == ["Buyer"] * 3
        assert desk.held("street") == [None] * 3

    @pytest.mark.parametrize(
        "arguments",
        [
            [], ["--all"], ["7", "--all", "--keep"], ["7"], ["--all", "--keep", "--prefer", "left"],
            ["7", "x", "--keep"], ["7", "--keep", "--field", "city"], ["999", "--keep"],
            ["--all", "--prefer"],
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused(self, desk: Desk, arguments: list[str]) -> None:
        desk.run("conflicts", "resolve", *arguments, code=2)


class TestListingsThatAreDoubted:
    """One account lists nothing of what the hub knows there, while Ann is edited in another."""

    @pytest.fixture
    def doubted(self, desk: Desk) -> dict[str, Any]:
        """What the account held; run 3 is held for it, and run 4 as well."""
        for number in range(25):
            desk.create("left", last_name=f"P{number}", email=f"p{number}@x.example")
        desk.run("sync")
        desk.edit("right", city="Fang")
        rows = desk.accounts["left"].rows["contact"]
        kept = dict(rows)
        rows.clear()
        before = desk.written()
        for arguments in (("--full",), ()):
            told = plain(desk.run("sync", *arguments, code=3))
            assert "left lists only 0 of 26 known contact records" in told
        assert "`concord approve 4`" in told
        assert desk.written() == before
        return kept

    def links(self, desk: Desk) -> set[str]:
        """The accounts in which Ann has a record."""
        told = desk.json("explain", "contact", "a@x.example")
        return {link["connection"] for link in told["links"]}

    def test_the_held_run_says_why_and_what_waits(
        self, desk: Desk, doubted: dict[str, Any]
    ) -> None:
        told = desk.json("runs", "3")
        assert told["status"] == "held"
        assert {(w["connection"], *w["fields"]) for w in told["held_writes"]} == {
            ("left", "city"), ("middle", "city"),
        }  # fmt: skip
        assert "left lists only 0 of 26" in plain(desk.run("runs", "3"))

    def test_approved_the_records_are_taken_for_deleted(
        self, desk: Desk, doubted: dict[str, Any]
    ) -> None:
        told = plain(desk.run("approve", "3"))
        assert "26 contacts that left does not list are taken for deleted." in told
        assert "Approved 2 writes of run 3. The next run sends them" in told
        report = desk.json("sync")
        assert (report["status"], report["writes"]) == ("done", 1), "middle has Ann, left has not"
        assert desk.held("city") == ["Fang", "Fang"]
        assert self.links(desk) == {"middle", "right"}
        assert [len(desk.live(name)) for name in NAMES] == [0, 26, 26], "nothing is made again"
        assert {row["run"]: row["status"] for row in desk.json("runs")["runs"]} == {
            1: "done", 2: "done", 3: "approved", 4: "discarded", 5: "done",
        }  # fmt: skip
        assert desk.json("sync")["writes"] == 0
        assert "is not held" in plain(desk.output("approve", "4", code=2))

    def test_approved_a_delete_that_travels_is_held_by_the_limits(
        self, desk: Desk, doubted: dict[str, Any]
    ) -> None:
        desk.settings(SETTINGS.replace("create_in:", "deletes: archive\n    create_in:"))
        desk.run("approve", "4")
        before = desk.written()
        told = plain(desk.run("sync", code=3))
        assert "archive 26 contacts in middle, which has 26 (limit 20% of them)" in told
        assert desk.written() == before
        desk.run("approve", "5")
        desk.run("sync")
        assert [len(desk.live(name)) for name in NAMES] == [0, 0, 0]

    def test_discarded_it_stays_in_doubt_until_the_records_are_listed_again(
        self, desk: Desk, doubted: dict[str, Any]
    ) -> None:
        told = plain(desk.run("discard", "3"))
        assert "Dropped 2 writes of run 3." in told
        assert "26 contacts that left does not list are not taken for deleted" in told
        before = desk.written()
        assert "left lists only 0 of 26" in plain(desk.run("sync", code=3))
        assert desk.written() == before
        assert self.links(desk) == set(NAMES)
        desk.accounts["left"].rows["contact"].update(doubted)
        desk.run("sync", code=3)  # one call tells that it is worth reading all of them again
        desk.run("sync")
        assert desk.held("city") == ["Fang"] * 3, "what was dropped was decided afresh"
        assert desk.json("sync")["writes"] == 0

    def test_a_run_held_for_its_limits_says_nothing_of_listings(self, desk: Desk) -> None:
        limited = SETTINGS.replace("create_in:", "limits: {create: 1}\n    create_in:")
        desk.settings(limited)
        for name in ("Bo", "Cy"):
            desk.create("left", last_name=name, email=f"{name}@x.example")
        desk.run("sync", code=3)
        assert plain(desk.run("discard", "2")) == "Dropped 4 writes of run 2."


def plain(told: str) -> str:
    """What was printed, on one line."""
    return " ".join(told.split())
