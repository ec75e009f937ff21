"""A credential that is removed is revoked first where the remote system takes revocations, and kept when that failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector_resources.erp.datev.resource import TOKENS
from sandbox.faults import Fault
from tests.sites import Site, datev_site


def remove(site: Site, *options: str) -> Result:
    return CliRunner().invoke(main, ["credentials", "remove", site.name, TOKENS, *options])


def revocations(site: Site) -> int:
    return sum(path.endswith("/revoke") for _, path in site.at.erp.faults.requests)


def test_removed_tokens_of_a_consent_are_revoked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    with datev_site(tmp_path) as site:
        vault = site.at.runtime.store.vault
        site.at.erp.faults.add(Fault("error_before", path="/revoke", status=400))
        refused = remove(site)
        assert refused.exit_code != 0
        assert vault.has(site.name, TOKENS)

        done = remove(site)
        assert done.exit_code == 0, done.output
        assert "is revoked" in done.output
        assert not vault.has(site.name, TOKENS)
        assert revocations(site) == 3


def test_tokens_can_be_forgotten_here_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    with datev_site(tmp_path) as site:
        assert remove(site, "--only-here").exit_code == 0
        assert not site.at.runtime.store.vault.has(site.name, TOKENS)
        assert revocations(site) == 0
