"""Processes: resources that are only run. `$process` posts batches or makes them, `$template` shows the parameters (2.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.sage300 import gl_feed, post_documents, post_journals, post_receipts, post_refunds, posting
from sandbox.sage300.refusals import FieldInvalid
from sandbox.sage300.schema import EntityType, Row, entity

if TYPE_CHECKING:
    from sandbox.sage300.company import Company
    from sandbox.sage300.switches import Switches

_RANGE = "PostAllBatches E:0=Donotpostallbatches,1=Postallbatches;PostBatchFrom I;PostBatchTo I;ActionSelector S60"
_FEEDS = {
    "ProcessInvoiceBatch": ("invoice", "PostInvoicebatches"),
    "ProcessReceiptBatch": ("receipt", "PostCashbatches"),
    "ProcessAdjustmentBatch": ("receipt", "PostAdjustmentbatches"),
    "ProcessRevaluationBatch": ("revaluation", "PostRevaluebatches"),
    "ProcessRefundBatch": ("refund", "PostRefundbatches"),
}


@dataclass(frozen=True, slots=True)
class Process:
    """`kind` gives the parameters in the release the switches describe."""

    kind: Callable[[Switches], EntityType]
    run: Callable[[Company, Row], None]


def _post_range(poster: posting.Poster, record_type: bool = False) -> Callable[[Company, Row], None]:
    def run(company: Company, given: Row) -> None:
        """Everything that is ready when all are asked for; else the range, whose ends must be in order."""
        batches = list(company.tables[poster.resource])
        if record_type:
            if given["BatchType"] not in ("CA", "AD"):
                raise FieldInvalid("Batch Type is invalid.")
            batches = [each for each in batches if each["BatchRecordType"] == given["BatchType"]]
        if given["PostAllBatches"] == "Donotpostallbatches":
            first, last = given["PostBatchFrom"], given["PostBatchTo"]
            if last < first:
                raise FieldInvalid("The to batch number is less than the from batch number.")
            batches = [each for each in batches if first <= each["BatchNumber"] <= last]
        posting.run(company, poster, batches)

    return run


def _post_journals(company: Company, given: Row) -> None:
    switches = company.switches
    first, last = given[switches.gl_post_from], given[switches.gl_post_to]
    batches = list(company.tables["GLJournalBatches"])
    if given["PostAllBatches"] == "Donotpostallbatches":
        batches = [each for each in batches if first <= each["BatchNumber"] <= last]
    posting.run(company, post_journals.POSTER, batches)


def _create_ledger_batch(company: Company, given: Row) -> None:
    feeds = {feed for name, (feed, word) in _FEEDS.items() if given[name] == word}
    gl_feed.create_waiting(company, feeds)


def _ledger_batch_kind(switches: Switches) -> EntityType:
    lines = []
    for name, (_, word) in _FEEDS.items():
        lines.append(f"{name} E:0=Donot{word[0].lower()}{word[1:]},1={word}")
        short = name.removeprefix("Process").removesuffix("Batch")
        lines.append(f"{short}ThroughPostingSequenceNumber N")
    return entity("CreateGLBatch", "ActionSelector", ";".join([*lines, "ActionSelector S60"]))


def _journal_kind(switches: Switches) -> EntityType:
    text = (
        f"PostAllBatches E:0=Donotpostallbatches,1=Postallbatches;{switches.gl_post_from} S6;{switches.gl_post_to} S6;"
        "ActionSelector S60"
    )
    return entity("PostJournal", "ActionSelector", text)


_INVOICES = entity("PostInvoice", "ActionSelector", _RANGE)
_RECEIPTS = entity("PostReceiptsAndAdjustment", "ActionSelector", f"BatchType S2;{_RANGE}")
_REFUNDS = entity("PostRefund", "ActionSelector", _RANGE)

PROCESSES: Mapping[str, Process] = {
    "ARPostInvoices": Process(lambda switches: _INVOICES, _post_range(post_documents.POSTER)),
    "ARPostReceiptsAndAdjustments": Process(
        lambda switches: _RECEIPTS, _post_range(post_receipts.POSTER, record_type=True)
    ),
    "ARPostRefunds": Process(lambda switches: _REFUNDS, _post_range(post_refunds.POSTER)),
    "ARCreateGLBatch": Process(_ledger_batch_kind, _create_ledger_batch),
    "GLPostJournal": Process(_journal_kind, _post_journals),
}


def template(process: Process, switches: Switches) -> dict[str, Any]:
    """Default parameters, as `$template` answers them."""
    kind = process.kind(switches)
    return {**kind.blank(), "UpdateOperation": "Unspecified"}
