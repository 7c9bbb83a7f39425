"""What one read of a record means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given

from connectors.base import Record
from mapping.schema import Fields
from sync.engine.look.absorb import absorb
from sync.model import Place, Replica
from tests.sync.engine.people import BODIES, CONTACT, DAY, same

PLACE = Place("a", "1")


def read(
    old: Replica | None, fields: Fields, day: int = 1, version: str = "", by: str = "ann"
) -> Replica | None:
    record = Record(
        object="Contact",
        id="1",
        values={},
        version=version or f"v{day}",
        modified_at=DAY + timedelta(days=day),
        modified_by=by,
    )
    return absorb(CONTACT, old, PLACE, record, fields, "", "hub", same)


def settled(fields: Fields, **more: Any) -> Replica:
    """A replica that was merged on day 0."""
    return Replica(
        place=PLACE, seen=dict(fields), base=dict(fields), version="v0", stamp=DAY,
        changed_at=DAY, waiting=False, **more,
    )  # fmt: skip


def written(fields: Fields, *names: str) -> Replica:
    """The same after our own write of some fields, version v1."""
    told = {"fields": list(names) or None, "version": "v1"}
    return settled(fields, expected=told)


class TestLaws:
    @given(BODIES, BODIES)
    def test_reading_twice_is_reading_once(self, old, fields):
        first = read(settled(old), fields) or settled(old)
        assert read(first, fields) is None

    @given(BODIES, BODIES)
    def test_what_was_not_read_stays(self, old, fields):
        found = read(settled(old), fields)
        assert found is None or found.seen == {**old, **fields}

    @given(BODIES, BODIES)
    def test_a_read_before_the_known_one_is_ignored(self, old, fields):
        assert read(settled(old), fields, day=-1) is None

    @given(BODIES, BODIES)
    def test_it_waits_exactly_if_a_value_differs(self, old, fields):
        found = read(settled(old), fields)
        differs = any(
            name not in old or not same(CONTACT.fields[name].kind, value, old[name])
            for name, value in fields.items()
        )
        assert bool(found and found.waiting) is differs

    @given(BODIES, BODIES)
    def test_an_echo_is_told_to_nobody(self, old, fields):
        for own in ({"version": "v1"}, {"by": "hub", "version": "v9"}):
            found = read(written(old), fields, **own) or written(old)
            assert not found.waiting
            assert found.seen == {**old, **fields}
            for name, value in fields.items():
                assert same(CONTACT.fields[name].kind, found.base[name], value)


def test_a_stamp_alone_is_no_change() -> None:
    found = read(settled({"job_title": "x"}), {"job_title": "x"}, day=5)
    assert found is not None
    assert not found.waiting
    assert found.changed_at == DAY


def test_another_way_to_write_the_same_is_no_change() -> None:
    found = read(settled({"phone": "02 123 4567"}), {"phone": "+66 2 123 4567"})
    assert found is not None
    assert not found.waiting


def test_a_clear_is_a_change() -> None:
    found = read(settled({"job_title": "x"}), {"job_title": None})
    assert found is not None
    assert found.waiting
    assert found.base == {"job_title": "x"}


def test_a_rendition_is_kept_with_what_was_sent() -> None:
    found = read(written({"job_title": "Boss"}, "job_title"), {"job_title": "BOSS"}, by="hub")
    assert found is not None
    assert found.renditions == {"job_title": ["Boss", "BOSS"]}
    later = read(found, {"job_title": "Chief"}, day=2)
    assert later is not None
    assert later.waiting
    assert later.renditions == {}


def test_a_person_who_changes_another_field_at_the_same_time_is_heard() -> None:
    old = written({"job_title": "x", "first_name": "n"}, "job_title")
    found = read(old, {"job_title": "x", "first_name": "m"}, by="hub", version="v1")
    assert found is not None
    assert found.waiting
    assert found.base == {"job_title": "x", "first_name": "n"}


def test_a_write_that_changed_nothing_there_is_told_to_nobody() -> None:
    """The vendor cut the value to what it held before, told no version, and saved nothing."""
    told = {"fields": ["job_title"], "version": ""}
    found = read(
        settled({"job_title": "Boss of all"}, expected=told), {"job_title": "Boss"}, 0, "v0"
    )
    assert found is not None
    assert not found.waiting
    assert found.renditions == {"job_title": ["Boss of all", "Boss"]}


def test_a_person_after_our_write_is_heard() -> None:
    found = read(written({"job_title": "x"}, "job_title"), {"job_title": "y"}, version="v2")
    assert found is not None
    assert found.waiting


def test_a_second_difference_is_a_persons() -> None:
    """Only the first read after our write can be its echo."""
    first = read(written({"job_title": "x"}, "job_title"), {"job_title": "x"}, by="hub")
    assert first is not None
    second = read(first, {"job_title": "y"}, day=2, by="hub")
    assert second is not None
    assert second.waiting


def test_one_that_was_deleted_and_is_there_again_waits() -> None:
    gone = replace(settled({"job_title": "x"}), deleted=True, merged_into="7")
    found = read(gone, {"job_title": "x"})
    assert found is not None
    assert (found.deleted, found.merged_into, found.waiting) == (False, "", True)
