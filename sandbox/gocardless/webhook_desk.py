"""Delivers events as webhooks: signed raw bytes in batches, shuffled, repeated or dropped on purpose, with a retry
plan.

Follows gocardless.md section 7: at most 250 events a delivery, ten seconds, no redirects, up to eight more tries at
growing gaps of sandbox time, and a log that can be asked and asked to send again. Nothing is sent before `deliver`
or `retry_due`.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import requests

from sandbox.gocardless.records import Record
from sandbox.gocardless.timestamps import stamp

if TYPE_CHECKING:
    from sandbox.gocardless.world import World

MAX_BATCH = 250
TIMEOUT_S = 10.0
#: The first three gaps are published, the later ones are plausible.
RETRY_GAPS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 10, 30, 60, 180, 360, 720))
ORIGIN = "https://api-sandbox.gocardless.com"
_SHOWN_BODY = 10_000


@dataclass(slots=True)
class Endpoint:
    """Where webhooks go. `secret` signs them; several endpoints may be enabled, each gets every event."""

    url: str
    secret: str = field(repr=False)
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Mischief:
    """How a delivery round misbehaves, in percent of events; `batch` bounds the size of one delivery."""

    shuffle: bool = True
    duplicate_percent: int = 0
    drop_percent: int = 0
    batch: int = MAX_BATCH
    with_meta: bool = True


@dataclass(slots=True, eq=False)
class Delivery:
    """One POST: exactly these bytes to this endpoint. `attempts` counts the tries so far."""

    webhook_id: str
    endpoint: Endpoint
    body: bytes
    event_ids: tuple[str, ...]
    is_test: bool = False
    attempts: int = 0
    delivered: bool = False
    next_try: datetime | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "gocardless-webhook-service/1.1",
            "Origin": ORIGIN,
            "Webhook-Signature": sign(self.endpoint.secret, self.body),
        }


def sign(secret: str, body: bytes) -> str:
    """Lower-case hexadecimal HMAC-SHA256 over the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class WebhookDesk:
    """The queue of events that no endpoint has been told of, the deliveries made, and their log."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.endpoints: list[Endpoint] = []
        self.queue: list[Record] = []
        self.deliveries: dict[str, Delivery] = {}
        #: events deliberately left out of every webhook: only the event list shows them.
        self.dropped: list[str] = []
        self.timeout_s = TIMEOUT_S

    def announce(self, event: Record) -> None:
        self.queue.append(event)

    def plan(self, mischief: Mischief, chance: random.Random) -> list[Delivery]:
        """Empty the queue into deliveries for every enabled endpoint. The same chance gives the same deliveries."""
        waiting, self.queue = self.queue, []
        events = []
        for event in waiting:
            if chance.randrange(100) < mischief.drop_percent:
                self.dropped.append(event.id)
                continue
            events.append(event)
            if chance.randrange(100) < mischief.duplicate_percent:
                events.append(event)
        if mischief.shuffle:
            chance.shuffle(events)
        size = max(1, min(mischief.batch, MAX_BATCH))
        batches = [events[start : start + size] for start in range(0, len(events), size)]
        return [
            self.prepare(batch, endpoint, with_meta=mischief.with_meta)
            for endpoint in self.endpoints
            if endpoint.enabled
            for batch in batches
        ]

    def prepare(
        self, events: Sequence[Record], endpoint: Endpoint, *, with_meta: bool = True, is_test: bool = False
    ) -> Delivery:
        """A delivery of exactly these events, with a new webhook id, not yet sent."""
        webhook_id = self.world.ids.new("webhooks")
        meta = b',"meta":' + orjson.dumps({"webhook_id": webhook_id}) if with_meta else b""
        body = b'{"events":[' + b",".join(event.json for event in events) + b"]" + meta + b"}"
        return self.prepare_raw(body, endpoint, webhook_id, tuple(event.id for event in events), is_test)

    def prepare_raw(
        self,
        body: bytes,
        endpoint: Endpoint,
        webhook_id: str = "",
        event_ids: tuple[str, ...] = (),
        is_test: bool = False,
    ) -> Delivery:
        """A delivery of any bytes: odd white space, unknown resource types, a broken document."""
        identity = webhook_id or self.world.ids.new("webhooks")
        delivery = Delivery(identity, endpoint, body, event_ids, is_test)
        self.deliveries[identity] = delivery
        return delivery

    def send(self, delivery: Delivery) -> int:
        """POST it once; returns the status, 0 when nobody answered in time. Writes the log and plans the next try."""
        try:
            answer = requests.post(
                delivery.endpoint.url,
                data=delivery.body,
                headers=delivery.headers,
                timeout=self.timeout_s,
                allow_redirects=False,
            )
            status, text, headers = answer.status_code, answer.text, dict(answer.headers)
        except requests.RequestException as problem:
            status, text, headers = 0, type(problem).__name__, {}
        with self.world.lock:
            delivery.attempts += 1
            delivery.delivered = 200 <= status < 300
            delivery.next_try = None
            if not delivery.delivered and delivery.attempts <= len(RETRY_GAPS):
                delivery.next_try = self.world.now() + RETRY_GAPS[delivery.attempts - 1]
            self._log(delivery, status, text, headers)
        return status

    def retry_due(self) -> list[int]:
        """Send again what has failed and whose gap has passed; returns the statuses."""
        with self.world.lock:
            now = self.world.now()
            due = [d for d in self.deliveries.values() if d.next_try is not None and d.next_try <= now]
        return [self.send(delivery) for delivery in due]

    def _log(self, delivery: Delivery, status: int, text: str, headers: dict[str, str]) -> None:
        now = stamp(self.world.now())
        shown: dict[str, Any] = {
            "id": delivery.webhook_id,
            "created_at": now,
            "is_test": delivery.is_test,
            "request_body": delivery.body.decode("utf-8", "replace"),
            "request_headers": delivery.headers,
            "response_body": text[:_SHOWN_BODY],
            "response_body_truncated": len(text) > _SHOWN_BODY,
            "response_code": status or None,
            "response_headers": headers,
            "response_headers_content_truncated": False,
            "response_headers_count_truncated": False,
            "successful": delivery.delivered,
            "url": delivery.endpoint.url,
        }
        known = self.world.webhooks.known(delivery.webhook_id)
        if known is None:
            self.world.webhooks.add(Record(delivery.webhook_id, now, shown))
        else:
            known.change(**{**shown, "created_at": known.created_at})
