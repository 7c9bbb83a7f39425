"""What is measured: each task carried out against a vendor's sandbox, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import Value, Write, WriteResult
from mapping.document import catalog
from tests.bench.minimum import minimum
from tests.bench.stand import Spent, Stand
from tests.contract.rig import OLD
from tests.contract.words import Thing


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `count` is how many records or objects the task was about."""

    vendor: str
    task: str
    count: int
    spent: Spent
    seconds: float

    @property
    def least(self) -> int:
        """The minimum of calls."""
        return minimum(self.vendor, self.task, self.count).calls

    @property
    def made_of(self) -> str:
        """What the minimum is made of."""
        return minimum(self.vendor, self.task, self.count).made_of

    @property
    def ratio(self) -> float:
        """Calls made for each call of the minimum."""
        return self.spent.calls / self.least

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "vendor": self.vendor,
            "task": self.task,
            "count": self.count,
            "calls": self.spent.calls,
            "minimum": self.least,
            "ratio": round(self.ratio, 3),
            "seconds": round(self.seconds, 3),
            "made_of": self.made_of,
            "sign_in": self.spent.sign_in,
            "describe": self.spent.describe,
            "waiting": self.spent.waiting,
        }


def measured(stand: Stand, task: str, count: int, work: Callable[[], None]) -> Line:
    """`work` with its calls and time.

    Raises:
        AssertionError: the connector's meter counts otherwise than the sandbox.
    """
    with stand.counting() as spent:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    assert spent.metered == spent.total, f"{stand.vendor}, {task}: {spent}"
    return Line(stand.vendor, task, count, spent, seconds)


def first_load(stand: Stand, count: int) -> Line:
    """Read `count` contacts that nobody has read before."""
    ids = set(stand.fill(count))
    found: set[str] = set()
    line = measured(
        stand, "first load", count, lambda: found.update(stand.read("contact", None)[0])
    )
    assert found == ids
    return line


def quiet_poll(stand: Stand, count: int) -> Line:
    """Ask each of the four objects for changes when there are none, some time after the first
    load of `count` contacts. The line counts objects."""
    stand.fill(count)
    cursors = {object: stand.read(object, None)[1] for object in stand.things()}
    stand.rig.clock.advance(300)
    found: set[str] = set()

    def work() -> None:
        for object, cursor in cursors.items():
            found.update(stand.read(object, cursor)[0])

    line = measured(stand, "quiet poll", len(cursors), work)
    assert not found
    return line


def changes(stand: Stand, count: int) -> Line:
    """Read `count` contacts that people changed since they were loaded."""
    ids = stand.fill(count)
    _, cursor = stand.read("contact", None)
    stand.rig.clock.advance(300)
    for number, id in enumerate(ids):
        stand.rig.edit(
            stand.rig.words.contact, id, {stand.rig.words.contact.title: f"New {number}"}
        )
    stand.rig.settle()
    found: set[str] = set()
    line = measured(stand, "changes", count, lambda: found.update(stand.read("contact", cursor)[0]))
    assert found == set(ids)
    return line


def deal_changes(stand: Stand, count: int) -> Line:
    """Read `count` deals, each of a company and a contact, that people changed since they were
    loaded."""
    contact, deal = stand.fill(100)[0], stand.rig.words.deal
    company = next(iter(stand.rig.truth(stand.rig.words.company)))
    links = _links(stand.vendor, "deal", company, contact)
    ids = stand.rig.load(deal, (deal.row(f"Deal {n}", **links) for n in range(count)), at=OLD)
    stand.rig.clock.advance(300)
    _, cursor = stand.read("deal", None)
    stand.rig.clock.advance(300)
    for number, id in enumerate(ids):
        stand.rig.edit(deal, id, {deal.title: f"New {number}"})
    stand.rig.settle()
    found: set[str] = set()
    line = measured(
        stand, "deal changes", count, lambda: found.update(stand.read("deal", cursor)[0])
    )
    assert found == set(ids)
    return line


def updates(stand: Stand, count: int) -> Line:
    """Change two fields of `count` contacts."""
    ids = stand.fill(count)
    words = stand.rig.words
    writes = [
        Write(
            str(number),
            "update",
            {words.contact.title: f"Named {number}", words.date: "1980-02-29"},
            id=id,
            before={words.contact.title: f"Person {number}", words.date: None},
        )
        for number, id in enumerate(ids)
    ]
    return _pushed(stand, "updates", words.contact, writes)


def creates(stand: Stand, count: int) -> Line:
    """Create `count` tickets, each of a company and a contact, keyed on the external id. In
    Salesforce both are lookups; a deal's contacts are records of their own there."""
    contact = stand.fill(100)[0]
    company = next(iter(stand.rig.truth(stand.rig.words.company)))
    ticket = stand.rig.words.ticket
    document = catalog(stand.vendor, "ticket")
    stand.connector.provision(ticket.object, document.external_id)
    links = _links(stand.vendor, "ticket", company, contact)
    writes = [
        Write(
            str(number),
            "create",
            {**ticket.row(f"Ticket {number}"), **links},
            external=(document.external_id, f"ticket-{number}"),
        )
        for number in range(count)
    ]
    line = _pushed(stand, "creates", ticket, writes)
    rows = [row for row in stand.rig.sandbox.state(ticket.object) if not row["deleted"]]
    assert len(rows) == count
    assert all(row[name] == value for row in rows for name, value in links.items())
    return line


def _links(vendor: str, object: str, company: str, contact: str) -> dict[str, Value]:
    """The two references of a deal or ticket, as the vendor's fields and pseudo-fields hold
    them."""
    document = catalog(vendor, object).fields
    one = document["contacts"].holds == "one"
    return {
        document["company"].native: company,
        document["contacts"].native: contact if one else (contact,),
    }


def _pushed(stand: Stand, task: str, thing: Thing, writes: list[Write]) -> Line:
    results: list[WriteResult] = []
    line = measured(
        stand,
        task,
        len(writes),
        lambda: results.extend(stand.connector.push(thing.object, writes)),
    )
    assert [result.key for result in results] == [write.key for write in writes]
    assert all(result.error is None and not result.field_errors for result in results)
    assert all(result.id for result in results)
    return line


#: Task -> what carries it out, and the share of --records that it is about.
CONNECTOR_TASKS: Mapping[str, tuple[Callable[[Stand, int], Line], float]] = {
    "first load": (first_load, 1.0),
    "quiet poll": (quiet_poll, 0.01),
    "changes": (changes, 0.01),
    "deal changes": (deal_changes, 0.01),
    "updates": (updates, 0.1),
    "creates": (creates, 0.1),
}
