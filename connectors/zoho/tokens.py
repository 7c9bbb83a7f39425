"""Access tokens through zcrmsdk, shared by everything in this process.

zcrmsdk keeps one `Initializer` per process, with a thread's own in front of it. Here it is
put in place for the moment of a call and taken away again, so the SDK's other users in the
process are left alone, and its log and resource files are never opened.

Zoho gives ten access tokens per refresh token in ten minutes: `MemoryStore` holds one for
each set of credentials, and the SDK's own lock lets one thread ask at a time.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zcrmsdk.src.com.zoho.api.authenticator.oauth_token import OAuthToken, TokenType
from zcrmsdk.src.com.zoho.api.authenticator.store.token_store import TokenStore
from zcrmsdk.src.com.zoho.crm.api.dc.au_data_center import AUDataCenter
from zcrmsdk.src.com.zoho.crm.api.dc.cn_data_center import CNDataCenter
from zcrmsdk.src.com.zoho.crm.api.dc.data_center import DataCenter
from zcrmsdk.src.com.zoho.crm.api.dc.eu_data_center import EUDataCenter
from zcrmsdk.src.com.zoho.crm.api.dc.in_data_center import INDataCenter
from zcrmsdk.src.com.zoho.crm.api.dc.us_data_center import USDataCenter
from zcrmsdk.src.com.zoho.crm.api.exception import SDKException
from zcrmsdk.src.com.zoho.crm.api.initializer import Initializer
from zcrmsdk.src.com.zoho.crm.api.user_signature import UserSignature

from connectors import tokens as sealed
from connectors.zoho import errors

#: The data centres zcrmsdk knows, by the end of Zoho's domain there.
_KNOWN: Mapping[str, Any] = {
    "com": USDataCenter, "eu": EUDataCenter, "in": INDataCenter, "com.au": AUDataCenter,
    "com.cn": CNDataCenter,
}  # fmt: skip

#: Those opened after the SDK's last release: (API domain, accounts domain).
_NEWER: Mapping[str, tuple[str, str]] = {
    "jp": ("zohoapis.jp", "accounts.zoho.jp"),
    "sa": ("zohoapis.sa", "accounts.zoho.sa"),
    "ca": ("zohoapis.ca", "accounts.zohocloud.ca"),
}

DATA_CENTERS: tuple[str, ...] = (*_KNOWN, *_NEWER)
ENVIRONMENTS: tuple[str, ...] = ("production", "sandbox", "developer")

#: Asks the accounts server: (url, form) -> the JSON of its answer.
Post = Callable[[str, Mapping[str, str]], Mapping[str, Any]]


def environment(data_center: str, kind: str) -> DataCenter.Environment:
    """The addresses of a data centre.

    Raises:
        KeyError: no such data centre or kind of environment.
    """
    if kind not in ENVIRONMENTS:
        raise KeyError(kind)
    if data_center in _KNOWN:
        return getattr(_KNOWN[data_center], kind.upper())()
    api, accounts = _NEWER[data_center]
    host = {"production": "www", "sandbox": "sandbox", "developer": "developer"}[kind]
    url = f"https://{host}.{api}"
    return DataCenter.Environment(
        url, f"https://{accounts}/oauth/v2/token", f"https://content.{api}"
    )


class MemoryStore(TokenStore):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's token store, in memory: nothing that opens an account is written to disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[str, str]] = {}

    def get_token(self, user: UserSignature, token: Token) -> Token | None:
        """`token` with the access token held for its credentials, None without one."""
        with self._lock:
            found = self._held.get(token.key)
        if found is None:
            kept = token.kept.load()
            if not kept or kept["access_token"] == token.refused:
                return None
            found = kept["access_token"], kept["expires_in"]
            with self._lock:
                self._held[token.key] = found
        token.access_token, token.expires_in = found
        return token

    def save_token(self, user: UserSignature, token: Token) -> None:
        """Hold the access token that `token` was given."""
        with self._lock:
            self._held[token.key] = (token.access_token, token.expires_in)
        token.kept.save(
            {"access_token": str(token.access_token), "expires_in": str(token.expires_in)}
        )

    def delete_token(self, token: Token) -> None:
        """Forget the access token, unless another has taken its place meanwhile."""
        token.refused = token.access_token
        with self._lock:
            if self._held.get(token.key, ("",))[0] == token.access_token:
                self._held.pop(token.key, None)

    def get_tokens(self) -> list[Token]:
        """The SDK's listing; ours are looked up by credentials only."""
        return []

    def delete_tokens(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()


#: The one store of this process.
STORE = MemoryStore()


class Token(OAuthToken):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's token, renewed through our own session: timed, counted and verified."""

    access_token: str
    expires_in: str
    refused: str = ""
    """The access token that Zoho no longer takes; one that is kept may be it."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        accounts_url: str,
        post: Post,
        kept: sealed.Tokens,
    ) -> None:
        super().__init__(client_id, client_secret, refresh_token, TokenType.REFRESH)
        secret = "\0".join((accounts_url, client_id, client_secret, refresh_token))
        self.key = hashlib.sha256(secret.encode()).hexdigest()
        self.kept = kept
        self._accounts_url = accounts_url
        self._post = post

    def refresh_access_token(self, user: UserSignature, store: TokenStore) -> Token:
        """Called by the SDK when it holds no token, or one about to expire."""
        form = {
            "grant_type": "refresh_token",
            "client_id": str(self.client_id),
            "client_secret": str(self.client_secret),
            "refresh_token": str(self.refresh_token),
        }
        self.parse_response(self._post(self._accounts_url, form))
        store.save_token(user, self)
        return self


class _Headers(dict[str, str]):
    """What the SDK takes for its connection when it authenticates one."""

    def add_header(self, name: str, value: str) -> None:
        self[name] = value


class Tokens:
    """The access token of one connection."""

    def __init__(
        self,
        connection: str,
        place: DataCenter.Environment,
        auth: Mapping[str, str],
        post: Post,
        keeper: sealed.TokenKeeper | None = None,
    ) -> None:
        self._connection = connection
        self._place = place
        self._user = UserSignature("concord@localhost.example")
        try:
            self._token = Token(
                auth["client_id"], auth["client_secret"], auth["refresh_token"],
                place.accounts_url, post, sealed.Tokens(keeper, auth),
            )  # fmt: skip
        except SDKException as error:
            raise errors.of_sdk(connection, error) from error

    def headers(self) -> dict[str, str]:
        """``Authorization: Zoho-oauthtoken …``, renewed if it is about to expire.

        Raises:
            AuthenticationFailed, Throttled, Unavailable: the accounts server gave none.
        """
        headers = _Headers()
        with self._initialized():
            try:
                self._token.authenticate(headers)
            except SDKException as error:
                raise errors.of_sdk(self._connection, error) from error
        return headers

    def forget(self) -> None:
        """The token was refused: the next `headers` asks for a new one."""
        STORE.delete_token(self._token)

    @contextmanager
    def _initialized(self) -> Iterator[None]:
        made = Initializer()
        made.environment, made.user = self._place, self._user
        made.token, made.store = self._token, STORE
        before = getattr(Initializer.LOCAL, "init", None)
        Initializer.LOCAL.init = made
        try:
            yield
        finally:
            Initializer.LOCAL.init = before
