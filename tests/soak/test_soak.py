"""Thirty rounds of the soak for each vendor, and proof that it sees what is withheld."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import Connector, Page, Record
from connectors.sandbox.fleet import VENDORS
from tests.soak.soak import Outcome, Soak

SEED = 7


def _soak(vendor: str, rounds: int, **rest: Any) -> Outcome:
    soak = Soak(vendor, SEED, 0.1, **rest)
    try:
        return soak.run(rounds)
    finally:
        soak.close()


@pytest.mark.slow
@pytest.mark.parametrize("vendor", VENDORS)
def test_every_change_is_reported_as_the_log_has_it(vendor: str) -> None:
    outcome = _soak(vendor, 30)
    assert outcome.wrong == "", f"python -m tests.soak --vendor {vendor} --seed {SEED}"
    assert outcome.rounds == 30
    assert outcome.failed > outcome.calls * 0.05
    done = {deed for deed, times in outcome.deeds.items() if times}
    assert {"edit", "create", "remove", "merge"} <= done
    assert outcome.writes["written"] > 0


def test_a_replay_does_the_same() -> None:
    one, two = (_soak("zoho", 8) for _ in range(2))
    assert one == two


class Tampered(ABC):
    """A connector whose pages go through `change`."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def pull(self, object: str, fields: Sequence[str], since: str | None) -> Iterator[Page]:
        for page in self._connector.pull(object, fields, since):
            made = [self.change(record) for record in page.records] if since else page.records
            yield replace(page, records=tuple(record for record in made if record))

    @abstractmethod
    def change(self, record: Record) -> Record | None:
        """The record as it is passed on, None if it is not."""


class Withholding(Tampered):
    """Says nothing of one record in three."""

    def change(self, record: Record) -> Record | None:
        return None if chosen(record) else record


class Burying(Tampered):
    """Says that one record was deleted that was not."""

    def change(self, record: Record) -> Record | None:
        return replace(record, deleted=True, values={}) if chosen(record) else record


class Altering(Tampered):
    """Says that a field is empty that is not."""

    def change(self, record: Record) -> Record | None:
        emptied = dict.fromkeys(record.values)
        return replace(record, values=emptied) if chosen(record) else record


def chosen(record: Record) -> bool:
    """One record in three, the same in every run."""
    return sum(record.id.encode()) % 3 == 0


@pytest.mark.parametrize(
    ("tamper", "words"),
    [(Withholding, "reported"), (Burying, "is reported deleted"), (Altering, "is reported as")],
)
def test_what_is_not_so_is_found(tamper: Any, words: str) -> None:
    outcome = _soak("hubspot", 10, tamper=tamper)
    assert words in outcome.wrong
