"""`/scenario_simulators/:id/actions/run`: the official sandbox levers with their start states (gocardless.md
section 10.3).
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.gocardless.billing_requests import authorise_and_fulfil
from sandbox.gocardless.calls import Call, Endpoint, Reply, plain
from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.problems import invalid_state, invalid_usage, not_found
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import scheme_of
from sandbox.gocardless.settlement import Entry
from sandbox.gocardless.world import World

Simulator = Callable[[World, Record], None]


def run(call: Call) -> Reply:
    simulator = SIMULATORS.get(call.identity)
    if simulator is None:
        raise not_found("scenario simulator", call.identity)
    collection_name, action = simulator
    links = call.action_data().get("links")
    identity = links.get("resource") if isinstance(links, dict) else None
    if not identity:
        raise invalid_usage(400, "invalid_type", "links.resource is required")
    record = call.world.collection(collection_name).get(str(identity))
    if record is None:
        raise invalid_usage(404, "link_not_found", f"{identity} is not one of your {collection_name}")
    try:
        action(call.world, record)
    except IllegalStep as problem:
        raise invalid_state("simulation_failed", str(problem)) from problem
    return plain("scenario_simulators", {"id": call.identity})


def _submitted(world: World, payment: Record) -> None:
    _require(payment, "pending_submission")
    mandate = world.mandates.known(str(payment.links.get("mandate", "")))
    with_payment = scheme_of(str(payment.body["scheme"])).mandate_with_payment
    if mandate is not None and mandate.status != "active" and not with_payment:
        raise IllegalStep(f"mandate {mandate.id} is {mandate.status}, not active")
    world.payment_states.submit(payment)


def _confirmed(world: World, payment: Record) -> None:
    _submitted(world, payment)
    world.payment_states.confirm(payment)


def _failed(world: World, payment: Record) -> None:
    _submitted(world, payment)
    world.payment_states.fail(payment)


def _paid_out(world: World, payment: Record) -> None:
    _confirmed(world, payment)
    _settle(world, payment)


def _settle(world: World, payment: Record) -> None:
    _payout_of(world, payment, lambda entry: entry.payment == payment.id)


def _payout_of(world: World, subject: Record, chosen: Callable[[Entry], bool]) -> None:
    """A payout of the chosen entries; when they are a debit, together with everything else that is held."""
    entries = [entry for entry in world.settlement.pending if chosen(entry)]
    if not entries:
        raise IllegalStep(f"nothing is held for {subject.id}")
    creditor, currency = entries[0].creditor, entries[0].currency
    payouts = world.payout_desk.build(creditor, currency, chosen)
    payouts = payouts or world.payout_desk.build(creditor, currency, lambda _entry: True)
    if not payouts:
        raise IllegalStep("the balance is negative, so there is no payout to settle it in")
    for payout in payouts:
        world.payout_desk.pay(payout)


def _charged_back(world: World, payment: Record) -> None:
    _paid_out(world, payment)
    world.payment_states.charge_back(payment)


def _chargeback_settled(world: World, payment: Record) -> None:
    _charged_back(world, payment)
    _settle(world, payment)


def _late_failure(world: World, payment: Record) -> None:
    if payment.body["scheme"] == "autogiro":
        raise IllegalStep("late failures do not exist on Autogiro")
    if payment.status != "paid_out":
        _confirmed(world, payment)
    world.payment_states.fail(payment)


def _late_failure_settled(world: World, payment: Record) -> None:
    if payment.status != "paid_out":
        _paid_out(world, payment)
    _late_failure(world, payment)
    _settle(world, payment)


def _mandate_activated(world: World, mandate: Record) -> None:
    _refuse_first_payment_schemes(mandate)
    _require(mandate, "pending_submission")
    world.mandate_states.submit(mandate)
    world.mandate_states.activate(mandate)


def _mandate_failed(world: World, mandate: Record) -> None:
    if mandate.body["scheme"] == "sepa_core":
        raise IllegalStep("SEPA mandates are submitted with their first payment")
    if mandate.status == "pending_submission":
        world.mandate_states.submit(mandate)
    world.mandate_states.fail(mandate)


def _mandate_expired(world: World, mandate: Record) -> None:
    _require(mandate, "pending_submission")
    world.mandate_states.submit(mandate)
    world.mandate_states.activate(mandate)
    world.mandate_states.expire(mandate)


def _mandate_transferred(world: World, mandate: Record) -> None:
    _transfer(world, mandate, ("bacs", "sepa_core"), resubmit=False)


def _mandate_resubmitted(world: World, mandate: Record) -> None:
    _transfer(world, mandate, ("bacs",), resubmit=True)


def _transfer(world: World, mandate: Record, schemes: tuple[str, ...], resubmit: bool) -> None:
    _require(mandate, "pending_submission")
    if mandate.body["scheme"] not in schemes:
        raise IllegalStep(f"mandates of {mandate.body['scheme']} cannot be transferred")
    world.mandate_states.submit(mandate)
    world.mandate_states.activate(mandate)
    world.mandate_states.transfer(mandate, resubmit)


def _suspended(world: World, mandate: Record) -> None:
    if mandate.body["scheme"] != "pay_to":
        raise IllegalStep("only PayTo mandates can be suspended by the payer")
    world.mandate_states.suspend(mandate)


def _approved(world: World, mandate: Record) -> None:
    world.mandate_states.approve(mandate)


def _approval_skipped(world: World, mandate: Record) -> None:
    world.mandate_states.approve(mandate, skipped=True)


def _refund_paid(world: World, refund: Record) -> None:
    world.refund_states.pay(refund)


def _refund_settled(world: World, refund: Record) -> None:
    if refund.status != "paid":
        world.refund_states.pay(refund)
    _payout_of(world, refund, lambda entry: entry.refund == refund.id)


def _refund_bounced(world: World, refund: Record) -> None:
    world.refund_states.bounce(refund)


def _refund_returned(world: World, refund: Record) -> None:
    world.refund_states.bounce(refund)
    _payout_of(world, refund, lambda entry: entry.refund == refund.id)


def _payout_bounced(world: World, payout: Record) -> None:
    world.payout_desk.bounce(payout)


def _verification(status: str) -> Simulator:
    def simulate(world: World, creditor: Record) -> None:
        creditor.change(verification_status=status)
        world.emit(
            creditor, "creditors", "updated", cause="creditor_updated", origin="gocardless",
            description="The creditor was updated.", property="verification_status",
        )  # fmt: skip

    return simulate


def _fulfilled(then: Simulator | None) -> Simulator:
    def simulate(world: World, request: Record) -> None:
        payment = authorise_and_fulfil(world, request)
        if then is not None:
            then(world, payment)

    return simulate


def _confirmed_to_failed(world: World, payment: Record) -> None:
    _confirmed(world, payment)
    world.payment_states.fail(payment)


def _refuse_first_payment_schemes(mandate: Record) -> None:
    if scheme_of(str(mandate.body["scheme"])).mandate_with_payment:
        raise IllegalStep(f"mandates of {mandate.body['scheme']} are activated with their first payment")


def _require(record: Record, status: str) -> None:
    if record.status != status:
        raise IllegalStep(f"{record.id} is {record.status}, not {status}")


#: name -> (resource type, what it does)
SIMULATORS: dict[str, tuple[str, Simulator]] = {
    "creditor_verification_status_action_required": ("creditors", _verification("action_required")),
    "creditor_verification_status_in_review": ("creditors", _verification("in_review")),
    "creditor_verification_status_successful": ("creditors", _verification("successful")),
    "payment_submitted": ("payments", _submitted),
    "payment_confirmed": ("payments", _confirmed),
    "payment_paid_out": ("payments", _paid_out),
    "payment_failed": ("payments", _failed),
    "payment_charged_back": ("payments", _charged_back),
    "payment_chargeback_settled": ("payments", _chargeback_settled),
    "payment_late_failure": ("payments", _late_failure),
    "payment_late_failure_settled": ("payments", _late_failure_settled),
    "mandate_activated": ("mandates", _mandate_activated),
    "mandate_failed": ("mandates", _mandate_failed),
    "mandate_expired": ("mandates", _mandate_expired),
    "mandate_transferred": ("mandates", _mandate_transferred),
    "mandate_transferred_with_resubmission": ("mandates", _mandate_resubmitted),
    "mandate_suspended_by_payer": ("mandates", _suspended),
    "mandate_customer_approval_granted": ("mandates", _approved),
    "mandate_customer_approval_skipped": ("mandates", _approval_skipped),
    "refund_paid": ("refunds", _refund_paid),
    "refund_settled": ("refunds", _refund_settled),
    "refund_bounced": ("refunds", _refund_bounced),
    "refund_returned": ("refunds", _refund_returned),
    "payout_bounced": ("payouts", _payout_bounced),
    "billing_request_fulfilled": ("billing_requests", _fulfilled(None)),
    "billing_request_fulfilled_and_payment_failed": ("billing_requests", _fulfilled(_failed)),
    "billing_request_fulfilled_and_payment_confirmed_to_failed": ("billing_requests", _fulfilled(_confirmed_to_failed)),
    "billing_request_fulfilled_and_payment_paid_out": ("billing_requests", _fulfilled(_paid_out)),
}

ENDPOINTS = (Endpoint("POST", "/scenario_simulators/{identity}/actions/run", run),)
