"""Collections as assets: the ERP's open invoices, and the GoCardless payments they become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from bookkeeping.money import Money, total
from connector_assets.asset_shape import AssetShape, day_asset
from connector_assets.continuation import note_how_it_ended
from connector_assets.document_assets import pool_of
from connector_assets.metadata import SHOWN_ROWS, dashboard_link
from connector_assets.names import key
from connector_assets.partitions import scope_of
from connector_resources.collections.overview import collection_line, why_not
from connector_resources.collections.reading import is_fresh, read_open_invoices
from connector_resources.collections.run import CollectionReport, collect
from connector_resources.connections.model import Connection
from connector_resources.erp.contract import OpenInvoice
from connector_resources.erp.registry import erp_kind
from connector_resources.runtime import Runtime
from connector_resources.store.receivables import Snapshot

INVOICE_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("number", "string", description="The ERP's number of the open item"),
        dg.TableColumn("customer", "string", description="The ERP's customer number"),
        dg.TableColumn("open_minor", "integer", description="What is open, in minor units; negative for credit"),
        dg.TableColumn("currency", "string", description="ISO 4217"),
        dg.TableColumn("due_on", "date", description="When it is due"),
        dg.TableColumn("reopens", "string", description="The invoice that an item of our own journal opened again"),
    ]
)
COLLECTION_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("reference", "string", description="Invoice (or group) and attempt; unique for ever"),
        dg.TableColumn("invoices", "string", description="How much of the payment is for which open item"),
        dg.TableColumn("amount_minor", "integer", description="What is collected, in minor units"),
        dg.TableColumn("currency", "string", description="ISO 4217"),
        dg.TableColumn("state", "string", description="planned, held, in_flight, collected, failed, charged_back …"),
        dg.TableColumn("payment", "string", description="GoCardless id of the payment, once it exists"),
    ]
)


def collection_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """`erp/open_invoices` and `gocardless/collections`, where the connection file asks for collections."""
    if not connection.collections.enabled:
        return []
    return [_open_invoices(connection), _collections(connection)]


def _open_invoices(connection: Connection) -> dg.AssetsDefinition:
    label = erp_kind(connection.erp.kind).traits.label
    shape = AssetShape(
        key=key(connection.name, "erp", "open_invoices"),
        # After the receipts, so that what has been collected is no longer open.
        deps=(key(connection.name, "erp", "documents"),),
        kinds=(connection.erp.kind,),
        description=f"Every open receivable of {label} as it is now, whatever the activity day; what is missing since the "
        "last reading was settled or cancelled there.",
        columns=INVOICE_COLUMNS,
        pool=pool_of(connection),
    )

    def read(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        if scope_of(context).only_new and is_fresh(runtime.store, connection, runtime.clock()):
            context.log.info("read within polling.erp_every_minutes: not read again for an event")
            count = runtime.store.receivables.count_open(connection.name)
            return dg.MaterializeResult(metadata={"open items": count, "read again": False})
        with runtime.erp(connection) as connector:
            snapshot = read_open_invoices(runtime.store, connection.name, connector)
        context.log.info(f"{snapshot.open} open items, {len(snapshot.gone)} gone since the last reading")
        invoices = list(runtime.store.receivables.open(connection.name))
        return dg.MaterializeResult(metadata=_invoice_metadata(connection, snapshot, invoices))

    return day_asset(connection, shape, read)


def _collections(connection: Connection) -> dg.AssetsDefinition:
    upstream = [("erp", "open_invoices"), ("erp", "customers"), ("gocardless", "mandates"), ("gocardless", "payments")]
    if connection.subscriptions.enabled:
        # A charge is followed before its invoices are judged, so that none is collected both ways.
        upstream.append(("gocardless", "subscription_orders"))
    shape = AssetShape(
        key=key(connection.name, "gocardless", "collections"),
        deps=tuple(key(connection.name, room, name) for room, name in upstream),
        kinds=("gocardless",),
        description="Due invoices as GoCardless payments: at most one per invoice at a time, each with its allocation table, "
        "cancelled when the invoice is paid otherwise, tried again by policy. Every other open invoice has a reason.",
        columns=COLLECTION_COLUMNS,
        # The ledger has one writer per connection, whichever system it writes to.
        pool=pool_of(connection),
    )

    def order(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        report = collect(runtime, connection, only_new=scope_of(context).only_new)
        context.log.info(report.sentence())
        ending = note_how_it_ended(
            context,
            runtime,
            connection,
            "collections",
            stopped=report.stopped_because,
            retry_after_s=report.retry_after_s,
        )
        return dg.MaterializeResult(metadata=_collection_metadata(runtime, connection, report) | ending)

    return day_asset(connection, shape, order)


def _invoice_metadata(connection: Connection, snapshot: Snapshot, invoices: Sequence[OpenInvoice]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "open items": snapshot.open,
        "new": snapshot.new,
        "changed": snapshot.changed,
        "gone": len(snapshot.gone),
    }
    for currency in sorted({invoice.open_amount.currency for invoice in invoices}):
        amounts = [i.open_amount for i in invoices if i.open_amount.currency == currency]
        shown[f"open {currency}"] = str(total(amounts, currency))
    shown |= _by_company(connection, "open by company", ((i.customer, i.open_amount) for i in invoices))
    rows = (
        (i.number, i.customer, i.open_amount, i.due_on or "", i.document_type, i.reopens)
        for i in sorted(invoices, key=lambda each: (each.due_on is None, each.due_on, each.number))[:SHOWN_ROWS]
    )
    shown["open invoices"] = _table(("number", "customer", "open", "due", "type", "reopens"), rows)
    return shown


def _collection_metadata(runtime: Runtime, connection: Connection, report: CollectionReport) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ordered": len(report.orders),
        "stopped": len(report.stopped),
        "not collected": len(report.not_eligible),
        "held": len(report.held),
        "requests sent": report.sent,
        "adopted after a look-up": report.adopted,
    }
    for currency in sorted({order.amount.currency for order in report.orders}):
        amounts = [order.amount for order in report.orders if order.amount.currency == currency]
        shown[f"ordered {currency}"] = str(Money(sum(amount.minor for amount in amounts), currency))
    shown |= _by_company(connection, "ordered by company", ((o.customer, o.amount) for o in report.orders))
    for name, text in (("nothing planned because", report.why_nothing), ("stopped because", report.stopped_because)):
        if text:
            shown[name] = text
    rows = runtime.store.collections.newest(connection.name, SHOWN_ROWS)
    shown["collections"] = _table(
        ("reference", "customer", "invoices", "amount", "state", "payment"),
        (
            (
                line.reference,
                line.customer,
                line.invoices,
                line.amount,
                line.state,
                dashboard_link(line.payment, connection),
            )
            for line in (collection_line(row) for row in rows)
        ),
    )
    refused = list(why_not(report.not_eligible))[:SHOWN_ROWS]
    shown["why not collected"] = _table(
        ("invoice", "customer", "open", "due", "why", "next step"),
        ((r.invoice, r.customer, r.open_amount, r.due_on or "", r.reason, r.next_step) for r in refused),
    )
    if report.too_late:
        shown["too late to stop"] = _table(
            ("collection", "why it should stop"), ((stop.standing.reference, stop.reason) for stop in report.too_late)
        )
    if report.set_ups:
        shown["mandate set-ups"] = _table(
            ("customer", "currency", "state", "link"),
            ((row.customer, row.currency, row.state, row.url) for row in report.set_ups[-SHOWN_ROWS:]),
        )
    return shown


def _by_company(connection: Connection, title: str, amounts: Iterable[tuple[str, Money]]) -> dict[str, Any]:
    """How many and how much per company and currency, from (customer, amount); nothing where there is but one company."""
    found: dict[tuple[str, str], list[Money]] = {}
    for customer, amount in amounts:
        if company := connection.company_of(customer):
            found.setdefault((company, amount.currency), []).append(amount)
    rows = ((company, len(own), total(own, currency)) for (company, currency), own in sorted(found.items()))
    return {title: _table(("company", "items", "amount"), rows)} if found else {}


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(str(cell).replace("\n", " ") for cell in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))
