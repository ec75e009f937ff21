"""A merchant's consent for the partner app, against the GoCardless stand-in's own consent page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import yaml

from connector_resources.connections.consent import partner_authorisation
from connector_resources.errors import ConsentExpired, MissingCredential, TokenRefused, WrongCompany
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from sandbox.clock import SandboxClock
from sandbox.gocardless.app import create_app
from sandbox.gocardless.world import OAuthApp, World
from sandbox.serve import running
from sandbox.visma.company import Company
from tests.erp_sections import visma_section
from tests.installations import BOOKS

CALLBACK = "http://localhost:8485/callback"
SECRET = "partner-app-secret"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """`begin(organisation)` starts a consent; `page` is the merchant's browser and gives the address it ends at."""
    world = World(SandboxClock())
    world.oauth_apps["partner"] = OAuthApp("partner", SECRET, (CALLBACK,))
    with running(create_app(world)) as address:
        section = {"environment": "sandbox", "base_url": address, "partner_app": {"connect_url": address}}
        document = {"gocardless": section, "books": BOOKS, "erp": visma_section(Company(), "https://visma.example")}
        (tmp_path / "connections").mkdir()
        (tmp_path / "connections" / "office.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        with Runtime.open(Settings(home=tmp_path)) as runtime:
            vault = runtime.store.vault
            vault.write("office", "gocardless_client_id", "partner")
            vault.write("office", "gocardless_client_secret", SECRET)

            def begin(organisation: str | None = None) -> Any:
                known = runtime.connection("office")
                changed = known.gocardless.model_copy(update={"organisation": organisation})
                return partner_authorisation(runtime, known.model_copy(update={"gocardless": changed}), CALLBACK)

            def page(url: str, **form: str) -> str:
                return requests.post(url, data=form, timeout=10, allow_redirects=False).headers["Location"]

            yield SimpleNamespace(world=world, vault=vault, begin=begin, page=page)


def test_the_token_is_sealed_and_the_organisation_is_named(office: SimpleNamespace) -> None:
    authorisation = office.begin()
    said = authorisation.complete(office.page(authorisation.url))

    token = office.vault.read("office", "gocardless_access_token")
    assert office.world.tokens[token].app == "partner"
    assert f"Put `organisation: {office.world.organisation_id}` under gocardless" in said
    assert token not in said


def test_an_organisation_that_is_known_needs_no_further_step(office: SimpleNamespace) -> None:
    authorisation = office.begin(office.world.organisation_id)
    assert "Put" not in authorisation.complete(office.page(authorisation.url))


def test_consent_for_another_organisation_stores_nothing(office: SimpleNamespace) -> None:
    authorisation = office.begin("OR0ANOTHER")
    with pytest.raises(WrongCompany, match="the connection is for OR0ANOTHER"):
        authorisation.complete(office.page(authorisation.url))
    assert not office.vault.has("office", "gocardless_access_token")


def test_a_merchant_who_says_no_is_heard(office: SimpleNamespace) -> None:
    authorisation = office.begin()
    with pytest.raises(ConsentExpired, match="access_denied"):
        authorisation.complete(office.page(authorisation.url, deny="1"))
    assert not office.vault.has("office", "gocardless_access_token")


def test_the_address_of_another_consent_is_refused(office: SimpleNamespace) -> None:
    first, second = office.begin(), office.begin()
    with pytest.raises(ConsentExpired, match="another authorisation"):
        second.complete(office.page(first.url))


def test_a_code_works_once(office: SimpleNamespace) -> None:
    authorisation = office.begin()
    address = office.page(authorisation.url)
    authorisation.complete(address)
    with pytest.raises(ConsentExpired):
        authorisation.complete(address)


def test_an_app_with_a_wrong_secret_is_refused(office: SimpleNamespace) -> None:
    office.vault.write("office", "gocardless_client_secret", "another-app-secret")
    authorisation = office.begin()
    with pytest.raises(TokenRefused) as refused:
        authorisation.complete(office.page(authorisation.url))
    assert "another-app-secret" not in str(refused.value)


def test_without_the_apps_credentials_nothing_begins(office: SimpleNamespace) -> None:
    office.vault.remove("office", "gocardless_client_id")
    with pytest.raises(MissingCredential, match="gocardless_client_id"):
        office.begin()
