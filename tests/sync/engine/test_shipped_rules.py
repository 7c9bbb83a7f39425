"""The shipped rules on people and deals that look alike: what they must not link."""

from __future__ import annotations

import pytest

from mapping.schema import OBJECTS, Fields
from sync.engine.decide.placing import rules_of
from sync.engine.matching.candidates import Candidate
from sync.engine.matching.keys import Reading, keys_of, surname_of
from sync.engine.matching.match import match
from sync.match_rules import DEFAULT_MATCH
from sync.model import Place

ANN: Fields = {"first_name": "Ann", "last_name": "Rock"}


def rule(object: str, *bodies: Fields) -> list[str]:
    """The rules by which records of different accounts were linked."""
    rules = DEFAULT_MATCH[object]
    parts = {one.name: one.keys for one in rules}
    schema, reading = OBJECTS[object], Reading("TH")
    crowd = [
        Candidate(Place(f"c{n}", "1"), None, keys_of(schema, body, parts, reading), body,
                  surname_of(body))
        for n, body in enumerate(bodies)
    ]  # fmt: skip
    outcome = match(crowd, {}, rules_of(rules, schema), object=object, key_limit=20)
    return [link.rule for link in outcome.links if link.rule != "founder"]


@pytest.mark.parametrize(
    ("one", "two", "by"),
    [
        ({"email": "a.nn+x@gmail.com"}, {"email": "ann@googlemail.com"}, "email"),
        ({**ANN, "phone": "02 123 4567"}, {"first_name": "Anna", "last_name": "ROCK",
         "mobile": "+66 2 123 4567"}, "any_phone+last_name"),
        ({**ANN, "email": "info@rock.example"}, {"first_name": "A.", "last_name": "Rock",
         "email": "INFO@rock.example"}, "role_email+last_name+first_initial"),
        ({**ANN, "birth_date": "1980-02-29", "postal_code": "10110"},
         {"first_name": "Anne", "last_name": "Roch", "birth_date": "1980-02-29",
          "postal_code": "10110"}, "birth_date+postal_code"),
        ({**ANN, "street": "99/1 Rama IV Road", "postal_code": "10110"},
         {"first_name": "Rock", "last_name": "Ann", "street": "99/1 RAMA IV Road",
          "postal_code": "10110"}, "full_name+street+postal_code"),
    ],
)  # fmt: skip
def test_one_person_is_found(one: Fields, two: Fields, by: str) -> None:
    assert rule("contact", one, two) == [by]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        # a family that works together: one switchboard, one mailbox, one last name
        ({**ANN, "phone": "02 123 4567"}, {"first_name": "Bob", "last_name": "Rock",
         "phone": "02 123 4567"}),
        ({**ANN, "email": "info@rock.example"}, {"first_name": "Bob", "last_name": "Rock",
         "email": "info@rock.example"}),
        # father and son
        ({**ANN, "street": "1 Main", "postal_code": "1", "birth_date": "1950-05-05"},
         {**ANN, "street": "1 Main", "postal_code": "1", "birth_date": "1980-05-05"}),
        # two of a day and a name, and nothing else
        ({"first_name": "Ann", "birth_date": "1980-02-29"}, {**ANN, "birth_date": "1980-02-29"}),
        ({"birth_date": "1980-02-29", "postal_code": "10110"},
         {"birth_date": "1980-02-29", "postal_code": "10110"}),
        # nobody
        ({"first_name": "Unknown", "last_name": "Unknown", "company": "com_1"},
         {"first_name": "Unknown", "last_name": "Unknown", "company": "com_1"}),
        # free mail names no company
        ({**ANN, "email": "ann@gmail.com"}, {**ANN, "email": "rock@gmail.com"}),
    ],
)  # fmt: skip
def test_two_people_stay_two(one: Fields, two: Fields) -> None:
    assert rule("contact", one, two) == []


def test_renewals_of_two_customers_are_two_deals() -> None:
    renewal: Fields = {"name": "Renewal", "amount": "1000", "close_date": "2026-06-30"}
    assert rule("deal", renewal, {**renewal, "close_date": "2026-07-01"}) == ["name+amount"]
    assert rule("deal", {**renewal, "company": "com_1"}, {**renewal, "company": "com_2"}) == []
    assert rule("deal", renewal, {**renewal, "close_date": "2027-06-30"}) == []


def test_companies_are_found_without_their_legal_form_and_apart_by_place() -> None:
    acme: Fields = {"name": "Acme Co., Ltd.", "country": "TH"}
    assert rule("company", acme, {"name": "ACME", "country": "TH"}) == ["name+country"]
    assert rule("company", acme, {"name": "ACME", "country": "DE"}) == []
    assert rule("company", {"name": "A", "domain": "facebook.com"},
                {"name": "B", "domain": "facebook.com"}) == []  # fmt: skip
