"""One signed-in session of the SDK, with our retries, errors and clock around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import IO, Any, TypeVar
from urllib.parse import quote

import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError

from connectors.base import Access
from connectors.errors import (
    AuthenticationFailed,
    ConnectorError,
    QuotaExhausted,
    Throttled,
    Unavailable,
)
from connectors.salesforce.auth import Login
from connectors.salesforce.errors import strange, translate
from connectors.salesforce.values import dumps
from connectors.tokens import Tokens
from connectors.transport import Meter, Retrier, retry_after, session

T = TypeVar("T")

#: API version spoken unless `options.api_version` says otherwise.
VERSION = "62.0"
# Owners and statuses are ours to set: assignment rules must not change them again.
_CHUNK = 1 << 16
_WRITE_HEADERS = {"Sforce-Auto-Assign": "FALSE"}


class LocatorExpired(Exception):
    """A query locator no longer works: Salesforce keeps them for two days, and few at a time."""


class _OutcomeUnknown(Exception):
    """A write that must not be sent twice was cut off; nobody knows whether it was done.

    It is no `Wait`, so that no retry policy repeats it.
    """

    def __init__(self, error: Unavailable) -> None:
        super().__init__(str(error))
        self.error = error


class Client:
    """Calls Salesforce. Signs in on the first call, and again once when a session ends.

    Every method raises `connectors.errors` only.
    """

    def __init__(self, access: Access, meter: Meter, retrier: Retrier) -> None:
        self.connection = access.connection
        self.version = access.options.get("api_version", VERSION)
        self._retrier = retrier
        self.budget = access.budget
        self._session = session(
            meter, sandbox_url=access.url if access.sandbox else "", budget=access.budget
        )
        self._session.hooks["response"].append(self._note)
        self._login = Login(access, self._session, self.version)
        self._kept = Tokens(access.keeper, access.auth)
        self._salesforce: Salesforce | None = None
        self._refused = False
        """A session has ended: what is kept is it, or older."""
        self.asked_at: datetime | None = None
        """Salesforce's own clock when the last answered call was sent, to the second below."""
        self.usage: tuple[int, int] | None = None
        """Calls used and allowed today, from the last reply that said."""
        self._retry_after: float | None = None

    def _note(self, response: requests.Response, *args: Any, **rest: Any) -> None:
        try:
            sent = parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
            self.asked_at = (sent - response.elapsed).replace(microsecond=0)
        except (KeyError, ValueError):
            # A proxy took the date out; the clock read last serves on.
            pass
        self._retry_after = retry_after(response.headers)
        used = re.search(r"api-usage=(\d+)/(\d+)", response.headers.get("Sforce-Limit-Info", ""))
        if used:
            self.usage = int(used[1]), int(used[2])
            self.hear(max(0, self.usage[1] - self.usage[0]), self.usage[1])

    def hear(self, left: int, limit: int) -> None:
        """Tell the budget what the org has left of today's calls."""
        if self.budget is not None:
            self.budget.hear(limit=limit, left=left)

    def _signed_in(self) -> Salesforce:
        if self._salesforce is None:
            kept = {} if self._refused else self._kept.load()
            if kept:
                token, instance = kept["session_id"], kept["instance"]
            else:
                token, instance = self._login.open()
                self._kept.save({"session_id": token, "instance": instance})
            # Given a session id, the SDK has nothing to log in with, and so cannot fall into
            # its endless refresh on a 401 (its issue 804); `_once` refreshes instead.
            made = Salesforce(
                session_id=token,
                instance=instance,
                version=self.version,
                session=self._session,
                parse_float=Decimal,
                object_pairs_hook=None,
            )
            del made.headers["X-PrettyPrint"]
            self._salesforce = made
        return self._salesforce

    def _once(self, function: Callable[[Salesforce], T]) -> T:
        """`function` with the SDK; a session that ended is opened again once."""
        try:
            try:
                return function(self._signed_in())
            except SalesforceAuthenticationFailed:
                raise
            except SalesforceError as error:
                if error.status != 401:
                    raise
                self._salesforce, self._refused = None, True
            salesforce = self._signed_in()
            try:
                return function(salesforce)
            except SalesforceError as error:
                if error.status != 401:
                    raise
                self._salesforce = None
                refused = translate(error, self.connection)
            raise AuthenticationFailed(
                f"{self.connection}: Salesforce refuses a session it has just opened",
                connection=self.connection,
                words=refused.words,
                code=refused.code,
                status=401,
            )
        except (SalesforceError, requests.RequestException) as error:
            raise self._timed(translate(error, self.connection)) from error

    def _timed(self, error: ConnectorError) -> ConnectorError:
        """The error with the pause its reply asked for: the SDK drops the headers."""
        if isinstance(error, QuotaExhausted) and self.budget is not None:
            self.budget.ran_out(error)
        if isinstance(error, Throttled | Unavailable) and error.status is not None:
            error.retry_after = self._retry_after
        return error

    def _patiently(self, function: Callable[[Salesforce], T], retry: bool = True) -> T:
        if retry:
            return self._retrier.call(lambda: self._once(function))
        return self._once(function)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The body of ``GET {base}{path}``; None for an empty one."""
        return self._patiently(lambda sf: sf.restful(path, params=dict(params or {})))

    def post_read(self, path: str, body: Mapping[str, object]) -> Any:
        """The body of a POST that only reads."""
        return self._patiently(lambda sf: sf.restful(path, method="POST", data=dumps(body)))

    def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Any:
        """A call that changes records.

        Args:
            repeatable: sending it twice does what sending it once does. If not, it is not
                sent again when its outcome is unknown.
        """
        data = None if body is None else dumps(body)

        def send(salesforce: Salesforce) -> Any:
            return salesforce.restful(
                path, params=dict(params or {}), method=method, data=data, headers=_WRITE_HEADERS
            )

        return self._patiently(send) if repeatable else self._surely(send)

    def _surely(self, send: Callable[[Salesforce], T]) -> T:
        """Patience with a call that must not be sent again once its outcome is unknown."""
        try:
            return self._retrier.call(lambda: self._sure(send))
        except _OutcomeUnknown as unknown:
            raise unknown.error from unknown

    def _sure(self, send: Callable[[Salesforce], T]) -> T:
        try:
            return self._once(send)
        except Unavailable as error:
            raise _OutcomeUnknown(error) from error

    def bulk(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        data: bytes = b"",
        params: Mapping[str, str] | None = None,
        into: IO[bytes] | None = None,
        retry: bool = True,
        repeatable: bool = True,
    ) -> requests.Response:
        """The reply of the Bulk API to ``{method} {base}{path}``.

        Args:
            body: sent as JSON; without it `data` is sent, as CSV.
            into: where the reply's content goes, instead of into memory.
            retry: be patient; if not, it is tried once.
            repeatable: see `write`.
        """
        content = dumps(body) if body is not None else data
        kind = "application/json" if body is not None else "text/csv"

        def send(salesforce: Salesforce) -> requests.Response:
            url = f"{salesforce.base_url}{path}"
            headers = {"Authorization": f"Bearer {salesforce.session_id}", "Accept": "*/*"}
            if content:
                headers["Content-Type"] = f"{kind}; charset=UTF-8"
            reply = self._session.request(
                method,
                url,
                params=dict(params or {}),
                data=content or None,
                headers=headers,
                stream=into is not None,
            )
            if reply.status_code >= 300:
                try:
                    told = reply.json()
                except ValueError:
                    told = reply.content
                raise SalesforceError(url, reply.status_code, path, told)
            if into is not None:
                for part in reply.iter_content(_CHUNK):
                    into.write(part)
            return reply

        if repeatable or not retry:
            return self._patiently(send, retry)
        return self._surely(send)

    def query(self, soql: str, deleted: bool = False) -> dict[str, Any]:
        """The first page of a query; `deleted` includes the recycle bin."""
        return self._patiently(lambda sf: self._page(sf.query(soql, include_deleted=deleted)))

    def _page(self, reply: Any) -> dict[str, Any]:
        """A page of a query, if the reply is one."""
        if isinstance(reply, dict) and isinstance(reply.get("records"), list) and "done" in reply:
            return reply
        raise strange(self.connection, reply)

    def queries(self, soqls: Sequence[str], deleted: bool = False) -> list[dict[str, Any]]:
        """The first pages of up to five queries, by one composite request: one call of the
        day's (REST API guide, Composite, which takes five queries among its requests)."""
        kind = "queryAll" if deleted else "query"
        parts = [
            {
                "method": "GET",
                "url": f"/services/data/v{self.version}/{kind}/?q={quote(soql, safe='')}",
                "referenceId": f"q{number}",
            }
            for number, soql in enumerate(soqls)
        ]
        body = dumps({"allOrNone": False, "compositeRequest": parts})

        def ask(salesforce: Salesforce) -> list[dict[str, Any]]:
            reply = salesforce.restful("composite", method="POST", data=body)
            if not isinstance(reply, dict) or "compositeResponse" not in reply:
                raise strange(self.connection, reply)
            answers = {answer["referenceId"]: answer for answer in reply["compositeResponse"]}
            for part in parts:
                answer = answers[part["referenceId"]]
                status = int(answer["httpStatusCode"])
                if status >= 300:
                    raise SalesforceError(part["url"], status, kind, answer["body"])
            return [self._page(answers[part["referenceId"]]["body"]) for part in parts]

        return self._patiently(ask)

    def more(self, url: str) -> dict[str, Any]:
        """The page at a ``nextRecordsUrl``.

        Raises:
            LocatorExpired: Salesforce has forgotten the query; run it again.
        """

        def ask() -> dict[str, Any]:
            try:
                return self._once(lambda sf: self._page(sf.query_more(url, identifier_is_url=True)))
            except Unavailable as error:
                if error.code == "INVALID_QUERY_LOCATOR":
                    raise LocatorExpired(str(error)) from error
                raise

        return self._retrier.call(ask)

    def query_all(self, soql: str, deleted: bool = False) -> list[dict[str, Any]]:
        """Every record of a query that is known to be small."""
        while True:
            try:
                return self.rest(self.query(soql, deleted))
            except LocatorExpired:
                continue

    def rest(self, page: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The records of this page of a query and of all after it.

        Raises:
            LocatorExpired: as `more`.
        """
        records = list(page["records"])
        while not page["done"]:
            page = self.more(page["nextRecordsUrl"])
            records += page["records"]
        return records

    def soap(self, operation: str) -> str:
        """The XML a parameterless call of the Partner SOAP API answers with."""

        def call(salesforce: Salesforce) -> str:
            envelope = (
                '<?xml version="1.0" encoding="utf-8"?><soapenv:Envelope '
                'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
                'xmlns:urn="urn:partner.soap.sforce.com"><soapenv:Header><urn:SessionHeader>'
                f"<urn:sessionId>{salesforce.session_id}</urn:sessionId></urn:SessionHeader>"
                f"</soapenv:Header><soapenv:Body><urn:{operation}/></soapenv:Body>"
                "</soapenv:Envelope>"
            )
            url = f"https://{salesforce.sf_instance}/services/Soap/u/{self.version}"
            response = self._session.post(
                url,
                envelope.encode(),
                headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": operation},
            )
            if response.status_code != 200:
                # SOAP says 500 for everything; the code is in the fault.
                code = re.search(r"<faultcode>(?:\w+:)?(\w+)</faultcode>", response.text)
                name = code[1] if code else ""
                status = 401 if name == "INVALID_SESSION_ID" else response.status_code
                content = [{"errorCode": name, "message": name}] if name else response.text
                raise SalesforceError(url, status, operation, content)
            return response.text

        return self._patiently(call)

    def close(self) -> None:
        """Release sockets."""
        self._session.close()
