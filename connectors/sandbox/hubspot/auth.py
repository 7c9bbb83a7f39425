"""Tokens: the private app's, which does not expire, and OAuth's, which do."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping

from connectors.sandbox.hubspot.replies import Failure, Json, not_found

#: Seconds an OAuth access token lives.
LIFETIME = 1800
SCOPES = [
    "crm.objects.contacts.read", "crm.objects.contacts.write",
    "crm.objects.companies.read", "crm.objects.companies.write",
    "crm.objects.deals.read", "crm.objects.deals.write",
    "crm.objects.owners.read", "crm.schemas.contacts.write", "tickets", "oauth",
]  # fmt: skip


class Tokens:
    """Issues and checks tokens on the sandbox clock (epoch milliseconds)."""

    def __init__(self, seed: int, now: Callable[[], int], portal: int, user_id: str) -> None:
        self._random = random.Random(f"tokens {seed}")
        self._now = now
        self._portal = portal
        self._user_id = user_id
        self.private = f"pat-na1-{self._uuid()}"
        self.client_id, self.client_secret = self._uuid(), self._uuid()
        self.refresh_token = f"na1-{self._uuid()}"
        self._expires: dict[str, int] = {}

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def grant(self, form: Mapping[str, str]) -> Json:
        """``POST /oauth/v1/token`` with ``grant_type=refresh_token``.

        Raises:
            Failure: 400 with HubSpot's own status words.
        """
        if form.get("grant_type") != "refresh_token":
            raise Failure(400, "BAD_GRANT_TYPE", "missing or unknown grant type")
        if (form.get("client_id"), form.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            raise Failure(400, "BAD_CLIENT_ID", "missing or unknown client id")
        if form.get("refresh_token") != self.refresh_token:
            raise Failure(400, "BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        token = f"C{self._uuid().replace('-', '')}"
        self._expires[token] = self._now() + LIFETIME * 1000
        return {
            "token_type": "bearer",
            "refresh_token": self.refresh_token,
            "access_token": token,
            "expires_in": LIFETIME,
        }

    def expire(self, header: str | None) -> None:
        """End the OAuth token a request came with; a private app's is good until it is rotated."""
        token = (header or "").partition(" ")[2]
        if token in self._expires:
            self._expires[token] = 0

    def check(self, header: str | None) -> None:
        """Let a request with a good token pass.

        Raises:
            Failure: 401, with EXPIRED_AUTHENTICATION for a token that was good once.
        """
        kind, _, token = (header or "").partition(" ")
        if kind.lower() == "bearer":
            if token == self.private or self._expires.get(token, 0) > self._now():
                return
            if token in self._expires:
                message = "The OAuth token used to make this call expired."
                raise Failure(401, "EXPIRED_AUTHENTICATION", message)
        message = "Authentication credentials not found. This API supports OAuth 2.0 authentication"
        raise Failure(401, "INVALID_AUTHENTICATION", message)

    def describe(self, token: str) -> Json:
        """``GET /oauth/v1/access-tokens/{token}``."""
        if self._expires.get(token, 0) <= self._now():
            raise not_found("access token not found or expired")
        return {
            "token": token,
            "user": "concord.integration@example.com",
            "hub_domain": "concord-sandbox.example",
            "scopes": SCOPES,
            "hub_id": self._portal,
            "app_id": 54_321,
            "expires_in": (self._expires[token] - self._now()) // 1000,
            "user_id": int(self._user_id),
            "token_type": "access",
        }

    def describe_private(self, body: Json) -> Json:
        """``POST /oauth/v2/private-apps/get/access-token-info``."""
        if body.get("tokenKey") != self.private:
            raise not_found("access token not found")
        return {
            "userId": int(self._user_id),
            "hubId": self._portal,
            "appId": 54_322,
            "scopes": SCOPES,
        }
