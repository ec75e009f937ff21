"""Credentials and their case, lock-out, rights per module, companies, sessions, and what IIS answers itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sandbox.sage300.app import create_app
from sandbox.serve import running

PROFILE = "CS/CSCompanyProfile"


def test_the_company_profile_names_the_functional_currency(api: Any) -> None:
    (profile,) = api.rows(PROFILE)
    assert (profile["DatabaseID"], profile["FunctionalCurrency"]) == ("SAMLTD", "EUR")


@pytest.mark.parametrize(
    ("mode", "password", "status"),
    [
        ("classic", "GOCARD1ESS!", 200),
        ("classic", "Gocard1ess!", 401),
        ("complex2023", "GOCARD1ESS!", 401),
        ("complex2023", "Gocard1ess!", 200),
    ],
)
def test_the_case_of_a_password_depends_on_the_release(api: Any, mode: str, password: str, status: int) -> None:
    api.company.switches.change({"credential_mode": mode})
    api.session.auth = ("GCAPI", password)
    assert api.get(PROFILE).status_code == status


def test_a_user_id_in_lower_case_is_unknown(api: Any) -> None:
    api.session.auth = ("gcapi", "GOCARD1ESS!")
    assert "incorrect" in api.problem(api.get(PROFILE), 401, "Unauthorized")


def test_three_wrong_passwords_lock_the_user_until_an_administrator_helps(api: Any) -> None:
    right = api.session.auth
    api.session.auth = ("GCAPI", "WRONG")
    for _ in range(3):
        assert "incorrect" in api.problem(api.get(PROFILE), 401, "Unauthorized")
    api.session.auth = right
    assert "locked" in api.problem(api.get(PROFILE), 401, "Unauthorized")
    api.company.clerk.unlock_user("GCAPI")
    assert api.get(PROFILE).status_code == 200


def test_a_good_sign_on_forgets_the_failures_before_it(api: Any) -> None:
    right = api.session.auth
    for _ in range(4):
        api.session.auth = ("GCAPI", "WRONG")
        api.get(PROFILE)
        api.session.auth = right
        assert api.get(PROFILE).status_code == 200


def test_expired_passwords_and_hours_of_the_day_refuse_a_right_password(api: Any) -> None:
    user = api.company.gate.users["GCAPI"]
    user.hours = (12, 18)
    assert "time of the day" in api.problem(api.get(PROFILE), 401, "Unauthorized")
    user.hours, user.password_expired = (0, 24), True
    assert "expired" in api.problem(api.get(PROFILE), 401, "Unauthorized")


def test_admin_is_refused_unless_allowed(api: Any) -> None:
    api.session.auth = ("ADMIN", "ADMIN")
    api.problem(api.get(PROFILE), 403, "Forbidden")
    api.company.switches.change({"admin_allowed": True})
    assert api.get(PROFILE).status_code == 200


def test_rights_are_per_module_and_per_resource(api: Any) -> None:
    api.company.add_user("LESS", "PASS", web_api={"CS", "AR"}, denied={"ARCustomers"})
    api.session.auth = ("LESS", "PASS")
    assert api.get(PROFILE).status_code == 200
    assert api.get("AR/ARTerms").status_code == 200
    api.problem(api.get("AR/ARCustomers"), 403, "Forbidden")
    api.problem(api.get("GL/GLAccounts"), 403, "Forbidden")


def test_companies_modules_and_resources_that_are_not_there_are_told_apart_from_rights(api: Any) -> None:
    home = api.root
    api.root = home.replace("SAMLTD", "samltd")
    assert "company" in api.problem(api.get(PROFILE), 404, "ResourceNotFound")
    api.company.siblings.add("OTHER")
    api.root = home.replace("SAMLTD", "OTHER")
    api.problem(api.get(PROFILE), 403, "Forbidden")
    api.root = home
    assert "module" in api.problem(api.get("OE/OEOrders"), 404, "ResourceNotFound")
    api.problem(api.get("AR/Customers"), 404, "ResourceNotFound")
    api.problem(api.get("GL/ARCustomers"), 404, "ResourceNotFound")


def test_a_request_without_content_type_is_an_unexpected_error(api: Any) -> None:
    del api.session.headers["Content-Type"]
    api.problem(api.get(PROFILE), 500, "InternalServerError")
    api.company.switches.change({"content_type_required": False})
    assert api.get(PROFILE).status_code == 200


def test_the_landing_page_needs_no_credentials_and_other_sites_are_pages_of_iis(api: Any) -> None:
    api.session.auth = None
    assert "Swagger" in requests.get(f"{api.host}/Sage300WebApi", timeout=10).text
    answer = requests.get(f"{api.host}/OtherApp/v1.0", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (404, "text/html")
    assert api.get(PROFILE).headers["WWW-Authenticate"].startswith("Basic")
    api.company.switches.change({"html_unauthorised": True})
    assert api.get(PROFILE).headers["Content-Type"].startswith("text/html")


def test_webdav_answers_changes_and_large_bodies_never_arrive(api: Any) -> None:
    api.company.switches.change({"webdav": True, "max_body_bytes": 100})
    answer = api.patch("AR/ARCustomers('1200')", {"Email": "x@y.example"})
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (405, "text/html")
    assert api.post("AR/ARCustomers", {"CustomerName": "x" * 200}).status_code == 413


def test_query_strings_longer_than_iis_takes_are_answered_with_a_page(api: Any) -> None:
    chain = " or ".join(f"CustomerNumber eq 'C{number:09d}'" for number in range(60))
    answer = api.get("AR/ARCustomers", filter=chain)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (404, "text/html")
    api.company.switches.change({"max_query_chars": 10_000})
    assert api.rows("AR/ARCustomers", filter=f"{chain} or CustomerNumber eq '1200'")[0]["CustomerNumber"] == "1200"


def test_keys_that_are_unsafe_in_an_address_do_not_pass_iis(api: Any) -> None:
    api.company.add_customer("A/B", "Slash")
    answer = api.session.get(f"{api.root}/AR/ARCustomers('A%2FB')", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (404, "text/html")
    assert [row["CustomerNumber"] for row in api.rows("AR/ARCustomers", filter="CustomerNumber eq 'A/B'")] == ["A/B"]
    api.company.switches.change({"unsafe_paths_refused": False})
    assert api.session.get(f"{api.root}/AR/ARCustomers('A%2FB')", timeout=10).json()["CustomerNumber"] == "A/B"


def test_quiet_hours_are_in_the_zone_of_the_company(api: Any) -> None:
    api.company.switches.change({"quiet_hours": ["23:00-01:00", "11:00-11:30"]})
    assert api.get(PROFILE).status_code == 503
    api.company.clock.advance(timedelta(minutes=30))
    assert api.get(PROFILE).status_code == 200
    api.company.clock.set(datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    assert api.get(PROFILE).status_code == 503


def test_seats_are_taken_by_sessions_and_freed_by_idle_time_or_a_recycled_pool(api: Any) -> None:
    api.company.switches.change({"seats": 1})
    assert [api.get(PROFILE).status_code for _ in range(3)] == [200, 200, 200], "a kept cookie keeps the seat"
    api.session.cookies.clear()
    assert "LanPak" in api.problem(api.get(PROFILE), 500, "SessionError")
    api.company.clock.advance(timedelta(minutes=20))
    assert api.get(PROFILE).status_code == 200
    api.session.cookies.clear()
    assert api.get(PROFILE).status_code == 500
    assert requests.post(f"{api.host}/_control/recycle", timeout=10).status_code == 200
    assert api.get(PROFILE).status_code == 200


def test_the_first_request_after_idle_minutes_is_slow(api: Any) -> None:
    api.get(PROFILE)
    api.company.switches.change({"cold_start_s": 0.2})
    assert api.get(PROFILE).elapsed < timedelta(seconds=0.2)
    api.company.clock.advance(timedelta(minutes=21))
    assert api.get(PROFILE).elapsed >= timedelta(seconds=0.2)


def _certificate(folder: Path) -> tuple[Path, Path, Path]:
    """A private authority and a certificate of it for `localhost`: authority, certificate, key, as PEM files."""
    start = datetime.now(UTC) - timedelta(days=1)

    def signed(name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey) -> bytes:
        names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[0])
            .issuer_name(names[1])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=10))
            .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files = {
        "authority.pem": signed("Private CA", authority, "Private CA", authority),
        "server.pem": signed("localhost", key, "Private CA", authority),
        "server.key": private,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "authority.pem", folder / "server.pem", folder / "server.key"


def test_a_private_authority_is_trusted_only_when_it_is_named(company: Any, tmp_path: Path) -> None:
    authority, certificate, key = _certificate(tmp_path)
    with running(create_app(company), tls=(certificate, key)) as base:
        address = f"{base}/Sage300WebApi"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(address, timeout=10)
        assert requests.get(address, timeout=10, verify=str(authority)).status_code == 200
