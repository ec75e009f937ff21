"""`connector webhooks` at Exact Online, with the receiver as a process of its own that Exact calls back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import yaml

from connector_resources.erp.exact_online.authorisation import authorise
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.store.marks import ERP_NOTIFIED
from sandbox.clock import SandboxClock
from sandbox.exact_online.app import create_app
from sandbox.exact_online.division import Division
from sandbox.faults import Fault
from sandbox.serve import running
from tests.polder import ACCOUNTS, REDIRECT

NOBODY = "http://127.0.0.1:9"
USUAL = ["Accounts", "SalesEntries", "SalesInvoices"]


@dataclass
class Polder:
    terminal: Any
    division: Division
    sandbox: Any

    def topics(self) -> dict[str, str]:
        """What Exact holds: topic -> address."""
        with self.division.lock:
            return {row["Topic"]: row["CallbackURL"] for row in self.division.tables["WebhookSubscriptions"]}

    def notified(self) -> str | None:
        with Runtime.open(Settings(home=self.terminal.home)) as runtime:
            return runtime.store.marks.get("polder", ERP_NOTIFIED)


@pytest.fixture
def polder(terminal: Any) -> Iterator[Polder]:
    division = Division(clock=SandboxClock()).standard_chart(years=(2025, 2026, 2027))
    division.switches.deliver_webhooks = False
    division.switches.maintenance_window = False
    sandbox = create_app(division)
    with running(sandbox) as address:
        document = {
            "gocardless": {"environment": "sandbox"},
            "books": {"time_zone": "Europe/Amsterdam", "cut_over": "2026-06-01"},
            "erp": {
                "kind": "exact_online",
                "base_url": address,
                "accounts": ACCOUNTS,
                "currencies": {"EUR": {"bank_journal": "23", "transit_account": "2000"}},
                "sales_journal": "70",
            },
        }
        (terminal.home / "connections").mkdir(parents=True)
        (terminal.home / "connections" / "polder.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        for name, value in (
            ("exact_client_id", "3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11"),
            ("exact_client_secret", "sandbox-secret"),
            ("exact_online_webhook_secret", "exact-webhook-secret"),
        ):
            terminal.ok("credentials", "set", "polder", name, given=value)
        with Runtime.open(Settings(home=terminal.home)) as runtime:
            connection = runtime.connection("polder")
            consent = authorise(connection.erp, runtime.context(connection), REDIRECT)
            page = requests.get(consent.url, allow_redirects=False, timeout=10)
            consent.complete(page.headers["location"])
        yield Polder(terminal, division, sandbox)


def test_subscriptions_are_made_listed_and_ended(polder, serving):
    with serving(polder.terminal.home) as receiver:
        said = polder.terminal.ok("webhooks", "create", "polder", "--address", f"{receiver}/")
    callback = f"{receiver}/webhooks/erp/polder"
    assert f"SalesInvoices: told to {callback}." in said
    assert polder.topics() == dict.fromkeys(USUAL, callback)
    listed = polder.terminal.json("webhooks", "list", "polder")
    assert sorted((row["topic"], row["address"]) for row in listed) == [(topic, callback) for topic in USUAL]

    assert polder.terminal.ok("webhooks", "delete", "polder", "--topic", "SalesEntries").startswith("SalesEntries: not")
    assert sorted(polder.topics()) == ["Accounts", "SalesInvoices"]
    polder.terminal.ok("webhooks", "delete", "polder")
    assert polder.topics() == {}
    assert "There are none." in polder.terminal.ok("webhooks", "delete", "polder")
    assert "nothing" in polder.terminal.ok("webhooks", "list", "polder")


def test_a_change_in_exact_reaches_the_receiver_and_only_asks_for_a_reading(polder, serving):
    with serving(polder.terminal.home) as receiver:
        polder.terminal.ok("webhooks", "create", "polder", "--address", receiver, "--topic", "Accounts")
        before = polder.notified()
        polder.division.add_account("77", "Nieuw B.V.")
        (delivery,) = polder.division.webhooks.deliver()
    assert delivery.status == 200
    assert polder.notified() not in (before, None)
    with Runtime.open(Settings(home=polder.terminal.home)) as runtime:
        assert list(runtime.store.customers.erp_all("polder")) == [], "nothing is taken from the notification itself"


def test_a_forged_notification_is_refused(polder, serving):
    with serving(polder.terminal.home) as receiver:
        polder.terminal.ok("webhooks", "create", "polder", "--address", receiver, "--topic", "Accounts")
        before = polder.notified()
        polder.division.webhooks.misbehaviour.wrong_signature = True
        polder.division.add_account("77", "Nieuw B.V.")
        (delivery,) = polder.division.webhooks.deliver()
    assert delivery.status == 401
    assert polder.notified() == before


def test_making_the_same_again_changes_nothing_and_a_new_address_replaces_the_old(polder, serving):
    polder.division.switches.validation_post = "off"
    for _ in range(2):
        polder.terminal.ok("webhooks", "create", "polder", "--address", NOBODY, "--topic", "Accounts")
    assert polder.topics() == {"Accounts": f"{NOBODY}/webhooks/erp/polder"}
    with serving(polder.terminal.home) as receiver:
        polder.terminal.ok("webhooks", "create", "polder", "--address", receiver, "--topic", "Accounts")
    assert polder.topics() == {"Accounts": f"{receiver}/webhooks/erp/polder"}


def test_the_validation_post_may_come_after_the_answer(polder, serving):
    polder.division.switches.validation_post = "after"
    with serving(polder.terminal.home) as receiver:
        polder.terminal.ok("webhooks", "create", "polder", "--address", receiver, "--topic", "Accounts")
        assert polder.division.webhooks.to_validate == [f"{receiver}/webhooks/erp/polder"]
        polder.division.webhooks.deliver()
    assert sorted(polder.topics()) == ["Accounts"]


def test_without_a_receiver_nothing_is_subscribed_and_the_next_step_is_named(polder):
    said = polder.terminal.fails("webhooks", "create", "polder", "--address", NOBODY)
    assert "Post to callback URL endpoint returns" in said
    assert "see that `connector serve` runs" in said
    assert polder.topics() == {}


def test_a_subscription_of_another_user_is_taken_as_it_is(polder):
    polder.division.switches.validation_post = "off"
    message = '{"error":{"code":"","message":{"lang":"en","value":"Data already exists"}}}'
    polder.sandbox.faults.add(
        Fault("error_before", method="POST", path="WebhookSubscriptions", status=500, body=message)
    )
    said = polder.terminal.ok("webhooks", "create", "polder", "--address", NOBODY, "--topic", "Accounts")
    assert "Accounts: told by another user of the same app" in said


@pytest.mark.parametrize("kind", ["drop_after", "error_after"])
def test_an_unanswered_subscription_is_found_in_the_list(polder, kind):
    polder.division.switches.validation_post = "off"
    polder.sandbox.faults.add(Fault(kind, method="POST", path="WebhookSubscriptions", status=502))
    polder.terminal.ok("webhooks", "create", "polder", "--address", NOBODY, "--topic", "Accounts")
    assert sorted(polder.topics()) == ["Accounts"]


def test_what_cannot_be_is_said_before_anything_is_sent(polder):
    assert "is no https address" in polder.terminal.fails("webhooks", "create", "polder", "--address", "hooks.example")
    said = polder.terminal.fails("webhooks", "create", "polder", "--address", NOBODY, "--topic", "Weather")
    assert "Weather is no topic" in said
    assert "choose of Accounts" in said
    assert "no subscription to SalesEntries" in polder.terminal.fails(
        "webhooks", "delete", "polder", "--topic", "SalesEntries"
    )


def test_other_ledgers_say_where_theirs_are_registered(shop):
    assert "Visma.net ERP are registered in its own portal" in shop.fails("webhooks", "list", "nordic")
