"""Makes much business quickly, for budgets and throughput: confirmed payments of known customers, and payouts of
any size.

Only the events asked for are written, and nothing goes to the webhook queue unless wanted. Not for realistic
histories.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.gocardless.builder import CUSTOMER_FIELDS
from sandbox.gocardless.records import Record
from sandbox.gocardless.settlement import Entry
from sandbox.gocardless.timestamps import stamp
from sandbox.gocardless.world import World

#: action -> (cause, description) of the events the loader can write
_STORY = {
    "created": ("payment_created", "Payment created."),
    "submitted": ("payment_submitted", "Payment submitted to the banks."),
    "confirmed": ("payment_confirmed", "Enough time has passed since the payment was submitted."),
    "paid_out": ("payment_paid_out", "The payment has been paid out."),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was made, by id. Customer `n` (from 1) is called `Load Customer n` and has the number `10000 + n`."""

    customers: tuple[str, ...]
    mandates: tuple[str, ...]
    payments: tuple[str, ...]


def load_confirmed_payments(
    world: World,
    count: int,
    *,
    customers: int,
    at: datetime,
    currency: str = "EUR",
    story: Sequence[str] = ("confirmed",),
    amount_minor: int = 12345,
    span: timedelta = timedelta(hours=10),
    announce: bool = False,
) -> Loaded:
    """`count` confirmed payments of `customers` customers, created evenly over `span` from `at` (aware UTC).

    Payment `n` (from 1) is over `amount_minor + n % 100` and carries the metadata `{"invoice": "LOAD-<n>"}`. Events in
    `story` are written at the payment's time; with `announce` they also wait for webhook delivery.
    """
    creditor = world.creditors.ordered[0]
    with world.lock, _collector_at_rest():
        mandates = [_customer(world, creditor.id, number, at, currency) for number in range(1, customers + 1)]
        payments = []
        for number in range(1, count + 1):
            moment = stamp(at + span * (number - 1) / count)
            mandate = mandates[number % customers]
            payment = _payment(world, mandate, number, amount_minor + number % 100, currency, moment)
            world.settlement.collected(payment, world.today())
            payments.append(payment.id)
            for action in story:
                _event(world, payment, action, moment, announce)
            payment.prepare()
    return Loaded(tuple(str(m.links["customer"]) for m in mandates), tuple(m.id for m in mandates), tuple(payments))


def load_payout(world: World, payments: Sequence[str], *, items: int, at: datetime, announce: bool = False) -> Record:
    """A paid payout of exactly `items` items: collection and fee of each payment, then surcharges to fill up.

    Raises `ValueError` when the payments alone make more items than asked for.
    """
    with world.lock:
        chosen = [_known(world, identity) for identity in payments]
        wanted = set(payments)
        entries = [entry for entry in world.settlement.pending if entry.payment in wanted]
        if len(entries) > items:
            raise ValueError(f"{len(payments)} payments make {len(entries)} items, more than {items}")
        for number in range(items - len(entries)):
            payment = chosen[number % len(chosen)]
            creditor, currency = str(payment.links["creditor"]), str(payment.body["currency"])
            amount = Decimal("-0.5")
            entries.append(Entry("surcharge_fee", amount, currency, creditor, world.today(), payment=payment.id))
        world.settlement.pending = [e for e in world.settlement.pending if e.payment not in wanted] + entries
        taken = {id(entry) for entry in entries}
        payout = world.payout_desk.build(
            str(chosen[0].links["creditor"]), str(chosen[0].body["currency"]), lambda entry: id(entry) in taken, at
        )[0]
        moment = stamp(at)
        payout.hidden.update(sent=True, settled=True)
        payout.change(status="paid", arrival_date=at.date().isoformat())
        for payment in chosen:
            payment.link(payout=payout.id)
            payment.change(status="paid_out")
            payment.prepare()
        body = _event_body(world, payout, "payouts", "paid", "payout_paid", "The payout was sent to your bank.", moment)
        _keep(world, body, announce)
        return payout


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """A million new objects, none of them garbage: cyclic collection would only walk them again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _customer(world: World, creditor: str, number: int, at: datetime, currency: str) -> Record:
    moment = stamp(at - timedelta(days=7))
    country = "GB" if currency == "GBP" else "DE"
    customer_id, account_id = world.ids.new("customers"), world.ids.new("customer_bank_accounts")
    body = dict.fromkeys(CUSTOMER_FIELDS) | {
        "id": customer_id, "created_at": moment, "company_name": f"Load Customer {number}", "country_code": country,
        "email": f"load{number}@example.com", "language": "en", "metadata": {"erp_customer": str(10000 + number)},
    }  # fmt: skip
    world.customers.add(Record(customer_id, moment, body))
    mandate_id = world.ids.new("mandates")
    scheme = "bacs" if currency == "GBP" else "sepa_core"
    links = {"creditor": creditor, "customer": customer_id, "customer_bank_account": account_id}
    return world.mandates.add(
        Record(
            mandate_id,
            moment,
            {
                "id": mandate_id, "created_at": moment, "authorisation_source": "web", "consent_parameters": None,
                "consent_type": None, "funds_settlement": "managed", "links": links, "mandate_type": "bank_debit",
                "metadata": {}, "next_possible_charge_date": at.date().isoformat(),
                "next_possible_standard_ach_charge_date": None, "payments_require_approval": False,
                "reference": f"LOAD{number:06d}", "scheme": scheme, "status": "active", "verified_at": moment,
            },
        )
    )  # fmt: skip


def _payment(world: World, mandate: Record, number: int, amount: int, currency: str, moment: str) -> Record:
    identity = world.ids.new("payments")
    body = {
        "id": identity, "created_at": moment, "amount": amount, "amount_refunded": 0, "app_fee": None,
        "charge_date": moment[:10], "currency": currency, "description": None, "faster_ach": False, "fx": None,
        "links": {"mandate": mandate.id, "creditor": mandate.links["creditor"]},
        "metadata": {"invoice": f"LOAD-{number}"}, "reference": None, "retry_if_possible": False,
        "scheme": mandate.body["scheme"], "status": "confirmed",
    }  # fmt: skip
    hidden = {"customer": mandate.links["customer"], "fate": "collected"}
    return world.payments.add(Record(identity, moment, body, hidden=hidden))


def _event(world: World, payment: Record, action: str, moment: str, announce: bool) -> None:
    cause, description = _STORY[action]
    _keep(world, _event_body(world, payment, "payments", action, cause, description, moment), announce)


def _event_body(
    world: World, subject: Record, resource_type: str, action: str, cause: str, description: str, moment: str
) -> Record:
    identity = world.ids.new("events")
    body = {
        "id": identity, "created_at": moment, "action": action, "customer_notifications": [],
        "details": {"origin": "gocardless", "cause": cause, "description": description},
        "links": {resource_type[:-1]: subject.id}, "metadata": {},
        "resource_metadata": subject.body["metadata"], "resource_type": resource_type,
        "source": {"name": "Sandbox", "type": "gc_team"},
    }  # fmt: skip
    return Record(identity, moment, body)


def _keep(world: World, event: Record, announce: bool) -> None:
    world.events.add(event)
    if announce:
        world.webhook_desk.announce(event)
    event.prepare()


def _known(world: World, identity: str) -> Record:
    payment = world.payments.get(identity)
    if payment is None:
        raise ValueError(f"payment {identity} does not exist")
    return payment
