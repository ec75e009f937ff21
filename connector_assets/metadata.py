"""What a materialisation shows in the UI: counts, totals per currency, tables with links. Never a secret, never a raw answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any

import dagster as dg

from bookkeeping.money import Money
from bookkeeping.postings import PostingKind
from connector_resources.connections.model import Connection
from connector_resources.gocardless.reading import ReadReport
from connector_resources.posting.planning import PlanReport, Scope
from connector_resources.posting.protocol import PostingReport
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store

#: how many rows a table in the UI shows.
SHOWN_ROWS = 25

POSTING_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("key", "string", description="Posting key: GoCardless event id and kind; unique for ever"),
        dg.TableColumn("kind", "string", description="receipt, receipt_reversal, refund, payout …"),
        dg.TableColumn("subject", "string", description="GoCardless id of the payment, refund, payout or mandate"),
        dg.TableColumn("booking_date", "date", description="Date of the ERP document, in the connection's time zone"),
        dg.TableColumn("amount_minor", "integer", description="Sum of the debit lines, in minor units"),
        dg.TableColumn("currency", "string", description="ISO 4217"),
        dg.TableColumn("state", "string", description="pending, claimed, posted, delivered, held, withdrawn"),
        dg.TableColumn("document", "string", description="Number of the ERP document, once it exists"),
    ]
)


def read_metadata(report: ReadReport, connection: Connection) -> dict[str, Any]:
    """Metadata of a source asset."""
    shown: dict[str, Any] = dict(sorted(report.counts.items()))
    shown["GoCardless calls"] = report.calls
    for currency, minor in sorted(report.totals_minor.items()):
        shown[f"total {currency}"] = str(Money(minor, currency))
    if report.sample:
        shown["sample"] = dg.MetadataValue.md(_sample_table(report, connection))
    return shown


def plan_metadata(
    store: Store, connection: Connection, scope: Scope, kinds: Collection[PostingKind], report: PlanReport
) -> dict[str, Any]:
    """Metadata of a posting asset: decisions by outcome, and the day's postings of these kinds."""
    shown: dict[str, Any] = {f"decided {outcome}": n for outcome, n in sorted(report.outcomes.items())}
    shown["new postings"] = report.new_postings
    shown.update(_ledger_counts(store, connection, scope, kinds))
    rows = islice(store.ledger.of_day(connection.name, scope.first_day, scope.last_day, kinds), SHOWN_ROWS)
    shown["postings"] = dg.MetadataValue.md(posting_table(rows, connection))
    return shown


def document_metadata(
    store: Store, connection: Connection, scope: Scope, kinds: Collection[PostingKind], report: PostingReport
) -> dict[str, Any]:
    """Metadata of a document asset: what this run settled, what is held and why, and the trail's head as an anchor."""
    seq, head = store.trail.head(connection.name)
    shown: dict[str, Any] = {
        "settled in this run": report.settled,
        "requests sent": report.submissions,
        "adopted after a look-up": report.adopted,
        "held in this run": len(report.held),
        "trail head": f"{seq}:{head}",
    }
    if report.stopped:
        shown["stopped because"] = report.stopped
    shown.update(_ledger_counts(store, connection, scope, kinds))
    rows = islice(store.ledger.of_day(connection.name, scope.first_day, scope.last_day, kinds), SHOWN_ROWS)
    shown["documents"] = dg.MetadataValue.md(posting_table(rows, connection))
    if report.held:
        held = [f"| {h.posting_key} | {h.reason} | {h.next_step} |" for h in report.held[:SHOWN_ROWS]]
        shown["held"] = dg.MetadataValue.md(
            "\n".join(["| posting | reason | next step |", "| --- | --- | --- |", *map(_one_line, held)])
        )
    return shown


def posting_table(rows: Iterable[LedgerRow], connection: Connection) -> str:
    """Postings as a Markdown table, each subject a link to the GoCardless dashboard, each document to the ERP if it can."""
    lines = ["| posting | subject | date | amount | state | ERP document |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        posting = row.posting
        documents = ", ".join(_document_link(step.document.number, step.document.url) for step in row.documents)
        lines.append(
            _one_line(
                f"| {posting.kind} | {dashboard_link(posting.subject, connection)} | {posting.booking_date} "
                f"| {posting.activity_amount or ''} | {row.state} | {documents} |"
            )
        )
    return "\n".join(lines)


DASHBOARD_PATHS = {
    "PM": "payments",
    "PO": "payouts",
    "RF": "refunds",
    "MD": "mandates",
    "CU": "customers",
    "SB": "subscriptions",
}


def dashboard_link(subject: str, connection: Connection) -> str:
    """A Markdown link to the resource in the GoCardless dashboard, or the bare id."""
    path = DASHBOARD_PATHS.get(subject[:2])
    return f"[{subject}]({connection.gocardless.dashboard_base}/{path}/{subject})" if path else subject


def _document_link(number: str, url: str) -> str:
    return f"[{number}]({url})" if url else number


def _ledger_counts(
    store: Store, connection: Connection, scope: Scope, kinds: Collection[PostingKind]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for row in store.ledger.counts(connection.name, scope.first_day, scope.last_day):
        if row.kind in kinds:
            name = f"{row.kind} {row.state}"
            shown[name] = shown.get(name, 0) + row.count
            if row.currency:
                shown[f"{name} {row.currency}"] = str(Money(row.sum_minor, row.currency))
    return shown


def _sample_table(report: ReadReport, connection: Connection) -> str:
    columns = list(dict.fromkeys(name for row in report.sample for name in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in report.sample[:SHOWN_ROWS]:
        cells = [dashboard_link(str(row.get(c, "")), connection) if c == "id" else str(row.get(c, "")) for c in columns]
        lines.append(_one_line("| " + " | ".join(cells) + " |"))
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return text.replace("\n", " ")
