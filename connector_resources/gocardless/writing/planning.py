"""Which request each posting for GoCardless needs next. Pure: no I/O, no clock.

What it must know of customers is read beforehand; the same work and the same customers always give the same requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bookkeeping.customer_rules import gocardless_fields, superseded
from bookkeeping.postings import Posting, PostingKind
from bookkeeping.registration_rules import is_registration
from connector_resources.erp.contract import Complete, Hold, Planned, PostingWork
from connector_resources.gocardless.client import Json
from connector_resources.gocardless.writing import setups, subscriptions
from connector_resources.gocardless.writing.documents import (
    cancellation,
    collection,
    customer_update,
    registration,
    version_of,
)

#: how many keys metadata may have (gocardless.md section 0, fact 17).
METADATA_KEYS = 3


def plan(work: Sequence[PostingWork], customers: Mapping[str, Json]) -> list[Planned]:
    """One answer per posting, in the given order. Of several changes of one customer the newest is sent for all."""
    replaced = superseded([item.posting for item in work])
    return [_next(item, customers, replaced) for item in work]


def _next(work: PostingWork, customers: Mapping[str, Json], replaced: Mapping[str, str]) -> Planned:
    posting = work.posting
    if posting.kind is PostingKind.MANDATE_SETUP:
        return setups.next_step(work)
    if work.done:
        return Complete(posting.key)
    if posting.key in replaced:
        return Complete(posting.key, f"The newer {replaced[posting.key]} carries this change.")
    match posting.kind:
        case PostingKind.COLLECTION:
            return _collect(posting)
        case PostingKind.COLLECTION_CANCEL:
            return _cancel(work)
        case PostingKind.SUBSCRIPTION | PostingKind.SUBSCRIPTION_CHANGE:
            return subscriptions.next_request(posting)
        case PostingKind.GOCARDLESS_CUSTOMER if is_registration(posting):
            return registration(posting)
        case PostingKind.GOCARDLESS_CUSTOMER:
            return _change(posting, customers.get(posting.subject))
    raise ValueError(f"{posting.key} is no posting for GoCardless")


def _collect(posting: Posting) -> Planned:
    try:
        return collection(posting)
    except (KeyError, ValueError) as problem:
        return Hold(
            posting.key,
            "collection_incomplete",
            f"The collection from {posting.subject} does not say what to collect: {problem}.",
            "Withdraw the posting and plan the collection again.",
        )


def _cancel(work: PostingWork) -> Planned:
    posting = work.posting
    payment = next((done.document.number for done in work.reversed_documents if done.document.kind == "payment"), None)
    if payment is None:
        return Complete(posting.key, "The collection was never sent, so there is nothing to cancel.")
    return cancellation(posting, payment)


def _change(posting: Posting, present: Json | None) -> Planned:
    if present is None:
        return Hold(
            posting.key,
            "customer_missing",
            f"GoCardless has no customer {posting.subject} any more.",
            "Withdraw the posting.",
        )
    names = (str(present.get(name) or "") for name in ("company_name", "given_name", "family_name"))
    wanted = gocardless_fields(posting, *names)
    fields: dict[str, Any] = {k: v for k, v in wanted.items() if (v or None) != (present.get(k) or None)}
    metadata = _metadata(posting, present)
    if isinstance(metadata, Hold):
        return metadata
    if metadata is not None:
        fields["metadata"] = metadata
    if not fields:
        return Complete(posting.key, f"GoCardless says so of {posting.subject} already.")
    return customer_update(posting, fields, version_of(present))


def _metadata(posting: Posting, present: Json) -> dict[str, str] | Hold | None:
    """All metadata with the ERP number in its place, because a PUT replaces the whole of it; None when it is there."""
    key, number = posting.facts.get("metadata_key", ""), posting.facts.get("metadata_value", "")
    there: dict[str, str] = dict(present.get("metadata") or {})
    if not key or there.get(key) == number:
        return None
    if there.get(key, "") not in ("", posting.facts.get("metadata_before", "")):
        return Hold(
            posting.key,
            "metadata_taken",
            f"Metadata {key} of {posting.subject} holds {there[key]!r}, which this connector did not write.",
            f"Correct or remove it in GoCardless, or link the customer to that number; then release {posting.key}.",
        )
    if key not in there and len(there) >= METADATA_KEYS:
        return Hold(
            posting.key,
            "metadata_full",
            f"{posting.subject} has {METADATA_KEYS} metadata keys already ({', '.join(sorted(there))}); {key} has no room.",
            f"Remove one in GoCardless and release {posting.key}, or withdraw it.",
        )
    return {**there, key: number}
