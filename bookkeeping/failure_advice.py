"""What to do about a payment that brought no money: try again, get a new mandate, or talk to the customer.

By GoCardless's cause alone: the banks' reason codes differ from bank to bank and are shown, never judged by
(gocardless.md sections 7 and 7.3). What became of the payment since outweighs its cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bookkeeping.collection_outcomes import COLLECTED_STATUSES
from bookkeeping.eligibility import MANDATE_CAUSES, RETRYABLE_CAUSES


class Advice(Enum):
    """A next best action: its name, and what exactly to do."""

    NOTHING = ("Nothing", "The money has come meanwhile.")
    WAIT = ("Wait", "It is being collected again already.")
    RETRY = ("Try again", "The same mandate may pay later: try again after the next pay day, or let retries do it.")
    NEW_MANDATE = ("New mandate", "This mandate will not pay again: ask the customer for a new one.")
    CONTACT = ("Contact the customer", "The payer objects or the bank gives no reason: ask before you collect again.")

    def __init__(self, title: str, meaning: str) -> None:
        self.title = title
        self.meaning = meaning


@dataclass(frozen=True, slots=True)
class Ending:
    """How a payment ended, or ended for a while: `action` and `cause` of the event."""

    action: str
    cause: str
    will_attempt_retry: bool = False


#: statuses of a payment that is on its way to the bank.
_UNDER_WAY = frozenset({"pending_customer_approval", "pending_submission", "submitted"})


def advice_for_cause(ending: Ending) -> Advice:
    """By the cause alone. A chargeback is never tried again without asking: the payer took the money back on purpose."""
    if ending.cause in MANDATE_CAUSES:
        return Advice.NEW_MANDATE
    if ending.action != "charged_back" and ending.cause in RETRYABLE_CAUSES:
        return Advice.RETRY
    return Advice.CONTACT


def advice(ending: Ending, status_now: str) -> Advice:
    """What is left to do, given what became of the payment."""
    if status_now in COLLECTED_STATUSES:
        return Advice.NOTHING
    if status_now in _UNDER_WAY or ending.will_attempt_retry:
        return Advice.WAIT
    return advice_for_cause(ending)
