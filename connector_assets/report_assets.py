"""Reports as assets: each morning's and the month's so far by activity day, and all of a month by month.

HTML and XLSX are written to the reports directory; the metadata says where they are and what stands at their top.
"""

# No `from __future__ import annotations`: Dagster reads the type of `context` when the function is decorated.
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from connector_assets.asset_shape import AssetShape, day_asset
from connector_assets.names import key
from connector_assets.partitions import scope_of
from connector_resources.connections.model import Connection
from connector_resources.posting.planning import Scope
from connector_resources.proofs.clearing import MOST_PAYMENTS_AT_ONCE
from connector_resources.reports.catalogue import REPORTS, WrittenReport, write_named
from connector_resources.reports.model import Amount, Cell, Ref, Share, State
from connector_resources.reports.reconciliation import write_reconciliation
from connector_resources.reports.sources import Month
from connector_resources.runtime import Runtime

#: what an accountant looks at before the day begins.
MORNING = ("work-list", "clearing")


def report_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """`reports/reconciliation` and `reports/morning` by activity day, `reports/month_end` by month."""
    return [_reconciliation(connection), _morning(connection), _month_end(connection)]


def month_end_key(connection: Connection) -> dg.AssetKey:
    """The only asset of a connection that is partitioned by month."""
    return key(connection.name, "reports", "month_end")


def months(connection: Connection) -> dg.MonthlyPartitionsDefinition:
    """One partition per month from that of the cut-over to the present one, in the connection's time zone."""
    first = connection.books.cut_over.replace(day=1)
    return dg.MonthlyPartitionsDefinition(
        start_date=first.isoformat(), timezone=connection.books.time_zone, end_offset=1
    )


def _reconciliation(connection: Connection) -> dg.AssetsDefinition:
    shape = AssetShape(
        key=key(connection.name, "reports", "reconciliation"),
        deps=_after_posting(connection),
        kinds=("html", "excel"),
        description="From the opening to the closing clearing balance, and payout by payout: items, fees, VAT, the postings "
        "with their ERP documents, what is held and why. For the month of the last activity day of the run.",
    )

    def write(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        scope = scope_of(context)
        if _is_left_to_the_night(runtime, connection, scope):
            return _left_to_the_night()
        first = scope.last_day.replace(day=1)
        written = write_reconciliation(runtime.store, connection, first, runtime.settings.reports_dir, runtime.clock())
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.path(str(written.html)),
                "workbook": dg.MetadataValue.path(str(written.xlsx)),
                "payouts": written.payouts,
                "proven": written.proven,
                "held": written.held,
            }
        )

    return day_asset(connection, shape, write)


def _morning(connection: Connection) -> dg.AssetsDefinition:
    shape = AssetShape(
        key=key(connection.name, "reports", "morning"),
        deps=_after_posting(connection),
        kinds=("html", "excel"),
        description="The work list (what waits for a person, why, since when, and the next step) and the ageing of the "
        "clearing account (why is it not zero?), both as of now.",
    )

    def write(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        scope = scope_of(context)
        if _is_left_to_the_night(runtime, connection, scope):
            return _left_to_the_night()
        return _materialised(_write(runtime, connection, MORNING, Month.of(scope.last_day)))

    return day_asset(connection, shape, write)


def _month_end(connection: Connection) -> dg.AssetsDefinition:
    """All reports of a month. Written by a schedule on the 1st; the present month may be asked for at any time."""

    kinds = [kind for kind in REPORTS.values() if kind.monthly]
    shape = AssetShape(
        key=month_end_key(connection),
        deps=_after_posting(connection),
        kinds=("html", "excel"),
        description=f"All reports of a month: {', '.join(kind.title.lower() for kind in kinds)}.",
        partitions=months(connection),
    )

    def write(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        written: list[WrittenReport] = []
        for first_day in context.partition_keys:
            month = Month(date.fromisoformat(first_day))
            written = _write(runtime, connection, [kind.name for kind in kinds], month)
        return _materialised(written)

    return day_asset(connection, shape, write)


def _after_posting(connection: Connection) -> tuple[dg.AssetKey, ...]:
    collections = [key(connection.name, "gocardless", "collections")] if connection.collections.enabled else []
    return (key(connection.name, "erp", "payout_journals"), *collections)


def _is_left_to_the_night(runtime: Runtime, connection: Connection, scope: Scope) -> bool:
    """Reports look at every payment ever read; a run for new events writes them only while those are few."""
    return scope.only_new and runtime.store.entities.count(connection.name, "payments") > MOST_PAYMENTS_AT_ONCE


def _left_to_the_night() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"report": "written by the nightly sweep, or by materialising this day"})


def _write(runtime: Runtime, connection: Connection, names: Sequence[str], month: Month) -> list[WrittenReport]:
    directory, now = runtime.settings.reports_dir, runtime.clock()
    return [write_named(runtime.store, connection, name, month, directory, now) for name in names]


def _materialised(written: Sequence[WrittenReport]) -> dg.MaterializeResult[None]:
    """Paths of everything written, and the headline figures: numbers as numbers, of which the UI draws a line over time."""
    metadata: dict[str, Any] = {}
    for each in written:
        metadata[each.kind] = dg.MetadataValue.path(str(each.files.html))
        metadata[f"{each.kind} workbook"] = dg.MetadataValue.path(str(each.files.xlsx))
        for fact in each.report.facts:
            metadata[f"{each.kind}: {_label(fact.label, fact.value)}"] = _shown(fact.value)
    return dg.MaterializeResult(metadata=metadata)


def _label(label: str, value: Cell) -> str:
    return f"{label} {value.currency}" if isinstance(value, Amount) else label


def _shown(value: Cell) -> Any:
    match value:
        case Amount():
            return f"{value.major} {value.currency}"
        case Share():
            return str(value.value)
        case State():
            return value.word
        case Ref():
            return value.text
        case int():
            return value
        case _:
            return str(value)
