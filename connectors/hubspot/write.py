"""Writing: batches by kind, each item's own outcome, then the associations.

A new record is created with its associations in one call. HubSpot's upsert takes none, so a
create that is keyed on the external id goes by batch create as well, whose unique value is
refused where the record is there already. What batch create refuses for that, or for a record
to associate with, goes by upsert, and its associations in batches of their own, where each has
an outcome of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from connectors.base import Value, Write, WriteResult
from connectors.errors import Bug, ConnectorError, Invalid, ItemError, Locked, Refused, Stop, Wait
from connectors.hubspot import errors, records
from connectors.hubspot.links import Links, Pair, chunks
from connectors.hubspot.versions import Paths
from connectors.hubspot.wire import Reply, Wire
from connectors.hubspot.words import ASSOCIATIONS, BATCH, Association
from connectors.text import refusal


def encode(value: Value) -> str:
    """A value as HubSpot takes it: always text, '' clears."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return ";".join(value) if isinstance(value, tuple) else str(value)


@dataclass(slots=True)
class _Item:
    """A write on its way. `trace` tells it apart in a batch's reply; `inline`: its associations
    are sent along with it."""

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


class Writer:
    """Writes to one account. `is_unique` tells whether a property of an object is."""

    def __init__(
        self, wire: Wire, paths: Paths, links: Links, is_unique: Callable[[str, str], bool]
    ) -> None:
        self._wire = wire
        self._paths = paths
        self._links = links
        self._is_unique = is_unique

    def push(self, object: str, writes: Sequence[Write]) -> list[WriteResult]:
        """See `connectors.base.Connector.push`. `Stop` is raised while nothing was written; a
        `Wait`, or a later `Stop`, comes back with every item it kept from being sent."""
        items = [_item(object, write, str(n)) for n, write in enumerate(writes)]
        for item in items:
            item.error = refusal(self._wire.connection, object, item.write)
        self._choose_inline(object, items)
        for item in items:
            if _action(item) == "associate" and item.error is None:
                item.id, item.done = item.write.id, True
        halted: ConnectorError | None = None
        for action in ("keyed create", "create", "upsert", "update", "archive"):
            group = [item for item in items if _action(item) == action and not item.error]
            for batch in _batches(group, action):
                if halted is None:
                    halted = self._batch(object, action, batch)
                for item in batch:
                    if halted is not None and not item.done and item.error is None:
                        item.error = halted
        linked = [item for item in items if item.done and item.links and not item.inline]
        halted = self._associate(object, linked, halted)
        if isinstance(halted, Stop | Bug) and not any(item.done for item in items):
            raise halted
        return [_result(object, item) for item in items]

    # -- records

    def _choose_inline(self, object: str, items: Sequence[_Item]) -> None:
        """Creates that take their associations along: a keyed one where its key is refused the
        second time. Two of one key are written in order, which takes upserts."""
        keys = Counter(_key(item) for item in items if item.write.external)
        for item in items:
            if item.write.kind == "create" and any(map(_ids, item.links.values())):
                external = item.write.external
                item.inline = external is None or (
                    keys[_key(item)] == 1 and self._refuses_doubles(object, external[0])
                )

    def _refuses_doubles(self, object: str, name: str) -> bool:
        try:
            return self._is_unique(object, name)
        except ConnectorError:
            return False  # an upsert says what is wrong

    def _batch(self, object: str, action: str, batch: Sequence[_Item]) -> ConnectorError | None:
        """Send one batch, split where HubSpot refuses it whole; what stopped it, if anything."""
        waiting = [list(batch)]
        while waiting:
            part = waiting.pop(0)
            try:
                reply = self._wire.call(
                    "POST",
                    self._paths.objects(object, "batch", action.rpartition(" ")[2]),
                    body={"inputs": [_input(action, item) for item in part]},
                    repeat=action != "create",
                )
            except ItemError as error:
                if isinstance(error, Locked):
                    # A lock holds for all of them, and was waited for already.
                    for item in part:
                        item.error = error
                elif any(item.inline for item in part):
                    waiting[:0] = _without_links(action, part)
                elif len(part) == 1:
                    part[0].error = error
                else:
                    half = len(part) // 2
                    waiting[:0] = [part[:half], part[half:]]
                continue
            except (Wait, Stop, Bug) as error:
                return error
            waiting[:0] = self._take(action, part, reply)
        return None

    def _take(self, action: str, part: Sequence[_Item], reply: Reply) -> list[list[_Item]]:
        """Give each item of a batch its outcome; batches to send again."""
        if action == "archive":
            for item in part:
                item.id, item.done = item.write.id, True
            return []
        for entry in reply.body.get("errors") or []:
            context = entry.get("context") or {}
            traces = {str(trace) for trace in context.get("objectWriteTraceId") or []}
            ids = {str(id) for id in context.get("ids") or []} - {""}
            for item in part:
                if item.trace in traces or item.write.id in ids:
                    item.error = errors.of_item(entry, self._wire.connection)
        results = list(reply.body.get("results") or [])
        for match in (_by_trace, _by_key, _by_values, _by_default):
            _pair_up(part, results, match)
        again = _without_links(action, [item for item in part if _may_go_without(action, item)])
        sent = {item.trace for batch in again for item in batch}
        left = [
            item
            for item in part
            if not item.done and item.error is None and _action(item) == action
            and item.trace not in sent
        ]  # fmt: skip
        if left and results:
            for item in left:
                item.error = Bug(
                    f"{self._wire.connection}: HubSpot does not say which result belongs to"
                    f" {item.write.key}",
                    connection=self._wire.connection, status=reply.status,
                )  # fmt: skip
            return again
        if left and len(part) == 1:
            told = reply.body.get("errors")
            left[0].error = (
                errors.of_item(told[0], self._wire.connection)
                if told
                else Bug(
                    f"{self._wire.connection}: HubSpot says nothing of {left[0].write.key}",
                    connection=self._wire.connection, status=reply.status,
                )
            )  # fmt: skip
            return again
        return [*again, *([item] for item in left)]

    # -- associations

    def _associate(
        self, object: str, items: Sequence[_Item], halted: ConnectorError | None
    ) -> ConnectorError | None:
        """Write the associations of written records; what stopped it, if anything."""
        for association in ASSOCIATIONS.get(object, {}).values():
            touched = [item for item in items if association in item.links]
            if not touched:
                continue
            if halted is None:
                try:
                    self._one_association(object, association, touched)
                    continue
                except (Wait, Stop, Bug) as error:
                    halted = error
            for item in touched:
                if _action(item) == "associate":
                    item.done, item.error = False, halted
                else:
                    postponed = _postponed(halted, association.name)
                    item.field_errors.setdefault(association.name, postponed)
        return halted

    def _one_association(
        self, object: str, association: Association, items: Sequence[_Item]
    ) -> None:
        before = self._before(object, association, items)
        add: dict[Pair, _Item] = {}
        remove: dict[Pair, _Item] = {}
        for item in items:
            old, new = set(_ids(before[item.trace])), set(_ids(item.links[association]))
            add |= {(item.id, id): item for id in sorted(new - old)}
            remove |= {(item.id, id): item for id in sorted(old - new)}
        failed = self._links.add(object, association, list(add))
        for pair, error in failed.items():
            add[pair].field_errors[association.name] = error
        # An association that could not be made must not cost the one it was to replace.
        kept = [pair for pair, item in remove.items() if association.name not in item.field_errors]
        for pair, error in self._links.remove(object, association, kept).items():
            remove[pair].field_errors[association.name] = error

    def _before(
        self, object: str, association: Association, items: Sequence[_Item]
    ) -> dict[str, Value]:
        """trace -> what is associated now: as planned on, or read where that is not known."""
        known = {
            item.trace: item.write.before[association.name]
            for item in items
            if association.name in item.write.before
        }
        unread = [i for i in items if i.trace not in known and i.write.kind == "update"]
        if unread:
            held = self._links.read(object, association, [item.id for item in unread])
            known |= {item.trace: held[item.id] for item in unread}
        return {item.trace: known.get(item.trace) for item in items}


def _ids(value: Value) -> tuple[str, ...]:
    if value in (None, "", ()):
        return ()
    return value if isinstance(value, tuple) else (str(value),)


def _item(object: str, write: Write, trace: str) -> _Item:
    known = ASSOCIATIONS.get(object, {})
    links = {known[name]: value for name, value in write.values.items() if name in known}
    properties = {name: encode(value) for name, value in write.values.items() if name not in known}
    if write.external is not None:
        properties[write.external[0]] = write.external[1]
    return _Item(write, trace, properties, links)


def _action(item: _Item) -> str:
    if item.write.kind == "create":
        if item.write.external is None:
            return "create"
        return "keyed create" if item.inline else "upsert"
    if item.write.kind == "update" and not item.properties and item.links:
        return "associate"
    return item.write.kind


def _key(item: _Item) -> str:
    """What must not occur twice in one batch."""
    return item.write.external[1] if item.write.external else item.write.id


def _batches(group: Sequence[_Item], action: str) -> list[list[_Item]]:
    """Batches of at most 100 in which no record occurs twice, later writes later."""
    if action.endswith("create"):
        return [list(chunk) for chunk in chunks(group, BATCH)]
    made: list[list[_Item]] = []
    held: list[set[str]] = []
    earliest: dict[str, int] = {}
    first = 0
    for item in group:
        key = _key(item)
        at = max(first, earliest.get(key, 0))
        while at < len(made) and len(made[at]) >= BATCH:
            at += 1
        if at == len(made):
            made.append([])
            held.append(set())
        made[at].append(item)
        held[at].add(key)
        earliest[key] = at + 1
        while first < len(made) and len(made[first]) >= BATCH:
            first += 1
    return made


def _input(action: str, item: _Item) -> dict[str, Any]:
    if action == "archive":
        return {"id": item.write.id}
    made: dict[str, Any] = {"properties": item.properties, "objectWriteTraceId": item.trace}
    if action == "update":
        made["id"] = item.write.id
    if action.endswith("create"):
        made["properties"] = {name: text for name, text in item.properties.items() if text}
        made["associations"] = _associations(item) if item.inline else []
    if action == "upsert":
        assert item.write.external is not None
        made["idProperty"], made["id"] = item.write.external
    return made


def _associations(item: _Item) -> list[dict[str, Any]]:
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
        for association, value in item.links.items()
        for id in _ids(value)
    ]


def _may_go_without(action: str, item: _Item) -> bool:
    """Whether a record that was refused with its associations is worth sending without: not
    where HubSpot blames its properties. A keyed one may be, whatever the reply left open."""
    if item.done or not item.inline:
        return False
    if item.error is None:
        return action == "keyed create"
    blamed = set(item.error.fields) if isinstance(item.error, Invalid | Refused) else set()
    return not blamed or not blamed <= item.properties.keys()


def _without_links(action: str, part: Sequence[_Item]) -> list[list[_Item]]:
    """Let items go without their associations; the batches to send for it. Keyed ones become
    upserts, which have their turn after the creates."""
    for item in part:
        item.inline, item.error = False, None
    return [list(part)] if part and action == "create" else []


def _by_trace(item: _Item, raw: Mapping[str, Any]) -> bool:
    return str(raw.get("objectWriteTraceId") or "") == item.trace


def _by_key(item: _Item, raw: Mapping[str, Any]) -> bool:
    if item.write.external is not None:
        name, wanted = item.write.external
        return (raw.get("properties") or {}).get(name) == wanted
    return bool(item.write.id) and str(raw["id"]) == item.write.id


def _by_values(item: _Item, raw: Mapping[str, Any]) -> bool:
    held = raw.get("properties") or {}
    return all(
        str(held.get(name) or "").casefold() == text.casefold()
        for name, text in item.properties.items()
    )


def _by_default(item: _Item, raw: Mapping[str, Any]) -> bool:
    """The only result left belongs to the only item left: an update of a merged record, say,
    comes back under the survivor's id."""
    return True


def _pair_up(
    part: Sequence[_Item],
    results: list[Mapping[str, Any]],
    match: Callable[[_Item, Mapping[str, Any]], bool],
) -> None:
    """Give results to the items they match, where that is unambiguous; what is given is taken
    out of `results`."""
    waiting = [item for item in part if not item.done and item.error is None]
    for item in waiting:
        mine = [raw for raw in results if match(item, raw)]
        if len(mine) != 1 or sum(match(other, mine[0]) for other in waiting) != 1:
            continue
        raw = mine[0]
        results.remove(raw)
        item.raw, item.id, item.done = raw, str(raw["id"]), True
        item.created = item.write.kind == "create" and raw.get("new") is not False


def _postponed(error: ConnectorError, name: str) -> ItemError:
    """The association of a written record that could not be sent: to be tried again."""
    kind = Locked if isinstance(error, Wait) else Refused
    return kind(
        str(error), connection=error.connection, words=error.words, code=error.code,
        status=error.status, fields=(name,),
    )  # fmt: skip


def _result(object: str, item: _Item) -> WriteResult:
    base = WriteResult(item.write.key, id=item.id or item.write.id)
    if item.error is not None:
        return replace(base, error=item.error)
    made = replace(base, created=item.created, field_errors=item.field_errors)
    if item.raw is None:
        return made
    return replace(
        made,
        version=records.version(item.raw, object),
        modified_at=records.modified_at(item.raw, object),
    )
