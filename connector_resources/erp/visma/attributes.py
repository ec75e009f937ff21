"""What a customer's attributes should say of GoCardless, and whether they have to change (visma.md section 2.9). Pure."""

from __future__ import annotations

from bookkeeping.postings import Posting, PostingKind
from connector_resources.erp.visma.settings import Attributes
from connector_resources.erp.visma.wire import CustomerRow

#: GoCardless's mandate statuses as the values of the status attribute.
MANDATE_STATUSES = {
    "pending_customer_approval": "pending",
    "pending_submission": "pending",
    "submitted": "pending",
    "active": "active",
    "suspended_by_payer": "cancelled",
    "failed": "failed",
    "blocked": "failed",
    "cancelled": "cancelled",
    "expired": "expired",
    "consumed": "expired",
}
USABLE = frozenset({"pending", "active"})


def attribute_change(posting: Posting, customer: CustomerRow, names: Attributes) -> dict[str, str] | str:
    """The attributes to write, or a sentence that says why nothing is to be written."""
    if posting.kind is PostingKind.CUSTOMER:
        wanted = {names.customer: posting.subject}
        linked = customer.attribute(names.customer)
        if linked not in ("", posting.subject):
            # Web shops book many payers on one customer: the first link stays (section 9.16).
            return f"Customer {customer.number} already carries {linked}; it is shared by several GoCardless customers."
    else:
        status = MANDATE_STATUSES.get(posting.facts.get("status", ""), "pending")
        current = customer.attribute(names.mandate)
        is_other = current not in ("", posting.subject)
        if is_other and status not in USABLE and customer.attribute(names.mandate_status) in USABLE:
            return f"Customer {customer.number} has the newer mandate {current}; {posting.subject} is {status}."
        wanted = {names.mandate: posting.subject, names.mandate_status: status}
    if all(customer.attribute(name) == value for name, value in wanted.items()):
        return f"Customer {customer.number} says so already."
    return wanted
