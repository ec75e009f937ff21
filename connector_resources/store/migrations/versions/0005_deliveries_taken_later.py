"""Deliveries whose events are taken out of them after they were answered. Those that are there have been taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

#: as it was when this step was written.
UNTAKEN = "state IN ('waiting', 'unreadable')"


def upgrade() -> None:
    # Columns with a constant default are added without a row being written: the table holds a year of bodies.
    op.add_column("inbox_deliveries", sa.Column("time_zone", TEXT, nullable=False, server_default="UTC"))
    op.add_column("inbox_deliveries", sa.Column("organisation", TEXT))
    op.add_column("inbox_deliveries", sa.Column("state", TEXT, nullable=False, server_default="taken"))
    op.add_column("inbox_deliveries", sa.Column("problem", TEXT))
    op.create_index(
        "ix_inbox_deliveries_untaken",
        "inbox_deliveries",
        ["connection", "state", "id"],
        sqlite_where=sa.text(UNTAKEN),
        postgresql_where=sa.text(UNTAKEN),
    )


def downgrade() -> None:
    op.drop_index("ix_inbox_deliveries_untaken", "inbox_deliveries")
    for column in ("problem", "state", "organisation", "time_zone"):
        op.drop_column("inbox_deliveries", column)
