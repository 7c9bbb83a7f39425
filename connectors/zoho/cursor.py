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
    changes, () for changes done and deletions to come. With Bulk Read it got `rows` far in the
    result of `job`; between two jobs `token` is the place of the next. `looked` is the instant up
    to which deletions have been reported, '' where that is `since`.
    """

    since: str
    next: str = ""
    everything: bool = False
    after: tuple[str, ...] | None = None
    job: str = ""
    rows: int = 0
    token: str = ""
    looked: str = ""

    @property
    def deletions_since(self) -> str:
        """From where on deletions are still to be reported."""
        return self.looked or self.since

    @property
    def bulk(self) -> bool:
        """Whether it is one of a Bulk Read that is under way."""
        return bool(self.job or self.token)

    def text(self) -> str:
        """As it is stored with a page."""
        body: dict[str, Any] = {"since": self.since}
        if self.next:
            body.update(next=self.next, everything=self.everything, after=self.after)
        if self.bulk:
            body.update(job=self.job, rows=self.rows, token=self.token)
        if self.looked and self.looked != self.since:
            body.update(looked=self.looked)
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
                str(body.get("job", "")),
                int(body.get("rows", 0)),
                str(body.get("token", "")),
                str(body.get("looked", "")),
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Bug(f"not a cursor of this connector: {text[:80]!r}") from error
