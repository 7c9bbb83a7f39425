"""A first load placed in portions has the outcome of one that is placed at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync.engine.decide import decide, portions
from sync.model import Place
from sync.store import decisions, tables
from sync.store.database import session
from sync.store.decisions import Verdict
from tests.sync.engine.decide.test_identity import Hub


def person(dice: random.Random) -> dict[str, Any]:
    """Somebody who shares a name, an address or a telephone with a few others."""
    number = dice.randrange(25)
    made: dict[str, Any] = {"last_name": f"Name{number % 9}", "first_name": f"F{number % 5}"}
    if dice.random() < 0.7:
        made["email"] = f"p{number}@firm{number % 3}.example"
    if dice.random() < 0.5:
        made["phone"] = f"+6681234{number % 7:04d}"
    return made


def outcome(hub: Hub) -> list[Any]:
    """Links, duplicates and questions, as the store has them."""
    link, double = tables.link.c, tables.duplicate.c
    with session(hub.engine) as store:
        query = sa.select(link.connection, link.record, link.entity, link.rule)
        links = store.rows(query.where(link.object == "contact"))
        doubles = store.rows(sa.select(double.connection, double.record, double.of, double.rule))
    return [sorted(map(tuple, links)), sorted(map(tuple, doubles)), hub.reviews()]


def load(hub: Hub, dice: random.Random, count: int) -> list[Place]:
    """`count` new people in each account."""
    return [hub.create(name, **person(dice)) for name in hub.accounts for _ in range(count)]


@pytest.mark.parametrize("seed", range(2))
def test_portions_change_nothing(
    seed: int, sqlite_store: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for at_once, seeds in ((4_000, 1_000), (5, 3)):
        monkeypatch.setattr(portions, "AT_ONCE", at_once)
        monkeypatch.setattr(portions, "SEEDS", seeds)
        hub, dice = Hub(sqlite_store()), random.Random(seed)
        hub.only()
        load(hub, dice, 25)
        hub.sync()
        first = outcome(hub)
        assert len(first[0]) == 75
        assert len({entity for _, _, entity, _ in first[0]}) < 70
        places = load(hub, dice, 12)
        for _ in range(6):
            one, two = dice.sample(places, 2)
            word = Verdict(one, two, dice.choice(["same", "apart"]), "ann", hub.time, "")
            hub.said(lambda store, word=word: decisions.save(store, "contact", [word]))
        hub.sync()
        found.append([first, outcome(hub), len(hub.merged("contact"))])
        hub.engine.dispose()
    assert found[0] == found[1]


def test_portions_are_small_where_records_have_nothing_in_common(
    sqlite_store: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "AT_ONCE", 5)
    monkeypatch.setattr(portions, "SEEDS", 3)
    hub = Hub(sqlite_store())
    hub.only()
    placed: list[int] = []
    place = decide.place

    def noted(wiring: Any, object: str, live: Any, *, keyed: bool) -> None:
        if object == "contact":
            placed.append(len(live))
        place(wiring, object, live, keyed=keyed)

    monkeypatch.setattr(decide, "place", noted)
    for number in range(20):
        for name in hub.accounts:
            hub.create(name, last_name=f"P{number}", email=f"p{number}@firm{number}.example")
    hub.sync()
    assert sum(placed) == 60
    assert max(placed) == 9, "three people, each in three accounts"
    assert len(hub.merged("contact")) == 20
    hub.engine.dispose()
