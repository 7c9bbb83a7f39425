"""On the wire: one connection that is kept, a time limit on every call, compressed replies."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import urllib3
import urllib3.connectionpool
from werkzeug.wrappers import Request, Response

from connectors.base import Write
from tests.contract.rig import OLD, Mirror, Rig

pytestmark = pytest.mark.needs("wire")


def _use_everything(rig: Rig) -> None:
    """A call of every kind."""
    words, thing, connector = rig.words, rig.words.contact, rig.connector
    made = rig.fill(thing, 3, at=OLD)
    connector.check()
    connector.describe(thing.object)
    connector.provision(thing.object, words.external)
    connector.users()
    connector.pipelines(words.deal.object)
    mirror = Mirror(thing).take(rig.pages(thing))
    mirror.take(rig.pages(thing, mirror.cursor))
    connector.fetch(thing.object, made, [thing.title])
    connector.find(thing.object, words.email, ["a@example.com"], [thing.title])
    rig.push(
        thing,
        Write("a", "create", thing.row("a"), external=(words.external, "1")),
        Write("b", "update", thing.row("b"), id=made[0]),
        Write("c", "archive", id=made[1]),
    )


def test_one_connection_is_kept_for_all_calls(rig: Rig) -> None:
    _use_everything(rig)
    ports = {request.environ["REMOTE_PORT"] for request in rig.requests}
    assert len(rig.requests) > 10
    # OAuth at HubSpot has a client of its own in the SDK, and so a connection.
    assert len(ports) <= 2


def test_every_call_has_a_time_limit(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[urllib3.Timeout] = []
    sent = urllib3.connectionpool.HTTPConnectionPool.urlopen

    def urlopen(pool: Any, method: str, url: str, *args: Any, **rest: Any) -> Any:
        limits.append(urllib3.Timeout.from_float(rest["timeout"]) if isinstance(
            rest.get("timeout"), int | float
        ) else rest.get("timeout"))  # fmt: skip
        return sent(pool, method, url, *args, **rest)

    monkeypatch.setattr(urllib3.connectionpool.HTTPConnectionPool, "urlopen", urlopen)
    _use_everything(rig)
    assert len(limits) == len(rig.calls)
    for limit in limits:
        assert isinstance(limit, urllib3.Timeout)
        assert isinstance(limit.connect_timeout, int | float)
        assert isinstance(limit.read_timeout, int | float)
        assert 0 < limit.connect_timeout <= 30
        assert 0 < limit.read_timeout <= 300


def test_replies_are_compressed(rig: Rig) -> None:
    """Every call asks for gzip, and reads what comes compressed."""
    handle, answered = rig.sandbox.handle, 0

    def packed(request: Request) -> Response:
        nonlocal answered
        assert "gzip" in request.headers["Accept-Encoding"], request.path
        response: Response = handle(request)
        if response.get_data():
            response.set_data(gzip.compress(response.get_data()))
            response.headers["Content-Encoding"] = "gzip"
            answered += 1
        return response

    rig.sandbox.handle = packed
    _use_everything(rig)
    assert answered > 10
    thing = rig.words.contact
    assert Mirror(thing).take(rig.pages(thing)).rows == rig.truth(thing)
