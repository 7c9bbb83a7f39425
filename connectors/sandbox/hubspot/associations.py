"""Associations between records: typed, directional, both sides always stored."""

# ruff: noqa: S608 (the names of columns are spelled here, values are bound)

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.sandbox.hubspot.replies import bad_request
from connectors.sandbox.hubspot.schema import LINKS, TYPES, Link, links_between, unlabeled
from connectors.sandbox.hubspot.store import Store


class Associations:
    """The associations of one sandbox."""

    def __init__(self, store: Store) -> None:
        self._db = store.db

    def add(self, from_object: str, from_id: int, to_object: str, to_id: int, type_id: int) -> None:
        """Associate two records with a type and with the unlabeled one that it implies.

        A record has one primary company: a new one takes the label from the old one.

        Raises:
            Failure: the type does not go from the one object to the other.
        """
        link = LINKS.get(type_id)
        if link is None or (link.from_object, link.to_object) != (from_object, to_object):
            raise bad_request(
                f"Invalid association type: {type_id} is not defined from"
                f" {TYPES[from_object][0]} to {TYPES[to_object][0]}"
            )
        if link.label == "Primary":
            self._drop_primary(link, from_id, to_id)
        plain = unlabeled(from_object, to_object)
        assert plain is not None
        for kind in {link, plain}:
            self._both(kind, from_id, to_id)

    def _drop_primary(self, link: Link, from_id: int, to_id: int) -> None:
        """Take the primary label from the side that may have only one."""
        one, holder = (
            (link, from_id) if link.to_object == "companies" else (LINKS[link.inverse], to_id)
        )
        held = self._db.execute(
            "SELECT to_id FROM association WHERE from_object = ? AND from_id = ? AND type_id = ?",
            (one.from_object, holder, one.type_id),
        ).fetchall()
        for (company,) in held:
            self._remove_rows([one], holder, company)

    def _both(self, link: Link, from_id: int, to_id: int) -> None:
        back = LINKS[link.inverse]
        self._db.executemany(
            "INSERT OR IGNORE INTO association VALUES (?, ?, ?, ?, ?)",
            [
                (link.from_object, from_id, link.to_object, to_id, link.type_id),
                (back.from_object, to_id, back.to_object, from_id, back.type_id),
            ],
        )

    def _remove_rows(self, links: Iterable[Link], from_id: int, to_id: int) -> None:
        for link in links:
            back = LINKS[link.inverse]
            self._db.executemany(
                "DELETE FROM association WHERE from_object = ? AND from_id = ? AND to_object = ?"
                " AND to_id = ? AND type_id = ?",
                [
                    (link.from_object, from_id, link.to_object, to_id, link.type_id),
                    (back.from_object, to_id, back.to_object, from_id, back.type_id),
                ],
            )

    def remove(self, from_object: str, from_id: int, to_object: str, to_id: int) -> None:
        """End every association between two records."""
        self._remove_rows(links_between(from_object, to_object), from_id, to_id)

    def remove_types(
        self, from_object: str, from_id: int, to_object: str, to_id: int, type_ids: Iterable[int]
    ) -> None:
        """Take single types (labels) away; the unlabeled one takes all of them with it."""
        links = [LINKS[type_id] for type_id in type_ids if type_id in LINKS]
        if any(link.label is None for link in links):
            links = links_between(from_object, to_object)
        self._remove_rows(links, from_id, to_id)

    def of(self, from_object: str, from_id: int, to_object: str) -> list[tuple[int, list[Link]]]:
        """(other record's id, its types) by id; records that are not live are left out."""
        found = self._db.execute(
            "SELECT a.to_id, a.type_id FROM association a JOIN record r"
            " ON r.object = a.to_object AND r.id = a.to_id AND r.archived_at IS NULL"
            " WHERE a.from_object = ? AND a.from_id = ? AND a.to_object = ?"
            " ORDER BY a.to_id, a.type_id",
            (from_object, from_id, to_object),
        ).fetchall()
        made: dict[int, list[Link]] = {}
        for to_id, type_id in found:
            made.setdefault(to_id, []).append(LINKS[type_id])
        return list(made.items())

    def primary(self, from_object: str, from_id: int) -> str | None:
        """The primary company's id; without one, the lowest associated company's."""
        held = self.of(from_object, from_id, "companies")
        labelled = [id for id, links in held if any(k.label == "Primary" for k in links)]
        ids: Sequence[int] = labelled or [id for id, _ in held]
        return str(min(ids)) if ids else None

    def move(self, object: str, old: int, new: int) -> None:
        """Give a merged record's associations to its survivor."""
        for side, other in (("from", "to"), ("to", "from")):
            self._db.execute(
                f"INSERT OR IGNORE INTO association ({side}_object, {side}_id, {other}_object,"
                f" {other}_id, type_id) SELECT {side}_object, ?, {other}_object, {other}_id,"
                f" type_id FROM association WHERE {side}_object = ? AND {side}_id = ?",
                (new, object, old),
            )
            self._db.execute(
                f"DELETE FROM association WHERE {side}_object = ? AND {side}_id = ?",
                (object, old),
            )
