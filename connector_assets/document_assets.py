"""Document assets: postings become ERP documents, through the posting protocol and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

from bookkeeping.postings import ERP_KINDS, PAYOUT_KINDS, SALES_KINDS, PostingKind
from connector_assets.asset_shape import AssetShape, day_asset
from connector_assets.continuation import note_how_it_ended
from connector_assets.day_figures import day_by_day
from connector_assets.metadata import document_metadata
from connector_assets.names import key
from connector_resources.connections.model import Connection
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.erp.registry import erp_kind
from connector_resources.runtime import Runtime

DOCUMENT_KINDS = ERP_KINDS | SALES_KINDS
CUSTOMER_KINDS = DOCUMENT_KINDS - PAYOUT_KINDS


@dataclass(frozen=True, slots=True)
class _Documents:
    name: str
    kinds: frozenset[PostingKind]
    upstream: tuple[tuple[str, str], ...]
    description: str


def document_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """`erp/customers`, `erp/documents` and `erp/payout_journals` of one connection."""
    label = erp_kind(connection.erp.kind).traits.label
    documents = _Documents(
        "documents",
        CUSTOMER_KINDS,
        (("postings", "receipts"), ("postings", "refunds"), ("postings", "master_data"), ("erp", "customers")),
        f"Receipts, reversals, refunds and master data as documents in {label}. Each is claimed with its exact bytes "
        "before it is sent, found again by our reference after any interruption, and read back.",
    )
    journals = _Documents(
        "payout_journals",
        DOCUMENT_KINDS,
        (("postings", "payouts"), ("erp", "documents")),
        f"Payouts as journals in {label}, after the receipts they pay out. They wait for the payout proof.",
    )
    return [
        _customers_asset(connection, label),
        _documents_asset(connection, documents),
        _documents_asset(connection, journals),
    ]


def _customers_asset(connection: Connection, label: str) -> dg.AssetsDefinition:
    shape = AssetShape(
        key=key(connection.name, "erp", "customers"),
        deps=(key(connection.name, "gocardless", "customers"),),
        kinds=(connection.erp.kind,),
        description=f"Which {label} customer each GoCardless customer is: by stored link, metadata, e-mail or name, in "
        "that order, never by likeness. What stays open is listed; its postings are held until a person links it.",
        pool=pool_of(connection),
    )

    def link(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        with runtime.erp(connection) as connector:
            report = CustomerDirectory(runtime.store, connection, connector).link_all(runtime.clock())
        context.log.info(report.sentence())
        return dg.MaterializeResult(metadata=report.metadata())

    return day_asset(connection, shape, link)


def _documents_asset(connection: Connection, documents: _Documents) -> dg.AssetsDefinition:
    shape = AssetShape(
        key=key(connection.name, "erp", documents.name),
        deps=tuple(key(connection.name, room, name) for room, name in documents.upstream),
        kinds=(connection.erp.kind,),
        description=documents.description,
        pool=pool_of(connection),
    )

    label = erp_kind(connection.erp.kind).traits.label

    def post(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        calls_before = sum(runtime.counter.by_system.values())
        with runtime.erp(connection) as connector:
            report = runtime.protocol(connection, connector).run(documents.kinds, progress=_progress(context))
        facts = document_metadata(runtime.store, connection, report)
        facts["remote calls"] = sum(runtime.counter.by_system.values()) - calls_before
        facts |= note_how_it_ended(
            context, runtime, connection, documents.name, stopped=report.stopped, retry_after_s=report.retry_after_s
        )
        postings = (documents.kinds, label)
        return dg.MaterializeResult(metadata=day_by_day(context, runtime.store, connection, postings, facts))

    return day_asset(connection, shape, post)


def pool_of(connection: Connection) -> str:
    """One writer per ERP company: assets that write share a concurrency pool."""
    return f"erp_{connection.name}"


def _progress(context: dg.AssetExecutionContext) -> Callable[[int, int], None]:
    def tell(settled: int, total: int) -> None:
        context.log.info(f"{settled} settled, {total} in this pass")

    return tell
