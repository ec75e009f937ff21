"""Codes that GoCardless gives itself: each reason as its API refuses a collection or a change of a subscription with it."""

from __future__ import annotations

import itertools
from typing import Any

from bookkeeping.collection_rules import CollectionOrder, plan_collection
from bookkeeping.money import Money
from bookkeeping.postings import Posting, PostingKind
from tests.runbook.exercise import AMOUNT, GOCARDLESS, WITHDRAWN, Exercise, answered
from tests.sites import Site

_NUMBERS = itertools.count(1)


def an_order(site: Site) -> None:
    """A collection that waits to be sent to GoCardless."""
    runtime, connection = site.at.runtime, site.at.connection
    order = CollectionOrder(f"INV-{next(_NUMBERS)}#1", site.merchant.mandate(1).id, Money(AMOUNT, "EUR"))
    posting = plan_collection(order, connection.book_settings, runtime.clock(), invoices=("INV-1",))
    runtime.store.ledger.plan(connection.name, [posting])


def an_incomplete_order(site: Site) -> None:
    _plan(site, PostingKind.COLLECTION, site.merchant.mandate(1).id, {})


def a_pause(site: Site) -> None:
    _plan(site, PostingKind.SUBSCRIPTION_CHANGE, "SB000123", {"action": "pause", "amount_minor": "", "name": ""})


def an_incomplete_change(site: Site) -> None:
    _plan(site, PostingKind.SUBSCRIPTION_CHANGE, "SB000123", {"action": "jump"})


def _plan(site: Site, kind: PostingKind, subject: str, facts: dict[str, str]) -> None:
    runtime, name, event = site.at.runtime, site.name, f"plan-{next(_NUMBERS)}"
    now = runtime.clock()
    posting = Posting(
        f"{event}:{kind}", name, kind, event, subject, now, now.date(), f"GC{event}", f"{kind} {subject}", facts=facts
    )
    runtime.store.ledger.plan(name, [posting])


def refused(code: str, status: int = 422, *, path: str = r"/payments$", ends: str = WITHDRAWN, **more: Any) -> Exercise:
    """The whole error as GoCardless gives it; the code is the reason of its first entry."""
    detail = {"reason": code, "message": f"This was refused for {code}", "links": {"new_mandate": "MD0NEW"}}
    error = {
        "message": "The request was refused", "type": "invalid_state", "code": status, "request_id": "RQ1",
        "documentation_url": "https://developer.gocardless.com/api-reference", "errors": [detail],
    }  # fmt: skip
    return answered(
        GOCARDLESS, code, path, status, {"error": error}, names=(f"refused for {code}",), ends=ends, moves=0,
        cause=more.get("cause", an_order),
    )  # fmt: skip


def refused_type(code: str, status: int) -> Exercise:
    """Without a reason the type of the error is the code; the field that GoCardless names is in the reason."""
    detail = {"field": "charge_date", "message": "must be on or after the mandate's next charge date"}
    error = {"message": "Validation failed", "type": code, "code": status, "request_id": "RQ1", "errors": [detail]}
    return answered(
        GOCARDLESS, code, r"/payments$", status, {"error": error}, names=("charge_date",), ends="booked", moves=0,
        cause=an_order,
    )  # fmt: skip


CHANGE: dict[str, Any] = {"path": r"/subscriptions/.*/actions/pause$", "cause": a_pause}

ANSWERS_OF_GOCARDLESS = (
    refused("insufficient_permissions", 403, ends="booked"),
    refused("forbidden", 403, ends="booked"),
    refused_type("validation_failed", 422),
    refused("invalid_type", ends="booked"),
    refused("link_not_found", ends="booked"),
    refused("resource_not_found", 404),
    refused("customer_data_removed", 410),
    refused("mandate_is_inactive"),
    refused("mandate_replaced"),
    refused("mandate_payments_require_approval", ends="booked"),
    refused("cancellation_failed"),
    refused("resource_created_by_another_app", 403),
    refused("subscription_not_active", **CHANGE),
    refused("subscription_already_ended", **CHANGE),
    refused("subscription_cannot_be_paused", **CHANGE),
    refused("subscription_not_paused", **CHANGE),
    refused("number_of_subscription_amendments_exceeded", **CHANGE),
    Exercise(GOCARDLESS, "collection_incomplete", an_incomplete_order, ends=WITHDRAWN, moves=0),
    Exercise(GOCARDLESS, "subscription_incomplete", an_incomplete_change, ends=WITHDRAWN, moves=0),
)
