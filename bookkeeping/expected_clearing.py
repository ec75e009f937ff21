"""Why is the clearing account not zero? The ledger's balance against what GoCardless still holds, id by id.

What GoCardless holds of a payment is what it collected for us less what payouts already moved; a refund is the same
with the opposite sign. Both sides are compared per payment and refund, so each difference has a name, an age and an
explanation.
Fees never touch the clearing account: payout journals credit it with the gross of their items.
Source: gocardless.md section 11, controls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from bookkeeping.entities import Mandate, Payment, Payout, PayoutItem, Refund
from bookkeeping.money import Money
from bookkeeping.payout_proof import FEE_TYPES
from bookkeeping.postings import AccountRole, Posting, PostingKind, Side
from bookkeeping.settings import BookSettings, activity_day

_REFUND_TYPES = frozenset({"payment_refunded", "refund", "refund_funds_returned"})


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is known of GoCardless for one connection.

    payout_items     gives all items of a payout
    mandates         those that settle directly must be among them
    before_cut_over  ids of payments, refunds and payouts whose receipt, outgoing payment or deposit stood in the books
                     at the cut-over: the opening balance of the clearing account holds them
    """

    payments: Iterable[Payment]
    refunds: Iterable[Refund]
    payouts: Iterable[Payout]
    payout_items: Callable[[Payout], Iterable[PayoutItem]]
    mandates: Mapping[str, Mandate]
    before_cut_over: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ClearingEntry:
    """One payment or refund that is open on the clearing account, or differs. `age_days` counts from `since`."""

    subject: str
    booked: Money
    held: Money
    since: date
    age_days: int
    explanation: str

    @property
    def difference(self) -> Money:
        return self.booked - self.held


@dataclass(frozen=True, slots=True)
class ClearingProof:
    """The clearing account of one currency. `booked` includes the opening balance of what lies before the cut-over.

    in_transit   entries on which books and GoCardless agree that money is on its way, oldest first
    differences  entries on which they differ, oldest first; their differences sum to `difference`
    """

    currency: str
    booked: Money
    held: Money
    in_transit: tuple[ClearingEntry, ...] = ()
    differences: tuple[ClearingEntry, ...] = ()

    @property
    def difference(self) -> Money:
        return self.booked - self.held


@dataclass(slots=True)
class _Account:
    """One payment or refund while it is added up, minor units; `reasons` explain payouts the books treat otherwise."""

    booked: int = 0
    held: int = 0
    since: date | None = None
    status: str = "not read"
    reasons: tuple[str, ...] = ()


#: by currency, then by the id of the payment or refund.
_Accounts = dict[str, dict[str, _Account]]


def prove_clearing(
    postings: Iterable[Posting], holdings: Holdings, as_of: datetime, settings: BookSettings
) -> tuple[ClearingProof, ...]:
    """One proof per currency, in order of currency. `postings` are all postings of the connection, in any order.

    Everything is gone through once, so that it can be streamed; of each payment that is cleared only two sums are kept.
    `as_of` (aware UTC) only dates the ages; both sides are what is known now.
    """
    accounts: _Accounts = {}
    _add_resources(accounts, holdings, settings)
    journals = _add_postings(accounts, postings, settings)
    _add_items(accounts, journals, holdings)
    today = activity_day(as_of, settings)
    return tuple(_proof(currency, accounts[currency], today) for currency in sorted(accounts))


def _proof(currency: str, accounts: Mapping[str, _Account], today: date) -> ClearingProof:
    entries = [
        _entry(subject, account, currency, today)
        for subject, account in accounts.items()
        if account.held or account.booked
    ]
    entries.sort(key=lambda entry: (entry.since, entry.subject))
    return ClearingProof(
        currency,
        Money(sum(account.booked for account in accounts.values()), currency),
        Money(sum(account.held for account in accounts.values()), currency),
        tuple(entry for entry in entries if entry.held and not entry.difference),
        tuple(entry for entry in entries if entry.difference),
    )


def _account(accounts: _Accounts, currency: str, subject: str) -> _Account:
    own = accounts.setdefault(currency, {})
    found = own.get(subject)
    if found is None:
        found = own[subject] = _Account()
    return found


def _add_resources(accounts: _Accounts, holdings: Holdings, settings: BookSettings) -> None:
    """What GoCardless owes us by status, before payouts; for resources before the cut-over the books hold the same."""
    due_in = ("confirmed", "paid_out") if settings.receipt_trigger == "confirmed" else ("paid_out",)
    for payment in holdings.payments:
        mandate = holdings.mandates.get(payment.mandate_id or "")
        if mandate is not None and mandate.funds_settlement == "direct":
            continue
        account = _account(accounts, payment.amount.currency, payment.id)
        account.held += payment.amount.minor if payment.status in due_in else 0
        account.status = payment.status
        account.since = payment.charge_date or activity_day(payment.created_at, settings)
        if payment.id in holdings.before_cut_over:
            account.booked += payment.amount.minor
    for refund in holdings.refunds:
        account = _account(accounts, refund.amount.currency, refund.id)
        account.held -= refund.amount.minor if refund.status == "paid" else 0
        account.status = refund.status
        account.since = activity_day(refund.created_at, settings)
        if refund.id in holdings.before_cut_over:
            account.booked -= refund.amount.minor


def _add_postings(accounts: _Accounts, postings: Iterable[Posting], settings: BookSettings) -> dict[str, Posting]:
    """Clearing lines of everything but payouts, whose items name the payments; gives the payouts' journals by id."""
    journals: dict[str, Posting] = {}
    for posting in postings:
        if posting.kind is PostingKind.PAYOUT:
            journals[posting.subject] = posting
            continue
        for line in posting.lines:
            if line.role is AccountRole.CLEARING:
                account = _account(accounts, line.amount.currency, posting.subject)
                account.booked += line.amount.minor if line.side is Side.DEBIT else -line.amount.minor
                account.since = account.since or activity_day(posting.occurred_at, settings)
    return journals


def _add_items(accounts: _Accounts, journals: Mapping[str, Posting], holdings: Holdings) -> None:
    """What payouts moved: at GoCardless once a payout is paid, in the books once its journal is booked."""
    for payout in holdings.payouts:
        if payout.payout_type == "partner":
            continue
        journal = journals.get(payout.id)
        opening = payout.id in holdings.before_cut_over
        suspense = (journal.facts.get("suspense_payments", "") if journal else "").split(",")
        for item in holdings.payout_items(payout):
            subject = (item.refund_id if item.type in _REFUND_TYPES else item.payment_id) or payout.id
            if item.type in FEE_TYPES or item.type == "revenue_share":
                continue
            account = _account(accounts, item.currency, subject)
            account.since = account.since or payout.arrival_date or payout.created_at.date()
            if payout.status in ("paid", "bounced") or journal:
                account.held -= int(item.amount)
            if subject in suspense:
                account.reasons += (f"payout {payout.id} booked it to suspense, because no receipt was known",)
            elif journal or opening:
                account.booked -= int(item.amount)
            elif payout.status in ("paid", "bounced"):
                account.reasons += (f"payout {payout.id} ({payout.reference or 'no reference'}) is not booked yet",)


def _entry(subject: str, account: _Account, currency: str, today: date) -> ClearingEntry:
    since = account.since or today
    booked, held = Money(account.booked, currency), Money(account.held, currency)
    return ClearingEntry(subject, booked, held, since, (today - since).days, _explanation(account, booked, held))


def _explanation(account: _Account, booked: Money, held: Money) -> str:
    if account.reasons:
        return "; ".join(dict.fromkeys(account.reasons))
    if booked == held:
        side = "collected, not paid out yet" if held.minor > 0 else "to be taken from a coming payout"
        return f"{account.status}: {side}"
    if account.status == "not read":
        return "a payout moved it, but the resource itself was never read"
    if booked < held:
        return f"{account.status} at GoCardless; its booking is missing"
    return f"{account.status} at GoCardless; the books still show {booked}, its reversal is missing"
