"""The tables of recurring charges and their subscriptions, in the `MetaData` of `schema`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from bookkeeping.subscribing import FOLLOWING, SubscriptionState
from connector_resources.store.columns import TEXT, UtcText
from connector_resources.store.schema import METADATA, partial_index, quoted

ERP_CHARGES = Table(
    "erp_charges",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("customer", TEXT, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("interval_unit", TEXT, nullable=False),
    Column("interval", Integer, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("day_of_month", Integer),
    Column("month", Integer),
    Column("ends_on", Date),
    Column("count", Integer),
    Column("active", Boolean, nullable=False),
    Column("on_hold", Boolean, nullable=False),
    Column("description", TEXT, nullable=False),
    Column("first_seen_at", UtcText, nullable=False),
    Column("seen_at", UtcText, nullable=False),
    Column("gone_at", UtcText),
    PrimaryKeyConstraint("connection", "number", name="pk_erp_charges"),
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("charge", TEXT, nullable=False),
    Column("number", Integer, nullable=False),
    Column("posting_key", TEXT, nullable=False),
    Column("customer", TEXT, nullable=False),
    Column("mandate", TEXT, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("schedule", TEXT, nullable=False),
    Column("day_of_month", Integer),
    Column("start_on", Date, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("subscription_id", TEXT, nullable=False),
    Column("cause", TEXT, nullable=False),
    Column("ours", Boolean, nullable=False),
    Column("amendments", Integer, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("change_key", TEXT, nullable=False),
    Column("refused", TEXT, nullable=False),
    Column("payments_read", Boolean, nullable=False),
    Column("paid_through", Date),
    Column("planned_at", UtcText, nullable=False),
    Column("changed_at", UtcText, nullable=False),
    PrimaryKeyConstraint("connection", "reference", name="pk_subscriptions"),
    UniqueConstraint("connection", "charge", "number", name="uq_subscriptions_number"),
    ForeignKeyConstraint(
        ["connection", "posting_key"],
        ["postings.connection", "postings.key"],
        name="fk_subscriptions_posting",
    ),
    CheckConstraint(f"state IN ({quoted(SubscriptionState)})", name="ck_subscriptions_state"),
    Index("ix_subscriptions_id", "connection", "subscription_id"),
    # The last guard: whatever a program decides, the database lets one subscription at a time follow a charge.
    partial_index(
        "uq_subscriptions_following",
        "connection",
        "charge",
        where=f"state IN ({quoted(tuple(sorted(FOLLOWING)))})",
        unique=True,
    ),
)
