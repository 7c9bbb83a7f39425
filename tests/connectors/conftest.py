"""Accounts whose sandbox can be told to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.connectors.faulty import VENDORS, Account


@pytest.fixture
def make_account() -> Iterator[Callable[[str], Account]]:
    made: list[Account] = []

    def account(vendor: str) -> Account:
        made.append(Account(vendor))
        return made[-1]

    yield account
    for one in made:
        one.close()


@pytest.fixture(params=VENDORS)
def account(request: pytest.FixtureRequest, make_account: Callable[[str], Account]) -> Account:
    """Each vendor in turn, the raw client signed in."""
    made = make_account(request.param)
    made.sign_in()
    return made
