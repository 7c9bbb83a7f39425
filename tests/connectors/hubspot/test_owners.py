"""Owners: all of them, and as few calls for that as can be."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import User
from tests.board import Board
from tests.connectors.hubspot.conftest import OLD, Box

DAY = 86_400


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def team(box: Box, board: Board) -> tuple[str, str]:
    """An owner and an archived one, whom an earlier run has read."""
    active, gone = box.sandbox.load(
        "owners",
        [
            {"firstName": "Ann", "lastName": "Rock", "email": "ann@x.example"},
            {"firstName": "Bob", "email": "bob@x.example", "archived": True},
        ],
    )
    read(box, board)
    return active, gone


def read(box: Box, board: Board | None) -> tuple[dict[str, User], int]:
    """The owners as a new process reads them, by id, and the calls that it took."""
    box.server.log.calls.clear()
    users = box.connect(shelf=board).users()
    assert len({user.id for user in users}) == len(users), "each once"
    return {user.id: user for user in users}, len(box.paths)


def meet(box: Box, board: Board, owner: str) -> None:
    """A run reads a contact of this owner."""
    [id] = box.sandbox.load(
        "contacts",
        [{"lastname": "n", "hubspot_owner_id": owner, "created_at": OLD, "modified_at": OLD}],
    )
    connector = box.connect(shelf=board)
    [record] = connector.fetch("contacts", [id], ["lastname", "hubspot_owner_id"])
    assert record.values["hubspot_owner_id"] == owner
    for _ in connector.pull("contacts", ["lastname", "hubspot_owner_id"], None):
        pass


def test_owners_of_both_kinds(box: Box) -> None:
    rows: list[dict[str, Any]] = [
        {"firstName": "پریسا", "lastName": "رضایی", "email": "p@x.example"},
        {"email": "gone@x.example", "archived": True},
    ]
    active, gone = box.sandbox.load("owners", rows)
    users = {user.id: user for user in box.connect().users()}
    assert (users[active].name, users[active].active) == ("پریسا رضایی", True)
    assert (users[gone].name, users[gone].active) == ("gone@x.example", False)
    assert "Concord Integration" in {user.name for user in users.values()}


def test_the_archived_ones_are_listed_once_a_day(
    box: Box, board: Board, team: tuple[str, str]
) -> None:
    first, calls = read(box, board)
    assert calls == 1
    assert [first[id].active for id in team] == [True, False]
    assert first[team[1]].email == "bob@x.example"
    box.sandbox.clock.advance(DAY - 60)
    assert read(box, board) == (first, 1)
    box.sandbox.clock.advance(60)
    assert read(box, board) == (first, 2)
    assert read(box, board) == (first, 1)


def test_without_a_shelf_both_lists_are_read(box: Box, team: tuple[str, str]) -> None:
    for _ in range(2):
        found, calls = read(box, None)
        assert (found.keys() >= set(team), calls) == (True, 2)


def test_other_credentials_see_what_was_kept_by_none(
    box: Box, board: Board, team: tuple[str, str]
) -> None:
    box.server.log.calls.clear()
    users = box.connect(box.sandbox.oauth_credentials(), shelf=board).users()
    assert {user.id for user in users} >= set(team)
    assert sum(path.startswith("GET /crm/v3/owners") for path in box.paths) == 2


def test_one_who_left_is_archived_in_the_next_run(
    box: Box, board: Board, team: tuple[str, str]
) -> None:
    box.sandbox.remove("owners", team[0])
    found, calls = read(box, board)
    assert (found[team[0]].active, calls) == (False, 2)
    assert read(box, board) == (found, 1)


def test_one_who_came_and_left_within_a_day_is_archived(
    box: Box, board: Board, team: tuple[str, str]
) -> None:
    [new] = box.sandbox.load("owners", [{"email": "new@x.example"}])
    found, calls = read(box, board)
    assert (found[new].active, calls) == (True, 1)
    box.sandbox.remove("owners", new)
    found, calls = read(box, board)
    assert (found[new].active, calls) == (False, 2)


def test_one_who_came_back_is_active(box: Box, board: Board, team: tuple[str, str]) -> None:
    box.sandbox.edit("owners", team[1], {"archived": False})
    found, calls = read(box, board)
    assert (found[team[1]].active, calls) == (True, 1)
    box.sandbox.remove("owners", team[1])
    found, _ = read(box, board)
    assert not found[team[1]].active


def test_an_owner_whom_nobody_knows_is_looked_for_once(
    box: Box, board: Board, team: tuple[str, str]
) -> None:
    """Somebody came and left between two runs, and owns a record."""
    [late] = box.sandbox.load("owners", [{"email": "late@x.example", "archived": True}])
    found, calls = read(box, board)
    assert (late in found, calls) == (False, 1)
    meet(box, board, late)
    found, calls = read(box, board)
    assert (found[late].active, calls) == (False, 2)
    meet(box, board, late)
    assert read(box, board) == (found, 1)


def test_an_owner_who_is_in_neither_list_is_not_looked_for_again(
    box: Box, board: Board, team: tuple[str, str]
) -> None:
    meet(box, board, "999999")
    meet(box, board, "999999")
    found, calls = read(box, board)
    assert ("999999" in found, calls) == (False, 2)
    meet(box, board, "999999")
    assert read(box, board) == (found, 1)
    box.sandbox.clock.advance(DAY)
    assert read(box, board) == (found, 2)


def test_owners_who_are_known_are_no_reason(box: Box, board: Board, team: tuple[str, str]) -> None:
    for owner in team:
        meet(box, board, owner)
    _, calls = read(box, board)
    assert calls == 1


def test_what_another_version_kept_is_read_anew(
    box: Box, board: Board, team: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = box.connect(shelf=board)._owners._shelf
    for body in ({}, {"at": "then"}, [], {"at": None}, "x"):
        kept.keep("owners", body)
        found, calls = read(box, board)
        assert (found.keys() >= set(team), calls) == (True, 2)
