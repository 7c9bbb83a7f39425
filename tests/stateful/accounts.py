"""Accounts in this process that remember what they ever held, and fail when told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.base import FieldInfo, NativeType, ObjectInfo, User, Value
from connectors.errors import (
    AuthenticationFailed,
    ConnectorError,
    Invalid,
    Locked,
    QuotaExhausted,
    Throttled,
    Unavailable,
)
from connectors.memory import HUB_USER, PERSON, Account, Quirks
from mapping.schema import OBJECTS

NAMES = ("left", "middle", "right")


@dataclass(frozen=True, slots=True)
class Climate:
    """What one example's accounts and settings are like.

    Attributes:
        objects: what is synchronised.
        skew: seconds by which each account's clock is ahead of the hub's.
        read_only: fields that ``right`` refuses to write.
        lag: seconds until ``middle`` shows a change.
        deletes: what a delete in one account means for the others.
        limits: most creates, updates and archives of a run in one connection; None for the
            usual ones.
        per_day: calls a day that ``left`` allows the hub; None for any number.
    """

    objects: tuple[str, ...] = ("contact",)
    skew: tuple[int, int, int] = (0, 0, 0)
    read_only: frozenset[str] = frozenset()
    lag: int = 0
    deletes: str = "unlink"
    limits: tuple[int, int, int] | None = None
    per_day: int | None = None

    def quirks(self) -> dict[str, Quirks]:
        """One plain account, one that changes what it is given, one with gaps."""
        left, middle, right = (timedelta(seconds=seconds) for seconds in self.skew)
        return {
            "left": Quirks(skew=left),
            "middle": Quirks(
                renditions={
                    "email": lambda value: str(value).lower(),
                    "job_title": lambda value: str(value)[:4].strip() or None,
                    "name": lambda value: " ".join(str(value).split()),
                },
                merge_makes_new_id=True,
                returns_version=False,
                skew=middle,
                lag=self.lag,
            ),
            "right": Quirks(
                hidden=frozenset({"mobile"}),
                unique=frozenset({"email"}),
                read_only=self.read_only,
                skew=right,
            ),
        }


@dataclass(slots=True)
class Fault:
    """Something that goes wrong once, after `skip` chances passed by.

    `where`: ``push before``, ``push after`` (the reply is lost), ``pull before`` … or
    ``item`` for a single record's write.
    """

    where: str
    error: Callable[[str], ConnectorError]
    skip: int = 0


#: By name: where it strikes, and the error.
FAULTS: Mapping[str, tuple[str, Callable[[str], ConnectorError]]] = {
    "throttled": ("push before", lambda c: Throttled(f"{c}: slower", connection=c)),
    "unavailable": ("push before", lambda c: Unavailable(f"{c}: down", connection=c)),
    "reply lost": ("push after", lambda c: Unavailable(f"{c}: cut", connection=c)),
    "quota": ("push before", lambda c: QuotaExhausted(f"{c}: no calls left", connection=c)),
    "credentials": ("push before", lambda c: AuthenticationFailed(f"{c}: 401", connection=c)),
    "unreadable": ("pull before", lambda c: Unavailable(f"{c}: down", connection=c)),
    "locked": ("item", lambda c: Locked(f"{c}: a record is locked", connection=c)),
    "invalid": ("item", lambda c: Invalid(f"{c}: a rule says no", connection=c, words="no")),
}


@dataclass(slots=True)
class Overwritten:
    """What a write of the hub found in the fields it wrote."""

    object: str
    record: str
    before: dict[str, Value]


def described() -> Iterator[ObjectInfo]:
    """What an in-memory account holds: the common schema's own names."""
    for name, spec in OBJECTS.items():
        if name != "user":
            fields = {
                field.name: FieldInfo(field.name, field.label, NativeType.OTHER)
                for field in spec.fields.values()
                if not field.computed
            }
            yield ObjectInfo(name, name, fields)


#: Descriptions never change, so all examples share them.
_OBJECTS = list(described())


@dataclass(slots=True)
class Log:
    """What the hub did in an account since somebody looked last."""

    calls: Counter[str] = field(default_factory=Counter)
    made: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(object, what) -> records: ``create``, ``edit``, ``remove``."""
    overwritten: list[Overwritten] = field(default_factory=list)


class Watched(Account):
    """See the module."""

    def __init__(self, name: str, clock: Callable[[], datetime], quirks: Quirks) -> None:
        users = [User(f"{name}-ann", "Ann", "ann@hub.example")]
        super().__init__(name, _OBJECTS, clock=clock, quirks=quirks, users=users)
        self.external = {info.name: "concord_id" for info in _OBJECTS}
        self.interfere = self._meddle
        self.held: dict[tuple[str, str, str], list[Value]] = {}
        """(object, record, field) -> everything that it ever held."""
        self.typed: dict[tuple[str, str, str], list[Value]] = {}
        """The same, as far as it was people who brought it there."""
        self.made_by_hub: dict[tuple[str, str], datetime] = {}
        """(object, record) the hub created, and when."""
        self.called: list[datetime] = []
        self.log = Log()
        self.faults: list[Fault] = []
        self.tick: Callable[[str], None] = lambda moment: None
        """Called at every call's ``before`` and ``after``; a crash is raised from here."""

    def arm(self, name: str, skip: int) -> None:
        """Have a fault of `FAULTS` happen."""
        where, error = FAULTS[name]
        self.faults.append(Fault(where, error, skip))

    def _meddle(self, call: str, moment: str) -> None:
        if moment == "before":
            self.called.append(self._clock())
            self.log.calls[call] += 1
        if call in ("push", "pull"):
            self.tick(moment)
        self._fail(f"{call} {moment}")

    def _fail(self, where: str) -> None:
        for fault in self.faults:
            if fault.where != where:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            self.faults.remove(fault)
            raise fault.error(self.name)

    # -- changes -------------------------------------------------------------------------

    def create(self, object: str, values: Mapping[str, Value], by: str = PERSON) -> str:
        """As of `Account`."""
        if by == HUB_USER:
            self._fail("item")
            self.log.made[object, "create"] += 1
        id = super().create(object, values, by)
        if by == HUB_USER:
            self.made_by_hub[object, id] = self.now()
        self._remember(object, id, by)
        return id

    def edit(self, object: str, id: str, values: Mapping[str, Value], by: str = PERSON) -> None:
        """As of `Account`."""
        if by == HUB_USER:
            self._fail("item")
            self.log.made[object, "edit"] += 1
            row = self.rows[object][id].values
            before = {name: row.get(name) for name in values}
            self.log.overwritten.append(Overwritten(object, id, before))
        super().edit(object, id, values, by)
        self._remember(object, id, by, set(values))
        if by == PERSON:
            self._vouch(object, id)

    def remove(self, object: str, id: str, by: str = PERSON) -> None:
        """As of `Account`."""
        if by == HUB_USER:
            self._fail("item")
            self.log.made[object, "remove"] += 1
        super().remove(object, id, by)

    def merge(self, object: str, winner: str, loser: str) -> str:
        """As of `Account`."""
        before = {name: {id: row.version for id, row in r.items()} for name, r in self.rows.items()}
        survivor = super().merge(object, winner, loser)
        for name, rows in self.rows.items():
            for id, row in rows.items():
                if id == survivor and name == object:
                    self._remember(name, id, PERSON)
                    continue
                self._remember(name, id, HUB_USER)
                if row.version != before[name].get(id):
                    self._vouch(name, id)
        return survivor

    def _vouch(self, object: str, id: str) -> None:
        """Where nothing tells what became of the hub's last write from what a person typed since,
        who saves a record stands behind what the account has made of it."""
        if not self.quirks.returns_version:
            made = self.quirks.renditions.keys() & OBJECTS[object].fields.keys()
            self._remember(object, id, PERSON, made)

    def _remember(
        self, object: str, id: str, by: str, changed: Collection[str] | None = None
    ) -> None:
        values = self.rows[object][id].values
        for name in OBJECTS[object].fields if changed is None else changed:
            value = values.get(name)
            for book in (self.held, self.typed) if by != HUB_USER else (self.held,):
                known = book.setdefault((object, id, name), [])
                if not known or known[-1] != value:
                    known.append(value)

    def calls_of_a_day(self) -> int:
        """Most calls made in any 24 hours."""
        most = start = 0
        for end, moment in enumerate(self.called):
            while moment - self.called[start] >= timedelta(hours=24):
                start += 1
            most = max(most, end - start + 1)
        return most


def plain(value: Value) -> Any:
    """A native value as the common schema spells it."""
    if isinstance(value, tuple):
        return sorted(value) or None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
