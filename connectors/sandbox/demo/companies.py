"""The demo's companies: what is true of them, and what each account knows of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from connectors.sandbox.demo import spelling
from connectors.sandbox.demo.chance import OVERLAPPING, Calendar, Chance, memberships
from connectors.sandbox.demo.names import Spelled, plain
from connectors.sandbox.demo.places import BY_CODE, COUNTRIES, City, Country
from connectors.sandbox.demo.spelling import Numbers, Phone


@dataclass(frozen=True, slots=True)
class Company:
    """A real company. `anchor` says what its records have in common: ``domain``, ``name``
    (with the country), or nothing certain (``''``)."""

    key: str
    vendors: tuple[str, ...]
    anchor: str
    core: Spelled
    country: Country
    city: City
    street: str
    postal: str
    domain: str
    switchboard: Phone
    industry: str
    employees: int
    revenue: Decimal
    description: str
    owner: str
    created: datetime

    @property
    def short(self) -> str:
        """Its name cut short: Blue Mesa Hotels -> BM HOTELS, Ashdown Hotels -> ASHD HOTELS."""
        words = self.core.latin.upper().replace("&", "").split()
        kept = 2 if len(words) > 2 else 1
        head = "".join(word[0] for word in words[:kept]) if kept == 2 else words[0][:4]
        return " ".join([head, *words[kept:]])


@dataclass(frozen=True, slots=True)
class CompanyView:
    """What one account knows of a company; empty text and None are missing values."""

    key: str
    name: str
    domain: str
    website: str
    phone: str
    industry: str
    employees: int | None
    revenue: Decimal | None
    description: str
    street: str
    city: str
    region: str
    postal: str
    country: str
    owner: str
    created: datetime
    modified: datetime


_HEADS: dict[str, str] = {
    "TH": "Siam Lanna=สยามล้านนา|Chao Phraya=เจ้าพระยา|Ruam Jai=ร่วมใจ|Thong Thai=ทองไทย|"
    "Doi Kham=ดอยคำ|Andaman=อันดามัน|Krung Thong=กรุงทอง|Phu Fah=ภูฟ้า|Rungrueang=รุ่งเรือง|"
    "Isan Khiao=อีสานเขียว|Nam Phrik=น้ำพริก",
    "US": "Blue Mesa|Redwood Bay|Prairie Wind|Granite Peak|Copper Creek|Silver Pine|Lone Cedar|"
    "North Harbor|Twin Lakes|Golden Poppy",
    "DE": "Nordstern|Müller & Söhne|Rheinglanz|Süderelbe|Alpenwerk|Königsforst|Hafenblick|"
    "Grünland|Waldquell|Steinbrück",
    "FR": "Étoile du Nord|Val de Brume|Lumière Bleue|Château Clair|Océane|Beau Rivage|"
    "Trois Chênes|Mont Doré|L'Hirondelle",
    "GB": "Ashdown|Thistle & Oak|Kingfisher|Harrow Gate|Pennine|Ravensbourne|Westmere|Foxglove|"
    "St. Aldwyn",
    "IR": "Arya Kian=آریا کیان|Pars Kavir=پارس کویر|Damavand=دماوند|Zagros Sabz=زاگرس سبز|"
    "Nik Andish=نیک‌اندیش|Sepid Roud=سپیدرود|Kimia=کیمیا|Alborz=البرز",
    "JP": "Aozora=青空|Minato=みなと|Fujimori=富士森|Hoshino=星野|Kawabe=川辺|Sakuragi=桜木",
}  # fmt: skip

#: (Latin, Thai, Persian, Japanese, industry)
_TAILS: tuple[tuple[str, str, str, str, str], ...] = (
    ("Logistics", "โลจิสติกส์", "لجستیک", "物流", "logistics"),
    ("Foods", "ฟู้ดส์", "غذایی", "食品", "agriculture"),
    ("Construction", "ก่อสร้าง", "ساختمان", "建設", "construction"),
    ("Academy", "อคาเดมี", "آموزش", "学院", "education"),
    ("Capital", "แคปปิตอล", "سرمایه", "キャピタル", "finance"),
    ("Medical", "การแพทย์", "پزشکی", "メディカル", "healthcare"),
    ("Hotels", "โฮเทล", "هتل", "ホテル", "hospitality"),
    ("Precision", "พรีซิชั่น", "دقیق", "精機", "manufacturing"),
    ("Trading", "เทรดดิ้ง", "بازرگانی", "商事", "retail"),
    ("Software", "ซอฟต์แวร์", "نرم‌افزار", "ソフト", "technology"),
    ("Energy", "เอ็นเนอร์ยี", "انرژی", "エナジー", "other"),
)  # fmt: skip

#: Legal forms around a Latin name; the first is the official one.
_FORMS: dict[str, tuple[str, ...]] = {
    "TH": ("{} Co., Ltd.", "{} Company Limited", "{} Co.,Ltd.", "{} CO LTD"),
    "US": ("{}, Inc.", "{} Inc", "{}, LLC", "{} Corp."),
    "DE": ("{} GmbH", "{} GmbH", "{} AG", "{} GMBH"),
    "FR": ("{} SARL", "{} SAS", "{} S.A.", "{} S.A.R.L."),
    "GB": ("{} Ltd", "{} Limited", "{} Ltd.", "{} PLC"),
    "IR": ("{} Co.", "{} Company", "{} Co", "{} LLC"),
    "JP": ("{} K.K.", "{} Co., Ltd.", "{} KK", "{} Inc."),
}
_NATIVE_FORMS: dict[str, tuple[str, ...]] = {
    "TH": ("บริษัท {} จำกัด", "บจก. {}", "บริษัท {} จำกัด (มหาชน)"),
    "IR": ("شرکت {}", "شرکت {} (سهامی خاص)", "{}"),
    "JP": ("株式会社{}", "{}株式会社", "{}"),
}
_DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "TH": ("ลูกค้าตั้งแต่ปีแรก ติดต่อฝ่ายจัดซื้อเท่านั้น", "Key account for the eastern seaboard."),
    "US": ("Renewal handled by procurement.", "Met at the Denver trade show; likes short calls."),
    "DE": ("Rechnungen bitte nur per E-Mail – Größe XL.", "Rahmenvertrag seit 2021."),
    "FR": ("Client fidèle ; privilégier le téléphone l'après-midi.", "Siège déménagé en été."),
    "GB": ("Invoices go to the group's finance team.", "Prefers to be billed quarterly."),
    "IR": ("مشتری قدیمی؛ پرداخت به‌صورت ماهانه", "قرارداد پشتیبانی تا پایان سال"),
    "JP": ("請求書は月末締め", "Prefers e-mail in Japanese."),
}


def _core(chance: Chance, country: Country, taken: set[str]) -> tuple[Spelled, str]:
    heads = _HEADS[country.code].split("|")
    for attempt in range(len(heads) * len(_TAILS) * 50):
        latin, _, native = chance.choice(heads).partition("=")
        tail = chance.choice(_TAILS)
        script = {"TH": 1, "IR": 2, "JP": 3}.get(country.code, 0)
        joint = "" if country.code in ("TH", "JP") else " "
        # Once pairs run short, branches are numbered.
        number = f" {2 + attempt // 40 + len(taken) // 50}" if attempt > 40 else ""
        core = Spelled(
            f"{native or latin}{joint}{tail[script]}{number}",
            f"{latin} {tail[0]}{number}",
        )
        if f"{country.code} {core.latin}" not in taken:
            taken.add(f"{country.code} {core.latin}")
            return core, tail[4]
    raise AssertionError("company names ran out")


def slug(text: str) -> str:
    """Latin letters and digits only, in lower case."""
    return re.sub(r"[^a-z0-9]", "", plain(text).lower())


def make_companies(
    seed: int, least: int, calendar: Calendar, owners: list[str], numbers: Numbers
) -> list[Company]:
    """Companies enough for `least` in each account. A few share their name with a company
    of another country."""
    chance = Chance(seed, "companies")
    weights = [country.weight for country in COUNTRIES]
    names: set[str] = set()
    domains: set[str] = set()
    made: list[Company] = []
    for number, vendors in enumerate(memberships(chance, least, OVERLAPPING), start=1):
        country = chance.choices(COUNTRIES, weights)[0]
        core, industry = _core(chance, country, names)
        if number % 50 == 0:
            twin = chance.choice([c for c in made if c.country.code not in _NATIVE_FORMS] or made)
            abroad = BY_CODE["US" if twin.country.code == "GB" else "GB"]
            if f"{abroad.code} {twin.core.latin}" not in names:
                names.add(f"{abroad.code} {twin.core.latin}")
                country, core, industry = abroad, twin.core, twin.industry
        domain = f"{slug(core.latin)}.{chance.choice(country.top_level)}"
        while domain in domains:
            domain = f"{slug(core.latin)}{chance.randint(2, 99999)}.{country.top_level[0]}"
        domains.add(domain)
        city = chance.choice(country.cities)
        made.append(
            Company(
                key=f"company-{number:05d}",
                vendors=vendors,
                anchor=chance.choices(("domain", "name", ""), (78, 16, 6))[0],
                core=core,
                country=country,
                city=city,
                street=f"{chance.choice(country.streets)} {chance.randint(1, 240)}",
                postal=country.postal_code(city, chance.randint(0, 10**8)),
                domain=domain,
                switchboard=numbers.next(country, fixed=True),
                industry=industry,
                employees=int(chance.lognormvariate(4, 1.3)) + 2,
                revenue=chance.money(90_000, 40_000_000, "USD", whole=True),
                description=chance.choice(_DESCRIPTIONS[country.code]),
                owner=chance.choice(owners),
                created=calendar.created(chance),
            )
        )
    return made


def written_name(chance: Chance, company: Company, *, free: bool) -> str:
    """The company's name in one account.

    `free` also allows what only the same domain gives away: another script, a short name,
    lost umlauts. Otherwise only case, punctuation and the legal form differ.
    """
    code, core = company.country.code, company.core
    latin_country = code not in _NATIVE_FORMS
    if free and not latin_country and chance.sometimes(0.45):
        return chance.choice(_NATIVE_FORMS[code]).format(core.native)
    if free and latin_country and chance.sometimes(0.15):
        return plain(core.native)
    if free and chance.sometimes(0.12):
        return company.short
    written = core.native if latin_country else core.latin
    formed = chance.choice(_FORMS[code]).format(written)
    return chance.choice([formed, formed, formed, written, written.upper(), formed.upper()])


def company_views(seed: int, calendar: Calendar, company: Company) -> list[tuple[str, CompanyView]]:
    """What each of the company's accounts knows of it."""
    chance = Chance(seed, f"views/{company.key}")
    stale = chance.choice(company.vendors) if chance.sometimes(0.3) else ""
    by_domain = company.anchor == "domain"
    views = []
    for place, vendor in enumerate(company.vendors):
        old = vendor == stale and len(company.vendors) > 1
        has_domain = by_domain or chance.sometimes(0.5)
        free = company.anchor != "name"
        created = calendar.entered(chance, company.created, place)
        city = (
            company.city.name.native if free and chance.sometimes(0.3) else company.city.name.latin
        )
        has_address = chance.sometimes(0.7)
        view = CompanyView(
            key=company.key,
            name=written_name(chance, company, free=free),
            domain=company.domain if has_domain else "",
            website=spelling.website(chance, company.domain) if has_domain else "",
            phone=spelling.phone(chance, company.switchboard, national=True),
            industry=company.industry,
            employees=max(1, company.employees - chance.randint(1, 30))
            if old
            else company.employees,
            revenue=company.revenue,
            description=company.description,
            street=company.street if has_address else "",
            city=city,
            region=company.city.region if has_address else "",
            postal=company.postal if has_address else "",
            country=spelling.country_text(chance, company.country),
            owner=company.owner,
            created=created,
            modified=calendar.modified(chance, created, old),
        )
        views.append((vendor, _with_gaps(chance, view)))
    return views


def _with_gaps(chance: Chance, view: CompanyView) -> CompanyView:
    return replace(
        view,
        phone="" if chance.sometimes(0.2) else view.phone,
        industry="" if chance.sometimes(0.2) else view.industry,
        employees=None if chance.sometimes(0.3) else view.employees,
        revenue=None if chance.sometimes(0.45) else view.revenue,
        description="" if chance.sometimes(0.5) else view.description,
    )
