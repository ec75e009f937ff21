"""Posting rules of payments: receipts and their reversals (gocardless.md section 11, invariants 2, 5 and 6).

A payment has at most one open receipt. Which invoice it settles is the ERP side's to find out; this module passes on
the references the payment carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from bookkeeping.drafting import (
    draft,
    event_facts,
    fx_facts,
    invoice_references,
    mandate_facts,
    mapped_party,
    same_conversion,
    turned_round,
)
from bookkeeping.entities import Event, Mandate, Payment
from bookkeeping.occurrences import OccurrenceKind, occurrence_of
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from bookkeeping.settings import BookSettings
from bookkeeping.story import (
    Decision,
    Documents,
    Effect,
    Outcome,
    Step,
    Verdict,
    classified,
    ordered,
    settle,
    undecided,
)

_KIND = OccurrenceKind
_COLLECTED = frozenset({_KIND.PAYMENT_CONFIRMED, _KIND.PAYMENT_PAID_OUT})
_CLOSING = frozenset({_KIND.PAYMENT_FAILED, _KIND.PAYMENT_CANCELLED, _KIND.PAYMENT_CHARGED_BACK})


class ReceiptState(StrEnum):
    """What the books know of a payment's receipt; a payout item of a payment with NONE goes to suspense.

    DUE is a payment known to be collected whose receipt is not booked yet: it will meet the payout on the clearing account.
    """

    NONE = "none"
    OPEN = "open"
    REVERSED = "reversed"
    BEFORE_CUT_OVER = "before_cut_over"
    TRANSIENT = "transient"
    DUE = "due"


def decide_payment(
    payment: Payment,
    story: Sequence[Event],
    decided: Mapping[str, Decision],
    booked: Sequence[Posting],
    mandate: Mandate | None,
    party: Party | None,
    settings: BookSettings,
) -> Verdict:
    """The postings the payment's books still lack, and a decision for every undecided event.

    story    every known event of the payment, in any order, repeats allowed
    decided  earlier decisions by event id; only `waiting` ones are taken up again
    booked   the payment's postings of earlier verdicts, in the order they were planned
    mandate  tells direct settlement; while it is named but not known, everything waits
    party    the payer; None when GoCardless does not name one

    Any order of arrival and any batching of the same story ends in the same effective books.
    """
    steps = _steps(payment, ordered(story), decided, booked, mandate, settings)
    return settle(steps, payment.id, decided, booked, _documents(payment, ordered(story), mandate, party, settings))


def receipt_state(
    payment: Payment, story: Sequence[Event], decided: Mapping[str, Decision], booked: Sequence[Posting]
) -> ReceiptState:
    """What the books know of the payment's receipt, from its decisions and postings."""
    receipts = [posting for posting in booked if posting.kind is PostingKind.RECEIPT]
    taken_back = {posting.reverses for posting in booked if posting.kind is PostingKind.RECEIPT_REVERSAL}
    if any(posting.key not in taken_back for posting in receipts):
        return ReceiptState.OPEN
    if receipts or None in taken_back:
        return ReceiptState.REVERSED
    collected = [event.id for event in story if occurrence_of(event).kind in _COLLECTED]
    outcomes = {decided[event_id].outcome for event_id in collected if event_id in decided}
    if Outcome.BEFORE_CUT_OVER in outcomes:
        return ReceiptState.BEFORE_CUT_OVER
    if Outcome.TRANSIENT_PAIR in outcomes:
        return ReceiptState.TRANSIENT
    return ReceiptState.DUE if collected else ReceiptState.NONE


def _steps(
    payment: Payment,
    story: Sequence[Event],
    decided: Mapping[str, Decision],
    booked: Sequence[Posting],
    mandate: Mandate | None,
    settings: BookSettings,
) -> list[Step]:
    direct = mandate is not None and mandate.funds_settlement == "direct"
    # Money that settles directly never passes through a payout, so `paid_out` would never come.
    opening = _KIND.PAYMENT_PAID_OUT
    if direct or settings.receipt_trigger == "confirmed":
        opening = _KIND.PAYMENT_CONFIRMED
    receipts = {posting.event_id for posting in booked if posting.kind is PostingKind.RECEIPT}
    # An event that carries a receipt keeps opening it after the receipt trigger was changed.
    opens = {e.id for e in story if _opens(e, opening) or (e.id in receipts and _opens(e, *_COLLECTED))}
    unread = ""
    if payment.mandate_id is not None and mandate is None:
        unread = f"Mandate {payment.mandate_id} has not been read yet; it tells which account receives the money."
    steps: list[Step] = []
    for position, event in enumerate(story):
        kind = occurrence_of(event).kind
        effect = Effect.NONE
        reinstated = kind is _KIND.PAYMENT_CHARGEBACK_CANCELLED and _stood(story[:position], opening, opens)
        if event.id in opens or reinstated:
            effect = Effect.OPENS
        elif kind in _CLOSING:
            effect = Effect.CLOSES
        waiting = ""
        if undecided(event, decided):
            waiting = _gap(payment, event, story, position) or (unread if effect is not Effect.NONE else "")
        steps.append(classified(event, effect, decided, settings, waiting))
    return steps


def _opens(event: Event, *openings: OccurrenceKind) -> bool:
    return occurrence_of(event).kind in openings


def _stood(earlier: Sequence[Event], opening: OccurrenceKind, opens: set[str]) -> bool:
    """True when a receipt was due before: with trigger `paid_out`, a withdrawn chargeback may precede the payout."""
    if opening is _KIND.PAYMENT_CONFIRMED:
        return True
    return any(event.id in opens for event in earlier)


def _gap(payment: Payment, event: Event, story: Sequence[Event], position: int) -> str:
    """Why the story cannot be right without an event we have not got, or ""."""
    kinds = [occurrence_of(other).kind for other in story]
    ask = f"Read GET /events?payment={payment.id} to complete it."
    collected_before = any(kind in _COLLECTED for kind in kinds[:position])
    if kinds[position] is _KIND.PAYMENT_CHARGED_BACK and not collected_before:
        return f"Charged back, but the event that confirmed {payment.id} is not known. {ask}"
    if kinds[position] is _KIND.PAYMENT_CHARGEBACK_CANCELLED and not (
        collected_before and _KIND.PAYMENT_CHARGED_BACK in kinds[:position]
    ):
        return f"Chargeback withdrawn, but the chargeback of {payment.id} is not known. {ask}"
    if kinds[position] is _KIND.PAYMENT_FAILED and payment.payout_id and not any(kind in _COLLECTED for kind in kinds):
        return f"Failed after payout {payment.payout_id}, but no event confirmed {payment.id}. {ask}"
    return ""


def _documents(
    payment: Payment, story: Sequence[Event], mandate: Mandate | None, party: Party | None, settings: BookSettings
) -> Documents:
    direct = mandate is not None and mandate.funds_settlement == "direct"
    payer = party or Party(gocardless_customer=mandate.customer_id if mandate else None)
    money = AccountRole.BANK if direct else AccountRole.CLEARING
    common = {
        "payment": payment.id,
        "creditor": payment.creditor_id or (mandate.creditor_id if mandate else None),
        "scheme": payment.scheme or (mandate.scheme if mandate else None),
        "payout": payment.payout_id,
        "payment_reference": payment.reference,
        "subscription": payment.subscription_id,
        **mandate_facts(mandate),
        **fx_facts(payment.fx, payment.amount),
    }
    details = (payment.scheme, payment.reference)

    def lines(debit: AccountRole, credit: AccountRole) -> tuple[Line, ...]:
        owner = {AccountRole.RECEIVABLE: payer}
        return (
            Line(debit, Side.DEBIT, payment.amount, payment.id, owner.get(debit)),
            Line(credit, Side.CREDIT, payment.amount, payment.id, owner.get(credit)),
        )

    def receipt(event: Event, first: bool) -> Posting:
        what = "GoCardless receipt" if first else "GoCardless receipt again"
        return draft(
            event, PostingKind.RECEIPT, payment.id, settings,
            what=what, details=details, lines=lines(money, AccountRole.RECEIVABLE), party=payer,
            invoices=invoice_references(payment, settings),
            facts={
                **common, **event_facts(event), "payout": event.links.get("payout") or payment.payout_id,
                "receipt": None if first else "again",
            },
        )  # fmt: skip

    def reversal(event: Event, receipt: Posting | None) -> Posting:
        what = "Chargeback" if event.action == "charged_back" else "Payment taken back"
        turned, owner = lines(AccountRole.RECEIVABLE, money), payer
        if receipt is not None:
            # The receipt's own accounts are turned round, so that a later change of settings cannot split the pair.
            owner = mapped_party(receipt, payer)
            turned = tuple(turned_round(line, owner) for line in reversed(receipt.lines))
        return draft(
            event, PostingKind.RECEIPT_REVERSAL, payment.id, settings,
            what=what, details=(event.cause, *details), lines=turned, party=owner,
            invoices=receipt.invoices if receipt else invoice_references(payment, settings),
            reverses=receipt.key if receipt else None,
            facts={
                **common, **same_conversion(receipt), **event_facts(event),
                "receipt_before_cut_over": None if receipt else "true",
            },
        )  # fmt: skip

    def keeps_pair(opening: Event, closing: Event) -> bool:
        # A payout moved the clearing account between the two, so both must be in the books.
        paid_out = payment.payout_id is not None or _paid_out_between(story, opening, closing)
        return settings.post_transient_pairs or paid_out

    return Documents(
        frozenset({PostingKind.RECEIPT}), PostingKind.RECEIPT_REVERSAL, receipt, reversal, "receipt", keeps_pair
    )


def _paid_out_between(story: Sequence[Event], opening: Event, closing: Event) -> bool:
    between = [event for event in story if opening.order <= event.order <= closing.order]
    return any(occurrence_of(event).kind is _KIND.PAYMENT_PAID_OUT for event in between)
