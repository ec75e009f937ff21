"""Webhook subscriptions and the signed notifications they get: key and action only, with retries (section 7).

Messages are kept in `outbox` with the moment they are due by the division's clock; `deliver` sends what is due.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import requests

from sandbox.exact_online.calls import Call, literal
from sandbox.exact_online.refusals import Business, exists, mandatory, not_allowed
from sandbox.exact_online.schema import Row
from sandbox.exact_online.wire import date_text

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

_log = logging.getLogger(__name__)
TIMEOUT_S = 5
RETRIES = 10
#: tables whose changes are told, with the topics and the path of the address in the message.
TOPICS = {
    "Accounts": (("Accounts",), "crm/Accounts"),
    "BankAccounts": (("BankAccounts",), "crm/BankAccounts"),
    "GLAccounts": (("GLAccounts",), "financial/GLAccounts"),
    "SalesInvoices": (("SalesInvoices",), "salesinvoice/SalesInvoices"),
    "SalesEntries": (("SalesEntries", "FinancialTransactions"), "salesentry/SalesEntries"),
    "BankEntries": (("BankEntries", "FinancialTransactions"), "financialtransaction/BankEntries"),
    "GeneralJournalEntries": (
        ("GeneralJournalEntries", "FinancialTransactions"),
        "generaljournalentry/GeneralJournalEntries",
    ),
    "Documents": (("Documents",), "documents/Documents"),
}
KNOWN_TOPICS = {topic for topics, _ in TOPICS.values() for topic in topics} | {"GoodsDeliveries", "JournalStatusList"}


@dataclass(slots=True)
class Misbehaviour:
    """What is wrong with the next messages made: `hash_first` and `spaced` are legal variants, the others are not."""

    hash_first: bool = False
    spaced: bool = False
    lower_case: bool = False
    wrong_signature: bool = False
    duplicate: bool = False
    #: another division than the subscription's; 0 is none.
    division: int = 0


@dataclass(slots=True)
class Message:
    """One notification on its way. `attempts` were made before."""

    url: str
    body: bytes
    due: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of an attempt: the receiver's status, or 0 when nobody answered."""

    url: str
    body: bytes
    status: int


@dataclass(frozen=True, slots=True)
class _Event:
    topic: str
    action: str
    key: str
    path: str
    at: datetime


class Webhooks:
    """Collects notifications and sends them when told."""

    def __init__(self, division: Division) -> None:
        self._division = division
        self.outbox: list[Message] = []
        self.deliveries: list[Delivery] = []
        self.misbehaviour = Misbehaviour()
        #: addresses that still get their empty validation POST, when that comes after the answer.
        self.to_validate: list[str] = []
        self._sending = threading.Lock()

    # -- subscriptions ----------------------------------------------------------------------------------------------

    def subscribe(self, call: Call, body: Row) -> Row:
        """Create a subscription. The callback is asked before or after the answer; the lock is free meanwhile.

        Raises `Business` for a callback that does not answer, another host than the application's, or a second one.
        """
        division = self._division
        with division.lock:
            self._check(call, body)
        if division.switches.validation_post == "before" and (problem := probe(body["CallbackURL"])):
            raise Business(f"Invalid: Post to callback URL endpoint returns {problem}")
        with division.lock:
            self._check(call, body)
            if division.switches.validation_post == "after":
                self.to_validate.append(body["CallbackURL"])
            return division.tables["WebhookSubscriptions"].add(
                {
                    **body,
                    "ID": division.new_id(),
                    "ClientID": call.client_id.strip("{}"),
                    "UserID": body.get("UserID") or division.user_id,
                    "Division": division.code,
                }
            )

    def _check(self, call: Call, body: Row) -> None:
        if not body.get("Topic"):
            raise mandatory("Topic")
        if body["Topic"] not in KNOWN_TOPICS:
            raise Business("Invalid: Topic")
        if body.get("IsInstant") and body["Topic"] != "GoodsDeliveries":
            raise not_allowed("IsInstant")
        app = self._division.tokens.apps[call.client_id.strip("{}").lower()]
        if not app.accepts_callback(body["CallbackURL"]):
            raise Business("Invalid: CallbackURL must be https on the domain of the redirect URI.")
        if any(row["Topic"] == body["Topic"] for row in self.of(call.client_id)):
            raise exists("Subscription")

    def of(self, client_id: str) -> list[Row]:
        """An application sees only its own."""
        return self._division.tables["WebhookSubscriptions"].where("ClientID", client_id.strip("{}"))

    # -- notifications ----------------------------------------------------------------------------------------------

    def record_changed(self, table: str, action: str, key: str) -> None:
        """Tell every subscription to one of the table's topics."""
        topics, path = TOPICS.get(table, ((), ""))
        words = {"create": self._division.switches.create_action, "update": "Update", "delete": "Delete"}
        for topic in topics:
            self.emit(topic, words[action], key, path)

    def emit(self, topic: str, action: str, key: str, path: str) -> None:
        event = _Event(topic, action, key, path, self._division.local_time())
        for row in self._division.tables["WebhookSubscriptions"]:
            if row["Topic"] == topic:
                self._post(row, event)

    def _post(self, subscription: Row, event: _Event) -> None:
        body = self._body(subscription, event)
        copies = 2 if self.misbehaviour.duplicate else 1
        for _ in range(copies):
            self.outbox.append(Message(subscription["CallbackURL"], body, self._division.now()))

    def _body(self, subscription: Row, event: _Event) -> bytes:
        division, fault = self._division, self.misbehaviour
        code = fault.division or division.code
        root = division.public_url if division.switches.absolute_event_endpoint else ""
        iso = division.switches.event_time_style == "iso"
        content = {
            "Topic": event.topic,
            "ClientId": f"{{{subscription['ClientID']}}}",
            "Division": code,
            "Action": event.action,
            "Key": event.key,
            "ExactOnlineEndpoint": f"{root}/api/v1/{code}/{event.path}({literal(event.key)})",
            "EventCreatedOn": event.at.isoformat(timespec="milliseconds") if iso else date_text(event.at),
        }
        if fault.hash_first:
            content = dict(reversed(content.items()))
        separators = (", ", " : ") if fault.spaced else (",", ":")
        inner = json.dumps(content, separators=separators, ensure_ascii=False, indent=1 if fault.spaced else None)
        app = division.tokens.apps[subscription["ClientID"].lower()]
        secret = "not the secret" if fault.wrong_signature else app.webhook_secret
        code_text = sign(secret, inner.encode())
        hashed = json.dumps("HashCode") + ":" + json.dumps(code_text.lower() if fault.lower_case else code_text)
        parts = [hashed, f'"Content":{inner}'] if fault.hash_first else [f'"Content":{inner}', hashed]
        return ("{" + ",".join(parts) + "}").encode()

    # -- sending ----------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        return bool(self.to_validate) or any(message.due <= self._division.now() for message in self.outbox)

    def deliver(self) -> list[Delivery]:
        """Send what is due: validation POSTs first, then messages. A refused one comes again after 2, 4, 8 ... minutes."""
        done: list[Delivery] = []
        with self._sending:
            with self._division.lock:
                addresses, self.to_validate = self.to_validate, []
                now = self._division.now()
                due = [message for message in self.outbox if message.due <= now]
                self.outbox = [message for message in self.outbox if message.due > now]
            for address in addresses:
                probe(address)
            for message in due:
                done.append(Delivery(message.url, message.body, _send(message.url, message.body)))
                if done[-1].status not in (200, 201):
                    self._again(message)
            self.deliveries += done
        return done

    def _again(self, message: Message) -> None:
        message.attempts += 1
        if message.attempts > RETRIES:
            _log.info("webhook to %s given up after %d attempts", message.url, message.attempts)
            return
        with self._division.lock:
            message.due = self._division.now() + timedelta(minutes=2**message.attempts)
            self.outbox.append(message)


def sign(secret: str, content: bytes) -> str:
    """Upper-case hex of HMAC-SHA256 over the bytes of the Content object (section 7.3)."""
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().upper()


def probe(url: str) -> str:
    """Send the empty validation POST; an empty text when it was answered 200 or 201, else what went wrong."""
    try:
        answer = requests.post(url, data=b"", timeout=TIMEOUT_S)
    except requests.RequestException as problem:
        return type(problem).__name__
    return "" if answer.status_code in (200, 201) else f"{answer.status_code} {answer.reason}"


def _send(url: str, body: bytes) -> int:
    try:
        answer = requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=TIMEOUT_S)
    except requests.RequestException as problem:
        _log.info("webhook to %s lost: %s", url, type(problem).__name__)
        return 0
    return answer.status_code


def create(division: Division, call: Call, body: Row) -> Row:
    return division.webhooks.subscribe(call, body)


def refuse_change(division: Division, call: Call, row: Row, values: Row) -> None:
    """Updates are listed but refused (section 7.1)."""
    raise not_allowed("Update of a subscription")


def delete(division: Division, row: Row) -> None:
    division.tables["WebhookSubscriptions"].remove(row["ID"])
