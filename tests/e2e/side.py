"""Three sandboxes and a hub of their own, run as a command, as a person would."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connectors.sandbox.fleet import VENDORS, Fleet
from connectors.sandbox.salesforce.ids import to18
from mapping.document import catalog
from mapping.schema import OBJECTS
from sync.settings import SYNCED
from sync.store import tables
from sync.store.database import open_engine
from tests.e2e.starter import Starter

#: Stamps, which depend on the moment of writing.
TIMED = frozenset({"created_at", "closed_at"})
CONCORD = [sys.executable, "-c", "from sync.cli import main; main()"]


class Side:
    """Three sandboxes and a hub of their own, run as a command."""

    def __init__(self, folder: Path, seed: int = 11, store: str = "", **schedule: Any) -> None:
        """`store`: a URL, a file in `folder` by default; `seed` decides the demo data."""
        folder.mkdir(exist_ok=True)
        self.fleet = Fleet(seed=seed, contacts=30)
        self.store = store or f"sqlite:///{folder / 'hub.db'}"
        self.settings = folder / "settings.yaml"
        places = self.fleet.describe()
        # A private app's token cannot be renewed: one refusal of it is the end of a run.
        hubspot: Any = self.fleet.servers["hubspot"].vendor
        places["hubspot"]["auth"] = hubspot.oauth_credentials()
        connections = {
            vendor: {
                "vendor": vendor,
                "sandbox": True,
                "options": {"deletes_every": "0"},
                **places[vendor],
            }
            for vendor in VENDORS
        }
        objects = {
            name: {"create_in": list(VENDORS), "limits": {"create": 9999, "update": 9999}}
            for name in SYNCED
        }
        body = {
            "hub": {"store": self.store, "region": "TH"},
            "connections": connections,
            "objects": objects,
            "schedule": schedule,
        }
        self.settings.write_text(json.dumps(body), encoding="utf-8")
        self.starter = Starter(folder / "output")
        self._start("connect")
        assert self.starter.wait() == 0, self.starter.output.read_text(encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        return [*CONCORD, "--settings", str(self.settings), *words]

    def _start(self, *words: str) -> int:
        return self.starter.start(["--settings", str(self.settings), *words])

    def calls(self) -> int:
        """Requests the sandboxes have answered."""
        return sum(len(server.log.calls) for server in self.fleet.servers.values())

    def settle(self) -> None:
        """Run until a run writes nothing, past the search index's lag and the time in which
        deletions are looked for."""
        for _ in range(5):
            self.fleet.clock.advance(1000)
            if self.run() == 0:
                return
        raise AssertionError("still writing after five runs")

    def run(self) -> int:
        """One whole run; how many records it wrote."""
        self._start("sync", "--json")
        code, output = self.starter.wait(), self.starter.output.read_text(encoding="utf-8")
        assert code in (0, 1), output
        return int(json.loads(output[output.index("{") :])["writes"])

    def killed(self, after: int, later: float = 0.0) -> bool:
        """Start a run and kill it `later` seconds after it has made `after` calls; whether it
        was still alive."""
        before = self.calls()
        process = self._start("sync", "--json")
        while not self.starter.ended() and self.calls() - before < after:
            time.sleep(0.002)  # waits for the other process; there is no event to wait for
        time.sleep(later)
        if not self.starter.ended():
            os.kill(process, signal.SIGKILL)
        return self.starter.wait() == -signal.SIGKILL

    def edit(self, number: int) -> None:
        """What people do in one round: a new contact and a changed one."""
        vendor = VENDORS[number % 3]
        native = {"salesforce": "Contact", "hubspot": "contacts", "zoho": "Contacts"}[vendor]
        fields = {doc: f.native for doc, f in catalog(vendor, "contact").fields.items()}
        sandbox = self.fleet.servers[vendor].vendor
        with sandbox.lock:
            sandbox.load(
                native,
                [
                    {
                        "id": _newcomer(vendor, number),
                        fields["last_name"]: f"Newcomer {number}",
                        fields["email"]: f"newcomer{number}@round.example",
                    }
                ],
            )
            known = [row for row in self.fleet.dataset.rows[vendor][native] if "id" in row]
            changed = known[number % len(known)]["id"]
            sandbox.edit(native, changed, {fields["job_title"]: f"Head of {number}"})

    def accounts(self) -> dict[str, Counter[str]]:
        """vendor.object -> its live records without ids and stamps, counted."""
        keys: dict[str, str] = {}
        rows: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for vendor in VENDORS:
            for name in SYNCED:
                document = catalog(vendor, name)
                natives = {
                    field.native for common, field in document.fields.items() if common not in TIMED
                }
                for row in self.fleet.servers[vendor].vendor.state(document.native):
                    keys[row["id"]] = row.get(document.external_id) or row["id"]
                    if not row["deleted"]:
                        kept = {native: row.get(native) for native in natives}
                        rows.setdefault(f"{vendor}.{name}", []).append((row["id"], kept))
        return {
            place: Counter(
                json.dumps([keys[id], _named(body, keys)], sort_keys=True, default=str)
                for id, body in found
            )
            for place, found in rows.items()
        }

    def merged(self) -> dict[str, Counter[tuple[str, ...]]]:
        """The hub's merged rows, without stamps of its own."""
        engine = open_engine(self.store)
        with engine.connect() as connection:
            found = {
                name: Counter(
                    tuple(str(value) for value in row)
                    for row in connection.execute(
                        sa.select(
                            tables.entity[name].c.entity_id,
                            *(
                                tables.entity[name].c[field]
                                for field in OBJECTS[name].fields
                                if field not in TIMED
                            ),
                        )
                    )
                )
                for name in SYNCED
            }
        engine.dispose()
        return found

    def close(self) -> None:
        self.starter.close()
        self.fleet.close()


def _newcomer(vendor: str, number: int) -> str:
    """The same id on both sides, above what the sandbox numbers by itself."""
    if vendor == "salesforce":
        return to18(f"003Zz{number + 1:06d}0000")
    first = 5_999_000_000_000_000_000 if vendor == "zoho" else 990_000_000_000
    return str(first + 10_000 * (number + 1))  # leaves room for the sandbox's own numbers


def differences(one: dict[str, Counter[Any]], two: dict[str, Counter[Any]]) -> list[Any]:
    """(place, what only the first has, what only the second has)"""
    return [
        (
            place,
            list((one[place] - two[place]).elements()),
            list((two[place] - one[place]).elements()),
        )
        for place in sorted(one.keys() | two.keys())
        if one.get(place) != two.get(place)
    ]


def _named(value: Any, keys: dict[str, str]) -> Any:
    """A value with record ids replaced by what they stand for."""
    if isinstance(value, dict):
        return {name: _named(item, keys) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return sorted(str(_named(item, keys)) for item in value)
    return keys.get(value, value) if isinstance(value, str) else value
