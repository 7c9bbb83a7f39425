"""What tests and demos do behind the API: load records, see the truth, act as a person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.sandbox.hubspot import schema
from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.owners import Owners
from connectors.sandbox.hubspot.records import Records
from connectors.sandbox.hubspot.replies import Failure, epoch_ms, iso
from connectors.sandbox.hubspot.store import Row

#: The user id of the person who edits, removes and loads.
PERSON = "9586504"
_NEUTRAL = ("id", "created_at", "modified_at", "modified_by", "history")
_COMPANIES, _CONTACTS = "associations.companies", "associations.contacts"


def _pseudo(object: str) -> tuple[str, ...]:
    if object == "companies":
        return ()
    return (_COMPANIES,) if object == "contacts" else (_COMPANIES, _CONTACTS)


def _ms(text: str) -> int:
    return epoch_ms(datetime.fromisoformat(text))


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return ";".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _ids(value: Any) -> list[int]:
    if value in (None, ""):
        return []
    many: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
    return [int(id) for id in many]


class Backdoor:
    """Unchecked access to one sandbox's records."""

    def __init__(
        self,
        records: Records,
        associations: Associations,
        owners: Owners,
        now: Callable[[], int],
    ) -> None:
        self._records = records
        self._store = records.store
        self._associations = associations
        self._owners = owners
        self._now = now

    def load(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """See `connectors.sandbox.server.Vendor.load`. Search sees a loaded record `lag`
        seconds after its ``modified_at``."""
        if object == "owners":
            return [self._owners.save(row) for row in rows]
        self._store.db.execute("BEGIN")
        try:
            return [self._load(object, row) for row in rows]
        finally:
            self._store.db.execute("COMMIT")

    def _load(self, object: str, given: Mapping[str, Any]) -> str:
        id = int(given["id"]) if given.get("id") else self._store.new_id(object)
        self._store.saw_id(object, id)
        now = self._now()
        created = given.get("created_at") or given.get("createdate")
        stamp = given.get("modified_at") or given.get(schema.MODIFIED[object])
        modified = _ms(str(stamp)) if stamp else now
        row = Row(
            object,
            id,
            _ms(str(created)) if created else min(now, modified),
            modified,
            str(given.get("modified_by") or PERSON),
        )
        columns = ("createdate", "hs_object_id", "hs_updated_by_user_id", schema.MODIFIED[object])
        for name, value in given.items():
            if name in _NEUTRAL or name in columns or name.startswith("associations."):
                continue
            text = _text(value)
            if text is not None:
                row.body[name] = text.lower() if name == "email" else text
        if object == "contacts":
            row.body.setdefault("hs_all_contact_vids", str(id))
        if object in schema.STAGED:
            pipeline, _, default, _ = schema.STAGED[object]
            row.body.setdefault(pipeline, default)
        self._records.save(row, min(modified, now))
        past = given.get("history")
        if past is None:
            for name, text in row.body.items():
                self._store.remember(row, name, text, modified, row.editor, "CRM_UI")
        for entry in past or ():
            self._store.remember(
                row, entry["field"], _text(entry["value"]), _ms(entry["at"]), row.editor, "CRM_UI"
            )
        self._associate(row, given)
        return str(id)

    def _associate(self, row: Row, values: Mapping[str, Any]) -> None:
        for name in _pseudo(row.object):
            if name not in values:
                continue
            to = name.partition(".")[2]
            wanted = _ids(values[name])
            for other, _ in self._associations.of(row.object, row.id, to):
                if other not in wanted:
                    self._associations.remove(row.object, row.id, to, other)
            kinds = schema.links_between(row.object, to)
            for position, other in enumerate(wanted):
                kind = kinds[-1] if position == 0 else kinds[0]
                self._associations.add(row.object, row.id, to, other, kind.type_id)

    def state(self, object: str, ids: Collection[str] = ()) -> list[dict[str, Any]]:
        """See `connectors.sandbox.server.Vendor.state`."""
        if object == "owners":
            return [self._owner(body) for body in self._owners.all()]
        made = []
        names = [*self._records.properties[object]]
        for row in self._store.everything(object, [int(id) for id in ids]):
            shown: dict[str, Any] = {n: self._records.value(row, n) for n in names}
            if _COMPANIES in _pseudo(object):
                shown[_COMPANIES] = self._associations.primary(object, row.id)
            if _CONTACTS in _pseudo(object):
                held = self._associations.of(object, row.id, "contacts")
                shown[_CONTACTS] = tuple(sorted(str(id) for id, _ in held))
            shown |= {
                "id": str(row.id),
                "created_at": iso(row.created),
                "modified_at": iso(row.modified),
                "modified_by": row.editor,
                "deleted": not row.live,
                "merged_into": "" if row.merged_into is None else str(row.merged_into),
            }
            made.append(shown)
        return made

    @staticmethod
    def _owner(body: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **{name: body[name] for name in ("firstName", "lastName", "email", "archived")},
            "id": body["id"],
            "created_at": body["createdAt"],
            "modified_at": body["updatedAt"],
            "modified_by": "",
            "deleted": False,
            "merged_into": "",
        }

    def _live(self, object: str, id: str) -> Row:
        row = self._records.find(object, id, None)
        if row is None or not row.live:
            raise KeyError(f"no live record {id} of {object}")
        return row

    def edit(self, object: str, id: str, values: Mapping[str, Any]) -> None:
        """Change a record as a person does: checked like a write, stamped as theirs.

        Raises:
            KeyError: no such live record.
            Failure: HubSpot's own screens would refuse the values too.
        """
        if object == "owners":
            self._owners.save({**values, "id": id})
            return
        row = self._live(object, id)
        plain = {n: _text(v) for n, v in values.items() if not n.startswith("associations.")}
        if plain:
            self._records.update(row, plain, PERSON, "CRM_UI")
        self._associate(row, values)

    def remove(self, object: str, id: str) -> None:
        """Archive a record as a person does.

        Raises:
            KeyError: no such live record.
        """
        if object == "owners":
            self._owners.save({"id": id, "archived": True})
            return
        self._records.archive(self._live(object, id), PERSON)

    def restore(self, object: str, id: str) -> None:
        """Take a record out of the recycling bin as a person does.

        Raises:
            KeyError: no such archived record.
            ValueError: HubSpot refuses.
        """
        row = self._records.find(object, id, None)
        if row is None or row.archived_at is None or row.purged:
            raise KeyError(f"no archived record {id} of {object}")
        try:
            self._records.restore(row, PERSON)
        except Failure as failure:
            raise ValueError(failure.message) from failure

    def merge(self, object: str, primary: str, other: str) -> str:
        """Merge two records as a person does; the survivor's id.

        Raises:
            KeyError: no such live record.
            ValueError: they are one.
        """
        if primary == other:
            raise ValueError("a record cannot be merged with itself")
        winner, loser = str(self._live(object, primary).id), str(self._live(object, other).id)
        return str(self._records.merge(object, winner, loser, PERSON).id)
