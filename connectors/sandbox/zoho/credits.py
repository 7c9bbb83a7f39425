"""What a call costs of the account's API credits, by its kind."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Request

from connectors.sandbox.zoho import coql
from connectors.sandbox.zoho.query import SyntaxTrouble

_BULK = {"read": 50, "write": 500}
_RECORDS_A_CREDIT = 10


def cost(request: Request, rest: list[str]) -> int:
    """Credits of a call; `rest` is its path after ``/crm/{version}`` or ``/crm``.

    A read is 1, deleted records 2, COQL 1 to 3 by its limit, a write 1 for every ten
    records, a bulk read job 50, a bulk write job 500; asking after a job is a read.
    """
    method = request.method
    if rest[0] == "bulk":
        return _BULK.get(rest[-1], 1) if method == "POST" else 1
    if rest[-1] == "deleted":
        return 2
    if method not in ("POST", "PUT") or rest[0] in ("upload", "settings"):
        return 1
    body = _body(request)
    if rest[0] == "coql":
        return _query(body.get("select_query"))
    items = body.get("data")
    return max(1, -(-len(items) // _RECORDS_A_CREDIT)) if isinstance(items, list) else 1


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _query(text: Any) -> int:
    try:
        limit = coql.parse(str(text)).limit
    except SyntaxTrouble:
        return 1
    return 1 if limit <= 200 else 2 if limit <= 1000 else 3
