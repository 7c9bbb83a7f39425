"""One account's HTTP: sends, renews the token, retries, turns refusals into errors."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

import orjson
import requests
from zcrmsdk.src.com.zoho.crm.api.dc.data_center import DataCenter

from connectors.base import Access
from connectors.errors import (
    AuthenticationFailed,
    Bug,
    ConnectorError,
    Misconfigured,
    QuotaExhausted,
    Unavailable,
)
from connectors.transport import (
    Meter,
    Retrier,
    require_safe,
    retry_after,
    session,
    unreachable,
)
from connectors.zoho import credits, errors
from connectors.zoho.tokens import DATA_CENTERS, ENVIRONMENTS, Tokens, environment

T = TypeVar("T")

API_VERSION = "v8"

#: Hosts of Zoho's own, which may see a token.
_ZOHO = re.compile(r"(.+\.)?zoho(apis|cloud)?\.(com|eu|in|com\.au|com\.cn|jp|sa|ca)")

#: Reply keys that hold one outcome an item, whatever the HTTP status is.
_BATCHES = ("data", "fields")

_TOKEN_TIMEOUT = (10.0, 30.0)
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that is no refusal. `body` is {} for 204 and 304; `at` is Zoho's own time."""

    status: int
    body: Mapping[str, Any]
    at: datetime
    attempts: int = 1

    def rows(self, key: str = "data") -> list[Any]:
        """The list under `key`, [] without one."""
        found = self.body.get(key)
        return found if isinstance(found, list) else []

    @property
    def more(self) -> bool:
        """Whether there is a further page."""
        info = self.body.get("info")
        return isinstance(info, Mapping) and bool(info.get("more_records"))


def _place(access: Access) -> DataCenter.Environment:
    """Where the account lives.

    Raises:
        Misconfigured: an unsafe address, or an unknown data centre.
    """
    name = access.connection
    if access.sandbox:
        url = require_safe(access.url, name)
        return DataCenter.Environment(url, f"{url}/oauth/v2/token", url)
    given = access.options.get("data_center", "")
    kind = access.options.get("environment", "production")
    if access.url:
        host = urlsplit(require_safe(access.url, name)).hostname or ""
        domain = host.partition(".zohoapis.")[2]
        if not domain:
            raise Misconfigured(
                f"{name}: {host} is no address of Zoho's API (https://www.zohoapis.com, …)",
                connection=name,
            )
        given = domain
        kind = host.partition(".")[0] if host.startswith(("sandbox.", "developer.")) else kind
    try:
        place = environment(given or "com", kind)
    except KeyError:
        raise Misconfigured(
            f"{name}: no such Zoho data centre: {given!r}, {kind!r}; data_center is one of "
            f"{', '.join(DATA_CENTERS)} and environment one of {', '.join(ENVIRONMENTS)}",
            connection=name,
        ) from None
    if access.url:
        place.url = require_safe(access.url, name)
    return place


class Client:
    """Calls to one account. `credits_left` is what Zoho last said, None while it is silent."""

    def __init__(self, access: Access, meter: Meter, retrier: Retrier) -> None:
        self.connection = access.connection
        if access.auth.get("kind") != "self_client":
            raise Misconfigured(
                f"{self.connection}: Zoho needs an auth block of kind self_client, "
                f"not {access.auth.get('kind')!r}",
                connection=self.connection,
            )
        missing = [
            name
            for name in ("client_id", "client_secret", "refresh_token")
            if not access.auth.get(name)
        ]
        if missing:
            raise Misconfigured(
                f"{self.connection}: the auth block lacks {', '.join(missing)}",
                connection=self.connection,
            )
        place = _place(access)
        self._url = str(place.url)
        self._content_url = str(place.file_upload_url)
        self._retrier = retrier
        self._budget = access.budget
        self._session = session(
            meter, self._url if access.sandbox else "", budget=access.budget, cost=credits.cost
        )
        self._tokens = Tokens(self.connection, place, access.auth, self._post_form, access.keeper)
        self.credits_left: int | None = None
        self._silent = False
        """The last reply said nothing of credits: less than half of them were used."""

    def close(self) -> None:
        """Release the sockets."""
        self._session.close()

    # -- tokens ----------------------------------------------------------------------

    def _post_form(self, url: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            reply = self._session.post(url, data=dict(form), timeout=_TOKEN_TIMEOUT)
        except requests.RequestException as error:
            raise unreachable(error, self.connection) from error
        try:
            body = reply.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict) or "access_token" not in body:
            raise errors.of_token(
                self.connection, reply.status_code, body if isinstance(body, dict) else {}
            )
        return body

    # -- calls -----------------------------------------------------------------------

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """``GET /crm/v8/{path}``, or a path from the root.

        Raises:
            ConnectorError: refused, after the retries that make sense.
        """
        return self.call("GET", path, params=params, headers=headers)

    def records(self, answer: Answer) -> list[Any]:
        """The records of an answer; none only where Zoho says so, by 204 or an empty list.

        Raises:
            Bug: it says nothing of records.
        """
        if answer.body and not isinstance(answer.body.get("data"), list):
            raise Bug(
                f"{self.connection}: Zoho's answer holds no records, and does not say that there "
                "are none",
                connection=self.connection,
                status=answer.status,
            )
        return answer.rows()

    def coql(self, query: str) -> Answer:
        """``POST /crm/v8/coql``: an immediate read."""
        return self.call("POST", "coql", body={"select_query": query})

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        repeatable: bool = True,
    ) -> Answer:
        """One call; `repeatable` is false where doing it twice would make two records.

        A call that is not repeatable is sent again after `Throttled` (it was not carried
        out), but not when its outcome is unknown.

        Raises:
            ConnectorError: refused, after the retries that make sense.
        """
        data = None if body is None else dump(body)
        attempts = 0
        lost: list[Unavailable] = []

        def once() -> Answer | None:
            nonlocal attempts
            attempts += 1
            try:
                return self._renewing(lambda: self._send(method, path, params, headers, data))
            except Unavailable as error:
                if repeatable:
                    raise
                lost.append(error)
                return None

        answer = self._retrier.call(once)
        if answer is None:
            raise lost[0]
        return Answer(answer.status, answer.body, answer.at, attempts)

    def upload(self, path: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        """``POST`` a file to ``/crm/v8/{path}`` of the host for contents. One that comes twice
        is a file that nothing refers to.

        Raises:
            ConnectorError: refused, after the retries that make sense.
        """
        url = f"{self._content_url}/crm/{API_VERSION}/{path}"

        def send() -> Answer:
            files = {"file": ("records.zip", content, "application/zip")}
            return self._read(self._exchange("POST", url, headers, files=files))

        return self._retrier.call(lambda: self._renewing(send))

    def download(self, address: str, into: IO[bytes]) -> None:
        """The ZIP at a path, or at an address Zoho gave, written over `into` as it arrives.

        Raises:
            Bug: the address is not Zoho's.
            ConnectorError: refused or incomplete, after the retries that make sense.
        """
        url = address if address.startswith(("http:", "https:")) else self._address(address)
        parts = urlsplit(url)
        theirs = parts.scheme == "https" and _ZOHO.fullmatch(parts.hostname or "")
        if not theirs and not url.startswith(f"{self._url}/"):
            raise Bug(
                f"{self.connection}: Zoho named {parts.hostname}, not its own, for a result",
                connection=self.connection,
            )

        def send() -> None:
            into.seek(0)
            into.truncate()
            with self._exchange("GET", url, {}, stream=True) as reply:
                if reply.status_code != requests.codes.ok:
                    self._read(reply)
                    raise self._refusal(reply, {})
                try:
                    for part in reply.iter_content(_CHUNK):
                        into.write(part)
                except requests.RequestException as error:
                    raise unreachable(error, self.connection) from error
            if not zipfile.is_zipfile(into):
                raise Unavailable(
                    f"{self.connection}: the file Zoho sent is not whole",
                    connection=self.connection,
                )

        self._retrier.call(lambda: self._renewing(send))

    def _address(self, path: str) -> str:
        return self._url + (path if path.startswith("/") else f"/crm/{API_VERSION}/{path}")

    def _renewing(self, send: Callable[[], T]) -> T:
        """Zoho may end a token before its time: one that is refused is renewed once."""
        try:
            return send()
        except AuthenticationFailed as error:
            if error.code not in errors.TOKEN_CODES:
                raise
        self._tokens.forget()
        return send()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        data: bytes | None,
    ) -> Answer:
        sent = dict(headers or {})
        if data is not None:
            sent["Content-Type"] = "application/json"
        return self._read(
            self._exchange(method, self._address(path), sent, params=params, data=data)
        )

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], **what: Any
    ) -> requests.Response:
        """One request with the token on it; `what` is as for `requests`."""
        sent = {**self._tokens.headers(), **headers}
        try:
            reply = self._session.request(method, url, headers=sent, **what)
        except requests.RequestException as error:
            raise unreachable(error, self.connection) from error
        left = reply.headers.get("X-API-CREDITS-REMAINING", "")
        told = int(left) if left.isdigit() else None
        if self._budget is not None:
            credits.hear(self._budget, told, first=self._silent)
        self._silent = told is None
        self.credits_left = self.credits_left if told is None else told
        return reply

    def _read(self, reply: requests.Response) -> Answer:
        at = _date(reply.headers.get("Date"))
        status = reply.status_code
        if status in (204, 304) or (status < 300 and not reply.content):
            return Answer(status, {}, at)
        try:
            body = json.loads(reply.content, parse_float=Decimal)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            if status < 400:
                raise Bug(
                    f"{self.connection}: Zoho answered {status} with something that is not JSON",
                    connection=self.connection, status=status,
                )  # fmt: skip
            raise self._refusal(reply, {})
        batch = any(isinstance(body.get(key), list) for key in _BATCHES)
        refused = "code" in body and body.get("status") == "error"
        if not batch and (status >= 400 or refused):
            raise self._refusal(reply, body)
        return Answer(status, body, at)

    def _refusal(self, reply: requests.Response, body: Mapping[str, Any]) -> ConnectorError:
        error = errors.of_request(
            self.connection,
            reply.status_code,
            body,
            credits_left=self.credits_left,
            retry_after=retry_after(reply.headers),
        )
        if isinstance(error, QuotaExhausted) and self._budget is not None:
            self._budget.ran_out(error)
        return error


def _date(header: str | None) -> datetime:
    """Zoho's time of a reply. Without one, an hour ago on this machine: early is safe."""
    try:
        return parsedate_to_datetime(header or "").astimezone(UTC)
    except ValueError:
        return datetime.now(UTC) - timedelta(hours=1)


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)


def dump(body: Any) -> bytes:
    """JSON with decimals digit for digit, never by way of binary floating point.

    Raises:
        ValueError: text that is not Unicode, a number JSON has no way to write.
    """
    try:
        return orjson.dumps(body, default=_exact)
    except TypeError as error:
        raise ValueError(str(error)) from error
