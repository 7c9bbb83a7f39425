"""What is agreed, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.schema import Fields, Policy
from sync.engine.decide.merge import merge
from sync.model import Member, Merged
from tests.sync.engine.people import (
    BODIES,
    CONTACT,
    DEAL,
    DECIDES,
    POLICIES,
    UNDONE,
    member,
    members,
    rules,
    same,
)


def agreed(agreed: Fields, *given: Member, **policies: Policy) -> Merged:
    return merge(CONTACT, agreed, given, rules(**policies), same)


class TestLaws:
    @given(BODIES, members(), POLICIES, st.randoms())
    def test_the_order_of_members_does_not_matter(self, old, found, policies, random):
        shuffled = list(found)
        random.shuffle(shuffled)
        assert agreed(old, *found, **policies) == agreed(old, *shuffled, **policies)

    @given(BODIES, members(), POLICIES)
    def test_merged_again_nothing_is_new(self, old, found, policies):
        first = agreed(old, *found, **policies)
        based = [
            replace(
                m,
                base={n: v for n, v in m.seen.items() if n not in first.blocked}
                | {n: v for n, v in (m.base or {}).items() if n in first.blocked},
            )
            for m in found
        ]
        second = agreed(first.fields, *based, **policies)
        assert second.fields == first.fields
        assert second.blocked == first.blocked
        assert not second.decisions
        written = [
            replace(m, seen=m.seen | first.fields, base=m.seen | first.fields) for m in based
        ]
        assert agreed(first.fields, *written).decisions == ()

    @given(BODIES, members(), POLICIES)
    def test_every_value_comes_from_somewhere(self, old, found, policies):
        outcome = agreed(old, *found, **policies)
        for name, value in outcome.fields.items():
            if name == "interests" or value is None:
                continue
            told = [old.get(name), *(m.seen.get(name) for m in found)]
            assert value in told
        assert outcome.fields.keys() <= old.keys() | {n for m in found for n in m.seen}

    @given(BODIES, members())
    def test_a_change_is_agreed_overruled_or_waits(self, old, found):
        outcome = agreed(old, *found, job_title=Policy.MANUAL)
        for m in found:
            base = m.base or {}
            if "job_title" not in m.seen or "job_title" not in base:
                continue
            value = m.seen["job_title"]
            if value != base["job_title"] and value != outcome.fields.get("job_title"):
                assert "job_title" in outcome.blocked
                assert (m.place, value) in {
                    c for d in outcome.disagreements for c in d.candidates
                } or any(value == v for d in outcome.disagreements for _, v in d.candidates)

    @given(BODIES, members(), POLICIES, DECIDES, UNDONE)
    def test_no_change_is_lost(self, old, found, policies, decides, undone):
        """Whoever decides: it is agreed, overruled by a rule that names it, or it waits."""
        outcome = merge(CONTACT, old, found, rules(decides=decides, **policies), same, {}, undone)
        losing = {(d.field, place): value for d in outcome.decisions for place, value in d.losing}
        for m in found:
            for name in ("first_name", "job_title", "birth_date", "street"):
                if name not in m.seen or name not in (m.base or {}):
                    continue
                value = m.seen[name]
                if value == m.base[name] or name in outcome.blocked:
                    continue
                agreed = outcome.fields.get(name)
                assert value == agreed or losing[name, m.place] == value

    @given(BODIES, members(), POLICIES, DECIDES, UNDONE, st.randoms())
    def test_whoever_decides_order_does_not_matter_and_once_is_enough(
        self, old, found, policies, decides, undone, random
    ):
        chosen = rules(decides=decides, **policies)
        first = merge(CONTACT, old, found, chosen, same, {}, undone)
        shuffled = list(found)
        random.shuffle(shuffled)
        assert merge(CONTACT, old, shuffled, chosen, same, {}, undone) == first
        based = [
            replace(
                m,
                base={n: v for n, v in m.seen.items() if n not in first.blocked}
                | {n: v for n, v in (m.base or {}).items() if n in first.blocked},
            )
            for m in found
        ]
        second = merge(CONTACT, first.fields, based, chosen, same, {}, first.blocked & undone)
        assert second.fields == first.fields
        assert second.blocked == first.blocked
        assert not second.decisions

    @given(BODIES, members())
    def test_a_field_nobody_read_stays(self, old, found):
        silent = [replace(m, seen={n: v for n, v in m.seen.items() if n != "job_title"})
                  for m in found]  # fmt: skip
        outcome = agreed(old, *silent)
        assert outcome.fields.get("job_title") == old.get("job_title")


class TestChanges:
    def test_one_change_is_taken(self) -> None:
        base: Fields = {"job_title": "x"}
        outcome = agreed(base, member("a", {"job_title": "y"}, base), member("b", base, base))
        assert outcome.fields["job_title"] == "y"
        assert [d.reason for d in outcome.decisions] == ["changed"]
        assert outcome.disagreements == ()

    def test_a_clear_is_a_change_and_absence_is_none(self) -> None:
        base: Fields = {"job_title": "x"}
        assert agreed(base, member("a", {"job_title": None}, base)).fields == {"job_title": None}
        assert agreed(base, member("a", {}, base)).fields == base

    def test_the_same_change_twice_is_no_conflict(self) -> None:
        base: Fields = {"phone": "02 123 4567"}
        outcome = agreed(
            base,
            member("a", {"phone": "02 999 9999"}, base),
            member("b", {"phone": "+66 2 999 9999"}, base),
        )
        assert outcome.disagreements == ()
        assert same(CONTACT.fields["phone"].kind, outcome.fields["phone"], "029999999")

    @pytest.mark.parametrize(
        ("policy", "winner"),
        [(Policy.NEWEST, "longer"), (Policy.PRIORITY, "long"), (Policy.LONGEST, "longest of all")],
    )
    def test_conflicts_go_by_policy_and_say_who_lost(self, policy: Policy, winner: str) -> None:
        base: Fields = {"job_title": "x"}
        outcome = agreed(
            base,
            member("a", {"job_title": "long"}, base, day=1),
            member("b", {"job_title": "longest of all"}, base, day=2),
            member("c", {"job_title": "longer"}, base, day=3),
            job_title=policy,
        )
        assert outcome.fields["job_title"] == winner
        [decision] = outcome.decisions
        assert decision.reason == f"conflict: {policy}"
        assert {v for _, v in decision.losing} == {"long", "longer", "longest of all"} - {winner}
        [found] = outcome.disagreements
        assert (found.outcome, found.waits, len(found.candidates)) == (winner, False, 3)

    def test_manual_keeps_what_was_and_asks(self) -> None:
        base: Fields = {"job_title": "x", "first_name": "n"}
        outcome = agreed(
            base,
            member("a", {"job_title": "y", "first_name": "m"}, base),
            member("b", {"job_title": "z", "first_name": "n"}, base),
            job_title=Policy.MANUAL,
        )
        assert outcome.fields == {"job_title": "x", "first_name": "m"}
        assert outcome.blocked == {"job_title"}

    def test_a_person_ends_it(self) -> None:
        base: Fields = {"job_title": "x"}
        given = [member("a", {"job_title": "y"}, base), member("b", {"job_title": "z"}, base)]
        outcome = merge(
            CONTACT, base, given, rules(job_title=Policy.MANUAL), same, {"job_title": None}
        )
        assert outcome.fields == {"job_title": None}
        assert outcome.blocked == frozenset()
        assert [d.reason for d in outcome.decisions] == ["resolved by a person"]

    def test_what_a_person_decides_against_is_named_although_the_agreed_value_stays(self) -> None:
        base: Fields = {"job_title": "x"}
        given = [member("a", {"job_title": "y"}, base), member("b", {"job_title": "x"}, base)]
        outcome = merge(
            CONTACT, base, given, rules(job_title=Policy.MANUAL), same, {"job_title": "x"}
        )
        [decision] = outcome.decisions
        assert (decision.new, decision.reason) == ("x", "resolved by a person")
        assert [value for _, value in decision.losing] == ["y"]

    def test_who_types_one_part_as_it_is_agreed_leaves_the_others(self) -> None:
        """The agreed street is on its way to the record, which has none yet."""
        empty: Fields = {"street": None, "city": None}
        outcome = agreed(
            {"street": "1", "city": "A"},
            member("a", {"street": None, "city": "A"}, empty, day=9),
            member("b", {"street": "1", "city": "A"}, {"street": "1", "city": "A"}),
        )
        assert outcome.fields == {"street": "1", "city": "A"}
        assert outcome.decisions == ()

    def test_a_person_who_ends_one_part_leaves_the_others_asked(self) -> None:
        base: Fields = {"street": "s", "city": "c"}
        given = [
            member("a", {"street": "1", "city": "A"}, base),
            member("b", {"street": "2", "city": "B"}, base),
        ]
        outcome = merge(CONTACT, base, given, rules(street=Policy.MANUAL), same, {"street": "1"})
        assert outcome.fields["street"] == "1"
        assert outcome.blocked >= {"city"}


class TestFirstLinks:
    def test_filled_beats_empty_whatever_the_policy(self) -> None:
        for policy in (Policy.NEWEST, Policy.PRIORITY, Policy.MANUAL):
            outcome = agreed(
                {},
                member("a", {"job_title": None}, day=9),
                member("b", {"job_title": "x"}),
                job_title=policy,
            )
            assert outcome.fields == {"job_title": "x"}

    def test_a_newcomer_brings_no_blank(self) -> None:
        base: Fields = {"job_title": "x"}
        outcome = agreed(base, member("a", base, base), member("b", {"job_title": None}, day=9))
        assert outcome.fields == base
        assert outcome.decisions == ()

    def test_parts_that_complete_each_other_are_one_address(self) -> None:
        outcome = agreed(
            {},
            member("a", {"street": "1 High St", "city": None, "country": None}, day=2),
            member("b", {"street": None, "city": "Leeds", "country": "GB"}, day=1),
        )
        assert outcome.fields == {"street": "1 High St", "city": "Leeds", "country": "GB"}
        assert outcome.disagreements == ()

    def test_different_addresses_are_not_mixed(self) -> None:
        outcome = agreed(
            {},
            member("a", {"street": "1 High St", "city": None, "postal_code": None}, day=2),
            member("b", {"street": "2 Low St", "city": "York", "postal_code": "Y1"}, day=1),
        )
        assert outcome.fields == {"street": "2 Low St", "city": "York", "postal_code": "Y1"}

    def test_a_blank_of_the_winner_is_agreed_at_once(self) -> None:
        """Left for later it would clear the other record's value in some later run."""
        outcome = agreed(
            {},
            member("a", {"street": "1 High St", "region": "R", "postal_code": "P", "city": None}),
            member("b", {"street": "2 Low St", "region": None, "postal_code": None, "city": "Y"}),
        )
        assert outcome.fields["city"] is None
        assert "city" in outcome.fields

    def test_amount_and_currency_stay_together(self) -> None:
        outcome = merge(
            DEAL,
            {},
            [
                member("a", {"amount": "10", "currency": "USD"}, day=1),
                member("b", {"amount": "350", "currency": "THB"}, day=2),
            ],
            rules("deal"),
            same,
        )
        assert (outcome.fields["amount"], outcome.fields["currency"]) == ("350", "THB")


class TestWhoDecides:
    """Only a decides about the job title, the address and the interests."""

    def agreed(self, old: Fields, *given: Member, **policies: Policy) -> Merged:
        only = dict.fromkeys(("job_title", "street", "interests"), ("a",))
        return merge(CONTACT, old, given, rules(decides=only, **policies), same)

    def overruled(self, outcome: Merged) -> dict[str, dict[str, object]]:
        return {
            d.field: {place.connection: value for place, value in d.losing}
            for d in outcome.decisions
            if d.reason == "overruled: only a decides"
        }

    def test_a_change_by_another_is_overruled_and_kept_on_record(self) -> None:
        base: Fields = {"job_title": "x"}
        for value in ("y", None):
            outcome = self.agreed(
                base, member("a", base, base), member("b", {"job_title": value}, base, day=9)
            )
            assert outcome.fields == base
            assert self.overruled(outcome) == {"job_title": {"b": value}}
            assert outcome.disagreements == ()

    def test_its_own_change_is_taken(self) -> None:
        base: Fields = {"job_title": "x"}
        outcome = self.agreed(
            base, member("a", {"job_title": None}, base), member("b", base, base, day=9)
        )
        assert outcome.fields == {"job_title": None}
        assert [d.reason for d in outcome.decisions] == ["changed"]

    @pytest.mark.parametrize("policy", [Policy.NEWEST, Policy.LONGEST, Policy.MANUAL])
    def test_of_two_changes_its_own_is_taken_whatever_the_policy(self, policy: Policy) -> None:
        base: Fields = {"job_title": "x"}
        outcome = self.agreed(
            base,
            member("a", {"job_title": "y"}, base),
            member("b", {"job_title": "much longer"}, base, day=9),
            job_title=policy,
        )
        assert outcome.fields == {"job_title": "y"}
        assert self.overruled(outcome) == {"job_title": {"b": "much longer"}}
        [found] = outcome.disagreements
        assert (found.rule, found.waits) == ("only a decides", False)

    def test_where_it_has_no_record_everybody_decides(self) -> None:
        base: Fields = {"job_title": "x"}
        outcome = self.agreed(base, member("b", {"job_title": "y"}, base), member("c", base, base))
        assert outcome.fields == {"job_title": "y"}

    def test_others_may_fill_what_is_empty(self) -> None:
        base: Fields = {"job_title": None}
        outcome = self.agreed(base, member("a", base, base), member("b", {"job_title": "y"}, base))
        assert outcome.fields == {"job_title": "y"}

    def test_nobody_fills_what_it_clears_at_the_same_time(self) -> None:
        base: Fields = {"job_title": "x"}
        outcome = self.agreed(
            base,
            member("a", {"job_title": None}, base),
            member("b", {"job_title": "y"}, base, day=9),
        )
        assert outcome.fields == {"job_title": None}
        assert self.overruled(outcome) == {"job_title": {"b": "y"}}

    def test_when_they_are_first_linked_its_value_counts(self) -> None:
        outcome = self.agreed(
            {}, member("a", {"job_title": "y"}), member("b", {"job_title": "z"}, day=9)
        )
        assert outcome.fields == {"job_title": "y"}
        assert self.overruled(outcome) == {"job_title": {"b": "z"}}
        empty = self.agreed({}, member("a", {"job_title": None}), member("b", {"job_title": "z"}))
        assert empty.fields == {"job_title": "z"}

    def test_it_decides_from_the_day_it_has_a_record(self) -> None:
        base: Fields = {"job_title": "x"}
        outcome = self.agreed(base, member("b", base, base, day=9), member("a", {"job_title": "y"}))
        assert outcome.fields == {"job_title": "y"}
        assert self.overruled(outcome) == {"job_title": {"b": "x"}}

    def test_a_group_is_decided_as_one(self) -> None:
        base: Fields = {"street": "1 High St", "city": None}
        outcome = self.agreed(
            base, member("a", base, base), member("b", {**base, "city": "Leeds"}, base)
        )
        assert outcome.fields == base
        assert self.overruled(outcome) == {"city": {"b": "Leeds"}}

    def test_sets(self) -> None:
        base: Fields = {"interests": ["events"]}
        outcome = self.agreed(
            base,
            member("a", {"interests": ["events", "pricing"]}, base),
            member("b", {"interests": ["support"]}, base),
        )
        assert outcome.fields == {"interests": ["events", "pricing"]}
        assert self.overruled(outcome) == {"interests": {"b": ["support"]}}


OLD: Fields = {"job_title": "old"}


class TestUndone:
    def agreed(self, *given: Member, **policies: Policy) -> Merged:
        return merge(CONTACT, OLD, given, rules(**policies), same, {}, {"job_title"})

    def one(self, connection: str, value: str, seen: str | None = None) -> Member:
        return member(connection, {"job_title": seen or value}, {"job_title": value}, day=1)

    def test_it_waits_while_they_differ(self) -> None:
        outcome = self.agreed(self.one("a", "new"), self.one("b", "old"))
        assert (outcome.fields, outcome.blocked) == (OLD, {"job_title"})
        assert outcome.decisions == ()

    def test_a_change_ends_it_and_what_the_others_hold_is_on_record(self) -> None:
        outcome = self.agreed(self.one("a", "new"), self.one("b", "old", "newer"))
        assert (outcome.fields, outcome.blocked) == ({"job_title": "newer"}, frozenset())
        [decision] = outcome.decisions
        assert {v for _, v in decision.losing} == {"new"}

    def test_agreement_ends_it(self) -> None:
        outcome = self.agreed(self.one("a", "new"), self.one("b", "new"))
        assert (outcome.fields, outcome.blocked) == ({"job_title": "new"}, frozenset())
        assert [d.reason for d in outcome.decisions] == ["all agree"]

    def test_a_newcomer_does_not_end_it(self) -> None:
        fresh = member("c", {"job_title": "mine"}, day=9)
        outcome = self.agreed(self.one("a", "new"), self.one("b", "old"), fresh)
        assert outcome.blocked == {"job_title"}

    def test_who_may_not_decide_does_not_end_it(self) -> None:
        given = [self.one("a", "new"), self.one("b", "old", "newer")]
        only = rules(decides={"job_title": ("a",)})
        outcome = merge(CONTACT, OLD, given, only, same, {}, {"job_title"})
        assert (outcome.fields, outcome.blocked) == (OLD, {"job_title"})

    def test_two_changes_are_a_conflict_like_any(self) -> None:
        given = [self.one("a", "new", "this"), self.one("b", "old", "that")]
        outcome = self.agreed(*given, job_title=Policy.MANUAL)
        assert outcome.blocked == {"job_title"}
        assert [d.rule for d in outcome.disagreements] == ["manual"]


class TestWholeLooks:
    def test_union_is_three_way(self) -> None:
        base: Fields = {"interests": ["events", "pricing"]}
        outcome = agreed(
            base,
            member("a", {"interests": ["events", "pricing", "support"]}, base),
            member("b", {"interests": ["events"]}, base),
            member("c", base, base),
        )
        assert outcome.fields["interests"] == ["events", "support"]

    def test_union_after_an_undo_keeps_what_a_member_held_and_did_not_change(self) -> None:
        held: Fields = {"interests": ["events", "pricing"]}
        outcome = merge(
            CONTACT,
            {"interests": None},
            [
                member("a", {"interests": ["analytics", "events"]}, held),
                member("b", {"interests": None}, {"interests": None}),
            ],
            rules(),
            same,
            {},
            {"interests"},
        )
        assert outcome.fields == {"interests": ["analytics", "events"]}
        assert outcome.blocked == frozenset()

    def test_union_of_newcomers_adds_up(self) -> None:
        outcome = agreed(
            {}, member("a", {"interests": ["events"]}), member("b", {"interests": None}),
            member("c", {"interests": ["support"]}),
        )  # fmt: skip
        assert outcome.fields["interests"] == ["events", "support"]

    def test_one_no_is_enough(self) -> None:
        base: Fields = {"email_opt_out": False}
        outcome = agreed(
            base, member("a", {"email_opt_out": True}, base), member("b", base, base, day=9)
        )
        assert outcome.fields["email_opt_out"] is True

    def test_the_oldest_creation_counts(self) -> None:
        outcome = agreed(
            {"created_at": "2021-01-01T00:00:00.000Z"},
            member("a", {"created_at": "2020-01-01T00:00:00.000Z"}),
            member("b", {"created_at": "2022-01-01T00:00:00.000Z"}),
        )
        assert outcome.fields["created_at"] == "2020-01-01T00:00:00.000Z"

    def test_what_a_vendor_made_of_nothing_is_nobodys_word(self) -> None:
        """A checkbox that nobody set reads false; that is no consent."""
        outcome = agreed(
            {"email_opt_out": None},
            member("a", {"email_opt_out": False}, {"email_opt_out": False},
                   renditions={"email_opt_out": [None, False]}),
        )  # fmt: skip
        assert outcome.fields["email_opt_out"] is None

    def test_a_rendition_does_not_travel_with_its_group(self) -> None:
        base: Fields = {"street": "1 HIGH ST", "city": "Leeds"}
        outcome = agreed(
            {"street": "1 High Street", "city": "Leeds"},
            member("a", {**base, "city": "York"}, base,
                   renditions={"street": ["1 High Street", "1 HIGH ST"]}),
        )  # fmt: skip
        assert outcome.fields == {"street": "1 High Street", "city": "York"}


def test_a_currency_without_an_amount_is_kept_not_cleared() -> None:
    held = member("a", {"amount": None, "currency": "THB"})
    silent = member("b", {"amount": None, "currency": None}, day=1)
    found = merge(DEAL, {}, [held, silent], rules("deal"), same)
    assert found.fields["currency"] == "THB"
    assert found.fields.get("amount") is None
