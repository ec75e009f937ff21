"""`/creditors`, `/creditor_bank_accounts`, `/balances`: the merchant, where its money goes and what is held for it."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

import orjson

from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.field_checks import check_known, check_text
from sandbox.gocardless.paging import ListRules, list_records
from sandbox.gocardless.problems import FieldErrors, invalid_filters, invalid_usage, not_found
from sandbox.gocardless.timestamps import stamp

#: Balances are three to five minutes old (gocardless.md section 2).
BALANCE_AGE = timedelta(minutes=4)
_UPDATABLE = (
    "address_line1", "address_line2", "address_line3", "bank_reference_prefix", "city", "country_code", "name",
    "postal_code", "region",
)  # fmt: skip


def index(call: Call) -> Reply:
    return list_records(call, call.world.creditors, ListRules())


def show(call: Call) -> Reply:
    return one("creditors", call.record(call.world.creditors, "creditor"))


def update(call: Call) -> Reply:
    creditor, fields = call.record(call.world.creditors, "creditor"), call.fields("creditors")
    errors = FieldErrors("creditors")
    check_known(errors, fields, _UPDATABLE)
    for name in _UPDATABLE:
        check_text(errors, fields, name)
    errors.refuse_if_any()
    for name in sorted(fields):
        creditor.change(**{name: fields[name]})
        call.world.emit(
            creditor, "creditors", "updated",
            cause="creditor_updated", origin="api", description="The creditor was updated.", property=name,
        )  # fmt: skip
    return one("creditors", creditor)


def bank_accounts(call: Call) -> Reply:
    _refuse_partners(call)
    return list_records(call, call.world.creditor_bank_accounts, ListRules(links=("creditor",), fields=("enabled",)))


def bank_account(call: Call) -> Reply:
    _refuse_partners(call)
    return one("creditor_bank_accounts", call.record(call.world.creditor_bank_accounts, "creditor bank account"))


def _refuse_partners(call: Call) -> None:
    if call.token.app is not None:
        raise invalid_usage(403, "forbidden", "Partner apps cannot see payout bank accounts")


def balances(call: Call) -> Reply:
    """Per currency: confirmed funds after fees, payouts on their way, and payments on their way to the banks."""
    unknown = [name for name in call.query if name not in ("creditor", "limit", "after", "before")]
    if unknown:
        raise invalid_filters(f"unknown filter {unknown[0]!r}")
    identity = call.query.get("creditor")
    if not identity:
        raise invalid_filters("the creditor filter is required")
    world = call.world
    creditor = world.creditors.get(identity)
    if creditor is None:
        raise not_found("creditor", identity)
    sums: dict[tuple[str, str], Decimal] = {}
    for entry in world.settlement.pending:
        if entry.creditor == identity:
            key = (entry.currency, "confirmed_funds")
            sums[key] = sums.get(key, Decimal(0)) + entry.amount
    for payout in world.payouts:
        if payout.links["creditor"] == identity and payout.status == "pending":
            key = (payout.body["currency"], "pending_payouts")
            sums[key] = sums.get(key, Decimal(0)) + payout.body["amount"]
    for payment in world.payments:
        if payment.links["creditor"] == identity and payment.status == "submitted":
            key = (payment.body["currency"], "pending_payments_submitted")
            sums[key] = sums.get(key, Decimal(0)) + payment.body["amount"]
    rows = [
        {
            "amount": int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP)),
            "balance_type": kind,
            "currency": currency,
            "last_updated_at": stamp(world.now() - BALANCE_AGE),
            "links": {"creditor": identity},
        }
        for (currency, kind), amount in sorted(sums.items())
    ]
    meta = {"cursors": {"before": None, "after": None}, "limit": 50}
    return Reply(200, orjson.dumps({"balances": rows, "meta": meta}))


ENDPOINTS = (
    Endpoint("GET", "/creditors", index),
    Endpoint("GET", "/creditors/{identity}", show),
    Endpoint("PUT", "/creditors/{identity}", update),
    Endpoint("GET", "/creditor_bank_accounts", bank_accounts),
    Endpoint("GET", "/creditor_bank_accounts/{identity}", bank_account),
    Endpoint("GET", "/balances", balances, budget="balances"),
)
