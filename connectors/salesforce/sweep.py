"""First loads of large objects: a bulk query in the order of the ids, read page by page."""

# ruff: noqa: S608 (names are checked and values quoted by `soql`)
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from connectors.base import Page
from connectors.errors import AuthenticationFailed, Bug, ConnectorError, Wait
from connectors.salesforce.bulk import JobGone, Jobs, ResultPage
from connectors.salesforce.client import Client, LocatorExpired
from connectors.salesforce.cursor import Sweep
from connectors.salesforce.describe import ROLES
from connectors.salesforce.rows import ROLE_FIELDS, Plan, Plans, Rows
from connectors.salesforce.soql import listed
from connectors.salesforce.values import of_cell, soql_instant, to18

#: Records of one page, and rows asked of a bulk result in one call (as simple-salesforce does).
PAGE, ROWS = 2_000, 50_000
#: Opportunities whose contact roles are asked for together.
GROUP = 10_000

#: Contact roles by opportunity; None for one that is deleted.
Roles = Mapping[str, list[dict[str, Any]] | None]


class Sweeper:
    """Reads whole objects by id."""

    def __init__(self, client: Client, plans: Plans, rows: Rows, jobs: Jobs) -> None:
        self._client = client
        self._plans = plans
        self._rows = rows
        self._jobs = jobs

    def begin(
        self, object: str, fields: Sequence[str], began: datetime, expected: int
    ) -> Sweep | None:
        """A sweep with its bulk job; None where the account or the object has no Bulk API."""

        def ask(plan: Plan) -> Sweep:
            job = self._jobs.query(plan.bulk + " ORDER BY Id ASC")
            return Sweep(soql_instant(began), expected, plan.shape, job)

        try:
            return self._plans.fresh(object, fields, ask)
        except (Wait, AuthenticationFailed):
            raise
        except ConnectorError:
            # REST takes longer, and is told what is wrong in its own words.
            return None

    def pages(self, object: str, fields: Sequence[str], sweep: Sweep) -> Iterator[Page]:
        """What is left of a sweep."""
        plan = self._plans.make(object, fields)
        if sweep.job and sweep.shape == plan.shape:
            if not (sweep.locator or sweep.id):
                # Whoever comes after a crash waits for the same job.
                yield Page((), sweep.dump(), False, sweep.expected)
            try:
                for place, page in self._of_job(plan, sweep):
                    sweep = place
                    yield page
                return
            except JobGone:
                # Forgotten, aborted or failed: what is left is read by queries.
                pass
        sweep = replace(sweep, job="", locator="", shape=plan.shape)
        yield from self._by_queries(object, fields, sweep)

    # From the job

    def _of_job(self, plan: Plan, sweep: Sweep) -> Iterator[tuple[Sweep, Page]]:
        """The pages, each with the place after it.

        Raises:
            JobGone: from the next page on.
        """
        if not (sweep.locator or sweep.id):
            job = self._jobs.wait("query", sweep.job)
            if job.state != "JobComplete":
                raise JobGone(job.words)
        read = sweep.id
        while True:
            with self._jobs.results(sweep.job, sweep.locator, ROWS, read) as result:
                for part, roles, more in self._parts(plan, result):
                    rows = [self._row(plan, result.columns, cells, roles) for cells in part]
                    sweep = replace(sweep, id=to18(rows[-1]["Id"]) if rows else sweep.id)
                    if not more:
                        sweep = replace(sweep, locator=result.locator)
                    last = not more and not result.locator
                    # Deleted since the job read it: its roles went with it, and the changes
                    # that follow the load tell of it.
                    there = [row for row in rows if roles.get(row["Id"], ()) is not None]
                    records = self._rows.records(plan, there, whole=True)
                    cursor = sweep.end if last else sweep.dump()
                    yield sweep, Page(records, cursor, last, sweep.expected)
                if not result.locator:
                    return
            # What was read before is on the page that the cursor named, and on no other.
            read = ""

    def _parts(
        self, plan: Plan, result: ResultPage
    ) -> Iterator[tuple[list[list[str]], Roles, bool]]:
        """The rows of a result by pages, with the contact roles among them, and whether there
        are more; one empty part if there are no rows."""
        at = result.columns.index("Id") if "Id" in result.columns else 0
        left = result.count
        while True:
            # The roles of many pages come in one query.
            group = list(islice(result.rows, GROUP if plan.roles else PAGE))
            roles: Roles = self._roles(group[0][at], group[-1][at]) if plan.roles and group else {}
            for start in range(0, len(group) or 1, PAGE):
                part = group[start : start + PAGE]
                left -= len(part)
                yield part, roles, left > 0
            if left <= 0:
                return

    def _row(
        self,
        plan: Plan,
        columns: Sequence[str],
        cells: Sequence[str],
        roles: Roles,
    ) -> dict[str, Any]:
        """A row as a query over REST would give it."""
        known = plan.info.fields
        try:
            row: dict[str, Any] = {
                column: of_cell(text, known[column].type)
                for column, text in zip(columns, cells, strict=True)
            }
            row["Id"] = to18(row["Id"])
        except (KeyError, ValueError) as error:
            connection = self._client.connection
            raise Bug(
                f"{connection}: a bulk result of {plan.info.name} cannot be read: {error}",
                connection=connection,
            ) from error
        if plan.roles:
            row[ROLES] = {"done": True, "records": roles.get(row["Id"]) or []}
        # Compound fields are not asked for; over REST they come as no value.
        return dict.fromkeys(plan.fields) | row

    def _roles(self, first: str, last: str) -> Roles:
        """The contact roles of the opportunities from `first` to `last`, by opportunity: the
        Bulk API knows no sub-selects."""
        soql = (
            f"SELECT OpportunityId, Opportunity.IsDeleted, {ROLE_FIELDS} "
            "FROM OpportunityContactRole WHERE "
            f"OpportunityId >= {listed([first])[1:-1]} AND OpportunityId <= "
            f"{listed([last])[1:-1]} ORDER BY OpportunityId"
        )
        found: dict[str, list[dict[str, Any]] | None] = {}
        for role in self._client.query_all(soql, deleted=True):
            opportunity = to18(role["OpportunityId"])
            if (role.get("Opportunity") or {}).get("IsDeleted"):
                found[opportunity] = None
                continue
            held = found.setdefault(opportunity, [])
            if held is not None and not role["IsDeleted"]:
                held.append(role)
        return found

    # By queries

    def _by_queries(self, object: str, fields: Sequence[str], sweep: Sweep) -> Iterator[Page]:
        def ask(plan: Plan) -> tuple[Plan, dict[str, Any]]:
            return plan, self._client.query(plan.select + sweep.condition)

        plan, page = self._plans.fresh(object, fields, ask)
        while True:
            rows = page["records"]
            records = self._rows.records(plan, rows)
            if rows:
                sweep = replace(sweep, id=to18(rows[-1]["Id"]))
            if page["done"]:
                yield Page(records, sweep.end, True, sweep.expected)
                return
            yield Page(records, sweep.dump(), False, sweep.expected)
            try:
                page = self._client.more(page["nextRecordsUrl"])
            except LocatorExpired:
                plan, page = self._plans.fresh(object, fields, ask)
