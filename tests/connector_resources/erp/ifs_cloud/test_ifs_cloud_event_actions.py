"""Event Actions of the stand-in calling the receiver: the right secret makes the next poll happen now, a wrong one nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_resources.store.marks import ERP_NOTIFIED
from sandbox.serve import running
from sensors.receiver import create_receiver
from tests.sites import ifs_cloud_site


@pytest.mark.parametrize(("secret", "answer"), [("shared-secret", 204), ("guessed", 401)])
def test_a_change_in_ifs_is_noticed_only_with_the_secret(tmp_path: Path, secret: str, answer: int) -> None:
    with ifs_cloud_site(tmp_path) as site:
        store, name = site.at.runtime.store, site.name
        store.vault.write(name, "ifs_hook_secret", "shared-secret")
        with running(create_receiver(store, {name: site.at.connection})) as address:
            site.tenant.event_actions.add(f"{address}/webhooks/erp/{name}", secret, "CustomerInfo")
            site.tenant.clerk.change_customer("10001", Name="Load Customer 1 Ltd")
            assert site.tenant.event_actions.deliver() == 1
        assert site.tenant.event_actions.outcomes == [answer]
        assert (store.marks.get(name, ERP_NOTIFIED) is not None) is (answer == 204)
