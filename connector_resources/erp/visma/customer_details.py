"""What of a customer's name, e-mail and address has to change in Visma, as the body of a PUT (visma.md section 2.3). Pure.

Only what differs is sent: a field of the customer that nobody changed in GoCardless is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookkeeping.customer_rules import changed_details
from bookkeeping.postings import Posting
from connector_resources.erp.visma.documents import wrapped
from connector_resources.erp.visma.wire import CustomerRow

#: detail -> (object of the body, field in it); the name stands in the body itself.
_PLACES: Mapping[str, tuple[str, str]] = {
    "name": ("", "name"),
    "email": ("mainContact", "email"),
    "address_line1": ("mainAddress", "addressLine1"),
    "address_line2": ("mainAddress", "addressLine2"),
    "address_line3": ("mainAddress", "addressLine3"),
    "city": ("mainAddress", "city"),
    "postal_code": ("mainAddress", "postalCode"),
    "country_code": ("mainAddress", "countryId"),
}


def present_details(row: CustomerRow) -> dict[str, str]:
    """What Visma says now, by the names of `CustomerDetails`."""
    address = row.main_address
    return {
        "name": row.name,
        "email": row.main_contact.email,
        "address_line1": address.address_line1,
        "address_line2": address.address_line2,
        "address_line3": address.address_line3,
        "city": address.city,
        "postal_code": address.postal_code,
        "country_code": address.country.id,
    }


def differing_details(posting: Posting, row: CustomerRow) -> dict[str, str]:
    """The details of a CUSTOMER posting that Visma does not have as the posting wants them; "" clears one."""
    present = present_details(row)
    wanted = {name: posting.facts.get(name, "") for name in changed_details(posting)}
    return {name: value for name, value in wanted.items() if present[name] != value}


def details_body(details: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    objects: dict[str, dict[str, Any]] = {}
    for name, value in details.items():
        place, field = _PLACES[name]
        (objects.setdefault(place, {}) if place else body)[field] = wrapped(value)
    return body | {place: wrapped(fields) for place, fields in objects.items()}


def has_details(fields: Mapping[str, Any], row: CustomerRow) -> bool:
    """Whether Visma shows everything that a sent body asked for; `fields` are its unwrapped scalars and objects."""
    present = present_details(row)
    for name, (place, field) in _PLACES.items():
        holder = fields.get(place, {}) if place else fields
        if field in holder:
            value = holder[field]["value"] if place else holder[field]
            if present[name] != value:
                return False
    return True
