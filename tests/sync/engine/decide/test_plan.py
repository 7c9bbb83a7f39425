"""Which writes bring the records to what was agreed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mapping.schema import OBJECTS, Fields
from sync.engine.decide.plan import Planned, Target, plan
from sync.model import Member
from tests.sync.engine.people import BODIES, CONNECTIONS, CONTACT, member, members, same

NAMES = frozenset(CONTACT.fields) - {"created_at"}


def target(connection: str, **more: object) -> Target:
    chosen = {"writable": NAMES, "readable": frozenset(CONTACT.fields), **more}
    return Target(connection, **chosen)


def planned(
    fields: Fields, found: list[Member], *targets: Target, reach: bool = True, **more: object
) -> Planned:
    return plan(
        CONTACT,
        "con_1",
        fields,
        found,
        targets,
        same,
        lambda *_: reach,
        **more,
    )


class TestLaws:
    @given(BODIES, members(), st.sets(st.sampled_from(sorted(NAMES))))
    def test_after_all_writes_nothing_is_left_to_write(self, fields, found, blocked):
        targets = [target(c, creates=True) for c in CONNECTIONS]
        first = planned(fields, found, *targets, blocked=frozenset(blocked))
        after = {m.place.connection: m for m in found}
        for write in first.writes:
            assert not blocked & write.fields.keys()
            if write.kind == "update":
                old = after[write.connection]
                after[write.connection] = replace(old, seen={**old.seen, **write.fields})
            else:
                assert write.connection not in after
                empty: Fields = dict.fromkeys(CONTACT.fields)
                after[write.connection] = member(write.connection, {**empty, **write.fields})
        again = planned(fields, list(after.values()), *targets, blocked=frozenset(blocked))
        assert again.writes == ()

    @given(BODIES, members())
    def test_nothing_is_written_that_is_there_hidden_or_not_agreed(self, fields, found):
        for write in planned(fields, found, *(target(c) for c in CONNECTIONS)).writes:
            [m] = [m for m in found if m.place.connection == write.connection]
            assert write.record == m.place.record
            for name, value in write.fields.items():
                assert name in fields
                assert name in m.seen, "a hidden field is not written"
                assert not same(CONTACT.fields[name].kind, value, m.seen[name])
                assert write.before[name] == m.seen[name]


class TestUpdates:
    def test_a_clear_is_written(self) -> None:
        [write] = planned(
            {"job_title": None}, [member("a", {"job_title": "x"})], target("a")
        ).writes
        assert write.fields == {"job_title": None}

    def test_a_rendition_is_not_written_again(self) -> None:
        told = member("a", {"job_title": "BOSS"}, renditions={"job_title": ["Boss", "BOSS"]})
        assert planned({"job_title": "Boss"}, [told], target("a")).writes == ()
        assert planned({"job_title": "Chief"}, [told], target("a")).writes
        moved = replace(told, seen={"job_title": "BOS"})
        assert planned({"job_title": "Boss"}, [moved], target("a")).writes

    def test_what_the_mapping_does_not_write_is_left(self) -> None:
        only = target("a", writable=frozenset({"email"}))
        fields: Fields = {"job_title": "x", "email": "a@b.example"}
        [write] = planned(fields, [member("a", {"job_title": None, "email": None})], only).writes
        assert write.fields == {"email": "a@b.example"}

    def test_stage_and_probability_are_written_together(self) -> None:
        deal = OBJECTS["deal"]
        seen: Fields = {"stage": "proposal", "probability": "0.6", "name": "n"}
        where = Target("a", frozenset(deal.fields), frozenset(deal.fields))
        found = plan(
            deal, "dea_1", {**seen, "stage": "won"}, [member("a", seen)], [where], same,
            lambda *_: True,
        )  # fmt: skip
        [write] = found.writes
        assert write.fields == {"stage": "won", "probability": "0.6"}


class TestReferences:
    def test_one_without_a_record_there_waits(self) -> None:
        found = planned({"company": "com_1"}, [member("a", {"company": None})], target("a"),
                        reach=False)  # fmt: skip
        assert found.writes == ()
        assert [(m.connection, m.target_object, m.entity) for m in found.missing] == [
            ("a", "company", "com_1")
        ]

    def test_one_that_the_record_names_and_nobody_knows_is_left(self) -> None:
        told = member("a", {}, unresolved=frozenset({"company"}))
        assert planned({"company": "com_1"}, [told], target("a")).writes == ()

    def test_a_slot_for_one_is_content_with_any_of_them(self) -> None:
        deal = OBJECTS["deal"]
        where = Target("a", frozenset({"contacts"}), frozenset({"contacts"}),
                       frozenset({"contacts"}))  # fmt: skip

        def writes(held: list[str] | None) -> list[Fields]:
            seen: Fields = {"contacts": held}
            fields: Fields = {"contacts": ["con_1", "con_2"]}
            found = plan(deal, "d", fields, [member("a", seen)], [where], same, lambda *_: True)
            return [write.fields for write in found.writes]

        assert writes(["con_2"]) == []
        assert writes(["con_9"]) == [{"contacts": ["con_1"]}]
        assert writes(None) == [{"contacts": ["con_1"]}]


class TestCreates:
    def test_only_where_settings_say_so_and_nobody_deleted_it(self) -> None:
        fields: Fields = {"email": "a@b.example", "job_title": None}
        assert planned(fields, [], target("a")).writes == ()
        assert planned(fields, [], target("a", creates=True), buried=frozenset("a")).writes == ()
        [write] = planned(fields, [], target("a", creates=True)).writes
        assert (write.kind, write.record, write.fields) == ("create", "", {"email": "a@b.example"})

    def test_only_when_the_condition_holds(self) -> None:
        fields: Fields = {"email": "a@b.example", "country": "TH"}
        assert planned(fields, [], target("a", creates=True, when={"country": "TH"})).writes
        assert not planned(fields, [], target("a", creates=True, when={"country": "DE"})).writes

    def test_whatever_is_known_is_spread_and_nothing_is_not(self) -> None:
        (write,) = planned({"job_title": "x"}, [], target("a", creates=True)).writes
        assert write.fields == {"job_title": "x"}
        assert planned({"job_title": None}, [], target("a", creates=True)).writes == ()

    def test_archiving_reaches_every_record_and_creates_none(self) -> None:
        found = planned(
            {"email": "a@b.example"}, [member("a", {})], target("a"), target("b", creates=True),
            archive=True,
        )  # fmt: skip
        assert [(w.connection, w.kind, w.fields) for w in found.writes] == [("a", "archive", {})]
