"""Accounts that live in this process, for tests of hubs and of code that uses connectors.

account = Account("left", objects)
register(account)
connect(Access("left", url="memory://left"))

`Access.options` may say how many records a ``batch`` of writes and a ``page`` hold (5).
"""

from __future__ import annotations

from connectors.base import Access
from connectors.errors import Misconfigured
from connectors.memory.account import HUB_USER, PERSON, Account, Quirks, Row
from connectors.memory.connector import MemoryConnector

__all__ = [
    "HUB_USER", "PERSON", "Account", "MemoryConnector", "Quirks", "Row", "connect", "register",
]  # fmt: skip

_accounts: dict[str, Account] = {}


def register(account: Account) -> str:
    """Make an account reachable in this process; the URL to reach it by."""
    _accounts[account.name] = account
    return f"memory://{account.name}"


def connect(access: Access) -> MemoryConnector:
    """A connector to a registered account.

    Raises:
        Misconfigured: no account of that name is registered.
    """
    name = access.url.removeprefix("memory://")
    if name not in _accounts:
        raise Misconfigured(
            f"{access.connection}: no account {name!r} lives in this process",
            connection=access.connection,
        )
    sizes = {
        name: int(access.options[name]) for name in ("batch", "page") if name in access.options
    }
    return MemoryConnector(access.connection, _accounts[name], budget=access.budget, **sizes)
