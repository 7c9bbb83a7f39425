"""Writing: results in order, bad items alone, creates that cannot double."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.base import NativeType, Write
from connectors.errors import Duplicate, Gone, Invalid, ItemError, Stale
from tests.contract.rig import OLD, Rig


def test_create_update_clear_archive(rig: Rig) -> None:
    words, thing = rig.words, rig.words.company
    id = rig.create(thing, thing.row("first", **{words.text: "long", words.whole: 5}))
    assert rig.truth(thing) == {id: "first"}
    rig.update(thing, id, {thing.title: "second"})
    record = rig.one(thing, id, thing.title, words.text)
    assert dict(record.values) == {thing.title: "second", words.text: "long"}
    rig.update(thing, id, {words.text: None, words.whole: None})
    cleared = rig.one(thing, id, thing.title, words.text, words.whole)
    assert dict(cleared.values) == {thing.title: "second", words.text: None, words.whole: None}
    [result] = rig.push(thing, Write("k", "archive", id=id))
    assert result.error is None
    assert rig.truth(thing) == {}
    [gone] = rig.connector.fetch(thing.object, [id], [thing.title])
    assert gone.deleted


@pytest.mark.parametrize("name", ["company", "contact", "deal", "ticket"])
def test_every_object_can_be_written(rig: Rig, name: str) -> None:
    thing = getattr(rig.words, name)
    id = rig.create(thing, thing.row("made"))
    rig.update(thing, id, {thing.title: "changed"})
    assert rig.truth(thing) == {id: "changed"}


def test_results_carry_the_version_the_write_made(rig: Rig) -> None:
    thing = rig.words.contact
    [made] = rig.push(thing, Write("k", "create", thing.row("v")))
    record = rig.one(thing, made.id)
    assert made.version in ("", record.version)
    assert made.modified_at in (None, record.modified_at)
    rig.clock.advance(30)
    changed = rig.update(thing, made.id, {thing.title: "w"})
    again = rig.one(thing, made.id)
    assert changed.id == made.id
    assert not changed.created
    assert changed.version in ("", again.version)
    assert changed.modified_at in (None, again.modified_at)
    assert again.version != record.version


def test_a_persons_change_right_after_ours_is_another_version(rig: Rig) -> None:
    thing = rig.words.contact
    [id] = rig.fill(thing, 1, at=OLD)
    result = rig.update(thing, id, {thing.title: "ours"})
    ours = rig.one(thing, id)
    if rig.connector.capabilities.stamp_precision == "millisecond":
        rig.clock.advance(0.002)
    rig.edit(thing, id, {thing.title: "theirs"})
    theirs = rig.one(thing, id)
    assert theirs.version not in (ours.version, result.version)


@pytest.mark.parametrize("name", ["company", "contact", "deal", "ticket"])
def test_a_create_with_external_id_sent_twice_makes_one_record(rig: Rig, name: str) -> None:
    thing, words = getattr(rig.words, name), rig.words
    rig.connector.provision(thing.object, words.external)
    write = Write("k", "create", thing.row("once"), external=(words.external, "e-1"))
    [first] = rig.push(thing, write)
    [second] = rig.push(thing, replace(write, values=thing.row("twice")))
    assert first.error is None
    assert second.error is None
    assert first.created
    assert not second.created
    assert first.id == second.id
    assert rig.truth(thing) == {first.id: "twice"}
    record = rig.one(thing, first.id, words.external)
    assert record.values[words.external] == "e-1"


def test_the_same_external_id_twice_in_one_push_makes_one_record(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    write = Write("a", "create", thing.row("same"), external=(words.external, "e-1"))
    results = rig.push(thing, write, replace(write, key="b"))
    assert len(rig.truth(thing)) == 1
    assert {result.id for result in results if result.error is None} == set(rig.truth(thing))


def test_an_update_never_creates(rig: Rig) -> None:
    thing = rig.words.contact
    [lost] = rig.fill(thing, 1)
    rig.remove(thing, lost)
    [result] = rig.push(thing, Write("k", "update", thing.row("back?"), id=lost))
    assert isinstance(result.error, Gone)
    assert rig.truth(thing) == {}


def test_results_come_in_order_whatever_the_kinds(rig: Rig) -> None:
    thing = rig.words.contact
    made = rig.fill(thing, 4, at=OLD)
    lost = made.pop()
    rig.remove(thing, lost)
    results = rig.push(
        thing,
        Write("u0", "update", thing.row("u0"), id=made[0]),
        Write("c0", "create", thing.row("c0")),
        Write("a1", "archive", id=made[1]),
        Write("gone", "update", thing.row("gone"), id=lost),
        Write("c1", "create", thing.row("c1")),
        Write("u2", "update", thing.row("u2"), id=made[2]),
    )
    assert [result.error is None for result in results] == [True, True, True, False, True, True]
    assert isinstance(results[3].error, Gone)
    assert rig.truth(thing) == {
        made[0]: "u0",
        made[2]: "u2",
        results[1].id: "c0",
        results[4].id: "c1",
    }


def test_a_push_larger_than_the_vendors_batch(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    count = rig.connector.capabilities.write_batch + 9
    bad = {3, count - 2}
    writes = [
        Write(
            f"k{n}",
            "create",
            thing.row(f"p{n}", **{words.email: "not an email" if n in bad else f"p{n}@x.com"}),
            external=(words.external, f"e-{n}"),
        )
        for n in range(count)
    ]
    results = rig.push(thing, *writes)
    assert {n for n, result in enumerate(results) if result.error} == bad
    truth = rig.truth(thing)
    assert len(truth) == count - len(bad)
    assert all(truth[r.id] == f"p{n}" for n, r in enumerate(results) if n not in bad)
    plain = [Write(f"u{n}", "update", thing.row(f"q{n}"), id=id) for n, id in enumerate(truth)]
    assert not any(result.error for result in rig.push(thing, *plain))
    assert sorted(rig.truth(thing).values()) == sorted(f"q{n}" for n in range(len(truth)))
    away = [Write(f"a{n}", "archive", id=id) for n, id in enumerate(truth)]
    assert not any(result.error for result in rig.push(thing, *away))
    assert rig.truth(thing) == {}


@pytest.mark.parametrize("kind", ["create", "upsert", "update", "archive"])
def test_the_largest_batches_are_sent(rig: Rig, kind: str) -> None:
    """As few calls that write as the vendor's batch allows."""
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    count = 2 * rig.connector.capabilities.write_batch + 1
    old = rig.fill(thing, count, at=OLD) if kind in ("update", "archive") else [""] * count
    writes = [
        Write(
            f"k{n}",
            "create" if kind == "upsert" else kind,
            {} if kind == "archive" else thing.row(f"n{n}"),
            id=id,
            external=(words.external, f"e-{n}") if kind == "upsert" else None,
        )
        for n, id in enumerate(old)
    ]
    before = sum(call.wrote for call in rig.calls)
    assert not any(result.error for result in rig.push(thing, *writes))
    assert sum(call.wrote for call in rig.calls) - before == 3


@pytest.mark.parametrize("kind", ["create", "upsert", "update"])
def test_a_bad_item_fails_alone(rig: Rig, kind: str) -> None:
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    old = rig.fill(thing, 5, at=OLD)
    writes = []
    for n in range(5):
        values = thing.row(f"n{n}", **{words.email: "broken@" if n == 2 else f"n{n}@x.com"})
        write = Write(f"k{n}", "create", values)
        if kind == "upsert":
            write = replace(write, external=(words.external, f"e-{n}"))
        if kind == "update":
            write = replace(write, kind="update", id=old[n])
        writes.append(write)
    results = rig.push(thing, *writes)
    assert [result.error is None for result in results] == [True, True, False, True, True]
    error = results[2].error
    assert isinstance(error, Invalid)
    assert error.fields == (words.email,)
    assert error.connection == rig.connector.connection
    assert error.words
    titles = sorted(title for title in rig.truth(thing).values() if title.startswith("n"))
    assert titles == ["n0", "n1", "n3", "n4"]


def test_options_outside_a_closed_list_are_invalid(rig: Rig) -> None:
    closed = 0
    for thing in rig.words.things:
        fields = rig.connector.describe(thing.object).fields
        for field in fields.values():
            if field.type not in (NativeType.CHOICE, NativeType.CHOICES):
                continue
            if not field.createable or field.name in ("CurrencyIsoCode", "Currency"):
                continue
            several = field.type is NativeType.CHOICES
            values = thing.row("x", **{field.name: ("NoSuch",) if several else "NoSuch"})
            [result] = rig.push(thing, Write("k", "create", values))
            if field.open_choices:
                assert result.error is None, field.name
            else:
                closed += 1
                assert isinstance(result.error, Invalid), field.name
                assert field.name in result.error.fields
    assert closed


def test_text_too_long_is_invalid(rig: Rig) -> None:
    thing = rig.words.company
    length = rig.field(thing, thing.title).length
    if length is None:
        pytest.skip("the vendor does not say how long the text may be")
    rig.create(thing, {**thing.least, thing.title: "ก" * length})
    [result] = rig.push(
        thing, Write("k", "create", {**thing.least, thing.title: "ก" * (length + 1)})
    )
    assert isinstance(result.error, Invalid)
    assert result.error.fields == (thing.title,)


def test_a_wrong_type_is_invalid(rig: Rig) -> None:
    thing, words = rig.words.company, rig.words
    [result] = rig.push(thing, Write("k", "create", thing.row("x", **{words.whole: "many"})))
    assert isinstance(result.error, Invalid)
    if result.error.fields:
        assert result.error.fields == (words.whole,)
    assert rig.truth(thing) == {}


def test_a_field_the_account_lacks_fails_that_item_alone(rig: Rig) -> None:
    thing = rig.words.contact
    bad, good = rig.push(
        thing,
        Write("bad", "create", thing.row("bad", No_Such_Field__c="x")),
        Write("good", "create", thing.row("good")),
    )
    assert isinstance(bad.error, ItemError)
    assert "No_Such_Field__c" in (*bad.error.fields, str(bad.error))
    assert good.error is None
    assert rig.truth(thing) == {good.id: "good"}


def test_a_field_that_cannot_be_written_is_not_dropped_in_silence(rig: Rig) -> None:
    thing = rig.words.deal
    fields = rig.connector.describe(thing.object).fields.values()
    fixed = [f for f in fields if f.type is NativeType.INSTANT and not f.updateable]
    assert fixed
    [id] = rig.fill(thing, 1, at=OLD)
    for field in fixed[:2]:
        bad, good = rig.push(
            thing,
            Write("bad", "update", {field.name: "2020-01-01T00:00:00.000Z"}, id=id),
            Write("good", "create", thing.row(f"good {field.name}")),
        )
        assert isinstance(bad.error, ItemError), field.name
        assert good.error is None


@pytest.mark.parametrize("id", ["x", "1", "000000000000000000", "no such id'\\"])
def test_ids_nobody_has(rig: Rig, id: str) -> None:
    thing = rig.words.contact
    bad, good = rig.push(
        thing,
        Write("bad", "update", thing.row("bad"), id=id),
        Write("good", "create", thing.row("good")),
    )
    assert isinstance(bad.error, Gone | Invalid)
    assert good.error is None
    assert rig.truth(thing) == {good.id: "good"}
    found = rig.connector.fetch(thing.object, [good.id, id], [thing.title])
    assert {record.id: record.deleted for record in found} == {good.id: False, id: True}


def test_updates_of_one_record_are_applied_in_order(rig: Rig) -> None:
    thing = rig.words.contact
    [id] = rig.fill(thing, 1, at=OLD)
    writes = [Write(f"k{n}", "update", thing.row(f"v{n}"), id=id) for n in range(3)]
    assert not any(result.error for result in rig.push(thing, *writes))
    assert rig.truth(thing) == {id: "v2"}


def test_a_second_holder_of_a_unique_value_is_a_duplicate(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    rig.connector.provision(thing.object, words.external)
    unique = {words.external: "e-1"}
    if rig.field(thing, words.email).unique:
        unique[words.email] = "ann@example.com"
    holder = rig.create(thing, thing.row("holder", **unique))
    [other] = rig.fill(thing, 1, at=OLD)
    for name, value in unique.items():
        results = rig.push(
            thing,
            Write("c", "create", thing.row("second", **{name: value})),
            Write("u", "update", {name: value}, id=other),
            Write("ok", "create", thing.row(f"neighbour {name}")),
        )
        for result in results[:2]:
            assert isinstance(result.error, Duplicate), name
            assert result.error.of == holder
        assert results[2].error is None
    assert "second" not in rig.truth(thing).values()


def test_an_upsert_cannot_take_over_another_records_unique_value(rig: Rig) -> None:
    thing, words = rig.words.contact, rig.words
    if not rig.field(thing, words.email).unique:
        pytest.skip("emails need not be unique here")
    rig.connector.provision(thing.object, words.external)
    holder = rig.create(thing, thing.row("holder", **{words.email: "ann@example.com"}))
    [result] = rig.push(
        thing,
        Write(
            "k",
            "create",
            thing.row("intruder", **{words.email: "ann@example.com"}),
            external=(words.external, "e-1"),
        ),
    )
    assert isinstance(result.error, Duplicate)
    assert result.error.of == holder
    assert rig.truth(thing) == {holder: "holder"}


def test_planned_on_an_older_version(rig: Rig) -> None:
    thing = rig.words.contact
    [id] = rig.fill(thing, 1, at=OLD)
    planned = rig.one(thing, id)
    rig.clock.advance(60)
    rig.edit(thing, id, {thing.title: "by a user"})
    write = Write("k", "update", {thing.title: "by us"}, id=id, version=planned.version)
    [result] = rig.push(thing, write)
    if rig.connector.capabilities.checks_version:
        assert isinstance(result.error, Stale)
        assert rig.truth(thing) == {id: "by a user"}
    else:
        assert result.error is None
    current = replace(write, version=rig.one(thing, id).version)
    assert rig.push(thing, current)[0].error is None
    assert rig.truth(thing) == {id: "by us"}
