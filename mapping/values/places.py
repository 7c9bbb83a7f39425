"""Countries and currencies: ISO codes inside, the names people and vendors use outside."""

from __future__ import annotations

import gettext
import re
from functools import lru_cache
from typing import Any

import pycountry

from connectors.base import Value
from mapping.values.base import Context, Untranslatable
from mapping.values.text import fold, parse_text, without_accents

#: The languages in which a country's name is understood, besides English.
_LANGUAGES = (
    "th", "fa", "ar", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "pl", "ru", "tr", "vi",
    "id", "ms", "ja", "ko", "zh_CN", "zh_TW", "hi", "my", "km", "lo",
)  # fmt: skip

#: Names in everyday English, where the standard's are formal.
_ENGLISH = {
    "BN": "Brunei", "CD": "DR Congo", "CG": "Congo", "FK": "Falkland Islands", "FM": "Micronesia",
    "IR": "Iran", "KP": "North Korea", "KR": "South Korea", "LA": "Laos", "MD": "Moldova",
    "MF": "Saint Martin", "MO": "Macau", "PS": "Palestine", "RU": "Russia", "SX": "Sint Maarten",
    "SY": "Syria", "TR": "Turkey", "TW": "Taiwan", "TZ": "Tanzania", "VA": "Vatican City",
    "VE": "Venezuela", "VG": "British Virgin Islands", "VI": "U.S. Virgin Islands",
    "VN": "Vietnam", "BO": "Bolivia", "BQ": "Caribbean Netherlands", "XK": "Kosovo",
}  # fmt: skip

_ALIASES = {
    "US": "USA; U.S.A.; U.S.; America; United States; the United States of America; สหรัฐอเมริกา;"
    " อเมริกา; สหรัฐฯ; ایالات متحده; ایالات متحده آمریکا; آمریکا; امریکا; États-Unis d'Amérique",
    "GB": "UK; U.K.; England; Scotland; Wales; Northern Ireland; Great Britain; Britain; อังกฤษ;"
    " สหราชอาณาจักร; انگلستان; انگلیس; بریتانیا; Großbritannien; Angleterre; Inglaterra",
    "TH": "Siam; Thai; ประเทศไทย; เมืองไทย; ไทย; تایلند; Kingdom of Thailand; Thaïlande",
    "IR": "Persia; Islamic Republic of Iran; Iran (Islamic Republic of); อิหร่าน; ایران;"
    " جمهوری اسلامی ایران; کشور ایران; إيران",
    "AE": "UAE; U.A.E.; Emirates; Dubai; Abu Dhabi; สหรัฐอาหรับเอมิเรตส์; امارات;"
    " امارات متحده عربی; الإمارات",
    "NL": "Holland; The Netherlands; Nederland; ฮอลแลนด์; เนเธอร์แลนด์; هلند",
    "DE": "Deutschland; Federal Republic of Germany; BRD; เยอรมนี; เยอรมัน; آلمان; المان",
    "CZ": "Czech Republic; Czechia; สาธารณรัฐเช็ก; جمهوری چک",
    "KR": "Korea; South Korea; Republic of Korea; เกาหลีใต้; เกาหลี; کره جنوبی; کره",
    "KP": "North Korea; DPRK; เกาหลีเหนือ; کره شمالی",
    "CN": "PRC; P.R. China; Mainland China; People's Republic of China; จีน; ประเทศจีน; چین",
    "HK": "Hong Kong SAR; Hongkong; ฮ่องกง; هنگ کنگ",
    "MO": "Macau; Macao; มาเก๊า; ماکائو",
    "TW": "Taiwan; Republic of China; R.O.C.; ไต้หวัน; تایوان",
    "RU": "Russia; Russian Federation; รัสเซีย; روسیه",
    "VN": "Vietnam; Viet Nam; เวียดนาม; ویتنام",
    "LA": "Laos; Lao PDR; Lao; ลาว; สปป ลาว; لائوس",
    "MM": "Burma; Myanmar; พม่า; เมียนมา; เมียนมาร์; میانمار; برمه",
    "KH": "Cambodia; Kampuchea; กัมพูชา; เขมร; کامبوج",
    "MY": "Malaysia; มาเลเซีย; مالزی", "SG": "Singapore; สิงคโปร์; سنگاپور",
    "JP": "Japan; Nippon; ญี่ปุ่น; ژاپن", "IN": "India; Bharat; อินเดีย; هند; هندوستان",
    "ID": "Indonesia; อินโดนีเซีย; อินโดฯ; اندونزی", "PH": "Philippines; The Philippines; ฟิลิปปินส์",
    "FR": "France; ฝรั่งเศส; فرانسه", "CH": "Switzerland; Swiss; สวิตเซอร์แลนด์; สวิส; سوئیس; سوییس",
    "TR": "Turkey; Türkiye; Turkiye; ตุรกี; ตุรเคีย; ترکیه", "IQ": "Iraq; อิรัก; عراق",
    "SA": "KSA; Saudi; Saudi Arabia; ซาอุดีอาระเบีย; ซาอุ; عربستان; عربستان سعودی",
    "SY": "Syria; ซีเรีย; سوریه", "AF": "Afghanistan; อัฟกานิสถาน; افغانستان",
    "CI": "Ivory Coast; Côte d'Ivoire; ساحل عاج", "CV": "Cape Verde", "SZ": "Swaziland",
    "MK": "Macedonia; FYROM", "TL": "East Timor", "VA": "Vatican; Holy See", "MD": "Moldova",
    "CD": "Democratic Republic of the Congo; DRC; Congo-Kinshasa; Zaire",
    "CG": "Republic of the Congo; Congo-Brazzaville",
    "PS": "Palestinian Territories; State of Palestine",
    "XK": "Kosova; Kosovo; Republic of Kosovo", "AU": "Australia; ออสเตรเลีย; استرالیا",
    "NZ": "New Zealand; Aotearoa; นิวซีแลนด์; نیوزیلند", "GR": "Greece; Hellas; กรีซ; یونان",
    "BR": "Brazil; Brasil; บราซิล; برزیل", "ES": "Spain; España; สเปน; اسپانیا",
    "IT": "Italy; Italia; อิตาลี; ایتالیا", "IE": "Ireland; Eire; Republic of Ireland; ไอร์แลนด์",
    "AT": "Austria; Österreich; ออสเตรีย; اتریش", "BE": "Belgium; Belgique; België; เบลเยียม; بلژیک",
    "SE": "Sweden; Sverige; สวีเดน; سوئد", "NO": "Norway; Norge; นอร์เวย์; نروژ",
    "DK": "Denmark; Danmark; เดนมาร์ก; دانمارک", "FI": "Finland; Suomi; ฟินแลนด์; فنلاند",
    "PL": "Poland; Polska; โปแลนด์; لهستان", "PT": "Portugal; โปรตุเกส; پرتغال",
    "CA": "Canada; แคนาดา; کانادا", "MX": "Mexico; México; เม็กซิโก; مکزیک",
    "EG": "Egypt; อียิปต์; مصر", "IL": "Israel; อิสราเอล; اسرائیل", "UA": "Ukraine; ยูเครน; اوکراین",
}  # fmt: skip

_WITHOUT_ARTICLE = re.compile(r"^the ")


def _key(name: str) -> str:
    key = without_accents(fold(name))
    return _WITHOUT_ARTICLE.sub("", key).replace(" ", "")


def _countries() -> list[Any]:
    return sorted(pycountry.countries, key=lambda country: str(country.alpha_2))


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Codes by folded code, alias or English name. What comes first stays."""
    names = {_key(english): code for code, english in _ENGLISH.items()}
    for code, aliases in _ALIASES.items():
        for alias in aliases.split(";"):
            names.setdefault(_key(alias), code)
    for attribute in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
        for country in _countries():
            if name := getattr(country, attribute, None):
                names.setdefault(_key(name), country.alpha_2)
    return names


@lru_cache(maxsize=1)
def _translated_names() -> dict[str, str]:
    """Codes by folded name in other languages: built when the first such name comes."""
    names: dict[str, str] = {}
    for language in _LANGUAGES:
        try:
            words = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])
        except OSError:
            continue
        for country in _countries():
            for attribute in ("common_name", "name", "official_name"):
                if name := getattr(country, attribute, None):
                    translated = words.gettext(name)
                    names.setdefault(_key(translated), country.alpha_2)
                    head, comma, _ = translated.replace("،", ",").partition(",")
                    if comma and attribute == "name" and len(head) > 3:
                        names.setdefault(_key(head), country.alpha_2)
    names.pop("", None)
    return names


@lru_cache(maxsize=4096)
def _country(text: str) -> str | None:
    key = _key(text)
    return _names().get(key) or _translated_names().get(key)


def parse_country(native: Value) -> str | None:
    """The ISO 3166-1 alpha-2 code for a code or a name in any of many languages.

    Raises:
        Untranslatable: no country of that name.
    """
    text = parse_text(native)
    if text is None:
        return None
    code = _country(text)
    if code is None and not _key(text):
        return None
    if code is None:
        raise Untranslatable(
            "no country of that name",
            "Enter the country's English name or its two-letter code in the CRM.",
        )
    return code


@lru_cache(maxsize=512)
def country_name(code: str) -> str:
    """The everyday English name, which is what CRMs hold as text.

    Raises:
        Untranslatable: no such code.
    """
    if name := _ENGLISH.get(code):
        return name
    country = pycountry.countries.get(alpha_2=code)
    if country is None:
        raise Untranslatable("no country with that code", "Use an ISO 3166-1 alpha-2 code.")
    return str(getattr(country, "common_name", None) or country.name)


#: Currencies that no CRM account deals in: metals, test codes, units of account.
_NOT_MONEY = frozenset({
    "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX",
    "CHE", "CHW", "COU", "CLF", "MXV", "USN", "UYI", "UYW", "BOV",
})  # fmt: skip
_SIGNS = {
    "฿": "THB", "บาท": "THB", "baht": "THB", "bt": "THB", "thai baht": "THB", "€": "EUR",
    "euro": "EUR", "euros": "EUR", "£": "GBP", "pound sterling": "GBP", "ريال ايران": "IRR",
    "﷼": "IRR", "ریال": "IRR", "iranian rial": "IRR", "₫": "VND", "₩": "KRW", "₹": "INR",
    "rs": "INR", "us$": "USD", "usd$": "USD", "us dollar": "USD", "us dollars": "USD",
    "u.s. dollar": "USD", "ดอลลาร์สหรัฐ": "USD", "ยูโร": "EUR", "یورو": "EUR", "دلار": "USD",
    "dollar": "USD", "s$": "SGD", "a$": "AUD", "c$": "CAD", "hk$": "HKD", "nt$": "TWD",
    "r$": "BRL", "kr.": "DKK", "zł": "PLN", "₽": "RUB", "₺": "TRY", "₪": "ILS", "₱": "PHP",
    "rm": "MYR", "rp": "IDR", "円": "JPY", "rmb": "CNY", "元": "CNY", "yen": "JPY",
    "fr.": "CHF", "sfr.": "CHF",
}  # fmt: skip
_DOLLARS = frozenset({"USD", "AUD", "CAD", "SGD", "HKD", "NZD", "TWD", "MXN"})


@lru_cache(maxsize=1)
def _currencies() -> dict[str, str]:
    codes = {str(one.alpha_3) for one in pycountry.currencies} - _NOT_MONEY
    found = {code: code for code in codes} | {code.lower(): code for code in codes}
    for one in pycountry.currencies:
        if one.alpha_3 in codes:
            found.setdefault(str(one.name).casefold(), str(one.alpha_3))
    return found | _SIGNS


def parse_currency(native: Value, context: Context) -> str | None:
    """The ISO 4217 code for a code, a name or an unambiguous sign.

    Raises:
        Untranslatable: no such currency. Toman is none: it is ten rials.
    """
    text = parse_text(native)
    if text is None:
        return None
    known = _currencies()
    code = known.get(text) or known.get(text.casefold().strip())
    if code:
        return code
    if text == "$" and context.currency in _DOLLARS:
        return context.currency
    if text in "¥￥" and context.currency in ("JPY", "CNY"):
        return context.currency
    raise Untranslatable("no currency with that code", "Enter an ISO 4217 code, such as THB.")
