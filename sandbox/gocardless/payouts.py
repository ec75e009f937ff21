"""Builds, pays, converts, bounces and repeats payouts (gocardless.md section 2.2, checklist 10.1.10 and 10.1.11).

Whatever is due goes in, as long as the sum is positive: a negative balance is carried over to a later day.
Fractions of a penny are rounded once, half up, in `deducted_fees`; the amount is the rest, so both agree with the
items within one unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.records import Record, compact_json
from sandbox.gocardless.settlement import FEE_TYPES, Entry, tax_body
from sandbox.gocardless.timestamps import stamp

if TYPE_CHECKING:
    from sandbox.gocardless.world import World

_WHOLE = Decimal(1)


@dataclass(slots=True)
class Item:
    """One line of a payout as the API shows it, with its entry. Items have no id and no date."""

    entry: Entry
    json: bytes

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(self.json)
        return body


class Payouts:
    """All payout items, by payout, and the operations that make and move payouts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.items: dict[str, list[Item]] = {}

    def build(
        self,
        creditor: str,
        currency: str,
        entries: Callable[[Entry], bool] | None = None,
        created_at: datetime | None = None,
    ) -> list[Record]:
        """Payouts (several when large ones are split) of what is due today; none while the sum is not positive.

        `entries` chooses other ones than those due; `created_at` is now unless given.
        """
        owner = self.world.creditors.known(creditor)
        if owner is None or owner.body["verification_status"] != "successful":
            return []
        today = self.world.today()
        chosen = [
            entry
            for entry in self.world.settlement.pending
            if entry.creditor == creditor
            and entry.currency == currency
            and (entries(entry) if entries else entry.available_on <= today)
        ]
        if _amount(chosen)[0] <= 0:
            return []
        taken = {id(entry) for entry in chosen}
        self.world.settlement.pending = [e for e in self.world.settlement.pending if id(e) not in taken]
        return [self._create(owner, currency, part, created_at=created_at) for part in self._split(chosen)]

    def build_partner(self, creditor: str, currency: str, shares: Sequence[tuple[str, Decimal]]) -> Record:
        """A payout to a partner: `revenue_share` items of (payment id, signed amount in minor units)."""
        owner = self.world.creditors.known(creditor)
        if owner is None:
            raise IllegalStep(f"creditor {creditor} does not exist")
        entries = [
            Entry("revenue_share", amount, currency, creditor, self.world.today(), payment=payment)
            for payment, amount in shares
        ]
        return self._create(owner, currency, entries, payout_type="partner")

    def pay(self, payout: Record) -> Record:
        """Send it to the bank; the first time, settle every item. An FX payout stays pending until its rate is known."""
        if payout.status != "pending" or payout.hidden.get("sent"):
            raise IllegalStep(f"payout {payout.id} is {payout.status} and was sent, or is not pending")
        payout.hidden["sent"] = True
        if payout.body["fx"] is None:
            payout.change(status="paid")
        payout.change(arrival_date=self.world.today().isoformat())
        items = self.items[payout.id]
        event = self.world.emit(
            payout, "payouts", "paid",
            cause="payout_paid", origin="gocardless", description="The payout was sent to your bank.",
            item_count=len(items),
        )  # fmt: skip
        if not payout.hidden.get("settled"):
            payout.hidden["settled"] = True
            for item in items:
                self._settle(item.entry, payout, event)
        return event

    def confirm_fx(self, payout: Record, rate: Decimal) -> Record:
        """The bank's rate is known: the payout is paid and its payments show their converted amounts."""
        fx = payout.body["fx"]
        if fx is None or payout.status != "pending" or not payout.hidden.get("sent"):
            raise IllegalStep(f"payout {payout.id} does not wait for an exchange rate")
        amount = int((payout.body["amount"] * rate).quantize(_WHOLE, rounding=ROUND_HALF_UP))
        payout.change(status="paid", fx={**fx, "exchange_rate": f"{rate:.10f}", "fx_amount": amount})
        for item in self.items[payout.id]:
            payment = self.world.payments.known(item.entry.payment or "")
            if payment is not None and item.entry.type == "payment_paid_out" and payment.body["fx"] is not None:
                converted = int((payment.body["amount"] * rate).quantize(_WHOLE, rounding=ROUND_HALF_UP))
                payment.change(fx={**payment.body["fx"], "exchange_rate": f"{rate:.10f}", "fx_amount": converted})
        return self.world.emit(
            payout, "payouts", "fx_rate_confirmed",
            cause="payout_fx_rate_confirmed", origin="gocardless", description="The exchange rate was confirmed.",
        )  # fmt: skip

    def confirm_tax_rates(self, payout: Record, rate: Decimal) -> Record:
        """The rate into the tax currency is known: every tax that was waiting gets its destination amount."""
        items = self.items[payout.id]
        for item in items:
            body = item.body
            for tax in body["taxes"]:
                if tax["destination_currency"] != tax["currency"]:
                    converted = (Decimal(tax["amount"]) * rate).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
                    tax.update(destination_amount=str(converted), exchange_rate=f"{rate:.10f}")
            item.json = compact_json(body)
        return self.world.emit(
            payout, "payouts", "tax_exchange_rates_confirmed",
            cause="payout_tax_exchange_rates_confirmed", origin="gocardless",
            description="The tax rates were confirmed.",
        )  # fmt: skip

    def bounce(self, payout: Record) -> Record:
        """The bank sent it back. Announced as an event of the creditor, not of the payout."""
        if payout.status != "paid":
            raise IllegalStep(f"payout {payout.id} is {payout.status}, not paid")
        payout.change(status="bounced")
        creditor = self.world.creditors.known(str(payout.links["creditor"]))
        if creditor is None:
            raise IllegalStep(f"payout {payout.id} has no creditor")
        links = {"payout": payout.id} if self.world.settings.bounce_event_names_payout else {}
        return self.world.emit(
            creditor, "creditors", "bounced_payout",
            cause="bounced_payout", origin="gocardless",
            description="A payout for this creditor has failed. Please retry the payout or contact your bank.",
            links=links,
        )  # fmt: skip

    def retry(self, payout: Record) -> Record:
        """Pay a bounced payout once more: a second `payouts.paid` event, the items stay settled."""
        if payout.status != "bounced":
            raise IllegalStep(f"payout {payout.id} is {payout.status}, not bounced")
        fx = payout.body["fx"]
        payout.change(status="pending")
        payout.hidden["sent"] = False
        event = self.pay(payout)
        if fx is not None:
            payout.change(status="paid")
        return event

    def _create(
        self,
        owner: Record,
        currency: str,
        entries: Sequence[Entry],
        payout_type: str = "merchant",
        created_at: datetime | None = None,
    ) -> Record:
        amount, fees = _amount(entries)
        now = stamp(created_at or self.world.now())
        tax = next((entry.tax_terms for entry in entries if entry.tax_terms), None)
        account, fx_currency = self.world.payout_account(owner, currency)
        body: dict[str, Any] = {
            "id": self.world.ids.new("payouts"),
            "amount": amount,
            "arrival_date": None,
            "created_at": now,
            "currency": currency,
            "deducted_fees": 0 if payout_type == "partner" else fees,
            "fx": self.world.fx_estimate(currency, fx_currency),
            "links": {"creditor": owner.id, "creditor_bank_account": account},
            "metadata": {},
            "payout_type": payout_type,
            "reference": f"{owner.body['bank_reference_prefix']}-{self.world.ids.letters('payout reference', 6)}",
            "status": "pending",
            "tax_currency": tax.currency if tax else None,
        }
        payout = self.world.payouts.add(Record(body["id"], now, body))
        self.items[payout.id] = [_item(entry) for entry in entries]
        return payout

    def _split(self, entries: list[Entry]) -> list[list[Entry]]:
        """Parts of at most the world's limit; the entries of one payment stay together and all debits go first."""
        limit = self.world.settings.max_items_per_payout
        if not limit or len(entries) <= limit:
            return [entries]
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            groups.setdefault(entry.payment or entry.refund or "", []).append(entry)
        ordered = sorted(groups.values(), key=lambda group: sum(e.amount for e in group) >= 0)
        parts: list[list[Entry]] = [[]]
        for group in ordered:
            full = len(parts[-1]) + len(group) > limit
            if parts[-1] and full and _amount(parts[-1])[0] > 0:
                parts.append([])
            parts[-1].extend(group)
        return parts

    def _settle(self, entry: Entry, payout: Record, event: Record) -> None:
        payment = self.world.payments.known(entry.payment or "")
        refund = self.world.refunds.known(entry.refund or "")
        if refund is not None and entry.type in ("payment_refunded", "refund"):
            self.world.refund_states.settled(refund, payout, event)
        elif refund is not None and entry.type == "refund_funds_returned":
            self.world.refund_states.funds_returned(refund, payout, event)
        elif payment is not None:
            self._settle_payment(entry.type, payment, payout, event)

    def _settle_payment(self, kind: str, payment: Record, payout: Record, event: Record) -> None:
        actions = {
            "payment_paid_out": ("paid_out", "payment_paid_out", "The payment has been paid out."),
            "payment_failed": ("late_failure_settled", "late_failure_settled", "The late failure was deducted."),
            "payment_charged_back": ("chargeback_settled", "chargeback_settled", "The chargeback was deducted."),
            "surcharge_fee": ("surcharge_fee_debited", "surcharge_fee_debited", "A surcharge fee was deducted."),
        }
        if kind not in actions:
            return
        if kind == "payment_paid_out":
            payment.link(payout=payout.id)
            if payment.status != "confirmed":
                return
            payment.change(status="paid_out")
            self.world.autopilot.paid_out(payment)
        action, cause, description = actions[kind]
        self.world.emit(
            payment, "payments", action,
            cause=cause, origin="gocardless", description=description, links={"payout": payout.id}, parent=event,
        )  # fmt: skip


def _amount(entries: Sequence[Entry]) -> tuple[int, int]:
    """(what the bank receives, fees deducted), both whole minor units: the fees are rounded, the amount is the rest."""
    gross = sum((e.amount for e in entries if e.type not in FEE_TYPES or e.type == "revenue_share"), Decimal(0))
    fees = -sum((e.amount for e in entries if e.type in FEE_TYPES and e.type != "revenue_share"), Decimal(0))
    rounded = int(fees.quantize(_WHOLE, rounding=ROUND_HALF_UP))
    return int(gross.quantize(_WHOLE, rounding=ROUND_HALF_UP)) - rounded, rounded


def _item(entry: Entry) -> Item:
    body = {
        "amount": f"{entry.amount:.1f}",
        "links": entry.links,
        "taxes": tax_body(entry),
        "type": entry.type,
    }
    return Item(entry, compact_json(body))
