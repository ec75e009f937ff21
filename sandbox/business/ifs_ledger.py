"""The IFS Cloud stand-in as the ledger of a month: its tenant with two companies, and its people at their screens.

Customers and invoices have the numbers under which they leave the tenant: company, colon, number.
"""

from __future__ import annotations

from datetime import date

from sandbox.business.ledger_plan import LedgerCredit, LedgerCustomer, LedgerInvoice
from sandbox.clock import SandboxClock
from sandbox.ifs_cloud import companies
from sandbox.ifs_cloud.switches import Switches
from sandbox.ifs_cloud.tenant import Tenant

#: company -> the currency it keeps its books in and collects.
COMPANIES = {"10": "EUR", "20": "GBP"}
#: an account besides the standard chart: the bank account of payouts alone.
PAYOUT_BANK = "1931"
#: the payment terms that mark an invoice as ready to be collected, and those that do not.
COLLECTED, NOT_COLLECTED = "DD", "30"
#: a month passes in minutes, so a minute has room for the calls of hours.
CALLS_PER_MINUTE = 20_000


def open_tenant(clock: SandboxClock) -> Tenant:
    """A tenant with both companies, and with the custom fields of a customer that collects with GoCardless."""
    tenant = Tenant(clock, Switches(calls_per_minute=CALLS_PER_MINUTE))
    for company, currency in COMPANIES.items():
        tenant.add_company(company, currency, currencies=[each for each in COMPANIES.values() if each != currency])
        companies.add_account(tenant, company, PAYOUT_BANK, "Bank, GoCardless payouts")
    for name in ("Cf_Gc_Customer", "Cf_Gc_Mandate"):
        tenant.catalogue.add_field("CustomerHandling", "CustomerInfoSet", "S100 U", name)
    for name in ("Cf_Gc_Status", "Cf_Gc_Reason", "Cf_Gc_Payment"):
        tenant.catalogue.add_field("LedgerItemEntity", "LedgerItemSet", "S50 U", name)
    return tenant


class IfsLedger:
    """A `Ledger` of a tenant. Each change is what one user saves."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def add_customer(self, customer: LedgerCustomer) -> None:
        company, number = customer.number.split(":")
        identity = customer.planned.identity
        with self.tenant.lock, self.tenant.transaction():
            self.tenant.add_customer(
                number,
                identity.name[:100],
                companies=(company,),
                email=identity.email,
                country=identity.country_code,
            )

    def add_invoice(self, invoice: LedgerInvoice) -> None:
        term = NOT_COLLECTED if invoice.held else COLLECTED
        self._bill(invoice, invoice.amount_minor, due=invoice.due_on, pay_term=term)

    def add_credit(self, credit: LedgerCredit) -> None:
        self._bill(credit, -credit.amount_minor, due=credit.issued_on, pay_term=COLLECTED)

    def book_transfer(self, invoice: str, amount_minor: int, on: date) -> None:
        """At the tenant's present day, as its screen does it."""
        company, series, number = _parts(invoice)
        with self.tenant.lock:
            self.tenant.clerk.pay(company, number, amount_minor, series)

    def tell(self) -> None:
        self.tenant.event_actions.deliver()

    def _bill(self, billed: LedgerInvoice | LedgerCredit, minor: int, *, due: date, pay_term: str) -> None:
        company, series, number = _parts(billed.number)
        with self.tenant.lock, self.tenant.transaction():
            self.tenant.add_invoice(
                company,
                billed.customer.split(":")[1],
                minor,
                currency=billed.currency,
                invoice_no=number,
                series=series,
                dated=billed.issued_on,
                due=due,
                pay_term=pay_term,
            )


def _parts(number: str) -> tuple[str, str, str]:
    """Company, series and number of an invoice."""
    company, _, rest = number.partition(":")
    series, _, own = rest.partition("-")
    return company, series, own
