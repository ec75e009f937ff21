"""What a mandate and a customer in Exact should say, and whether a new customer may be made (2.2, 2.4, 11). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bookkeeping.customer_rules import changed_details
from bookkeeping.postings import Posting
from connector_resources.erp.exact_online import documents
from connector_resources.erp.exact_online.odata import date_time, day_of
from connector_resources.erp.exact_online.wire import Account, BankAccount, Mandate
from connector_resources.erp.refusal import CannotBook

#: statuses in which GoCardless can collect, or soon will.
USABLE = frozenset({"pending_customer_approval", "pending_submission", "submitted", "active"})


def mandate_change(
    posting: Posting, customer: Account, present: Mandate | None, bank_account: BankAccount | None
) -> dict[str, Any] | str:
    """The fields to create or change, or a sentence that says why nothing is to be written.

    Raises `CannotBook` when the mandate stands on another customer in Exact.
    """
    usable = posting.facts.get("status", "") in USABLE
    if present is None and not usable:
        return f"Mandate {posting.subject} is not in Exact Online and cannot be collected any more."
    if present is None and bank_account is None:
        # GoCardless never tells a whole account number, so none can be made up for the mandate (section 2.3).
        return f"Customer {customer.code} has no bank account in Exact Online, and a mandate there needs one."
    if present is None:
        assert bank_account is not None
        return documents.mandate(posting, customer.id, bank_account.id)
    if present.account != customer.id:
        raise CannotBook(
            "mandate_elsewhere",
            f"mandate {posting.subject} belongs to another customer in Exact Online than {customer.code}",
            "correct the mandate in Exact Online, or the link of the GoCardless customer",
        )
    cancelled = day_of(present.cancellation_date)
    if usable and cancelled is not None:
        return {"CancellationDate": None}
    if not usable and cancelled is None:
        return {"CancellationDate": date_time(posting.booking_date)}
    return f"Mandate {posting.subject} says so already."


#: details of a customer by our name -> Exact's property and our name of it in `wire.Account`.
_PROPERTIES: Mapping[str, tuple[str, str]] = {
    "name": ("Name", "name"),
    "email": ("Email", "email"),
    "address_line1": ("AddressLine1", "address_line1"),
    "address_line2": ("AddressLine2", "address_line2"),
    "address_line3": ("AddressLine3", "address_line3"),
    "city": ("City", "city"),
    "postal_code": ("Postcode", "postcode"),
    "country_code": ("Country", "country"),
}


def differing_details(posting: Posting, customer: Account) -> dict[str, Any]:
    """The properties that Exact does not have as the posting wants them; "" clears one."""
    wanted = {name: posting.facts.get(name, "") for name in changed_details(posting)}
    if "name" in wanted:
        wanted["name"] = wanted["name"][: documents.NAME_LIMIT]
    return {
        _PROPERTIES[name][0]: value
        for name, value in wanted.items()
        if getattr(customer, _PROPERTIES[name][1]) != value
    }


def account_shows(fields: Mapping[str, Any], customer: Account) -> bool:
    """Whether Exact shows everything that a sent body asked for."""
    present = {name: getattr(customer, ours) for name, ours in _PROPERTIES.values()}
    present["SearchCode"] = customer.search_code
    return all(present.get(name, value) == value for name, value in fields.items())


def new_customer_obstacle(posting: Posting, lookalikes: Sequence[Account]) -> CannotBook | None:
    """Why no customer is made for `posting`; None when there is nobody like him."""
    if not lookalikes:
        return None
    codes = ", ".join(sorted(row.code for row in lookalikes))
    return CannotBook(
        "customer_exists",
        f"customer {codes} in Exact Online has the same search code or e-mail",
        f"run `connector customers link {posting.connection} {posting.subject} CODE`, or change that customer",
    )
