"""What planning needs to know of the company, as last read; and the resolution of our names to Sage's codes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bookkeeping.postings import AccountRole
from connector_resources.erp.invoice_book import InvoiceBook
from connector_resources.erp.refusal import CannotBook
from connector_resources.erp.sage300 import wire
from connector_resources.erp.sage300.carried import Carried
from connector_resources.erp.sage300.documents import money
from connector_resources.erp.sage300.invoices import Claim
from connector_resources.erp.sage300.periods import Calendar
from connector_resources.erp.sage300.settings import Sage300Settings


@dataclass(slots=True)
class Snapshot:
    """Facts of one company.

    open_names  kind of batch -> text of every open batch of ours -> its number
    returned    receipts by number that staff returned in Bank Services
    notes       posted credit notes of ours by number
    """

    functional: str = ""
    calendar: Calendar = field(default_factory=Calendar)
    gl_accounts: dict[str, wire.GlAccount] = field(default_factory=dict)
    customers: dict[str, wire.Customer] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    invoices: InvoiceBook = field(default_factory=InvoiceBook)
    schedules: dict[str, tuple[wire.Schedule, ...]] = field(default_factory=dict)
    open_names: dict[str, dict[str, str]] = field(default_factory=dict)
    returned: dict[str, wire.PostedReceipt] = field(default_factory=dict)
    notes: dict[str, wire.PostedDocument] = field(default_factory=dict)
    carried: dict[str, tuple[Carried, ...] | None] = field(default_factory=dict)
    #: GoCardless customer -> customers that have its number, or the same e-mail.
    lookalikes: dict[str, list[wire.Customer]] = field(default_factory=dict)
    journal_template: Mapping[str, Any] = field(default_factory=dict)

    def take_claims(self, found: Iterable[Claim]) -> None:
        self.claims = {each.invoice.number: each for each in found}
        self.invoices = InvoiceBook(x.invoice for x in self.claims.values() if x.invoice.open_amount.minor > 0)

    def gl_account(self, role: AccountRole, currency: str, settings: Sage300Settings) -> wire.GlAccount:
        """The ledger account of a role. Raises `CannotBook` when none is configured, known or active."""
        code = account_code(role, currency, settings)
        row = self.gl_accounts.get(code)
        if row is None or row.status == "Inactive":
            problem = "is inactive" if row else "does not exist"
            raise CannotBook(
                "account_refused",
                f"account {code} of the role {role} {problem} in the general ledger",
                "choose another account in the connection file, or activate it in Sage 300",
            )
        return row

    def journal_account(self, role: AccountRole, currency: str, settings: Sage300Settings) -> str:
        """The unformatted account for a journal line. Raises `CannotBook`, also for a control account that takes none."""
        row = self.gl_account(role, currency, settings)
        if not row.takes_journals:
            raise CannotBook(
                "account_refused",
                f"account {row.formatted} of the role {role} is a control account that takes no journals of the GL",
                "add GL to its subledgers in Sage 300, or use mode ar_receipts",
            )
        return row.unformatted_account

    def customer(self, number: str, currency: str = "") -> wire.Customer:
        """The customer of that number. Raises `CannotBook` when he is not there, inactive, or has another currency."""
        row = self.customers.get(number)
        if row is None:
            raise CannotBook(
                "customer_missing",
                f"Sage 300 has no customer {number}",
                "correct the link of the GoCardless customer",
            )
        if row.status == "Inactive":
            raise CannotBook("customer_inactive", f"customer {number} is inactive", "activate the customer in Sage 300")
        if currency and row.currency_code and row.currency_code != currency:
            raise CannotBook(
                "currency_mismatch",
                f"customer {number} is kept in {row.currency_code}, and the payment is in {currency}",
                "link a customer of that currency, or book it by hand and withdraw the posting",
            )
        return row


def account_code(role: AccountRole, currency: str, settings: Sage300Settings) -> str:
    """The unformatted account of a role by the settings alone. Raises `CannotBook` when there is none."""
    if currency not in settings.currencies and role in (AccountRole.CLEARING, AccountRole.BANK):
        raise currency_unmapped(currency)
    code = settings.account(role, currency)
    if code is None:
        names = {AccountRole.BANK: "bank_account", AccountRole.CLEARING: "clearing_account"}
        where = f"currencies.{currency}.{names[role]}" if role in names else f"accounts.{role}"
        raise CannotBook("account_unmapped", f"the role {role} has no account", f"set {where} in the connection file")
    return unformatted(code)


def unformatted(code: str) -> str:
    """An account without the separators of its structure, as journals and keys want it (section 2.9)."""
    return re.sub(r"[^0-9A-Za-z]", "", code).upper()


def account_codes(settings: Sage300Settings) -> set[str]:
    """Every general ledger account that the settings name, unformatted."""
    named = [*settings.accounts.values()]
    for accounts in settings.currencies.values():
        named += filter(None, (accounts.bank_account, accounts.clearing_account))
    return {unformatted(code) for code in named}


def currency_unmapped(currency: str) -> CannotBook:
    return CannotBook(
        "currency_unmapped",
        f"there are no bank and accounts for {currency}",
        f"add currencies.{currency} with its bank account to the connection file",
    )


def instalments(claim: Claim, schedule: Sequence[wire.Schedule]) -> list[tuple[int, int]]:
    """(payment number, open minor units) of an invoice's instalments, the earlier ones being paid first."""
    currency = claim.paid.currency
    paid, found = claim.paid.minor, []
    for each in sorted(schedule, key=lambda row: row.payment_number):
        due = money(each.amount_due, currency).minor
        taken = min(paid, due)
        paid -= taken
        if due > taken:
            found.append((each.payment_number, due - taken))
    return found
