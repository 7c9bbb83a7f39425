"""YAML read so that every problem can be told with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import yaml

#: What a YAML file holds here: no dates, no floats, no octal surprises.
Data: TypeAlias = "bool | int | Decimal | str | list[Data] | dict[str, Data] | None"
#: Keys and indexes from the root to a node.
Way: TypeAlias = tuple[str | int, ...]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
_WORDS: Mapping[str, bool | None] = {
    "true": True, "false": False, "null": None, "~": None, "": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a file; `str(flaw)` is ``file:line: where: message``."""

    file: str
    line: int
    where: str
    message: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}: {where}{self.message}"


@dataclass(frozen=True, slots=True)
class Located:
    """A file's data, the line of every node, and what is wrong already."""

    file: str
    data: Data
    lines: Mapping[Way, int]
    flaws: tuple[Flaw, ...]

    def flaw(self, way: Way, message: str) -> Flaw:
        """A flaw at a node, or at the nearest node above it that exists."""
        near = way
        while near and near not in self.lines:
            near = near[:-1]
        return Flaw(self.file, self.lines.get(near, 1), ".".join(map(str, way)), message)


def read_yaml(text: str, file: str) -> Located:
    """Parse one YAML document. Never raises for what is in the text: see `Located.flaws`.

    Plain scalars are YAML 1.2: ``no``, ``on``, ``0123`` and ``2026-01-31`` are text.
    """
    lines: dict[Way, int] = {}
    flaws: list[Flaw] = []
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        words = getattr(error, "problem", None) or "not readable as YAML"
        flaws.append(Flaw(file, mark.line + 1 if mark else 1, "", f"YAML: {words}"))
        return Located(file, None, lines, tuple(flaws))

    def build(node: yaml.Node, way: Way) -> Data:
        lines.setdefault(way, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [build(item, (*way, index)) for index, item in enumerate(node.value)]
        found: dict[str, Data] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*way, key)
            if key in found:
                message = f"the key {key!r} appears twice"
                line = key_node.start_mark.line + 1
                flaws.append(Flaw(file, line, ".".join(map(str, way)), message))
            lines[here] = key_node.start_mark.line + 1
            found[key] = build(value_node, here)
        return found

    data = build(root, ()) if root is not None else None
    return Located(file, data, lines, tuple(flaws))


def _scalar(node: yaml.ScalarNode) -> Data:
    text = str(node.value)
    if node.style is not None:  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return text
