"""Prometheus learns from the receiver and the store what an operator must know, and nothing of any customer."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from bookkeeping.postings import Posting, PostingKind
from connector_resources.erp.contract import Hold
from connector_resources.metrics import registry_of
from connector_resources.store.deliveries import Delivery
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from sandbox.serve import free_port, running
from sensors.receiver import create_receiver
from sensors.receiver_metrics import CountedReceiver

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    with Store.open(url, clock=lambda: NOW, vault_key=VaultKey.generate()[0]) as opened:
        opened.migrate()
        yield opened


def posting(number: int, kind: PostingKind = PostingKind.RECEIPT, subject: str = "") -> Posting:
    return Posting(
        key=f"EV{number}:{kind}",
        connection="nordic",
        kind=kind,
        event_id=f"EV{number}",
        subject=subject or f"PM{number}",
        occurred_at=NOW,
        booking_date=date(2026, 6, 10),
        reference=f"GCEV{number}",
        text="Ada Lovelace, DE89370400440532013000",
    )


def values(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """Label values -> figure of one metric, names of labels in order."""
    from prometheus_client import generate_latest

    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in samples}


def test_postings_and_what_is_held_are_counted_by_connection(store: Store) -> None:
    store.ledger.plan("nordic", [posting(1), posting(2), posting(3)])
    store.ledger.hold("nordic", [Hold("EV1:receipt", "period_closed", "as an example", "open it")])

    registry = registry_of(store)

    assert values(registry, "connector_postings") == {("nordic", "pending"): 2, ("nordic", "held"): 1}
    assert values(registry, "connector_postings_held") == {("period_closed", "nordic"): 1}
    assert values(registry, "connector_oldest_pending_seconds") == {("nordic",): 0}


def test_ages_are_those_of_the_oldest(store: Store) -> None:
    store.ledger.plan("nordic", [posting(1)])
    event = {
        "id": "EV1",
        "created_at": "2026-06-10T11:00:00Z",
        "resource_type": "payments",
        "action": "confirmed",
        "links": {"payment": "PM1"},
    }
    body = orjson.dumps({"events": [event]})
    store.deliveries.keep([Delivery("nordic", body, "WB1", 1, "UTC")])
    store.deliveries.take()
    second = orjson.dumps({"events": [{**event, "id": "EV2"}, {**event, "id": "EV3"}]})
    later_by_an_hour = NOW + timedelta(hours=1)
    store.database._clock = lambda: later_by_an_hour
    store.deliveries.keep([Delivery("nordic", second, "WB2", 2, "UTC"), Delivery("south", second, "WB3", 2, "UTC")])
    later = NOW + timedelta(hours=2)
    store.database._clock = lambda: later

    registry = registry_of(store)

    assert values(registry, "connector_oldest_pending_seconds") == {("nordic",): 7200}
    assert values(registry, "connector_inbox_waiting") == {("nordic",): 3, ("south",): 2}
    assert values(registry, "connector_inbox_oldest_seconds") == {("nordic",): 7200, ("south",): 3600}
    store.deliveries.take()
    assert values(registry, "connector_inbox_waiting") == {("nordic",): 3, ("south",): 2}
    assert values(registry, "connector_webhooks_unreadable") == {}


def test_webhooks_that_cannot_be_taken_apart_are_counted(store: Store) -> None:
    store.deliveries.keep([Delivery("nordic", b"no webhook", "WB1", 1, "UTC")])
    store.deliveries.take()

    assert values(registry_of(store), "connector_webhooks_unreadable") == {("nordic",): 1}
    assert values(registry_of(store), "connector_inbox_waiting") == {}


def test_leases_and_quotas_show_who_works_and_what_is_left(store: Store) -> None:
    from fractions import Fraction

    for _ in range(3):
        store.quotas.take("gocardless:nordic", capacity=10, refill_per_s=Fraction(1))
    store.quotas.block("visma:42", 30)
    with store.leases.hold("posting:nordic", ttl_s=60, wait_s=0):
        registry = registry_of(store)
        assert values(registry, "connector_lease_held") == {("posting:nordic",): 1}
    assert values(registry, "connector_lease_held") == {("posting:nordic",): 0}
    assert values(registry, "connector_quota_calls_left")[("gocardless:nordic",)] == 7
    assert values(registry, "connector_quota_blocked_seconds")[("visma:42",)] == 30


def test_a_payout_is_unproven_until_its_posting_is_planned(store: Store) -> None:
    bodies = [
        {"id": name, "created_at": "2026-06-09T08:00:00Z", "status": status}
        for name, status in (("PO1", "paid"), ("PO2", "paid"), ("PO3", "pending"))
    ]
    store.entities.put("nordic", "payouts", bodies, day_of=lambda at: at.date())
    store.ledger.plan("nordic", [posting(7, PostingKind.PAYOUT, "PO1")])

    assert values(registry_of(store), "connector_payouts") == {("nordic", "proven"): 1, ("nordic", "unproven"): 1}


def test_no_metric_names_a_customer_or_a_document(store: Store) -> None:
    from prometheus_client import generate_latest

    store.ledger.plan("nordic", [posting(1)])
    store.vault.write("nordic", "gocardless_access_token", "a-secret-value")

    shown = generate_latest(registry_of(store)).decode()

    assert "connector_postings" in shown
    for private in ("Ada", "DE89", "PM1", "EV1", "a-secret-value"):
        assert private not in shown


def test_the_receivers_answers_are_counted_and_strangers_words_are_no_labels(store: Store) -> None:
    registry = CollectorRegistry()
    application = CountedReceiver(create_receiver(store, {}), ["nordic"], registry)

    with running(application) as address, requests.Session() as caller:
        caller.post(f"{address}/webhooks/gocardless/nordic", data=b"{}", timeout=20)
        for number in range(5):
            caller.post(f"{address}/webhooks/gocardless/stranger-{number}", data=b"{}", timeout=20)
        caller.post(f"{address}/webhooks/erp/nordic", data=b"{}", timeout=20)
        caller.get(f"{address}/somewhere/else", timeout=20)
        caller.get(f"{address}/health", timeout=20)

    assert values(registry, "connector_webhooks_total") == {
        ("refused", "nordic", "gocardless"): 1,
        ("refused", "", "gocardless"): 5,
        ("refused", "nordic", "erp"): 1,
    }


@pytest.mark.slow
def test_a_receiver_serves_metrics_on_a_port_of_its_own_and_logs_json(tmp_path: Path) -> None:
    port, metrics_port = free_port(), free_port()
    arguments = ["serve", "--port", str(port), "--metrics-port", str(metrics_port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", *arguments],
        env={**os.environ, "CONNECTOR_HOME": str(tmp_path / "home"), "CONNECTOR_LOG_LEVEL": "WARNING"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        assert (
            requests.post(f"http://127.0.0.1:{port}/webhooks/gocardless/nobody", data=b"{}", timeout=30).status_code
            == 404
        )
        shown = requests.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=30).text
        assert requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).status_code == 404
    finally:
        process.terminate()
        _, logged = process.communicate(timeout=60)
    assert 'connector_webhooks_total{answer="refused",connection="",source="gocardless"} 1.0' in shown
    assert "connector_postings" in shown
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    refused = [line for line in lines if line["event"] == "webhook refused"]
    assert [(line["level"], line["status"]) for line in refused] == [("warning", 404)]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)


def test_a_library_that_logs_is_written_as_json_without_secrets(tmp_path: Path) -> None:
    program = (
        "import logging\n"
        "from connector_resources.logs import write_logs\n"
        "from connector_resources.transport.redaction import register_secret\n"
        "import structlog\n"
        "register_secret('tell-nobody-of-this')\n"
        "write_logs('INFO')\n"
        "structlog.contextvars.bind_contextvars(connection='nordic', run_id='r1')\n"
        "logging.getLogger('urllib3').warning('retrying with %s', 'tell-nobody-of-this')\n"
        "logging.getLogger('connector.posting').warning('held', extra={'posting': 'EV1:receipt'})\n"
        "logging.getLogger('urllib3').debug('chatter')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["logger"], line["connection"], line["run_id"]) for line in lines] == [
        ("urllib3", "nordic", "r1"),
        ("connector.posting", "nordic", "r1"),
    ]
    assert "tell-nobody-of-this" not in done.stderr
    assert lines[1]["posting"] == "EV1:receipt"
    assert logging.getLogger("connector.posting").level == logging.NOTSET


def _wait_for(address: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, "the process has stopped"
        assert time.monotonic() < deadline
        try:
            if requests.get(address, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
