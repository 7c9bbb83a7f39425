"""A world whose accounts are watched, in which an example repeats exactly."""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors.memory import register
from mapping import values
from mapping.document import Document, catalog, parse_document
from mapping.schema import Fields, Policy
from mapping.translate import Translator, compile
from sync.engine import wiring
from sync.engine.do import push
from sync.engine.look import pull
from sync.engine.report import Report
from sync.engine.restore import Written, fold
from sync.model import Place, Replica
from sync.settings import FieldSettings, Settings, parse
from sync.store import books, entities, problems, queues, replicas, tables
from sync.store.database import migrate, open_engine, reading, session
from tests.stateful.accounts import NAMES, Climate, Watched
from tests.stateful.world import START, World

#: Mappings a connection can be given: what becomes of a field of the shipped one.
VARIANTS = ("shipped", "city left out", "title only read", "title only written")


# -- one thing after another: an example must repeat exactly -------------------------------


class _Inline:
    """A thread that has done its work when it is started."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> None:
        self._work = lambda: target(*args)

    def start(self) -> None:
        self._work()

    def is_alive(self) -> bool:
        return False


class _Pool:
    """An executor that works at once."""

    def __init__(self, max_workers: int) -> None: ...

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *error: object) -> None: ...

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args))
        except BaseException as error:
            done.set_exception(error)
        return done


@contextmanager
def _in_order(translators: Callable[..., dict[str, Translator]]) -> Iterator[None]:
    """Connections are read and written one after the other, with the world's mappings."""
    threads = SimpleNamespace(Thread=_Inline, Event=threading.Event)
    queues_ = SimpleNamespace(Queue=lambda maxsize: queue.Queue(), Empty=queue.Empty)
    with (
        patch.object(pull, "threading", threads),
        patch.object(pull, "queue", queues_),
        patch.object(push, "ThreadPoolExecutor", _Pool),
        patch.object(push, "wait", lambda flying, return_when: (list(flying), ())),
        patch.object(wiring, "translators", translators),
    ):
        yield


class _Store:
    """The store of one example after the other: what was compiled for one serves the next."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self._path = Path(self._folder.name) / "hub.db"
        self._empty = self._path.with_name("empty.db")
        self.engine = open_engine(f"sqlite:///{self._path}")
        migrate(self.engine)
        with self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        self.engine.dispose()
        shutil.copy(self._path, self._empty)

    def clear(self) -> Engine:
        """The store without a row."""
        self.engine.dispose()
        for name in ("hub.db", "hub.db-wal", "hub.db-shm"):
            self._path.with_name(name).unlink(missing_ok=True)
        shutil.copy(self._empty, self._path)
        return self.engine


@lru_cache(maxsize=1)
def _store() -> _Store:
    return _Store()


@lru_cache(maxsize=64)
def _document(object: str, variant: str) -> Document:
    shipped = catalog("memory", object)
    if object != "contact" or variant == "shipped":
        return shipped
    text = Path(shipped.path).read_text(encoding="utf-8")
    old, new = {
        "city left out": ("  city: city\n", ""),
        "title only read": (
            "job_title: job_title", "job_title: {native: job_title, direction: in}",
        ),
        "title only written": (
            "job_title: job_title", "job_title: {native: job_title, direction: out}",
        ),
    }[variant]  # fmt: skip
    assert old in text
    return parse_document(text.replace(old, new), shipped.path)


@lru_cache(maxsize=64)
def translator(object: str, variant: str) -> Translator:
    """A mapping made ready; every account is in Thailand and keeps dollars."""
    context = values.Context(region="TH", currency="USD", time_zone="UTC")
    return compile(_document(object, variant), context)


class Observed(World):
    """Watched accounts, the hub's store and the clock they share."""

    def __init__(self, climate: Climate) -> None:
        self.climate = climate
        self.step = 1 + climate.lag
        self.time = START
        self.objects = climate.objects
        quirks = climate.quirks()
        self.accounts = {name: Watched(name, lambda: self.time, quirks[name]) for name in NAMES}
        for account in self.accounts.values():
            register(account)
        self.variants = dict.fromkeys(NAMES, "shipped")
        self.settings: Settings = parse(self._settings())
        self.engine: Engine = _store().clear()
        self.statements = 0
        self.before_run: Callable[[], None] = lambda: None
        sa.event.listen(self.engine, "before_cursor_execute", self._count)
        self.introduce()

    def _settings(self) -> str:
        climate, objects = self.climate, ", ".join(self.climate.objects)
        lines = ["hub: {region: TH}", "connections:"]
        for name in NAMES:
            budget = ""
            if name == "left" and climate.per_day is not None:
                budget = f", budget: {{per_day: {climate.per_day}}}"
            lines.append(
                f"  {name}: {{vendor: memory, url: 'memory://{name}', auth: {{}}, "
                f"objects: [{objects}]{budget}}}"
            )
        lines.append("objects:")
        limits = ""
        if climate.limits is not None:
            create, update, archive = climate.limits
            limits = f", limits: {{create: {create}, update: {update}, archive: {archive}}}"
        for object in climate.objects:
            lines.append(
                f"  {object}: {{create_in: [{', '.join(NAMES)}], deletes: {climate.deletes}"
                f"{limits}}}"
            )
        return "\n".join(lines) + "\n"

    def _count(self, *event: Any) -> None:
        self.statements += 1

    def close(self) -> None:
        """Give the store back."""
        sa.event.remove(self.engine, "before_cursor_execute", self._count)
        self.engine.dispose()

    # -- runs ----------------------------------------------------------------------------

    def running(self) -> AbstractContextManager[object]:
        """One thing after another, with the mappings that the connections have now."""
        return _in_order(self.translators)

    def translators(
        self, settings: Settings, connection: str, account: Any, base: Path
    ) -> dict[str, Translator]:
        """The mappings that a connection has now."""
        variant = self.variants[connection]
        return {name: translator(name, variant) for name in ("user", *self.objects)}

    def at_calls(self, told: Callable[[str], None]) -> None:
        """Have every read and write of an account told, before its faults."""
        for account in self.accounts.values():
            account.tick = told

    def settle(self, limit: int = 12) -> list[Report]:
        """Runs until one writes nothing, without further faults; held ones are approved, and
        time passes where a budget is used up."""
        for account in self.accounts.values():
            account.faults.clear()
        reports: list[Report] = []
        for _ in range(limit):
            for number in self.held():
                self.approve(number)
            reports.append(self.sync())
            last = reports[-1]
            if last.status == "held":
                continue
            if last.errors:
                self.pass_time(26 * 3600)
            elif not last.writes and last.status in ("done", "problems"):
                return reports
        raise AssertionError(f"law 3: still writing after {limit} runs: {reports[-1].as_json()}")

    # -- what a person does in the hub ------------------------------------------------------

    def held(self) -> list[int]:
        """Runs that wait for a person."""
        with reading(self.engine) as store:
            return [row["id"] for row in books.runs(store, 1000) if row["status"] == "held"]

    def approve(self, number: int) -> None:
        """As `concord approve`."""
        with session(self.engine) as store:
            held = queues.outbox(store, status=("held",), run=number)
            queues.set_status(store, [queued.id for queued in held], "pending")
            books.set_run_status(store, number, "approved")
            store.commit()

    def discard(self, number: int) -> None:
        """As `concord discard`."""
        with session(self.engine) as store:
            held = queues.outbox(store, status=("held",), run=number)
            for queued in held:
                queues.touch(store, queued.write.object, [queued.write.entity])
            queues.remove(store, [queued.id for queued in held])
            books.set_run_status(store, number, "discarded")
            store.commit()

    def retry_problems(self) -> None:
        """As `concord problems retry`, for all of them."""
        with session(self.engine) as store:
            found = problems.load(store, *problems.UNSOLVED)
            for row in found:
                if row["entity"]:
                    queues.touch(store, row["object"], [row["entity"]])
            problems.set_status(store, [row["id"] for row in found], "retried")
            store.commit()

    def resolve(self, conflict: dict[str, Any], value: Any) -> None:
        """As `concord conflicts resolve`."""
        with session(self.engine) as store:
            books.set_conflict(store, conflict["id"], "resolved", value)
            queues.touch(store, conflict["object"], [conflict["entity"]])
            store.commit()

    def set_policy(self, object: str, field: str, policy: Policy) -> None:
        """Change who decides about a field, in settings.yaml."""
        chosen = self.settings.objects[object]
        fields = {**chosen.fields, field: FieldSettings(policy=policy, priority=())}
        objects = {**self.settings.objects, object: chosen.model_copy(update={"fields": fields})}
        self.settings = self.settings.model_copy(update={"objects": objects})

    # -- what there is -------------------------------------------------------------------

    def released(self) -> set[int]:
        """Runs that no limit holds: those that a person approved, and undos."""
        with reading(self.engine) as store:
            return {
                row["id"]
                for row in books.runs(store, 1000)
                if row["status"] == "approved" or row["kind"] == "undo"
            }

    def writing_runs(self) -> list[int]:
        """Runs that wrote something, the newest first."""
        column = tables.journal.c
        with reading(self.engine) as store:
            query = sa.select(column.run).where(column.action.in_(("create", "update", "archive")))
            return sorted({row[0] for row in store.rows(query)}, reverse=True)

    def written(self, number: int) -> list[Written]:
        """What a run wrote, by record."""
        with reading(self.engine) as store:
            [row] = books.runs(store, run=number)
            return fold(books.written(store, number, relayed=row["kind"] != "undo"))

    def open_problems(self) -> list[dict[str, Any]]:
        """Problems that wait."""
        with reading(self.engine) as store:
            return problems.load(store, *problems.UNSOLVED, "ignored")

    def asked(self) -> list[dict[str, Any]]:
        """Conflicts that wait for a person."""
        with reading(self.engine) as store:
            return books.conflicts(store, "waiting")

    def journal(self, after: int) -> Sequence[Any]:
        """Lines written after that one, oldest first."""
        column = tables.journal.c
        with reading(self.engine) as store:
            query = sa.select(tables.journal).where(column.id > after).order_by(column.id)
            return store.rows(query)

    def replica(self, connection: str, object: str, record: str) -> Replica:
        """What the hub knows of a record; of one that it has not read, nothing."""
        with reading(self.engine) as store:
            place = Place(connection, record)
            known = replicas.load(store, object, [place]).get(place)
        return known or Replica(place, {})

    def agreed(self, connection: str, object: str, record: str) -> Fields:
        """What is agreed of a record's entity; nothing of one that has none."""
        with reading(self.engine) as store:
            place = Place(connection, record)
            id = replicas.links_of_records(store, object, [place]).get(place, "")
            found = entities.load(store, object, [id])
        return found[id].fields if id in found else {}

    def last_line(self) -> int:
        """The newest line's number in the journal."""
        with reading(self.engine) as store:
            return int(store.rows(sa.select(sa.func.max(tables.journal.c.id)))[0][0] or 0)

    def translator(self, connection: str, object: str) -> Translator:
        """The mapping that the connection has now."""
        return translator(object, self.variants[connection])

    def shared_fields(self, connection: str, object: str) -> set[str]:
        """Fields that the connection's mapping both reads and writes."""
        found = self.translator(connection, object)
        return set(found.readable & found.writable) - self.accounts[connection].quirks.hidden
