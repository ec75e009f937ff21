"""Everything Dagster needs of one connection, made from its connection file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from connector_assets.checks import asset_checks
from connector_assets.document_assets import document_assets
from connector_assets.names import CONNECTION_TAG, LEDGER_TAG, day_job_name
from connector_assets.partitions import activity_days
from connector_assets.posting_assets import posting_assets
from connector_assets.report_assets import report_assets
from connector_assets.source_assets import source_assets
from connector_resources.connections.model import Connection
from connector_resources.runtime_resource import RuntimeResource


@dataclass(frozen=True, slots=True)
class ConnectionDefinitions:
    """The assets, checks and day job of one connection."""

    connection: Connection
    assets: Sequence[dg.AssetsDefinition]
    checks: Sequence[dg.AssetChecksDefinition]
    job: dg.UnresolvedAssetJobDefinition

    def as_definitions(self) -> dg.Definitions:
        return dg.Definitions(
            assets=list(self.assets),
            asset_checks=list(self.checks),
            jobs=[self.job],
            resources={"runtime": RuntimeResource()},
            executor=dg.in_process_executor,
        )


def connection_definitions(connection: Connection) -> ConnectionDefinitions:
    """From GoCardless's events to ERP documents and reports, partitioned by activity day."""
    assets = [
        *source_assets(connection),
        *posting_assets(connection),
        *document_assets(connection),
        *report_assets(connection),
    ]
    job = dg.define_asset_job(
        day_job_name(connection.name),
        selection=dg.AssetSelection.groups(connection.name),
        partitions_def=activity_days(connection),
        executor_def=dg.in_process_executor,
        description=f"Takes activity days of {connection.name} from GoCardless's events to ERP documents and reports.",
        tags={CONNECTION_TAG: connection.name, LEDGER_TAG: connection.erp.kind},
    )
    return ConnectionDefinitions(connection, assets, asset_checks(connection), job)
