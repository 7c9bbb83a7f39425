"""What the tests of Bulk Read and Bulk Write share."""

from __future__ import annotations

from typing import Any

from connectors.base import Page, Write, WriteResult
from connectors.sandbox.faults import Fault
from connectors.zoho import ZohoConnector
from tests.connectors.zoho.conftest import OLD, Account

BULK = {"bulk_from": "10", "bulk_write_from": "10"}


def fault(account: Account, kind: str, **options: Any) -> None:
    account.server.faults.add(Fault(vendor="zoho", kind=kind, **options))


def pull(
    connector: ZohoConnector, object: str, *names: str, since: str | None = None
) -> list[Page]:
    pages = list(connector.pull(object, names, since))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    return pages


def live(account: Account, object: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in account.sandbox.state(object) if not row["deleted"]}


def updates(ids: list[str], **more: Any) -> list[Write]:
    return [
        Write(f"k{n}", "update", {"Last_Name": f"u{n}", **more}, id=id) for n, id in enumerate(ids)
    ]


def contacts(account: Account, count: int) -> list[str]:
    rows = [{"Last_Name": f"n{n}", "Phone": "1", "modified_at": OLD} for n in range(count)]
    return account.sandbox.load("Contacts", rows)


def push(connector: ZohoConnector, writes: list[Write]) -> list[WriteResult]:
    results = connector.push("Contacts", writes)
    assert [result.key for result in results] == [write.key for write in writes]
    return results


def jobs(account: Account) -> int:
    return account.paths("POST").count("/crm/bulk/v8/write")
