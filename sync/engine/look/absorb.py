"""What one read of a record means for its replica: a pure decision.

Told apart here: nothing new, a person's change, the vendor's rendition of what we wrote
ourselves, and a stale read from an index that lags.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from connectors.base import Record
from mapping.schema import Field, Fields, ObjectSchema
from sync.engine.decide.voices import Same
from sync.model import NEVER, Place, Replica


def absorb(
    schema: ObjectSchema,
    old: Replica | None,
    place: Place,
    record: Record,
    fields: Fields,
    external: str,
    own_user: str,
    same: Same,
) -> Replica | None:
    """The replica after reading `record` as `fields`; None if there is nothing to store.

    `own_user` is the vendor user id of the hub's credentials, '' if unknown.
    """
    if old is None:
        return Replica(
            place=place,
            seen=fields,
            external=external,
            version=record.version,
            stamp=record.modified_at,
            changed_at=record.modified_at,
        )
    if old.stamp is not None and record.modified_at < old.stamp and not old.deleted:
        return None
    seen = {**old.seen, **fields}
    differing = [
        field
        for name, field in schema.fields.items()
        if name in seen
        and (name not in old.seen or not same(field.kind, seen[name], old.seen[name]))
    ]
    renditions, base = dict(old.renditions), dict(old.base or {})
    if is_ours(old, record, own_user):
        assert old.expected is not None
        told = old.expected["fields"]
        for field in _covered(differing, told, schema):
            renditions[field.name] = [base.get(field.name), seen[field.name]]
            base[field.name] = seen[field.name]
        adopted = {field.name for field in _covered(differing, told, schema)}
        differing = [field for field in differing if field.name not in adopted]
    for field in differing:
        renditions.pop(field.name, None)
    # Somebody works with a record that the hub made, if only on what is not mapped, or by
    # merging another into it.
    taken_up = old.changed_at == NEVER and by_another(old, record, own_user)
    fresh = replace(
        old,
        seen=seen,
        base=base if old.base is not None else None,
        renditions=renditions,
        expected=None,
        external=external or old.external,
        version=record.version,
        stamp=record.modified_at,
        changed_at=record.modified_at if differing or taken_up else old.changed_at,
        deleted=False,
        merged_into="",
        waiting=old.waiting or bool(differing) or old.deleted,
    )
    return None if fresh == old else fresh


def is_ours(old: Replica, record: Record, own_user: str) -> bool:
    """Whether what is read now can be what our own last write made of the record.

    Where the vendor told no version of the write, the one read before it counts: a record that
    was not saved since holds what the vendor made of a write that changed nothing there.
    """
    if old.expected is None:
        return False
    version = old.expected["version"] or old.version
    return bool(version and version == record.version) or bool(
        own_user and record.modified_by == own_user
    )


def by_another(old: Replica, record: Record, own_user: str) -> bool:
    """Whether the vendor names somebody but the hub for a save since the record was read."""
    return record.version != old.version and record.modified_by not in ("", own_user)


def _covered(
    differing: Iterable[Field], told: list[str] | None, schema: ObjectSchema
) -> list[Field]:
    """The differing fields that our own write can have caused: those it named and the
    fields vendors derive from them (the same group)."""
    if told is None:
        return list(differing)
    groups = {schema.fields[name].group for name in told} - {""}
    return [field for field in differing if field.name in told or field.group in groups]
