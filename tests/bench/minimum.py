"""The fewest calls that each task can take at each vendor, from what the vendor's API allows.

A minimum counts what moves records and what cannot be done without: starting a bulk job, asking
once whether it is done, fetching its result. It does not count what is paid once per process or
account and has nothing to do with how many records there are: signing in, and reading how the
account's objects are described. Nor further questions after a job that is still at work: how
many there are is the vendor's affair.

A minimum is of calls, and sees neither time nor price: a bulk job takes minutes, and at Zoho 50 or
500 credits. A connector therefore takes to jobs later than calls alone would have it; its options
``bulk_from`` and ``bulk_write_from`` say when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

TASKS: tuple[str, ...] = (
    "first load", "quiet poll", "changes", "deal changes", "updates", "creates", "quiet run",
    "quiet hour",
)  # fmt: skip
"""The tasks there is a minimum for; see `minimum`."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """A number of calls and what it is made of, in words."""

    calls: int
    made_of: str


def minimum(vendor: str, task: str, count: int) -> Minimum:
    """The fewest calls for `count` records; for the quiet tasks, `count` objects.

    Raises:
        KeyError: no such vendor or task.
    """
    return _MINIMA[vendor][task](count)


def _calls(count: int, size: int) -> int:
    """Calls that take `count` records at `size` a call; none takes one call as well."""
    return max(1, -(-count // size))


def _sum(*parts: tuple[int, str]) -> Minimum:
    return Minimum(
        sum(calls for calls, _ in parts), " + ".join(f"{calls:,} × {what}" for calls, what in parts)
    )


def _least(*ways: Minimum) -> Minimum:
    """The cheapest way, the first of those that cost the same."""
    return min(ways, key=lambda way: way.calls)


def quiet(objects: int) -> Minimum:
    """Nothing changed: each object has to be asked for, as no vendor tells of several at once."""
    return _sum((objects, "question, one an object"))


def quiet_hour(objects: int) -> Minimum:
    """Twelve runs, five minutes apart."""
    return _sum((12 * objects, "question, one an object and run"))


# -- Salesforce -------------------------------------------------------------------------------


def salesforce_first_load(records: int) -> Minimum:
    """By queries, or by one bulk query job.

    A query's page holds 2,000 records (REST API guide, Query). Of a job's result 50,000 rows
    come in one call (the page that simple-salesforce's bulk2 asks for by default; the guide
    names no limit but time). How many records there are is not known beforehand: the first
    query tells it, and it is the whole load where they fit into a page.
    """
    pages = _calls(records, 2_000)
    return _least(
        _sum((pages, "page of 2,000")),
        _sum(
            (1, "query that tells the size"),
            (1, "bulk job made"),
            (1, "look"),
            (_calls(records, 50_000), "result of 50,000"),
        ),
    )


def salesforce_changes(records: int) -> Minimum:
    """Queries ordered by the modified stamp, 2,000 records a page; queryAll tells of deleted
    ones as well (REST API guide, QueryAll). Of deals the contact roles that changed are asked
    for in the same composite request, which is one call (REST API guide, Composite)."""
    return _sum((_calls(records, 2_000), "page of 2,000"))


def salesforce_updates(records: int) -> Minimum:
    """sObject Collections of 200 records, or an ingest job of Bulk API 2.0: create, upload,
    start, look. An upload may have 100 MB: 100,000 rows of a kilobyte. A finished job says how
    many rows failed; none needs no list of them (Bulk API 2.0 guide, Get Job Info)."""
    jobs = _calls(records, 100_000)
    return _least(
        _sum((_calls(records, 200), "collection of 200")),
        _sum((jobs, "bulk job made"), (jobs, "upload"), (jobs, "start"), (jobs, "look")),
    )


def salesforce_creates(records: int) -> Minimum:
    """As updates, and the ids of what was created come in the job's successfulResults. Lookups
    are fields of the record: its links cost nothing."""
    jobs = _calls(records, 100_000)
    return _least(
        _sum((_calls(records, 200), "collection of 200")),
        _sum(
            (jobs, "bulk job made"),
            (jobs, "upload"),
            (jobs, "start"),
            (jobs, "look"),
            (jobs, "ids"),
        ),
    )


# -- HubSpot ----------------------------------------------------------------------------------


def hubspot_first_load(records: int) -> Minimum:
    """The list has 100 records a page and brings associations along (CRM objects API, list)."""
    return _sum((_calls(records, 100), "list page of 100"))


def hubspot_changes(records: int) -> Minimum:
    """Search finds 200 records a page (CRM search API). Its index trails behind the records by
    seconds, so what it found is read by batch reads of 100, and its associations, which
    neither of them gives, by batch reads of 1,000 (Associations API v4)."""
    found = _calls(records, 200)
    if not records:
        return _sum((found, "search"))
    return _sum(
        (found, "search of 200"),
        (_calls(records, 100), "batch read of 100"),
        (_calls(records, 1_000), "association read of 1,000"),
    )


def hubspot_deal_changes(records: int) -> Minimum:
    """The same, with companies and contacts to read the associations of."""
    if not records:
        return hubspot_changes(0)
    return _sum(
        (_calls(records, 200), "search of 200"),
        (_calls(records, 100), "batch read of 100"),
        (2 * _calls(records, 1_000), "association read of 1,000"),
    )


def hubspot_updates(records: int) -> Minimum:
    """Batch updates of 100 (CRM objects API, batch)."""
    return _sum((_calls(records, 100), "batch of 100"))


def hubspot_creates(records: int) -> Minimum:
    """Batch creates of 100, each record with its associations (CRM objects API, batch create:
    ``inputs[].associations``). A property with unique values keeps one sent twice from being
    made twice, as an upsert does, which takes no associations."""
    return _sum((_calls(records, 100), "batch of 100 with associations"))


def hubspot_quiet_run(objects: int) -> Minimum:
    """Owners come in two lists, the archived ones in one of their own (Owners API), which is read
    once a day."""
    return quiet(objects)


def hubspot_quiet_hour(objects: int) -> Minimum:
    """Twelve runs, five minutes apart, and every fifteen minutes a look at the archived records of
    each object but users, which stand in a list of their own (CRM objects API, ``archived``)."""
    return _sum(
        (12 * objects, "question, one an object and run"),
        (4 * (objects - 1), "look at deletions"),
    )


# -- Zoho -------------------------------------------------------------------------------------


def zoho_first_load(records: int) -> Minimum:
    """COQL windows of 2,000 (COQL limitations), or Bulk Read jobs of 200,000: create, look,
    download (Bulk Read API). Which of them is cheaper depends on how many there are: the count
    is a call of its own, for COQL tells only whether there is more."""
    jobs = _calls(records, 200_000)
    windows = _calls(records, 2_000)
    return _least(
        _sum((1, "count"), (windows, "window of 2,000")),
        _sum((1, "count"), (jobs, "bulk job made"), (jobs, "look"), (jobs, "download")),
    )


def zoho_changes(records: int) -> Minimum:
    """COQL windows of 2,000 by the modified stamp."""
    return _sum((_calls(records, 2_000), "window of 2,000"))


def zoho_writes(records: int) -> Minimum:
    """Batches of 100 (Insert, Update and Upsert Records), or Bulk Write jobs of 25,000: upload,
    create, look, download the result, which has the ids (Bulk Write API). Lookups are fields of
    the record: its links cost nothing."""
    jobs = _calls(records, 25_000)
    return _least(
        _sum((_calls(records, 100), "batch of 100")),
        _sum((jobs, "upload"), (jobs, "bulk job made"), (jobs, "look"), (jobs, "result")),
    )


def zoho_quiet_hour(objects: int) -> Minimum:
    """Twelve runs, five minutes apart, and every fifteen minutes a look at the deleted records of
    each object but users, which stand in a list of their own (Deleted Records API)."""
    return _sum(
        (12 * objects, "question, one an object and run"),
        (4 * (objects - 1), "look at deletions"),
    )


_MINIMA: Mapping[str, Mapping[str, Callable[[int], Minimum]]] = {
    "salesforce": {
        "first load": salesforce_first_load,
        "quiet poll": quiet,
        "changes": salesforce_changes,
        "deal changes": salesforce_changes,
        "updates": salesforce_updates,
        "creates": salesforce_creates,
        "quiet run": quiet,
        "quiet hour": quiet_hour,
    },
    "hubspot": {
        "first load": hubspot_first_load,
        "quiet poll": quiet,
        "changes": hubspot_changes,
        "deal changes": hubspot_deal_changes,
        "updates": hubspot_updates,
        "creates": hubspot_creates,
        "quiet run": hubspot_quiet_run,
        "quiet hour": hubspot_quiet_hour,
    },
    "zoho": {
        "first load": zoho_first_load,
        "quiet poll": quiet,
        "changes": zoho_changes,
        "deal changes": zoho_changes,
        "updates": zoho_writes,
        "creates": zoho_writes,
        "quiet run": quiet,
        "quiet hour": zoho_quiet_hour,
    },
}
