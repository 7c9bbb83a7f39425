"""Owners: who can own records. HubSpot lists the archived ones apart; they hardly ever change, and
are kept for a day, so that a run in which nothing happens asks for the others alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Record, User
from connectors.descriptions import Descriptions
from connectors.hubspot.versions import Paths
from connectors.hubspot.wire import Wire

#: The property that names a record's owner.
OWNER = "hubspot_owner_id"

#: So long the archived owners are taken for what they were.
KEPT = timedelta(days=1)

_NAME = "owners"


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of owners between runs.

    Attributes:
        at: when the archived ones were listed, by HubSpot's own clock.
        active: ids in the other list, as it was seen last.
        archived: the archived ones.
        strange: ids that records name and neither list had: reason to read the archived ones.
        nobody: those among them that were not found then either.
    """

    at: datetime
    active: frozenset[str]
    archived: tuple[User, ...]
    strange: frozenset[str] = frozenset()
    nobody: frozenset[str] = frozenset()

    def knows(self, id: str) -> bool:
        """Whether reading the archived owners again would tell nothing of this one."""
        return (
            id in self.active or id in self.nobody or any(user.id == id for user in self.archived)
        )

    def holds(self, active: frozenset[str], at: datetime) -> bool:
        """Whether the archived owners are still these, as far as the others' list tells."""
        left = self.active - active - {user.id for user in self.archived}
        return at < self.at + KEPT and not left and not self.strange

    def missed(self, at: datetime) -> frozenset[str]:
        """Ids that are nobody's if the list that is read now does not have them."""
        return self.strange | self.nobody if at < self.at + KEPT else self.strange


class Owners:
    """The owners of one account."""

    def __init__(self, wire: Wire, paths: Paths, kept: Descriptions) -> None:
        self._wire = wire
        self._paths = paths
        self._shelf = kept
        self._now: _Kept | None = None
        """As it stands, once it was looked at."""

    def users(self) -> list[User]:
        """Every owner, archived ones included. Those are listed again after a day, when one of
        the others is missing, and when a record named one that neither list had."""
        listed, at = self._list("false")
        active, kept = frozenset(user.id for user in listed), self._load()
        if kept is None or not kept.holds(active, at):
            archived, _ = self._list("true")
            nobody = frozenset[str]() if kept is None else kept.missed(at)
            known = active | {user.id for user in archived}
            kept = _Kept(at, active, tuple(archived), nobody=nobody - known)
            self._save(kept)
        elif kept.active != active:
            kept = replace(kept, active=active)
            self._save(kept)
        self._now = kept
        return [*listed, *(user for user in kept.archived if user.id not in active)]

    def met(self, records: Iterable[Record]) -> None:
        """Look at the owners of records that were read: of one that nobody knows, the archived
        owners are listed in the next `users`."""
        ids = {str(record.values[OWNER]) for record in records if record.values.get(OWNER)}
        if not ids or (kept := self._now or self._load()) is None:
            return
        self._now = kept
        strange = {id for id in ids if not kept.knows(id)} - kept.strange
        if strange:
            self._now = replace(kept, strange=kept.strange | strange)
            self._save(self._now)

    def _list(self, archived: str) -> tuple[list[User], datetime]:
        made, after = [], ""
        while True:
            query = [("limit", "100"), ("archived", archived)]
            if after:
                query.append(("after", after))
            reply = self._wire.read("GET", self._paths.owners(), "owners", query=query)
            made += [_user(raw) for raw in reply.body.get("results") or []]
            after = str(((reply.body.get("paging") or {}).get("next") or {}).get("after") or "")
            if not after:
                return made, reply.at

    def _load(self) -> _Kept | None:
        body = self._shelf.kept(_NAME)
        try:
            return None if body is None else _kept(body)
        except (KeyError, TypeError, ValueError):
            return None  # another version of the hub kept it

    def _save(self, kept: _Kept) -> None:
        self._shelf.keep(
            _NAME,
            {
                "at": kept.at.isoformat(),
                "archived": [asdict(user) for user in kept.archived],
                **{name: sorted(getattr(kept, name)) for name in ("active", "strange", "nobody")},
            },
        )


def _kept(body: Mapping[str, Any]) -> _Kept:
    return _Kept(
        at=datetime.fromisoformat(body["at"]),
        active=frozenset(body["active"]),
        archived=tuple(User(**user) for user in body["archived"]),
        strange=frozenset(body["strange"]),
        nobody=frozenset(body["nobody"]),
    )


def _user(raw: Mapping[str, Any]) -> User:
    name = f"{raw.get('firstName') or ''} {raw.get('lastName') or ''}".strip()
    email = str(raw.get("email") or "")
    return User(
        str(raw["id"]),
        name or email,
        email,
        active=not raw.get("archived"),
        version=str(raw.get("updatedAt") or ""),
    )
