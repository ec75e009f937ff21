"""The assembled client against the GoCardless sandbox: from a new customer to a payout that adds up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests

from bookkeeping.settings import BookSettings
from connector_resources.erp.building import BuildContext
from connector_resources.errors import Conflict, NotFound, PermissionRefused, Refused, TokenRefused, Uncertain
from connector_resources.gocardless.building import build_client
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.partner_oauth import (
    begin_partner_consent,
    complete_partner_consent,
    partner_client,
    revoke_partner_token,
)
from connector_resources.gocardless.windows import in_order, read_events
from connector_resources.gocardless.wire import event_of, payout_item_of, payout_of, validate_page
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from connector_resources.transport.authorization_code import explain_oauth
from connector_resources.transport.http_transport import CallCounter, HttpTransport
from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.gocardless.app import SandboxApp, create_app
from sandbox.gocardless.world import DISABLED_TOKEN, READ_ONLY_TOKEN, READ_WRITE_TOKEN, REVOKED_TOKEN, OAuthApp, World
from sandbox.serve import running

STARTED = datetime(2026, 3, 2, 8, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Access:
    """A connection file's word on GoCardless."""

    api_base: str
    access_token: str = "gocardless_access_token"
    requests_per_minute: int = 1000


@dataclass
class GoCardless:
    """A running sandbox and what it takes to call it."""

    app: SandboxApp
    base_url: str
    store: Store
    counter: CallCounter
    slept: list[float]

    @property
    def world(self) -> World:
        return self.app.world

    def client(self, token: str = READ_WRITE_TOKEN, sleep: Callable[[float], None] | None = None) -> GoCardlessClient:
        """A client of the connection `acme`. Waits are noted, and waited only when `sleep` is given."""
        connection = "acme"

        def wait(seconds: float) -> None:
            self.slept.append(seconds)
            if sleep is not None:
                sleep(seconds)

        self.store.vault.write(connection, "gocardless_access_token", token)
        books = BookSettings(connection=connection, time_zone=ZoneInfo("Europe/London"), cut_over=STARTED.date())
        context = BuildContext(
            connection=connection,
            books=books,
            store=self.store,
            clock=lambda: datetime.now(UTC),
            sleep=wait,
            rng=random.Random(1),
            counter=self.counter,
        )
        return build_client(Access(self.base_url), context)

    def pass_days(self, days: int) -> None:
        with self.world.lock:
            self.world.autopilot.run_until(self.world.now() + timedelta(days=days))


@pytest.fixture
def gocardless(tmp_path: Path) -> Iterator[GoCardless]:
    app = create_app(World(SandboxClock(STARTED), seed=3))
    key, _ = VaultKey.generate()
    with (
        Store.open(f"sqlite:///{tmp_path}/store.sqlite", clock=lambda: datetime.now(UTC), vault_key=key) as store,
        running(app) as base_url,
    ):
        store.migrate()
        yield GoCardless(app, base_url, store, CallCounter(), [])


@pytest.fixture
def client(gocardless: GoCardless) -> Iterator[GoCardlessClient]:
    built = gocardless.client()
    yield built
    built.close()


@pytest.fixture
def mandate(client: GoCardlessClient) -> str:
    """A mandate of a new customer, set up with the client."""
    customer = client.create_customer(
        {"company_name": "Bäckerei Süß", "email": "b@example.com", "country_code": "GB"}, "c1"
    )
    account = {
        "account_holder_name": "Backerei Suss",
        "branch_code": "200000",
        "account_number": "55779911",
        "country_code": "GB",
        "links": {"customer": customer["id"]},
    }
    bank_account = client.create_customer_bank_account(account, "b1")
    with pytest.raises(Conflict) as twice:
        client.create_customer_bank_account(account, "b2")
    assert (twice.value.code, twice.value.conflicting_id) == ("bank_account_exists", bank_account["id"])
    links = {"customer_bank_account": bank_account["id"]}
    return str(client.create_mandate({"scheme": "bacs", "links": links}, "m1")["id"])


def collect(client: GoCardlessClient, mandate: str, amount: int, key: str) -> dict[str, Any]:
    return client.create_payment({"amount": amount, "currency": "GBP", "links": {"mandate": mandate}}, key)


def test_a_payment_runs_until_its_payout_and_the_items_add_up(
    gocardless: GoCardless, client: GoCardlessClient, mandate: str
) -> None:
    payments = [collect(client, mandate, amount, f"p{amount}")["id"] for amount in (1000, 2345)]
    balances = []
    for _ in range(21):
        gocardless.pass_days(1)
        balances += client.balances(client.first_creditor()["id"])
    assert {balance["currency"] for balance in balances} == {"GBP"}
    events = list(in_order(p.events for p in read_events(client, STARTED, STARTED + timedelta(days=30))))
    actions = [e.action for e in map(event_of, events) if e.links.get("payment") == payments[0]]
    assert actions[:3] == ["created", "submitted", "confirmed"]
    assert [e["action"] for e in client.story("payments", payments[0])] == actions
    (page,) = client.list_pages("payouts", created_from=STARTED)
    payout = payout_of(page[0])
    items = [payout_item_of(item, payout.amount.currency) for item in client.payout_items(payout.id)]
    assert {item.payment_id for item in items} >= set(payments)
    assert abs(sum((item.amount for item in items), Decimal(0)) - payout.amount.minor) <= 1
    for resource_type in ("payments", "mandates", "customers", "payouts", "creditors", "events"):
        for bodies in client.list_pages(resource_type):
            assert [m.body() for m in validate_page(resource_type, bodies)] == bodies
    assert {rate["jurisdiction"] for rate in client.tax_rates("GB")} == {"GB"}


def test_events_bring_the_payments_they_name(client: GoCardlessClient, mandate: str) -> None:
    created = collect(client, mandate, 1000, "p1")
    pages = list(read_events(client, STARTED, STARTED + timedelta(days=1), resource_type="payments", include="payment"))
    assert [linked["id"] for page in pages for linked in page.linked] == [created["id"]]


def test_a_key_that_was_used_names_the_first_payment(client: GoCardlessClient, mandate: str) -> None:
    first = collect(client, mandate, 1000, "same-key")
    with pytest.raises(Conflict) as caught:
        collect(client, mandate, 1000, "same-key")
    assert (caught.value.code, caught.value.conflicting_id) == ("idempotent_creation_conflict", first["id"])
    assert client.get("payments", caught.value.conflicting_id)["amount"] == 1000


def test_a_payment_whose_answer_was_lost_is_found_by_its_key(
    gocardless: GoCardless, client: GoCardlessClient, mandate: str
) -> None:
    gocardless.app.faults.add(Fault("drop_after", method="POST", path="/payments"))
    with pytest.raises(Uncertain):
        collect(client, mandate, 1000, "lost")
    with pytest.raises(Conflict) as caught:
        collect(client, mandate, 1000, "lost")
    assert client.get("payments", caught.value.conflicting_id)["amount"] == 1000
    assert sum(len(page) for page in client.list_pages("payments")) == 1


def test_cancelling_twice_keeps_the_reason(client: GoCardlessClient, mandate: str) -> None:
    payment = collect(client, mandate, 1000, "p1")["id"]
    assert client.cancel_payment(payment, "x1")["status"] == "cancelled"
    with pytest.raises(Refused) as caught:
        client.cancel_payment(payment, "x2")
    assert caught.value.code == "cancellation_failed"


def test_a_mandate_is_set_up_on_hosted_pages(client: GoCardlessClient) -> None:
    request = client.create_billing_request({"mandate_request": {"scheme": "bacs", "currency": "GBP"}}, "br1")
    fields = {"redirect_uri": "https://ours.example/done", "links": {"billing_request": request["id"]}}
    flow = client.create_billing_request_flow(fields, "fl1")
    assert flow["authorisation_url"].startswith("http")


def test_a_subscription_is_made_and_ended(client: GoCardlessClient, mandate: str) -> None:
    fields = {"amount": 1500, "currency": "GBP", "interval_unit": "monthly", "links": {"mandate": mandate}}
    subscription = client.create_subscription(fields, "s1")
    assert client.cancel_subscription(subscription["id"], "s2")["status"] == "cancelled"


def test_an_unknown_resource_is_not_found(client: GoCardlessClient) -> None:
    with pytest.raises(NotFound) as caught:
        client.get("payments", "PM00NOTHERE")
    assert caught.value.code == "resource_not_found"


@pytest.mark.parametrize(
    ("token", "reason"),
    [("unknown-token", "access_token_not_found"), (DISABLED_TOKEN, "access_token_not_active"),
     (REVOKED_TOKEN, "access_token_revoked")],
)  # fmt: skip
def test_a_refused_token_says_why_and_what_to_do(token: str, reason: str, gocardless: GoCardless) -> None:
    client = gocardless.client(token)
    with pytest.raises(TokenRefused, match="connector credentials set acme gocardless_access_token") as caught:
        client.first_creditor()
    assert (caught.value.code, client.calls) == (reason, 1)
    assert token not in str(caught.value)
    client.close()


def test_a_reading_token_may_not_write(gocardless: GoCardless) -> None:
    client = gocardless.client(READ_ONLY_TOKEN)
    assert client.first_creditor()["name"] == "Sandbox Merchant"
    with pytest.raises(PermissionRefused) as caught:
        client.create_customer({"company_name": "X", "email": "x@example.com"}, "c1")
    assert caught.value.code == "insufficient_permissions"
    client.close()


def test_a_used_up_quota_is_waited_out_before_the_server_refuses(gocardless: GoCardless) -> None:
    gocardless.world.settings.rate_limit = 3
    gocardless.world.settings.rate_window_s = 1
    client = gocardless.client(sleep=time.sleep)
    for _ in range(5):
        client.first_creditor()
    assert client.calls == len(gocardless.app.faults.requests) == 5, "a call was refused and repeated"
    assert sum(gocardless.slept) > 0
    client.close()


def test_a_partner_app_connects_calls_and_disconnects(gocardless: GoCardless) -> None:
    app = OAuthApp("app-1", "app-secret-canary", ("https://ours.example/cb",))
    gocardless.world.oauth_apps[app.client_id] = app
    partner = partner_client(app.client_id, app.client_secret, gocardless.base_url, app.redirect_uris[0])
    consent = begin_partner_consent(partner)
    agreed = requests.post(consent.url, allow_redirects=False, timeout=5)
    back = agreed.headers["location"]
    assert dict(parse_qsl(urlsplit(back).query))["state"] == consent.state
    transport = HttpTransport("gocardless", gocardless.base_url, explain=explain_oauth)
    token = complete_partner_consent(partner, transport, consent, back, now=lambda: datetime.now(UTC))
    assert token.organisation_id == gocardless.world.organisation_id
    client = gocardless.client(token.access_token)
    assert client.first_creditor()
    revoke_partner_token(partner, transport, token.access_token)
    with pytest.raises(TokenRefused):
        client.first_creditor()
    client.close()
    transport.close()
