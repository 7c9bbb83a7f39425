"""The tables, as SQLAlchemy Core sees them. Migrations create them; see `migrations/`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from mapping.schema import OBJECTS, Kind
from sync.store.types import Body, Exact, Instant

metadata = MetaData()

_Id = BigInteger().with_variant(Integer(), "sqlite")

_COLUMN_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.MONEY: Exact(),
    Kind.DECIMAL: Exact(),
    Kind.INTEGER: BigInteger(),
    Kind.BOOLEAN: Boolean(),
    Kind.DATE: Date(),
    Kind.INSTANT: Instant(),
    Kind.CHOICES: Body(),
    Kind.REFERENCES: Body(),
}


def _entity_table(object: str) -> Table:
    """Wide and typed: one column a field, because reporting consumers read it directly."""
    fields = [
        Column(field.name, _COLUMN_TYPES.get(field.kind, Text()))
        for field in OBJECTS[object].fields.values()
    ]
    return Table(
        f"entity_{object}",
        metadata,
        Column("entity_id", Text, primary_key=True),
        *fields,
        Column("archived", Boolean, nullable=False, default=False),
        Column("merged_into", Text, nullable=False, default=""),
        Column("founded_run", _Id),
        Column("updated_run", _Id),
        Column("updated_at", Instant, nullable=False),
    )


#: The merged rows, by object.
entity: dict[str, Table] = {name: _entity_table(name) for name in OBJECTS}

account = Table(
    "account", metadata,
    Column("connection", Text, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("body", Body, nullable=False),
    Column("provisioned", Body, nullable=False),
    Column("checked_at", Instant, nullable=False),
)  # fmt: skip

replica = Table(
    "replica", metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("record", Text, primary_key=True),
    Column("seen", Body, nullable=False),
    Column("base", Body),
    Column("renditions", Body, nullable=False),
    Column("expected", Body),
    Column("external", Text, nullable=False, default=""),
    Column("version", Text, nullable=False, default=""),
    Column("stamp", Instant),
    Column("changed_at", Instant, nullable=False),
    Column("field_times", Body, nullable=False),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("merged_into", Text, nullable=False, default=""),
    Column("waiting", Boolean, nullable=False, default=True),
    Column("listed_run", _Id, nullable=False, default=0),
    Index("replica_waiting", "object", "waiting"),
)  # fmt: skip

link = Table(
    "link", metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("record", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("run", _Id, nullable=False),
    Index("link_entity", "object", "entity"),
)  # fmt: skip

match_key = Table(
    "match_key", metadata,
    Column("object", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("record", Text, primary_key=True),
    Index("match_key_record", "object", "connection", "record"),
)  # fmt: skip

duplicate = Table(
    "duplicate", metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("of", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("run", _Id, nullable=False),
    Index("duplicate_pair", "object", "connection", "record", "of", unique=True),
)  # fmt: skip

decision = Table(
    "decision", metadata,
    Column("object", Text, primary_key=True),
    Column("connection_one", Text, primary_key=True),
    Column("record_one", Text, primary_key=True),
    Column("connection_two", Text, primary_key=True),
    Column("record_two", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("note", Text, nullable=False, default=""),
    Index("decision_two", "object", "connection_two", "record_two"),
)  # fmt: skip

review = Table(
    "review", metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("object", Text, nullable=False),
    Column("connection_one", Text, nullable=False),
    Column("record_one", Text, nullable=False),
    Column("connection_two", Text, nullable=False),
    Column("record_two", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("evidence", Body, nullable=False),
    Column("status", Text, nullable=False),
    Column("run", _Id, nullable=False),
    Column("at", Instant, nullable=False),
    Index("review_status", "status", "object"),
    Index(
        "review_pair", "object", "connection_one", "record_one", "connection_two", "record_two",
        unique=True,
    ),
)  # fmt: skip

cursor = Table(
    "cursor", metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("full_run", _Id, nullable=False, default=0),
    Column("moved_at", Instant, nullable=False),
)  # fmt: skip

touched = Table(
    "touched", metadata,
    Column("object", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
)  # fmt: skip

pending_reference = Table(
    "pending_reference", metadata,
    Column("connection", Text, primary_key=True),
    Column("target_object", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
)  # fmt: skip

tombstone = Table(
    "tombstone", metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("record", Text, nullable=False),
    Column("run", _Id, nullable=False),
    Column("ours", Boolean, nullable=False, default=False),
)  # fmt: skip

outbox = Table(
    "outbox", metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("run", _Id, nullable=False),
    Column("connection", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("fields", Body, nullable=False),
    Column("before", Body, nullable=False),
    Column("version", Text, nullable=False),
    Column("status", Text, nullable=False),
    Index("outbox_status", "status", "object", "connection"),
    Index("outbox_target", "connection", "object", "entity"),
)  # fmt: skip

journal = Table(
    "journal", metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("run", _Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("object", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("connection", Text, nullable=False, default=""),
    Column("record", Text, nullable=False, default=""),
    Column("detail", Body, nullable=False),
    Index("journal_entity", "object", "entity", "id"),
    Index("journal_run", "run"),
)  # fmt: skip

run = Table(
    "run", metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("report", Body, nullable=False),
)  # fmt: skip

problem = Table(
    "problem", metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("advice", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, default=""),
    Column("blocker", Text, nullable=False, default=""),
    Column("status", Text, nullable=False),
    Column("first_run", _Id, nullable=False),
    Column("last_run", _Id, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("problem_open", "status", "object"),
    Index(
        "problem_place", "connection", "object", "record", "entity", "field", "stage", unique=True
    ),
)  # fmt: skip

conflict = Table(
    "conflict", metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("object", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("agreed", Body),
    Column("candidates", Body, nullable=False),
    Column("rule", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("resolution", Body),
    Column("run", _Id, nullable=False),
    Column("at", Instant, nullable=False),
    Index("conflict_status", "status", "object", "entity"),
)  # fmt: skip

mapping_version = Table(
    "mapping_version", metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("body", Body, nullable=False),
    Column("first_run", _Id, nullable=False),
    Column("current", Boolean, nullable=False),
)  # fmt: skip

metadata_version = Table(
    "metadata_version", metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("checked_at", Instant, nullable=False),
)  # fmt: skip

#: A listing that lacked too many known records to be believed: ``open`` until it has them
#: again, or ``approved`` by a person.
doubt = Table(
    "doubt", metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("run", _Id, nullable=False),
    Column("missing", _Id, nullable=False),
    Column("total", _Id, nullable=False),
    Column("status", Text, nullable=False),
)  # fmt: skip

token = Table(
    "token", metadata,
    Column("connection", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("saved_at", Instant, nullable=False),
)  # fmt: skip

#: What a connector keeps of the account's native objects, sealed with its credentials.
description = Table(
    "description", metadata,
    Column("connection", Text, primary_key=True),
    Column("native", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("saved_at", Instant, nullable=False),
)  # fmt: skip

#: Calls (or what the vendor charges them as) by the hour that `hour` begins, and what the
#: vendor said last of the account's day: units allowed, units left, when.
spend = Table(
    "spend", metadata,
    Column("connection", Text, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("units", BigInteger, nullable=False),
    Column("allowed", BigInteger),
    Column("remaining", BigInteger),
    Column("heard_at", Instant),
)  # fmt: skip

exchange_rate = Table(
    "exchange_rate", metadata,
    Column("currency", Text, primary_key=True),
    Column("from_date", Date, primary_key=True),
    Column("rate", Exact, nullable=False),
    Column("source", Text, nullable=False),
)  # fmt: skip

kpi_value = Table(
    "kpi_value", metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("kpi", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("value", Exact),
    Column("numerator", Exact),
    Column("denominator", Exact),
    Column("unit", Text, nullable=False),
    Column("target", Exact),
    Column("status", Text, nullable=False),
    Column("detail", Body, nullable=False),
    Index("kpi_value_kpi", "kpi", "as_of"),
)  # fmt: skip

deal_snapshot = Table(
    "deal_snapshot", metadata,
    Column("day", Date, primary_key=True),
    Column("deal", Text, primary_key=True),
    Column("stage", Text),
    Column("status", Text),
    Column("amount", Exact),
    Column("currency", Text),
    Column("probability", Exact),
)  # fmt: skip

made = Table(
    "made", metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),
)  # fmt: skip

lease = Table(
    "lease", metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Instant, nullable=False),
)  # fmt: skip
