"""The demo's support tickets: what happened, and what each account has of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.sandbox.demo import spelling
from connectors.sandbox.demo.chance import (
    MOSTLY_ONE,
    Calendar,
    Chance,
    group_by_vendors,
    memberships,
    pick_wide,
)
from connectors.sandbox.demo.companies import Company
from connectors.sandbox.demo.people import Person


@dataclass(frozen=True, slots=True)
class Ticket:
    """A real ticket. `statuses` says when it took each status, oldest first."""

    key: str
    vendors: tuple[str, ...]
    subject: str
    description: str
    statuses: tuple[tuple[datetime, str], ...]
    priority: str
    rating: int | None
    company: Company | None
    contact: Person | None
    owner: str


@dataclass(frozen=True, slots=True)
class TicketView:
    """One account's record of a ticket; empty text and None are missing values."""

    key: str
    subject: str
    description: str
    statuses: tuple[tuple[datetime, str], ...]
    priority: str
    rating: int | None
    company: str
    contact: str
    owner: str
    origin: str
    created: datetime
    modified: datetime

    @property
    def closed(self) -> datetime | None:
        """When it was closed, None while it is open."""
        at, status = self.statuses[-1]
        return at if status == "closed" else None


_SUBJECTS = (
    "Cannot sign in to the portal", "Invoice {} shows the wrong VAT", "Export stops at row {}",
    "Device {} is offline", "Passwort läuft ab, Konto {}", "Lieferung {} unvollständig",
    "Facture {} en double", "Impossible d'ouvrir le rapport n° {}", "ระบบล่มตอนพิมพ์ใบเสร็จ {}",
    "สินค้าล็อต {} ชำรุด", "فاکتور {} اشتباه است", "خطای ورود کاربر {}", "Refund for order {}",
    "How do I add a user?", "Webhook {} times out", "ラベル {} が印刷できない",
)  # fmt: skip
_DESCRIPTIONS = (
    "Happens since this morning, several people are affected.", "See the attached screenshot.",
    "ลูกค้าโทรมาแจ้ง ขอให้ติดต่อกลับก่อนเที่ยง", "لطفاً پیش از پایان روز پاسخ دهید.",
    "Bitte um Rückruf – Büro ist bis 17 Uhr besetzt.", "Le client a déjà relancé deux fois.", "",
)  # fmt: skip


def _begun(chance: Chance, calendar: Calendar) -> datetime:
    """A morning hour in UTC at which it is the same day in Bangkok and in California."""
    day = chance.instant(calendar.ago(3 * 365 - 2), calendar.ago(3)).date()
    start = datetime(day.year, day.month, day.day, tzinfo=calendar.today.tzinfo)
    return start + timedelta(
        hours=8, minutes=chance.randint(30, 400), seconds=chance.randint(0, 59)
    )


def _course(
    chance: Chance, calendar: Calendar, begun: datetime
) -> tuple[tuple[datetime, str], ...]:
    """Statuses and instants: old tickets are closed, recent ones often still open."""
    recent = begun > calendar.ago(60)
    path = ["new"]
    if chance.sometimes(0.8):
        path.append("in_progress")
    if chance.sometimes(0.35):
        path.append("waiting")
    if chance.sometimes(0.45 if recent else 0.93):
        path.append("closed")
    available = (calendar.ago(0.5) - begun).total_seconds()
    span = min(available, chance.lognormvariate(11.5, 1.1) + 7200)
    marks = sorted(chance.uniform(0.03, 1.0) for _ in path[1:])
    times = [begun] + [begun + timedelta(seconds=int(span * mark) + 1) for mark in marks]
    return tuple(zip(times, path, strict=True))


def make_tickets(
    seed: int,
    least: int,
    calendar: Calendar,
    companies: list[Company],
    people: list[Person],
    owners: list[str],
) -> list[Ticket]:
    """Tickets enough for `least` in each account, from a company's contact, or from somebody
    without a company."""
    chance = Chance(seed, "tickets")
    groups = group_by_vendors([person.vendors for person in people])
    at_company = group_by_vendors([company.vendors for company in companies])
    made = []
    for number, vendors in enumerate(memberships(chance, least, MOSTLY_ONE), start=1):
        contact: Person | None = None
        company: Company | None = None
        if chance.sometimes(0.85):
            place = pick_wide(chance, groups, vendors)
            contact = None if place is None else people[place]
            company = contact.company if contact else None
        else:
            place = pick_wide(chance, at_company, vendors)
            company = None if place is None else companies[place]
        begun = _begun(chance, calendar)
        statuses = _course(chance, calendar, begun)
        closed = statuses[-1][1] == "closed"
        made.append(
            Ticket(
                key=f"ticket-{number:06d}",
                vendors=vendors,
                subject=chance.choice(_SUBJECTS).format(chance.randint(1000, 99999)),
                description=chance.choice(_DESCRIPTIONS),
                statuses=statuses,
                priority=chance.choices(("low", "medium", "high", "urgent"), (3, 5, 3, 1))[0],
                rating=(
                    chance.choices((1, 2, 3, 4, 5), (1, 1, 2, 5, 6))[0]
                    if closed and chance.sometimes(0.6)
                    else None
                ),
                company=company,
                contact=contact,
                owner=chance.choice(owners),
            )
        )
    return made


def ticket_views(seed: int, calendar: Calendar, ticket: Ticket) -> list[tuple[str, TicketView]]:
    """What each of the ticket's accounts has; opened there within the same hour or so."""
    chance = Chance(seed, f"views/{ticket.key}")
    many = len(ticket.vendors) > 1
    stale = chance.choice(ticket.vendors) if many and chance.sometimes(0.2) else ""
    views = []
    for place, vendor in enumerate(ticket.vendors):
        old = vendor == stale and len(ticket.statuses) > 1
        statuses = ticket.statuses[:-1] if old else ticket.statuses
        second = statuses[1][0] if len(statuses) > 1 else calendar.ago(1)
        created = min(statuses[0][0] + timedelta(minutes=place * chance.randint(1, 30)), second)
        statuses = ((created, statuses[0][1]), *statuses[1:])
        company, contact = ticket.company, ticket.contact
        modified = max(calendar.modified(chance, created, old), statuses[-1][0])
        view = TicketView(
            key=ticket.key,
            subject=spelling.title_text(chance, ticket.subject),
            description=ticket.description if chance.sometimes(0.85) else "",
            statuses=statuses,
            priority=ticket.priority if chance.sometimes(0.95) else "",
            rating=None if old else ticket.rating,
            company=company.key if company and vendor in company.vendors else "",
            contact=contact.key if contact and vendor in contact.vendors else "",
            owner=ticket.owner,
            origin=chance.choice(("Email", "Phone", "Web")),
            created=created,
            modified=min(modified, calendar.ago(0.01)),
        )
        views.append((vendor, view))
    return views
