"""Descriptions of an account's objects that outlive the process, so that a run in which nothing
happens need not ask for them; and what else a connector keeps beside them.

What is kept may be out of date, and is trusted only as far as the vendor corrects it: a query for
a field that is gone is refused, and so is a write. Before a connector itself says that something
cannot be done, and when it reads everything, it asks anew.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.fernet import InvalidToken

from connectors.base import Access, Choice, FieldInfo, NativeType, ObjectInfo
from connectors.tokens import sealer


@dataclass(frozen=True, slots=True)
class Described:
    """An object, and the names of its fields that an upsert can be keyed on."""

    info: ObjectInfo
    keys: frozenset[str] = frozenset()


class Descriptions:
    """One connection's descriptions. They are sealed as its tokens are: other credentials see
    other fields, and cannot read what these have seen. Without a shelf nothing is kept."""

    def __init__(self, access: Access) -> None:
        self._shelf = access.shelf
        self._fernet = sealer(access.auth, "concord descriptions")

    def load(self, object: str) -> Described | None:
        """What was kept of the object not long ago; None if nothing, or if it was kept by another
        version of the hub or under other credentials."""
        body = self.kept(object)
        try:
            return Described(_info(body["info"]), frozenset(body["keys"])) if body else None
        except (ValueError, KeyError, TypeError):
            return None

    def save(self, object: str, info: ObjectInfo, keys: Collection[str] = ()) -> None:
        """Keep this instead."""
        self.keep(object, {"info": info, "keys": sorted(keys)})

    def kept(self, name: str) -> Any:
        """Whatever else was kept under a name that is no described object's, as JSON; None as
        for `load`."""
        sealed = self._shelf.load(name) if self._shelf else None
        if sealed is None:
            return None
        try:
            return orjson.loads(zlib.decompress(self._fernet.decrypt(sealed)))
        except (InvalidToken, zlib.error, ValueError):
            return None

    def keep(self, name: str, body: Any) -> None:
        """Keep this under a name instead; `body` is what `orjson` can write."""
        if self._shelf is not None:
            sealed = self._fernet.encrypt(zlib.compress(orjson.dumps(body)))
            self._shelf.save(name, sealed)


def _info(body: Mapping[str, Any]) -> ObjectInfo:
    fields = {name: _field(field) for name, field in body["fields"].items()}
    return ObjectInfo(**{**body, "fields": fields})


def _field(body: Mapping[str, Any]) -> FieldInfo:
    return FieldInfo(
        **{
            **body,
            "type": NativeType(body["type"]),
            "choices": tuple(Choice(**choice) for choice in body["choices"]),
            "targets": tuple(body["targets"]),
        }
    )
