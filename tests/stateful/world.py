"""Three in-memory accounts, one hub, and the laws they must obey once settled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors.base import Record, User
from connectors.memory import Account, Quirks, register
from mapping import values
from mapping.document import catalog
from mapping.schema import OBJECTS, Field, Fields, FieldValue, Kind, Policy
from mapping.translate import Translator, compile
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.engine.undo import undo
from sync.settings import SYNCED, Settings, parse
from sync.store import books, entities, problems, tables
from sync.store.database import Session, migrate, open_engine, reading, session
from tests.stateful.accounts import NAMES, described, plain

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here. Not an `Exception`, so that nothing can handle it."""


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
                described(),
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
        self.introduce()

    def introduce(self) -> None:
        """Let the hub know the accounts, as `concord connect` does."""
        with session(self.engine) as store:
            for name, account in self.accounts.items():
                body = {
                    "id": name, "name": name, "currency": "USD", "time_zone": "UTC",
                    "user_id": "user-hub",
                }  # fmt: skip
                books.save_account(store, name, "memory", body, account.external, START)
            store.commit()

    def pass_time(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.time += timedelta(seconds=seconds)

    # -- runs ----------------------------------------------------------------------------

    #: Seconds that pass before each run.
    step: float = 1

    def running(self) -> AbstractContextManager[object]:
        """What each run happens in."""
        return nullcontext()

    def sync(self, **options: Any) -> Report:
        """One run; time passes before it."""
        self.before_run()
        self.pass_time(self.step)
        with self.running():
            return run(
                self.engine,
                self.settings,
                Path(),
                Options(clock=lambda: self.time, objects=self.objects, **options),
            )

    def undo(self, number: int, **options: Any) -> Report:
        """Put back what a run wrote."""
        self.before_run()
        self.pass_time(self.step)
        with self.running():
            made = Options(clock=lambda: self.time, **options)
            return undo(self.engine, self.settings, Path(), number, made)

    def at_calls(self, told: Callable[[str], None]) -> None:
        """Have every read and write of an account told, ``before`` and ``after`` it."""
        for account in self.accounts.values():
            account.interfere = lambda call, moment: (
                told(moment) if call in ("push", "pull") else None
            )

    def crash(self, at: int, kind: str, work: Callable[[], object] | None = None) -> bool:
        """Start a run (or other `work`) that dies at the `at`-th commit (``before commit``,
        ``after commit``) or call to an account (``before call``, ``after call``); whether it
        died."""
        count = 0

        def tick(moment: str) -> None:
            nonlocal count
            count += moment == kind
            if moment == kind and count == at:
                raise Crash

        original = Session.commit

        def commit(self: Session) -> None:
            tick("before commit")
            original(self)
            tick("after commit")

        self.at_calls(lambda moment: tick(f"{moment} call"))
        try:
            with patch.object(Session, "commit", commit):
                (work or self.sync)()
        except Crash:
            return True
        finally:
            self.at_calls(lambda moment: None)
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
        column = tables.link.c
        found: dict[str, dict[str, str]] = {}
        with reading(self.engine) as store:
            query = sa.select(column.entity, column.connection, column.record)
            for entity, connection, record in store.rows(query.where(column.object == object)):
                mine = found.setdefault(entity, {})
                assert connection not in mine, f"law 2: {entity} twice in {connection}"
                mine[connection] = record
        return found

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

    def translator(self, connection: str, object: str) -> Translator:
        """The mapping that a connection has; every account is in Thailand and keeps dollars."""
        return compile(catalog("memory", object), values.Context(region="TH", currency="USD"))

    def fields_of(self, connection: str, object: str, record: str) -> Fields:
        """A live record as the hub's mapping reads it; references as record ids."""
        account = self.accounts[connection]
        row = account.live(object)[record]
        known = account.objects[object].fields
        seen = {n: row.values.get(n) for n in known if n not in account.quirks.hidden}
        fields, faults = self.translator(connection, object).to_fields(
            Record(object, row.id, seen, str(row.version), row.modified_at)
        )
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
            nothing_doubled(account, object)
            live = account.live(object)
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
            there, wanted = fields[name], agreed.get(name)
            assert is_agreed(field, there, wanted, quirks), (
                f"law 4: {connection} {object} {record} {name}: {there!r} != {wanted!r}"
            )


def nothing_doubled(account: Account, object: str) -> None:
    """Law 2, as far as an account alone shows it: no two live records carry the same id."""
    held = [row.values.get("concord_id") for row in account.live(object).values()]
    ids = [id for id in held if id]
    assert len(ids) == len(set(ids)), f"law 2: doubled in {account.name}: {ids}"


def is_agreed(field: Field, there: FieldValue, wanted: FieldValue, quirks: Quirks) -> bool:
    """Law 4 for one field: the record holds the value agreed, or the account's rendition of it."""
    rendition = quirks.renditions.get(field.name)
    made = wanted if rendition is None or wanted is None else plain(rendition(wanted))
    return values.same(field.kind, there, made, "TH") or values.same(
        field.kind, there, wanted, "TH"
    )
