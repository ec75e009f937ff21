"""Open invoices, collections with their allocation tables, and mandate set-ups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

#: as they were when this step was written.
STATES = "'planned', 'held', 'in_flight', 'collected', 'failed', 'charged_back', 'cancelled', 'withdrawn'"


def upgrade() -> None:
    _create_invoices()
    _create_collections()
    _create_mandate_setups()


def downgrade() -> None:
    for table in ("mandate_setups", "collection_parts", "collections", "erp_invoices"):
        op.drop_table(table)


def _create_invoices() -> None:
    op.create_table(
        "erp_invoices",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("customer", TEXT, nullable=False),
        sa.Column("open_minor", sa.BigInteger, nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("issued_on", sa.Date),
        sa.Column("due_on", sa.Date),
        sa.Column("document_type", TEXT, nullable=False),
        sa.Column("on_hold", sa.Boolean, nullable=False),
        sa.Column("reopens", TEXT, nullable=False),
        sa.Column("quotes", TEXT, nullable=False),
        sa.Column("first_seen_at", TEXT, nullable=False),
        sa.Column("seen_at", TEXT, nullable=False),
        sa.Column("gone_at", TEXT),
        sa.PrimaryKeyConstraint("connection", "number", name="pk_erp_invoices"),
    )
    where = sa.text("gone_at IS NULL")
    op.create_index(
        "ix_erp_invoices_open", "erp_invoices", ["connection", "number"], sqlite_where=where, postgresql_where=where
    )


def _create_collections() -> None:
    op.create_table(
        "collections",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("posting_key", TEXT, nullable=False),
        sa.Column("customer", TEXT, nullable=False),
        sa.Column("mandate", TEXT, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("charge_date", sa.Date),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("payment_id", TEXT, nullable=False),
        sa.Column("payment_status", TEXT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.Column("ours", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("planned_at", TEXT, nullable=False),
        sa.Column("changed_at", TEXT, nullable=False),
        sa.Column("ended_on", sa.Date),
        sa.PrimaryKeyConstraint("connection", "reference", name="pk_collections"),
        sa.ForeignKeyConstraint(
            ["connection", "posting_key"],
            ["postings.connection", "postings.key"],
            name="fk_collections_posting",
        ),
        sa.CheckConstraint(f"state IN ({STATES})", name="ck_collections_state"),
    )
    op.create_index("ix_collections_payment", "collections", ["connection", "payment_id"])
    op.create_table(
        "collection_parts",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("root", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("open_minor", sa.BigInteger, nullable=False),
        sa.Column("keeps", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("connection", "reference", "root", name="pk_collection_parts"),
        sa.UniqueConstraint("connection", "root", "attempt", name="uq_collection_parts_attempt"),
        sa.ForeignKeyConstraint(
            ["connection", "reference"],
            ["collections.connection", "collections.reference"],
            name="fk_collection_parts_collection",
        ),
        sqlite_with_rowid=False,
    )
    where = sa.text("keeps")
    op.create_index(
        "uq_collection_parts_keeps",
        "collection_parts",
        ["connection", "root"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def _create_mandate_setups() -> None:
    op.create_table(
        "mandate_setups",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("posting_key", TEXT, nullable=False),
        sa.Column("customer", TEXT, nullable=False),
        sa.Column("gocardless_customer", TEXT, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("billing_request", TEXT, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("expires_at", TEXT),
        sa.Column("mandate", TEXT, nullable=False),
        sa.Column("planned_at", TEXT, nullable=False),
        sa.Column("changed_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "reference", name="pk_mandate_setups"),
        sa.ForeignKeyConstraint(
            ["connection", "posting_key"],
            ["postings.connection", "postings.key"],
            name="fk_mandate_setups_posting",
        ),
    )
    op.create_index("ix_mandate_setups_customer", "mandate_setups", ["connection", "customer", "currency"])
