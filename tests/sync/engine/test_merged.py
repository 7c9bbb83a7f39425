"""Records that people merge in their CRMs, where the merges contradict each other."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine

from connectors.memory import Quirks
from tests.sync.engine.office import Office


@pytest.fixture
def office(database: Engine) -> Office:
    return Office(database, middle=Quirks(merge_makes_new_id=True))


@pytest.fixture
def bob(office: Office) -> dict[str, str]:
    """A second contact, whom all accounts know."""
    office.pass_time(1)
    office.accounts["left"].create("contact", {"last_name": "Bob", "email": "bob@acme.example"})
    office.settle()
    [found] = (links for links in office.links("contact").values() if links != office.ann)
    return found


def counts(office: Office) -> list[int]:
    return [len(account.live("contact")) for account in office.accounts.values()]


def test_one_of_two_that_cannot_become_one_gets_no_new_record(
    office: Office, bob: dict[str, str]
) -> None:
    office.accounts["left"].merge("contact", bob["left"], office.ann["left"])
    office.settle()
    office.accounts["right"].merge("contact", office.ann["right"], bob["right"])
    office.settle()
    assert counts(office) == [1, 2, 1]
    office.check_laws()
    office.accounts["middle"].merge("contact", office.ann["middle"], bob["middle"])
    office.settle()
    assert counts(office) == [1, 1, 1]
    assert len(office.links("contact")) == 1
    office.check_laws()


def test_what_was_open_for_one_is_open_for_the_other(office: Office, bob: dict[str, str]) -> None:
    office.choose(deletes="unlink")
    office.accounts["middle"].remove("contact", office.ann["middle"])
    office.accounts["middle"].remove("contact", bob["middle"])
    office.settle()
    for account in ("left", "right"):
        office.accounts[account].merge("contact", bob[account], office.ann[account])
    office.settle()
    assert counts(office) == [1, 0, 1]
    office.check_laws()


@pytest.mark.parametrize("policy", ["unlink", "archive"])
def test_merged_into_a_record_that_is_deleted_then(
    office: Office, bob: dict[str, str], policy: str
) -> None:
    office.choose(deletes=policy)
    left = office.accounts["left"]
    left.merge("contact", bob["left"], office.ann["left"])
    left.remove("contact", bob["left"])
    office.settle()
    others = 2 if policy == "unlink" else 0
    assert counts(office) == [0, others, others]
    assert all("left" not in links for links in office.links("contact").values())
    office.check_laws()


def test_a_record_that_was_handed_on_is_merged_in_the_same_run(
    office: Office, bob: dict[str, str]
) -> None:
    """Ann's record in the middle goes to Bob, who has none there, and is Carl's by then."""
    for account in ("middle", "right"):
        office.accounts[account].remove("contact", bob[account])
    office.accounts["middle"].create("contact", {"last_name": "Carl", "email": "carl@acme.example"})
    office.settle()
    [carl] = set(office.accounts["middle"].live("contact")) - {office.ann["middle"]}
    office.pass_time(1)
    office.accounts["left"].merge("contact", bob["left"], office.ann["left"])
    office.accounts["middle"].merge("contact", carl, office.ann["middle"])
    office.settle()
    aliases = {id for id, entity in office.merged("contact").items() if entity.merged_into}
    assert aliases
    assert not aliases & office.links("contact").keys()
    office.check_laws()
