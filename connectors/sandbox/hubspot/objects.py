"""The object endpoints: list, get, create, update, archive, batches, merge, privacy deletion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from connectors.sandbox.hubspot import schema
from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.records import Records
from connectors.sandbox.hubspot.replies import Failure, Json, bad_request, iso, not_found
from connectors.sandbox.hubspot.schema import TYPES
from connectors.sandbox.hubspot.store import Row

Query = MultiDict[str, str]

#: Targets shown per record before the associations of a listed record are paged.
ASSOCIATIONS_SHOWN = 100


def names(query: Query, key: str) -> list[str]:
    """A list parameter, comma-separated or repeated or both."""
    return [part for text in query.getlist(key) for part in text.split(",") if part]


def flag(query: Query, key: str) -> bool:
    """A boolean parameter in any letter case."""
    return query.get(key, "false").lower() == "true"


def whole(query: Mapping[str, Any], key: str, default: int, highest: int) -> int:
    """A number parameter between 0 and `highest`.

    Raises:
        Failure: it is not one.
    """
    text = str(query.get(key) or default)
    if not (text.isascii() and text.isdigit()) or int(text) > highest:
        raise bad_request(f"Invalid input: {key} must be a number of at most {highest}")
    return int(text)


class Objects:
    """Answers under ``/crm/…/objects/{type}``. `editor` is the API's user id."""

    def __init__(
        self, records: Records, associations: Associations, now: Callable[[], int], editor: str
    ) -> None:
        self._records = records
        self._associations = associations
        self._store = records.store
        self._now = now
        self._editor = editor

    # -- shapes

    def shape(
        self,
        row: Row,
        properties: Sequence[str] = (),
        history: Sequence[str] = (),
        associations: Sequence[str] = (),
    ) -> Json:
        """A record as the API shows it."""
        object = row.object
        wanted = set(properties or schema.DEFAULTS[object])
        wanted |= {"createdate", "hs_object_id", schema.MODIFIED[object]}
        known = self._records.visible(object)
        made: Json = {
            "id": str(row.id),
            "properties": {
                name: self._records.value(row, name) for name in sorted(wanted) if name in known
            },
            "createdAt": iso(row.created),
            "updatedAt": iso(row.modified),
            "archived": row.archived_at is not None,
        }
        if row.archived_at is not None:
            made["archivedAt"] = iso(row.archived_at)
        if history:
            made["propertiesWithHistory"] = {
                name: [
                    {
                        "value": value,
                        "timestamp": iso(at),
                        "sourceType": source,
                        "updatedByUserId": int(editor) if editor.isdigit() else None,
                    }
                    for value, at, editor, source in self._store.history(object, row.id, name)
                ]
                for name in sorted(history)
                if name in known
            }
        shown = {to: self._listed(row, to) for to in associations}
        if any(shown.values()):
            made["associations"] = {to: listed for to, listed in shown.items() if listed}
        made["url"] = f"https://app.hubspot.com/contacts/62515/record/{TYPES[object][0]}/{row.id}"
        return made

    def _listed(self, row: Row, to: str) -> Json | None:
        held = self._associations.of(row.object, row.id, to)
        if not held:
            return None
        results = []
        for id, links in held[:ASSOCIATIONS_SHOWN]:
            labelled = schema.links_between(row.object, to)[1:]
            name = f"{TYPES[row.object][1]}_to_{TYPES[to][1]}"
            for link in links:
                plain = link.label is None and labelled
                results.append({"id": str(id), "type": f"{name}_unlabeled" if plain else name})
        made: Json = {"results": results}
        if len(held) > ASSOCIATIONS_SHOWN:
            made["paging"] = {"next": {"after": str(held[ASSOCIATIONS_SHOWN][0])}}
        return made

    def _written(self, row: Row, changed: Sequence[str], new: bool) -> Json:
        """The reply to a write: what was set (cleared values as ""), and what follows from it."""
        known = self._records.visible(row.object)
        derived = [n for n in ("hs_deal_stage_probability", "hs_email_domain") if n in known]
        filled = [name for name in derived if self._records.value(row, name) is not None]
        made = self.shape(row, [*changed, *filled])
        properties = made["properties"]
        if not new:
            for name in {"createdate", "hs_object_id"} - set(changed):
                del properties[name]
        made["properties"] = {n: "" if v is None else v for n, v in properties.items()}
        return made

    def _targets(self, query: Query) -> list[str]:
        made = []
        for text in names(query, "associations"):
            to = schema.object_name(text)
            if to is None:
                raise bad_request(f"Unable to infer object type from: {text}")
            made.append(to)
        return made

    # -- single records

    def page(self, object: str, query: Query) -> Json:
        """One page by id; ``after`` is the id of the next record."""
        history = names(query, "propertiesWithHistory")
        limit = whole(query, "limit", 10, 50 if history else 100) or 10
        after = whole(query, "after", 0, 2**62)
        rows = self._store.page(object, flag(query, "archived"), after, limit + 1)
        targets = self._targets(query)
        made: Json = {
            "results": [
                self.shape(row, names(query, "properties"), history, targets)
                for row in rows[:limit]
            ]
        }
        if len(rows) > limit:
            next_id = str(rows[limit].id)
            link = f"https://api.hubapi.com/crm/v3/objects/{object}?limit={limit}&after={next_id}"
            made["paging"] = {"next": {"after": next_id, "link": link}}
        return made

    def _row(self, object: str, id: str, id_property: str | None, archived: bool = False) -> Row:
        row = self._records.find(object, id, id_property)
        if row is None or row.purged or (row.archived_at is not None) != archived:
            raise not_found()
        return row

    def get(self, object: str, id: str, query: Query) -> Json:
        """One record, by id or unique property."""
        row = self._row(object, id, query.get("idProperty"), flag(query, "archived"))
        return self.shape(
            row,
            names(query, "properties"),
            names(query, "propertiesWithHistory"),
            self._targets(query),
        )

    def create(self, object: str, body: Json) -> Json:
        """A new record, with its associations; all or nothing."""
        links = self._inline(object, body.get("associations") or [])
        row, changed = self._records.create(object, _properties(body), self._editor)
        for to_object, to_id, type_id in links:
            self._associations.add(object, row.id, to_object, to_id, type_id)
        return self._written(row, changed, new=True)

    def _inline(self, object: str, entries: Sequence[Json]) -> list[tuple[str, int, int]]:
        made = []
        for entry in entries:
            for kind in entry.get("types") or []:
                link = schema.LINKS.get(int(kind["associationTypeId"]))
                if link is None or link.from_object != object:
                    raise bad_request(f"Invalid association type: {kind['associationTypeId']}")
                target = self._records.find(link.to_object, str(entry["to"]["id"]), None)
                if target is None or not target.live:
                    raise bad_request(
                        f"Invalid association target: {link.to_object} {entry['to']['id']}"
                    )
                made.append((link.to_object, target.id, link.type_id))
        return made

    def update(self, object: str, id: str, id_property: str | None, body: Json) -> Json:
        """Change one record."""
        row = self._row(object, id, id_property)
        changed = self._records.update(row, _properties(body), self._editor)
        return self._written(row, changed, new=False)

    def archive(self, object: str, id: str) -> None:
        """Archive one record; an unknown one is no error."""
        self._records.require_unlocked(object)
        self._archive(object, id)

    def _archive(self, object: str, id: str) -> None:
        row = self._records.find(object, id, None)
        if row is not None and row.live:
            self._records.archive(row, self._editor)

    def merge(self, object: str, body: Json) -> Json:
        """Merge two records."""
        return self.shape(
            self._records.merge(
                object, str(body["primaryObjectId"]), str(body["objectIdToMerge"]), self._editor
            )
        )

    def erase(self, object: str, body: Json) -> None:
        """Privacy deletion, of contacts only."""
        if object != "contacts":
            raise not_found()
        self._records.erase(str(body["objectId"]), body.get("idProperty"))

    # -- batches

    def batch(self, object: str, action: str, query: Query, body: Json) -> tuple[int, Json | None]:
        """(status, body) of a batch call.

        Raises:
            Failure: the whole batch is refused; nothing was written.
        """
        inputs = body.get("inputs")
        if not isinstance(inputs, list):
            raise bad_request("Invalid input JSON: some required fields were not set: [inputs]")
        most = 50 if body.get("propertiesWithHistory") else 100
        if len(inputs) > most:
            raise bad_request(f"The batch size ({len(inputs)}) exceeds the limit of {most}.")
        started = self._now()
        if action == "read":
            return self._read(object, flag(query, "archived"), body, started)
        if action == "archive":
            for _ in inputs:
                self._records.require_unlocked(object)
            for entry in inputs:
                self._archive(object, str(entry["id"]))
            return 204, None
        writers: dict[str, Callable[[Json], Json]] = {
            "create": lambda entry: self.create(object, entry),
            "update": lambda entry: self.update(
                object, str(entry["id"]), entry.get("idProperty"), entry
            ),
            "upsert": lambda entry: self._upsert(object, entry),
        }
        if action not in writers:
            raise not_found()
        if action != "create":
            _no_doubles(inputs)
        if action == "upsert":
            for name in {str(entry.get("idProperty")) for entry in inputs}:
                self._records.require_unique(object, name)
        return self._write(action, writers[action], inputs, started)

    def _complete(self, results: Sequence[Json], started: int) -> Json:
        return {
            "status": "COMPLETE",
            "results": list(results),
            "startedAt": iso(started),
            "completedAt": iso(self._now()),
        }

    def _write(
        self, action: str, write: Callable[[Json], Json], inputs: Sequence[Json], started: int
    ) -> tuple[int, Json]:
        traces = [str(entry.get("objectWriteTraceId") or "") for entry in inputs]
        alone = all(traces) and len(set(traces)) == len(traces)
        results: list[Json] = []
        errors: list[Json] = []
        self._store.db.execute("SAVEPOINT batch")
        try:
            for entry, trace in zip(inputs, traces, strict=True):
                try:
                    made = write(entry)
                except Failure as failure:
                    # A locked account takes none of the batch.
                    if not alone or failure.status == 423:
                        raise
                    errors.append(failure.item(trace))
                    continue
                if trace:
                    made["objectWriteTraceId"] = trace
                results.append(made)
        except Failure:
            self._store.db.execute("ROLLBACK TO batch")
            raise
        finally:
            self._store.db.execute("RELEASE batch")
        body = self._complete(results[::-1], started)
        if errors:
            return 207, body | {"numErrors": len(errors), "errors": errors}
        return (201 if action == "create" else 200), body

    def _upsert(self, object: str, entry: Json) -> Json:
        id_property, id = str(entry["idProperty"]), str(entry["id"])
        row = self._records.find(object, id, id_property)
        properties = {id_property: id, **_properties(entry)}
        if row is not None and row.live:
            changed = self._records.update(row, properties, self._editor)
            return self._written(row, changed, new=False) | {"new": False}
        row, changed = self._records.create(object, properties, self._editor)
        return self._written(row, changed, new=True) | {"new": True}

    def _read(self, object: str, archived: bool, body: Json, started: int) -> tuple[int, Json]:
        results: dict[int, Json] = {}
        missing: list[str] = []
        for entry in body["inputs"]:
            row = self._records.find(object, str(entry["id"]), body.get("idProperty"))
            if row is None or row.purged or (row.archived_at is not None) != archived:
                missing.append(str(entry["id"]))
            else:
                results[row.id] = self.shape(
                    row, body.get("properties") or (), body.get("propertiesWithHistory") or ()
                )
        # Not in the order of the inputs: callers must match by id.
        made = self._complete([results[id] for id in sorted(results, reverse=True)], started)
        if not missing:
            return 200, made
        error = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"Could not get some {TYPES[object][1].upper()} objects, they may be deleted"
            " or not exist. Check that ids are valid.",
            "context": {"ids": missing},
        }
        return 207, made | {"numErrors": 1, "errors": [error]}


def _properties(body: Json) -> Mapping[str, Any]:
    found = body.get("properties")
    if not isinstance(found, dict):
        raise bad_request("Invalid input JSON: some required fields were not set: [properties]")
    return found


def _no_doubles(inputs: Sequence[Json]) -> None:
    ids = [str(entry.get("id", "")) for entry in inputs]
    doubles = sorted({id for id in ids if ids.count(id) > 1})
    if doubles:
        raise bad_request(f"Duplicate IDs found in batch input: [{', '.join(doubles)}].")
