"""Associations: reading them in batches, and writing the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.base import Value
from connectors.errors import Gone, Invalid, ItemError, Unavailable
from connectors.hubspot.errors import of_item
from connectors.hubspot.versions import Paths
from connectors.hubspot.wire import Reply, Wire
from connectors.hubspot.words import LINKS_READ, LINKS_WRITE, Association

#: (from id, to id)
Pair = tuple[str, str]


def chunks(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    """`items` in runs of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def value(association: Association, held: Mapping[str, bool]) -> Value:
    """The pseudo-field's value from target id -> whether it is the primary one."""
    if not association.single:
        return tuple(sorted(held))
    chosen = [id for id, primary in held.items() if primary] or list(held)
    return min(chosen, key=int) if chosen else None


def require_only_missing(reply: Reply, connection: str) -> None:
    """A batch read may say that something does not exist; nothing else may be left out, or what
    was not read would pass for empty or deleted.

    Raises:
        Unavailable: the reply leaves out inputs for another reason.
    """
    for entry in reply.body.get("errors") or []:
        if str(entry.get("category")) == "OBJECT_NOT_FOUND":
            continue
        if "NO_ASSOCIATIONS_FOUND" in f"{entry.get('category')} {entry.get('subCategory')}":
            continue
        error = of_item(entry, connection)
        raise Unavailable(
            f"{connection}: HubSpot left out part of what was to be read",
            connection=connection, words=error.words, code=error.code, status=reply.status,
        )  # fmt: skip


class Links:
    """The associations of one account."""

    def __init__(self, wire: Wire, paths: Paths) -> None:
        self._wire = wire
        self._paths = paths

    def read(self, object: str, association: Association, ids: Sequence[str]) -> dict[str, Value]:
        """id -> the pseudo-field's value; one call per 1,000 ids, and more for records with
        more than 100 associations.

        Raises:
            Stop, Wait, Bug.
        """
        held: dict[str, dict[str, bool]] = {id: {} for id in ids}
        path = self._paths.associations(object, association.target, "read")
        waiting: list[dict[str, str]] = [{"id": id} for id in ids]
        while waiting:
            batch, waiting = waiting[:LINKS_READ], waiting[LINKS_READ:]
            reply = self._wire.read(
                "POST", path, f"associations of {object}", body={"inputs": batch}
            )
            require_only_missing(reply, self._wire.connection)
            for result in reply.body.get("results") or []:
                id = str(result["from"]["id"])
                for target in result.get("to") or []:
                    primary = any(
                        str(kind.get("label") or "").lower() == "primary"
                        for kind in target.get("associationTypes") or []
                    )
                    held.setdefault(id, {})[str(target["toObjectId"])] = primary
                after = ((result.get("paging") or {}).get("next") or {}).get("after")
                if after:
                    waiting.append({"id": id, "after": str(after)})
        return {id: value(association, held[id]) for id in ids}

    def listed(
        self, object: str, association: Association, raws: Sequence[Mapping[str, Any]]
    ) -> dict[str, Value]:
        """The same from a list reply that brought its associations along; records whose reply
        does not settle the value (paged, or no single primary) are read in a batch.

        One archived before that batch has none there any more; its value is left out."""
        found: dict[str, Value] = {}
        unsure: list[str] = []
        for raw in raws:
            id = str(raw["id"])
            part = (raw.get("associations") or {}).get(association.target) or {}
            held: dict[str, bool] = {}
            for entry in part.get("results") or []:
                target = str(entry["id"])
                primary = not str(entry.get("type", "")).endswith("_unlabeled")
                held[target] = held.get(target, False) or primary
            several = association.single and len(held) > 1 and sum(held.values()) != 1
            if part.get("paging") or several:
                unsure.append(id)
            else:
                found[id] = value(association, held)
        if unsure:
            read = self.read(object, association, unsure)
            found |= {id: held for id, held in read.items() if held}
        return found

    def add(
        self, object: str, association: Association, pairs: Sequence[Pair]
    ) -> dict[Pair, ItemError]:
        """Associate pairs; what failed, by pair. Doing it twice does no harm.

        Raises:
            Stop, Wait, Bug.
        """
        kinds = [
            {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": association.type_id,
            }
        ]
        inputs = {
            pair: {"from": {"id": pair[0]}, "to": {"id": pair[1]}, "types": kinds} for pair in pairs
        }
        return self._send(object, association, "create", inputs)

    def remove(
        self, object: str, association: Association, pairs: Sequence[Pair]
    ) -> dict[Pair, ItemError]:
        """End the associations of pairs; what failed, by pair.

        Raises:
            Stop, Wait, Bug.
        """
        inputs = {pair: {"from": {"id": pair[0]}, "to": [{"id": pair[1]}]} for pair in pairs}
        return self._send(object, association, "archive", inputs)

    def _send(
        self,
        object: str,
        association: Association,
        action: str,
        inputs: Mapping[Pair, Mapping[str, Any]],
    ) -> dict[Pair, ItemError]:
        failed: dict[Pair, ItemError] = {}
        path = self._paths.associations(object, association.target, action)
        waiting = [list(chunk) for chunk in chunks(list(inputs), LINKS_WRITE)]
        while waiting:
            batch = waiting.pop(0)
            try:
                reply = self._wire.call(
                    "POST", path, body={"inputs": [inputs[pair] for pair in batch]}
                )
            except ItemError as error:
                if len(batch) > 1:
                    half = len(batch) // 2
                    waiting[:0] = [batch[:half], batch[half:]]
                else:
                    failed[batch[0]] = self._blame(error, association)
                continue
            if not reply.body.get("errors"):
                continue
            done = {
                (str(made.get("fromObjectId")), str(made.get("toObjectId")))
                for made in reply.body.get("results") or []
            }
            left = [pair for pair in batch if pair not in done]
            if len(batch) == 1 or not left:
                words = str(reply.body["errors"][0].get("message", ""))
                refused = Invalid(
                    f"{self._wire.connection}: {words}",
                    connection=self._wire.connection,
                    words=words,
                )
                failed |= {pair: self._blame(refused, association) for pair in left or batch}
            else:
                waiting[:0] = [[pair] for pair in left]
        return failed

    def _blame(self, error: ItemError, association: Association) -> ItemError:
        if isinstance(error, Gone):
            return Invalid(
                f"{error.connection}: {association.name}: the record to associate with does not"
                " exist any more",
                connection=error.connection,
                words=error.words,
                code=error.code,
                status=error.status,
                fields=(association.name,),
            )
        error.fields = (association.name,)
        return error
