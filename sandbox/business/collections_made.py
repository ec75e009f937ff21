"""Counts, in GoCardless's own books, the payments that somebody else than the merchant made for its invoices.

An invoice is collected twice when two payments that name it were alive at any one moment: on their way, or with its money. A
payment is dead once it was cancelled, charged back or failed for good, and alive again when that is taken back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sandbox.gocardless.records import Record
from sandbox.gocardless.world import World

#: between the invoices that one payment is for.
SEPARATOR = ", "
_BRINGS_TO_LIFE = ("created", "resubmission_requested", "confirmed", "chargeback_cancelled")
_ENDS = ("cancelled", "customer_approval_denied", "charged_back")


@dataclass(frozen=True, slots=True)
class CollectionsMade:
    """`payments` were made by others than the merchant, `alive` of them are so now; `doubled` are invoice numbers."""

    payments: tuple[str, ...]
    alive: frozenset[str]
    doubled: tuple[str, ...]


def collections_made(world: World, by_merchant: Collection[str] = ()) -> CollectionsMade:
    """From everything that ever happened. `by_merchant` are payments that are not to be counted. Hold the world's lock."""
    payments = {payment.id: payment for payment in world.payments.ordered if payment.id not in by_merchant}
    alive: set[str] = set()
    doubled: set[str] = set()
    for event in world.events.every():
        payment = payments.get(str(event.links.get("payment", "")))
        if payment is None or event.body["resource_type"] != "payments":
            continue
        action, is_retried = event.body["action"], event.body["details"].get("will_attempt_retry")
        if action in _ENDS or (action == "failed" and not is_retried):
            alive.discard(payment.id)
        elif action in _BRINGS_TO_LIFE and payment.id not in alive:
            others = {number for other in alive for number in invoices_of(payments[other])}
            doubled |= others & set(invoices_of(payment))
            alive.add(payment.id)
    return CollectionsMade(tuple(payments), frozenset(alive), tuple(sorted(doubled)))


def invoices_of(payment: Record) -> list[str]:
    """The invoices that a payment's metadata name."""
    named = str(payment.body["metadata"].get("invoice", ""))
    return named.split(SEPARATOR) if named else []
