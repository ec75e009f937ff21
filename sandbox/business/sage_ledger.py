"""The Sage 300 stand-in as the ledger of a month: its chart, and its people at the desktop."""

from __future__ import annotations

from datetime import date

from sandbox.business.ledger_plan import LedgerCharge, LedgerCredit, LedgerCustomer, LedgerInvoice
from sandbox.clock import SandboxClock
from sandbox.sage300.company import Company

#: accounts besides the standard chart: the bank account of payouts alone, payouts that came back.
PAYOUT_BANK, PAYOUTS_RETURNED = "1030", "1040"


def open_company(clock: SandboxClock) -> Company:
    """A company with the chart of one that collects with GoCardless."""
    company = Company("LIFFEY", clock=clock, zone="Europe/Dublin").standard()
    company.add_account(PAYOUT_BANK, "Bank, GoCardless payouts", AccountType="BalanceSheet")
    company.add_account(PAYOUTS_RETURNED, "Payouts returned", AccountType="BalanceSheet")
    return company


class SageLedger:
    """A `RecurringLedger` of a company."""

    def __init__(self, company: Company) -> None:
        self.company = company

    def add_customer(self, customer: LedgerCustomer) -> None:
        identity = customer.planned.identity
        home = customer.billed_in == self.company.functional
        self.company.add_customer(
            customer.number,
            identity.name[:60],
            GroupCode="RTL" if home else f"RTL{customer.billed_in}",
            Email=identity.email,
            AddressLine1=identity.address_line1,
            City=identity.city,
            ZipPostalCode=identity.postal_code,
            Country=identity.country_code,
        )

    def add_invoice(self, invoice: LedgerInvoice) -> None:
        self.company.add_invoice(
            invoice.customer, invoice.number, invoice.amount_minor, dated=invoice.issued_on, due=invoice.due_on
        )
        if invoice.held:
            self.company.clerk.hold_customer(invoice.customer)

    def add_credit(self, credit: LedgerCredit) -> None:
        self.company.add_invoice(
            credit.customer,
            credit.number,
            credit.amount_minor,
            dated=credit.issued_on,
            DocumentType="CreditNote",
        )

    def add_charge(self, charge: LedgerCharge) -> None:
        first = charge.dates[0].isoformat()
        self.company.clerk.add_recurring_charge(
            charge.code, charge.customer, charge.amount_minor, charge.schedule, EffectiveDate=first
        )

    def bill_charges(self, on: date) -> None:
        self.company.clerk.run_recurring(on)

    def book_transfer(self, invoice: str, amount_minor: int, on: date) -> None:
        with self.company.lock:
            (customer,) = (
                row["CustomerNumber"]
                for row in self.company.tables["ARPostedDocuments"]
                if row["DocumentNumber"] == invoice
            )
            self.company.clerk.receive(customer, invoice, amount_minor, check=f"TRF{invoice}", on=on)

    def tell(self) -> None:
        """Sage 300 announces nothing."""
