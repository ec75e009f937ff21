"""The connection files that the demo writes: each stand-in is set up as its own page of the documentation asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.demo.cast import ROLES
from connector.demo.stage import subscribe
from connector_resources.store.marks import ERP_NOTIFIED
from sandbox.serve import running
from sensors.receiver import create_receiver
from tests.connector.demo.conftest import DAYS_AT_ONCE, theatre

pytestmark = pytest.mark.slow


def test_every_connection_of_the_demo_passes_its_own_ping(tmp_path: Path) -> None:
    with theatre(tmp_path / "home") as opened:
        wrong = {}
        for name in ROLES:
            with opened.runtime.erp(opened.runtime.connection(name)) as connector:
                wrong[name] = [line for line in connector.ping().lines if not line.ok]

        assert wrong == {name: [] for name in ROLES}


def test_each_ledger_that_starts_the_money_has_itself_read_when_its_month_begins(tmp_path: Path) -> None:
    with theatre(tmp_path / "home") as opened:
        store, connections = opened.runtime.store, {name: opened.runtime.connection(name) for name in ROLES}
        with running(create_receiver(store, connections), dated=False) as address:
            opened.stage.receiver = address
            subscribe(opened.stage)
            at_first = {name for name in ROLES if store.marks.get(name, ERP_NOTIFIED)}
            opened.stand_ins.advance(DAYS_AT_ONCE)
            later = {name for name in ROLES if store.marks.get(name, ERP_NOTIFIED)}

        # Exact Online tries the address out, which counts.
        assert at_first == {"dutch", "irish"}
        assert later == {name for name, role in ROLES.items() if role.collects} == {"dutch", "irish", "nordsee"}
