"""``python -m tests.bench``: every part in turn; ``python -m tests.bench PART``: that one.

A part is a module with `add_options(parser)` and `run(options)`; a new one is named in `PARTS`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from types import ModuleType

from tests.bench import calls, memory, quality, translate

PARTS: dict[str, ModuleType] = {
    "calls": calls,
    "quality": quality,
    "translate": translate,
    "memory": memory,
}


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    commands = parser.add_subparsers(dest="part", metavar=" | ".join(PARTS))
    alone: dict[str, argparse.ArgumentParser] = {}
    for name, part in PARTS.items():
        alone[name] = commands.add_parser(name, description=part.__doc__)
        part.add_options(alone[name])
    options = parser.parse_args(words)
    if options.part:
        PARTS[options.part].run(options)
        return
    for name, part in PARTS.items():
        part.run(alone[name].parse_args([]))


if __name__ == "__main__":
    main()
