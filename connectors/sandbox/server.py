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
from decimal import Decimal
from typing import Any, Protocol

import orjson
from werkzeug.wrappers import Request, Response

from connectors.sandbox.listener import Listener, PortTaken

__all__ = [
    "Call",
    "Clock",
    "Control",
    "Log",
    "PortTaken",
    "Server",
    "Vendor",
    "json_response",
]


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


class Server(Listener):
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


class Control(Listener):
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
