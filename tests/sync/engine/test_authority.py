"""Only some connections decide: the others' changes are overruled, told, and written back."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine

from sync.explain import explain
from sync.settings import FieldSettings
from sync.store.database import reading
from tests.sync.engine.office import Office


@pytest.fixture
def office(database: Engine) -> Office:
    """Left decides about job titles."""
    made = Office(database)
    made.choose(fields={"job_title": FieldSettings(decides=("left",))})
    return made


def test_another_is_overruled_and_written_back(office: Office) -> None:
    office.edit("right", job_title="Boss", first_name="Anna")
    report = office.sync()
    assert set(office.held("job_title").values()) == {"Buyer"}
    assert set(office.held("first_name").values()) == {"Anna"}
    assert report.connections["right"]["contact"].updated == 1
    office.check_laws()
    with reading(office.engine) as store:
        reason = explain(store, "contact", office.entity).fields["job_title"]
    assert reason.rule == "overruled: only left decides"
    assert reason.connection == "left"
    assert [(c, v) for c, _, v in reason.against] == [("right", "Boss")]


def test_it_decides_itself(office: Office) -> None:
    office.edit("right", job_title="Boss")
    office.edit("left", job_title="Chief")
    report = office.sync()
    assert report.conflicts == 1
    assert set(office.held("job_title").values()) == {"Chief"}
    office.check_laws()


def test_without_its_record_the_others_decide(office: Office) -> None:
    office.pass_time(1)
    office.accounts["left"].remove("contact", office.ann.pop("left"))
    office.sync()
    office.edit("right", job_title="Boss")
    office.sync()
    assert set(office.held("job_title").values()) == {"Boss"}
    office.check_laws()


def test_for_a_whole_object_but_not_for_consent(office: Office) -> None:
    office.choose(decides=("left", "middle"), fields={})
    office.edit("right", job_title="Boss", email_opt_out=True, city="York")
    office.edit("middle", interests=("pricing",))
    office.sync()
    assert set(office.held("job_title").values()) == {"Buyer"}
    assert set(office.held("city").values()) == {"Leeds"}
    assert set(office.held("email_opt_out").values()) == {True}
    assert set(office.held("interests").values()) == {("pricing",)}
    office.check_laws()


def test_one_part_of_a_group_speaks_for_all(office: Office) -> None:
    office.choose(fields={"city": FieldSettings(decides=("left",))})
    office.edit("right", street="2 Low St")
    office.sync()
    assert set(office.held("street").values()) == {"1 High St"}
    office.check_laws()
