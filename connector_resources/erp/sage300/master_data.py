"""What a customer in Sage 300 should say of GoCardless, and whether a new one may be made (sections 2.3, 2.4, 11). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bookkeeping.customer_rules import changed_details
from bookkeeping.postings import Posting
from connector_resources.erp.refusal import CannotBook
from connector_resources.erp.sage300 import documents
from connector_resources.erp.sage300.settings import OptionalFields
from connector_resources.erp.sage300.wire import Customer

#: statuses in which GoCardless can collect, or soon will.
USABLE = frozenset({"pending_customer_approval", "pending_submission", "submitted", "active"})


def mandate_values(posting: Posting, names: OptionalFields) -> dict[str, str]:
    """Every configured field of a mandate with what it should say; dates without separators (section 2.4)."""
    facts = posting.facts
    wanted = {
        names.mandate: posting.subject,
        names.mandate_status: facts.get("status", "").upper(),
        names.mandate_date: f"{posting.booking_date:%Y%m%d}",
        names.scheme: facts.get("scheme", "").upper(),
        names.bank_account: facts.get("bank_account", ""),
    }
    return {name: value for name, value in wanted.items() if name is not None and value}


def mandate_change(posting: Posting, customer: Customer, names: OptionalFields) -> dict[str, str] | str:
    """The fields to write, or a sentence that says why nothing is to be written."""
    number, usable = customer.customer_number, posting.facts.get("status", "") in USABLE
    current = customer.optional(names.mandate) or ""
    status = (customer.optional(names.mandate_status) or "").lower()
    if current not in ("", posting.subject) and not usable and status in USABLE:
        return f"Customer {number} has the newer mandate {current}; {posting.subject} is {posting.facts.get('status')}."
    wanted = mandate_values(posting, names)
    telling = {name: value for name, value in wanted.items() if name != names.mandate_date}
    if not wanted or all(customer.optional(name) == value for name, value in telling.items()):
        return f"Customer {number} says so already."
    return wanted


def link_change(posting: Posting, customer: Customer, names: OptionalFields) -> dict[str, str] | str:
    """As `mandate_change`, for the GoCardless customer id."""
    if names.customer is None:
        return "No optional field is configured for the GoCardless customer id."
    linked = customer.optional(names.customer) or ""
    if linked == posting.subject:
        return f"Customer {customer.customer_number} says so already."
    if linked:
        # Several payers may be booked on one customer: the first link stays.
        return f"Customer {customer.customer_number} already carries {linked}; it is shared by several payers."
    return {names.customer: posting.subject}


#: details of a customer by our name -> Sage's property, our name of it in `wire.Customer`, and its length (section 3.4).
_PROPERTIES: Mapping[str, tuple[str, str, int]] = {
    "name": ("CustomerName", "customer_name", documents.NAME_LIMIT),
    "address_line1": ("AddressLine1", "address_line1", documents.NAME_LIMIT),
    "address_line2": ("AddressLine2", "address_line2", documents.NAME_LIMIT),
    "address_line3": ("AddressLine3", "address_line3", documents.NAME_LIMIT),
    "city": ("City", "city", documents.CITY_LIMIT),
    "postal_code": ("ZipPostalCode", "zip_postal_code", documents.ZIP_LIMIT),
    "country_code": ("Country", "country", documents.CITY_LIMIT),
    "email": ("Email", "email", documents.EMAIL_LIMIT),
}


def differing_details(posting: Posting, customer: Customer) -> dict[str, Any]:
    """The properties that Sage does not have as the posting wants them, in the order of the view; "" clears one."""
    changed = set(changed_details(posting))
    found: dict[str, Any] = {}
    for name, (their_name, our_name, limit) in _PROPERTIES.items():
        wanted = posting.facts.get(name, "")[:limit]
        if name in changed and getattr(customer, our_name) != wanted:
            found[their_name] = wanted
    return found


def customer_shows(fields: Mapping[str, Any], customer: Customer) -> bool:
    """Whether Sage shows everything that a sent body asked for."""
    for their_name, our_name, _ in _PROPERTIES.values():
        if their_name in fields and getattr(customer, our_name) != str(fields[their_name]).strip():
            return False
    values = fields.get("CustomerOptionalFieldValues", ())
    return all(customer.optional(str(row["OptionalField"])) == str(row["Value"]).strip() for row in values)


def new_customer_obstacle(posting: Posting, lookalikes: Sequence[Customer]) -> CannotBook | None:
    """Why no customer is made for `posting`; None when there is nobody like him."""
    if not lookalikes:
        return None
    numbers = ", ".join(sorted(row.customer_number for row in lookalikes))
    return CannotBook(
        "customer_exists",
        f"customer {numbers} in Sage 300 has the same number or e-mail",
        f"run `connector customers link {posting.connection} {posting.subject} NUMBER`, or change that customer",
    )
