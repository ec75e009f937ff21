"""Everything one sandboxed GoCardless organisation holds: clock, ids, tokens, resources, events, and the machines
that move them. One world is one organisation behind one server; nothing here speaks HTTP.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sandbox.clock import SandboxClock
from sandbox.gocardless.autopilot import Autopilot
from sandbox.gocardless.builder import Builder
from sandbox.gocardless.identifiers import Identifiers
from sandbox.gocardless.mandate_states import MandateStates
from sandbox.gocardless.payment_states import PaymentStates
from sandbox.gocardless.payouts import Payouts
from sandbox.gocardless.records import Collection, Record
from sandbox.gocardless.refund_states import RefundStates
from sandbox.gocardless.settlement import Settlement
from sandbox.gocardless.subscription_states import SubscriptionStates
from sandbox.gocardless.timestamps import months_before, stamp
from sandbox.gocardless.webhook_desk import WebhookDesk

#: Tokens every world knows from the start.
READ_WRITE_TOKEN = "sandbox_read_write"
READ_ONLY_TOKEN = "sandbox_read_only"
DISABLED_TOKEN = "sandbox_disabled"
REVOKED_TOKEN = "sandbox_revoked"

_SINGULAR = {
    "billing_requests": "billing_request",
    "creditors": "creditor",
    "instalment_schedules": "instalment_schedule",
    "mandates": "mandate",
    "payments": "payment",
    "payouts": "payout",
    "refunds": "refund",
    "subscriptions": "subscription",
    "exports": "export",
    "customers": "customer",
}

EVENT_LINKS = (
    "billing_request", "creditor", "export", "instalment_schedule", "mandate", "outbound_payment", "parent_event",
    "payer_authorisation", "payment", "payment_account_transaction", "payout", "refund",
    "scheme_identifier", "subscription",
)  # fmt: skip

#: What one unit of the first currency is worth in the second, unless the world is told otherwise.
EXCHANGE_RATES = {
    ("GBP", "EUR"): Decimal("1.1638200000"),
    ("EUR", "GBP"): Decimal("0.8592400000"),
    ("SEK", "EUR"): Decimal("0.0891100000"),
    ("DKK", "EUR"): Decimal("0.1340000000"),
    ("USD", "EUR"): Decimal("0.9172000000"),
    ("USD", "GBP"): Decimal("0.7881000000"),
}


@dataclass(slots=True)
class Settings:
    """What a test or a demo may want different. Limits are per `rate_window_s`."""

    rate_limit: int = 1000
    balances_rate_limit: int = 60
    rate_window_s: int = 60
    #: "key_first": a replayed refund is answered 409; "body_first": its body is checked before the key.
    refund_replay: str = "key_first"
    removal_status: int = 200
    restricted_creates: bool = False
    enforce_amount_limits: bool = False
    negative_balance_limit_minor: int = 0
    bounce_event_names_payout: bool = False
    #: "vanishes" or "netted": a late failure or chargeback before the pay-out (gocardless.md section 9, trap 11).
    reversal_before_payout: str = "vanishes"
    max_items_per_payout: int = 0
    partner_app: bool = False
    #: out of a thousand events, how many become visible late, and by how much at most.
    late_events_per_thousand: int = 0
    late_by_at_most: timedelta = timedelta(minutes=50)
    event_months: int = 18
    payout_item_months: int = 6
    idempotency_days: int = 30
    #: e-mails to payers are for Instant Bank Pay requests; an account may have them for mandates as well.
    notifies_mandate_requests: bool = False


@dataclass(slots=True)
class Token:
    """A credential: `state` is active, disabled or revoked; `app` the OAuth client it was given to."""

    value: str = field(repr=False)
    scope: str = "read_write"
    state: str = "active"
    app: str | None = None


@dataclass(slots=True)
class OAuthApp:
    """A registered partner app. Redirect addresses must match exactly."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()
    codes: dict[str, tuple[str, str, datetime]] = field(default_factory=dict, repr=False)


class World:
    """One organisation. Hold `lock` while reading or changing it from another thread than the server's."""

    def __init__(
        self,
        clock: SandboxClock | None = None,
        seed: int = 1,
        settings: Settings | None = None,
        *,
        default_creditor: bool = True,
        wall_clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.clock = clock or SandboxClock()
        self.seed = seed
        self.settings = settings or Settings()
        self.wall_clock = wall_clock or partial(datetime.now, UTC)
        self.lock = threading.RLock()
        self.ids = Identifiers(seed)
        self.random = random.Random(f"{seed}:world")
        self.organisation_id = self.ids.new("organisations")
        self.exchange_rates = dict(EXCHANGE_RATES)
        self.tokens = {
            token.value: token
            for token in (
                Token(READ_WRITE_TOKEN),
                Token(READ_ONLY_TOKEN, scope="read_only"),
                Token(DISABLED_TOKEN, state="disabled"),
                Token(REVOKED_TOKEN, state="revoked"),
            )
        }
        self.acting_token: Token | None = None
        self.oauth_apps: dict[str, OAuthApp] = {}
        #: idempotency key -> (resource id, when)
        self.idempotency: dict[str, tuple[str, datetime]] = {}
        #: the day as of which all mandates show their next possible charge date.
        self.mandates_moved_on: date | None = None
        self._collections()
        self.settlement = Settlement(self)
        self.autopilot = Autopilot(self)
        self.builder = Builder(self)
        self.payment_states = PaymentStates(self)
        self.mandate_states = MandateStates(self)
        self.refund_states = RefundStates(self)
        self.subscription_states = SubscriptionStates(self)
        self.payout_desk = Payouts(self)
        self.webhook_desk = WebhookDesk(self)
        if default_creditor:
            self.builder.creditor("Sandbox Merchant", "GB")

    def _collections(self) -> None:
        self.billing_requests = Collection("billing_requests", ("customer",))
        self.billing_request_flows = Collection("billing_request_flows")
        self.creditor_bank_accounts = Collection("creditor_bank_accounts", ("creditor",))
        self.creditors = Collection("creditors")
        self.customer_bank_accounts = Collection("customer_bank_accounts", ("customer",))
        self.customers = Collection("customers")
        self.events = Collection("events", EVENT_LINKS)
        self.exports = Collection("exports")
        self.instalment_schedules = Collection("instalment_schedules", ("customer", "mandate"))
        self.mandates = Collection("mandates", ("customer", "creditor"))
        self.payments = Collection("payments", ("mandate", "customer", "subscription"))
        self.payouts = Collection("payouts")
        self.redirect_flows = Collection("redirect_flows")
        self.refunds = Collection("refunds", ("payment", "mandate"))
        self.subscriptions = Collection("subscriptions", ("mandate", "customer"))
        self.webhooks = Collection("webhooks")

    def collection(self, name: str) -> Collection:
        """The collection of a resource type by its plural name. Raises `KeyError` for a type that is not kept."""
        found = getattr(self, name, None)
        if not isinstance(found, Collection):
            raise KeyError(name)
        return found

    def now(self) -> datetime:
        return self.clock.now()

    def today(self) -> date:
        return self.now().date()

    def emit(
        self,
        subject: Record,
        resource_type: str,
        action: str,
        *,
        cause: str,
        origin: str,
        description: str,
        links: Mapping[str, str] | None = None,
        parent: Record | None = None,
        **details: str | int | None,
    ) -> Record:
        """Write an event about `subject` and hand it to the webhook desk. Empty `details` are left out, as
        GoCardless does.
        """
        now = stamp(self.now())
        all_links = {_SINGULAR.get(resource_type, resource_type.rstrip("s")): subject.id, **(links or {})}
        if parent is not None:
            all_links["parent_event"] = parent.id
        if self.settings.partner_app:
            all_links["organisation"] = self.organisation_id
        shown: dict[str, Any] = {"origin": origin, "cause": cause, "description": description}
        shown.update({name: value for name, value in details.items() if value is not None})
        body: dict[str, Any] = {
            "id": self.ids.new("events"),
            "created_at": now,
            "action": action,
            "customer_notifications": [],
            "details": shown,
            "links": all_links,
            "metadata": {},
            "resource_metadata": dict(subject.body.get("metadata") or {}),
            "resource_type": resource_type,
            "source": self._source(origin),
        }
        return self.add_event(Record(body["id"], now, body))

    def add_event(self, event: Record) -> Record:
        """Keep an event; a few become visible only later, with their old creation time (section 4.2)."""
        visible_from = ""
        if self.settings.late_events_per_thousand > self.random.randrange(1000):
            late_s = self.random.randrange(60, int(self.settings.late_by_at_most.total_seconds()))
            visible_from = event.hidden["visible_from"] = stamp(self.now() + timedelta(seconds=late_s))
        self.events.add(event, visible_from)
        if not visible_from:
            self.webhook_desk.announce(event)
        return event

    def release_late_events(self) -> None:
        for event in self.events.release(stamp(self.now())):
            self.webhook_desk.announce(event)

    def payout_account(self, creditor: Record, currency: str) -> tuple[str, str | None]:
        """(bank account id, currency to convert into or None) for payouts of a collection currency."""
        own = creditor.links.get(f"default_{currency.lower()}_payout_account")
        if own:
            return str(own), None
        target = creditor.body["fx_payout_currency"]
        other = creditor.links.get(f"default_{str(target).lower()}_payout_account")
        return str(other or ""), str(target) if target else None

    def fx_estimate(self, currency: str, target: str | None) -> dict[str, Any] | None:
        if target is None or target == currency:
            return None
        rate = self.exchange_rate(currency, target) * Decimal("1.001")
        return {
            "estimated_exchange_rate": f"{rate:.10f}",
            "exchange_rate": None,
            "fx_amount": None,
            "fx_currency": target,
        }

    def exchange_rate(self, source: str, target: str) -> Decimal:
        """Raises `KeyError` for a pair without a rate."""
        return Decimal(1) if source == target else self.exchange_rates[(source, target)]

    def oldest_event(self) -> str:
        return stamp(months_before(self.now(), self.settings.event_months))

    def _source(self, origin: str) -> dict[str, Any]:
        if origin == "api" and self.acting_token is not None and self.acting_token.app:
            return {"name": self.acting_token.app, "type": "app"}
        return {"name": "Sandbox", "type": "access_token" if origin == "api" else "gc_team"}
