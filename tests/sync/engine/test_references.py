"""Record ids in replicas, entity ids everywhere else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mapping.schema import OBJECTS, Fields
from sync.engine.references import outward, resolve
from sync.model import Place, Replica

DEAL = OBJECTS["deal"]
RECORDS = ["1", "2", "3", "4"]
LINKS = {("contact", Place("a", record)): f"con_{record}" for record in RECORDS[:3]} | {
    ("company", Place("a", "1")): "com_1",
    ("contact", Place("b", "4")): "con_4",
}


def replica(seen: Fields, base: Fields | None = None, **more: Any) -> Replica:
    return Replica(place=Place("a", "d"), seen=seen, base=base, **more)


def test_links_of_the_same_connection_and_object_count() -> None:
    found = resolve(DEAL, replica({"company": "1", "contacts": ["1", "4"], "name": "1"}), LINKS)
    assert found.member.seen == {"company": "com_1", "contacts": ["con_1"], "name": "1"}
    assert found.waits_for == (("contact", "4"),)
    assert found.member.unresolved == {"contacts"}


def test_an_unknown_reference_is_absent_and_an_empty_one_is_a_clear() -> None:
    unknown = resolve(DEAL, replica({"company": "9"}, {"company": "1"}), LINKS)
    assert "company" not in unknown.member.seen
    assert "company" not in unknown.base_records
    cleared = resolve(DEAL, replica({"company": None}, {"company": "1"}), LINKS)
    assert cleared.member.seen == {"company": None}
    assert cleared.member.base == {"company": "com_1"}


def test_renditions_speak_of_entities_too() -> None:
    told = replica({"company": "1"}, {"company": "1"}, renditions={"company": [None, "1"]})
    assert resolve(DEAL, told, LINKS).member.renditions == {"company": [None, "com_1"]}


def test_the_replica_itself_keeps_record_ids() -> None:
    one = replica({"company": "1", "contacts": ["1", "2"]}, {"company": "1"})
    before = (dict(one.seen), dict(one.base or {}))
    found = resolve(DEAL, one, LINKS)
    assert (one.seen, one.base) == before
    assert found.base_records == one.seen


@given(st.lists(st.sampled_from(RECORDS[:3]), unique=True), st.none() | st.just("1"))
def test_there_and_back(contacts: list[str], company: str | None) -> None:
    seen: Fields = {"contacts": sorted(contacts) or None, "company": company, "name": "n"}
    inward = resolve(DEAL, replica(seen), LINKS).member.seen
    known = {(t, entity): place.record for (t, place), entity in LINKS.items()
             if place.connection == "a"}  # fmt: skip
    assert outward(DEAL, inward, known) == (seen, [])


def test_what_has_no_record_there_is_left_out_and_named() -> None:
    body: Fields = {"company": "com_9", "contacts": ["con_1", "con_9"], "owner": None}
    found, missing = outward(DEAL, body, {("contact", "con_1"): "1"})
    assert found == {"contacts": ["1"], "owner": None}
    assert set(missing) == {("company", "com_9"), ("contact", "con_9")}
