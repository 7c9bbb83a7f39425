"""What follows from scores, and which pairs are worth one."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from mapping.schema import Fields
from sync.engine.matching.candidates import (
    BLOCK,
    SCORE,
    Candidate,
    Outcome,
    Pair,
    Rule,
    Scored,
    Scores,
)
from sync.engine.matching.match import match
from sync.engine.matching.scored import to_score
from sync.model import Place

RULES = [Rule("email", names_people=True)]


def record(
    connection: str,
    id: str,
    entity: str | None = None,
    surname: str = "",
    fields: Fields | None = None,
    **keys: str,
) -> Candidate:
    listed = {name.replace("_", BLOCK, 1): [key] for name, key in keys.items()}
    return Candidate(Place(connection, id), entity, listed, fields or {}, surname)


def place(
    *records: Candidate,
    scores: dict[tuple[int, int], float] | None = None,
    link: float | None = 0.9999,
    **more: object,
) -> Outcome:
    occupied: dict[str, set[str]] = {}
    for one in records:
        if one.entity is not None:
            occupied.setdefault(one.entity, set()).add(one.place.connection)
    pairs = {
        tuple(sorted((records[a].place, records[b].place))): Scored(p, {"email": 2.5})
        for (a, b), p in (scores or {}).items()
    }
    scored = Scores(pairs, 0.9, link) if scores is not None else None
    return match(
        records, occupied, RULES, object="contact", key_limit=20, scores=scored, **more
    )  # fmt: skip


def groups(outcome: Outcome) -> set[frozenset[str]]:
    by_entity: dict[str, set[str]] = {}
    for link in outcome.links:
        by_entity.setdefault(link.entity, set()).add("".join(link.place))
    return {frozenset(group) for group in by_entity.values()}


def test_a_score_above_the_bar_links_and_says_so() -> None:
    outcome = place(record("a", "1"), record("b", "1"), scores={(0, 1): 0.99995})
    assert groups(outcome) == {frozenset({"a1", "b1"})}
    assert [link.rule for link in outcome.links] == ["founder", SCORE]
    assert outcome.asked == ()


def test_a_likely_pair_is_asked_about_with_its_evidence() -> None:
    outcome = place(record("a", "1"), record("b", "1"), scores={(0, 1): 0.95})
    assert len(groups(outcome)) == 2
    [asked] = outcome.asked
    assert (asked.rule, asked.score, asked.weights) == (SCORE, 0.95, {"email": 2.5})


def test_an_unlikely_pair_is_nothing() -> None:
    outcome = place(record("a", "1"), record("b", "1"), scores={(0, 1): 0.89})
    assert (len(groups(outcome)), outcome.asked) == (2, ())


def test_without_a_bar_nothing_is_linked_however_certain() -> None:
    outcome = place(record("a", "1"), record("b", "1"), scores={(0, 1): 0.999999}, link=None)
    assert len(groups(outcome)) == 2
    assert len(outcome.asked) == 1


def test_two_candidates_for_one_place_are_asked_about() -> None:
    crowd = [record("a", "1"), record("b", "1"), record("b", "2")]
    outcome = place(*crowd, scores={(0, 1): 0.99999, (0, 2): 0.91})
    assert len(groups(outcome)) == 3
    assert [(asked.one.record, asked.two.record) for asked in outcome.asked] == [
        ("1", "1"), ("1", "2"),
    ]  # fmt: skip


def test_a_third_that_could_be_both_is_no_rival() -> None:
    crowd = [record("a", "1"), record("b", "1"), record("c", "1")]
    outcome = place(*crowd, scores={(0, 1): 0.99999, (1, 2): 0.99999, (0, 2): 0.99995})
    assert groups(outcome) == {frozenset({"a1", "b1", "c1"})}


def test_a_chain_is_not_linked_past_a_pair_that_differs() -> None:
    crowd = [record("a", "1"), record("b", "1"), record("c", "1")]
    outcome = place(*crowd, scores={(0, 1): 0.99999, (1, 2): 0.99995, (0, 2): 0.2})
    assert groups(outcome) == {frozenset({"a1", "b1"}), frozenset({"c1"})}
    assert [(asked.one, asked.two) for asked in outcome.asked] == [
        (Place("b", "1"), Place("c", "1"))
    ]


def test_colleagues_of_one_first_name_are_not_linked_however_much_they_share() -> None:
    crowd = [record("a", "1", surname="renaud"), record("b", "1", surname="baudouin")]
    assert len(groups(place(*crowd, scores={(0, 1): 0.999999}))) == 2
    typed = [record("a", "1", surname="renaud"), record("b", "1", surname="renuad")]
    assert len(groups(place(*typed, scores={(0, 1): 0.999999}))) == 1
    turned = [
        record("a", "1", surname="renaud", fields={"first_name": "Zoé"}),
        record("b", "1", surname="zoé", fields={"first_name": "Renaud"}),
    ]
    assert len(groups(place(*turned, scores={(0, 1): 0.999999}))) == 1


def test_different_birthdays_are_for_people_to_decide() -> None:
    crowd = [
        record("a", "1", fields={"birth_date": "1990-01-01"}),
        record("b", "1", fields={"birth_date": "1990-01-07"}),
    ]
    outcome = place(*crowd, scores={(0, 1): 0.99999})
    assert len(groups(outcome)) == 2
    assert len(outcome.asked) == 1


def test_a_persons_word_is_final() -> None:
    crowd = [record("a", "1"), record("b", "1")]
    said = [(crowd[0].place, crowd[1].place)]
    outcome = place(*crowd, scores={(0, 1): 0.99999}, apart=said)
    assert (len(groups(outcome)), outcome.asked) == (2, ())
    outcome = place(*crowd, scores={(0, 1): 0.1}, same=said)
    assert (len(groups(outcome)), outcome.asked) == (1, ())


def test_a_twin_in_one_account_is_reported_and_not_linked() -> None:
    crowd = [record("a", "1"), record("a", "2")]
    outcome = place(*crowd, scores={(0, 1): 0.99999})
    assert outcome.duplicates == ((Place("a", "1"), Place("a", "2"), SCORE),)
    assert (len(groups(outcome)), outcome.asked) == (2, ())
    said = [(crowd[0].place, crowd[1].place)]
    assert place(*crowd, scores={(0, 1): 0.99999}, apart=said).duplicates == ()


def test_a_new_record_joins_an_entity_and_entities_never_join() -> None:
    old = [record("a", "1", "con_1"), record("b", "1", "con_2")]
    outcome = place(*old, record("c", "1"), scores={(0, 2): 0.99999})
    [link] = outcome.links
    assert (link.entity, link.rule) == ("con_1", SCORE)
    assert place(*old, scores={(0, 1): 0.99999}).asked == ()


RECORDS = [
    record(name[0], name[1], surname=name[2:]) for name in ("a1x", "a2y", "b1x", "b2", "c1x", "c2y")
]
SCORED = st.dictionaries(
    st.sampled_from(list(combinations(range(6), 2))),
    st.sampled_from([0.3, 0.91, 0.99, 0.99991, 0.99999]),
)


@given(SCORED, st.permutations(range(6)))
def test_the_order_does_not_matter(scored: dict[tuple[int, int], float], order: list[int]) -> None:
    shuffled = [RECORDS[number] for number in order]
    at = {number: place for place, number in enumerate(order)}
    turned = {tuple(sorted((at[a], at[b]))): p for (a, b), p in scored.items()}
    assert place(*RECORDS, scores=scored) == place(*shuffled, scores=turned)


@given(SCORED)
def test_what_a_score_links_was_above_the_bar_and_once_a_connection(
    scored: dict[tuple[int, int], float],
) -> None:
    outcome = place(*RECORDS, scores=scored)
    by_place = {"".join(r.place): number for number, r in enumerate(RECORDS)}
    for group in groups(outcome):
        assert len({name[0] for name in group}) == len(group)
        pairs = [tuple(sorted((by_place[a], by_place[b]))) for a, b in combinations(group, 2)]
        known = [scored[pair] for pair in pairs if pair in scored]
        assert all(p >= 0.9 for p in known)
        assert sum(p >= 0.9999 for p in known) >= len(group) - 1


# -- which pairs -------------------------------------------------------------------------


def pairs(*records: Candidate, limit: int = 20) -> tuple[list[Pair], set[str]]:
    return to_score(records, place(*records), limit)


def test_what_shares_a_block_and_no_rule_linked_is_scored() -> None:
    one, two, three = record("a", "1", _x="k"), record("b", "1", _x="k"), record("c", "1", _x="j")
    assert pairs(one, two, three)[0] == [(one.place, two.place)]
    linked = [record("a", "1", _x="k", email="e"), record("b", "1", _x="k", email="e")]
    assert pairs(*linked)[0] == []
    assert pairs(record("a", "1", "con_1", _x="k"), record("b", "1", "con_2", _x="k"))[0] == []


def test_a_crowded_block_is_left_out() -> None:
    crowd = [record(c, "1", _x="k") for c in "abcd"]
    assert len(pairs(*crowd, limit=4)[0]) == 6
    assert pairs(*crowd, limit=3)[0] == []


def test_what_several_last_names_share_is_named() -> None:
    crowd = [record(c, "1", surname=c, _any_phone="+1") for c in "abc"]
    assert pairs(*crowd)[1] == {"~any_phone+1"}
    assert pairs(*crowd[:2])[1] == set()


def test_pairs_of_entities_are_scored_where_they_are_looked_at_again() -> None:
    one, two = record("a", "1", "con_1", _name="ann"), record("b", "1", "con_2", _name="ann")
    three = record("c", "1", "con_3", _name="ann")
    nothing = Outcome((), (), ())
    assert to_score([one, two, three], nothing, 20)[0] == []
    assert to_score([one, two, three], nothing, 20, {two.place})[0] == [(two.place, three.place)]
    fellow = record("c", "1", "con_2", _name="ann")
    assert to_score([two, fellow], nothing, 20, {two.place})[0] == [], "they are one already"


def test_entities_that_are_alike_are_asked_about_again_and_not_linked() -> None:
    crowd = record("a", "1", "con_1"), record("b", "1", "con_2")
    assert place(*crowd, scores={(0, 1): 0.99999}).asked == ()
    [question] = place(*crowd, scores={(0, 1): 0.99999}, again=True).asked
    assert (question.rule, question.score) == (SCORE, 0.99999)
