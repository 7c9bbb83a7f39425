"""What is known to go wrong with identities: one test for each, by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mapping import values
from mapping.schema import Kind
from mapping.values import (
    Context,
    Untranslatable,
    company_key,
    domain_key,
    email_key,
    fold,
    is_free_mail,
    is_placeholder,
    is_role_mailbox,
    is_shared_domain,
    normalise,
    parse,
    person_key,
    phone_key,
    same,
    without_accents,
)

THAI = Context("TH", "THB", "Asia/Bangkok")
NOWHERE = Context()

# --- e-mail -----------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["info@acme.example", "Sales@acme.example", "no-reply@acme.example", "support2@acme.example",
     "sales.bkk@acme.example", "admin@acme.example", "hr@acme.example", "info+web@acme.example"],
)  # fmt: skip
def test_a_role_mailbox_is_known_as_one(address: str) -> None:
    assert is_role_mailbox(address)


@pytest.mark.parametrize(
    "address",
    ["ann@acme.example", "informatica.rossi@acme.example", "it.sharma@acme.example",
     "pr.sharma@acme.example", "salesh@acme.example", "ann.sales@acme.example", "not an address"],
)  # fmt: skip
def test_a_person_is_no_role_mailbox(address: str) -> None:
    assert not is_role_mailbox(address)


@pytest.mark.parametrize(
    "domain",
    ["gmail.com", "yahoo.co.th", "outlook.co.th", "hotmail.co.th", "chmail.ir", "truemail.co.th",
     "mail.yahoo.com", "https://www.hotmail.com/", "web.de", "qq.com"],
)  # fmt: skip
def test_a_free_mail_domain_names_no_company(domain: str) -> None:
    assert is_free_mail(domain)
    assert is_shared_domain(domain)


def test_company_domains_are_not_free_mail_and_the_list_is_extensible() -> None:
    assert not is_free_mail("acme.example")
    assert not is_free_mail("notgmail.com")
    assert not is_free_mail("yahoo.acme.example")
    assert is_free_mail("mail.acme.example", extra={"acme.example"})


def test_a_page_on_a_social_network_is_no_domain_of_the_company() -> None:
    assert is_shared_domain("https://www.facebook.com/acme.thailand")
    assert not is_free_mail("facebook.com")
    assert domain_key("acme.wordpress.com") == "wordpress.com" or is_shared_domain("wordpress.com")


def test_plus_tags_are_dropped_only_where_the_provider_delivers_them() -> None:
    assert email_key("ann+crm@outlook.com", aliases=True) == "ann@outlook.com"
    assert email_key("ann+crm@acme.example", aliases=True) == "ann+crm@acme.example"
    assert email_key("ann+crm@outlook.com") == "ann+crm@outlook.com"


def test_gmail_ignores_dots_and_workspace_domains_do_not() -> None:
    assert email_key("A.n.n@GoogleMail.com", aliases=True) == "ann@gmail.com"
    assert email_key("a.n.n@acme.example", aliases=True) == "a.n.n@acme.example"


def test_both_idna_spellings_of_an_address_are_one() -> None:
    assert email_key("info@xn--e1afmkfd.xn--p1ai") == email_key("Info@Пример.рф")
    assert same(Kind.EMAIL, "info@xn--e1afmkfd.xn--p1ai", "info@пример.рф")
    assert domain_key("https://บริษัท.ไทย/a") == domain_key("xn--o3cf1ay4bq.xn--o3cw4h")


def test_invisible_characters_in_an_address_are_removed() -> None:
    assert parse(Kind.EMAIL, " ann\u200b@acme.example\u200e ", THAI) == "ann@acme.example"
    assert parse(Kind.EMAIL, "Ann <ann@acme.example>", THAI) == "ann@acme.example"
    assert parse(Kind.EMAIL, "mailto:ann@acme.example", THAI) == "ann@acme.example"


@pytest.mark.parametrize("text", ["n/a", "ann@", "a@b", "a@b.c, d@e.f", "ann acme@x.example"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Untranslatable):
        parse(Kind.EMAIL, text, THAI)


def test_addresses_keep_their_spelling_and_compare_without_case() -> None:
    assert parse(Kind.EMAIL, "Ann@Example.com", THAI) == "Ann@Example.com"
    assert same(Kind.EMAIL, "Ann@Example.com", "ann@example.COM")


# --- domains ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "key"),
    [("www.acme.co.uk", "acme.co.uk"), ("mail.acme.co.th", "acme.co.th"),
     ("https://shop.acme.com:8443/a?b#c", "acme.com"), ("a.b.acme.example", "acme.example"),
     ("acme.github.io", "acme.github.io"), ("co.th", None), ("localhost", None),
     ("192.168.0.1", None), ("n/a", None)],
)  # fmt: skip
def test_the_registrable_domain_is_the_key_not_the_host(host: str, key: str | None) -> None:
    assert domain_key(host) == key


def test_a_domain_is_read_from_urls_hosts_and_addresses() -> None:
    for text in (
        "HTTPS://WWW.Acme.example/path",
        "acme.example.",
        "info@acme.example",
        "@acme.example",
    ):
        assert parse(Kind.DOMAIN, text, THAI) == "acme.example"


def test_addresses_of_the_web_compare_without_scheme_www_and_last_slash() -> None:
    assert same(Kind.URL, "http://www.Acme.example/", "acme.example")
    assert same(Kind.URL, "https://acme.example:443/a", "acme.example/a/")
    assert not same(Kind.URL, "acme.example/a", "acme.example/A")


# --- phones -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "region"),
    [("๐๘๑ ๒๓๔ ๕๖๗๘", "TH"), ("081-234-5678", "TH"), ("０８１２３４５６７８", "TH"),
     ("٠٨١٢٣٤٥٦٧٨", "TH"), ("+66 (0)81 234 5678", ""), ("+๖๖ ๘๑ ๒๓๔ ๕๖๗๘", "IR")],
)  # fmt: skip
def test_digits_of_any_script_make_the_same_number(text: str, region: str) -> None:
    assert phone_key(text, region) == "+66812345678"


def test_persian_digits_make_an_iranian_number() -> None:
    assert phone_key("۰۲۱-۸۸۸۸۸۸۸۸", "IR") == "+982188888888"


def test_double_zero_is_plus_although_thailand_dials_otherwise() -> None:
    assert phone_key("0066812345678", "TH") == "+66812345678"
    assert phone_key("00 49 30 901820", "TH") == "+4930901820"


@pytest.mark.parametrize("text", ["081-234-5678 ต่อ 12", "081-234-5678 ext. 12", "081-234-5678 #12"])
def test_an_extension_does_not_hide_the_number(text: str) -> None:
    assert phone_key(text, "TH") == "+66812345678"
    assert same(Kind.PHONE, text, "+66812345678 ext. 12", "TH")
    assert not same(Kind.PHONE, text, "+66812345678", "TH")


def test_of_two_numbers_in_one_field_the_first_is_the_key() -> None:
    assert phone_key("02-123-4567, 081-234-5678", "TH") == "+6621234567"
    assert phone_key("02-123-4567 หรือ 081-234-5678", "TH") == "+6621234567"
    assert not same(Kind.PHONE, "02-123-4567, 081-234-5678", "02-123-4567", "TH")


def test_a_national_number_without_a_region_is_no_key() -> None:
    assert phone_key("081-234-5678", "") is None
    assert same(Kind.PHONE, "081-234-5678", "0812345678", "")


def test_phones_are_stored_as_written() -> None:
    assert parse(Kind.PHONE, " ๐๘๑ ๒๓๔ ๕๖๗๘ ", THAI) == "๐๘๑ ๒๓๔ ๕๖๗๘"
    assert same(Kind.PHONE, "๐๘๑ ๒๓๔ ๕๖๗๘", "+66 81 234 5678", "TH")


# --- names and Unicode ------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "two"),
    [("علي", "علی"), ("كريم", "کریم"), ("علی\u200cرضا", "علیرضا"), ("محـــمد", "محمد"),
     ("ﷲ", "الله"), ("Ｓｍｉｔｈ", "smith"), ("۱۲۳", "123"), ("๑๒๓", "123")],
)  # fmt: skip
def test_arabic_and_persian_spellings_fold_together(one: str, two: str) -> None:
    assert fold(one) == fold(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [("น\u0e49\u0e33", "น\u0e49\u0e4d\u0e32"), ("น\u0e49\u0e33", "น\u0e4d\u0e49\u0e32"),
     ("\u0e40\u0e40ดง", "\u0e41ดง"), ("ท\u0e35\u0e48", "ท\u0e48\u0e35"),
     ("ก\u0e33", "ก\u0e4d\u0e32")],
)  # fmt: skip
def test_thai_that_looks_alike_folds_together(one: str, two: str) -> None:
    assert fold(one) == fold(two)


def test_stored_thai_keeps_sara_am() -> None:
    assert parse(Kind.TEXT, "น้ำใจ", THAI) == "น้ำใจ"
    assert "\u0e33" in str(parse(Kind.TEXT, "น้ำ", THAI))


def test_marks_belong_to_the_word() -> None:
    assert fold("น้ำใจ") != fold("นำใจ")
    assert "\u0e49" in fold("น้ำใจ")


def test_case_folding_not_lower_case() -> None:
    assert fold("Straße") == fold("STRASSE")
    assert fold("İstanbul") == fold(fold("İstanbul"))
    assert without_accents(fold("İstanbul")) == fold("istanbul")


def test_accents_stay_in_the_key_and_leave_the_second_one() -> None:
    assert fold("Müller") != fold("Muller")
    assert without_accents(fold("Müller")) == fold("Muller")
    assert without_accents(fold("น้ำใจ")) == fold("น้ำใจ")


@pytest.mark.parametrize(("one", "two"), [("สมชาย", "สมชัย"), ("محمدی", "محمودی")])
def test_similar_short_names_stay_apart(one: str, two: str) -> None:
    assert person_key(one) != person_key(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [("Acme Co., Ltd.", "ACME"), ("Acme GmbH & Co. KG", "acme"),
     ("Acme, Inc.", "Acme Incorporated"), ("重庆阿克梅有限公司", "重庆阿克梅"),
     ("Acme S.A.", "Acme"), ("Acme (Thailand) Co., Ltd.", "ACME"), ("Acme Pte. Ltd.", "acme"),
     ("บริษัท ปูนซิเมนต์ไทย จำกัด (มหาชน)", "ปูนซิเมนต์ไทย"),
     ("บริษัทปูนซิเมนต์ไทยจำกัด", "ปูนซิเมนต์ไทย"), ("บจก. เอซีเอ็มอี", "บริษัท เอซีเอ็มอี จำกัด"),
     ("หจก.รุ่งเรือง", "ห้างหุ้นส่วนจำกัด รุ่งเรือง"),
     ("شرکت آکمه (سهامی خاص)", "آکمه"), ("شركة آكمه سهامي خاص", "آکمه"),
     ("شرکت فولاد با مسئولیت محدود", "فولاد"), ("Johnson & Johnson", "Johnson and Johnson"),
     ("株式会社アクメ", "アクメ")],
)  # fmt: skip
def test_the_legal_form_is_no_part_of_a_company_name(one: str, two: str) -> None:
    assert company_key(one) == company_key(two)


@pytest.mark.parametrize("name", ["Limited", "GmbH", "บริษัท", "Co", "شرکت", "AS"])
def test_a_name_of_nothing_but_a_legal_form_is_kept(name: str) -> None:
    assert company_key(name) == fold(name)


def test_titles_are_no_part_of_a_personal_name() -> None:
    assert person_key("Mr. Somchai Jaidee") == "somchai jaidee"
    assert person_key("คุณ สมชาย") == "สมชาย"
    assert person_key("Khun") == "khun"
    assert person_key("นายกรัฐ") == fold("นายกรัฐ")


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\udfff"])
def test_nul_and_lone_surrogates_are_refused(text: str) -> None:
    for kind in (Kind.TEXT, Kind.PHONE, Kind.CHOICE, Kind.EMAIL, Kind.CHOICES, Kind.REFERENCE):
        with pytest.raises(Untranslatable):
            parse(kind, text, THAI)
        with pytest.raises(Untranslatable):
            values.format(kind, [text] if kind is Kind.CHOICES else text, THAI)


# --- dates ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [("29/02/2567", "2024-02-29"), ("2569-01-15", "2026-01-15"), ("15 ม.ค. 2569", "2026-01-15"),
     ("๑๕ มกราคม พ.ศ. ๒๕๖๙", "2026-01-15"), ("15/01/2026", "2026-01-15")],
)  # fmt: skip
def test_buddhist_years_are_converted_before_the_day_is_checked(text: str, day: str) -> None:
    assert parse(Kind.DATE, text, THAI) == day


@pytest.mark.parametrize(
    ("text", "day"),
    [("1404-11-25", "2026-02-14"), ("۱۴۰۴/۱۱/۲۵", "2026-02-14"), ("25 بهمن 1404", "2026-02-14"),
     ("1403/12/30", "2025-03-20"), ("1399/12/30", "2021-03-20"), ("1300/01/01", "1921-03-21"),
     ("1404/01/01", "2025-03-21"), ("1408/12/30", "2030-03-20"), ("1357/11/22", "1979-02-11")],
)  # fmt: skip
def test_iranian_dates_are_converted(text: str, day: str) -> None:
    assert parse(Kind.DATE, text, Context("IR")) == day


def test_days_that_do_not_exist_are_refused() -> None:
    for text in ("1404/12/30", "2026-02-29", "31/04/2569", "2026-13-01", "1404/07/31"):
        with pytest.raises(Untranslatable):
            parse(Kind.DATE, text, THAI)


def test_day_and_month_are_never_guessed() -> None:
    assert parse(Kind.DATE, "03/04/2026", THAI) == "2026-04-03"
    assert parse(Kind.DATE, "03/04/2026", Context("US")) == "2026-03-04"
    assert parse(Kind.DATE, "13/04/2026", NOWHERE) == "2026-04-13"
    for text in ("03/04/2026", "03/04/26"):
        with pytest.raises(Untranslatable):
            parse(Kind.DATE, text, NOWHERE)


def test_a_date_that_comes_as_midnight_keeps_its_day() -> None:
    for native in (
        "2026-01-31T00:00:00Z",
        "2026-01-31T00:00:00.000+0000",
        1769817600000,
        "1769817600000",
    ):
        assert parse(Kind.DATE, native, Context("US", "USD", "America/Los_Angeles")) == "2026-01-31"


@pytest.mark.parametrize(
    "name", ["Asia/Bangkok", "America/Los_Angeles", "Pacific/Kiritimati", "Pacific/Pago_Pago",
             "UTC", "America/Sao_Paulo", "Africa/Cairo", "Asia/Tehran", "Asia/Beirut"],
)  # fmt: skip
def test_a_date_held_as_an_instant_never_moves_the_day(name: str) -> None:
    context = Context(time_zone=name)
    day = datetime(2017, 1, 1, tzinfo=UTC)
    while day.year < 2027:
        text = day.date().isoformat()
        native = values.instant_of_date(text, context)
        assert values.date_of_instant(native, context) == text
        day += timedelta(days=1)


def test_the_day_of_an_instant_is_that_of_the_account() -> None:
    late = "2026-01-31T20:00:00Z"
    assert values.date_of_instant(late, Context(time_zone="Asia/Bangkok")) == "2026-02-01"
    assert values.date_of_instant(late, Context(time_zone="America/Los_Angeles")) == "2026-01-31"
    assert values.instant_of_date("2026-02-01", THAI) == "2026-01-31T17:00:00.000Z"
    apia = values.Context(time_zone="Pacific/Apia")
    assert values.date_of_instant(values.instant_of_date("2011-12-31", apia), apia) == "2011-12-31"
    with pytest.raises(Untranslatable, match="no such day in Pacific/Apia"):
        values.instant_of_date("2011-12-30", apia)


def test_instants_of_any_offset_are_one() -> None:
    for native in (
        "2026-01-31T08:00:00.000+0000", "2026-01-31T08:00:00Z", "2026-01-31T15:00:00+07:00",
        "2026-01-31 00:00:00-0800", 1769846400000, "1769846400000", "2026-01-31T08:00:00.000999Z",
        "2026-01-31T15:00",
    ):  # fmt: skip
        assert parse(Kind.INSTANT, native, THAI) == "2026-01-31T08:00:00.000Z"
    midnight = datetime(2026, 1, 31, tzinfo=ZoneInfo("Asia/Bangkok")).astimezone(UTC)
    assert parse(Kind.INSTANT, "2026-01-31", THAI) == f"{midnight:%Y-%m-%dT%H:%M:%S}.000Z"


# --- placeholders -----------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Kind.TEXT, "n/a"), (Kind.TEXT, "Unknown"), (Kind.TEXT, "TEST"), (Kind.TEXT, "-"),
     (Kind.TEXT, "..."), (Kind.TEXT, "ไม่ระบุ"), (Kind.TEXT, "نامشخص"), (Kind.PHONE, "0000000"),
     (Kind.PHONE, "000-000-0000"), (Kind.PHONE, "1234567890"), (Kind.PHONE, "-"),
     (Kind.PHONE, "๐๐๐๐๐๐๐"), (Kind.EMAIL, "no@email.com"), (Kind.EMAIL, "noreply@acme.example"),
     (Kind.EMAIL, "test@test.com"), (Kind.EMAIL, "no-email@acme.example"),
     (Kind.EMAIL, "x@y.invalid"), (Kind.DOMAIN, "none.com"), (Kind.DATE, "1900-01-01")],
)  # fmt: skip
def test_placeholders_say_nothing(kind: Kind, value: str) -> None:
    assert is_placeholder(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Kind.TEXT, "Ann"), (Kind.TEXT, "Testa"), (Kind.TEXT, "สมชาย"), (Kind.PHONE, "02-123-4567"),
     (Kind.PHONE, "+1 415 555 0132"), (Kind.EMAIL, "ann@example.com"),
     (Kind.EMAIL, "anna.test@acme.example"), (Kind.DOMAIN, "acme.example"),
     (Kind.DATE, "1980-02-29"), (Kind.BOOLEAN, False), (Kind.TEXT, None)],
)  # fmt: skip
def test_real_values_are_no_placeholders(kind: Kind, value: str | bool | None) -> None:
    assert not is_placeholder(kind, value)


def test_match_keys_of_what_cannot_match_are_none() -> None:
    assert normalise(Kind.EMAIL, "nobody", THAI) is None
    assert normalise(Kind.PHONE, "call me", THAI) is None
    assert normalise(Kind.TEXT, "...", THAI) is None
    assert normalise(Kind.TEXT, None, THAI) is None
    assert normalise(Kind.EMAIL, "A.nn+x@gmail.com", THAI, aliases=True) == "ann@gmail.com"
