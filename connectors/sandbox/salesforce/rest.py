"""The REST resources under ``/services/data/vNN.0``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from connectors.sandbox.salesforce.bulk_ingest import IngestJobs
from connectors.sandbox.salesforce.bulk_query import QueryJobs
from connectors.sandbox.salesforce.composite import Collections, Composite
from connectors.sandbox.salesforce.ids import to18
from connectors.sandbox.salesforce.jobs import Jobs
from connectors.sandbox.salesforce.metadata import create_field, describe, summary
from connectors.sandbox.salesforce.query import PAGE, Queries
from connectors.sandbox.salesforce.rows import Rows, Several, missing, urls
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.values import parse_instant
from connectors.sandbox.salesforce.wire import Refusal, Reply, listed

#: The API versions answered: those not retired, the oldest being jsforce's default and older.
VERSIONS = range(31, 69)


def versions() -> list[dict[str, str]]:
    """The body of ``GET /services/data``."""
    return [
        {"label": f"Release {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"}
        for n in VERSIONS
    ]


class Rest:
    """Routes a request to what answers it.

    `calls` is how many calls the org may make a day; the count starts again at midnight UTC.
    """

    def __init__(self, store: Store, calls: int) -> None:
        self._store = store
        self.calls = calls
        self.used = 0
        self._day = ""
        self.rows = Rows(store)
        self.queries = Queries(store)
        self._collections = Collections(store, self.rows)
        self._base = ""
        self._batch_size = PAGE
        self._composite = Composite(store, self.dispatch)
        self.bulk: dict[str, Jobs] = {
            "query": QueryJobs(store),
            "ingest": IngestJobs(store, self.rows),
        }

    def count(self) -> None:
        """Count one call of the day.

        Raises:
            Refusal: REQUEST_LIMIT_EXCEEDED.
        """
        self._begin()
        if self.used >= self.calls:
            raise Refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
        self.used += 1

    def _begin(self) -> None:
        today = self._store.now()[:10]
        if today != self._day:
            self._day, self.used = today, 0

    def leave(self, calls: int) -> Callable[[], None]:
        """Let that many calls be left today; returns what gives the others back."""
        self._begin()
        before, day = self.used, self._day
        spent = self.used = max(0, self.calls - calls)

        def back() -> None:
            if self._day == day:
                self.used = before + self.used - spent

        return back

    @property
    def usage(self) -> str:
        """The ``Sforce-Limit-Info`` header."""
        return f"api-usage={self.used}/{self.calls}"

    def answer(
        self,
        method: str,
        base: str,
        path: str,
        args: Mapping[str, str],
        body: Any,
        options: str = "",
    ) -> Reply:
        """One request; `base` is ``/services/data/vNN.0``, `path` what follows it, `options`
        the ``Sforce-Query-Options`` header.

        Raises:
            Refusal, Refusals: it is refused.
        """
        self._base = base
        wanted = re.search(r"batchSize=(\d+)", options)
        self._batch_size = int(wanted[1]) if wanted else PAGE
        return self.dispatch(method, path, args, body)

    def jobs(
        self, method: str, base: str, path: str, args: Mapping[str, str], data: bytes
    ) -> Reply:
        """A request of the Bulk API 2.0; `path` follows ``/jobs``, `data` is JSON or CSV.

        Raises:
            Refusal, Refusals: it is refused.
        """
        kind, *rest = [unquote(part) for part in path.strip("/").split("/") if part] or [""]
        if kind not in self.bulk:
            raise missing()
        return self.bulk[kind].answer(method, base, rest, args, data)

    def dispatch(self, method: str, path: str, args: Mapping[str, str], body: Any) -> Reply:
        """Route by the first part of the path."""
        parts = [unquote(part) for part in path.strip("/").split("/") if part]
        match parts:
            case []:
                names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs", "tooling")
                return Reply(body={name: f"{self._base}/{name}" for name in names})
            case ["limits"]:
                daily = {"Max": self.calls, "Remaining": max(0, self.calls - self.used)}
                return Reply(body={"DailyApiRequests": daily})
            case ["query" | "queryAll" as kind, *rest]:
                return self._query(kind, rest, args)
            case ["sobjects"] if method == "GET":
                return self._global_describe()
            case ["sobjects", name, *rest]:
                return self._sobject(method, name, rest, args, body)
            case ["composite", *rest]:
                return self._many(method, rest, args, body)
            case ["tooling", *rest]:
                return self._tooling(method, rest, args, body)
        raise missing()

    def _query(self, kind: str, rest: list[str], args: Mapping[str, str]) -> Reply:
        if rest:
            return Reply(body=self.queries.more(rest[0], self._base))
        text = args.get("q")
        if text is None:
            raise Refusal("MALFORMED_QUERY", "A query string has to be specified")
        deleted = kind == "queryAll"
        return Reply(body=self.queries.run(text, self._base, deleted, self._batch_size))

    def _global_describe(self) -> Reply:
        listed_objects = [o for o in self._store.objects.values() if o.name != "Name"]
        return Reply(
            body={
                "encoding": "UTF-8",
                "maxBatchSize": 200,
                "sobjects": [summary(object, self._base) for object in listed_objects],
            }
        )

    def _sobject(
        self, method: str, name: str, rest: list[str], args: Mapping[str, str], body: Any
    ) -> Reply:
        object = self.rows.object(name)
        match method, rest:
            case "GET", []:
                return Reply(
                    body={"objectDescribe": summary(object, self._base), "recentItems": []}
                )
            case "POST", []:
                id = self.rows.create(object, _mapping(body))
                where = {"Location": f"{self._base}/sobjects/{object.name}/{id}"}
                return Reply(201, {"id": id, "success": True, "errors": []}, where)
            case "GET", ["describe"]:
                return Reply(body=describe(object, self._base))
            case "GET", ["deleted" | "updated" as which]:
                span = args.get("start", ""), args.get("end", "")
                return Reply(body=self.rows.changes(object, *span, which == "deleted", self._base))
            case _, [id]:
                return self._record(method, name, id, args, body)
            case _, [key, value]:
                return self._keyed(method, name, key, value, args, body)
        raise missing()

    def _record(self, method: str, name: str, id: str, args: Mapping[str, str], body: Any) -> Reply:
        object = self.rows.object(name)
        if method == "GET":
            row = self.rows.live(object, id)
            fields = args["fields"].split(",") if "fields" in args else None
            changed = parse_instant(str(row["SystemModstamp"]))
            stamped = {"Last-Modified": format_datetime(changed, usegmt=True)}
            return Reply(body=self.rows.shown(object, row, self._base, fields), headers=stamped)
        if method == "PATCH":
            self.rows.update(object, id, _mapping(body))
            return Reply(204)
        if method == "DELETE":
            self.rows.delete(object, id)
            return Reply(204)
        raise Refusal("METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed.", 405)

    def _keyed(
        self, method: str, name: str, key_name: str, value: str, args: Mapping[str, str], body: Any
    ) -> Reply:
        object = self.rows.object(name)
        key = self.rows.key(object, key_name)
        try:
            if method == "PATCH":
                if args.get("updateOnly", "").lower() == "true" and not self.rows.by_key(
                    object, key, value
                ):
                    raise missing()
                id, created = self.rows.upsert(object, key, value, _mapping(body))
                result = {"id": id, "success": True, "errors": [], "created": created}
                return Reply(201 if created else 200, result)
            row = self.rows.by_key(object, key, value)
        except Several as several:
            return Reply(300, urls(object, several.ids, self._base))
        if row is None:
            raise missing()
        return self._record(method, name, str(row["Id"]), args, body)

    def _many(self, method: str, rest: list[str], args: Mapping[str, str], body: Any) -> Reply:
        match method, rest:
            case "POST", []:
                return Reply(body=self._composite.run(body))
            case "POST", ["batch"]:
                return Reply(body=self._composite.batch(body))
            case "POST", ["sobjects"]:
                return Reply(body=self._collections.create(body))
            case "PATCH", ["sobjects"]:
                return Reply(body=self._collections.update(body))
            case "DELETE", ["sobjects"]:
                return Reply(body=self._collections.delete(args))
            case "GET", ["sobjects", name]:
                ids, fields = args.get("ids", "").split(","), args.get("fields", "Id").split(",")
                return Reply(body=self._collections.retrieve(name, ids, fields, self._base))
            case "POST", ["sobjects", name]:
                return Reply(
                    body=self._collections.retrieve(
                        name, listed(body, "ids"), listed(body, "fields"), self._base
                    )
                )
            case "PATCH", ["sobjects", name, key]:
                return Reply(body=self._collections.upsert(name, key, body))
        raise missing()

    def _tooling(self, method: str, rest: list[str], args: Mapping[str, str], body: Any) -> Reply:
        if (method, rest) == ("POST", ["sobjects", "CustomField"]):
            create_field(self._store, body)
            made = to18(f"00NCc{self.used:010d}")
            done = {"id": made, "success": True, "errors": [], "warnings": [], "infos": []}
            return Reply(201, done)
        raise missing()


def _mapping(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Refusal("JSON_PARSER_ERROR", "The HTTP entity body is required")
    return body
