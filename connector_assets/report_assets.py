"""The reconciliation report as an asset: HTML and XLSX in the reports directory, linked from the UI."""

from __future__ import annotations

import dagster as dg

from connector_assets.asset_shape import AssetShape, day_asset
from connector_assets.names import key
from connector_assets.partitions import scope_of
from connector_resources.connections.model import Connection
from connector_resources.reports.reconciliation import write_reconciliation
from connector_resources.runtime import Runtime


def report_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """`reports/reconciliation` of one connection."""
    shape = AssetShape(
        key=key(connection.name, "reports", "reconciliation"),
        deps=(
            key(connection.name, "erp", "payout_journals"),
            *([key(connection.name, "gocardless", "collections")] if connection.collections.enabled else []),
        ),
        kinds=("html", "excel"),
        description="Payout by payout: items, fees, VAT, the postings with their ERP documents, what is held and why, and "
        "the clearing account over time. For the month of the last activity day of the run.",
    )

    def write(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        scope = scope_of(context)
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

    return [day_asset(connection, shape, write)]
