"""One run at a time, however long it takes."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync.engine import run as run_module
from sync.store import books, tables
from sync.store.database import reading, session
from tests.sync.engine.office import Office


def test_a_run_keeps_its_lease_while_an_account_takes_its_time(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(database)
    monkeypatch.setattr(run_module, "BEAT", 0.01)
    pause = threading.Event()
    seen: list[bool] = []

    def slow(call: str, moment: str) -> None:
        if (call, moment) != ("pull", "before") or seen:
            return
        office.pass_time(200)
        wanted = office.time + timedelta(seconds=300)
        for _ in range(500):
            with reading(office.engine) as store:
                [lease] = store.rows(sa.select(tables.lease))
            if lease.until == wanted:
                break
            pause.wait(0.01)
        seen.append(lease.until == wanted)

    office.accounts["left"].interfere = slow
    assert office.sync().status == "done"
    assert seen == [True]
    with reading(office.engine) as store:
        assert not store.rows(sa.select(tables.lease)), "it is given back"


def test_another_process_at_work_is_named(database: Engine) -> None:
    office = Office(database)
    with session(office.engine) as store:
        until = office.time + timedelta(seconds=300)
        store.upsert(
            tables.lease, [{"name": books.RECONCILE, "holder": "elsewhere:17", "until": until}]
        )
        store.commit()
    with pytest.raises(books.LeaseHeld, match=r"elsewhere:17"):
        office.sync()
    office.pass_time(301)
    assert office.sync().status == "done"
