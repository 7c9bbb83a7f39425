"""Records that a complete listing does not contain: deleted, hidden, or wrongly left out."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Record
from connectors.errors import ConnectorError
from sync.engine import guard
from sync.engine.wiring import Connected, Wiring
from sync.model import Place
from sync.store import books, doubts, problems, replicas
from sync.store.problems import Problem

#: Cause of the problem of a record that is neither shown nor said to be deleted.
HIDDEN = "hidden"


def find_vanished(wiring: Wiring, connected: Connected, object: str, began: int) -> list[Record]:
    """After the complete listing that began in run `began`: what became of each known record
    that it did not contain. What comes back are those that the vendor does show when asked.

    A listing that lacks too many is not believed: the run is held, and so are the next ones,
    until the records are listed again or a person approves.
    """
    session = wiring.session
    missing, total = replicas.unlisted(session, connected.name, object, began)
    doubt = doubts.of(session, connected.name, object)
    approved = doubt is not None and doubt.status == "approved" and len(missing) <= doubt.missing
    if guard.doubtful(len(missing), total) and not approved:
        _doubt(wiring, connected, object, missing, total)
        return []
    shown: list[Record] = []
    if missing:
        try:
            found = _fetch(connected, object, missing)
        except ConnectorError as error:
            wiring.give_up(connected.name, error)
            return []
        gone = [record for record in found if record.deleted]
        shown = [record for record in found if not record.deleted]
        sure = [record for record in gone if record.certain or approved]
        _bury(wiring, connected, object, sure)
        set_aside(wiring, connected, object, [r for r in gone if r not in sure])
    if doubt is not None:
        doubts.forget(session, connected.name, object)
        guard.free_held(wiring, doubt.run)
        what = "approved" if approved else "listed again"
        entry = books.Entry(
            object, "", f"listing {what}", {"missing": len(missing)}, connected.name
        )
        books.write_journal(session, wiring.run, wiring.clock(), [entry])
    replicas.complete_cursor(session, connected.name, object)
    return shown


def _fetch(connected: Connected, object: str, ids: Sequence[str]) -> list[Record]:
    translator = connected.translators[object]
    return connected.connector.fetch(translator.native, ids, translator.native_fields)


def _doubt(
    wiring: Wiring, connected: Connected, object: str, missing: Sequence[str], total: int
) -> None:
    """Hold the run. The listing stays unfinished, so that the next run looks at it again; one
    call tells whether reading it all anew is worth the while."""
    guard.hold_for_listing(wiring, connected.name, object, len(missing), total)
    sample = missing[: connected.connector.capabilities.fetch_batch]
    try:
        found = _fetch(connected, object, sample)
    except ConnectorError as error:
        wiring.give_up(connected.name, error)
        return
    if any(not record.deleted for record in found):
        replicas.forget_cursor(wiring.session, connected.name, object)


def _bury(wiring: Wiring, connected: Connected, object: str, gone: Sequence[Record]) -> None:
    by_place = {Place(connected.name, record.id): record for record in gone}
    known = replicas.load(wiring.session, object, by_place)
    for place, replica in known.items():
        replica.deleted, replica.waiting = True, True
        replica.merged_into = by_place[place].merged_into
    replicas.save(wiring.session, object, known.values())


def set_aside(wiring: Wiring, connected: Connected, object: str, hidden: Sequence[Record]) -> None:
    """Absent says nothing: these stay as they are, and a person is told."""
    found = [
        Problem(
            connection=connected.name,
            object=object,
            record=record.id,
            entity="",
            field="",
            stage="read",
            cause=HIDDEN,
            message=f"{connected.name} does not show {object} {record.id} any more, and does not "
            "say that it was deleted",
            advice="Let the integration user see it again. If it was deleted for good: `concord "
            "problems gone` with this number.",
            fingerprint=HIDDEN,
        )
        for record in hidden
    ]
    problems.report(wiring.session, found, wiring.run, wiring.clock())
    wiring.report.tally(connected.name, object).problems += len(found)
