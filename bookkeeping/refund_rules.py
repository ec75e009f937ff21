"""Posting rules of refunds: credit memo and outgoing payment, and what comes back (gocardless.md section 11).

A refund that comes back reverses only the outgoing payment: the credit memo stays open on the customer's account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bookkeeping.drafting import (
    draft,
    event_facts,
    fx_facts,
    invoice_references,
    mandate_facts,
    mapped_party,
    same_conversion,
)
from bookkeeping.entities import Event, Fx, Mandate, Payment, Refund
from bookkeeping.occurrences import OccurrenceKind, occurrence_of
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from bookkeeping.settings import BookSettings
from bookkeeping.story import Decision, Documents, Effect, Verdict, classified, ordered, settle

_KIND = OccurrenceKind
_EFFECTS = {_KIND.REFUND_PAID: Effect.OPENS, _KIND.REFUND_RETURNED: Effect.CLOSES}


def decide_refund(
    refund: Refund,
    payment: Payment | None,
    mandate: Mandate | None,
    story: Sequence[Event],
    decided: Mapping[str, Decision],
    booked: Sequence[Posting],
    party: Party | None,
    settings: BookSettings,
) -> Verdict:
    """The postings the refund's books still lack, and a decision for every undecided event.

    Of `failed`, `bounced` and `funds_returned` only the first after `paid` is booked. The money always comes from the
    clearing account, because GoCardless takes a refund from a payout even when the payment settled directly.
    """
    events = ordered(story)
    steps = []
    for position, event in enumerate(events):
        effect = _EFFECTS.get(occurrence_of(event).kind, Effect.NONE)
        steps.append(classified(event, effect, decided, settings, _gap(refund, events, position)))
    return settle(steps, refund.id, decided, booked, _documents(refund, payment, mandate, party, settings))


def _conversion(refund: Refund, payment: Payment | None) -> Fx | None:
    """The refund's own rate; while GoCardless names none, the one of the payment it gives back."""
    own = refund.fx
    if own is not None and (own.rate is not None or own.estimated_rate is not None):
        return own
    if payment is None or payment.fx is None:
        return own
    return replace(payment.fx, amount=None)


def _gap(refund: Refund, events: Sequence[Event], position: int) -> str:
    """Why this event cannot be booked as things are known, or ""."""
    kind = occurrence_of(events[position]).kind
    earlier = {occurrence_of(event).kind for event in events[:position]}
    if kind is _KIND.REFUND_RETURNED and _KIND.REFUND_PAID not in earlier:
        return f"Refund {refund.id} came back, but the event that paid it is not known. Read its events again."
    if kind is _KIND.REFUND_PAID and {_KIND.REFUND_PAID, _KIND.REFUND_RETURNED} <= earlier:
        return f"Refund {refund.id} was paid again after it came back; GoCardless documents no such step. Look at it."
    return ""


def _documents(
    refund: Refund, payment: Payment | None, mandate: Mandate | None, party: Party | None, settings: BookSettings
) -> Documents:
    payer = party or Party(gocardless_customer=mandate.customer_id if mandate else None)
    invoices = invoice_references(payment, settings) if payment else ()
    common = {
        "refund": refund.id,
        "refund_reference": refund.reference,
        "payment": refund.payment_id,
        "creditor": (payment.creditor_id if payment else None) or (mandate.creditor_id if mandate else None),
        "scheme": payment.scheme if payment else (mandate.scheme if mandate else None),
        "payment_reference": payment.reference if payment else None,
        **mandate_facts(mandate),
        **fx_facts(_conversion(refund, payment), refund.amount),
    }
    details = (refund.payment_id, refund.reference)

    def line(role: AccountRole, side: Side, text: str, owner: Party = payer) -> Line:
        return Line(role, side, refund.amount, text, owner if role is AccountRole.RECEIVABLE else None)

    def paid(event: Event, first: bool) -> Posting:
        memo, payment_out = f"{refund.id} credit memo", f"{refund.id} paid to customer"
        return draft(
            event, PostingKind.REFUND, refund.id, settings,
            what="GoCardless refund", details=details, party=payer, invoices=invoices,
            lines=(
                line(AccountRole.SALES_RETURNS, Side.DEBIT, memo),
                line(AccountRole.RECEIVABLE, Side.CREDIT, memo),
                line(AccountRole.RECEIVABLE, Side.DEBIT, payment_out),
                line(AccountRole.CLEARING, Side.CREDIT, payment_out),
            ),
            facts={**common, **event_facts(event)},
        )  # fmt: skip

    def returned(event: Event, refunded: Posting | None) -> Posting:
        text = f"{refund.id} came back"
        owner = mapped_party(refunded, payer) if refunded else payer
        return draft(
            event, PostingKind.REFUND_REVERSAL, refund.id, settings,
            what="Refund came back", details=details, invoices=invoices,
            party=owner,
            lines=(
                line(AccountRole.CLEARING, Side.DEBIT, text),
                line(AccountRole.RECEIVABLE, Side.CREDIT, text, owner),
            ),
            reverses=refunded.key if refunded else None,
            facts={
                **common, **same_conversion(refunded), **event_facts(event),
                "refund_before_cut_over": None if refunded else "true",
            },
        )  # fmt: skip

    # A pair does not cancel out: the credit memo stays. So it is always booked.
    return Documents(
        frozenset({PostingKind.REFUND}), PostingKind.REFUND_REVERSAL, paid, returned, "refund",
        lambda opening, closing: True,
    )  # fmt: skip
