"""Reading records: what changed, by id, by value."""

# ruff: noqa: S608 (names are checked and values quoted by `soql`)
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Page, Record
from connectors.errors import Misconfigured
from connectors.salesforce.bulk import Jobs
from connectors.salesforce.client import Client, LocatorExpired
from connectors.salesforce.cursor import Cursor, Sweep, load
from connectors.salesforce.describe import Schema
from connectors.salesforce.rows import Plan, Plans, Rows
from connectors.salesforce.soql import chunks, listed, name
from connectors.salesforce.sweep import Sweeper
from connectors.salesforce.values import instant, is_id, soql_instant, to18

#: A transaction may become visible this long after the stamp it carries.
OVERLAP = timedelta(seconds=60)
#: First loads of more records than this go through the Bulk API.
BULK_FROM = 20_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reader:
    """Reads one account. `us` tells the id of our own user, '' where unknown."""

    def __init__(
        self,
        client: Client,
        schema: Schema,
        us: Callable[[], str],
        jobs: Jobs,
        overlap: timedelta = OVERLAP,
        bulk_from: int = BULK_FROM,
    ) -> None:
        self._client = client
        self._schema = schema
        self._plans = Plans(schema)
        self._rows = Rows(client, us)
        self._sweeper = Sweeper(client, self._plans, self._rows, jobs)
        self._overlap = overlap
        self._bulk_from = bulk_from

    # What changed

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        """See `connectors.base.Connector.pull`."""
        start = None if since is None else load(since, self._client.connection)
        if isinstance(start, Sweep):
            yield from self._sweeper.pages(object, fields, start)
            return
        if start is None:
            self._schema.current(object)
        plan, (page, touched) = self._plans.fresh(
            object, fields, lambda plan: (plan, self._open(plan, start))
        )
        began = self._client.asked_at or _EPOCH
        expected = int(page["totalSize"])
        if start is None and expected > self._bulk_from:
            sweep = self._sweeper.begin(object, fields, began, expected)
            if sweep is not None:
                yield from self._sweeper.pages(object, fields, sweep)
                return
        place = start
        roles_from = start.roles if start else began
        seen: set[str] = set()
        while True:
            records = self._rows.records(plan, page["records"])
            seen.update(record.id for record in records)
            place = self._advanced(plan, page["records"], place, began, roles_from)
            if page["done"]:
                break
            yield Page(records, (place or _restart(roles_from)).dump(), False, expected)
            try:
                page = self._client.more(page["nextRecordsUrl"])
            except LocatorExpired:
                page, touched = self._open(plan, place or start)
        end = Cursor(began, "", began)
        changed = [id for id in touched if id not in seen]
        if not changed:
            yield Page(records, end.dump(), True, expected)
            return
        # Contact roles changed or removed do not touch the opportunity they belong to.
        between = Cursor(began, "", roles_from).dump()
        yield Page(records, between, False, expected)
        parts = list(chunks(plan.select, changed, 200))
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            found = self._rows.records(plan, self._by_ids(plan, part))
            yield Page(found, end.dump() if last else between, last, expected)

    def _open(self, plan: Plan, start: Cursor | None) -> tuple[dict[str, Any], list[str]]:
        """The first page of what comes after `start`, and the opportunities whose contact roles
        were added, changed or removed since the roles were last read."""
        where = f" WHERE {start.condition(plan.stamp, self._overlap)}" if start else ""
        soql = f"{plan.select}{where} ORDER BY {plan.stamp} ASC, Id ASC"
        if start is None or not plan.roles:
            return self._client.query(soql, deleted=start is not None), []
        since = soql_instant(start.roles - self._overlap)
        roles = (
            "SELECT OpportunityId FROM OpportunityContactRole WHERE SystemModstamp >= "
            f"{since} ORDER BY SystemModstamp, Id"
        )
        while True:
            page, touched = self._client.queries([soql, roles], deleted=True)
            try:
                rows = self._client.rest(touched)
            except LocatorExpired:
                continue
            return page, list(dict.fromkeys(to18(row["OpportunityId"]) for row in rows))

    def _advanced(
        self,
        plan: Plan,
        rows: Sequence[Mapping[str, Any]],
        place: Cursor | None,
        began: datetime,
        roles_from: datetime,
    ) -> Cursor | None:
        """The place after these rows.

        A row stamped since the pull began has left its place in the order: the last one that
        has not tells how far the pull got.
        """
        for row in reversed(rows):
            at = instant(row[plan.stamp])
            if at < began:
                settled = at <= began - self._overlap
                return Cursor(at, to18(row["Id"]) if settled else "", roles_from)
        return place

    # By id, by value

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """See `connectors.base.Connector.fetch`."""
        wanted = list(dict.fromkeys(to18(id) for id in ids))

        def ask(plan: Plan) -> list[Record]:
            found: list[Record] = []
            for part in chunks(plan.select, [id for id in wanted if is_id(id)], 400):
                found += self._rows.records(plan, self._by_ids(plan, part))
            return found

        found = self._plans.fresh(object, fields, ask) if wanted else []
        known = {record.id for record in found}
        at = self._client.asked_at or datetime.now(UTC)
        # Past the recycle bin nothing is left of a record but its absence; nor does anything
        # show of one that is not shared with our user.
        return found + [
            Record(object, id, {}, version="", modified_at=at, deleted=True, certain=False)
            for id in wanted
            if id not in known
        ]

    def find(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """See `connectors.base.Connector.find`."""
        wanted = list(dict.fromkeys(value for value in values if value))
        if not wanted:
            return []
        if field not in self._schema.get(object).fields:
            raise Misconfigured(
                f"{self._client.connection}: {object} shows no field {field!r}",
                connection=self._client.connection,
            )

        def ask(plan: Plan) -> list[Record]:
            found: dict[str, Record] = {}
            for part in chunks(plan.select, wanted, 200):
                soql = f"{plan.select} WHERE {name(field)} IN {listed(part)}"
                for record in self._rows.records(plan, self._client.query_all(soql)):
                    found[record.id] = record
            return list(found.values())

        return self._plans.fresh(object, fields, ask)

    def _by_ids(self, plan: Plan, ids: Sequence[str]) -> list[dict[str, Any]]:
        soql = f"{plan.select} WHERE Id IN {listed(ids)}"
        return self._client.query_all(soql, deleted=True)


def _restart(roles_from: datetime) -> Cursor:
    """Nothing is settled yet: read everything again."""
    return Cursor(_EPOCH, "", roles_from)
