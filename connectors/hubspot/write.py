"""Writing: batches by kind, each item's own outcome, then the associations.

A new record is created with its associations in one call. HubSpot's upsert takes none, so a
create that is keyed on the external id goes by batch create as well, whose unique value is
refused where the record is there already. What batch create refuses for that, or for a record
to associate with, goes by upsert, and its associations in batches of their own, where each has
an outcome of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from connectors.base import Value, Write, WriteResult
from connectors.errors import Bug, ConnectorError, ItemError, Locked, Refused, Stop, Wait
from connectors.hubspot.items import Item, batches, ids
from connectors.hubspot.links import Links, Pair
from connectors.hubspot.replies import take, without_links
from connectors.hubspot.versions import Paths
from connectors.hubspot.wire import Wire
from connectors.hubspot.words import ASSOCIATIONS, Association
from connectors.text import refusal


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
        items = [Item.of(object, write, str(n)) for n, write in enumerate(writes)]
        for item in items:
            item.error = refusal(self._wire.connection, object, item.write)
        self._choose_inline(object, items)
        for item in items:
            if item.action == "associate" and item.error is None:
                item.id, item.done = item.write.id, True
        halted: ConnectorError | None = None
        for action in ("keyed create", "create", "upsert", "update", "archive"):
            group = [item for item in items if item.action == action and not item.error]
            for batch in batches(group, action):
                if halted is None:
                    halted = self._batch(object, action, batch)
                for item in batch:
                    if halted is not None and not item.done and item.error is None:
                        item.error = halted
        linked = [item for item in items if item.done and item.links and not item.inline]
        halted = self._associate(object, linked, halted)
        if isinstance(halted, Stop | Bug) and not any(item.done for item in items):
            raise halted
        return [item.result(object) for item in items]

    # -- records

    def _choose_inline(self, object: str, items: Sequence[Item]) -> None:
        """Creates that take their associations along: a keyed one where its key is refused the
        second time. Two of one key are written in order, which takes upserts."""
        keys = Counter(item.key for item in items if item.write.external)
        for item in items:
            if item.write.kind == "create" and any(map(ids, item.links.values())):
                external = item.write.external
                item.inline = external is None or (
                    keys[item.key] == 1 and self._refuses_doubles(object, external[0])
                )

    def _refuses_doubles(self, object: str, name: str) -> bool:
        try:
            return self._is_unique(object, name)
        except ConnectorError:
            return False  # an upsert says what is wrong

    def _batch(self, object: str, action: str, batch: Sequence[Item]) -> ConnectorError | None:
        """Send one batch, split where HubSpot refuses it whole; what stopped it, if anything."""
        waiting = [list(batch)]
        while waiting:
            part = waiting.pop(0)
            try:
                reply = self._wire.call(
                    "POST",
                    self._paths.objects(object, "batch", action.rpartition(" ")[2]),
                    body={"inputs": [item.input(action) for item in part]},
                    repeat=action != "create",
                )
            except ItemError as error:
                if isinstance(error, Locked):
                    # A lock holds for all of them, and was waited for already.
                    for item in part:
                        item.error = error
                elif any(item.inline for item in part):
                    waiting[:0] = without_links(action, part)
                elif len(part) == 1:
                    part[0].error = error
                else:
                    half = len(part) // 2
                    waiting[:0] = [part[:half], part[half:]]
                continue
            except (Wait, Stop, Bug) as error:
                return error
            waiting[:0] = take(self._wire.connection, action, part, reply)
        return None

    # -- associations

    def _associate(
        self, object: str, items: Sequence[Item], halted: ConnectorError | None
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
                if item.action == "associate":
                    item.done, item.error = False, halted
                else:
                    postponed = _postponed(halted, association.name)
                    item.field_errors.setdefault(association.name, postponed)
        return halted

    def _one_association(
        self, object: str, association: Association, items: Sequence[Item]
    ) -> None:
        before = self._before(object, association, items)
        add: dict[Pair, Item] = {}
        remove: dict[Pair, Item] = {}
        for item in items:
            old, new = set(ids(before[item.trace])), set(ids(item.links[association]))
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
        self, object: str, association: Association, items: Sequence[Item]
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


def _postponed(error: ConnectorError, name: str) -> ItemError:
    """The association of a written record that could not be sent: to be tried again."""
    kind = Locked if isinstance(error, Wait) else Refused
    return kind(
        str(error), connection=error.connection, words=error.words, code=error.code,
        status=error.status, fields=(name,),
    )  # fmt: skip
