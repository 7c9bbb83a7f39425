"""The association endpoints, v4 (and dated) and v3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.objects import Query, whole
from connectors.sandbox.hubspot.records import Records
from connectors.sandbox.hubspot.replies import Failure, Json, bad_request, iso, not_found
from connectors.sandbox.hubspot.schema import TYPES, Link, links_between, unlabeled
from connectors.sandbox.hubspot.store import Row

#: Targets per record in one reply of batch read.
SHOWN = 100


class Links:
    """Answers about associations. `numbers`: ``toObjectId`` is a JSON number, as it once was."""

    def __init__(
        self,
        records: Records,
        associations: Associations,
        now: Callable[[], int],
        numbers: bool,
    ) -> None:
        self._records = records
        self._associations = associations
        self._now = now
        self._numbers = numbers

    def _row(self, object: str, id: Any) -> Row | None:
        row = self._records.find(object, str(id), None)
        return row if row is not None and row.live else None

    def _id(self, id: int) -> int | str:
        return id if self._numbers else str(id)

    @staticmethod
    def _kinds(links: Sequence[Link]) -> list[Json]:
        return [
            {"category": "HUBSPOT_DEFINED", "typeId": link.type_id, "label": link.label}
            for link in links
        ]

    def _complete(self, results: list[Json], errors: list[Json]) -> tuple[int, Json]:
        made: Json = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": iso(self._now()),
            "completedAt": iso(self._now()),
        }
        if not errors:
            return 200, made
        return 207, made | {"numErrors": len(errors), "errors": errors}

    # -- single

    def page(self, from_object: str, id: str, to_object: str, query: Query) -> Json:
        """Everything one record is associated with, by pages of at most 500."""
        row = self._row(from_object, id)
        if row is None:
            raise not_found()
        limit = whole(query, "limit", 500, 500)
        after = whole(query, "after", 0, 2**62)
        held = [h for h in self._associations.of(from_object, row.id, to_object) if h[0] >= after]
        made: Json = {
            "results": [
                {"toObjectId": self._id(to_id), "associationTypes": self._kinds(links)}
                for to_id, links in held[:limit]
            ]
        }
        if len(held) > limit:
            made["paging"] = {"next": {"after": str(held[limit][0])}}
        return made

    def put(self, from_object: str, id: str, to_object: str, to_id: str, types: Any | None) -> Json:
        """Associate two records; with the default type when `types` is None."""
        entry: Json = {"from": {"id": id}, "to": {"id": to_id}}
        if types is not None:
            entry["types"] = types
        return self._associate(from_object, to_object, entry)

    def delete(self, from_object: str, id: str, to_object: str, to_id: str) -> None:
        """End every association between two records."""
        row, other = self._row(from_object, id), self._row(to_object, to_id)
        if row is not None and other is not None:
            self._associations.remove(from_object, row.id, to_object, other.id)

    def _associate(self, from_object: str, to_object: str, entry: Json) -> Json:
        rows = (
            self._row(from_object, entry["from"]["id"]),
            self._row(to_object, entry["to"]["id"]),
        )
        row, other = rows
        if row is None or other is None:
            object, id = (
                (from_object, entry["from"]["id"])
                if row is None
                else (to_object, entry["to"]["id"])
            )
            failure = not_found(f"{TYPES[object][1].upper()}={id} is not valid")
            failure.context = {f"{'from' if row is None else 'to'}ObjectId": [str(id)]}
            raise failure
        plain = unlabeled(from_object, to_object)
        if plain is None:
            raise bad_request(f"{from_object} cannot be associated with {to_object}")
        kinds = entry.get("types")
        ids = [plain.type_id] if kinds is None else [int(k["associationTypeId"]) for k in kinds]
        for type_id in ids:
            self._associations.add(from_object, row.id, to_object, other.id, type_id)
        held = dict(self._associations.of(from_object, row.id, to_object))[other.id]
        return {
            "fromObjectTypeId": TYPES[from_object][0],
            "fromObjectId": str(row.id),
            "toObjectTypeId": TYPES[to_object][0],
            "toObjectId": str(other.id),
            "labels": [link.label for link in held if link.label],
        }

    # -- v4 batches

    def batch(
        self, from_object: str, to_object: str, action: str, body: Json, dated: bool
    ) -> tuple[int, Json | None]:
        """(status, body) of ``/associations/{from}/{to}/batch/{action}``."""
        inputs = body.get("inputs")
        if not isinstance(inputs, list):
            raise bad_request("Invalid input JSON: some required fields were not set: [inputs]")
        most = 1000 if action == "read" else 2000
        if len(inputs) > most:
            raise bad_request(f"The batch size ({len(inputs)}) exceeds the limit of {most}.")
        if action == "read":
            return self._read(from_object, to_object, inputs)
        if action in ("create", "associate/default"):
            made = self._all_or_none(from_object, to_object, inputs)
            status, whole_body = self._complete(made, [])
            return (201 if action == "create" and not dated else status), whole_body
        if action == "archive":
            for entry in inputs:
                targets = entry["to"] if isinstance(entry["to"], list) else [entry["to"]]
                for target in targets:
                    self.delete(from_object, entry["from"]["id"], to_object, target["id"])
        elif action == "labels/archive":
            for entry in inputs:
                row = self._row(from_object, entry["from"]["id"])
                other = self._row(to_object, entry["to"]["id"])
                if row is not None and other is not None:
                    ids = [int(kind["associationTypeId"]) for kind in entry["types"]]
                    self._associations.remove_types(from_object, row.id, to_object, other.id, ids)
        else:
            raise not_found()
        return self._complete([], []) if dated else (204, None)

    def _all_or_none(self, from_object: str, to_object: str, inputs: Sequence[Json]) -> list[Json]:
        db = self._records.store.db
        db.execute("SAVEPOINT links")
        try:
            return [self._associate(from_object, to_object, entry) for entry in inputs]
        except Failure:
            db.execute("ROLLBACK TO links")
            raise
        finally:
            db.execute("RELEASE links")

    def _read(self, from_object: str, to_object: str, inputs: Sequence[Json]) -> tuple[int, Json]:
        results, errors = [], []
        for entry in inputs:
            row = self._row(from_object, entry["id"])
            after = int(entry.get("after") or 0)
            held = self._associations.of(from_object, row.id, to_object) if row else []
            held = [h for h in held if h[0] >= after]
            if not held:
                errors.append(
                    {
                        "status": "error",
                        "category": "OBJECT_NOT_FOUND",
                        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                        "message": f"No {to_object} is associated with {from_object}"
                        f" {entry['id']}.",
                        "context": {
                            "fromObjectId": [str(entry["id"])],
                            "fromObjectType": [TYPES[from_object][1]],
                            "toObjectType": [TYPES[to_object][1]],
                        },
                    }
                )
                continue
            result: Json = {
                "from": {"id": str(entry["id"])},
                "to": [
                    {"toObjectId": self._id(to_id), "associationTypes": self._kinds(links)}
                    for to_id, links in held[:SHOWN]
                ],
            }
            if len(held) > SHOWN:
                result["paging"] = {"next": {"after": str(held[SHOWN][0])}}
            results.append(result)
        return self._complete(results[::-1], errors)

    def labels(self, from_object: str, to_object: str) -> Json:
        """The association types between two objects."""
        return {"results": self._kinds(links_between(from_object, to_object))}

    # -- v3

    def batch_v3(
        self, from_object: str, to_object: str, action: str, body: Json
    ) -> tuple[int, Json | None]:
        """(status, body) of the v3 batches, which name types by text."""
        inputs = body.get("inputs") or []
        named = {self._name(link): link for link in links_between(from_object, to_object)}
        if action == "read":
            results = []
            for entry in inputs:
                row = self._row(from_object, entry["id"])
                held = self._associations.of(from_object, row.id, to_object) if row else []
                if held:
                    to = [
                        {"id": str(to_id), "type": self._name(link)}
                        for to_id, links in held
                        for link in links
                    ]
                    results.append({"from": {"id": str(entry["id"])}, "to": to})
            return self._complete(results, [])
        if action == "archive":
            for entry in inputs:
                self.delete(from_object, entry["from"]["id"], to_object, entry["to"]["id"])
            return 204, None
        if action != "create":
            raise not_found()
        results = []
        for entry in inputs:
            link = named.get(str(entry.get("type")))
            if link is None:
                raise bad_request(f"Invalid association type: {entry.get('type')}")
            kinds = [{"associationTypeId": link.type_id}]
            self._associate(from_object, to_object, {**entry, "types": kinds})
            results.append(entry)
        _, whole_body = self._complete(results, [])
        return 201, whole_body

    @staticmethod
    def _name(link: Link) -> str:
        name = f"{TYPES[link.from_object][1]}_to_{TYPES[link.to_object][1]}"
        has_labels = len(links_between(link.from_object, link.to_object)) > 1
        return f"{name}_unlabeled" if link.label is None and has_labels else name

    def types_v3(self, from_object: str, to_object: str) -> Json:
        """The v3 list of association types."""
        return {
            "results": [
                {"id": str(link.type_id), "name": self._name(link)}
                for link in links_between(from_object, to_object)
            ]
        }
