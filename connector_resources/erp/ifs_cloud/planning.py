"""Which request each posting needs next, byte for byte (ifs_cloud.md sections 7 and 11.1). Pure: no I/O, no clock.

Where invoices are settled (S1), what moves money of a customer is a transaction of a payment or payment file, shared by all of
a company, currency and day; everything else is a voucher. Where they are not (S2), everything is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from bookkeeping.customer_rules import changed_details, superseded
from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Posting, PostingKind, Side
from connector_resources.erp.contract import Complete, Planned, PlannedSubmission, PostingWork
from connector_resources.erp.ifs_cloud import documents
from connector_resources.erp.ifs_cloud.companies import (
    company_of,
    customer_number,
    customer_of,
    identity_of,
    split_invoice,
)
from connector_resources.erp.ifs_cloud.documents import Head, Movement, Share
from connector_resources.erp.ifs_cloud.invoices import ItemKey
from connector_resources.erp.ifs_cloud.lines import Row, RowWriter, currency_unmapped
from connector_resources.erp.ifs_cloud.master_data import Change, detail_changes, link_change
from connector_resources.erp.ifs_cloud.reading import CUSTOMER_KINDS, reference_of
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.snapshot import Snapshot
from connector_resources.erp.invoice_book import InvoiceBook, allocations_of
from connector_resources.erp.refusal import CannotBook, hold_of, unread

VOUCHER_STEP, PAYMENT_STEP, FILE_STEP = "voucher", "payment", "file"
#: postings of a customer that take back what an earlier one settled.
TAKES_BACK = frozenset({PostingKind.RECEIPT_REVERSAL, PostingKind.REFUND_REVERSAL})


class Planner:
    """Plans for one connection's settings."""

    def __init__(self, settings: IfsCloudSettings) -> None:
        self._settings = settings

    def plan(
        self, work: Sequence[PostingWork], snapshot: Snapshot, alone: Mapping[str, str] | None = None
    ) -> list[Planned]:
        """One answer per posting: what is decided first, then shared documents. No invoice is promised twice.

        `alone` names postings that must have a document of their own, because they were refused among others.
        """
        desk = _Desk(self._settings, snapshot, superseded([item.posting for item in work]), alone or {})
        decided = [answer for item in work if (answer := desk.next(item)) is not None]
        return [*decided, *desk.documents()]


class _Desk:
    """One call of `plan`: the running balances of invoices, and the documents that several postings share."""

    def __init__(
        self,
        settings: IfsCloudSettings,
        snapshot: Snapshot,
        replaced: Mapping[str, str],
        alone: Mapping[str, str],
    ) -> None:
        self.settings = settings
        self.snapshot = snapshot
        self.replaced = replaced
        self.alone = alone
        self.book: InvoiceBook = snapshot.invoices.copy()
        #: rows that statuses are written on, as those planned so far leave them: an invoice may fail and be tried again.
        self.invoice_rows = dict(snapshot.invoice_targets)
        #: credits of customers that a refund of this plan pays out.
        self.cleared: set[ItemKey] = set()
        self.movements: dict[tuple[Head, str], list[Movement]] = {}
        self.vouchers: dict[tuple[Head, str], list[Posting]] = {}

    def next(self, work: PostingWork) -> Planned | None:
        """The answer; None when the posting shares a document that `documents` puts together."""
        posting = work.posting
        if (waits := unread(work, "the document in IFS Cloud")) is not None:
            return waits
        if work.done and posting.kind is not PostingKind.CUSTOMER:
            return Complete(posting.key)
        try:
            return self._by_kind(work)
        except CannotBook as problem:
            return hold_of(problem, posting)

    def _by_kind(self, work: PostingWork) -> Planned | None:
        match work.posting.kind:
            case (
                PostingKind.RECEIPT | PostingKind.RECEIPT_REVERSAL | PostingKind.REFUND | PostingKind.REFUND_REVERSAL
                | PostingKind.CORRECTION | PostingKind.PAYOUT | PostingKind.PAYOUT_REVERSAL | PostingKind.PAYOUT_REPEAT
            ):  # fmt: skip
                return self._booking(work)
            case PostingKind.MANDATE_STATUS | PostingKind.CUSTOMER:
                return self._customer(work)
            case PostingKind.INVOICE_STATUS:
                return self._invoice_status(work.posting)
            case PostingKind.SALES_INVOICE:
                raise ValueError(f"{work.posting.key}: invoices are made in IFS Cloud, never by the connector")
            case (
                PostingKind.COLLECTION | PostingKind.COLLECTION_CANCEL | PostingKind.GOCARDLESS_CUSTOMER
                | PostingKind.MANDATE_SETUP | PostingKind.SUBSCRIPTION | PostingKind.SUBSCRIPTION_CHANGE
            ):  # fmt: skip
                raise ValueError(f"{work.posting.key} is for GoCardless, not for IFS Cloud")
        assert_never(work.posting.kind)

    # --- bookings ----------------------------------------------------------------------------------------------------

    def _booking(self, work: PostingWork) -> Planned | None:
        posting = work.posting
        if not posting.lines:
            return Complete(posting.key, "The posting has no amount.")
        if posting.kind is PostingKind.REFUND and self.settings.refund_mode == "hold":
            raise CannotBook(
                "refund_by_hand", "the refund is to be booked by hand (refund_mode is hold)", "book it, and withdraw it"
            )
        if "period_closed" in posting.facts:
            closed = posting.facts["period_closed"]
            raise CannotBook(
                "period_closed",
                f"dated {posting.booking_date}, and books are closed up to {closed} by your settings",
                "reopen the period, or set books.closed_period to next_open_day",
            )
        company = company_of(posting, self.settings)
        currency = posting.lines[0].amount.currency
        head = Head(company, currency, self.snapshot.open_day(company, posting.booking_date))
        own = posting.key in self.alone
        if self.settings.settles and posting.kind in CUSTOMER_KINDS:
            movement = self._movement(work, head)
            self.movements.setdefault((head, posting.key if own else ""), []).append(movement)
            return None
        # Checked now, so that what cannot be booked is held by itself and not with the others of its document.
        RowWriter(self.settings, company, self.snapshot.rate_table(company)).rows(posting, head.dated)
        shared = posting.kind in CUSTOMER_KINDS and not own
        self.vouchers.setdefault((head, "" if shared else posting.key), []).append(posting)
        return None

    def _movement(self, work: PostingWork, head: Head) -> Movement:
        posting = work.posting
        if any(line.role is AccountRole.BANK for line in posting.lines):
            raise CannotBook(
                "settled_directly",
                "its money goes to the bank directly and never through the GoCardless cash account",
                "enter the payment in IFS Cloud by hand, then withdraw this posting instead",
            )
        if head.currency not in self.settings.companies[head.company].currencies:
            raise currency_unmapped(head.company, head.currency)
        identity = customer_of(posting)
        units = sum(
            line.amount.minor if line.side is Side.DEBIT else -line.amount.minor
            for line in posting.lines
            if line.role is AccountRole.CLEARING
        )
        amount = Money(units, head.currency)
        known = self.snapshot.customers.get(identity)
        name = known.name if known else (posting.party.name if posting.party else "") or ""
        return Movement(posting, identity, name, amount, self._shares(work, head, amount))

    def _shares(self, work: PostingWork, head: Head, amount: Money) -> tuple[Share, ...]:
        """What the movement settles or opens again; empty for one on account."""
        posting = work.posting
        if posting.kind is PostingKind.RECEIPT:
            return self._settled(posting, head, amount)
        if posting.kind in TAKES_BACK and posting.reverses:
            return self._taken_back(posting, head, amount)
        if posting.kind is PostingKind.REFUND:
            return self._paid_back(posting, head, amount)
        return ()

    def _paid_back(self, posting: Posting, head: Head, amount: Money) -> tuple[Share, ...]:
        """The one open credit of the customer that has exactly the refunded amount, so that a refund clears it (11.1)."""
        customer = customer_number(head.company, customer_of(posting))
        fitting = [
            claim
            for claim in self.snapshot.claims.values()
            if claim.invoice.customer == customer
            and claim.invoice.open_amount == amount
            and claim.key not in self.cleared
        ]
        if len(fitting) != 1:
            return ()
        self.cleared.add(fitting[0].key)
        return (Share(fitting[0].series, fitting[0].number, fitting[0].version, amount),)

    def _taken_back(self, posting: Posting, head: Head, amount: Money) -> tuple[Share, ...]:
        """The items that the reversed posting settled, as they stand on its transactions, with the other sign."""
        assert posting.reverses is not None
        lines = [
            row for row in self.snapshot.booked.get(reference_of(posting.reverses), ()) if row.company == head.company
        ]
        moved = sum((row.amount for row in lines), Decimal(0))
        if moved != -amount.major:
            raise CannotBook(
                "document_unknown",
                f"it takes back {posting.reverses}, whose transactions in IFS Cloud sum to {moved} and not to "
                f"{-amount.major} {head.currency}",
                "take it back in IFS Cloud by hand, then withdraw this posting instead",
            )
        return tuple(
            Share(row.series, row.number, "", Money.from_major(-row.amount, head.currency))
            for row in lines
            if row.number
        )

    def _settled(self, posting: Posting, head: Head, amount: Money) -> tuple[Share, ...]:
        customer = (posting.party.erp_customer if posting.party else None) or ""
        customer = customer_number(head.company, identity_of(customer))
        match = allocations_of(posting, amount, customer, self.book)
        claims = self.snapshot.claims
        own = [
            each
            for each in match.allocations
            if each.invoice in claims and claims[each.invoice].company == head.company
        ]
        if not own and self.settings.unmatched_receipts == "hold":
            looked_for = ", ".join(posting.invoices) or "nothing"
            notes = "".join(f" {note}." for note in match.notes)
            raise CannotBook(
                "invoice_unmatched",
                f"no open invoice of customer {customer} fits {amount}; it names {looked_for}.{notes}",
                "open or correct the invoice in IFS Cloud, or set unmatched_receipts to on_account",
            )
        self.book.take(own)
        return tuple(
            Share(claims[x.invoice].series, claims[x.invoice].number, claims[x.invoice].version, x.amount) for x in own
        )

    # --- documents ---------------------------------------------------------------------------------------------------

    def documents(self) -> Iterator[PlannedSubmission]:
        """Payments and files of several postings, then vouchers; those with a document of their own come last."""
        for (head, _), movements in sorted(self.movements.items(), key=lambda each: _order(*each[0])):
            for some in _chunks(movements, self.settings.payments_per_batch):
                yield self._payment(head, some)
        for (head, _), postings in sorted(self.vouchers.items(), key=lambda each: _order(*each[0])):
            yield from self._vouchers(head, postings)

    def _payment(self, head: Head, movements: Sequence[Movement]) -> PlannedSubmission:
        if self.settings.settlement == "camt_file":
            defaults = self.snapshot.file_defaults[head.company]
            return documents.camt_file(self.settings, head, FILE_STEP, movements, defaults)
        return documents.mixed_payment(self.settings, head, PAYMENT_STEP, movements)

    def _vouchers(self, head: Head, postings: Sequence[Posting]) -> Iterator[PlannedSubmission]:
        writer = RowWriter(self.settings, head.company, self.snapshot.rate_table(head.company))
        chunk: list[Posting] = []
        rows: list[Row] = []
        for posting in postings:
            own = writer.rows(posting, head.dated)
            if chunk and len(rows) + len(own) > self.settings.rows_per_voucher:
                yield documents.voucher(self.settings, head, VOUCHER_STEP, chunk, rows)
                chunk, rows = [], []
            chunk.append(posting)
            rows += own
        if chunk:
            yield documents.voucher(self.settings, head, VOUCHER_STEP, chunk, rows)

    # --- members -----------------------------------------------------------------------------------------------------

    def _customer(self, work: PostingWork) -> Planned:
        posting = work.posting
        if posting.key in self.replaced:
            return Complete(posting.key, f"The newer {self.replaced[posting.key]} carries this change.")
        details = changed_details(posting) if posting.kind is PostingKind.CUSTOMER else ()
        if work.done and not details:
            return Complete(posting.key)
        if not details and not self.settings.write_customer_link:
            return Complete(posting.key, "write_customer_link is off: nothing is written to customers of IFS Cloud.")
        identity = customer_of(posting)
        target = self.snapshot.customer_targets.get(identity)
        row = self.snapshot.customers.get(identity)
        if target is None or row is None:
            raise CannotBook(
                "customer_missing",
                f"IFS Cloud has no customer {identity}",
                "correct the link of the GoCardless customer",
            )
        if details:
            contact = self.snapshot.contacts.get(identity)
            changes = detail_changes(posting, row, target, contact, self.settings)
        else:
            linked = link_change(posting, row, self.settings.projections["customers"])
            changes = iter([Change("customer", target, linked)] if linked else [])
        # What was written once is not written again, should somebody have changed it meanwhile.
        written = {done.step for done in work.done}
        change = next((each for each in changes if each.step not in written), None)
        if change is None:
            said = f"Customer {identity} says so already, or the map names no member for it."
            return Complete(posting.key, "" if written else said)
        summary = f"Customer {identity}: {', '.join(sorted(change.members))}"
        return documents.members(self.settings, posting, change.step, change.target, change.members, identity, summary)

    def _invoice_status(self, posting: Posting) -> Planned:
        status = self.settings.invoice_status
        if status.target == "off":
            return Complete(posting.key, "invoice_status.target is off: IFS Cloud is not told how collections stand.")
        key = next((key for name in posting.invoices if (key := split_invoice(name)) in self.invoice_rows), None)
        if key is None:
            return Complete(posting.key, f"None of its invoices is in {status.target} any more.")
        state = posting.facts.get("state", "")
        told = status.values.get(state, state)
        if not told:
            return Complete(posting.key, f"invoice_status.values leaves out {state}.")
        target, values = self.invoice_rows[key], {**posting.facts, "state": told}
        change = {member: values.get(word, "") for word, member in status.members.items()}
        number = posting.invoices[0]
        if all((target.raw.get(member) or "") == value for member, value in change.items()):
            return Complete(posting.key, f"Invoice {number} says so already.")
        self.invoice_rows[key] = replace(target, raw={**target.raw, **change})
        summary = f"Invoice {number}: {told} {posting.facts.get('cause', '')}".strip()
        return documents.members(self.settings, posting, "invoice_status", target, change, number, summary)


def _order(head: Head, alone: str) -> tuple[object, ...]:
    return (bool(alone), head.company, head.currency, head.dated, alone)


def _chunks(movements: Sequence[Movement], size: int) -> Iterator[Sequence[Movement]]:
    for first in range(0, len(movements), size):
        yield movements[first : first + size]
