"""The address on this machine that a consent sends the browser back to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from connector_resources.errors import ConsentExpired
from connector_resources.transport.loopback import LoopbackCallback


@pytest.fixture
def callback() -> Iterator[LoopbackCallback]:
    with LoopbackCallback(0, "nordic") as waiting:
        yield waiting


def get(callback: LoopbackCallback, query: str, path: str = "") -> requests.Response:
    return requests.get(f"http://127.0.0.1:{urlsplit(callback.redirect_uri).port}{path or PATH}{query}", timeout=20)


PATH = "/callback"


def test_the_first_redirect_counts(callback: LoopbackCallback) -> None:
    """A page that guesses the address later, or another path of it, changes nothing."""
    assert get(callback, "?code=a", "/elsewhere").status_code == 404
    first = get(callback, "?code=first&state=s")
    assert get(callback, "?code=second&state=s").status_code == 200
    assert callback.wait(20) == f"{callback.redirect_uri}?code=first&state=s"
    assert "first" not in first.text
    assert first.headers["Referrer-Policy"] == "no-referrer"


def test_only_this_machine_reaches_the_redirect_address(callback: LoopbackCallback) -> None:
    """127.0.0.2 is this machine as well, but not the address that is listened on: it stands for every other one."""
    port = urlsplit(callback.redirect_uri).port
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port or 0), timeout=20)


def test_nobody_who_came_is_told(callback: LoopbackCallback) -> None:
    with pytest.raises(ConsentExpired, match="in time"):
        callback.wait(0.01)
