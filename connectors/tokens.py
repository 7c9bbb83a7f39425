"""Access tokens that outlive the process, so that every start does not ask for new ones.

Vendors count token requests (Zoho gives ten in ten minutes) and some rotate the refresh
token with each. What is kept is sealed with a key made from the connection's own secrets:
the store alone opens no account, and a changed credential makes the old tokens unreadable,
which is what should happen to them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class TokenKeeper(Protocol):
    """Where one connection's sealed tokens are kept. Safe to call from any thread."""

    def load(self) -> bytes | None:
        """What was saved last, None if nothing was."""
        ...

    def save(self, sealed: bytes) -> None:
        """Keep this instead of what was kept before."""
        ...


def sealer(auth: Mapping[str, str], purpose: str) -> Fernet:
    """What seals for these credentials, and opens for no others."""
    secret = json.dumps(sorted(auth.items())).encode()
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))


class Tokens:
    """Named tokens of one connection, kept sealed. Without a keeper nothing is kept."""

    def __init__(self, keeper: TokenKeeper | None, auth: Mapping[str, str]) -> None:
        self._keeper = keeper
        self._fernet = sealer(auth, "concord tokens")

    def load(self) -> dict[str, str]:
        """What was kept; {} if nothing, or under other credentials."""
        sealed = self._keeper.load() if self._keeper else None
        if sealed is None:
            return {}
        try:
            kept = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError):
            return {}
        return {str(name): str(value) for name, value in kept.items()}

    def save(self, tokens: Mapping[str, str]) -> None:
        """Keep these instead."""
        if self._keeper is not None:
            self._keeper.save(self._fernet.encrypt(json.dumps(dict(tokens)).encode()))
