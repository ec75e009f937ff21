"""What the ERP is told of a collection, invoice by invoice: the payment that is to settle it, and what became of it.

No booking: receipts and their reversals book the money. Sources: exact_online.md section 11 (`PaymentReference`),
sage300.md and ifs_cloud.md sections on collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bookkeeping.collecting import Part
from bookkeeping.drafting import posting_text
from bookkeeping.eligibility import AttemptState
from bookkeeping.postings import Party, Posting, PostingKind
from bookkeeping.settings import BookSettings, activity_day


def plan_invoice_status(
    part: Part,
    settings: BookSettings,
    at: datetime,
    *,
    customer: str,
    state: AttemptState,
    payment: str,
    cause: str,
    collection: str,
    revision: int,
) -> Posting:
    """The INVOICE_STATUS posting of one change of one invoice; `revision` numbers the changes of the collection."""
    facts = {
        "invoice": part.item,
        "original_invoice": part.root if part.root != part.item else "",
        "payment": payment,
        "collection": collection,
        "state": state.value,
        "cause": cause,
        "amount_minor": str(part.amount.minor),
        "currency": part.amount.currency,
        "revision": str(revision),
    }
    key = f"{PostingKind.INVOICE_STATUS}:{collection}:{part.item}:{revision}"
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.INVOICE_STATUS,
        event_id=key,
        subject=payment,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=f"GC{payment}",
        text=posting_text("Invoice", part.item, state.value.replace("_", " "), payment),
        party=Party(None, customer),
        invoices=(part.item,),
        facts={name: value for name, value in facts.items() if value},
    )


#: states in which the payment will not settle the invoice: the receivable must not name it any more.
_WITHOUT_MONEY = frozenset({AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.CHARGED_BACK})


def shows_payment(posting: Posting) -> bool:
    """Whether a receivable is to name the payment of an INVOICE_STATUS posting; False once the payment has failed."""
    return posting.facts.get("state", "") not in {state.value for state in _WITHOUT_MONEY}


def replaced_statuses(postings: Iterable[Posting]) -> dict[str, str]:
    """Key of each INVOICE_STATUS posting that a later one of the same invoice and payment makes pointless -> that one's."""
    newest: dict[tuple[str, ...], Posting] = {}
    replaced: dict[str, str] = {}
    for posting in sorted(postings, key=lambda each: (each.occurred_at, _revision(each))):
        if posting.kind is not PostingKind.INVOICE_STATUS:
            continue
        about = (*posting.invoices, posting.facts.get("payment", ""))
        if about in newest:
            replaced[newest[about].key] = posting.key
        newest[about] = posting
    return replaced


def _revision(posting: Posting) -> int:
    return int(posting.facts.get("revision", "0"))
