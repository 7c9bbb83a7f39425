"""What the three sandboxes share: an HTTP server on loopback, a clock, a log, a control API.

A vendor's sandbox is a `Vendor`: it turns a request into a response and can be loaded with
records and asked for its true state. `Server` gives it a socket. The control API is
a fourth server that sees all of them; it is not part of any vendor's protocol.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import orjson
from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
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
    """One line of the request log. `wrote` is true for a request that creates, changes, links
    or deletes records, whether it succeeded or not."""

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


class _Handler(WSGIRequestHandler):
    """Answers whole replies over connections that stay open, as the vendors do.

    werkzeug's own handler closes the connection after each reply and waits ten milliseconds
    for stray input; here every request body has been read when its reply is sent.
    """

    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet; otherwise Nagle's algorithm holds the body back.
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Socket

    def setup(self) -> None:
        super().setup()
        self.server.live.add(self.connection)

    def finish(self) -> None:
        self.server.live.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def run_wsgi(self) -> None:
        """Answer one request; a connection that breaks meanwhile is left."""
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        self.environ = environ = self.make_environ()
        reply: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], object]:
            reply[:] = [status, headers]
            return reply.append

        body = b"".join(self.server.app(environ, start_response))
        status, headers = reply
        code, _, reason = status.partition(" ")
        try:
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            sized = any(name.lower() == "content-length" for name, _ in headers)
            if not sized and code not in ("204", "304"):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """The request log is kept by `Server`; nothing goes to the terminal."""

    def send_header(self, keyword: str, value: str) -> None:
        """A Date of the sandbox's own clock takes the place of the machine's."""
        if keyword.lower() == "date":
            kept = getattr(self, "_headers_buffer", [])
            self._headers_buffer = [h for h in kept if not h.lower().startswith(b"date:")]
        super().send_header(keyword, value)


class _Socket(ThreadedWSGIServer):
    """The listening socket and the connections open on it."""

    live: set[socket.socket]


class PortTaken(OSError):
    """The port is in use; the text says which one and what to do."""


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON reply."""
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        headers=dict(headers or {}),
        content_type="application/json;charset=UTF-8",
    )


def _dump(body: Any) -> bytes:
    """JSON with decimals as exact numbers."""

    def number(value: Any) -> orjson.Fragment:
        if isinstance(value, Decimal) and value.is_finite():
            return orjson.Fragment(format(value, "f"))
        raise TypeError(f"no JSON for {type(value).__name__}")

    return orjson.dumps(body, default=number)


class _Listener:
    """A WSGI application on a loopback socket, served by threads.

    Raises:
        PortTaken: another program (or sandbox) listens on the port.
    """

    def __init__(self, port: int) -> None:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    errno.EADDRINUSE,
                    f"port {port} on 127.0.0.1 is taken; stop what listens there or choose "
                    "another port (0: any free one)",
                ) from error
            raise
        with listening:
            self._server = _Socket(
                "127.0.0.1", port, self._application, _Handler, fd=listening.fileno()
            )
        self._server.live = set()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    @property
    def url(self) -> str:
        """``http://127.0.0.1:<port>``."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop answering, cut open connections and free the port. A second call does nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in tuple(self._server.live):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def answer(self, request: Request) -> Response:
        raise AssertionError("each listener answers in its own way")

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            # The next request on this connection begins where this one's body ends.
            request.get_data()
            response = self.answer(request)
        except HTTPException as error:
            response = Response(error.description or error.name, status=error.code or 500)
        except Exception:
            # A defect of a sandbox is shown to whoever runs into it.
            response = Response(f"sandbox defect\n{traceback.format_exc()}", status=500)
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
        """Route by path; unknown names answer 404 with the names there are, bad bodies 400."""
        try:
            status, body = self._route(request)
        except _BadBody as error:
            status, body = 400, {"error": str(error)}
        return Response(_dump(body), status=status, content_type="application/json")

    def _route(self, request: Request) -> tuple[int, Any]:
        parts = request.path.strip("/").split("/")
        if parts[:1] != ["control"] or len(parts) < 2:
            return 404, {"error": "the control API lives under /control/"}
        action, rest = parts[1], parts[2:]
        if (request.method, action, rest) == ("GET", "log", []):
            return self._log(request)
        if (request.method, action, rest) == ("POST", "clock", []):
            return self._clock(request)
        known = {"GET": ("state",), "POST": ("edit", "create", "remove")}
        if action not in known.get(request.method, ()):
            return 404, {"error": f"no such action: {request.method} {action}"}
        if len(rest) != 2 or rest[0] not in self._servers:
            return 404, {"error": "no such vendor", "vendors": list(self._servers)}
        vendor, native = self._servers[rest[0]].vendor, rest[1]
        with vendor.lock:
            if native not in vendor.objects():
                return 404, {"error": "no such object", "objects": vendor.objects()}
            if action == "state":
                return 200, vendor.state(native)
            return self._change(vendor, native, action, _body(request))

    def _log(self, request: Request) -> tuple[int, Any]:
        wanted, since = request.args.get("vendor"), request.args.get("since", "0")
        if not since.isdecimal():
            raise _BadBody(f"since must be a number of calls: {since!r}")
        if wanted is not None and wanted not in self._servers:
            return 404, {"error": "no such vendor", "vendors": list(self._servers)}
        found = {}
        for name, server in self._servers.items():
            if wanted in (None, name):
                with server.vendor.lock:
                    found[name] = server.log.lines(int(since))
        return 200, found

    def _clock(self, request: Request) -> tuple[int, Any]:
        seconds = _body(request).get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or seconds < 0:
            raise _BadBody('give {"advance": seconds}, not negative')
        clocks = {id(server.vendor.clock): server.vendor.clock for server in self._servers.values()}
        for clock in clocks.values():
            clock.advance(float(seconds))
        return 200, {"advanced": seconds, "now": clock.now().isoformat() if clocks else None}

    @staticmethod
    def _change(vendor: Vendor, native: str, action: str, body: dict[str, Any]) -> tuple[int, Any]:
        id, values = body.get("id"), body.get("values")
        if action != "remove" and not isinstance(values, dict):
            raise _BadBody('"values" must be an object of native fields')
        if action != "create" and not isinstance(id, str):
            raise _BadBody('"id" must be the record\'s id as text')
        try:
            if action == "create":
                return 200, {"id": vendor.load(native, [values or {}])[0]}
            if action == "edit":
                vendor.edit(native, str(id), values or {})
            else:
                vendor.remove(native, str(id))
        except LookupError as error:
            return 404, {"error": f"no such record or field: {error}", "id": id}
        except (ValueError, TypeError) as error:
            raise _BadBody(str(error)) from error
        return 200, {"id": id}


class _BadBody(Exception):
    """What was sent cannot be understood; the text says why."""


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data(), parse_float=Decimal)
    except ValueError as error:
        raise _BadBody(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise _BadBody("the body must be a JSON object")
    return body
