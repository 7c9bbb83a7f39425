"""Duplicates have numbers, by which a person names them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OLD = ("connection", "object", "record", "of", "rule", "run")


def upgrade() -> None:
    old = sa.table("duplicate", *(sa.column(name) for name in _OLD))
    query = sa.select(old).order_by(old.c.run, old.c.object, old.c.connection, old.c.record)
    rows = [dict(row._mapping) for row in op.get_bind().execute(query)]
    op.drop_table("duplicate")
    made = op.create_table(
        "duplicate",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("run", _ID, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "duplicate_pair", "duplicate", ["object", "connection", "record", "of"], unique=True
    )
    op.bulk_insert(made, rows)
