"""Which request each posting needs next, byte for byte (visma.md sections 6.5 and 11.2). Pure: no I/O, no clock.

What it must know of the company lies in a `Snapshot` that the connector reads beforehand: the same work and snapshot always
give the same requests. A document is released only after it was read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, assert_never

from bookkeeping.customer_rules import changed_details, superseded
from bookkeeping.money import Money
from bookkeeping.postings import MASTER_DATA_KINDS, AccountRole, Posting, PostingKind, Side
from connector_resources.erp.contract import Complete, Document, Hold, Planned, PlannedSubmission, PostingWork
from connector_resources.erp.exact_json import dump_exact
from connector_resources.erp.invoice_book import InvoiceBook, allocations_of
from connector_resources.erp.refusal import CannotBook, hold_of, unread
from connector_resources.erp.visma import documents, journals, periods
from connector_resources.erp.visma.attributes import attribute_change
from connector_resources.erp.visma.customer_details import details_body, differing_details
from connector_resources.erp.visma.exchange import Exchange, clearing_rate
from connector_resources.erp.visma.invoices import reserve_drafts
from connector_resources.erp.visma.journals import Batch
from connector_resources.erp.visma.settings import CurrencyAccounts, VismaSettings
from connector_resources.erp.visma.wire import CustomerRow

CONTENT_TYPE = "application/json; charset=utf-8"
MONEY_KINDS = frozenset(PostingKind) - MASTER_DATA_KINDS


@dataclass(slots=True)
class Snapshot:
    """What planning needs to know of the company, as last read."""

    calendar: periods.Calendar = field(default_factory=periods.Calendar)
    invoices: InvoiceBook = field(default_factory=InvoiceBook)
    customers: dict[str, CustomerRow] = field(default_factory=dict)
    #: of converted payouts, by posting key.
    exchanges: dict[str, Exchange] = field(default_factory=dict)


class _Held(Exception):
    """Planning this posting ends with a hold."""

    def __init__(self, code: str, reason: str, next_step: str) -> None:
        self.code, self.reason, self.next_step = code, reason, next_step
        super().__init__(reason)


class Planner:
    """Plans for one connection's settings."""

    def __init__(self, settings: VismaSettings, connection: str) -> None:
        self._settings = settings
        self._connection = connection

    def plan(self, work: Sequence[PostingWork], snapshot: Snapshot) -> list[Planned]:
        """One answer per posting, in the given order. No invoice is promised twice, drafts of `work` included."""
        desk = _Desk(self._settings, self._connection, snapshot, superseded([item.posting for item in work]))
        reserve_drafts(desk.open_invoices, work)
        return [desk.next(item) for item in work]


class _Desk:
    """One call of `plan`: the running balances of the invoices, and the rules per kind of posting."""

    def __init__(
        self, settings: VismaSettings, connection: str, snapshot: Snapshot, replaced: Mapping[str, str]
    ) -> None:
        self.settings = settings
        self.connection = connection
        self.snapshot = snapshot
        self.open_invoices = snapshot.invoices.copy()
        self.replaced = replaced

    def next(self, work: PostingWork) -> Planned:
        posting = work.posting
        if (waits := unread(work, "the document in Visma")) is not None:
            return waits
        try:
            if posting.kind in MONEY_KINDS and not posting.lines:
                return Complete(posting.key, "The posting has no amount.")
            return self._by_kind(work)
        except _Held as held:
            return Hold(posting.key, held.code, held.reason, held.next_step)
        except CannotBook as problem:
            return hold_of(problem, posting)

    def _by_kind(self, work: PostingWork) -> Planned:
        match work.posting.kind:
            case PostingKind.RECEIPT:
                return self._journals(work) if self._is_receipt_by_journal(work.posting) else self._receipt(work)
            case PostingKind.RECEIPT_REVERSAL | PostingKind.REFUND_REVERSAL | PostingKind.CORRECTION:
                return self._take_back(work)
            case PostingKind.REFUND:
                return self._refund(work)
            case PostingKind.PAYOUT | PostingKind.PAYOUT_REVERSAL | PostingKind.PAYOUT_REPEAT:
                return self._journals(work)
            case PostingKind.MANDATE_STATUS | PostingKind.CUSTOMER:
                return self._master_data(work)
            case PostingKind.COLLECTION | PostingKind.COLLECTION_CANCEL | PostingKind.GOCARDLESS_CUSTOMER:
                raise ValueError(f"{work.posting.key} is for GoCardless, not for Visma")
            case PostingKind.SUBSCRIPTION | PostingKind.SUBSCRIPTION_CHANGE:
                raise ValueError(f"{work.posting.key} is for GoCardless, not for Visma")
            case PostingKind.MANDATE_SETUP | PostingKind.INVOICE_STATUS | PostingKind.SALES_INVOICE:
                raise ValueError(f"{work.posting.key} is of a kind that Visma does not take")
        assert_never(work.posting.kind)

    # --- receipts ----------------------------------------------------------------------------------------------------

    def _is_receipt_by_journal(self, posting: Posting) -> bool:
        """Without a customer's line, or where the chargeback it follows left the receipt standing (11.2)."""
        withdrawn = posting.facts.get("event") == "payments.chargeback_cancelled"
        on_customer = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.CREDIT)
        return on_customer is None or (self.settings.chargeback_mode == "debit_note" and withdrawn)

    def _receipt(self, work: PostingWork) -> Planned:
        posting = work.posting
        if not self._did(work, "create"):
            return self._create_receipt(posting)
        return self._release(work, "create", "release") or Complete(posting.key)

    def _create_receipt(self, posting: Posting) -> Planned:
        amount = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.CREDIT)
        assert amount is not None, posting.key
        payee = self._payee(posting, amount.currency)
        dated = self._open_day(posting, periods.RECEIPTS)
        match = allocations_of(posting, amount, payee.customer, self.open_invoices)
        if not match.allocations and self.settings.unmatched_receipts == "hold":
            looked_for = ", ".join(posting.invoices) or "nothing"
            raise _Held(
                "invoice_unmatched",
                f"No open invoice of customer {payee.customer} fits {posting.subject} ({amount}); it names {looked_for}."
                + "".join(f" {note}." for note in match.notes),
                f"Open or correct the invoice in Visma, or book on account, then release {posting.key}.",
            )
        self.open_invoices.take(match.allocations)
        body = documents.receipt(posting, amount, dated, payee, match.allocations, self.settings)
        applied = ", ".join(f"{each.amount.major} on {each.invoice}" for each in match.allocations) or "on account"
        summary = f"Receipt {documents.payment_ref(posting)} {amount} of customer {payee.customer}: {applied}"
        return self._post(posting, "create", documents.PAYMENTS, body, summary=summary)

    def _customer(self, posting: Posting) -> str:
        customer = posting.party.erp_customer if posting.party else None
        if not customer:
            who = (posting.party.gocardless_customer if posting.party else None) or "without an id"
            raise _Held(
                "customer_unmapped",
                f"GoCardless customer {who} of {posting.subject} is not linked to a customer in Visma.",
                f"Run `connector customers link {self.connection} {who} NUMBER`.",
            )
        return customer

    def _payee(self, posting: Posting, currency: str) -> documents.Payee:
        customer = self._customer(posting)
        accounts = self._accounts(currency)
        if any(line.role is AccountRole.BANK for line in posting.lines):
            method = self.settings.direct_payment_method or self.settings.payment_method
            return documents.Payee(customer, accounts.direct_cash_account, method)
        return documents.Payee(customer, accounts.clearing_cash_account, self.settings.payment_method)

    def _accounts(self, currency: str) -> CurrencyAccounts:
        if currency not in self.settings.currencies:
            raise journals.currency_unmapped(currency)
        return self.settings.currencies[currency]

    # --- voids -------------------------------------------------------------------------------------------------------

    def _take_back(self, work: PostingWork) -> Planned:
        """Void the newest receipt or refund of the posting taken back; what was a journal is reversed by a journal."""
        posting = work.posting
        charged_back = posting.facts.get("event") == "payments.charged_back"
        if self.settings.chargeback_mode == "debit_note" and charged_back:
            return self._journals(work)
        standing = [done.document for done in work.reversed_documents]
        target = next((each for each in reversed(standing) if each.kind in documents.VOIDED_BY), None)
        if target is None and any(each.kind == documents.JOURNAL for each in standing):
            return self._journals(work)
        if target is None:
            raise _Held(
                "document_unknown",
                f"{posting.subject} is to be taken back, but this connection booked no document for it.",
                f"Void it in Visma by hand, then withdraw {posting.key}.",
            )
        return self._void(work, target)

    def _void(self, work: PostingWork, target: Document) -> Planned:
        posting = work.posting
        if not self._did(work, "void"):
            path = f"{documents.PAYMENTS}/{documents.segment(target.number)}/action/void"
            summary = f"Void {target.kind} {target.number} of {posting.subject}"
            return self._post(posting, "void", path, documents.void(target.kind), etag=target.etag, summary=summary)
        self._require_open_void(work)
        return self._release(work, "void", "release_void") or Complete(posting.key)

    def _require_open_void(self, work: PostingWork) -> None:
        """Visma chooses the date of a void; one in a closed period waits for a person (11.4)."""
        voiding = self._document(work, "void")
        dated = documents.day_of(voiding.details.get("date", ""))
        period = self.snapshot.calendar.period_of(dated) if dated else None
        if period is not None and not self._did(work, "release_void") and not period.is_open(periods.RECEIPTS):
            raise _Held(
                "period_closed",
                f"{voiding.kind} {voiding.number} of {work.posting.subject} is dated {dated}, in closed period {period.id}.",
                f"Open the period or change the date of the void in Visma, then release {work.posting.key}.",
            )

    # --- refunds -----------------------------------------------------------------------------------------------------

    def _refund(self, work: PostingWork) -> Planned:
        posting = work.posting
        if self.settings.refund_mode == "hold":
            raise _Held(
                "refund_by_hand",
                f"Refund {posting.subject} is to be booked by hand (refund_mode is hold).",
                f"Book it in Visma, then withdraw {posting.key}.",
            )
        amount = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.DEBIT)
        assert amount is not None, posting.key
        payee = self._payee(posting, amount.currency)
        if not self._did(work, "credit_note"):
            return self._create_credit_note(posting, amount, payee.customer)
        # Released in any case: only a released credit note can be paid out.
        releasing = self._release(work, "credit_note", "release_credit_note", even_drafts=True)
        if releasing is not None:
            return releasing
        if not self._did(work, "refund"):
            number = self._document(work, "credit_note").number
            dated = self._open_day(posting, periods.RECEIPTS)
            body = documents.refund(posting, amount, dated, payee, number, self.settings)
            summary = f"Refund {posting.subject} {amount} to customer {payee.customer} for credit note {number}"
            return self._post(posting, "refund", documents.PAYMENTS, body, summary=summary)
        return self._release(work, "refund", "release_refund") or Complete(posting.key)

    def _create_credit_note(self, posting: Posting, amount: Money, customer: str) -> Planned:
        if AccountRole.SALES_RETURNS not in self.settings.accounts:
            raise CannotBook("account_unmapped", "the role sales_returns has no account", "set accounts.sales_returns")
        dated = self._open_day(posting, periods.CREDIT_NOTES)
        try:
            body = documents.credit_note(posting, amount, dated, customer, self.settings)
        except ValueError as problem:
            raise _Held(
                "refund_vat_unreachable",
                f"Refund {posting.subject}: {problem}.",
                f"Book the refund in Visma by hand, then withdraw {posting.key}.",
            ) from problem
        summary = f"Credit note {posting.subject} {amount} for customer {customer}"
        return self._post(posting, "credit_note", documents.NEW_CREDIT_NOTE, body, summary=summary)

    # --- journals ----------------------------------------------------------------------------------------------------

    def _journals(self, work: PostingWork) -> Planned:
        posting = work.posting
        for batch in journals.in_order(posting):
            if not self._did(work, batch.step):
                return self._journal(posting, batch, self._rate(posting, batch))
            releasing = self._release(work, batch.step, f"release_{batch.step}")
            if releasing is not None:
                return releasing
        return self._difference(work) if journals.is_converted(posting) else Complete(posting.key)

    def _journal(self, posting: Posting, batch: Batch, exchange_rate: Decimal | None = None) -> PlannedSubmission:
        dated = self._open_day(posting, periods.JOURNALS)
        period = self.snapshot.calendar.period_of(dated)
        assert period is not None, dated
        body = journals.journal(posting, batch, dated, period.id, self.settings, exchange_rate)
        summary = f"Journal {journals.description(posting, batch, dated)} {batch.total}"
        return self._post(posting, batch.step, documents.JOURNALS, body, summary=summary)

    # --- converted payouts -------------------------------------------------------------------------------------------

    def _rate(self, posting: Posting, batch: Batch) -> Decimal | None:
        """The rate at which the clearing account is left by exactly what the payments raised it; None for Visma's own."""
        if not journals.is_converted(posting):
            return None
        exchange = self.snapshot.exchanges[posting.key]
        if exchange.unknown and self.settings.fx_difference == "hold":
            raise self._difference_unknown(posting, exchange.unknown)
        if not exchange.raised or batch.step != journals.batches(posting)[0].step:
            return None
        rate = clearing_rate(batch, exchange.raised, self.settings)
        if rate is None and self.settings.fx_difference == "hold":
            why = f"no exchange rate makes its journal in {batch.currency} take {exchange.raised} off clearing"
            raise self._difference_unknown(posting, why)
        return rate

    def _difference(self, work: PostingWork) -> Planned:
        """After all journals: what they left on the FX transit account goes to the exchange differences."""
        posting = work.posting
        if not self._did(work, journals.DIFFERENCE_STEP):
            exchange = self.snapshot.exchanges[posting.key]
            if exchange.unknown and self.settings.fx_difference == "hold":
                raise self._difference_unknown(posting, exchange.unknown)
            if not exchange.left:
                return Complete(posting.key)
            return self._journal(posting, journals.difference(posting, exchange.left))
        step = journals.DIFFERENCE_STEP
        return self._release(work, step, f"release_{step}") or Complete(posting.key)

    def _difference_unknown(self, posting: Posting, why: str) -> _Held:
        return _Held(
            "fx_difference_unknown",
            f"{posting.subject}: {why}.",
            "Book what is missing of it in Visma and withdraw the posting, or set fx_difference to leave_open; "
            f"then release {posting.key}.",
        )

    # --- master data -------------------------------------------------------------------------------------------------

    def _master_data(self, work: PostingWork) -> Planned:
        posting = work.posting
        if work.done:
            return Complete(posting.key)
        if posting.key in self.replaced:
            return Complete(posting.key, f"The newer {self.replaced[posting.key]} carries this change.")
        linked = bool(posting.party and posting.party.erp_customer)
        if not linked and posting.kind is PostingKind.CUSTOMER and self.settings.create_customers:
            assert self.settings.customer_class is not None
            attribute = self.settings.attributes.customer if self.settings.write_attributes else None
            body = documents.new_customer(posting, self.settings.customer_class, attribute)
            return self._post(posting, "customer", documents.CUSTOMERS, body, summary=f"New customer {posting.subject}")
        has_details = posting.kind is PostingKind.CUSTOMER and bool(changed_details(posting))
        if not has_details and not self.settings.write_attributes:
            return Complete(posting.key, "write_attributes is off: nothing is written to Visma's customers.")
        number = self._customer(posting)
        customer = self.snapshot.customers.get(number)
        if customer is None:
            raise _Held(
                "customer_missing",
                f"Visma has no customer {number}, to which {posting.subject} is linked.",
                f"Correct the link of the GoCardless customer, then release {posting.key}.",
            )
        if has_details:
            return self._details(posting, customer)
        change = attribute_change(posting, customer, self.settings.attributes)
        if isinstance(change, str):
            return Complete(posting.key, change)
        summary = f"Customer {number}: " + ", ".join(f"{name} = {value}" for name, value in change.items())
        return self._put(posting, "attributes", customer, documents.attribute_lines(change), summary)

    def _details(self, posting: Posting, customer: CustomerRow) -> Planned:
        """Name, e-mail and address that were changed in GoCardless. Attributes are another posting's."""
        change = differing_details(posting, customer)
        if not change:
            return Complete(posting.key, f"Customer {customer.number} says so already.")
        summary = f"Customer {customer.number}: {', '.join(sorted(change))}"
        return self._put(posting, "details", customer, details_body(change), summary)

    def _put(
        self, posting: Posting, step: str, customer: CustomerRow, body: Mapping[str, Any], summary: str
    ) -> PlannedSubmission:
        path = f"{documents.CUSTOMERS}/{documents.segment(customer.number)}"
        planned = self._post(posting, step, path, body, etag=customer.etag, summary=summary)
        return replace(planned, method="PUT")

    # --- common ------------------------------------------------------------------------------------------------------

    def _open_day(self, posting: Posting, ledgers: periods.Ledger) -> date:
        """The document's date: the booking date, or by policy the first day of the next open period (11.4)."""
        if "period_closed" in posting.facts:
            raise _closed(posting, f"the period up to {posting.facts['period_closed']} is closed in your settings")
        period = self.snapshot.calendar.period_of(posting.booking_date)
        if period is not None and period.is_open(ledgers):
            return posting.booking_date
        if period is None:
            raise _closed(posting, "Visma has no financial period for it")
        moved = self.snapshot.calendar.next_open_day(posting.booking_date, ledgers)
        if self.settings.closed_period == "hold" or moved is None:
            raise _closed(posting, f"period {period.id} is closed or inactive in Visma")
        return moved

    def _release(
        self, work: PostingWork, created_by: str, step: str, *, even_drafts: bool = False
    ) -> PlannedSubmission | None:
        """The release of what `created_by` made; None when it is released, or is left to an accountant."""
        if self._did(work, step) or not (self.settings.releases or even_drafts):
            return None
        document = self._document(work, created_by)
        root = {documents.CREDIT_NOTE: documents.CREDIT_NOTES, documents.JOURNAL: documents.JOURNALS}
        path = f"{root.get(document.kind, documents.PAYMENTS)}/{documents.segment(document.number)}/action/release"
        body = documents.release(document.kind) if document.kind in documents.PAYMENT_TYPES else {}
        summary = f"Release {document.kind} {document.number} of {work.posting.subject}"
        return self._post(work.posting, step, path, body, etag=document.etag, summary=summary)

    def _post(
        self, posting: Posting, step: str, path: str, body: Mapping[str, Any], *, etag: str = "", summary: str = ""
    ) -> PlannedSubmission:
        return PlannedSubmission(
            reference=f"{posting.key}/{step}",
            step=step,
            method="POST",
            path=path,
            body=dump_exact(dict(body)),
            content_type=CONTENT_TYPE,
            posting_keys=(posting.key,),
            headers=(("erp-api-background", "none"),) if self.settings.use_background else (),
            etag=etag,
            summary=summary,
        )

    def _did(self, work: PostingWork, step: str) -> bool:
        return any(done.step == step for done in work.done)

    def _document(self, work: PostingWork, step: str) -> Document:
        return next(done.document for done in reversed(work.done) if done.step == step)


def _closed(posting: Posting, why: str) -> _Held:
    return _Held(
        "period_closed",
        f"{posting.subject} is dated {posting.booking_date}: {why}.",
        f"Open the period or set closed_period to next_open_period, then release {posting.key}.",
    )
