"""The accounts server: grant codes, access tokens, their expiry and their throttle."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from werkzeug.wrappers import Request, Response

from connectors.sandbox.server import Clock
from connectors.sandbox.zoho.wire import ApiError, reply

_WINDOW = timedelta(minutes=10)
_PER_WINDOW = 10
_ACTIVE = 15


class Tokens:
    """One self client and the tokens given to it. `life` is seconds an access token lives."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        digest = hashlib.sha256(f"zoho sandbox {seed}".encode()).hexdigest()
        self.client_id = f"1000.{digest[:30].upper()}"
        self.client_secret = digest[20:62]
        self.refresh_token = f"1000.{digest[:32]}.{digest[32:]}"
        self.life = 3600
        self._codes: dict[str, datetime] = {}
        self._access: dict[str, datetime] = {}
        self._issued: list[datetime] = []

    def grant_code(self, minutes: int = 3) -> str:
        """A code as the API console generates it, good for one exchange."""
        code = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
        self._codes[code] = self._clock.now() + timedelta(minutes=minutes)
        return code

    def expire(self) -> None:
        """End every access token now."""
        self._access.clear()

    def end(self, request: Request) -> None:
        """End the access token a request came with."""
        self._access.pop(request.headers.get("Authorization", "").partition(" ")[2].strip(), None)

    def require(self, request: Request) -> None:
        """Refuse a request without a living access token.

        Raises:
            ApiError: 401, ``AUTHENTICATION_FAILURE`` or ``INVALID_TOKEN``.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "zoho-oauthtoken" or not token:
            raise ApiError("AUTHENTICATION_FAILURE", "Authentication failed", 401)
        expiry = self._access.get(token.strip())
        if expiry is None or expiry <= self._clock.now():
            raise ApiError("INVALID_TOKEN", "invalid oauth token", 401)

    def answer(self, request: Request) -> Response:
        """``POST /oauth/v2/token`` and ``…/revoke``. Refusals come with HTTP 200, as Zoho's do."""
        if request.path.endswith("/revoke"):
            if request.values.get("token") != self.refresh_token:
                return reply({"status": "failure", "error": "invalid_token"}, 400)
            self.refresh_token = ""
            self._access.clear()
            return reply({"status": "success"})
        form = request.values
        if form.get("client_id") != self.client_id:
            return reply({"error": "invalid_client"})
        if form.get("client_secret") != self.client_secret:
            return reply({"error": "invalid_client_secret"})
        now = self._clock.now()
        grant = form.get("grant_type")
        if grant == "authorization_code":
            expiry = self._codes.pop(form.get("code", ""), None)
            if expiry is None or expiry <= now:
                return reply({"error": "invalid_code"})
        elif grant == "refresh_token":
            if not self.refresh_token or form.get("refresh_token") != self.refresh_token:
                return reply({"error": "invalid_code"})
        else:
            return reply({"error": "invalid_request"})
        return self._issue(request, now, with_refresh=grant == "authorization_code")

    def _issue(self, request: Request, now: datetime, with_refresh: bool) -> Response:
        self._issued = [at for at in self._issued if now - at < _WINDOW]
        if len(self._issued) >= _PER_WINDOW:
            return reply({
                "error_description": "You have made too many requests continuously. "
                "Please try again after some time.",
                "error": "Access Denied",
                "status": "failure",
            }, 400)  # fmt: skip
        self._issued.append(now)
        token = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
        self._access[token] = now + timedelta(seconds=self.life)
        while len(self._access) > _ACTIVE:
            del self._access[next(iter(self._access))]
        body = {
            "access_token": token,
            "scope": "ZohoCRM.modules.ALL ZohoCRM.settings.ALL ZohoCRM.users.READ "
            "ZohoCRM.coql.READ ZohoCRM.bulk.ALL ZohoFiles.files.ALL "
            "ZohoSearch.securesearch.READ",
            "api_domain": request.host_url.rstrip("/"),
            "token_type": "Bearer",
            "expires_in": self.life,
        }
        if with_refresh:
            body["refresh_token"] = self.refresh_token
        return reply(body)
