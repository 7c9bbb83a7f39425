"""Sessions: OAuth tokens, the SOAP login, and what ends them."""

# ruff: noqa: S105 (credentials that open this sandbox and nothing else)

from __future__ import annotations

import base64
import binascii
import random
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from xml.sax.saxutils import escape

import jwt
from werkzeug.wrappers import Request

from connectors.sandbox.salesforce.store import Store
from connectors.sandbox.salesforce.wire import Refusal, Reply

CLIENT_ID = "3MVG9sandbox.concord.client"
CLIENT_SECRET = "sandbox-client-secret"
USERNAME = "integration@sandbox.example"
PASSWORD = "sandbox-password"
SECURITY_TOKEN = "sandboxToken123"
REFRESH_TOKEN = "5Aep861sandboxRefreshToken"

_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Sessions:
    """Gives out access tokens and says whose they are.

    `lifetime` is how many seconds of the sandbox's clock a token lives, None for ever.
    """

    def __init__(self, store: Store, seed: int, lifetime: float | None) -> None:
        self._store = store
        self._random = random.Random(seed)
        self._lifetime = lifetime
        self._tokens: dict[str, datetime] = {}
        self.revoked = False
        """The credentials open nothing any more."""

    def open(self) -> str:
        """A new token."""
        body = "".join(
            self._random.choices("ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz._", k=60)
        )
        token = f"{self._store.organization[:15]}!AQ{body}"
        self._tokens[token] = self._store.clock.now()
        return token

    def end_all(self) -> None:
        """Expire every token given out so far."""
        self._tokens.clear()

    def end(self, request: Request) -> None:
        """Expire the token a request came with."""
        self._tokens.pop(request.headers.get("Authorization", "").partition(" ")[2], None)

    def require(self, request: Request) -> None:
        """Let the request pass if its token is alive.

        Raises:
            Refusal: INVALID_SESSION_ID or INVALID_AUTH_HEADER.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth"):
            raise Refusal("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", 401)
        if not self.alive(token):
            raise Refusal("INVALID_SESSION_ID", "Session expired or invalid", 401)

    def alive(self, token: str) -> bool:
        """Whether the token still opens the API."""
        since = self._tokens.get(token)
        if since is None:
            return False
        if self._lifetime is None:
            return True
        return self._store.clock.now() - since < timedelta(seconds=self._lifetime)

    # OAuth

    def token(self, request: Request, host: str) -> Reply:
        """Answer ``POST /services/oauth2/token``."""
        form = request.form
        grant = form.get("grant_type", "")
        problem = self._problem(grant, form, request.headers.get("Authorization", ""))
        if problem:
            code, words = problem
            return Reply(400, {"error": code, "error_description": words})
        at = int(self._store.clock.now().timestamp() * 1000)
        body = {
            "access_token": self.open(),
            "signature": "c2FuZGJveA==",
            "scope": "api refresh_token",
            "instance_url": host,
            "id": f"{host}/id/{self._store.organization}/{self._store.api_user}",
            "token_type": "Bearer",
            "issued_at": str(at),
        }
        return Reply(200, body)

    def _problem(
        self, grant: str, form: Mapping[str, str], authorization: str
    ) -> tuple[str, str] | None:
        client, secret = _client(form, authorization)
        if grant == _JWT:
            return self._assertion_problem(form.get("assertion", ""))
        if grant not in ("client_credentials", "password", "refresh_token"):
            return "unsupported_grant_type", "grant type not supported"
        if client != CLIENT_ID:
            return "invalid_client_id", "client identifier invalid"
        if secret != CLIENT_SECRET:
            return "invalid_client", "invalid client credentials"
        if self.revoked:
            return "invalid_grant", "inactive user"
        if grant == "password" and not _opens(form.get("username"), form.get("password")):
            return "invalid_grant", "authentication failure"
        if grant == "refresh_token" and form.get("refresh_token") != REFRESH_TOKEN:
            return "invalid_grant", "expired access/refresh token"
        return None

    def _assertion_problem(self, assertion: str) -> tuple[str, str] | None:
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
            alive = float(claims["exp"]) > self._store.clock.now().timestamp()
        except (jwt.PyJWTError, KeyError, ValueError):
            return "invalid_grant", "invalid assertion"
        if claims.get("iss") != CLIENT_ID:
            return "invalid_client_id", "client identifier invalid"
        if claims.get("sub") != USERNAME or self.revoked:
            return "invalid_grant", "user hasn't approved this consumer"
        if not alive or not claims.get("aud"):
            return "invalid_grant", "expired authorization code"
        return None

    # SOAP

    def soap(self, request: Request, host: str, version: str) -> Reply:
        """Answer ``POST /services/Soap/u/NN``: ``login`` and ``getUserInfo``."""
        text = request.get_data(as_text=True)
        if re.search(r"<(\w+:)?getUserInfo\b", text):
            session = _element(text, "sessionId")
            if not self.alive(session):
                return _fault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader")
            return _envelope("getUserInfo", self._user_info())
        name, password = _element(text, "username"), _element(text, "password")
        if self.revoked or not _opens(name, password):
            return _fault(
                "INVALID_LOGIN",
                "Invalid username, password, security token; or user locked out.",
            )
        org = self._store.organization[:15]
        body = (
            f"<metadataServerUrl>{host}/services/Soap/m/{version}/{org}</metadataServerUrl>"
            "<passwordExpired>false</passwordExpired><sandbox>true</sandbox>"
            f"<serverUrl>{host}/services/Soap/u/{version}/{org}</serverUrl>"
            f"<sessionId>{escape(self.open())}</sessionId>"
            f"<userId>{self._store.api_user}</userId><userInfo>{self._user_info()}</userInfo>"
        )
        return _envelope("login", body)

    def _user_info(self) -> str:
        return (
            "<accessibilityMode>false</accessibilityMode>"
            '<currencySymbol xsi:nil="true"/>'
            "<orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>"
            f"<organizationId>{self._store.organization}</organizationId>"
            "<organizationMultiCurrency>true</organizationMultiCurrency>"
            "<organizationName>Concord Sandbox</organizationName>"
            "<sessionSecondsValid>7200</sessionSecondsValid>"
            "<userDefaultCurrencyIsoCode>USD</userDefaultCurrencyIsoCode>"
            f"<userEmail>{USERNAME}</userEmail><userFullName>Concord Integration</userFullName>"
            f"<userId>{self._store.api_user}</userId><userLanguage>en_US</userLanguage>"
            f"<userLocale>en_US</userLocale><userName>{USERNAME}</userName>"
            "<userTimeZone>America/Los_Angeles</userTimeZone><userType>Standard</userType>"
        )

    def identity(self) -> dict[str, Any]:
        """Answer ``/services/oauth2/userinfo``."""
        return {
            "user_id": self._store.api_user,
            "organization_id": self._store.organization,
            "preferred_username": USERNAME,
            "name": "Concord Integration",
            "email": USERNAME,
            "user_type": "STANDARD",
            "active": True,
        }


def _client(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return client, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _opens(username: str | None, password: str | None) -> bool:
    return username == USERNAME and password in (PASSWORD, PASSWORD + SECURITY_TOKEN)


def _element(xml: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}>(.*?)</(?:\w+:)?{name}>", xml, re.DOTALL)
    return unescape(found[1]) if found else ""


def _envelope(operation: str, result: str) -> Reply:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns="urn:partner.soap.sforce.com" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f"<{operation}Response><result>{result}</result></{operation}Response>"
        "</soapenv:Body></soapenv:Envelope>"
    )
    return Reply(200, text, {"Content-Type": "text/xml;charset=UTF-8"})


def _fault(code: str, words: str) -> Reply:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body><soapenv:Fault>'
        f"<faultcode>sf:{code}</faultcode><faultstring>{code}: {words}</faultstring><detail>"
        f"<sf:LoginFault><sf:exceptionCode>{code}</sf:exceptionCode>"
        f"<sf:exceptionMessage>{words}</sf:exceptionMessage></sf:LoginFault></detail>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
    return Reply(500, text, {"Content-Type": "text/xml;charset=UTF-8"})
