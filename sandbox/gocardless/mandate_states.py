"""The life of a mandate and of what hangs on it: cancelling cascades to payments and subscriptions (section 10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import scheme_of
from sandbox.gocardless.timestamps import stamp

if TYPE_CHECKING:
    from sandbox.gocardless.world import World

MAX_REINSTATEMENTS = 10
USABLE = ("pending_customer_approval", "pending_submission", "submitted", "active")
_CANCELLABLE_PAYMENTS = ("pending_submission", "pending_customer_approval")
_ENDED_SUBSCRIPTIONS = ("finished", "cancelled", "customer_approval_denied")


class MandateStates:
    """Moves mandates. Every method raises `IllegalStep` when the mandate is not where the step starts."""

    def __init__(self, world: World) -> None:
        self.world = world

    def approve(self, mandate: Record, skipped: bool = False) -> None:
        """The payer signed, or was not asked to: its payments and subscriptions may go ahead."""
        self._require(mandate, "pending_customer_approval")
        mandate.change(status="pending_submission")
        action = "customer_approval_skipped" if skipped else "customer_approval_granted"
        event = self._emit(mandate, action, action, "customer", "The mandate may be submitted.")
        for payment in self.world.payments.with_link("mandate", mandate.id):
            if payment.status == "pending_customer_approval":
                self.world.payment_states.approve(payment, event)
        for subscription in self.world.subscriptions.with_link("mandate", mandate.id):
            if subscription.status == "pending_customer_approval":
                subscription.change(status="active")

    def submit(self, mandate: Record) -> Record:
        self._require(mandate, "pending_submission")
        mandate.change(status="submitted")
        return self._emit(mandate, "submitted", "mandate_submitted", "gocardless", "The mandate was sent to the banks.")

    def activate(self, mandate: Record) -> Record:
        self._require(mandate, "submitted")
        mandate.change(status="active", verified_at=stamp(self.world.now()))
        return self._emit(mandate, "active", "mandate_activated", "gocardless", "The mandate has been activated.")

    def cancel(
        self,
        mandate: Record,
        cause: str = "mandate_cancelled",
        origin: str = "api",
        reason_code: str | None = None,
        parent: Record | None = None,
    ) -> Record:
        return self._end(mandate, "cancelled", cause, origin, "The mandate was cancelled.", reason_code, parent)

    def fail(self, mandate: Record, cause: str = "invalid_bank_details", reason_code: str | None = None) -> Record:
        self._require(mandate, "pending_submission", "submitted")
        return self._end(mandate, "failed", cause, "bank", "The bank details were not valid.", reason_code, None)

    def expire(self, mandate: Record) -> Record:
        if scheme_of(str(mandate.body["scheme"])).dormancy_months is None:
            raise IllegalStep(f"mandate {mandate.id} is on {mandate.body['scheme']}, whose mandates do not expire")
        description = "The mandate was not used for longer than the scheme allows."
        return self._end(mandate, "expired", "mandate_expired", "gocardless", description, None, None)

    def suspend(self, mandate: Record) -> Record:
        self._require(mandate, "active")
        mandate.change(status="suspended_by_payer")
        return self._emit(
            mandate, "blocked", "mandate_suspended_by_payer", "customer", "The payer suspended the mandate."
        )

    def reinstate(self, mandate: Record) -> Record:
        self._require(mandate, "cancelled", "failed", "expired")
        count = mandate.hidden.get("reinstatements", 0)
        if count >= MAX_REINSTATEMENTS:
            raise IllegalStep(f"mandate {mandate.id} has been reinstated {count} times")
        mandate.hidden["reinstatements"] = count + 1
        mandate.change(status="pending_submission")
        event = self._emit(mandate, "reinstated", "mandate_reinstated", "api", "The mandate was reinstated.")
        self.world.autopilot.enrol_mandate(mandate)
        return event

    def replace(self, mandate: Record) -> Record:
        """A new scheme identifier moves every collection to a new mandate; the old one is over. Returns the new
        mandate.
        """
        self._require(mandate, *USABLE)
        new = self.world.builder.mandate(
            self.world.customer_bank_accounts.known(str(mandate.links["customer_bank_account"])),
            str(mandate.links["creditor"]),
            scheme=str(mandate.body["scheme"]),
            metadata=dict(mandate.body["metadata"]),
            status="active",
        )
        mandate.change(status="cancelled")
        mandate.link(new_mandate=new.id)
        self._emit(
            mandate, "replaced", "scheme_identifier_changed", "gocardless", "The mandate was replaced by a new one.",
            links={"new_mandate": new.id},
        )  # fmt: skip
        return new

    def transfer(self, mandate: Record, resubmit: bool = False) -> Record:
        """The payer moved to another bank account (Bacs, SEPA)."""
        self._require(mandate, *USABLE)
        old = self.world.customer_bank_accounts.known(str(mandate.links["customer_bank_account"]))
        if old is None:
            raise IllegalStep(f"mandate {mandate.id} has no bank account")
        new = self.world.builder.bank_account(
            str(mandate.links["customer"]), old.body["account_holder_name"], old.hidden["identity"] + ":moved",
            country_code=old.body["country_code"], currency=old.body["currency"],
            ending=old.body["account_number_ending"],
        )  # fmt: skip
        old.change(enabled=False)
        mandate.link(customer_bank_account=new.id)
        event = self._emit(
            mandate, "transferred", "bank_account_transferred", "bank", "The payer has moved to another bank account.",
            links={"previous_customer_bank_account": old.id, "new_customer_bank_account": new.id},
        )  # fmt: skip
        if resubmit:
            mandate.change(status="pending_submission")
            self._emit(
                mandate, "resubmission_requested", "resubmission_requested", "gocardless", "The mandate is sent again."
            )
        return event

    def _end(
        self,
        mandate: Record,
        status: str,
        cause: str,
        origin: str,
        description: str,
        reason_code: str | None,
        parent: Record | None,
    ) -> Record:
        self._require(mandate, *USABLE, "suspended_by_payer")
        mandate.change(status=status)
        scheme = str(mandate.body["scheme"]) if origin == "bank" else None
        event = self._emit(
            mandate, status, cause, origin, description, parent=parent, scheme=scheme, reason_code=reason_code
        )
        for payment in list(self.world.payments.with_link("mandate", mandate.id)):
            if payment.status in _CANCELLABLE_PAYMENTS:
                self.world.payment_states.cancel(payment, cause, origin, event)
        for subscription in list(self.world.subscriptions.with_link("mandate", mandate.id)):
            if subscription.status not in _ENDED_SUBSCRIPTIONS:
                self.world.subscription_states.cancel(subscription, cause, origin, event)
        return event

    def _emit(
        self,
        mandate: Record,
        action: str,
        cause: str,
        origin: str,
        description: str,
        links: dict[str, str] | None = None,
        parent: Record | None = None,
        **details: str | bool | None,
    ) -> Record:
        return self.world.emit(
            mandate, "mandates", action,
            cause=cause, origin=origin, description=description, links=links, parent=parent, **details,
        )  # fmt: skip

    def _require(self, mandate: Record, *statuses: str) -> None:
        if mandate.status not in statuses:
            raise IllegalStep(f"mandate {mandate.id} is {mandate.status}, not {' or '.join(statuses)}")
