"""The life of a refund: money taken from the balance when it is made, paid to the payer later, and sometimes coming
back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.records import Record
from sandbox.gocardless.settlement import Entry

if TYPE_CHECKING:
    from sandbox.gocardless.world import World


class RefundStates:
    """Moves refunds. Every method raises `IllegalStep` when the refund is not where the step starts."""

    def __init__(self, world: World) -> None:
        self.world = world

    def created(self, refund: Record) -> Record:
        """Take the money from the creditor's balance and announce the refund."""
        self._take(
            refund, -Decimal(refund.body["amount"]), "payment_refunded" if "payment" in refund.links else "refund"
        )
        payment = self._payment(refund)
        if payment is not None:
            payment.change(amount_refunded=payment.body["amount_refunded"] + refund.body["amount"])
        event = self._emit(
            refund, "created", "payment_refunded" if payment else "refund_created", "api", "Refund created."
        )
        self.world.autopilot.enrol_refund(refund)
        return event

    def submit(self, refund: Record) -> None:
        """To the banks; GoCardless writes no event for this step."""
        self._require(refund, "created", "pending_submission")
        refund.change(status="submitted")

    def pay(self, refund: Record) -> Record:
        self._require(refund, "created", "pending_submission", "submitted")
        refund.change(status="paid")
        return self._emit(refund, "paid", "refund_paid", "gocardless", "The refund was paid to the customer.")

    def bounce(self, refund: Record) -> Record:
        """The payer's bank sent it back: possible even after it was paid and settled."""
        self._require(refund, "created", "pending_submission", "submitted", "paid")
        refund.hidden["paid_before_bounce"] = refund.status == "paid"
        refund.change(status="bounced")
        self._take(refund, Decimal(refund.body["amount"]), "refund_funds_returned")
        payment = self._payment(refund)
        if payment is not None:
            payment.change(amount_refunded=payment.body["amount_refunded"] - refund.body["amount"])
        return self._emit(refund, "failed", "refund_failed", "bank", "The refund did not reach the customer.")

    def settled(self, refund: Record, payout: Record, parent: Record) -> Record:
        return self._emit(
            refund,
            "refund_settled",
            "refund_settled",
            "gocardless",
            "The refund was deducted from a payout.",
            payout,
            parent,
        )

    def funds_returned(self, refund: Record, payout: Record, parent: Record) -> Record:
        refund.change(status="funds_returned")
        return self._emit(
            refund,
            "funds_returned",
            "refund_funds_returned",
            "gocardless",
            "The money came back to you.",
            payout,
            parent,
        )

    def _take(self, refund: Record, amount: Decimal, kind: str) -> None:
        entry = Entry(
            kind, amount, str(refund.body["currency"]), refund.hidden["creditor"], self.world.today(),
            payment=refund.links.get("payment"), refund=refund.id, mandate=refund.links.get("mandate"),
        )  # fmt: skip
        self.world.settlement.pending.append(entry)

    def _payment(self, refund: Record) -> Record | None:
        return self.world.payments.known(str(refund.links.get("payment", "")))

    def _emit(
        self,
        refund: Record,
        action: str,
        cause: str,
        origin: str,
        description: str,
        payout: Record | None = None,
        parent: Record | None = None,
    ) -> Record:
        links = {"payout": payout.id} if payout else {}
        return self.world.emit(
            refund, "refunds", action, cause=cause, origin=origin, description=description, links=links, parent=parent
        )

    def _require(self, refund: Record, *statuses: str) -> None:
        if refund.status not in statuses:
            raise IllegalStep(f"refund {refund.id} is {refund.status}, not {' or '.join(statuses)}")
