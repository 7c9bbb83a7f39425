"""What each connection spends of its account's day, by the hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sync.store.types import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spend",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("hour", Instant(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("allowed", sa.BigInteger(), nullable=True),
        sa.Column("remaining", sa.BigInteger(), nullable=True),
        sa.Column("heard_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "hour"),
    )
