"""The hub's part in reading: pages taken one by one, a cursor kept with each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.base import Connector, Page
from connectors.errors import AuthenticationFailed, QuotaExhausted, Wait
from tests.soak.asked import Asked
from tests.soak.people import People
from tests.soak.picture import Picture, Wrong
from tests.soak.truth import Truth
from tests.soak.weather import Weather

#: Tries after which a reading that always fails is given up.
_TRIES = 60


@dataclass(slots=True)
class Place:
    """How far an object was read. `listed` are the ids a full reading has shown so far, None
    while changes are read; `began` is the moment the full reading began."""

    cursor: str | None = None
    listed: set[str] | None = None
    began: int = 0


class Follower:
    """Reads one account through a connector that `connect` opens.

    Attributes:
        pulls: how pulls ended: ``whole``, ``killed``, ``lost`` (a page came and was not kept),
            or the name of the error.
    """

    def __init__(
        self,
        connect: Callable[[], Connector],
        things: Mapping[str, Asked],
        truth: Truth,
        picture: Picture,
        people: People,
        weather: Weather,
        dice: random.Random,
    ) -> None:
        self._connect = connect
        self._things = things
        self._truth = truth
        self._picture = picture
        self._people = people
        self._weather = weather
        self._dice = dice
        self._places = {name: Place() for name in things}
        self.pulls: Counter[str] = Counter()
        self.connector = connect()

    def restart(self) -> None:
        """A process of the hub ends and another begins."""
        self.connector.close()
        self.connector = self._connect()

    def start_over(self, name: str) -> None:
        """Forget the cursor: the next pull reads everything."""
        self._places[name] = Place()

    def pull(self, name: str, *, people: bool = True, kill: bool = True) -> bool:
        """Go on from the cursor; whether the end was reached. `people` may work between two
        pages, and `kill` may end it anywhere."""
        asked, place = self._things[name], self._places[name]
        fields = list(asked.spellings)
        began = self._truth.look()
        if place.cursor is None:
            place.listed, place.began = set(), began
        moment = began if place.listed is None else place.began
        pages = self.connector.pull(asked.object, fields, place.cursor)
        while True:
            if people and self._dice.random() < 0.15:
                self._people.work(self._dice.randrange(1, 4))
            page = self._next(asked, pages, people)
            if page is None:
                return False
            if kill and self._dice.random() < 0.04:
                self.pulls["lost"] += 1
                return False
            for record in page.records:
                self._picture.take(asked, record, moment)
                if place.listed is not None:
                    place.listed.add(record.id)
            place.cursor = page.cursor
            if page.last:
                if next(iter(pages), None) is not None:
                    raise Wrong(f"{asked.object}: a page after the last")
                self._complete(asked, place)
                self.pulls["whole"] += 1
                return True
            if kill and self._dice.random() < 0.1:
                self.pulls["killed"] += 1
                return False

    def _next(self, asked: Asked, pages: object, people: bool) -> Page | None:
        """The next page, during which somebody may do something; None after an error."""
        ambush = self._ambush(asked) if people and self._dice.random() < 0.1 else ""
        try:
            page: Page = next(pages)
        except Wait as error:
            self.pulls[type(error).__name__] += 1
            return None
        except AuthenticationFailed:
            if not self._weather.twice_unauthorized():
                raise
            self.pulls["AuthenticationFailed"] += 1
            return None
        finally:
            if ambush:
                self._weather.call_off(ambush)
            self._truth.look()
        return page

    def _ambush(self, asked: Asked) -> str:
        people = self._people
        kind = self._dice.choice(["merge", "remove", "restore"])
        one, two, bin = people.any(asked), people.any(asked), people.bin(asked)
        if kind == "merge" and asked.mergeable and one != two:
            return self._weather.ambush("merge", asked.object, {"winner": one, "loser": two})
        if kind == "restore" and bin and asked.name != "contact":
            return self._weather.ambush("restore", asked.object, {"id": self._dice.choice(bin)})
        if one and kind == "remove":
            return self._weather.ambush("remove", asked.object, {"id": one})
        return ""

    def _complete(self, asked: Asked, place: Place) -> None:
        """After everything was listed: ask for the known records that were not."""
        if place.listed is None:
            return
        missing = sorted(self._picture.rows[asked.object].keys() - place.listed)
        for _ in range(_TRIES):
            if not missing:
                break
            moment = self._truth.look()
            try:
                found = self.connector.fetch(asked.object, missing, list(asked.spellings))
            except Wait as error:
                if isinstance(error, QuotaExhausted):
                    self._weather.lift("quota")  # the next morning
                continue
            except AuthenticationFailed:
                if not self._weather.twice_unauthorized():
                    raise
                continue
            self._truth.look()
            for record in found:
                self._picture.take(asked, record, moment)
            lacking = set(missing) - {record.id for record in found}
            if lacking:
                raise Wrong(f"{asked.object}: fetch says nothing of {sorted(lacking)}")
            missing = []
        if missing:
            raise Wrong(f"{asked.object}: fetch failed {_TRIES} times")
        place.listed = None

    def settle(self, name: str) -> None:
        """Read until one pull, begun after everything happened, has come to its end.

        Raises:
            Wrong: it never does.
        """
        # The first may be the rest of a pull that began before.
        for _ in range(2):
            for _ in range(_TRIES):
                if self.pull(name, people=False, kill=False):
                    break
            else:
                raise Wrong(f"{name}: no pull came to its end in {_TRIES}")
