"""Pulling: the whole object by id, or what changed by its modified stamp.

The cursor names an instant of HubSpot's own clock (the Date of a reply): everything stamped
before it, less the overlap, has been read. Search trails behind writes by some seconds; the
overlap covers that. What search finds is read again by id, because the index may still hold
an older state of the record than the one we wrote ourselves.

Two things move no stamp and are looked for now and then: deletions, in the recycling bin, and
changes of associations, by reading everything once more, a stretch in each pull.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.base import Page, Record
from connectors.hubspot import records, words
from connectors.hubspot.cursor import Cursor, Plan
from connectors.hubspot.read import Hits, Reader
from connectors.hubspot.records import epoch_ms

#: Tombstones on one page, about.
_TOMBSTONES = 200
#: More calls than a page of a thousand changes takes: five searches, ten batch reads (twenty with
#: history) and one for each kind of association.
_LARGE_PAGE = 30


def pull(
    reader: Reader, object: str, fields: Sequence[str], start: Cursor, plan: Plan
) -> Iterator[Page]:
    """See `connectors.base.Connector.pull`. A pull that is taken up midway is finished and then
    followed by one for what changed since it began."""
    cursor, pulls = start, 2 if start.began is not None else 1
    due = 0
    for left in reversed(range(pulls)):
        steps = _list if cursor.since is None else _changes
        for page, reached in steps(reader, object, fields, cursor, plan):
            cursor = reached
            ended = cursor.began is None and not left
            due = _due(reader, object, fields, cursor, plan) if ended else 0
            yield replace(page, cursor=cursor.text(), last=ended and not due)
    while due:
        listed = reader.page(object, fields, cursor.round.after)
        cursor = cursor.swept(listed.after, len(listed.records))
        due = max(0, due - len(listed.records)) if listed.after else 0
        yield Page(tuple(listed.records), cursor.text(), not due)


def _due(reader: Reader, object: str, fields: Sequence[str], cursor: Cursor, plan: Plan) -> int:
    """How many records are to be read again for their associations; none while calls are few,
    which are left to reads of changes."""
    if reader.is_low or not words.asked_associations(object, list(fields)):
        return 0
    return plan.stretch(cursor)


def _list(
    reader: Reader, object: str, fields: Sequence[str], start: Cursor, plan: Plan
) -> Iterator[tuple[Page, Cursor]]:
    cursor, read = start, start.round.read
    while True:
        listed = reader.page(object, fields, cursor.after)
        read += len(listed.records)
        began = epoch_ms(listed.at) if cursor.began is None else cursor.began
        cursor = replace(
            cursor, began=began, after=listed.after, round=replace(cursor.round, read=read)
        )
        page = Page(tuple(listed.records), "", False)
        if not listed.after:
            yield page, cursor.listed(read)
            return
        yield page, cursor


def _changes(
    reader: Reader, object: str, fields: Sequence[str], start: Cursor, plan: Plan
) -> Iterator[tuple[Page, Cursor]]:
    cursor, expected = start, None
    found: list[Record] = []
    while cursor.step == "changes":
        hits = _hits(reader, object, fields, cursor, plan.overlap)
        expected = hits.total if expected is None and not start.after else expected
        cursor = replace(cursor, began=cursor.began or epoch_ms(hits.at))
        found = _read(reader, object, hits, fields)
        if hits.last:
            break
        cursor = replace(cursor, after=hits.ids[-1])
        yield Page(tuple(found), "", False, expected), cursor
    looks = cursor.step == "deletes" or plan.looks(cursor)
    if looks:
        assert cursor.looked is not None
        since = _instant(cursor.looked) - plan.overlap
        after = cursor.after if cursor.step == "deletes" else ""
        for gone, following in reader.archived(object, since, after):
            found += gone
            cursor = replace(cursor, step="deletes", after=following)
            if following and len(found) >= _TOMBSTONES:
                yield Page(tuple(found), "", False, expected), cursor
                found = []
    yield Page(tuple(found), "", False, expected), cursor.done(looked=looks)


def _hits(
    reader: Reader, object: str, fields: Sequence[str], cursor: Cursor, overlap: timedelta
) -> Hits:
    """The next records that changed: as many as one call reads associations of; those of one
    search where nobody asks for associations, or where calls are so few that a large page might
    never be read to its end."""
    assert cursor.since is not None
    filters = [
        {
            "propertyName": words.modified_property(object),
            "operator": "GTE",
            "value": str(epoch_ms(_instant(cursor.since) - overlap)),
        }
    ]
    several = words.asked_associations(object, list(fields)) and reader.has_room(_LARGE_PAGE)
    wanted = words.LINKS_READ if several else 1
    hits = reader.search(object, filters, cursor.after)
    while not hits.last and len(hits.ids) < wanted:
        more = reader.search(object, filters, hits.ids[-1])
        hits = replace(hits, ids=[*hits.ids, *more.ids], last=more.last)
    return hits


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _read(reader: Reader, object: str, hits: Hits, fields: Sequence[str]) -> list[Record]:
    """The found records as they are now, each followed by those merged into it. What is not
    live any more is left to the archived list."""
    raws, current = reader.current(object, hits.ids, fields, hits.at)
    tombstones = {str(raw["id"]): records.merged_ids(raw) for raw in raws}
    made: list[Record] = []
    for record in current:
        made.append(record)
        made += [records.merged(object, id, record) for id in tombstones[record.id]]
    return made
