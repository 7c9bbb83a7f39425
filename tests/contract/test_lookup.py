"""Reading by name: fetch by id, find by key."""

from __future__ import annotations

import pytest

from connectors.base import Write
from connectors.errors import Misconfigured
from tests.contract.rig import OLD, Rig


def test_fetch_brings_records_as_they_are_now(rig: Rig) -> None:
    thing = rig.words.contact
    made = rig.fill(thing, 3, at=OLD)
    rig.edit(thing, made[1], {thing.title: "now"})
    found = rig.connector.fetch(thing.object, made[:2], [thing.title])
    assert {r.id: r.values[thing.title] for r in found} == {made[0]: "row 0", made[1]: "now"}


def test_fetch_of_nothing_costs_nothing(rig: Rig) -> None:
    before = len(rig.calls)
    assert rig.connector.fetch(rig.words.contact.object, [], ["x"]) == []
    assert rig.connector.find(rig.words.contact.object, rig.words.email, [], ["x"]) == []
    assert rig.connector.push(rig.words.contact.object, []) == []
    assert len(rig.calls) == before


def test_fetch_takes_any_number_of_ids(rig: Rig) -> None:
    thing = rig.words.company
    made = rig.fill(thing, min(rig.connector.capabilities.fetch_batch, 2000) + 7, at=OLD)
    found = rig.connector.fetch(thing.object, made, [thing.title])
    assert sorted(record.id for record in found) == sorted(made)
    assert {record.id: record.values[thing.title] for record in found} == rig.truth(thing)


@pytest.mark.parametrize("name", ["company", "contact", "deal", "ticket"])
def test_fetch_reports_what_is_gone(rig: Rig, name: str) -> None:
    thing = getattr(rig.words, name)
    kept, lost = rig.fill(thing, 2, at=OLD)
    rig.remove(thing, lost)
    found = {r.id: r for r in rig.connector.fetch(thing.object, [lost, kept], [thing.title])}
    assert not found[kept].deleted
    assert found[lost].deleted
    assert not found[lost].values
    assert found[lost].merged_into == ""


def test_fetch_resolves_merges(rig: Rig) -> None:
    thing = rig.words.contact
    winner, loser = rig.fill(thing, 2, at=OLD)
    survivor = rig.merge(thing, winner, loser)
    rig.settle()
    found = {r.id: r for r in rig.connector.fetch(thing.object, [loser], [thing.title])}
    assert found[loser].deleted
    if rig.connector.capabilities.reports_merges:
        assert found[loser].merged_into == survivor
        if survivor in found:
            assert not found[survivor].deleted
            assert found[survivor].values


def test_fetch_leaves_unknown_fields_out(rig: Rig) -> None:
    thing = rig.words.deal
    [id] = rig.fill(thing, 1)
    [record] = rig.connector.fetch(thing.object, [id], ["No_Such_Field__c", thing.title])
    assert set(record.values) == {thing.title}


def test_find_by_a_unique_key_is_immediate(rig: Rig) -> None:
    words, thing = rig.words, rig.words.contact
    rig.connector.provision(thing.object, words.external)
    writes = [
        Write(f"w{n}", "create", thing.row(f"c{n}"), external=(words.external, f"ext-{n}"))
        for n in range(3)
    ]
    made = [result.id for result in rig.push(thing, *writes)]
    found = rig.connector.find(
        thing.object, words.external, ["ext-2", "ext-0", "ext-9"], [thing.title, words.external]
    )
    assert {r.id: r.values[words.external] for r in found} == {made[0]: "ext-0", made[2]: "ext-2"}
    [result] = rig.push(thing, Write("w", "archive", id=made[0]))
    assert result.error is None
    assert rig.connector.find(thing.object, words.external, ["ext-0"], [thing.title]) == []


def test_find_by_email(rig: Rig) -> None:
    words, thing = rig.words, rig.words.contact
    id = rig.create(thing, thing.row("x", **{words.email: "o'neil+a@example.com"}))
    if not rig.field(thing, words.email).unique:
        rig.settle()
    [found] = rig.connector.find(
        thing.object,
        words.email,
        ["nobody@example.com", "o'neil+a@example.com"],
        [thing.title, words.email],
    )
    assert found.id == id
    assert found.values[words.email] == "o'neil+a@example.com"


def test_find_takes_any_number_of_values(rig: Rig) -> None:
    words, thing = rig.words, rig.words.contact
    emails = [f"person.{n}@example.com" for n in range(230)]
    rig.load(thing, [thing.row(e, **{words.email: e}) for e in emails], at=OLD)
    found = rig.connector.find(thing.object, words.email, emails, [words.email])
    assert sorted(str(record.values[words.email]) for record in found) == sorted(emails)


@pytest.mark.parametrize(
    "text", ['O\'Neil & Sons \\ (Ltd), "x"', "شرکت نمونه", "บริษัท ตัวอย่าง จำกัด", "100% _co_"]
)
def test_find_by_an_ordinary_field(rig: Rig, text: str) -> None:
    thing = rig.words.company
    id, _ = rig.load(thing, [thing.row(text), thing.row("other")], at=OLD)
    rig.settle()
    found = rig.connector.find(thing.object, thing.title, [text], [thing.title])
    assert [record.id for record in found] == [id]


def test_find_by_a_field_the_account_lacks(rig: Rig) -> None:
    with pytest.raises(Misconfigured) as caught:
        rig.connector.find(rig.words.contact.object, "No_Such_Field__c", ["x"], [])
    assert "No_Such_Field__c" in str(caught.value)
