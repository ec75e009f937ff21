"""First schema: inbox, decisions, entities, ledger, submissions, trail, vault, leases, quotas, marks, customers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


#: Tables that refer to others come first.
TABLES = (
    "erp_customers",
    "customer_numbers",
    "customer_links",
    "marks",
    "quotas",
    "leases",
    "credentials",
    "trail_heads",
    "trail",
    "submission_postings",
    "submissions",
    "postings",
    "payout_items",
    "payout_reads",
    "entities",
    "decisions",
    "inbox_events",
    "inbox_deliveries",
)


def upgrade() -> None:
    _create_inbox()
    _create_entities()
    _create_postings()
    _create_submissions()
    _create_submission_postings()
    _create_trail()
    _create_coordination()
    _create_customers()


def downgrade() -> None:
    """Drops every table: what was booked is then known to the ERPs alone."""
    for table in TABLES:
        op.drop_table(table)


def _create_inbox() -> None:
    op.create_table(
        "inbox_deliveries",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("webhook_id", TEXT),
        sa.Column("received_at", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("event_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox_deliveries"),
    )
    op.create_index("ix_inbox_deliveries_webhook", "inbox_deliveries", ["connection", "webhook_id"])
    op.create_table(
        "inbox_events",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column(
            "delivery_id",
            sa.BigInteger,
            sa.ForeignKey("inbox_deliveries.id", name="fk_inbox_events_delivery"),
            nullable=True,
        ),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("resource_type", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("activity_day", sa.Date, nullable=False),
        sa.Column("received_at", TEXT, nullable=False),
        sa.Column("processed_at", TEXT),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_inbox_events"),
        sa.UniqueConstraint("connection", "event_id", name="uq_inbox_events_event"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_events_day", "inbox_events", ["connection", "activity_day", "resource_type"])
    op.create_index("ix_inbox_events_subject", "inbox_events", ["connection", "subject"])
    op.create_index("ix_inbox_events_created", "inbox_events", ["connection", "created_at"])
    _partial_index(
        "ix_inbox_events_waiting", "inbox_events", ["connection", "activity_day", "seq"], "processed_at IS NULL"
    )
    op.create_table(
        "decisions",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("posting_key", TEXT),
        sa.Column("decided_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "event_id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_subject", "decisions", ["connection", "subject"])


def _create_entities() -> None:
    op.create_table(
        "entities",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("resource_type", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", TEXT),
        sa.Column("activity_day", sa.Date),
        sa.Column("fetched_at", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "resource_type", "id", name="pk_entities"),
    )
    op.create_index("ix_entities_day", "entities", ["connection", "resource_type", "activity_day"])
    op.create_table(
        "payout_reads",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("payout_id", TEXT, nullable=False),
        sa.Column("item_count", sa.Integer, nullable=False),
        sa.Column("fetched_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "payout_id", name="pk_payout_reads"),
    )
    op.create_table(
        "payout_items",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("payout_id", TEXT, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "payout_id", "position", name="pk_payout_items"),
        sa.ForeignKeyConstraint(
            ["connection", "payout_id"],
            ["payout_reads.connection", "payout_reads.payout_id"],
            name="fk_payout_items_read",
        ),
        sqlite_with_rowid=False,
    )


def _create_postings() -> None:
    op.create_table(
        "postings",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("occurred_at", TEXT, nullable=False),
        sa.Column("booking_date", sa.Date, nullable=False),
        sa.Column("activity_day", sa.Date, nullable=False),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("currency", TEXT),
        sa.Column("reverses", TEXT),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("held_code", TEXT, nullable=False),
        sa.Column("held_reason", TEXT, nullable=False),
        sa.Column("held_next_step", TEXT, nullable=False),
        sa.Column("nothing_to_book", TEXT, nullable=False),
        sa.Column("planned_at", TEXT, nullable=False),
        sa.Column("settled_at", TEXT),
        sa.PrimaryKeyConstraint("connection", "key", name="pk_postings"),
        sa.CheckConstraint(
            "state IN ('pending', 'claimed', 'posted', 'delivered', 'held', 'withdrawn')", name="ck_postings_state"
        ),
    )
    op.create_index("ix_postings_day", "postings", ["connection", "activity_day", "key"])
    op.create_index("ix_postings_subject", "postings", ["subject", "connection"])
    op.create_index("ix_postings_event", "postings", ["event_id", "connection"])
    op.create_index("ix_postings_reference", "postings", ["reference", "connection"])
    op.create_index("ix_postings_key", "postings", ["key", "connection"])
    _partial_index(
        "ix_postings_unfinished",
        "postings",
        ["connection", "booking_date", "occurred_at", "key"],
        "state IN ('pending', 'claimed')",
    )
    _partial_index("ix_postings_held", "postings", ["connection", "activity_day", "key"], "state IN ('held')")


def _create_submissions() -> None:
    op.create_table(
        "submissions",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("system", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("step", TEXT, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("content_type", TEXT, nullable=False),
        sa.Column("headers", TEXT, nullable=False),
        sa.Column("etag", TEXT, nullable=False),
        sa.Column("summary", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("job_id", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("next_step", TEXT, nullable=False),
        sa.Column("document_kind", TEXT, nullable=False),
        sa.Column("document_number", TEXT, nullable=False),
        sa.Column("document_etag", TEXT, nullable=False),
        sa.Column("document_url", TEXT, nullable=False),
        sa.Column("document_details", TEXT, nullable=False),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("claimed_at", TEXT, nullable=False),
        sa.Column("settled_at", TEXT),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.UniqueConstraint("connection", "reference", name="uq_submissions_reference"),
        sa.CheckConstraint(
            "state IN ('claimed', 'posted', 'accepted', 'rejected', 'unknown', 'not_sent', 'absent', 'parked')",
            name="ck_submissions_state",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_submissions_document", "submissions", ["document_number", "connection"])
    op.create_index("ix_submissions_reference", "submissions", ["reference", "connection"])
    _partial_index(
        "ix_submissions_open", "submissions", ["connection", "id"], "state IN ('claimed', 'unknown', 'accepted')"
    )


def _create_submission_postings() -> None:
    op.create_table(
        "submission_postings",
        sa.Column("submission_id", sa.BigInteger, nullable=False),
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("posting_key", TEXT, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("submission_id", "posting_key", name="pk_submission_postings"),
        sa.ForeignKeyConstraint(["submission_id"], ["submissions.id"], name="fk_submission_postings_submission"),
        sa.ForeignKeyConstraint(
            ["connection", "posting_key"],
            ["postings.connection", "postings.key"],
            name="fk_submission_postings_posting",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_submission_postings_posting", "submission_postings", ["connection", "posting_key", "submission_id"]
    )


def _create_trail() -> None:
    op.create_table(
        "trail",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.Column("previous_hash", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "seq", name="pk_trail"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trail_subject", "trail", ["subject", "connection", "seq"])
    op.create_table(
        "trail_heads",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", name="pk_trail_heads"),
    )


def _create_coordination() -> None:
    op.create_table(
        "credentials",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "name", name="pk_credentials"),
    )
    op.create_table(
        "leases",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("holder", TEXT),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "quotas",
        sa.Column("bucket", TEXT, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("interval_us", sa.BigInteger, nullable=False),
        sa.Column("full_at_us", sa.BigInteger, nullable=False),
        sa.Column("blocked_until_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_quotas"),
    )
    op.create_table(
        "marks",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "name", name="pk_marks"),
    )


def _create_customers() -> None:
    op.create_table(
        "customer_links",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("gocardless_customer", TEXT, nullable=False),
        sa.Column("erp_customer", TEXT, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("linked_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "gocardless_customer", name="pk_customer_links"),
    )
    op.create_index("ix_customer_links_erp", "customer_links", ["connection", "erp_customer"])
    op.create_table(
        "customer_numbers",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("next_number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("connection", name="pk_customer_numbers"),
    )
    op.create_table(
        "erp_customers",
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("name_key", TEXT, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("gocardless_customer", TEXT, nullable=False),
        sa.Column("mandate", TEXT, nullable=False),
        sa.Column("vat_number", TEXT, nullable=False),
        sa.Column("country_code", TEXT, nullable=False),
        sa.Column("read_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "number", name="pk_erp_customers"),
    )
    op.create_index("ix_erp_customers_email", "erp_customers", ["connection", "email_key"])
    op.create_index("ix_erp_customers_name", "erp_customers", ["connection", "name_key"])
    op.create_index("ix_erp_customers_gocardless", "erp_customers", ["connection", "gocardless_customer"])


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
