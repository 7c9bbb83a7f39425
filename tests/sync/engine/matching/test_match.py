"""Which records are the same real thing."""

from __future__ import annotations

import random as random_module
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mapping.schema import Fields
from sync.engine.matching.candidates import EXTERNAL, Candidate, Near, Outcome, Placed, Rule
from sync.engine.matching.match import match
from sync.model import Place, entity_id

RULES = [Rule("email", names_people=True), Rule("phone"), Rule("name", names_people=True)]


def record(
    connection: str,
    id: str,
    entity: str | None = None,
    surname: str = "",
    fields: Fields | None = None,
    **keys: str,
) -> Candidate:
    listed = {EXTERNAL if name == "external" else name: [key] for name, key in keys.items()}
    return Candidate(Place(connection, id), entity, listed, fields or {}, surname)


def place(
    *records: Candidate, limit: int = 20, rules: list[Rule] = RULES, **more: object
) -> Outcome:
    occupied: dict[str, set[str]] = {}
    for one in records:
        if one.entity is not None:
            occupied.setdefault(one.entity, set()).add(one.place.connection)
    chosen = {"occupied": occupied, **more}
    return match(records, rules=rules, object="contact", key_limit=limit, **chosen)


def groups(outcome: Outcome) -> set[frozenset[str]]:
    by_entity: dict[str, set[str]] = {}
    for link in outcome.links:
        by_entity.setdefault(link.entity, set()).add("".join(link.place))
    return {frozenset(group) for group in by_entity.values()}


KEYS = st.dictionaries(
    st.sampled_from(["email", "phone", "name", EXTERNAL]),
    st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=2),
)


@st.composite
def crowds(draw: st.DrawFn) -> list[Candidate]:
    """Records of three connections, some linked; entities have one record a connection."""
    found, used = [], set()
    for connection in "abc":
        for id in range(draw(st.integers(0, 4))):
            entity = draw(st.sampled_from([None, None, "con_1", "con_2"]))
            if (entity, connection) in used:
                entity = None
            used.add((entity, connection))
            fields: Fields = {"birth_date": draw(st.sampled_from([None, None, "2000-01-01",
                                                                  "2001-01-01"]))}  # fmt: skip
            surname = draw(st.sampled_from(["", "x", "y", "z"]))
            place = Place(connection, str(id))
            found.append(Candidate(place, entity, draw(KEYS), fields, surname))
    return found


class TestLaws:
    @given(crowds(), st.integers(0, 99))
    def test_the_order_does_not_matter(self, crowd, seed):
        shuffled = list(crowd)
        random_module.Random(seed).shuffle(shuffled)
        assert place(*crowd) == place(*shuffled)

    @given(crowds())
    def test_each_unlinked_record_gets_one_entity_and_linked_ones_keep_theirs(self, crowd):
        outcome = place(*crowd)
        assert Counter(link.place for link in outcome.links) == Counter(
            c.place for c in crowd if c.entity is None
        )

    @given(crowds(), st.data())
    def test_an_entity_has_one_record_a_connection(self, crowd, data):
        homes = {
            c.place: Placed(c.place, data.draw(st.sampled_from(["con_1", "con_3"])), "restored")
            for c in crowd
            if c.entity is None and data.draw(st.booleans())
        }
        outcome = place(*crowd, homes=homes)
        held = [(link.entity, link.place.connection) for link in outcome.links]
        held += [(c.entity, c.place.connection) for c in crowd if c.entity is not None]
        assert len(held) == len(set(held))

    @given(crowds())
    def test_founded_ids_are_new_and_only_the_founders(self, crowd):
        taken = {entity_id("contact", c.place) for c in crowd[::2]}
        outcome = place(*crowd, taken=taken)
        assert not taken & set(outcome.founded)
        assert {"con_1", "con_2"} | set(outcome.founded) >= {x.entity for x in outcome.links}
        assert len(set(outcome.founded)) == len(outcome.founded)

    @given(crowds())
    def test_different_birthdays_are_different_people(self, crowd):
        pair = [c for c in crowd if c.entity is None and c.fields["birth_date"]][:2]
        pair = [Candidate(c.place, None, {k: v for k, v in c.keys.items() if k != EXTERNAL},
                          c.fields) for c in pair]  # fmt: skip
        if len(pair) == 2 and pair[0].fields != pair[1].fields:
            assert len(place(*pair).founded) == 2


class TestRules:
    def test_a_shared_key_links_and_names_the_rule(self) -> None:
        outcome = place(record("a", "1", email="x"), record("b", "2", email="x"))
        assert groups(outcome) == {frozenset({"a1", "b2"})}
        assert [link.rule for link in outcome.links] == ["founder", "email"]

    def test_a_weak_rule_takes_nobody_a_strong_one_places(self) -> None:
        outcome = place(
            record("a", "1", email="x"),
            record("b", "1", name="n"),
            record("b", "2", email="x"),
            record("a", "9", name="n"),
        )
        assert groups(outcome) == {frozenset({"a1", "b2"}), frozenset({"a9", "b1"})}

    def test_two_of_one_connection_are_reported_and_kept_apart(self) -> None:
        outcome = place(record("a", "1", email="x"), record("a", "2", email="x"))
        assert len(outcome.founded) == 2
        assert outcome.duplicates == ((Place("a", "1"), Place("a", "2"), "email"),)

    def test_a_crowded_key_links_nobody(self) -> None:
        crowd = [record(c, str(n), email="x") for n, c in enumerate("abcdef")]
        assert len(place(*crowd, limit=5).founded) == 6
        assert len(place(*crowd, limit=6).founded) == 1

    def test_a_switchboard_links_nobody(self) -> None:
        crowd = [record(c, "1", phone="p", surname=s) for c, s in zip("abc", "xyz", strict=True)]
        assert len(place(*crowd).founded) == 3
        couple = [record(c, "1", phone="p", surname=s) for c, s in zip("abc", "xxy", strict=True)]
        assert len(place(*couple).founded) == 1

    def test_two_settled_entities_are_never_joined(self) -> None:
        outcome = place(
            record("a", "1", "con_1", email="x"),
            record("b", "2", "con_2", email="x"),
            record("c", "3", email="x"),
        )
        [link] = outcome.links
        assert link.entity in ("con_1", "con_2")

    def test_near_values_only(self) -> None:
        rules = [Rule("name", (Near("close_date", days=10), Near("amount", share=0.1)))]

        def linked(one: Fields, two: Fields) -> bool:
            found = place(record("a", "1", name="n", fields=one),
                          record("b", "2", name="n", fields=two), rules=rules)  # fmt: skip
            return len(found.founded) == 1

        assert linked({"close_date": "2026-01-01"}, {"close_date": "2026-01-11"})
        assert not linked({"close_date": "2026-01-01"}, {"close_date": "2026-01-12"})
        assert linked({"amount": "100"}, {"amount": "90"})
        assert not linked({"amount": "100"}, {"amount": "89"})
        assert linked({"amount": "0"}, {"amount": None})

    def test_what_is_needed_must_be_known(self) -> None:
        def linked(needed: bool, one: Fields, two: Fields) -> bool:
            rules = [Rule("name", (Near("last_name", similar=0.8, needed=needed),))]
            found = place(record("a", "1", name="n", fields=one),
                          record("b", "2", name="n", fields=two), rules=rules)  # fmt: skip
            return len(found.founded) == 1

        assert linked(False, {"last_name": "Rock"}, {})
        assert not linked(True, {"last_name": "Rock"}, {})
        assert linked(True, {"last_name": "Rock"}, {"last_name": "ROCK"})
        assert not linked(False, {"last_name": "Rock"}, {"last_name": "Stone"})

    def test_the_nearest_is_preferred(self) -> None:
        rules = [Rule("name", (Near("close_date", days=30),))]
        outcome = place(
            record("a", "1", name="n", fields={"close_date": "2026-01-20"}),
            record("b", "1", name="n", fields={"close_date": "2026-01-01"}),
            record("b", "2", name="n", fields={"close_date": "2026-01-19"}),
            rules=rules,
        )
        assert groups(outcome) == {frozenset({"a1", "b2"}), frozenset({"b1"})}


class TestHomes:
    def test_a_record_goes_home(self) -> None:
        home = {Place("a", "1"): Placed(Place("a", "1"), "con_1", "restored")}
        [link] = place(record("a", "1"), homes=home).links
        assert (link.entity, link.rule) == ("con_1", "restored")

    def test_not_where_its_place_is_taken(self) -> None:
        home = {Place("a", "1"): Placed(Place("a", "1"), "con_1", "restored")}
        [link] = place(record("a", "1"), homes=home, occupied={"con_1": ["a"]}).links
        assert link.entity != "con_1"
        assert link.rule == "founder"


# -- what people said --------------------------------------------------------------------

PLACES = st.sampled_from([Place(connection, str(id)) for connection in "abc" for id in range(3)])
PAIRS = st.lists(st.tuples(PLACES, PLACES).filter(lambda pair: pair[0] != pair[1]), max_size=4)
ASKING = [*RULES[:2], Rule("name", names_people=True, asks=True)]


def homes_of(crowd: list[Candidate], outcome: Outcome) -> dict[Place, str]:
    linked = {link.place: link.entity for link in outcome.links}
    return {one.place: one.entity or linked[one.place] for one in crowd}


@given(crowds(), PAIRS, PAIRS)
def test_records_kept_apart_are_never_brought_together(
    crowd: list[Candidate], apart: list[tuple[Place, Place]], same: list[tuple[Place, Place]]
) -> None:
    outcome = place(*crowd, apart=apart, same=same)
    before = {one.place: one.entity for one in crowd}
    homes = homes_of(crowd, outcome)
    for one, two in apart:
        if one in homes and two in homes and (before[one] is None or before[two] is None):
            assert homes[one] != homes[two]


@given(crowds(), PAIRS, PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_what_is_said_does_not_matter(
    crowd: list[Candidate],
    apart: list[tuple[Place, Place]],
    same: list[tuple[Place, Place]],
    chance: random_module.Random,
) -> None:
    first = place(*crowd, apart=apart, same=same, rules=ASKING)
    for things in (crowd, apart, same):
        chance.shuffle(things)
    turned = [[(two, one) for one, two in pairs] for pairs in (apart, same)]
    assert place(*crowd, apart=turned[0], same=turned[1], rules=ASKING) == first


def test_the_same_needs_no_key_and_goes_before_every_rule() -> None:
    one, two, other = record("a", "1", email="x"), record("b", "1"), record("b", "2", email="x")
    said = [(two.place, one.place)]
    assert groups(place(one, two, other, same=said)) == {frozenset({"a1", "b1"}), frozenset({"b2"})}


def test_the_same_joins_a_record_to_an_entity() -> None:
    known = Candidate(Place("a", "1"), "con_x", {}, {})
    [link] = place(known, record("b", "1"), same=[(known.place, Place("b", "1"))]).links
    assert (link.entity, link.rule) == ("con_x", "same")


def test_the_same_within_one_connection_links_nobody() -> None:
    crowd = [record("a", "1"), record("a", "2")]
    assert len(groups(place(*crowd, same=[(crowd[0].place, crowd[1].place)]))) == 2


def test_an_entity_is_closed_to_what_is_kept_apart_from_one_of_its_records() -> None:
    known = [record("a", "1", "con_x", email="x"), Candidate(Place("c", "1"), "con_x", {}, {})]
    fresh = record("b", "1", email="x")
    assert place(*known, fresh).links[0].entity == "con_x"
    outcome = place(*known, fresh, apart=[(Place("c", "1"), fresh.place)])
    assert outcome.links[0].entity != "con_x"


def test_a_record_does_not_come_home_to_what_it_is_kept_apart_from() -> None:
    known = Candidate(Place("c", "1"), "con_x", {}, {})
    back = record("b", "1")
    homes = {back.place: Placed(back.place, "con_x", "restored")}
    assert place(known, back, homes=homes).links[0].entity == "con_x"
    outcome = place(known, back, homes=homes, apart=[(known.place, back.place)])
    assert outcome.founded == (outcome.links[0].entity,)


def test_two_of_a_connection_that_are_kept_apart_are_no_duplicates() -> None:
    crowd = [record("a", "1", email="x"), record("a", "2", email="x")]
    assert len(place(*crowd).duplicates) == 1
    assert place(*crowd, apart=[(crowd[1].place, crowd[0].place)]).duplicates == ()


def test_a_rule_that_asks_links_nobody() -> None:
    one, two = record("a", "1", name="x"), record("b", "1", name="x")
    outcome = place(one, two, rules=ASKING)
    assert len(groups(outcome)) == 2
    [asked] = outcome.asked
    assert (asked.one, asked.two, asked.rule, asked.score) == (one.place, two.place, "name", 1.0)


def test_nobody_is_asked_about_what_a_rule_links_or_a_person_decided() -> None:
    one, two = record("a", "1", name="x", email="x"), record("b", "1", name="x", email="x")
    assert place(one, two, rules=ASKING).asked == ()
    one, two = record("a", "1", name="x"), record("b", "1", name="x")
    assert place(one, two, rules=ASKING, apart=[(one.place, two.place)]).asked == ()
    assert place(one, two, rules=ASKING, same=[(one.place, two.place)]).asked == ()


def test_nobody_is_asked_what_cannot_be() -> None:
    double = [record("a", "1", name="x"), record("a", "2", name="x")]
    assert place(*double, rules=ASKING).asked == ()
    entities = [record("a", "1", "con_x", name="x"), record("b", "1", "con_y", name="x")]
    assert place(*entities, rules=ASKING).asked == ()


def test_a_question_is_asked_once_about_the_closest() -> None:
    rules = [
        Rule("email", names_people=True),
        Rule("name", (Near("close_date", days=10),), names_people=True, asks=True),
    ]
    one = record("a", "1", name="x", fields={"close_date": "2026-01-01"})
    two = record("b", "1", name="x", email="z", fields={"close_date": "2026-01-06"})
    three = record("c", "1", name="x", email="z", fields={"close_date": "2026-01-02"})
    [asked] = place(one, two, three, rules=rules).asked
    assert (asked.one, asked.two) == (one.place, three.place)
    assert asked.score == 0.909


class TestAgain:
    """Records that were placed by other rules."""

    PAIRS = (
        record("a", "1", "con_1", email="x", name="ann"),
        record("b", "1", "con_1"),
        record("c", "1", "con_2", email="x"),
        record("d", "1", "con_2", name="ann"),
    )

    def test_two_entities_that_a_rule_finds_to_be_one_are_asked_about(self) -> None:
        assert place(*self.PAIRS).asked == ()
        outcome = place(*self.PAIRS, again=True)
        assert outcome.links == ()
        [question] = outcome.asked
        assert (question.one, question.two) == (Place("a", "1"), Place("c", "1"))
        assert (question.rule, question.score) == ("email", 1)

    def test_nobody_is_asked_about_what_cannot_become_one(self) -> None:
        a, b, c, d = self.PAIRS
        both = record("a", "2", "con_2")
        assert place(a, b, c, d, both, again=True).asked == ()
        apart = [(b.place, d.place)]
        assert place(*self.PAIRS, apart=apart, again=True).asked == ()

    def test_a_rule_that_asks_asks_about_entities_too(self) -> None:
        rules = [Rule("name", names_people=True, asks=True)]
        assert place(*self.PAIRS, rules=rules).asked == ()
        [question] = place(*self.PAIRS, rules=rules, again=True).asked
        assert (question.one, question.two) == (Place("a", "1"), Place("d", "1"))

    @given(crowds())
    def test_what_is_linked_is_what_is_linked_otherwise(self, crowd):  # type: ignore[no-untyped-def]
        usual, again = place(*crowd), place(*crowd, again=True)
        assert (usual.links, usual.founded, usual.duplicates) == (
            again.links, again.founded, again.duplicates,
        )  # fmt: skip
        assert len(again.asked) == len({frozenset((q.one, q.two)) for q in again.asked})
