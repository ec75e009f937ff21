"""Source assets: what GoCardless recorded on an activity day, kept in the store. Upstream of every posting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta

import dagster as dg

from connector_assets.asset_shape import AssetShape, day_asset
from connector_assets.metadata import read_metadata
from connector_assets.names import key
from connector_assets.partitions import SWEEP_TAG, scope_of
from connector_resources.connections.model import Connection
from connector_resources.gocardless.reading import Reader, ReadReport
from connector_resources.posting.planning import Scope
from connector_resources.runtime import Runtime


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    read: Callable[[Reader, Scope], ReadReport]
    upstream: tuple[str, ...]
    description: str


SOURCES = (
    _Source(
        "events",
        lambda reader, scope: reader.events(scope),
        (),
        "Every event GoCardless recorded on the day: the change feed that all else follows. Webhooks bring most of them; "
        "the event poll and a full read of the day bring the rest. Each is kept once, by its id.",
    ),
    _Source(
        "mandates",
        lambda reader, scope: reader.mandates(scope),
        ("events",),
        "The mandates that the day's events name, in their present state. Statuses flow back to the ERP's customers.",
    ),
    _Source(
        "payments",
        lambda reader, scope: reader.payments(scope),
        ("events",),
        "The payments that the day's events name, with amount and present status. A confirmed payment becomes a cash "
        "receipt; a late failure or chargeback takes it back.",
    ),
    _Source(
        "refunds",
        lambda reader, scope: reader.refunds(scope),
        ("events",),
        "The refunds that the day's events name. A paid refund becomes a credit memo with its outgoing payment.",
    ),
    _Source(
        "subscriptions",
        lambda reader, scope: reader.subscriptions(scope),
        ("events",),
        "The subscriptions that the day's events name. They post nothing themselves; their payments do.",
    ),
    _Source(
        "customers",
        lambda reader, scope: reader.customers(scope),
        ("mandates", "payments"),
        "The customers behind the day's mandates and payments, and those created on the day (GoCardless announces no "
        "customer by event).",
    ),
    _Source(
        "payouts",
        lambda reader, scope: reader.payouts(scope),
        ("events",),
        "The payouts that the day's events name: what GoCardless transferred to the bank, net of its fees.",
    ),
    _Source(
        "payout_items",
        lambda reader, scope: reader.payout_items(scope),
        ("payouts", "payments"),
        "Every line of those payouts: payments, failures, chargebacks, refunds, fees and VAT. GoCardless deletes them "
        "after six months, so they are kept from the first reading.",
    ),
)


def source_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """The GoCardless side of one connection, in the order of the graph."""
    return [_source_asset(connection, source) for source in SOURCES]


def _source_asset(connection: Connection, source: _Source) -> dg.AssetsDefinition:
    shape = AssetShape(
        key=key(connection.name, "gocardless", source.name),
        deps=tuple(key(connection.name, "gocardless", name) for name in source.upstream),
        kinds=("gocardless",),
        description=source.description,
    )

    def read(context: dg.AssetExecutionContext, runtime: Runtime) -> dg.MaterializeResult[None]:
        with runtime.gocardless(connection) as client:
            report = source.read(Reader(runtime.store, client, connection), scope_of(context))
        context.log.info(report.sentence())
        metadata = read_metadata(report, connection)
        if source.name == "events" and SWEEP_TAG in context.run.tags:
            metadata["webhook bodies emptied"] = _empty_old_bodies(connection, runtime)
        return dg.MaterializeResult(metadata=metadata)

    return day_asset(connection, shape, read)


def _empty_old_bodies(connection: Connection, runtime: Runtime) -> int:
    """How many were older than `webhook.keep_bodies_days`. Whole days, so that a sweep that is repeated empties no more."""
    today = runtime.clock().astimezone(connection.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    before = (today - timedelta(days=connection.webhook.keep_bodies_days)).astimezone(UTC)
    return runtime.store.erasure.prune(connection.name, before)
