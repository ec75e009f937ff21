"""The receiver's other doors: a partner app's shared webhook, the ERP's notifications, and a database that is away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from connector_resources.store.marks import ERP_NOTIFIED
from sandbox.clock import SandboxClock
from sandbox.gocardless.webhook_desk import Endpoint, Mischief
from sandbox.gocardless.world import World
from sandbox.visma.company import Company

SHARED = "/webhooks/gocardless"


def _partner(say: SimpleNamespace, organisation: str | None) -> dict[str, Any]:
    section = {"environment": "sandbox", "partner_app": {}, "organisation": organisation}
    return dict(say.document(gocardless=section))


def _of(say: SimpleNamespace, identity: str, organisation: str | None) -> dict[str, Any]:
    links = {"payment": "PM1"} | ({"organisation": organisation} if organisation else {})
    return dict(say.event(identity, links=links))


def test_a_shared_webhook_is_routed_by_organisation(listen: Any, say: SimpleNamespace, logged: list[Any]) -> None:
    with listen(one=_partner(say, "OR1"), two=_partner(say, "OR2"), direct=say.document()) as post:
        for name in ("one", "two", "direct"):
            post.runtime.store.vault.write(name, "gocardless_webhook_secret", say.SECRET)
        raw = say.body(_of(say, "EV1", "OR1"), _of(say, "EV2", "OR2"), _of(say, "EV3", "OR2"), _of(say, "EV4", "OR9"))

        answer = post.send(SHARED, raw, webhook_signature=say.signature(raw))

        assert answer.status_code == 204
        assert [post.events(name) for name in ("one", "two", "direct")] == [1, 2, 0]
    assert [line["organisations"] for line in logged if "organisations" in line] == [["OR9"]]


def test_events_without_an_organisation_reach_nobody_by_the_shared_webhook(listen: Any, say: SimpleNamespace) -> None:
    with listen(one=_partner(say, "OR1"), fresh=_partner(say, None)) as post:
        for name in ("one", "fresh"):
            post.runtime.store.vault.write(name, "gocardless_webhook_secret", say.SECRET)
        raw = say.body(_of(say, "EV1", None))
        assert post.send(SHARED, raw, webhook_signature=say.signature(raw)).status_code == 204
        assert post.rows() == (0, 0)


def test_connections_of_one_organisation_all_get_its_events(listen: Any, say: SimpleNamespace) -> None:
    with listen(one=_partner(say, "OR1"), two=_partner(say, "OR1")) as post:
        for name in ("one", "two"):
            post.runtime.store.vault.write(name, "gocardless_webhook_secret", say.SECRET)
        raw = say.body(_of(say, "EV1", "OR1"))
        assert post.send(SHARED, raw, webhook_signature=say.signature(raw)).status_code == 204
        assert [post.events(name) for name in ("one", "two")] == [1, 1]


def test_a_shared_webhook_with_a_wrong_signature_is_refused(listen: Any, say: SimpleNamespace) -> None:
    with listen(one=_partner(say, "OR1")) as post:
        post.runtime.store.vault.write("one", "gocardless_webhook_secret", say.SECRET)
        raw = say.body(_of(say, "EV1", "OR1"))
        assert post.send(SHARED, raw, webhook_signature="0" * 64).status_code == 401
        assert post.send(SHARED, raw).status_code == 401
        assert post.rows() == (0, 0)


def _notify(post: Any, company: Company, secret: str) -> int:
    company.webhooks.subscriptions.clear()
    company.webhooks.subscribe(f"{post.address}/webhooks/erp/nordic", secret)
    company.webhooks.emit("customer.updated", {"number": "10001"})
    return company.webhooks.deliver()[0].status


def test_an_erp_notification_sets_the_mark_and_nothing_else(listen: Any, say: SimpleNamespace) -> None:
    company = Company(clock=SandboxClock(say.NOON))
    with listen(nordic=say.document(erp=say.visma_section(company, "https://visma.example"))) as post:
        post.runtime.store.vault.write("nordic", "visma_webhook_secret", "visma-secret-value")

        assert _notify(post, company, "visma-secret-value") == 204
        first = post.runtime.store.marks.get("nordic", ERP_NOTIFIED)
        assert first
        assert _notify(post, company, "visma-secret-value") == 204
        assert post.runtime.store.marks.get("nordic", ERP_NOTIFIED) != first
        assert post.rows() == (0, 0)


def test_an_erp_notification_that_nobody_signed_is_refused(
    listen: Any, say: SimpleNamespace, logged: list[Any]
) -> None:
    company = Company(clock=SandboxClock(say.NOON))
    with listen(nordic=say.document(erp=say.visma_section(company, "https://visma.example"))) as post:
        assert _notify(post, company, "") == 401
        post.runtime.store.vault.write("nordic", "visma_webhook_secret", "visma-secret-value")
        assert _notify(post, company, "another") == 401
        assert post.send("/webhooks/erp/nordic", b"{}", **{"x-vwd-signature-v1": "ä"}).status_code == 401
        assert post.runtime.store.marks.get("nordic", ERP_NOTIFIED) is None
    assert [line["names"] for line in logged if "missing" in line["event"]] == [["visma_webhook_secret"]]


def test_a_notification_for_another_tenant_is_refused(listen: Any, say: SimpleNamespace) -> None:
    with listen(nordic=say.document()) as post:
        post.runtime.store.vault.write("nordic", "visma_webhook_secret", "visma-secret-value")
        raw = b'{"event":"customer.updated"}'
        signed = base64.b64encode(hmac.new(b"visma-secret-value", raw, hashlib.sha256).digest()).decode()
        headers = {"x-vwd-signature-v1": signed, "x-vwd-tenant-id": "somebody-else"}
        assert post.send("/webhooks/erp/nordic", raw, **headers).status_code == 401


def test_an_erp_without_webhooks_has_no_such_door(listen: Any, say: SimpleNamespace) -> None:
    with listen(german=say.document(erp=say.datev_section("https://datev.example"))) as post:
        assert post.send("/webhooks/erp/german", b"{}").status_code == 404


def test_gocardless_sends_again_what_could_not_be_stored(post: Any, say: SimpleNamespace, logged: list[Any]) -> None:
    world = World(SandboxClock(say.NOON), seed=1)
    world.webhook_desk.endpoints.append(Endpoint(f"{post.address}/webhooks/gocardless/nordic", say.SECRET))
    customer = world.builder.customer({"email": "a@example.com"})
    account = world.builder.bank_account(customer.id, "A", "DE:1", country_code="DE", currency="EUR", ending="01")
    world.builder.mandate(account, world.creditors.ordered[0].id)
    delivery = world.webhook_desk.plan(Mischief(), world.random)[0]

    database = post.runtime.store.database
    path = database.url.database
    database.close()
    shutil.move(path, f"{path}.away")
    (post.runtime.settings.root / "connector.sqlite").mkdir()
    assert world.webhook_desk.send(delivery) == 503

    (post.runtime.settings.root / "connector.sqlite").rmdir()
    database.close()
    shutil.move(f"{path}.away", path)
    world.clock.advance(timedelta(minutes=2))
    assert world.webhook_desk.retry_due() == [204]
    assert post.events() == len(delivery.event_ids)
    assert any("not stored" in line["event"] for line in logged)


def test_a_vault_that_cannot_be_opened_is_no_reason_to_lose_an_event(post: Any, say: SimpleNamespace) -> None:
    with post.runtime.store.begin() as transaction:
        transaction.exec_driver_sql("UPDATE credentials SET sealed = x'00'")
    answer = post.signed(say.body(say.event("EV1")))
    assert (answer.status_code, answer.content) == (503, b"")
    assert answer.headers["Retry-After"] == "60"
