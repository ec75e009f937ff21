"""How the connector names itself at the realm's token endpoint."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.errors import TokenRefused

SECRET = "pass: word+100%/ü"


@pytest.mark.parametrize("way", ["body", "basic"])
def test_id_and_secret_go_the_way_the_settings_say(site: Any, given: SimpleNamespace, way: str) -> None:
    site.tenant.switches.change({"client_auth": way})
    site.tenant.realm.add_client("gc_connector", SECRET)
    site.store.vault.write(given.CONNECTION, "ifs_client_secret", SECRET)
    assert [each.number for each in site.connector(client_auth=way).customers()] == ["10:C1", "20:C1", "10:C2"]
    assert site.tenant.realm.issued == 1


@pytest.mark.parametrize(("way", "other"), [("body", "basic"), ("basic", "body")])
def test_the_other_way_is_not_tried_in_secret(site: Any, way: str, other: str) -> None:
    site.tenant.switches.change({"client_auth": other})
    with pytest.raises(TokenRefused):
        list(site.connector(client_auth=way).customers())
    assert site.tenant.realm.issued == 0


def test_a_wrong_secret_is_refused_and_not_told(site: Any, given: SimpleNamespace) -> None:
    site.store.vault.write(given.CONNECTION, "ifs_client_secret", "not-the-secret-of-it")
    with pytest.raises(TokenRefused) as refused:
        list(site.connector(client_auth="basic").customers())
    assert "not-the-secret" not in str(refused.value)
    assert refused.value.next_step
