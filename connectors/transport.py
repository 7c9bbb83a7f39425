"""What all connectors share on the wire: sessions, time limits, retries, counting, redaction.

Plain http is spoken only to loopback sandboxes; everything else is TLS, verified.
"""

from __future__ import annotations

import ipaddress
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter

from connectors.budget import Budget
from connectors.errors import Locked, Misconfigured, QuotaExhausted, Throttled, Unavailable, Wait

T = TypeVar("T")

#: Seconds to connect, seconds between two bytes of the reply.
TIMEOUT: tuple[float, float] = (10.0, 120.0)


class Meter:
    """Counts the calls one connection made. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0

    def add(self, calls: int = 1) -> None:
        """Count `calls` more."""
        with self._lock:
            self._calls += calls

    @property
    def total(self) -> int:
        """All calls so far, retries and token requests included."""
        with self._lock:
            return self._calls


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a call that met `Wait` is repeated.

    The pause is the vendor's own `retry_after` where given, else exponential from `first`
    to `longest` seconds with full jitter. `longest` also bounds what is waited for inside a
    call: a vendor that asks for more is told on to the caller.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 60.0


def _asked(error: BaseException | None) -> float | None:
    """Seconds that the vendor wants to be left alone, None if it does not say."""
    return error.retry_after if isinstance(error, Throttled | Unavailable) else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds a reply asks to wait, None if it does not say.

    `headers` are a reply's. ``Retry-After`` is a number of seconds or an HTTP date, which is held
    against the reply's own ``Date``: the vendor's clock need not be ours.
    """
    folded = {name.lower(): text.strip() for name, text in headers.items()}
    given = folded.get("retry-after", "")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", given):
        return float(given)
    try:
        until = parsedate_to_datetime(given)
        now = parsedate_to_datetime(folded["date"]) if "date" in folded else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None


class Retrier:
    """A `RetryPolicy` with a clock: calls a function until it returns or gives up."""

    def __init__(
        self, policy: RetryPolicy | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.policy = policy or RetryPolicy()
        self._sleep = sleep
        self._random = random.Random()  # noqa: S311 (jitter is no secret)

    def pause(self, seconds: float) -> None:
        """Let `seconds` pass: for work that the vendor does on its own and we ask after."""
        self._sleep(seconds)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        asked = _asked(state.outcome.exception() if state.outcome else None)
        if asked is not None:
            return asked
        ceiling = min(self.policy.longest, self.policy.first * 2 ** (state.attempt_number - 1))
        return self._random.uniform(ceiling / 2, ceiling)

    def _again(self, error: BaseException) -> bool:
        if isinstance(error, QuotaExhausted):
            return False
        if (_asked(error) or 0) > self.policy.longest:
            return False
        return isinstance(error, Wait | Locked)

    def call(self, function: Callable[[], T]) -> T:
        """`function()`; `Throttled`, `Unavailable` and `Locked` are tried again.

        Raises:
            whatever `function` raised last.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.policy.attempts),
            wait=self._pause,
            retry=tenacity.retry_if_exception(self._again),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(function)


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_safe(url: str, connection: str) -> str:
    """`url` without a trailing slash, if it is https, or http to this machine.

    Raises:
        Misconfigured: plain http to another machine, or no URL at all.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and is_loopback(url):
        return url.rstrip("/")
    raise Misconfigured(
        f"{connection}: the address {redact(url)!r} is neither https nor a sandbox on this "
        "machine; write the account's https address into settings.yaml",
        connection=connection,
    )


#: What a request costs of the day, in the vendor's unit.
Cost = Callable[[requests.PreparedRequest], int]


def _one(request: requests.PreparedRequest) -> int:
    return 1


class _Adapter(HTTPAdapter):
    """Puts a time limit on every call, pays and counts it, and speaks http to loopback
    sandboxes where a library insists on https."""

    def __init__(
        self, meter: Meter, downgrade: frozenset[str], pool: int, budget: Budget | None, cost: Cost
    ) -> None:
        super().__init__(pool_connections=4, pool_maxsize=pool)
        self._meter = meter
        self._budget = budget
        self._cost = cost
        self._downgrade = downgrade

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        parts = urlsplit(request.url or "")
        if parts.scheme == "https" and parts.netloc in self._downgrade:
            request.url = str(urlunsplit(parts._replace(scheme="http")))
        if self._budget is not None:
            self._budget.take(self._cost(request))
        self._meter.add()
        return super().send(
            request,
            stream=stream,
            timeout=timeout or TIMEOUT,
            verify=verify,
            cert=cert,
            proxies=proxies,
        )


def session(
    meter: Meter,
    sandbox_url: str = "",
    pool: int = 10,
    budget: Budget | None = None,
    cost: Cost = _one,
) -> requests.Session:
    """A `requests.Session` with keep-alive, gzip, time limits and counting.

    `budget` is asked before each call, which raises `QuotaExhausted` where it has not enough
    left for the call's `cost`; what the replies say is told to it by the vendor's own client.

    `sandbox_url`: an ``http://`` loopback address which libraries that hard-code https may
    reach as ``https://host:port``. The environment's proxies and netrc are not consulted
    for a sandbox.
    """
    downgrade: frozenset[str] = frozenset()
    made = requests.Session()
    if sandbox_url and urlsplit(sandbox_url).scheme == "http" and is_loopback(sandbox_url):
        downgrade = frozenset({urlsplit(sandbox_url).netloc})
        made.trust_env = False
    adapter = _Adapter(meter, downgrade, pool, budget, cost)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def unreachable(error: Exception, connection: str) -> Unavailable:
    """A `requests` or `urllib3` transport error as ours."""
    return Unavailable(
        f"{connection}: no complete answer from the vendor ({type(error).__name__})",
        connection=connection,
        words=redact(str(error)),
    )


_SECRETS = re.compile(
    r"(?i)(bearer\s+|zoho-oauthtoken\s+|basic\s+|"
    r"(?:access_token|refresh_token|client_secret|password|assertion|code|sid|token|secret)"
    r"[\"']?\s*[=:]\s*[\"']?)([^\s\"'&,;<>}]+)"
)
_TOKENS = re.compile(
    r"\b(pat-[a-z0-9]+-[A-Za-z0-9-]+|1000\.[0-9a-f]{8,}\.[0-9a-f]+|00D\w{12,15}![\w.]+)"
)


def redact(text: str) -> str:
    """`text` with everything that looks like a credential replaced by ``***``."""
    return _TOKENS.sub("***", _SECRETS.sub(r"\1***", text))
