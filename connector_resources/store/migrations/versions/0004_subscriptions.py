"""Recurring charges, the subscriptions that follow them, and postings that wait for another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

#: as they were when this step was written.
STATES = "'planned', 'held', 'active', 'paused', 'finished', 'cancelled', 'withdrawn'"
FOLLOWING = "'active', 'held', 'paused', 'planned'"


def upgrade() -> None:
    op.add_column("postings", sa.Column("waits_for", TEXT))
    _create_charges()
    _create_subscriptions()


def downgrade() -> None:
    for table in ("subscriptions", "erp_charges"):
        op.drop_table(table)
    op.drop_column("postings", "waits_for")


def _create_charges() -> None:
    op.create_table(
        "erp_charges",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("customer", TEXT, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("interval_unit", TEXT, nullable=False),
        sa.Column("interval", sa.Integer, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("day_of_month", sa.Integer),
        sa.Column("month", sa.Integer),
        sa.Column("ends_on", sa.Date),
        sa.Column("count", sa.Integer),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("on_hold", sa.Boolean, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("first_seen_at", TEXT, nullable=False),
        sa.Column("seen_at", TEXT, nullable=False),
        sa.Column("gone_at", TEXT),
        sa.PrimaryKeyConstraint("connection", "number", name="pk_erp_charges"),
    )


def _create_subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("charge", TEXT, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("posting_key", TEXT, nullable=False),
        sa.Column("customer", TEXT, nullable=False),
        sa.Column("mandate", TEXT, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("schedule", TEXT, nullable=False),
        sa.Column("day_of_month", sa.Integer),
        sa.Column("start_on", sa.Date, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("subscription_id", TEXT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.Column("ours", sa.Boolean, nullable=False),
        sa.Column("amendments", sa.Integer, nullable=False),
        sa.Column("changes", sa.Integer, nullable=False),
        sa.Column("change_key", TEXT, nullable=False),
        sa.Column("refused", TEXT, nullable=False),
        sa.Column("payments_read", sa.Boolean, nullable=False),
        sa.Column("paid_through", sa.Date),
        sa.Column("planned_at", TEXT, nullable=False),
        sa.Column("changed_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "reference", name="pk_subscriptions"),
        sa.UniqueConstraint("connection", "charge", "number", name="uq_subscriptions_number"),
        sa.ForeignKeyConstraint(
            ["connection", "posting_key"],
            ["postings.connection", "postings.key"],
            name="fk_subscriptions_posting",
        ),
        sa.CheckConstraint(f"state IN ({STATES})", name="ck_subscriptions_state"),
    )
    op.create_index("ix_subscriptions_id", "subscriptions", ["connection", "subscription_id"])
    where = sa.text(f"state IN ({FOLLOWING})")
    op.create_index(
        "uq_subscriptions_following",
        "subscriptions",
        ["connection", "charge"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
