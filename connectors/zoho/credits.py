"""What calls cost at Zoho, and what its replies say about the credits that are left.

Costs are those of Zoho's page on API credits: a read 1, writes 1 for every ten records, lists
of deleted records 2, COQL 1 to 3 by its limit, bulk read jobs 50 and bulk write jobs 500.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import orjson
import requests

from connectors.budget import Budget

_LIMIT = re.compile(rb"\blimit\s+(\d+)", re.IGNORECASE)
_ROWS_A_CREDIT = 10
#: No edition gives fewer a day; a smaller half was not seen at the moment of crossing.
_LEAST_A_DAY = 5_000


def cost(request: requests.PreparedRequest) -> int:
    """Credits that a request costs."""
    path = urlsplit(request.url or "").path
    raw = request.body or b""
    body = raw.encode() if isinstance(raw, str) else raw
    if path.endswith("/oauth/v2/token"):
        return 0
    if "/crm/bulk/" in path and request.method == "POST":
        return 500 if path.endswith("/write") else 50
    if path.endswith("/coql"):
        limit = _LIMIT.search(body)
        rows = int(limit[1]) if limit else 200
        return 1 if rows <= 200 else 2 if rows <= 1000 else 3
    if path.endswith("/deleted"):
        return 2
    if request.method in ("POST", "PUT"):
        return max(1, -(-_records(body) // _ROWS_A_CREDIT))
    return 1


def _records(body: bytes) -> int:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 1
    rows = read.get("data") if isinstance(read, dict) else None
    return len(rows) if isinstance(rows, list) else 1


def hear(budget: Budget, left: int | None, *, first: bool) -> None:
    """Tell the budget what a reply says: `left` credits, None if it says nothing.

    Zoho speaks once half of the day's credits are used. `first`: the reply before it said
    nothing, so that what is left now is half of them, to within a call.
    """
    limit = None
    if left is not None and first and 2 * left + 100 >= _LEAST_A_DAY:
        limit = 2 * left
    budget.hear(left=left, limit=limit)
