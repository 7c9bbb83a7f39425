"""What is in the way of a write; the vendors' metadata; listings that are not believed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sync.store.types import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "problem", sa.Column("blocker", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.add_column(
        "tombstone", sa.Column("ours", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "metadata_version",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("checked_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "object"),
    )
    op.create_table(
        "doubt",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("run", _ID, nullable=False),
        sa.Column("missing", _ID, nullable=False),
        sa.Column("total", _ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "object"),
    )
