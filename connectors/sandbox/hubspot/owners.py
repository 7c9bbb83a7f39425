"""The account's owners (its users), and their endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from connectors.sandbox.hubspot.objects import Query, flag, whole
from connectors.sandbox.hubspot.replies import Json, iso, not_found
from connectors.sandbox.hubspot.store import Store

#: What `load` and `edit` may set.
_FIELDS = ("firstName", "lastName", "email", "archived")


class Owners:
    """Owner id and user id differ: records hold owner ids, editors are user ids."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._db = store.db
        self._now = now
        self._store = store

    def save(self, row: Mapping[str, Any]) -> str:
        """Insert or replace from ``firstName, lastName, email, archived`` and maybe ``id``."""
        given = str(row.get("id") or "")
        id = int(given) if given else self._store.new_id("owners")
        self._store.saw_id("owners", id)
        known = self._get(id) or {}
        body: Json = {
            "id": str(id),
            "email": "",
            "type": "PERSON",
            "firstName": "",
            "lastName": "",
            "userId": 9_000_000 + id,
            "createdAt": iso(self._now()),
            "archived": False,
            "teams": [],
        } | known
        body |= {name: row[name] for name in _FIELDS if name in row}
        body["updatedAt"] = str(row.get("modified_at") or iso(self._now()))
        self._db.execute(
            "INSERT OR REPLACE INTO owner VALUES (?, ?)", (id, json.dumps(body, ensure_ascii=False))
        )
        return str(id)

    def _get(self, id: int) -> Json | None:
        found = self._db.execute("SELECT body FROM owner WHERE id = ?", (id,)).fetchone()
        made: Json | None = json.loads(found[0]) if found else None
        return made

    def all(self) -> list[Json]:
        """Every owner by id."""
        found = self._db.execute("SELECT body FROM owner ORDER BY id").fetchall()
        return [json.loads(body) for (body,) in found]

    @staticmethod
    def _shape(body: Json) -> Json:
        user = body["userId"]
        return {
            **body,
            "userId": None if body["archived"] else user,
            "userIdIncludingInactive": user,
        }

    def page(self, query: Query) -> Json:
        """``GET /crm/v3/owners``: active ones, or archived ones."""
        limit = whole(query, "limit", 100, 500)
        after = whole(query, "after", 0, 2**62)
        email = query.get("email")
        held = [
            self._shape(body)
            for body in self.all()
            if body["archived"] == flag(query, "archived")
            and email in (None, "", body["email"])
            and int(body["id"]) >= after
        ]
        made: Json = {"results": held[:limit]}
        if len(held) > limit:
            made["paging"] = {"next": {"after": held[limit]["id"], "link": ""}}
        return made

    def get(self, id: str, query: Query) -> Json:
        """One owner by owner id or user id."""
        by = "userId" if query.get("idProperty") == "userId" else "id"
        for body in self.all():
            if str(body[by]) == id and body["archived"] == flag(query, "archived"):
                return self._shape(body)
        raise not_found()
