"""The plain values that the stages of a run hand to each other.

Nothing here does I/O; the deciding functions take and return only these.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from connectors.base import WriteKind
from mapping.schema import Fields, FieldValue

#: Before every change a vendor can tell of.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where a record lives; sorts by connection, then id."""

    connection: str
    record: str


@dataclass(slots=True)
class Replica:
    """The hub's copy of one record, in fields. References are native record ids here.

    Attributes:
        seen: what was last read; a missing field was never read.
        base: what was last agreed, None before the first agreement.
        renditions: field -> [value sent, value the vendor made of it].
        expected: what our last write may have caused and no read has confirmed yet:
            ``{"fields": [...] or None for all, "version": text}``; None when nothing is.
        stamp: the vendor's modified time of what was last read or written, if known; an
            older read (an index that lags) is ignored.
        external: value of the external-id field, '' if empty or not read.
        changed_at: when a person last changed the record, as far as we know.
        waiting: seen and base differ and nobody has merged that yet.
    """

    place: Place
    seen: Fields
    base: Fields | None = None
    renditions: dict[str, list[FieldValue]] = field(default_factory=dict)
    expected: dict[str, Any] | None = None
    external: str = ""
    version: str = ""
    stamp: datetime | None = None
    changed_at: datetime = NEVER
    field_times: dict[str, str] = field(default_factory=dict)
    deleted: bool = False
    merged_into: str = ""
    waiting: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """A linked record as merging sees it: references are entity ids.

    A field is in `seen` only if it was read and, for references, resolved.
    """

    place: Place
    seen: Fields
    base: Fields | None
    changed_at: datetime
    field_times: Mapping[str, datetime]
    version: str = ""
    renditions: Mapping[str, list[FieldValue]] = field(default_factory=dict)
    unresolved: frozenset[str] = frozenset()
    """Reference fields that name a record the hub does not know (yet)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Why one field has its agreed value."""

    field: str
    old: FieldValue
    new: FieldValue
    reason: str
    """A named rule: ``only value``, ``changed``, ``conflict: newest``, ``first link`` …"""
    place: Place | None
    """The record the value came from; None when it was computed."""
    at: datetime | None
    """When that record says the value was changed."""
    losing: tuple[tuple[Place, FieldValue], ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two or more records changed a field to different values (or came with them)."""

    field: str
    agreed: FieldValue
    """The value before."""
    outcome: FieldValue
    """The value after; equal to `agreed` when it waits for a person."""
    candidates: tuple[tuple[Place, FieldValue], ...]
    rule: str
    first_link: bool
    waits: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome for one entity. `blocked` fields are written nowhere: a person decides."""

    fields: Fields
    decisions: tuple[Decision, ...]
    disagreements: tuple[Disagreement, ...]
    blocked: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One write a run would make. References are entity ids.

    `fields` is what to write, `before` what the record held (as far as it was read).
    """

    connection: str
    object: str
    entity: str
    record: str
    kind: WriteKind
    fields: Fields
    before: Fields
    version: str = ""

    @property
    def fingerprint(self) -> str:
        """Equal for writes that would do the same to the same record."""
        return fingerprint([self.kind, self.record, self.fields])

    def as_json(self) -> dict[str, Any]:
        """For plan files and dry runs."""
        return {
            "connection": self.connection,
            "object": self.object,
            "entity": self.entity,
            "record": self.record,
            "kind": self.kind,
            "fields": self.fields,
            "before": self.before,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Queued:
    """A write in the outbox.

    Status: ``planned`` (not yet held against the limits), ``pending`` (may be sent),
    ``sending`` (a call was begun), ``held`` (waits for a person).
    """

    id: int
    run: int
    write: PlannedWrite
    status: str


def fingerprint(value: Any) -> str:
    """A short text that is equal for equal JSON values."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def entity_id(object: str, founder: Place, attempt: int = 0) -> str:
    """The id of the entity that the record `founder` founds: 20 characters, ASCII.

    It depends on nothing else, so a run that was killed founds the same entity again.
    `attempt` > 0 gives other ids, for a record that already founded one it left.
    """
    text = f"{object}\0{founder.connection}\0{founder.record}\0{attempt or ''}"
    digest = hashlib.blake2b(text.encode(), digest_size=10).digest()
    return f"{object[:3]}_" + base64.b32encode(digest).decode().lower()
