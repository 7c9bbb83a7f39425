"""People's decisions about identity, and the pairs that wait for one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sync.store.types import Body, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("connection_one", sa.Text(), nullable=False),
        sa.Column("record_one", sa.Text(), nullable=False),
        sa.Column("connection_two", sa.Text(), nullable=False),
        sa.Column("record_two", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "object", "connection_one", "record_one", "connection_two", "record_two"
        ),
    )
    op.create_index(
        "decision_two", "decision", ["object", "connection_two", "record_two"], unique=False
    )
    op.create_table(
        "review",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("connection_one", sa.Text(), nullable=False),
        sa.Column("record_one", sa.Text(), nullable=False),
        sa.Column("connection_two", sa.Text(), nullable=False),
        sa.Column("record_two", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("evidence", Body(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("run", _ID, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("review_status", "review", ["status", "object"], unique=False)
    op.create_index(
        "review_pair",
        "review",
        ["object", "connection_one", "record_one", "connection_two", "record_two"],
        unique=True,
    )
