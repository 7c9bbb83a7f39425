"""Guard: what a run must not do without a person: go past its limits, or believe a listing
that lacks most of what is known."""

from __future__ import annotations

from collections.abc import Sequence

from mapping.schema import OBJECTS
from sync.engine.wiring import Wiring
from sync.model import Queued
from sync.settings import Limits
from sync.store import books, doubts, queues, replicas

#: A complete listing that lacks more than this share of the known records (and more than
#: `FEW` of them) is not believed.
EMPTY_SHARE = 0.5

#: So many records are never too large a share.
FEW = 20


def over_limits(wiring: Wiring, planned: Sequence[Queued]) -> str:
    """Which blast-radius limit the planned writes would break, '' if none.

    What a run that was cut off planned and never released counts as well.
    """
    counts: dict[tuple[str, str, str], int] = {}
    for queued in planned:
        place = (queued.write.connection, queued.write.object, queued.write.kind)
        counts[place] = counts.get(place, 0) + 1
    broken = []
    for (connection, object, kind), count in sorted(counts.items()):
        limits = wiring.settings.object(object).limits
        what = f"{kind} {count} {OBJECTS[object].plural} in {connection}"
        most, share = _limit(limits, kind)
        if count > most:
            broken.append(f"{what} (limit {most})")
        elif share is not None and count > FEW:
            total = replicas.live(wiring.session, connection, object)
            if count > share * total:
                broken.append(f"{what}, which has {total} (limit {share:.0%} of them)")
    if not broken:
        return ""
    return "the run would " + "; ".join(broken) + ". " + _way_out(wiring.run)


def _limit(limits: Limits, kind: str) -> tuple[int, float | None]:
    return getattr(limits, kind), getattr(limits, f"{kind}_share")


def _way_out(run: int) -> str:
    return (
        f"Nothing of it was written. Look at it with `concord runs {run}`, then "
        f"`concord approve {run}` or `concord discard {run}`"
    )


def doubtful(missing: int, total: int) -> bool:
    """Whether a listing that lacks so many of the known records is not believed."""
    return missing > max(FEW, EMPTY_SHARE * total)


def hold_for_listing(
    wiring: Wiring, connection: str, object: str, missing: int, total: int
) -> None:
    """Nothing is written in this run, nor in any later one before the records are listed again
    or a person approves."""
    known = doubts.of(wiring.session, connection, object)
    first = known.run if known is not None else wiring.run
    doubts.save(wiring.session, doubts.Doubt(connection, object, first, missing, total))
    wiring.doubted = True
    wiring.report.held = (
        f"{connection} lists only {total - missing} of {total} known {object} records; nothing "
        "is written until a person has looked: is the account the right one, and may our user "
        "see all its records? It goes on by itself when they are listed again. If they were "
        f"deleted indeed, `concord approve {wiring.run}`"
    )


def free_held(wiring: Wiring, since: int) -> None:
    """The listing that the runs from `since` on were held for is in order again: what they were
    to write is decided afresh, and held against the limits."""
    if doubts.exist(wiring.session):
        return
    held = [q for q in queues.outbox(wiring.session, status=("held",)) if q.run >= since]
    for queued in held:
        queues.touch(wiring.session, queued.write.object, [queued.write.entity])
    queues.remove(wiring.session, [queued.id for queued in held])
    for run in books.runs(wiring.session, last=wiring.run - since + 1):
        if run["id"] >= since and run["status"] == "held":
            books.set_run_status(wiring.session, run["id"], "discarded")
