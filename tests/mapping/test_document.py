"""Mapping documents: form, rules, all flaws at once with their lines."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from mapping.document import DocumentError, catalog, load_document, parse_document

GOOD = """\
vendor: acmecrm
object: deal
native: Deal
external_id: Concord
fields:
  name: Title
  stage:
    native: Stage
    choices: {won: [Sold, 1], lost: no}
    unmapped: ignore
  probability: {native: Chance, scale: 100}
constants:
  Pipeline: 007
  Visible: true
  Weight: 1.50
"""


def test_a_document_is_read_with_its_short_and_its_long_forms() -> None:
    document = parse_document(GOOD, "good.yaml")
    assert document.fields["name"].native == "Title"
    assert document.fields["stage"].choices == {"won": ("Sold", "1"), "lost": ("no",)}
    assert document.fields["probability"].scale == Decimal(100)
    assert document.constants == {"Pipeline": "007", "Visible": True, "Weight": Decimal("1.50")}
    assert document.path == "good.yaml"


def _flaws(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, "f.yaml")
    assert str(caught.value).splitlines() == [str(flaw) for flaw in caught.value.flaws]
    return str(caught.value).splitlines()


def test_every_flaw_is_told_at_once_with_its_line() -> None:
    told = _flaws(
        """\
vendor: x
object: deal
native: Deals
extra: 1
fields:
  amunt: Amount
  stage: {native: Stage, choices: {wonn: Won}, foo: 1}
  name: {native: [a]}
  close_date: {native: CloseDate, scale: 12}
  close_date: {native: CloseDate, scale: 12}
  status: X
  description:
    choices: {}
constants: {a: [1]}
"""
    )
    expected = [
        ("f.yaml:4:", "extra"), ("f.yaml:6:", "did you mean 'amount'"), ("f.yaml:7:", "foo"),
        ("f.yaml:8:", "name"), ("f.yaml:10:", "appears twice"), ("f.yaml:10:", "scale"),
        ("f.yaml:11:", "computes"), ("f.yaml:12:", "description.native: this key is missing"),
        ("f.yaml:14:", "constants.a"),
    ]  # fmt: skip
    assert len(told) == len(expected), told
    for line, (place, words) in zip(told, expected, strict=True):
        assert line.startswith(place), line
        assert words in line


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("name: {native: N, choices: {a: b}}", "only a choice has choices"),
        ("stage: {native: S, choices: {wonn: Won}}", "no choice 'wonn'"),
        ("stage: {native: S, unmapped: keep}", "fixed choices"),
        ("stage: {native: S, unmapped: sold}", "neither report, ignore"),
        ("name: {native: N, unmapped: ignore}", "only a choice has options"),
        ("name: {native: N, scale: 100}", "only a number has a scale"),
        ("amount: {native: A, scale: 12}", "power of ten"),
        ("amount: {native: A, native_type: instant}", "only a date"),
        ("name: {native: N, native_type: integer}", "only a decimal"),
        ("company: {native: C, holds: one}", "only references"),
        ("name: {native: N, direction: in, on_create: x}", "never written"),
        ("company: {native: C, on_create: x}", "no default"),
        ('name: {native: N, on_create: "{nme}"}', "no field 'nme'"),
        ("name: {native: N, direction: sideways}", "'both', 'in' or 'out'"),
        ("name: {native: K}", "K is a constant too"),
        ("name: {native: A}\n  description: A", "written by 'name' already"),
        ("name: ''", "must not be empty"),
    ],
)
def test_a_field_must_fit_the_schema(field: str, words: str) -> None:
    told = _flaws(f"vendor: x\nobject: deal\nnative: D\nfields:\n  {field}\nconstants: {{K: 1}}\n")
    assert len(told) == 1, told
    assert words in told[0]
    assert told[0].startswith(("f.yaml:5:", "f.yaml:6:"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "block of keys"),
        ("- a\n- b\n", "block of keys"),
        ("a: [1\nb: 2", "YAML"),
        ("vendor: x\nobject: lead\nnative: L\nfields: {name: N}\n", "f.yaml:2: object: no such"),
        ("vendor: x\nobject: deal\nnative: L\nfields: {}\n", "f.yaml:4: fields"),
        ("vendor: x\nobject: deal\nnative: L\n", "fields: this key is missing"),
        ("object: deal\nnative: L\nfields: {name: N}\n", "vendor: this key is missing"),
    ],
)
def test_a_document_must_have_its_form(text: str, words: str) -> None:
    assert any(words in line for line in _flaws(text))


def test_two_fields_may_read_one_native_field() -> None:
    text = "vendor: x\nobject: deal\nnative: D\nfields:\n  name: N\n"
    parse_document(text + "  description: {native: N, direction: in}\n")


def test_an_own_document_replaces_the_shipped_one(tmp_path: Path) -> None:
    folder = tmp_path / "zoho"
    folder.mkdir()
    (folder / "deal.yaml").write_text(GOOD.replace("acmecrm", "zoho"), encoding="utf-8")
    assert catalog("zoho", "deal", tmp_path).native == "Deal"
    assert catalog("zoho", "contact", tmp_path).native == "Contacts"
    assert catalog("zoho", "deal").native == "Deals"
    assert load_document(folder / "deal.yaml").vendor == "zoho"


def test_an_own_document_in_the_wrong_place_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "zoho"
    folder.mkdir()
    (folder / "contact.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(DocumentError, match="acmecrm/deal; it lies in zoho/contact"):
        catalog("zoho", "contact", tmp_path)


def test_there_is_no_document_for_an_unknown_vendor() -> None:
    with pytest.raises(LookupError, match="no mapping is shipped for deal in acmecrm"):
        catalog("acmecrm", "deal")
