"""Verify: read records again right before they are written, so that nobody's edit is lost.

No vendor can check versions in a batch: Salesforce's collections, HubSpot's batches and both
bulk APIs take no condition, and Zoho's one header holds a whole call against one instant. So
the fields that are about to be written are read once more, one call for a batch, and compared
with what the plan was made on. A field that holds something else by now is not written; what
was read is stored, and the next run decides with it.

A create that was begun before is looked for by its external id: it may have been made, and
somebody may have edited the record since.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import replace

from connectors.base import Record, Write, WriteResult
from connectors.errors import Stale
from mapping.schema import OBJECTS, Fields
from sync.engine.decide.voices import Same
from sync.engine.do.booking import Batch
from sync.engine.look.absorb import is_ours


def verify(object: str, batch: Batch, same: Same) -> tuple[list[Write], list[WriteResult]]:
    """(writes that may be sent, results of those that may not).

    Called by the thread that sends. `batch.found` gets the records that have changed,
    `batch.withheld` and `batch.sent` which of their fields are not written after all.

    Raises:
        ConnectorError: the records cannot be read; nothing was sent.
    """
    items = {str(queued.id): queued for queued in batch.items}
    checked = [(items[w.key], w) for w in batch.writes if items[w.key].id in batch.held]
    if not checked:
        return batch.writes, []
    wanted = {q.id: _touched(object, q.write.kind, batch.sent[q.id]) for q, _ in checked}
    records = _read(object, batch, [w.id for _, w in checked], set[str]().union(*wanted.values()))
    translator, own_user = batch.connected.translators[object], batch.connected.account.user_id
    fields = OBJECTS[object].fields
    writes = {write.key: write for write in batch.writes}
    refused: list[WriteResult] = []
    for queued, write in checked:
        record = records.get(write.id)
        if record is None:
            continue  # gone: the vendor says so, and into what it was merged
        held, sent = batch.held[queued.id], batch.sent[queued.id]
        current, _ = translator.to_fields(record)
        moved = _moved(object, wanted[queued.id], held.seen, sent, current, same)
        if not moved or is_ours(held, record, own_user):
            continue
        batch.found.append(record)
        groups = {fields[name].group for name in moved} - {""}
        left = {n: v for n, v in sent.items() if n not in moved and fields[n].group not in groups}
        error = _stale(batch, object, write, moved, record)
        if queued.write.kind == "archive" or not left:
            del writes[write.key]
            refused.append(WriteResult(write.key, id=write.id, error=error))
        elif len(left) < len(sent):
            batch.withheld[queued.id] = error
            batch.sent[queued.id] = left
            writes[write.key] = replace(write, values=translator.to_native(left, False)[0])
    return list(writes.values()), refused


def made_before(object: str, batch: Batch) -> list[WriteResult]:
    """Results of the creates that were made when they were sent before; they are taken out of
    the batch's writes, and `batch.made` gets their records. Called by the thread that sends.

    Raises:
        ConnectorError: the records cannot be looked for; nothing was sent.
    """
    begun = {
        write.external[1]: write
        for queued, write in zip(batch.items, batch.writes, strict=True)
        if queued.status == "sending" and write.kind == "create" and write.external
    }
    if not begun:
        return []
    translator = batch.connected.translators[object]
    key = translator.external_id
    wanted = list(dict.fromkeys([*translator.native_fields, key]))
    made: dict[str, WriteResult] = {}
    for record in batch.connected.connector.find(translator.native, key, sorted(begun), wanted):
        write = begun.get(str(record.values.get(key)))
        if write is not None and write.key not in made:
            made[write.key] = WriteResult(write.key, id=record.id, created=True)
            batch.made.append(record)
    batch.writes = [write for write in batch.writes if write.key not in made]
    return list(made.values())


def _read(
    object: str, batch: Batch, ids: Sequence[str], names: Collection[str]
) -> dict[str, Record]:
    """The records as they are now, with what is needed of them; without those that are gone."""
    translator = batch.connected.translators[object]
    mapped = translator.document.fields.items()
    natives = [field.native for name, field in mapped if name in names and field.readable]
    found = batch.connected.connector.fetch(translator.native, ids, list(dict.fromkeys(natives)))
    return {record.id: record for record in found if not record.deleted}


def _touched(object: str, kind: str, sent: Fields) -> frozenset[str]:
    """The fields to compare: those written and those decided together with them; all of them
    before an archive."""
    fields = OBJECTS[object].fields
    if kind == "archive":
        return frozenset(fields)
    groups = {fields[name].group for name in sent} - {""}
    return frozenset(name for name, f in fields.items() if name in sent or f.group in groups)


def _moved(
    object: str, names: Set[str], held: Fields, sent: Fields, current: Fields, same: Same
) -> list[str]:
    """Fields that are neither as they were nor already as they are to be."""
    found = []
    for name in sorted(names & current.keys() & held.keys()):
        kind, now = OBJECTS[object].fields[name].kind, current[name]
        if not same(kind, now, held[name]) and not (name in sent and same(kind, now, sent[name])):
            found.append(name)
    return found


def _stale(batch: Batch, object: str, write: Write, moved: Sequence[str], record: Record) -> Stale:
    name = batch.connected.name
    return Stale(
        f"{name}: {object} {write.id} was changed at {record.modified_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"after it was read ({', '.join(moved)})",
        connection=name,
    )
