"""The Exact Online stand-in as the ledger of a month: its chart, and its people at the screen."""

from __future__ import annotations

from datetime import date

from sandbox.business.ledger_plan import LedgerCredit, LedgerCustomer, LedgerInvoice
from sandbox.clock import SandboxClock
from sandbox.exact_online.division import Division
from sandbox.exact_online.switches import Switches

#: accounts besides the standard chart: credit notes of refunds, payouts that came back.
SALES_RETURNS, PAYOUTS_RETURNED = "8090", "2020"
#: a sales journal of its own for those credit notes; the invoices of the plan have numbers already.
CREDIT_NOTES = "71"
#: a month passes in minutes, so a minute has room for the calls of hours.
CALLS_PER_MINUTE = 600


def open_division(clock: SandboxClock) -> Division:
    """A division with the chart of a company that collects with GoCardless."""
    division = Division(clock=clock, switches=Switches(calls_per_minute=CALLS_PER_MINUTE)).standard_chart()
    division.add_gl_account(SALES_RETURNS, "Sales returns", 110)
    division.add_gl_account(PAYOUTS_RETURNED, "Payouts returned", 90)
    division.add_journal(CREDIT_NOTES, "Credit notes of refunds", 20, "", AllowVAT=False)
    return division


class ExactLedger:
    """A `Ledger` of a division."""

    def __init__(self, division: Division) -> None:
        self.division = division

    def add_customer(self, customer: LedgerCustomer) -> None:
        identity = customer.planned.identity
        row = self.division.add_account(
            customer.number,
            identity.name[:50],
            Email=identity.email,
            AddressLine1=identity.address_line1,
            City=identity.city,
            Postcode=identity.postal_code,
            Country=identity.country_code,
        )
        with self.division.lock:
            self.division.tables["BankAccounts"].add(
                {
                    "ID": self.division.new_id(),
                    "Account": row["ID"],
                    "BankAccount": f"1{customer.number}",
                    "Main": True,
                    "Blocked": False,
                }
            )

    def add_invoice(self, invoice: LedgerInvoice) -> None:
        self.division.add_invoice(
            invoice.number,
            invoice.customer,
            invoice.amount_minor,
            invoice.currency,
            dated=invoice.issued_on,
            due=invoice.due_on,
        )
        if invoice.held:
            self.division.clerk.select_for_collection(int(invoice.number))

    def add_credit(self, credit: LedgerCredit) -> None:
        self.division.add_invoice(
            credit.number, credit.customer, -credit.amount_minor, credit.currency, dated=credit.issued_on
        )

    def book_transfer(self, invoice: str, amount_minor: int, on: date) -> None:
        self.division.clerk.pay_invoice(int(invoice), amount_minor, on=on)

    def tell(self) -> None:
        self.division.webhooks.deliver()
