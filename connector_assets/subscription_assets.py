"""Subscriptions as assets: the ERP's recurring charges, and what is asked of GoCardless so that subscriptions follow them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from bookkeeping.recurring_charges import RecurringCharge
from connector_assets.asset_shape import AssetShape, day_asset
from connector_assets.continuation import note_how_it_ended
from connector_assets.document_assets import pool_of
from connector_assets.metadata import SHOWN_ROWS, dashboard_link
from connector_assets.names import key
from connector_assets.partitions import scope_of
from connector_resources.connections.model import Connection
from connector_resources.erp.registry import erp_kind
from connector_resources.runtime import Runtime
from connector_resources.store.recurring_charges import ChargeSnapshot
from connector_resources.subscriptions.overview import steps, why_not
from connector_resources.subscriptions.reading import is_fresh, read_recurring_charges
from connector_resources.subscriptions.run import SubscriptionReport, subscribe

CHARGE_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("number", "string", description="The ERP's number of the recurring charge"),
        dg.TableColumn("customer", "string", description="The ERP's customer number"),
        dg.TableColumn("amount_minor", "integer", description="What one occurrence charges, tax included, minor units"),
        dg.TableColumn("currency", "string", description="ISO 4217"),
        dg.TableColumn("interval", "string", description="How often, in weeks, months or years"),
        dg.TableColumn("starts_on", "date", description="When it begins"),
        dg.TableColumn("active", "boolean", description="Whether the ERP still bills it"),
    ]
)
SUBSCRIPTION_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("reference", "string", description="Recurring charge and count; unique for ever"),
        dg.TableColumn("amount_minor", "integer", description="What each payment takes, in minor units"),
        dg.TableColumn("currency", "string", description="ISO 4217"),
        dg.TableColumn("state", "string", description="planned, held, active, paused, finished, cancelled, withdrawn"),
        dg.TableColumn("subscription", "string", description="GoCardless id, once it exists"),
    ]
)


def subscription_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """`erp/recurring_charges` and `gocardless/subscription_orders`, where the connection file asks for subscriptions."""
    if not connection.subscriptions.enabled:
        return []
    return [_recurring_charges(connection), _subscription_orders(connection)]


def _recurring_charges(connection: Connection) -> dg.AssetsDefinition:
    label = erp_kind(connection.erp.kind).traits.label
    shape = AssetShape(
        key=key(connection.name, "erp", "recurring_charges"),
        deps=(key(connection.name, "erp", "documents"),),
        kinds=(connection.erp.kind,),
        description=f"Every recurring charge of {label} as it is now, whatever the activity day.",
        columns=CHARGE_COLUMNS,
        pool=pool_of(connection),
    )

    def read(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        if scope_of(context).only_new and is_fresh(runtime.store, connection, runtime.clock()):
            context.log.info("read within polling.erp_every_minutes: not read again for an event")
            count = len(runtime.store.recurring_charges.all(connection.name))
            return dg.MaterializeResult(metadata={"recurring charges": count, "read again": False})
        with runtime.erp(connection) as connector:
            snapshot = read_recurring_charges(runtime.store, connection.name, connector)
        context.log.info(f"{snapshot.charges} recurring charges, {len(snapshot.gone)} gone since the last reading")
        charges = runtime.store.recurring_charges.all(connection.name)
        return dg.MaterializeResult(metadata=_charge_metadata(snapshot, charges))

    return day_asset(connection, shape, read)


def _subscription_orders(connection: Connection) -> dg.AssetsDefinition:
    upstream = (
        ("erp", "recurring_charges"),
        ("erp", "customers"),
        ("gocardless", "mandates"),
        ("gocardless", "subscriptions"),
    )
    shape = AssetShape(
        key=key(connection.name, "gocardless", "subscription_orders"),
        deps=tuple(key(connection.name, room, name) for room, name in upstream),
        kinds=("gocardless",),
        description="Recurring charges as GoCardless subscriptions: one at a time each, made, amended, paused, resumed and "
        "cancelled as the charge says. Every charge that is not followed has a reason.",
        columns=SUBSCRIPTION_COLUMNS,
        # The ledger has one writer per connection, whichever system it writes to.
        pool=pool_of(connection),
    )

    def order(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        report = subscribe(runtime, connection, only_new=scope_of(context).only_new)
        context.log.info(report.sentence())
        ending = note_how_it_ended(
            context,
            runtime,
            connection,
            "subscription_orders",
            stopped=report.stopped_because,
            retry_after_s=report.retry_after_s,
        )
        return dg.MaterializeResult(metadata=_subscription_metadata(runtime, connection, report) | ending)

    return day_asset(connection, shape, order)


def _charge_metadata(snapshot: ChargeSnapshot, charges: Sequence[RecurringCharge]) -> dict[str, Any]:
    rows = (
        (c.number, c.customer, c.amount, f"every {c.interval} {c.interval_unit}", c.starts_on, c.active)
        for c in charges[:SHOWN_ROWS]
    )
    return {
        "recurring charges": snapshot.charges,
        "new": snapshot.new,
        "changed": snapshot.changed,
        "gone": len(snapshot.gone),
        "charges": _table(("number", "customer", "amount", "interval", "starts", "active"), rows),
    }


def _subscription_metadata(runtime: Runtime, connection: Connection, report: SubscriptionReport) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ordered": len(report.created),
        "changes": len(report.changes),
        "taken back unsent": len(report.dropped),
        "held": len(report.held),
        "requests sent": report.sent,
        "adopted after a look-up": report.adopted,
    }
    for name, text in (("nothing planned because", report.why_nothing), ("stopped because", report.stopped_because)):
        if text:
            shown[name] = text
    asked = steps(report.created, report.changes, report.dropped)[:SHOWN_ROWS]
    shown["asked of GoCardless"] = _table(
        ("what", "charge", "subscription", "amount", "starts", "why"),
        ((s.what, s.charge, s.subscription, s.amount, s.start_on or "", s.why) for s in asked),
    )
    rows = sorted(runtime.store.subscriptions.all(connection.name), key=lambda row: row.changed_at, reverse=True)
    shown["subscriptions"] = _table(
        ("reference", "customer", "amount", "state", "subscription"),
        (
            (row.reference, row.customer, row.amount, row.state, dashboard_link(row.subscription_id, connection))
            for row in rows[:SHOWN_ROWS]
        ),
    )
    refused = list(why_not(report.left))[:SHOWN_ROWS]
    shown["why not followed"] = _table(
        ("charge", "why", "next step"), ((each.charge, each.reason, each.next_step) for each in refused)
    )
    return shown


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(str(cell).replace("\n", " ") for cell in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))
