"""What waits for a link goes when the link comes: in-memory accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from connectors.memory import Quirks
from sync.engine import release
from sync.model import Place
from sync.store import problems
from tests.sync.engine.decide.test_identity import Hub

QUIRKS = {
    "left": Quirks(),
    "middle": Quirks(),
    "right": Quirks(unique=frozenset({"email", "domain"})),
}


@pytest.fixture
def hub(sqlite_store: Callable[[], Engine]) -> Iterator[Hub]:
    """Three empty accounts, one of which takes no e-mail address and no domain twice."""
    world = Hub(sqlite_store(), QUIRKS)
    world.objects = ("company", "contact", "deal")
    yield world
    world.engine.dispose()


def meanwhile(hub: Hub, object: str, **values: Any) -> list[Place]:
    """Somebody makes a record in `right` after the next run has looked, right before the hub
    writes there; where it will be found."""
    account, made = hub.accounts["right"], list[Place]()

    def interfere(call: str, moment: str) -> None:
        if (call, moment) == ("push", "before") and not made:
            made.append(Place("right", account.create(object, values)))

    account.interfere = interfere
    return made


def problem(hub: Hub) -> Mapping[str, Any]:
    """The one problem that is open."""
    [found] = hub.open_problems()
    return found


def test_a_create_that_a_record_is_in_the_way_of_ends_when_that_is_linked(hub: Hub) -> None:
    """The record in the way turns out to be the very person that was to be made."""
    ann = {"first_name": "Ann", "last_name": "Rock", "email": "ann@firm.example"}
    mine = hub.create("left", **ann, city="Leeds")
    late = meanwhile(hub, "contact", **ann, job_title="Chief")
    hub.sync()
    [blocker] = late
    told = problem(hub)
    assert (told["connection"], told["cause"], told["blocker"]) == (
        "right", "duplicate", blocker.record,
    )  # fmt: skip
    assert told["entity"] == hub.entity(mine)
    report = hub.sync()
    assert report.released == {release.BLOCKER: 1}
    assert report.status == "done"
    assert hub.entity(blocker) == hub.entity(mine)
    hub.settle()
    assert hub.open_problems() == []
    assert hub.accounts["right"].live("contact").keys() == {blocker.record}, "no second one"
    assert (hub.value(blocker, "city"), hub.value(mine, "job_title")) == ("Leeds", "Chief")
    hub.check_laws()


def test_a_record_in_the_way_that_is_somebody_else_stays_there(hub: Hub) -> None:
    """A shared mailbox links nobody. The link tells that it is worth another try, which fails as
    the first did; then it waits again, and the hub is quiet."""
    mine = hub.create("left", first_name="Ann", last_name="Rock", email="sales@firm.example")
    late = meanwhile(hub, "contact", first_name="Bo", last_name="Stone", email="sales@firm.example")
    hub.sync()
    [blocker] = late
    first = problem(hub)
    assert first["blocker"] == blocker.record
    report = hub.sync()
    assert report.released == {release.BLOCKER: 1}
    assert hub.entity(blocker) != hub.entity(mine)
    again = problem(hub)
    assert (again["id"], again["last_run"]) == (first["id"], report.run)
    before = hub.accounts["right"].writes
    assert hub.sync().released == {}
    assert hub.accounts["right"].writes == before, "it is tried once for the link"
    hub.edit(blocker, email="bo@firm.example")
    assert hub.sync().released == {release.BLOCKER: 1}
    assert hub.open_problems() == []
    assert len(hub.accounts["right"].live("contact")) == 2


def test_an_ignored_problem_is_not_released_by_a_link(hub: Hub) -> None:
    mine = hub.create("left", first_name="Ann", last_name="Rock", email="sales@firm.example")
    late = meanwhile(hub, "contact", last_name="Stone", email="sales@firm.example")
    hub.sync()
    hub.said(lambda store: problems.set_status(store, [problem(hub)["id"]], "ignored"))
    before = hub.accounts["right"].writes
    assert hub.sync().released == {}
    assert hub.entity(late[0]) != hub.entity(mine)
    assert "right" not in hub.links("contact")[hub.entity(mine)]
    assert hub.accounts["right"].writes == before


def test_a_reference_waits_for_the_link_of_what_it_names(hub: Hub) -> None:
    """A deal goes without its company where that could not be made, and gets it in the run that
    links the company's record there."""
    acme = hub.create("left", "company", name="Acme", domain="acme.example")
    deal = hub.create("left", "deal", name="Drills", company=acme.record)
    late = meanwhile(hub, "company", name="ACME Ltd", domain="acme.example")
    hub.sync()
    [record] = late
    there = Place("right", hub.links("deal")[hub.entity(deal, "deal")]["right"])
    assert hub.value(there, "company", "deal") is None
    assert "right" not in hub.links("company")[hub.entity(acme, "company")]
    report = hub.sync()
    assert report.released == {release.BLOCKER: 1}
    assert hub.entity(record, "company") == hub.entity(acme, "company")
    assert hub.value(there, "company", "deal") == record.record, "in the run that made the link"
    hub.settle()
    assert hub.value(deal, "company", "deal") == acme.record
    assert hub.open_problems() == []
    hub.check_laws()


def test_a_person_who_links_the_record_in_the_way_ends_the_problem(hub: Hub) -> None:
    """No rule finds the two to be one: a person says so."""
    mine = hub.create("left", first_name="Ann", last_name="Rock", email="sales@firm.example")
    late = meanwhile(hub, "contact", last_name="Stone", email="sales@firm.example")
    hub.sync()
    hub.sync()
    [blocker] = late
    assert problem(hub)["blocker"] == blocker.record
    copy = Place("middle", hub.links("contact")[hub.entity(blocker)]["middle"])
    left = Place("left", hub.links("contact")[hub.entity(blocker)]["left"])
    for place in (copy, left):  # what was made for the other: an entity has one record an account
        hub.accounts[place.connection].remove("contact", place.record)
    hub.sync()
    hub.decide("same", mine, blocker)
    hub.settle()
    assert hub.open_problems() == []
    assert hub.entity(mine) == hub.entity(blocker)
    assert len(hub.accounts["right"].live("contact")) == 1
