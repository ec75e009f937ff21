"""One IFS Cloud tenant: its companies, tables and books, the identity service, the limits, and the clerk who works in
it.

Tests build it with `Tenant().add_company(...)`, `add_customer(...)`, `add_invoice(...)`; the rules of each document are
in the module named after it.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bookkeeping.money import Money
from sandbox.clock import SandboxClock
from sandbox.ifs_cloud import (
    catalogue,
    companies,
    customers,
    external_files,
    history,
    invoices,
    logical_units,
    vouchers,
)
from sandbox.ifs_cloud.books import Books
from sandbox.ifs_cloud.catalogue import Catalogue
from sandbox.ifs_cloud.clerk import Clerk
from sandbox.ifs_cloud.event_actions import EventActions
from sandbox.ifs_cloud.keycloak import Realm
from sandbox.ifs_cloud.limits import Limits
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.odata.tables import Journal, Table
from sandbox.ifs_cloud.ordered_refusals import Refusals
from sandbox.ifs_cloud.posting_control import PostingControl
from sandbox.ifs_cloud.switches import Switches


class Tenant:
    """All state of one tenant. `lock` is held while a request is processed; a failed write leaves nothing behind."""

    def __init__(
        self,
        clock: SandboxClock | None = None,
        switches: Switches | None = None,
        *,
        realm: str = "acmeprod",
        zone: str = "Europe/Stockholm",
        client_id: str = "gc_connector",
        client_secret: str = "sandbox-secret",
    ) -> None:
        self.clock = clock or SandboxClock()
        self.switches = switches or Switches()
        #: the zone of the database server: timestamps are in it unless a request is time-zone-aware.
        self.zone = ZoneInfo(zone)
        self.lock = threading.RLock()
        self.journal = Journal()
        #: calls that the customer's own event actions make.
        self.event_actions = EventActions(self.lock, self.journal, self.switches)
        self.tables: dict[str, Table] = logical_units.build(self.now, self.journal, self._changed)
        self.books: dict[str, Books] = {}
        #: companies the service user is a member of, by client; None stands for all.
        self.members: dict[str, frozenset[str] | None] = {}
        self.realm = Realm(realm, self.clock, self.switches)
        self.realm.add_client(client_id, client_secret)
        self.limits = Limits(self.clock, self.switches)
        self.posting_control = PostingControl()
        self.catalogue: Catalogue = catalogue.build(self)
        self.clerk = Clerk(self)
        self._numbers: Counter[str] = Counter()
        #: refusals that the next writes meet, whatever they are.
        self.refusals = Refusals()
        #: requests that still meet an outdated metadata cache.
        self.outdated_for = 0

    def __getstate__(self) -> dict[str, Any]:
        """A copy of a tenant serves itself: what serves this one is left out, and made anew."""
        return {name: value for name, value in vars(self).items() if name != "catalogue"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.catalogue = catalogue.build(self)

    def now(self) -> datetime:
        return self.clock.now()

    def today(self) -> date:
        """The date at the server."""
        return self.now().astimezone(self.zone).date()

    def table(self, name: str) -> Table:
        return self.tables[name]

    def next_number(self, series: str) -> int:
        """The next of a running number; numbers of rolled-back transactions are lost, as with database sequences."""
        self._numbers[series] += 1
        return self._numbers[series]

    def transaction(self) -> AbstractContextManager[None]:
        return self.journal.transaction()

    def tick(self) -> None:
        """Do what time has made due: background imports, and vouchers that move from hold table to general ledger."""
        with self.transaction():
            external_files.process_due(self)
        if self.switches.gl_update_after_s:
            vouchers.update_ledger(self, self.now() - timedelta(seconds=self.switches.gl_update_after_s))

    def currency(self, company: str) -> str:
        """The accounting currency. Raises `KeyError` for an unknown company."""
        return str(self.tables["CompanyFinance"][(company,)]["CurrencyCode"])

    def _changed(self, table: Table, what: str, row: Row, former: Row) -> None:
        history.log(self, table, what, row, former)
        self.event_actions.changed(table, what, row)

    # -- building ---------------------------------------------------------------------------------------------------

    def add_company(self, code: str, currency: str = "EUR", **details: Any) -> Row:
        """A company with the standard chart, periods, voucher types and currencies. See `companies.add`."""
        return companies.add(self, code, currency, **details)

    def add_customer(self, customer_id: str, name: str, **details: Any) -> Row:
        """See `customers.add`."""
        return customers.add(self, customer_id, name, **details)

    def add_invoice(self, company: str, customer_id: str, amount_minor: int, **details: Any) -> Row:
        """See `invoices.add`."""
        return invoices.add(self, company, customer_id, amount_minor, **details)

    def add_rate(self, company: str, currency: str, rate: str, valid_from: date, **details: Any) -> Row:
        """See `companies.add_rate`."""
        return companies.add_rate(self, company, currency, rate, valid_from, **details)

    # -- asking -----------------------------------------------------------------------------------------------------

    def open_amount(self, company: str, series: str, number: str) -> Money:
        """What is open of one ledger item. Raises `KeyError` when there is none."""
        item = invoices.ledger_item(self, company, series, number)
        return Money.from_major(item["FullCurrAmount"] - item["ClearedCurrAmount"], item["Currency"])
