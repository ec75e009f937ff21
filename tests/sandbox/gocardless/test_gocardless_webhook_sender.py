"""The sender: signatures over raw bytes, batches, disorder, retries, the log and its retry lever (checklist 10.1.12)."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from typing import Any

import pytest
from gocardless_pro import webhooks
from gocardless_pro.errors import InvalidSignatureError

from sandbox.gocardless.webhook_desk import RETRY_GAPS, Endpoint, Mischief
from sandbox.serve import free_port

SECRET = "webhook-secret-ü"


@pytest.fixture
def hooked(api: Any, receiver: Any) -> Any:
    """The sandbox with one endpoint; `api.receiver` is behind it."""
    api.control("webhook_endpoints", {"url": receiver.url, "secret": SECRET})
    api.receiver = receiver
    return api


def told(receiver: Any) -> list[str]:
    return [event["id"] for body, _ in receiver.arrived for event in json.loads(body)["events"]]


def many_events(api: Any, count: int) -> list[str]:
    event = {"resource_type": "payments", "action": "confirmed", "links": {"payment": "PM1"}}
    return [api.control("events", event)["id"] for _ in range(count)]


def test_a_delivery_is_signed_over_its_raw_bytes(hooked: Any) -> None:
    hooked.payment(description="Rechnung für Jürgen €")
    hooked.control("webhooks/deliver", {})
    ((body, headers),) = hooked.receiver.arrived
    assert headers["webhook-signature"] == hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("gocardless-webhook-service/")
    assert headers["origin"] == "https://api-sandbox.gocardless.com"


def test_the_official_client_accepts_a_delivery_and_refuses_a_wrong_secret(hooked: Any) -> None:
    hooked.payment(metadata={"note": "größer"})
    hooked.control("webhooks/deliver", {})
    ((body, headers),) = hooked.receiver.arrived
    events = webhooks.parse(body, SECRET, headers["webhook-signature"])
    assert {event.action for event in events} == {"created"}
    with pytest.raises(InvalidSignatureError):
        webhooks.parse(body, "another", headers["webhook-signature"])


def test_at_most_250_events_go_in_one_delivery(hooked: Any) -> None:
    sent = many_events(hooked, 260)
    hooked.control("webhooks/deliver", {"shuffle": False})
    sizes = [len(json.loads(body)["events"]) for body, _ in hooked.receiver.arrived]
    assert sizes == [250, 10]
    assert told(hooked.receiver) == sent


def test_disorder_duplicates_and_drops_follow_the_seed(hooked: Any) -> None:
    sent = many_events(hooked, 200)
    answer = hooked.control("webhooks/deliver", {"seed": 5, "duplicate_percent": 10, "drop_percent": 5, "batch": 30})
    arrived = told(hooked.receiver)
    dropped = set(sent) - set(arrived)
    assert len(dropped) == answer["dropped"] > 0
    assert len(arrived) > len(set(arrived)) == len(sent) - len(dropped)
    assert list(dict.fromkeys(arrived)) != [event for event in sent if event not in dropped]
    listed = {row["id"] for row in hooked.get("/events", limit=500).json()["events"]}
    assert listed == set(sent)


def test_two_endpoints_each_get_every_event_signed_with_their_own_secret(hooked: Any) -> None:
    hooked.control("webhook_endpoints", {"url": hooked.receiver.url, "secret": "second"})
    sent = many_events(hooked, 3)
    hooked.control("webhooks/deliver", {"shuffle": False})
    assert told(hooked.receiver) == sent + sent
    signed = [
        [
            headers["webhook-signature"] == hmac.new(key, body, hashlib.sha256).hexdigest()
            for key in (SECRET.encode(), b"second")
        ]
        for body, headers in hooked.receiver.arrived
    ]
    assert signed == [[True, False], [False, True]]


def test_a_refused_delivery_is_tried_eight_more_times_at_growing_gaps(hooked: Any) -> None:
    many_events(hooked, 1)
    hooked.receiver.status = 500
    hooked.control("webhooks/deliver", {})
    assert hooked.control("webhooks/retry_due") == {"statuses": []}
    for gap in RETRY_GAPS:
        hooked.control("clock", {"advance_s": int(gap.total_seconds())})
        assert hooked.control("webhooks/retry_due") == {"statuses": [500]}
    hooked.control("clock", {"advance_s": 10 * 86_400})
    assert hooked.control("webhooks/retry_due") == {"statuses": []}
    assert len(hooked.receiver.arrived) == 9
    assert len(set(told(hooked.receiver))) == 1
    assert list(RETRY_GAPS) == sorted(RETRY_GAPS)


def test_a_retry_that_is_accepted_ends_the_retries(hooked: Any) -> None:
    many_events(hooked, 1)
    hooked.receiver.status = 401
    hooked.control("webhooks/deliver", {})
    hooked.receiver.status = 204
    hooked.control("clock", {"advance_s": 60})
    assert hooked.control("webhooks/retry_due") == {"statuses": [204]}
    hooked.control("clock", {"advance_s": 86_400})
    assert hooked.control("webhooks/retry_due") == {"statuses": []}
    assert hooked.get("/webhooks", successful="true").json()["webhooks"][0]["response_code"] == 204


def test_redirects_are_failures_and_are_not_followed(hooked: Any) -> None:
    many_events(hooked, 1)
    hooked.receiver.status, hooked.receiver.headers = 302, {"Location": hooked.receiver.url}
    assert hooked.control("webhooks/deliver", {})["statuses"] == [302]
    assert len(hooked.receiver.arrived) == 1
    assert hooked.get("/webhooks", successful="false").json()["webhooks"][0]["successful"] is False


def test_nobody_listening_is_a_failure_without_a_status(api: Any) -> None:
    api.control("webhook_endpoints", {"url": f"http://127.0.0.1:{free_port()}/hook", "secret": "s"})
    many_events(api, 1)
    assert api.control("webhooks/deliver", {})["statuses"] == [0]
    assert api.get("/webhooks").json()["webhooks"][0]["response_code"] is None


def test_a_receiver_has_ten_seconds(hooked: Any) -> None:
    desk = hooked.world.webhook_desk
    assert desk.timeout_s == 10
    desk.timeout_s, hooked.receiver.delay_s = 0.1, 0.5
    many_events(hooked, 1)
    assert hooked.control("webhooks/deliver", {})["statuses"] == [0]
    assert hooked.get("/webhooks").json()["webhooks"][0]["successful"] is False


def test_the_log_shows_both_sides_and_sends_again_on_request(hooked: Any) -> None:
    many_events(hooked, 2)
    hooked.control("webhooks/deliver", {})
    (logged,) = hooked.get("/webhooks").json()["webhooks"]
    assert logged["request_body"].encode() == hooked.receiver.arrived[0][0]
    assert logged["request_headers"]["Webhook-Signature"] == hooked.receiver.arrived[0][1]["webhook-signature"]
    assert (logged["successful"], logged["response_code"], logged["is_test"]) == (True, 204, False)
    assert hooked.post(f"/webhooks/{logged['id']}/actions/retry").status_code == 200
    hooked.eventually(lambda: len(hooked.receiver.arrived) == 2)
    assert hooked.receiver.arrived[0][0] == hooked.receiver.arrived[1][0]
    assert hooked.get(f"/webhooks/{logged['id']}").json()["webhooks"]["id"] == logged["id"]


def test_a_test_webhook_is_marked_in_the_log_only(hooked: Any) -> None:
    assert hooked.control("webhooks/test", {}) == {"status": 204}
    assert len(hooked.get("/webhooks", is_test="true").json()["webhooks"]) == 1
    assert hooked.get("/events").json()["events"] == []


def test_meta_may_be_missing_and_names_the_webhook_otherwise(hooked: Any) -> None:
    many_events(hooked, 1)
    hooked.control("webhooks/deliver", {"with_meta": False})
    many_events(hooked, 1)
    hooked.control("webhooks/deliver", {})
    first, second = (json.loads(body) for body, _ in hooked.receiver.arrived)
    assert "meta" not in first
    assert second["meta"]["webhook_id"] == hooked.get("/webhooks").json()["webhooks"][0]["id"]


def test_any_bytes_can_be_sent_with_a_good_signature(hooked: Any) -> None:
    desk = hooked.world.webhook_desk
    odd = '{ "events" :\n\t[ ] , "note":"grün" }\n'.encode()
    assert desk.send(desk.prepare_raw(odd, desk.endpoints[0])) == 204
    ((body, headers),) = hooked.receiver.arrived
    assert body == odd
    assert webhooks.parse(body, SECRET, headers["webhook-signature"]) == []


def test_unknown_resource_types_and_actions_can_be_told(hooked: Any) -> None:
    hooked.control("events", {"resource_type": "wallets", "action": "rebalanced"})
    hooked.control("webhooks/deliver", {})
    (event,) = json.loads(hooked.receiver.arrived[0][0])["events"]
    assert (event["resource_type"], event["action"]) == ("wallets", "rebalanced")


def test_a_secret_can_be_rotated_between_two_rounds(hooked: Any) -> None:
    many_events(hooked, 1)
    hooked.control("webhooks/deliver", {})
    hooked.control("webhook_endpoints", method="DELETE")
    hooked.control("webhook_endpoints", {"url": hooked.receiver.url, "secret": "rotated"})
    many_events(hooked, 1)
    hooked.control("webhooks/deliver", {})
    signatures = [
        headers["webhook-signature"] == hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        for (body, headers), secret in zip(hooked.receiver.arrived, (SECRET, "rotated"), strict=True)
    ]
    assert signatures == [True, True]


def test_deliveries_are_the_same_for_the_same_seed(api: Any) -> None:
    desk = api.world.webhook_desk
    desk.endpoints.append(Endpoint("http://127.0.0.1:1/hook", "s"))
    many_events(api, 50)
    kept = list(desk.queue)
    mischief = Mischief(duplicate_percent=20, drop_percent=10, batch=7, with_meta=False)
    first = [delivery.body for delivery in desk.plan(mischief, random.Random(3))]
    desk.queue = kept
    second = [delivery.body for delivery in desk.plan(mischief, random.Random(3))]
    assert first == second
    assert len(first) > 5


def test_a_partner_apps_events_name_their_organisation(api: Any) -> None:
    api.control("settings", {"partner_app": True})
    api.payment()
    (event,) = api.get("/events", resource_type="payments").json()["events"]
    assert event["links"]["organisation"] == api.world.organisation_id
