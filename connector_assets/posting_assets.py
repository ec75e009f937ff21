"""Posting assets: the journal entries that the rules derive from the day's occurrences, kept in the ledger before any is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

from bookkeeping.postings import PostingKind
from connector_assets.asset_shape import AssetShape, day_asset
from connector_assets.day_figures import day_by_day
from connector_assets.metadata import POSTING_COLUMNS, plan_metadata
from connector_assets.names import key
from connector_assets.partitions import scope_of
from connector_resources.connections.model import Connection
from connector_resources.erp.registry import erp_kind
from connector_resources.posting.planning import Planner, PlanReport, Scope
from connector_resources.runtime import Runtime


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    kinds: tuple[PostingKind, ...]
    plan: Callable[[Planner, Scope], PlanReport]
    upstream: tuple[str, ...]
    description: str


KINDS = (
    _Kind(
        "receipts",
        (PostingKind.RECEIPT, PostingKind.RECEIPT_REVERSAL, PostingKind.SALES_INVOICE),
        lambda planner, scope: planner.plan_payments(scope),
        ("payments", "mandates", "customers"),
        "Cash receipts and their reversals. Confirmed: debit clearing, credit the customer. Late failure or chargeback: "
        "the reverse, so that the invoice is open again. At most one receipt per payment is open at a time.",
    ),
    _Kind(
        "refunds",
        (PostingKind.REFUND, PostingKind.REFUND_REVERSAL),
        lambda planner, scope: planner.plan_refunds(scope),
        ("refunds", "mandates", "customers"),
        "Refunds: a credit memo to the customer and the outgoing payment of it. A bounced refund takes the payment back.",
    ),
    _Kind(
        "master_data",
        (PostingKind.MANDATE_STATUS, PostingKind.CUSTOMER),
        lambda planner, scope: planner.plan_master_data(scope),
        ("mandates", "customers"),
        "What the ERP should know of customers and mandates: links, mandate ids and states. No bookings.",
    ),
    _Kind(
        "payouts",
        (PostingKind.PAYOUT, PostingKind.PAYOUT_REVERSAL, PostingKind.PAYOUT_REPEAT),
        lambda planner, scope: planner.plan_payouts(scope),
        ("payouts", "payout_items"),
        "Payout journals: debit bank with the net, fees and input VAT; credit clearing with every item. Made only when "
        "the items prove the payout to the penny.",
    ),
)


def posting_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """One asset per kind of posting."""
    return [_posting_asset(connection, kind) for kind in KINDS]


def _posting_asset(connection: Connection, kind: _Kind) -> dg.AssetsDefinition:
    shape = AssetShape(
        key=key(connection.name, "postings", kind.name),
        deps=tuple(key(connection.name, "gocardless", name) for name in kind.upstream),
        kinds=("ledger",),
        description=kind.description,
        columns=POSTING_COLUMNS,
    )

    label = erp_kind(connection.erp.kind).traits.label

    def plan(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        scope = scope_of(context)
        report = kind.plan(runtime.planner(connection), scope)
        context.log.info(f"{kind.name}: {report.new_postings} new postings of {report.subjects} looked at")
        facts = plan_metadata(report)
        return dg.MaterializeResult(metadata=day_by_day(context, runtime.store, connection, (kind.kinds, label), facts))

    return day_asset(connection, shape, plan)
