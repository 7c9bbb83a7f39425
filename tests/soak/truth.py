"""What really happened: every version every record ever had, by the sandbox's own log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.server import Vendor
from tests.soak.asked import Asked

#: Rows of these hang on another object: a change of one is a change of some of the other.
_PARTS = {"OpportunityContactRole": "Opportunity"}


@dataclass(frozen=True, slots=True)
class Version:
    """A record from moment `at` on; `values` is None while it is deleted."""

    at: int
    values: Mapping[str, Any] | None
    merged_into: str = ""


class Truth:
    """Versions by object and id.

    Nothing is read between two looks without a look in between, so that versions which came
    and went between two looks were seen by nobody.
    """

    def __init__(self, vendor: Vendor, things: Mapping[str, Asked]) -> None:
        self._vendor = vendor
        self._things = {made.object: made for made in things.values()}
        self._line = 0
        self.moment = 0
        self.versions: dict[str, dict[str, list[Version]]] = {o: {} for o in self._things}
        self.live: dict[str, dict[str, Mapping[str, Any]]] = {o: {} for o in self._things}

    def look(self) -> int:
        """Take in what the log has since the last look; the moment it is now."""
        self.moment += 1
        with self._vendor.lock:
            lines = self._vendor.changes.lines(self._line)
            if lines:
                self._line = lines[-1]["number"]
                for object, ids in self._touched(lines).items():
                    for row in self._vendor.state(object, sorted(ids)):
                        self._take(object, row)
        return self.moment

    def _touched(self, lines: list[dict[str, Any]]) -> dict[str, set[str]]:
        """object -> ids to look at; no ids: all of them."""
        touched: dict[str, set[str]] = {}
        whole: set[str] = set()
        for line in lines:
            object = line["object"]
            if object in _PARTS:
                whole.add(_PARTS[object])
            elif object in self._things:
                touched.setdefault(object, set()).add(line["id"])
                if line["kind"] in ("deleted", "restored", "merged"):
                    # Others may show it among their associations, or have done so.
                    whole.update(o for o, made in self._things.items() if made.loose)
        return touched | {object: set() for object in whole}

    def _take(self, object: str, row: Mapping[str, Any]) -> None:
        made, id = self._things[object], str(row["id"])
        values = None if row["deleted"] else made.spell(row)
        versions = self.versions[object].setdefault(id, [])
        merged_into = str(row["merged_into"] or "") if values is None else ""
        if versions and (versions[-1].values, versions[-1].merged_into) == (values, merged_into):
            return
        versions.append(Version(self.moment, values, merged_into))
        if values is None:
            self.live[object].pop(id, None)
        else:
            self.live[object][id] = values

    def since(self, object: str, id: str, moment: int) -> Iterator[Version]:
        """The versions a record had at `moment` or later."""
        versions = self.versions[object].get(id, [])
        for place, version in enumerate(versions):
            if place + 1 == len(versions) or versions[place + 1].at > moment:
                yield version

    def survivors(self, object: str, id: str) -> set[str]:
        """The records it was merged into, one after another."""
        found: set[str] = set()
        waiting = [id]
        while waiting:
            for version in self.versions[object].get(waiting.pop(), ()):
                if version.merged_into and version.merged_into not in found:
                    found.add(version.merged_into)
                    waiting.append(version.merged_into)
        return found

    def last_words(self) -> dict[tuple[str, str], tuple[str, str]]:
        """(object, id) -> what the log says became of it: ``live``, ``deleted`` or ``merged``,
        and into which record."""
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for line in self._vendor.changes.lines():
            kind = line["kind"]
            if line["object"] not in self._things or kind == "linked":
                continue
            gone = kind in ("deleted", "merged")
            found[line["object"], line["id"]] = (kind if gone else "live", line["merged_into"])
        return found
