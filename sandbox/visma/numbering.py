"""Document numbers: the company's series, or the caller's own number where it overrides the series (section 6.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.visma.calls import Answer, Call
from sandbox.visma.refusals import Invalid

if TYPE_CHECKING:
    from sandbox.visma.company import Company

MAX_NUMBER = 15

_SERIES = {
    "customer": "Customers",
    "payment": "Customer payments",
    "invoice": "Customer invoices",
    "creditnote": "Customer credit notes",
    "journal": "General ledger batches",
    "cash": "Cash transactions",
}


def assign(
    company: Company,
    series: str,
    body: dict[str, Any],
    taken: Callable[[str], bool],
    prefix: str,
    field: str = "referenceNumber",
) -> str:
    """The new document's number. Raises `Invalid` when an overriding number is missing, too long, or taken."""
    given = body.get(field)
    if body.get("overrideNumberSeries") or series in company.manual_numbering:
        if not given or len(given) > MAX_NUMBER:
            raise Invalid(f"{prefix} Error: '{field}': a number of at most {MAX_NUMBER} characters is required.")
        if taken(given):
            raise Invalid(f"{prefix} Error: A record with number '{given}' already exists.")
        return str(given)
    number = company.next_number(series)
    while taken(number):
        number = company.next_number(series)
    return number


def segment(number: str) -> str:
    """The number as the last segment of a `Location`."""
    return quote(number, safe="")


def list_series(company: Company, call: Call) -> Answer:
    rows = [
        {"numberingId": series.upper(), "description": text, "manualNumbering": series in company.manual_numbering}
        for series, text in _SERIES.items()
    ]
    return Answer(payload=[] if call.blind else rows)
