"""A Salesforce sandbox on a socket, and connectors to it that never pause."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from connectors.base import Access, Page, Record
from connectors.salesforce import SalesforceConnector, sweep
from connectors.sandbox.salesforce import Sandbox
from connectors.sandbox.server import Clock, Server
from connectors.transport import Retrier

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
OLD = "2025-01-02T03:04:05+00:00"
BASE = "/services/data/v62.0"

DEAL = {"Name": "deal", "StageName": "Prospecting", "CloseDate": "2026-05-06"}
ROLES = "OpportunityContactRoles"
KEY = "Concord_Id__c"


class Rest:
    """Speaks to a sandbox without a socket."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.token = sandbox.sessions.open()

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """One request; `path` follows the version unless it starts at the root."""
        data = None if body is None else json.dumps(body)
        whole = path if path.startswith("/services") else f"{BASE}/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        builder = EnvironBuilder(
            whole.partition("?")[0],
            base_url="http://127.0.0.1:8080",
            method=method,
            query_string=whole.partition("?")[2],
            headers={"Authorization": f"Bearer {self.token}", **named},
            data=data,
            content_type="application/json",
        )
        return self.sandbox.handle(Request(builder.get_environ()))

    def json(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The body of a reply of that status."""
        response = self.send(method, path, body)
        assert response.status_code == status, response.get_data(as_text=True)
        text = response.get_data(as_text=True)
        return json.loads(text) if text else None

    def query(self, soql: str, deleted: bool = False) -> list[dict[str, Any]]:
        """The records of a query's first page."""
        builder = EnvironBuilder(
            f"{BASE}/queryAll" if deleted else f"{BASE}/query",
            query_string={"q": soql},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        response = self.sandbox.handle(Request(builder.get_environ()))
        body = json.loads(response.get_data())
        assert response.status_code == 200, body
        records: list[dict[str, Any]] = body["records"]
        for record in records:
            record.pop("attributes")
        return records

    def refusal(self, soql: str) -> dict[str, Any]:
        """The first error of a query that is refused."""
        builder = EnvironBuilder(
            f"{BASE}/query",
            query_string={"q": soql},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        response = self.sandbox.handle(Request(builder.get_environ()))
        assert response.status_code == 400
        first: dict[str, Any] = json.loads(response.get_data())[0]
        return first


@dataclass
class Org:
    """A sandbox, its server, and what the tests do with them."""

    sandbox: Sandbox
    server: Server
    pauses: list[float] = field(default_factory=list)
    opened: list[SalesforceConnector] = field(default_factory=list)

    def connect(self, auth: dict[str, str] | None = None, **options: str) -> SalesforceConnector:
        """A further connector to the org."""
        access = Access(
            connection="west",
            url=self.server.url,
            auth=auth or self.sandbox.credentials(),
            sandbox=True,
            options=options,
        )
        made = SalesforceConnector(access, Retrier(sleep=self.pauses.append))
        self.opened.append(made)
        return made

    def paths(self, method: str = "") -> list[str]:
        """The paths asked for so far, of one method if given."""
        return [call.path for call in self.server.log.calls if method in ("", call.method)]


@pytest.fixture
def sandbox() -> Sandbox:
    """An org whose clock stands still until it is moved."""
    return Sandbox(clock=Clock(now=lambda: START))


@pytest.fixture
def rest(sandbox: Sandbox) -> Rest:
    """The org without a socket."""
    return Rest(sandbox)


@pytest.fixture
def org(sandbox: Sandbox) -> Iterator[Org]:
    """The org on a socket."""
    made = Org(sandbox, Server(sandbox))
    yield made
    for connector in made.opened:
        connector.close()
    made.server.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results and pages of few rows."""
    monkeypatch.setattr(sweep, "ROWS", 5)
    monkeypatch.setattr(sweep, "PAGE", 2)
    monkeypatch.setattr(sweep, "GROUP", 4)


def records(pages: Iterator[Page]) -> list[Record]:
    """All records of a pull."""
    return [record for page in pages for record in page.records]


def meddle(org: Org, answer: Callable[[Request], Response | None]) -> None:
    """Let `answer` reply in the sandbox's place where it wants to."""
    handle = org.sandbox.handle
    org.sandbox.handle = lambda request: answer(request) or handle(request)
