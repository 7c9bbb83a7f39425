"""Faults on demand: what a sandbox does wrong, on which requests or records, how often.

A `Fault` is an order; `Faults` keeps a server's orders and carries them out. The machinery
is here once. A vendor's sandbox adds only what differs between vendors: how a refusal looks
(`refuse`), how its account is changed (`set_fault`), and what a record's refusal looks like
where one of its `traps` springs.

Every fault draws its chances from a generator of its own, seeded by `Fault.seed`: the same
faults and the same requests in the same order fail in the same places.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from connectors.sandbox.kinds import CHANGES, ENDING, FLAGS, KINDS, NUMBERS, OF_ONE_OBJECT
from connectors.sandbox.rates import Pace

if TYPE_CHECKING:
    from connectors.sandbox.server import Vendor


_SIGN_IN = re.compile(r"/oauth2?/|/services/Soap/")
_HTML = (
    "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
    "<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)
_REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
            504: "Gateway Time-out"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """An order. Requests are chosen by all of `method`, `path`, `writes` and, for a ``wire``
    kind, `object`.

    Attributes:
        vendor: whose sandbox.
        kind: one of `connectors.sandbox.kinds.KINDS`.
        method: HTTP method; '' for any.
        path: regular expression searched in the request's path; '' for every call but
            sign-ins.
        object: native object the request or the record is about; '' for any.
        writes: only requests that create, change, link or delete records.
        times: how many requests (for a ``record`` kind: writes) it strikes; None until cleared.
        skip: how many fitting ones pass before the first is struck.
        probability: chance that a fitting one is struck.
        seed: decides the chances.
        options: what the kind needs and takes.

    Raises:
        ValueError: it makes no sense; the text says why.
    """

    vendor: str
    kind: str
    method: str = ""
    path: str = ""
    object: str = ""
    writes: bool = False
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ValueError(f"no such kind: {self.kind!r}; there are {', '.join(KINDS)}")
        missing = [name for name in kind.needs if name not in self.options]
        if missing:
            raise ValueError(f"{self.kind} needs the options {', '.join(missing)}")
        unknown = sorted(set(self.options) - {*kind.needs, *kind.takes})
        if unknown:
            raise ValueError(f"{self.kind} has no options {', '.join(unknown)}")
        for name, value in self.options.items():
            if name in NUMBERS and (isinstance(value, bool) or not _is_number(value)):
                raise ValueError(f"{name} must be a number")
            if name in FLAGS and not isinstance(value, bool):
                raise ValueError(f"{name} must be true or false")
        if self.kind == "store" and self.options["change"] not in CHANGES:
            raise ValueError(f"change is one of {', '.join(CHANGES)}")
        if self.kind == "store" and (self.options["change"] == "truncate") != (
            "length" in self.options
        ):
            raise ValueError("length goes with truncate, and only with it")
        if self.kind in OF_ONE_OBJECT and not self.object:
            raise ValueError(f"{self.kind} needs an object")
        if self.kind == "rates" and (self.skip or self.probability != 1):
            raise ValueError("rates are counted: give no skip or probability")
        if kind.place in ("record", "account") and (self.method or self.path or self.writes):
            raise ValueError(f"{self.kind} is not about requests: give no method, path or writes")
        if kind.place == "account" and (self.skip or self.probability != 1):
            raise ValueError(f"{self.kind} holds at once: give no skip or probability")
        if not 0 < self.probability <= 1:
            raise ValueError("probability must be above 0 and at most 1")
        if self.skip < 0 or (self.times is not None and self.times < 1):
            raise ValueError("times must be at least 1, skip at least 0")
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path is no regular expression: {error}") from None

    @classmethod
    def read(cls, vendor: str, body: Mapping[str, Any]) -> Fault:
        """A fault from JSON. `times` left out is 1, or None for a kind that lasts.

        Raises:
            ValueError: a name, a type or a value that makes no sense.
        """
        types: dict[str, tuple[type, ...]] = {
            "kind": (str,), "method": (str,), "path": (str,), "object": (str,),
            "writes": (bool,), "times": (int, type(None)), "skip": (int,), "seed": (int,),
            "options": (dict,),
        }  # fmt: skip
        given = dict(body)
        for name, value in given.items():
            if name == "probability" and _is_number(value):
                continue
            if name not in types:
                known = ", ".join(made.name for made in fields(cls) if made.name != "vendor")
                raise ValueError(f"no such part of a fault, or not a number: {name}; {known}")
            wrong_flag = isinstance(value, bool) and bool not in types[name]
            if wrong_flag or not isinstance(value, types[name]):
                raise ValueError(f"{name} must not be {value!r}")
        if "kind" not in given:
            raise ValueError(f"a fault needs a kind: {', '.join(KINDS)}")
        kind = KINDS.get(given["kind"])
        given.setdefault("times", None if kind is not None and kind.lasts else 1)
        given["probability"] = float(given.get("probability", 1))
        return cls(vendor, **given)

    def fits(self, request: Request, wrote: bool) -> bool:
        """Whether the request is one it is about."""
        if self.method and request.method != self.method.upper():
            return False
        if self.writes and not wrote:
            return False
        if self.path:
            chosen = re.search(self.path, request.path) is not None
        else:
            chosen = _SIGN_IN.search(request.path) is None
        # A user's record need not be what the request is about.
        anything = not self.object or KINDS[self.kind].place == "person"
        return chosen and (anything or _names(request, self.object))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal)


def _names(request: Request, object: str) -> bool:
    """Whether a request's path, its query language or its records' types name an object."""
    name = re.escape(object)
    if re.search(rf"/{name}(?=/|$)", request.path):
        return True
    asked = unquote_plus(request.query_string.decode("latin-1"))
    written = rf'\bfrom\s+{name}\b|"type"\s*:\s*"{name}"'
    body = request.get_data(as_text=True)
    return re.search(written, f"{asked}\n{body}", re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that strikes a request; `refusal` is what `Vendor.refuse` is asked for."""

    fault: Fault
    refusal: str


class Armed:
    """A fault in place: counts what it met and struck."""

    def __init__(self, id: str, fault: Fault) -> None:
        self.id = id
        self.fault = fault
        self.met = 0
        self.struck = 0
        self.undo: Callable[[], None] | None = None
        self.pace: Pace | None = None
        """Counts the calls, where the fault is about rates."""
        self._random = random.Random(f"{fault.seed} {fault.vendor} {fault.kind}")

    def strikes(self) -> bool:
        """Whether the fitting request or record at hand is struck; each is asked about once."""
        if self.fault.times is not None and self.struck >= self.fault.times:
            return False
        self.met += 1
        if self.met <= self.fault.skip:
            return False
        if self.fault.probability < 1 and self._random.random() >= self.fault.probability:
            return False
        self.struck += 1
        return True

    def refusal(self, request: Request) -> str:
        """What a fitting request is refused with, '' if it is not struck."""
        if self.pace is None:
            return self.fault.kind if self.strikes() else ""
        found = self.pace.refusal(request)
        return found if found and self.strikes() else ""

    def line(self) -> dict[str, Any]:
        """The fault as JSON, with its id and how often it struck."""
        return {"id": self.id, **asdict(self.fault), "struck": self.struck}


class Traps:
    """The faults of one account that spring when a record is written over the API."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []

    def add(self, armed: Armed) -> None:
        """Put one in place."""
        self._armed.append(armed)

    def remove(self, armed: Armed) -> None:
        """Take one away."""
        self._armed.remove(armed)

    def on(self, kind: str, object: str, values: Mapping[str, Any]) -> Iterator[Armed]:
        """Those of a kind that a write of these values is about; the caller asks each
        whether it `strikes`."""
        for armed in self._armed:
            fault = armed.fault
            name = fault.options.get("field")
            if fault.kind != kind or fault.object not in ("", object):
                continue
            if name is not None:
                if name not in values:
                    continue
                if str(values[name]) != str(fault.options.get("value", values[name])):
                    continue
            yield armed

    def sprung(self, kind: str, object: str, values: Mapping[str, Any]) -> Fault | None:
        """The first fault of a kind that strikes a write of these values."""
        for armed in self.on(kind, object, values):
            if armed.strikes():
                return armed.fault
        return None

    def stored(self, object: str, values: dict[str, Any]) -> dict[str, Any]:
        """The values as they are after the ``store`` faults that strike."""
        made = dict(values)
        for armed in self.on("store", object, values):
            options = armed.fault.options
            text = made[options["field"]]
            if isinstance(text, str) and armed.strikes():
                made[options["field"]] = CHANGES[options["change"]](text, options) or None
        return made


class Faults:
    """The faults of one server, in the order they were set.

    Args:
        vendor: gives the sandbox in use.
        sleep: waits for real seconds.
    """

    def __init__(
        self, vendor: Callable[[], Vendor], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._vendor = vendor
        self._sleep = sleep
        self._armed: list[Armed] = []
        self._number = 0

    def add(self, fault: Fault) -> str:
        """Set a fault; its id. Call it under the vendor's lock.

        Raises:
            ValueError: the vendor has nothing like it.
            LookupError: the account has no such object, field or option.
        """
        vendor, place = self._vendor(), KINDS[fault.kind].place
        if fault.object and fault.object not in vendor.objects():
            raise KeyError(f"{fault.object}; there are {', '.join(vendor.objects())}")
        armed = Armed(f"{vendor.name}-{self._number + 1}", fault)
        if place == "account":
            armed.undo = vendor.set_fault(fault.kind, {"object": fault.object, **fault.options})
            armed.struck = 1
        elif place == "record":
            vendor.traps.add(armed)
            armed.undo = lambda: vendor.traps.remove(armed)
        elif fault.kind == "rates":
            armed.undo = vendor.set_fault(fault.kind, fault.options)
            armed.pace = Pace(vendor.rates, vendor.clock.now)
        self._number += 1
        self._armed.append(armed)
        return armed.id

    def clear(self, id: str = "") -> int:
        """Take one fault away, or all of them; how many that were. What an ``account``
        fault changed is as before."""
        gone = [armed for armed in self._armed if id in ("", armed.id)]
        for armed in reversed(gone):
            if armed.undo is not None:
                armed.undo()
            self._armed.remove(armed)
        return len(gone)

    def lines(self) -> list[dict[str, Any]]:
        """All faults as JSON, spent ones included."""
        return [armed.line() for armed in self._armed]

    def struck(self, request: Request, wrote: bool) -> list[Strike]:
        """The faults that strike a request, which runs until it is told to `end`. Call it under
        the vendor's lock."""
        found: list[Strike] = []
        for armed in self._armed:
            fault = armed.fault
            if KINDS[fault.kind].place not in ("wire", "person"):
                continue
            if fault.kind in ENDING and any(other.fault.kind in ENDING for other in found):
                continue
            if fault.fits(request, wrote) and (refusal := armed.refusal(request)):
                found.append(Strike(fault, refusal))
        return found

    def end(self, request: Request) -> None:
        """A request has been answered. Call it under the vendor's lock."""
        for armed in self._armed:
            if armed.pace is not None:
                armed.pace.end(request)

    def delay(self, struck: Sequence[Strike]) -> None:
        """Wait as slow faults say; not under the vendor's lock."""
        for fault in (strike.fault for strike in struck):
            if fault.kind == "slow":
                seconds = float(fault.options["seconds"])
                if fault.options.get("clock"):
                    self._vendor().clock.advance(seconds)
                else:
                    self._sleep(seconds)

    def answer(self, request: Request, struck: Sequence[Strike]) -> Response | None:
        """The reply to a request, None where the connection is cut instead. Call it under
        the vendor's lock."""
        vendor = self._vendor()
        for fault in (strike.fault for strike in struck):
            if KINDS[fault.kind].place == "person":
                act(vendor, fault.kind, fault.object, fault.options)
        ending = next((strike for strike in struck if strike.fault.kind in ENDING), None)
        if ending is None or ending.fault.kind == "cut_after":
            response = vendor.handle(request)
            return response if ending is None else None
        if ending.fault.kind == "cut_before":
            return None
        return _refusal(vendor, request, ending)


def act(vendor: Vendor, kind: str, object: str, options: Mapping[str, Any]) -> str:
    """What a user of the vendor does with records: ``merge``, ``remove`` or ``restore``.
    Returns the id that is alive (or was removed) afterwards.

    Raises:
        LookupError: no such record.
        ValueError: the vendor does not do it.
    """
    if kind == "merge":
        return vendor.merge(object, str(options["winner"]), str(options["loser"]))
    id = str(options["id"])
    (vendor.remove if kind == "remove" else vendor.restore)(object, id)
    return id


def _refusal(vendor: Vendor, request: Request, strike: Strike) -> Response:
    options = strike.fault.options
    if options.get("html"):
        status = int(options.get("status", 503))
        page = _HTML.format(status=status, reason=_REASONS.get(status, "Error"))
        response = Response(page, status=status, content_type="text/html")
    else:
        response = vendor.refuse(strike.refusal, request)
        if "status" in options:
            response.status_code = int(options["status"])
    if "retry_after" in options:
        response.headers["Retry-After"] = f"{options['retry_after']}"
    response.headers["Date"] = http_date(vendor.clock.now())
    return response
