"""Migrations build exactly what `schema.py` says, on both databases, once, whoever starts first."""

from __future__ import annotations

import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text, update
from sqlalchemy.exc import IntegrityError

import connector_resources.store.migration as migration
from connector_resources.errors import ConfigurationError, StoreError
from connector_resources.store.columns import utc_text
from connector_resources.store.engine import Database
from connector_resources.store.migration import VERSION_TABLE
from connector_resources.store.schema import METADATA, POSTINGS, SUBMISSIONS
from connector_resources.store.store import Store

POSTGRES_SHAPE = """
SELECT 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable || ' ' ||
       coalesce(collation_name, '') || ' ' || coalesce(column_default, '')
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conname, conrelid::regclass::text || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""
SQLITE_SHAPE = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"


def shape(database: Database) -> list[tuple[str, ...]]:
    """Everything the database knows of its tables, as text, but for the version table."""
    with database.read() as reading:
        rows = reading.execute(text(SQLITE_SHAPE if database.is_sqlite else POSTGRES_SHAPE)).all()
    # Constraints of one table may stand in another order: sort the words between commas.
    flat = [(kind, name, ",".join(sorted(re.sub(r"\s+", " ", sql).split(",")))) for kind, name, sql in rows]
    return sorted(row for row in flat if VERSION_TABLE not in row[1] + row[2])


def alembic_of(transaction: Connection) -> Config:
    """Alembic as the program itself sets it up, over this transaction."""
    config = Config()
    config.set_main_option("script_location", str(migration._SCRIPTS))
    config.attributes["connection"] = transaction
    return config


def upgraded(store: Store, version: str) -> None:
    """Bring an empty store to an earlier version of the tables."""
    from alembic import command

    with store.begin() as transaction:
        command.upgrade(alembic_of(transaction), version)


def test_the_migrated_database_is_what_the_schema_says(empty_url, clock):
    with Store.open(empty_url, clock=clock) as store:
        METADATA.create_all(store.database.engine)
        wanted = shape(store.database)
        METADATA.drop_all(store.database.engine)
        assert shape(store.database) == []

        store.migrate()

        assert shape(store.database) == wanted
        with store.database.read() as reading:
            context = MigrationContext.configure(
                reading, opts={"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
            )
            assert compare_metadata(context, METADATA) == []


def test_migrating_twice_changes_nothing(store):
    before = shape(store.database)

    store.migrate()

    assert shape(store.database) == before


def test_processes_that_start_at_once_migrate_once(empty_url, start_python):
    processes = [start_python("store.migrate(); print('ready')", empty_url) for _ in range(4)]

    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert output == "ready\n", errors


def test_dagsters_own_tables_may_be_in_the_same_database(empty_url, clock):
    other = create_engine(Database(empty_url, clock=clock).url)
    with other.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('7e2f3204cf8e')"))

    with Store.open(empty_url, clock=clock) as opened:
        opened.migrate()
        assert opened.inbox.highest_seq() == 0

    with other.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "7e2f3204cf8e"
    other.dispose()


def test_going_back_removes_every_table(empty_url, clock):
    from alembic import command

    with Store.open(empty_url, clock=clock) as opened:
        opened.migrate()
        with opened.begin() as transaction:
            command.downgrade(alembic_of(transaction), "base")
        with opened.database.read() as reading:
            assert inspect(reading).get_table_names() == [VERSION_TABLE]


def test_webhooks_of_the_version_before_are_taken_and_those_after_it_wait(empty_url, clock, make):
    with Store.open(empty_url, clock=clock) as opened:
        upgraded(opened, "0004")
        with opened.begin() as transaction:
            transaction.execute(
                text(
                    "INSERT INTO inbox_deliveries (connection, webhook_id, received_at, sha256, body, event_count) "
                    "VALUES ('acme', 'WB1', '2026-03-01T09:30:00.000000Z', '', :body, 1)"
                ),
                {"body": make.delivery(make.event(1)).body},
            )
        opened.migrate()
        opened.deliveries.keep([make.delivery(make.event(2), webhook_id="WB2")])

        assert opened.deliveries.take(again=True) == 1

        with opened.database.read() as reading:
            rows = reading.execute(text("SELECT webhook_id, state FROM inbox_deliveries ORDER BY id")).all()
        assert [tuple(row) for row in rows] == [("WB1", "taken"), ("WB2", "taken")]
        assert [row.event_id for row in opened.inbox.new_events("acme", make.day, make.day)] == ["EV2"]


@pytest.mark.parametrize("table", [POSTINGS, SUBMISSIONS], ids=str)
def test_the_database_itself_refuses_an_unknown_state(books, store, table):
    books.submission_in("posted")

    with pytest.raises(IntegrityError), store.begin() as transaction:
        transaction.execute(update(table).values(state="done"))


def test_the_database_itself_refuses_a_second_submission_of_a_reference(books, store):
    books.submission_in("posted", 1)
    books.submission_in("posted", 2)

    with pytest.raises(IntegrityError), store.begin() as transaction:
        transaction.execute(text("UPDATE submissions SET reference = 'GCEV1:create'"))


def test_sqlite_is_opened_durable_and_with_foreign_keys(store):
    if not store.database.is_sqlite:
        pytest.skip("settings of SQLite")
    # A connection of a new pool, as the engine itself prepares it: tests turn the waiting for the disk off later on.
    with Store.open(str(store.database.url), clock=store.database.now) as opened:
        cursor = opened.database.engine.raw_connection().cursor()
        settings = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


@pytest.mark.parametrize("address", ["mysql://u:pw@h/db", "sqlite://", "sqlite:///:memory:", "no address"])
def test_an_address_that_cannot_serve_is_refused_with_what_to_write(address, clock):
    with pytest.raises(ConfigurationError) as error:
        Store.open(address, clock=clock)

    assert "sqlite:///" in error.value.next_step
    assert "pw" not in str(error.value)


def test_a_server_that_is_not_there_is_a_store_error_without_the_password(clock, tmp_path):
    store = Store.open(f"postgresql://ada:geheim@/db?host={tmp_path}", clock=clock)

    with pytest.raises(StoreError, match="cannot be used") as error:
        store.inbox.highest_seq()

    assert "geheim" not in str(error.value)
    assert "geheim" not in repr(store)


def test_a_time_without_a_zone_is_refused(make):
    with pytest.raises(ValueError, match="no time zone"):
        utc_text(make.start.replace(tzinfo=None))
