"""Access tokens: one for all, renewed in time, within Zoho's ten in ten minutes."""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zcrmsdk
from zcrmsdk.src.com.zoho.crm.api.exception import SDKException
from zcrmsdk.src.com.zoho.crm.api.initializer import Initializer
from zcrmsdk.src.com.zoho.crm.api.util.constants import Constants

from connectors.base import Access
from connectors.errors import (
    AuthenticationFailed,
    Bug,
    ConnectorError,
    Misconfigured,
    Throttled,
    Unavailable,
)
from connectors.zoho import errors
from connectors.zoho.client import _place
from connectors.zoho.connector import ZohoConnector
from connectors.zoho.tokens import DATA_CENTERS, environment
from tests.connectors.zoho.conftest import Account


def test_connectors_share_one_token(account: Account) -> None:
    for _ in range(12):
        account.connect().check()
    assert account.token_calls() == 1


def test_threads_share_one_token(account: Account) -> None:
    opened = [account.connect() for _ in range(8)]
    barrier, failed = threading.Barrier(len(opened)), []

    def work(connector: ZohoConnector) -> None:
        try:
            barrier.wait()
            connector.users()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(connector,)) for connector in opened]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert account.token_calls() == 1


def test_a_token_ended_early_is_renewed_once(account: Account, connector: ZohoConnector) -> None:
    connector.check()
    account.sandbox.tokens.expire()
    connector.check()
    assert account.token_calls() == 2
    assert connector.meter.total == len(account.server.log.calls)


def test_a_renewed_token_is_not_forgotten_for_anothers_refusal(account: Account) -> None:
    first, second = account.connect(), account.connect()
    first.users()
    second.users()
    account.sandbox.tokens.expire()
    first.users()
    second.users()
    assert account.token_calls() == 2, "the second found the token that the first got"


def test_the_throttle_is_told_on_and_passes(account: Account, connector: ZohoConnector) -> None:
    for _ in range(10):
        account.sandbox.tokens.expire()
        connector.users()
    account.sandbox.tokens.expire()
    with pytest.raises(Throttled) as caught:
        connector.users()
    assert caught.value.retry_after == 600
    assert account.token_calls() == 11, "not asked again while Zoho refuses"
    assert account.pauses == []
    account.sandbox.clock.advance(600)
    assert connector.users()


@pytest.mark.parametrize("name", ["client_id", "client_secret", "refresh_token"])
def test_wrong_credentials(account: Account, name: str) -> None:
    auth = {**account.sandbox.credentials(), name: "1000.wrong"}
    connector = ZohoConnector(Access("asia", account.server.url, auth, sandbox=True))
    account.opened.append(connector)
    with pytest.raises(AuthenticationFailed) as caught:
        connector.check()
    assert "wrong" not in str(caught.value) + caught.value.words
    assert account.token_calls() == 1


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({}, "self_client"),
        ({"kind": "password"}, "self_client"),
        ({"kind": "self_client", "client_id": "x"}, "client_secret, refresh_token"),
    ],
)
def test_an_incomplete_auth_block(auth: dict[str, str], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        ZohoConnector(Access("asia", auth=auth))


def test_the_sdk_leaves_nothing_behind(
    account: Account,
    connector: ZohoConnector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    connector.check()
    assert list(tmp_path.iterdir()) == []
    assert Initializer.initializer is None
    assert getattr(Initializer.LOCAL, "init", None) is None
    assert logging.getLogger("SDKLogger").handlers == []


# -- data centres ---------------------------------------------------------------------


def _access(url: str = "", **options: str) -> Access:
    return Access("asia", url=url, options=options)


@pytest.mark.parametrize("name", DATA_CENTERS)
@pytest.mark.parametrize("kind", ["production", "sandbox", "developer"])
def test_every_data_centre_has_its_own_addresses(name: str, kind: str) -> None:
    place = environment(name, kind)
    assert place.url.startswith("https://")
    assert place.url.endswith(f"zohoapis.{name}")
    assert place.accounts_url.startswith("https://accounts.zoho")
    assert place.accounts_url.endswith(f".{name}/oauth/v2/token")
    found = _place(_access(place.url))
    assert (found.url, found.accounts_url) == (place.url, place.accounts_url)


def test_addresses_that_are_refused() -> None:
    assert _place(_access()).url == "https://www.zohoapis.com"
    assert _place(_access(data_center="eu")).url == "https://www.zohoapis.eu"
    for access in (
        _access(data_center="mars"),
        _access(environment="test"),
        _access("https://example.com"),
        _access("http://www.zohoapis.com"),
        _access("https://www.zohoapis.com.evil.example", data_center="com"),
        Access("asia", url="http://example.com", sandbox=True),
    ):
        with pytest.raises(Misconfigured):
            _place(access)


# -- errors of the SDK ----------------------------------------------------------------


def _sdk_exceptions() -> Iterator[type[BaseException]]:
    for info in pkgutil.walk_packages(zcrmsdk.__path__, "zcrmsdk."):
        module = importlib.import_module(info.name)
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, BaseException) and found.__module__.startswith("zcrmsdk"):
                yield found


@pytest.mark.filterwarnings("ignore")
def test_the_sdk_has_one_exception_and_it_is_mapped() -> None:
    assert set(_sdk_exceptions()) == {SDKException}


def test_every_code_of_the_sdk_becomes_one_of_our_errors() -> None:
    codes = {
        name: value
        for name, value in vars(Constants).items()
        if name.endswith(("_ERROR", "_EXCEPTION")) and isinstance(value, str)
    }
    assert len(codes) > 30
    for name, code in codes.items():
        error = errors.of_sdk("asia", SDKException(code, "refresh_token=1000.abcdef.abcdef"))
        assert isinstance(error, ConnectorError)
        assert (error.connection, error.code) == ("asia", code)
        assert "abcdef" not in error.words, name
    kinds = {type(errors.of_sdk("asia", SDKException(code))) for code in codes.values()}
    assert kinds == {AuthenticationFailed, Misconfigured, Bug}


def test_settings_the_sdk_refuses() -> None:
    auth = {"kind": "self_client", "client_id": 5, "client_secret": "x", "refresh_token": "y"}
    with pytest.raises(Misconfigured):
        ZohoConnector(Access("asia", auth=auth))


def test_answers_of_the_accounts_server() -> None:
    for status, body, kind in (
        (200, {"error": "invalid_code"}, AuthenticationFailed),
        (400, {"error": "invalid_client"}, AuthenticationFailed),
        (400, {"error": "Access Denied", "error_description": "too many"}, Throttled),
        (429, {}, Throttled),
        (503, {}, Unavailable),
        (200, {"error": "general_error"}, Unavailable),
        (200, {}, Bug),
    ):
        assert type(errors.of_token("asia", status, body)) is kind, body
