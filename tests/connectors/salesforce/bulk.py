"""What the tests of the Bulk API share: rows, calls, and what goes wrong with them."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.faults import Fault
from tests.connectors.salesforce.conftest import OLD, Org

BULK = {"bulk_from": "0"}


def people(org: Org, count: int, **more: object) -> list[str]:
    rows = [{"LastName": f"p{n}", "modified_at": OLD, **more} for n in range(count)]
    return org.sandbox.load("Contact", rows)


def fault(org: Org, kind: str, method: str, path: str, **more: Any) -> None:
    body = {"kind": kind, "method": method, "path": path, **more}
    org.server.faults.add(Fault.read("salesforce", body))


def bulk_calls(org: Org) -> list[str]:
    """The Bulk API's calls so far: method and last part of the path."""
    return [
        f"{call.method} {call.path.rpartition('/')[2].replace(_id(call.path), 'job')}"
        for call in org.server.log.calls
        if "/jobs/" in call.path
    ]


def _id(path: str) -> str:
    last = path.rpartition("/")[2]
    return last if last.startswith("750") else "-"
