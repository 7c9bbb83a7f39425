"""The long form: ``python -m tests.stateful --examples 10000 --processes 2 --seed 1``.

Prints what was run; ends with 1 and the steps that reproduce it when a law was broken.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed

from hypothesis import Phase, seed, settings
from hypothesis.stateful import RULE_MARKER, run_state_machine_as_test

from tests.stateful.machine import SETTINGS, STATISTICS, Hub


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stateful")
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=SETTINGS.stateful_step_count)
    parser.add_argument("--no-shrink", action="store_true", help="show the first example found")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        return _one(chosen)
    return _all(chosen)


def _all(chosen: argparse.Namespace) -> int:
    """Share the examples among processes, each with a seed of its own, and add up. What one of
    them finds is printed when it ends."""
    began = time.monotonic()
    share, rest = divmod(chosen.examples, chosen.processes)
    running = []
    for number in range(chosen.processes):
        command = [
            sys.executable, "-m", "tests.stateful", "--child",
            "--examples", str(share + (number < rest)),
            "--seed", str(chosen.seed * 1000 + number),
            "--steps", str(chosen.steps),
        ]  # fmt: skip
        if chosen.no_shrink:
            command.append("--no-shrink")
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    total: Counter[str] = Counter()
    broken = 0
    with ThreadPoolExecutor(len(running)) as waiting:
        ends = {waiting.submit(process.communicate): process for process in running}
        for end in as_completed(ends):
            output, _ = end.result()
            told, _, last = output.rstrip("\n").rpartition("\n")
            try:
                total.update(json.loads(last))
            except ValueError:
                told = output
            if told:
                print(told, flush=True)
            broken += ends[end].returncode != 0
    _tell(total, chosen, broken, time.monotonic() - began)
    return 1 if broken else 0


def _tell(total: Counter[str], chosen: argparse.Namespace, broken: int, seconds: float) -> None:
    rules = {name for name, member in vars(Hub).items() if hasattr(member, RULE_MARKER)}
    print(f"seed {chosen.seed}, {chosen.processes} processes, {seconds:.0f} s")
    print(f"examples           {total['examples']:>9,}")
    print(f"rules run          {sum(total[name] for name in rules):>9,}")
    for name in sorted(rules):
        print(f"  {name.replace('_', ' '):<34}{total[name]:>9,}")
    for name in sorted(set(total) - rules - {"examples"}):
        print(f"{name:<36}{total[name]:>9,}")
    print(f"violations         {broken:>9}")


def _one(chosen: argparse.Namespace) -> int:
    """Run in this process; the statistics are the last line printed."""
    phases = (Phase.generate,) if chosen.no_shrink else (Phase.generate, Phase.shrink)
    wanted = settings(
        SETTINGS,
        max_examples=chosen.examples,
        stateful_step_count=chosen.steps,
        database=None,
        derandomize=False,
        phases=phases,
    )

    class Seeded(Hub):
        """The same machine; tells how far it is."""

        def teardown(self) -> None:
            super().teardown()
            if STATISTICS["examples"] % 100 == 0:
                print(f"seed {chosen.seed}: {STATISTICS['examples']} examples", file=sys.stderr)

    broken = 0
    try:
        run_state_machine_as_test(seed(chosen.seed)(Seeded), settings=wanted)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        broken = 1
    print(json.dumps(STATISTICS))
    return broken


if __name__ == "__main__":
    sys.exit(main())
