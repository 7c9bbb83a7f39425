"""Somebody edits a record between the look and the write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.sandbox.faults import Fault
from sync.engine import run as run_module
from sync.engine.report import Report
from tests.sync.engine.world import VENDORS, Known, World

MEMBERS = [(vendor, "hubspot" if vendor == "zoho" else "zoho") for vendor in VENDORS]


def run_with(
    world: World, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]
) -> Report:
    """A run in which something happens after everything was decided and before any write."""
    real, waiting = run_module.do, [meanwhile]

    def late(wiring: Any, objects: Any, begun: bool = False) -> None:
        if not begun and waiting:
            waiting.pop()()
        real(wiring, objects, begun)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "do", late)
        report = world.run()
    assert not waiting
    return report


@pytest.mark.parametrize(("vendor", "editor"), MEMBERS)
def test_an_edit_between_look_and_write_is_kept(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch, vendor: str, editor: str
) -> None:
    ids = known["contact"]
    world.edit(editor, "contact", ids[editor], job_title="Chief", first_name="Robert")
    report = run_with(
        world,
        monkeypatch,
        lambda: world.edit(vendor, "contact", ids[vendor], job_title="Boss"),
    )
    assert report.withheld == 1
    assert world.value(vendor, "contact", ids[vendor], "job_title") == "Boss"
    assert world.value(vendor, "contact", ids[vendor], "first_name") == "Robert"
    [told] = world.journal("write withheld")
    assert (told["connection"], sorted(told["detail"]["fields"])) == (vendor, ["job_title"])
    world.settle()
    assert set(world.values("contact", ids, "job_title").values()) == {"Boss"}
    assert world.problems() == []


def test_an_edit_of_another_field_stops_nothing(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = known["contact"]
    world.edit("zoho", "contact", ids["zoho"], job_title="Chief")
    report = run_with(
        world,
        monkeypatch,
        lambda: world.edit("salesforce", "contact", ids["salesforce"], first_name="Robert"),
    )
    assert report.withheld == 0
    world.settle()
    assert set(world.values("contact", ids, "job_title").values()) == {"Chief"}
    assert set(world.values("contact", ids, "first_name").values()) == {"Robert"}


def test_parts_of_an_address_wait_together(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = known["contact"]
    world.edit("zoho", "contact", ids["zoho"], street="1 High Street", city="Leeds")
    world.settle()
    world.edit("zoho", "contact", ids["zoho"], street="2 Low Road")
    run_with(
        world,
        monkeypatch,
        lambda: world.edit("salesforce", "contact", ids["salesforce"], city="York"),
    )
    assert world.value("salesforce", "contact", ids["salesforce"], "street") == "1 High Street"
    world.settle()
    held = {
        (world.value(v, "contact", ids[v], "street"), world.value(v, "contact", ids[v], "city"))
        for v in VENDORS
    }
    assert held == {("1 High Street", "York")}, "the newest address, as a whole"


def test_an_edit_that_the_search_index_does_not_show_yet_is_kept(
    world: World, known: Known
) -> None:
    ids, server = known["contact"], world.servers["hubspot"]
    world.clock.advance(3600)
    world.run()
    world.clock.advance(3600)
    id = server.faults.add(Fault("hubspot", "search_lag", options={"seconds": 600}, times=None))
    try:
        world.edit("zoho", "contact", ids["zoho"], job_title="Chief")
        world.edit("hubspot", "contact", ids["hubspot"], job_title="Boss")
        assert world.run().withheld == 1
        assert world.value("hubspot", "contact", ids["hubspot"], "job_title") == "Boss"
    finally:
        server.faults.clear(id)
    world.settle()
    assert set(world.values("contact", ids, "job_title").values()) == {"Boss"}


def unverified(world: World) -> None:
    """Switch verifying off everywhere."""
    connections = {
        name: chosen.model_copy(update={"verify": False})
        for name, chosen in world.settings.connections.items()
    }
    world.settings = world.settings.model_copy(update={"connections": connections})


def test_verifying_is_one_call_and_can_be_switched_off(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the vendors take the later write, which is the hub's."""
    ids, log = known["contact"], world.servers["hubspot"].log

    def before_the_update(since: int) -> str:
        paths = [call.path for call in log.calls[since:]]
        return paths[paths.index("/crm/v3/objects/contacts/batch/update") - 1]

    world.edit("zoho", "contact", ids["zoho"], job_title="Chief")
    since = len(log.calls)
    world.run()
    assert before_the_update(since) == "/crm/v3/objects/contacts/batch/read"
    unverified(world)
    world.edit("zoho", "contact", ids["zoho"], job_title="Director")
    since = len(log.calls)
    report = run_with(
        world,
        monkeypatch,
        lambda: world.edit("hubspot", "contact", ids["hubspot"], job_title="Boss"),
    )
    assert before_the_update(since).startswith("/crm/v3/objects/tickets")
    assert report.withheld == 0
    assert world.value("hubspot", "contact", ids["hubspot"], "job_title") == "Director"


def test_a_record_that_somebody_made_meanwhile_is_not_made_again(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run left in the outbox is held against what the next one sees."""
    row = {"last_name": "Late", "email": "late@x.example"}
    world.load("zoho", "contact", {**row, "modified_at": world.clock.now().isoformat()})
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "do", lambda *a, **k: None)
        world.run()
    assert world.numbers("contact")["salesforce"] == 1
    [theirs] = world.load(
        "salesforce", "contact", {**row, "modified_at": world.clock.now().isoformat()}
    )
    world.settle()
    assert world.numbers("contact") == {"salesforce": 2, "hubspot": 2, "zoho": 2}
    entity = world.entity("contact", "salesforce", theirs)
    assert world.records("contact", entity).keys() == set(VENDORS)
