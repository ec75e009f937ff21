"""Everything Dagster needs of one connection, made from its connection file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from connector_assets.checks import asset_checks
from connector_assets.collection_assets import collection_assets
from connector_assets.customer_update_assets import customer_update_assets
from connector_assets.document_assets import document_assets
from connector_assets.names import CONNECTION_TAG, LEDGER_TAG, day_job_name, erp_job_name, key, month_job_name
from connector_assets.posting_assets import posting_assets
from connector_assets.report_assets import month_end_key, report_assets
from connector_assets.source_assets import source_assets
from connector_assets.subscription_assets import subscription_assets
from connector_resources.connections.model import Connection
from connector_resources.runtime_resource import RUNTIME


@dataclass(frozen=True, slots=True)
class ConnectionDefinitions:
    """The assets, checks and jobs of one connection."""

    connection: Connection
    assets: Sequence[dg.AssetsDefinition]
    checks: Sequence[dg.AssetChecksDefinition]
    day_job: dg.UnresolvedAssetJobDefinition
    erp_job: dg.UnresolvedAssetJobDefinition
    month_job: dg.UnresolvedAssetJobDefinition

    def as_definitions(self) -> dg.Definitions:
        return dg.Definitions(
            assets=list(self.assets),
            asset_checks=list(self.checks),
            jobs=[self.day_job, self.erp_job, self.month_job],
            resources={"runtime": RUNTIME},
            executor=dg.in_process_executor,
        )


def connection_definitions(connection: Connection) -> ConnectionDefinitions:
    """From GoCardless's events to ERP documents and reports, partitioned by activity day."""
    assets = [
        *source_assets(connection),
        *posting_assets(connection),
        *document_assets(connection),
        *customer_update_assets(connection),
        *subscription_assets(connection),
        *collection_assets(connection),
        *report_assets(connection),
    ]
    checks, jobs = asset_checks(connection), (_day_job(connection), _erp_job(connection), _month_job(connection))
    return ConnectionDefinitions(connection, assets, checks, *jobs)


def _day_job(connection: Connection) -> dg.UnresolvedAssetJobDefinition:
    return _job(
        connection,
        day_job_name(connection.name),
        dg.AssetSelection.groups(connection.name) - dg.AssetSelection.assets(month_end_key(connection)),
        f"Takes activity days of {connection.name} from GoCardless's events to ERP documents and reports.",
    )


def _month_job(connection: Connection) -> dg.UnresolvedAssetJobDefinition:
    return _job(
        connection,
        month_job_name(connection.name),
        dg.AssetSelection.assets(month_end_key(connection)).without_checks(),
        f"Writes all reports of a month of {connection.name}.",
    )


def _erp_job(connection: Connection) -> dg.UnresolvedAssetJobDefinition:
    names = ("customers", "documents", "payout_journals")
    keys = [key(connection.name, "erp", name) for name in names]
    ordering = (*customer_update_assets(connection), *subscription_assets(connection), *collection_assets(connection))
    keys += [asset.key for asset in ordering]
    assets = dg.AssetSelection.assets(*keys)
    return _job(
        connection,
        erp_job_name(connection.name),
        assets.without_checks(),
        f"Reads {connection.name}'s ERP customers, invoices and recurring charges again, links and aligns them, posts what "
        "waited for them, and collects what is due.",
    )


def _job(
    connection: Connection, name: str, selection: dg.AssetSelection, description: str
) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=selection,
        executor_def=dg.in_process_executor,
        description=f"{description} {connection.description}".strip(),
        tags={CONNECTION_TAG: connection.name, LEDGER_TAG: connection.erp.kind},
    )
