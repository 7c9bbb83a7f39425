"""Access tokens kept between processes."""

from __future__ import annotations

from connectors.tokens import Tokens

AUTH = {"client_id": "id", "client_secret": "s3cret", "refresh_token": "refresh-me"}
KEPT = {"access_token": "1000.abc", "expires_in": "17"}


class Drawer:
    """Keeps the last thing it was given."""

    def __init__(self) -> None:
        self.content: bytes | None = None

    def load(self) -> bytes | None:
        return self.content

    def save(self, sealed: bytes) -> None:
        self.content = sealed


def test_what_is_kept_comes_back_for_the_same_credentials_only() -> None:
    drawer = Drawer()
    Tokens(drawer, AUTH).save(KEPT)
    assert Tokens(drawer, AUTH).load() == KEPT
    assert Tokens(drawer, {**AUTH, "refresh_token": "another"}).load() == {}


def test_nothing_can_be_read_from_what_is_kept() -> None:
    drawer = Drawer()
    Tokens(drawer, AUTH).save(KEPT)
    assert drawer.content is not None
    for secret in (*KEPT.values(), *AUTH.values()):
        if len(secret) > 3:
            assert secret.encode() not in drawer.content


def test_damage_and_absence_are_nothing() -> None:
    drawer = Drawer()
    assert Tokens(drawer, AUTH).load() == {}
    drawer.content = b"not sealed by us"
    assert Tokens(drawer, AUTH).load() == {}
    assert Tokens(None, AUTH).load() == {}
    Tokens(None, AUTH).save(KEPT)
