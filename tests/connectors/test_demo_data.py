"""The demo data: deterministic, complete, consistent, and fair to a matcher."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from connectors.sandbox.demo import Dataset, generate, pairs, read_truth
from connectors.sandbox.demo.ids import PREFIXES, checksum
from connectors.sandbox.demo.names import plain
from connectors.sandbox.demo.places import COUNTRIES
from connectors.sandbox.demo.words import NATIVE

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VENDORS = ("salesforce", "hubspot", "zoho")
OBJECTS = ("user", "company", "contact", "deal", "ticket")

Row = dict[str, Any]
Records = dict[tuple[str, str], Row]
Keys = dict[tuple[str, str], set[tuple[object, ...]]]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return generate(7, now=NOW)


def rows(dataset: Dataset, vendor: str, object: str) -> list[Row]:
    return dataset.rows[vendor][NATIVE[vendor][object]]


def first(row: Row, *names: str) -> Any:
    """The value under whichever of the vendors' names the row has."""
    return next((row[name] for name in names if name in row), None)


EMAIL = ("Email", "email")
COMPANY = ("AccountId", "associations.companies", "Account_Name")
CONTACTS = (
    "OpportunityContactRoles", "associations.contacts", "Contact_Name", "ContactId", "Related_To",
)  # fmt: skip
OWNER = ("OwnerId", "hubspot_owner_id", "Owner")
PHONES = ("Phone", "phone", "MobilePhone", "mobilephone", "Mobile")
COUNTRY = (
    "MailingCountry", "Mailing_Country", "BillingCountry", "Billing_Country", "country",
)  # fmt: skip


def many(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


# --- size, order, determinism ------------------------------------------------------------


@pytest.mark.parametrize(("contacts", "seed"), [(400, 7), (400, 8), (40, 1), (3, 1)])
def test_every_account_gets_at_least_what_was_asked(contacts: int, seed: int) -> None:
    data = generate(seed, contacts, now=NOW)
    for vendor in VENDORS:
        assert list(data.rows[vendor]) == [NATIVE[vendor][name] for name in OBJECTS]
        assert len(rows(data, vendor, "contact")) >= contacts
        assert len(rows(data, vendor, "company")) >= contacts / 4
        assert len(rows(data, vendor, "deal")) >= contacts * 3 / 8
        assert len(rows(data, vendor, "ticket")) >= contacts * 3 / 8
        assert rows(data, vendor, "user")


def test_no_contacts_means_empty_accounts() -> None:
    data = generate(1, 0, now=NOW)
    assert not any(found for account in data.rows.values() for found in account.values())


def test_same_arguments_same_data() -> None:
    first_made, again = generate(3, 60, now=NOW), generate(3, 60, now=NOW)
    assert (first_made.rows, first_made.truth) == (again.rows, again.truth)
    assert generate(4, 60, now=NOW).rows != first_made.rows


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="negative"):
        generate(1, -1, now=NOW)
    with pytest.raises(ValueError, match="aware"):
        generate(1, 1, now=datetime(2026, 1, 1))  # noqa: DTZ001 (no zone is the fault)


# --- ids, lookups, stamps ----------------------------------------------------------------


def test_ids_have_the_vendors_shape_and_occur_once(dataset: Dataset) -> None:
    for vendor in VENDORS:
        for object in OBJECTS:
            ids = [row["id"] for row in rows(dataset, vendor, object)]
            assert len(set(ids)) == len(ids)
            for id in ids:
                if vendor == "salesforce":
                    assert len(id) == 18
                    assert id.startswith(PREFIXES[object])
                    assert checksum(id[:15]) == id[15:]
                elif vendor == "hubspot":
                    assert re.fullmatch(r"[1-9][0-9]+", id)
                else:
                    assert re.fullmatch(r"[1-9][0-9]{18}", id)
    zoho = [row["id"] for found in dataset.rows["zoho"].values() for row in found]
    assert len(set(zoho)) == len(zoho)


def test_checksum_of_a_documented_id() -> None:
    # The pair of ids in a recorded reply of a real org.
    assert checksum("0034S000005YJYw") == "QAO"


def test_every_lookup_resolves_within_its_account(dataset: Dataset) -> None:
    for vendor in VENDORS:
        ids = {object: {row["id"] for row in rows(dataset, vendor, object)} for object in OBJECTS}
        for object in ("company", "contact", "deal", "ticket"):
            for row in rows(dataset, vendor, object):
                owner = first(row, *OWNER)
                assert owner in ids["user"] or (owner is None and vendor == "hubspot")
                assert row["modified_by"] in ids["user"]
                if object != "company":
                    assert set(many(first(row, *COMPANY))) <= ids["company"]
                if object in ("deal", "ticket"):
                    assert set(many(first(row, *CONTACTS))) <= ids["contact"]


def test_stamps_are_ordered_and_past(dataset: Dataset) -> None:
    for vendor in VENDORS:
        for object in ("company", "contact", "deal", "ticket"):
            for row in rows(dataset, vendor, object):
                created = datetime.fromisoformat(row["created_at"])
                modified = datetime.fromisoformat(row["modified_at"])
                assert NOW - timedelta(days=3 * 366) < created <= modified < NOW
                assert modified > NOW - timedelta(days=366)
                past = [datetime.fromisoformat(entry["at"]) for entry in row.get("history", [])]
                assert past == sorted(past)
                assert all(created <= at <= modified for at in past)


def test_the_records_of_one_entity_were_created_days_apart(dataset: Dataset) -> None:
    by_key: dict[str, list[datetime]] = defaultdict(list)
    for vendor in VENDORS:
        for row in rows(dataset, vendor, "company"):
            key = dataset.truth["company"][vendor][row["id"]]
            by_key[key].append(datetime.fromisoformat(row["created_at"]))
    apart = [max(times) - min(times) for times in by_key.values() if len(times) > 1]
    assert all(timedelta(0) < span < timedelta(days=30) for span in apart)


# --- native rules ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_hubspot_and_zoho_keep_contact_emails_unique(seed: int) -> None:
    data = generate(seed, 400, now=NOW)
    for vendor in ("hubspot", "zoho"):
        emails = [first(row, *EMAIL) for row in rows(data, vendor, "contact")]
        counts = Counter(email.lower() for email in emails if email)
        assert max(counts.values()) == 1
    lower = [row["email"] for row in rows(data, "hubspot", "contact") if row["email"]]
    assert lower == [email.lower() for email in lower]


def test_required_fields_are_filled(dataset: Dataset) -> None:
    required = {
        ("salesforce", "company"): ("Name",),
        ("salesforce", "contact"): ("LastName",),
        ("salesforce", "deal"): ("Name", "StageName", "CloseDate", "CurrencyIsoCode"),
        ("salesforce", "ticket"): ("Subject", "Status"),
        ("hubspot", "company"): ("name",),
        ("hubspot", "contact"): ("lastname",),
        ("hubspot", "deal"): ("dealname", "dealstage", "pipeline"),
        ("hubspot", "ticket"): ("subject", "hs_pipeline", "hs_pipeline_stage"),
        ("zoho", "company"): ("Account_Name",),
        ("zoho", "contact"): ("Last_Name",),
        ("zoho", "deal"): ("Deal_Name", "Stage", "Pipeline"),
        ("zoho", "ticket"): ("Subject", "Status", "Case_Origin"),
    }
    for (vendor, object), names in required.items():
        for row in rows(dataset, vendor, object):
            assert all(row[name] for name in names)


def test_hubspot_rows_are_text_and_no_float_is_anywhere(dataset: Dataset) -> None:
    for vendor in VENDORS:
        for object in ("company", "contact", "deal", "ticket"):
            for row in rows(dataset, vendor, object):
                for name, value in row.items():
                    assert not isinstance(value, float), name
                    if vendor == "hubspot":
                        assert value is None or isinstance(value, str | list), name


def test_stages_probabilities_and_closing_agree(dataset: Dataset) -> None:
    for row in rows(dataset, "salesforce", "deal"):
        assert row["IsWon"] == (row["StageName"] == "Closed Won")
        assert row["IsClosed"] == row["StageName"].startswith("Closed")
        if row["IsClosed"]:
            assert row["Probability"] == (100 if row["IsWon"] else 0)
            assert row["CloseDate"] <= NOW.date().isoformat()
        assert row["history"][-1]["value"] == row["StageName"]
    for row in rows(dataset, "hubspot", "deal"):
        chance = Decimal(row["hs_deal_stage_probability"])
        assert (chance == 1) == (row["dealstage"] == "closedwon")
        assert (chance == 0) == (row["dealstage"] == "closedlost")
        assert row["history"][-1] | {"at": ""} == {
            "at": "", "field": "dealstage", "value": row["dealstage"],
        }  # fmt: skip


def test_tickets_have_a_closing_time_exactly_when_closed(dataset: Dataset) -> None:
    names = {
        "salesforce": ("Status", "Closed", "ClosedDate", "Rating__c"),
        "hubspot": ("hs_pipeline_stage", "4", "closed_date", "satisfaction_rating"),
        "zoho": ("Status", "Closed", "Closed_At", "Satisfaction_Rating"),
    }
    for vendor, (status, closed, at, rating) in names.items():
        found = rows(dataset, vendor, "ticket")
        for row in found:
            assert (row[status] == closed) == (row[at] is not None)
            if row[at] is not None:
                assert row["created_at"] < row[at] <= row["modified_at"]
            if row[rating] is not None:
                assert row[at] is not None
                assert 1 <= int(row[rating]) <= 5
        share = sum(row[at] is not None for row in found) / len(found)
        assert 0.6 < share < 0.99
        assert sum(row[rating] is not None for row in found) > len(found) / 4


# --- what real accounts have -------------------------------------------------------------


def test_scripts_and_spellings(dataset: Dataset) -> None:
    text = "".join(
        str(value) for account in dataset.rows.values() for found in account.values()
        for row in found for value in row.values()
    )  # fmt: skip
    scripts = {unicodedata.name(char, "?").split()[0] for char in set(text)}
    assert {"THAI", "ARABIC", "CJK", "LATIN"} <= scripts
    for char in "üßéô\u064a\u06cc\u0643\u06a9\u200c":
        assert char in text, unicodedata.name(char)
    emails = [row["Email"] for row in rows(dataset, "salesforce", "contact") if row["Email"]]
    assert any(email.isupper() for email in emails)
    sites = [row["Website"] for row in rows(dataset, "salesforce", "company") if row["Website"]]
    assert any("www." in site for site in sites)
    assert any("www." not in site for site in sites)
    countries = {first(row, *COUNTRY) for row in rows(dataset, "zoho", "contact")}
    assert {"Thailand", "TH", "Germany", "France", "United States"} <= countries


def test_currencies_and_cents(dataset: Dataset) -> None:
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for row in rows(dataset, "salesforce", "deal"):
        if row["Amount"] is not None:
            amounts[row["CurrencyIsoCode"]].append(row["Amount"])
    assert {"USD", "EUR", "THB", "GBP", "IRR"} <= set(amounts)
    for currency, found in amounts.items():
        cents = [amount for amount in found if amount % 1]
        assert bool(cents) == (currency not in ("IRR", "JPY")), currency
        assert all(amount == amount.quantize(Decimal("0.01")) for amount in found)
    assert any(row["Amount"] is None for row in rows(dataset, "zoho", "deal"))


def test_shared_mailboxes_switchboards_namesakes_and_seats(dataset: Dataset) -> None:
    role_people: dict[str, set[str]] = defaultdict(set)
    numbers: dict[str, set[str]] = defaultdict(set)
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record, row in records(dataset, "contact").items():
        key = dataset.truth["contact"][record[0]][record[1]]
        email = (first(row, *EMAIL) or "").lower()
        if email.split("@")[0] in ROLES:
            role_people[email].add(key)
        for number in phones(row):
            numbers[number].add(key)
        names[name_key(row)].add(key)
    assert any(len(people) > 1 for people in role_people.values())
    assert any(len(people) > 2 for people in numbers.values())
    assert sum(len(people) > 1 for people in names.values()) >= 4
    no_company = [row for row in rows(dataset, "zoho", "contact") if not row["Account_Name"]]
    assert 0.05 < len(no_company) / len(rows(dataset, "zoho", "contact")) < 0.35
    seats = Counter(key for users in dataset.truth["user"].values() for key in users.values())
    assert {1, 3} <= set(seats.values())


def test_stale_records_hold_older_values_and_older_stamps(dataset: Dataset) -> None:
    deals: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for (vendor, id), row in records(dataset, "deal").items():
        key = dataset.truth["deal"][vendor][id]
        deals[key].add((len(row["history"]), row["modified_at"]))
    behind = [found for found in deals.values() if len({stages for stages, _ in found}) > 1]
    assert len(behind) > 10
    for found in behind:
        (_, older), *newer = sorted(found)
        assert older < max(modified for _, modified in newer)


# --- truth -------------------------------------------------------------------------------


def test_truth_names_every_record_and_nothing_else(dataset: Dataset, tmp_path: Path) -> None:
    for object in OBJECTS:
        for vendor in VENDORS:
            ids = [row["id"] for row in rows(dataset, vendor, object)]
            assert set(dataset.truth[object][vendor]) == set(ids)
    dataset.write_truth(tmp_path / "truth.json")
    assert read_truth(tmp_path / "truth.json") == dataset.truth


def test_overlap_is_as_promised(dataset: Dataset) -> None:
    for object, shares in {
        "company": (0.35, 0.35, 0.30), "contact": (0.35, 0.35, 0.30), "deal": (0.35, 0.35, 0.30),
        "ticket": (0.05, 0.20, 0.75),
    }.items():  # fmt: skip
        where: dict[str, set[str]] = defaultdict(set)
        for vendor in VENDORS:
            for key in dataset.truth[object][vendor].values():
                where[key].add(vendor)
        counts = Counter(len(vendors) for vendors in where.values())
        for many_accounts, share in zip((3, 2, 1), shares, strict=True):
            assert counts[many_accounts] / len(where) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_a_few_contacts_are_doubled_within_an_account(seed: int) -> None:
    data = generate(seed, 400, now=NOW)
    doubled = 0
    for vendor in VENDORS:
        keys = Counter(data.truth["contact"][vendor].values())
        assert max(keys.values()) <= 2
        doubled += sum(count > 1 for count in keys.values())
    assert 3 <= doubled <= 40


# --- a matcher that follows the rules ----------------------------------------------------

ROLES = ("info", "sales", "office")
_LETTERS = str.maketrans({"ي": "ی", "ك": "ک", "\u200c": None})
_LEGAL = re.compile(
    r"\b(co|company|limited|ltd|inc|llc|corp|gmbh|ag|sarl|s a r l|sas|s a|plc|k k|kk)\b"
)


def fold(text: str | None) -> str:
    kept = unicodedata.normalize("NFKC", (text or "").translate(_LETTERS)).casefold()
    words = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in kept)
    return " ".join(words.split())


def records(dataset: Dataset, object: str) -> Records:
    return {(vendor, row["id"]): row for vendor in VENDORS for row in rows(dataset, vendor, object)}


def country_of(row: Row) -> str:
    named = {name: country.code for country in COUNTRIES for name in country.names}
    return named.get(first(row, *COUNTRY) or "", "")


def phones(row: Row) -> set[str]:
    found = set()
    for name in PHONES:
        if row.get(name):
            text = re.sub(r"^00", "+", row[name])
            number = phonenumbers.parse(text, country_of(row) or None)
            assert phonenumbers.is_valid_number(number), row[name]
            found.add(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return found


def name_key(row: Row) -> tuple[str, str]:
    given = first(row, "FirstName", "firstname", "First_Name")
    family = first(row, "LastName", "lastname", "Last_Name")
    return plain(fold(given)), plain(fold(family))


def domain(row: Row) -> str:
    text = (first(row, "domain", "Website") or "").lower()
    return re.sub(r"^https?://|www\.|/$", "", re.sub(r"^https?://", "", text))


def linked(keys: Keys) -> set[Any]:
    """Pairs of records that share a key, closed over chains."""
    parent: dict[tuple[str, str], tuple[str, str]] = {record: record for record in keys}

    def root(record: tuple[str, str]) -> tuple[str, str]:
        while parent[record] != record:
            record = parent[record]
        return record

    holders: dict[tuple[object, ...], tuple[str, str]] = {}
    for record, own in keys.items():
        for key in own:
            parent[root(record)] = root(holders.setdefault(key, record))
    clusters: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for record in keys:
        clusters[root(record)].append(record)
    return {pair for members in clusters.values() for pair in combinations(sorted(members), 2)}


def score(dataset: Dataset, object: str, found: set[Any]) -> tuple[float, float]:
    """(precision, recall) over pairs."""
    true = pairs(dataset.truth, object)
    return len(found & true) / len(found), len(found & true) / len(true)


@pytest.mark.parametrize("seed", [7, 11])
def test_an_honest_matcher_finds_nine_links_in_ten_and_hardly_a_wrong_one(seed: int) -> None:
    data = generate(seed, now=NOW)
    company_keys: Keys = {}
    for record, row in records(data, "company").items():
        name = " ".join(_LEGAL.sub(" ", fold(first(row, "Name", "name", "Account_Name"))).split())
        own: set[tuple[object, ...]] = {("name", name, country_of(row))}
        if domain(row):
            own.add(("domain", domain(row)))
        company_keys[record] = own
    precision, recall = score(data, "company", linked(company_keys))
    assert precision > 0.99
    assert recall > 0.93

    truth = data.truth["company"]
    contact_keys: Keys = {}
    for record, row in records(data, "contact").items():
        given, family = name_key(row)
        own = {(number, family) for number in phones(row)}
        email = (first(row, *EMAIL) or "").lower()
        if email and email.split("@")[0] not in ROLES:
            own.add((email,))
        if first(row, *COMPANY) and given:
            own.add((given, family, truth[record[0]][first(row, *COMPANY)]))
        contact_keys[record] = own
    precision, recall = score(data, "contact", linked(contact_keys))
    assert precision > 0.99
    assert recall > 0.93

    deal_keys: Keys = {}
    for record, row in records(data, "deal").items():
        company = truth[record[0]].get(first(row, *COMPANY) or "", "")
        deal_keys[record] = {(fold(first(row, "Name", "dealname", "Deal_Name")), company)}
    precision, recall = score(data, "deal", linked(deal_keys))
    assert precision > 0.99
    assert recall > 0.93

    ticket_keys: Keys = {}
    for record, row in records(data, "ticket").items():
        company = truth[record[0]].get(first(row, *COMPANY) or "", "")
        subject = fold(first(row, "Subject", "subject"))
        ticket_keys[record] = {(subject, row["created_at"][:10], company)}
    precision, recall = score(data, "ticket", linked(ticket_keys))
    assert precision > 0.99
    assert recall > 0.93


def test_namesakes_stay_apart_only_by_their_other_values(dataset: Dataset) -> None:
    """Name alone must be a bad key, or the data teaches nothing."""
    keys: Keys = {record: {name_key(row)} for record, row in records(dataset, "contact").items()}
    precision, _ = score(dataset, "contact", linked(keys))
    assert precision < 0.995
