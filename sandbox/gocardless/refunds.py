"""`/refunds`: give money back, of a payment or against a mandate (gocardless.md section 2.3)."""

from __future__ import annotations

from typing import Any

from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.field_checks import check_amount, check_known, check_metadata, check_reference, read_links
from sandbox.gocardless.paging import ListRules, find_page, render
from sandbox.gocardless.problems import FieldErrors, invalid_filters, invalid_state, invalid_usage
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import scheme_of

MAX_REFUNDS = 5
_CREATE_FIELDS = ("amount", "links", "metadata", "reference", "total_amount_confirmation")
_LIST = ListRules(
    links=("payment", "mandate"), matches={"refund_type": lambda _r, _v: True}, exclusive=(("payment", "mandate"),)
)


def check(call: Call) -> Reply:
    """Everything that `create` refuses, without creating: run before the key where a world wants that order."""
    _checked(call)
    return Reply(200, b"")


def create(call: Call) -> Reply:
    fields, source = _checked(call)
    of_payment = source.id in call.world.payments
    refund = call.world.builder.refund(
        fields["amount"], payment=source if of_payment else None, mandate=None if of_payment else source,
        reference=fields.get("reference"), metadata=fields.get("metadata"),
    )  # fmt: skip
    return one("refunds", refund, 201)


def _checked(call: Call) -> tuple[dict[str, Any], Record]:
    fields = call.fields("refunds")
    source = _source(call, read_links(fields))
    of_payment, scheme = source.id in call.world.payments, scheme_of(str(source.body["scheme"]))
    errors = FieldErrors("refunds")
    check_known(errors, fields, _CREATE_FIELDS)
    check_amount(errors, fields)
    check_metadata(errors, fields)
    check_reference(errors, fields.get("reference"), scheme)
    if of_payment:
        check_amount(errors, fields, "total_amount_confirmation")
    errors.refuse_if_any()
    creditor = call.world.creditors.get(str(source.links["creditor"]))
    if creditor is None or not creditor.body["can_create_refunds"]:
        raise invalid_usage(403, "feature_disabled", "Refunds are not enabled for your account")
    if of_payment:
        _check_payment(call, source, fields)
    balance = call.world.settlement.balance(creditor.id, scheme.currency)
    if fields["amount"] > balance + call.world.settings.negative_balance_limit_minor:
        raise invalid_state("available_refund_amount_insufficient", "Your balance is too low for this refund")
    return fields, source


def _source(call: Call, links: dict[str, Any]) -> Record:
    """The payment or mandate to refund. Raises 400 without a link, 404 for an unknown one."""
    for name, collection in (("payment", call.world.payments), ("mandate", call.world.mandates)):
        if name in links:
            source = collection.get(links[name])
            if source is None:
                raise invalid_usage(404, "link_not_found", f"{name} {links[name]} not found")
            return source
    raise invalid_usage(400, "invalid_type", "A refund needs links.payment or links.mandate")


def _check_payment(call: Call, payment: Record, fields: dict[str, Any]) -> None:
    if payment.status not in ("confirmed", "paid_out"):
        raise invalid_state("refund_payment_invalid_state", "Only confirmed or paid out payments can be refunded")
    if len(call.world.refunds.with_link("payment", payment.id)) >= MAX_REFUNDS:
        raise invalid_state("number_of_refunds_exceeded", f"A payment can be refunded {MAX_REFUNDS} times")
    total = payment.body["amount_refunded"] + fields["amount"]
    if fields["total_amount_confirmation"] != total:
        message = f"The total refunded would be {total}, which differs from your confirmation"
        raise invalid_state("total_amount_confirmation_invalid", message)
    if total > payment.body["amount"]:
        raise invalid_state("available_refund_amount_insufficient", "The refunds would exceed the payment")


def index(call: Call) -> Reply:
    """Refunds of payments, unless `refund_type=mandate` asks for the others."""
    kind = call.query.get("refund_type", "mandate" if "mandate" in call.query else "payment")
    if kind not in ("payment", "mandate"):
        raise invalid_filters("refund_type is payment or mandate")
    return render("refunds", *find_page(call, call.world.refunds, _LIST, lambda refund: kind in refund.links))


def show(call: Call) -> Reply:
    return one("refunds", call.record(call.world.refunds, "refund"))


def update(call: Call) -> Reply:
    refund, fields = call.record(call.world.refunds, "refund"), call.fields("refunds")
    errors = FieldErrors("refunds")
    check_known(errors, fields, ("metadata",))
    check_metadata(errors, fields)
    errors.refuse_if_any()
    refund.change(metadata=dict(fields.get("metadata") or {}))
    return one("refunds", refund)


ENDPOINTS = (
    Endpoint("POST", "/refunds", create, idempotent=True, checked_before_key=check),
    Endpoint("GET", "/refunds", index),
    Endpoint("GET", "/refunds/{identity}", show),
    Endpoint("PUT", "/refunds/{identity}", update),
)
