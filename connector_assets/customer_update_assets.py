"""What GoCardless is told of its customers, through the posting protocol like every other write."""

from __future__ import annotations

import dagster as dg

from connector_assets.asset_shape import AssetShape, day_asset
from connector_assets.day_figures import day_by_day
from connector_assets.document_assets import pool_of
from connector_assets.metadata import document_metadata
from connector_assets.names import key
from connector_resources.connections.model import Connection
from connector_resources.customers.registration import KINDS, update_customers
from connector_resources.erp.registry import erp_kind
from connector_resources.runtime import Runtime

WHAT = {
    "number": "the number each customer has in {label}, in the metadata",
    "details": "the number each customer has in {label}, in the metadata, and what changed there of name, e-mail and address",
}


def customer_update_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """`gocardless/customer_updates`, where the connection file asks for it (`customers.to_gocardless`, `register_new`)."""
    told, registers = connection.customers.to_gocardless, connection.customers.register_new
    if told == "off" and not registers:
        return []
    label = erp_kind(connection.erp.kind).traits.label
    news = [f"of customers that only {label} knows"] if registers else []
    what = " and ".join([*news, *([WHAT[told].format(label=label)] if told != "off" else [])])
    shape = AssetShape(
        key=key(connection.name, "gocardless", "customer_updates"),
        deps=(key(connection.name, "erp", "customers"),),
        kinds=("gocardless",),
        description=f"Tells GoCardless {what}. Other metadata is kept; what came from GoCardless is not sent back.",
        # The ledger has one writer per connection, whichever system it writes to.
        pool=pool_of(connection),
    )

    def post(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        calls_before = sum(runtime.counter.by_system.values())
        report = update_customers(runtime, connection)
        facts = document_metadata(runtime.store, connection, report)
        facts["remote calls"] = sum(runtime.counter.by_system.values()) - calls_before
        postings = (KINDS, "GoCardless")
        return dg.MaterializeResult(metadata=day_by_day(context, runtime.store, connection, postings, facts))

    return [day_asset(connection, shape, post)]
