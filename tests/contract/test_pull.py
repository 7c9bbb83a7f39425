"""Pulling: everything once, then what changed, with nothing missed."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import islice

import pytest

from tests.contract.rig import OLD, START, Mirror, Rig


@pytest.fixture
def many(rig: Rig) -> int:
    """A few more records than one page holds."""
    return rig.connector.capabilities.page_size + 30


def test_an_empty_object_gives_a_last_page(rig: Rig) -> None:
    *_, page = rig.pages(rig.words.ticket)
    assert page.last
    assert page.cursor
    assert rig.pulled(rig.words.ticket) == []
    assert rig.pulled(rig.words.ticket, page.cursor) == []


def test_the_first_pull_reads_everything(rig: Rig, many: int) -> None:
    thing = rig.words.contact
    rig.fill(thing, many, at=OLD)
    pages = rig.pages(thing)
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert len(pages) > 1
    mirror = Mirror(thing).take(pages)
    assert mirror.rows == rig.truth(thing)
    assert sum(len(page.records) for page in pages) == many, "nothing changed: no repeats"
    if pages[0].expected is not None:
        assert pages[0].expected == many


def test_every_object_can_be_pulled(rig: Rig) -> None:
    for thing in rig.words.things:
        rig.fill(thing, 3)
        rig.settle()
        mirror = Mirror(thing).take(rig.pages(thing))
        assert mirror.rows == rig.truth(thing)


def test_records_carry_their_stamps(rig: Rig) -> None:
    thing = rig.words.deal
    [id] = rig.fill(thing, 1, at=OLD)
    [record] = rig.pulled(thing)
    assert record.id == id
    assert record.created_at is not None
    assert record.created_at.isoformat() == OLD
    assert record.modified_at.isoformat() == OLD
    assert record.modified_at.utcoffset() == timedelta(0)
    assert rig.one(thing, id).version == record.version
    rig.clock.advance(90)
    rig.edit(thing, id, {thing.title: "changed"})
    changed = rig.one(thing, id)
    assert changed.version != record.version
    assert changed.modified_at == START + timedelta(seconds=90)


def test_the_first_pull_leaves_deleted_records_out(rig: Rig) -> None:
    thing = rig.words.contact
    kept, lost = rig.fill(thing, 2, at=OLD)
    rig.remove(thing, lost)
    mirror = Mirror(thing).take(rig.pages(thing))
    assert set(mirror.rows) == {kept}
    assert mirror.gone == {}


def test_a_pull_can_be_resumed_from_any_page(rig: Rig, many: int) -> None:
    thing = rig.words.company
    rig.fill(thing, many, at=OLD)
    pages = rig.pages(thing)
    for stop in range(1, len(pages) + 1):
        mirror = Mirror(thing).take(pages[:stop])
        mirror.take(rig.connect().pull(thing.object, [thing.title], mirror.cursor))
        assert mirror.rows == rig.truth(thing)


def test_changes_during_the_first_pull_are_not_lost(rig: Rig, many: int) -> None:
    thing = rig.words.contact
    made = rig.fill(thing, many, at=OLD)
    rig.clock.advance(60)
    mirror = Mirror(thing)
    pull = rig.connector.pull(thing.object, [thing.title], None)
    mirror.take([next(pull)])
    rig.clock.advance(300)
    rig.edit(thing, made[0], {thing.title: "edited, read already"})
    rig.edit(thing, made[-1], {thing.title: "edited, not read yet"})
    rig.remove(thing, made[1])
    rig.remove(thing, made[-2])
    rig.fill(thing, 2, start=many)
    rig.clock.advance(300)
    mirror.take(pull)
    rig.settle()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


@pytest.mark.parametrize("name", ["company", "contact", "deal", "ticket"])
def test_the_next_pull_brings_what_users_did(rig: Rig, name: str) -> None:
    thing = getattr(rig.words, name)
    made = rig.fill(thing, 12, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing))
    rig.clock.advance(3600)
    rig.edit(thing, made[3], {thing.title: "ویرایش شده"})
    rig.remove(thing, made[4])
    [new] = rig.load(thing, [thing.row("ใหม่ 🎉")])
    rig.settle()
    pages = rig.pages(thing, mirror.cursor)
    mirror.take(pages)
    assert mirror.rows == rig.truth(thing)
    assert mirror.rows[made[3]] == "ویرایش شده"
    assert mirror.rows[new] == "ใหม่ 🎉"
    if rig.connector.capabilities.reports_deletes:
        assert set(mirror.gone) == {made[4]}
    touched = {record.id for page in pages for record in page.records}
    assert touched == {made[3], made[4], new}, "what nobody touched is not read again"


def test_what_we_wrote_comes_too(rig: Rig) -> None:
    thing = rig.words.company
    made = rig.fill(thing, 2, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing))
    rig.clock.advance(600)
    rig.update(thing, made[0], {thing.title: "by us"})
    rig.create(thing, thing.row("new, by us"))
    rig.settle()
    assert mirror.take(rig.pages(thing, mirror.cursor)).rows == rig.truth(thing)


def test_quiet_pulls_stay_quiet(rig: Rig) -> None:
    thing = rig.words.contact
    rig.fill(thing, 50, at=OLD)
    cursor: str | None = None
    for _ in range(3):
        pages = rig.pages(thing, cursor)
        cursor = pages[-1].cursor
        rig.clock.advance(3600)
    assert sum(len(page.records) for page in pages) == 0


def test_deletions_show_within_the_declared_time(rig: Rig) -> None:
    """Without options, as an account is first connected: late they may be, lost they are not."""
    thing, connector = rig.words.contact, rig.connect(options={})
    able, told = connector.capabilities, dict[str, float]()
    made = rig.fill(thing, 30, at=OLD)
    mirror = Mirror(thing).take(connector.pull(thing.object, (thing.title,), None))
    removed, step = dict[str, float](), (able.deletes_lag + able.read_lag) / 4 + 10
    for turn in range(20):
        if turn < 12:
            rig.remove(thing, made[turn])
            removed[made[turn]] = turn * step
        rig.clock.advance(step)
        mirror.take(connector.pull(thing.object, (thing.title,), mirror.cursor))
        told |= {id: (turn + 1) * step for id in mirror.gone if id not in told}
    assert mirror.rows == rig.truth(thing)
    assert told.keys() == removed.keys()
    assert max(told[id] - removed[id] for id in told) <= able.deletes_lag + able.read_lag + step


def test_equal_stamps_across_page_borders(rig: Rig) -> None:
    """More records in one instant than any vendor puts on a page of changes."""
    thing = rig.words.contact
    rig.fill(thing, 3, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing))
    rig.clock.advance(600)
    rig.fill(thing, rig.words.crowd)
    rig.settle()
    pages = rig.pages(thing, mirror.cursor)
    assert sum(bool(page.records) for page in pages) > 1
    for stop in sorted({1, len(pages) // 2, len(pages) - 1, len(pages)}):
        resumed = mirror.copy().take(pages[:stop])
        resumed.take(rig.pages(thing, resumed.cursor))
        assert resumed.rows == rig.truth(thing)


def test_a_change_within_the_stamp_last_read(rig: Rig) -> None:
    """The clock stands still: edits after a pull carry the very stamp its cursor ended on."""
    thing = rig.words.contact
    rig.clock.advance(600)
    made = rig.fill(thing, 10)
    mirror = Mirror(thing).take(rig.pages(thing))
    mirror.take(rig.pages(thing, mirror.cursor))
    rig.edit(thing, made[0], {thing.title: "same instant"})
    rig.remove(thing, made[1])
    mirror.take(rig.pages(thing, mirror.cursor))
    rig.edit(thing, made[2], {thing.title: "same instant again"})
    rig.fill(thing, 1, start=10)
    mirror.take(rig.pages(thing, mirror.cursor))
    rig.settle()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


@pytest.mark.needs("late commits")
def test_a_transaction_that_shows_late(rig: Rig) -> None:
    """Vendors stamp a change when it begins and show it when it is committed."""
    thing = rig.words.contact
    rig.fill(thing, 3, at=OLD)
    rig.clock.advance(600)
    rig.fill(thing, 3, start=10)
    mirror = Mirror(thing).take(rig.pages(thing))
    mirror.take(rig.pages(thing, mirror.cursor))
    late = (rig.clock.now() - timedelta(seconds=20)).isoformat()
    rig.fill(thing, 1, at=late, start=20)
    rig.settle()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


@pytest.mark.needs("late commits")
def test_a_transaction_that_shows_late_in_a_pull_cut_short(rig: Rig) -> None:
    thing = rig.words.contact
    mirror = Mirror(thing).take(rig.pages(thing))
    rig.clock.advance(600)
    rig.fill(thing, rig.words.crowd)
    late = (rig.clock.now() - timedelta(seconds=10)).isoformat()
    rig.settle()
    rig.clock.advance(9)
    mirror.take([next(rig.connector.pull(thing.object, [thing.title], mirror.cursor))])
    rig.fill(thing, 1, at=late, start=5000)
    rig.clock.advance(3600)
    for _ in ("this pull", "or the next"):
        mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


def test_a_busy_account_is_followed_without_loss(rig: Rig) -> None:
    """Pulls come while changes are still on their way into the vendor's index."""
    thing = rig.words.contact
    made = rig.fill(thing, 40, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing))
    for step in range(8):
        rig.edit(thing, made[step], {thing.title: f"step {step}"})
        rig.remove(thing, made[-1 - step])
        made[:0] = rig.fill(thing, 1, start=100 + step)
        mirror.take(rig.pages(thing, mirror.cursor))
        rig.clock.advance(2.3 * step)
    rig.settle()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_users_do_is_followed(rig: Rig, seed: int) -> None:
    """Random edits, creations, deletions and pauses, pulls between them, some cut short."""
    dice = random.Random(seed)
    thing = rig.words.company
    live = rig.fill(thing, 30, at=OLD)
    bin: list[str] = []
    mirror = Mirror(thing)
    for step in range(60):
        deed = dice.randrange(10)
        if deed < 4:
            rig.edit(thing, dice.choice(live), {thing.title: f"edited in step {step}"})
        elif deed < 6:
            live += rig.fill(thing, 1, start=1000 + step)
        elif deed < 7 and len(live) > 5:
            bin.append(live.pop(dice.randrange(len(live))))
            rig.remove(thing, bin[-1])
            if dice.random() < 0.3:
                live.append(bin.pop(0))
                rig.restore(thing, live[-1])
        elif deed < 8:
            rig.clock.advance(dice.choice([0.4, 1, 7, 61, 3700]))
        else:
            pull = rig.connector.pull(thing.object, [thing.title], mirror.cursor)
            mirror.take(islice(pull, 1) if deed == 8 else pull)
    rig.settle()
    for _ in ("the end of a pull cut short", "what came after its beginning"):
        mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


def test_the_rest_of_a_stopped_pull_is_current(rig: Rig) -> None:
    """A pull of changes is cut after its first page; edits happen; it goes on by the cursor."""
    thing = rig.words.company
    rig.fill(thing, 3, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing))
    rig.clock.advance(600)
    made = rig.fill(thing, rig.words.crowd)
    rig.settle()
    mirror.take([next(rig.connector.pull(thing.object, [thing.title], mirror.cursor))])
    rig.clock.advance(600)
    rig.edit(thing, made[0], {thing.title: "read already, edited"})
    rig.edit(thing, made[-2], {thing.title: "edited before it was read"})
    rig.remove(thing, made[1])
    rig.remove(thing, made[-1])
    rig.settle()
    for _ in ("this pull", "or the next"):
        mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


def test_merges_are_reported(rig: Rig) -> None:
    thing = rig.words.contact
    winner, loser, bystander = rig.fill(thing, 3, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing))
    rig.clock.advance(600)
    survivor = rig.merge(thing, winner, loser)
    rig.settle()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)
    assert set(mirror.rows) == {survivor, bystander}
    assert loser in mirror.gone
    if rig.connector.capabilities.reports_merges:
        assert mirror.gone[loser] == survivor


def test_a_restored_record_comes_back(rig: Rig) -> None:
    thing = rig.words.contact
    kept, lost = rig.fill(thing, 2, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing))
    rig.clock.advance(600)
    rig.remove(thing, lost)
    rig.settle()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert set(mirror.rows) == {kept}
    rig.clock.advance(600)
    rig.restore(thing, lost)
    rig.settle()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)
    assert set(mirror.rows) == {kept, lost}


@pytest.mark.parametrize("seconds", [-900, 900])
def test_the_vendors_clock_need_not_be_ours(rig: Rig, seconds: int) -> None:
    thing = rig.words.contact
    rig.fault("clock_skew", times=None, options={"seconds": seconds})
    made = rig.fill(thing, 5, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing))
    for step in range(4):
        rig.edit(thing, made[step], {thing.title: f"step {step}"})
        mirror.take(rig.pages(thing, mirror.cursor))
        rig.clock.advance(100)
    rig.settle()
    mirror.take(rig.pages(thing, mirror.cursor))
    assert mirror.rows == rig.truth(thing)


def test_fields_the_account_lacks_are_absent(rig: Rig) -> None:
    thing, words = rig.words.company, rig.words
    rig.load(thing, [thing.row("one", **{words.text: None})], at=OLD)
    pages = rig.pages(thing, None, "No_Such_Field__c", words.text)
    [record] = [record for page in pages for record in page.records]
    assert dict(record.values) == {thing.title: "one", words.text: None}
    rig.clock.advance(600)
    rig.fill(thing, 1)
    rig.settle()
    [record] = rig.pulled(thing, pages[-1].cursor, "No_Such_Field__c", words.text)
    assert set(record.values) == {thing.title, words.text}


@pytest.mark.parametrize("kind", ["hide_field", "remove_field"])
def test_fields_that_go_away_are_absent(rig: Rig, kind: str) -> None:
    """Hidden from our user, or deleted, while the hub still asks for them."""
    thing, words = rig.words.company, rig.words
    [id] = rig.load(thing, [thing.row("one", **{words.text: "x"})], at=OLD)
    assert dict(rig.one(thing, id, thing.title, words.text).values)[words.text] == "x"
    rig.fault(kind, object=thing.object, times=None, options={"field": words.text})
    for connector in (rig.connector, rig.connect()):
        pages = connector.pull(thing.object, [thing.title, words.text], None)
        [record] = [record for page in pages for record in page.records]
        assert dict(record.values) == {thing.title: "one"}
        [record] = connector.fetch(thing.object, [id], [thing.title, words.text])
        assert dict(record.values) == {thing.title: "one"}
    assert words.text not in rig.connect().describe(thing.object).fields


def test_no_fields_may_be_asked_for(rig: Rig) -> None:
    [id] = rig.fill(rig.words.deal, 1, at=OLD)
    pages = rig.connector.pull(rig.words.deal.object, [], None)
    records = [record for page in pages for record in page.records]
    assert [(record.id, dict(record.values)) for record in records] == [(id, {})]


def test_associations_are_pulled(rig: Rig) -> None:
    words = rig.words
    [company] = rig.fill(words.company, 1)
    first, second = rig.fill(words.contact, 2)
    several = rig.field(words.deal, words.deal_contacts).type == "lookups"
    contacts = (first, second) if several else first
    row = words.deal.row("d", **{words.deal_company: company, words.deal_contacts: contacts})
    rig.load(words.deal, [row, words.deal.row("alone")], at=OLD)
    names = (words.deal_company, words.deal_contacts)
    records = rig.pulled(words.deal, None, *names)
    found = {record.values[words.deal.title]: record.values for record in records}
    assert found["d"][words.deal_company] == company
    assert found["d"][words.deal_contacts] == (tuple(sorted((first, second))) if several else first)
    assert found["alone"][words.deal_company] is None
    assert found["alone"][words.deal_contacts] == (() if several else None)


def test_field_times_tell_when_single_fields_changed(rig: Rig) -> None:
    if not rig.connector.capabilities.field_times:
        pytest.skip("the vendor does not say when single fields changed")
    thing, words = rig.words.company, rig.words
    [id] = rig.load(thing, [thing.row("a", **{words.text: "x"})], at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing, None, words.text))
    rig.clock.advance(600)
    rig.edit(thing, id, {words.text: "y"})
    rig.settle()
    [record] = rig.pulled(thing, mirror.cursor, words.text)
    assert record.field_times[words.text] == START + timedelta(seconds=600)
    assert record.field_times[thing.title].isoformat() == OLD
