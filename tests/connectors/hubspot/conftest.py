"""A sandbox on a socket with a connector to it, and a server that answers by script."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.base import Access, Shelf
from connectors.hubspot.connector import HubSpotConnector
from connectors.sandbox.hubspot import Sandbox
from connectors.sandbox.server import Clock, Log, Server

#: The sandboxes' clocks stand here until a test moves them.
START = datetime(2026, 3, 1, 8, 0, 0, 123_000, tzinfo=UTC)
OLD = "2024-05-06T07:08:09.010+00:00"

FIXTURES = Path(__file__).parents[3] / ".." / "shared" / "fixtures" / "hubspot"


def recorded(name: str) -> list[dict[str, Any]]:
    """The interactions of a recorded file; the test is skipped where it is absent."""
    path = FIXTURES / name
    if not path.exists():
        pytest.skip("no recorded replies here")
    made: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["interactions"]
    return made


@dataclass
class Box:
    """A sandbox, its server, and ways in."""

    sandbox: Sandbox
    server: Server
    pauses: list[float] = field(default_factory=list)
    open: list[HubSpotConnector] = field(default_factory=list)

    def connect(
        self, auth: Mapping[str, str] | None = None, shelf: Shelf | None = None, **options: str
    ) -> HubSpotConnector:
        """A connector that notes its pauses instead of sleeping."""
        access = Access(
            "hs",
            self.server.url,
            auth if auth is not None else self.sandbox.credentials(),
            sandbox=True,
            options=options,
            shelf=shelf,
        )
        made = HubSpotConnector(access, sleep=self.pauses.append)
        self.open.append(made)
        return made

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        status: int = 200,
        token: str | None = None,
        **params: Any,
    ) -> Any:
        """A raw call with the given outcome; its JSON (None when it has no body)."""
        reply = self.raw(method, path, body, token, **params)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    def raw(
        self, method: str, path: str, body: Any = None, token: str | None = None, **params: Any
    ) -> requests.Response:
        """A raw call."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                f"{self.server.url}{path}",
                json=body,
                params=params,
                headers={"Authorization": f"Bearer {token or self.sandbox.tokens.private}"},
                timeout=10,
            )

    @property
    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [f"{call.method} {call.path}" for call in self.server.log.calls]


@pytest.fixture(scope="session")
def sockets() -> Iterator[list[Server]]:
    """Servers that boxes take in turn: closing one takes half a second."""
    made: list[Server] = []
    yield made
    for server in made:
        server.close()


@pytest.fixture
def make_box(sockets: list[Server]) -> Iterator[Callable[..., Box]]:
    """Makes boxes with switches of the sandbox."""
    made: list[Box] = []

    def make(**switches: Any) -> Box:
        sandbox = Sandbox(Clock(now=lambda: START), **switches)
        if len(sockets) == len(made):
            sockets.append(Server(sandbox))
        server = sockets[len(made)]
        server.vendor, server.log = sandbox, Log()
        made.append(Box(sandbox, server))
        return made[-1]

    yield make
    for connector in (connector for box in made for connector in box.open):
        connector.close()


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A sandbox with its usual settings."""
    return make_box()


@dataclass
class Answer:
    """One scripted reply. `cut`: the connection is dropped after the request was read."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    packed: bool = False


class Script:
    """A server that gives scripted answers in order, the last one for ever, and keeps what it
    was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, Any, Mapping[str, str]]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                script.serve(self)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing to the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Give the next answer."""
        data = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        form = "form" in (handler.headers.get("Content-Type") or "")
        body = data.decode() if form else json.loads(data or b"null")
        self.asked.append((handler.command, handler.path, body, dict(handler.headers)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.cut:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        payload = text.encode()
        handler.send_response(answer.status)
        if answer.packed:
            payload = gzip.compress(payload)
            handler.send_header("Content-Encoding", "gzip")
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)

    def say(self, *answers: Answer) -> None:
        """Set what comes next."""
        self.answers = list(answers)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass
class Scripted:
    """A connector on a script."""

    script: Script
    connector: HubSpotConnector
    pauses: list[float]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A scripted server with a connector to it."""
    script = Script()
    pauses: list[float] = []
    auth = {"kind": "private_app", "access_token": "pat-na1-0000"}
    connector = HubSpotConnector(Access("hs", script.url, auth, sandbox=True), sleep=pauses.append)
    yield Scripted(script, connector, pauses)
    connector.close()
    script.close()
