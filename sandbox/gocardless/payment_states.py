"""The life of a payment: every legal step, the event it writes and what it does to the money held (section 7.1 and
7.2).

The API, the scenario simulators, the calendar autopilot and the played month all move payments through these
methods only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.gocardless.records import Record

if TYPE_CHECKING:
    from sandbox.gocardless.world import World

MAX_RETRIES = 3


class IllegalStep(Exception):
    """A resource was asked to make a step that its state does not allow."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a bank said no: GoCardless's cause, the scheme's code, and the sentence shown to people."""

    cause: str
    code: str | None
    description: str


#: Per scheme: an ordinary failure and an ordinary chargeback (gocardless.md section 7.3).
FAILURES = {
    "bacs": Reason("refer_to_payer", "ARUDD-0", "The customer's bank wasn't able to pay the Direct Debit."),
    "sepa_core": Reason(
        "insufficient_funds", "AM04", "The customer's account had insufficient funds to make this payment."
    ),
    "ach": Reason("refer_to_payer", "ACH_RETURN-R01", "The customer's account had insufficient funds."),
    "becs": Reason("refer_to_payer", "6", "The customer's bank wasn't able to pay the Direct Debit."),
    "becs_nz": Reason("refer_to_payer", "DISHONOUR-AM04", "The customer's bank wasn't able to pay the Direct Debit."),
    "pad": Reason("refer_to_payer", "PAYMENT_STATUS_REPORT-901", "The customer's account had insufficient funds."),
    "betalingsservice": Reason("refer_to_payer", "PAYMENT_INFORMATION-0237", "The payment was rejected by the bank."),
}
CHARGEBACKS = {
    "bacs": Reason("authorisation_disputed", "DDICA-1", "The customer's bank has processed an indemnity claim."),
    "sepa_core": Reason("refund_requested", "MD06", "The customer has requested a refund from their bank."),
    "ach": Reason("authorisation_disputed", "R10", "The customer has disputed the payment."),
    "becs": Reason("authorisation_disputed", "UDUNAUT", "The customer has disputed the payment."),
    "pad": Reason("authorisation_disputed", "PAYMENT_STATUS_REPORT-915", "The customer has disputed the payment."),
    "betalingsservice": Reason("refund_requested", "PAYMENT_INFORMATION-0239", "The customer has requested a refund."),
}
_OTHER_FAILURE = Reason("other", None, "The payment failed.")


def failure_of(payment: Record) -> Reason:
    return FAILURES.get(str(payment.body["scheme"]), _OTHER_FAILURE)


def chargeback_of(payment: Record) -> Reason:
    return CHARGEBACKS.get(str(payment.body["scheme"]), Reason("other", None, "The payment was charged back."))


class PaymentStates:
    """Moves payments. Every method raises `IllegalStep` when the payment is not where the step starts."""

    def __init__(self, world: World) -> None:
        self.world = world

    def approve(self, payment: Record, parent: Record | None = None) -> None:
        self._require(payment, "pending_customer_approval")
        payment.change(status="pending_submission")
        self._emit(payment, "customer_approval_granted", "customer_approval_granted", "customer", "Approved.", parent)

    def submit(self, payment: Record) -> Record:
        """Send it to the banks; a SEPA-like mandate goes with its first payment."""
        self._require(payment, "pending_submission")
        mandate = self.world.mandates.known(str(payment.links.get("mandate", "")))
        if mandate is not None and mandate.status == "pending_submission":
            self.world.mandate_states.submit(mandate)
        payment.change(status="submitted")
        return self._emit(payment, "submitted", "payment_submitted", "gocardless", "Payment submitted to the banks.")

    def confirm(self, payment: Record) -> Record:
        """The money has been collected."""
        self._require(payment, "submitted")
        mandate = self.world.mandates.known(str(payment.links.get("mandate", "")))
        if mandate is not None and mandate.status == "submitted":
            self.world.mandate_states.activate(mandate)
        payment.change(status="confirmed")
        if mandate is None or mandate.body["funds_settlement"] != "direct":
            self.world.settlement.collected(payment, self.world.autopilot.payout_day(payment))
        return self._emit(
            payment,
            "confirmed",
            "payment_confirmed",
            "gocardless",
            "Enough time has passed since the payment was submitted.",
        )

    def fail(self, payment: Record, reason: Reason | None = None, will_attempt_retry: bool = False) -> Record:
        """The bank refused it; when money was already confirmed or paid out this is a late failure and takes it
        back.
        """
        self._require(payment, "pending_submission", "submitted", "confirmed", "paid_out")
        if payment.status in ("confirmed", "paid_out"):
            self._take_back(payment, "payment_failed")
        why = reason or failure_of(payment)
        payment.change(status="failed")
        return self._emit(
            payment, "failed", why.cause, "bank", why.description,
            scheme=str(payment.body["scheme"]), reason_code=why.code, will_attempt_retry=will_attempt_retry,
        )  # fmt: skip

    def retry(self, payment: Record, origin: str = "api") -> Record:
        """Collect again, at most three times."""
        self._require(payment, "failed")
        if payment.hidden.get("retries", 0) >= MAX_RETRIES:
            raise IllegalStep(f"payment {payment.id} has been retried {MAX_RETRIES} times")
        payment.hidden["retries"] = payment.hidden.get("retries", 0) + 1
        payment.links.pop("payout", None)
        payment.change(status="pending_submission")
        cause = "payment_retried" if origin == "api" else "payment_autoretried"
        event = self._emit(payment, "resubmission_requested", cause, origin, "The payment will be collected again.")
        self.world.autopilot.enrol_payment(payment)
        return event

    def cancel(
        self, payment: Record, cause: str = "payment_cancelled", origin: str = "api", parent: Record | None = None
    ) -> Record:
        self._require(payment, "pending_submission", "pending_customer_approval", "submitted")
        payment.change(status="cancelled")
        return self._emit(payment, "cancelled", cause, origin, "The payment was cancelled.", parent)

    def charge_back(self, payment: Record, reason: Reason | None = None) -> Record:
        self._require(payment, "confirmed", "paid_out")
        payment.hidden["before_chargeback"] = payment.status
        self._take_back(payment, "payment_charged_back")
        why = reason or chargeback_of(payment)
        payment.change(status="charged_back")
        return self._emit(
            payment, "charged_back", why.cause, "bank", why.description,
            scheme=str(payment.body["scheme"]), reason_code=why.code,
        )  # fmt: skip

    def cancel_chargeback(self, payment: Record) -> Record:
        """The payer's bank withdrew the claim: the money is ours again, and is paid out again if it had been taken
        back.
        """
        self._require(payment, "charged_back")
        surcharge = self.world.settlement.surcharge(payment, "payment_charged_back")
        nothing_moved = self.world.settlement.chargeback_withdrawn(payment, surcharge)
        was = payment.hidden.pop("before_chargeback", "confirmed")
        payment.change(status="paid_out" if nothing_moved and was == "paid_out" else "confirmed")
        return self._emit(payment, "chargeback_cancelled", "payment_confirmed", "bank", "The chargeback was cancelled.")

    def _take_back(self, payment: Record, kind: str) -> None:
        mandate = self.world.mandates.known(str(payment.links.get("mandate", "")))
        if mandate is None or mandate.body["funds_settlement"] != "direct":
            surcharge = self.world.settlement.surcharge(payment, kind)
            self.world.settlement.taken_back(payment, kind, surcharge)

    def _emit(
        self,
        payment: Record,
        action: str,
        cause: str,
        origin: str,
        description: str,
        parent: Record | None = None,
        **details: str | bool | None,
    ) -> Record:
        return self.world.emit(
            payment, "payments", action,
            cause=cause, origin=origin, description=description, links=None, parent=parent, **details,
        )  # fmt: skip

    def _require(self, payment: Record, *statuses: str) -> None:
        if payment.status not in statuses:
            raise IllegalStep(f"payment {payment.id} is {payment.status}, not {' or '.join(statuses)}")
