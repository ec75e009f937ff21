"""Posting rules of payouts: the deposit, its return by the bank, and its repetition (gocardless.md section 11).

Only a proven payout is posted. The lines of the deposit are made in `payout_lines`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from bookkeeping.drafting import draft, event_facts, fx_facts
from bookkeeping.entities import Event, Payout, PayoutItem
from bookkeeping.occurrences import OccurrenceKind, occurrence_of
from bookkeeping.payment_rules import ReceiptState
from bookkeeping.payout_lines import bank_amount, payout_lines, signed_line, suspense_payments
from bookkeeping.payout_proof import prove, summarise
from bookkeeping.postings import AccountRole, Posting, PostingKind
from bookkeeping.settings import BookSettings
from bookkeeping.story import Decision, Documents, Effect, Step, Verdict, classified, ordered, settle

_KIND = OccurrenceKind


def decide_payout(
    payout: Payout,
    items: Sequence[PayoutItem],
    story: Sequence[Event],
    decided: Mapping[str, Decision],
    booked: Sequence[Posting],
    booked_payments: Mapping[str, ReceiptState],
    settings: BookSettings,
    heard_until: datetime | None = None,
) -> Verdict:
    """The postings the payout's books still lack, and a decision for every undecided event.

    items            all items of the payout; while they do not prove it, its deposit waits with every reason
    booked_payments  receipt state per payment id; items of a payment that never had a receipt go to SUSPENSE
    heard_until      an event created before this would be known: only then is a payment without receipt believed to have
                     none, because events may appear late (gocardless.md section 4.2); None: every event is known

    A same-currency payout is deposited when it is paid, a converted one when its rate is final, dated by its arrival.
    """
    events = ordered(story)
    obstacle = _obstacle(payout, items)
    if not booked and heard_until is not None:
        obstacle = obstacle or _unheard(payout, items, events, booked_payments, heard_until)
    steps = _steps(payout, events, decided, settings, obstacle)
    return settle(steps, payout.id, decided, booked, _documents(payout, items, events, booked_payments, settings))


def is_converted(payout: Payout) -> bool:
    """True when the bank receives another currency than was collected."""
    return payout.fx is not None and payout.fx.currency != payout.amount.currency


def _steps(
    payout: Payout,
    events: Sequence[Event],
    decided: Mapping[str, Decision],
    settings: BookSettings,
    obstacle: str,
) -> list[Step]:
    steps: list[Step] = []
    for position, event in enumerate(events):
        effect = _effect(payout, events, position)
        waiting = ""
        if effect is Effect.OPENS:
            waiting = obstacle
        elif effect is Effect.CLOSES:
            waiting = obstacle or _unexplained_bounce(payout, events, position)
        steps.append(classified(event, effect, decided, settings, waiting))
    return steps


def _effect(payout: Payout, events: Sequence[Event], position: int) -> Effect:
    kind = occurrence_of(events[position]).kind
    if kind is _KIND.PAYOUT_BOUNCED:
        return Effect.CLOSES if payout.amount else Effect.NONE
    if not is_converted(payout):
        return Effect.OPENS if kind is _KIND.PAYOUT_PAID else Effect.NONE
    earlier = {occurrence_of(event).kind for event in events[:position]}
    # The first `paid` of a converted payout comes before its rate; one after a bounce has it already.
    repeated = kind is _KIND.PAYOUT_PAID and {_KIND.PAYOUT_RATE_CONFIRMED, _KIND.PAYOUT_BOUNCED} <= earlier
    return Effect.OPENS if kind is _KIND.PAYOUT_RATE_CONFIRMED or repeated else Effect.NONE


def _obstacle(payout: Payout, items: Sequence[PayoutItem]) -> str:
    """Why the deposit cannot be booked yet, or ""."""
    if is_converted(payout):
        assert payout.fx is not None
        if payout.fx.amount is None or payout.fx.rate is None:
            return f"Payout {payout.id} has no final exchange rate yet; read it again."
    elif payout.status not in ("paid", "bounced"):
        return f"Payout {payout.id} still reads {payout.status}; read it again."
    findings = prove(payout, items)
    return f"Payout {payout.id} is not proven: " + " ".join(f.message for f in findings) if findings else ""


def _unheard(
    payout: Payout,
    items: Sequence[PayoutItem],
    events: Sequence[Event],
    booked_payments: Mapping[str, ReceiptState],
    heard_until: datetime,
) -> str:
    """Why nothing of the payout can be booked yet, or "": a confirmation that it presupposes may still appear."""
    opened = [event for position, event in enumerate(events) if _effect(payout, events, position) is Effect.OPENS]
    unknown = suspense_payments(items, booked_payments) if payout.payout_type != "partner" else ()
    if not unknown or not opened or opened[0].created_at < heard_until:
        return ""
    named = ", ".join(unknown[:3]) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
    return (
        f"Payout {payout.id} pays out {named}, of which no event is known that confirmed it. Events may appear late: "
        "read it again; when none appears in time, it is booked to suspense."
    )


def _unexplained_bounce(payout: Payout, events: Sequence[Event], position: int) -> str:
    """Why a bounce cannot be booked yet, or "": the deposit must be known, and the payout must say that it bounced."""
    opened = [i for i in range(len(events)) if _effect(payout, events, i) is Effect.OPENS]
    if not any(i < position for i in opened):
        return f"Payout {payout.id} bounced, but the event that paid it is not known yet."
    if payout.status != "bounced" and not any(i > position for i in opened):
        return f"Payout {payout.id} was announced as bounced but reads {payout.status}; read it again."
    return ""


def _documents(
    payout: Payout,
    items: Sequence[PayoutItem],
    events: Sequence[Event],
    booked_payments: Mapping[str, ReceiptState],
    settings: BookSettings,
) -> Documents:
    common = {
        "payout": payout.id,
        "payout_reference": payout.reference,
        "payout_type": payout.payout_type,
        "arrival_date": payout.arrival_date.isoformat() if payout.arrival_date else None,
        "creditor": payout.creditor_id,
        "bank_account": payout.creditor_bank_account_id,
        **fx_facts(payout.fx),
    }

    def first_arrival(event: Event) -> date | None:
        """None (the event's own day) once the payout was repeated: its arrival date is then that of the repetition."""
        bounced = any(occurrence_of(e).kind is _KIND.PAYOUT_BOUNCED and e.order > event.order for e in events)
        return None if bounced and payout.status == "paid" else payout.arrival_date

    def deposit(event: Event, first: bool) -> Posting:
        if not first:
            return transfer(event, PostingKind.PAYOUT_REPEAT, 1, "GoCardless payout again", None)
        suspense = suspense_payments(items, booked_payments)
        return draft(
            event, PostingKind.PAYOUT, payout.id, settings,
            what="GoCardless payout", details=(payout.reference,), day=first_arrival(event),
            lines=payout_lines(payout, items, suspense, settings),
            facts={**common, **_totals(payout, items), **event_facts(event), "suspense_payments": ",".join(suspense)},
        )  # fmt: skip

    def bounce(event: Event, deposited: Posting | None) -> Posting:
        return transfer(event, PostingKind.PAYOUT_REVERSAL, -1, "GoCardless payout bounced", deposited)

    def transfer(event: Event, kind: PostingKind, sign: int, what: str, reverses: Posting | None) -> Posting:
        received = bank_amount(payout)
        to_bank = received if sign > 0 else -received
        earlier = "true" if kind is PostingKind.PAYOUT_REVERSAL and reverses is None else None
        return draft(
            event, kind, payout.id, settings,
            what=what, details=(payout.reference,),
            day=payout.arrival_date if kind is PostingKind.PAYOUT_REPEAT else None,
            lines=(
                *signed_line(AccountRole.BANK, to_bank, payout.reference or payout.id),
                *signed_line(AccountRole.PAYOUT_TRANSIT, -to_bank, f"{payout.id} on its way"),
            ),
            reverses=reverses.key if reverses else None,
            facts={**common, **event_facts(event), "deposit_before_cut_over": earlier},
        )  # fmt: skip

    return Documents(
        frozenset({PostingKind.PAYOUT, PostingKind.PAYOUT_REPEAT}), PostingKind.PAYOUT_REVERSAL,
        deposit, bounce, "deposit", lambda opening, closing: True,
    )  # fmt: skip


def _totals(payout: Payout, items: Sequence[PayoutItem]) -> dict[str, str | None]:
    """Figures a report or a tax return wants: totals in minor units, and VAT in the tax currency once it is final."""
    summary = summarise(payout.amount.currency, items)
    facts: dict[str, str | None] = {
        "gross_minor": str(summary.gross),
        "fees_minor": str(summary.fees),
        "vat_minor": str(summary.total_vat),
        "tax_currency": payout.tax_currency,
    }
    for rate in summary.vat:
        taxes = [(item, tax) for item in items for tax in item.taxes if tax.tax_rate_id == rate]
        converted = [
            (-1 if item.amount > 0 else 1) * abs(tax.destination_amount)
            for item, tax in taxes
            if tax.destination_amount is not None
        ]
        if len(converted) == len(taxes):
            facts[f"vat_destination_minor:{rate}"] = str(sum(converted))
    return facts
