"""The laws can fail: each of these broken hubs is caught, and by the law that it breaks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from connectors.budget import Budget
from connectors.memory.connector import MemoryConnector
from mapping.schema import Policy
from mapping.translate import Translator
from sync.engine import apply, run
from sync.engine.decide import decide, merge, plan
from sync.engine.do import booking
from sync.engine.look import pull
from sync.engine.wiring import Wiring
from sync.model import Merged, PlannedWrite
from sync.store import queues, replicas
from tests.stateful.accounts import Climate
from tests.stateful.machine import Hub

ANN = [("left", "Ann")]


@contextmanager
def hub(
    climate: Climate | None = None, first: list[tuple[str, str]] | None = None
) -> Iterator[Hub]:
    """A machine to run rules on by hand."""
    made = Hub()
    try:
        made.start(climate=climate or Climate(), first=ANN if first is None else first)
        yield made
    finally:
        made.close()


def edit(made: Hub, account: str, **values: Any) -> None:
    """A person edits the only contact of an account."""
    made.world.pass_time(5)
    [id] = made.world.accounts[account].live("contact")
    made.edited((account, "contact", id), values)


# -- what is broken, and what shows it -------------------------------------------------------


def taken_for_agreed(patch: pytest.MonkeyPatch) -> None:
    real = pull.absorb

    def absorb(*given: Any) -> Any:
        found = real(*given)
        return replace(found, base=dict(found.seen)) if found and found.base else found

    patch.setattr(pull, "absorb", absorb)


def title_edited(made: Hub) -> None:
    made.settle(full=False, edits=[])
    edit(made, "left", job_title="Boss")
    made.settle(full=False, edits=[])
    edit(made, "right", job_title="Chef")
    made.settle(full=False, edits=[])


def renditions_told_to_all(patch: pytest.MonkeyPatch) -> None:
    real = pull.absorb

    def absorb(schema: Any, old: Any, *rest: Any) -> Any:
        return real(schema, replace(old, expected=None) if old else None, *rest)

    patch.setattr(pull, "absorb", absorb)


def long_title(made: Hub) -> None:
    made.settle(full=False, edits=[])
    edit(made, "left", job_title="Chief of all")
    made.settle(full=False, edits=[])


def no_tombstones(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(replicas, "tombstones", lambda session, object, entities: set())


def deleted_then_edited(made: Hub) -> None:
    made.settle(full=False, edits=[])
    [id] = made.world.accounts["right"].live("contact")
    made.ledger.remove("right", "contact", id)
    made.settle(full=False, edits=[])
    edit(made, "left", job_title="Boss")
    made.settle(full=False, edits=[])


def absent_is_empty(patch: pytest.MonkeyPatch) -> None:
    real = pull.absorb

    def absorb(schema: Any, old: Any, place: Any, record: Any, fields: Any, *rest: Any) -> Any:
        everything = {**dict.fromkeys(old.seen if old else ()), **fields}
        return real(schema, old, place, record, everything, *rest)

    patch.setattr(pull, "absorb", absorb)


def city_left_out(made: Hub) -> None:
    edit(made, "left", city="Bangkok")
    made.settle(full=False, edits=[])
    edit(made, "right", job_title="Boss")
    made.settle(full=False, edits=[])
    made.change_mapping(connection="right", variant="city left out")
    made.settle(full=False, edits=[])


def creates_without_a_name(patch: pytest.MonkeyPatch) -> None:
    real = MemoryConnector.push

    def send(self: MemoryConnector, object: str, writes: Any) -> Any:
        return real(self, object, [replace(write, external=None) for write in writes])

    patch.setattr(MemoryConnector, "push", send)


def reply_lost(made: Hub) -> None:
    made.create_contact(account="left", who="Bob")
    made.trouble(account="middle", fault="reply lost", skip=0, edits=[])
    made.settle(full=False, edits=[])


def what_was_begun_is_dropped(patch: pytest.MonkeyPatch) -> None:
    real = run.do

    def do(wiring: Wiring, objects: Any, **how: Any) -> None:
        begun = queues.outbox(wiring.session, status=("sending",))
        queues.remove(wiring.session, [queued.id for queued in begun])
        real(wiring, objects, **how)

    patch.setattr(run, "do", do)


def died_before_a_call(made: Hub) -> None:
    made.settle(full=False, edits=[])
    edit(made, "left", mobile="+66812345678")
    for at in range(1, 12):
        if not made.world.crash(at, "before call"):
            break
    made.settle(full=True, edits=[])


def no_limits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(run, "over_limits", lambda wiring, planned: "")


def many_creates(made: Hub) -> None:
    made.settle(full=False, edits=[])


def no_budget(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Budget, "_require", lambda self, cost, now: None)


def many_runs(made: Hub) -> None:
    for _ in range(25):
        made.sync(edits=[])
    made.settle(full=False, edits=[])


def dry_runs_say_less(patch: pytest.MonkeyPatch) -> None:
    real = queues.outbox

    def outbox(session: Any, **how: Any) -> Any:
        found = real(session, **how)
        return found[1:] if session.dry else found

    patch.setattr(queues, "outbox", outbox)


def dry_run(made: Hub) -> None:
    edit(made, "left", city="Bangkok")
    made.dry_run_says_what_the_run_does(edits=[])


def applies_whatever_it_finds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(apply, "_contains", lambda planned, write: True)


def planned_then_edited(made: Hub) -> None:
    made.settle(full=False, edits=[])
    edit(made, "left", city="Bangkok")
    made.plan(edits=[])
    edit(made, "left", city="Tehran")
    made.apply(pick=0, edits=[])


def losers_are_not_told(patch: pytest.MonkeyPatch) -> None:
    real = merge.merge

    def quiet(*given: Any, **named: Any) -> Merged:
        found = real(*given, **named)
        return replace(found, decisions=tuple(replace(d, losing=()) for d in found.decisions))

    patch.setattr(decide, "merge", quiet)


def two_at_once(made: Hub) -> None:
    made.settle(full=False, edits=[])
    edit(made, "left", job_title="Boss")
    edit(made, "right", job_title="Chef")
    made.settle(full=False, edits=[])


def one_account_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = plan.plan

    def partial(*given: Any, **named: Any) -> Any:
        found = real(*given, **named)
        kept = tuple(w for w in found.writes if (w.connection, w.kind) != ("right", "update"))
        return replace(found, writes=kept)

    patch.setattr(decide, "plan", partial)


def letters_are_folded(patch: pytest.MonkeyPatch) -> None:
    real = Translator.to_native

    def to_native(self: Translator, fields: Any, creating: bool) -> Any:
        body = {n: v.strip("👩🚀‍ ") if n == "city" and v else v for n, v in fields.items()}
        return real(self, body, creating)

    patch.setattr(Translator, "to_native", to_native)


def emoji_city(made: Hub) -> None:
    made.settle(full=False, edits=[])
    edit(made, "left", city="Bangkok 🚀")
    made.settle(full=False, edits=[])


def everything_read_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(replicas, "cursor", lambda session, connection, object: None)


def crowd(made: Hub) -> None:
    for number in range(12):
        made.create_contact(account="left", who=("Ann", "Bob", "سارا")[number % 3])
    made.settle(full=False, edits=[])
    made.settle(full=False, edits=[])


def values_are_logged(patch: pytest.MonkeyPatch) -> None:
    real = booking._entry

    def entry(wiring: Wiring, queued: Any, *rest: Any) -> Any:
        write: PlannedWrite = queued.write
        logging.getLogger("concord").warning("wrote %s", write.fields)
        return real(wiring, queued, *rest)

    patch.setattr(booking, "_entry", entry)


def clears_are_ignored(patch: pytest.MonkeyPatch) -> None:
    real = pull.absorb

    def absorb(schema: Any, old: Any, place: Any, record: Any, fields: Any, *rest: Any) -> Any:
        filled = {name: value for name, value in fields.items() if value is not None or not old}
        return real(schema, old, place, record, filled, *rest)

    patch.setattr(pull, "absorb", absorb)


def cleared(made: Hub) -> None:
    edit(made, "left", city="Bangkok")
    made.settle(full=False, edits=[])
    edit(made, "right", city=None)
    made.settle(full=False, edits=[])


def a_resolution_is_lost(patch: pytest.MonkeyPatch) -> None:
    real = decide.merge

    def deaf(schema: Any, agreed: Any, members: Any, rules: Any, same: Any, *rest: Any) -> Any:
        return real(schema, agreed, members, rules, same)

    patch.setattr(decide, "merge", deaf)


def resolved(made: Hub) -> None:
    made.settle(full=False, edits=[])
    made.change_policy(field="job_title", policy=Policy.MANUAL)
    edit(made, "left", job_title="Boss")
    edit(made, "right", job_title="Chef")
    made.settle(full=False, edits=[])
    made.resolve(pick=1)
    made.settle(full=False, edits=[])


CASES: list[tuple[Callable[[pytest.MonkeyPatch], None], Callable[[Hub], None], Climate, str]] = [
    (taken_for_agreed, title_edited, Climate(), "law 1"),
    (renditions_told_to_all, long_title, Climate(), "law 1"),
    (no_tombstones, deleted_then_edited, Climate(), "law 2"),
    (absent_is_empty, city_left_out, Climate(), "law 6"),
    (clears_are_ignored, cleared, Climate(), "law [14]"),
    (creates_without_a_name, reply_lost, Climate(), "law 2"),
    (what_was_begun_is_dropped, died_before_a_call, Climate(), "law [14]"),
    (losers_are_not_told, two_at_once, Climate(), "law 1"),
    (a_resolution_is_lost, resolved, Climate(), "law [13]"),
    (one_account_is_forgotten, title_edited, Climate(), "law 4"),
    (letters_are_folded, emoji_city, Climate(), "law [347]"),
    (no_budget, many_runs, Climate(per_day=30), "law 8"),
    (dry_runs_say_less, dry_run, Climate(), "law 9"),
    (applies_whatever_it_finds, planned_then_edited, Climate(), "law 9"),
    (no_limits, many_creates, Climate(limits=(0, 9, 9)), "law 10"),
    (everything_read_again, crowd, Climate(), "law 11"),
    (values_are_logged, two_at_once, Climate(), "law 12"),
]


@pytest.mark.parametrize(
    ("broken", "scene", "climate", "law"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_a_broken_hub_is_caught(
    broken: Callable[[pytest.MonkeyPatch], None],
    scene: Callable[[Hub], None],
    climate: Climate,
    law: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hub(climate) as sound:
        scene(sound)
    with monkeypatch.context() as patch:
        broken(patch)
        with hub(climate) as made, pytest.raises(AssertionError, match=law):
            scene(made)


def test_a_record_split_off_before_its_rendition_was_read() -> None:
    """Found by the machine: what the vendor made of our write passed for a person's change."""
    with hub(first=[("left", "Ann"), ("middle", "Ann")]) as made:
        edit(made, "left", job_title="Chief of all")
        made.sync(edits=[])
        made.split(pick=0)
        made.settle(full=False, edits=[])
