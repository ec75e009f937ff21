"""Every table of the store, in one SQLAlchemy `MetaData`. `migrations/` builds the same, step by step; a test compares
them. Those of subscriptions are next door, in `subscription_schema`.

Rows of one connection never refer to rows of another. What must happen once is guarded here: unique event ids, posting
keys and submission references per connection, and check constraints on states.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    bindparam,
    text,
)

from bookkeeping.eligibility import AttemptState
from connector_resources.store.columns import SERIAL, TEXT, UtcText
from connector_resources.store.states import OPEN, UNFINISHED, UNTAKEN, DeliveryState, PostingState, SubmissionState

METADATA = MetaData()


def quoted(states: tuple[StrEnum, ...] | type[StrEnum]) -> str:
    return ", ".join(f"'{state.value}'" for state in states)


# SQLite uses a partial index only for a query that spells its condition out, so the conditions are shared with the
# queries.
_UNFINISHED = f"state IN ({quoted(UNFINISHED)})"
_HELD = f"state IN ({quoted((PostingState.HELD,))})"
_OPEN = f"state IN ({quoted(OPEN)})"
_UNTAKEN = f"state IN ({quoted(UNTAKEN)})"
_KEEPS = "keeps"


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


INBOX_DELIVERIES = Table(
    "inbox_deliveries",
    METADATA,
    Column("id", SERIAL, nullable=False),
    Column("connection", TEXT, nullable=False),
    Column("webhook_id", TEXT),
    Column("received_at", UtcText, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("event_count", Integer, nullable=False),
    Column("time_zone", TEXT, nullable=False, server_default="UTC"),
    Column("organisation", TEXT),
    Column("state", TEXT, nullable=False, server_default=DeliveryState.TAKEN.value),
    Column("problem", TEXT),
    PrimaryKeyConstraint("id", name="pk_inbox_deliveries"),
    Index("ix_inbox_deliveries_webhook", "connection", "webhook_id"),
    partial_index("ix_inbox_deliveries_untaken", "connection", "state", "id", where=_UNTAKEN),
)

INBOX_EVENTS = Table(
    "inbox_events",
    METADATA,
    Column("seq", SERIAL, nullable=False),
    Column("connection", TEXT, nullable=False),
    Column("event_id", TEXT, nullable=False),
    Column(
        "delivery_id", BigInteger, ForeignKey("inbox_deliveries.id", name="fk_inbox_events_delivery"), nullable=True
    ),
    Column("subject", TEXT, nullable=False),
    Column("resource_type", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("created_at", UtcText, nullable=False),
    Column("activity_day", Date, nullable=False),
    Column("received_at", UtcText, nullable=False),
    Column("processed_at", UtcText),
    Column("body", TEXT, nullable=False),
    PrimaryKeyConstraint("seq", name="pk_inbox_events"),
    UniqueConstraint("connection", "event_id", name="uq_inbox_events_event"),
    Index("ix_inbox_events_day", "connection", "activity_day", "resource_type"),
    Index("ix_inbox_events_subject", "connection", "subject"),
    Index("ix_inbox_events_created", "connection", "created_at"),
    partial_index("ix_inbox_events_waiting", "connection", "activity_day", "seq", where="processed_at IS NULL"),
    sqlite_autoincrement=True,
)

ENTITIES = Table(
    "entities",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("resource_type", TEXT, nullable=False),
    Column("id", TEXT, nullable=False),
    Column("created_at", UtcText),
    Column("activity_day", Date),
    Column("fetched_at", UtcText, nullable=False),
    Column("body", TEXT, nullable=False),
    PrimaryKeyConstraint("connection", "resource_type", "id", name="pk_entities"),
    Index("ix_entities_day", "connection", "resource_type", "activity_day"),
)

PAYOUT_READS = Table(
    "payout_reads",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("payout_id", TEXT, nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("fetched_at", UtcText, nullable=False),
    PrimaryKeyConstraint("connection", "payout_id", name="pk_payout_reads"),
)

PAYOUT_ITEMS = Table(
    "payout_items",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("payout_id", TEXT, nullable=False),
    Column("position", Integer, nullable=False),
    Column("body", TEXT, nullable=False),
    PrimaryKeyConstraint("connection", "payout_id", "position", name="pk_payout_items"),
    ForeignKeyConstraint(
        ["connection", "payout_id"],
        ["payout_reads.connection", "payout_reads.payout_id"],
        name="fk_payout_items_read",
    ),
    sqlite_with_rowid=False,
)

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("event_id", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("outcome", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("posting_key", TEXT),
    Column("decided_at", UtcText, nullable=False),
    PrimaryKeyConstraint("connection", "event_id", name="pk_decisions"),
    Index("ix_decisions_subject", "connection", "subject"),
)

POSTINGS = Table(
    "postings",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("event_id", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("occurred_at", UtcText, nullable=False),
    Column("booking_date", Date, nullable=False),
    Column("activity_day", Date, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", TEXT),
    Column("reverses", TEXT),
    Column("body", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("held_code", TEXT, nullable=False),
    Column("held_reason", TEXT, nullable=False),
    Column("held_next_step", TEXT, nullable=False),
    Column("nothing_to_book", TEXT, nullable=False),
    Column("planned_at", UtcText, nullable=False),
    Column("settled_at", UtcText),
    Column("waits_for", TEXT),
    PrimaryKeyConstraint("connection", "key", name="pk_postings"),
    CheckConstraint(f"state IN ({quoted(PostingState)})", name="ck_postings_state"),
    Index("ix_postings_day", "connection", "activity_day", "key"),
    Index("ix_postings_subject", "subject", "connection"),
    Index("ix_postings_event", "event_id", "connection"),
    Index("ix_postings_reference", "reference", "connection"),
    Index("ix_postings_key", "key", "connection"),
    partial_index(
        "ix_postings_unfinished",
        "connection",
        "booking_date",
        "occurred_at",
        "key",
        where=_UNFINISHED,
    ),
    partial_index("ix_postings_held", "connection", "activity_day", "key", where=_HELD),
)

SUBMISSIONS = Table(
    "submissions",
    METADATA,
    Column("id", SERIAL, nullable=False),
    Column("connection", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("step", TEXT, nullable=False),
    Column("method", TEXT, nullable=False),
    Column("path", TEXT, nullable=False),
    Column("content_type", TEXT, nullable=False),
    Column("headers", TEXT, nullable=False),
    Column("etag", TEXT, nullable=False),
    Column("summary", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("job_id", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("next_step", TEXT, nullable=False),
    Column("document_kind", TEXT, nullable=False),
    Column("document_number", TEXT, nullable=False),
    Column("document_etag", TEXT, nullable=False),
    Column("document_url", TEXT, nullable=False),
    Column("document_details", TEXT, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("claimed_at", UtcText, nullable=False),
    Column("settled_at", UtcText),
    # Last, because SQLite reads through whatever stands before a column, and a batch has megabytes.
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id", name="pk_submissions"),
    UniqueConstraint("connection", "reference", name="uq_submissions_reference"),
    CheckConstraint(f"state IN ({quoted(SubmissionState)})", name="ck_submissions_state"),
    Index("ix_submissions_document", "document_number", "connection"),
    Index("ix_submissions_reference", "reference", "connection"),
    partial_index("ix_submissions_open", "connection", "id", where=_OPEN),
    sqlite_autoincrement=True,
)

SUBMISSION_POSTINGS = Table(
    "submission_postings",
    METADATA,
    Column("submission_id", BigInteger, nullable=False),
    Column("connection", TEXT, nullable=False),
    Column("posting_key", TEXT, nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("submission_id", "posting_key", name="pk_submission_postings"),
    ForeignKeyConstraint(["submission_id"], ["submissions.id"], name="fk_submission_postings_submission"),
    ForeignKeyConstraint(
        ["connection", "posting_key"],
        ["postings.connection", "postings.key"],
        name="fk_submission_postings_posting",
    ),
    Index("ix_submission_postings_posting", "connection", "posting_key", "submission_id"),
    sqlite_with_rowid=False,
)


def _is_one_of(column: Column[str], states: tuple[StrEnum, ...]) -> ColumnElement[bool]:
    values: BindParameter[str] = bindparam(
        None, [state.value for state in states], expanding=True, literal_execute=True
    )
    return column.in_(values)


#: Conditions that use the partial indexes.
DELIVERY_IS_UNTAKEN = _is_one_of(INBOX_DELIVERIES.c.state, UNTAKEN)
DELIVERY_IS_WAITING = DELIVERY_IS_UNTAKEN & (INBOX_DELIVERIES.c.state == DeliveryState.WAITING.value)
DELIVERY_IS_UNREADABLE = DELIVERY_IS_UNTAKEN & (INBOX_DELIVERIES.c.state == DeliveryState.UNREADABLE.value)
POSTING_IS_UNFINISHED = _is_one_of(POSTINGS.c.state, UNFINISHED)
POSTING_IS_HELD = _is_one_of(POSTINGS.c.state, (PostingState.HELD,))
SUBMISSION_IS_OPEN = _is_one_of(SUBMISSIONS.c.state, OPEN)

TRAIL = Table(
    "trail",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("payload", TEXT, nullable=False),
    Column("previous_hash", TEXT, nullable=False),
    Column("hash", TEXT, nullable=False),
    PrimaryKeyConstraint("connection", "seq", name="pk_trail"),
    Index("ix_trail_subject", "subject", "connection", "seq"),
    sqlite_with_rowid=False,
)

TRAIL_HEADS = Table(
    "trail_heads",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", TEXT, nullable=False),
    PrimaryKeyConstraint("connection", name="pk_trail_heads"),
)

CREDENTIALS = Table(
    "credentials",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("key_id", TEXT, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", UtcText, nullable=False),
    PrimaryKeyConstraint("connection", "name", name="pk_credentials"),
)

LEASES = Table(
    "leases",
    METADATA,
    Column("name", TEXT, nullable=False),
    Column("holder", TEXT),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", UtcText, nullable=False),
    PrimaryKeyConstraint("name", name="pk_leases"),
)

QUOTAS = Table(
    "quotas",
    METADATA,
    Column("bucket", TEXT, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("interval_us", BigInteger, nullable=False),
    Column("full_at_us", BigInteger, nullable=False),
    Column("blocked_until_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("bucket", name="pk_quotas"),
)

CUSTOMER_LINKS = Table(
    "customer_links",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("gocardless_customer", TEXT, nullable=False),
    Column("erp_customer", TEXT, nullable=False),
    Column("method", TEXT, nullable=False),
    Column("linked_at", UtcText, nullable=False),
    PrimaryKeyConstraint("connection", "gocardless_customer", name="pk_customer_links"),
    Index("ix_customer_links_erp", "connection", "erp_customer"),
)

CUSTOMER_NUMBERS = Table(
    "customer_numbers",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("next_number", BigInteger, nullable=False),
    PrimaryKeyConstraint("connection", name="pk_customer_numbers"),
)

ERP_CUSTOMERS = Table(
    "erp_customers",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("email", TEXT, nullable=False),
    Column("email_key", TEXT, nullable=False),
    Column("name_key", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("gocardless_customer", TEXT, nullable=False),
    Column("mandate", TEXT, nullable=False),
    Column("vat_number", TEXT, nullable=False),
    Column("country_code", TEXT, nullable=False),
    Column("read_at", UtcText, nullable=False),
    Column("address", TEXT, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("connection", "number", name="pk_erp_customers"),
    Index("ix_erp_customers_email", "connection", "email_key"),
    Index("ix_erp_customers_name", "connection", "name_key"),
    Index("ix_erp_customers_gocardless", "connection", "gocardless_customer"),
)

CUSTOMER_AGREEMENTS = Table(
    "customer_agreements",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("gocardless_customer", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("gocardless", TEXT, nullable=False),
    Column("erp", TEXT),
    Column("agreed_at", UtcText, nullable=False),
    PrimaryKeyConstraint("connection", "gocardless_customer", name="pk_customer_agreements"),
)

ERP_INVOICES = Table(
    "erp_invoices",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("customer", TEXT, nullable=False),
    Column("open_minor", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("issued_on", Date),
    Column("due_on", Date),
    Column("document_type", TEXT, nullable=False),
    Column("on_hold", Boolean, nullable=False),
    Column("reopens", TEXT, nullable=False),
    Column("quotes", TEXT, nullable=False),
    Column("first_seen_at", UtcText, nullable=False),
    Column("seen_at", UtcText, nullable=False),
    Column("gone_at", UtcText),
    PrimaryKeyConstraint("connection", "number", name="pk_erp_invoices"),
    partial_index("ix_erp_invoices_open", "connection", "number", where="gone_at IS NULL"),
)

COLLECTIONS = Table(
    "collections",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("posting_key", TEXT, nullable=False),
    Column("customer", TEXT, nullable=False),
    Column("mandate", TEXT, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("charge_date", Date),
    Column("state", TEXT, nullable=False),
    Column("payment_id", TEXT, nullable=False),
    Column("payment_status", TEXT, nullable=False),
    Column("cause", TEXT, nullable=False),
    Column("ours", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("planned_at", UtcText, nullable=False),
    Column("changed_at", UtcText, nullable=False),
    Column("ended_on", Date),
    PrimaryKeyConstraint("connection", "reference", name="pk_collections"),
    ForeignKeyConstraint(
        ["connection", "posting_key"],
        ["postings.connection", "postings.key"],
        name="fk_collections_posting",
    ),
    CheckConstraint(f"state IN ({quoted(AttemptState)})", name="ck_collections_state"),
    Index("ix_collections_payment", "connection", "payment_id"),
)

COLLECTION_PARTS = Table(
    "collection_parts",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("root", TEXT, nullable=False),
    Column("item", TEXT, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("open_minor", BigInteger, nullable=False),
    Column("keeps", Boolean, nullable=False),
    PrimaryKeyConstraint("connection", "reference", "root", name="pk_collection_parts"),
    UniqueConstraint("connection", "root", "attempt", name="uq_collection_parts_attempt"),
    ForeignKeyConstraint(
        ["connection", "reference"],
        ["collections.connection", "collections.reference"],
        name="fk_collection_parts_collection",
    ),
    # The last guard: whatever a program decides, the database lets one collection at a time have an invoice.
    partial_index("uq_collection_parts_keeps", "connection", "root", where=_KEEPS, unique=True),
    sqlite_with_rowid=False,
)

MANDATE_SETUPS = Table(
    "mandate_setups",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("posting_key", TEXT, nullable=False),
    Column("customer", TEXT, nullable=False),
    Column("gocardless_customer", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("billing_request", TEXT, nullable=False),
    Column("url", TEXT, nullable=False),
    Column("expires_at", UtcText),
    Column("mandate", TEXT, nullable=False),
    Column("planned_at", UtcText, nullable=False),
    Column("changed_at", UtcText, nullable=False),
    PrimaryKeyConstraint("connection", "reference", name="pk_mandate_setups"),
    ForeignKeyConstraint(
        ["connection", "posting_key"],
        ["postings.connection", "postings.key"],
        name="fk_mandate_setups_posting",
    ),
    Index("ix_mandate_setups_customer", "connection", "customer", "currency"),
)

MARKS = Table(
    "marks",
    METADATA,
    Column("connection", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("value", TEXT, nullable=False),
    Column("updated_at", UtcText, nullable=False),
    PrimaryKeyConstraint("connection", "name", name="pk_marks"),
)
