"""What a materialisation shows in the UI: counts, totals per currency, tables with links. Never a secret, never a raw answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

import dagster as dg

from bookkeeping.money import Money, exponent
from bookkeeping.postings import PostingKind
from connector_assets.names import LOCATION, RELEASE_JOB
from connector_assets.trail_anchors import TRAIL_HEAD
from connector_resources.connections.model import Connection
from connector_resources.gocardless.reading import ReadReport
from connector_resources.posting.planning import PlanReport, Scope
from connector_resources.posting.protocol import PostingReport
from connector_resources.store.ledger_reading import LedgerCount, LedgerRow
from connector_resources.store.store import Store

#: how many rows a table in the UI shows.
SHOWN_ROWS = 25

SETTLED = ("posted", "delivered")
HELD = "held"
SUMMARY = "summary"
RELEASE_PAGE = f"/locations/{LOCATION}/jobs/{RELEASE_JOB}/playground"
WAITING = ("pending", "claimed")

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


def plan_metadata(report: PlanReport) -> dict[str, Any]:
    """What a posting asset did: how many postings are new, and decisions by outcome."""
    decided = {f"decided {outcome}": n for outcome, n in sorted(report.outcomes.items())}
    return {"new postings": report.new_postings} | decided


def document_metadata(store: Store, connection: Connection, report: PostingReport) -> dict[str, Any]:
    """What a document asset did in this run, and the trail's head as an anchor."""
    seq, head = store.trail.head(connection.name)
    shown: dict[str, Any] = {
        "settled in this run": report.settled,
        "requests sent": report.submissions,
        "adopted after a look-up": report.adopted,
        "held in this run": len(report.held),
        TRAIL_HEAD: f"{seq}:{head}",
    }
    if report.stopped:
        shown["stopped because"] = report.stopped
    return shown


def ledger_metadata(
    store: Store, connection: Connection, scope: Scope, kinds: Collection[PostingKind], system: str
) -> dict[str, Any]:
    """How the postings of these days and kinds stand: in a sentence, in numbers to plot, in sums, in tables.

    `system` is where they become documents. Held ones come first, each with what to do.
    """
    counts = [c for c in store.ledger.counts(connection.name, scope.first_day, scope.last_day) if c.kind in kinds]
    shown: dict[str, Any] = {SUMMARY: summary(counts, system)}
    if any(count.state == HELD for count in counts):
        held = [row for row in store.ledger.held(connection.name) if _is_of(row, scope, kinds)]
        shown["held"] = dg.MetadataValue.md(held_table(held[:SHOWN_ROWS], connection))
    shown |= _plotted(counts) | _sums(counts)
    rows = islice(store.ledger.of_day(connection.name, scope.first_day, scope.last_day, kinds), SHOWN_ROWS)
    shown["postings"] = dg.MetadataValue.md(posting_table(rows, connection))
    return shown


def summary(counts: Sequence[LedgerCount], system: str) -> str:
    """What an accountant asks first: how much is in the ledger, how much waits, how much is held."""
    parts = []
    for states, where in (
        (SETTLED, f"in {system}"),
        ((HELD,), "held until a person acts"),
        (WAITING, "on their way"),
        (("withdrawn",), "withdrawn"),
    ):
        chosen = [count for count in counts if count.state in states]
        if chosen:
            sums = [str(amount) for amount in _totals(chosen).values()]
            parts.append(f"{sum(count.count for count in chosen)} {where}" + (f" ({', '.join(sums)})" if sums else ""))
    return "; ".join(parts) or "Nothing to post on these days."


def held_table(rows: Sequence[LedgerRow], connection: Connection) -> str:
    """Held postings as a Markdown table, and where they are released. Three columns: the UI shows it in a narrow place."""
    lines = ["| held posting | why | next step |", "| --- | --- | --- |"]
    for row in rows:
        posting = row.posting
        amount = f", {posting.activity_amount}" if posting.activity_amount else ""
        about = f"{posting.key} {dashboard_link(posting.subject, connection)}{amount}"
        why = f"{_cell(row.held_reason)} ({row.held_code})"
        lines.append(f"| {about} | {why} | {_cell(row.held_next_step)} |")
    return "\n".join([*lines, "", f"Mended? [Release them]({RELEASE_PAGE})."])


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


def _is_of(row: LedgerRow, scope: Scope, kinds: Collection[PostingKind]) -> bool:
    return scope.first_day <= row.activity_day <= scope.last_day and row.posting.kind in kinds


def _plotted(counts: Sequence[LedgerCount]) -> dict[str, Any]:
    """Whole numbers, of which Dagster draws a line over the days. Amounts lose their pennies here; `_sums` has them."""
    shown: dict[str, Any] = {}
    for name, states in (
        ("postings settled", SETTLED),
        ("postings held", (HELD,)),
        ("postings waiting", WAITING),
    ):
        shown[name] = sum(count.count for count in counts if count.state in states)
    for currency, amount in _totals([count for count in counts if count.state in SETTLED]).items():
        shown[f"amount settled, whole {currency}"] = amount.minor // 10 ** exponent(currency)
    return shown


def _totals(counts: Sequence[LedgerCount]) -> dict[str, Money]:
    found: dict[str, int] = {}
    for count in counts:
        if count.currency:
            found[count.currency] = found.get(count.currency, 0) + count.sum_minor
    return {currency: Money(minor, currency) for currency, minor in sorted(found.items())}


def _sums(counts: Sequence[LedgerCount]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for row in counts:
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


def _cell(text: str) -> str:
    return _one_line(text).replace("|", "\\|")


def _one_line(text: str) -> str:
    return text.replace("\n", " ")
