"""Documents held against what an account describes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.base import Choice, FieldInfo, NativeType, ObjectInfo
from mapping.check import Finding, Severity, check, round_trip
from mapping.document import Document, catalog, parse_document
from mapping.schema import OBJECTS, Kind
from mapping.values import Context

_TYPES = {
    Kind.TEXT: NativeType.TEXT, Kind.EMAIL: NativeType.EMAIL, Kind.PHONE: NativeType.PHONE,
    Kind.URL: NativeType.URL, Kind.DOMAIN: NativeType.URL, Kind.MONEY: NativeType.MONEY,
    Kind.DECIMAL: NativeType.DECIMAL, Kind.INTEGER: NativeType.INTEGER,
    Kind.BOOLEAN: NativeType.BOOLEAN, Kind.DATE: NativeType.DATE,
    Kind.INSTANT: NativeType.INSTANT, Kind.CHOICE: NativeType.CHOICE,
    Kind.CHOICES: NativeType.CHOICES, Kind.COUNTRY: NativeType.TEXT,
    Kind.CURRENCY: NativeType.CHOICE, Kind.REFERENCE: NativeType.LOOKUP,
    Kind.REFERENCES: NativeType.LOOKUPS,
}  # fmt: skip


def _fitting(document: Document) -> ObjectInfo:
    """An account in which everything fits the document."""
    found: dict[str, FieldInfo] = {}
    for name, field in document.fields.items():
        kind = OBJECTS[document.object].fields[name].kind
        type = _TYPES[kind]
        if field.native_type == "instant":
            type = NativeType.INSTANT
        elif field.native_type == "integer":
            type = NativeType.INTEGER
        elif field.holds:
            type = NativeType.LOOKUP
        options = dict.fromkeys(option for names in field.choices.values() for option in names)
        found[field.native] = FieldInfo(
            field.native, field.native, type, str(type),
            createable=field.writable, updateable=field.writable, length=32000,
            choices=tuple(Choice(option, option) for option in options),
        )  # fmt: skip
    for native in document.constants:
        found[native] = FieldInfo(native, native, NativeType.TEXT)
    if document.external_id:
        name = document.external_id
        found[name] = FieldInfo(name, name, NativeType.TEXT, unique=True)
    return ObjectInfo(document.native, document.native, found)


def _with(info: ObjectInfo, native: str, **changes: object) -> ObjectInfo:
    fields = dict(info.fields)
    fields[native] = replace(fields[native], **changes)
    return replace(info, fields=fields)


def _without(info: ObjectInfo, native: str) -> ObjectInfo:
    return replace(
        info, fields={name: field for name, field in info.fields.items() if name != native}
    )


def _one(document: Document, info: ObjectInfo) -> Finding:
    findings = check(document, info)
    assert len(findings) == 1, findings
    assert findings[0].advice.endswith(".")
    return findings[0]


@pytest.mark.parametrize("object", ["company", "contact", "deal", "ticket"])
@pytest.mark.parametrize("vendor", ["salesforce", "hubspot", "zoho"])
def test_nothing_is_found_where_everything_fits(vendor: str, object: str) -> None:
    document = catalog(vendor, object)
    assert check(document, _fitting(document)) == []


CONTACT = catalog("salesforce", "contact")
DEAL = catalog("zoho", "deal")
FITS = _fitting(CONTACT)
DEAL_FITS = _fitting(DEAL)


def test_a_missing_field_is_an_error() -> None:
    found = _one(CONTACT, _without(FITS, "Birthdate"))
    assert (found.severity, found.field, found.native) == (
        Severity.ERROR,
        "birth_date",
        "Birthdate",
    )


def test_a_read_only_field_mapped_both_ways_is_an_error() -> None:
    found = _one(CONTACT, _with(FITS, "Title", createable=False, updateable=False))
    assert (found.severity, found.field) == (Severity.ERROR, "job_title")
    assert "direction: in" in found.advice


def test_a_field_that_is_filled_on_creation_only_is_a_warning() -> None:
    assert _one(CONTACT, _with(FITS, "Title", updateable=False)).severity is Severity.WARNING


@pytest.mark.parametrize(
    ("document", "native", "type", "severity", "advice"),
    [
        (CONTACT, "Birthdate", NativeType.INSTANT, Severity.ERROR, "native_type: instant"),
        (CONTACT, "HasOptedOutOfEmail", NativeType.DATE, Severity.ERROR, "change the field's type"),
        (CONTACT, "Email", NativeType.CHOICE, Severity.WARNING, "change the field's type"),
        (CONTACT, "CreatedDate", NativeType.LOOKUP, Severity.WARNING, "change the field's type"),
        (DEAL, "Amount", NativeType.INTEGER, Severity.ERROR, "native_type: integer"),
        (catalog("salesforce", "deal"), "OpportunityContactRoles", NativeType.LOOKUP,
         Severity.ERROR, "holds: one"),
        (catalog("hubspot", "deal"), "closedate", NativeType.DATE, Severity.ERROR, "plain date"),
    ],
)  # fmt: skip
def test_a_type_that_does_not_fit_is_told_with_the_remedy(
    document: Document, native: str, type: NativeType, severity: Severity, advice: str
) -> None:
    found = _one(document, _with(_fitting(document), native, type=type))
    assert found.severity is severity
    assert advice in found.advice


def test_what_is_only_read_may_be_of_a_near_type() -> None:
    assert check(CONTACT, _with(FITS, "CreatedDate", type=NativeType.DATE)) == []
    assert check(CONTACT, _with(FITS, "Email", type=NativeType.OTHER)) == []


def test_an_option_the_account_lacks_is_an_error_unless_options_are_open() -> None:
    fewer = tuple(c for c in DEAL_FITS.fields["Stage"].choices if c.value != "Closed Won")
    found = _one(DEAL, _with(DEAL_FITS, "Stage", choices=fewer))
    assert (found.severity, found.field) == (Severity.ERROR, "stage")
    assert "'Closed Won'" in found.message
    assert check(DEAL, _with(DEAL_FITS, "Stage", choices=fewer, open_choices=True)) == []
    inactive = tuple(
        replace(c, active=c.value != "Closed Won") for c in DEAL_FITS.fields["Stage"].choices
    )
    assert _one(DEAL, _with(DEAL_FITS, "Stage", choices=inactive)).severity is Severity.ERROR


def test_an_option_that_is_only_read_may_be_missing() -> None:
    fewer = tuple(
        c for c in DEAL_FITS.fields["Stage"].choices if c.value != "Closed Lost to Competition"
    )
    assert check(DEAL, _with(DEAL_FITS, "Stage", choices=fewer)) == []


def test_an_option_the_mapping_does_not_know_is_a_note() -> None:
    more = (*DEAL_FITS.fields["Stage"].choices, Choice("Dreaming", "Dreaming"))
    found = _one(DEAL, _with(DEAL_FITS, "Stage", choices=more))
    assert (found.severity, "'Dreaming'" in found.message) == (Severity.NOTE, True)


def test_a_choice_the_mapping_lacks_is_a_warning() -> None:
    document = parse_document(
        "vendor: a\nobject: deal\nnative: D\nfields:\n"
        "  deal_type: {native: T, choices: {new_business: New}}\n"
    )
    assert "'existing_business'" in _one(document, _fitting(document)).message


def test_a_required_field_nobody_fills_is_an_error() -> None:
    fields = dict(FITS.fields)
    fields["Tax__c"] = FieldInfo("Tax__c", "Tax", NativeType.TEXT, required=True)
    found = _one(CONTACT, replace(FITS, fields=fields))
    assert (found.severity, found.native) == (Severity.ERROR, "Tax__c")
    fields["Tax__c"] = replace(fields["Tax__c"], type=NativeType.BOOLEAN)
    assert check(CONTACT, replace(FITS, fields=fields)) == []


def test_a_required_field_that_may_stay_empty_is_a_warning() -> None:
    found = check(CONTACT, _with(FITS, "FirstName", required=True))
    assert {finding.severity for finding in found} == {Severity.WARNING}
    assert ["clear" in finding.message for finding in found] == [True, False]
    assert check(CONTACT, _with(FITS, "LastName", required=True)) == []


def test_a_short_field_is_a_warning() -> None:
    assert "12 characters" in _one(CONTACT, _with(FITS, "Email", length=12)).message


def test_money_without_decimal_places_is_a_warning() -> None:
    found = _one(DEAL, _with(DEAL_FITS, "Amount", digits=0))
    assert (found.severity, found.field) == (Severity.WARNING, "amount")


def test_constants_are_held_against_the_account_too() -> None:
    assert _one(DEAL, _without(DEAL_FITS, "Pipeline")).severity is Severity.ERROR
    other = _with(DEAL_FITS, "Pipeline", choices=(Choice("Partner", "Partner"),))
    assert "'Standard (Standard)'" in _one(DEAL, other).message


def test_the_hubs_own_id_is_looked_for() -> None:
    assert "missing" in _one(CONTACT, _without(FITS, "Concord_Id__c")).message
    assert "unique" in _one(CONTACT, _with(FITS, "Concord_Id__c", unique=False)).message


def test_an_object_that_cannot_be_written_is_told() -> None:
    assert "changed" in _one(CONTACT, replace(FITS, updateable=False)).message
    assert "created" in _one(CONTACT, replace(FITS, createable=False)).message


def test_errors_come_first() -> None:
    info = _with(_without(FITS, "Birthdate"), "Email", length=12)
    more = (*FITS.fields["Interests__c"].choices, Choice("Golf", "Golf"))
    findings = check(CONTACT, _with(info, "Interests__c", choices=more))
    assert [found.severity for found in findings] == list(Severity)


def test_a_round_trip_shows_what_a_mapping_loses() -> None:
    document = parse_document(
        "vendor: a\nobject: deal\nnative: D\nfields:\n"
        "  probability: {native: P, native_type: integer}\n"
        "  stage: {native: S, choices: {won: Done, lost: Done}}\n"
    )
    findings = round_trip(document, Context())
    assert [(found.severity, found.field) for found in findings] == [
        (Severity.ERROR, "probability"), (Severity.WARNING, "stage"),
    ]  # fmt: skip
