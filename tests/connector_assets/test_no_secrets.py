"""Nothing secret reaches Dagster: events, metadata, run configuration, tags, compute logs, or what lies in the home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connector_resources.store.vault_key import VaultKey
from sandbox.gocardless.world import Token
from tests.evenings import DAY

CANARIES = {
    "gocardless_access_token": "canary-token-4711-gocardless",
    "gocardless_webhook_secret": "canary-secret-4711-webhook",
    "client_secret": "canary-secret-4711-visma",
}


def test_canary_secrets_are_nowhere_but_sealed(kept_house: Any, tmp_path: Path) -> None:
    house, installation = kept_house, kept_house.installation
    installation.world.tokens[CANARIES["gocardless_access_token"]] = Token(CANARIES["gocardless_access_token"])
    installation.erp.company.add_client("isv_sandbox", CANARIES["client_secret"])
    for name, value in CANARIES.items():
        installation.runtime.store.vault.write("nordic", name, value)

    good = house.run(DAY)
    installation.world.tokens.clear()
    bad = house.run(DAY)

    assert (good.success, bad.success) == (True, False)
    visma_token = json.loads(installation.runtime.store.vault.read("nordic", "visma_token"))["access_token"]
    installation.runtime.store.database.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    written = {path: path.read_bytes() for path in files}
    assert any(b"canary" not in content and b"nordic" in content for content in written.values())
    key = (tmp_path / "vault.key").read_text().strip()
    assert VaultKey.from_text(key, source="test")
    for needle in (*CANARIES.values(), key, visma_token):
        found = [p.relative_to(tmp_path) for p, content in written.items() if needle.encode() in content]
        assert found == ([Path("vault.key")] if needle == key else []), needle
    for run in house.instance.get_runs():
        assert "canary" not in f"{run.run_config}{run.tags}"
