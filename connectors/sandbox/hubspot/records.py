"""What can be done to records: create, update, archive, merge, erase, with HubSpot's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.sandbox.faults import Traps
from connectors.sandbox.hubspot import schema
from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.replies import (
    Failure,
    Json,
    bad_request,
    invalid_properties,
    iso,
    not_found,
)
from connectors.sandbox.hubspot.schema import PIPELINES, STAGED, TYPES, Property
from connectors.sandbox.hubspot.store import Row, Store
from connectors.sandbox.hubspot.trouble import obey, require_unlocked
from connectors.sandbox.hubspot.values import Rejected, parse_instant, problem, stored

#: How history names a change that came over the API.
API = "INTEGRATION"


class Records:
    """The records of one sandbox. `now` gives epoch milliseconds."""

    def __init__(
        self,
        store: Store,
        associations: Associations,
        now: Callable[[], int],
        portal: int,
        keep_primary_id: bool,
    ) -> None:
        self.store = store
        self.associations = associations
        self.properties = schema.properties()
        self.hidden: set[tuple[str, str]] = set()
        self.traps = Traps()
        self._now = now
        self._portal = portal
        self._keep_primary_id = keep_primary_id

    # -- reading

    def visible(self, object: str) -> dict[str, Property]:
        """The properties that the API's user may see."""
        if not self.hidden:
            return self.properties[object]
        return {n: p for n, p in self.properties[object].items() if (object, n) not in self.hidden}

    def value(self, row: Row, name: str) -> str | None:
        """One property of a record as the API shows it."""
        if name == "hs_object_id":
            return str(row.id)
        if name == "createdate":
            return iso(row.created)
        if name == schema.MODIFIED[row.object]:
            return iso(row.modified)
        if name == "hs_updated_by_user_id":
            return row.editor or None
        if name == "hs_email_domain":
            return row.body.get("email", "").partition("@")[2] or None
        if name in ("hs_deal_stage_probability", "hs_is_closed", "hs_is_closed_won"):
            return self._from_stage(row, name)
        return row.body.get(name)

    def _stage(self, object: str, body: Mapping[str, str]) -> schema.Stage | None:
        pipeline, stage, default, _ = STAGED[object]
        _, stages = PIPELINES[object].get(body.get(pipeline, default), ("", ()))
        return next((s for s in stages if s.id == body.get(stage)), None)

    def _from_stage(self, row: Row, name: str) -> str | None:
        stage = self._stage(row.object, row.body)
        if stage is None:
            return None
        if name == "hs_deal_stage_probability":
            return stage.probability
        won = stage.closed and stage.probability == "1.0"
        return "true" if (stage.closed if name == "hs_is_closed" else won) else "false"

    def require_unique(self, object: str, name: str) -> Property:
        """The definition of a property by which records can be named.

        Raises:
            Failure: 400 when it is not one.
        """
        known = self.visible(object).get(name)
        if known is None or not known.unique:
            raise bad_request(
                f"Property '{name}' is not a unique identifier property for"
                f" {TYPES[object][1].upper()}"
            )
        return known

    def find(self, object: str, id: str, id_property: str | None) -> Row | None:
        """The record an id or a unique value stands for; merged ids lead to the survivor.

        Raises:
            Failure: 400 when `id_property` is not a unique property.
        """
        if id_property in (None, "hs_object_id"):
            return self.store.resolve(object, int(id)) if id.isascii() and id.isdigit() else None
        known = self.require_unique(object, str(id_property))
        wanted = id.lower() if known.name == "email" else id
        holder = self.store.key_holder(object, known.name, wanted)
        return None if holder is None else self.store.resolve(object, holder)

    # -- writing

    def _checked(
        self, object: str, raw: Mapping[str, Any], current: Row | None
    ) -> dict[str, str | None]:
        """Written values as stored ones. Raises `Failure` with every problem at once."""
        known = self.visible(object)
        problems: list[Json] = []
        clean: dict[str, str | None] = {}
        for name, value in raw.items():
            prop = known.get(name)
            if prop is None:
                problems.append(
                    problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
                )
            elif prop.read_only or prop.calculated:
                problems.append(
                    problem(
                        name,
                        "READ_ONLY_VALUE",
                        f'"{name}" is a read only property; its value cannot be set.',
                    )
                )
            else:
                try:
                    clean[name] = stored(prop, value, current.body.get(name) if current else None)
                except Rejected as refused:
                    problems.append(problem(name, refused.code, refused.message))
        owner = clean.get("hubspot_owner_id")
        if owner is not None and not self._is_owner(owner):
            message = f"{owner} was not one of the allowed options: [owner ids]"
            problems.append(problem("hubspot_owner_id", "INVALID_OPTION", message))
        if object in STAGED:
            problems += self._stage_problems(object, clean, current)
        if problems:
            raise invalid_properties(problems)
        return clean

    def _is_owner(self, id: str) -> bool:
        found = self.store.db.execute("SELECT 1 FROM owner WHERE id = ?", (id,)).fetchone()
        return found is not None

    def _stage_problems(
        self, object: str, clean: Mapping[str, str | None], current: Row | None
    ) -> list[Json]:
        pipeline, stage, default, _ = STAGED[object]
        before = current.body if current else {}
        chosen = clean.get(pipeline) or before.get(pipeline) or default
        if chosen not in PIPELINES[object]:
            allowed = ", ".join(PIPELINES[object])
            message = f"{chosen} was not one of the allowed options: [{allowed}]"
            return [problem(pipeline, "INVALID_OPTION", message)]
        wanted = clean.get(stage)
        stages = [s.id for s in PIPELINES[object][chosen][1]]
        if wanted is not None and wanted not in stages:
            message = f"{wanted} was not one of the allowed options: [{', '.join(stages)}]"
            return [problem(stage, "INVALID_OPTION", message)]
        return []

    def _check_unique(self, object: str, body: Mapping[str, str], own: int | None) -> None:
        for prop in self.properties[object].values():
            value = body.get(prop.name)
            if not prop.unique or value is None:
                continue
            holder = self.store.key_holder(object, prop.name, value)
            if holder is not None and holder != own:
                raise self._conflict(object, prop, value, holder, own)

    def _conflict(
        self, object: str, prop: Property, value: str, holder: int, own: int | None
    ) -> Failure:
        if prop.name == "email" and own is None:
            return Failure(409, "CONFLICT", f"Contact already exists. Existing ID: {holder}")
        kind = TYPES[object][1].upper()
        return Failure(
            409,
            "CONFLICT",
            f"Cannot set PropertyValueCoordinates{{portalId={self._portal}, "
            f"objectTypeId=ObjectTypeId{{legacyObjectType={kind}}}, propertyName={prop.name}, "
            f"value={value}}} on {own or 'a new record'}. {holder} already has that value.",
        )

    def _settle(self, row: Row, changed: dict[str, str | None]) -> None:
        """What HubSpot sets by itself after a write: pipeline, closing stamp."""
        if row.object not in STAGED:
            return
        pipeline, stage, default, closed = STAGED[row.object]
        if pipeline not in row.body:
            row.body[pipeline] = changed[pipeline] = default
        if stage not in changed:
            return
        now_closed = self._stage(row.object, row.body)
        if now_closed is not None and now_closed.closed:
            if closed not in row.body:
                row.body[closed] = changed[closed] = iso(row.modified)
        elif row.object == "tickets" and closed not in changed and closed in row.body:
            del row.body[closed]
            changed[closed] = None

    def keys(self, row: Row) -> list[tuple[str, str]]:
        """The (property, value) pairs by which a live record is unique."""
        made = [
            (p.name, row.body[p.name])
            for p in self.properties[row.object].values()
            if p.unique and p.name in row.body
        ]
        extra = row.body.get("hs_additional_emails", "")
        return made + [("email", mail) for mail in extra.split(";") if mail]

    def save(self, row: Row, at: int) -> None:
        """Store a row with its unique keys."""
        self.store.put(row, at)
        self.store.set_keys(row.object, row.id, self.keys(row) if row.live else ())

    def _apply(self, row: Row, clean: dict[str, str | None], editor: str, source: str) -> None:
        for name, value in clean.items():
            if name == "createdate":
                row.created = row.created if value is None else _ms(value)
            elif value is None:
                row.body.pop(name, None)
            else:
                row.body[name] = value
        self._settle(row, clean)
        for name, value in clean.items():
            self.store.remember(row, name, value, row.modified, editor, source)

    def create(
        self, object: str, raw: Mapping[str, Any], editor: str, source: str = API
    ) -> tuple[Row, list[str]]:
        """A new record and the names of the properties that were set.

        Raises:
            Failure: 400 or 409, as the API answers.
        """
        clean = self._checked(object, raw, None)
        if source == API:
            clean = obey(self.traps, self.store, object, clean, None)
        filled = {name: value for name, value in clean.items() if value is not None}
        missing = [name for name in schema.REQUIRED[object] if name not in filled]
        if missing:
            raise Failure(
                400,
                "VALIDATION_ERROR",
                f"Error creating {TYPES[object][1].upper()}."
                " Some required properties were not set.",
                context={"properties": missing},
            )
        if object == "contacts" and not {"email", "firstname", "lastname"} & filled.keys():
            raise bad_request(
                "Contact must have at least one of the properties: email, firstname, lastname"
            )
        self._check_unique(object, filled, None)
        self._check_blocked(filled.get("email"))
        now = self._now()
        row = Row(object, self.store.new_id(object), now, now, editor)
        row.body["hs_created_by_user_id"] = editor
        if object == "contacts":
            row.body["hs_all_contact_vids"] = str(row.id)
        self._apply(row, dict(filled), editor, source)
        self.save(row, now)
        return row, sorted({*filled, *row.body} - {"hs_created_by_user_id"})

    def _check_blocked(self, email: str | None) -> None:
        found = self.store.db.execute("SELECT 1 FROM blocked WHERE email = ?", (email,)).fetchone()
        if found is not None:
            raise bad_request("This contact was permanently deleted for privacy reasons.")

    def update(self, row: Row, raw: Mapping[str, Any], editor: str, source: str = API) -> list[str]:
        """Change a live record; the names of the properties that were set.

        Raises:
            Failure: 400 or 409, as the API answers.
        """
        clean = self._checked(row.object, raw, row)
        for name in schema.REQUIRED[row.object]:
            if name in clean and clean[name] is None:
                raise invalid_properties(
                    [problem(name, "REQUIRED_FIELD", f'Property "{name}" is required')]
                )
        if source == API:
            clean = obey(self.traps, self.store, row.object, clean, row.id)
        after = {**row.body, **clean}
        self._check_unique(
            row.object, {n: v for n, v in after.items() if v is not None and n in clean}, row.id
        )
        now = max(self._now(), row.modified)
        row.modified, row.editor = now, editor
        self._apply(row, clean, editor, source)
        self.save(row, now)
        return sorted(clean)

    def require_unlocked(self, object: str) -> None:
        """Refuse a call while the account is busy with these records.

        Raises:
            Failure: 423.
        """
        require_unlocked(self.traps, object)

    def archive(self, row: Row, editor: str) -> None:
        """Put a record into the recycling bin."""
        row.archived_at = self._now()
        row.editor = editor
        self.save(row, row.archived_at)

    def restore(self, row: Row, editor: str) -> None:
        """Take an archived record out of the recycling bin.

        Raises:
            Failure: another record has taken its unique value meanwhile.
        """
        self._check_unique(row.object, row.body, row.id)
        row.archived_at = None
        row.modified, row.editor = max(self._now(), row.modified), editor
        self.save(row, row.modified)

    def merge(self, object: str, primary_id: str, other_id: str, editor: str) -> Row:
        """Merge two live records; the survivor, a new record unless ids are preserved.

        Raises:
            Failure: one of them does not exist, or they are the same.
        """
        primary, other = self.find(object, primary_id, None), self.find(object, other_id, None)
        if primary is None or other is None or not primary.live or not other.live:
            raise not_found(f"Object not found: {primary_id} or {other_id}")
        if primary.id == other.id:
            raise bad_request("Cannot merge an object with itself")
        now = max(self._now(), primary.modified, other.modified)
        new_id = primary.id if self._keep_primary_id else self.store.new_id(object)
        merged = [*_listed(primary), *_listed(other), str(other.id)]
        if new_id != primary.id:
            merged.append(str(primary.id))
        body = {**other.body, **primary.body}
        body["hs_merged_object_ids"] = ";".join(dict.fromkeys(merged))
        if object == "contacts":
            body["hs_all_contact_vids"] = ";".join(dict.fromkeys([str(new_id), *merged]))
            body["hs_calculated_merged_vids"] = ";".join(f"{vid}:{now}" for vid in merged)
            self._merge_emails(body, primary, other)
        created = min(primary.created, other.created)
        survivor = Row(object, new_id, created, now, editor, body)
        for loser in (primary, other):
            if loser.id == new_id:
                continue
            loser.merged_into = new_id
            self.save(loser, now)
            self.associations.move(object, loser.id, new_id)
        self.save(survivor, now)
        for name, value in body.items():
            self.store.remember(survivor, name, value, now, editor, "MERGE_OBJECTS")
        return survivor

    @staticmethod
    def _merge_emails(body: dict[str, str], primary: Row, other: Row) -> None:
        mails = [
            mail
            for row in (primary, other)
            for mail in [
                row.body.get("email", ""),
                *row.body.get("hs_additional_emails", "").split(";"),
            ]
            if mail and mail != body.get("email")
        ]
        if mails:
            body["hs_additional_emails"] = ";".join(dict.fromkeys(mails))

    def erase(self, id: str, id_property: str | None) -> None:
        """Privacy deletion of a contact: gone for good, its e-mail cannot come back."""
        row = self.find("contacts", id, id_property)
        if row is None:
            if id_property == "email":
                self.store.db.execute("INSERT OR IGNORE INTO blocked VALUES (?)", (id.lower(),))
                return
            raise not_found()
        if "email" in row.body:
            self.store.db.execute("INSERT OR IGNORE INTO blocked VALUES (?)", (row.body["email"],))
        row.purged, row.archived_at = True, row.archived_at or self._now()
        row.body = {}
        self.save(row, row.archived_at)
        self.store.db.execute("DELETE FROM history WHERE object = 'contacts' AND id = ?", (row.id,))


def _listed(row: Row) -> Sequence[str]:
    return [id for id in row.body.get("hs_merged_object_ids", "").split(";") if id]


def _ms(instant: str) -> int:
    ms = parse_instant(instant)
    assert ms is not None
    return ms
