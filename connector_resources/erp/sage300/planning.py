"""Which request each posting needs next, byte for byte (sage300.md sections 2, 6 and 11). Pure: no I/O, no clock.

What it must know of the company lies in a `Snapshot` that the connector reads beforehand: the same work and snapshot always
give the same requests. Documents of many postings are put together in `batches`. In `payout_gl` payments and refunds become no
documents of their own: they end here, and the journal of their payout has a line for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import assert_never

from bookkeeping.customer_rules import superseded
from bookkeeping.money import Money
from bookkeeping.postings import ERP_KINDS, MASTER_DATA_KINDS, SALES_KINDS, AccountRole, Posting, PostingKind, Side
from connector_resources.erp.contract import Complete, Planned, PostingWork
from connector_resources.erp.invoice_book import InvoiceBook, allocations_of
from connector_resources.erp.refusal import CannotBook, hold_of, unread
from connector_resources.erp.sage300 import documents, references
from connector_resources.erp.sage300.batches import BatchDesk, Share
from connector_resources.erp.sage300.customer_planning import CustomerDesk, customer_of
from connector_resources.erp.sage300.documents import INVOICES, JOURNALS, POST, READY, RECEIPTS, REFUNDS, Application
from connector_resources.erp.sage300.journals import journal_lines
from connector_resources.erp.sage300.periods import open_day
from connector_resources.erp.sage300.reading import credits_invoice
from connector_resources.erp.sage300.settings import CurrencyAccounts, Sage300Settings
from connector_resources.erp.sage300.snapshot import Snapshot, currency_unmapped, instalments

RECEIPT, DEBIT_NOTE, CREDIT_NOTE, INVOICE, REFUND, JOURNAL = (
    "receipt", "debit_note", "credit_note", "invoice", "refund", "journal",
)  # fmt: skip
MONEY_KINDS = (ERP_KINDS - MASTER_DATA_KINDS) | SALES_KINDS
#: the applications whose locks a document meets (section 3.6).
_LOCKS = {RECEIPTS: ("AR", "BK"), INVOICES: ("AR",), REFUNDS: ("AR", "BK"), JOURNALS: ("GL",)}


class Planner:
    """Plans for one connection's settings."""

    def __init__(self, settings: Sage300Settings, connection: str) -> None:
        self._settings = settings
        self._connection = connection

    def plan(
        self, work: Sequence[PostingWork], snapshot: Snapshot, crowds: Mapping[str, int] | None = None
    ) -> list[Planned]:
        """One answer per posting: what is decided first, then batches. No invoice is promised twice.

        `crowds` says of some postings with how many others, themselves included, they may share a batch at most.
        """
        customers = CustomerDesk(self._settings, snapshot, superseded([item.posting for item in work]))
        desk = _Desk(self._settings, self._connection, snapshot, customers)
        decided = [answer for item in work if (answer := desk.next(item)) is not None]
        return [*decided, *desk.batches.requests(crowds or {})]


class _Desk:
    """One call of `plan`: the running balances of the invoices, and the rules per kind of posting."""

    def __init__(self, settings: Sage300Settings, connection: str, snapshot: Snapshot, customers: CustomerDesk) -> None:
        self.settings = settings
        self.snapshot = snapshot
        self.customers = customers
        self.book: InvoiceBook = snapshot.invoices.copy()
        self.batches = BatchDesk(settings, connection, snapshot)

    def next(self, work: PostingWork) -> Planned | None:
        """The answer; None when the posting is a share of a batch that `batches` puts together."""
        posting = work.posting
        if (waits := unread(work, "the batch in Sage 300")) is not None:
            return waits
        try:
            if posting.kind in MONEY_KINDS and not posting.lines:
                return Complete(posting.key, "The posting has no amount.")
            return self._by_kind(work)
        except CannotBook as problem:
            return hold_of(problem, posting)

    def _by_kind(self, work: PostingWork) -> Planned | None:
        match work.posting.kind:
            case PostingKind.RECEIPT | PostingKind.RECEIPT_REVERSAL:
                return self._movement(work)
            case PostingKind.REFUND_REVERSAL | PostingKind.CORRECTION:
                return self._invoice_credit(work) if credits_invoice(work.posting) else self._movement(work)
            case PostingKind.REFUND:
                return self._refund(work)
            case PostingKind.PAYOUT | PostingKind.PAYOUT_REVERSAL | PostingKind.PAYOUT_REPEAT:
                return self._journal(work)
            case PostingKind.SALES_INVOICE:
                return self._sales_invoice(work)
            case PostingKind.MANDATE_STATUS:
                return self.customers.mandate(work)
            case PostingKind.CUSTOMER:
                return self.customers.customer(work)
            case PostingKind.COLLECTION | PostingKind.COLLECTION_CANCEL | PostingKind.GOCARDLESS_CUSTOMER:
                raise ValueError(f"{work.posting.key} is for GoCardless, not for Sage 300")
            case PostingKind.MANDATE_SETUP | PostingKind.SUBSCRIPTION | PostingKind.SUBSCRIPTION_CHANGE:
                raise ValueError(f"{work.posting.key} is for GoCardless, not for Sage 300")
            case PostingKind.INVOICE_STATUS:
                raise ValueError(f"{work.posting.key} is of a kind that Sage 300 does not take")
        assert_never(work.posting.kind)

    # --- receipts and what takes them back ---------------------------------------------------------------------------

    def _movement(self, work: PostingWork) -> Planned | None:
        posting = work.posting
        credit = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.CREDIT)
        debit = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.DEBIT)
        if self.settings.mode == "payout_gl":
            return self._journal(work) if _is_direct(posting) else self._carried(posting)
        if credit is not None:
            return self._receipt(work, credit)
        assert debit is not None, posting.key
        return self._debit_note(work, debit)

    def _carried(self, posting: Posting) -> Complete:
        return Complete(
            posting.key,
            f"Mode payout_gl: no document of its own. The journal of its payout has a line with reference "
            f"{posting.subject} on the A/R control account.",
        )

    def _receipt(self, work: PostingWork, amount: Money) -> Planned | None:
        posting = work.posting
        if not _did(work, RECEIPT):
            bank = self._bank(posting, amount.currency)
            customer = self.snapshot.customer(customer_of(posting), amount.currency)
            dated = self._open_day(posting, RECEIPTS)
            entry = documents.receipt(
                posting,
                amount,
                customer=customer.customer_number,
                dated=dated,
                payment_code=self.settings.payment_code,
                applications=self._applications(posting, amount, customer.customer_number),
            )
            self.batches.add(Share(posting, RECEIPT, RECEIPTS, dated, entry, bank))
            return None
        return self._follow(work, RECEIPT)

    def _bank(self, posting: Posting, currency: str) -> str:
        accounts = self._accounts(currency)
        code = accounts.direct_bank_code if _is_direct(posting) else accounts.bank_code
        if code is None:
            name = "direct_bank_code" if _is_direct(posting) else "bank_code"
            raise CannotBook(
                "account_unmapped",
                f"there is no bank for it in {currency}",
                f"set currencies.{currency}.{name} in the connection file",
            )
        return code

    def _accounts(self, currency: str) -> CurrencyAccounts:
        if currency not in self.settings.currencies:
            raise currency_unmapped(currency)
        return self.settings.currencies[currency]

    def _applications(self, posting: Posting, amount: Money, customer: str) -> list[Application]:
        """One apply line per invoice and instalment that is settled; what is left over stays on the customer's account."""
        if posting.kind is not PostingKind.RECEIPT:
            return []
        match = allocations_of(posting, amount, customer, self.book)
        if not match.allocations and self.settings.unmatched_receipts == "hold":
            looked_for = ", ".join(posting.invoices) or "nothing"
            notes = "".join(f" {note}." for note in match.notes)
            raise CannotBook(
                "invoice_unmatched",
                f"no open invoice of customer {customer} fits {amount}; it names {looked_for}.{notes}",
                "open or correct the invoice in Sage 300, or book on account",
            )
        self.book.take(match.allocations)
        found: list[Application] = []
        for each in match.allocations:
            claim = self.snapshot.claims.get(each.invoice)
            if claim is None or claim.invoice.customer != customer:
                continue
            schedule = self.snapshot.schedules.get(each.invoice, ())
            open_parts = instalments(claim, schedule) if claim.payments > 1 else [(1, each.amount.minor)]
            left = each.amount.minor
            for number, minor in open_parts:
                if left > 0:
                    found.append(Application(claim.document, number, Money(min(left, minor), each.amount.currency)))
                    left -= min(left, minor)
        return found

    def _debit_note(self, work: PostingWork, amount: Money) -> Planned | None:
        """Reinstates what a receipt settled: the Web API cannot return a receipt (section 11)."""
        posting = work.posting
        if _did(work, DEBIT_NOTE):
            return self._follow(work, DEBIT_NOTE)
        returned = self.snapshot.returned.get(references.coded(posting.subject))
        if returned is not None:
            raise CannotBook(
                "returned_by_hand",
                f"staff returned receipt {returned.check_receipt_number} in Bank Services ({returned.reason_for_return})",
                "withdraw this posting instead, because a debit note would reopen the invoice twice",
            )
        if self.settings.late_failure == "task":
            raise CannotBook(
                "late_failure_by_hand",
                f"{amount} is taken back, and late_failure is task",
                "return the receipt in Bank Services, and withdraw this posting instead",
            )
        role = AccountRole.BANK if _is_direct(posting) else AccountRole.CLEARING
        number = references.document_number(references.DEBIT_NOTE, posting)
        self._invoice_share(work, DEBIT_NOTE, "DebitNote", number, amount, role, self.settings.no_tax_group)
        return None

    # --- refunds -----------------------------------------------------------------------------------------------------

    def _refund(self, work: PostingWork) -> Planned | None:
        posting, settings = work.posting, self.settings
        if settings.mode == "payout_gl":
            return self._carried(posting)
        if settings.refund_mode == "hold":
            raise CannotBook(
                "refund_by_hand", "the refund is to be booked by hand (refund_mode is hold)", "book it, and withdraw it"
            )
        amount = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.DEBIT)
        assert amount is not None, posting.key
        number = references.document_number(references.CREDIT_NOTE, posting)
        if not _did(work, CREDIT_NOTE):
            role, tax_group = AccountRole.SALES_RETURNS, settings.refund_tax_group
            self._invoice_share(work, CREDIT_NOTE, "CreditNote", number, amount, role, tax_group)
            return None
        if _did(work, REFUND):
            return self._follow(work, REFUND)
        note = work.done[-1].document
        if number not in self.snapshot.notes and note.details.get("status") != "Posted":
            following = self._follow(work, CREDIT_NOTE)
            if following is None:
                return None
            raise CannotBook(
                "credit_note_unposted",
                f"its credit note {number} is not posted, and only a posted one can be paid out",
                f"post invoice batch {note.number} in Sage 300",
            )
        customer = self.snapshot.customer(customer_of(posting), amount.currency)
        dated = self._open_day(posting, REFUNDS)
        entry = documents.refund(
            posting,
            amount,
            customer=customer.customer_number,
            dated=dated,
            bank=self._bank(posting, amount.currency),
            note=number,
        )
        self.batches.add(Share(posting, REFUND, REFUNDS, dated, entry))
        return None

    # --- invoices ----------------------------------------------------------------------------------------------------

    def _sales_invoice(self, work: PostingWork) -> Planned | None:
        """The invoice of a subscription payment: always made as an open batch, posted as the settings say (section 11)."""
        posting = work.posting
        if _did(work, INVOICE):
            return self._follow(work, INVOICE)
        amount = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.DEBIT)
        assert amount is not None, posting.key
        self._invoice_share(
            work, INVOICE, "Invoice", _own_number(posting), amount, AccountRole.REVENUE, self._tax(posting)
        )
        return None

    def _invoice_credit(self, work: PostingWork) -> Planned | None:
        """Takes an invoice of ours back, in either mode."""
        posting = work.posting
        if _did(work, INVOICE):
            return self._follow(work, INVOICE)
        amount = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.CREDIT)
        assert amount is not None, posting.key
        self._invoice_share(
            work, INVOICE, "CreditNote", _own_number(posting), amount, AccountRole.REVENUE, self._tax(posting)
        )
        return None

    def _tax(self, posting: Posting) -> str | None:
        return posting.facts.get("tax_code") or self.settings.invoice_tax_group

    def _invoice_share(
        self,
        work: PostingWork,
        step: str,
        kind: str,
        number: str,
        amount: Money,
        role: AccountRole,
        tax_group: str | None,
    ) -> None:
        posting = work.posting
        customer = self.snapshot.customer(customer_of(posting), amount.currency)
        account = self.snapshot.gl_account(role, amount.currency, self.settings)
        dated = self._open_day(posting, INVOICES)
        entry = documents.invoice(
            posting,
            amount,
            kind=kind,
            number=number,
            customer=customer.customer_number,
            dated=dated,
            account=account.formatted,
            tax_group=tax_group,
            order_number=next(iter(posting.invoices), "") if step != CREDIT_NOTE else "",
        )
        self.batches.add(Share(posting, step, INVOICES, dated, entry))

    # --- journals ----------------------------------------------------------------------------------------------------

    def _journal(self, work: PostingWork) -> Planned | None:
        posting, settings = work.posting, self.settings
        if _did(work, JOURNAL):
            return self._follow(work, JOURNAL)
        dated = self._open_day(posting, JOURNALS)
        span = self.snapshot.calendar.span_of(dated)
        if span is None:
            raise _closed(f"dated {dated}, for which the fiscal calendar has no period")
        lines = journal_lines(
            posting,
            settings,
            self.snapshot.functional,
            lambda role, currency: self.snapshot.journal_account(role, currency, settings),
            self.snapshot.carried.get(posting.subject),
        )
        entry = documents.journal_entry(
            posting, lines, span=span, dated=dated, ledger=settings.source_ledger, source_type=settings.source_type
        )
        self.batches.add(Share(posting, JOURNAL, JOURNALS, dated, entry))
        return None

    # --- common ------------------------------------------------------------------------------------------------------

    def _follow(self, work: PostingWork, step: str) -> Planned | None:
        """What comes after the batch of `step` was made and read back: make it ready, post it, or nothing."""
        key, document = work.posting.key, work.done[-1].document
        status = document.details.get("status", "Open")
        if self.settings.post_mode == "open" or status == "Posted":
            return Complete(key)
        if status == "Open" and not _did(work, f"{READY}_{step}"):
            self.batches.follow(document, READY, f"{READY}_{step}", work.posting)
            return None
        if self.settings.post_mode == "ready" or _did(work, f"{POST}_{step}"):
            return Complete(key)
        self.batches.follow(document, POST, f"{POST}_{step}", work.posting)
        return None

    def _open_day(self, posting: Posting, kind: str) -> date:
        """The document's date: the booking date, or by policy the first day after the lock (section 3.6)."""
        if "period_closed" in posting.facts:
            closed = posting.facts["period_closed"]
            raise _closed(f"dated {posting.booking_date}, and books are closed up to {closed} by your settings")
        locks = [self.settings.locked_through[m] for m in _LOCKS[kind] if m in self.settings.locked_through]
        locked = max(locks, default=None)
        day = open_day(posting.booking_date, locked, self.settings.closed_period)
        if day is None:
            raise _closed(f"dated {posting.booking_date}, and {'/'.join(_LOCKS[kind])} is locked up to {locked}")
        return day


def _own_number(posting: Posting) -> str:
    return references.document_number(references.INVOICE, posting)


def _closed(why: str) -> CannotBook:
    todo = "unlock the period in Sage 300 and correct locked_through, or set closed_period to next_open_day"
    return CannotBook("period_closed", why, todo)


def _is_direct(posting: Posting) -> bool:
    """Money that settled directly to the merchant's bank and never passes a payout."""
    return any(line.role is AccountRole.BANK for line in posting.lines)


def _did(work: PostingWork, step: str) -> bool:
    return any(done.step == step for done in work.done)
