"""The hub's part in writing: a batch under faults, each outcome held against the sandbox."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Connector, Value, Write, WriteResult
from connectors.errors import AuthenticationFailed, Gone, ItemError, Wait
from connectors.sandbox.server import Vendor
from tests.soak.asked import Asked, links
from tests.soak.people import People
from tests.soak.picture import Wrong
from tests.soak.truth import Truth
from tests.soak.weather import Weather


class Writer:
    """Writes to one account. `outcomes` counts how writes ended.

    Creates whose outcome is not known are sent again with a later batch, as the hub's outbox
    does.
    """

    def __init__(
        self,
        vendor: Vendor,
        things: Mapping[str, Asked],
        truth: Truth,
        people: People,
        weather: Weather,
        external: str,
        dice: random.Random,
    ) -> None:
        self._vendor = vendor
        self._things = things
        self._truth = truth
        self._people = people
        self._weather = weather
        self._external = external
        self._dice = dice
        self._number = 0
        self._waiting: dict[str, dict[str, Write]] = {name: {} for name in things}
        self.outcomes: Counter[str] = Counter()

    def push(self, connector: Connector, name: str, most: int) -> None:
        """One batch of creates, updates and archives.

        Raises:
            Wrong: a result says something else than the sandbox.
        """
        asked = self._things[name]
        self._truth.look()
        before = self._live(asked)
        writes = [*self._waiting[name].values(), *self._batch(asked, most)]
        self._waiting[name] = {}
        try:
            results = connector.push(asked.object, writes)
        except Wait as error:
            results = [WriteResult(write.key, write.id, error=error) for write in writes]
        except AuthenticationFailed as error:
            if not self._weather.twice_unauthorized():
                raise
            results = [WriteResult(write.key, write.id, error=error) for write in writes]
        self._truth.look()
        if [result.key for result in results] != [write.key for write in writes]:
            raise Wrong(f"{asked.object}: results are not one per write, in order")
        after = self._live(asked)
        met = Counter(result.id for result in results if result.error is None)
        for write, result in zip(writes, results, strict=True):
            # A record that was merged away stands for its survivor, which may have met several
            # writes; any of them may have come last.
            rivals = [
                other
                for other, its in zip(writes, results, strict=True)
                if met[result.id] > 1 and its.id == result.id
            ]
            self._judge(asked, write, result, before, after, rivals)

    def _live(self, asked: Asked) -> dict[str, Mapping[str, Any]]:
        with self._vendor.lock:
            rows = self._vendor.state(asked.object)
        return {row["id"]: row for row in rows if not row["deleted"]}

    # -- what is written -------------------------------------------------------------

    def _batch(self, asked: Asked, most: int) -> list[Write]:
        dice = self._dice
        made = [self._create(asked) for _ in range(dice.randrange(most + 1))]
        known = list(self._truth.live[asked.object])
        chosen = dice.sample(known, min(len(known), 6))
        made += [self._update(asked, id) for id in chosen[:4]]
        made += [Write(f"archive {id}", "archive", id=id) for id in chosen[4 : dice.randrange(7)]]
        versions = self._truth.versions[asked.object]
        dead = [id for id in versions if id not in self._truth.live[asked.object]][-10:]
        if dead and dice.random() < 0.3:
            made.append(self._update(asked, dice.choice(dead)))
        dice.shuffle(made)
        return made

    def _create(self, asked: Asked) -> Write:
        self._number += 1
        key = f"soak-{self._number}"
        values = self._people.row(asked.name)
        return Write(key, "create", values, external=(self._external, key))

    def _update(self, asked: Asked, id: str) -> Write:
        values: dict[str, Value] = {
            **self._people.values(asked.name),
            **(self._people.targets(asked.name) if self._dice.random() < 0.5 else {}),
        }
        held = self._truth.live[asked.object].get(id, {})
        targets = self._people.targets(asked.name)
        before: dict[str, Value] = {}
        for name in values:
            value = held.get(name)
            if asked.spellings.get(name) is links and not isinstance(targets[name], tuple):
                value = value[0] if value else None
            before[name] = value
        return Write(f"update {id}", "update", values, id=id, before=before)

    # -- what came of it -------------------------------------------------------------

    def _judge(
        self,
        asked: Asked,
        write: Write,
        result: WriteResult,
        before: Mapping[str, Mapping[str, Any]],
        after: Mapping[str, Mapping[str, Any]],
        rivals: Sequence[Write],
    ) -> None:
        error = result.error
        told = f"{asked.object} {write.key}: {error!r}, id {result.id!r}"
        doubles = [id for id, row in after.items() if self._is(row, write)]
        if write.external and len(doubles) > 1:
            raise Wrong(f"{told}: doubled, {doubles}")
        if isinstance(error, Wait | AuthenticationFailed):
            self.outcomes["unknown"] += 1
            if write.kind == "create":
                self._waiting[asked.name][write.key] = write
            return
        if error is None:
            self.outcomes["written"] += 1
            self._written(asked, write, result, after, doubles, rivals, told)
            return
        if not isinstance(error, ItemError):
            raise Wrong(f"{told}: no outcome of one record")
        self.outcomes[type(error).__name__] += 1
        title = write.values.get(asked.thing.title)
        if title and any(row[asked.thing.title] == title for row in after.values()):
            raise Wrong(f"{told}: but it was written")
        if write.kind == "archive" and isinstance(error, Gone) == (write.id in after):
            raise Wrong(f"{told}: but the record is {'live' if write.id in after else 'gone'}")
        if write.kind == "update" and isinstance(error, Gone) and write.id in after:
            raise Wrong(f"{told}: but it is there")
        if write.kind != "create" and not isinstance(error, Gone) and write.id not in before:
            raise Wrong(f"{told}: but it was gone")

    def _written(
        self,
        asked: Asked,
        write: Write,
        result: WriteResult,
        after: Mapping[str, Mapping[str, Any]],
        doubles: list[str],
        rivals: Sequence[Write],
        told: str,
    ) -> None:
        if write.kind == "archive":
            if write.id in after:
                raise Wrong(f"{told}: but it is live")
            return
        row = after.get(result.id)
        if row is None and any(other.kind == "archive" for other in rivals):
            return
        if row is None:
            raise Wrong(f"{told}: but there is no such record")
        if write.external and doubles != [result.id]:
            raise Wrong(f"{told}: but {doubles} hold its key")
        for name, value in write.values.items():
            spell = asked.spellings.get(name)
            if spell is None or name in result.field_errors:
                continue
            if spell is links and result.id not in (write.id, ""):
                # A create of what is there already, or an update of what was merged away: the
                # write does not know what hangs on the record, and adds to it.
                held = set(spell(row[name]))
                kin = [
                    {id, *self._truth.survivors(self._target(asked, name), id)}
                    for id in spell(value)
                ]
                if not rivals and any(held.isdisjoint(ids) for ids in kin):
                    raise Wrong(f"{told}: {name} is {row[name]!r}, without {value!r}")
                continue
            if name in asked.loose and value is None:
                # Of several companies one is the first again.
                continue
            tried = [spell(other.values[name]) for other in rivals if name in other.values]
            if spell(row[name]) not in [spell(value), *tried]:
                raise Wrong(f"{told}: {name} is {row[name]!r}, not {value!r}")

    def _target(self, asked: Asked, field: str) -> str:
        return self._things[asked.targets[field]].object

    def _is(self, row: Mapping[str, Any], write: Write) -> bool:
        return write.external is not None and row.get(self._external) == write.external[1]
