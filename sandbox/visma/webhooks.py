"""The webhook dispatcher: signed notifications with `x-vwd-*` headers, sent once and never again (section 7).

Subscriptions are made here by method, as they are made in the vendor's portal; there is no API for them. A message
that does not arrive is lost, unless a test asks for duplicates.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from sandbox.visma import formats

if TYPE_CHECKING:
    from sandbox.visma.company import Company

_log = logging.getLogger(__name__)
TIMEOUT_S = 5


@dataclass(slots=True)
class Subscription:
    """One target. With two secrets (during a rotation) messages are signed with them in turn."""

    id: str
    url: str
    events: tuple[str, ...]
    secrets: list[str]
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    subscription: Subscription
    event: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a message: the receiver's status, or 0 when nobody answered."""

    message: Message
    status: int


@dataclass(slots=True)
class Misbehaviour:
    """What the next delivery does wrong."""

    duplicate: bool = False
    wrong_signature: bool = False


class Webhooks:
    """Collects notifications in `outbox` and sends them when told."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self.subscriptions: list[Subscription] = []
        self.outbox: deque[Message] = deque()
        self.deliveries: list[Delivery] = []
        self.next_delivery = Misbehaviour()
        self._sending = threading.Lock()

    def subscribe(self, url: str, secret: str, events: tuple[str, ...] = ()) -> Subscription:
        """Register a target in the portal; without events it gets them all."""
        subscription = Subscription(self._company.new_id(), url, events, [secret])
        self.subscriptions.append(subscription)
        return subscription

    def emit(self, event: str, payload: Mapping[str, Any], extra_headers: Mapping[str, str] | None = None) -> None:
        """Put a notification into the outbox of every subscription to this event."""
        for subscription in self.subscriptions:
            if not subscription.events or event in subscription.events:
                self.outbox.append(self._message(subscription, event, payload, extra_headers or {}))

    def deliver(self) -> list[Delivery]:
        """Send everything in the outbox, each message once (twice when a duplicate was asked for)."""
        done: list[Delivery] = []
        with self._sending:
            while self.outbox:
                message = self.outbox.popleft()
                fault, self.next_delivery = self.next_delivery, Misbehaviour()
                for _ in range(2 if fault.duplicate else 1):
                    done.append(self._send(message, fault.wrong_signature))
            self.deliveries += done
        return done

    def _message(
        self, subscription: Subscription, event: str, payload: Mapping[str, Any], extra: Mapping[str, str]
    ) -> Message:
        company = self._company
        notification_id = company.new_id()
        body = formats.dumps({"event": event, "notificationId": notification_id, "data": dict(payload)})
        secret = subscription.secrets[subscription.sent % len(subscription.secrets)]
        subscription.sent += 1
        moment = company.clock.now().isoformat()
        headers = {
            **extra,
            "Content-Type": "application/json",
            "x-vwd-signature-v1": sign(secret, body),
            "x-vwd-application-id": "visma-net-financials",
            "x-vwd-application-version": "1.0",
            "x-vwd-event-id": event,
            "x-vwd-group-id": company.new_id(),
            "x-vwd-notification-id": notification_id,
            "x-vwd-notification-timestamp": moment,
            "x-vwd-subscription-id": subscription.id,
            "x-vwd-tenant-id": company.tenant_id,
            "x-vwd-webhook-timestamp": moment,
        }
        return Message(subscription, event, body, headers)

    def _send(self, message: Message, wrong_signature: bool) -> Delivery:
        headers = dict(message.headers)
        if wrong_signature:
            headers["x-vwd-signature-v1"] = sign("not the secret", message.body)
        try:
            answer = requests.post(message.subscription.url, data=message.body, headers=headers, timeout=TIMEOUT_S)
        except requests.RequestException as problem:
            _log.info("webhook to %s lost: %s", message.subscription.url, type(problem).__name__)
            return Delivery(message, 0)
        return Delivery(message, answer.status_code)


def sign(secret: str, body: bytes) -> str:
    """base64 of HMAC-SHA256 over the raw body, keyed with the secret as UTF-8."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
