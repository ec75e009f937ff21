"""What planning needs to know of the division, as last read; and the resolution of our names to Exact's GUIDs. Pure.

GUIDs are per division and one of another division is dropped without a word (section 9), so everything is resolved anew for
each division and never taken from settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole
from connector_resources.erp.exact_online import wire
from connector_resources.erp.exact_online.invoices import Claim
from connector_resources.erp.exact_online.match_sets import MatchSet
from connector_resources.erp.exact_online.periods import Calendar
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.invoice_book import InvoiceBook
from connector_resources.erp.refusal import CannotBook


@dataclass(frozen=True, slots=True)
class Balance:
    """The closing balance of a bank journal's last entry, and the period of that entry (section 2.8)."""

    closing: Decimal = Decimal(0)
    year: int = 0
    period: int = 0

    def after(self, year: int, period: int, closing: Decimal) -> Balance:
        """What the next entry must open with: an entry of an earlier period is not the journal's last one."""
        if (year, period) < (self.year, self.period):
            return self
        return Balance(closing, year, period)


@dataclass(frozen=True, slots=True)
class Residue:
    """What one account (a GUID) keeps of a converted payout, in the division's currency and the debit view."""

    role: AccountRole
    gl_account: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Exchange:
    """What exchange left on the accounts a payout passes; nothing when all agree.

    `unknown` says why the clearing account is left out.
    """

    residues: tuple[Residue, ...] = ()
    unknown: str = ""


@dataclass(slots=True)
class Snapshot:
    """Facts of one division. `booked` holds the posted lines of earlier postings by their reference."""

    division: int = 0
    currency: str = ""
    calendar: Calendar = field(default_factory=Calendar)
    gl_accounts: dict[str, wire.GlAccount] = field(default_factory=dict)
    accounts: dict[str, wire.Account] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    invoices: InvoiceBook = field(default_factory=InvoiceBook)
    balances: dict[str, Balance] = field(default_factory=dict)
    booked: Mapping[str, Sequence[wire.TransactionLine]] = field(default_factory=dict)
    bank_accounts: dict[str, wire.BankAccount] = field(default_factory=dict)
    mandates: dict[str, wire.Mandate] = field(default_factory=dict)
    #: GoCardless customer -> customers that have its id as search code, or the same e-mail.
    lookalikes: dict[str, list[wire.Account]] = field(default_factory=dict)
    #: what converted payouts whose entries stand have left, by posting key.
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    #: what is to be settled by match sets, by posting key.
    matches: Mapping[str, Sequence[MatchSet]] = field(default_factory=dict)

    def take_claims(self, found: Iterable[Claim]) -> None:
        self.claims = {each.invoice.number: each for each in found}
        self.invoices = InvoiceBook(x.invoice for x in self.claims.values() if x.invoice.open_amount.minor > 0)

    def gl_account(self, role: AccountRole, currency: str, settings: ExactOnlineSettings) -> wire.GlAccount:
        """The ledger account of a role. Raises `CannotBook` when none is configured, known or usable."""
        if currency not in settings.currencies and role in (AccountRole.CLEARING, AccountRole.BANK):
            raise currency_unmapped(currency)
        code = settings.account(role, currency)
        if code is None:
            field_name = "transit_account" if role is AccountRole.BANK else f"accounts.{role}"
            raise CannotBook(
                "account_unmapped", f"the role {role} has no account", f"set {field_name} in the connection file"
            )
        row = self.gl_accounts.get(code)
        if row is None or row.is_blocked:
            problem = "is blocked" if row else "does not exist"
            raise CannotBook(
                "account_refused",
                f"account {code} of the role {role} {problem} in division {self.division}",
                "choose another account in the connection file, or open it in Exact Online",
            )
        return row

    def customer(self, code: str) -> wire.Account:
        """The customer with this code. Raises `CannotBook` when he is not there, not a customer, or blocked."""
        row = self.accounts.get(code)
        if row is None:
            raise CannotBook(
                "customer_missing",
                f"division {self.division} has no customer {code}",
                "correct the link of the GoCardless customer",
            )
        if row.blocked or row.status not in ("", "C"):
            problem = "is blocked" if row.blocked else "is not a customer (status C)"
            raise CannotBook(
                "customer_inactive", f"customer {code} {problem}", "make it an open customer in Exact Online"
            )
        return row


def currency_unmapped(currency: str) -> CannotBook:
    return CannotBook(
        "currency_unmapped",
        f"there are no journal and accounts for {currency}",
        f"add currencies.{currency} with its bank journal and transit account to the connection file",
    )
