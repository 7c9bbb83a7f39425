"""Where a pull stands, as the text that is stored with each page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from connectors.errors import Bug


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a pull stands.

    `since` is where it starts. While one is under way, `next` is where the following one will
    start, and `after` how far this one got: (id) when everything is read, (stamp, id) for
    changes, () for changes done and deletions to come.
    """

    since: str
    next: str = ""
    everything: bool = False
    after: tuple[str, ...] | None = None

    def text(self) -> str:
        """As it is stored with a page."""
        body: dict[str, Any] = {"since": self.since}
        if self.next:
            body.update(next=self.next, everything=self.everything, after=self.after)
        return json.dumps(body, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Cursor:
        """The cursor in a text.

        Raises:
            Bug: the text is none of ours.
        """
        try:
            body = json.loads(text)
            after = body.get("after")
            return cls(
                str(body["since"]),
                str(body.get("next", "")),
                bool(body.get("everything", False)),
                None if after is None else tuple(str(part) for part in after),
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Bug(f"not a cursor of this connector: {text[:80]!r}") from error
