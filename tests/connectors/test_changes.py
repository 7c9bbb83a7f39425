"""The sandboxes' log of changes, over the control API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.sandbox.client import ControlClient, ControlError
from connectors.sandbox.fleet import VENDORS, Fleet
from tests.contract.words import WORDS


@pytest.fixture(scope="module")
def control() -> Iterator[ControlClient]:
    with Fleet(contacts=0) as fleet, ControlClient(fleet.control_url) as client:
        yield client


def _lines(control: ControlClient, vendor: str, since: int) -> list[tuple[str, str, str]]:
    found = control.changes(vendor, since)
    assert [line["number"] for line in found] == sorted(line["number"] for line in found)
    assert all(line["number"] > since and line["at"] for line in found)
    return [(line["id"], line["kind"], line["merged_into"]) for line in found]


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_users_do_is_logged(control: ControlClient, vendor: str) -> None:
    thing = WORDS[vendor].contact
    before = control.changes(vendor)
    start = before[-1]["number"] if before else 0
    one, two = (control.create(vendor, thing.object, thing.row(title)) for title in ("a", "b"))
    control.edit(vendor, thing.object, one, {thing.title: "c"})
    control.remove(vendor, thing.object, two)
    control.restore(vendor, thing.object, two)
    lines = _lines(control, vendor, start)
    assert lines == [
        (one, "created", ""),
        (two, "created", ""),
        (one, "changed", ""),
        (two, "deleted", ""),
        *[(two, "restored", "")],
        *lines[5:],
    ]
    # Some sandboxes stamp a restored record in a step of its own.
    assert set(lines[5:]) <= {(two, "changed", "")}
    start = control.changes(vendor)[-1]["number"]
    survivor = control.merge(vendor, thing.object, one, two)
    merged = _lines(control, vendor, start)
    assert (two, "merged", survivor) in merged
    assert (two, "restored", "") not in merged


def test_what_is_refused_leaves_no_line(control: ControlClient) -> None:
    before = {vendor: control.changes(vendor) for vendor in VENDORS}
    for vendor in VENDORS:
        thing = WORDS[vendor].contact
        with pytest.raises(ControlError):
            control.edit(vendor, thing.object, "404", {thing.title: "x"})
    assert {vendor: control.changes(vendor) for vendor in VENDORS} == before


def test_associations_of_hubspot_are_logged(control: ControlClient) -> None:
    words = WORDS["hubspot"]
    company = control.create("hubspot", "companies", words.company.row("c"))
    contact = control.create("hubspot", "contacts", words.contact.row("p"))
    start = control.changes("hubspot")[-1]["number"]
    control.edit("hubspot", "contacts", contact, {words.employer: company})
    lines = control.changes("hubspot", start)
    assert {(line["object"], line["id"]) for line in lines if line["kind"] == "linked"} == {
        ("contacts", contact),
        ("companies", company),
    }
