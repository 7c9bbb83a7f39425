"""Writing what belongs to what: lookups, and the contacts of a deal."""

from __future__ import annotations

import pytest

from connectors.base import NativeType, Write
from tests.contract.rig import OLD, Mirror, Rig, ids


def test_one_lookup_is_set_moved_and_cleared(rig: Rig) -> None:
    words, thing = rig.words, rig.words.contact
    first, second = rig.fill(words.company, 2)
    id = rig.create(thing, thing.row("x", **{words.employer: first}))
    assert rig.one(thing, id, words.employer).values[words.employer] == first
    rig.update(thing, id, {words.employer: second})
    assert rig.one(thing, id, words.employer).values[words.employer] == second
    rig.update(thing, id, {words.employer: None})
    assert rig.one(thing, id, words.employer).values[words.employer] is None
    assert rig.truth(thing) == {id: "x"}


def test_associations_of_a_deal_are_written_as_a_difference(rig: Rig) -> None:
    words, thing = rig.words, rig.words.deal
    [company] = rig.fill(words.company, 1)
    a, b, c = sorted(rig.fill(words.contact, 3))
    several = rig.field(thing, words.deal_contacts).type is NativeType.LOOKUPS
    steps = [(a, b), (b, c), (b, c), (c,), ()] if several else [a, b, b, c, None]
    id = rig.create(
        thing, thing.row("d", **{words.deal_company: company, words.deal_contacts: steps[0]})
    )
    for step in steps:
        rig.update(thing, id, {words.deal_contacts: step})
        record = rig.one(thing, id, words.deal_contacts, words.deal_company)
        assert record.values[words.deal_contacts] == step
        assert record.values[words.deal_company] == company
    [truth] = rig.sandbox.state(thing.object)
    assert ids(truth[words.deal_company]) == (company,)


def test_a_create_sent_twice_keeps_its_associations(rig: Rig) -> None:
    words, thing = rig.words, rig.words.deal
    rig.connector.provision(thing.object, words.external)
    [company] = rig.fill(words.company, 1)
    a, b = sorted(rig.fill(words.contact, 2))
    several = rig.field(thing, words.deal_contacts).type is NativeType.LOOKUPS
    contacts = (a, b) if several else a
    values = thing.row("d", **{words.deal_company: company, words.deal_contacts: contacts})
    write = Write("k", "create", values, external=(words.external, "e-1"))
    [first] = rig.push(thing, write)
    [again] = rig.push(thing, write)
    assert first.error is None
    assert again.error is None
    assert not first.field_errors
    assert not again.field_errors
    record = rig.one(thing, first.id, words.deal_company, words.deal_contacts)
    assert record.values[words.deal_company] == company
    assert record.values[words.deal_contacts] == contacts


def test_an_association_to_a_record_that_is_gone(rig: Rig) -> None:
    """Either the record is refused or it is written without that part; never in silence."""
    words, thing = rig.words, rig.words.contact
    kept, lost = rig.fill(words.company, 2)
    rig.remove(words.company, lost)
    results = rig.push(
        thing,
        Write("bad", "create", thing.row("bad", **{words.employer: lost})),
        Write("good", "create", thing.row("good", **{words.employer: kept})),
    )
    bad, good = results
    if bad.error is None:
        assert set(bad.field_errors) == {words.employer}
        assert rig.one(thing, bad.id, words.employer).values[words.employer] is None
    else:
        assert words.employer in getattr(bad.error, "fields", ())
    assert good.error is None
    assert not good.field_errors
    assert rig.one(thing, good.id, words.employer).values[words.employer] == kept


def test_an_update_with_only_associations(rig: Rig) -> None:
    words, thing = rig.words, rig.words.deal
    [id] = rig.fill(thing, 1, at=OLD)
    [company] = rig.fill(words.company, 1)
    result = rig.update(thing, id, {words.deal_company: company})
    assert result.id == id
    assert rig.one(thing, id, words.deal_company).values[words.deal_company] == company


@pytest.mark.needs("wire")
@pytest.mark.parametrize("skip", range(4))
def test_a_record_deleted_while_it_is_read_does_not_pass_for_one_without_associations(
    rig: Rig, skip: int
) -> None:
    words, thing = rig.words, rig.words.deal
    [company] = rig.fill(words.company, 1)
    rig.fill(thing, 2, at=OLD)
    mirror = Mirror(thing).take(rig.pages(thing, None, words.deal_company))
    rig.clock.advance(600)
    [id] = rig.load(thing, [thing.row("linked", **{words.deal_company: company})])
    rig.settle()
    rig.fault("remove", object=thing.object, skip=skip, options={"id": id})
    pages = rig.pages(thing, mirror.cursor, words.deal_company)
    reports = [record for page in pages for record in page.records if record.id == id]
    assert all(record.deleted or record.values[words.deal_company] for record in reports)
    mirror.take(pages)
    rig.clear_faults()
    rig.settle()
    assert mirror.take(rig.pages(thing, mirror.cursor)).rows == rig.truth(thing)


@pytest.mark.needs("wire")
@pytest.mark.parametrize("skip", range(4))
@pytest.mark.parametrize("way", ["fetch", "find"])
def test_a_record_deleted_while_it_is_asked_for_keeps_its_associations_or_is_gone(
    rig: Rig, skip: int, way: str
) -> None:
    words, thing = rig.words, rig.words.deal
    [company] = rig.fill(words.company, 1)
    [id] = rig.load(thing, [thing.row("linked", **{words.deal_company: company})])
    rig.settle()
    rig.fault("remove", object=thing.object, skip=skip, options={"id": id})
    asked = [thing.title, words.deal_company]
    if way == "fetch":
        found = rig.connector.fetch(thing.object, [id], asked)
        assert [record.id for record in found] == [id]
    else:
        found = rig.connector.find(thing.object, thing.title, ["linked"], asked)
    assert all(record.deleted or record.values[words.deal_company] for record in found)
