"""What people decide about identity is final, over every later run and full run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors.memory import Quirks
from sync.engine.decide import identity
from sync.engine.decide.identity import Refused
from sync.explain import explain
from sync.match_rules import RuleSettings
from sync.model import Place
from sync.store import books, decisions, tables
from sync.store.database import Session, session
from sync.store.decisions import Verdict
from tests.stateful.world import World

ANN = {"last_name": "Rock", "first_name": "Ann", "email": "ann@firm.example"}


class Hub(World):
    """Three in-memory accounts; people's decisions in one word."""

    def said(self, work: Callable[[Session], Any]) -> Any:
        """Do something as a person between two runs."""
        self.pass_time(1)
        with session(self.engine) as store:
            done = work(store)
            store.commit()
        return done

    def decide(self, verdict: Any, one: Place, two: Place, note: str = "") -> Any:
        """Say that two contacts are the same, or are kept apart."""
        word = Verdict(one, two, verdict, "ann", self.time, note)
        act = identity.unite if verdict == "same" else identity.keep_apart
        return self.said(lambda store: act(store, "contact", word))

    def split(self, place: Place, object: str = "contact") -> str:
        """Take a record out of its entity."""
        return str(
            self.said(
                lambda store: identity.split(store, object, place, "ann", self.time, "not her")
            )
        )

    def create(self, account: str, object: str = "contact", **values: Any) -> Place:
        """A new record, made by a person."""
        self.pass_time(1)
        return Place(account, self.accounts[account].create(object, values))

    def edit(self, place: Place, object: str = "contact", **values: Any) -> None:
        """A change, made by a person."""
        self.pass_time(1)
        self.accounts[place.connection].edit(object, place.record, values)

    def entity(self, place: Place, object: str = "contact") -> str:
        """The entity of a record."""
        [found] = [
            entity
            for entity, records in self.links(object).items()
            if records.get(place.connection) == place.record
        ]
        return found

    def value(self, place: Place, name: str, object: str = "contact") -> Any:
        """What a record truly holds."""
        return self.accounts[place.connection].live(object)[place.record].values.get(name)

    def ask(self, *rules: RuleSettings) -> None:
        """Match contacts by these rules."""
        contact = self.settings.objects["contact"].model_copy(update={"match": rules})
        objects = {**self.settings.objects, "contact": contact}
        self.settings = self.settings.model_copy(update={"objects": objects})

    def only(self, *connections: str) -> None:
        """Create missing records in these connections only."""
        objects = {
            name: chosen.model_copy(
                update={"create_in": tuple(c for c in chosen.create_in
                                           if c.connection in connections)}
            )
            for name, chosen in self.settings.objects.items()
        }  # fmt: skip
        self.settings = self.settings.model_copy(update={"objects": objects})

    def reviews(self) -> list[decisions.Review]:
        """The queue."""
        with session(self.engine) as store:
            return decisions.reviews(store)


@pytest.fixture
def hub(sqlite_store: Callable[[], Engine]) -> Iterator[Hub]:
    """Three empty accounts and a store."""
    engine = sqlite_store()
    world = Hub(str(engine.url), {name: Quirks() for name in ("left", "middle", "right")})
    yield world
    world.engine.dispose()


def holds(hub: Hub) -> None:
    """The laws, and again after everything was read afresh."""
    hub.settle()
    hub.check_laws()
    hub.sync(full=True)
    hub.check_laws()


# -- split and keep apart ----------------------------------------------------------------


@pytest.fixture
def wed(hub: Hub) -> tuple[Place, Place]:
    """Two records that the rules have linked, and whose entity is in every account."""
    one = hub.create("left", **ANN, job_title="Chief")
    two = hub.create("right", **ANN, city="Chiang Mai")
    hub.settle()
    assert hub.entity(one) == hub.entity(two)
    return one, two


def test_a_split_record_has_an_entity_of_its_own_for_ever(
    hub: Hub, wed: tuple[Place, Place]
) -> None:
    one, two = wed
    old = hub.entity(one)
    new = hub.split(two)
    assert (hub.entity(one), hub.entity(two)) == (old, new)
    holds(hub)
    assert (hub.entity(one), hub.entity(two)) == (old, new)
    assert {len(hub.accounts[name].live("contact")) for name in hub.accounts} == {2}


def test_after_a_split_a_change_reaches_its_own_entity_only(
    hub: Hub, wed: tuple[Place, Place]
) -> None:
    one, two = wed
    hub.split(two)
    hub.edit(two, first_name="Bo", email="bo@firm.example")
    holds(hub)
    merged = hub.merged("contact")
    assert merged[hub.entity(one)].fields["first_name"] == "Ann"
    assert merged[hub.entity(two)].fields["first_name"] == "Bo"
    assert hub.value(one, "first_name") == "Ann"


def test_a_split_keeps_what_the_records_hold(hub: Hub, wed: tuple[Place, Place]) -> None:
    one, two = wed
    hub.edit(two, city="Fang", job_title=None)
    hub.split(two)
    holds(hub)
    assert (hub.value(two, "city"), hub.value(two, "job_title")) == ("Fang", None)
    assert (hub.value(one, "city"), hub.value(one, "job_title")) == ("Chiang Mai", "Chief")


def test_a_split_record_that_is_deleted_and_restored_is_not_linked_again(
    hub: Hub, wed: tuple[Place, Place]
) -> None:
    one, two = wed
    new = hub.split(two)
    hub.settle()
    hub.accounts["right"].remove("contact", two.record)
    hub.settle()
    hub.accounts["right"].restore("contact", two.record)
    hub.settle()
    assert hub.entity(two) == new != hub.entity(one)


def test_what_the_hub_made_itself_is_not_split_from_what_it_was_made_for(
    hub: Hub, wed: tuple[Place, Place]
) -> None:
    copy = Place("middle", hub.links("contact")[hub.entity(wed[0])]["middle"])
    with pytest.raises(Refused, match="created by the hub"):
        hub.split(copy)
    hub.split(wed[1])
    hub.only()
    lonely = hub.create("right", last_name="Solo")
    hub.settle()
    with pytest.raises(Refused, match="alone"):
        hub.split(lonely)


def test_linked_records_are_not_kept_apart_without_a_split(
    hub: Hub, wed: tuple[Place, Place]
) -> None:
    with pytest.raises(Refused, match="concord split contact right:"):
        hub.decide("apart", *wed)


def test_records_kept_apart_stay_so_when_what_they_share_would_link_them(hub: Hub) -> None:
    hub.only()
    one = hub.create("left", **{**ANN, "email": "a@firm.example", "first_name": "A"})
    two = hub.create("right", **{**ANN, "email": "b@firm.example", "first_name": "B"})
    three = hub.create("middle", **{**ANN, "email": "b@firm.example", "first_name": "B"})
    hub.settle()
    hub.decide("apart", one, two)
    hub.edit(one, email="b@firm.example", first_name="B")
    hub.accounts["left"].remove("contact", one.record)
    hub.settle()
    with session(hub.engine) as store:  # nothing remembers where it was
        store.execute(sa.delete(tables.tombstone))
        store.commit()
    hub.accounts["left"].restore("contact", one.record)
    holds(hub)
    assert hub.entity(two) == hub.entity(three) != hub.entity(one)


# -- the same ----------------------------------------------------------------------------


@pytest.fixture
def strangers(hub: Hub) -> tuple[Place, Place]:
    """Two records of one person that no rule links."""
    hub.only()
    one = hub.create("left", last_name="Rock", first_name="Ann", email="ann@firm.example")
    hub.settle()
    two = hub.create("right", last_name="Stone", first_name="Ann", email="ann@home.example",
                     city="Chiang Mai")  # fmt: skip
    hub.settle()
    assert hub.entity(one) != hub.entity(two)
    return one, two


def test_two_entities_become_one_and_the_older_keeps_its_id(
    hub: Hub, strangers: tuple[Place, Place]
) -> None:
    older, younger = (hub.entity(place) for place in strangers)
    assert hub.decide("same", strangers[1], strangers[0]) == older
    holds(hub)
    assert {hub.entity(place) for place in strangers} == {older}
    merged = hub.merged("contact")
    assert merged[younger].merged_into == older
    assert merged[older].fields["last_name"] == "Stone", "the newer of two first values"
    assert merged[older].fields["city"] == "Chiang Mai"
    assert hub.value(strangers[0], "city") == "Chiang Mai"


def test_the_same_survives_a_delete_and_a_restore(hub: Hub, strangers: tuple[Place, Place]) -> None:
    older = hub.decide("same", *strangers)
    for place in strangers:
        hub.settle()
        hub.accounts[place.connection].remove("contact", place.record)
    hub.settle()
    with session(hub.engine) as store:  # nothing remembers where they were
        store.execute(sa.delete(tables.tombstone))
        store.commit()
    for place in strangers:
        hub.accounts[place.connection].restore("contact", place.record)
    hub.settle()
    assert hub.entity(strangers[0]) == hub.entity(strangers[1])
    assert older in hub.merged("contact")


def test_what_is_double_in_one_account_is_merged_there(
    hub: Hub, strangers: tuple[Place, Place]
) -> None:
    twin = hub.create("left", last_name="Stone", first_name="Ann", email="ann@home.example")
    hub.settle()
    assert hub.entity(twin) == hub.entity(strangers[1])
    with pytest.raises(Refused, match="merge them in the CRM"):
        hub.decide("same", *strangers)
    with pytest.raises(Refused, match=f"left:{strangers[0].record} and left:{twin.record}"):
        hub.decide("same", strangers[0], twin)


def test_the_last_word_holds(hub: Hub, strangers: tuple[Place, Place]) -> None:
    one, two = strangers
    hub.decide("apart", one, two, "sisters")
    hub.decide("same", two, one, "one and the same")
    hub.settle()
    assert hub.entity(one) == hub.entity(two)
    with session(hub.engine) as store:
        [told] = decisions.load(store, "contact", [one])
        assert (told.verdict, told.who, told.note) == ("same", "ann", "one and the same")
    hub.split(two)
    holds(hub)
    assert hub.entity(one) != hub.entity(two)
    hub.decide("same", one, two)
    holds(hub)
    assert hub.entity(one) == hub.entity(two)


def test_decisions_need_records_that_a_run_has_matched(
    hub: Hub, strangers: tuple[Place, Place]
) -> None:
    with pytest.raises(Refused, match="knows no live contact record left:none"):
        hub.decide("same", Place("left", "none"), strangers[1])
    hub.accounts["right"].remove("contact", strangers[1].record)
    hub.sync()
    with pytest.raises(Refused, match="no live contact"):
        hub.decide("apart", *strangers)


# -- references --------------------------------------------------------------------------


@pytest.fixture
def firms(hub: Hub) -> tuple[Place, Place]:
    """One company by two records, each with a person of its own account."""
    hub.objects = ("company", "contact")
    one = hub.create("left", "company", name="Acme", domain="acme.example")
    two = hub.create("right", "company", name="Acme", domain="acme.example")
    hub.create("left", last_name="Leftish", email="l@x.example", company=one.record)
    hub.create("right", last_name="Rightish", email="r@y.example", company=two.record)
    hub.settle()
    assert hub.entity(one, "company") == hub.entity(two, "company")
    return one, two


def companies(hub: Hub) -> dict[str, Any]:
    """Last name -> the company's entity."""
    return {str(e.fields["last_name"]): e.fields["company"] for e in hub.merged("contact").values()}


def test_references_of_a_split_record_go_with_it(hub: Hub, firms: tuple[Place, Place]) -> None:
    one, two = firms
    new = hub.split(two, "company")
    holds(hub)
    assert companies(hub) == {"Leftish": hub.entity(one, "company"), "Rightish": new}
    for account in ("left", "middle", "right"):
        records = {e: r[account] for e, r in hub.links("company").items()}
        held = {
            row.values["last_name"]: row.values["company"]
            for row in hub.accounts[account].live("contact").values()
        }
        assert held == {"Leftish": records[hub.entity(one, "company")], "Rightish": records[new]}


def test_references_follow_an_entity_that_became_another(hub: Hub) -> None:
    hub.objects = ("company", "contact")
    hub.only()
    one = hub.create("left", "company", name="Acme", domain="acme.example")
    hub.settle()
    two = hub.create("right", "company", name="Ajax", domain="ajax.example")
    hub.create("right", last_name="Rightish", email="r@y.example", company=two.record)
    hub.settle()
    word = Verdict(one, two, "same", "ann", hub.time)
    kept = hub.said(lambda store: identity.unite(store, "company", word))
    holds(hub)
    assert kept == hub.entity(two, "company")
    assert companies(hub) == {"Rightish": kept}


# -- rules that ask ----------------------------------------------------------------------

ASKS = RuleSettings(keys=("full_name",), asks=True)


@pytest.fixture
def alike(hub: Hub) -> tuple[Place, Place]:
    """Two records that a rule asks about."""
    hub.ask(RuleSettings(keys=("email",)), ASKS)
    one = hub.create("left", last_name="Rock", first_name="Ann", email="ann@firm.example")
    two = hub.create("right", last_name="Rock", first_name="Ann", email="ann@home.example")
    hub.settle()
    return one, two


def test_a_rule_that_asks_links_nobody_and_creates_nothing_until_the_answer(
    hub: Hub, alike: tuple[Place, Place]
) -> None:
    one, two = alike
    [review] = hub.reviews()
    assert (review.one, review.two, review.rule) == (one, two, "full_name")
    assert review.evidence["email"] == ["ann@firm.example", "ann@home.example"]
    assert review.score == 1.0
    assert hub.entity(one) != hub.entity(two)
    assert {name: len(hub.accounts[name].live("contact")) for name in hub.accounts} == {
        "left": 1, "middle": 0, "right": 1,
    }  # fmt: skip
    hub.check_laws()


def test_the_answer_same_makes_one_of_two(hub: Hub, alike: tuple[Place, Place]) -> None:
    hub.decide("same", *alike)
    assert hub.reviews() == []
    holds(hub)
    assert hub.entity(alike[0]) == hub.entity(alike[1])
    assert {len(hub.accounts[name].live("contact")) for name in hub.accounts} == {1}


def test_the_answer_apart_makes_two_of_two(hub: Hub, alike: tuple[Place, Place]) -> None:
    hub.decide("apart", *alike)
    holds(hub)
    assert hub.reviews() == []
    assert hub.entity(alike[0]) != hub.entity(alike[1])
    assert {len(hub.accounts[name].live("contact")) for name in hub.accounts} == {2}


def test_a_question_ends_with_its_record(hub: Hub, alike: tuple[Place, Place]) -> None:
    hub.accounts["right"].remove("contact", alike[1].record)
    hub.settle()
    assert hub.reviews() == []
    assert len(hub.accounts["middle"].live("contact")) == 1


# -- vendor merges, reports ----------------------------------------------------------------


def test_what_was_said_of_a_merged_record_is_true_of_the_survivor(hub: Hub) -> None:
    hub.only()
    one = hub.create("left", **{**ANN, "email": "a@x.example"})
    other = hub.create("left", last_name="Elsewhere")
    two = hub.create("right", last_name="Stone")
    hub.settle()
    hub.decide("apart", one, two)
    kept = hub.accounts["left"].merge("contact", other.record, one.record)
    hub.settle()
    with session(hub.engine) as store:
        [told] = decisions.load(store, "contact", [two])
    assert told.other(two) == Place("left", kept)
    assert told.verdict == "apart"


def test_a_vendor_merge_does_not_bring_together_what_is_kept_apart(hub: Hub) -> None:
    hub.only()
    pairs = []
    for number in range(2):
        email = f"p{number}@x.example"
        pairs.append([hub.create(c, last_name=f"N{number}", email=email)
                      for c in ("left", ("middle", "right")[number])])  # fmt: skip
    hub.settle()
    (left, middle), (other, right) = pairs
    hub.decide("apart", middle, right)
    hub.accounts["left"].merge("contact", left.record, other.record)
    holds(hub)
    assert hub.entity(middle) != hub.entity(right)


def test_duplicates_are_reported_until_they_are_merged_or_kept_apart(hub: Hub) -> None:
    for _ in range(3):
        hub.create("left", **ANN)
    hub.settle()
    one, two, three = (Place("left", id) for id in sorted(hub.accounts["left"].live("contact")))

    def found() -> set[tuple[str, str]]:
        with session(hub.engine) as store:
            return {(r["record"], r["of"]) for r in decisions.duplicates(store)}

    assert {place.record for place in (one, two, three)} == {id for pair in found() for id in pair}
    assert len(found()) == 3
    hub.decide("apart", one, two)
    assert len(found()) == 2
    hub.accounts["left"].merge("contact", one.record, three.record)
    hub.settle()
    assert len(found()) == 0


def test_the_journal_and_explain_say_who_and_why(hub: Hub, wed: tuple[Place, Place]) -> None:
    new = hub.split(wed[1])
    old = hub.entity(wed[0])
    with session(hub.engine) as store:
        for entity in (old, new):
            told = explain(store, "contact", entity)
            assert {d["verdict"] for d in told.decisions} == {"apart"}
            assert {(d["who"], d["note"]) for d in told.decisions} == {("ann", "not her")}
            [line] = books.journal(store, "contact", entity, actions=["split"])
            assert (line["detail"]["who"], line["detail"]["why"]) == ("ann", "not her")
