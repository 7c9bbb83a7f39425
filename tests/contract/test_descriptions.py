"""Descriptions that outlive the process: they save calls, and never stand in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.base import Connector, Write
from connectors.descriptions import Descriptions
from tests.board import Board
from tests.contract.rig import OLD, Rig


@pytest.fixture
def board() -> Board:
    return Board()


def process(rig: Rig, board: Board) -> Connector:
    """A connector as a new process has it: signed in nowhere, with what was kept."""
    return rig.connect(shelf=board)


def test_a_new_process_does_not_ask_again(rig: Rig, board: Board) -> None:
    thing = rig.words.company
    names = (thing.title, rig.words.money)
    rig.fill(thing, 3, at=OLD)
    rig.clock.advance(1000)
    *_, page = process(rig, board).pull(thing.object, names, None)
    first, second = process(rig, board), process(rig, Board())
    rig.clock.advance(300)
    before = len(rig.calls)
    list(first.pull(thing.object, names, page.cursor))
    kept = [call.path for call in rig.calls[before:]]
    before = len(rig.calls)
    list(second.pull(thing.object, names, page.cursor))
    asked = [call.path for call in rig.calls[before:]]
    assert set(kept) <= set(asked)
    assert not [path for path in kept if "describe" in path or "settings" in path]
    assert bool(board.content) == (len(asked) > len(kept)), "nothing is kept that is not asked for"


def test_what_is_kept_is_what_was_said(rig: Rig, board: Board) -> None:
    object = rig.words.deal.object
    info = process(rig, board).describe(object)
    for sealed in board.content.values():
        assert rig.words.deal.title.encode() not in sealed
    access = rig.access(shelf=board)
    Descriptions(access).save(object, info, {"one", "two"})
    found = Descriptions(access).load(object)
    assert found is not None
    assert (found.info, found.keys) == (info, {"one", "two"})
    other = replace(access, auth={**access.auth, "more": "x"})
    assert Descriptions(other).load(object) is None, "other credentials see other fields"
    assert Descriptions(access).load("Nothing") is None
    board.content[object] = b"damaged"
    assert Descriptions(access).load(object) is None
    Descriptions(replace(access, shelf=None)).save(object, info)
    assert Descriptions(replace(access, shelf=None)).load(object) is None


@pytest.mark.parametrize("kind", ["hide_field", "remove_field"])
def test_a_field_that_went_away_since_is_absent(rig: Rig, board: Board, kind: str) -> None:
    thing, text = rig.words.company, rig.words.text
    [id] = rig.load(thing, [thing.row("one", **{text: "x"})], at=OLD)
    rig.clock.advance(1000)
    *_, page = process(rig, board).pull(thing.object, [thing.title, text], None)
    rig.fault(kind, object=thing.object, times=None, options={"field": text})
    rig.edit(thing, id, {thing.title: "two"})
    rig.settle()
    connector = process(rig, board)
    pages = connector.pull(thing.object, [thing.title, text], page.cursor)
    [record] = [record for page in pages for record in page.records]
    assert record.values == {thing.title: "two"}
    [result] = connector.push(thing.object, [Write("k", "update", {text: "y"}, id=id)])
    assert result.error is not None, "the vendor would have dropped it"


def test_a_field_that_came_since_is_read_in_full_and_written(rig: Rig, board: Board) -> None:
    thing, text = rig.words.company, rig.words.text
    [id] = rig.load(thing, [thing.row("one", **{text: "x"})], at=OLD)
    rig.fault("hide_field", object=thing.object, times=None, options={"field": text})
    list(process(rig, board).pull(thing.object, [thing.title, text], None))
    rig.clear_faults()
    pages = process(rig, board).pull(thing.object, [thing.title, text], None)
    assert [record.values[text] for page in pages for record in page.records] == ["x"]
    rig.fault("hide_field", object=thing.object, times=None, options={"field": text})
    list(process(rig, board).pull(thing.object, [thing.title, text], None))
    rig.clear_faults()
    [result] = process(rig, board).push(
        thing.object, [Write("k", "update", {text: "y"}, id=id, before={text: "x"})]
    )
    assert result.error is None
    assert rig.one(thing, id, text).values == {text: "y"}
