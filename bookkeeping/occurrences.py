"""What each GoCardless event means for the books, and which resource it is about (gocardless.md section 7.1).

This is a table, not a rule: whether an occurrence is booked depends on the story of its resource (see `rules`).
GoCardless may add actions at any time, so an unknown one is named and ignored, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bookkeeping.entities import Event


class OccurrenceKind(StrEnum):
    """What an event announces. A late failure is `payment_failed` too: GoCardless has no action of its own for it."""

    PAYMENT_CONFIRMED = "payment_confirmed"
    PAYMENT_PAID_OUT = "payment_paid_out"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_CANCELLED = "payment_cancelled"
    PAYMENT_CHARGED_BACK = "payment_charged_back"
    PAYMENT_CHARGEBACK_CANCELLED = "payment_chargeback_cancelled"
    REFUND_PAID = "refund_paid"
    REFUND_RETURNED = "refund_returned"
    PAYOUT_PAID = "payout_paid"
    PAYOUT_RATE_CONFIRMED = "payout_rate_confirmed"
    PAYOUT_BOUNCED = "payout_bounced"
    MANDATE_CHANGED = "mandate_changed"
    INFORMATION = "information"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The meaning of a (resource type, action): its kind and one sentence for the trail."""

    kind: OccurrenceKind
    meaning: str


_K = OccurrenceKind

_MONEY: dict[tuple[str, str], Occurrence] = {
    ("payments", "confirmed"): Occurrence(_K.PAYMENT_CONFIRMED, "the payment was collected"),
    ("payments", "paid_out"): Occurrence(_K.PAYMENT_PAID_OUT, "the payment left for the merchant's bank in a payout"),
    ("payments", "failed"): Occurrence(_K.PAYMENT_FAILED, "the bank did not pay, or took the money back"),
    ("payments", "cancelled"): Occurrence(_K.PAYMENT_CANCELLED, "the payment will not be collected"),
    ("payments", "customer_approval_denied"): Occurrence(_K.PAYMENT_CANCELLED, "the payer refused the payment"),
    ("payments", "charged_back"): Occurrence(_K.PAYMENT_CHARGED_BACK, "the payer took the money back at the bank"),
    ("payments", "chargeback_cancelled"): Occurrence(
        _K.PAYMENT_CHARGEBACK_CANCELLED, "the chargeback was withdrawn, the payment stands again"
    ),
    ("refunds", "paid"): Occurrence(_K.REFUND_PAID, "the refund was sent to the payer"),
    ("refunds", "failed"): Occurrence(_K.REFUND_RETURNED, "the refund did not reach the payer"),
    ("refunds", "bounced"): Occurrence(_K.REFUND_RETURNED, "the refund came back from the payer's bank"),
    ("refunds", "funds_returned"): Occurrence(_K.REFUND_RETURNED, "the refunded money is back at GoCardless"),
    ("payouts", "paid"): Occurrence(_K.PAYOUT_PAID, "the payout was sent to the merchant's bank"),
    ("payouts", "fx_rate_confirmed"): Occurrence(_K.PAYOUT_RATE_CONFIRMED, "the payout's exchange rate is final"),
    ("creditors", "bounced_payout"): Occurrence(_K.PAYOUT_BOUNCED, "the merchant's bank sent the payout back"),
}

_MANDATE_ACTIONS = (
    "created", "customer_approval_granted", "customer_approval_skipped", "submitted", "active", "reinstated",
    "resubmission_requested", "failed", "cancelled", "expired", "consumed", "blocked", "suspended_by_payer",
    "transferred", "replaced",
)  # fmt: skip

_INFORMATION: dict[str, dict[str, str]] = {
    "payments": {
        "created": "the collection was ordered",
        "customer_approval_granted": "the payer approved the payment",
        "submitted": "the collection was sent to the banks",
        "resubmission_requested": "the collection is tried again",
        "late_failure_settled": "the late failure was netted in a payout; the payout item books it",
        "chargeback_settled": "the chargeback was netted in a payout; the payout item books it",
        "surcharge_fee_debited": "a fee for a failure or chargeback; the payout item books it",
        "sds_settlement_delayed": "the settlement is delayed; no money moved",
    },
    "refunds": {
        "created": "the refund was ordered; it is booked when it is paid",
        "refund_settled": "the refund was netted in a payout; the payout item books it",
    },
    "payouts": {
        "tax_exchange_rates_confirmed": "the tax on the fees is final in the tax currency; no money moved",
    },
    "subscriptions": dict.fromkeys(
        (
            "created", "amended", "payment_created", "cancelled", "finished", "paused", "resumed", "scheduled_pause",
            "scheduled_pause_cancelled", "scheduled_resume", "customer_approval_granted", "customer_approval_denied",
        ),
        "the payments of a subscription are booked one by one",
    ),
    "instalment_schedules": dict.fromkeys(
        ("created", "creation_failed", "errored", "resumed", "completed", "cancelled", "payment_created"),
        "the payments of an instalment plan are booked one by one",
    ),
    "creditors": dict.fromkeys(
        ("updated", "new_payout_currency_added", "account_auto_frozen", "account_auto_frozen_reverted"),
        "the creditor's account changed; no money moved",
    ),
    "billing_requests": dict.fromkeys(
        (
            "created", "flow_created", "flow_visited", "flow_exited", "collect_customer_details",
            "collect_bank_account", "choose_currency", "collect_amount", "select_institution",
            "payer_details_confirmed", "bank_authorisation_visited", "bank_authorisation_authorised",
            "bank_authorisation_denied", "bank_authorisation_failed", "bank_authorisation_expired",
            "payer_geo_blocked", "fulfilled", "failed", "cancelled",
        ),
        "a mandate is being set up; its own events follow",
    ),
    "customers": dict.fromkeys(
        ("approved", "under_review", "request_for_information_required"), "a compliance step; no money moved"
    ),
}  # fmt: skip


def _catalogue() -> dict[tuple[str, str], Occurrence]:
    table = dict(_MONEY)
    for action in _MANDATE_ACTIONS:
        table["mandates", action] = Occurrence(_K.MANDATE_CHANGED, f"the mandate: {action.replace('_', ' ')}")
    for resource_type, actions in _INFORMATION.items():
        for action, meaning in actions.items():
            table[resource_type, action] = Occurrence(_K.INFORMATION, meaning)
    return table


#: (resource type, action) -> what it means. Everything that is not here is `OccurrenceKind.UNKNOWN`.
CATALOGUE: Mapping[tuple[str, str], Occurrence] = _catalogue()

_SUBJECT_LINK = {
    "payments": "payment",
    "mandates": "mandate",
    "refunds": "refund",
    "payouts": "payout",
    "subscriptions": "subscription",
    "billing_requests": "billing_request",
}


def occurrence_of(event: Event) -> Occurrence:
    """What `event` means; an unknown type or action gives kind UNKNOWN with the text `ignored: unknown …`."""
    known = CATALOGUE.get((event.resource_type, event.action))
    return known or Occurrence(_K.UNKNOWN, f"ignored: unknown {event.resource_type}.{event.action}")


def subject_of(resource_type: str, action: str, links: Mapping[str, str]) -> str:
    """The id of the resource the event is about, "" when it is about none we follow.

    A bounced payout is announced by the creditor: its subject is the payout if the event links it, else the creditor.
    """
    if (resource_type, action) == ("creditors", "bounced_payout"):
        return links.get("payout") or links.get("creditor", "")
    link = _SUBJECT_LINK.get(resource_type)
    return links.get(link, "") if link else ""
