"""The demo's contacts: who they are, and what each account knows of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from connectors.sandbox.demo import spelling
from connectors.sandbox.demo.chance import (
    OVERLAPPING,
    Calendar,
    Chance,
    group_by_vendors,
    memberships,
    pick_wide,
)
from connectors.sandbox.demo.companies import Company, slug
from connectors.sandbox.demo.names import FIRST, LAST, Spelled
from connectors.sandbox.demo.places import COUNTRIES, City, Country
from connectors.sandbox.demo.spelling import Numbers, Phone


@dataclass(frozen=True, slots=True)
class Person:
    """A real person. `anchor` says what their records have in common: ``email``, ``phone``
    (and name), ``company`` (and name), or nothing certain (``''``)."""

    key: str
    vendors: tuple[str, ...]
    anchor: str
    first: Spelled
    last: Spelled
    country: Country
    city: City
    street: str
    postal: str
    company: Company | None
    email: str
    other_email: str
    """A second address of the same person, used where an account may not hold the first."""
    role_email: str
    """The shared mailbox they answer from, '' for most."""
    mobile: Phone
    phone: Phone
    title: str
    old_title: str
    birth: date
    interests: tuple[str, ...]
    opt_out: bool
    owner: str
    created: datetime


@dataclass(frozen=True, slots=True)
class ContactView:
    """One contact record of one account; empty text and None are missing values.

    `copy` is 1 for the second record of the same person in the same account.
    `titles` is what the job title was since when, where the account remembers.
    """

    key: str
    copy: int
    email: str
    first: str
    last: str
    phone: str
    mobile: str
    title: str
    titles: tuple[tuple[datetime, str], ...]
    birth: date | None
    interests: tuple[str, ...]
    opt_out: bool | None
    street: str
    city: str
    region: str
    postal: str
    country: str
    company: str
    owner: str
    created: datetime
    modified: datetime


_TITLES: tuple[tuple[str, str], ...] = (
    ("Head of Procurement", "Buyer"), ("IT Manager", "Systems Administrator"),
    ("Chief Financial Officer", "Controller"), ("Operations Director", "Operations Manager"),
    ("Marketing Manager", "Marketing Assistant"), ("Geschäftsführerin", "Prokuristin"),
    ("Directeur général", "Responsable des ventes"), ("ผู้จัดการฝ่ายขาย", "พนักงานขาย"),
    ("مدیر فروش", "کارشناس فروش"), ("Sales Director", "Sales Manager"),
    ("Warehouse Supervisor", "Clerk"), ("Owner", "Partner"),
)  # fmt: skip
_INTERESTS = ("analytics", "events", "integration", "pricing", "support", "training")
_ROLES = ("info", "sales", "office")


class _Roster:
    """Keeps names apart: nobody shares a full name by accident, nor a last name with a
    colleague (a switchboard number together with a last name must name one person)."""

    def __init__(self) -> None:
        self._full: set[tuple[str, str]] = set()
        self._colleagues: set[tuple[str, str]] = set()

    def name(self, chance: Chance, country: str, company: str) -> tuple[Spelled, Spelled]:
        first, last = FIRST[country][0], LAST[country][0]
        for attempt in range(60):
            first, last = chance.choice(FIRST[country]), chance.choice(LAST[country])
            fresh = attempt > 30 or (first.latin, last.latin) not in self._full
            if fresh and (company == "" or (company, last.latin) not in self._colleagues):
                break
        self.add(first, last, company)
        return first, last

    def fits(self, last: Spelled, company: str) -> bool:
        """Whether a namesake can join the company."""
        return (company, last.latin) not in self._colleagues

    def add(self, first: Spelled, last: Spelled, company: str) -> None:
        self._full.add((first.latin, last.latin))
        self._colleagues.add((company, last.latin))


def make_people(
    seed: int,
    least: int,
    calendar: Calendar,
    companies: list[Company],
    owners: list[str],
    numbers: Numbers,
) -> list[Person]:
    """People enough for `least` in each account; one in eight has no company, one in forty
    is somebody else's namesake in another company."""
    chance = Chance(seed, "people")
    roster, addresses = _Roster(), set[str]()
    groups = group_by_vendors([company.vendors for company in companies])
    weights = [country.weight for country in COUNTRIES]
    shared = {c.key: f"{chance.choice(_ROLES)}@{c.domain}" for c in companies[::6]}
    made: list[Person] = []
    for number, vendors in enumerate(memberships(chance, least, OVERLAPPING), start=1):
        place = None if chance.sometimes(0.12) else pick_wide(chance, groups, vendors)
        company = None if place is None else companies[place]
        country = company.country if company else chance.choices(COUNTRIES, weights)[0]
        where = company.key if company else ""
        twin = made[-20] if number % 40 == 0 and len(made) >= 20 else None
        if twin and company and twin.company is not company and roster.fits(twin.last, where):
            first, last = twin.first, twin.last
            roster.add(first, last, where)
        else:
            first, last = roster.name(chance, country.code, where)
        email = _address(chance, first, last, company, country, addresses)
        whole = company is not None and set(vendors) <= set(company.vendors)
        city = company.city if company and chance.sometimes(0.8) else chance.choice(country.cities)
        title, old_title = chance.choice(_TITLES)
        role_email = shared.get(where, "") if chance.sometimes(0.5) else ""
        made.append(
            Person(
                key=f"contact-{number:06d}",
                vendors=vendors,
                anchor=_anchor(chance, whole, role_email),
                first=first,
                last=last,
                country=country,
                city=city,
                street=f"{chance.choice(country.streets)} {chance.randint(1, 300)}",
                postal=country.postal_code(city, chance.randint(0, 10**8)),
                company=company,
                email=email,
                other_email=_address(chance, first, last, None, country, addresses),
                role_email=role_email,
                mobile=numbers.next(country, fixed=False),
                phone=(
                    company.switchboard
                    if company and chance.sometimes(0.45)
                    else numbers.next(country, fixed=True)
                ),
                title=title,
                old_title=old_title,
                birth=date(1958, 1, 1) + timedelta(days=chance.randint(0, 16000)),
                interests=tuple(sorted(chance.sample(_INTERESTS, chance.randint(1, 3)))),
                opt_out=chance.sometimes(0.12),
                owner=chance.choice(owners),
                created=calendar.created(chance, company.created if company else None),
            )
        )
    return made


def _anchor(chance: Chance, whole: bool, role_email: str) -> str:
    if role_email:
        return chance.choice(("phone", "company")) if whole else "phone"
    if whole:
        return chance.choices(("email", "phone", "company", ""), (73, 14, 7, 6))[0]
    return chance.choices(("email", "phone", ""), (78, 16, 6))[0]


def _address(
    chance: Chance,
    first: Spelled,
    last: Spelled,
    company: Company | None,
    country: Country,
    taken: set[str],
) -> str:
    """A mailbox nobody else has: at work, or with a provider for those without work."""
    given, family = slug(first.latin), slug(last.latin)
    if company:
        local = chance.choice([f"{given}.{family}", f"{given[0]}.{family}", f"{given}"])
        domain = company.domain
    else:
        local = chance.choice([f"{given}.{family}", f"{given}{family}", f"{family}.{given}"])
        domain = chance.choice(country.free_mail)
    address = f"{local}@{domain}"
    while address in taken:
        address = f"{given}.{family}{chance.randint(2, 99999)}@{domain}"
    taken.add(address)
    return address


def contact_views(seed: int, calendar: Calendar, person: Person) -> list[tuple[str, ContactView]]:
    """What each of the person's accounts knows of them, second records included."""
    chance = Chance(seed, f"views/{person.key}")
    many = len(person.vendors) > 1
    stale = chance.choice(person.vendors) if many and chance.sometimes(0.3) else ""
    # Two scripts for one person where the same e-mail tells that it is one person; and for
    # the few whose records have nothing certain in common.
    mixed = person.anchor == "" or (person.anchor == "email" and chance.sometimes(0.3))
    latin = chance.sometimes(0.35)
    shown = chance.choice(("mobile", "phone"))
    views = []
    for place, vendor in enumerate(person.vendors):
        view = _view(
            chance, calendar, person, vendor, place,
            old=vendor == stale,
            latin=chance.sometimes(0.5) if mixed else latin,
            shown=shown,
        )  # fmt: skip
        views.append((vendor, view))
        if chance.sometimes(0.012):
            views.append((vendor, _second(chance, calendar, person, view, vendor)))
    return views


def _view(
    chance: Chance,
    calendar: Calendar,
    person: Person,
    vendor: str,
    place: int,
    *,
    old: bool,
    latin: bool,
    shown: str,
) -> ContactView:
    known = person.company is not None and vendor in person.company.vendors
    has_country = chance.sometimes(0.75)
    sure = person.anchor == "phone"
    has_mobile = chance.sometimes(0.6) or (sure and shown == "mobile")
    has_phone = chance.sometimes(0.55) or (sure and shown == "phone")
    created = calendar.entered(chance, person.created, place)
    modified = calendar.modified(chance, created, old)
    title, titles = person.title, tuple[tuple[datetime, str], ...]()
    if old:
        title = person.old_title
    elif chance.sometimes(0.3):
        titles = ((created, person.old_title), (modified, person.title))
    last = spelling.person_name(chance, person.last, person.country.code, latin=latin)
    if person.anchor == "" and chance.sometimes(0.4):
        last = spelling.slip(chance, last)
    has_address = chance.sometimes(0.6)
    filled = chance.sometimes(0.85)
    return ContactView(
        key=person.key,
        copy=0,
        email=_kept_email(chance, person, vendor, known=known),
        first="" if chance.sometimes(0.02) and person.anchor == "email"
        else spelling.person_name(chance, person.first, person.country.code, latin=latin),
        last=last,
        phone=spelling.phone(chance, person.phone, national=has_country) if has_phone else "",
        mobile=spelling.phone(chance, person.mobile, national=has_country) if has_mobile else "",
        title=title if filled else "",
        titles=titles if filled else (),
        birth=person.birth if chance.sometimes(0.35) else None,
        interests=_known_interests(chance, person),
        opt_out=person.opt_out if chance.sometimes(0.9) else None,
        street=person.street if has_address else "",
        city=person.city.name.latin if has_country else "",
        region=person.city.region if has_address else "",
        postal=person.postal if has_address else "",
        country=spelling.country_text(chance, person.country) if has_country else "",
        company=person.company.key if person.company and known else "",
        owner=person.owner,
        created=created,
        modified=modified,
    )  # fmt: skip


def _known_interests(chance: Chance, person: Person) -> tuple[str, ...]:
    if chance.sometimes(0.5):
        return ()
    return person.interests if chance.sometimes(0.7) else person.interests[:1]


def _kept_email(chance: Chance, person: Person, vendor: str, *, known: bool) -> str:
    """The address an account has: the person's own, the shared mailbox, an older one, none."""
    if person.anchor == "email":
        return spelling.email(chance, person.email, vendor)
    if person.role_email and known and chance.sometimes(0.75):
        return person.role_email
    if chance.sometimes(0.35):
        return spelling.email(chance, person.email, vendor)
    return spelling.email(chance, person.other_email, vendor) if chance.sometimes(0.3) else ""


def _second(
    chance: Chance, calendar: Calendar, person: Person, view: ContactView, vendor: str
) -> ContactView:
    """A second record of the same person: another address or none, entered later."""
    created = min(view.created + timedelta(days=chance.randint(5, 200)), calendar.ago(12))
    if vendor == "salesforce" and chance.sometimes(0.5):
        email = view.email
    elif person.other_email != view.email.lower() and chance.sometimes(0.5):
        email = person.other_email
    else:
        email = ""
    return replace(
        view,
        copy=1,
        email=email,
        title=person.title,
        titles=(),
        birth=None,
        street="",
        region="",
        postal="",
        created=max(created, view.created),
        modified=max(calendar.modified(chance, created, stale=False), view.created),
    )
