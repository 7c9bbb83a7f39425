"""What the three sandboxes share: an HTTP server on loopback, a clock, a log, a control API.

A vendor's sandbox is a `Vendor`: it turns a request into a response and can be loaded with
records and asked for its true state. `Server` gives it a socket. The control API is
a fourth server that sees all of them; it is not part of any vendor's protocol.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import orjson
from werkzeug.wrappers import Request, Response

from connectors.sandbox.changes import Changes
from connectors.sandbox.faults import Fault, Faults, Traps, act
from connectors.sandbox.kinds import KINDS
from connectors.sandbox.listener import Cut, Listener, PortTaken
from connectors.sandbox.rates import Rate

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
    """The time a sandbox lives in: the machine's, plus what it was moved forward by.

    Attributes:
        skew: seconds it shows more than it should; a vendor's clock may be wrong.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._ahead = timedelta(0)
        self._source: Clock | None = None
        self.skew = 0.0

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        found = self._source.now() if self._source else self._now() + self._ahead
        return found + timedelta(seconds=self.skew)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once, for everybody who shares the time."""
        self.source._ahead += timedelta(seconds=seconds)

    @property
    def source(self) -> Clock:
        """The clock whose time this one shares: itself unless it is a `copy`."""
        return self._source or self

    def copy(self) -> Clock:
        """A clock of the same time with a skew of its own, for one vendor."""
        made = Clock()
        made._source = self.source
        return made


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the request log. `wrote` is true for a request that creates, changes, links
    or deletes records, whether it succeeded or not. `status` is 0 where the connection was
    cut; `faults` are the kinds of those that struck, in their order."""

    at: str
    method: str
    path: str
    status: int
    bytes: int
    wrote: bool
    faults: tuple[str, ...] = ()


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
    """One vendor's protocol and records. All methods are called under `lock`.

    Attributes:
        clock: the vendor's own, which may be skewed.
        traps: the faults that spring when records are written over the API.
        changes: the log of what happened to the records, whoever did it.
        rates: how fast the account may be called, as the vendor documents it; enforced while
            the fault ``rates`` is set.
    """

    name: str
    clock: Clock
    lock: threading.RLock
    traps: Traps
    changes: Changes
    rates: Sequence[Rate]

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

    def state(self, object: str, ids: Collection[str] = ()) -> list[dict[str, Any]]:
        """The true records of an object, deleted ones marked, ordered by id; only those with
        one of `ids` if there are any."""
        ...

    def edit(self, object: str, id: str, values: Mapping[str, Any]) -> None:
        """Change a record as a user of the vendor does in its own screens."""
        ...

    def remove(self, object: str, id: str) -> None:
        """Delete a record as a user of the vendor does."""
        ...

    def merge(self, object: str, winner: str, loser: str) -> str:
        """Merge two records as a user of the vendor does; the survivor's id."""
        ...

    def restore(self, object: str, id: str) -> None:
        """Take a record out of the recycle bin as a user of the vendor does."""
        ...

    def credentials(self) -> dict[str, Any]:
        """The `auth` block of settings.yaml that opens this sandbox."""
        ...

    def refuse(self, kind: str, request: Request) -> Response:
        """The vendor's own words for ``throttle``, ``unauthorized`` (which ends the token the
        request came with, where it can be renewed), ``error``, or the refusal of one of its
        `rates`."""
        ...

    def set_fault(self, kind: str, options: Mapping[str, Any]) -> Callable[[], None]:
        """Change the account as an ``account`` kind of `connectors.sandbox.kinds.KINDS`, or
        ``rates``, says; returns what puts it back.

        Raises:
            LookupError: no such field or option.
            ValueError: the vendor has nothing like it.
        """
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
    """One vendor's sandbox on a socket, with its `faults`. `sleep` waits for real seconds."""

    def __init__(
        self, vendor: Vendor, port: int = 0, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.vendor = vendor
        self.log = Log()
        self.faults = Faults(lambda: self.vendor, sleep)
        super().__init__(port)

    def answer(self, request: Request) -> Response:
        """Hand the request to the vendor, one at a time, and log the outcome."""
        with self.vendor.lock:
            wrote = self.vendor.is_write(request)
            struck = self.faults.struck(request, wrote)
        self.faults.delay(struck)
        with self.vendor.lock:
            try:
                response = self.faults.answer(request, struck)
            finally:
                self.faults.end(request)
            self.log.calls.append(
                Call(
                    at=self.vendor.clock.now().isoformat(),
                    method=request.method,
                    path=request.path,
                    status=response.status_code if response else 0,
                    bytes=len(response.get_data()) if response else 0,
                    wrote=wrote,
                    faults=tuple(strike.fault.kind for strike in struck),
                )
            )
        if response is None:
            raise Cut
        return response


class Control(Listener):
    """The control API: the logs, the true state, what users do, the clock, faults on demand.

    ====== ====================================== =========================================
    GET    ``/control/log?vendor=V&since=N``      request log, by vendor
    GET    ``/control/changes?vendor=V&since=N``  log of changes to records, by vendor
    GET    ``/control/state/{vendor}/{object}``   true records
    POST   ``/control/edit/{vendor}/{object}``    ``{"id": …, "values": {…}}``
    POST   ``/control/create/{vendor}/{object}``  ``{"values": {…}}`` -> ``{"id": …}``
    POST   ``/control/remove/{vendor}/{object}``  ``{"id": …}``
    POST   ``/control/restore/{vendor}/{object}`` ``{"id": …}``
    POST   ``/control/merge/{vendor}/{object}``   ``{"winner": …, "loser": …}`` -> ``{"id": …}``
    POST   ``/control/clock``                     ``{"advance": seconds}``
    POST   ``/control/faults/{vendor}``           a fault (see `faults.Fault`) -> ``{"id": …}``
    GET    ``/control/faults``                    the faults of all vendors, and how often each
                                                  struck
    DELETE ``/control/faults``                    clear them all -> ``{"cleared": n}``
    DELETE ``/control/faults/{id}``               clear one
    ====== ====================================== =========================================
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
            return self._lines(request, lambda server, since: server.log.lines(since))
        if (request.method, action, rest) == ("GET", "changes", []):
            return self._lines(request, lambda server, since: server.vendor.changes.lines(since))
        if (request.method, action, rest) == ("POST", "clock", []):
            return self._clock(request)
        if action == "faults":
            return self._faults(request, rest)
        people = ("edit", "create", "remove", "restore", "merge")
        known = {"GET": ("state",), "POST": people}
        if action not in known.get(request.method, ()):
            return 404, {"error": f"no such action: {request.method} {action}"}
        if len(rest) != 2 or rest[0] not in self._servers:
            return 404, self._no_vendor()
        vendor, native = self._servers[rest[0]].vendor, rest[1]
        with vendor.lock:
            if native not in vendor.objects():
                return 404, {"error": "no such object", "objects": vendor.objects()}
            if action == "state":
                return 200, vendor.state(native)
            return self._change(vendor, native, action, _body(request))

    def _no_vendor(self) -> dict[str, Any]:
        return {"error": "no such vendor", "vendors": list(self._servers)}

    def _lines(
        self, request: Request, read: Callable[[Server, int], list[dict[str, Any]]]
    ) -> tuple[int, Any]:
        """A log of the vendors asked for, from the number asked for."""
        wanted, since = request.args.get("vendor"), request.args.get("since", "0")
        if not since.isdecimal():
            raise _BadBody(f"since must be a number of lines: {since!r}")
        if wanted is not None and wanted not in self._servers:
            return 404, self._no_vendor()
        found = {}
        for name, server in self._servers.items():
            if wanted in (None, name):
                with server.vendor.lock:
                    found[name] = read(server, int(since))
        return 200, found

    def _clock(self, request: Request) -> tuple[int, Any]:
        seconds = _body(request).get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or seconds < 0:
            raise _BadBody('give {"advance": seconds}, not negative')
        shared = [server.vendor.clock.source for server in self._servers.values()]
        clocks = {id(clock): clock for clock in shared}
        for clock in clocks.values():
            clock.advance(float(seconds))
        return 200, {"advanced": seconds, "now": clock.now().isoformat() if clocks else None}

    def _faults(self, request: Request, rest: list[str]) -> tuple[int, Any]:
        if request.method == "POST" and len(rest) == 1:
            return self._set_fault(request, rest[0])
        if request.method == "GET" and not rest:
            found = []
            for server in self._servers.values():
                with server.vendor.lock:
                    found += server.faults.lines()
            return 200, found
        if request.method == "DELETE" and len(rest) < 2:
            cleared = 0
            for server in self._servers.values():
                with server.vendor.lock:
                    cleared += server.faults.clear(*rest)
            return (404 if rest and not cleared else 200), {"cleared": cleared}
        return 404, {"error": f"no such action: {request.method} faults"}

    def _set_fault(self, request: Request, name: str) -> tuple[int, Any]:
        if name not in self._servers:
            return 404, self._no_vendor()
        server = self._servers[name]
        try:
            fault = Fault.read(name, _body(request))
            with server.vendor.lock:
                return 200, {"id": server.faults.add(fault)}
        except LookupError as error:
            return 404, {"error": f"no such object, field or option: {error}"}
        except (ValueError, TypeError) as error:
            raise _BadBody(str(error)) from error

    @staticmethod
    def _change(vendor: Vendor, native: str, action: str, body: dict[str, Any]) -> tuple[int, Any]:
        id, values = body.get("id"), body.get("values")
        wanted = KINDS[action].needs if action in KINDS else ("id",) if action == "edit" else ()
        if action in ("edit", "create") and not isinstance(values, dict):
            raise _BadBody('"values" must be an object of native fields')
        for name in wanted:
            if not isinstance(body.get(name), str):
                raise _BadBody(f'"{name}" must be a record\'s id as text')
        try:
            if action == "create":
                return 200, {"id": vendor.load(native, [values or {}])[0]}
            if action == "edit":
                vendor.edit(native, str(id), values or {})
                return 200, {"id": id}
            return 200, {"id": act(vendor, action, native, body)}
        except LookupError as error:
            return 404, {"error": f"no such record or field: {error}", "id": id}
        except (ValueError, TypeError) as error:
            raise _BadBody(str(error)) from error


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
