"""Every report by its name: what it answers, what it is about, and how it is made and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connector_resources.connections.model import Connection
from connector_resources.reports import clearing, collecting, failures, fees, mandates, reconciliation, work_list
from connector_resources.reports.model import Report
from connector_resources.reports.payout_report import payout_report
from connector_resources.reports.sources import Month
from connector_resources.reports.writing import Files, write_report
from connector_resources.store.store import Store


@dataclass(frozen=True, slots=True)
class ReportKind:
    """One report of a connection. `monthly` ones are about a month, the others about this moment."""

    name: str
    title: str
    question: str
    monthly: bool
    make: Callable[[Store, Connection, Month, datetime], Report]


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report with where it was written."""

    kind: str
    report: Report
    files: Files


def _clearing(store: Store, connection: Connection, month: Month, now: datetime) -> Report:
    """As of today, or of the last day of a month that is over."""
    today = now.astimezone(connection.zone).date()
    return clearing.clearing_report(store, connection, min(month.last_day, today), now)


def _work_list(store: Store, connection: Connection, _month: Month, now: datetime) -> Report:
    return work_list.work_list(store, connection, now)


REPORTS: dict[str, ReportKind] = {
    kind.name: kind
    for kind in (
        ReportKind(
            "reconciliation", reconciliation.TITLE, reconciliation.QUESTION, True, reconciliation.reconciliation_report
        ),
        ReportKind("clearing", clearing.TITLE, clearing.QUESTION, True, _clearing),
        ReportKind("fees", fees.TITLE, fees.QUESTION, True, fees.fee_report),
        ReportKind("failures", failures.TITLE, failures.QUESTION, True, failures.failure_report),
        ReportKind("mandates", mandates.TITLE, mandates.QUESTION, True, mandates.mandate_report),
        ReportKind("collections", collecting.TITLE, collecting.QUESTION, True, collecting.collecting_report),
        ReportKind("work-list", work_list.TITLE, work_list.QUESTION, False, _work_list),
    )
}  # fmt: skip


def write_named(
    store: Store, connection: Connection, name: str, month: Month, directory: Path, now: datetime
) -> WrittenReport:
    """Make the report `name` (a key of `REPORTS`) and write it; an older one of the same period is replaced."""
    kind = REPORTS[name]
    report = kind.make(store, connection, month, now)
    stem = f"{name}-{connection.name}-{month.stem}" if kind.monthly else f"{name}-{connection.name}"
    return WrittenReport(name, report, write_report(report, directory, stem))


def write_payout(store: Store, connection: Connection, payout_id: str, directory: Path, now: datetime) -> WrittenReport:
    """Make the report of one payout and write it. Raises `ConfigurationError` for a payout that was never read."""
    report = payout_report(store, connection, payout_id, now)
    return WrittenReport("payout", report, write_report(report, directory, f"payout-{connection.name}-{payout_id}"))
