"""Which connections reach nothing but stand-ins on this machine."""

from __future__ import annotations

from typing import Any

import pytest

from connector_resources.connections.loopback_only import addresses_elsewhere
from connector_resources.connections.model import Connection

HERE = "http://127.0.0.1:8601"
VISMA = {
    "kind": "visma",
    "tenant_id": "6f1a0c1e-5b7e-4f0e-9d53-0d6f2a7c1b10",
    "company_name": "Nordlys",
    "base_url": HERE,
    "token_url": f"{HERE}/connect/token",
    "payment_method": "GC",
    "currencies": {"EUR": {"clearing_cash_account": "1985", "bank_account": "1920"}},
    "accounts": {"fees": "7770", "input_vat": "2710", "suspense": "2990", "sales_returns": "3000"},
}


def connection(gocardless: dict[str, Any] | None = None, **erp: Any) -> Connection:
    sections = {
        "name": "nordic",
        "gocardless": {"environment": "sandbox", "base_url": HERE, **(gocardless or {})},
        "books": {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01"},
        "erp": {**VISMA, **erp},
    }
    return Connection.model_validate(sections)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_connection_between_stand_ins_has_nothing_elsewhere(host: str) -> None:
    assert addresses_elsewhere(connection({"base_url": f"http://{host}:8601"})) == []


@pytest.mark.parametrize("environment", ["live", "sandbox"])
def test_gocardless_without_an_address_is_the_real_one(environment: str) -> None:
    found = addresses_elsewhere(connection({"environment": environment, "base_url": None}))

    assert "gocardless.base_url" in found
    assert ("gocardless.environment" in found) == (environment == "live")


def test_an_erp_at_its_published_address_is_named() -> None:
    assert addresses_elsewhere(connection(token_url="https://connect.visma.com/connect/token")) == ["erp.token_url"]


def test_an_address_that_only_begins_like_this_machine_is_elsewhere() -> None:
    assert addresses_elsewhere(connection(base_url="https://127.0.0.1.example.com")) == ["erp.base_url"]


def test_a_partner_app_counts_with_its_own_address() -> None:
    assert addresses_elsewhere(connection({"partner_app": {}})) == ["gocardless.partner_app.connect_url"]
    assert addresses_elsewhere(connection({"partner_app": {"connect_url": HERE}})) == []


def test_an_address_of_datev_that_is_left_out_is_the_real_one() -> None:
    names = ("authorize", "token", "revoke", "userinfo", "clients", "extf_files", "documents", "dxso_jobs")
    datev = {"kind": "datev", "consultant_number": 455148, "client_number": 1, "chart": "skr03"}
    sections = connection().model_dump(mode="json", exclude={"erp"})
    every = dict.fromkeys(names, HERE)

    def checked(addresses: dict[str, str]) -> list[str]:
        return addresses_elsewhere(Connection.model_validate({**sections, "erp": {**datev, "addresses": addresses}}))

    assert checked(every) == []
    assert checked({name: HERE for name in names if name != "extf_files"}) == ["erp.addresses.extf_files"]
