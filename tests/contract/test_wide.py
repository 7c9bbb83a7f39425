"""More fields than one call may ask for, and more records than one vendor lists in one stamp."""

from __future__ import annotations

from itertools import islice

import pytest

from connectors.base import Record, Write
from tests.contract.rig import OLD, Mirror, Rig

WIDE = 360
"""Fields whose names together are longer than any vendor's URL."""


def test_long_field_lists_are_split_and_joined(rig: Rig) -> None:
    thing = rig.words.company
    names = rig.widen(thing, WIDE)
    rows = [thing.row(f"r{n}", **{name: f"{name} {n}" for name in names}) for n in range(3)]
    made = rig.load(thing, rows, at=OLD)
    asked = [thing.title, *names]
    wanted = {id: {name: row[name] for name in asked} for id, row in zip(made, rows, strict=True)}
    pages = list(rig.connector.pull(thing.object, asked, None))
    records = [record for page in pages for record in page.records]
    assert {record.id: dict(record.values) for record in records} == wanted
    fetched = rig.connector.fetch(thing.object, made, asked)
    assert {record.id: dict(record.values) for record in fetched} == wanted
    [found] = rig.connector.find(thing.object, thing.title, ["r1"], asked)
    assert dict(found.values) == wanted[found.id]
    rig.clock.advance(600)
    rig.edit(thing, made[2], {names[0]: "first", names[-1]: "last"})
    rig.settle()
    [record] = [
        r for p in rig.connector.pull(thing.object, asked, pages[-1].cursor) for r in p.records
    ]
    assert dict(record.values) == {**wanted[made[2]], names[0]: "first", names[-1]: "last"}
    changed = {name: f"by us {name}" for name in names}
    [result] = rig.push(thing, Write("k", "update", changed, id=made[0]))
    assert result.error is None
    [record] = rig.connector.fetch(thing.object, [made[0]], names)
    assert dict(record.values) == changed


@pytest.mark.parametrize("edits", [1, 3])
def test_a_record_changed_between_two_parts_is_not_torn(rig: Rig, edits: int) -> None:
    """After each of some calls a person changes every field of the record."""
    thing = rig.words.company
    names = rig.widen(thing, WIDE)
    [id] = rig.load(thing, [thing.row("r", **dict.fromkeys(names, "v0"))], at=OLD)
    connector = rig.connector
    connector.describe(thing.object)
    left = edits

    def edit() -> None:
        nonlocal left
        if left:
            left -= 1
            rig.clock.advance(3)
            rig.edit(thing, id, dict.fromkeys(names, f"v{edits - left}"))

    def whole(record: Record) -> str:
        [value] = set(record.values.values())
        return str(value)

    rig.meanwhile = edit
    pages = list(connector.pull(thing.object, names, None))
    seen = [whole(record) for page in pages for record in page.records]
    rig.meanwhile = None
    while left:
        edit()
    rig.settle()
    for page in connector.pull(thing.object, names, pages[-1].cursor):
        seen += [whole(record) for record in page.records]
    assert seen[-1] == f"v{edits}"
    left = edits
    rig.meanwhile = edit
    for record in connector.fetch(thing.object, [id], names):
        assert whole(record)
    left = edits
    for record in connector.find(thing.object, thing.title, ["r"], names):
        assert whole(record)


@pytest.mark.needs("time")
def test_25_000_changes_of_one_instant(rig: Rig) -> None:
    """Past the 10,000 results of HubSpot's search and the 2,000 rows of Zoho's queries; cut off,
    and gone on with by another connector."""
    thing = rig.words.contact
    mirror = Mirror(thing).take(rig.pages(thing))
    rig.clock.advance(600)
    rig.fill(thing, 25_000)
    rig.settle()
    pull = rig.connector.pull(thing.object, [thing.title], mirror.cursor)
    mirror.take(islice(pull, 7))
    assert 0 < len(mirror.rows) < 25_000
    mirror.take(rig.connect().pull(thing.object, [thing.title], mirror.cursor))
    assert mirror.rows == rig.truth(thing)
