"""The sandboxes' common ground: sockets, the request log, the clock, the control API."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from werkzeug.wrappers import Request, Response

from connectors.sandbox.client import ControlClient, ControlError
from connectors.sandbox.server import Clock, Control, PortTaken, Server, json_response

START = datetime(2026, 3, 1, tzinfo=UTC)


class Notebook:
    """The smallest vendor: named notes in a dict."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.lock = threading.RLock()
        self.notes: dict[str, dict[str, Any]] = {}

    def handle(self, request: Request) -> Response:
        if request.path == "/broken":
            raise RuntimeError("a defect")
        if request.path == "/nothing":
            return Response(status=204)
        if request.path == "/deaf":  # answers without reading what was sent
            return json_response({"deaf": True})
        if request.method == "POST":
            self.load("Note", [request.get_json()])
        return json_response({"count": len(self.notes), "now": self.clock.now().isoformat()})

    def is_write(self, request: Request) -> bool:
        return request.method == "POST"

    def objects(self) -> list[str]:
        return ["Note"]

    def load(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        ids = []
        for row in rows:
            ids.append(str(row.get("id", len(self.notes) + 1)))
            self.notes[ids[-1]] = {**row, "id": ids[-1]}
        return ids

    def state(self, object: str) -> list[dict[str, Any]]:
        return [self.notes[id] for id in sorted(self.notes)]

    def edit(self, object: str, id: str, values: Mapping[str, Any]) -> None:
        if "colour" in values:
            raise ValueError("notes have no colour")
        self.notes[id] |= values

    def remove(self, object: str, id: str) -> None:
        del self.notes[id]

    def credentials(self) -> dict[str, Any]:
        return {"kind": "none"}


@pytest.fixture
def clock() -> Clock:
    return Clock(now=lambda: START)


@pytest.fixture
def vendors(clock: Clock) -> dict[str, Notebook]:
    return {"red": Notebook("red", clock), "blue": Notebook("blue", clock)}


@pytest.fixture
def servers(vendors: dict[str, Notebook]) -> Iterator[dict[str, Server]]:
    made = {name: Server(vendor) for name, vendor in vendors.items()}
    yield made
    for server in made.values():
        server.close()


@pytest.fixture
def control(servers: dict[str, Server]) -> Iterator[ControlClient]:
    listener = Control(servers)
    with ControlClient(listener.url) as client:
        yield client
    listener.close()


def exchange(connection: http.client.HTTPConnection, method: str, path: str, body: str = "") -> Any:
    connection.request(method, path, body.encode() or None, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    return reply.status, reply.read()


# --- sockets -----------------------------------------------------------------------------


def test_a_connection_serves_many_requests(servers: dict[str, Server]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", servers["red"].port)
    connection.connect()
    used = connection.sock
    for number in range(1, 4):
        status, body = exchange(connection, "POST", "/notes", '{"text": "ä"}')
        assert (status, json.loads(body)["count"]) == (200, number)
        assert exchange(connection, "GET", "/nothing") == (204, b"")
        assert exchange(connection, "POST", "/deaf", "x" * 100_000)[0] == 200
    connection.request("HEAD", "/notes")
    assert connection.getresponse().read() == b""
    assert exchange(connection, "GET", "/notes")[0] == 200
    assert connection.sock is used
    connection.close()


def test_a_chunked_body_is_read_to_its_end(servers: dict[str, Server]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", servers["red"].port)
    for _ in range(2):
        chunks = iter([b'{"text": ', b'"long"}'])
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        connection.request("POST", "/notes", chunks, headers, encode_chunked=True)
        reply = connection.getresponse()
        assert reply.status == 200
        reply.read()
    connection.close()


def test_closing_frees_the_port_and_cuts_connections(clock: Clock) -> None:
    server = Server(Notebook("red", clock))
    idle = http.client.HTTPConnection("127.0.0.1", server.port)
    assert exchange(idle, "GET", "/notes")[0] == 200
    server.close()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        exchange(idle, "GET", "/notes")
    idle.close()
    again = Server(Notebook("red", clock), server.port)
    assert requests.get(again.url, timeout=5).ok
    again.close()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken"):
            Server(Notebook("red", Clock()), port)


def test_a_defect_answers_500_with_its_traceback(servers: dict[str, Server]) -> None:
    with requests.Session() as session:
        reply = session.get(f"{servers['red'].url}/broken", timeout=5)
        assert reply.status_code == 500
        assert "RuntimeError: a defect" in reply.text
        assert session.get(f"{servers['red'].url}/notes", timeout=5).ok


# --- log and clock -----------------------------------------------------------------------


def test_the_log_tells_writes_from_reads(
    servers: dict[str, Server], control: ControlClient
) -> None:
    url = servers["red"].url
    with requests.Session() as session:
        session.get(f"{url}/notes", timeout=5)
        session.post(f"{url}/notes", json={"text": "ก"}, timeout=5)
        session.get(f"{url}/notes?page=2", timeout=5)
    calls = control.log("red")
    assert [(call["method"], call["path"], call["wrote"]) for call in calls] == [
        ("GET", "/notes", False), ("POST", "/notes", True), ("GET", "/notes", False),
    ]  # fmt: skip
    assert all(call["status"] == 200 and call["bytes"] > 0 for call in calls)
    assert calls[0]["at"] == START.isoformat()
    assert control.log("red", since=2) == calls[2:]
    assert control.log("blue") == []
    assert control.writes() == control.writes("red") == 1
    assert control.writes("blue") == control.writes("red", since=2) == 0


def test_the_clock_moves_for_all_once(servers: dict[str, Server], control: ControlClient) -> None:
    assert control.advance(3600) == START + timedelta(hours=1)
    for server in servers.values():
        now = requests.get(server.url, timeout=5).json()["now"]
        assert datetime.fromisoformat(now) == START + timedelta(hours=1)


# --- state and edits ---------------------------------------------------------------------


def test_records_are_created_edited_and_removed(
    vendors: dict[str, Notebook], control: ControlClient
) -> None:
    id = control.create("red", "Note", {"text": "ไทย", "price": Decimal("1234567890123.45")})
    control.edit("red", "Note", id, {"text": "فارسی"})
    assert control.state("red", "Note") == [
        {"id": id, "text": "فارسی", "price": Decimal("1234567890123.45")}
    ]
    assert vendors["red"].notes[id]["price"] == Decimal("1234567890123.45")
    control.remove("red", "Note", id)
    assert control.state("red", "Note") == []
    assert control.log("red") == [], "what people do is not a call of the API"


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("GET", "/elsewhere", "/control/"),
        ("GET", "/control", "/control/"),
        ("GET", "/control/state/green/Note", "red"),
        ("GET", "/control/state/red/Page", "Note"),
        ("GET", "/control/log?vendor=green", "blue"),
        ("GET", "/control/edit/red/Note", "no such action"),
        ("POST", "/control/state/red/Note", "no such action"),
        ("POST", "/control/paint/red/Note", "no such action"),
    ],
)
def test_unknown_names_answer_404_with_the_known_ones(
    control: ControlClient, method: str, path: str, named: str
) -> None:
    reply = requests.request(method, control.url + path, json={}, timeout=5)
    assert reply.status_code == 404
    assert named in reply.text


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("clock", b"{", "not JSON"),
        ("clock", b"\xff", "not JSON"),
        ("clock", b"[1]", "JSON object"),
        ("clock", b"{}", "advance"),
        ("clock", b'{"advance": "soon"}', "advance"),
        ("clock", b'{"advance": -1}', "negative"),
        ("create/red/Note", b"{}", "values"),
        ("edit/red/Note", b'{"id": "1"}', "values"),
        ("edit/red/Note", b'{"values": {}}', "id"),
        ("remove/red/Note", b'{"id": 1}', "id"),
        ("edit/red/Note", b'{"id": "1", "values": {"colour": "red"}}', "no colour"),
    ],
)
def test_bad_bodies_answer_400_and_say_why(
    control: ControlClient, vendors: dict[str, Notebook], path: str, body: bytes, words: str
) -> None:
    vendors["red"].load("Note", [{"id": "1"}])
    reply = requests.post(f"{control.url}/control/{path}", body, timeout=5)
    assert reply.status_code == 400
    assert words in reply.json()["error"]


def test_the_client_raises_with_the_servers_words(control: ControlClient) -> None:
    with pytest.raises(ControlError, match="no such record"):
        control.edit("red", "Note", "17", {"text": "x"})
    with pytest.raises(ControlError, match="no such vendor"):
        control.state("green", "Note")
    with pytest.raises(ControlError, match="number of lines"):
        control.log("red", since=-1)
