"""A connector keeps to its vendor's rates, on the vendor's own clock."""

from __future__ import annotations

import pytest
import tenacity

from connectors.base import Connector, Write
from connectors.budget import USUAL, Budget, Terms
from connectors.transport import Retrier
from tests.contract.rig import OLD, Mirror, Rig

pytestmark = pytest.mark.needs("wire")

_PAUSE = Retrier._pause

#: Calls that may be refused before a limiter knows what others use.
A_HANDFUL = 5


@pytest.fixture
def hurried(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """The rates are enforced; pauses pass on the sandbox's clock and take no time."""

    def pause(self: Retrier, state: tenacity.RetryCallState) -> float:
        rig.clock.advance(_PAUSE(self, state))
        return 0.0

    monkeypatch.setattr(Retrier, "_pause", pause)
    rig.fault("rates", times=None)
    return rig


def paced(rig: Rig, paced: bool = True) -> Budget:
    """The connection's limiter, on the sandbox's clock."""
    return Budget(
        f"my-{rig.vendor}", Terms(share=1.0), USUAL[rig.vendor], paced=paced,
        clock=rig.clock.now, sleep=rig.clock.advance,
    )  # fmt: skip


def read_and_write_a_lot(rig: Rig, connector: Connector) -> None:
    """Some 200 calls as fast as they come: a first load, many small reads and writes, changes."""
    words, thing = rig.words, rig.words.contact
    names = [thing.title, words.email]
    emails = [f"p{n}@example.com" for n in range(60)]
    made = rig.load(thing, [thing.row(e, **{words.email: e}) for e in emails], at=OLD)
    connector.provision(thing.object, words.external)
    mirror = Mirror(thing).take(connector.pull(thing.object, names, None))
    for id, email in zip(made, emails, strict=True):
        [record] = connector.fetch(thing.object, [id], names)
        assert record.values[words.email] == email
    for n, id in enumerate(made):
        write = Write("u", "update", {thing.title: f"v{n}"}, id=id)
        assert connector.push(thing.object, [write])[0].error is None
    for n in range(30):
        write = Write("c", "create", thing.row(f"n{n}"), external=(words.external, f"e-{n}"))
        assert connector.push(thing.object, [write])[0].error is None
    for n in range(15):
        assert connector.find(thing.object, thing.title, [f"none {n}"], names) == []
    rig.settle()
    for _ in range(20):
        mirror.take(connector.pull(thing.object, names, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


def test_the_vendors_rates_are_kept(hurried: Rig) -> None:
    read_and_write_a_lot(hurried, hurried.connect(budget=paced(hurried)))
    assert len(hurried.calls) > 180
    assert hurried.struck <= A_HANDFUL


def test_without_a_limiter_calls_would_be_refused(hurried: Rig) -> None:
    """That what stands above is the limiter's doing; and refusals are got over all the same."""
    if not any(rate.seconds for rate in hurried.sandbox.rates):
        pytest.skip("the vendor counts no calls in an interval")
    read_and_write_a_lot(hurried, hurried.connect(budget=paced(hurried, paced=False)))
    assert hurried.struck > A_HANDFUL


def test_one_connector_makes_one_call_at_a_time(rig: Rig) -> None:
    alone = {rate.option: 1 for rate in rig.sandbox.rates if not rate.seconds + rate.running}
    if not alone:
        pytest.skip("the vendor counts no calls at the same time")
    rig.fault("rates", times=None, options=alone)
    read_and_write_a_lot(rig, rig.connector)
    assert rig.struck == 0
