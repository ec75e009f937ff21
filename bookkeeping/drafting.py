"""How a posting is written: key, reference, date, text and facts, the same for every rule (gocardless.md section 11).

It decides nothing about accounts; the rules bring the lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from bookkeeping.entities import Event, Fx, Mandate, Payment
from bookkeeping.money import Money, exponent
from bookkeeping.postings import Line, Party, Posting, PostingKind, require_balance
from bookkeeping.settings import BookSettings, activity_day

#: Longest text every ERP takes: DATEV's Buchungstext.
TEXT_LIMIT = 60


def posting_text(what: str, subject: str, *details: str | None, suffix: str = "") -> str:
    """`what`, the GoCardless id and as many whole details as fit into 60 characters; `suffix` is always kept."""
    text = f"{what} {subject}"
    room = TEXT_LIMIT - (len(suffix) + 1 if suffix else 0)
    for detail in details:
        if detail and len(text) + 1 + len(detail) <= room:
            text = f"{text} {detail}"
    text = text[:room]
    return f"{text} {suffix}" if suffix else text


def open_date(day: date, settings: BookSettings) -> tuple[date, dict[str, str], str]:
    """The booking date for `day`, with the facts and the text suffix that explain a shift.

    Nothing is dated before the cut-over, not even a correction that an older event makes necessary.
    """
    if day < settings.cut_over:
        shifted, facts, _ = open_date(settings.cut_over, settings)
        return shifted, {**facts, "original_date": day.isoformat()}, f"of {day.isoformat()}"
    closed = settings.closed_through
    if closed is None or day > closed:
        return day, {}, ""
    if settings.closed_period == "next_open_day":
        return closed + timedelta(days=1), {"original_date": day.isoformat()}, f"of {day.isoformat()}"
    return day, {"period_closed": closed.isoformat()}, ""


def draft(
    event: Event,
    kind: PostingKind,
    subject: str,
    settings: BookSettings,
    *,
    what: str,
    details: Sequence[str | None] = (),
    lines: Sequence[Line] = (),
    party: Party | None = None,
    invoices: tuple[str, ...] = (),
    reverses: str | None = None,
    facts: Mapping[str, str | None] | None = None,
    day: date | None = None,
) -> Posting:
    """The posting of `event`, balanced or `Unbalanced` is raised. Facts that are None or "" are left out.

    `day` is the date of the document where it is not the activity day, such as a payout's arrival date.
    """
    booking_date, period_facts, suffix = open_date(day or activity_day(event.created_at, settings), settings)
    posting = Posting(
        key=f"{event.id}:{kind}",
        connection=settings.connection,
        kind=kind,
        event_id=event.id,
        subject=subject,
        occurred_at=event.created_at,
        booking_date=booking_date,
        reference=f"GC{event.id}",
        text=posting_text(what, subject, *details, suffix=suffix),
        lines=tuple(lines),
        party=party,
        invoices=invoices,
        reverses=reverses,
        facts={**{name: value for name, value in (facts or {}).items() if value}, **period_facts},
    )
    require_balance(posting)
    return posting


def turned_round(line: Line, party: Party) -> Line:
    """The same line on the other side, for `party` where the line has one."""
    return replace(line, side=line.side.opposite, party=party if line.party else None)


def mapped_party(posting: Posting, now: Party) -> Party:
    """The party of an earlier posting as it was booked; as it is known now if it had no ERP number then."""
    return posting.party if posting.party and posting.party.erp_customer else now


def event_facts(event: Event) -> dict[str, str | None]:
    """What the event itself says: its action and, for display only, the bank's cause and reason code."""
    return {
        "event": f"{event.resource_type}.{event.action}",
        "cause": event.cause,
        "reason_code": event.reason_code,
        "description": event.description,
    }


def mandate_facts(mandate: Mandate | None) -> dict[str, str | None]:
    if mandate is None:
        return {}
    return {
        "mandate": mandate.id,
        "mandate_reference": mandate.reference,
        "funds_settlement": mandate.funds_settlement,
    }


#: facts of a conversion; a reversal keeps those of the posting it takes back, so that the pair cancels in both currencies.
FX_FACTS = ("fx_currency", "fx_rate", "fx_rate_is", "fx_amount")


def fx_facts(fx: Fx | None, valued: Money | None = None) -> dict[str, str | None]:
    """Currency and rate of a conversion; the final rate if there is one, else the estimate, named as such.

    `fx_amount` is GoCardless's final figure; until there is one, `valued` at the known rate, rounded half up.
    """
    if fx is None:
        return {}
    rate = fx.rate if fx.rate is not None else fx.estimated_rate
    amount = fx.amount
    if amount is None and valued is not None and rate is not None:
        places = Decimal(1).scaleb(-exponent(fx.currency))
        amount = Money.from_major((valued.major * rate).quantize(places, ROUND_HALF_UP), fx.currency)
    return {
        "fx_currency": fx.currency,
        "fx_rate": None if rate is None else str(rate),
        "fx_rate_is": None if rate is None else ("final" if fx.rate is not None else "estimated"),
        "fx_amount": None if amount is None else str(amount.major),
    }


def same_conversion(posting: Posting | None) -> dict[str, str | None]:
    """The conversion at which `posting` was booked."""
    return {} if posting is None else {name: posting.facts.get(name) for name in FX_FACTS}


def invoice_references(payment: Payment, settings: BookSettings) -> tuple[str, ...]:
    """What the payment says about its invoice, best source first: blanks collapsed, empty and repeated ones dropped."""
    found: dict[str, None] = {}
    for source in settings.invoice_references:
        if source.startswith("metadata:"):
            raw = payment.metadata.get(source.removeprefix("metadata:"))
        else:
            raw = payment.reference if source == "reference" else payment.description
        text = " ".join((raw or "").split())
        if text:
            found[text] = None
    return tuple(found)
