"""A client of the control API, for tests and the demo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
import requests


class ControlError(Exception):
    """The control API refused; the text is its reason."""


class ControlClient:
    """Talks to the `Control` server at `url`; a context manager.

    Numbers with a fraction come as `Decimal`. Every method raises `ControlError` when the
    server refuses, and `requests.RequestException` when it does not answer.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # A proxy of the environment has no business on loopback.
        self._session.trust_env = False

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the socket."""
        self._session.close()

    def log(self, vendor: str, since: int = 0) -> list[dict[str, Any]]:
        """The vendor's API calls from number `since` on, oldest first: ``at``, ``method``,
        ``path``, ``status`` (0: cut), ``bytes``, ``wrote``, ``faults``."""
        found: list[dict[str, Any]] = self._get(f"log?vendor={vendor}&since={since}")[vendor]
        return found

    def writes(self, vendor: str | None = None, since: int = 0) -> int:
        """How many of those calls were writes; of all vendors when none is named."""
        chosen = f"&vendor={vendor}" if vendor else ""
        logs: dict[str, list[dict[str, Any]]] = self._get(f"log?since={since}{chosen}")
        return sum(call["wrote"] for calls in logs.values() for call in calls)

    def changes(self, vendor: str, since: int = 0) -> list[dict[str, Any]]:
        """What happened to the vendor's records after line `since`, oldest first; see
        `connectors.sandbox.changes.Changes.lines`."""
        found: list[dict[str, Any]] = self._get(f"changes?vendor={vendor}&since={since}")[vendor]
        return found

    def state(self, vendor: str, object: str) -> list[dict[str, Any]]:
        """The true records of a native object, deleted ones marked."""
        found: list[dict[str, Any]] = self._get(f"state/{vendor}/{object}")
        return found

    def edit(self, vendor: str, object: str, id: str, values: Mapping[str, Any]) -> None:
        """Change a record as a person does in the vendor's own screens."""
        self._post(f"edit/{vendor}/{object}", {"id": id, "values": dict(values)})

    def create(self, vendor: str, object: str, values: Mapping[str, Any]) -> str:
        """Put a record in as a person does; its id."""
        return str(self._post(f"create/{vendor}/{object}", {"values": dict(values)})["id"])

    def remove(self, vendor: str, object: str, id: str) -> None:
        """Delete a record as a person does."""
        self._post(f"remove/{vendor}/{object}", {"id": id})

    def restore(self, vendor: str, object: str, id: str) -> None:
        """Take a record out of the recycle bin as a person does."""
        self._post(f"restore/{vendor}/{object}", {"id": id})

    def merge(self, vendor: str, object: str, winner: str, loser: str) -> str:
        """Merge two records as a person does; the survivor's id."""
        body = {"winner": winner, "loser": loser}
        return str(self._post(f"merge/{vendor}/{object}", body)["id"])

    def fail(self, vendor: str, kind: str, **rest: Any) -> str:
        """Set a fault; its id. `rest` are the other parts of
        `connectors.sandbox.faults.Fault`: ``method``, ``path``, ``object``, ``writes``,
        ``times``, ``skip``, ``probability``, ``seed``, ``options``."""
        return str(self._post(f"faults/{vendor}", {"kind": kind, **rest})["id"])

    def faults(self) -> list[dict[str, Any]]:
        """All faults that were set, with ``id`` and how often each ``struck``."""
        found: list[dict[str, Any]] = self._get("faults")
        return found

    def heal(self, id: str = "") -> int:
        """Clear one fault, or all of them; how many that were."""
        path = f"faults/{id}" if id else "faults"
        reply = self._session.delete(f"{self.url}/control/{path}", timeout=60)
        return int(self._read(reply)["cleared"])

    def advance(self, seconds: float) -> datetime:
        """Let time pass in all sandboxes; their new now."""
        return datetime.fromisoformat(self._post("clock", {"advance": seconds})["now"])

    def _get(self, path: str) -> Any:
        return self._read(self._session.get(f"{self.url}/control/{path}", timeout=60))

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        data = orjson.dumps(body, default=_number)
        return self._read(self._session.post(f"{self.url}/control/{path}", data, timeout=60))

    @staticmethod
    def _read(reply: requests.Response) -> Any:
        try:
            body = json.loads(reply.content, parse_float=Decimal)
        except ValueError:
            raise ControlError(f"HTTP {reply.status_code}: {reply.text}") from None
        if not reply.ok:
            raise ControlError(f"HTTP {reply.status_code}: {json.dumps(body, ensure_ascii=False)}")
        return body


def _number(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"no JSON for {type(value).__name__}")
