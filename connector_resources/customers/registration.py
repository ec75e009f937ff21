"""Registers customers at GoCardless that only the ERP knows (connection file, `customers.register_new`).

Whoever GoCardless knows already must be found first, so its new customers are read and linked before. The creation itself is
the posting protocol's; afterwards the customer is linked, and the ERP is told who it is.
"""

from __future__ import annotations

from datetime import datetime

from bookkeeping.master_data_rules import plan_customer
from bookkeeping.postings import Party, PostingKind
from bookkeeping.registration_rules import Strangers, plan_registration, registration_key
from bookkeeping.settings import activity_day
from connector_resources.collections.payers import Payers
from connector_resources.connections.model import Connection
from connector_resources.customers.alignment import details_of_erp
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.erp.contract import ErpConnector, ErpCustomer
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.wire import customer_of
from connector_resources.posting.protocol import PostingReport
from connector_resources.runtime import Runtime
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store

LINKED_BY = "registered"
KINDS = frozenset({PostingKind.GOCARDLESS_CUSTOMER})


def update_customers(runtime: Runtime, connection: Connection) -> PostingReport:
    """Tell GoCardless what was planned of its customers and, where wished, of those that it does not know.

    Raises `NotSent`, `BadAnswer`, `LeaseBusy`.
    """
    if not connection.customers.register_new:
        return _send(runtime, connection)
    with runtime.gocardless(connection) as client, runtime.erp(connection) as erp:
        registration = Registration(runtime.store, connection, client, erp)
        registration.plan(runtime.clock())
        report = _send(runtime, connection)
        registration.adopt(runtime.clock())
    return report


def _send(runtime: Runtime, connection: Connection) -> PostingReport:
    with runtime.gocardless_target(connection) as target:
        return runtime.protocol(connection, target).run(KINDS)


class Registration:
    """One connection's registrations."""

    def __init__(self, store: Store, connection: Connection, client: GoCardlessClient, erp: ErpConnector) -> None:
        self._store = store
        self._connection = connection
        self._name = connection.name
        self._books = connection.book_settings
        self._client = client
        self._erp = erp

    def plan(self, now: datetime) -> int:
        """Order a registration for each active ERP customer with an e-mail that GoCardless does not know.

        How many are new. Raises `NotSent`, `BadAnswer`.
        """
        if not self._connection.customers.register_new:
            return 0
        Payers(self._store, self._connection, self._client).read_new_customers(now)
        CustomerDirectory(self._store, self._connection, self._erp).link_all(now)
        strangers = Strangers(map(customer_of, self._unlinked()))
        key = next(iter(self._connection.customers.metadata_keys))
        postings = [
            plan_registration(row.number, details, key, self._books, now)
            for row in self._unknown()
            if not strangers.may_hold(details := details_of_erp(row))
        ]
        with self._store.begin() as transaction:
            return self._store.ledger.plan(self._name, postings, within=transaction)

    def adopt(self, now: datetime) -> int:
        """Link what was registered and tell the ERP of it; how many. Raises `NotSent`, `BadAnswer`."""
        unknown = {registration_key(row.number): row for row in self._unknown()}
        made = [(row, unknown[row.posting.key]) for row in self._rows(list(unknown)) if row.documents]
        for row, customer in made:
            self._link(row, customer, now)
        return len(made)

    def _link(self, row: LedgerRow, erp_customer: ErpCustomer, now: datetime) -> None:
        body = self._client.get("customers", row.documents[-1].document.number)
        customer = customer_of(body)
        posting = plan_customer(customer, Party(customer.id, erp_customer.number, customer.name), self._books, now)
        with self._store.begin() as transaction:
            self._store.entities.put(
                self._name,
                "customers",
                [body],
                day_of=lambda moment: activity_day(moment, self._books),
                within=transaction,
            )
            self._store.customers.put(self._name, customer.id, erp_customer.number, LINKED_BY, within=transaction)
            self._store.ledger.plan(self._name, [posting], within=transaction)

    def _rows(self, keys: list[str]) -> list[LedgerRow]:
        return list(self._store.ledger.by_key(self._name, keys).values())

    def _unknown(self) -> list[ErpCustomer]:
        """Active customers of the ERP with an e-mail that no GoCardless customer is linked to."""
        rows = [row for row in self._store.customers.erp_all(self._name) if row.active and row.email]
        linked = self._store.customers.by_erp(self._name, [row.number for row in rows])
        return [row for row in rows if row.number not in linked and not row.gocardless_customer]

    def _unlinked(self) -> list[dict[str, object]]:
        ids = self._store.customers.unlinked(self._name)
        return list(self._store.entities.get(self._name, "customers", ids).values())
