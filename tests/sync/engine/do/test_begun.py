"""Writes that were begun and of which nobody knows whether they were made: the reply was lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors.errors import ConnectorError, QuotaExhausted, Unavailable
from connectors.memory import Account, Quirks
from sync.store import tables
from sync.store.database import reading
from tests.sync.engine.office import Office


@pytest.fixture
def office(database: Engine) -> Office:
    return Office(database)


def fail(
    account: Account, call: str, moment: str, error: Callable[..., ConnectorError], times: int = 1
) -> None:
    """The next calls of this kind fail, before or after they take effect."""
    left = times

    def interfere(met: str, when: str) -> None:
        nonlocal left
        if (met, when) == (call, moment) and left:
            left -= 1
            raise error(f"{account.name}: failed", connection=account.name)

    account.interfere = interfere


def lose_the_reply(office: Office, account: str) -> None:
    """A run writes, and the account's answer does not arrive."""
    fail(office.accounts[account], "push", "after", Unavailable)
    assert account in office.sync().errors


def test_sent_again_it_is_quiet(office: Office) -> None:
    office.edit("left", job_title="Chief")
    lose_the_reply(office, "right")
    office.settle()
    assert set(office.held("job_title").values()) == {"Chief"}
    office.check_laws()


def test_what_it_made_is_nobodys_change_although_sending_it_again_failed_too(
    office: Office,
) -> None:
    office.edit("left", job_title="Chief")
    lose_the_reply(office, "right")
    office.edit("left", job_title="Director")
    fail(office.accounts["right"], "push", "before", QuotaExhausted)
    office.sync()
    office.settle()
    assert set(office.held("job_title").values()) == {"Director"}
    office.check_laws()


def test_it_does_not_write_over_what_a_person_saved_since(office: Office) -> None:
    office.edit("left", job_title="Chief")
    lose_the_reply(office, "right")
    office.edit("right", job_title="Director")
    # The next run cannot write, but reads what the person saved; the one after that can.
    fail(office.accounts["right"], "fetch", "before", QuotaExhausted)
    office.sync()
    office.settle()
    assert set(office.held("job_title").values()) == {"Director"}
    office.check_laws()


def test_nor_over_what_was_read_when_sending_it_again_failed(office: Office) -> None:
    right = office.accounts["right"]
    office.edit("left", job_title="Chief", city="York")
    fail(right, "push", "before", Unavailable)
    assert "right" in office.sync().errors
    office.edit("right", job_title="Director")
    fail(right, "push", "before", QuotaExhausted)
    office.sync()
    assert office.agreed("job_title") == "Director"
    office.settle()
    assert set(office.held("job_title").values()) == {"Director"}
    assert set(office.held("city").values()) == {"York"}
    office.check_laws()


@pytest.mark.parametrize("verify", [True, False])
def test_nor_where_records_are_not_verified_before_each_write(office: Office, verify: bool) -> None:
    connections = {
        name: chosen.model_copy(update={"verify": verify})
        for name, chosen in office.settings.connections.items()
    }
    office.settings = office.settings.model_copy(update={"connections": connections})
    office.edit("left", job_title="Chief")
    lose_the_reply(office, "right")
    office.edit("right", job_title="Director")
    office.settle()
    assert set(office.held("job_title").values()) == {"Director"}
    office.check_laws()


def test_a_person_edits_the_record_that_a_lost_create_made(office: Office) -> None:
    office.pass_time(1)
    office.accounts["left"].create("contact", {"last_name": "Bob", "email": "bob@acme.example"})
    lose_the_reply(office, "right")
    [made] = set(office.accounts["right"].live("contact")) - {office.ann["right"]}
    office.pass_time(1)
    office.accounts["right"].edit("contact", made, {"job_title": "Director"})
    office.settle()
    [bob] = (links for links in office.links("contact").values() if links != office.ann)
    assert bob["right"] == made
    titles = {
        account: office.accounts[account].live("contact")[record].values.get("job_title")
        for account, record in bob.items()
    }
    assert titles == dict.fromkeys(("left", "middle", "right"), "Director")
    assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 2, 2]
    office.check_laws()


def test_a_person_empties_a_field_of_the_record_that_a_lost_create_made(office: Office) -> None:
    office.pass_time(1)
    values = {"last_name": "Bob", "email": "bob@acme.example", "job_title": "Buyer"}
    office.accounts["left"].create("contact", values)
    lose_the_reply(office, "right")
    [made] = set(office.accounts["right"].live("contact")) - {office.ann["right"]}
    office.pass_time(1)
    office.accounts["right"].edit("contact", made, {"job_title": None})
    office.settle()
    [bob] = (links for links in office.links("contact").values() if links != office.ann)
    assert {
        office.accounts[account].live("contact")[record].values.get("job_title")
        for account, record in bob.items()
    } == {None}


def test_a_dry_run_lists_it_once(database: Engine) -> None:
    """What it made does not show yet."""
    office = Office(database, right=Quirks(lag=9))
    office.edit("left", job_title="Chief")
    lose_the_reply(office, "right")
    office.edit("left", city="York")
    listed = [(w["connection"], w["fields"]) for w in office.sync(dry=True).planned]
    wrote: list[tuple[str, Any]] = []
    for name, account in office.accounts.items():
        edit = account.edit

        def noted(
            object: str, id: str, values: Any, by: str = "", name: str = name, edit: Any = edit
        ) -> None:
            wrote.append((name, dict(values)))
            edit(object, id, values, by)

        account.edit = noted
    office.sync()
    assert listed[0] == ("right", {"job_title": "Chief"})
    assert sorted(listed, key=str) == sorted(wrote, key=str)


def test_a_dry_run_does_not_list_an_archive_that_was_made(office: Office) -> None:
    office.pass_time(1)
    office.accounts["left"].create("contact", {"last_name": "Bob", "email": "bob@acme.example"})
    run = office.sync().run
    fail(office.accounts["right"], "push", "after", Unavailable)
    assert "right" in office.undo(run).errors
    assert [len(a.live("contact")) for a in office.accounts.values()] == [2, 1, 1]
    assert office.sync(dry=True).planned == []
    office.settle()
    office.check_laws()


def test_a_field_withheld_from_a_batch_leaves_the_others_known_as_ours(database: Engine) -> None:
    """The account says no version and shows changes late, so what is read before the write must
    not pass for a change made after it."""
    office = Office(database, right=Quirks(returns_version=False, lag=9))
    office.edit("left", job_title="Chief", city="York")
    right = office.accounts["right"]

    def meddle(call: str, moment: str) -> None:
        if (call, moment) == ("pull", "after"):
            return
        if call == "fetch" and moment == "before":
            right.interfere = lambda call, moment: None
            right.edit("contact", office.ann["right"], {"job_title": "Director"})

    right.interfere = meddle
    report = office.sync()
    assert report.withheld == 1
    office.sync()
    assert office.agreed("city") == "York"
    office.pass_time(10)
    office.settle()
    assert set(office.held("city").values()) == {"York"}
    assert set(office.held("job_title").values()) == {"Director"}
    office.check_laws()


def test_a_field_that_was_refused_then_is_a_persons(database: Engine) -> None:
    """Right shows changes late, so a person's edit is first read after the hub wrote there."""
    office = Office(database, right=Quirks(lag=9))
    for _ in range(2):
        office.pass_time(60)
        office.settle()
    right = office.accounts["right"]
    right.quirks = replace(right.quirks, read_only=frozenset({"job_title"}))
    office.edit("left", job_title="Chief")
    fail(right, "push", "before", Unavailable)
    assert "right" in office.sync().errors
    assert office.sync().problems == 1
    office.edit("right", job_title="Director")
    office.edit("left", phone="+66 2 123 4567")
    assert office.sync().writes
    office.pass_time(10)
    office.settle()
    assert set(office.held("job_title").values()) == {"Director"}


def test_an_archive_whose_reply_was_lost_is_booked_and_can_be_undone(office: Office) -> None:
    office.choose(deletes="archive")
    office.pass_time(1)
    office.accounts["left"].remove("contact", office.ann["left"])
    fail(office.accounts["right"], "push", "after", Unavailable)
    assert "right" in office.sync().errors
    run = office.sync().run
    assert office.accounts["right"].live("contact") == {}
    office.undo(run)
    [ann] = office.accounts["right"].live("contact").values()
    assert ann.values["last_name"] == "Ann"


def test_a_field_withheld_is_not_booked_as_written(office: Office) -> None:
    office.edit("left", job_title="Chief", city="York")
    lose_the_reply(office, "right")
    office.edit("right", job_title="Director")
    run = office.sync().run
    with reading(office.engine) as store:
        query = sa.select(tables.journal).where(tables.journal.c.run == run)
        lines = [line for line in store.rows(query) if line.connection == "right"]
    told = {line.action: sorted(line.detail["fields"]) for line in lines}
    assert told == {"write withheld": ["job_title"], "update": ["city"]}
