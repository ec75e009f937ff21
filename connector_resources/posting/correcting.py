"""Corrects a receipt that was booked on the wrong customer: a reversal and a new receipt, planned together or not at all.

It only plans. Both are sent by the posting protocol like everything else, the new receipt after the reversal is settled.
"""

from __future__ import annotations

from bookkeeping.correction_rules import Correction, correct_receipt, obstacle
from bookkeeping.postings import Posting
from bookkeeping.settings import BookSettings
from connector_resources.clock import Clock
from connector_resources.errors import IllegalTransition
from connector_resources.posting.parties import booked_customers
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.states import SETTLED
from connector_resources.store.store import Store
from connector_resources.store.trail import TrailEntry


def correct(store: Store, settings: BookSettings, key: str, *, by: str, note: str, clock: Clock) -> Correction:
    """Plan the correction of the posted receipt `key`, for the customer who is linked now.

    Raises `IllegalTransition`, with nothing written, when it cannot be corrected or there is nothing to correct. Whether the
    process ends before or after the one transaction, a second call plans the same postings or says that they are there.
    """
    name = settings.connection
    row = store.ledger.get(name, key)
    if row is None:
        raise _refused(name, key, "is not known", f"`connector trace PAYMENT --connection {name}` shows its key")
    about = [other.posting for other in store.ledger.of_subjects(name, [row.posting.subject])[row.posting.subject]]
    _require_correctable(name, row, about)
    booked_on = booked_customers(store, name, [key]).get(key)
    if booked_on is None:
        todo = "take it back in the ERP by hand, and book it there on the right customer"
        raise _refused(name, key, "was booked before the trail kept customers, so its reversal has no customer", todo)
    _require_another(store, name, row.posting, booked_on)
    correction = correct_receipt(row.posting, booked_on, about, clock(), settings)
    planned = [correction.reversal, correction.booked]
    told = {"corrects": key, "reversal": planned[0].key, "booked": planned[1].key, "by": by, "note": note}
    with store.begin() as transaction:
        store.trail.lock(name, within=transaction)
        store.ledger.plan(name, planned, within=transaction)
        store.trail.append(name, [TrailEntry("corrected", row.posting.subject, told)], within=transaction)
    return correction


def _require_correctable(name: str, row: LedgerRow, about: list[Posting]) -> None:
    key = row.posting.key
    if row.state not in SETTLED:
        todo = "a held posting is released or withdrawn; any other is finished by the next run"
        raise _refused(name, key, f"is {row.state}, so nothing is booked that could be corrected", todo)
    if why := obstacle(row.posting, about):
        raise _refused(
            name, key, why, f"look at `connector trace {row.posting.subject}`, or correct it in the ERP by hand"
        )
    if not row.documents:
        why = f"has no document of its own ({row.nothing_to_book or 'nothing was booked for it'})"
        raise _refused(name, key, why, "nothing has to be corrected")


def _require_another(store: Store, name: str, posting: Posting, booked_on: str) -> None:
    customer = posting.party.gocardless_customer if posting.party else None
    link = store.customers.get(name, [customer] if customer else []).get(customer or "")
    if link is None or link.erp_customer == booked_on:
        raise _refused(
            name,
            posting.key,
            f"is booked on {booked_on}, to whom {customer or 'the payer'} is linked still: nothing would change",
            f"`connector customers link {name} {customer or 'CUSTOMER'} NUMBER --replace`; a wrong account is corrected in "
            "the ERP by a journal",
        )


def _refused(connection: str, key: str, why: str, next_step: str) -> IllegalTransition:
    return IllegalTransition(f"{key} {why}.", connection=connection, subject=key, next_step=next_step)
