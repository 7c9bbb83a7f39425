"""What waits comes in portions, each once and in order, whatever is done between them."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine

from sync.model import Place, Replica
from sync.store import queues, replicas, waiting
from sync.store.database import Session, session

PLACES = [Place(c, str(n)) for c in ("hubspot", "zoho") for n in range(10, 17)]


@pytest.fixture(autouse=True)
def three_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions are as large as a test can oversee."""
    monkeypatch.setattr(waiting, "NAMES", 3)


def fill(store: Session) -> None:
    """Waiting replicas at `PLACES`, and some that do not wait or are deleted."""
    at_rest = Replica(Place("hubspot", "1"), {}, base={}, waiting=False)
    deleted = Replica(Place("zoho", "99"), {}, deleted=True)
    replicas.save(store, "contact", [*(Replica(p, {}) for p in PLACES), at_rest, deleted])
    replicas.save(store, "company", [Replica(Place("hubspot", "5"), {})])


def link(store: Session, places: list[Place]) -> None:
    links = [replicas.Link(p, f"con_{p.record}", "founder") for p in places]
    replicas.save_links(store, "contact", links, 1)


def test_live_records_come_in_order(database: Engine) -> None:
    with session(database) as store:
        fill(store)
        found = list(waiting.live(store, "contact"))
        assert [len(names) for names in found] == [3, 3, 3, 3, 2]
        assert [place for names in found for place in names] == PLACES
        assert [replica.place for replica in waiting.gone(store, "contact")] == [
            Place("zoho", "99")
        ]
        assert list(waiting.at_rest(store, "contact")) == [[Place("hubspot", "1")]]
        assert list(waiting.live(store, "deal")) == []


def test_records_linked_meanwhile_are_left_out(database: Engine) -> None:
    with session(database) as store:
        fill(store)
        link(store, PLACES[1:2])
        seen = []
        for names in waiting.live(store, "contact", unlinked=True):
            seen += names
            link(store, [*names, PLACES[10]])
        assert seen == [p for n, p in enumerate(PLACES) if n not in (1, 10)]


def test_entities_come_once_while_they_are_settled(database: Engine) -> None:
    with session(database) as store:
        fill(store)
        link(store, PLACES)
        queues.touch(store, "contact", ["con_12", "con_a", "aaa"])
        queues.touch(store, "company", ["com_1"])
        expected = ["aaa", *(f"con_{n}" for n in range(10, 17)), "con_a"]
        seen = []
        for names in waiting.entities(store, "contact"):
            assert len(names) <= 3
            seen += names
            done = [Replica(p, {}, base={}, waiting=False) for p in PLACES]
            replicas.save(store, "contact", [r for r in done if f"con_{r.place.record}" in names])
            queues.take_touched(store, "contact", names)
        assert seen == expected
        assert list(waiting.entities(store, "contact")) == []
