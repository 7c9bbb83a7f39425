"""What the three sandboxes share: an HTTP server on loopback, a clock, a log, a control API.

A vendor's sandbox is a `Vendor`: it turns a request into a response and can be loaded with
records and asked for its true state. `Server` gives it a socket. The control API is
a fourth server that sees all of them; it is not part of any vendor's protocol.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response


class Clock:
    """The time a sandbox lives in: the machine's, plus what it was moved forward by."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        return self._now() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self._ahead += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the request log. `wrote` is true when it changed a record."""

    at: str
    method: str
    path: str
    status: int
    bytes: int
    wrote: bool


@dataclass(slots=True)
class Log:
    """The requests one vendor's sandbox answered, oldest first."""

    calls: list[Call] = field(default_factory=list)

    def lines(self, since: int = 0) -> list[dict[str, Any]]:
        """The calls from number `since` on, as JSON objects."""
        return [
            {name: getattr(call, name) for name in Call.__dataclass_fields__}
            for call in self.calls[since:]
        ]


class Vendor(Protocol):
    """One vendor's protocol and records. All methods are called under `lock`."""

    name: str
    clock: Clock
    lock: threading.RLock

    def handle(self, request: Request) -> Response:
        """Answer one request of the vendor's API."""
        ...

    def is_write(self, request: Request) -> bool:
        """Whether the request is one that creates, changes, links or deletes records."""
        ...

    def objects(self) -> list[str]:
        """Names of the native objects, users included."""
        ...

    def load(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Put records in as they are: no validation, given ids and stamps kept, missing
        ones made. Returns the ids."""
        ...

    def state(self, object: str) -> list[dict[str, Any]]:
        """The true records of an object, deleted ones marked, ordered by id."""
        ...

    def edit(self, object: str, id: str, values: Mapping[str, Any]) -> None:
        """Change a record as a user of the vendor does in its own screens."""
        ...

    def remove(self, object: str, id: str) -> None:
        """Delete a record as a user of the vendor does."""
        ...

    def credentials(self) -> dict[str, Any]:
        """The `auth` block of settings.yaml that opens this sandbox."""
        ...


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in separate writes; Nagle would hold the second back 40 ms.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """The request log is kept by `Server`; nothing goes to the terminal."""

    def send_header(self, keyword: str, value: str) -> None:
        """A Date of the sandbox's own clock takes the place of the machine's."""
        if keyword.lower() == "date":
            kept = getattr(self, "_headers_buffer", [])
            self._headers_buffer = [h for h in kept if not h.lower().startswith(b"date:")]
        super().send_header(keyword, value)


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply."""
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        headers=dict(headers or {}),
        content_type="application/json;charset=UTF-8",
    )


class _Listener:
    """A WSGI application on a loopback socket, served by threads."""

    def __init__(self, port: int) -> None:
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", port, self._application, threaded=True, request_handler=_Quiet
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:<port>``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Response:
        raise AssertionError("each listener answers in its own way")

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self.answer(request)
        except HTTPException as error:
            response = Response(error.description or error.name, status=error.code or 500)
        return response(environ, start_response)


class Server(_Listener):
    """One vendor's sandbox on a socket."""

    def __init__(self, vendor: Vendor, port: int = 0) -> None:
        self.vendor = vendor
        self.log = Log()
        super().__init__(port)

    def answer(self, request: Request) -> Response:
        """Hand the request to the vendor, one at a time, and log the outcome."""
        with self.vendor.lock:
            wrote = self.vendor.is_write(request)
            response = self.vendor.handle(request)
            self.log.calls.append(
                Call(
                    at=self.vendor.clock.now().isoformat(),
                    method=request.method,
                    path=request.path,
                    status=response.status_code,
                    bytes=len(response.get_data()),
                    wrote=wrote,
                )
            )
            return response


class Control(_Listener):
    """The control API: the request log, the true state, edits as a vendor's user, the clock.

    ====== ===================================== =========================================
    GET    ``/control/log?vendor=V&since=N``     request log, by vendor
    GET    ``/control/state/{vendor}/{object}``  true records
    POST   ``/control/edit/{vendor}/{object}``   ``{"id": …, "values": {…}}``
    POST   ``/control/create/{vendor}/{object}`` ``{"values": {…}}`` -> ``{"id": …}``
    POST   ``/control/remove/{vendor}/{object}`` ``{"id": …}``
    POST   ``/control/clock``                    ``{"advance": seconds}``
    ====== ===================================== =========================================
    """

    def __init__(self, servers: Mapping[str, Server], port: int = 0) -> None:
        self._servers = dict(servers)
        super().__init__(port)

    def answer(self, request: Request) -> Response:
        """Route by path; unknown names answer 404 with the names there are."""
        parts = request.path.strip("/").split("/")
        if parts[:1] != ["control"] or len(parts) < 2:
            return json_response({"error": "the control API lives under /control/"}, 404)
        action, rest = parts[1], parts[2:]
        if action == "log" and request.method == "GET":
            wanted = request.args.get("vendor")
            since = int(request.args.get("since", 0))
            return json_response(
                {n: s.log.lines(since) for n, s in self._servers.items() if wanted in (None, n)}
            )
        if action == "clock" and request.method == "POST":
            seconds = float(request.get_json()["advance"])
            for clock in {id(s.vendor.clock): s.vendor.clock for s in self._servers.values()}.values():
                clock.advance(seconds)
            return json_response({"advanced": seconds})
        if len(rest) != 2 or rest[0] not in self._servers:
            return json_response({"error": "no such vendor", "vendors": list(self._servers)}, 404)
        vendor, native = self._servers[rest[0]].vendor, rest[1]
        with vendor.lock:
            if native not in vendor.objects():
                return json_response({"error": "no such object", "objects": vendor.objects()}, 404)
            if action == "state" and request.method == "GET":
                return json_response(vendor.state(native))
            if request.method == "POST" and action in ("edit", "create", "remove"):
                body = request.get_json()
                if action == "create":
                    return json_response({"id": vendor.load(native, [body["values"]])[0]})
                if action == "edit":
                    vendor.edit(native, body["id"], body["values"])
                else:
                    vendor.remove(native, body["id"])
                return json_response({"id": body["id"]})
        return json_response({"error": f"no such action: {action}"}, 404)
