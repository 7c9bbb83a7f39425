"""Deciding at the terminal which records are the same: in-memory accounts, real commands."""

from __future__ import annotations

import getpass
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.memory import Account, register
from sync.cli import app
from sync.commands import duplicates
from sync.engine.decide.identity import Refused
from sync.engine.run import LEASE
from sync.scores.numbers import read, shipped
from sync.store import books, tables
from sync.store.database import open_engine, session
from tests.stateful.accounts import described

SETTINGS = """
hub: {region: TH, store: "sqlite:///hub.db"}
connections:
  left: {vendor: memory, url: "memory://left", auth: {}, objects: [contact]}
  right: {vendor: memory, url: "memory://right", auth: {}, objects: [contact]}
objects:
  contact: {match: [email, {keys: [full_name], asks: true}], create_in: [left, right]}
"""


class Desk:
    """Somebody at a terminal with two accounts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = datetime.now(UTC) - timedelta(days=1)
        self.accounts = {}
        for name in ("left", "right"):
            account = Account(name, described(), clock=lambda: self.time)
            register(account)
            self.accounts[name] = account
        (folder / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
        self.run("connect")

    def run(self, *arguments: str, code: int = 0) -> str:
        """A command that must end with `code`; what it prints."""
        settings = str(self.folder / "settings.yaml")
        result = CliRunner().invoke(app, ["-q", "--settings", settings, *arguments])
        assert result.exit_code == code, result.output
        return result.output

    def json(self, *arguments: str) -> dict[str, Any]:
        """The JSON object that a command prints."""
        body = json.loads(self.run(*arguments, "--json"))
        assert isinstance(body, dict)
        return body

    def create(self, account: str, first: str, email: str, last: str = "Rock") -> str:
        """A person makes a contact."""
        self.time += timedelta(seconds=10)
        values = {"first_name": first, "last_name": last, "email": email}
        return self.accounts[account].create("contact", values)

    def entities(self) -> list[str]:
        """The entity of each live record, by account."""
        return [
            self.json("explain", "contact", record)["entity"]
            for account in self.accounts.values()
            for record in sorted(account.live("contact"))
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def asked(desk: Desk) -> tuple[str, str]:
    """Two contacts that a rule asks about."""
    found = desk.create("left", "Ann", "a@x.example"), desk.create("right", "Ann", "b@y.example")
    assert desk.json("sync")["objects"]["contact"]["asked"] == 1
    assert "contact" not in desk.json("sync")["objects"]
    return found


def test_a_pair_waits_until_it_is_called_the_same(desk: Desk, asked: tuple[str, str]) -> None:
    [pair] = desk.json("review")["reviews"]
    assert (pair["one"], pair["two"]) == (f"left:{asked[0]}", f"right:{asked[1]}")
    assert "a@x.example" in desk.run("review")
    assert len(set(desk.entities())) == 2
    desk.run("review", "same", str(pair["id"]), "--why", "met her")
    desk.run("sync")
    assert len(desk.entities()) == 2
    assert len(set(desk.entities())) == 1
    assert desk.json("review") == {"reviews": []}
    told = desk.json("explain", "contact", asked[0])["decisions"]
    assert [(d["verdict"], d["who"], d["note"]) for d in told] == [
        ("same", getpass.getuser(), "met her")
    ]
    assert "the same as right" in desk.run("explain", "contact", asked[0])
    assert "no pair" in desk.run("review", "same", str(pair["id"]), code=2)


def test_a_pair_called_apart_gets_its_own_copies(desk: Desk, asked: tuple[str, str]) -> None:
    [pair] = desk.json("review")["reviews"]
    desk.run("review", "apart", str(pair["id"]))
    desk.run("sync")
    assert "No pairs" in desk.run("review")
    assert [len(account.live("contact")) for account in desk.accounts.values()] == [2, 2]
    assert len(set(desk.entities())) == 2
    assert "kept apart from right" in desk.run("explain", "contact", asked[0])


def test_split_and_same_undo_each_other(desk: Desk) -> None:
    one, two = desk.create("left", "Ann", "a@x.example"), desk.create("right", "An", "a@x.example")
    desk.run("sync")
    assert len(set(desk.entities())) == 1
    desk.run("apart", "contact", f"left:{one}", f"right:{two}", code=2)
    desk.run("split", "contact", f"right:{two}")
    assert len(set(desk.entities())) == 2
    desk.run("same", "contact", f"left:{one}", f"right:{two}")
    assert len(set(desk.entities())) == 1


# -- duplicates --------------------------------------------------------------------------


@pytest.fixture
def twins(desk: Desk) -> tuple[str, str]:
    """Two contacts of one account that share an address; a name differs."""
    found = desk.create("left", "Ann", "a@x.example"), desk.create("left", "Anna", "A@x.example")
    desk.run("sync")
    return found


def test_no_duplicates_are_said_to_be_none(desk: Desk) -> None:
    desk.create("left", "Ann", "a@x.example")
    desk.run("sync")
    assert desk.run("duplicates") == "No duplicates.\n"
    assert desk.json("duplicates") == {"duplicates": []}
    assert desk.run("duplicates", "apart", "--all") == "Kept apart 0 of 0 pairs.\n"


def test_duplicates_are_listed_with_what_speaks_for_it(desk: Desk, twins: tuple[str, str]) -> None:
    [pair] = desk.json("duplicates")["duplicates"]
    assert (pair["record"], pair["of"]) == twins
    assert (pair["connection"], pair["rule"], pair["name"]) == ("left", "email", "a@x.example")
    assert pair["keys"] == {"email": ["a@x.example"]}
    evidence = pair["evidence"]
    assert evidence["first_name"] == ["Ann", "Anna"]
    assert evidence["last_name"] == ["Rock", "Rock"]
    assert evidence["email"][0] == "a@x.example"
    assert "phone" not in evidence, "neither has one"
    told = desk.run("duplicates")
    for words in (*twins, "key email", "first_name", "Anna"):
        assert words in told
    refused = desk.run("same", "contact", f"left:{twins[0]}", f"left:{twins[1]}", code=2)
    assert "merge them in the CRM" in refused.replace("\n", " ")


def test_duplicates_are_kept_apart_by_their_number(desk: Desk, twins: tuple[str, str]) -> None:
    [pair] = desk.json("duplicates")["duplicates"]
    assert "no pair of duplicates 99" in desk.run("duplicates", "apart", "99", code=2)
    told = desk.run("duplicates", "apart", str(pair["id"]), "--why", "mother and daughter")
    assert told == f"left:{twins[0]} and left:{twins[1]} are kept apart.\n"
    assert "No duplicates" in desk.run("duplicates")
    [word] = desk.json("explain", "contact", twins[0])["decisions"]
    assert (word["verdict"], word["who"], word["note"]) == (
        "apart", getpass.getuser(), "mother and daughter",
    )  # fmt: skip
    assert "no pair of duplicates" in desk.run("duplicates", "apart", str(pair["id"]), code=2)
    desk.run("sync", "--full")
    assert "No duplicates" in desk.run("duplicates")


def test_records_named_by_hand_are_listed_no_more(desk: Desk, twins: tuple[str, str]) -> None:
    desk.run("apart", "contact", f"left:{twins[0]}", f"left:{twins[1]}")
    assert "No duplicates" in desk.run("duplicates")


def test_duplicates_that_are_merged_in_their_account_are_listed_no_more(
    desk: Desk, twins: tuple[str, str]
) -> None:
    desk.time += timedelta(seconds=10)
    desk.accounts["left"].merge("contact", *twins)
    desk.run("sync")
    assert "No duplicates" in desk.run("duplicates")


def test_duplicates_that_share_nothing_any_more_are_listed_no_more(
    desk: Desk, twins: tuple[str, str]
) -> None:
    desk.time += timedelta(seconds=10)
    desk.accounts["left"].edit("contact", twins[1], {"email": "anna@x.example"})
    desk.run("sync")
    assert "No duplicates" in desk.run("duplicates")
    desk.accounts["left"].edit("contact", twins[1], {"email": "a@x.example"})
    desk.time += timedelta(seconds=10)
    desk.run("sync")
    assert len(desk.json("duplicates")["duplicates"]) == 1


@pytest.fixture
def many(desk: Desk) -> list[int]:
    """Three contacts that share one address, and 20 pairs; their numbers."""
    for first in ("Ann", "Bob", "Cem"):
        desk.create("left", first, "rocks@x.example")
    for number in range(20):
        for first in ("Dan", "Eva"):
            desk.create("left", first, f"p{number}@x.example", f"N{number}")
    desk.run("sync")
    return [pair["id"] for pair in desk.json("duplicates")["duplicates"]]


def test_of_many_duplicates_the_first_are_shown(desk: Desk, many: list[int]) -> None:
    assert len(many) == len(set(many)) == 20 + 3
    told = desk.run("duplicates")
    assert "… and 3 more" in told
    assert told.count("key email") == 20


def test_several_duplicates_are_answered_at_once(desk: Desk, many: list[int]) -> None:
    desk.run("duplicates", "apart", *map(str, many[:3]), "--why", "all different")
    assert [pair["id"] for pair in desk.json("duplicates")["duplicates"]] == many[3:]
    assert "Kept apart 0 of 20 pairs" in desk.run(
        "duplicates", "apart", "--all", "--object", "deal"
    )
    assert "Kept apart 20 of 20 pairs" in desk.run(
        "duplicates", "apart", "--all", "--object", "contact"
    )
    assert "No duplicates" in desk.run("duplicates")


@pytest.mark.parametrize("arguments", [[], ["1", "--all"], ["1", "--object", "contact"], ["x"]])
def test_an_answer_about_duplicates_that_makes_no_sense_is_refused(
    desk: Desk, arguments: list[str]
) -> None:
    desk.run("duplicates", "apart", *arguments, code=2)


def test_duplicates_that_cannot_be_decided_do_not_keep_the_others(
    desk: Desk, many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = duplicates.keep_apart
    first = desk.json("duplicates")["duplicates"][0]

    def refuse(store: Any, object: str, word: Any) -> None:
        if word.one.record == first["record"] and word.two.record == first["of"]:
            raise Refused("it has not been matched yet")
        real(store, object, word)

    monkeypatch.setattr(duplicates, "keep_apart", refuse)
    told = desk.run("duplicates", "apart", "--all", code=2)
    assert "Kept apart 22 of 23 pairs." in told
    assert f"pair {first['id']}: it has not been matched yet" in told
    assert [pair["id"] for pair in desk.json("duplicates")["duplicates"]] == [first["id"]]


# -- records by name ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "words"),
    [("left", "CONNECTION:RECORD"), ("nope:1", "no connection"), ("left:1", "no live contact")],
)
def test_records_that_do_not_exist_are_named(desk: Desk, written: str, words: str) -> None:
    assert words in desk.run("split", "contact", written, code=2)


def test_a_record_is_not_decided_about_with_itself(desk: Desk) -> None:
    assert "named twice" in desk.run("same", "contact", "left:1", "left:1", code=2)


def test_nothing_is_decided_while_a_run_is_at_work(
    desk: Desk, asked: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(f"sqlite:///{desk.folder / 'hub.db'}")
    with session(engine) as store:
        row = {"name": LEASE, "holder": "elsewhere:1", "until": datetime.now(UTC)}
        store.upsert(tables.lease, [{**row, "until": row["until"] + timedelta(hours=1)}])
        store.commit()
    assert "another run" in desk.run(
        "apart", "contact", f"left:{asked[0]}", f"right:{asked[1]}", code=3
    )
    with session(engine) as store:
        books.release_lease(store, LEASE)
        store.commit()
    engine.dispose()
    desk.run("apart", "contact", f"left:{asked[0]}", f"right:{asked[1]}")


# -- many at once ------------------------------------------------------------------------


@pytest.fixture
def several(desk: Desk) -> list[int]:
    """Three pairs that a rule asks about; their numbers."""
    for name in ("Ann", "Bob", "Cem"):
        desk.create("left", name, f"{name}@x.example")
        desk.create("right", name, f"{name}@y.example")
    desk.run("sync")
    return [pair["id"] for pair in desk.json("review")["reviews"]]


def test_several_pairs_are_answered_at_once(desk: Desk, several: list[int]) -> None:
    first, second, third = several
    desk.run("review", "same", str(first), str(third), "--why", "met them")
    assert [pair["id"] for pair in desk.json("review")["reviews"]] == [second]
    desk.run("review", "apart", "--alike", "1")
    assert desk.json("review")["reviews"] == []
    desk.run("sync")
    assert len(set(desk.entities())) == 4


def test_pairs_below_the_share_are_left_alone(desk: Desk, several: list[int]) -> None:
    desk.run("review", "apart", "--alike", "0.5")
    assert len(desk.json("review")["reviews"]) == 3
    desk.run("review", "same", "--alike", "0.99")
    assert desk.json("review")["reviews"] == []


def test_a_pair_that_cannot_be_joined_does_not_keep_the_others(
    desk: Desk, several: list[int]
) -> None:
    [one, *_] = desk.json("review")["reviews"]
    left, right = one["one"].partition(":")[2], one["two"].partition(":")[2]
    desk.run("review", "apart", str(one["id"]))
    desk.run("sync")  # each gets its copy in the other account
    desk.run("same", "contact", f"left:{left}", f"right:{right}", code=2)
    told = desk.run("review", "same", *map(str, several), code=2)
    assert "no pair to review" in told
    desk.run("review", "same", *map(str, several[1:]))
    assert desk.json("review")["reviews"] == []


def test_an_answer_needs_pairs(desk: Desk) -> None:
    assert "name the pairs" in desk.run("review", "same", code=2)


# -- scores ------------------------------------------------------------------------------

SCORING = SETTINGS.replace(
    "{keys: [full_name], asks: true}], ", "full_name+birth_date], score: {review: 0.6}, "
)


def like_ann(desk: Desk) -> None:
    for account, last, number in (("left", "Rockwell", "1"), ("right", "Rockwel", "2")):
        desk.time += timedelta(seconds=10)
        desk.accounts[account].create(
            "contact",
            {"first_name": "Annabel", "last_name": last, "email": f"ann{number}@x{number}.example",
             "mobile": "081 234 5678", "birth_date": "1980-02-29"},
        )  # fmt: skip


def test_a_scored_pair_waits_with_what_each_field_adds(desk: Desk) -> None:
    pytest.importorskip("splink")
    (desk.folder / "settings.yaml").write_text(SCORING, encoding="utf-8")
    like_ann(desk)
    assert desk.json("sync")["objects"]["contact"]["asked"] == 1
    [pair] = desk.json("review")["reviews"]
    assert pair["rule"] == "score"
    assert 0.6 <= pair["score"] <= 1
    one, two, bits = pair["evidence"]["birth_date"]
    assert (one, two) == ("1980-02-29", "1980-02-29")
    assert bits > 5
    assert f"{bits:+.1f}" in desk.run("review")
    assert [len(account.live("contact")) for account in desk.accounts.values()] == [1, 1]
    desk.run("review", "same", str(pair["id"]))
    desk.run("sync")
    assert len(set(desk.entities())) == 1


def test_new_records_meet_old_ones_by_rules_that_were_changed_meanwhile(desk: Desk) -> None:
    old = desk.create("left", "Ann", "a@x.example")
    desk.run("sync")
    changed = SETTINGS.replace("{keys: [full_name], asks: true}], ", "last_name+first_initial], ")
    desk.accounts["right"].remove("contact", next(iter(desk.accounts["right"].live("contact"))))
    (desk.folder / "settings.yaml").write_text(changed, encoding="utf-8")
    desk.run("sync")
    new = desk.create("right", "Anna", "b@y.example")
    desk.run("sync")
    told = desk.json("explain", "contact", new)
    assert told["entity"] == desk.json("explain", "contact", old)["entity"]


def test_scores_that_are_switched_on_look_at_what_is_there_once(desk: Desk) -> None:
    pytest.importorskip("splink")
    alone = SETTINGS.replace("create_in: [left, right]", "create_in: []")
    (desk.folder / "settings.yaml").write_text(alone, encoding="utf-8")
    like_ann(desk)
    desk.run("sync")
    assert desk.json("review") == {"reviews": []}
    scoring = SCORING.replace("create_in: [left, right]", "create_in: []")
    (desk.folder / "settings.yaml").write_text(scoring, encoding="utf-8")
    assert desk.json("sync")["objects"]["contact"]["asked"] == 1
    [pair] = desk.json("review")["reviews"]
    assert pair["rule"] == "score"
    assert "contact" not in desk.json("sync")["objects"]
    desk.run("review", "same", str(pair["id"]))
    desk.run("sync")
    assert len(set(desk.entities())) == 1


def test_scores_without_splink_are_refused_with_advice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.scores.scorer.available", lambda: False)
    (desk.folder / "settings.yaml").write_text(SCORING, encoding="utf-8")
    like_ann(desk)
    assert "pip install 'concord-crm[match]'" in desk.run("sync", code=2)
    assert "pip install 'concord-crm[match]'" in desk.run("train", "contact", code=2)
    (desk.folder / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
    desk.run("sync")


def test_what_cannot_be_scored_is_refused(desk: Desk) -> None:
    wrong = SETTINGS.replace("contact: {match", "deal: {score: {}}\n  contact: {match")
    (desk.folder / "settings.yaml").write_text(wrong, encoding="utf-8")
    assert "objects.deal.score: scores are made for company and contact only" in desk.run(
        "sync", code=2
    )
    wrong = SCORING.replace("review: 0.6", "model: none.json")
    (desk.folder / "settings.yaml").write_text(wrong, encoding="utf-8")
    assert "`concord train contact` writes such a file" in desk.run("sync", code=2)
    wrong = SCORING.replace("review: 0.6", "link: 0.99")
    (desk.folder / "settings.yaml").write_text(wrong, encoding="utf-8")
    assert "greater than or equal to 0.9999" in desk.run("sync", code=2)


def test_training_needs_records(desk: Desk) -> None:
    pytest.importorskip("splink")
    desk.create("left", "Ann", "a@x.example")
    desk.run("sync")
    assert "too few to train on" in desk.run("train", "contact", code=2)


FIRST = ("Annabel", "Bernard", "Cecilia", "Dominic", "Eleanor", "Frederic")
LAST = ("Rockwell", "Stonebridge", "Underwood", "Vandermeer", "Whitfield")


@pytest.fixture
def crowd(desk: Desk) -> Desk:
    """260 people whom both accounts know, some of them under another address; no rule
    asks, and no copies are made."""
    settings = SETTINGS.replace("{keys: [full_name], asks: true}]", "full_name+birth_date]")
    settings = settings.replace("create_in: [left, right]", "create_in: []")
    (desk.folder / "settings.yaml").write_text(settings, encoding="utf-8")
    chance = random.Random(3)
    for n in range(260):
        person = {
            "first_name": chance.choice(FIRST), "last_name": f"{chance.choice(LAST)}{n % 40}",
            "birth_date": f"19{chance.randint(40, 99)}-{chance.randint(1, 12):02}-11",
            "email": f"somebody{n}@firm{n % 30}.example", "city": f"City {n % 9}",
        }  # fmt: skip
        moved = {**person, "email": f"other{n}@home.example"} if n % 3 == 0 else person
        desk.accounts["left"].create("contact", person)
        desk.accounts["right"].create("contact", {**moved, "city": f"City {chance.randint(0, 8)}"})
    linked = desk.json("sync")["objects"]["contact"]["linked"]
    assert linked == 260
    return desk


def test_numbers_are_trained_from_the_records_and_used_by_the_next_run(crowd: Desk) -> None:
    pytest.importorskip("splink")
    before = {name: account.writes for name, account in crowd.accounts.items()}
    told = crowd.run("train", "contact").replace("\n", " ")
    path = crowd.folder / "contact.numbers.json"
    assert "Trained on 520 records" in told
    assert "objects.contact.score.model: contact.numbers.json" in told
    numbers = read(path, "contact")
    assert numbers.records == 520
    assert numbers.prior == pytest.approx(260 / 0.7 / (520 * 519 / 2))
    agree, by_chance = numbers.levels["birth_date"]["equal"]
    assert agree > 0.8 > 0.1 > by_chance
    text = path.read_text(encoding="utf-8")
    assert "somebody" not in text, "nothing of a single person"
    assert "annabel" in text, "names that several have are there with their shares"
    assert {name: account.writes for name, account in crowd.accounts.items()} == before
    assert crowd.json("review") == {"reviews": []}, "nothing is linked or asked by training"
    settings = (crowd.folder / "settings.yaml").read_text(encoding="utf-8")
    scored = settings.replace(
        "create_in:", "score: {review: 0.6, model: contact.numbers.json}, create_in:"
    )
    (crowd.folder / "settings.yaml").write_text(scored, encoding="utf-8")
    for account, name in (("left", "annabel"), ("right", "ann.u")):
        person = {"first_name": "Annabel", "last_name": "Underwood777", "mobile": "081 234 5678"}
        values = {**person, "email": f"{name}@firm1.example"}
        crowd.accounts[account].create("contact", values)
    assert crowd.json("sync")["objects"]["contact"]["asked"] == 1
    [pair] = crowd.json("review")["reviews"]
    assert pair["rule"] == "score"
    assert pair["evidence"]["last_name"][2] > 5, "a rare name, by the numbers that were learnt"


def test_the_numbers_go_where_they_are_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.commands.training.learn", lambda *_: shipped("contact"))
    elsewhere = desk.folder / "kept.json"
    desk.run("train", "contact", "--out", str(elsewhere))
    assert read(elsewhere, "contact") == shipped("contact")
    nowhere = desk.folder / "none" / "contact.json"
    assert "No such file" in desk.run("train", "contact", "--out", str(nowhere), code=2)
