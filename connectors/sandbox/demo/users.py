"""The people who own records: colleagues, some of whom have a seat in one account only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

from connectors.sandbox.demo.chance import VENDORS, Chance


@dataclass(frozen=True, slots=True)
class User:
    """An owner of records; `vendors` are the accounts with a seat for them."""

    key: str
    vendors: tuple[str, ...]
    first: str
    last: str
    email: str
    active: bool


_PEOPLE: tuple[tuple[str, str], ...] = (
    ("Ann", "Thompson"), ("Chai", "Rungsiri"), ("Lukas", "Böhme"), ("Mina", "Farahani"),
    ("Zoé", "Laurent"), ("Ken", "Watanabe"), ("Priya", "Nair"), ("Tom", "Ashby"),
    ("Ploy", "Kaewsri"), ("Diego", "Santos"), ("Freya", "Lind"), ("Omar", "Haddad"),
)  # fmt: skip


def make_users(seed: int, contacts: int) -> list[User]:
    """Six to twelve colleagues: every third in all accounts, the rest in one or two."""
    if contacts == 0:
        return []
    chance = Chance(seed, "users")
    seats = cycle([VENDORS, ("salesforce",), ("hubspot", "zoho"), VENDORS, ("hubspot",), ("zoho",)])
    count = min(len(_PEOPLE), 6 + contacts // 100)
    people = list(_PEOPLE)
    chance.shuffle(people)
    return [
        User(
            key=f"user-{number:02d}",
            vendors=next(seats),
            first=first,
            last=last,
            email=f"{first}.{last}@northwind-partners.com".lower().translate(
                str.maketrans("öé", "oe")
            ),
            # The one who left still owns records where they had a seat.
            active=number != count,
        )
        for number, (first, last) in enumerate(people[:count], start=1)
    ]
