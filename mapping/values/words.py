"""Word lists shipped as data: mapping/catalog/words/*.yaml."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import yaml


@lru_cache(maxsize=8)
def _lists(name: str) -> dict[str, tuple[str, ...]]:
    source = files("mapping").joinpath("catalog", "words", f"{name}.yaml")
    loaded = yaml.load(source.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 (it makes texts only)
    return {
        key: tuple(line.strip() for line in text.splitlines() if line.strip())
        for key, text in loaded.items()
    }


@lru_cache(maxsize=32)
def words(name: str, key: str) -> tuple[str, ...]:
    """The lines of one list of ``catalog/words/<name>.yaml``, in order.

    Raises:
        KeyError: no such list.
    """
    return _lists(name)[key]
