"""How far an object was read, and what is due in the next pull."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

import orjson

from connectors.errors import Misconfigured

#: Fewer records of a round than this are not read, so that most pulls read none.
STRETCH = 1000


@dataclass(frozen=True, slots=True)
class Round:
    """One reading of everything for the sake of its associations, spread over pulls.

    `began`: epoch ms. `after`: the list's next id, '' at the beginning. `read`: records read
    so far, `of` about how many there are.
    """

    began: int = 0
    after: str = ""
    read: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far an object was read. Instants are epoch ms of HubSpot's own clock.

    `since`: changes stamped before it have been read; None while the whole object is being
    listed. `began`: when the pull in progress began, None between pulls. `step`, `after`: how
    far it came: the list's next id, or the last id a search gave. `looked`: deletions before
    it have been reported; None while the whole object is being listed.
    """

    since: int | None = None
    began: int | None = None
    step: Literal["changes", "deletes"] = "changes"
    after: str = ""
    looked: int | None = None
    round: Round = field(default_factory=Round)

    def text(self) -> str:
        """As stored by the caller."""
        return orjson.dumps(asdict(self)).decode()

    def listed(self, read: int) -> Cursor:
        """The end of a complete listing that gave `read` records: it also told what is gone and
        every association."""
        assert self.began is not None
        return Cursor(since=self.began, looked=self.began, round=Round(self.began, of=read))

    def done(self, *, looked: bool) -> Cursor:
        """The end of a pull of changes."""
        assert self.began is not None
        return Cursor(self.began, looked=self.began if looked else self.looked, round=self.round)

    def swept(self, after: str, read: int) -> Cursor:
        """A page of a round was read, `after` is the next one's ('' after the last)."""
        assert self.since is not None
        total = self.round.read + read
        if after:
            return replace(self, round=replace(self.round, after=after, read=total))
        return replace(self, round=Round(self.since, of=total))


@dataclass(frozen=True, slots=True)
class Plan:
    """What pulls do besides reading changes, and how often.

    Attributes:
        overlap: how far pulls reach back behind their cursor.
        deletes_every: how often the recycling bin is listed; 0 for in every pull.
        associations_every: in what time everything is read once more for its associations;
            0 for never.
    """

    overlap: timedelta
    deletes_every: timedelta
    associations_every: timedelta

    def looks(self, cursor: Cursor) -> bool:
        """Whether the recycling bin is to be listed in the pull that `cursor` is in."""
        assert cursor.began is not None
        assert cursor.looked is not None
        return cursor.began - cursor.looked >= _ms(self.deletes_every)

    def stretch(self, cursor: Cursor) -> int:
        """How many records of the round are due after the pull that ended with `cursor`. A round
        is spread evenly over its time, in stretches; what was missed is made up for."""
        assert cursor.since is not None
        every, round = _ms(self.associations_every), cursor.round
        elapsed = cursor.since - round.began
        if every <= 0:
            return 0
        if elapsed >= every:
            return sys.maxsize
        behind = round.of * elapsed // every - round.read
        return behind if behind >= STRETCH else 0


def parse(text: str | None, connection: str) -> Cursor:
    """A cursor as it was stored; a new one for None.

    Raises:
        Misconfigured: the text is none of ours.
    """
    if text is None:
        return Cursor()
    try:
        read: dict[str, Any] = orjson.loads(text)
        known: dict[str, Any] = {name: read[name] for name in ("since", "began", "after")}
        # Stores of earlier builds hold cursors with these three only.
        known["step"] = read.get("step", "changes")
        known["looked"] = read.get("looked", read["since"])
        known["round"] = Round(**read.get("round", {"began": read["since"] or 0}))
        return Cursor(**known)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(
            f"{connection}: the stored cursor {text!r} is not one of HubSpot's;"
            " delete it to read everything again",
            connection=connection,
        ) from error


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
