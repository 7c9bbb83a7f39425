"""Sending items in batches so that a bad one fails alone and a busy one is tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.errors import (
    Bug,
    ConnectorError,
    Invalid,
    ItemError,
    Locked,
    Misconfigured,
    Refused,
    Wait,
)
from connectors.salesforce.errors import from_item, strange
from connectors.salesforce.values import to18
from connectors.transport import Retrier

#: sObject Collections take this many records in one call.
BATCH = 200


@dataclass(slots=True)
class Item:
    """One record on its way: the JSON that is sent, and what came of it.

    `version` is the one the write was planned on, '' if unknown.
    """

    body: Mapping[str, object]
    id: str = ""
    version: str = ""
    created: bool = False
    error: ConnectorError | None = None
    done: bool = field(default=False)


Send = Callable[[Sequence[Item]], Sequence[Mapping[str, Any]]]


class Batches:
    """Sends items through `send`, which returns one result per item, in order."""

    def __init__(self, connection: str, retrier: Retrier) -> None:
        self._connection = connection
        self._retrier = retrier

    def deliver(self, items: Sequence[Item], what: str, send: Send) -> None:
        """Send all items and note each one's outcome in it.

        When `Wait` is met, the items of that batch and the later ones carry it as their
        error; so they do for `Stop`, unless nothing was sent yet.

        Raises:
            Stop: on the first batch.
        """
        for start in range(0, len(items), BATCH):
            try:
                self._one(items[start : start + BATCH], what, send)
            except Wait as error:
                self._give_up(items[start:], error)
                return
            except ConnectorError as error:
                if start == 0:
                    raise
                self._give_up(items[start:], error)
                return

    def _give_up(self, items: Sequence[Item], error: ConnectorError) -> None:
        for item in items:
            if not item.done:
                item.error = error

    def _one(self, items: Sequence[Item], what: str, send: Send) -> None:
        """One batch; rows that others hold are tried again by themselves."""

        def attempt() -> Wait | None:
            waiting = [item for item in items if not item.done]
            try:
                self._split(waiting, what, send)
            except Wait as error:
                # `send` has its own patience, and knows what must not be sent twice.
                return error
            for item in waiting:
                if isinstance(item.error, Locked):
                    raise item.error
            return None

        try:
            met = self._retrier.call(attempt)
        except Locked:
            return
        if met is not None:
            raise met

    def _split(self, items: Sequence[Item], what: str, send: Send) -> None:
        """Send; where the whole call is refused for one member, send the halves."""
        if not items:
            return
        try:
            results = send(items)
        except (ItemError, Misconfigured, Bug) as error:
            if isinstance(error, Locked) or error.status != 400:
                raise
            if len(items) == 1:
                items[0].error, items[0].done = self._single(error, what), True
                return
            middle = len(items) // 2
            self._split(items[:middle], what, send)
            self._split(items[middle:], what, send)
            return
        if not isinstance(results, list) or len(results) != len(items):
            raise strange(self._connection, results)
        for item, result in zip(items, results, strict=True):
            if result.get("success"):
                item.id = to18(str(result.get("id") or item.id))
                item.created = bool(result.get("created", False))
                item.error, item.done = None, True
            else:
                item.error = from_item(self._connection, what, result.get("errors") or ())
                item.done = not isinstance(item.error, Locked)

    def _single(self, error: ConnectorError, what: str) -> ItemError:
        """Why a call with a single record was refused, as that record's error."""
        if isinstance(error, ItemError):
            return error
        # An unknown field is one that our credentials may not see.
        kind = Refused if error.code == "INVALID_FIELD" else Invalid
        return kind(
            f"{self._connection}: Salesforce refused the {what} ({error.code or 'no code'})",
            connection=self._connection,
            words=error.words,
            code=error.code,
            status=error.status,
        )
