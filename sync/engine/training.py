"""Training: what the hub's records tell about how two records of one thing agree."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from mapping.schema import OBJECTS
from sync.engine import references
from sync.engine.wiring import reading_of
from sync.model import Place
from sync.scores.features import Features, features_of
from sync.scores.numbers import Numbers, shipped
from sync.scores.scorer import train
from sync.settings import Settings
from sync.store import replicas, tables
from sync.store.database import Session, chunks


def learn(session: Session, settings: Settings, object: str) -> Numbers:
    """Numbers from all records of an object but those that the hub itself created, which agree
    with what they were made of in everything.

    Raises:
        sync.scores.scorer.Unavailable: Splink is not installed, or there are too few records.
    """
    column = tables.link.c
    query = sa.select(column.connection, column.record, column.entity).where(
        column.object == object, column.rule != "created"
    )
    linked = {Place(row[0], row[1]): row[2] for row in session.rows(query)}
    features: list[Features] = []
    entities: Counter[str] = Counter()
    for batch in chunks(sorted(linked)):
        found = [r for r in replicas.load(session, object, batch).values() if not r.deleted]
        links = references.load_links(session, OBJECTS[object], found)
        for replica in found:
            if replica.place.connection not in settings.connections:
                continue
            fields = references.resolve(OBJECTS[object], replica, links).member.seen
            reading = reading_of(settings, replica.place.connection)
            features.append(features_of(object, fields, reading))
            entities[linked[replica.place]] += 1
    matches = sum(count * (count - 1) // 2 for count in entities.values())
    return train(object, features, matches, shipped(object))
