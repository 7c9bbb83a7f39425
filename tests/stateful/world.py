"""Three in-memory accounts, one hub, and the laws they must obey once settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors.base import FieldInfo, NativeType, ObjectInfo, User
from connectors.memory import Account, Quirks, register
from mapping import values
from mapping.document import catalog
from mapping.schema import OBJECTS, Fields, Kind, Policy
from mapping.translate import compile
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.engine.undo import undo
from sync.engine.wiring import account_from
from sync.settings import SYNCED, Settings, parse
from sync.store import books, entities, problems, replicas, tables
from sync.store.database import Session, migrate, open_engine, session

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("left", "middle", "right")


class Crash(BaseException):
    """The process dies here. Not an `Exception`, so that nothing can handle it."""


def objects() -> Iterator[ObjectInfo]:
    """What an in-memory account holds: the common schema's own names."""
    for name in SYNCED:
        spec = OBJECTS[name]
        fields = {
            field.name: FieldInfo(field.name, field.label, NativeType.OTHER)
            for field in spec.fields.values()
            if not field.computed
        }
        yield ObjectInfo(name, name, fields)


class World:
    """The accounts, the hub's store and the clock they share."""

    def __init__(
        self, store: str | Engine, quirks: dict[str, Quirks] | None = None, more: str = ""
    ) -> None:
        self.time = START
        self.objects = ("contact",)
        self.before_run: Callable[[], None] = lambda: None
        self.accounts = {
            name: Account(
                name,
                objects(),
                clock=lambda: self.time,
                quirks=(quirks or {}).get(name),
                users=[User(f"{name}-ann", "Ann", "ann@hub.example")],
            )
            for name in NAMES
        }
        for account in self.accounts.values():
            register(account)
            account.external = dict.fromkeys(SYNCED, "concord_id")
        self.settings: Settings = parse(
            "hub: {region: TH}\nconnections:\n"
            + "".join(
                f"  {name}: {{vendor: memory, url: 'memory://{name}', auth: {{}}}}\n"
                for name in NAMES
            )
            + "objects:\n"
            + "".join(f"  {name}: {{create_in: [{', '.join(NAMES)}]{more}}}\n" for name in SYNCED)
        )
        self.engine: Engine = open_engine(store) if isinstance(store, str) else store
        migrate(self.engine)
        with session(self.engine) as books_only:
            for name, account in self.accounts.items():
                body = {
                    "id": name, "name": name, "currency": "USD", "time_zone": "UTC",
                    "user_id": "user-hub",
                }  # fmt: skip
                books.save_account(books_only, name, "memory", body, account.external, START)
            books_only.commit()

    def pass_time(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.time += timedelta(seconds=seconds)

    # -- runs ----------------------------------------------------------------------------

    def sync(self, **options: Any) -> Report:
        """One run; time passes before it."""
        self.before_run()
        self.pass_time(1)
        return run(
            self.engine,
            self.settings,
            Path(),
            Options(clock=lambda: self.time, objects=self.objects, **options),
        )

    def undo(self, run: int, **options: Any) -> Report:
        """Put back what a run wrote."""
        self.before_run()
        self.pass_time(1)
        made = Options(clock=lambda: self.time, **options)
        return undo(self.engine, self.settings, Path(), run, made)

    def crash(self, at: int, kind: str, work: Callable[[], object] | None = None) -> bool:
        """Start a run (or other `work`) that dies at the `at`-th commit (before or after it takes
        effect) or call to an account; whether it died."""
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1
            if count == at:
                raise Crash

        original = Session.commit
        if kind == "commit":

            def commit(self: Session) -> None:
                tick()
                original(self)

            Session.commit = commit
        else:
            wanted = kind.removeprefix("call ")
            for account in self.accounts.values():
                account.interfere = lambda call, moment: (
                    tick() if moment == wanted and call in ("push", "pull") else None
                )
        try:
            (work or self.sync)()
        except Crash:
            return True
        finally:
            Session.commit = original
            for account in self.accounts.values():
                account.interfere = lambda call, moment: None
        return False

    def settle(self, limit: int = 6) -> list[Report]:
        """Runs until one writes nothing; all of them."""
        reports = []
        for _ in range(limit):
            reports.append(self.sync())
            if not reports[-1].writes and reports[-1].status in ("done", "problems"):
                return reports
        raise AssertionError(f"still writing after {limit} runs: {reports[-1].as_json()}")

    # -- what there is -------------------------------------------------------------------

    def links(self, object: str) -> dict[str, dict[str, str]]:
        """entity -> {connection: record}."""
        with session(self.engine) as s:
            found = s.rows(sa.select(tables.link.c.entity).where(tables.link.c.object == object))
            return replicas.links_of_entities(s, object, {row[0] for row in found})

    def merged(self, object: str) -> dict[str, entities.Entity]:
        """All entities by id."""
        with session(self.engine) as s:
            ids = s.rows(sa.select(tables.entity[object].c.entity_id))
            return entities.load(s, object, {row[0] for row in ids})

    def open_problems(self) -> list[dict[str, Any]]:
        """Problems that wait."""
        with session(self.engine) as s:
            return problems.load(s)

    def waiting_conflicts(self) -> set[tuple[str, str, str]]:
        """(object, entity, field) that wait for a person."""
        with session(self.engine) as s:
            return {(c["object"], c["entity"], c["field"]) for c in books.conflicts(s, "waiting")}

    def fields_of(self, connection: str, object: str, record: str) -> Fields:
        """A live record, translated; references as record ids."""
        account = self.accounts[connection]
        context = values.Context(region="TH", currency="USD")
        translator = compile(catalog("memory", object), context)
        connector_view = account_view(account, object, record)
        fields, faults = translator.to_fields(connector_view)
        assert not faults
        return fields

    # -- the laws ------------------------------------------------------------------------

    def check_laws(self) -> None:
        """Hold the settled world against the laws of the design."""
        before = {name: account.writes for name, account in self.accounts.items()}
        self.sync()
        after = {name: account.writes for name, account in self.accounts.items()}
        assert before == after, "law 3: a settled world is quiet"
        problems = {(p["object"], p["entity"]) for p in self.open_problems()}
        blocked = self.waiting_conflicts()
        for object in self.objects:
            self._check_object(object, problems, blocked)

    def _check_object(
        self, object: str, problems: set[tuple[str, str]], blocked: set[tuple[str, str, str]]
    ) -> None:
        links, merged = self.links(object), self.merged(object)
        for connection, account in self.accounts.items():
            live = account.live(object)
            held = [row.values.get("concord_id") for row in live.values()]
            ids = [id for id in held if id]
            assert len(ids) == len(set(ids)), f"law 2: doubled in {connection}: {ids}"
            linked = {records[connection] for records in links.values() if connection in records}
            assert live.keys() <= linked, f"law 1: {live.keys() - linked} of {connection} unseen"
        for entity, records in links.items():
            if (object, entity) in problems:
                continue
            agreed = merged[entity].fields
            for connection, record in records.items():
                if record not in self.accounts[connection].live(object):
                    continue
                self._check_member(object, entity, agreed, connection, record, blocked)

    def _check_member(
        self,
        object: str,
        entity: str,
        agreed: Fields,
        connection: str,
        record: str,
        blocked: set[tuple[str, str, str]],
    ) -> None:
        fields = self.fields_of(connection, object, record)
        quirks = self.accounts[connection].quirks
        for field in OBJECTS[object].fields.values():
            name = field.name
            if (
                name not in fields
                or field.computed
                or field.policy is Policy.OLDEST
                or name == "closed_at"
                or field.kind in (Kind.REFERENCE, Kind.REFERENCES)
                or name in quirks.read_only
                or (object, entity, name) in blocked
            ):
                continue
            wanted = agreed.get(name)
            rendition = quirks.renditions.get(name)
            if rendition is not None and wanted is not None:
                made = rendition(wanted)
                assert values.same(field.kind, fields[name], made, "TH") or values.same(
                    field.kind, fields[name], wanted, "TH"
                ), f"law 4: {connection} {object} {record} {name}: {fields[name]!r} != {wanted!r}"
                continue
            assert values.same(field.kind, fields[name], wanted, "TH"), (
                f"law 4: {connection} {object} {record} {name}: {fields[name]!r} != {wanted!r}"
            )


def account_view(account: Account, object: str, record: str) -> Any:
    """The record as a connector would give it, quirks of hiding included."""
    from connectors.base import Record

    row = account.live(object)[record]
    known = account.objects[object].fields
    return Record(
        object=object,
        id=row.id,
        values={name: row.values.get(name) for name in known if name not in account.quirks.hidden},
        version=str(row.version),
        modified_at=row.modified_at,
    )


__all__ = ["NAMES", "START", "Crash", "Quirks", "World", "account_from"]
