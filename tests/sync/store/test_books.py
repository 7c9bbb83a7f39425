"""Runs, conflicts, leases and queues, on both databases."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync.model import Place, PlannedWrite, Replica
from sync.store import books, queues, replicas, tables, waiting
from sync.store.books import LeaseHeld, holder_name, release_lease, take_lease
from sync.store.database import Session, reading, session

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)


def to_decide(store: Session) -> list[str]:
    """Contacts to decide on."""
    return [entity for names in waiting.entities(store, "contact") for entity in names]


class TestSessions:
    def test_a_dry_session_leaves_nothing_behind(self, database: Engine) -> None:
        with session(database, dry=True) as store:
            assert books.start_run(store, "dry run", NOW) > 0
            queues.touch(store, "contact", ["a"])
            store.commit()
            assert to_decide(store) == ["a"]
        with session(database) as store:
            assert to_decide(store) == []
            assert books.runs(store) == []

    def test_what_was_not_committed_is_gone(self, database: Engine) -> None:
        with session(database) as store:
            queues.touch(store, "contact", ["a"])
            store.commit()
            queues.touch(store, "contact", ["b"])
        with session(database) as store:
            assert to_decide(store) == ["a"]

    def test_upserts_replace_by_primary_key(self, database: Engine) -> None:
        with session(database) as store:
            for text in ("one", "two"):
                replicas.move_cursor(store, "zoho", "contact", text, NOW)
            store.upsert(tables.touched, [])
            found = replicas.cursor(store, "zoho", "contact")
            assert found == replicas.Cursor("two", True, 0)
            assert store.rows(sa.select(sa.func.count()).select_from(tables.cursor))[0][0] == 1


class TestReplicas:
    def test_a_replica_comes_back_as_it_was(self, database: Engine) -> None:
        one = Replica(
            place=Place("zoho", "1"),
            seen={"email": None, "interests": ["ก"], "active": False},
            base=None,
            renditions={"email": ["A", "a"]},
            expected={"fields": None, "version": "v"},
            external="con_x",
            version="9",
            stamp=NOW,
            changed_at=NOW,
        )
        two = Replica(place=Place("zoho", "2"), seen={}, base={}, waiting=False)
        with session(database) as store:
            replicas.save(store, "contact", [one, two])
            store.commit()
            places = [one.place, two.place, Place("hubspot", "1")]
            assert replicas.load(store, "contact", places) == {one.place: one, two.place: two}
            assert replicas.load(store, "deal", places) == {}
            [names] = waiting.live(store, "contact")
            assert waiting.by_place(store, "contact", names) == [one]

    def test_unlisted_are_those_that_no_page_contained(self, database: Engine) -> None:
        def replica(record: str, deleted: bool = False) -> Replica:
            return Replica(place=Place("zoho", record), seen={}, deleted=deleted)

        with session(database) as store:
            replicas.save(store, "contact", [replica("1"), replica("2"), replica("3", True)], 1)
            replicas.save(store, "contact", [replica("1")], 5)
            replicas.save(store, "contact", [replica("1")])
            assert replicas.unlisted(store, "zoho", "contact", 5) == (["2"], 2)
            replicas.mark_listed(store, "contact", [Place("zoho", "2")], 6)
            assert replicas.unlisted(store, "zoho", "contact", 5) == ([], 2)

    def test_more_records_than_one_list_of_values_takes(self, database: Engine) -> None:
        many = [Replica(place=Place("zoho", str(n)), seen={"n": n}) for n in range(1001)]
        with session(database) as store:
            replicas.save(store, "contact", many)
            assert len(replicas.load(store, "contact", [r.place for r in many])) == 1001

    def test_keys_are_replaced_and_a_crowded_one_is_cut_short(self, database: Engine) -> None:
        places = [Place("zoho", f"{n:02}") for n in range(9)]
        with session(database) as store:
            replicas.save_keys(store, "contact", {p: {"email": ["old"]} for p in places})
            replicas.save_keys(store, "contact", {p: {"email": ["k"]} for p in places})
            assert replicas.sharing(store, "contact", [("email", "old")], 20) == []
            assert len(replicas.sharing(store, "contact", [("email", "k")], 20)) == 9
            assert len(replicas.sharing(store, "contact", [("email", "k")], 3)) == 4
            assert replicas.sharing(store, "contact", [("phone", "k")], 3) == []
            replicas.save_keys(store, "contact", {p: {} for p in places})
            assert replicas.sharing(store, "contact", [("email", "k")], 20) == []

    def test_tombstones_name_the_entity_until_they_are_lifted(self, database: Engine) -> None:
        place = Place("zoho", "1")
        with session(database) as store:
            replicas.save_tombstone(store, "contact", place, "con_1", 1)
            assert replicas.tombstones(store, "contact", ["con_1", "x"]) == {("con_1", "zoho")}
            assert replicas.buried(store, "contact", [place]) == {place: "con_1"}
            replicas.lift_tombstones(store, "contact", "hubspot", ["con_1"])
            assert replicas.buried(store, "contact", [place])
            replicas.lift_tombstones(store, "contact", "zoho", ["con_1"])
            assert replicas.tombstones(store, "contact", ["con_1"]) == set()


class TestQueues:
    def test_a_link_touches_those_who_waited_for_it_once(self, database: Engine) -> None:
        with session(database) as store:
            waits = queues.Pending("zoho", "company", "record:7", "contact", "con_1")
            queues.save_pending(store, [waits, waits])
            queues.settle_pending(store, "hubspot", "company", ["record:7"])
            queues.settle_pending(store, "zoho", "company", ["record:8", "entity:7"])
            assert to_decide(store) == []
            queues.settle_pending(store, "zoho", "company", ["record:7"])
            assert to_decide(store) == ["con_1"]
            queues.take_touched(store, "contact", ["con_1"])
            queues.settle_pending(store, "zoho", "company", ["record:7"])
            assert to_decide(store) == []

    def write(self, entity: str, title: str, kind: str = "update") -> PlannedWrite:
        return PlannedWrite("zoho", "contact", entity, "1", kind, {"t": title}, {})

    def test_a_new_plan_supersedes_what_was_not_begun(self, database: Engine) -> None:
        with session(database) as store:
            for status in ("planned", "pending", "held", "sending"):
                queues.replace_outbox(store, "contact", ["e"], [self.write("e", status)], 1)
                last = queues.outbox(store, status=("planned",))
                queues.set_status(store, [q.id for q in last], status)
            queues.replace_outbox(store, "contact", ["other"], [self.write("other", "o")], 1)
            queues.replace_outbox(store, "contact", ["e"], [self.write("e", "new")], 2)
            everything = queues.outbox(store, status=("planned", "pending", "held", "sending"))
            assert [(q.write.fields["t"], q.status) for q in everything] == [
                ("sending", "sending"),
                ("o", "planned"),
                ("new", "planned"),
            ]

    def test_planned_writes_pass_to_the_next_run(self, database: Engine) -> None:
        with session(database) as store:
            writes = [self.write("a", "x", "create"), self.write("b", "y", "archive")]
            queues.replace_outbox(store, "contact", ["a", "b"], writes, 1)
            queues.adopt(store, 2)
            assert queues.outbox(store, status=("planned",), run=1) == []
            assert [q.write for q in queues.outbox(store, status=("planned",), run=2)] == writes
            assert queues.planned_creates(store, "contact", ["a", "b"]) == {("a", "zoho")}
            assert queues.planned_archives(store, "contact") == {"b"}


class TestBooks:
    def test_the_journal_only_grows_and_keeps_its_order(self, database: Engine) -> None:
        with session(database) as store:
            for n in range(3):
                entry = books.Entry("contact", f"e{n % 2}", "merge", {"n": n, "ก": "👍"})
                books.write_journal(store, n, NOW, [entry])
            assert [e["detail"]["n"] for e in books.journal(store, "contact")] == [0, 1, 2]
            assert [e["detail"]["n"] for e in books.journal(store, entity="e0")] == [0, 2]
            assert books.journal(store, actions=["create"]) == []
        assert {name for name in dir(books) if "journal" in name} == {"journal", "write_journal"}

    def test_runs_that_were_cut_off_are_closed(self, database: Engine) -> None:
        with session(database) as store:
            first = books.start_run(store, "reconcile", NOW)
            second = books.start_run(store, "reconcile", NOW)
            assert second > first
            books.finish_run(store, second, "done", {"run": second}, NOW)
            assert [r["status"] for r in books.runs(store)] == ["done", "interrupted"]
            assert books.runs(store, run=second)[0]["report"] == {"run": second}

    def test_a_waiting_conflict_is_brought_up_to_date_not_doubled(self, database: Engine) -> None:
        def conflict(value: str, status: str = "waiting") -> books.Conflict:
            return books.Conflict("contact", "e", "email", "a", [["z", "1", value]], status=status)

        with session(database) as store:
            books.save_conflicts(store, [conflict("x")], 1, NOW)
            books.save_conflicts(store, [conflict("y")], 2, NOW)
            [found] = books.conflicts(store, "waiting")
            assert found["candidates"] == [["z", "1", "y"]]
            books.set_conflict(store, found["id"], "resolved", "ok")
            assert books.waiting_conflicts(store, "contact", ["e"]) == {
                "e": {"email": (found["id"], "resolved", "ok")}
            }
            books.set_conflict(store, found["id"], "applied", "ok")
            books.save_conflicts(store, [conflict("z")], 3, NOW)
            assert len(books.conflicts(store)) == 2


class TestLeases:
    def hold(self, database: Engine, holder: str) -> None:
        with session(database) as store:
            until = NOW + timedelta(seconds=300)
            store.upsert(tables.lease, [{"name": "work", "holder": holder, "until": until}])
            store.commit()

    def test_a_live_one_is_refused_until_it_ends(self, database: Engine) -> None:
        self.hold(database, "elsewhere:1")
        with session(database) as store:
            with pytest.raises(LeaseHeld, match="elsewhere:1"):
                take_lease(store, "work", NOW)
            take_lease(store, "other work", NOW)
            take_lease(store, "work", NOW + timedelta(seconds=301))

    def test_a_live_process_of_this_machine_is_refused(self, database: Engine) -> None:
        self.hold(database, f"{socket.gethostname()}:{os.getppid()}")
        with session(database) as store, pytest.raises(LeaseHeld):
            take_lease(store, "work", NOW)

    def test_a_dead_process_is_taken_over_at_once(self, database: Engine) -> None:
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        self.hold(database, f"{socket.gethostname()}:{dead.pid}")
        with session(database) as store:
            take_lease(store, "work", NOW)
            assert store.rows(sa.select(tables.lease.c.holder))[0][0] == holder_name()

    def test_released_it_is_free(self, database: Engine) -> None:
        with session(database) as store:
            take_lease(store, "work", NOW)
            take_lease(store, "work", NOW)
            release_lease(store, "work")
            store.commit()
        self.hold(database, "elsewhere:1")

    def test_of_several_who_ask_at_once_one_gets_it(
        self, database: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(books, "holder_name", lambda: f"away:{threading.get_ident()}")
        ready, won = threading.Barrier(4), list[int]()

        def ask(n: int) -> None:
            ready.wait()
            with session(database) as store:
                try:
                    take_lease(store, "work", NOW)
                    store.commit()
                    won.append(n)
                except LeaseHeld:
                    pass

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1


def test_looking_waits_for_no_writer(database: Engine) -> None:
    with session(database) as writer:
        writer.execute(sa.insert(tables.touched).values(object="contact", entity="e"))
        with reading(database) as reader:
            assert reader.rows(sa.select(tables.touched)) == []
