"""Signing in: from the `auth` block of settings to an access token and an instance."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from xml.parsers.expat import ExpatError

import jwt
import requests
from simple_salesforce.login import SalesforceLogin, token_login

from connectors.base import Access
from connectors.errors import Misconfigured
from connectors.salesforce.errors import from_reply
from connectors.transport import require_safe

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_NEEDS = {
    "client_credentials": ("client_id", "client_secret"),
    "password": ("username", "password", "security_token"),
    "jwt": ("client_id", "username", "private_key"),
}
#: Where everybody can sign in, except with client credentials.
PRODUCTION = "https://login.salesforce.com"


class Login:
    """Gets access tokens; nothing is sent before `open`.

    Raises:
        Misconfigured: the block lacks something or the address is unsafe.
    """

    def __init__(self, access: Access, session: requests.Session, version: str) -> None:
        connection = access.connection
        kind = access.auth.get("kind", "")
        if kind not in _NEEDS:
            raise Misconfigured(
                f"{connection}: auth.kind must be one of {', '.join(_NEEDS)}, not {kind!r}",
                connection=connection,
            )
        missing = [name for name in _NEEDS[kind] if not access.auth.get(name)]
        if missing:
            raise Misconfigured(
                f"{connection}: auth lacks {', '.join(missing)}", connection=connection
            )
        if kind == "client_credentials" and not access.url:
            raise Misconfigured(
                f"{connection}: client_credentials needs url, the account's own address "
                "(https://<name>.my.salesforce.com)",
                connection=connection,
            )
        self._connection = connection
        self._auth = access.auth
        self._session = session
        self._version = version
        self._base = require_safe(access.url or PRODUCTION, connection)
        self._audience = access.options.get("audience") or (
            "https://test.salesforce.com"
            if "sandbox" in self._base or "test." in self._base
            else PRODUCTION
        )
        self._open: Callable[[], tuple[str, str]] = {
            "client_credentials": self._client_credentials,
            "password": self._password,
            "jwt": self._jwt,
        }[kind]

    def open(self) -> tuple[str, str]:
        """A new session: its id, and the host (with port) that serves it.

        Raises:
            SalesforceAuthenticationFailed, requests.RequestException
            Wait: Salesforce failed, or is asked too much.
            Misconfigured: the reply is none of Salesforce's.
        """
        answers: list[requests.Response] = []

        def note(answer: requests.Response, *args: object, **rest: object) -> None:
            answers.append(answer)

        hooks = self._session.hooks["response"]
        hooks.append(note)
        try:
            return self._open()
        except (ExpatError, AttributeError, KeyError) as error:
            # The SDK trips over replies without the elements it expects.
            refused = _refused(answers[-1]) if answers else None
            if refused is not None:
                raise from_reply(self._connection, *refused) from None
            raise Misconfigured(
                f"{self._connection}: what answers at {self._base} is not Salesforce; check url",
                connection=self._connection,
            ) from error
        finally:
            hooks.remove(note)

    def _token(self, form: dict[str, str]) -> tuple[str, str]:
        with warnings.catch_warnings():
            # The SDK prints advice about unapproved apps; the error says the same.
            warnings.simplefilter("ignore")
            token, instance = token_login(
                f"{self._base}/services/oauth2/token",
                form,
                "login",
                self._auth["client_id"],
                None,
                None,
                self._session,
            )
        return str(token), str(instance)

    def _client_credentials(self) -> tuple[str, str]:
        return self._token(
            {
                "grant_type": "client_credentials",
                "client_id": self._auth["client_id"],
                "client_secret": self._auth["client_secret"],
            }
        )

    def _jwt(self) -> tuple[str, str]:
        # Salesforce refuses assertions that live longer than three minutes.
        claims = {
            "iss": self._auth["client_id"],
            "sub": self._auth["username"],
            "aud": self._audience,
            "exp": int(time.time()) + 180,
        }
        try:
            assertion = jwt.encode(claims, self._auth["private_key"], algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            # Not `from error`: its text may quote the key.
            raise Misconfigured(
                f"{self._connection}: auth.private_key is no RSA private key in PEM form",
                connection=self._connection,
            ) from None
        return self._token({"grant_type": _JWT_BEARER, "assertion": assertion})

    def _password(self) -> tuple[str, str]:
        session_id, instance = SalesforceLogin(
            username=self._auth["username"],
            password=self._auth["password"],
            security_token=self._auth["security_token"],
            sf_version=self._version,
            session=self._session,
            scratch_url=self._base,
        )
        return str(session_id), str(instance)


def _refused(answer: requests.Response) -> tuple[int, object] | None:
    """Status and body of a reply that is an error of Salesforce's, but not of its sign-in."""
    try:
        body = answer.json()
    except ValueError:
        body = answer.text
    if answer.status_code >= 500 or (answer.status_code >= 400 and isinstance(body, list)):
        return answer.status_code, body
    return None
