"""The business behind schedules in which GoCardless is written to: invoices fall due, customers and charges come and change.

Everything starts in the ledger, so that what GoCardless has is the connector's own doing; the same number gives the same
business. Three acts each; `taken_back` names what was undone at least for a while.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from sandbox.gocardless.records import Record
from sandbox.sage300.clerk import Clerk as Sage300Clerk
from sandbox.visma.clerk import Clerk as VismaClerk
from tests.evenings import DAY
from tests.faults.business import CUSTOMERS, Act
from tests.sites import Site

DATED = DAY - timedelta(days=14)


@dataclass(slots=True)
class GoCardlessBusiness:
    number: int
    taken_back: set[str] = field(default_factory=set)

    @property
    def acts(self) -> tuple[Act, Act, Act]:
        return self._begins, self._goes_on, self._ends

    def opens(self, site: Site) -> None:
        for customer in range(1, CUSTOMERS + 1):
            site.merchant.mandate(customer)

    def by_hand(self, site: Site, act: int) -> bool:
        """What a clerk does in the ledger during the runs of this act, counted from 0. False when he does nothing."""
        return False

    def _begins(self, site: Site) -> None:
        raise NotImplementedError

    def _goes_on(self, site: Site) -> None:
        raise NotImplementedError

    def _ends(self, site: Site) -> None:
        raise NotImplementedError

    def _chance(self, act: int) -> random.Random:
        return random.Random(f"{self.number}/{act}")


@dataclass(slots=True)
class Invoices(GoCardlessBusiness):
    """Invoices fall due; one of them is paid some other way, before or after it was collected."""

    first: ClassVar[int] = 70_001

    def _begins(self, site: Site) -> None:
        for place in range(CUSTOMERS + 1):
            self._due(site, self.first + place, self._amount(place), customer=1 + place % CUSTOMERS)
        site.merchant.tick()

    def _goes_on(self, site: Site) -> None:
        self.taken_back.add(str(self.first))
        self._due(site, self.first + 3, self._amount(3), customer=2)
        site.merchant.tick()

    def _ends(self, site: Site) -> None:
        self._due(site, self.first + 4, self._amount(4), customer=1)
        site.merchant.tick()

    def by_hand(self, site: Site, act: int) -> bool:
        if act == 1:
            self._pay(site, self.first, self._amount(0))
        return act == 1

    def _amount(self, place: int) -> int:
        return self._chance(place).randrange(1_000, 90_000)

    def _due(self, site: Site, number: int, minor: int, customer: int) -> None:
        raise NotImplementedError

    def _pay(self, site: Site, number: int, minor: int) -> None:
        raise NotImplementedError


class ExactOnlineInvoices(Invoices):
    __slots__ = ()

    def _due(self, site: Site, number: int, minor: int, customer: int) -> None:
        site.division.add_invoice(number, str(10_000 + customer), minor, dated=DATED, due=DAY)

    def _pay(self, site: Site, number: int, minor: int) -> None:
        site.division.clerk.pay_invoice(number, minor)


class Sage300Invoices(Invoices):
    __slots__ = ()

    def _due(self, site: Site, number: int, minor: int, customer: int) -> None:
        site.sage300.add_invoice(str(10_000 + customer), f"IN{number}", minor, dated=DATED, due=DAY)

    def _pay(self, site: Site, number: int, minor: int) -> None:
        site.sage300.clerk.receive(str(10_000 + 1), f"IN{number}", minor, check="CHEQUE 1")


class IfsCloudInvoices(Invoices):
    __slots__ = ()

    def _due(self, site: Site, number: int, minor: int, customer: int) -> None:
        site.tenant.add_invoice("10", str(10_000 + customer), minor, invoice_no=str(number), pay_term="DD", due=DAY)

    def _pay(self, site: Site, number: int, minor: int) -> None:
        site.tenant.clerk.pay("10", str(number))


class RecurringCharges(GoCardlessBusiness):
    """Recurring charges of Sage 300 are entered, changed in amount, and joined by another."""

    __slots__ = ()

    def _begins(self, site: Site) -> None:
        self._charge(site, "HOSTING", "10001")
        site.merchant.tick()

    def _goes_on(self, site: Site) -> None:
        amount = self._chance(2).randrange(2_000, 9_000)
        Sage300Clerk(site.sage300).edit_recurring_charge("HOSTING", "10001", amount_minor=amount)
        self._charge(site, "SUPPORT", "10002")
        site.merchant.tick()

    def _ends(self, site: Site) -> None:
        self._charge(site, "BACKUP", "10001")
        site.merchant.tick()

    def _charge(self, site: Site, code: str, customer: str) -> None:
        amount = self._chance(len(code)).randrange(2_000, 9_000)
        Sage300Clerk(site.sage300).add_recurring_charge(
            code, customer, amount, "MONTHLY", EffectiveDate="2026-07-01", InvoiceDescription=code.title()
        )


class VismaCustomers(GoCardlessBusiness):
    """Customers of Visma.net are changed, and new ones come whom GoCardless does not know."""

    __slots__ = ()

    def _begins(self, site: Site) -> None:
        self._comes(site, 3)
        VismaClerk(site.company).edit_customer("10001", "Nordlys Drift AS")
        site.merchant.tick()

    def _goes_on(self, site: Site) -> None:
        self._comes(site, 4)
        VismaClerk(site.company).edit_customer("10002", f"Fjord {self.number} AS")
        site.merchant.tick()

    def _ends(self, site: Site) -> None:
        VismaClerk(site.company).edit_customer("10001", f"Nordlys Drift {self.number} AS")
        site.merchant.tick()

    def _comes(self, site: Site, number: int) -> None:
        site.company.add_customer(str(10_000 + number), f"New Customer {number}", email=f"new{number}@example.com")


class DatevCustomers(GoCardlessBusiness):
    """New payers get their debtor's number told in GoCardless; who is edited there is edited in the books."""

    __slots__ = ()

    def _begins(self, site: Site) -> None:
        site.merchant.collected(self._chance(1).randrange(1_000, 90_000), customer=3)
        self._edited(site, 1, city="Oslo")

    def _goes_on(self, site: Site) -> None:
        site.merchant.collected(self._chance(2).randrange(1_000, 90_000), customer=1)
        site.merchant.mandate(4)
        self._edited(site, 3, company_name="Nordlys Drift AS")

    def _ends(self, site: Site) -> None:
        site.merchant.collected(self._chance(3).randrange(1_000, 90_000), customer=4)

    def _edited(self, site: Site, number: int, **values: str) -> None:
        world = site.merchant.world
        with world.lock:
            _customer_of(site, site.merchant.mandate(number)).change(**values)
        site.merchant.tick()


def _customer_of(site: Site, mandate: Record) -> Record:
    world = site.merchant.world
    account = world.customer_bank_accounts.get(mandate.links["customer_bank_account"])
    assert account is not None
    customer = world.customers.get(str(account.links["customer"]))
    assert customer is not None
    return customer
