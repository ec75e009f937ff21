"""Reference data: `/tax_rates`, `/currency_exchange_rates`, `/exports` (gocardless.md section 2)."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson

from sandbox.gocardless.calls import Call, Endpoint, Reply, one, plain
from sandbox.gocardless.paging import ListRules, list_records, read_limit
from sandbox.gocardless.problems import invalid_filters, not_found
from sandbox.gocardless.records import Record
from sandbox.gocardless.timestamps import stamp
from sandbox.gocardless.world import World

TAX_RATES: tuple[dict[str, Any], ...] = (
    {
        "id": "GB_VAT_1", "jurisdiction": "GB", "percentage": "20.0", "start_date": "2011-01-04", "end_date": None,
        "type": "VAT",
    },
    {
        "id": "FR_VAT_1", "jurisdiction": "FR", "percentage": "20.0", "start_date": "2014-01-01", "end_date": None,
        "type": "VAT",
    },
)  # fmt: skip


def tax_rates(call: Call) -> Reply:
    for name in call.query:
        if name not in ("jurisdiction", "limit", "after", "before"):
            raise invalid_filters(f"unknown filter {name!r}")
    wanted = call.query.get("jurisdiction")
    return _short_list(call, "tax_rates", [rate for rate in TAX_RATES if wanted in (None, rate["jurisdiction"])])


def tax_rate(call: Call) -> Reply:
    for rate in TAX_RATES:
        if rate["id"] == call.identity:
            return plain("tax_rates", rate)
    raise not_found("tax rate", call.identity)


def exchange_rates(call: Call) -> Reply:
    source, target = call.query.get("source"), call.query.get("target")
    rows = [
        {"rate": f"{rate:.10f}", "source": of, "target": into, "time": stamp(call.world.now())}
        for (of, into), rate in sorted(call.world.exchange_rates.items())
        if source in (None, of) and target in (None, into)
    ]
    return _short_list(call, "currency_exchange_rates", rows)


def _short_list(call: Call, name: str, rows: list[dict[str, Any]]) -> Reply:
    meta = {"cursors": {"before": None, "after": None}, "limit": read_limit(call.query)}
    return Reply(200, orjson.dumps({name: rows, "meta": meta}))


def add_payout_export(world: World, payout: Record, base_url: str) -> Record:
    """The report `payout_transactions_reconciliation` of one payout, as GoCardless makes it for Embed merchants."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("payouts.id", "transactions.type", "transactions.amount", "payments.id", "refunds.id"))
    for item in world.payout_desk.items[payout.id]:
        entry = item.entry
        writer.writerow((payout.id, entry.type, item.body["amount"], entry.payment or "", entry.refund or ""))
    now, identity = stamp(world.now()), world.ids.new("exports")
    body = {
        "id": identity, "created_at": now, "currency": payout.body["currency"],
        "download_url": f"{base_url}/export_files/{identity}", "error_message": None,
        "export_type": "payout_transactions_reconciliation",
    }  # fmt: skip
    export = world.exports.add(Record(identity, now, body, hidden={"csv": text.getvalue()}))
    world.emit(
        export,
        "exports",
        "completed",
        cause="export_completed",
        origin="gocardless",
        description="The export is ready.",
    )
    return export


def exports(call: Call) -> Reply:
    return list_records(call, call.world.exports, ListRules())


def export(call: Call) -> Reply:
    return one("exports", call.record(call.world.exports, "export"))


def export_file(call: Call) -> Reply:
    found = call.record(call.world.exports, "export")
    return Reply(200, found.hidden["csv"].encode(), content_type="text/csv")


ENDPOINTS = (
    Endpoint("GET", "/tax_rates", tax_rates),
    Endpoint("GET", "/tax_rates/{identity}", tax_rate),
    Endpoint("GET", "/currency_exchange_rates", exchange_rates),
    Endpoint("GET", "/exports", exports),
    Endpoint("GET", "/exports/{identity}", export),
    Endpoint("GET", "/export_files/{identity}", export_file, open=True),
)
