"""The common deal stages, with what KPIs and plans need to know about them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Literal, cast

from mapping.positions import read_yaml


@dataclass(frozen=True, slots=True)
class DealStage:
    """One stage; `probability` is 0 to 1, `order` counts from 0 along the pipeline."""

    name: str
    label: str
    probability: Decimal
    status: Literal["open", "won", "lost"]
    order: int


@lru_cache(maxsize=1)
def load_stages() -> dict[str, DealStage]:
    """The stages of ``catalog/stages.yaml`` by name, in pipeline order."""
    source = files("mapping").joinpath("catalog", "stages.yaml")
    data = read_yaml(source.read_text(encoding="utf-8"), str(source)).data
    assert isinstance(data, dict)
    found = {}
    for order, (name, block) in enumerate(data.items()):
        assert isinstance(block, dict)
        status = str(block["status"])
        assert status in ("open", "won", "lost")
        found[name] = DealStage(
            name=name,
            label=str(block["label"]),
            probability=Decimal(str(block["probability"])),
            status=cast(Literal["open", "won", "lost"], status),
            order=order,
        )
    return found
