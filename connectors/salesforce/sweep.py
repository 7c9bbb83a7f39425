"""First loads of large objects: a bulk query in the order of the ids, read page by page."""

# ruff: noqa: S608 (names are checked and values quoted by `soql`)
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.base import Page
from connectors.errors import AuthenticationFailed, Bug, ConnectorError, Wait
from connectors.salesforce.bulk import JobGone, Jobs
from connectors.salesforce.client import Client, LocatorExpired
from connectors.salesforce.cursor import Sweep
from connectors.salesforce.describe import ROLES
from connectors.salesforce.rows import ROLE_FIELDS, Plan, Plans, Rows
from connectors.salesforce.soql import listed
from connectors.salesforce.values import of_cell, soql_instant, to18

#: Records of one page, and rows asked of a bulk result in one call.
PAGE, ROWS = 2_000, 10_000


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
        while True:
            result = self._jobs.results(sweep.job, sweep.locator, ROWS)
            columns, rows, locator = result.columns, result.rows, result.locator
            # Only the rows still to come are held on to.
            del result
            at = columns.index("Id") if "Id" in columns else 0
            _drop_read(rows, at, sweep.id)
            roles = self._roles(rows[0][at], rows[-1][at]) if plan.roles and rows else {}
            while True:
                part = [self._row(plan, columns, cells, roles) for cells in rows[:PAGE]]
                del rows[:PAGE]
                sweep = replace(sweep, id=to18(part[-1]["Id"]) if part else sweep.id)
                if not rows:
                    sweep = replace(sweep, locator=locator)
                last = not rows and not locator
                records = self._rows.records(plan, part, whole=True)
                cursor = sweep.end if last else sweep.dump()
                yield sweep, Page(records, cursor, last, sweep.expected)
                if last:
                    return
                if not rows:
                    break

    def _row(
        self,
        plan: Plan,
        columns: Sequence[str],
        cells: Sequence[str],
        roles: Mapping[str, list[dict[str, Any]]],
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
            row[ROLES] = {"done": True, "records": roles.get(row["Id"], [])}
        # Compound fields are not asked for; over REST they come as no value.
        return dict.fromkeys(plan.fields) | row

    def _roles(self, first: str, last: str) -> dict[str, list[dict[str, Any]]]:
        """The contact roles of the opportunities from `first` to `last`, by opportunity: the
        Bulk API knows no sub-selects."""
        soql = (
            f"SELECT OpportunityId, {ROLE_FIELDS} FROM OpportunityContactRole WHERE "
            f"OpportunityId >= {listed([first])[1:-1]} AND OpportunityId <= "
            f"{listed([last])[1:-1]} ORDER BY OpportunityId"
        )
        found: dict[str, list[dict[str, Any]]] = {}
        for role in self._client.query_all(soql):
            found.setdefault(to18(role["OpportunityId"]), []).append(role)
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


def _drop_read(rows: list[list[str]], at: int, id: str) -> None:
    """Drop the rows up to the one with that id, if it is among them; `at` is its column."""
    for number, row in enumerate(rows):
        if id and to18(row[at]) == id:
            del rows[: number + 1]
            return
