"""Certificates are always checked, over real TLS: a private CA per connection, and no plain http but to this machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from connector_resources.erp.registry import erp_kind
from connector_resources.errors import ConfigurationError, NotSent
from connector_resources.runtime import Runtime
from connector_resources.transport.back_off import Retries
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.messages import Request
from sandbox.serve import running
from tests.security.certificates import Authority
from tests.security.targets import ERPS, open_runtime

SEEN: list[str] = []


async def thing(request: HttpRequest) -> JSONResponse:
    SEEN.append(request.headers.get("authorization", ""))
    return JSONResponse({"ok": True})


APP = Starlette(routes=[Route("/{path:path}", thing, methods=["GET", "POST"])])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ours"), "our-ca")


@pytest.fixture(scope="module")
def trusted(authority: Authority) -> Iterator[str]:
    with running(APP, tls=authority.issue("good")) as address:
        yield address


def ask(address: str, **settings: Any) -> bytes:
    transport = HttpTransport("erp", address, retries=Retries(attempts=1), headers={"authorization": "x"}, **settings)
    try:
        return transport.send(Request("GET", "/thing")).body
    finally:
        transport.close()


def test_a_private_ca_is_believed_only_where_it_is_named(trusted: str, authority: Authority) -> None:
    assert ask(trusted, ca_file=str(authority.ca_file)) == b'{"ok":true}'
    SEEN.clear()
    with pytest.raises(NotSent, match=r"SSL|Cert"):
        ask(trusted)
    assert SEEN == []


def test_another_ca_of_the_same_name_is_not_believed(trusted: str, tmp_path: Path) -> None:
    other = Authority.create(tmp_path, "our-ca")
    with pytest.raises(NotSent):
        ask(trusted, ca_file=str(other.ca_file))


@pytest.mark.parametrize(
    "wrong", [{"host": "elsewhere.example"}, {"ends_in": timedelta(days=-1)}], ids=["wrong host", "expired"]
)
def test_a_certificate_that_is_wrong_in_one_way_is_refused(authority: Authority, wrong: dict[str, Any]) -> None:
    SEEN.clear()
    with running(APP, tls=authority.issue("wrong", **wrong)) as address, pytest.raises(NotSent):
        ask(address, ca_file=str(authority.ca_file))
    assert SEEN == []


def test_the_environment_switches_no_check_off(
    trusted: str, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(authority.ca_file))
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    with pytest.raises(NotSent):
        ask(trusted)


@pytest.mark.parametrize("content", [None, "no certificate", ""], ids=["missing", "text", "empty"])
def test_a_ca_file_that_is_none_is_told_before_anything_is_sent(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        HttpTransport("erp", "https://erp.example", ca_file=str(path))


@pytest.mark.parametrize(
    "address",
    [
        "http://erp.example",
        "http://10.0.0.7",
        "ftp://erp.example",
        "http://localhost.evil.example",
        "https://a:b@erp.example",
    ],
)
def test_what_is_not_https_is_refused_unless_it_stays_on_this_machine(address: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        HttpTransport("erp", address)


@pytest.mark.parametrize("erp", ERPS)
def test_the_ca_file_of_a_connection_reaches_every_transport_of_its_ledger(
    erp: str, trusted: str, authority: Authority, tmp_path: Path
) -> None:
    """Without the file nothing is sent; with it the ledger's first request arrives."""
    for ca_file, arrives in ((None, False), (str(authority.ca_file), True)):
        SEEN.clear()
        home = tmp_path / str(arrives)
        with open_runtime(home, erp, trusted, **({"ca_file": ca_file} if ca_file else {})) as runtime:
            _touch(runtime)
        assert bool(SEEN) is arrives


def _touch(runtime: Runtime) -> None:
    connection = runtime.connections[0]
    runtime.sleep = lambda _s: None
    connector = erp_kind(connection.erp.kind).build(connection.erp, runtime.context(connection))
    assert connector.ping().lines
    connector.close()
