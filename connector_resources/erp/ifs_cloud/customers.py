"""The feed of customers: all of them, or those changed since a mark, as customers of their companies (4.1 and 7.2).

Customers belong to the tenant; which companies they have a payment record in says under which numbers we know them. Their
e-mails and addresses come with them, see `customer_contacts`. Timestamps of a tenant may be local time that runs twice through
an hour in autumn, so that a read of changes reaches back further then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connector_resources.erp.contract import ErpCustomer
from connector_resources.erp.ifs_cloud import odata, wire
from connector_resources.erp.ifs_cloud.client import IfsCloudClient, references
from connector_resources.erp.ifs_cloud.companies import customer_number
from connector_resources.erp.ifs_cloud.customer_contacts import Contact, Contacts
from connector_resources.erp.ifs_cloud.invoices import CUSTOMER
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.wire import Customer

#: customers that are asked for by number in one call; of more all are read.
TERMS, MANY = 20, 200
#: logical units whose changes concern a customer as we know it (section 4.1, 2).
UNITS = ("CustomerInfo", "IdentityPayInfo")
CONTACT_UNITS = ("CommMethod", "CustomerInfoAddress", "CustomerInfoAddressType")
_NOTHING = Contact()
#: in a keyref, whether it names columns as the database or as the projection does.
_IDENTITY = re.compile(r"(?:^|\^)(?:CUSTOMER_?ID|IDENTITY)=([^^]*)\^", re.IGNORECASE)


class CustomerFeed:
    """One reading of the feed at a time; `mark` is valid when it was read to its end."""

    def __init__(
        self, client: IfsCloudClient, settings: IfsCloudSettings, contacts: Contacts, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._settings = settings
        self._contacts = contacts
        self._now = now
        self._mark: datetime | None = None

    def read(self, since: str | None) -> Iterator[ErpCustomer]:
        """In the order of their numbers, once per company. Raises `NotSent`, `BadAnswer`, `Refused`."""
        # What changes while we read is read again the next time.
        started = self._now()
        rows = list(self._rows(datetime.fromisoformat(since) if since else None))
        members = self._memberships({row.customer for row in rows})
        contacts = self._contacts.read(members.keys())
        for row in rows:
            for company in members.get(row.customer, ()):
                yield _customer(company, row, contacts.get(row.customer, _NOTHING))
        self._mark = started

    def mark(self) -> str | None:
        """When the last reading began, by our clock in UTC; the overlap allows for clocks that differ."""
        return self._mark.isoformat() if self._mark else None

    def _rows(self, since: datetime | None) -> Iterable[Customer]:
        if since is None or self._settings.customer_changes == "all":
            return self._some("")
        moment = odata.stamp(reach_back(since, self._settings), self._settings.zone)
        if self._settings.customer_changes == "modified_field":
            return self._modified(moment)
        return self._by_number(self._changed(moment))

    def _modified(self, moment: str) -> Iterator[Customer]:
        """Customers that changed themselves, and those of whom an e-mail or an address did."""
        changed = f"{self._client.projections['customers'].modified_field} ge {moment}"
        rows = list(self._some(changed))
        yield from rows
        yield from self._by_number(self._contacts.changed_since(moment) - {row.customer for row in rows})

    def _some(self, condition: str) -> Iterator[Customer]:
        """Customers that may be billed again: no one-time ones (section 7.2)."""
        for row in self._client.rows("customers", wire.Customer, condition):
            if not row.one_time:
                yield row

    def _changed(self, moment: str) -> set[str]:
        projection = self._client.projections["history"]
        own = () if self._settings.customer_details == "off" else CONTACT_UNITS
        units = references(projection.member("unit"), (*UNITS, *own))
        condition = odata.every(units, f"{projection.member('at')} ge {moment}")
        rows = self._client.rows("history", wire.Change, condition)
        return {found[1] for row in rows if (found := _IDENTITY.search(row.keys))}

    def _by_number(self, numbers: Collection[str]) -> Iterator[Customer]:
        member = self._client.projections["customers"].member("customer")
        if len(numbers) > MANY:
            yield from (row for row in self._some("") if row.customer in numbers)
            return
        ordered = sorted(numbers)
        for first in range(0, len(ordered), TERMS):
            yield from self._some(references(member, ordered[first : first + TERMS]))

    def _memberships(self, customers: Collection[str]) -> dict[str, list[str]]:
        """Customer -> its companies; every customer is one of the only company where there is but one."""
        companies = sorted(self._settings.companies)
        if len(companies) == 1 or not customers:
            return dict.fromkeys(customers, companies)
        projection = self._client.projections["customer_companies"]
        party = projection.equals("party", CUSTOMER)
        found: dict[str, list[str]] = {}
        for company in companies:
            for some in _narrowed(sorted(customers)):
                named = references(projection.member("customer"), some) if some else ""
                condition = odata.every(party, named)
                for row in self._client.rows("customer_companies", wire.Membership, condition, company=company):
                    if row.customer in customers:
                        found.setdefault(row.customer, []).append(company)
        return found


def reach_back(since: datetime, settings: IfsCloudSettings) -> datetime:
    """The moment from which changes are asked for: the overlap before the mark, an hour more around a change of the clock.

    In autumn local stamps run through an hour twice, and a change of the second pass is stamped earlier than the mark.
    """
    overlap = timedelta(minutes=settings.overlap_minutes)
    zone = settings.zone
    if zone is not None and _clock_changes(since, zone):
        overlap += timedelta(hours=1)
    return since - overlap


def _clock_changes(moment: datetime, zone: ZoneInfo) -> bool:
    around = [(moment + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in (-3, 0, 3)]
    return len(set(around)) > 1


def _narrowed(customers: Sequence[str]) -> Iterator[Sequence[str]]:
    """Few customers are asked for by number, of more all are read."""
    if len(customers) > TERMS:
        yield ()
        return
    yield customers


def _customer(company: str, row: Customer, contact: Contact) -> ErpCustomer:
    email, address = contact.email, contact.address
    return ErpCustomer(
        number=customer_number(company, row.customer),
        name=row.name,
        email=row.email or (email.value.strip() if email else ""),
        gocardless_customer=row.gocardless_customer,
        mandate=row.mandate,
        vat_number=row.vat,
        country_code=row.country,
        address_line1=address.address_line1 if address else "",
        address_line2=address.address_line2 if address else "",
        address_line3=address.address_line3 if address else "",
        city=address.city if address else "",
        postal_code=address.postal_code if address else "",
    )
