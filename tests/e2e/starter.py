"""Runs of the hub as processes of their own, forked from one that has imported everything.

A fresh interpreter takes seconds to import three SDKs; a fork of one that did so is the same
process without the wait, and is killed the same way.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_LOOP = """
import json, os, sys
import connectors.hubspot.connector, connectors.salesforce.connector, connectors.zoho.connector
from sync.cli import main
for line in sys.stdin:
    words, output = json.loads(line)
    child = os.fork()
    if not child:
        code = 70
        try:
            stream = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(stream, 1)
            os.dup2(stream, 2)
            sys.argv = ["concord", *words]
            main()
        except SystemExit as left:
            code = left.code or 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Starter:
    """Starts `concord` again and again; one process at a time. `output` holds what the last one
    printed."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self._loop = subprocess.Popen(
            [sys.executable, "-c", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, words: Sequence[str]) -> int:
        """Start one; its process id."""
        assert self._loop.stdin is not None
        self._loop.stdin.write(json.dumps([list(words), str(self.output)]) + "\n")
        self._loop.stdin.flush()
        return self._line()

    def ended(self) -> bool:
        """Whether it has come to its end."""
        return bool(select.select([self._loop.stdout], [], [], 0)[0])

    def wait(self) -> int:
        """Its exit code, minus the signal if it was killed."""
        return self._line()

    def _line(self) -> int:
        assert self._loop.stdout is not None
        return int(self._loop.stdout.readline())

    def close(self) -> None:
        """End the process that starts the others."""
        self._loop.communicate()
