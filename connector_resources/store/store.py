"""The store of one installation: opens the database and gives its parts by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType

from sqlalchemy import Connection

from connector_resources.store.collections import Collections
from connector_resources.store.customer_agreements import CustomerAgreements
from connector_resources.store.customers import CustomerLinks
from connector_resources.store.decisions import Decisions
from connector_resources.store.deliveries import Deliveries
from connector_resources.store.engine import Database
from connector_resources.store.entities import Entities
from connector_resources.store.erasure import Erasure
from connector_resources.store.inbox import Inbox
from connector_resources.store.leases import Leases
from connector_resources.store.ledger import Ledger
from connector_resources.store.mandate_setups import MandateSetups
from connector_resources.store.marks import Marks
from connector_resources.store.migration import migrate, schema_of
from connector_resources.store.quotas import Quotas
from connector_resources.store.receivables import Receivables
from connector_resources.store.recurring_charges import RecurringCharges
from connector_resources.store.submissions import Submissions
from connector_resources.store.subscriptions import Subscriptions
from connector_resources.store.trail import Trail
from connector_resources.store.vault import Vault
from connector_resources.store.vault_key import VaultKey


class Store:
    """Every method of the parts is one transaction, or joins the one given as `within`.

    Safe to share between threads.
    """

    def __init__(self, database: Database, vault_key: VaultKey | None) -> None:
        self.database = database
        self.trail = Trail(database)
        self.deliveries = Deliveries(database, self.trail)
        self.inbox = Inbox(database, self.trail)
        self.entities = Entities(database, self.trail)
        self.decisions = Decisions(database, self.trail)
        self.ledger = Ledger(database, self.trail)
        self.submissions = Submissions(database, self.trail)
        self.vault = Vault(database, self.trail, vault_key)
        self.leases = Leases(database)
        self.quotas = Quotas(database)
        self.customers = CustomerLinks(database, self.trail)
        self.customer_agreements = CustomerAgreements(database, self.trail)
        self.receivables = Receivables(database, self.trail)
        self.collections = Collections(database, self.trail)
        self.recurring_charges = RecurringCharges(database, self.trail)
        self.subscriptions = Subscriptions(database, self.trail)
        self.mandate_setups = MandateSetups(database, self.trail)
        self.marks = Marks(database)
        self.erasure = Erasure(database, self.trail)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        clock: Callable[[], datetime],
        vault_key: VaultKey | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Store:
        """The store at `sqlite:////path/file.sqlite` or `postgresql://…`. Nothing is created before `migrate`.

        `clock` gives aware times; `sleep` is how the store waits for a lease or for new events. Raises
        `ConfigurationError` for any other URL.
        """
        return cls(Database(url, clock=clock, sleep=sleep), vault_key)

    def migrate(self) -> None:
        """Create or upgrade the tables.

        Safe when several processes do it at once, and cheap when nothing is to be done.
        """
        migrate(self.database)

    def schema_version(self) -> str | None:
        """The version of the tables that are there; None where there are none."""
        with self.database.read() as reading:
            return schema_of(reading)

    def share_access_of(self, other: Store) -> None:
        """Take credentials, leases and rate limits from `other`, and leave there what becomes of them.

        For a store that will be thrown away: a refreshed token, and every call that was made, must outlive it.
        """
        self.vault, self.leases, self.quotas = other.vault, other.leases, other.quotas

    def begin(self) -> AbstractContextManager[Connection]:
        """One write transaction for several calls that take `within`; rolled back when the block raises.

        Inside it, write only with `within`: a second transaction of the same process would wait for this one.
        """
        return self.database.write()

    def close(self) -> None:
        """Give the database connections back."""
        self.database.close()

    def __repr__(self) -> str:
        return f"Store({self.database.name})"

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
