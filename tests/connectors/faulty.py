"""A vendor's sandbox that is told to fail, and two clients of it: a raw one and a connector."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

import requests

from connectors.base import Access, Connector, Record, Write, WriteResult
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce.connector import SalesforceConnector
from connectors.sandbox.client import ControlClient
from connectors.sandbox.server import Clock, Control, Server
from connectors.transport import Retrier
from connectors.zoho.connector import ZohoConnector
from tests.contract.rig import OLD, START, WORDS

VENDORS = ("salesforce", "hubspot", "zoho")

#: Vendor -> status and code of its refusals.
THROTTLED = {
    "salesforce": (403, "REQUEST_LIMIT_EXCEEDED"),
    "hubspot": (429, "RATE_LIMITS"),
    "zoho": (429, "TOO_MANY_REQUESTS"),
}
REFUSED_TOKEN = {
    "salesforce": "INVALID_SESSION_ID",
    "hubspot": "EXPIRED_AUTHENTICATION",
    "zoho": "INVALID_TOKEN",
}
FAILED = {
    "salesforce": (503, "SERVER_UNAVAILABLE"),
    "hubspot": (502, "INTERNAL_ERROR"),
    "zoho": (500, "INTERNAL_ERROR"),
}


class Account:
    """A vendor's sandbox behind a socket with its control API, and a raw and a real client."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self.words = WORDS[vendor]
        self.object = self.words.contact.object
        self.title = self.words.contact.title
        self.clock = Clock(now=lambda: START)
        package = importlib.import_module(f"connectors.sandbox.{vendor}")
        self.sandbox = package.Sandbox(clock=self.clock)
        self.waited: list[float] = []
        self.server = Server(self.sandbox, sleep=self.waited.append)
        self.listener = Control({vendor: self.server})
        self.control = ControlClient(self.listener.url)
        self.http = requests.Session()
        self.http.trust_env = False
        self._connectors: list[Connector] = []

    def close(self) -> None:
        for connector in self._connectors:
            connector.close()
        self.http.close()
        self.control.close()
        self.listener.close()
        self.server.close()

    # -- the control API

    def fail(self, kind: str, options: Mapping[str, Any] | None = None, **rest: Any) -> str:
        return self.control.fail(self.vendor, kind, options=dict(options or {}), **rest)

    def truth(self) -> list[str]:
        rows = self.control.state(self.vendor, self.object)
        return [row[self.title] for row in rows if not row["deleted"]]

    def load(self, *titles: str, **more: Any) -> list[str]:
        rows = [
            {self.title: title, "created_at": OLD, "modified_at": OLD, **more} for title in titles
        ]
        return list(self.sandbox.load(self.object, rows))

    # -- raw HTTP

    def sign_in(self) -> None:
        """A fresh token for the raw client."""
        url, auth = self.server.url, self.auth()
        if self.vendor == "salesforce":
            form = {"grant_type": "client_credentials"}
            path = "/services/oauth2/token"
        else:
            form = {"grant_type": "refresh_token", "refresh_token": auth["refresh_token"]}
            path = "/oauth/v2/token" if self.vendor == "zoho" else "/oauth/v1/token"
        form |= {name: auth[name] for name in ("client_id", "client_secret")}
        token = self.http.post(url + path, form, timeout=5).json()["access_token"]
        scheme = "Zoho-oauthtoken" if self.vendor == "zoho" else "Bearer"
        self.http.headers["Authorization"] = f"{scheme} {token}"

    def auth(self) -> dict[str, str]:
        found = self.sandbox.oauth_credentials if self.vendor == "hubspot" else (
            self.sandbox.credentials
        )  # fmt: skip
        return dict(found())

    def read(self) -> requests.Response:
        """A request that lists contacts."""
        path = {
            "salesforce": "/services/data/v62.0/query?q=SELECT+Id+FROM+Contact",
            "hubspot": "/crm/v3/objects/contacts",
            "zoho": "/crm/v8/Contacts?fields=Last_Name",
        }[self.vendor]
        return self.http.get(self.server.url + path, timeout=5)

    def write(self, title: str, **more: Any) -> requests.Response:
        """A request that creates one contact."""
        values = {self.title: title, **more}
        path, body = {
            "salesforce": ("/services/data/v62.0/sobjects/Contact", values),
            "hubspot": ("/crm/v3/objects/contacts", {"properties": values}),
            "zoho": ("/crm/v8/Contacts", {"data": [values]}),
        }[self.vendor]
        return self.http.post(self.server.url + path, json=body, timeout=5)

    # -- the connector

    def connect(self, pauses: list[float] | None = None) -> Connector:
        """A connector whose pauses are noted and take no time."""
        noted = [] if pauses is None else pauses
        access = Access("mine", self.server.url, self.auth(), sandbox=True)
        made: Connector
        if self.vendor == "hubspot":
            made = HubSpotConnector(access, sleep=noted.append)
        else:
            kind: Any = SalesforceConnector if self.vendor == "salesforce" else ZohoConnector
            made = kind(access, Retrier(sleep=noted.append))
        self._connectors.append(made)
        return made

    def pulled(self, connector: Connector, since: str | None = None) -> list[Record]:
        pages = connector.pull(self.object, [self.title], since)
        return [record for page in pages for record in page.records]

    def fetch_all(self, connector: Connector, *fields: str) -> list[Record]:
        ids = [row["id"] for row in self.control.state(self.vendor, self.object)]
        return connector.fetch(self.object, ids, [self.title, *fields])

    def push(self, connector: Connector, *writes: Write) -> list[WriteResult]:
        return connector.push(self.object, writes)

    def calls(self) -> int:
        return len(self.server.log.calls)

    def sign_ins(self) -> int:
        path = self.words.token_path
        return sum(bool(re.fullmatch(path, call.path)) for call in self.server.log.calls)
