"""A store of the first schema, with data in it, comes to the newest without losing a row; a later program's is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, insert, select, text

from bookkeeping.postings import PostingKind
from connector_resources.errors import StoreError
from connector_resources.store import migration
from connector_resources.store.columns import utc_text
from connector_resources.store.engine import Database
from connector_resources.store.migration import VERSION_TABLE, known_versions, migrate, schema_of
from connector_resources.store.store import Store
from connector_resources.store.trail import GENESIS, row_hash

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
AT = utc_text(NOW)
BODY = '{"text":"GoCardless receipt"}'


def clock() -> datetime:
    return NOW


@pytest.fixture(params=["sqlite", "postgresql"])
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with the first schema, as the first release made it, and a little of everything in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    else:
        server = request.getfixturevalue("postgres")
        url = server.url(server.create())
    database = Database(url, clock=clock)
    config = Config()
    config.set_main_option("script_location", str(Path(migration.__file__).parent / "migrations"))
    with database.write() as transaction:
        config.attributes["connection"] = transaction
        command.upgrade(config, "0001")
    tables = MetaData()
    tables.reflect(database.engine)
    with database.write() as transaction:
        for name, row in rows().items():
            transaction.execute(insert(tables.tables[name]), [row])
    yield database
    database.close()


def rows() -> dict[str, dict[str, Any]]:
    digest = row_hash("nordic", 1, AT, "noted", "PM1", "{}", GENESIS)
    return {
        "trail": {
            "connection": "nordic", "seq": 1, "at": AT, "kind": "noted", "subject": "PM1", "payload": "{}",
            "previous_hash": GENESIS, "hash": digest,
        },
        "trail_heads": {"connection": "nordic", "seq": 1, "hash": digest},
        "postings": {
            "connection": "nordic", "key": "EV1:receipt", "kind": "receipt", "event_id": "EV1", "subject": "PM1",
            "reference": "GCEV1", "occurred_at": AT, "booking_date": NOW.date(), "activity_day": NOW.date(),
            "amount_minor": 12345, "currency": "EUR", "reverses": None, "body": BODY, "state": "posted", "held_code": "",
            "held_reason": "", "held_next_step": "", "nothing_to_book": "", "planned_at": AT, "settled_at": AT,
        },
        "submissions": {
            "connection": "nordic", "system": "visma", "reference": "EV1:receipt/create", "step": "create",
            "method": "POST", "path": "/payment", "content_type": "application/json", "headers": "[]", "etag": "",
            "summary": "", "sha256": "00", "state": "posted", "attempts": 1, "fence": 1, "job_id": "", "code": "",
            "reason": "", "next_step": "", "document_kind": "Payment", "document_number": "000812", "document_etag": "",
            "document_url": "", "document_details": "{}", "verified": True, "claimed_at": AT, "settled_at": AT,
            "body": b'{"amount": 123.45}',
        },
        "erp_customers": {
            "connection": "nordic", "number": "10001", "name": "Ada Berg", "email": "", "email_key": "", "name_key": "",
            "currency": "EUR", "active": True, "gocardless_customer": "CU1", "mandate": "", "vat_number": "",
            "country_code": "NO", "read_at": AT,
        },
        "marks": {"connection": "nordic", "name": "events_watermark", "value": "EV1", "updated_at": AT},
    }  # fmt: skip


def content(database: Database) -> dict[str, dict[str, Any]]:
    tables = MetaData()
    tables.reflect(database.engine)
    with database.read() as reading:
        return {name: dict(reading.execute(select(tables.tables[name])).one()._mapping) for name in rows()}


def test_a_store_of_the_first_release_comes_to_the_newest_schema_with_all_it_has(first: Database) -> None:
    before = content(first)
    with first.read() as reading:
        assert schema_of(reading) == "0001"

    migrate(first)

    after = content(first)
    for name, row in before.items():
        assert {column: after[name][column] for column in row} == row, name
    url = first.url.render_as_string(hide_password=False)
    with Store.open(url, clock=clock) as store:
        assert store.schema_version() == known_versions()[-1] != "0001"
        assert store.trail.verify("nordic").ok
        (count,) = store.ledger.counts("nordic")
        assert (count.kind, count.state, count.count) == (PostingKind.RECEIPT, "posted", 1)
        assert store.submissions.of_posting("nordic", "EV1:receipt") == []
        store.migrate()


def test_a_store_of_a_later_program_is_refused_and_left_as_it_is(first: Database) -> None:
    with first.write() as transaction:
        transaction.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608 - constants
    before = content(first)

    with pytest.raises(StoreError, match=r"a later program made it.*install the version that was used last"):
        migrate(first)

    assert content(first) == before
    with first.read() as reading:
        assert schema_of(reading) == "9999"


def test_the_known_versions_are_those_of_the_steps() -> None:
    versions = known_versions()
    assert versions[0] == "0001"
    assert versions == sorted(set(versions))
