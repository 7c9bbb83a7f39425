"""Match keys: equal for spellings of one thing, none for what says nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.schema import OBJECTS, Fields
from sync.engine.matching.candidates import EXTERNAL
from sync.engine.matching.keys import Reading, keys_of, known_parts, surname_of
from sync.match_rules import DEFAULT_MATCH
from tests.sync.engine.people import CONTACT


def key(name: str, fields: Fields, region: str = "TH", object: str = "contact") -> list[str]:
    found = keys_of(OBJECTS[object], fields, {"rule": name.split("+")}, Reading(region))
    return found.get("rule", [])


@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("email", {"email": "Ann@Example.COM"}, {"email": "ann@example.com"}),
        ("any_phone", {"phone": "081 234 5678"}, {"mobile": "+66-81-234-5678"}),
        ("full_name", {"first_name": "Ann", "last_name": "Lee"},
         {"first_name": "LEE", "last_name": "ann"}),
        ("last_name", {"last_name": "Müller"}, {"last_name": "MÜLLER "}),
        ("email_domain", {"email": "a@acme.example"}, {"email": "b@ACME.example"}),
    ],
)  # fmt: skip
def test_spellings_of_one_thing_share_a_key(name: str, one: Fields, two: Fields) -> None:
    assert key(name, one)
    assert key(name, one) == key(name, two)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("email", {"email": "info@acme.example"}),
        ("email", {"email": None}),
        ("email_domain", {"email": "ann@gmail.com"}),
        ("any_phone", {"phone": None, "mobile": None}),
        ("full_name", {"first_name": None, "last_name": "Lee"}),
        ("email+last_name", {"email": "ann@acme.example", "last_name": None}),
        ("interests", {"interests": []}),
    ],
)
def test_what_says_nothing_has_no_key(name: str, fields: Fields) -> None:
    assert key(name, fields) == []


def test_shared_mailboxes_have_a_key_of_their_own() -> None:
    assert key("role_email", {"email": "info@acme.example"})
    assert key("role_email", {"email": "ann@acme.example"}) == []


def test_phones_are_read_in_the_region_of_their_record() -> None:
    assert key("any_phone", {"phone": "030 1234567", "country": "DE"}) == key(
        "any_phone", {"phone": "+49 30 1234567"}
    )


def test_several_values_give_several_keys() -> None:
    fields: Fields = {"phone": "02 123 4567", "mobile": "081 234 5678", "last_name": "Lee"}
    assert len(key("any_phone+last_name", fields)) == 2


def test_a_very_long_key_is_short_and_still_tells_apart() -> None:
    one, two = (key("job_title", {"job_title": "x" * 5000 + end}) for end in "ab")
    assert one != two
    assert len(one[0]) <= 200


def test_parts_do_not_run_into_each_other() -> None:
    assert key("job_title+street", {"job_title": "a b", "street": "c"}) != key(
        "job_title+street", {"job_title": "a", "street": "b c"}
    )


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("full_name", {"first_name": "Unknown", "last_name": "Unknown"}),
        ("full_name", {"first_name": "Test", "last_name": "User"}),
        ("full_name", {"first_name": "n/a", "last_name": "Lee"}),
        ("first_initial", {"first_name": "-"}),
        ("email_name", {"email": "ann@acme.example"}),
        ("email_name", {"email": "marketing@acme.example"}),
    ],
)
def test_what_tells_nobody_apart_has_no_key(name: str, fields: Fields) -> None:
    assert key(name, fields) == []


def test_one_mailbox_has_one_key_unless_settings_say_otherwise() -> None:
    fields: Fields = {"email": "A.nn+crm@GoogleMail.com"}
    parts = {"rule": ("email",)}
    assert keys_of(CONTACT, fields, parts, Reading()) == {"rule": ["ann@gmail.com"]}
    strict = Reading(aliases=False)
    assert keys_of(CONTACT, fields, parts, strict) == {"rule": ["a.nn+crm@googlemail.com"]}


def test_installations_know_more_free_mail_and_shared_mailboxes() -> None:
    own = Reading(free_mail={"isp.example"}, mailboxes={"reception"})
    parts = {"mail": ("email",), "role": ("role_email",), "domain": ("email_domain",)}
    assert keys_of(CONTACT, {"email": "ann@mail.isp.example"}, parts, own).keys() == {"mail"}
    assert keys_of(CONTACT, {"email": "ann@mail.isp.example"}, parts, Reading()).keys() == {
        "mail", "domain",
    }  # fmt: skip
    fields: Fields = {"email": "Reception@acme.example"}
    assert keys_of(CONTACT, fields, parts, own).keys() == {"role", "domain"}


def test_parts_of_names_and_addresses() -> None:
    fields: Fields = {"first_name": "Ann", "last_name": "น้ำใจ", "email": "ann.lee@gmail.com"}
    assert key("first_initial", fields) == ["a"]
    assert key("last_initial", fields) == ["น"]
    assert key("email_name", fields) == ["annlee"]
    assert key("name_start", {"name": "The Acme Co., Ltd."}, object="company") == ["theac"]
    assert key("name_start", {"name": "AB"}, object="company") == []


def test_the_external_id_is_a_key() -> None:
    assert keys_of(CONTACT, {}, {}, Reading(), "con_1") == {EXTERNAL: ["con_1"]}


@pytest.mark.parametrize("object", list(DEFAULT_MATCH))
def test_shipped_rules_name_known_parts(object: str) -> None:
    for rule in DEFAULT_MATCH[object]:
        assert set(rule.keys) <= known_parts(OBJECTS[object])


#: What a canonical text can hold: no NUL, no half of a surrogate pair.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(
    st.fixed_dictionaries(
        {name: st.none() | TEXT for name in ("first_name", "last_name", "email",
                                                            "phone", "mobile", "job_title")}
    )
)  # fmt: skip
def test_no_text_breaks_it(fields: Fields) -> None:
    parts = {name: (name,) for name in known_parts(CONTACT)}
    found = keys_of(CONTACT, fields, parts, Reading("TH"))
    assert all(key for keys in found.values() for key in keys)
    assert isinstance(surname_of(fields), str)
