"""Accounts in processes of their own: what they take up is not what is measured.

Run as ``python -m tests.bench.accounts VENDOR RECORDS``: a sandbox with so many contacts, of
which every vendor has the same, until its standard input is closed. It prints where it is.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from connectors.base import Access
from connectors.sandbox.server import Server
from tests.contract.rig import OLD
from tests.contract.words import WORDS


def rows(vendor: str, count: int) -> Iterator[Mapping[str, Any]]:
    """Contacts that nobody touched for long; number N is the same person everywhere."""
    words = WORDS[vendor]
    for number in range(count):
        yield {
            "created_at": OLD,
            "modified_at": OLD,
            **words.contact.row(
                f"Person {number}",
                **{words.email: f"person{number}@example.com", words.date: "1980-02-29"},
            ),
        }


def serve(vendor: str, count: int) -> None:
    """Serve until standard input ends."""
    sandbox = importlib.import_module(f"connectors.sandbox.{vendor}").Sandbox()
    sandbox.load(WORDS[vendor].contact.object, rows(vendor, count))
    server = Server(sandbox)
    try:
        print(json.dumps({"url": server.url, "auth": sandbox.credentials()}), flush=True)
        sys.stdin.read()
    finally:
        server.close()


@contextmanager
def accounts(vendors: Sequence[str], count: int) -> Iterator[dict[str, Access]]:
    """Filled accounts and how to reach them."""
    with ExitStack() as stack:
        started = {}
        for vendor in vendors:
            command = [sys.executable, "-m", "tests.bench.accounts", vendor, str(count)]
            started[vendor] = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        found = {}
        for vendor, process in started.items():
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            found[vendor] = Access(vendor, told["url"], told["auth"], sandbox=True)
        yield found
        for process in started.values():
            assert process.stdin is not None
            process.stdin.close()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
