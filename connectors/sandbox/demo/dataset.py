"""Everything put together: real things made once, then dealt out to the accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from connectors.sandbox.demo.chance import VENDORS, Calendar
from connectors.sandbox.demo.companies import company_views, make_companies
from connectors.sandbox.demo.deal_out import Account
from connectors.sandbox.demo.deals import deal_views, make_deals
from connectors.sandbox.demo.people import contact_views, make_people
from connectors.sandbox.demo.spelling import Numbers
from connectors.sandbox.demo.tickets import make_tickets, ticket_views
from connectors.sandbox.demo.truth import OBJECTS, Dataset
from connectors.sandbox.demo.users import make_users

E = TypeVar("E")
V = TypeVar("V")


def generate(seed: int, contacts: int = 400, *, now: datetime) -> Dataset:
    """Demo data for the three accounts; the same arguments give the same data.

    Args:
        seed: any integer.
        contacts: how many contacts each account has at least; a quarter as many companies,
            two fifths as many deals and three eighths as many tickets come with them.
        now: aware; every stamp lies before it.

    Raises:
        ValueError: `contacts` is negative or `now` is naive.
    """
    if contacts < 0:
        raise ValueError(f"contacts must not be negative: {contacts}")
    calendar, numbers = Calendar(now), Numbers()
    users = make_users(seed, contacts)
    owners = [user.key for user in users]
    companies = make_companies(seed, _share(contacts, 1, 4), calendar, owners, numbers)
    people = make_people(seed, contacts, calendar, companies, owners, numbers)
    deals = make_deals(seed, _share(contacts, 2, 5), calendar, companies, people, owners)
    tickets = make_tickets(seed, _share(contacts, 3, 8), calendar, companies, people, owners)

    company_records = _dealt(companies, lambda c: company_views(seed, calendar, c))
    contact_records = _dealt(people, lambda p: contact_views(seed, calendar, p))
    deal_records = _dealt(deals, lambda d: deal_views(seed, calendar, d))
    ticket_records = _dealt(tickets, lambda t: ticket_views(seed, calendar, t))

    dataset = Dataset(truth={name: {} for name in OBJECTS})
    for vendor in VENDORS:
        account = Account(vendor, seed)
        account.add_users(users)
        account.add_companies(company_records[vendor])
        account.add_contacts(contact_records[vendor])
        account.add_deals(deal_records[vendor])
        account.add_tickets(ticket_records[vendor])
        dataset.rows[vendor] = account.rows
        for name in OBJECTS:
            dataset.truth[name][vendor] = account.truth.get(name, {})
    return dataset


def _share(contacts: int, parts: int, of: int) -> int:
    return -(-contacts * parts // of)


def _dealt(things: Iterable[E], views: Callable[[E], list[tuple[str, V]]]) -> dict[str, list[V]]:
    """Every account's views, in the order of the things."""
    records: dict[str, list[V]] = {vendor: [] for vendor in VENDORS}
    for thing in things:
        for vendor, view in views(thing):
            records[vendor].append(view)
    return records
