"""A run's surroundings: open connections with their mappings, rules, clock and report."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors import connect
from connectors.base import Account, Connector
from connectors.budget import Budget
from connectors.errors import ConnectorError, QuotaExhausted
from mapping import values
from mapping.document import catalog
from mapping.schema import OBJECTS, Fields, FieldValue, Kind, Policy
from mapping.translate import Translator, compile
from sync.engine.decide.merge import Rules
from sync.engine.decide.plan import Target
from sync.engine.decide.voices import Same
from sync.engine.matching.keys import Reading, keys_of
from sync.engine.report import Progress, Report, Silent
from sync.model import Place
from sync.scores.features import BLOCKS
from sync.scores.numbers import NumbersError, read
from sync.scores.scorer import Scorer, Unavailable
from sync.settings import EVERYBODY, SYNCED, Settings, SettingsError, access, budget
from sync.store import books, spend
from sync.store.database import Session
from sync.store.descriptions import StoreShelf
from sync.store.tokens import StoreKeeper


@dataclass(slots=True)
class Connected:
    """One open connection: its connector and a translator for each of its objects."""

    name: str
    vendor: str
    connector: Connector
    account: Account
    provisioned: frozenset[str]
    """Objects whose external-id field is in place."""
    translators: Mapping[str, Translator]
    keeper: StoreKeeper
    shelf: StoreShelf
    budget: Budget
    verifies: bool = True
    """Records are read again right before they are written."""

    def takes_part(self, object: str) -> bool:
        """Whether the connection has a mapping for the object."""
        return object in self.translators


@dataclass(slots=True)
class Wiring:
    """All that the stages of a run share. One thread owns the session."""

    settings: Settings
    session: Session
    connections: dict[str, Connected]
    report: Report
    run: int
    scorers: Mapping[str, Scorer] = field(default_factory=dict)
    """object -> what scores its pairs, where settings ask for scores."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    progress: Progress = field(default_factory=Silent)
    stop: threading.Event = field(default_factory=threading.Event)
    failed: dict[str, ConnectorError] = field(default_factory=dict)
    """Connections that met `Stop` or `Wait` and are left alone for the rest of the run."""
    unread: dict[str, frozenset[str]] = field(default_factory=dict)
    """object -> connections that this run did not read to their end: what a record is made for
    there may have one already."""

    doubted: bool = False
    """A connection lists so little that nothing may be written."""

    def with_object(self, object: str) -> list[Connected]:
        """Connections that take part in an object, in the order of settings.yaml."""
        return [c for c in self.connections.values() if c.takes_part(object)]

    def is_partial(self, object: str) -> bool:
        """Whether a connection that takes part in writing the object is not open in this run."""
        return any(
            object in chosen.objects and name not in self.connections
            for name, chosen in self.settings.connections.items()
        )

    def give_up(self, connection: str, error: ConnectorError) -> None:
        """Leave a connection alone for the rest of this run."""
        if connection in self.failed:
            return
        self.failed[connection] = error
        told = f"{error} ({error.advice})"
        if isinstance(error, QuotaExhausted) and error.until is not None:
            told = f"{error}; goes on at {self.at(error.until)}"
        self.report.errors[connection] = told

    def yields(self, connected: Connected) -> bool:
        """Whether reads of everything must leave what little the budget has to reads of changes;
        reported if so."""
        if not connected.budget.is_low:
            return False
        until = connected.budget.until_not_low
        when = f"goes on at {self.at(until)}" if until else "goes on when calls come back"
        self.report.errors.setdefault(
            connected.name,
            f"{connected.name}: less than a tenth of our share of the day's "
            f"{connected.budget.usual.unit} is left, which reads of changes keep; "
            f"reading everything {when}",
        )
        return True

    def at(self, instant: datetime) -> str:
        """A time to come in the hub's zone, with the day if it is not today."""
        zone = ZoneInfo(self.settings.hub.time_zone)
        there, here = instant.astimezone(zone), self.clock().astimezone(zone)
        return f"{there:%H:%M}" if there.date() == here.date() else f"{there:%H:%M on %Y-%m-%d}"

    @contextmanager
    def counting(self, object: str) -> Any:
        """Book the calls made inside to `object`."""
        before = {name: c.connector.meter.total for name, c in self.connections.items()}
        try:
            yield
        finally:
            for name, connected in self.connections.items():
                calls = connected.connector.meter.total - before[name]
                if calls:
                    self.report.tally(name, object).calls += calls

    @property
    def same(self) -> Same:
        """Equality of canonical values, national phone numbers read in the hub's region."""
        region = self.settings.hub.region

        def same(kind: Kind, one: FieldValue, two: FieldValue) -> bool:
            return one == two or values.same(kind, one, two, region)

        return same

    def rules(self, object: str) -> Rules:
        """Policies, priorities and who decides, by field."""
        chosen = self.settings.object(object) if object != "user" else None
        policies: dict[str, Policy] = {}
        priority: dict[str, tuple[str, ...]] = {}
        decides: dict[str, tuple[str, ...]] = {}
        order = tuple(self.settings.connections)
        for name, spec in OBJECTS[object].fields.items():
            own = chosen.fields.get(name) if chosen else None
            policy = own.policy if own else None
            if policy is None and chosen and spec.policy is Policy.NEWEST:
                policy = chosen.policy
            policies[name] = policy or spec.policy
            priority[name] = (own.priority if own else ()) or (
                chosen.priority if chosen and chosen.priority else order
            )
            together = [name, *(n for n, f in OBJECTS[object].fields.items() if spec.group
                                and f.group == spec.group)]  # fmt: skip
            named = [chosen.fields[n].decides for n in together if chosen and n in chosen.fields]
            deciding = next((who for who in named if who), chosen.decides if chosen else ())
            if deciding and policies[name] not in EVERYBODY:
                decides[name] = deciding
        return Rules(policies, priority, decides)

    def keys(
        self, object: str, place: Place, fields: Fields, external: str
    ) -> dict[str, list[str]]:
        """Match keys of a record: rule name -> keys. References are entity ids."""
        reading = self.reading(place.connection)
        return keys_of(OBJECTS[object], fields, self.key_parts(object), reading, external)

    def key_parts(self, object: str) -> dict[str, tuple[str, ...]]:
        """rule name -> what its keys consist of; the keys that pairs to score share as well."""
        found = {rule.name: rule.keys for rule in self.settings.rules(object)}
        if self.settings.score(object) is not None:
            found |= dict(BLOCKS[object])
        return found

    def reading(self, connection: str) -> Reading:
        """How values of a connection become keys."""
        return reading_of(self.settings, connection)

    def targets(self, object: str) -> list[Target]:
        """The connections that an object's plan writes to."""
        if object == "user":
            return []
        chosen = self.settings.object(object)
        creates = {c.connection: c.when for c in chosen.create_in}
        found = []
        for connected in self.with_object(object):
            translator = connected.translators[object]
            found.append(
                Target(
                    connection=connected.name,
                    writable=translator.writable,
                    readable=translator.readable,
                    holds_one=translator.holds_one,
                    creates=connected.name in creates
                    and object in connected.provisioned
                    and connected.name not in self.unread.get(object, ()),
                    when=creates.get(connected.name),
                )
            )
        return found


def open_connections(
    settings: Settings,
    base: Path,
    session: Session,
    clock: Callable[[], datetime],
    only: tuple[str, ...] = (),
) -> tuple[dict[str, Connected], dict[str, ConnectorError]]:
    """Connectors for all configured connections (or `only` some), and those that failed.

    An account that was never checked is checked now and remembered.
    """
    known = books.accounts(session)
    opened: dict[str, Connected] = {}
    failed: dict[str, ConnectorError] = {}
    budgets = {
        name: budget(settings, name, clock)
        for name in settings.connections
        if not only or name in only
    }
    spend.read(session.engine, budgets.values(), clock())
    for name, spending in budgets.items():
        chosen = settings.connections[name]
        keeper = StoreKeeper(session.engine, name)
        shelf = StoreShelf(session.engine, name, clock)
        chosen_access = access(settings, name, base, keeper=keeper, shelf=shelf, budget=spending)
        if name in known:
            zone = account_from(known[name]["body"]).time_zone
            chosen_access = dataclasses.replace(chosen_access, time_zone=zone)
        connector = connect(chosen.vendor, chosen_access)
        try:
            if name in known:
                account = account_from(known[name]["body"])
                provisioned = known[name]["provisioned"]
            else:
                account, provisioned = connector.check(), {}
                books.save_account(
                    session, name, chosen.vendor, dataclasses.asdict(account), {}, clock()
                )
                session.commit()
        except ConnectorError as error:
            failed[name] = error
            connector.close()
            spend.save(session, [spending], clock())
            session.commit()
            continue
        opened[name] = Connected(
            name=name,
            vendor=chosen.vendor,
            connector=connector,
            account=account,
            provisioned=frozenset(provisioned),
            translators=translators(settings, name, account, base),
            keeper=keeper,
            shelf=shelf,
            budget=spending,
            verifies=chosen.verify and not connector.capabilities.checks_version,
        )
    return opened, failed


def reading_of(settings: Settings, connection: str) -> Reading:
    """How values of a connection become keys."""
    chosen = settings.matching
    return Reading(
        region=settings.region_of(connection),
        aliases=chosen.email_aliases,
        free_mail=frozenset(values.domain_key(name) or name for name in chosen.free_mail),
        mailboxes=frozenset(name.lower() for name in chosen.shared_mailboxes),
    )


def open_scorers(settings: Settings, base: Path) -> dict[str, Scorer]:
    """What scores the pairs of each object that is to be scored.

    Raises:
        SettingsError: Splink is not installed, or a file of trained numbers cannot be used.
    """
    found = {}
    for object in SYNCED:
        chosen = settings.score(object)
        if chosen is None:
            continue
        try:
            numbers = read(base / chosen.model, object) if chosen.model else None
            found[object] = Scorer(object, numbers)
        except (NumbersError, Unavailable) as error:
            raise SettingsError([f"objects.{object}.score: {error}"]) from error
    return found


def account_from(body: Mapping[str, Any]) -> Account:
    """An `Account` as it was stored."""
    return Account(**{**body, "currencies": tuple(body.get("currencies", ()))})


def translators(
    settings: Settings, connection: str, account: Account, base: Path
) -> dict[str, Translator]:
    """The connection's mappings, compiled, users included."""
    chosen = settings.connections[connection]
    folder = base / settings.hub.mappings if settings.hub.mappings else None
    context = values.Context(
        region=settings.region_of(connection),
        currency=account.currency,
        time_zone=account.time_zone,
    )
    return {
        object: compile(catalog(chosen.vendor, object, folder), context)
        for object in ("user", *chosen.objects)
    }
