"""Bulk Read and Bulk Write: done without where the account or a job does not serve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.wrappers import Response

import connectors.sandbox.zoho.bulk_read as sandbox_read
import connectors.sandbox.zoho.bulk_write as sandbox_write
from connectors.errors import Bug, Misconfigured
from connectors.sandbox.zoho.wire import ApiError, reply
from tests.connectors.zoho.bulk import BULK, contacts, live, pull, push, updates
from tests.connectors.zoho.conftest import Account, fill, records


@pytest.mark.parametrize("option", ["bulk_from", "bulk_write_from"])
def test_a_threshold_is_a_number(account: Account, option: str) -> None:
    with pytest.raises(Misconfigured, match=option):
        account.connect(**{option: "many"})


def declined(code: str, status: int) -> Callable[..., Response]:
    def refuse(*given: object) -> Response:
        return ApiError(code, "no", status).response()

    return refuse


@pytest.mark.parametrize(
    ("code", "status"), [("OAUTH_SCOPE_MISMATCH", 401), ("FEATURE_NOT_SUPPORTED", 400)]
)
def test_an_account_without_the_bulk_apis(
    account: Account, monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    monkeypatch.setattr(sandbox_read.BulkRead, "create", declined(code, status))
    monkeypatch.setattr(sandbox_write.BulkWrite, "upload", declined(code, status))
    connector = account.connect(**BULK)
    made = fill(account, 50)
    assert [record.id for record in records(pull(connector, "Accounts", "Phone"))] == made
    results = push(connector, updates(contacts(account, 50)))
    assert all(result.error is None for result in results)


def test_jobs_that_come_to_nothing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_failed(self: object, id: str) -> Response:
        return reply({"data": [{"id": id, "operation": "read", "state": "FAILURE"}]})

    def write_failed(self: object, request: object, id: str) -> Response:
        return reply({"id": id, "operation": "update", "status": "FAILED"})

    monkeypatch.setattr(sandbox_read.BulkRead, "show", read_failed)
    monkeypatch.setattr(sandbox_write.BulkWrite, "show", write_failed)
    monkeypatch.setattr(sandbox_write.BulkWrite, "run_jobs", lambda self: None)
    connector = account.connect(**BULK)
    made = fill(account, 50)
    assert [record.id for record in records(pull(connector, "Accounts", "Phone"))] == made
    ids = contacts(account, 50)
    assert all(result.error is None for result in push(connector, updates(ids)))
    assert {row["Last_Name"] for row in live(account, "Contacts").values()} == {
        f"u{n}" for n in range(50)
    }


def test_a_result_is_fetched_from_zoho_alone(account: Account, tmp_path: Any) -> None:
    connector = account.connect()
    with (tmp_path / "x").open("w+b") as into, pytest.raises(Bug, match="example"):
        connector._client.download("https://www.zohoapis.com.example/x.zip", into)
    assert account.paths() == []
