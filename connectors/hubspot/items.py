"""Items: writes on their way to HubSpot, each with its outcome, and the batches they go in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from connectors.base import Value, Write, WriteResult
from connectors.errors import ConnectorError, ItemError
from connectors.hubspot import records
from connectors.hubspot.links import chunks
from connectors.hubspot.words import ASSOCIATIONS, BATCH, Association


def encode(value: Value) -> str:
    """A value as HubSpot takes it: always text, '' clears."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return ";".join(value) if isinstance(value, tuple) else str(value)


def ids(value: Value) -> tuple[str, ...]:
    """The records that an association's value names."""
    if value in (None, "", ()):
        return ()
    return value if isinstance(value, tuple) else (str(value),)


@dataclass(slots=True)
class Item:
    """A write on its way.

    Attributes:
        trace: tells it apart in a batch's reply.
        properties: what goes into the record, as HubSpot takes it.
        links: what is to be associated with it.
        inline: its associations are sent along with it.
        done: the record was written; `id`, `created` and `raw` tell what HubSpot says of it.
        error: why it was not.
        field_errors: what of a written record was not written.
    """

    write: Write
    trace: str
    properties: dict[str, str]
    links: dict[Association, Value]
    inline: bool = False
    done: bool = False
    id: str = ""
    created: bool = False
    raw: Mapping[str, Any] | None = None
    error: ConnectorError | None = None
    field_errors: dict[str, ItemError] = field(default_factory=dict)

    @classmethod
    def of(cls, object: str, write: Write, trace: str) -> Item:
        """A write, parted into what HubSpot keeps in the record and what beside it."""
        known = ASSOCIATIONS.get(object, {})
        links = {known[n]: value for n, value in write.values.items() if n in known}
        properties = {n: encode(value) for n, value in write.values.items() if n not in known}
        if write.external is not None:
            properties[write.external[0]] = write.external[1]
        return cls(write, trace, properties, links)

    @property
    def action(self) -> str:
        """By which kind of batch it goes; ``associate``: by none, the record stays as it is."""
        if self.write.kind == "create":
            if self.write.external is None:
                return "create"
            return "keyed create" if self.inline else "upsert"
        if self.write.kind == "update" and not self.properties and self.links:
            return "associate"
        return self.write.kind

    @property
    def key(self) -> str:
        """What must not occur twice in one batch."""
        return self.write.external[1] if self.write.external else self.write.id

    def input(self, action: str) -> dict[str, Any]:
        """Its part of a batch."""
        if action == "archive":
            return {"id": self.write.id}
        made: dict[str, Any] = {"properties": self.properties, "objectWriteTraceId": self.trace}
        if action == "update":
            made["id"] = self.write.id
        if action.endswith("create"):
            made["properties"] = {name: text for name, text in self.properties.items() if text}
            made["associations"] = self._associations() if self.inline else []
        if action == "upsert":
            assert self.write.external is not None
            made["idProperty"], made["id"] = self.write.external
        return made

    def _associations(self) -> list[dict[str, Any]]:
        """A created record's associations as batch create takes them."""
        return [
            {
                "to": {"id": id},
                "types": [
                    {
                        "associationCategory": "HUBSPOT_DEFINED",
                        "associationTypeId": association.type_id,
                    }
                ],
            }
            for association, value in self.links.items()
            for id in ids(value)
        ]

    def result(self, object: str) -> WriteResult:
        """What became of it."""
        base = WriteResult(self.write.key, id=self.id or self.write.id)
        if self.error is not None:
            return replace(base, error=self.error)
        made = replace(base, created=self.created, field_errors=self.field_errors)
        if self.raw is None:
            return made
        return replace(
            made,
            version=records.version(self.raw, object),
            modified_at=records.modified_at(self.raw, object),
        )


def batches(group: Sequence[Item], action: str) -> list[list[Item]]:
    """Batches of at most 100 in which no record occurs twice, later writes later."""
    if action.endswith("create"):
        return [list(chunk) for chunk in chunks(group, BATCH)]
    made: list[list[Item]] = []
    held: list[set[str]] = []
    earliest: dict[str, int] = {}
    first = 0
    for item in group:
        at = max(first, earliest.get(item.key, 0))
        while at < len(made) and len(made[at]) >= BATCH:
            at += 1
        if at == len(made):
            made.append([])
            held.append(set())
        made[at].append(item)
        held[at].add(item.key)
        earliest[item.key] = at + 1
        while first < len(made) and len(made[first]) >= BATCH:
            first += 1
    return made
