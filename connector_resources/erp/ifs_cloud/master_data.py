"""What a customer in IFS should say: our link, and details that changed in GoCardless (ifs_cloud.md section 7.2). Pure.

Name and country stand on the customer itself, e-mail and address on rows of their own below it, so that one change may take
several writes. Only members that the projection map names are written, and only those that differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bookkeeping.customer_rules import changed_details
from bookkeeping.postings import Posting, PostingKind
from connector_resources.erp.ifs_cloud.customer_contacts import (
    ADDRESS_ARRAY,
    ADDRESSES,
    EMAIL_ARRAY,
    EMAILS,
    Contact,
)
from connector_resources.erp.ifs_cloud.projections import Projection
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.snapshot import Target
from connector_resources.erp.ifs_cloud.wire import Customer
from connector_resources.erp.refusal import CannotBook

#: detail of a customer -> our word for the member. A map may bring the e-mail to the customer as a custom field.
_ON_CUSTOMER = {"name": "name", "country_code": "country", "email": "email"}
_ON_ADDRESS = ("address_line1", "address_line2", "address_line3", "city", "postal_code")
NAME_LIMIT = 100
BY_HAND = "enter it there by hand as GoCardless has it"
#: statuses in which GoCardless can collect, or soon will.
USABLE = frozenset({"pending_customer_approval", "pending_submission", "submitted", "active"})


@dataclass(frozen=True, slots=True)
class Change:
    """One row and the members of it that are to be written. `step` names it among the writes of a posting."""

    step: str
    target: Target
    members: Mapping[str, str]


def detail_changes(
    posting: Posting, customer: Customer, target: Target, contact: Contact | None, settings: IfsCloudSettings
) -> Iterator[Change]:
    """The rows that do not say what the posting wants, in a steady order; `contact` is None where it is not kept alike.

    Raises `CannotBook` when it comes to an e-mail or an address that the customer has no row for: how IFS makes one is not
    documented.
    """
    wanted = {name: posting.facts.get(name, "") for name in changed_details(posting)}
    own = _of_customer(wanted, customer, settings.projections["customers"])
    if own:
        yield Change("customer", target, own)
    if contact is None:
        return
    names = (ADDRESSES, EMAILS) if settings.customer_details == "sets" else (ADDRESS_ARRAY, EMAIL_ARRAY)
    addresses, emails = (settings.projections[name] for name in names)
    lines = {name: wanted[name] for name in _ON_ADDRESS if name in wanted}
    if lines:
        yield from _of_address(lines, contact, addresses, customer)
    if wanted.get("email") and not settings.projections["customers"].member("email"):
        yield from _of_email(wanted["email"], contact, emails, customer)


def link_change(posting: Posting, customer: Customer, projection: Projection) -> dict[str, str]:
    """The GoCardless customer on a customer, or its mandate: written when it can be collected from, taken off when not."""
    if posting.kind is PostingKind.CUSTOMER:
        member = projection.member("gocardless_customer")
        return {member: posting.subject} if member and customer.gocardless_customer != posting.subject else {}
    member = projection.member("mandate")
    if not member:
        return {}
    usable = posting.facts.get("status", "") in USABLE
    if usable:
        return {member: posting.subject} if customer.mandate != posting.subject else {}
    return {member: ""} if customer.mandate == posting.subject else {}


def _of_customer(wanted: Mapping[str, str], customer: Customer, projection: Projection) -> dict[str, str]:
    change: dict[str, str] = {}
    for detail, word in _ON_CUSTOMER.items():
        member, value = projection.member(word), wanted.get(detail, "")
        if detail == "name":
            value = value[:NAME_LIMIT]
        if member and value and getattr(customer, word) != value:
            change[member] = value
    return change


def _of_address(
    lines: Mapping[str, str], contact: Contact, projection: Projection, customer: Customer
) -> Iterator[Change]:
    row, place = contact.address, contact.address_place
    if row is None or place is None:
        if any(lines.values()):
            raise CannotBook(
                "address_missing",
                f"customer {customer.customer} has no address in IFS Cloud that is valid today and could be changed",
                BY_HAND,
            )
        return
    change = {
        member: value
        for name, value in lines.items()
        if (member := projection.member(name)) and getattr(row, name) != value
    }
    if change:
        yield Change("address", Target(place.path, place.raw), change)


def _of_email(email: str, contact: Contact, projection: Projection, customer: Customer) -> Iterator[Change]:
    row, place = contact.email, contact.email_place
    if row is None or place is None:
        raise CannotBook(
            "email_missing", f"customer {customer.customer} has no e-mail in IFS Cloud that could be changed", BY_HAND
        )
    if row.value != email:
        yield Change("email", Target(place.path, place.raw), {projection.member("value"): email})
