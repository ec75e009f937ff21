"""Posting journals: entries that balance and whose accounts and periods are open go into the books (section 2.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.sage300 import gl_feed
from sandbox.sage300.books import Line, Posting
from sandbox.sage300.posting import NotPosted, Poster, check_ledger
from sandbox.sage300.schema import Row

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def post(company: Company, batch: Row, entry: Row, sequence: int) -> Posting:
    """Raises `NotPosted` for an entry out of balance, a locked period, or an account that is not there."""
    if entry["OutOfBalanceBy"] or not entry["JournalDetails"]:
        raise NotPosted(f"Entry {entry['EntryNumber']} is out of balance by {entry['OutOfBalanceBy']}.")
    check_ledger(company, entry, [each["AccountNumber"] for each in entry["JournalDetails"]], formatted=False)
    batch["PostingSequence"] = sequence
    gl_feed.transactions(company, batch, entry)
    currencies = {each["SourceCurrency"] for each in entry["JournalDetails"]}
    mixed = len(currencies) > 1
    currency = company.functional if mixed else next(iter(currencies))
    lines = tuple(
        Line(
            each["AccountNumber"],
            Money.from_major(each["Amount" if mixed else "SourceCurrencyAmount"], currency).minor,
            Money.from_major(each["Amount"], company.functional).minor,
            text=each["Description"],
            reference=each["Reference"],
        )
        for each in entry["JournalDetails"]
    )
    return Posting(
        "Journal",
        f"{batch['BatchNumber']}-{entry['EntryNumber']}",
        entry["Description"],
        entry["CustomerVendorNumber"],
        batch["BatchNumber"],
        entry["EntryNumber"],
        entry["PostingDate"],
        f"{entry['FiscalYear']}-{entry['FiscalPeriod']}",
        currency,
        lines,
    )


POSTER = Poster("GLJournalBatches", lambda batch: "GL", post)
