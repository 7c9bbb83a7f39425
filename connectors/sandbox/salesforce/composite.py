"""Many records or many requests in one call: sObject Collections, composite, batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.sandbox.salesforce.checks import known
from connectors.sandbox.salesforce.ids import is_id, to18
from connectors.sandbox.salesforce.rows import Rows, Several, problems
from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.wire import Refusal, Refusals, Reply, listed

#: Records in one collection call, ids in one retrieve, requests in one composite call.
RECORDS, IDS, REQUESTS = 200, 2000, 25

#: Requests of one composite call that may be queries or collections.
COSTLY = 5

_COSTLY = re.compile(r"/v\d+\.0/(query|queryAll|composite/sobjects)\b")

Dispatch = Callable[[str, str, Mapping[str, str], Any], Reply]


class _Undo(Exception):
    """Leaves a savepoint without keeping what was done in it."""


def _failed(*refusals: Refusal) -> dict[str, Any]:
    return {"success": False, "errors": [refusal.item for refusal in refusals]}


class Collections:
    """``/composite/sobjects``: up to 200 records, each with its own result."""

    def __init__(self, store: Store, rows: Rows) -> None:
        self._store = store
        self._rows = rows

    def create(self, body: Any) -> list[dict[str, Any]]:
        """POST: a result per record, in order."""

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            object = self._rows.object(_type(record))
            return {"id": self._rows.create(object, record), "success": True, "errors": []}

        return self._each(body, one)

    def update(self, body: Any) -> list[dict[str, Any]]:
        """PATCH: a result per record, in order."""

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            object = self._rows.object(_type(record))
            id = str(record.get("id") or record.get("Id") or "")
            if not id:
                raise Refusal("MISSING_ARGUMENT", "Id not specified in an update call")
            values = {name: v for name, v in record.items() if name.lower() != "id"}
            known(object, values)
            self._rows.update(object, id, values, item=True)
            return {"id": to18(id), "success": True, "errors": []}

        return self._each(body, one)

    def upsert(self, object_name: str, key_name: str, body: Any) -> list[dict[str, Any]]:
        """PATCH by external id: a result per record, in order."""
        object = self._rows.object(object_name)
        key = self._rows.key(object, key_name)
        seen: set[str] = set()

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            named = {name.lower(): value for name, value in record.items()}
            value = named.get(key.name.lower())
            if value is None or value == "":
                raise Refusal("MISSING_ARGUMENT", f"{key.name} not specified")
            known(object, record)
            if str(value).casefold() in seen:
                raise Refusal(
                    "DUPLICATE_VALUE",
                    f"Duplicate external id specified: {value}",
                    fields=[key.name],
                )
            seen.add(str(value).casefold())
            try:
                id, created = self._rows.upsert(object, key, str(value), record)
            except Several as several:
                raise Refusal(
                    "DUPLICATE_EXTERNAL_ID",
                    f"{key.name}: more than one record found for external id field: "
                    f"[{', '.join(several.ids)}]",
                ) from None
            return {"id": id, "success": True, "errors": [], "created": created}

        return self._each(body, one)

    def delete(self, args: Mapping[str, str]) -> list[dict[str, Any]]:
        """DELETE ``?ids=``: a result per id, in order."""
        ids = [id for id in args.get("ids", "").split(",") if id]

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            id = str(record["id"])
            object = self._store.by_prefix(id) if is_id(id) else None
            if object is None:
                raise Refusal("MALFORMED_ID", f"malformed id {id}")
            self._rows.delete(object, id, item=True)
            return {"id": to18(id), "success": True, "errors": []}

        all_or_none = args.get("allOrNone", "false").lower() == "true"
        return self._each({"records": [{"id": id} for id in ids], "allOrNone": all_or_none}, one)

    def retrieve(
        self, object_name: str, ids: list[str], fields: list[str], base: str
    ) -> list[dict[str, Any] | None]:
        """GET or POST: a record per id, null where there is none."""
        object = self._rows.object(object_name)
        if len(ids) > IDS:
            raise Refusal("EXCEEDED_ID_LIMIT", f"at most {IDS} ids")
        found: list[dict[str, Any] | None] = []
        for id in ids:
            row = self._store.row(object, id)
            gone = row is None or row["IsDeleted"]
            found.append(
                None if gone or row is None else self._rows.shown(object, row, base, fields)
            )
        return found

    def _each(
        self, body: Any, one: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        records = listed(body, "records")
        if len(records) > RECORDS:
            raise Refusal(
                "EXCEEDED_MAX_SIZE_REQUEST",
                f"record limit reached. cannot submit more than {RECORDS} records into this call",
            )
        all_or_none = bool(body.get("allOrNone"))
        results: list[dict[str, Any]] = []
        try:
            with self._store.undoable():
                for record in records:
                    try:
                        with self._store.undoable():
                            results.append(one(record))
                    except Refusals as refused:
                        results.append(_failed(*refused.refusals))
                    except Refusal as refused:
                        if refused.code in ("INVALID_FIELD", "JSON_PARSER_ERROR"):
                            raise  # Salesforce cannot read the request, and takes none of it.
                        results.append(_failed(refused))
                if all_or_none and not all(result["success"] for result in results):
                    raise _Undo
        except _Undo:
            rolled_back = Refusal(
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using "
                "AllOrNone header",
            )
            return [_failed(rolled_back) if r["success"] else r for r in results]
        return results


def _type(record: Mapping[str, Any]) -> str:
    attributes = record.get("attributes")
    if not isinstance(attributes, Mapping) or "type" not in attributes:
        raise Refusal("INVALID_FIELD", "The attributes.type of a record is required")
    return str(attributes["type"])


class Composite:
    """``/composite`` and ``/composite/batch``: several requests in one."""

    def __init__(self, store: Store, dispatch: Dispatch) -> None:
        self._store = store
        self._dispatch = dispatch

    def run(self, body: Any) -> dict[str, Any]:
        """Requests that may refer to earlier results as ``@{reference.field}``."""
        parts = _few(listed(body, "compositeRequest"))
        costly = [part for part in parts if _COSTLY.search(str(part["url"]))]
        if len(costly) > COSTLY:
            raise Refusal(
                "LIMIT_EXCEEDED",
                f"at most {COSTLY} of the requests may be queries or sObject Collections",
            )
        replies: dict[str, Any] = {}
        answers: list[dict[str, Any]] = []
        try:
            with self._store.undoable():
                for part in parts:
                    reply = self._one(
                        str(part["method"]), _fill(str(part["url"]), replies),
                        _filled(part.get("body"), replies),
                    )  # fmt: skip
                    replies[part["referenceId"]] = reply.body
                    answers.append(
                        {
                            "body": reply.body,
                            "httpHeaders": reply.headers,
                            "httpStatusCode": reply.status,
                            "referenceId": part["referenceId"],
                        }
                    )
                if body.get("allOrNone") and any(a["httpStatusCode"] >= 400 for a in answers):
                    raise _Undo
        except _Undo:
            halted = Refusal(
                "PROCESSING_HALTED",
                "The transaction was rolled back since another operation in the same transaction "
                "failed.",
            )
            for answer in answers:
                if answer["httpStatusCode"] < 400:
                    answer.update(body=[halted.entry], httpStatusCode=400)
        return {"compositeResponse": answers}

    def batch(self, body: Any) -> dict[str, Any]:
        """Independent requests; their URLs start at the version."""
        results = []
        for part in _few(listed(body, "batchRequests")):
            url = str(part["url"])
            url = url if url.startswith("/") else f"/services/data/{url}"
            reply = self._one(str(part["method"]), url, part.get("richInput"))
            results.append({"statusCode": reply.status, "result": reply.body})
        return {"hasErrors": any(r["statusCode"] >= 400 for r in results), "results": results}

    def _one(self, method: str, url: str, body: Any) -> Reply:
        split = urlsplit(url)
        path = re.sub(r"^/services/data/v\d+\.0/?", "", split.path)
        try:
            with self._store.undoable():
                return self._dispatch(method.upper(), path, dict(parse_qsl(split.query)), body)
        except (Refusal, Refusals) as refused:
            found = problems(refused)
            return Reply(found[0].status, [refusal.entry for refusal in found])


def _few(parts: list[Any]) -> list[Any]:
    if len(parts) > REQUESTS:
        raise Refusal("EXCEEDED_MAX_SIZE_REQUEST", f"at most {REQUESTS} requests")
    return parts


def _fill(text: str, replies: Mapping[str, Any]) -> str:
    def look(match: re.Match[str]) -> str:
        name, _, path = match[1].partition(".")
        found: Any = replies.get(name)
        for step in re.findall(r"[^.\[\]]+", path):
            found = found[int(step)] if isinstance(found, list) else (found or {}).get(step)
        return str(found)

    return re.sub(r"@\{([^}]+)\}", look, text)


def _filled(body: Any, replies: Mapping[str, Any]) -> Any:
    if isinstance(body, str):
        return _fill(body, replies)
    if isinstance(body, Mapping):
        return {name: _filled(value, replies) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, replies) for value in body]
    return body
