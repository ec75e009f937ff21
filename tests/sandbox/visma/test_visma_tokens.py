"""Tokens, scopes and the company header (checklist: token endpoint; expiry, scopes, ipp-company-id)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests


def test_a_token_is_issued_for_a_form_and_has_no_refresh_token(api: Any) -> None:
    answer = api.token().json()
    assert set(answer) == {"access_token", "expires_in", "token_type", "scope"}
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 3600
    assert answer["access_token"].count(".") == 2


def test_a_json_body_is_refused_by_the_token_endpoint(api: Any) -> None:
    answer = requests.post(f"{api.base}/connect/token", json={"grant_type": "client_credentials"}, timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "isv_stranger"}, "invalid_client"),
        ({"scope": "vismanet_erp_service_api"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"tenant_id": "00000000-0000-0000-0000-000000000000"}, "invalid_tenant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_token_request_is_a_400_that_names_the_error(api: Any, changes: dict[str, str], error: str) -> None:
    answer = api.token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_scope_that_was_not_approved_is_refused(api: Any) -> None:
    api.company.add_client("isv_reader", "reader-secret", ("read",))
    wanted = {"client_id": "isv_reader", "client_secret": "reader-secret"}
    assert api.token(**wanted, scope="vismanet_erp_service_api:read").status_code == 200
    assert api.token(**wanted, scope="vismanet_erp_service_api:create").json() == {"error": "invalid_scope"}


def test_a_token_of_the_customer_tenant_is_issued_and_refused_by_the_api(api: Any) -> None:
    api.login(tenant_id=api.company.customer_tenant_id)
    assert api.get("/v1/organization").status_code == 401


def test_an_expired_token_is_refused_each_time_and_a_new_one_works(api: Any) -> None:
    api.company.switches.token_lifetime_s = 30
    api.login()
    assert api.get("/v1/organization").status_code == 200
    api.company.clock.advance(timedelta(seconds=30))
    assert [api.get("/v1/organization").status_code for _ in range(2)] == [401, 401]
    api.login()
    assert api.get("/v1/organization").status_code == 200


def test_parallel_tokens_do_not_invalidate_each_other_until_all_are_revoked(api: Any) -> None:
    api.token()
    assert api.get("/v1/organization").status_code == 200
    api.company.tokens.revoke_all()
    assert api.get("/v1/organization").status_code == 401


def test_a_call_without_token_is_a_gateway_401(api: Any) -> None:
    answer = requests.get(f"{api.base}/v1/organization", timeout=10)
    assert (answer.status_code, answer.json()["statusCode"]) == (401, 401)


@pytest.mark.parametrize("suffix", ["create", "update", "delete"])
def test_a_missing_scope_is_a_403(api: Any, suffix: str) -> None:
    api.company.switches.action_scope = "update"
    number = api.create_payment("10.00")
    note = api.number_of(api.post("/v2/customerCreditNote", api.credit_note()))
    held = [each for each in ("read", "create", "update", "delete") if each != suffix]
    api.login(scope=" ".join(f"vismanet_erp_service_api:{each}" for each in held))
    statuses = {
        "create": api.post("/v1/customerPayment", api.payment("10.00")).status_code,
        "update": api.put(f"/v1/customerPayment/{number}", api.wrap(invoiceText="x")).status_code,
        "delete": api.delete(f"/v1/customerCreditNote/{note}").status_code,
    }
    assert [name for name, status in statuses.items() if status == 403] == [suffix]
    assert (api.release(number).status_code == 403) == (suffix == "update")


def test_release_may_be_made_to_need_the_create_scope(api: Any) -> None:
    number = api.create_payment("10.00")
    api.company.switches.action_scope = "create"
    api.login(scope="vismanet_erp_service_api:read vismanet_erp_service_api:update")
    assert api.release(number).status_code == 403


def test_a_wrong_company_id_sees_empty_lists_and_no_documents(api: Any) -> None:
    wrong = {"ipp-company-id": "999"}
    assert api.get("/v1/organization", headers=wrong).json() == []
    assert api.get("/v1/customer", headers=wrong).json() == []
    assert api.get("/v1/account", headers=wrong).json() == []
    assert api.get("/v1/customer/10042", headers=wrong).status_code == 404
    assert api.post("/v1/customerPayment", api.payment(), headers=wrong).status_code == 403
    right = {"ipp-company-id": api.company.company_id}
    assert api.get("/v1/organization", headers=right).json()[0]["name"] == "Nordlys Drift AS"


def test_the_company_header_can_be_ignored_or_required(api: Any) -> None:
    assert len(api.get("/v1/customer").json()) == 2
    api.company.switches.wrong_company_id_hides_everything = False
    assert len(api.get("/v1/customer", headers={"ipp-company-id": "999"}).json()) == 2
    api.company.switches.company_id_required = True
    assert api.get("/v1/customer").status_code == 400
