"""One kept SDK client: every call is counted, timed, retried and translated here.

The SDK's API objects know only v3 and v4 paths and build a model per record; all of them end
in their client's `call_api`, which is what we call, with our own paths and raw replies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import hubspot.crm.objects
import hubspot.oauth
import orjson
import urllib3.exceptions

from connectors.base import Access
from connectors.errors import (
    AuthenticationFailed,
    Bug,
    ConnectorError,
    Misconfigured,
    QuotaExhausted,
    Unavailable,
)
from connectors.hubspot import errors, limits
from connectors.hubspot.versions import HOST
from connectors.tokens import Tokens
from connectors.transport import TIMEOUT, Meter, Retrier, require_safe

#: What an `auth` block must hold, by its kind.
_NEEDED: Mapping[str, Sequence[str]] = {
    "private_app": ("access_token",),
    "oauth": ("client_id", "client_secret", "refresh_token"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A good reply: its status, its JSON ({} if none), its headers, and when it was given."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    at: datetime


class Wire:
    """The way to one account. `now` is only asked when HubSpot sends no Date; `time_zone` is the
    account's, '' while it is not known."""

    def __init__(
        self,
        access: Access,
        meter: Meter,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.connection = access.connection
        self._meter = meter
        self._budget = access.budget
        self.time_zone = access.time_zone
        self._now = now
        self._retrier = Retrier(sleep=sleep)
        self.host = require_safe(access.url or HOST, access.connection)
        self.kind = access.auth.get("kind", "")
        needed = _NEEDED.get(self.kind)
        missing = [name for name in needed or () if not access.auth.get(name)]
        if needed is None or missing:
            what = (
                "auth needs " + ", ".join(missing) if needed else f"no kind {self.kind!r} of auth"
            )
            raise Misconfigured(
                f"{access.connection}: {what} (kinds: {', '.join(_NEEDED)})",
                connection=access.connection,
            )
        self._auth = dict(access.auth)
        self._client = self._configured(hubspot.crm.objects)
        self._tokens = (
            hubspot.oauth.TokensApi(self._configured(hubspot.oauth))
            if self.kind == "oauth"
            else None
        )
        self._kept = Tokens(access.keeper, access.auth)
        if self.kind == "private_app":
            self._client.configuration.access_token = self._auth["access_token"]

    def _configured(self, package: Any) -> Any:
        configuration = package.Configuration(host=self.host)
        configuration.retries = False
        client = package.ApiClient(configuration=configuration)
        client.user_agent = "concord"
        client.set_default_header("Accept-Encoding", "gzip")
        return client

    def close(self) -> None:
        """Release the sockets."""
        clients = [self._client, *([self._tokens.api_client] if self._tokens else [])]
        for client in clients:
            client.rest_client.pool_manager.clear()
            client.close()

    @property
    def token(self) -> str:
        """The access token in use; '' before the first OAuth call."""
        return self._client.configuration.access_token or ""

    @property
    def is_low(self) -> bool:
        """Whether little is left to spend; see `connectors.budget.Budget.is_low`."""
        return self._budget is not None and self._budget.is_low

    def has_room(self, calls: int) -> bool:
        """Whether so many calls are left to spend, as far as is known."""
        left = None if self._budget is None else self._budget.left
        return left is None or left >= calls

    # -- calls

    def read(self, method: str, path: str, what: str, **rest: Any) -> Reply:
        """A call that changes nothing; `what` names it in errors.

        Raises:
            Stop, Wait, Bug: never an `ItemError`.
        """
        try:
            return self.call(method, path, **rest)
        except ConnectorError as error:
            made = errors.for_reading(error, what)
            if made is error:
                raise
            raise made from error

    def results(self, reply: Reply) -> list[Any]:
        """The records of a reply; none only where HubSpot says so, by an empty list.

        Raises:
            Bug: it says nothing of records.
        """
        found = reply.body.get("results")
        if not isinstance(found, list):
            raise Bug(
                f"{self.connection}: HubSpot's answer holds no records, and does not say that "
                "there are none",
                connection=self.connection,
                status=reply.status,
            )
        return found

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        repeat: bool = True,
    ) -> Reply:
        """One call, repeated while it meets `Wait`. With ``repeat=False`` a call whose outcome
        is unknown is not sent again.

        Raises:
            ConnectorError: what the last try met.
        """

        def once() -> Reply | Unavailable:
            try:
                return self._authorised(method, path, query, body)
            except Unavailable as error:
                if repeat:
                    raise
                return error

        outcome = self._retrier.call(once)
        if isinstance(outcome, Unavailable):
            raise outcome
        return outcome

    def _authorised(self, method: str, path: str, *rest: Any) -> Reply:
        if not self._tokens:
            return self._send(method, path, *rest)
        if not self.token and not self._recall():
            self._renew()
            return self._send(method, path, *rest)
        try:
            return self._send(method, path, *rest)
        except AuthenticationFailed as error:
            if error.code == "MISSING_SCOPES":
                raise
        self._renew()
        return self._send(method, path, *rest)

    def _recall(self) -> bool:
        """Take up the tokens an earlier process kept; whether there were any."""
        kept = self._kept.load()
        if kept:
            self._client.configuration.access_token = kept["access_token"]
            self._auth["refresh_token"] = kept["refresh_token"]
        return bool(kept)

    def _renew(self) -> None:
        """A new access token; HubSpot may rotate the refresh token with it."""
        assert self._tokens is not None
        tokens = self._tokens

        def ask() -> Any:
            return tokens.create(
                grant_type="refresh_token",
                client_id=self._auth["client_id"],
                client_secret=self._auth["client_secret"],
                refresh_token=self._auth["refresh_token"],
                _preload_content=False,
                _request_timeout=TIMEOUT,
            )

        try:
            granted = self._raw(ask).body
        except ConnectorError as error:
            if error.status not in (400, 401, 403, 404):
                raise
            raise AuthenticationFailed(
                f"{self.connection}: HubSpot does not renew the access token",
                connection=self.connection,
                words=error.words,
                code=error.code,
                status=error.status,
            ) from None
        self._client.configuration.access_token = str(granted["access_token"])
        self._auth["refresh_token"] = str(
            granted.get("refresh_token") or self._auth["refresh_token"]
        )
        self._kept.save({"access_token": self.token, "refresh_token": self._auth["refresh_token"]})

    def _send(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
    ) -> Reply:
        def ask() -> Any:
            return self._client.call_api(
                path,
                method,
                query_params=list(query),
                header_params={"Accept": "application/json", "Content-Type": "application/json"},
                body=None if body is None else dict(body),
                auth_settings=["oauth2"],
                _preload_content=False,
                _request_timeout=TIMEOUT,
            )

        return self._raw(ask, limits.kind(path))

    def _raw(self, ask: Callable[[], Any], kind: str = "") -> Reply:
        if self._budget is not None:
            self._budget.take(kind=kind)
        self._meter.add()
        try:
            answer = ask()
            data: bytes = answer.data
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise errors.translate(error, self.connection) from None
        except Exception as error:
            # The SDK has a tree of its own for each of its forty packages, with no common root;
            # its texts carry headers and bodies, so they are not chained.
            made = errors.translate(error, self.connection)
            said = dict(getattr(error, "headers", None) or {})
            if isinstance(made, QuotaExhausted):
                made.until = limits.day_ends(self._date(said), self.time_zone)
            if self._budget is not None:
                limits.hear(self._budget, said)
                if isinstance(made, QuotaExhausted):
                    self._budget.ran_out(made)
            raise made from None
        headers = dict(answer.headers)
        if self._budget is not None:
            limits.hear(self._budget, headers)
        try:
            read = orjson.loads(data) if data else {}
        except orjson.JSONDecodeError:
            read = None
        if not isinstance(read, dict):
            raise Bug(
                f"{self.connection}: HubSpot's answer is not a JSON object",
                connection=self.connection,
                words=data[:200].decode("utf-8", "replace"),
                status=answer.status,
            )
        return Reply(answer.status, read, headers, self._date(headers))

    def _date(self, headers: Mapping[str, str]) -> datetime:
        text = next((v for k, v in headers.items() if k.lower() == "date"), "")
        try:
            return parsedate_to_datetime(text).astimezone(UTC)
        except (ValueError, TypeError):
            return self._now().astimezone(UTC)
