"""Who is who: for every record the real person, company, deal, ticket or user behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: One native row as a sandbox's `load` takes it.
Row = dict[str, Any]

#: Common objects in load order: what is referred to comes first.
OBJECTS: tuple[str, ...] = ("user", "company", "contact", "deal", "ticket")

#: object -> vendor -> record id -> key of the real thing.
Truth = dict[str, dict[str, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Demo data for every account.

    Attributes:
        rows: vendor -> native object -> rows for `load`, in load order.
        truth: who is who; two records are of one thing exactly when their keys are equal.
    """

    rows: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    truth: Truth = field(default_factory=dict)

    def write_truth(self, path: Path | str) -> None:
        """Store the truth as JSON, UTF-8.

        Raises:
            OSError: the file cannot be written.
        """
        write_truth(self.truth, path)


def write_truth(truth: Mapping[str, Any], path: Path | str) -> None:
    """Store a truth as JSON, UTF-8."""
    text = json.dumps(truth, ensure_ascii=False, indent=1, sort_keys=True)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read_truth(path: Path | str) -> Truth:
    """A truth stored by `write_truth`."""
    read: Truth = json.loads(Path(path).read_text(encoding="utf-8"))
    return read


def pairs(truth: Truth, object: str) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """Every two records of one thing, as ((vendor, id), (vendor, id)) in order.

    What a perfect matcher links; records of one account appear where it holds duplicates.
    """
    by_key: dict[str, list[tuple[str, str]]] = {}
    for vendor, records in truth.get(object, {}).items():
        for record, key in records.items():
            by_key.setdefault(key, []).append((vendor, record))
    found = set()
    for members in by_key.values():
        ordered = sorted(members)
        found |= {(a, b) for at, a in enumerate(ordered) for b in ordered[at + 1 :]}
    return found
