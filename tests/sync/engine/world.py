"""Sandboxes, a store and settings as one thing that tests can run and look into.

Tests speak of objects and common field names; `NATIVE` says what each vendor calls them.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors import connect
from connectors.sandbox.faults import Fault
from connectors.sandbox.server import Clock, Log, Server
from mapping.document import catalog
from mapping.schema import OBJECTS
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.settings import SYNCED, Settings, access
from sync.store import books, problems, tables
from sync.store.database import session

VENDORS = ("salesforce", "hubspot", "zoho")

#: Where the sandboxes' clocks stand until a test moves them.
START = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)

#: Long before `START`.
OLD = "2024-05-06T07:08:09+00:00"

USERS = {"salesforce": "User", "hubspot": "owners", "zoho": "users"}


def native(vendor: str, object: str, field: str = "") -> str:
    """The vendor's name of an object, or of a field of it."""
    if object == "user":
        return USERS[vendor]
    document = catalog(vendor, object)
    return document.fields[field].native if field else document.native


def generic(vendor: str, object: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Native names for common ones; values go as they are, other keys are kept."""
    known = catalog(vendor, object).fields
    return {known[n].native if n in known else n: value for n, value in values.items()}


class World:
    """Some vendors' sandboxes and one hub. `servers` are reused from test to test."""

    def __init__(
        self, servers: dict[str, Server], engine: Engine, vendors: Sequence[str] = VENDORS
    ) -> None:
        self.clock = Clock(now=lambda: START)
        self.engine = engine
        self.vendors = tuple(vendors)
        self.servers: dict[str, Server] = {}
        for name in self.vendors:
            sandbox = importlib.import_module(f"connectors.sandbox.{name}").Sandbox(
                clock=self.clock
            )
            if name not in servers:
                servers[name] = Server(sandbox)
            self.servers[name] = servers[name]
            self.servers[name].vendor, self.servers[name].log = sandbox, Log()
        self.settings = self.configure({})

    # -- settings ------------------------------------------------------------------------

    def configure(self, objects: Mapping[str, Mapping[str, Any]]) -> Settings:
        """Settings that create everything everywhere, changed by `objects`."""
        chosen: dict[str, dict[str, Any]] = {
            name: {"create_in": list(self.vendors)} for name in SYNCED
        }
        for name, more in objects.items():
            chosen[name] = {**chosen[name], **more}
        self.settings = Settings.model_validate(
            {
                "hub": {"region": "TH"},
                "connections": {
                    name: {
                        "vendor": name,
                        "url": server.url,
                        "sandbox": True,
                        "auth": server.vendor.credentials(),
                        "options": {"deletes_every": "0"},
                    }
                    for name, server in self.servers.items()
                },
                "objects": chosen,
            }
        )
        return self.settings

    def connect(self) -> None:
        """What `concord connect` does: check the accounts, add the external-id fields."""
        with session(self.engine) as store:
            for name in self.settings.connections:
                connector = connect(name, access(self.settings, name, Path(".")))
                try:
                    account, fields = connector.check(), {}
                    for object in SYNCED:
                        document = catalog(name, object)
                        connector.provision(document.native, document.external_id)
                        fields[object] = document.external_id
                finally:
                    connector.close()
                books.save_account(
                    store, name, name, dataclasses.asdict(account), fields, self.clock.now()
                )
            store.commit()

    # -- runs ----------------------------------------------------------------------------

    def run(self, **options: Any) -> Report:
        """One run, a minute after what happened last."""
        self.clock.advance(60)
        return run(self.engine, self.settings, Path("."), Options(clock=self.clock.now, **options))

    def settle(self, most: int = 4) -> None:
        """Run until a run writes nothing."""
        for _ in range(most):
            if not self.run().writes:
                return
        raise AssertionError(f"{most} runs and still something to write")

    def writes(self) -> dict[str, int]:
        """Writing requests that each vendor has answered."""
        return {
            name: sum(call.wrote for call in server.log.calls)
            for name, server in self.servers.items()
        }

    def written(self, work: Callable[[], Any]) -> dict[str, int]:
        """Writing requests made during `work`, vendors without any left out."""
        before = self.writes()
        work()
        after = self.writes()
        return {name: after[name] - before[name] for name in after if after[name] != before[name]}

    # -- the vendors' side ---------------------------------------------------------------

    def load(self, vendor: str, object: str, *rows: Mapping[str, Any]) -> list[str]:
        """Put records in, long ago, under common field names."""
        stamps = {"created_at": OLD, "modified_at": OLD}
        made = rows if object == "user" else [generic(vendor, object, row) for row in rows]
        return self.servers[vendor].vendor.load(
            native(vendor, object), [{**stamps, **row} for row in made]
        )

    def edit(self, vendor: str, object: str, id: str, **values: Any) -> None:
        """Change a record as a person does, a little later than whatever happened last."""
        self.clock.advance(5)
        self.servers[vendor].vendor.edit(
            native(vendor, object), id, generic(vendor, object, values)
        )

    def remove(self, vendor: str, object: str, id: str) -> None:
        """Delete a record as a person does."""
        self.clock.advance(5)
        self.servers[vendor].vendor.remove(native(vendor, object), id)

    def restore(self, vendor: str, object: str, id: str) -> None:
        """Bring a deleted record back as a person does."""
        self.clock.advance(5)
        self.servers[vendor].vendor.restore(native(vendor, object), id)

    @contextmanager
    def fault(
        self, vendor: str, kind: str, object: str, field: str, times: int | None = None, **more: Any
    ) -> Iterator[None]:
        """A fault of a field while the block lasts."""
        options = {"field": native(vendor, object, field), **more}
        server = self.servers[vendor]
        with server.vendor.lock:
            id = server.faults.add(
                Fault(vendor, kind, object=native(vendor, object), times=times, options=options)
            )
        try:
            yield
        finally:
            server.faults.clear(id)

    def merge(self, vendor: str, object: str, winner: str, loser: str) -> str:
        """Merge two records as a person does; the survivor's id."""
        self.clock.advance(5)
        sandbox: Any = self.servers[vendor].vendor
        return str(sandbox.merge(native(vendor, object), winner, loser))

    def hide(self, vendor: str, object: str, field: str) -> None:
        """Take a field from the API user's sight."""
        sandbox: Any = self.servers[vendor].vendor
        sandbox.hide(native(vendor, object), native(vendor, object, field))

    def rows(self, vendor: str, object: str) -> dict[str, dict[str, Any]]:
        """Live records by id."""
        state = self.servers[vendor].vendor.state(native(vendor, object))
        return {row["id"]: row for row in state if not row.get("deleted")}

    def value(self, vendor: str, object: str, id: str, field: str) -> Any:
        """What a record truly holds."""
        value = self.rows(vendor, object)[id][native(vendor, object, field)]
        return None if value in ("", (), []) else value

    def values(self, object: str, records: Mapping[str, str], field: str) -> dict[str, Any]:
        """The same field of one entity in every vendor."""
        return {vendor: self.value(vendor, object, id, field) for vendor, id in records.items()}

    def numbers(self, object: str) -> dict[str, int]:
        """How many live records each vendor has."""
        return {vendor: len(self.rows(vendor, object)) for vendor in self.vendors}

    # -- the hub's side ------------------------------------------------------------------

    def query(self, statement: Any) -> list[tuple[Any, ...]]:
        """Rows of the store."""
        with session(self.engine) as store:
            return [tuple(row) for row in store.rows(statement)]

    def links(self, object: str) -> dict[tuple[str, str], str]:
        """(connection, record) -> entity."""
        c = tables.link.c
        rows = self.query(sa.select(c.connection, c.record, c.entity).where(c.object == object))
        return {(row[0], row[1]): row[2] for row in rows}

    def entity(self, object: str, vendor: str, record: str) -> str:
        """The entity a record belongs to."""
        return self.links(object)[vendor, record]

    def records(self, object: str, entity: str) -> dict[str, str]:
        """connection -> record of an entity."""
        return {place[0]: place[1] for place, e in self.links(object).items() if e == entity}

    def fields(self, object: str, entity: str) -> dict[str, Any]:
        """The merged row."""
        table = tables.entity[object]
        with session(self.engine) as store:
            row = store.rows(sa.select(table).where(table.c.entity_id == entity))[0]
        return {name: row._mapping[name] for name in OBJECTS[object].fields}

    def problems(self) -> list[dict[str, Any]]:
        """Open problems."""
        with session(self.engine) as store:
            return problems.load(store)

    def journal(self, *actions: str, **chosen: Any) -> list[dict[str, Any]]:
        """Lines of the journal."""
        with session(self.engine) as store:
            return books.journal(store, actions=actions, **chosen)

    def entities(self, object: str) -> int:
        """Live entities."""
        with session(self.engine) as store:
            query = sa.select(sa.func.count()).select_from(tables.entity[object])
            query = query.where(
                tables.entity[object].c.archived.is_(False),
                tables.entity[object].c.merged_into == "",
            )
            return int(store.rows(query)[0][0])


# -- a small company known to everybody ----------------------------------------------------

_USER_ROWS: dict[str, Callable[[str, str, str], dict[str, Any]]] = {
    "salesforce": lambda id, name, mail: {"Name": name, "Email": mail, "IsActive": True},
    "hubspot": lambda id, name, mail: {
        "firstName": name.split()[0],
        "lastName": name.split()[1],
        "email": mail,
    },
    "zoho": lambda id, name, mail: {"full_name": name, "email": mail, "status": "active"},
}

_DEALS = {
    "salesforce": {"stage": "Qualification", "close_date": "2026-06-30"},
    "hubspot": {
        "stage": "appointmentscheduled",
        "pipeline": "default",
        "close_date": "2026-06-30T05:00:00.000Z",
    },
    "zoho": {
        "stage": "Qualification",
        "Pipeline": "Standard (Standard)",
        "close_date": "2026-06-30",
    },
}
_TICKETS: dict[str, dict[str, Any]] = {
    "salesforce": {"status": "New"},
    "hubspot": {"status": "1", "hs_pipeline": "0"},
    "zoho": {"status": "New", "Case_Origin": "Email"},
}


@dataclasses.dataclass
class Known:
    """Record ids of the small company: object -> vendor -> id."""

    ids: dict[str, dict[str, str]]

    def __getitem__(self, object: str) -> dict[str, str]:
        return self.ids[object]


def acquaint(world: World, vendors: Iterable[str] = ()) -> Known:
    """The same user, company, contact, deal and ticket in every vendor, alike in all fields."""
    ids: dict[str, dict[str, str]] = {name: {} for name in OBJECTS}
    for vendor in vendors or world.vendors:
        [user] = world.load(
            vendor, "user", _USER_ROWS[vendor]("", "Mali Suwan", "mali@ours.example")
        )
        [company] = world.load(
            vendor,
            "company",
            {"name": "Acme Tools", "domain": "acme.example", "phone": "+66 2 123 4567",
             "owner": user},
        )  # fmt: skip
        [contact] = world.load(
            vendor,
            "contact",
            {
                "email": "bob@acme.example",
                "first_name": "Bob",
                "last_name": "Stone",
                "job_title": "Buyer",
                "company": company,
                "owner": user,
            },
        )
        several = [contact] if vendor == "hubspot" else contact
        deal_contacts: Any = contact if vendor == "zoho" else [contact]
        [deal] = world.load(
            vendor,
            "deal",
            {
                "name": "Hundred drills",
                "amount": "1000",
                "currency": "USD",
                "company": company,
                "contacts": deal_contacts,
                "owner": user,
                **_DEALS[vendor],
            },
        )
        [ticket] = world.load(
            vendor,
            "ticket",
            {
                "subject": "Drill is loud",
                "company": company,
                "contacts": several,
                "owner": user,
                **_TICKETS[vendor],
            },
        )
        made = {"user": user, "company": company, "contact": contact, "deal": deal,
                "ticket": ticket}  # fmt: skip
        for name, id in made.items():
            ids[name][vendor] = id
    return Known(ids)


def snapshot(world: World) -> dict[str, Any]:
    """All that must come out the same however a run went: merged rows by the records that
    belong to them, and every vendor's true records."""
    found: dict[str, Any] = {}
    for object in SYNCED:
        groups: dict[str, list[str]] = {}
        for (connection, _record), entity in world.links(object).items():
            groups.setdefault(entity, []).append(connection)
        found[f"entities {object}"] = sorted(
            (entity, sorted(connections), world.fields(object, entity))
            for entity, connections in groups.items()
        )
        for vendor in world.vendors:
            found[f"{vendor} {object}"] = world.numbers(object)[vendor]
    return copy.deepcopy(found)
