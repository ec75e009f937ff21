"""Subscriptions, validation POSTs, signed notifications and their retries."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sandbox.exact_online.webhooks import sign

PATH = "webhooks/WebhookSubscriptions"
SECRET = b"exact-webhook-secret"


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted to it and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def messages(self) -> list[bytes]:
        return [body for body in self.bodies if body]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver(division: Any) -> Iterator[Receiver]:
    division.switches.deliver_webhooks = False
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def subscribe(api: Any, receiver: Receiver, topic: str = "Accounts") -> dict[str, Any]:
    return dict(api.created(PATH, {"CallbackURL": receiver.url, "Topic": topic}))


def content_of(body: bytes) -> bytes:
    """The bytes of the Content object, found by its braces."""
    start = body.index(b"{", body.index(b'"Content"'))
    depth = 0
    for position in range(start, len(body)):
        depth += {b"{": 1, b"}": -1}.get(body[position : position + 1], 0)
        quoted = body[start : position + 1].count(b'"') % 2
        if depth == 0 and not quoted:
            return body[start : position + 1]
    raise AssertionError(body)


def signature(body: bytes) -> str:
    return hmac.new(SECRET, content_of(body), hashlib.sha256).hexdigest().upper()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            '{"Topic":"Documents","Action":"Update","Label":"Café }{ \\"x\\" €1,50"}',
            "054744AD5ABBAF96159B1D3EA62368A02BBBB775528F0057E717E62671787AC5",
        ),
        (
            '{"Topic":"SalesInvoices","ClientId":"{3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11}","Division":4001234,'
            '"Action":"Update","Key":"7c1de3b2-5a0f-4f3b-9c0e-2b6f8a1d9e55","ExactOnlineEndpoint":'
            '"https://start.exactonline.co.uk/api/v1/4001234/salesinvoice/SalesInvoices'
            '(guid\'7c1de3b2-5a0f-4f3b-9c0e-2b6f8a1d9e55\')","EventCreatedOn":"2026-11-20T09:15:02.113"}',
            "3E9947BB27EB9B6A166E405E12CDB3FEBC50BBA126996169D1B1BD20EB75C1CC",
        ),
    ],
)
def test_signatures_are_those_of_the_fact_sheet(content: str, expected: str) -> None:
    assert sign("exact-webhook-secret", content.encode()) == expected


def test_the_callback_gets_an_empty_post_before_the_subscription_exists(api: Any, receiver: Receiver) -> None:
    row = subscribe(api, receiver)
    assert receiver.bodies == [b""]
    assert (row["Topic"], row["Division"]) == ("Accounts", 4001234)


def test_the_validation_can_come_after_the_answer(api: Any, receiver: Receiver) -> None:
    api.division.switches.validation_post = "after"
    receiver.status = 503
    subscribe(api, receiver)
    assert receiver.bodies == []
    api.division.webhooks.deliver()
    assert receiver.bodies == [b""]


def test_a_callback_that_does_not_answer_fails_the_create(api: Any, receiver: Receiver) -> None:
    receiver.status = 503
    refused = api.post(PATH, {"CallbackURL": receiver.url, "Topic": "Accounts"})
    expected = "Invalid: Post to callback URL endpoint returns 503 Service Unavailable"
    assert api.problem(refused, 500) == expected
    assert api.rows(PATH) == []


@pytest.mark.parametrize("url", ["http://connector.example.test/x", "https://elsewhere.example/x"])
def test_the_callback_is_https_on_the_host_of_the_redirect_uri(api: Any, url: str) -> None:
    assert "CallbackURL" in api.problem(api.post(PATH, {"CallbackURL": url, "Topic": "Accounts"}), 500)


def test_a_second_subscription_to_a_topic_is_refused(api: Any, receiver: Receiver) -> None:
    subscribe(api, receiver)
    refused = api.post(PATH, {"CallbackURL": receiver.url + "2", "Topic": "Accounts"})
    assert "Data already exists" in api.problem(refused, 500)


def test_a_subscription_cannot_be_changed_and_can_be_deleted(api: Any, receiver: Receiver) -> None:
    path = f"{PATH}(guid'{subscribe(api, receiver)['ID']}')"
    api.problem(api.put(path, {"Topic": "SalesInvoices"}), 500)
    assert api.delete(path).status_code == 204
    assert api.rows(PATH) == []


def test_instant_delivery_is_for_goods_deliveries_only(api: Any, receiver: Receiver) -> None:
    refused = api.post(PATH, {"CallbackURL": receiver.url, "Topic": "Accounts", "IsInstant": True})
    assert "IsInstant" in api.problem(refused, 500)


def test_an_application_sees_only_its_own_subscriptions(api: Any, receiver: Receiver) -> None:
    subscribe(api, receiver)
    other = api.division.add_app("11111111-2222-4333-8444-555555555555", "other-secret")
    api.use(api.division.tokens.issue(
        "application/x-www-form-urlencoded",
        f"grant_type=authorization_code&code={api.division.tokens.agree(other, 'http://localhost/callback')}"
        f"&redirect_uri=http://localhost/callback&client_id={other.client_id}&client_secret=other-secret".encode(),
    ))  # fmt: skip
    assert api.rows(PATH) == []


def test_a_notification_has_key_and_action_only_and_its_hash_is_over_the_content_bytes(
    api: Any, receiver: Receiver
) -> None:
    subscribe(api, receiver)
    api.put(f"crm/Accounts(guid'{api.customer()}')", {"SearchCode": "CU1"})
    api.division.webhooks.deliver()
    (body,) = receiver.messages
    message = json.loads(body)
    assert message["HashCode"] == signature(body)
    assert message["Content"] == {
        "Topic": "Accounts",
        "ClientId": "{3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11}",
        "Division": 4001234,
        "Action": "Update",
        "Key": api.customer(),
        "ExactOnlineEndpoint": f"https://start.exactonline.nl/api/v1/4001234/crm/Accounts(guid'{api.customer()}')",
        "EventCreatedOn": "2026-11-20T11:00:00.000",
    }


def test_create_and_delete_are_told_in_title_case(api: Any, receiver: Receiver) -> None:
    subscribe(api, receiver)
    row = api.created("crm/Accounts", {"Name": "Nieuw"})
    api.delete(f"crm/Accounts(guid'{row['ID']}')")
    api.division.webhooks.deliver()
    assert [json.loads(body)["Content"]["Action"] for body in receiver.messages] == ["Create", "Delete"]


def test_the_broad_topic_tells_every_financial_entry(api: Any, receiver: Receiver) -> None:
    subscribe(api, receiver, "FinancialTransactions")
    entry = api.created("financialtransaction/BankEntries", api.receipt())
    api.division.webhooks.deliver()
    assert json.loads(receiver.messages[0])["Content"]["Key"] == entry["EntryID"]


@pytest.mark.parametrize(
    ("misbehaviour", "valid"),
    [
        ({"hash_first": True}, True),
        ({"spaced": True}, True),
        ({"lower_case": True}, False),
        ({"wrong_signature": True}, False),
    ],
)
def test_messages_come_in_legal_variants_and_with_bad_signatures(
    api: Any, receiver: Receiver, misbehaviour: dict[str, bool], valid: bool
) -> None:
    subscribe(api, receiver)
    api.session.post(f"{api.host}/_control/webhooks", json={"misbehave": misbehaviour}, timeout=10)
    api.division.clerk.edit_account("42", Name="Neu")
    api.division.webhooks.deliver()
    (body,) = receiver.messages
    assert (json.loads(body)["HashCode"] == signature(body)) is valid
    assert body.startswith(b'{"HashCode"') is misbehaviour.get("hash_first", False)
    assert (b'" : "' in body) is misbehaviour.get("spaced", False)


def test_a_division_nobody_owns_and_duplicates_can_be_delivered(api: Any, receiver: Receiver) -> None:
    subscribe(api, receiver)
    api.division.webhooks.misbehaviour.division = 999
    api.division.webhooks.misbehaviour.duplicate = True
    api.division.clerk.edit_account("42", Name="Neu")
    api.division.webhooks.deliver()
    first, second = receiver.messages
    assert first == second
    assert json.loads(first)["Content"]["Division"] == 999
    assert json.loads(first)["HashCode"] == signature(first)


def test_the_forms_of_address_and_time_can_differ(api: Any, receiver: Receiver) -> None:
    subscribe(api, receiver)
    api.division.switches.change({"event_time_style": "date", "absolute_event_endpoint": False})
    api.division.clerk.edit_account("42", Name="Neu")
    api.division.webhooks.deliver()
    content = json.loads(receiver.messages[0])["Content"]
    assert content["EventCreatedOn"] == "/Date(1795172400000)/"
    assert content["ExactOnlineEndpoint"].startswith("/api/v1/4001234/crm/Accounts(")


def test_a_refused_message_comes_again_after_two_four_and_more_minutes_ten_times(
    api: Any, receiver: Receiver, pass_time: Any
) -> None:
    subscribe(api, receiver)
    receiver.status = 500
    api.division.clerk.edit_account("42", Name="Neu")
    webhooks = api.division.webhooks
    webhooks.deliver()
    for attempt in range(1, 11):
        pass_time(60 * 2**attempt - 1)
        assert webhooks.deliver() == []
        pass_time(1)
        assert [each.status for each in webhooks.deliver()] == [500]
    assert (len(receiver.messages), webhooks.outbox) == (11, [])


def test_a_message_is_sent_by_itself_after_the_answer(api: Any, receiver: Receiver) -> None:
    subscribe(api, receiver)
    api.division.switches.deliver_webhooks = True
    api.put(f"crm/Accounts(guid'{api.customer()}')", {"SearchCode": "CU1"})
    deadline = threading.Event()
    for _ in range(100):
        if receiver.messages:
            break
        deadline.wait(0.02)
    assert json.loads(receiver.messages[0])["Content"]["Action"] == "Update"
