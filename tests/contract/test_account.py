"""What a connector says about an account: check, describe, users, pipelines, provision."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from connectors.base import NativeType, Write
from connectors.errors import Invalid, Stop
from tests.contract.rig import Rig


def test_check_tells_whose_account_it_is(rig: Rig) -> None:
    account = rig.connector.check()
    assert account.id
    assert account.name
    assert account.currency == "USD"
    assert ZoneInfo(account.time_zone)
    assert account.api_version
    if account.multi_currency:
        assert account.currency in account.currencies
    if account.quota_limit is not None and account.quota_left is not None:
        assert 0 <= account.quota_left <= account.quota_limit
    assert len(rig.calls) <= 6
    assert rig.connector.connection == f"my-{rig.vendor}"
    assert rig.connector.vendor == rig.vendor


def test_describe_names_types_and_rights(rig: Rig) -> None:
    words = rig.words
    company = rig.connector.describe(words.company.object)
    contact = rig.connector.describe(words.contact.object)
    deal = rig.connector.describe(words.deal.object)
    assert company.name == words.company.object
    assert company.createable
    assert company.updateable
    assert company.deletable
    for info in (company, contact, deal):
        assert info.label
        for name, field in info.fields.items():
            assert name == field.name
            assert field.label
    assert company.fields[words.company.title].type is NativeType.TEXT
    assert company.fields[words.text].type is NativeType.LONG_TEXT
    assert company.fields[words.money].type in (NativeType.MONEY, NativeType.DECIMAL)
    assert company.fields[words.whole].type in (NativeType.INTEGER, NativeType.DECIMAL)
    assert contact.fields[words.email].type is NativeType.EMAIL
    assert contact.fields[words.date].type is NativeType.DATE
    assert contact.fields[words.flag].type is NativeType.BOOLEAN
    assert deal.fields[words.close].type in (NativeType.DATE, NativeType.INSTANT)
    assert deal.fields[words.amount].type in (NativeType.MONEY, NativeType.DECIMAL)


def test_describe_lists_choices(rig: Rig) -> None:
    words = rig.words
    several = rig.field(words.contact, words.options)
    assert several.type is NativeType.CHOICES
    assert {"pricing", "support"} <= {choice.value.lower() for choice in several.choices}
    one = rig.field(words.deal, words.stage)
    assert one.type is NativeType.CHOICE
    assert {rig.words.deal.least[words.stage]} <= {choice.value for choice in one.choices}
    assert all(choice.label for choice in (*several.choices, *one.choices))


def test_describe_shows_associations_as_fields(rig: Rig) -> None:
    words = rig.words
    employer = rig.field(words.contact, words.employer)
    assert employer.type is NativeType.LOOKUP
    assert words.company.object in employer.targets
    company = rig.field(words.deal, words.deal_company)
    assert company.type is NativeType.LOOKUP
    assert words.company.object in company.targets
    contacts = rig.field(words.deal, words.deal_contacts)
    assert contacts.type in (NativeType.LOOKUP, NativeType.LOOKUPS)
    assert words.contact.object in contacts.targets
    assert contacts.updateable


def test_required_means_required(rig: Rig) -> None:
    for thing in rig.words.things:
        info = rig.connector.describe(thing.object)
        row = thing.row("least")
        required = [name for name, field in info.fields.items() if field.required]
        assert set(required) <= set(row), "the least row is enough"
        assert all(info.fields[name].createable for name in required)
        rig.create(thing, row)
        other = next(
            field.name
            for field in info.fields.values()
            if field.createable
            and field.name not in row
            and field.type in (NativeType.PHONE, NativeType.LONG_TEXT)
        )
        for name in required:
            rest = {key: value for key, value in row.items() if key != name}
            [result] = rig.push(thing, Write("k", "create", {**rest, other: "x"}))
            assert isinstance(result.error, Invalid)
            assert name in result.error.fields
        assert len(rig.truth(thing)) == 1


def test_describe_marks_what_cannot_be_written(rig: Rig) -> None:
    for thing in rig.words.things:
        fields = rig.connector.describe(thing.object).fields
        assert any(not field.updateable for field in fields.values())
        assert fields[thing.title].createable
        assert fields[thing.title].updateable


def test_an_unknown_object_is_a_configuration_error(rig: Rig) -> None:
    with pytest.raises(Stop) as caught:
        rig.connector.describe("NoSuchThings")
    assert caught.value.cause == "configuration"
    assert "NoSuchThings" in str(caught.value)
    with pytest.raises(Stop) as caught:
        list(rig.connector.pull("NoSuchThings", ["Name"], None))
    assert caught.value.cause == "configuration"


def test_users_come_with_the_inactive_ones(rig: Rig) -> None:
    rows = [
        rig.words.user("Somchai ใจดี", "somchai@example.com", True),
        rig.words.user("Parisa رضایی", "parisa@example.com", False),
    ]
    active, inactive = rig.sandbox.load(rig.words.users, rows)
    users = {user.id: user for user in rig.connector.users()}
    assert users[active].name == "Somchai ใจดี"
    assert users[active].email == "somchai@example.com"
    assert users[active].active
    assert users[inactive].name == "Parisa رضایی"
    assert not users[inactive].active


def test_users_come_from_every_page(rig: Rig) -> None:
    rows = [rig.words.user(f"User {n}", f"u{n}@example.com", n % 7 != 0) for n in range(250)]
    made = rig.sandbox.load(rig.words.users, rows)
    assert set(made) <= {user.id for user in rig.connector.users()}


def test_our_own_user_is_known(rig: Rig) -> None:
    me = rig.connector.check().user_id
    id = rig.create(rig.words.company, rig.words.company.row("ours"))
    assert rig.one(rig.words.company, id).modified_by in ("", me)
    rig.clock.advance(5)
    rig.edit(rig.words.company, id, {rig.words.company.title: "theirs"})
    assert rig.one(rig.words.company, id).modified_by != me or me == ""


def test_deal_pipelines_have_stages_with_probability_and_status(rig: Rig) -> None:
    pipelines = rig.connector.pipelines(rig.words.deal.object)
    assert pipelines
    for pipeline in pipelines:
        assert pipeline.label
        assert [s.order for s in pipeline.stages] == sorted(s.order for s in pipeline.stages)
        for stage in pipeline.stages:
            assert stage.label
            assert isinstance(stage.probability, Decimal)
            assert 0 <= stage.probability <= 1
            assert stage.status in ("open", "won", "lost")
            if stage.status == "won":
                assert stage.probability == 1
            if stage.status == "lost":
                assert stage.probability == 0
        assert {"open", "won", "lost"} <= {stage.status for stage in pipeline.stages}
    known = {stage.id for pipeline in pipelines for stage in pipeline.stages}
    choices = rig.field(rig.words.deal, rig.words.stage).choices
    assert known == {choice.value for choice in choices if choice.active}


def test_ticket_pipelines_are_open_or_closed(rig: Rig) -> None:
    for pipeline in rig.connector.pipelines(rig.words.ticket.object):
        assert {stage.status for stage in pipeline.stages} == {"open", "closed"}


def test_other_objects_have_no_pipelines(rig: Rig) -> None:
    assert rig.connector.pipelines(rig.words.company.object) == []
    assert rig.connector.pipelines(rig.words.contact.object) == []


def test_provision_is_idempotent(rig: Rig) -> None:
    name = rig.words.external
    for thing in rig.words.things:
        assert name not in rig.connector.describe(thing.object).fields
        first = rig.connector.provision(thing.object, name)
        again = rig.connector.provision(thing.object, name)
        assert (first.object, first.field, first.created) == (thing.object, name, True)
        assert (again.object, again.field, again.created) == (thing.object, name, False)
        field = rig.field(thing, name)
        assert field.type is NativeType.TEXT
        assert field.unique
        assert field.createable
        assert field.updateable
        assert not field.required
    assert rig.connect().provision(rig.words.deal.object, name).created is False


def test_provision_says_what_an_administrator_must_do(rig: Rig) -> None:
    """A field of that name that two records may hold alike is no use as a key."""
    thing = rig.words.contact
    found = rig.connector.provision(thing.object, thing.title)
    assert not found.created
    assert thing.title in found.advice
