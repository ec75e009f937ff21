"""Who pays an ERP customer's invoices: the GoCardless customers linked to it and their mandates, read anew before they are used.

A mandate's next possible charge date moves every day, and its state may have changed since the last event was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bookkeeping.eligibility import Payer
from bookkeeping.entities import Mandate
from bookkeeping.settings import activity_day
from connector_resources.connections.model import Connection
from connector_resources.erp.contract import ErpCustomer
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.wire import mandate_of
from connector_resources.store.mandate_setups import SetupState
from connector_resources.store.store import Store

#: up to so many customers are asked about one by one; more are found by listing all mandates, 500 at a time.
FEW = 20
#: since when GoCardless's customers are known without a gap.
CUSTOMERS_MARK = "gocardless_customers_read_to"
#: customers that were being created during the last reading.
OVERLAP = timedelta(hours=1)


class Payers:
    """One connection's payers. Without a client, mandates are as they were when they were last read."""

    def __init__(self, store: Store, connection: Connection, client: GoCardlessClient | None) -> None:
        self._store = store
        self._name = connection.name
        self._books = connection.book_settings
        self._creditor_of = connection.creditor_of
        self._client = client

    def read_new_customers(self, now: datetime) -> int:
        """Keep the customers created since the last reading, at first all; GoCardless announces none by event.

        A payer who is known at GoCardless must be found there, or it would be asked to sign up a second time.
        """
        assert self._client is not None, "reading needs GoCardless"
        mark = self._store.marks.get(self._name, CUSTOMERS_MARK)
        since = datetime.fromisoformat(mark) - OVERLAP if mark else None
        new = 0
        for page in self._client.list_pages("customers", created_from=since):
            new += self._keep("customers", page)
        self._store.marks.set(self._name, CUSTOMERS_MARK, now.astimezone(UTC).isoformat())
        return new

    def of(self, customers: Collection[str]) -> dict[str, Payer]:
        """The payers of these ERP customers, by number. Raises `NotSent`, `BadAnswer` when mandates cannot be read."""
        links = self._store.customers.by_erp(self._name, customers)
        owners = {number: tuple(link.gocardless_customer for link in found) for number, found in links.items()}
        mandates = self._mandates({owner for found in owners.values() for owner in found})
        known = self._erp_customers(customers)
        waiting = self._set_ups()
        return {
            number: Payer(
                customer=number,
                is_active=known[number].active if number in known else True,
                gocardless_customers=owners.get(number, ()),
                mandates=tuple(
                    mandate
                    for owner in owners.get(number, ())
                    for mandate in mandates.get(owner, ())
                    if _collects_for(mandate, self._creditor_of(number))
                ),
                preferred=known[number].mandate if number in known else "",
                set_up=waiting.get(number, ""),
            )
            for number in customers
        }

    def mandates(self, ids: Collection[str]) -> dict[str, Mandate]:
        """Mandates by id, as they were last read."""
        bodies = self._store.entities.get(self._name, "mandates", sorted(set(ids)))
        return {key: mandate_of(body) for key, body in bodies.items()}

    def _mandates(self, owners: Collection[str]) -> Mapping[str, list[Mandate]]:
        found: dict[str, list[Mandate]] = {}
        for body in self._bodies(owners):
            mandate = mandate_of(body)
            if mandate.customer_id is not None and mandate.customer_id in owners:
                found.setdefault(mandate.customer_id, []).append(mandate)
        return found

    def _bodies(self, owners: Collection[str]) -> Iterator[dict[str, Any]]:
        if self._client is None:
            yield from self._store.entities.all(self._name, "mandates")
            return
        narrowed: Iterable[dict[str, str]] = [{"customer": owner} for owner in sorted(owners)]
        if len(owners) > FEW:
            narrowed = [{}]
        for filters in narrowed:
            for page in self._client.filtered_pages("mandates", filters):
                self._keep("mandates", page)
                yield from page

    def _keep(self, resource_type: str, bodies: list[dict[str, Any]]) -> int:
        changes = self._store.entities.put(
            self._name, resource_type, bodies, day_of=lambda moment: activity_day(moment, self._books)
        )
        return changes.new

    def _erp_customers(self, numbers: Collection[str]) -> dict[str, ErpCustomer]:
        wanted = set(numbers)
        return {row.number: row for row in self._store.customers.erp_all(self._name) if row.number in wanted}

    def _set_ups(self) -> dict[str, str]:
        rows = self._store.mandate_setups.all(self._name, {SetupState.PLANNED, SetupState.WAITING})
        return {
            row.customer: f"The payer was asked to set up a mandate: {row.url}"
            + (f" (until {row.expires_at:%Y-%m-%d})" if row.expires_at else "")
            if row.url
            else f"A mandate is being set up ({row.reference})."
            for row in rows
        }


def _collects_for(mandate: Mandate, creditor: str) -> bool:
    """A payer may have mandates with several creditors; what one collects never reaches another's company."""
    return not creditor or mandate.creditor_id in (None, creditor)
