"""Reading records: by list, by id, by key, by search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Record, Value
from connectors.errors import Gone, Misconfigured
from connectors.hubspot import records, words
from connectors.hubspot.links import Links, chunks, require_only_missing
from connectors.hubspot.records import Raw
from connectors.hubspot.versions import Paths
from connectors.hubspot.wire import Wire

#: Longest list of property names that goes into a URL.
_URL_ROOM = 6000


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list endpoint: records, the next page's `after` ('' after the last)."""

    records: list[Record]
    after: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Hits:
    """One page of a search: ids in ascending order, the total that matches, when."""

    ids: list[str]
    total: int
    last: bool
    at: datetime


class Reader:
    """Reads one account. `history`: also when single fields changed, in smaller batches."""

    def __init__(self, wire: Wire, paths: Paths, links: Links, history: bool) -> None:
        self._wire = wire
        self._paths = paths
        self._links = links
        self._history = history

    @property
    def is_low(self) -> bool:
        """Whether little is left to spend; see `connectors.budget.Budget.is_low`."""
        return self._wire.is_low

    def has_room(self, calls: int) -> bool:
        """Whether so many calls are left to spend, as far as is known."""
        return self._wire.has_room(calls)

    # -- list

    def page(self, object: str, fields: Sequence[str], after: str) -> Listed:
        """Live records by ascending id, with their associations in the same call."""
        properties = words.asked_properties(object, list(fields))
        associations = words.asked_associations(object, list(fields))
        in_url = len(",".join(properties)) <= _URL_ROOM
        limit = words.HISTORY_BATCH if self._history and in_url else words.LIST_PAGE
        query = [("limit", str(limit)), ("archived", "false")]
        if in_url:
            query.append(("properties", ",".join(properties)))
            if self._history:
                query.append(("propertiesWithHistory", ",".join(properties)))
        if associations:
            query.append(("associations", ",".join(a.target for a in associations)))
        if after:
            query.append(("after", after))
        reply = self._wire.read("GET", self._paths.objects(object), object, query=query)
        raws: list[Raw] = self._wire.results(reply)
        listed = {str(raw["id"]) for raw in raws}
        held = {a.name: self._links.listed(object, a, raws) for a in associations}
        if not in_url:
            raws, _ = self.batch(object, sorted(listed, key=int), fields)
        made = [
            records.live(
                object,
                raw,
                fields,
                {n: by_id[_id(raw)] for n, by_id in held.items() if _id(raw) in by_id},
            )
            for raw in sorted(raws, key=lambda raw: int(raw["id"]))
            if str(raw["id"]) in listed  # one that was merged since comes in the next pull
        ]
        return Listed(made, _after(reply.body), reply.at)

    def archived(
        self, object: str, since: datetime, after: str
    ) -> Iterator[tuple[list[Record], str]]:
        """Tombstones of what was archived at `since` or later, with the next page's `after`
        ('' after the last), a page of the recycling bin at a time.

        HubSpot lists archived records by id only, so a look at the bin reads all of it
        (90 days): one call per 100 records in it.
        """
        while True:
            query = [("limit", str(words.LIST_PAGE)), ("archived", "true")]
            query.append(("properties", f"{words.EDITOR},{words.MERGED}"))
            if after:
                query.append(("after", after))
            reply = self._wire.read("GET", self._paths.objects(object), object, query=query)
            bin = [
                tombstone
                for raw in self._wire.results(reply)
                for tombstone in records.archived_with_merged(object, raw)
            ]
            after = _after(reply.body)
            yield [tombstone for tombstone in bin if tombstone.modified_at >= since], after
            if not after:
                return

    # -- by id

    def batch(
        self,
        object: str,
        ids: Sequence[str],
        fields: Sequence[str],
        *,
        by: str = "",
        archived: bool = False,
    ) -> tuple[list[Raw], datetime | None]:
        """What batch read gives for ids, or for values of the unique property `by`; and when.
        It is immediate: it does not go through the search index."""
        properties = words.asked_properties(object, list(fields))
        size = words.HISTORY_BATCH if self._history and not archived else words.BATCH
        found: dict[str, Raw] = {}
        at: datetime | None = None
        for chunk in chunks(list(dict.fromkeys(ids)), size):
            body: dict[str, Any] = {
                "inputs": [{"id": id} for id in chunk],
                "properties": properties,
                "propertiesWithHistory": properties if self._history and not archived else [],
            }
            if by:
                body["idProperty"] = by
            reply = self._wire.read(
                "POST",
                self._paths.objects(object, "batch", "read"),
                object,
                query=[("archived", "true" if archived else "false")],
                body=body,
            )
            require_only_missing(reply, self._wire.connection)
            at = reply.at
            found |= {str(raw["id"]): raw for raw in self._wire.results(reply)}
        return list(found.values()), at

    def current(
        self, object: str, ids: Sequence[str], fields: Sequence[str], at: datetime
    ) -> tuple[list[Raw], list[Record]]:
        """Those of the records that live now, as they came and with their associations; `at` is
        an instant of HubSpot's before the call.

        Associations are read first: read last, those of a record archived in between would
        pass for removed. What changed since `at` is asked for its associations once more.
        """
        held = self._held(object, ids, fields)
        raws, _ = self.batch(object, ids, fields)
        since = at.replace(microsecond=0)
        changed = [
            str(raw["id"])
            for raw in raws
            if str(raw["id"]) not in ids or (records.modified_at(raw, object) or since) >= since
        ]
        for name, again in self._held(object, changed, fields).items():
            held[name] = {**held[name], **again}
        return raws, self._made(object, raws, fields, held)

    def live(self, object: str, raws: Sequence[Raw], fields: Sequence[str]) -> list[Record]:
        """Records with their associations read: one call per 1,000 and pseudo-field.

        Those of a record archived since `raws` were read are gone: a record found without any
        is asked for once more, and left out if it does not live.
        """
        held = self._held(object, [str(raw["id"]) for raw in raws], fields)
        bare = [id for id in map(_id, raws) if not all(by_id[id] for by_id in held.values())]
        still, _ = self.batch(object, bare, ())
        dead = set(bare) - set(map(_id, still))
        return self._made(object, [raw for raw in raws if _id(raw) not in dead], fields, held)

    def _held(
        self, object: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Mapping[str, Value]]:
        """Pseudo-field -> id -> its value."""
        asked = words.asked_associations(object, list(fields)) if ids else []
        return {made.name: self._links.read(object, made, ids) for made in asked}

    @staticmethod
    def _made(
        object: str,
        raws: Sequence[Raw],
        fields: Sequence[str],
        held: Mapping[str, Mapping[str, Value]],
    ) -> list[Record]:
        return [
            records.live(
                object, raw, fields, {n: by_id[str(raw["id"])] for n, by_id in held.items()}
            )
            for raw in raws
        ]

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """See `connectors.base.Connector.fetch`."""
        if not ids:
            return []
        held = self._held(object, ids, fields)  # first, as in `current`
        raws, at = self.batch(object, ids, fields)
        assert at is not None
        missing = [id for id in dict.fromkeys(ids) if id not in {str(raw["id"]) for raw in raws}]
        survivors = {old: str(raw["id"]) for raw in raws for old in records.merged_ids(raw)}
        gone: list[Record] = []
        unresolved = [id for id in missing if id not in survivors]
        if unresolved:
            bin, _ = self.batch(object, unresolved, (), archived=True)
            gone += [records.archived(object, raw) for raw in bin if str(raw["id"]) in unresolved]
            known = {record.id for record in gone}
            for id in unresolved:
                if id in known:
                    continue
                raw = self._resolve(object, id, fields)
                if raw is None:
                    gone.append(records.unknown(object, id, at))
                else:
                    survivors[id] = str(raw["id"])
                    if survivors[id] not in {str(r["id"]) for r in raws}:
                        raws.append(raw)
        asked = [raw for raw in raws if _id(raw) in ids]
        others = [raw for raw in raws if _id(raw) not in ids]
        live = [*self._made(object, asked, fields, held), *self.live(object, others, fields)]
        by_id = {record.id: record for record in live}
        for id in missing:
            if id in survivors and survivors[id] in by_id:
                gone.append(records.merged(object, id, by_id[survivors[id]]))
            elif id in survivors:
                gone.append(records.unknown(object, id, at))
        return [*live, *gone]

    def _resolve(self, object: str, id: str, fields: Sequence[str]) -> Raw | None:
        """A single GET, which is documented to lead from a merged id to the survivor."""
        properties = words.asked_properties(object, list(fields))
        query = [("archived", "false")]
        in_url = len(",".join(properties)) <= _URL_ROOM
        if in_url:
            query.append(("properties", ",".join(properties)))
        try:
            found = self._wire.call("GET", self._paths.objects(object, id), query=query).body
        except (Gone, Misconfigured):
            return None
        if in_url:
            return found
        raws, _ = self.batch(object, [str(found["id"])], fields)
        return raws[0] if raws else None

    # -- search

    def search(self, object: str, filters: Sequence[Mapping[str, Any]], after_id: str) -> Hits:
        """Ids above `after_id` that match. Going on by id, not by offset, no query ever meets
        the limit of 10,000 results, however many records share a stamp."""
        above = {"propertyName": "hs_object_id", "operator": "GT", "value": after_id or "0"}
        reply = self._wire.read(
            "POST",
            self._paths.objects(object, "search"),
            object,
            body={
                "filterGroups": [{"filters": [*filters, above]}],
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "properties": ["hs_object_id"],
                "limit": words.SEARCH_PAGE,
                "after": "0",
            },
        )
        ids = sorted({str(raw["id"]) for raw in self._wire.results(reply)}, key=int)
        total = int(reply.body.get("total") or 0)
        return Hits(ids, total, total <= len(ids) or not ids, reply.at)

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str], unique: bool
    ) -> list[Record]:
        """See `connectors.base.Connector.find`. A unique property is read at once; others go
        through the search index, whose hits are then read as they are now."""
        if field == "hs_object_id":
            return [r for r in self.fetch(object, values, fields) if not r.deleted]
        if unique:
            raws, _ = self.batch(object, values, fields, by=field)
            return self.live(object, raws, fields)
        wanted = {value.casefold() for value in values}
        ids: list[str] = []
        for chunk in chunks(sorted({value.lower() for value in values}), 100):
            filters = [{"propertyName": field, "operator": "IN", "values": list(chunk)}]
            after, last = "", False
            while not last:
                hits = self.search(object, filters, after)
                ids += hits.ids
                after, last = (hits.ids[-1] if hits.ids else after), hits.last
        if not ids:
            return []
        raws, _ = self.batch(object, ids, [*fields, field])
        held = [
            raw
            for raw in raws
            if str((raw.get("properties") or {}).get(field) or "").casefold() in wanted
        ]
        return self.live(object, held, fields)


def _id(raw: Raw) -> str:
    return str(raw["id"])


def _after(body: Mapping[str, Any]) -> str:
    return str(((body.get("paging") or {}).get("next") or {}).get("after") or "")
