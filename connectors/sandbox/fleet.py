"""The three sandboxes and their control API, started together and filled with demo data."""

from __future__ import annotations

import importlib
import json
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from connectors.sandbox.demo import Dataset, generate
from connectors.sandbox.server import Clock, Control, Server, Vendor

#: Vendors in the order of their ports, after the control API's.
VENDORS: tuple[str, ...] = ("salesforce", "hubspot", "zoho")


class Fleet:
    """Three running sandboxes, as a context manager.

    Args:
        port: the control API's port; the vendors follow it. 0: any free ports.
        seed: decides the demo data and the credentials.
        contacts: contacts each account has at least; 0 leaves the accounts empty.
        clock: the time all of them live in; the machine's by default.
        truth_path: where to store who is who, as JSON.
        search_lag: seconds until a change shows in HubSpot's search; its own default if None.
        token_lifetime: seconds a Salesforce session lives; for ever if None.

    Attributes:
        servers: the vendors' servers by name.
        dataset: what was loaded. Its stamps are relative to the start of the clock's day, so
            that a fleet started twice on one day holds the same data.

    Raises:
        connectors.sandbox.server.PortTaken: one of the ports is in use.
        OSError: the truth cannot be written.
    """

    def __init__(
        self,
        port: int = 0,
        seed: int = 7,
        contacts: int = 400,
        *,
        clock: Clock | None = None,
        truth_path: Path | str | None = None,
        search_lag: float | None = None,
        token_lifetime: float | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.servers: dict[str, Server] = {}
        self._control: Control | None = None
        options: dict[str, dict[str, Any]] = {vendor: {} for vendor in VENDORS}
        if search_lag is not None:
            options["hubspot"]["search_lag"] = search_lag
        if token_lifetime is not None:
            options["salesforce"]["token_lifetime"] = token_lifetime
        try:
            # Ports first: a taken one should be told before the data is made.
            for place, name in enumerate(VENDORS, start=1):
                vendor = _sandbox(name, self.clock, seed, options[name])
                self.servers[name] = Server(vendor, port + place if port else 0)
            self._control = Control(self.servers, port)
            today = datetime.combine(self.clock.now().astimezone(UTC), time(), UTC)
            self.dataset: Dataset = generate(seed, contacts, now=today)
            self._load()
            if truth_path is not None:
                self.dataset.write_truth(truth_path)
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        for name, server in self.servers.items():
            with server.vendor.lock:
                for object, rows in self.dataset.rows[name].items():
                    server.vendor.load(object, rows)

    @property
    def control_url(self) -> str:
        """The control API's address; see `connectors.sandbox.client.ControlClient`."""
        if self._control is None:
            raise RuntimeError("the fleet is closed")
        return self._control.url

    def describe(self) -> dict[str, Any]:
        """Everything needed to connect, as one JSON object: ``control`` is the control API's
        address, and each vendor has its ``url`` and its ``auth`` block for settings.yaml."""
        found: dict[str, Any] = {"control": self.control_url}
        for name, server in self.servers.items():
            found[name] = {"url": server.url, "auth": dict(server.vendor.credentials())}
        return found

    def close(self) -> None:
        """Stop all servers and free their ports."""
        if self._control is not None:
            self._control.close()
            self._control = None
        for server in self.servers.values():
            server.close()
        self.servers = {}

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _sandbox(name: str, clock: Clock, seed: int, options: Mapping[str, Any]) -> Vendor:
    package = importlib.import_module(f"connectors.sandbox.{name}")
    made: Vendor = package.Sandbox(clock=clock, seed=seed, **options)
    return made


def serve(
    port: int = 0,
    seed: int = 7,
    contacts: int = 400,
    truth_path: Path | str | None = None,
    as_json: bool = False,
    *,
    search_lag: float | None = None,
    token_lifetime: float | None = None,
) -> None:
    """Run a fleet until SIGTERM or SIGINT; call it from the main thread.

    Prints where everything is once all servers answer: one JSON line (`Fleet.describe`) if
    `as_json`, a line per server otherwise.

    Raises: as `Fleet`.
    """
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with Fleet(
            port,
            seed,
            contacts,
            truth_path=truth_path,
            search_lag=search_lag,
            token_lifetime=token_lifetime,
        ) as fleet:
            described = fleet.describe()
            if as_json:
                print(json.dumps(described, ensure_ascii=False), flush=True)
            else:
                print(f"control     {described['control']}")
                for name in VENDORS:
                    print(f"{name:<11} {described[name]['url']}  {described[name]['auth']}")
                sys.stdout.flush()
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
