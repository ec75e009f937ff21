"""A small merchant for tests: customers with mandates in the GoCardless stand-in, and payments walked through their lives.

Every step moves the world's clock by a minute, so that events have an order; nothing happens by calendar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.gocardless.records import Record
from sandbox.gocardless.world import World

MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Merchant:
    """Customer `n` is called `Load Customer n` and carries the ERP number `10000 + n`, as the bulk loader has it."""

    world: World
    mandates: dict[tuple[int, str], Record] = field(default_factory=dict)
    count: int = 0

    def mandate(self, number: int = 1, currency: str = "EUR", **metadata: str) -> Record:
        """The active mandate of customer `number`; made when it is first asked for."""
        if (number, currency) not in self.mandates:
            country = {"EUR": "DE", "GBP": "GB", "SEK": "SE"}[currency]
            fields = {
                "company_name": f"Load Customer {number}", "email": f"load{number}@example.com", "country_code": country
            }  # fmt: skip
            world = self.world
            with world.lock:
                known = metadata or {"customer_number": str(10000 + number)}
                customer = world.builder.customer(fields, known)
                account = world.builder.bank_account(
                    customer.id, fields["company_name"], f"{country}{number}{currency}", country_code=country,
                    currency=currency, ending="11",
                )  # fmt: skip
                creditor = world.creditors.ordered[0].id
                self.mandates[number, currency] = world.builder.mandate(account, creditor, status="active")
            self.tick()
        return self.mandates[number, currency]

    def order(self, amount: int = 10_000, *, customer: int = 1, currency: str = "EUR", invoice: str = "") -> Record:
        """A payment that was sent to the banks and not answered yet."""
        self.count += 1
        mandate = self.mandate(customer, currency)
        metadata: Mapping[str, str] = {"invoice": invoice} if invoice else {}
        with self.world.lock:
            payment = self.world.builder.payment(mandate, amount, currency, metadata=metadata)
            self.world.payment_states.submit(payment)
        self.tick()
        return payment

    def collect(self, payment: Record) -> Record:
        with self.world.lock:
            if payment.status == "pending_submission":
                self.world.payment_states.submit(payment)
            self.world.payment_states.confirm(payment)
        self.tick()
        return payment

    def collected(self, amount: int = 10_000, *, customer: int = 1, currency: str = "EUR", invoice: str = "") -> Record:
        """A confirmed payment."""
        return self.collect(self.order(amount, customer=customer, currency=currency, invoice=invoice))

    def fail(self, payment: Record) -> None:
        """An ordinary failure, or a late one when the money was there already."""
        with self.world.lock:
            self.world.payment_states.fail(payment)
        self.tick()

    def retry(self, payment: Record) -> None:
        with self.world.lock:
            self.world.payment_states.retry(payment)
        self.tick()

    def charge_back(self, payment: Record) -> None:
        with self.world.lock:
            self.world.payment_states.charge_back(payment)
        self.tick()

    def cancel_chargeback(self, payment: Record) -> None:
        with self.world.lock:
            self.world.payment_states.cancel_chargeback(payment)
        self.tick()

    def refund(self, payment: Record, amount: int) -> Record:
        """A refund that was paid to the payer."""
        with self.world.lock:
            refund = self.world.builder.refund(amount, payment=payment)
            self.world.refund_states.pay(refund)
        self.tick()
        return refund

    def bounce_refund(self, refund: Record) -> None:
        with self.world.lock:
            self.world.refund_states.bounce(refund)
        self.tick()

    def pay_out(self, currency: str = "EUR") -> Record:
        """A paid payout of everything that GoCardless holds in `currency`."""
        with self.world.lock:
            creditor = self.world.creditors.ordered[0].id
            entries = [e for e in self.world.settlement.pending if e.currency == currency]
            payout = self.world.payout_desk.build(creditor, currency, lambda entry: entry in entries)[0]
            self.world.payout_desk.pay(payout)
        self.tick()
        return payout

    def bounce_payout(self, payout: Record) -> None:
        with self.world.lock:
            self.world.payout_desk.bounce(payout)
        self.tick()

    def pay_out_again(self, payout: Record) -> None:
        with self.world.lock:
            self.world.payout_desk.retry(payout)
        self.tick()

    def cancel_mandate(self, mandate: Record) -> None:
        with self.world.lock:
            self.world.mandate_states.cancel(mandate)
        self.tick()

    def tick(self, span: timedelta = MINUTE) -> None:
        self.world.clock.advance(span)

    def confirm_rate(self, payout: Record) -> None:
        """The bank's exchange rate of a converted payout becomes known."""
        with self.world.lock:
            self.world.payout_desk.confirm_fx(payout, self.world.exchange_rate(payout.body["currency"], "EUR"))
        self.tick()
