"""The ping tells apart what a person could have set up wrongly; refused credentials are not tried until Sage locks the user."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from connector_resources.errors import NotSent, TokenRefused
from sandbox.serve import free_port, running


def failed(site: Any, **changes: Any) -> dict[str, str]:
    """Line -> detail and next step of every check that is not ok."""
    report = site.connector(**changes).ping()
    for line in report.lines:
        assert line.ok or line.next_step, line
    return {line.what: f"{line.detail} {line.next_step}" for line in report.lines if not line.ok}


@pytest.mark.parametrize("mode", ["payout_gl", "ar_receipts"])
def test_everything_in_order(site: Any, mode: str) -> None:
    report = site.connector(mode=mode, post_mode="post").ping()

    assert [line.what for line in report.lines if not line.ok] == []
    assert {"server", "sign-on", "company", "module AR", "module GL"} <= {line.what for line in report.lines}
    assert all(method == "GET" or path.endswith("('$template')") for method, path in site.sandbox.faults.requests)


def test_a_port_where_nothing_answers(site: Any) -> None:
    assert "cannot be reached" in failed(site, base_url=f"http://127.0.0.1:{free_port()}/Sage300WebApi")["server"]


def test_a_host_that_nobody_knows(site: Any) -> None:
    assert "name is not known" in failed(site, base_url="https://sage.invalid/Sage300WebApi")["server"]


@pytest.mark.parametrize("status", [200, 404, 405])
def test_another_system_at_the_address(site: Any, status: int) -> None:
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse("<html>Welcome</html>", status)

    with running(Starlette(routes=[Route("/{path:path}", page)])) as address:
        assert list(failed(site, base_url=address)) == ["server"]


def test_another_path_on_the_server(site: Any) -> None:
    assert "not the Sage 300 Web API" in failed(site, base_url=f"{site.address}/Sage300")["server"]


def test_a_wrong_password(site: Any, given: SimpleNamespace) -> None:
    site.store.vault.write(given.CONNECTION, "sage300_password", "wrong")

    assert "credential_case" in failed(site)["sign-on"]


def test_the_wrong_case(site: Any) -> None:
    site.company.switches.change({"credential_mode": "complex2023"})

    assert "password_as_is" in failed(site)["sign-on"]
    assert failed(site, credential_case="password_as_is") == {}


def test_the_administrator_is_not_let_in(site: Any, given: SimpleNamespace) -> None:
    site.store.vault.write(given.CONNECTION, "sage300_username", "ADMIN")
    site.store.vault.write(given.CONNECTION, "sage300_password", "Admin")

    told = failed(site)

    assert "ADMIN" in next(iter(told.values()))


def test_a_missing_right_in_one_module(site: Any, given: SimpleNamespace) -> None:
    site.company.add_user("GCTWO", "Pass", web_api={"AR", "CS", "BK"})
    site.store.vault.write(given.CONNECTION, "sage300_username", "GCTWO")
    site.store.vault.write(given.CONNECTION, "sage300_password", "Pass")

    told = failed(site)

    assert list(told) == ["module GL"]
    assert "security group for General Ledger" in told["module GL"]


def test_a_missing_right_in_common_services(site: Any, given: SimpleNamespace) -> None:
    site.company.add_user("GCTWO", "Pass", web_api={"AR", "GL", "BK"})
    site.store.vault.write(given.CONNECTION, "sage300_username", "GCTWO")
    site.store.vault.write(given.CONNECTION, "sage300_password", "Pass")

    assert list(failed(site)) == ["rights in Common Services"]


def test_a_module_that_is_not_activated(site: Any) -> None:
    site.company.modules.discard("BK")

    assert "Activate" in failed(site)["module BK"]


def test_an_unknown_company(site: Any) -> None:
    assert "knows no company" in failed(site, company="NOSUCH")["company"]


def test_a_company_the_user_is_not_authorised_for(site: Any) -> None:
    site.company.siblings.add("OTHER")

    told = failed(site, company="OTHER")

    assert "User Authorizations" in next(iter(told.values()))


def test_settings_that_sage_denies(site: Any) -> None:
    accounts = {"receivable": "1100", "fees": "5555", "input_vat": "2150", "suspense": "9999", "fx_difference": "7100"}
    currencies = {"EUR": {"bank_code": "GCGBP", "clearing_account": "1099", "bank_account": "1020"}}

    told = failed(site, accounts=accounts, currencies=currencies, payment_code="NOSUCH", source_type="XX")

    assert {
        "account 5555", "bank GCGBP", "payment code NOSUCH", "source code GL-XX", "account sales_returns",
        "account payout_transit",
    } == set(told)  # fmt: skip
    assert "GBP" in told["bank GCGBP"]


def test_a_bank_on_another_account_than_clearing(site: Any) -> None:
    currencies = {"EUR": {"bank_code": "GCEUR", "clearing_account": "1098", "bank_account": "1020"}}

    assert "1099" in failed(site, currencies=currencies)["bank GCEUR"]


def test_a_control_account_that_takes_no_journals(site: Any) -> None:
    site.company.clerk.restrict_account("1100", ("AR",))

    assert "control account" in failed(site, mode="payout_gl")["account 1100"]
    assert failed(site, mode="ar_receipts") == {}


def test_schedules_nobody_explained(site: Any) -> None:
    site.company.clerk.add_recurring_charge("ONCALL", "1200", 10_000, "QUARTERLY", EffectiveDate="2026-03-01")

    told = failed(site, schedules={"MONTHLY": {"unit": "monthly"}})

    assert "QUARTERLY (1)" in told["schedules of recurring charges"]


# --- sign-on -----------------------------------------------------------------------------------------------------------


def test_refused_credentials_are_tried_once_and_then_left_alone(site: Any, given: SimpleNamespace) -> None:
    site.store.vault.write(given.CONNECTION, "sage300_password", "wrong")
    with pytest.raises(TokenRefused):
        site.connector().prepare([])
    tried = site.calls()

    with pytest.raises(NotSent, match="not tried again"):
        site.connector().prepare([])

    assert site.calls() == tried == 1


def test_corrected_credentials_are_tried_at_once(site: Any, given: SimpleNamespace) -> None:
    site.store.vault.write(given.CONNECTION, "sage300_password", "wrong")
    with pytest.raises(TokenRefused):
        site.connector().prepare([])

    site.company.clock.advance(timedelta(minutes=1))
    site.store.vault.write(given.CONNECTION, "sage300_password", given.PASSWORD)

    assert site.post(given.receipt()).stopped == ""


def test_a_ping_tries_once_more_because_sage_may_have_been_corrected(site: Any) -> None:
    site.company.switches.change({"credential_mode": "complex2023"})
    assert "sign-on" in failed(site)
    site.company.switches.change({"credential_mode": "classic"})

    assert failed(site) == {}


def test_passwords_are_not_in_messages(site: Any, given: SimpleNamespace) -> None:
    site.store.vault.write(given.CONNECTION, "sage300_password", "VeryWrong1")

    assert "VERYWRONG1" not in str(site.connector().ping()).upper()


# --- certificates ------------------------------------------------------------------------------------------------------


def certificate(home: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = home / "server.pem", home / "server.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@contextmanager
def over_tls(site: Any, home: Path) -> Iterator[tuple[str, Path]]:
    files = certificate(home)
    with running(site.sandbox, tls=files, dated=False) as address:
        yield f"{address}/Sage300WebApi", files[0]


def test_a_private_certificate_is_trusted_with_its_bundle_only(site: Any, tmp_path: Path) -> None:
    with over_tls(site, tmp_path) as (address, bundle):
        told = failed(site, base_url=address)
        assert list(told) == ["certificate"]
        assert "ca_bundle" in told["certificate"]

        assert failed(site, base_url=address, ca_bundle=str(bundle)) == {}
