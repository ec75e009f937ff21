"""The server that the stand-ins' tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.serve import running
from tests.sandbox.switchboard import Switchboard


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, Switchboard]]:
    switchboard = Switchboard()
    with running(switchboard) as base:
        yield base, switchboard
