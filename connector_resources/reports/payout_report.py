"""One payout, from the line on the bank statement to every payment in it with its posting and ERP document."""

from __future__ import annotations

from datetime import datetime

from connector_resources.connections.model import Connection
from connector_resources.errors import ConfigurationError
from connector_resources.reports.model import Amount, Fact, Mark, Report, Section, State
from connector_resources.reports.payout_blocks import (
    PayoutBlock,
    composition_table,
    entry_table,
    item_table,
    payout_blocks,
)
from connector_resources.reports.sources import document_of, head_of
from connector_resources.store.store import Store

TITLE = "Payout"
QUESTION = "What is this amount on the bank statement, and where is each part of it in the books?"
#: a page of ten thousand items is still read by searching in it.
ITEMS_SHOWN = 10_000


def payout_report(store: Store, connection: Connection, payout_id: str, now: datetime) -> Report:
    """The report of one payout. Raises `ConfigurationError` for a payout that was never read."""
    blocks = payout_blocks(store, connection.name, [payout_id])
    if not blocks:
        raise ConfigurationError(
            f"payout {payout_id} of {connection.name} is not known",
            connection=connection.name,
            subject=payout_id,
            next_step="look at its id in the reconciliation report; `connector run` of its day reads it",
        )
    (block,) = blocks
    return Report(
        head=head_of(connection, now),
        title=TITLE,
        question=QUESTION,
        period=f"{block.payout.id}, {block.payout.reference or 'without reference'}",
        facts=tuple(_facts(block)),
        sections=(
            Section("From its items to the bank line", tables=(composition_table(block, page_rows=100),)),
            Section("Its entries", tables=(entry_table(block, page_rows=100),)),
            Section(
                "Its items",
                tables=(item_table(connection, block, page_rows=ITEMS_SHOWN),),
                findings=block.findings,
            ),
        ),
        landscape=True,
    )


def _facts(block: PayoutBlock) -> list[Fact]:
    facts = [
        Fact(block.state, "state"),
        Fact(Amount.of(block.received), f"on the bank account, {block.bank_date or 'not arrived yet'}"),
        Fact(Amount(block.summary.gross, block.currency), "gross"),
        Fact(Amount.of(block.fees), "fees with VAT"),
        Fact(Amount.of(block.vat), "of it VAT"),
    ]
    if block.journal is not None and block.journal.documents:
        facts.append(Fact(document_of([block.journal]), "ERP document of the payout"))
    if block.received.currency != block.currency:
        facts.append(Fact(Amount.of(block.payout.amount), "net, before conversion"))
    difference = block.exchange_difference
    if difference is not None:
        facts.append(Fact(Amount.of(difference), "exchange difference", "at GoCardless's rates"))
    if block.unbooked:
        facts.append(Fact(State(str(len(block.unbooked)), Mark.BAD), "items to look at"))
    return facts
