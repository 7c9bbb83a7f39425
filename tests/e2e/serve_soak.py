"""`concord serve` left alone while people edit: `python -m tests.e2e.serve_soak --minutes 10`.

Every second somebody changes a record in one of three sandboxes. At the end the edits stop,
the hub gets time for two more runs, and all three accounts must hold the same; then the hub
is told to stop and must end by itself with exit code 0.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connectors.sandbox.fleet import VENDORS
from mapping.document import catalog
from sync.store import tables
from sync.store.database import open_engine
from tests.e2e.side import Side

#: Seconds between two runs of the hub.
EVERY = 3.0
#: Seconds that the start and the first run may take on a busy machine.
_FIRST_RUN = 120.0


def soak(folder: Path, seconds: float, seed: int) -> dict[str, Any]:
    """Serve, and once records are shared for `seconds` more with edits arriving; what was found.

    Returns: edits, runs, lag (seconds from the last edit until all agreed), disagreements,
    exit_code, stop_seconds.
    """
    chance = random.Random(seed)
    side = Side(folder, reconcile_minutes=EVERY / 60)
    log = folder / "serve.log"
    try:
        with log.open("wb") as stream:
            hub = subprocess.Popen(side.command("serve"), stderr=stream)
        slowest = time.monotonic() + _FIRST_RUN
        while not _shared(side) and hub.poll() is None and time.monotonic() < slowest:
            time.sleep(0.2)
        until, edits = time.monotonic() + seconds, 0
        while time.monotonic() < until and hub.poll() is None:
            time.sleep(1)
            edits += _edit(side, chance, edits)
        last, lag = time.monotonic(), 0.0
        while _disagreements(side) and lag < 60:
            time.sleep(1)
            lag = time.monotonic() - last
        found = _disagreements(side)
        asked = time.monotonic()
        hub.send_signal(signal.SIGTERM)
        code = hub.wait(timeout=60)
        return {
            "edits": edits,
            "runs": _count(side, tables.run),
            "lag": round(lag, 1),
            "disagreements": found,
            "exit_code": code,
            "stop_seconds": round(time.monotonic() - asked, 1),
        }
    finally:
        side.close()


def _edit(side: Side, chance: random.Random, number: int) -> bool:
    """One person changes one contact's job title in one account."""
    linked = _shared(side)
    if not linked:
        return False
    vendor, places = chance.choice(VENDORS), chance.choice(linked)
    document = catalog(vendor, "contact")
    sandbox = side.fleet.servers[vendor].vendor
    with sandbox.lock:
        sandbox.edit(
            document.native,
            places[vendor],
            {document.fields["job_title"].native: f"Title {number}"},
        )
    return True


def _shared(side: Side) -> list[dict[str, str]]:
    """Those of them that all accounts have."""
    return [places for places in _linked(side) if len(places) == len(VENDORS)]


def _linked(side: Side) -> list[dict[str, str]]:
    """vendor -> record of each contact the hub knows."""
    engine = open_engine(side.store)
    column = tables.link.c
    query = sa.select(column.entity, column.connection, column.record)
    with engine.connect() as store:
        rows = store.execute(query.where(column.object == "contact")).all()
    engine.dispose()
    found: dict[str, dict[str, str]] = {}
    for entity, connection, record in rows:
        found.setdefault(entity, {})[connection] = record
    return [found[entity] for entity in sorted(found)]


def _disagreements(side: Side) -> list[dict[str, Any]]:
    """Contacts whose job title differs between accounts."""
    titles: dict[str, dict[str, Any]] = {}
    for vendor in VENDORS:
        document = catalog(vendor, "contact")
        sandbox = side.fleet.servers[vendor].vendor
        with sandbox.lock:
            rows = sandbox.state(document.native)
        field = document.fields["job_title"].native
        titles[vendor] = {row["id"]: row.get(field) or None for row in rows}
    said = [{v: titles[v].get(id) for v, id in places.items()} for places in _linked(side)]
    return [values for values in said if len(set(values.values())) > 1]


def _count(side: Side, table: sa.Table) -> int:
    engine = open_engine(side.store)
    with engine.connect() as store:
        count = store.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    engine.dispose()
    return int(count)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as made:
        outcome = soak(Path(made) / "soak", chosen.minutes * 60, chosen.seed)
    print(outcome)
    sys.exit(bool(outcome["disagreements"] or outcome["exit_code"]))
