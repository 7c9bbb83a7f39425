"""A vendor's sandbox and a connector to it.

The suite speaks of companies, contacts, deals and tickets; `words.py` says what each vendor
calls them. What a vendor cannot do is read from its connector's `capabilities` and
`describe`, never from its name.
"""

from __future__ import annotations

import importlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from werkzeug.wrappers import Request, Response

import connectors
from connectors.base import (
    Access,
    Connector,
    FieldInfo,
    Page,
    Record,
    Shelf,
    Value,
    Write,
    WriteResult,
)
from connectors.budget import Budget
from connectors.sandbox.faults import Fault
from connectors.sandbox.server import Call, Clock, Log, Server
from tests.contract import memory
from tests.contract.words import WORDS, Setup, Thing

#: The sandboxes' clocks stand here until a test moves them.
START = datetime.now(UTC).replace(microsecond=0)

#: Long before `START`: for records nobody touched lately.
OLD = "2024-05-06T07:08:09+00:00"


class Rig(ABC):
    """One vendor's sandbox at `url`, a connector to it, and the hand of its users."""

    sandbox: Any
    url: str
    requests: list[Request]
    """What a sandbox was asked, refused requests left out."""
    meanwhile: Callable[[], None] | None = None
    """What happens in the account after each call, before its reply arrives."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.vendor = setup.vendor
        self.words = WORDS[setup.vendor]
        self.clock = Clock(now=lambda: START)
        self._open: list[Connector] = []

    @cached_property
    def connector(self) -> Connector:
        """The connector under test."""
        return self.connect()

    def credentials(self) -> dict[str, str]:
        """The `auth` block of this setup."""
        made: dict[str, str] = getattr(self.sandbox, self.setup.credentials)()
        return made

    def access(
        self,
        auth: Mapping[str, str] | None = None,
        budget: Budget | None = None,
        options: Mapping[str, str] | None = None,
        shelf: Shelf | None = None,
    ) -> Access:
        """How to reach the sandbox, with its own or other credentials and options."""
        return Access(
            connection=f"my-{self.vendor}",
            url=self.url,
            auth=self.credentials() if auth is None else auth,
            sandbox=True,
            options=self.setup.options if options is None else options,
            budget=budget,
            shelf=shelf,
        )

    def connect(
        self,
        auth: Mapping[str, str] | None = None,
        budget: Budget | None = None,
        options: Mapping[str, str] | None = None,
        shelf: Shelf | None = None,
    ) -> Connector:
        """A further connector; it is closed with the rig."""
        made = connectors.connect(self.vendor, self.access(auth, budget, options, shelf))
        self._open.append(made)
        return made

    def close(self) -> None:
        """Close every connector and clear every fault."""
        self.clear_faults()
        for connector in self._open:
            connector.close()

    # -- what happened ---------------------------------------------------------------

    @property
    @abstractmethod
    def calls(self) -> list[Call]:
        """The sandbox's own log of requests."""

    def token_calls(self) -> int:
        """How often an access token was asked for."""
        return sum(bool(re.fullmatch(self.words.token_path, call.path)) for call in self.calls)

    def truth(self, thing: Thing) -> dict[str, Any]:
        """id -> title of the records that live in the sandbox."""
        return {
            row["id"]: row[thing.title]
            for row in self.sandbox.state(thing.object)
            if not row["deleted"]
        }

    @abstractmethod
    def fault(self, kind: str, **more: Any) -> None:
        """Order a fault of the sandbox; `clear_faults` ends it."""

    @abstractmethod
    def clear_faults(self) -> None:
        """Let the sandbox behave again."""

    @property
    @abstractmethod
    def struck(self) -> int:
        """How often the faults ordered since the last clearing have struck."""

    @abstractmethod
    def received(self, mark: str) -> bool:
        """Whether the mark was in anything the sandbox was sent."""

    # -- a user of the vendor --------------------------------------------------------

    def widen(self, thing: Thing, count: int) -> list[str]:
        """So many further text fields; their names."""
        names = [f"{self.words.custom[0]}{n:03d}{self.words.custom[1]}" for n in range(count)]
        for name in names:
            self.words.add_field(self.sandbox, thing.object, name)
        return names

    def settle(self) -> None:
        """Let so much time pass that every change made so far shows."""
        self.clock.advance(self.connector.capabilities.read_lag + 1)

    def load(self, thing: Thing, rows: Iterable[Mapping[str, Any]], at: str = "") -> list[str]:
        """Put rows in as they are, stamped `at` or now."""
        stamps = {"created_at": at, "modified_at": at} if at else {}
        return self.sandbox.load(thing.object, [{**stamps, **row} for row in rows])

    def fill(self, thing: Thing, count: int, at: str = "", start: int = 0) -> list[str]:
        """`count` plain records."""
        return self.load(thing, [thing.row(f"row {n}") for n in range(start, start + count)], at)

    def edit(self, thing: Thing, id: str, values: Mapping[str, Any]) -> None:
        """Change a record on the vendor's own screen."""
        self.sandbox.edit(thing.object, id, values)

    def remove(self, thing: Thing, id: str) -> None:
        """Delete a record on the vendor's own screen."""
        self.sandbox.remove(thing.object, id)

    def restore(self, thing: Thing, id: str) -> None:
        """Take a record out of the recycle bin on the vendor's own screen."""
        self.sandbox.restore(thing.object, id)

    def merge(self, thing: Thing, winner: str, loser: str) -> str:
        """Merge two records on the vendor's own screen; the id of the survivor."""
        return str(self.sandbox.merge(thing.object, winner, loser))

    # -- short ways through the connector --------------------------------------------

    def field(self, thing: Thing, name: str) -> FieldInfo:
        """How the account describes the field."""
        return self.connector.describe(thing.object).fields[name]

    def pages(self, thing: Thing, since: str | None = None, *more: str) -> list[Page]:
        """A whole pull of the title and `more` fields."""
        return list(self.connector.pull(thing.object, (thing.title, *more), since))

    def pulled(self, thing: Thing, since: str | None = None, *more: str) -> list[Record]:
        """The records of a whole pull."""
        return [record for page in self.pages(thing, since, *more) for record in page.records]

    def one(self, thing: Thing, id: str, *names: str) -> Record:
        """The record as it is now."""
        found = self.connector.fetch(thing.object, [id], names or (thing.title,))
        assert [record.id for record in found] == [id]
        return found[0]

    def push(self, thing: Thing, *writes: Write) -> list[WriteResult]:
        """Carry out writes, and check what holds for every push."""
        results = self.connector.push(thing.object, writes)
        assert [result.key for result in results] == [write.key for write in writes]
        for result in results:
            assert result.error is None or str(result.error)
        return results

    def create(self, thing: Thing, values: Mapping[str, Value]) -> str:
        """Create one record through the connector; its id."""
        [result] = self.push(thing, Write("k", "create", values))
        assert result.error is None, result.error
        assert not result.field_errors
        assert result.created
        return result.id

    def update(self, thing: Thing, id: str, values: Mapping[str, Value]) -> WriteResult:
        """Update one record through the connector, from what it holds now."""
        before = self.one(thing, id, *values).values
        [result] = self.push(thing, Write("k", "update", values, id=id, before=before))
        assert result.error is None, result.error
        assert not result.field_errors
        return result


class ServedRig(Rig):
    """A vendor's sandbox behind `server`."""

    def __init__(self, setup: Setup, server: Server) -> None:
        super().__init__(setup)
        package = importlib.import_module(f"connectors.sandbox.{setup.vendor}")
        self.sandbox = package.Sandbox(clock=self.clock, **setup.sandbox)
        self.server, self.url = server, server.url
        self.requests = []
        server.vendor, server.log = self.sandbox, Log()
        handle = self.sandbox.handle

        def kept(request: Request) -> Response:
            self.requests.append(request)
            response: Response = handle(request)
            if self.meanwhile is not None:
                self.meanwhile()
            return response

        self.sandbox.handle = kept

    @property
    def calls(self) -> list[Call]:
        return self.server.log.calls

    def fault(self, kind: str, **more: Any) -> None:
        self.server.faults.add(Fault(self.vendor, kind, **more))

    def clear_faults(self) -> None:
        self.server.faults.clear()

    @property
    def struck(self) -> int:
        return sum(line["struck"] for line in self.server.faults.lines())

    def received(self, mark: str) -> bool:
        return any(mark.encode() in request.get_data() for request in self.requests)


class MemoryRig(Rig):
    """An account in this process."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.sandbox = memory.Sandbox(self.clock)
        self.url = self.sandbox.url
        self._calls = memory.Calls(self.sandbox)

    @property
    def calls(self) -> list[Call]:
        return self._calls.log

    def fault(self, kind: str, **more: Any) -> None:
        self._calls.order(kind, **more)

    def clear_faults(self) -> None:
        self._calls.clear()

    @property
    def struck(self) -> int:
        return self._calls.struck

    def received(self, mark: str) -> bool:
        return any(mark in repr(rows) for rows in self.sandbox.account.rows.values())


@dataclass
class Mirror:
    """A copy kept up to date from pages alone, as the hub keeps its replicas."""

    thing: Thing
    rows: dict[str, Any] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    cursor: str | None = None

    def take(self, pages: Iterable[Page]) -> Mirror:
        """Apply pages; each must keep the promises of `Page` and `Record`."""
        for page in pages:
            json.loads(page.cursor)
            for record in page.records:
                self._take(record)
            self.cursor = page.cursor
        return self

    def _take(self, record: Record) -> None:
        assert record.object == self.thing.object
        assert record.id
        assert record.modified_at.tzinfo is not None
        assert record.version
        for value in record.values.values():
            assert value != "", "an empty text is None"
            assert value is None or isinstance(value, bool | int | Decimal | str | tuple)
        if record.deleted:
            assert not record.values
            self.rows.pop(record.id, None)
            self.gone[record.id] = record.merged_into
        else:
            assert not record.merged_into
            self.rows[record.id] = record.values[self.thing.title]
            self.gone.pop(record.id, None)

    def copy(self) -> Mirror:
        """An independent copy."""
        return replace(self, rows=dict(self.rows), gone=dict(self.gone))


# -- values, whatever their wire form -------------------------------------------------


def number(value: Value) -> Decimal:
    """A number as the vendor gave it, exactly; binary fractions are not taken."""
    assert isinstance(value, int | Decimal | str)
    assert not isinstance(value, bool)
    return Decimal(value)


def flag(value: Value) -> bool:
    """A boolean, or HubSpot's word for one."""
    return {True: True, False: False, "true": True, "false": False, None: False}[value]


def options(value: Value) -> set[str]:
    """A set of options: a tuple, or a text joined with semicolons."""
    assert isinstance(value, str | tuple)
    return set(value.split(";") if isinstance(value, str) else value)


def ids(value: Value) -> tuple[str, ...]:
    """Ids of a lookup, one or several."""
    if value is None:
        return ()
    assert isinstance(value, str | tuple)
    return (value,) if isinstance(value, str) else value


def instant(value: Value) -> datetime:
    """An instant in any vendor's text."""
    assert isinstance(value, str)
    read = datetime.fromisoformat(value)
    assert read.tzinfo is not None
    return read
