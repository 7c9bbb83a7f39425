"""The demo's deals: their way through the stages, and what each account knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from connectors.sandbox.demo import spelling
from connectors.sandbox.demo.chance import (
    OVERLAPPING,
    Calendar,
    Chance,
    group_by_vendors,
    memberships,
    pick_wide,
)
from connectors.sandbox.demo.companies import Company
from connectors.sandbox.demo.people import Person
from connectors.sandbox.demo.places import WHOLE

OPEN_STAGES = ("qualification", "needs_analysis", "proposal", "negotiation")


@dataclass(frozen=True, slots=True)
class Deal:
    """A real deal. `stages` says when it entered each stage, oldest first."""

    key: str
    vendors: tuple[str, ...]
    name: str
    company: Company | None
    contacts: tuple[Person, ...]
    amount: Decimal | None
    earlier_amount: Decimal | None
    currency: str
    stages: tuple[tuple[datetime, str], ...]
    planned_close: date
    kind: str
    description: str
    owner: str


@dataclass(frozen=True, slots=True)
class DealView:
    """One account's record of a deal; empty text and None are missing values. `probability`
    is a percentage that somebody set by hand, None where the stage decides."""

    key: str
    name: str
    amount: Decimal | None
    currency: str
    stages: tuple[tuple[datetime, str], ...]
    probability: int | None
    close: date
    kind: str
    description: str
    company: str
    contacts: tuple[str, ...]
    owner: str
    created: datetime
    modified: datetime


_PRODUCTS = (
    "Annual licence", "Warehouse rollout", "Support renewal", "Pilot project", "Data migration",
    "Fleet tracking", "Onboarding package", "Analytics add-on", "Wartungsvertrag",
    "Contrat de maintenance", "สัญญาบำรุงรักษา", "قرارداد پشتیبانی", "Training days",
    "Multi-site expansion",
)  # fmt: skip
_DESCRIPTIONS = (
    "Budget approved by the board.", "Waiting for the tender's second round.", "",
    "Konkurrenzangebot liegt vor; Entscheidung bis Quartalsende.",
    "Décision repoussée à la rentrée.", "รอใบสั่งซื้อจากฝ่ายจัดซื้อ", "منتظر تأیید مدیرعامل", "",
)  # fmt: skip


def _journey(chance: Chance, calendar: Calendar) -> tuple[tuple[datetime, str], ...]:
    """Stages and instants: 45 % still open, the rest won three times out of five."""
    still_open = chance.sometimes(0.45)
    begun = chance.instant(calendar.ago(330 if still_open else 3 * 365), calendar.ago(25))
    first = 0 if chance.sometimes(0.85) else 1
    last = chance.randint(first, 3)
    path = list(OPEN_STAGES[first : last + 1])
    if not still_open:
        path.append("won" if chance.sometimes(0.6) else "lost")
        if path[-1] == "won" and path[-2] == "qualification":
            path.insert(-1, "proposal")
    until = calendar.ago(2)
    if not still_open:
        until = min(until, begun + timedelta(days=chance.randint(15, 240)))
    span = (until - begun).total_seconds()
    marks = sorted(chance.uniform(0.15, 0.95) for _ in path[1:])
    times = [begun] + [begun + timedelta(seconds=int(span * mark)) for mark in marks]
    return tuple(zip(times, path, strict=True))


def make_deals(
    seed: int,
    least: int,
    calendar: Calendar,
    companies: list[Company],
    people: list[Person],
    owners: list[str],
) -> list[Deal]:
    """Deals enough for `least` in each account, each of a company its accounts know."""
    chance = Chance(seed, "deals")
    groups = group_by_vendors([company.vendors for company in companies])
    staff: dict[str, list[Person]] = {}
    for person in people:
        if person.company:
            staff.setdefault(person.company.key, []).append(person)
    names: set[str] = set()
    made = []
    for number, vendors in enumerate(memberships(chance, least, OVERLAPPING), start=1):
        place = pick_wide(chance, groups, vendors)
        company = None if place is None else companies[place]
        stages = _journey(chance, calendar)
        begun, final = stages[0][0], stages[-1][1]
        at_hand = staff.get(company.key, []) if company else []
        currency = company.country.currency if company else "USD"
        if chance.sometimes(0.18):
            currency = chance.choice(("USD", "EUR"))
        amount = chance.money(900, 180_000, currency, currency in WHOLE)
        unknown = final in OPEN_STAGES and chance.sometimes(0.08)
        made.append(
            Deal(
                key=f"deal-{number:06d}",
                vendors=vendors,
                name=_name(chance, company, begun, names),
                company=company,
                contacts=tuple(chance.sample(at_hand, min(len(at_hand), chance.randint(0, 3)))),
                amount=None if unknown else amount,
                earlier_amount=None if unknown else amount * 9 // 10,
                currency=currency,
                stages=stages,
                planned_close=(
                    stages[-1][0] if final in ("won", "lost")
                    else calendar.today + timedelta(days=chance.randint(-20, 150))
                ).date(),
                kind="new_business" if chance.sometimes(0.65) else "existing_business",
                description=chance.choice(_DESCRIPTIONS),
                owner=company.owner if company and chance.sometimes(0.7) else chance.choice(owners),
            )
        )  # fmt: skip
    return made


def _name(chance: Chance, company: Company | None, begun: datetime, taken: set[str]) -> str:
    who = company.core.latin if company else "Walk-in"
    quarter = f"{begun.year} Q{(begun.month + 2) // 3}"
    name = f"{who} – {chance.choice(_PRODUCTS)} {quarter}"
    number = 2
    while name in taken:
        name = f"{who} – {chance.choice(_PRODUCTS)} {quarter} no. {number}"
        number += 1
    taken.add(name)
    return name


def deal_views(seed: int, calendar: Calendar, deal: Deal) -> list[tuple[str, DealView]]:
    """What each of the deal's accounts knows; a stale one missed the last stage or amount."""
    chance = Chance(seed, f"views/{deal.key}")
    many = len(deal.vendors) > 1
    stale = chance.choice(deal.vendors) if many and chance.sometimes(0.25) else ""
    renamed = chance.choice(deal.vendors) if many and chance.sometimes(0.03) else ""
    views = []
    for place, vendor in enumerate(deal.vendors):
        old = vendor == stale
        begun = deal.stages[0][0]
        second = deal.stages[1][0] if len(deal.stages) > 1 else calendar.ago(1)
        latest = min(begun + timedelta(days=place * chance.randint(1, 6)), second, calendar.ago(2))
        created = max(begun, latest)
        stages = deal.stages[:-1] if old and len(deal.stages) > 1 else deal.stages
        known_stages = ((created, stages[0][1]), *stages[1:])
        close = deal.planned_close + timedelta(days=chance.randint(-6, 6) if old else 0)
        in_account = deal.company is not None and vendor in deal.company.vendors
        modified = calendar.modified(chance, created, old)
        view = DealView(
            key=deal.key,
            name=f"Opportunity {deal.key[-4:]}" if vendor == renamed
            else spelling.title_text(chance, deal.name),
            amount=deal.earlier_amount if old and chance.sometimes(0.5) else deal.amount,
            currency=deal.currency,
            stages=known_stages,
            probability=(
                chance.randint(3, 19) * 5
                if stages[-1][1] in OPEN_STAGES and chance.sometimes(0.06)
                else None
            ),
            close=close,
            kind=deal.kind if chance.sometimes(0.85) else "",
            description=deal.description if chance.sometimes(0.8) else "",
            company=deal.company.key if deal.company and in_account else "",
            contacts=tuple(p.key for p in deal.contacts if vendor in p.vendors),
            owner=deal.owner,
            created=created,
            modified=min(max(modified, known_stages[-1][0]), calendar.ago(0.01)),
        )  # fmt: skip
        views.append((vendor, view))
    return views
