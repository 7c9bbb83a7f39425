"""What people do in a vendor's own screens, at random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.sandbox.server import Vendor
from tests.soak.asked import Asked, flag, links, number
from tests.soak.truth import Truth

_ODD = ("", " ویرایش", " แก้ไข", " 🎉", ' O\'Brien \\ "x"', " Zoë%_")
#: Deeds and how often they are done.
_DEEDS = {"edit": 40, "clear": 8, "touch": 4, "create": 18, "remove": 9, "restore": 5,
          "merge": 8, "link": 14, "import": 0.4}  # fmt: skip


class People:
    """The users of one account. `done` counts their deeds; `late` is how many seconds behind
    its stamp a change may become visible."""

    def __init__(
        self,
        vendor: Vendor,
        things: Mapping[str, Asked],
        truth: Truth,
        dice: random.Random,
        crowd: int,
        late: float = 15.0,
    ) -> None:
        self._vendor = vendor
        self._things = things
        self._truth = truth
        self._dice = dice
        self._crowd = crowd
        self._late = late
        self._number = 0
        self.done: Counter[str] = Counter()

    def found(self, count: int) -> None:
        """The records the account begins with; enough contacts for several pages."""
        stamp = (self._vendor.clock.now() - timedelta(days=40)).isoformat()
        for name in ("company", "contact", "deal", "ticket"):
            several = max(count, self._crowd) if name == "contact" else count
            rows = [self.row(name) for _ in range(several)]
            rows = [{**row, "created_at": stamp, "modified_at": stamp} for row in rows]
            with self._vendor.lock:
                self._vendor.load(self._things[name].object, rows)
            self._truth.look()

    def work(self, deeds: int) -> None:
        """So many deeds."""
        for _ in range(deeds):
            deed = self._dice.choices(list(_DEEDS), list(_DEEDS.values()))[0]
            asked = self._things[self._dice.choice(list(self._things))]
            with self._vendor.lock:
                done = getattr(self, f"_{deed}")(asked)
            self.done[deed] += done
            if done:
                self._truth.look()

    # -- values ----------------------------------------------------------------------

    def text(self) -> str:
        """A text nobody has used."""
        self._number += 1
        return f"n{self._number}{self._dice.choice(_ODD)}"

    def values(self, name: str) -> dict[str, Any]:
        """Native values for some fields of an object, links left out."""
        asked = self._things[name]
        made: dict[str, Any] = {asked.thing.title: self.text()}
        for field, spelling in asked.spellings.items():
            if field == asked.thing.title or spelling is links or self._dice.random() < 0.5:
                continue
            if spelling is flag:
                made[field] = self._dice.random() < 0.5
            elif spelling is number:
                made[field] = self._dice.randrange(1, 10_000)
            elif "mail" in field.lower():
                self._number += 1
                made[field] = f"p{self._number}@soak.example"
            else:
                made[field] = self.text()
        return made

    def targets(self, name: str) -> dict[str, Any]:
        """Native values for the link fields of an object."""
        asked, made = self._things[name], dict[str, Any]()
        for field, target in asked.targets.items():
            known = list(self._truth.live[self._things[target].object])[-60:]
            several = field.endswith(("contacts", "Roles"))
            chosen = sorted({self._dice.choice(known) for _ in range(3)}) if known else []
            chosen = chosen[: self._dice.randrange(4)]
            made[field] = tuple(chosen) if several else (chosen[0] if chosen else None)
        return made

    def row(self, name: str) -> dict[str, Any]:
        """A new record."""
        return {**self._things[name].thing.least, **self.targets(name), **self.values(name)}

    def any(self, asked: Asked) -> str:
        """A record that lives, '' if there is none."""
        known = self._truth.live[asked.object]
        return self._dice.choice(list(known)) if known else ""

    # -- deeds -----------------------------------------------------------------------

    def _edit(self, asked: Asked) -> bool:
        id = self.any(asked)
        if id:
            self._vendor.edit(asked.object, id, self.values(asked.name))
        return bool(id)

    def _clear(self, asked: Asked) -> bool:
        names = [n for n, s in asked.spellings.items() if n != asked.thing.title]
        names = [n for n in names if asked.spellings[n] not in (links, flag)]
        id = self.any(asked)
        if id and names:
            self._vendor.edit(asked.object, id, {self._dice.choice(names): None})
        return bool(id and names)

    def _touch(self, asked: Asked) -> bool:
        """Saved without a change: the stamp moves, nothing else."""
        id = self.any(asked)
        if id:
            title = self._truth.live[asked.object][id][asked.thing.title]
            self._vendor.edit(asked.object, id, {asked.thing.title: title})
        return bool(id)

    def _create(self, asked: Asked) -> bool:
        row = self.row(asked.name)
        if self._dice.random() < 0.3:
            behind = timedelta(seconds=self._dice.uniform(0, self._late))
            row["modified_at"] = (self._vendor.clock.now() - behind).isoformat()
        self._vendor.load(asked.object, [row])
        return True

    def _remove(self, asked: Asked) -> bool:
        id = self.any(asked)
        if id and len(self._truth.live[asked.object]) > 5:
            self._vendor.remove(asked.object, id)
            return True
        return False

    def _restore(self, asked: Asked) -> bool:
        bin = self.bin(asked)
        if not bin:
            return False
        try:
            self._vendor.restore(asked.object, self._dice.choice(bin))
        except ValueError:  # a unique value of it is taken
            return False
        return True

    def bin(self, asked: Asked) -> list[str]:
        """Some of what lies in the recycle bin."""
        versions = self._truth.versions[asked.object]
        live = self._truth.live[asked.object]
        found = [id for id in versions if id not in live and not versions[id][-1].merged_into]
        return found[-20:]

    def _merge(self, asked: Asked) -> bool:
        one, two = self.any(asked), self.any(asked)
        if not asked.mergeable or one == two:
            return False
        self._vendor.merge(asked.object, one, two)
        return True

    def _link(self, asked: Asked) -> bool:
        id, values = self.any(asked), self.targets(asked.name)
        if id and values:
            self._vendor.edit(asked.object, id, values)
        return bool(id and values)

    def _import(self, asked: Asked) -> bool:
        """Somebody changes all records of an object within one second."""
        for id in list(self._truth.live[asked.object]):
            self._vendor.edit(asked.object, id, self.values(asked.name))
        return True
