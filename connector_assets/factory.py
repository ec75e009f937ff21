"""Everything Dagster needs of one connection, made from its connection file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from connector_assets.checks import asset_checks
from connector_assets.collection_assets import collection_assets
from connector_assets.connection_job import ConnectionJob, connection_job
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
    day_job: ConnectionJob
    erp_job: ConnectionJob
    month_job: ConnectionJob

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
    ordering = [
        *customer_update_assets(connection),
        *subscription_assets(connection),
        *collection_assets(connection),
    ]
    assets = [
        *source_assets(connection),
        *posting_assets(connection),
        *document_assets(connection),
        *ordering,
        *report_assets(connection),
    ]
    checks = asset_checks(connection)
    tags = {CONNECTION_TAG: connection.name, LEDGER_TAG: connection.erp.kind}
    jobs = (_day_job(connection, tags), _erp_job(connection, tags, ordering), _month_job(connection, tags))
    return ConnectionDefinitions(connection, assets, checks, *jobs)


def _day_job(connection: Connection, tags: Mapping[str, str]) -> ConnectionJob:
    return connection_job(
        day_job_name(connection.name),
        tags,
        dg.AssetSelection.groups(connection.name) - dg.AssetSelection.assets(month_end_key(connection)),
        f"Takes activity days of {connection.name} from GoCardless's events to ERP documents and reports. "
        f"{connection.description}",
    )


def _month_job(connection: Connection, tags: Mapping[str, str]) -> ConnectionJob:
    return connection_job(
        month_job_name(connection.name),
        tags,
        dg.AssetSelection.assets(month_end_key(connection)).without_checks(),
        f"Writes all reports of a month of {connection.name}. {connection.description}",
    )


def _erp_job(connection: Connection, tags: Mapping[str, str], ordering: Sequence[dg.AssetsDefinition]) -> ConnectionJob:
    keys = [key(connection.name, "erp", name) for name in ("customers", "documents", "payout_journals")]
    keys += [asset.key for asset in ordering]
    return connection_job(
        erp_job_name(connection.name),
        tags,
        dg.AssetSelection.assets(*keys).without_checks(),
        f"Reads {connection.name}'s ERP customers, invoices and recurring charges again, links and aligns them, posts what "
        f"waited for them, and collects what is due. {connection.description}",
    )
