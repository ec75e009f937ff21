"""Run by alembic: migrates over the connection, and inside the transaction, that `migration.migrate` hands in."""

from __future__ import annotations

from alembic import context

from connector_resources.store.migration import VERSION_TABLE
from connector_resources.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
