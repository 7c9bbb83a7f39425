"""docs/sandboxes.md, held against the code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from connectors.sandbox.faults import Fault
from connectors.sandbox.kinds import CHANGES, KINDS
from connectors.sandbox.server import Control
from tests.connectors.faulty import Account

PAGE = Path(__file__).parents[2] / "docs" / "sandboxes.md"


def test_the_page_shows_every_fault_with_an_example_that_works(
    make_account: Callable[[str], Account],
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    examples = re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    assert [kind for kind, _ in examples] == list(KINDS)
    for kind, section in examples:
        blocks = re.findall(r"POST /control/faults/(\w+)\n(\{.*?\})\n```", section, re.DOTALL)
        assert blocks, kind
        for vendor, block in blocks:
            body = json.loads(block)
            assert body["kind"] == kind
            account = make_account(vendor)
            assert account.control.fail(vendor, **body)
            assert account.control.heal() == 1
        for option in (*KINDS[kind].needs, *KINDS[kind].takes):
            assert f"`{option}`" in section, (kind, option)


def test_the_page_names_every_call_and_every_part_of_a_fault() -> None:
    text = PAGE.read_text(encoding="utf-8")
    calls = re.findall(r"^    (GET|POST|DELETE) +``(.+?)``", Control.__doc__ or "", re.MULTILINE)
    assert len(calls) == 13
    for method, path in calls:
        assert re.search(rf"`{method} {re.escape(path)}`", text), path
    for part in Fault.__dataclass_fields__:
        assert part == "vendor" or f"`{part}`" in text, part
    for change in CHANGES:
        assert f"`{change}`" in text
