"""E-mail and address of customers: rows of their own below a customer, read for many customers at once (ifs_cloud.md 7.1, 7.2).

IFS cannot expand them into the customer (section 4). Entity Services hold them for all customers, so that thousands cost a few
pages; their names follow the rule of section 2.1. The arrays below each customer are confirmed by name and cost two calls per
customer. Which of the two is read is a setting. A customer has several of each; one is chosen, and the others are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from connector_resources.erp.ifs_cloud import odata, wire
from connector_resources.erp.ifs_cloud.client import IfsCloudClient, references
from connector_resources.erp.ifs_cloud.invoices import CUSTOMER
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.wire import Address, AddressUse, EMail, W

#: customers that are asked for by number in one call; of more all are read.
TERMS, MANY = 20, 200
#: what an address may be for, the best first (section 7.2).
USES = ("Pay", "Document")
#: communication methods hold telephone numbers as well, and what tells the kinds apart is not documented.
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

EMAILS, ADDRESSES, USES_OF_ADDRESSES = "customer_emails", "customer_addresses", "customer_address_types"
EMAIL_ARRAY, ADDRESS_ARRAY, USE_ARRAY = "customer_email_array", "customer_address_array", "customer_address_type_array"
#: entries of the projection map that are read, by the setting `customer_details`.
ENTRIES: Mapping[str, tuple[str, ...]] = {
    "off": (),
    "sets": (EMAILS, ADDRESSES, USES_OF_ADDRESSES),
    "arrays": (EMAIL_ARRAY, ADDRESS_ARRAY, USE_ARRAY),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one of these rows is written, and its members as they are."""

    path: str
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact:
    """The e-mail and the address of a customer that count; None where it has none."""

    email: EMail | None = None
    email_place: Place | None = None
    address: Address | None = None
    address_place: Place | None = None


class Contacts:
    """Reads for one connection. Reads raise what `IfsCloudClient` does."""

    def __init__(self, client: IfsCloudClient, settings: IfsCloudSettings, now: Callable[[], datetime]) -> None:
        self._client = client
        self._mode = settings.customer_details
        self._now = now

    def read(self, customers: Collection[str]) -> dict[str, Contact]:
        """The contacts of these customers; empty where they are not read at all."""
        if self._mode == "off" or not customers:
            return {}
        emails = self._emails(customers)
        addresses = self._addresses(customers)
        return {
            customer: Contact(*emails.get(customer, (None, None)), *addresses.get(customer, (None, None)))
            for customer in customers
        }

    def changed_since(self, moment: str) -> set[str]:
        """Customers of whom a row moved, where the map names a member with the time of its last change."""
        found: set[str] = set()
        for name in ENTRIES["sets"] if self._mode == "sets" else ():
            projection = self._client.projections[name]
            if projection.modified_field:
                party = projection.equals("party", CUSTOMER)
                condition = odata.every(party, f"{projection.modified_field} ge {moment}")
                found |= {row.customer for row in self._client.rows(name, wire.OfCustomer, condition)}
        return found

    # --- e-mail ------------------------------------------------------------------------------------------------------

    def _emails(self, customers: Collection[str]) -> dict[str, tuple[EMail, Place]]:
        """The default one of each customer, else its first."""
        found: dict[str, list[EMail]] = {}
        name = EMAILS if self._mode == "sets" else EMAIL_ARRAY
        written_there = f"contains({self._client.projections[name].member('value')},'@')"
        for customer, row in self._rows(name, EMail, customers, written_there):
            if _EMAIL.fullmatch(row.value.strip()):
                found.setdefault(customer, []).append(row)
        chosen = {who: min(rows, key=lambda row: (not row.default, row.id)) for who, rows in found.items()}
        return {who: (row, self._place(name, who, row.raw)) for who, row in chosen.items()}

    # --- address -----------------------------------------------------------------------------------------------------

    def _addresses(self, customers: Collection[str]) -> dict[str, tuple[Address, Place]]:
        """Of those that are valid today, the one to pay, else the one for documents, else the first."""
        today = self._now().date()
        name = ADDRESSES if self._mode == "sets" else ADDRESS_ARRAY
        found: dict[str, list[Address]] = {}
        for customer, row in self._rows(name, Address, customers):
            if _is_valid(row, today):
                found.setdefault(customer, []).append(row)
        ranks = self._ranks({who: rows for who, rows in found.items() if len(rows) > 1})
        last = (len(USES), True)
        chosen = {
            who: min(rows, key=lambda row, who=who: (ranks.get((who, row.id), last), row.id))  # type: ignore[misc]
            for who, rows in found.items()
        }
        return {who: (row, self._place(name, who, row.raw)) for who, row in chosen.items()}

    def _ranks(self, several: Mapping[str, Sequence[Address]]) -> dict[tuple[str, str], tuple[int, bool]]:
        """(customer, address) -> how well it fits, best lowest. What an address is for is asked only where it decides."""
        uses: Iterable[tuple[str, str, AddressUse]]
        if self._mode == "sets":
            rows = self._rows(USES_OF_ADDRESSES, AddressUse, several.keys()) if several else ()
            uses = ((customer, row.address, row) for customer, row in rows)
        else:
            uses = (
                (customer, address.id, row)
                for customer, addresses in several.items()
                for address in addresses
                for row in self._below(USE_ARRAY, AddressUse, self._place(ADDRESS_ARRAY, customer, address.raw).path)
            )
        found: dict[tuple[str, str], tuple[int, bool]] = {}
        for customer, address, row in uses:
            if row.use in USES:
                rank = (USES.index(row.use), not row.default)
                found[customer, address] = min(rank, found.get((customer, address), rank))
        return found

    # --- common ------------------------------------------------------------------------------------------------------

    def _rows(
        self, name: str, model: type[W], customers: Collection[str], condition: str = ""
    ) -> Iterator[tuple[str, W]]:
        """(customer, row), of many customers with few calls where there is a set of them."""
        if self._mode == "arrays":
            for customer in sorted(customers):
                for row in self._below(name, model, self._customer_path(customer), condition):
                    yield customer, row
            return
        projection = self._client.projections[name]
        party = projection.equals("party", CUSTOMER)
        for some in _narrowed(sorted(customers)):
            named = references(projection.member("customer"), some) if some else ""
            for row in self._client.rows(name, model, odata.every(party, named, condition)):
                customer = str(row.raw.get(projection.member("customer")) or "")
                if customer in customers:
                    yield customer, row

    def _below(self, name: str, model: type[W], parent: str, condition: str = "") -> Iterator[W]:
        path = f"{parent}/{self._client.projections[name].array}"
        yield from self._client.rows(name, model, condition, path=path, expected=0)

    def _customer_path(self, customer: str) -> str:
        projection = self._client.projections["customers"]
        return projection.path + odata.segment(odata.key({projection.member("customer"): customer}))

    def _place(self, name: str, customer: str, raw: Mapping[str, Any]) -> Place:
        projection = self._client.projections[name]
        above = self._customer_path(customer) + f"/{projection.array}" if projection.array else projection.path
        return Place(above + odata.segment(projection.key_of(raw)), raw)


def _is_valid(row: Address, today: date) -> bool:
    begins, ends = odata.day_of(row.valid_from), odata.day_of(row.valid_to)
    return (begins is None or begins <= today) and (ends is None or today <= ends)


def _narrowed(customers: Sequence[str]) -> Iterator[Sequence[str]]:
    """Some at a time by number; of many customers all are read."""
    if len(customers) > MANY:
        yield ()
        return
    for first in range(0, len(customers), TERMS):
        yield customers[first : first + TERMS]
