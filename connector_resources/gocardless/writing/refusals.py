"""GoCardless's refusals in plain sentences with a next step (gocardless.md section 6.1). Pure.

The hold code is GoCardless's own reason, because its documentation explains it under that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector_resources.erp.contract import Rejected
from connector_resources.errors import PermissionRefused, Refused
from connector_resources.gocardless.errors import explain, links_of

MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Reason:
    """What a reason of GoCardless means, and what to do about it."""

    code: str
    sentence: str
    next_step: str


_NEW_MANDATE = "Set up a new mandate with the customer, then withdraw the posting and collect from the new one."
_WITHDRAW_AND_COLLECT = "Collect from the mandate that replaced it: withdraw the posting and plan it anew."
_NEXT_RUN = "Look at it in the GoCardless dashboard; withdraw the posting, and the next run compares it anew."
_CORRECT = "Correct the value where it comes from, then release the posting."

REASONS: Mapping[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason("mandate_is_inactive", "the mandate is cancelled, failed or expired", _NEW_MANDATE),
        Reason("mandate_replaced", "the mandate was replaced by another one", _WITHDRAW_AND_COLLECT),
        Reason(
            "mandate_payments_require_approval",
            "payments from this mandate need the payer's approval",
            "Ask the customer to approve, then release the posting.",
        ),
        Reason(
            "cancellation_failed",
            "it can no longer be cancelled, because it was submitted to the bank or has ended",
            "Refund the payment if it must not be kept, then withdraw the posting.",
        ),
        Reason("subscription_not_active", "the subscription is not active", _NEXT_RUN),
        Reason("subscription_already_ended", "the subscription has ended", _NEXT_RUN),
        Reason("subscription_cannot_be_paused", "the subscription cannot be paused as it stands", _NEXT_RUN),
        Reason("subscription_not_paused", "the subscription is not paused", _NEXT_RUN),
        Reason(
            "number_of_subscription_amendments_exceeded",
            "its amount was changed as often as GoCardless allows",
            "Nothing: the next run cancels it and makes another one in its place.",
        ),
        Reason(
            "resource_created_by_another_app",
            "another app or the merchant made it, and only they may change it",
            "Change it where it was made, then withdraw the posting.",
        ),
        Reason("customer_data_removed", "the customer was removed in GoCardless", "Withdraw the posting."),
        Reason("validation_failed", "a value is not accepted", _CORRECT),
        Reason("invalid_type", "an id is of the wrong kind", _CORRECT),
        Reason("link_not_found", "something it refers to is not there", _CORRECT),
        Reason(
            "resource_not_found",
            "it is not there",
            "Look for it in the GoCardless dashboard; it may belong to another account. Then withdraw the posting.",
        ),
        Reason(
            "insufficient_permissions",
            "the access token may only read",
            "Make a read-write token in the GoCardless dashboard, store it with `connector credentials set`, "
            "then release the posting.",
        ),
        Reason(
            "forbidden",
            "GoCardless does not allow this to the account",
            "Ask GoCardless to enable it, then release the posting.",
        ),
    )
}


def rejected(error: Refused, what: str) -> Rejected:
    """The refusal of `what` (a request in words)."""
    code, message = explain(error.response) if error.response is not None else (error.code, "")
    text = " ".join(message.split())[:MESSAGE_CHARACTERS]
    said = f" GoCardless says: {text}" if text else ""
    known = REASONS.get(code)
    if known is None and isinstance(error, PermissionRefused):
        known = REASONS["forbidden"]
    if known is None:
        return Rejected(code or "refused", f"{what} was refused.{said}", _CORRECT)
    new_mandate = links_of(error.response).get("new_mandate")
    sentence = f"{known.sentence}: {new_mandate}" if new_mandate else known.sentence
    return Rejected(known.code, f"{what}: {sentence}.{said}", known.next_step)
