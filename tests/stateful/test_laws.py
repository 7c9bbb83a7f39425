"""The laws of the design, under random edits, deletes, merges and crashes.

Three in-memory accounts of different habits are edited at random while runs start, stop and
die; whenever the world is given time to settle, the laws must hold.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
)

from connectors.memory import Quirks
from sync.engine import identity
from sync.engine.identity import Refused
from sync.model import Place
from sync.store.database import Session, session
from sync.store.decisions import Verdict
from tests.stateful.world import NAMES, World

PEOPLE = ("Ann", "Bob", "สมชาย", "مریم")
TEXTS = ("", "Boss", "boss", "Chief 👩‍🚀", "ผู้จัดการ", "مدیر")


def habits() -> dict[str, Quirks]:
    """One plain account, one that changes what it is given, one with gaps."""
    return {
        "left": Quirks(),
        "middle": Quirks(
            renditions={
                "email": lambda value: str(value).lower(),
                "job_title": lambda value: str(value)[:4].strip() or None,
            },
            merge_makes_new_id=True,
            returns_version=False,
        ),
        "right": Quirks(hidden=frozenset({"mobile"}), unique=frozenset({"email"})),
    }


class Hub(RuleBasedStateMachine):
    """People edit three accounts while the hub reconciles them."""

    contacts = Bundle("contacts")

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.world = World(f"sqlite:///{Path(self.folder.name) / 'hub.db'}", habits())
        self.only_edit: dict[tuple[str, str], list[tuple[str, str, Any]]] = {}
        self.words: dict[frozenset[Place], str] = {}
        self.number = 0

    def teardown(self) -> None:
        self.world.engine.dispose()
        self.folder.cleanup()

    def live(self, record: tuple[str, str]) -> bool:
        account, id = record
        return id in self.world.accounts[account].live("contact")

    @initialize()
    def users(self) -> None:
        self.world.sync()

    @rule(target=contacts, account=st.sampled_from(NAMES), who=st.sampled_from(PEOPLE))
    def create(self, account: str, who: str) -> tuple[str, str]:
        self.world.pass_time(1)
        self.number += 1
        values = {
            "last_name": who,
            "first_name": "X",
            "email": f"Person{self.number % 5}.{who if who.isascii() else 'x'}@Firm.example",
        }
        unique = self.world.accounts[account].quirks.unique
        rows = self.world.accounts[account].live("contact").values()
        taken = {row.values.get("email") for row in rows}
        if "email" in unique and values["email"] in taken:
            values["email"] = None  # type: ignore[assignment]
        return account, self.world.accounts[account].create("contact", values)

    @rule(
        record=contacts,
        field=st.sampled_from(("job_title", "first_name", "city", "mobile")),
        text=st.sampled_from(TEXTS),
        seconds=st.integers(0, 2),
    )
    def edit(self, record: tuple[str, str], field: str, text: str, seconds: int) -> None:
        if self.live(record):
            self.world.pass_time(seconds)
            self.world.accounts[record[0]].edit("contact", record[1], {field: text or None})

    @rule(
        record=contacts,
        change=st.sampled_from(((True,), (False,))),
        interests=st.sets(st.sampled_from(("analytics", "events", "pricing"))),
    )
    def edit_sets(self, record: tuple[str, str], change: tuple[bool], interests: set[str]) -> None:
        if self.live(record):
            self.world.accounts[record[0]].edit(
                "contact",
                record[1],
                {"interests": tuple(sorted(interests)) or None, "email_opt_out": change[0]},
            )

    @rule(record=contacts)
    def remove(self, record: tuple[str, str]) -> None:
        if self.live(record):
            self.world.accounts[record[0]].remove("contact", record[1])
            self.forget({Place(*record)}, only="same")

    @rule(record=contacts)
    def restore(self, record: tuple[str, str]) -> None:
        account = self.world.accounts[record[0]]
        row = account.rows["contact"][record[1]]
        if row.deleted and not row.merged_into:
            account.restore("contact", record[1])

    @rule(target=contacts, one=contacts, two=contacts)
    def merge(self, one: tuple[str, str], two: tuple[str, str]) -> Any:
        if one[0] != two[0] or one == two or not (self.live(one) and self.live(two)):
            return multiple()
        self.forget({Place(*one), Place(*two)})
        self.forget(None, only="same")  # what is merged in a CRM can part others
        return one[0], self.world.accounts[one[0]].merge("contact", one[1], two[1])

    # -- what people say of identity -----------------------------------------------------

    def forget(self, places: set[Place] | None, only: str = "") -> None:
        """Expect no more what was said about these records, or about any."""
        self.words = {
            pair: word
            for pair, word in self.words.items()
            if (only and word != only) or (places is not None and not pair & places)
        }

    def said(self, work: Callable[[Session], object]) -> bool:
        """Decide something between two runs; whether it was not refused."""
        self.world.pass_time(1)
        with session(self.world.engine) as store:
            try:
                work(store)
            except Refused:
                return False
            store.commit()
        return True

    def homes(self) -> dict[Place, str]:
        """record -> entity."""
        return {
            Place(*place): entity
            for entity, records in self.world.links("contact").items()
            for place in records.items()
        }

    @rule(one=contacts, two=contacts)
    def same(self, one: tuple[str, str], two: tuple[str, str]) -> None:
        if one == two:
            return
        word = Verdict(Place(*one), Place(*two), "same", "ann", self.world.time)
        if self.said(lambda store: identity.unite(store, "contact", word)):
            homes = self.homes()
            self.words = {  # the last word holds
                pair: said
                for pair, said in self.words.items()
                if said == "same" or len({homes.get(place, place) for place in pair}) == 2
            }
            self.words[frozenset({word.one, word.two})] = "same"

    @rule(one=contacts, two=contacts)
    def keep_apart(self, one: tuple[str, str], two: tuple[str, str]) -> None:
        if one == two:
            return
        word = Verdict(Place(*one), Place(*two), "apart", "ann", self.world.time)
        if self.said(lambda store: identity.keep_apart(store, "contact", word)):
            self.words[frozenset({word.one, word.two})] = "apart"

    @rule(record=contacts)
    def split(self, record: tuple[str, str]) -> None:
        place, before = Place(*record), self.homes()
        at = self.world.time
        if self.said(lambda store: identity.split(store, "contact", place, "ann", at, "")):
            for fellow, entity in before.items():
                if entity == before[place] and fellow != place:
                    self.words[frozenset({place, fellow})] = "apart"

    def check_words(self) -> None:
        """What people said of two records that are still there holds."""
        homes, links = self.homes(), self.world.links("contact")
        for pair, word in self.words.items():
            one, two = sorted(pair)
            if not (self.live(one) and self.live(two)):
                continue
            together = homes[one] == homes[two]
            if word == "apart":
                assert not together, f"kept apart, but one: {one} and {two}"
            elif not links[homes[one]].keys() & links[homes[two]].keys():
                assert together, f"the same, but two: {one} and {two}"

    @rule()
    def sync(self) -> None:
        self.world.sync()

    @rule()
    def full(self) -> None:
        self.world.sync(full=True)

    @rule()
    def dry_run_says_what_the_run_does(self) -> None:
        planned = self.world.sync(dry=True).planned
        self.world.time = self.world.time
        report = self.world.sync()
        written = report.writes + report.problems
        assert written >= 0
        assert (len(planned) > 0) == (report.writes + report.problems > 0)

    @rule(
        at=st.integers(1, 25),
        kind=st.sampled_from(("commit", "call before", "call after")),
    )
    def crash(self, at: int, kind: str) -> None:
        self.world.crash(at, kind)

    @rule()
    def settle(self) -> None:
        self.world.settle()
        self.world.check_laws()
        self.check_words()


#: CONCORD_STATEFUL_EXAMPLES=10000 is the long profile.
Hub.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONCORD_STATEFUL_EXAMPLES", "20")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
TestLaws = Hub.TestCase
