"""Which request each posting needs next, byte for byte (exact_online.md sections 2, 6.4 and 11). Pure: no I/O, no clock.

What it must know of the division lies in a `Snapshot` that the connector reads beforehand: the same work and snapshot always
give the same requests. Entries of many postings are put together in `entries`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, assert_never

from bookkeeping.collection_write_back import replaced_statuses
from bookkeeping.customer_rules import changed_details, superseded
from bookkeeping.postings import ERP_KINDS, MASTER_DATA_KINDS, AccountRole, Posting, PostingKind, Side
from connector_resources.erp.contract import Complete, Planned, PlannedSubmission, PostingWork
from connector_resources.erp.exact_json import dump_exact
from connector_resources.erp.exact_online import documents
from connector_resources.erp.exact_online.documents import (
    ACCOUNT,
    BANK_ENTRY,
    CREDIT_NOTE,
    MANDATE,
    RECEIVABLE,
    EntryHead,
)
from connector_resources.erp.exact_online.entries import EntryDesk, Share
from connector_resources.erp.exact_online.exchange import EXCHANGE_STEP, is_converted
from connector_resources.erp.exact_online.lines import LineWriter, Part, customer_of, parts_of
from connector_resources.erp.exact_online.master_data import differing_details, mandate_change, new_customer_obstacle
from connector_resources.erp.exact_online.match_files import MATCH_STEP, MatchDesk
from connector_resources.erp.exact_online.periods import Span
from connector_resources.erp.exact_online.rates import payout_rate
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Snapshot, currency_unmapped
from connector_resources.erp.exact_online.wire import Account
from connector_resources.erp.invoice_book import InvoiceBook
from connector_resources.erp.refusal import CannotBook, hold_of, unread

CREDIT_NOTE_STEP = "credit_note"
MONEY_KINDS = ERP_KINDS - MASTER_DATA_KINDS


class Planner:
    """Plans for one connection's settings."""

    def __init__(self, settings: ExactOnlineSettings, connection: str) -> None:
        self._settings = settings
        self._connection = connection

    def plan(
        self, work: Sequence[PostingWork], snapshot: Snapshot, crowds: Mapping[str, int] | None = None
    ) -> list[Planned]:
        """One answer per posting: what is decided first, then entries. No invoice is promised twice.

        `crowds` says of some postings with how many others, themselves included, they may share an entry at most.
        """
        postings = [item.posting for item in work]
        replaced = superseded(postings) | replaced_statuses(postings)
        desk = _Desk(self._settings, self._connection, snapshot, replaced)
        decided = [answer for item in work if (answer := desk.next(item)) is not None]
        return [*decided, *desk.entries.requests(crowds or {}), *desk.matches.requests()]


class _Desk:
    """One call of `plan`: the running balances of invoices and journals, and the rules per kind of posting."""

    def __init__(
        self, settings: ExactOnlineSettings, connection: str, snapshot: Snapshot, replaced: Mapping[str, str]
    ) -> None:
        self.settings = settings
        self.connection = connection
        self.snapshot = snapshot
        self.replaced = replaced
        self.book: InvoiceBook = snapshot.invoices.copy()
        self.matches = MatchDesk(snapshot.division)
        self.entries = EntryDesk(settings, connection, snapshot)

    def next(self, work: PostingWork) -> Planned | None:
        """The answer; None when the posting is a share of an entry that `entries` puts together."""
        posting = work.posting
        if (waits := unread(work, "the document in Exact Online")) is not None:
            return waits
        try:
            if posting.kind in MONEY_KINDS and not posting.lines:
                return Complete(posting.key, "The posting has no amount.")
            return self._by_kind(work)
        except CannotBook as problem:
            return hold_of(problem, posting)

    def _by_kind(self, work: PostingWork) -> Planned | None:
        match work.posting.kind:
            case PostingKind.RECEIPT:
                return self._booking(work)
            case PostingKind.REFUND:
                return self._refund(work)
            case PostingKind.RECEIPT_REVERSAL | PostingKind.REFUND_REVERSAL | PostingKind.CORRECTION:
                return self._booking(work)
            case PostingKind.PAYOUT | PostingKind.PAYOUT_REVERSAL | PostingKind.PAYOUT_REPEAT:
                return self._booking(work)
            case PostingKind.MANDATE_STATUS:
                return self._mandate(work)
            case PostingKind.CUSTOMER:
                return self._customer(work)
            case PostingKind.INVOICE_STATUS:
                return self._payment_reference(work)
            case PostingKind.COLLECTION | PostingKind.COLLECTION_CANCEL | PostingKind.GOCARDLESS_CUSTOMER:
                raise ValueError(f"{work.posting.key} is for GoCardless, not for Exact Online")
            case PostingKind.MANDATE_SETUP | PostingKind.SUBSCRIPTION | PostingKind.SUBSCRIPTION_CHANGE:
                raise ValueError(f"{work.posting.key} is for GoCardless, not for Exact Online")
            case PostingKind.SALES_INVOICE:
                raise ValueError(f"{work.posting.key} is of a kind that Exact Online does not take")
        assert_never(work.posting.kind)

    # --- entries -----------------------------------------------------------------------------------------------------

    def _booking(self, work: PostingWork) -> Planned | None:
        """The next part of the posting that is not booked yet; most have one."""
        posting = work.posting
        part = next((each for each in parts_of(posting, self.settings) if not _did(work, each.step)), None)
        if part is None:
            return self._exchange(work) if is_converted(posting) else self._match(work)
        head, dated = self._head(posting, part)
        writer = LineWriter(self.settings, self.snapshot, self.book)
        lines = writer.write(work, part, head.kind, dated)
        self.entries.add(Share(posting, part.step, head, lines))
        return None

    def _exchange(self, work: PostingWork) -> Planned | None:
        """After all entries of a converted payout: its exchange differences, in the division's currency."""
        posting, settings = work.posting, self.settings
        if _did(work, EXCHANGE_STEP):
            return Complete(posting.key)
        exchange = self.snapshot.exchanges[posting.key]
        if exchange.unknown and settings.fx_difference == "hold":
            raise CannotBook(
                "fx_difference_unknown",
                f"its entries are booked, but not its exchange difference: {exchange.unknown}",
                "book the difference in Exact Online and withdraw the posting, or set fx_difference to leave_open",
            )
        if not exchange.residues:
            return Complete(posting.key)
        head, dated = self._head_in(posting, self.snapshot.currency, None)
        lines = LineWriter(settings, self.snapshot, self.book).differences(posting, exchange, dated)
        self.entries.add(Share(posting, EXCHANGE_STEP, head, lines))
        return None

    def _match(self, work: PostingWork) -> Planned | None:
        """After its entry: what Exact has left unmatched is settled by match sets, where the settings say so."""
        key = work.posting.key
        sets = self.snapshot.matches.get(key, ())
        if not sets or _did(work, MATCH_STEP):
            return Complete(key)
        self.matches.add(key, sets)
        return None

    def _head(self, posting: Posting, part: Part) -> tuple[EntryHead, date]:
        rate = payout_rate(posting, part.currency, self.snapshot.currency)
        return self._head_in(posting, part.currency, rate)

    def _head_in(self, posting: Posting, currency: str, rate: Decimal | None) -> tuple[EntryHead, date]:
        settings = self.settings
        accounts = settings.currencies.get(currency)
        if accounts is None and settings.general_journal is None:
            raise currency_unmapped(currency)
        kind, journal = documents.GENERAL_JOURNAL, settings.general_journal
        if accounts is not None and settings.books_in_bank_journal(currency):
            kind, journal = BANK_ENTRY, accounts.bank_journal
        assert journal is not None, (currency, kind)
        span, dated = self._open_day(posting, journal)
        return EntryHead(kind, journal, currency, span, rate), dated

    def _open_day(self, posting: Posting, journal: str) -> tuple[Span, date]:
        """Period and date: those of the booking date, or by policy of the first day of the next open period (3.8)."""
        todo = "open the period in Exact Online, or set closed_period to next_open_period"
        day = posting.booking_date
        if "period_closed" in posting.facts:
            closed = posting.facts["period_closed"]
            raise CannotBook(
                "period_closed", f"dated {day}, and books are closed up to {closed} by your settings", todo
            )
        calendar = self.snapshot.calendar
        span = calendar.span_of(day)
        if span is None:
            raise CannotBook("period_closed", f"dated {day}, for which Exact Online has no financial period", todo)
        if calendar.is_open(journal, span):
            return span, day
        moved = calendar.next_open_day(journal, day)
        if self.settings.closed_period == "hold" or moved is None:
            raise CannotBook("period_closed", f"dated {day}, and journal {journal} is closed in period {span}", todo)
        later = calendar.span_of(moved)
        assert later is not None, moved
        return later, moved

    # --- refunds ----------------------------------------------------------------------------------------

    def _refund(self, work: PostingWork) -> Planned | None:
        posting, settings = work.posting, self.settings
        if settings.refund_mode == "hold":
            raise CannotBook(
                "refund_by_hand", "the refund is to be booked by hand (refund_mode is hold)", "book it, and withdraw it"
            )
        if settings.refund_mode == "payment_only" or _did(work, CREDIT_NOTE_STEP):
            return self._booking(work)
        amount = documents.sum_of(posting, (AccountRole.RECEIVABLE,), Side.DEBIT)
        assert amount is not None, posting.key
        assert settings.sales_journal is not None
        customer = self.snapshot.customer(customer_of(posting))
        returns = self.snapshot.gl_account(AccountRole.SALES_RETURNS, amount.currency, settings)
        span, dated = self._open_day(posting, settings.sales_journal)
        body = documents.credit_note(
            posting,
            amount,
            entry_id=documents.entry_id_of(self.connection, f"{posting.key}/credit_note"),
            journal=settings.sales_journal,
            customer=customer.id,
            gl_account=returns.id,
            span=span,
            dated=dated,
            vat_code=settings.refund_vat_code or "",
            vat_percent=settings.refund_vat_percent,
        )
        summary = f"Credit note for refund {posting.subject}: {amount} for customer {customer.code}"
        return self._request(posting, CREDIT_NOTE_STEP, CREDIT_NOTE, body, summary=summary)

    # --- master data -------------------------------------------------------------------------------------------------

    def _mandate(self, work: PostingWork) -> Planned:
        posting = work.posting
        if work.done:
            return Complete(posting.key)
        if self.settings.mandate_sync == "off":
            return Complete(posting.key, "mandate_sync is off: mandates are not kept in Exact Online.")
        customer = self.snapshot.customer(customer_of(posting))
        present = self.snapshot.mandates.get(posting.subject[: documents.MANDATE_LIMIT])
        change = mandate_change(posting, customer, present, self.snapshot.bank_accounts.get(customer.id))
        if isinstance(change, str):
            return Complete(posting.key, change)
        summary = f"Mandate {posting.subject} of customer {customer.code}: {posting.facts.get('status', '')}"
        key = present.id if present else ""
        return self._request(posting, "mandate", MANDATE, change, key=key, summary=summary)

    def _customer(self, work: PostingWork) -> Planned:
        posting = work.posting
        if work.done:
            return Complete(posting.key)
        if posting.key in self.replaced:
            return Complete(posting.key, f"The newer {self.replaced[posting.key]} carries this change.")
        if not (posting.party and posting.party.erp_customer):
            return self._new_customer(posting)
        if changed_details(posting):
            return self._details(posting, self.snapshot.customer(posting.party.erp_customer))
        if not self.settings.write_customer_link:
            return Complete(posting.key, "write_customer_link is off: nothing is written to Exact's customers.")
        customer = self.snapshot.customer(posting.party.erp_customer)
        if customer.search_code == posting.subject:
            return Complete(posting.key, f"Customer {customer.code} says so already.")
        if customer.search_code:
            # Search codes are the merchant's own; ours is written into empty ones only (section 11).
            return Complete(posting.key, f"Customer {customer.code} has the search code {customer.search_code}.")
        summary = f"Search code {posting.subject} for customer {customer.code}"
        body = {"SearchCode": posting.subject}
        return self._request(posting, "customer", ACCOUNT, body, key=customer.id, summary=summary)

    def _details(self, posting: Posting, customer: Account) -> Planned:
        """Name, e-mail and address that were changed in GoCardless. Only what differs is sent (section 8)."""
        change = differing_details(posting, customer)
        if not change:
            return Complete(posting.key, f"Customer {customer.code} says so already.")
        summary = f"Customer {customer.code}: {', '.join(sorted(change))}"
        return self._request(posting, "details", ACCOUNT, change, key=customer.id, summary=summary)

    def _new_customer(self, posting: Posting) -> Planned:
        if not self.settings.create_customers:
            customer_of(posting)
        obstacle = new_customer_obstacle(posting, self.snapshot.lookalikes.get(posting.subject, ()))
        if obstacle is not None:
            raise obstacle
        body = documents.new_account(posting)
        return self._request(posting, "customer", ACCOUNT, body, summary=f"New customer {posting.subject}")

    def _payment_reference(self, work: PostingWork) -> Planned:
        """The payment that collects an invoice, on its receivable: the one field there that is free for it (2.5)."""
        posting, payment = work.posting, work.posting.facts.get("payment", "")
        if work.done:
            return Complete(posting.key)
        if posting.key in self.replaced:
            return Complete(posting.key, f"The newer {self.replaced[posting.key]} says how it stands now.")
        if not self.settings.write_payment_reference or not payment:
            return Complete(posting.key, "write_payment_reference is off, or there is no payment.")
        claim = next((self.snapshot.claims[each] for each in posting.invoices if each in self.snapshot.claims), None)
        if claim is None:
            return Complete(posting.key, "None of its invoices is open in Exact Online.")
        wanted = documents.payment_reference(posting)
        if not wanted and claim.payment_reference != payment[: documents.REFERENCE_LIMIT]:
            return Complete(posting.key, f"Invoice {claim.invoice.number} does not name {payment}.")
        if claim.payment_reference == wanted:
            return Complete(posting.key, f"Invoice {claim.invoice.number} says so already.")
        if wanted and claim.payment_reference and not claim.payment_reference.startswith(documents.PAYMENT):
            # Like search codes: the merchant's own reference may be what a payer or a bank looks for.
            own = claim.payment_reference
            return Complete(posting.key, f"Invoice {claim.invoice.number} has the payment reference {own}.")
        body = {"PaymentReference": wanted}
        what = "Payment reference" if wanted else "No payment reference"
        summary = f"{what} {payment} on invoice {claim.invoice.number}"
        return self._request(posting, "payment_reference", RECEIVABLE, body, key=claim.item, summary=summary)

    # --- common ------------------------------------------------------------------------------------------------------

    def _request(
        self, posting: Posting, step: str, kind: str, body: Mapping[str, Any], *, key: str = "", summary: str = ""
    ) -> PlannedSubmission:
        path = f"/api/v1/{self.snapshot.division}/{documents.PATHS[kind]}"
        return PlannedSubmission(
            reference=f"{posting.key}/{step}",
            step=step,
            method="PUT" if key else "POST",
            path=f"{path}(guid'{key}')" if key else path,
            body=dump_exact(dict(body)),
            content_type=documents.JSON,
            posting_keys=(posting.key,),
            headers=documents.PREFER,
            summary=summary,
        )


def _did(work: PostingWork, step: str) -> bool:
    return any(done.step == step for done in work.done)
