"""A Zoho sandbox on a socket, and connectors to it that never pause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from connectors.base import Access, Page, Record
from connectors.sandbox.server import Clock, Server
from connectors.sandbox.zoho import Sandbox
from connectors.transport import Retrier
from connectors.zoho import ZohoConnector
from connectors.zoho.tokens import STORE

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
OLD = "2025-01-02T03:04:05+00:00"


@dataclass
class Account:
    """A sandbox, its server, and what the tests do with it."""

    sandbox: Sandbox
    server: Server
    pauses: list[float] = field(default_factory=list)
    opened: list[ZohoConnector] = field(default_factory=list)

    def connect(self, **options: str) -> ZohoConnector:
        """A further connector to the account; it looks for deletions in every pull unless told
        otherwise."""
        access = Access(
            connection="asia",
            url=self.server.url,
            auth=self.sandbox.credentials(),
            sandbox=True,
            options={"deletes_every": "0", **options},
        )
        made = ZohoConnector(access, Retrier(sleep=self.pauses.append))
        self.opened.append(made)
        return made

    def paths(self, method: str = "") -> list[str]:
        """The paths asked for so far, of one method if given."""
        return [call.path for call in self.server.log.calls if method in ("", call.method)]

    def token_calls(self) -> int:
        """How often an access token was asked for."""
        return self.paths("POST").count("/oauth/v2/token")


@pytest.fixture
def account() -> Iterator[Account]:
    """A new account; its clock stands until it is moved."""
    STORE.delete_tokens()
    sandbox = Sandbox(clock=Clock(now=lambda: START))
    made = Account(sandbox, Server(sandbox))
    yield made
    for connector in made.opened:
        connector.close()
    made.server.close()


@pytest.fixture
def connector(account: Account) -> ZohoConnector:
    """A connector to the account."""
    return account.connect()


Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(account: Account) -> Iterator[Ask]:
    """Raw calls with a token: ``ask("GET", "/crm/v8/Contacts", params={…})``."""
    session = requests.Session()
    session.trust_env = False
    reply = session.post(
        f"{account.server.url}/oauth/v2/token",
        data={**account.sandbox.credentials(), "grant_type": "refresh_token"},
    )
    session.headers["Authorization"] = f"Zoho-oauthtoken {reply.json()['access_token']}"

    def call(method: str, path: str, **rest: Any) -> requests.Response:
        return session.request(method, account.server.url + path, **rest)

    yield call
    session.close()


def fill(account: Account, count: int, at: str = OLD, start: int = 0) -> list[str]:
    """New companies, last changed at `at`; their ids."""
    rows = [{"Account_Name": f"n{n}", "modified_at": at} for n in range(start, start + count)]
    return account.sandbox.load("Accounts", rows)


def records(pages: Iterable[Page]) -> list[Record]:
    """All records of a pull."""
    return [record for page in pages for record in page.records]
