"""The rule of corrections: a receipt that was booked on the wrong customer is taken back and booked once more (DESIGN section 5).

Nothing is edited. Both postings are of the kinds that a chargeback and its withdrawal make, so every ledger books them as
it books those, and what happens to the payment later meets the new receipt. It does not know who the customers are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bookkeeping.drafting import open_date, posting_text, turned_round
from bookkeeping.postings import Line, Party, Posting, PostingKind, require_balance
from bookkeeping.settings import BookSettings, activity_day

#: what the event of a corrected posting is called: `EV123-C1` is the first correction of the receipt of EV123, `EV123-R1`
#: takes back what was there before it.
_CORRECTED = re.compile(r"^(?P<event>.+)-C(?P<number>\d+)$")


@dataclass(frozen=True, slots=True)
class Correction:
    """The two postings of a correction; `booked` is sent after `reversal` is settled, or a person withdrew that."""

    reversal: Posting
    booked: Posting


def obstacle(posting: Posting, about_subject: Iterable[Posting]) -> str:
    """Why `posting` cannot be corrected, as the rest of a sentence, or "". `about_subject` are all of its payment."""
    if posting.kind is not PostingKind.RECEIPT:
        what = posting.kind.replace("_", " ")
        return f"is a {what}; only receipts are corrected by the connector, because only they are booked on a customer alone"
    if posting.waits_for is not None and not posting.waits_for.endswith(f":{PostingKind.RECEIPT_REVERSAL}"):
        return f"pays {posting.waits_for}, an invoice of ours that stands on the same customer"
    taken_back = next((other for other in about_subject if other.reverses == posting.key), None)
    return f"was taken back already, by {taken_back.key}" if taken_back else ""


def correct_receipt(
    receipt: Posting, booked_on: str, known: Iterable[Posting], at: datetime, settings: BookSettings
) -> Correction:
    """Takes `receipt` back from the ERP customer `booked_on`, and books it again on the one who is linked when it is sent.

    `known` are all postings of the payment: an earlier correction gives the next one its number. `at` (aware UTC) dates
    both. Raises `ValueError` when there is an `obstacle`.
    """
    known = list(known)
    if why := obstacle(receipt, known):
        raise ValueError(f"{receipt.key} {why}")
    event, number = _next_number(receipt, known)
    booking_date, period_facts, suffix = open_date(activity_day(at, settings), settings)
    kept = {name: value for name, value in receipt.facts.items() if name not in ("original_date", "period_closed")}
    facts = {**kept, "event": "correction", "corrects": receipt.key, **period_facts}
    wrong = Party(receipt.party.gocardless_customer if receipt.party else None, booked_on)
    right = replace(receipt.party or wrong, erp_customer=None)
    common = replace(receipt, occurred_at=at, booking_date=booking_date)
    reversal = _named(
        replace(
            common,
            kind=PostingKind.RECEIPT_REVERSAL,
            text=posting_text("Correction of", receipt.subject, receipt.facts.get("payment_reference"), suffix=suffix),
            lines=tuple(turned_round(line, wrong) for line in reversed(receipt.lines)),
            party=wrong,
            reverses=receipt.key,
            waits_for=None,
            facts={name: value for name, value in facts.items() if name != "receipt"},
        ),
        f"{event}-R{number}",
    )
    booked = _named(
        replace(
            common,
            text=posting_text(
                "Corrected receipt", receipt.subject, receipt.facts.get("payment_reference"), suffix=suffix
            ),
            lines=tuple(_of(line, right) for line in receipt.lines),
            party=right,
            reverses=None,
            waits_for=reversal.key,
            facts={**facts, "receipt": "again"},
        ),
        f"{event}-C{number}",
    )
    for posting in (reversal, booked):
        require_balance(posting)
    return Correction(reversal, booked)


def _next_number(receipt: Posting, known: Iterable[Posting]) -> tuple[str, int]:
    match = _CORRECTED.match(receipt.event_id)
    event = match["event"] if match else receipt.event_id
    numbers = [
        int(found["number"])
        for posting in known
        if (found := _CORRECTED.match(posting.event_id)) and found["event"] == event
    ]
    return event, max(numbers, default=0) + 1


def _named(posting: Posting, event: str) -> Posting:
    return replace(posting, key=f"{event}:{posting.kind}", event_id=event, reference=f"GC{event}")


def _of(line: Line, party: Party) -> Line:
    return replace(line, party=party if line.party else None)
