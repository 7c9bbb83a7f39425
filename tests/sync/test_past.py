"""What an entity was after an earlier run, and what `explain` makes of it."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine

from sync.engine.decide import identity
from sync.explain import explain
from sync.model import Place
from sync.store.database import reading, session
from sync.store.decisions import Verdict
from tests.stateful.chronicle import Chronicle
from tests.sync.engine.office import Office


def test_every_state_of_a_long_story_can_be_rebuilt(database: Engine) -> None:
    """Edits, a new deal, entities that become one and come apart, vendors' merges, deletes."""
    office = Office(database)
    chronicle = Chronicle(office)
    left, right = office.accounts["left"], office.accounts["right"]
    office.edit("left", job_title="Chief", interests=("events", "pricing"))
    office.edit("right", job_title="Boss")
    office.sync()
    [acme] = office.links("company").values()
    left.create(
        "deal", {"name": "Drills", "amount": 10, "currency": "USD", "stage": "won",
                 "company": acme["left"], "contacts": (office.ann["left"],)}
    )  # fmt: skip
    office.choose(create_in=())
    office.pass_time(1)
    lone = left.create("contact", {"last_name": "Bo", "company": acme["left"]})
    other = right.create("contact", {"last_name": "Beau", "job_title": "Cook"})
    left.create("deal", {"name": "Nails", "contacts": (lone,)})
    office.settle()
    with session(office.engine) as store:
        word = Verdict(Place("left", lone), Place("right", other), "same", "ann", office.time)
        identity.unite(store, "contact", word)
        store.commit()
    office.settle()
    chronicle.compare()
    with session(office.engine) as store:
        identity.split(store, "contact", Place("right", other), "ann", office.time, "")
        store.commit()
    office.settle()
    office.pass_time(1)
    right.merge("contact", office.ann["right"], other)
    office.settle()
    extra = left.create("contact", {"last_name": "Cy"})
    office.settle()
    office.pass_time(1)
    left.merge("contact", extra, lone)
    office.settle()
    office.choose(deletes="archive")
    office.pass_time(1)
    left.remove("contact", office.ann["left"])
    run = office.sync().run
    assert office.merged("contact")[office.entity].archived
    office.undo(run)
    office.settle()
    assert not office.merged("contact")[office.entity].archived
    chronicle.compare()
    told = [page for page in chronicle.pages.values() if ("contact", office.entity) in page]
    assert any(page["contact", office.entity][1] for page in told), "archived for a while"
    assert any(entity[2] for page in chronicle.pages.values() for entity in page.values()), "alias"


@pytest.fixture
def office(database: Engine) -> Office:
    return Office(database)


def test_explain_tells_of_then(office: Office) -> None:
    office.edit("left", job_title="Chief")
    first = office.sync().run
    office.edit("right", job_title="Boss")
    office.edit("middle", city="York")
    office.sync()
    office.pass_time(1)
    office.accounts["middle"].remove("contact", office.ann["middle"])
    office.accounts["left"].create("contact", {"last_name": "Later"})
    office.sync()
    [later] = office.links("contact").keys() - {office.entity}
    with reading(office.engine) as store:
        now = explain(store, "contact", office.entity)
        then = explain(store, "contact", office.entity, first)
        with pytest.raises(LookupError):
            explain(store, "contact", later, first)
    assert now.fields["job_title"].value == "Boss"
    assert {link["connection"] for link in now.links} == {"left", "right"}
    title = then.fields["job_title"]
    assert (title.value, title.connection, title.run) == ("Chief", "left", first)
    assert then.fields["city"].value == "Leeds"
    assert {link["connection"] for link in then.links} == {"left", "middle", "right"}
    assert all(write["run"] <= first for write in then.writes)
    assert then.as_json()["as_of_run"] == first
    assert "as_of_run" not in now.as_json()
