"""What a store holds survives its being brought to this version."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Engine

from sync.model import Place, Replica
from sync.store import database, decisions, replicas
from sync.store.database import migrate, session


def bring(engine: Engine, revision: str) -> None:
    """The tables as an earlier version left them."""
    config = Config()
    folder = Path(database.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_duplicates_that_were_reported_get_numbers(blank: Engine) -> None:
    bring(blank, "0005")
    pairs = [("1", "2", 4), ("1", "3", 2), ("2", "3", 2)]
    with blank.execution_options(writes=True).begin() as connection:
        for record, other, run in pairs:
            words = {"r": record, "o": other, "n": run}
            connection.execute(
                sa.text(
                    'INSERT INTO duplicate (connection, object, record, "of", rule, run) '
                    "VALUES ('left', 'contact', :r, :o, 'email', :n)"
                ),
                words,
            )
    migrate(blank)
    with session(blank) as store:
        known = [Replica(Place("left", id), seen={}, base=None) for id in "1234"]
        replicas.save(store, "contact", known)
        found = decisions.duplicates(store)
        assert [(row["record"], row["of"], row["run"]) for row in found] == pairs
        assert {row["id"] for row in found} == {1, 2, 3}
        fresh = [(Place("left", a), Place("left", b), "name") for a, b in ("12", "14")]
        assert decisions.save_duplicates(store, "contact", fresh, 5) == 1
        again = {(row["record"], row["of"]): row for row in decisions.duplicates(store)}
        assert again["1", "2"]["rule"] == "email", "it is known"
        assert again["1", "4"]["id"] == 4
