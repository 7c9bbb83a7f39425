"""Pulling: the whole object by id, or what changed by its modified stamp.

The cursor names an instant of HubSpot's own clock (the Date of a reply): everything stamped
before it, less the overlap, has been read. Search trails behind writes by some seconds; the
overlap covers that. What search finds is read again by id, because the index may still hold
an older state of the record than the one we wrote ourselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import orjson

from connectors.base import Page, Record
from connectors.errors import Misconfigured
from connectors.hubspot import records, words
from connectors.hubspot.read import Reader
from connectors.hubspot.records import epoch_ms

#: Tombstones on one page.
_TOMBSTONES = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far an object was read.

    `since`: epoch ms; changes stamped before it have been read; None while the whole object
    is being listed. `began`: epoch ms at which the pull in progress began, None between
    pulls. `after`: how far it came: the list's next id, or the last id a search gave.
    """

    since: int | None = None
    began: int | None = None
    after: str = ""

    def text(self) -> str:
        """As stored by the caller."""
        body = {"since": self.since, "began": self.began, "after": self.after}
        return orjson.dumps(body).decode()


def parse(text: str | None, connection: str) -> Cursor:
    """A cursor as it was stored; a new one for None.

    Raises:
        Misconfigured: the text is none of ours.
    """
    if text is None:
        return Cursor()
    try:
        read = orjson.loads(text)
        return Cursor(read["since"], read["began"], read["after"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"{connection}: the stored cursor {text!r} is not one of HubSpot's;"
            " delete it to read everything again",
            connection=connection,
        ) from error


def pull(
    reader: Reader, object: str, fields: Sequence[str], start: Cursor, overlap: timedelta
) -> Iterator[Page]:
    """See `connectors.base.Connector.pull`. A pull that is taken up midway is finished and then
    followed by one for what changed since it began."""
    resumed = start.began is not None
    steps = _list if start.since is None else _changes
    for page, cursor in steps(reader, object, fields, start, overlap):
        done = cursor.began is None
        yield replace(page, cursor=cursor.text(), last=done and not resumed)
        if done and resumed:
            for later, after in _changes(reader, object, fields, cursor, overlap):
                yield replace(later, cursor=after.text(), last=after.began is None)


def _list(
    reader: Reader, object: str, fields: Sequence[str], start: Cursor, overlap: timedelta
) -> Iterator[tuple[Page, Cursor]]:
    began, after = start.began, start.after
    while True:
        listed = reader.page(object, fields, after)
        began = epoch_ms(listed.at) if began is None else began
        after = listed.after
        page = Page(tuple(listed.records), "", False)
        if not after:
            yield page, Cursor(since=began)
            return
        yield page, Cursor(None, began, after)


def _changes(
    reader: Reader, object: str, fields: Sequence[str], start: Cursor, overlap: timedelta
) -> Iterator[tuple[Page, Cursor]]:
    assert start.since is not None
    since = datetime.fromtimestamp(start.since / 1000, UTC) - overlap
    filters = [
        {
            "propertyName": words.modified_property(object),
            "operator": "GTE",
            "value": str(epoch_ms(since)),
        }
    ]
    began, after = start.began, start.after
    expected: int | None = None
    while True:
        hits = reader.search(object, filters, after)
        began = epoch_ms(hits.at) if began is None else began
        expected = hits.total if expected is None and not start.after else expected
        found = _read(reader, object, hits.ids, fields)
        if hits.last:
            break
        after = hits.ids[-1]
        yield Page(tuple(found), "", False, expected), Cursor(start.since, began, after)
    found += reader.archived(object, since)
    resume = Cursor(start.since, began, after)
    while len(found) > words.SEARCH_PAGE + _TOMBSTONES:
        page, found = found[: words.SEARCH_PAGE], found[words.SEARCH_PAGE :]
        yield Page(tuple(page), "", False, expected), resume
    yield Page(tuple(found), "", False, expected), Cursor(since=began)


def _read(reader: Reader, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
    """The found records as they are now, each followed by those merged into it. What is not
    live any more is left to the archived list."""
    raws, _ = reader.batch(object, ids, fields)
    tombstones = {str(raw["id"]): records.merged_ids(raw) for raw in raws}
    made: list[Record] = []
    for record in reader.live(object, raws, fields):
        made.append(record)
        made += [records.merged(object, id, record) for id in tombstones[record.id]]
    return made
