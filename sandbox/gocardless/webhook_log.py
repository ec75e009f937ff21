"""`/webhooks`: what was sent, what was answered, and a request to send it again (gocardless.md section 2)."""

from __future__ import annotations

import threading

from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.paging import ListRules, list_records

_LIST = ListRules(fields=("is_test", "successful"))


def index(call: Call) -> Reply:
    return list_records(call, call.world.webhooks, _LIST)


def show(call: Call) -> Reply:
    return one("webhooks", call.record(call.world.webhooks, "webhook"))


def retry(call: Call) -> Reply:
    """Answers at once; the bytes go out beside, because the receiver may take its ten seconds."""
    webhook = call.record(call.world.webhooks, "webhook")
    desk = call.world.webhook_desk
    threading.Thread(target=desk.send, args=(desk.deliveries[webhook.id],), name="webhook retry", daemon=True).start()
    return one("webhooks", webhook)


ENDPOINTS = (
    Endpoint("GET", "/webhooks", index),
    Endpoint("GET", "/webhooks/{identity}", show),
    Endpoint("POST", "/webhooks/{identity}/actions/retry", retry),
)
