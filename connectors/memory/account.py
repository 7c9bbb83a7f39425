"""An account that lives in this process: records, their history of changes, and its quirks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.base import FieldInfo, NativeType, ObjectInfo, Pipeline, User, Value

#: Vendor user ids: ours and a person's.
HUB_USER = "user-hub"
PERSON = "user-person"


@dataclass(slots=True)
class Row:
    """One record as it stands. `version` counts its changes."""

    id: str
    values: dict[str, Value]
    modified_at: datetime
    modified_by: str
    created_at: datetime
    version: int = 1
    deleted: bool = False
    merged_into: str = ""


@dataclass(slots=True)
class Quirks:
    """How an account differs from a plain one.

    Attributes:
        renditions: native field -> what the account stores for a value it is given.
        read_only: native fields that a write is refused for.
        hidden: native fields our credentials do not see.
        unique: native fields that two live records cannot share.
        rules: native field -> (value -> the words with which a write of it is refused, '' where
            it is taken).
        precision: resolution of the modified stamp.
        skew: how far the account's clock is ahead of the hub's.
        lag: seconds until a change shows in `pull`.
        merge_makes_new_id: a merge of two records gives the survivor a new id.
        returns_version: a write's reply carries the version it made.
    """

    renditions: Mapping[str, Callable[[Value], Value]] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    unique: frozenset[str] = frozenset()
    rules: Mapping[str, Callable[[Value], str]] = field(default_factory=dict)
    precision: timedelta = timedelta(seconds=1)
    skew: timedelta = timedelta(0)
    lag: float = 0.0
    merge_makes_new_id: bool = False
    returns_version: bool = True


class Account:
    """The records of one account and what a person does to them.

    Args:
        name: for messages.
        objects: native objects with their fields.
        clock: the instant it is now, aware UTC.
        currency: ISO 4217.
    """

    def __init__(
        self,
        name: str,
        objects: Iterable[ObjectInfo],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        quirks: Quirks | None = None,
        users: Iterable[User] = (),
        pipelines: Mapping[str, list[Pipeline]] | None = None,
        currency: str = "USD",
        time_zone: str = "UTC",
    ) -> None:
        self.name = name
        self.objects = {info.name: info for info in objects}
        self.quirks = quirks or Quirks()
        self.users = list(users)
        self.pipelines = dict(pipelines or {})
        self.currency = currency
        self.time_zone = time_zone
        self.rows: dict[str, dict[str, Row]] = {name: {} for name in self.objects}
        self.external: dict[str, str] = {}
        """Object -> its external-id field, once provisioned."""
        self.writes = 0
        """Records our credentials created, changed or archived, whatever came of it."""
        self.interfere: Callable[[str, str], None] = lambda call, moment: None
        """Called with a method's name and ``before`` or ``after``; raises to make it fail."""
        self._clock = clock
        self._number = 0

    def now(self) -> datetime:
        """The account's own clock, cut to its precision."""
        moment = self._clock() + self.quirks.skew
        step = self.quirks.precision
        return datetime.min.replace(tzinfo=UTC) + step * (
            (moment - datetime.min.replace(tzinfo=UTC)) // step
        )

    def shown(self, info: ObjectInfo) -> dict[str, FieldInfo]:
        """The fields of an object that our credentials see."""
        fields = dict(info.fields)
        external = self.external.get(info.name)
        if external is not None:
            made = FieldInfo(external, external, NativeType.TEXT, unique=True)
            fields.setdefault(external, made)
        return {name: made for name, made in fields.items() if name not in self.quirks.hidden}

    def live(self, object: str) -> dict[str, Row]:
        """Records that are not deleted, by id."""
        return {id: row for id, row in self.rows[object].items() if not row.deleted}

    # -- what a person does --------------------------------------------------------------

    def create(self, object: str, values: Mapping[str, Value], by: str = PERSON) -> str:
        """A new record's id."""
        self._number += 1
        id = f"{self.name[:2]}{self._number:06d}"
        now = self.now()
        self.rows[object][id] = Row(id, self._stored(values), now, by, now)
        return id

    def edit(self, object: str, id: str, values: Mapping[str, Value], by: str = PERSON) -> None:
        """Change fields of a live record. A change to the same values changes nothing."""
        row = self.rows[object][id]
        stored = self._stored(values)
        if any(row.values.get(name) != value for name, value in stored.items()):
            row.values.update(stored)
            self._bump(row, by)

    def remove(self, object: str, id: str, by: str = PERSON) -> None:
        """Delete a record; it stays visible as deleted."""
        row = self.rows[object][id]
        row.deleted = True
        self._bump(row, by)

    def restore(self, object: str, id: str, by: str = PERSON) -> None:
        """Take a deleted record back."""
        row = self.rows[object][id]
        row.deleted, row.merged_into = False, ""
        self._bump(row, by)

    def merge(self, object: str, winner: str, loser: str) -> str:
        """Merge `loser` into `winner`: empty fields are filled. Returns the survivor's id."""
        rows = self.rows[object]
        survivor = winner
        values = dict(rows[winner].values)
        for name, value in rows[loser].values.items():
            if values.get(name) is None:
                values[name] = value
        gone = [loser]
        if self.quirks.merge_makes_new_id:
            survivor = self.create(object, {})
            gone.append(winner)
        for id in gone:
            rows[id].deleted, rows[id].merged_into = True, survivor
            self._bump(rows[id], PERSON)
        rows[survivor].values = values
        self._bump(rows[survivor], PERSON)
        self._repoint(gone, survivor)
        return survivor

    def _repoint(self, gone: list[str], survivor: str) -> None:
        """Records that referred to a merged one refer to the survivor, and are saved by that."""
        for rows in self.rows.values():
            for row in rows.values():
                held = dict(row.values)
                for name, value in held.items():
                    if isinstance(value, str) and value in gone:
                        row.values[name] = survivor
                    elif isinstance(value, tuple) and set(value) & set(gone):
                        kept = {survivor if item in gone else item for item in value}
                        row.values[name] = tuple(sorted(kept))
                if row.values != held:
                    self._bump(row, PERSON)

    def _stored(self, values: Mapping[str, Value]) -> dict[str, Value]:
        made = self.quirks.renditions
        return {
            name: made[name](value) if name in made and value is not None else value
            for name, value in values.items()
        }

    def _bump(self, row: Row, by: str) -> None:
        row.version += 1
        row.modified_at = max(self.now(), row.modified_at)
        row.modified_by = by
