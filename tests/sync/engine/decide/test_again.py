"""Records that were placed before the rules changed are looked at again, once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from connectors.errors import Unavailable
from sync.engine.decide import again, decide, referrers
from sync.match_rules import RuleSettings, Score
from sync.model import Place
from sync.settings import CreateIn, Limits
from sync.store import books, decisions, queues
from sync.store.database import session
from tests.sync.engine.decide.test_identity import Hub, holds
from tests.sync.engine.decide.test_portions import load

EMAIL = RuleSettings(keys=("email",))
NAME = RuleSettings(keys=("full_name",))
ASKS = RuleSettings(keys=("full_name",), asks=True)
ANN: dict[str, Any] = {"first_name": "Ann", "last_name": "Rock"}


@pytest.fixture
def hub(sqlite_store: Callable[[], Engine]) -> Iterator[Hub]:
    """Three empty accounts that get no copies; contacts are matched by e-mail address."""
    world = Hub(sqlite_store())
    world.only()
    world.ask(EMAIL)
    yield world
    world.engine.dispose()


@pytest.fixture
def two(hub: Hub) -> tuple[Place, Place]:
    """Ann in two accounts under two addresses, placed apart."""
    one = hub.create("left", **ANN, email="a@x.example", city="Leeds")
    hub.settle()
    other = hub.create("right", **ANN, email="b@y.example", job_title="Chief")
    hub.settle()
    assert hub.entity(one) != hub.entity(other)
    return one, other


def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing may be looked at again."""

    def fail(*_: Any) -> None:
        raise AssertionError("looked again without a change")

    monkeypatch.setattr(decide, "look_again", fail)


def choose(hub: Hub, **values: Any) -> None:
    """Other settings for contacts."""
    contact = hub.settings.objects["contact"].model_copy(update=values)
    objects = {**hub.settings.objects, "contact": contact}
    hub.settings = hub.settings.model_copy(update={"objects": objects})


def create_in(hub: Hub, *connections: str) -> None:
    """Missing contacts are created in these from now on."""
    choose(hub, create_in=tuple(CreateIn(connection=name) for name in connections))


def doubles(hub: Hub) -> set[tuple[str, str, str]]:
    with session(hub.engine) as store:
        return {(r["connection"], r["record"], r["of"]) for r in decisions.duplicates(store)}


# -- what a rule links -------------------------------------------------------------------


def test_a_rule_that_is_added_links_what_was_placed_before(
    hub: Hub, two: tuple[Place, Place]
) -> None:
    older, younger = map(hub.entity, two)
    hub.ask(EMAIL, NAME)
    report = hub.sync()
    assert (report.objects["contact"].linked, report.objects["contact"].founded) == (1, 0)
    assert {hub.entity(place) for place in two} == {older}
    assert hub.merged("contact")[younger].merged_into == older
    hub.settle()
    assert (hub.value(two[1], "city"), hub.value(two[0], "job_title")) == ("Leeds", "Chief")
    holds(hub)
    with session(hub.engine) as store:
        links = books.journal(store, "contact", older, actions=["link"])
        assert links[-1]["detail"] == {"rule": "full_name"}
        [told] = books.journal(store, actions=["matching changed"])
        assert told["detail"] == {"linked": 1, "asked": 0}


def test_a_single_record_joins_those_that_are_linked(hub: Hub) -> None:
    """They stay what they are, although they came later."""
    single = hub.create("left", **ANN, email="a@x.example")
    hub.settle()
    pair = [hub.create(name, **ANN, email="b@y.example") for name in ("middle", "right")]
    hub.settle()
    [entity] = {hub.entity(place) for place in pair}
    old = hub.entity(single)
    hub.ask(EMAIL, NAME)
    hub.sync()
    assert {hub.entity(place) for place in (single, *pair)} == {entity}
    assert hub.merged("contact")[old].merged_into == entity
    holds(hub)


def test_it_is_looked_once_for_each_change(
    hub: Hub, two: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        unseen(patch)
        choose(hub, key_limit=20)  # what it was
        hub.sync(full=True)
    hub.ask(EMAIL, RuleSettings(keys=("last_name", "birth_date")))
    hub.sync()
    with monkeypatch.context() as patch:
        unseen(patch)
        hub.sync()
        hub.sync(full=True)
        create_in(hub, "left")
        hub.sync()
    hub.ask(EMAIL, NAME)
    hub.sync()
    assert len({hub.entity(place) for place in two}) == 1


def test_new_records_and_old_ones_come_together_in_one_run(
    hub: Hub, two: tuple[Place, Place]
) -> None:
    older = hub.entity(two[0])
    hub.ask(EMAIL, NAME)
    third = hub.create("middle", **ANN, email="c@z.example")
    hub.sync()
    assert {hub.entity(place) for place in (*two, third)} == {older}
    holds(hub)


def test_a_record_that_a_person_keeps_apart_or_split_stays_apart(
    hub: Hub, two: tuple[Place, Place]
) -> None:
    hub.decide("apart", *two)
    third = hub.create("middle", **ANN, email="a@x.example")
    hub.settle()
    assert hub.entity(third) == hub.entity(two[0])
    hub.split(third)
    hub.decide("apart", third, two[1])
    before = {place: hub.entity(place) for place in (*two, third)}
    hub.ask(EMAIL, NAME, ASKS)
    hub.sync()
    assert {place: hub.entity(place) for place in (*two, third)} == before
    assert hub.reviews() == []
    holds(hub)


def test_records_of_one_account_are_reported_and_never_linked(hub: Hub) -> None:
    places = [hub.create("left", **ANN, email=f"{n}@x.example") for n in range(2)]
    hub.settle()
    assert doubles(hub) == set()
    hub.ask(EMAIL, NAME)
    report = hub.sync()
    assert report.objects["contact"].duplicates == 1
    assert doubles(hub) == {("left", places[0].record, places[1].record)}
    assert len({hub.entity(place) for place in places}) == 2
    hub.ask(NAME, EMAIL)
    assert hub.sync().objects["contact"].duplicates == 0, "it is known"


def test_what_has_a_copy_in_each_account_is_reported_in_each(
    hub: Hub, two: tuple[Place, Place]
) -> None:
    """They could be one only if one of each two were merged there."""
    create_in(hub, *hub.accounts)
    for place in two:
        hub.edit(place, interests=("events",))
    hub.settle()
    assert [len(account.live("contact")) for account in hub.accounts.values()] == [2, 2, 2]
    hub.ask(EMAIL, NAME)
    hub.settle()
    assert {connection for connection, _, _ in doubles(hub)} == set(hub.accounts)
    assert hub.reviews() == []
    assert len({hub.entity(place) for place in two}) == 2


def test_what_refers_to_the_one_refers_to_the_other(hub: Hub) -> None:
    hub.objects = ("company", "contact")
    rule = RuleSettings(keys=("phone",))
    one = hub.create("left", "company", name="Acme", domain="a.example", phone="+6621234567")
    two = hub.create("right", "company", name="ACME", domain="b.example", phone="+6621234567")
    ann = hub.create("right", **ANN, email="a@x.example", company=two.record)
    hub.settle()
    older = hub.entity(one, "company")
    company = hub.settings.objects["company"].model_copy(update={"match": (rule,)})
    objects = {**hub.settings.objects, "company": company}
    hub.settings = hub.settings.model_copy(update={"objects": objects})
    hub.sync()
    assert hub.entity(two, "company") == older
    assert hub.merged("contact")[hub.entity(ann)].fields["company"] == older
    hub.settle()
    hub.check_laws()


@pytest.mark.parametrize("count", [3, referrers.FEW + 2])
def test_a_list_that_names_several_of_them_names_what_they_became(hub: Hub, count: int) -> None:
    hub.objects = ("contact", "deal")
    old, new = (
        [
            hub.create(name, first_name="Ann", last_name=f"Rock{n}", email=f"{name}{n}@x.example")
            for n in range(count)
        ]
        for name in ("left", "right")
    )
    stranger = hub.create("right", last_name="Stone", email="stone@x.example")
    names = tuple(sorted(place.record for place in (*new, stranger)))
    deal = hub.create("right", "deal", name="Drills", contacts=names)
    other = hub.create("right", "deal", name="Saws", contacts=(stranger.record,))
    hub.settle()
    hub.ask(EMAIL, NAME)
    hub.sync()
    ids = {hub.entity(place) for place in (*old, stranger)}
    assert len(ids) == count + 1
    held = hub.merged("deal")
    assert set(held[hub.entity(deal, "deal")].fields["contacts"]) == ids
    assert held[hub.entity(other, "deal")].fields["contacts"] == [hub.entity(stranger)]
    aliases = [id for id, one in hub.merged("contact").items() if one.merged_into]
    assert len(aliases) == count
    hub.settle()
    hub.check_laws()


def test_what_is_being_written_is_asked_about(hub: Hub, two: tuple[Place, Place]) -> None:
    """Nobody knows whether the record that is being made for it is there."""
    create_in(hub, "middle")
    hub.edit(two[0], city="Fang")

    def cut(call: str, moment: str) -> None:
        if (call, moment) == ("push", "after"):
            raise Unavailable("middle: cut", connection="middle")

    def down(call: str, moment: str) -> None:
        if call != "users":
            raise Unavailable("middle: down", connection="middle")

    hub.accounts["middle"].interfere = cut
    hub.sync()
    with session(hub.engine) as store:
        assert queues.outbox(store, status=("sending",))
    hub.accounts["middle"].interfere = down
    hub.ask(EMAIL, NAME)
    hub.sync()
    assert len({hub.entity(place) for place in two}) == 2
    [question] = hub.reviews()
    assert (question.one, question.two, question.rule) == (*two, "full_name")
    hub.accounts["middle"].interfere = lambda call, moment: None
    hub.settle()
    hub.decide("same", *two)
    holds(hub)
    assert hub.reviews() == []
    assert len(hub.accounts["middle"].live("contact")) == 1


# -- what is asked -----------------------------------------------------------------------


def test_a_rule_that_asks_asks_about_what_was_placed_before(
    hub: Hub, two: tuple[Place, Place]
) -> None:
    hub.ask(EMAIL, ASKS)
    assert hub.sync().objects["contact"].asked == 1
    [question] = hub.reviews()
    assert (question.one, question.two, question.rule) == (*two, "full_name")
    assert question.evidence["city"] == ["Leeds", None]
    assert len({hub.entity(place) for place in two}) == 2
    hub.ask(EMAIL, ASKS, RuleSettings(keys=("last_name", "city"), asks=True))
    assert hub.sync().objects["contact"].asked == 0, "it is asked already"
    hub.decide("apart", *two)
    hub.ask(EMAIL, ASKS)
    assert hub.sync().objects["contact"].asked == 0, "it is answered"
    assert hub.reviews() == []
    holds(hub)


def test_nothing_is_created_for_those_in_question(hub: Hub, two: tuple[Place, Place]) -> None:
    """What waits to be created for them is withdrawn."""
    create_in(hub, "middle")
    choose(hub, limits=Limits(create=1))
    for place in two:
        hub.edit(place, interests=("events",))
    assert hub.sync().status == "held"
    hub.ask(EMAIL, ASKS)
    assert hub.sync().objects["contact"].asked == 1
    with session(hub.engine) as store:
        assert not queues.outbox(store, status=("held", "planned", "pending"))
    hub.decide("same", *two)
    hub.settle()
    assert len(hub.accounts["middle"].live("contact")) == 1
    holds(hub)


def test_scores_that_are_switched_on_ask_about_what_was_placed_before(hub: Hub) -> None:
    """They link nothing that was placed: not all that comes near a record is looked at then."""
    pytest.importorskip("splink")
    like = {"first_name": "Annabel", "birth_date": "1980-02-29", "mobile": "+66812345678"}
    one = hub.create("left", **like, last_name="Rockwell", email="annabel@x.example")
    other = hub.create("right", **like, last_name="Rockwell", email="ann.r@y.example")
    hub.create("middle", first_name="Bob", last_name="Stone", email="bob@z.example")
    hub.settle()
    choose(hub, score=Score(review=0.6, link=0.9999))
    assert hub.sync().objects["contact"].asked == 1
    [question] = hub.reviews()
    assert (question.one, question.two, question.rule) == (one, other, "score")
    assert question.score > 0.6
    assert question.evidence["birth_date"][2] > 5
    assert len({hub.entity(place) for place in (one, other)}) == 2
    assert hub.sync().objects["contact"].asked == 0
    hub.decide("same", one, other)
    holds(hub)


# -- many --------------------------------------------------------------------------------


def partition(hub: Hub) -> list[list[tuple[str, str]]]:
    return sorted(sorted(records.items()) for records in hub.links("contact").values())


@pytest.mark.parametrize("seed", range(3))
def test_rules_that_come_late_link_as_if_they_had_been_there(
    seed: int, sqlite_store: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (EMAIL, RuleSettings(keys=("any_phone", "last_name")), ASKS)
    found = []
    for late, seeds in ((False, 1_000), (True, 1_000), (True, 4)):
        monkeypatch.setattr(again, "SEEDS", seeds)
        hub, dice = Hub(sqlite_store()), random.Random(seed)
        hub.only()
        hub.ask(*(rules if not late else [RuleSettings(keys=("birth_date", "city"))]))
        load(hub, dice, 25)
        hub.sync()
        if late:
            assert len(hub.links("contact")) == 75
            hub.ask(*rules)
            hub.sync()
        questions = {
            frozenset((hub.entity(review.one), hub.entity(review.two))) for review in hub.reviews()
        }
        groups = {hub.entity(Place(*place)): group for group in partition(hub) for place in group}
        asked = sorted(sorted([groups[a], groups[b]]) for a, b in map(sorted, questions))
        found.append((partition(hub), doubles(hub), asked))
        hub.check_laws()
        hub.engine.dispose()
    assert len(found[0][0]) < 70
    assert found[0][0] == found[1][0] == found[2][0]
    assert found[0][1] == found[1][1] == found[2][1]
    assert found[0][2] == found[1][2] == found[2][2]


def test_a_run_that_dies_meanwhile_is_continued(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "SEEDS", 2)
    places = [
        [hub.create(name, last_name=f"N{n}", first_name="Ann", email=f"{name}{n}@x.example")
         for name in ("left", "right")]
        for n in range(6)
    ]  # fmt: skip
    hub.settle()
    hub.ask(EMAIL, NAME)
    for at in range(2, 40, 3):
        if not hub.crash(at, "commit"):
            break
    hub.settle()
    for pair in places:
        assert len({hub.entity(place) for place in pair}) == 1
    holds(hub)


def test_a_run_that_is_stopped_meanwhile_is_continued(
    hub: Hub, two: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    hub.ask(EMAIL, ASKS)
    with monkeypatch.context() as patch:
        patch.setattr(again, "make_keys_again", lambda *_: stop.set())
        assert hub.sync(stop=stop).status == "stopped"
    assert hub.reviews() == []
    hub.sync()
    assert len(hub.reviews()) == 1


def test_a_dry_run_says_what_would_come_of_it(hub: Hub, two: tuple[Place, Place]) -> None:
    hub.ask(EMAIL, NAME)
    planned = hub.sync(dry=True).planned
    assert {w["connection"]: set(w["fields"]) for w in planned} == {
        "left": {"email", "job_title"}, "right": {"city"},
    }  # fmt: skip
    assert len({hub.entity(place) for place in two}) == 2
    report = hub.sync()
    assert report.writes == len(planned)
    assert len({hub.entity(place) for place in two}) == 1
