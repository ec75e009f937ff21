"""Addresses of ERP customers, and what both sides of a linked customer were last known to say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("erp_customers", sa.Column("address", TEXT, nullable=False, server_default="{}"))
    # The ERP's list is read as a whole once more: an address that is merely unknown must not look like a changed one.
    op.execute("DELETE FROM marks WHERE name = 'erp_customers'")
    op.create_table(
        "customer_agreements",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("gocardless_customer", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("gocardless", TEXT, nullable=False),
        sa.Column("erp", TEXT),
        sa.Column("agreed_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "gocardless_customer", name="pk_customer_agreements"),
    )


def downgrade() -> None:
    """Both sides of every customer count as agreed again when the next version is back."""
    op.drop_table("customer_agreements")
    op.drop_column("erp_customers", "address")
