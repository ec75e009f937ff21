"""What the demo did, per connection: for the terminal and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from connector.demo.judge import Difference
from connector_resources.connections.model import Connection
from connector_resources.posting.planning import Scope
from connector_resources.proofs.proofs import nothing_missed, payouts_proven
from connector_resources.reports.reconciliation import write_reconciliation
from connector_resources.runtime import Runtime
from sandbox.business.plan import MONTH_END, MONTH_START

STATES = ("posted", "delivered", "held", "pending")


@dataclass(slots=True)
class Outcome:
    """One connection's result. `differences` come from the stand-in's books, the rest from the store.

    created  payments at GoCardless that the merchant did not make itself, by GoCardless's own books
    doubled  invoices that two of them were to pay at one moment
    """

    name: str
    erp: str
    payments: int = 0
    postings: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[tuple[str, str]] = field(default_factory=Counter)
    proven: int = 0
    unproven: int = 0
    missed: int = 0
    held: list[tuple[str, str]] = field(default_factory=list)
    created: int = 0
    doubled: list[str] = field(default_factory=list)
    remote_calls: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    trail_verified: bool = False
    report: Path | None = None

    @property
    def good(self) -> bool:
        unfinished = self.postings["pending"] or self.missed or self.unproven or self.doubled
        return not unfinished and not self.differences and self.trail_verified

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "erp": self.erp,
            "postings": {state: self.postings[state] for state in STATES},
            "payouts": {"proven": self.proven, "unproven": self.unproven},
            "collections": {"created": self.created, "doubled": len(self.doubled)},
            "remote_calls": self.remote_calls,
            "books_differ": bool(self.differences),
            "trail_verified": self.trail_verified,
        }


def gather_outcome(
    runtime: Runtime, connection: Connection, differences: list[Difference], remote_calls: dict[str, int]
) -> Outcome:
    """Everything the store knows of the month, with the judge's differences. Writes the reconciliation report."""
    store, name = runtime.store, connection.name
    scope = Scope(connection.books.cut_over, MONTH_END, only_new=False)
    outcome = Outcome(name, connection.erp.kind, differences=differences, remote_calls=remote_calls)
    outcome.payments = store.entities.count(name, "payments")
    for row in store.ledger.counts(name):
        state = "pending" if row.state == "claimed" else row.state
        outcome.postings[state] += row.count
        outcome.by_kind[(row.kind, state)] += row.count
    proof = payouts_proven(runtime, connection, scope)
    outcome.unproven = len({finding.subject for finding in proof.rows})
    outcome.proven = proof.checked - outcome.unproven
    outcome.missed = len(nothing_missed(runtime, connection, scope).rows)
    outcome.held = [(f"{r.posting.kind} {r.posting.subject}", r.held_reason or "") for r in store.ledger.held(name)]
    outcome.trail_verified = store.trail.verify(name).ok
    reports = runtime.settings.reports_dir
    outcome.report = write_reconciliation(store, connection, MONTH_START, reports, runtime.clock()).html
    return outcome


def write_summary(outcomes: list[Outcome], path: Path) -> None:
    text = json.dumps({"connections": [outcome.as_json() for outcome in outcomes]}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def show(outcome: Outcome, console: Console) -> None:
    """The table of one connection."""
    table = Table(title=f"{outcome.name} → {outcome.erp}", title_justify="left", show_header=False)
    table.add_row("payments", str(outcome.payments))
    for (kind, state), count in sorted(outcome.by_kind.items()):
        table.add_row(f"{kind.replace('_', ' ')} {state}", str(count))
    table.add_row("payouts proven", f"{outcome.proven} of {outcome.proven + outcome.unproven}")
    table.add_row("events without a decision", str(outcome.missed))
    if outcome.created:
        twice = f"[red]{', '.join(outcome.doubled)}[/]" if outcome.doubled else "none"
        table.add_row("collections ordered", str(outcome.created))
        table.add_row("invoices collected twice", twice)
    for subject, reason in outcome.held:
        table.add_row(f"held: {subject}", reason)
    for system, calls in sorted(outcome.remote_calls.items()):
        table.add_row(f"calls to {system}", str(calls))
    table.add_row("trail", "verified" if outcome.trail_verified else "[red]broken[/]")
    verdict = "[green]equal the expected books[/]" if not outcome.differences else "[red]differ[/]"
    table.add_row("the ledger's own books", verdict)
    for difference in outcome.differences[:20]:
        table.add_row(f"[red]{difference.what}[/]", f"expected {difference.expected}, found {difference.found}")
    table.add_row("report", str(outcome.report))
    console.print(table)
