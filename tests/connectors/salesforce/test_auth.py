"""Signing in, and staying signed in."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.base import Access
from connectors.errors import AuthenticationFailed, Misconfigured
from connectors.salesforce import SalesforceConnector, connect
from connectors.sandbox.salesforce import login
from tests.connectors.salesforce.conftest import Org


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def test_client_credentials(org: Org) -> None:
    account = org.connect().check()
    assert account.name == "Concord Sandbox"
    assert org.paths()[0] == "/services/oauth2/token"


def test_password_and_security_token(org: Org) -> None:
    assert org.connect(org.sandbox.password_credentials()).check().user_id
    assert org.paths()[0] == "/services/Soap/u/62.0"


def test_a_password_with_markup_arrives_whole(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "PASSWORD", "a<b>&\"ไทย'")
    auth = {**org.sandbox.password_credentials(), "password": "a<b>&\"ไทย'"}
    assert org.connect(auth).check().user_id


def test_jwt(org: Org, private_key: str) -> None:
    auth = {
        "kind": "jwt",
        "client_id": login.CLIENT_ID,
        "username": login.USERNAME,
        "private_key": private_key,
    }
    assert org.connect(auth).check().user_id
    with pytest.raises(AuthenticationFailed) as caught:
        org.connect({**auth, "username": "other@example.com"}).check()
    assert caught.value.code == "invalid_grant"
    assert "other@example.com" not in str(caught.value)


def test_a_key_that_is_none(org: Org) -> None:
    auth = {"kind": "jwt", "client_id": "x", "username": "y", "private_key": "hush"}
    with pytest.raises(Misconfigured, match="private_key") as caught:
        org.connect(auth).check()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({}, "auth.kind"),
        ({"kind": "magic"}, "auth.kind"),
        ({"kind": "client_credentials", "client_id": "x"}, "client_secret"),
        ({"kind": "password", "username": "x"}, "password, security_token"),
        ({"kind": "jwt"}, "client_id, username, private_key"),
    ],
)
def test_an_incomplete_block_is_told_at_once(auth: dict[str, str], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        connect(Access("west", "https://acme.my.salesforce.com", auth))


@pytest.mark.parametrize(
    ("url", "words"),
    [("", "needs url"), ("http://acme.my.salesforce.com", "neither https"), ("ftp://x", "neither")],
)
def test_an_unsafe_address_is_told_at_once(url: str, words: str) -> None:
    auth = {"kind": "client_credentials", "client_id": "a", "client_secret": "b"}
    with pytest.raises(Misconfigured, match=words):
        SalesforceConnector(Access("west", url, auth))


def test_an_overlap_that_is_no_number(org: Org) -> None:
    with pytest.raises(Misconfigured, match="overlap_seconds"):
        org.connect(overlap_seconds="soon")


def test_a_session_that_ends_is_opened_again_once(org: Org) -> None:
    connector = org.connect()
    connector.describe("Contact")
    org.sandbox.sessions.end_all()
    before = len(org.paths())
    connector.describe("Contact")
    assert org.paths()[before:] == [
        "/services/data/v62.0/sobjects/Contact/describe",
        "/services/oauth2/token",
        "/services/data/v62.0/sobjects/Contact/describe",
    ]
    org.sandbox.sessions.end_all()
    connector.check()


def test_credentials_that_are_withdrawn(org: Org) -> None:
    connector = org.connect()
    connector.describe("Contact")
    org.sandbox.sessions.revoked = True
    org.sandbox.sessions.end_all()
    before = len(org.paths())
    with pytest.raises(AuthenticationFailed):
        connector.describe("Contact")
    assert len(org.paths()) == before + 2, "no storm of sign-ins"


def test_every_version_the_sandbox_speaks(org: Org) -> None:
    for version in ("59.0", "68.0"):
        assert org.connect(api_version=version).check().api_version == version
    with pytest.raises(Misconfigured):
        org.connect(api_version="20.0").check()
