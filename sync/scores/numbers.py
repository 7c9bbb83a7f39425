"""What each level counts: trained numbers in a file, apart from how records are compared.

A file holds no SQL and nothing of single records: shares of pairs, and the shares of names
that several people have.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sync.scores.levels import DIFFERS, RESPECTS, Respect

#: The form of the files; another one is refused.
FORMAT = 1


class NumbersError(Exception):
    """A file of numbers cannot be used; the text says why and what to do."""


class Rarity(BaseModel):
    """How common the values of one column are: shares of all records, and that of any other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shares: dict[str, float]
    other: float = Field(gt=0, le=1)


class Numbers(BaseModel):
    """A trained model.

    Attributes:
        prior: the share of all pairs of records that are the same thing. It is smaller the more
            records there are.
        levels: respect -> level -> (m, u): the shares of the pairs that are the same thing, and
            of those that are not, that agree in this way.
        rarity: column -> how common its values are; no column, no difference.
        records: how many records it was trained on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    object: str
    prior: float = Field(gt=0, lt=1)
    levels: dict[str, dict[str, tuple[float, float]]]
    rarity: dict[str, Rarity] = Field(default_factory=dict)
    records: int = 0
    trained_at: str = ""

    def of(self, respect: Respect, label: str) -> tuple[float, float]:
        """(m, u) of a level, neither of them 0 nor 1."""
        m, u = self.levels[respect.field][label]
        return min(max(m, 1e-6), 1 - 1e-6), min(max(u, 1e-9), 1 - 1e-6)

    def fits(self) -> bool:
        """Whether it has a number for every level there is."""
        return all(
            self.levels.get(respect.field, {}).keys()
            == {DIFFERS, *(level.label for level in respect.levels)}
            for respect in RESPECTS.get(self.object, ())
        )

    def write(self, path: Path) -> None:
        """Store it as JSON.

        Raises:
            NumbersError: the file cannot be written.
        """
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        try:
            path.write_bytes(orjson.dumps(self.model_dump(), option=options))
        except OSError as error:
            raise NumbersError(f"{path}: {error.strerror or error}") from error


def read(path: Path, object: str) -> Numbers:
    """The numbers in a file.

    Raises:
        NumbersError: there is no such file, or it was not made for this object and version.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise NumbersError(
            f"{path}: {error.strerror or error}; `concord train {object}` writes such a file"
        ) from error
    return _parse(body, str(path), object)


@lru_cache(maxsize=8)
def shipped(object: str) -> Numbers:
    """The numbers that come with the hub: trained on made-up data, for a million records."""
    body = files("sync.scores").joinpath(f"{object}.json").read_bytes()
    return _parse(body, f"{object}.json", object)


def _parse(body: bytes, name: str, object: str) -> Numbers:
    try:
        data: Any = orjson.loads(body)
        numbers = Numbers.model_validate(data)
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise NumbersError(
            f"{name} holds no trained numbers; write it anew with `concord train {object}`"
        ) from error
    if numbers.format != FORMAT or numbers.object != object or not numbers.fits():
        raise NumbersError(
            f"{name} was trained for another object or by another version of Concord; write it "
            f"anew with `concord train {object}`"
        )
    return numbers


def guess(object: str) -> Numbers:
    """Numbers to begin training with: the stronger the level, the more of the true pairs and
    the fewer of the others agree so."""
    levels: dict[str, Mapping[str, tuple[float, float]]] = {}
    for respect in RESPECTS[object]:
        count = len(respect.levels)
        found = {
            level.label: (0.6 if place == 0 else 0.3 / count, 10.0 ** (-4 + 3 * place / count))
            for place, level in enumerate(respect.levels)
        }
        rest = 1 - sum(m for m, _ in found.values()), 1 - sum(u for _, u in found.values())
        levels[respect.field] = {**found, DIFFERS: rest}
    return Numbers(object=object, prior=1e-4, levels={k: dict(v) for k, v in levels.items()})
