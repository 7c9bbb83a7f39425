"""Replies: which outcome of a batch belongs to which item, and what is worth sending again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.errors import Bug, Invalid, Refused
from connectors.hubspot import errors
from connectors.hubspot.items import Item
from connectors.hubspot.wire import Reply


def take(connection: str, action: str, part: Sequence[Item], reply: Reply) -> list[list[Item]]:
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
                item.error = errors.of_item(entry, connection)
    results = list(reply.body.get("results") or [])
    for match in (_by_trace, _by_key, _by_values, _by_default):
        _pair_up(part, results, match)
    again = without_links(action, [item for item in part if _may_go_without(action, item)])
    sent = {item.trace for batch in again for item in batch}
    left = [
        item
        for item in part
        if not item.done and item.error is None and item.action == action
        and item.trace not in sent
    ]  # fmt: skip
    if left and results:
        for item in left:
            item.error = Bug(
                f"{connection}: HubSpot does not say which result belongs to {item.write.key}",
                connection=connection, status=reply.status,
            )  # fmt: skip
        return again
    if left and len(part) == 1:
        told = reply.body.get("errors")
        left[0].error = (
            errors.of_item(told[0], connection)
            if told
            else Bug(
                f"{connection}: HubSpot says nothing of {left[0].write.key}",
                connection=connection, status=reply.status,
            )
        )  # fmt: skip
        return again
    return [*again, *([item] for item in left)]


def without_links(action: str, part: Sequence[Item]) -> list[list[Item]]:
    """Let items go without their associations; the batches to send for it. Keyed ones become
    upserts, which have their turn after the creates."""
    for item in part:
        item.inline, item.error = False, None
    return [list(part)] if part and action == "create" else []


def _may_go_without(action: str, item: Item) -> bool:
    """Whether a record that was refused with its associations is worth sending without: not
    where HubSpot blames its properties. A keyed one may be, whatever the reply left open."""
    if item.done or not item.inline:
        return False
    if item.error is None:
        return action == "keyed create"
    blamed = set(item.error.fields) if isinstance(item.error, Invalid | Refused) else set()
    return not blamed or not blamed <= item.properties.keys()


# -- pairing -------------------------------------------------------------------------------


def _pair_up(
    part: Sequence[Item],
    results: list[Mapping[str, Any]],
    match: Callable[[Item, Mapping[str, Any]], bool],
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


def _by_trace(item: Item, raw: Mapping[str, Any]) -> bool:
    return str(raw.get("objectWriteTraceId") or "") == item.trace


def _by_key(item: Item, raw: Mapping[str, Any]) -> bool:
    if item.write.external is not None:
        name, wanted = item.write.external
        return (raw.get("properties") or {}).get(name) == wanted
    return bool(item.write.id) and str(raw["id"]) == item.write.id


def _by_values(item: Item, raw: Mapping[str, Any]) -> bool:
    held = raw.get("properties") or {}
    return all(
        str(held.get(name) or "").casefold() == text.casefold()
        for name, text in item.properties.items()
    )


def _by_default(item: Item, raw: Mapping[str, Any]) -> bool:
    """The only result left belongs to the only item left: an update of a merged record, say,
    comes back under the survivor's id."""
    return True
