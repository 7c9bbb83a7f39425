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


def dotted(way: Way) -> str:
    """A way as it is written in messages: ``objects.contact.create_in.0``."""
    return ".".join(map(str, way))


@dataclass(frozen=True, slots=True)
class Spot:
    """How far a way leads.

    Attributes:
        way: the part of it that exists.
        line: of the last node on it, from 1: of its key, if it has one.
        begins: where the node itself begins; for a block, the line of its first key or item.
    """

    way: Way
    line: int
    begins: int


def spot(root: yaml.Node | None, way: Way) -> Spot:
    """Follow a way from the root, as far as it leads."""
    if root is None:
        return Spot((), 1, 1)
    node, line = root, root.start_mark.line + 1
    for depth, part in enumerate(way):
        found = _below(node, part)
        if found is None:
            return Spot(way[:depth], line, node.start_mark.line + 1)
        line, node = found
    return Spot(way, line, node.start_mark.line + 1)


def _below(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == str(part):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def line_of(root: yaml.Node | None, way: Way) -> int:
    """The line of a node; of one that is missing, where the block that lacks it begins."""
    found = spot(root, way)
    return found.line if found.way == way else found.begins


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
    """A file's data, its nodes, and what is wrong already."""

    file: str
    data: Data
    root: yaml.Node | None
    flaws: tuple[Flaw, ...]

    def flaw(self, way: Way, message: str) -> Flaw:
        """A flaw at a node, or at the nearest node above it that exists."""
        return Flaw(self.file, spot(self.root, way).line, dotted(way), message)


def read_yaml(text: str, file: str) -> Located:
    """Parse one YAML document. Never raises for what is in the text: see `Located.flaws`.

    Plain scalars are YAML 1.2: ``no``, ``on``, ``0123`` and ``2026-01-31`` are text.
    """
    flaws: list[Flaw] = []
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark, words = getattr(error, "problem_mark", None), getattr(error, "problem", error)
        flaw = Flaw(file, mark.line + 1 if mark else 1, "", f"YAML: {words}")
        return Located(file, None, None, (flaw,))

    def build(node: yaml.Node, way: Way) -> Data:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [build(item, (*way, index)) for index, item in enumerate(node.value)]
        found: dict[str, Data] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in found:
                message = f"the key {key!r} appears twice"
                flaws.append(Flaw(file, key_node.start_mark.line + 1, dotted(way), message))
            found[key] = build(value_node, (*way, key))
        return found

    data = build(root, ()) if root is not None else None
    return Located(file, data, root, tuple(flaws))


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
