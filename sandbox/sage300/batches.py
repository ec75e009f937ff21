"""What all transaction batches share: numbers, states, locks, and what may still be edited (sections 2.7, 3.8, 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.sage300.refusals import General, Refusal
from sandbox.sage300.schema import Row
from sandbox.sage300.tables import Key, Table
from sandbox.sage300.writing import Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

#: by resource: the property that holds the state, and the one that holds the entries.
STATES = {
    "ARInvoiceBatches": ("BatchStatus", "Invoices"),
    "ARReceiptAndAdjustmentBatches": ("BatchStatus", "ReceiptsAdjustments"),
    "ARRefundBatches": ("BatchStatus", "RefundEntries"),
    "GLJournalBatches": ("Status", "JournalHeaders"),
}


def begin(work: Work, row: Row) -> None:
    """A new receivables batch: dated today, number still to come."""
    today = work.company.today()
    row["BatchDate"] = today
    row["DateLastEdited"] = today
    row["SourceApplication"] = "AR"
    row["BatchType"] = "External"


def status_put(work: Work, row: Row) -> None:
    """The state a client sets. In a POST it takes effect once all entries are in."""
    state = row["BatchStatus"]
    if state not in ("Open", "ReadyToPost"):
        raise General(f"Batch status cannot be set to {state}.")
    if row.get("_new") and state == "ReadyToPost" and not work.company.switches.ready_on_insert:
        row["BatchStatus"] = "Open"


def check_editable(company: Company, resource: str, key: Key, row: Row) -> None:
    """Raises `General` with Sage's sentence when nobody may change the batch now."""
    check_unlocked(company, resource, key)
    state = row[STATES[resource][0]]
    if state == "ReadyToPost":
        raise General(f"Batch {key[-1]} is set to Ready To Post. You can view it, but you cannot edit it.")
    if state != "Open":
        raise General(f"Batch {key[-1]} cannot be edited. Its status is {state}.")
    if row.get("DepositSlipPrinted") == "Yes":
        raise General(f"The deposit slip of batch {key[-1]} has been printed. The batch cannot be modified.")


def check_unlocked(company: Company, resource: str, key: Key) -> None:
    """A lock a person holds refuses so many times, then it is gone; -1 is until it is released."""
    left = company.locks.get((resource, key), 0)
    if left:
        company.locks[resource, key] = left - 1 if left > 0 else left
        raise General(f"Batch {key[-1]} can be viewed but not edited, because it is locked by another user.")


def new_entry(work: Work, row: Row) -> None:
    """An entry of a batch takes over where it stands."""
    batch = work.batch
    row["BatchNumber"] = batch["BatchNumber"]
    row["EnteredBy"] = work.company.user_id
    if "BatchType" in row and "BatchRecordType" in batch:
        row["BatchType"] = batch["BatchRecordType"]


def number_details(entry: Row, *names: str) -> None:
    """Details carry the numbers of their batch and entry."""
    for name in names:
        for each in entry[name]:
            each["BatchNumber"] = entry["BatchNumber"]
            each["EntryNumber"] = entry["EntryNumber"]


def next_number(company: Company, series: str) -> int:
    company.counters[series] = company.counters.get(series, 0) + 1
    return company.counters[series]


def settle_partial(company: Company, table: Table, row: Row, refusal: Refusal, *, inserted: bool) -> None:
    """What a refused insert leaves behind (section 6): nothing before the header was in, then as the switch says."""
    entries = STATES.get(table.name, ("", ""))[1]
    mode = company.switches.failed_insert
    if not inserted:
        return
    if not entries or (mode == "rolled_back" and refusal.code != "InternalServerError"):
        table.remove(*table.kind.key_of(row))
        return
    if mode == "header" and refusal.code != "InternalServerError":
        row[entries] = []
    company.totals[table.name](company, row)
    row[STATES[table.name][0]] = "Open"
