"""Settings that contradict themselves, and whose webhook notifications are believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from connector_resources.erp.visma import webhook
from connector_resources.erp.visma.resource import company_headers
from connector_resources.erp.visma.settings import VismaSettings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fee_vat_mode": "gl_vat"}, "needs vat_codes"),
        ({"chargeback_mode": "debit_note"}, "chargeback_receivable"),
        ({"create_customers": True}, "customer_class"),
        ({"refund_vat_percent": "25"}, "refund_vat_category"),
        ({"currencies": {}}, "at least 1"),
        ({"currencies": {"eur": {"clearing_cash_account": "1", "bank_account": "2"}}}, "pattern"),
        ({"paymentmethod": "GC"}, "Extra inputs"),
        ({"client_secret": "Secret Value!"}, "pattern"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: SimpleNamespace, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        given.settings(**changes)


def test_every_setting_is_described() -> None:
    assert [name for name, field in VismaSettings.model_fields.items() if not field.description] == []


def test_the_legacy_gateway_gets_its_own_header(given: SimpleNamespace) -> None:
    current = company_headers(given.settings())
    legacy = company_headers(given.settings(base_url="https://integration.visma.net/API/controller/api"))

    assert current["ipp-company-id"] == "1204377"
    assert "ipp-application-type" not in current
    assert legacy["ipp-application-type"] == "Visma.net Financials"
    assert "ipp-company-id" not in company_headers(given.settings(company_id=None))


BODY = b'{"customerNumber": "10042"}'


def signed(secret: str, body: bytes = BODY) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(
    ("headers", "secrets", "believed"),
    [
        ({"X-VWD-Signature-V1": signed("new")}, ["old", "new"], True),
        ({"x-vwd-signature-v1": signed("old")}, ["old", "new"], True),
        ({"x-vwd-signature-v1": signed("other")}, ["old", "new"], False),
        ({"x-vwd-signature-v1": signed("old", b"{}")}, ["old"], False),
        ({"x-vwd-signature-v1": ""}, ["old"], False),
        ({"x-vwd-signature-v1": "ø"}, ["old"], False),
        ({}, ["old"], False),
        ({"x-vwd-signature-v1": signed("old")}, [], False),
    ],
)
def test_only_signed_notifications_are_believed(
    given: SimpleNamespace, headers: dict[str, str], secrets: list[str], believed: bool
) -> None:
    assert webhook.verify(given.settings(), BODY, headers, secrets) is believed


def test_a_notification_for_another_tenant_is_not_ours(given: SimpleNamespace) -> None:
    headers = {"x-vwd-signature-v1": signed("s"), "x-vwd-tenant-id": "somebody-else"}
    assert not webhook.verify(given.settings(), BODY, headers, ["s"])
    headers["x-vwd-tenant-id"] = given.settings().tenant_id.upper()
    assert webhook.verify(given.settings(), BODY, headers, ["s"])


def test_two_deliveries_of_one_notification_have_one_identity() -> None:
    assert webhook.identity(BODY, {"X-Vwd-Notification-Id": "n1"}) == "n1"
    assert webhook.identity(BODY, {}) == webhook.identity(BODY, {"x-vwd-notification-id": " "})
    assert webhook.identity(BODY, {}) != webhook.identity(b"{}", {})
