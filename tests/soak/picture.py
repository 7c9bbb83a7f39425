"""The picture a connector's reports add up to, each of them held against the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base import Record
from tests.soak.asked import Asked
from tests.soak.truth import Truth


class Wrong(Exception):
    """Something was reported that never was, or something that was is not reported."""


class Picture:
    """Records by object and id as reported last.

    Attributes:
        merges: whether merges must be told from deletions.
        reports: how many were held against the truth.
        gone: id -> the survivor, '' for a plain deletion, of records that were once reported.
    """

    def __init__(self, truth: Truth, things: Mapping[str, Asked]) -> None:
        self._truth = truth
        self.merges = True
        self.reports = 0
        self.rows: dict[str, dict[str, Mapping[str, Any]]] = {}
        self.gone: dict[str, dict[str, str]] = {}
        for made in things.values():
            self.rows[made.object], self.gone[made.object] = {}, {}

    def take(self, asked: Asked, record: Record, moment: int) -> None:
        """Apply a report by a reading that began at `moment`.

        Raises:
            Wrong: the record was at no time since then what the report says.
        """
        self.reports += 1
        object, id = asked.object, record.id
        if record.object != object:
            raise Wrong(f"{object} {id} is reported as {record.object}")
        versions = list(self._truth.since(object, id, moment))
        if record.deleted:
            if not any(version.values is None for version in versions):
                raise Wrong(f"{object} {id} is reported deleted; the log has it as {versions}")
            if record.merged_into and record.merged_into not in self._truth.survivors(object, id):
                raise Wrong(
                    f"{object} {id} is reported as merged into {record.merged_into}, not into "
                    f"{sorted(self._truth.survivors(object, id))}"
                )
            # A record deleted before it was ever reported is nobody's loss.
            if self.rows[object].pop(id, None) is not None or id in self.gone[object]:
                self.gone[object][id] = record.merged_into
            return
        seen = asked.spell(record.values)
        if seen.keys() != asked.spellings.keys():
            raise Wrong(f"{object} {id}: {asked.spellings.keys() - seen.keys()} are missing")
        held = [version.values for version in versions if version.values is not None]
        firm = {name for name in seen if name not in asked.loose}
        whole = any(all(was[name] == seen[name] for name in firm) for was in held)
        # Associations are read in a call of their own, a moment after the rest.
        loose = all(any(was[name] == seen[name] for was in held) for name in asked.loose)
        if not (whole and loose):
            raise Wrong(f"{object} {id} is reported as {seen}; the log has it as {versions}")
        self.rows[object][id] = seen
        self.gone[object].pop(id, None)

    def compare(self, asked: Asked, loose: bool) -> None:
        """Hold the whole picture of an object against the present; `loose` fields too if asked.

        Raises:
            Wrong: the first record that differs.
        """
        object = asked.object
        rows, gone, live = self.rows[object], self.gone[object], self._truth.live[object]
        names = {n for n in asked.spellings if loose or n not in asked.loose}
        for id in sorted(live.keys() | rows.keys()):
            if id not in live:
                raise Wrong(f"{object} {id} is {self._fate(object, id)}, which was not reported")
            if id not in rows:
                raise Wrong(f"{object} {id} was not reported; it is {live[id]}")
            wrong = {n: (rows[id][n], live[id][n]) for n in names if rows[id][n] != live[id][n]}
            if wrong:
                raise Wrong(f"{object} {id} was reported with {wrong} (reported, true)")
        for id, survivor in sorted(gone.items()):
            last = self._truth.versions[object][id][-1]
            if (
                self.merges
                and bool(last.merged_into) != bool(survivor)
                and not self._lost(object, id)
            ):
                raise Wrong(
                    f"{object} {id} is {self._fate(object, id)}; it was reported as "
                    + (f"merged into {survivor}" if survivor else "deleted")
                )

    def _lost(self, object: str, id: str) -> bool:
        """Whether a record was merged into one that is gone too: nothing hangs on the way."""
        survivors = self._truth.survivors(object, id)
        return bool(survivors) and survivors.isdisjoint(self._truth.live[object])

    def _fate(self, object: str, id: str) -> str:
        last = self._truth.versions[object][id][-1]
        return f"merged into {last.merged_into}" if last.merged_into else "deleted"

    def against_the_log(self, things: Mapping[str, Asked]) -> int:
        """Hold every record ever reported, and every one the log has as live, against the
        log's last word on it; how many.

        Raises:
            Wrong: the first that differs.
        """
        objects = {made.object for made in things.values()}
        words = self._truth.last_words()
        for (object, id), (fate, into) in sorted(words.items()):
            told = "live" if id in self.rows[object] else "silence"
            if id in self.gone[object]:
                told = "merged" if self.gone[object][id] else "deleted"
            lenient = not self.merges or self._lost(object, id)
            if lenient and fate == "merged" and told == "deleted":
                continue
            if told != fate and not (told == "silence" and fate != "live"):
                raise Wrong(f"{object} {id}: the log ends with {fate} {into}, the reports: {told}")
        for object in objects:
            for id in [*self.rows[object], *self.gone[object]]:
                if (object, id) not in words:
                    raise Wrong(f"{object} {id} was reported; the log has no line of it")
        return len(words)
