"""Posting a range of batches: entry by entry into the books, what cannot be posted into a new batch (section 2.7).

How one entry is posted is told by `post_documents.py`, `post_receipts.py`, `post_refunds.py` and `post_journals.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.sage300 import batches, gl_feed, periods
from sandbox.sage300.books import Posting
from sandbox.sage300.refusals import General
from sandbox.sage300.schema import Row
from sandbox.sage300.tables import clone

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


class NotPosted(Exception):
    """An entry cannot be posted; the text goes to the posting errors report."""


#: posts one entry of a batch under a posting sequence number; raises `NotPosted` before anything was changed.
PostEntry = Callable[["Company", Row, Row, int], Posting | None]


@dataclass(frozen=True, slots=True)
class Poster:
    """`series` counts the posting sequence; `feed` names the subledger batches go to the ledger from, or is empty."""

    resource: str
    series: Callable[[Row], str]
    post: PostEntry
    feed: str = ""


def run(company: Company, poster: Poster, chosen: list[Row]) -> None:
    """Post those of the batches that are ready. Open ones stay as they are, without a word."""
    state, _ = batches.STATES[poster.resource]
    for batch in chosen:
        if batch[state] != "ReadyToPost":
            continue
        key = company.tables[poster.resource].kind.key_of(batch)
        batches.check_unlocked(company, poster.resource, key)
        if company.switches.force_listing and not batch.get("_listed"):
            raise General(f"Batch {key[-1]} must be printed before it can be posted.")
        if company.stuck_postings:
            company.stuck_postings -= 1
            batch[state] = "PostInProgress"
            continue
        _post(company, poster, batch)


def _post(company: Company, poster: Poster, batch: Row) -> None:
    state, name = batches.STATES[poster.resource]
    series = f"posting {poster.series(batch)}"
    sequence = batches.next_number(company, series)
    made: list[Posting] = []
    errors: list[Row] = []
    for entry in batch[name]:
        try:
            posting = poster.post(company, batch, entry, sequence)
        except NotPosted as problem:
            company.posting_errors.append({"batch": str(batch["BatchNumber"]), "message": str(problem)})
            errors.append(entry)
            continue
        if posting is not None:
            company.books.book(posting)
            made.append(posting)
    batch[state] = "Posted"
    batch["PostingSequence" if "PostingSequence" in batch else "PostingSequenceNumber"] = sequence
    batch["NumberOfErrors"] = len(errors)
    batch["DateLastEdited"] = company.today()
    if errors:
        _move_errors(company, poster, batch, errors)
    if poster.feed:
        gl_feed.receive(company, poster.feed, made)


def _move_errors(company: Company, poster: Poster, batch: Row, errors: list[Row]) -> None:
    """Entries in error go into a new, open batch and are marked in the old one."""
    state, name = batches.STATES[poster.resource]
    table = company.tables[poster.resource]
    fresh = clone(batch) | {name: [clone(entry) for entry in errors], state: "Open", "NumberOfErrors": 0}
    for field in ("PostingSequence", "PostingSequenceNumber"):
        if field in fresh:
            fresh[field] = 0
    if "ReadyToPost" in fresh:
        fresh["ReadyToPost"] = "No"
    fresh["BatchNumber"] = company.new_batch_number(poster.resource, fresh)
    number = table.kind.details[name].number
    assert number is not None
    for count, (entry, moved) in enumerate(zip(errors, fresh[name], strict=True), start=1):
        moved["_count"], moved["EntryNumber"] = count, number(count)
        moved["BatchNumber"] = fresh["BatchNumber"]
        if company.switches.posted_error_mark == "error_batch":
            entry["ErrorBatch"], entry["ErrorEntry"] = int(fresh["BatchNumber"]), count
    company.totals[poster.resource](company, fresh)
    table.add(fresh)


def check_ledger(company: Company, entry: Row, accounts: list[str], *, formatted: bool) -> None:
    """Raises `NotPosted` when the ledger would refuse the entry: its period is locked, an account is not there."""
    year, period = entry["FiscalYear"], entry["FiscalPeriod"]
    if periods.is_locked(company, "GL", year, period):
        raise NotPosted(f"Period {period} of year {year} is locked for General Ledger.")
    for number in accounts:
        found = company.account(number, formatted=formatted)
        if found is None or found["Status"] != "Active":
            raise NotPosted(f"Account {number} does not exist or is inactive.")
