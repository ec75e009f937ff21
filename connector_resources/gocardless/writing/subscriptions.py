"""Subscriptions for GoCardless: the request that makes one, and those that amend, pause, resume or cancel it. Pure."""

from __future__ import annotations

from typing import Any

from bookkeeping.postings import Posting, PostingKind
from bookkeeping.subscribing import Action
from bookkeeping.subscription_rules import change_of, order_of
from connector_resources.erp.contract import Hold, Planned, PlannedSubmission
from connector_resources.gocardless.client import action_request, create_request, update_request
from connector_resources.gocardless.writing.documents import (
    CREATE,
    OUR_REFERENCE,
    UPDATE,
    idempotency_key,
    planned_request,
)

SUBSCRIPTIONS = "subscriptions"
#: metadata key of the ERP's number of the recurring charge.
CHARGE = "recurring_charge"


def next_request(posting: Posting) -> Planned:
    """The request of a SUBSCRIPTION or SUBSCRIPTION_CHANGE posting."""
    try:
        return created(posting) if posting.kind is PostingKind.SUBSCRIPTION else changed(posting)
    except (KeyError, ValueError) as problem:
        return Hold(
            posting.key,
            "subscription_incomplete",
            f"{posting.reference} does not say what to ask of GoCardless: {problem}.",
            "Withdraw the posting; the next run plans it anew.",
        )


def created(posting: Posting) -> PlannedSubmission:
    """`POST /subscriptions`. Raises `KeyError` or `ValueError` when the posting carries no whole order."""
    order = order_of(posting)
    fields: dict[str, Any] = {
        "amount": order.amount.minor,
        "currency": order.amount.currency,
        "name": order.name,
        "interval_unit": order.interval_unit,
        "interval": order.interval,
        "day_of_month": order.day_of_month,
        "month": order.month or None,
        "start_date": order.start_on.isoformat(),
        "count": order.count,
        "payment_reference": order.payment_reference or None,
        "metadata": {OUR_REFERENCE: order.reference, CHARGE: order.charge},
        "links": {"mandate": order.mandate},
    }
    present = {name: value for name, value in fields.items() if value is not None}
    key = idempotency_key(posting.connection, f"{posting.key}/{CREATE}")
    summary = f"Charge {order.amount} on {order.mandate} again and again for {order.charge}"
    return planned_request(posting, CREATE, create_request(SUBSCRIPTIONS, present, key), summary)


def changed(posting: Posting) -> PlannedSubmission:
    """`PUT /subscriptions/:id` for an amendment, else the action. Raises `KeyError` or `ValueError`."""
    order = change_of(posting)
    if order.action is Action.AMEND:
        fields: dict[str, Any] = {}
        if order.amount is not None:
            fields["amount"] = order.amount.minor
        if order.name:
            fields["name"] = order.name
        if not fields:
            raise ValueError("an amendment changes the amount or the name")
        request = update_request(SUBSCRIPTIONS, order.subscription, fields)
        return planned_request(posting, UPDATE, request, f"Amend {order.subscription}")
    action = order.action.value
    key = idempotency_key(posting.connection, f"{posting.key}/{action}")
    request = action_request(SUBSCRIPTIONS, order.subscription, action, key)
    return planned_request(posting, action, request, f"{action.capitalize()} {order.subscription}")
