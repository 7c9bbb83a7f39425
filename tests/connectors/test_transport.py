"""Sessions, retries, counting, redaction; and the shape of the error tree."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Iterator

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from connectors import errors
from connectors.errors import (
    AuthenticationFailed,
    Bug,
    ConnectorError,
    Duplicate,
    Gone,
    Invalid,
    ItemError,
    Locked,
    Misconfigured,
    QuotaExhausted,
    Stop,
    Throttled,
    Unavailable,
    Wait,
)
from connectors.transport import (
    Meter,
    Retrier,
    RetryPolicy,
    is_loopback,
    redact,
    require_safe,
    retry_after,
    session,
    unreachable,
)

# -- retries


class Calls:
    """A function that fails with the given errors, one a call, and then returns."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def retrier(pauses: list[float], **policy: float) -> Retrier:
    made = RetryPolicy(**policy)
    return Retrier(made, sleep=pauses.append)


@pytest.mark.parametrize("error", [Unavailable("x"), Throttled("x"), Locked("x")])
def test_what_passes_is_waited_for(error: Exception) -> None:
    pauses: list[float] = []
    calls = Calls(error, error)
    assert retrier(pauses).call(calls) == "done"
    assert (calls.count, len(pauses)) == (3, 2)


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationFailed("x"),
        Misconfigured("x"),
        QuotaExhausted("x"),
        Invalid("x"),
        Gone("x"),
        Bug("x"),
        ValueError("x"),
        Throttled("x", retry_after=61.0),
        Unavailable("x", retry_after=61.0),
    ],
)
def test_what_stays_is_told_at_once(error: Exception) -> None:
    pauses: list[float] = []
    calls = Calls(error)
    with pytest.raises(type(error)) as caught:
        retrier(pauses).call(calls)
    assert caught.value is error
    assert (calls.count, pauses) == (1, [])


def test_patience_ends_with_the_last_error() -> None:
    pauses: list[float] = []
    failures = [Unavailable(str(number)) for number in range(9)]
    calls = Calls(*failures)
    with pytest.raises(Unavailable) as caught:
        retrier(pauses, attempts=4).call(calls)
    assert caught.value is failures[3]
    assert len(pauses) == 3


@pytest.mark.parametrize("kind", [Throttled, Unavailable])
def test_the_vendor_says_how_long(kind: type[Throttled | Unavailable]) -> None:
    pauses: list[float] = []
    retrier(pauses).call(Calls(kind("x", retry_after=7.0), kind("x", retry_after=0.0)))
    assert pauses == [7.0, 0.0]


_DATE = "Sun, 01 Mar 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "Sun, 01 Mar 2026 10:01:30 GMT", "Date": _DATE}, 90.0),
        ({"Retry-After": "Sun, 01 Mar 2026 09:00:00 GMT", "date": _DATE}, 0.0),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"}, 0.0),
        ({}, None),
        ({"Date": _DATE}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
    ],
)
def test_a_pause_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@given(st.floats(0.01, 5), st.floats(5, 100), st.integers(2, 12))
def test_pauses_grow_and_stay_below_the_longest(
    first: float, longest: float, attempts: int
) -> None:
    pauses: list[float] = []
    failures = [Unavailable("x") for _ in range(attempts)]
    with pytest.raises(Unavailable):
        retrier(pauses, attempts=attempts, first=first, longest=longest).call(Calls(*failures))
    assert len(pauses) == attempts - 1
    for number, pause in enumerate(pauses):
        ceiling = min(longest, first * 2**number)
        assert ceiling / 2 <= pause <= ceiling


# -- counting


def test_threads_do_not_lose_counts() -> None:
    meter = Meter()

    def work() -> None:
        for _ in range(2000):
            meter.add()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.total == 8000


# -- sessions


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that says which scheme and host it was asked by."""

    @Request.application
    def answer(request: Request) -> Response:
        return Response(json.dumps({"url": request.url}), content_type="application/json")

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_library_that_insists_on_https_reaches_a_sandbox(echo: str) -> None:
    meter = Meter()
    with session(meter, f"http://{echo}") as made:
        for scheme in ("https", "http"):
            assert made.get(f"{scheme}://{echo}/x").json() == {"url": f"http://{echo}/x"}
    assert meter.total == 2


@pytest.mark.parametrize("sandbox", ["", "http://127.0.0.1:1", "https://127.0.0.1:1"])
def test_https_stays_https_anywhere_else(echo: str, sandbox: str) -> None:
    with session(Meter(), sandbox) as made, pytest.raises(requests.exceptions.SSLError):
        made.get(f"https://{echo}/x")


def test_the_environment_is_not_asked_for_a_sandbox(
    echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with session(Meter(), f"http://{echo}") as made:
        assert made.get(f"http://{echo}/x").ok
    with session(Meter()) as made:
        assert made.trust_env


def test_every_call_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def send(self: object, request: object, timeout: object = None, **rest: object) -> None:
        seen.append(timeout)
        raise requests.ConnectionError("stop here")

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    meter = Meter()
    with session(meter) as made:
        for timeout in (None, 5):
            with pytest.raises(requests.ConnectionError):
                made.get("https://example.com", timeout=timeout)
    assert seen == [(10.0, 120.0), 5]
    assert meter.total == 2, "calls that fail were made all the same"


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.1", True),
        ("http://127.8.9.1:80/x", True),
        ("http://[::1]:8", True),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
        ("127.0.0.1", False),
        ("", False),
    ],
)
def test_what_is_this_machine(url: str, here: bool) -> None:
    assert is_loopback(url) is here


@pytest.mark.parametrize("url", ["https://x.example/", "http://127.0.0.1:8000/", "http://[::1]:8/"])
def test_safe_addresses(url: str) -> None:
    assert require_safe(url, "west") == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["", "x.example", "http://x.example", "ftp://127.0.0.1", "https://", "file:///etc"]
)
def test_unsafe_addresses(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        require_safe(url, "west")
    assert caught.value.connection == "west"
    assert "settings.yaml" in str(caught.value)


# -- redaction


SECRETS = [
    "Authorization: Bearer {}",
    "authorization: Zoho-oauthtoken {}",
    "Basic {}",
    "access_token={}&x=1",
    '"refresh_token": "{}"',
    "client_secret = {}",
    "password={}",
    '{{"password":"{}"}}',
    "sid={}; path=/",
    "assertion={}",
]


@pytest.mark.parametrize("shape", SECRETS)
@given(secret=st.text("abcdefXYZ0123456789._-", min_size=6, max_size=40))
def test_secrets_are_blotted_out(shape: str, secret: str) -> None:
    shown = redact(shape.format(secret))
    assert secret not in shown
    assert "***" in shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "token",
    [
        "pat-na1-0123abcd-1111-2222-3333-444455556666",
        "1000.0123456789abcdef.fedcba9876543210",
        "00D4S000001ABCdUAG!AQEAQabcdef.ghijk_lmn",
    ],
)
def test_tokens_are_known_by_their_look(token: str) -> None:
    assert token not in redact(f"cannot use {token} here")


@pytest.mark.parametrize(
    "text",
    ["Email: invalid email address: ann@example.com", "ชื่อ نام", "The barcode is 123", ""],
)
def test_other_words_stay(text: str) -> None:
    assert redact(text) == text


def test_an_unreachable_vendor_keeps_no_secret() -> None:
    error = unreachable(requests.ConnectionError("GET /?access_token=hush failed"), "west")
    assert isinstance(error, Unavailable)
    assert error.connection == "west"
    assert "hush" not in error.words + str(error)


# -- the error tree


ALL = [
    made
    for _, made in inspect.getmembers(errors, inspect.isclass)
    if issubclass(made, ConnectorError)
]
LEAVES = [made for made in ALL if not made.__subclasses__()]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__
    for made in ALL:
        assert f"{made.__name__} " in f"{errors.__doc__} ".replace("\n", " \n"), made


def test_every_leaf_says_what_to_do_next() -> None:
    for made in LEAVES:
        groups = [group for group in (Stop, Wait, ItemError, Bug) if issubclass(made, group)]
        assert len(groups) == 1, made
        assert made.advice != ConnectorError.advice, made
    assert len({made.cause for made in LEAVES} - {"permission"}) == len(LEAVES) - 2, (
        "causes tell the leaves apart; a permission may lack for an account or for a record"
    )


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_as_plain_text(kind: type[ConnectorError]) -> None:
    error = kind("what happened", connection="west", words="no", code="X", status=400)
    assert (error.connection, error.status) == ("west", 400)
    shown = errors.describe(error)
    assert shown["message"] == str(error) == "what happened"
    assert (shown["words"], shown["code"]) == ("no", "X")
    assert all(isinstance(value, str) for value in shown.values())


def test_what_some_errors_carry_besides() -> None:
    assert Duplicate("x", of="1", fields=("Email",)).of == "1"
    assert Duplicate("x", fields=("Email",)).fields == ("Email",)
    assert Gone("x", merged_into="2").merged_into == "2"
    assert Throttled("x", retry_after=3.0).retry_after == 3.0
    assert QuotaExhausted("x").until is None
