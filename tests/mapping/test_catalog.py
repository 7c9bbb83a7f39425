"""The shipped documents: complete, and lossless but for what vendors lack."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors import VENDORS
from mapping.check import Severity, round_trip
from mapping.document import catalog
from mapping.schema import DEAL_STAGES, OBJECTS, STATUSES, Kind
from mapping.stages import load_stages
from mapping.translate import compile
from mapping.values import Context

CONTEXT = Context("TH", "THB", "Asia/Bangkok")
EVERY = [(vendor, object) for vendor in VENDORS for object in OBJECTS]
WRITTEN = [(vendor, object) for vendor, object in EVERY if object != "user"]


@pytest.mark.parametrize(("vendor", "object"), EVERY)
def test_every_field_of_the_schema_is_mapped(vendor: str, object: str) -> None:
    document = catalog(vendor, object)
    assert (document.vendor, document.object) == (vendor, object)
    schema = OBJECTS[object]
    assert set(document.fields) == {
        name for name, field in schema.fields.items() if not field.computed
    }
    for name, field in document.fields.items():
        if field.choices:
            assert set(field.choices) == set(schema.fields[name].choices), name


@pytest.mark.parametrize(("vendor", "object"), EVERY)
def test_values_come_back_as_they_were_written(vendor: str, object: str) -> None:
    findings = round_trip(catalog(vendor, object), CONTEXT)
    assert [finding for finding in findings if finding.severity is Severity.ERROR] == []
    lossy = {(finding.field, finding.message) for finding in findings}
    expected = {("priority", "'urgent' comes back as 'high'")}
    assert lossy == (expected if object == "ticket" and vendor in ("salesforce", "zoho") else set())


@pytest.mark.parametrize("vendor", VENDORS)
def test_stamps_of_the_vendor_are_only_read(vendor: str) -> None:
    for object in OBJECTS:
        document = catalog(vendor, object)
        for name in ("created_at", "closed_at"):
            if name in document.fields:
                assert not document.fields[name].writable
    probability = catalog(vendor, "deal").fields["probability"]
    assert probability.writable == (vendor != "hubspot")


@pytest.mark.parametrize(("vendor", "object"), EVERY)
def test_people_are_only_read_and_records_carry_the_hubs_id(vendor: str, object: str) -> None:
    translator = compile(catalog(vendor, object), CONTEXT)
    if object == "user":
        assert not translator.writable
        assert translator.external_id == ""
        assert translator.native_fields == ("name", "email", "active")
    else:
        assert translator.external_id.lower().removesuffix("__c") == "concord_id"


@pytest.mark.parametrize(("vendor", "object"), WRITTEN)
def test_a_create_with_nothing_but_a_company_is_complete(vendor: str, object: str) -> None:
    translator = compile(catalog(vendor, object), CONTEXT)
    values, problems = translator.to_native({}, creating=True)
    assert problems == []
    for field in catalog(vendor, object).fields.values():
        if not field.clear and field.on_create:
            assert values[field.native] not in (None, "")
    assert set(catalog(vendor, object).constants) <= set(values)


@pytest.mark.parametrize("vendor", VENDORS)
def test_choices_are_not_cleared_by_a_second_meaning(vendor: str) -> None:
    for object in OBJECTS:
        for name, field in catalog(vendor, object).fields.items():
            if OBJECTS[object].fields[name].kind in (Kind.CHOICE, Kind.CHOICES) and field.choices:
                named = [option for options in field.choices.values() for option in options]
                doubled = {option for option in named if named.count(option) > 1}
                assert doubled <= {"High"}, (vendor, object, name)


def test_stages_are_those_of_the_schema_in_order() -> None:
    stages = load_stages()
    assert tuple(stages) == DEAL_STAGES
    assert [stage.order for stage in stages.values()] == list(range(len(DEAL_STAGES)))
    for stage in stages.values():
        assert 0 <= stage.probability <= 1
        assert stage.status in STATUSES
        assert stage.label
    assert stages["won"].probability == 1
    assert stages["lost"].probability == 0
    assert isinstance(stages["proposal"].probability, Decimal)
