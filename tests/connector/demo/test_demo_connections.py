"""The connection files that the demo writes: each stand-in is set up as its own page of the documentation asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.demo.cast import ROLES
from tests.connector.demo.conftest import theatre

pytestmark = pytest.mark.slow


def test_every_connection_of_the_demo_passes_its_own_ping(tmp_path: Path) -> None:
    with theatre(tmp_path / "home") as opened:
        wrong = {}
        for name in ROLES:
            with opened.runtime.erp(opened.runtime.connection(name)) as connector:
                wrong[name] = [line for line in connector.ping().lines if not line.ok]

        assert wrong == {name: [] for name in ROLES}
