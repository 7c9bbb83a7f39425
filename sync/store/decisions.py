"""What people decided about identity, and the pairs of records that wait for it.

A pair is stored once, the smaller place first. Of what is said about a pair the last holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from sync.model import Place
from sync.store import tables
from sync.store.database import Session, chunks

_D = tables.decision.c
_V = tables.review.c


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's word: two records are the same thing, or are kept apart, for ever."""

    one: Place
    two: Place
    verdict: Literal["same", "apart"]
    who: str
    at: datetime
    note: str = ""

    def other(self, place: Place) -> Place:
        """The record that is not `place`."""
        return self.two if place == self.one else self.one


def _pair(one: Place, two: Place) -> dict[str, str]:
    first, second = sorted((one, two))
    return {
        "connection_one": first.connection,
        "record_one": first.record,
        "connection_two": second.connection,
        "record_two": second.record,
    }


def save(session: Session, object: str, verdicts: Iterable[Verdict]) -> None:
    """Store what was said; it replaces what was said before about the same pair."""
    session.upsert(
        tables.decision,
        [
            {
                "object": object,
                **_pair(v.one, v.two),
                "verdict": v.verdict,
                "who": v.who,
                "at": v.at,
                "note": v.note,
            }
            for v in verdicts
        ],
    )


def load(session: Session, object: str, places: Iterable[Place]) -> list[Verdict]:
    """Everything said about any of these records, oldest first."""
    if not session.rows(sa.select(_D.object).where(_D.object == object).limit(1)):
        return []
    wanted: dict[str, set[str]] = defaultdict(set)
    for place in places:
        wanted[place.connection].add(place.record)
    found: dict[tuple[Place, Place], Verdict] = {}
    for connection, records in wanted.items():
        for batch in chunks(sorted(records)):
            query = sa.select(tables.decision).where(
                _D.object == object,
                sa.or_(
                    sa.and_(_D.connection_one == connection, _D.record_one.in_(batch)),
                    sa.and_(_D.connection_two == connection, _D.record_two.in_(batch)),
                ),
            )
            for row in session.rows(query):
                one = Place(row.connection_one, row.record_one)
                two = Place(row.connection_two, row.record_two)
                found[one, two] = Verdict(one, two, row.verdict, row.who, row.at, row.note)
    return sorted(found.values(), key=lambda v: (v.at, v.one, v.two))


def remove(session: Session, object: str, verdicts: Iterable[Verdict]) -> None:
    """Forget what was said about these pairs."""
    for verdict in verdicts:
        pair = [_D[name] == value for name, value in _pair(verdict.one, verdict.two).items()]
        session.execute(sa.delete(tables.decision).where(_D.object == object, *pair))


@dataclass(frozen=True, slots=True)
class Review:
    """A pair that a rule asks about.

    `evidence`: field -> [value of the one, value of the other], and where the pair was scored
    the bits by which the field makes it likelier or less likely. `status`: ``waiting``,
    ``same`` or ``apart`` as a person decided, ``settled`` when it answered itself.
    """

    object: str
    one: Place
    two: Place
    rule: str
    score: float
    evidence: Mapping[str, Any]
    status: str = "waiting"
    id: int = 0
    run: int = 0


def ask(session: Session, reviews: Iterable[Review], run: int, now: datetime) -> int:
    """Put pairs into the queue; how many were not there. One that waits is brought up to
    date, one that was answered is not asked again."""
    fresh = 0
    for review in reviews:
        pair = {"object": review.object, **_pair(review.one, review.two)}
        values = {
            "rule": review.rule,
            "score": review.score,
            "evidence": dict(review.evidence),
            "run": run,
            "at": now,
        }
        here = [_V[name] == value for name, value in pair.items()]
        known = session.rows(sa.select(_V.id, _V.status).where(*here))
        if not known:
            session.execute(sa.insert(tables.review).values(**pair, status="waiting", **values))
            fresh += 1
        elif known[0].status in ("waiting", "settled"):
            session.execute(
                sa.update(tables.review).where(*here).values(status="waiting", **values)
            )
    return fresh


def reviews(session: Session, object: str = "", status: str = "waiting") -> list[Review]:
    """Pairs of one status, most alike first."""
    query = sa.select(tables.review).where(_V.status == status)
    if object:
        query = query.where(_V.object == object)
    return [
        Review(
            object=row.object,
            one=Place(row.connection_one, row.record_one),
            two=Place(row.connection_two, row.record_two),
            rule=row.rule,
            score=row.score,
            evidence=row.evidence,
            status=row.status,
            id=row.id,
            run=row.run,
        )
        for row in session.rows(query.order_by(_V.score.desc(), _V.id))
    ]


def set_review(session: Session, object: str, one: Place, two: Place, status: str) -> None:
    """Close the question about a pair, if it was asked."""
    pair = [_V[name] == value for name, value in _pair(one, two).items()]
    session.execute(
        sa.update(tables.review).where(_V.object == object, *pair).values(status=status)
    )


def save_duplicates(
    session: Session, object: str, found: Iterable[tuple[Place, Place, str]], run: int
) -> int:
    """Report two records of one connection that share a key: (record, of, rule). How many of
    these pairs were not reported before."""
    found = list(found)
    known = _reported(session, object, [place for place, _, _ in found])
    rows = [
        {
            "connection": place.connection,
            "object": object,
            "record": place.record,
            "of": other.record,
            "rule": rule,
            "run": run,
        }
        for place, other, rule in found
        if (place, other.record) not in known
    ]
    if rows:
        session.execute(sa.insert(tables.duplicate), rows)
    return len(rows)


def _reported(session: Session, object: str, places: Iterable[Place]) -> set[tuple[Place, str]]:
    column = tables.duplicate.c
    wanted: dict[str, set[str]] = defaultdict(set)
    for place in places:
        wanted[place.connection].add(place.record)
    found: set[tuple[Place, str]] = set()
    for connection, records in wanted.items():
        for batch in chunks(sorted(records)):
            query = sa.select(column.record, column.of).where(
                column.object == object,
                column.connection == connection,
                column.record.in_(batch),
            )
            found |= {(Place(connection, row[0]), row[1]) for row in session.rows(query)}
    return found


def duplicates(session: Session, object: str = "") -> list[dict[str, Any]]:
    """Pairs of records of one connection that share a key, both still there, and that nobody
    keeps apart: id, object, connection, record, of, rule, run."""
    column = tables.duplicate.c
    one, two = tables.replica.alias("one"), tables.replica.alias("two")
    query = (
        sa.select(tables.duplicate)
        .join(
            one,
            sa.and_(
                one.c.connection == column.connection,
                one.c.object == column.object,
                one.c.record == column.record,
                one.c.deleted.is_(False),
            ),
        )
        .join(
            two,
            sa.and_(
                two.c.connection == column.connection,
                two.c.object == column.object,
                two.c.record == column.of,
                two.c.deleted.is_(False),
            ),
        )
        .order_by(column.object, column.connection, column.record, column.of)
    )
    if object:
        query = query.where(column.object == object)
    found = [dict(row._mapping) for row in session.rows(query)]
    apart: set[tuple[str, Place, Place]] = set()
    for name in {row["object"] for row in found}:
        places = {Place(r["connection"], r["record"]) for r in found if r["object"] == name}
        apart |= {(name, v.one, v.two) for v in load(session, name, places) if v.verdict == "apart"}
    return [
        row
        for row in found
        if (
            row["object"],
            *sorted(Place(row["connection"], row[side]) for side in ("record", "of")),
        )
        not in apart
    ]
