"""Plays the month of a ledger: invoices appear day by day, payers and the bookkeeper act, and the banks do what was planned.

Payments are made by whoever collects, through GoCardless's API. The month finds them by the invoices that their metadata
name, gives each the fate of its invoice and attempt, and makes none itself. A payment whose payer has not been asked, or that
was not made, does not happen: the story of that invoice then simply stops.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, time

from sandbox.business.agenda import MISCHIEF, Action, Agenda, Day
from sandbox.business.collections_made import invoices_of
from sandbox.business.ledger import Ledger, RecurringLedger
from sandbox.business.ledger_plan import (
    BankTransfer,
    LedgerCustomer,
    LedgerInvoice,
    LedgerPlan,
    LedgerRefund,
    Signing,
)
from sandbox.business.merchant import sign_up
from sandbox.business.plan import SETUP
from sandbox.business.play import bind
from sandbox.gocardless.autopilot import Fate
from sandbox.gocardless.billing_requests import collect_account, collect_customer, fulfil_request, refresh
from sandbox.gocardless.records import Record
from sandbox.gocardless.webhook_desk import Mischief
from sandbox.gocardless.world import World

#: when a played day ends (UTC): the same day still, in every time zone of the merchants.
EVENING = time(20)


class LedgerMonth:
    """A plan being played. `refund_ids` leads from invoices to GoCardless's refunds."""

    def __init__(self, plan: LedgerPlan, world: World, ledger: Ledger, mischief: Mischief = MISCHIEF) -> None:
        self.plan = plan
        self.world = world
        self.ledger = ledger
        self.refund_ids: dict[str, str] = {}
        self.invoices = {invoice.number: invoice for invoice in plan.invoices}
        self._mandates: dict[str, str] = {}
        chance = random.Random(f"{plan.seed}:{plan.profile.name}:webhooks")
        self._agenda = Agenda(world, self._actions(), chance, mischief)

    def play_day(self, day: date) -> Day:
        """Everything up to the evening of that day. Days must be played in order."""
        with self.world.lock:
            self._give_fates()
            return self._agenda.play_day(day, EVENING)

    def payments_of(self, invoice: str) -> list[Record]:
        """The payments that name the invoice, in the order in which they were made."""
        return [payment for payment in self.world.payments.ordered if invoice in invoices_of(payment)]

    def mandate_of(self, customer: str) -> Record:
        """The mandate that a customer had from the start. Raises `KeyError` for one that had none."""
        mandate = self.world.mandates.known(self._mandates[customer])
        assert mandate is not None, customer
        return mandate

    def _actions(self) -> list[tuple[datetime, Action]]:
        plan = self.plan
        listed: list[tuple[datetime, Action]] = [(SETUP, self._set_up)]
        for credit in plan.credits:
            listed.append((_morning(credit.issued_on), bind(self.ledger.add_credit, credit)))
        for invoice in plan.invoices:
            listed.append((_morning(invoice.issued_on), bind(self.ledger.add_invoice, invoice)))
        listed += self._billing()
        listed += [(transfer.at, bind(self._transfer, transfer)) for transfer in plan.transfers]
        listed += [(refund.at, bind(self._refund, refund)) for refund in plan.refunds]
        listed += [(at, bind(self._cancel_mandate, customer)) for at, customer in plan.cancellations]
        return [*listed, (plan.sign_ups_at, self._sign_ups)]

    def _billing(self) -> list[tuple[datetime, Action]]:
        """Recurring charges exist from the start; on each of their days the ledger bills what is due."""
        if not self.plan.charges:
            return []
        ledger = self.ledger
        if not isinstance(ledger, RecurringLedger):
            raise TypeError(f"{type(ledger).__name__} bills no recurring charges")
        days = sorted({day for charge in self.plan.charges for day in charge.dates})
        made: list[tuple[datetime, Action]] = [(SETUP, bind(ledger.add_charge, charge)) for charge in self.plan.charges]
        return [*made, *((_morning(day), bind(ledger.bill_charges, day)) for day in days)]

    def _set_up(self) -> None:
        for customer in self.plan.customers:
            self.ledger.add_customer(customer)
            if customer.signing is Signing.SIGNED:
                self._mandates[customer.number] = sign_up(self.world, self.plan.profile, customer.planned).id

    def _give_fates(self) -> None:
        """To every payment that has none yet; one for several invoices gets the worst fate of any."""
        attempts: Counter[str] = Counter()
        for payment in self.world.payments.ordered:
            named = [self.invoices[number] for number in invoices_of(payment) if number in self.invoices]
            fates = [_fate(invoice, attempts[invoice.number]) for invoice in named]
            attempts.update(invoice.number for invoice in named)
            worse = [fate for fate in fates if fate is not Fate.COLLECTED]
            payment.hidden.setdefault("fate", next(iter(worse), Fate.COLLECTED))

    def _transfer(self, transfer: BankTransfer) -> None:
        self.ledger.book_transfer(transfer.invoice, transfer.amount_minor, transfer.at.date())

    def _refund(self, refund: LedgerRefund) -> None:
        paid_out = [payment for payment in self.payments_of(refund.invoice) if payment.status == "paid_out"]
        for payment in paid_out[:1]:
            made = self.world.builder.refund(refund.amount_minor, payment=payment, metadata={"reason": "goodwill"})
            self.refund_ids[refund.invoice] = made.id

    def _cancel_mandate(self, customer: str) -> None:
        self.world.mandate_states.cancel(self.mandate_of(customer), "mandate_cancelled", "bank", "MD01")

    def _sign_ups(self) -> None:
        """Payers who were sent a hosted page fill it in, as long as it is open."""
        for customer in self.plan.customers:
            if customer.signing is not Signing.WHEN_ASKED:
                continue
            for flow in self.world.billing_request_flows.ordered:
                if (flow.body["prefilled_customer"] or {}).get("email") == customer.planned.identity.email:
                    self._fill_in(flow, customer)

    def _fill_in(self, flow: Record, customer: LedgerCustomer) -> None:
        """As the hosted page does when the payer confirms."""
        request = self.world.billing_requests.get(str(flow.links["billing_request"]))
        assert request is not None, flow.id
        collect_customer(self.world, request, dict(flow.body["prefilled_customer"]))
        collect_account(self.world, request, {"iban": _iban(customer)})
        request.hidden["done"].update(("confirm_payer_details", "bank_authorisation"))
        refresh(request)
        flow.change(customer_details_captured=True)
        fulfil_request(self.world, request)


def _fate(invoice: LedgerInvoice, attempts_before: int) -> Fate:
    """Attempts beyond those that were planned go well."""
    return invoice.fates[attempts_before] if attempts_before < len(invoice.fates) else Fate.COLLECTED


def _morning(day: date) -> datetime:
    return max(datetime.combine(day, time(7), UTC), SETUP)


def _iban(customer: LedgerCustomer) -> str:
    country, account = customer.planned.identity.country_code, f"SAND{customer.number.rpartition(':')[2]:0>14}"
    digits = "".join(str(int(letter, 36)) for letter in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"
