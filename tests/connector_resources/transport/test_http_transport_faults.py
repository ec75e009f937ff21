"""Every fault kind of the sandbox against reads and writes: the error's type, and how often the request was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector_resources.errors import (
    BadAnswer,
    Conflict,
    ExpiredAtSource,
    NotFound,
    NotSent,
    PermissionRefused,
    RateLimited,
    Refused,
    RemoteError,
    TokenRefused,
    Uncertain,
)
from connector_resources.transport.http_transport import HttpTransport, Limits, Retries
from connector_resources.transport.messages import Request
from sandbox.faults import KINDS
from sandbox.serve import free_port

READ = Request("GET", "/thing")
WRITE = Request("POST", "/thing", body=b'{"amount": 1}', content_type="application/json", write=True)


def limits_for(kind: str) -> Limits:
    """Short only where the time limit is what is tested, so that a busy machine changes nothing elsewhere."""
    return Limits(read_s=0.3) if kind.startswith("delay") else Limits()


Connect = Callable[..., HttpTransport]

#: kind -> details of the fault, and the error a read ends with when it never stops.
READ_FAULTS: dict[str, tuple[dict[str, Any], type[RemoteError]]] = {
    "drop_before": ({}, NotSent),
    "drop_after": ({}, NotSent),
    "error_before": ({"status": 503}, BadAnswer),
    "error_after": ({"status": 500}, BadAnswer),
    "html": ({"status": 502}, BadAnswer),
    "html_after": ({"status": 200}, BadAnswer),
    "truncate": ({}, RemoteError),
    "delay": ({"delay_s": 1.5}, NotSent),
    "delay_after": ({"delay_s": 1.5}, NotSent),
    "rate_limit": ({}, RateLimited),
}

#: kind -> details of the fault, the error a write ends with, and how often it is sent.
WRITE_FAULTS: dict[str, tuple[dict[str, Any], type[RemoteError], int]] = {
    "drop_before": ({}, Uncertain, 1),
    "drop_after": ({}, Uncertain, 1),
    "error_before": ({"status": 503}, Uncertain, 1),
    "error_after": ({"status": 500}, Uncertain, 1),
    "html": ({"status": 502}, Uncertain, 1),
    "html_after": ({"status": 200}, Uncertain, 1),
    "truncate": ({}, Uncertain, 1),
    "delay": ({"delay_s": 1.5}, Uncertain, 1),
    "delay_after": ({"delay_s": 1.5}, Uncertain, 1),
    "rate_limit": ({}, RateLimited, 3),
}


def test_every_fault_kind_is_covered() -> None:
    assert set(READ_FAULTS) == set(KINDS) == set(WRITE_FAULTS)


@pytest.mark.parametrize("kind", READ_FAULTS)
def test_a_read_is_repeated_until_the_fault_has_passed(kind: str, connect: Connect, service: Any) -> None:
    service.fault(kind, times=2, **READ_FAULTS[kind][0])
    transport = connect(limits=limits_for(kind))
    response = transport.send(READ)
    assert response.json()["ok"] is True
    assert transport.calls == service.attempts == 3


@pytest.mark.parametrize("kind", READ_FAULTS)
def test_a_read_that_stays_broken_ends_with_its_typed_error(kind: str, connect: Connect, service: Any) -> None:
    details, error = READ_FAULTS[kind]
    service.fault(kind, times=99, **details)
    transport = connect(limits=limits_for(kind), retries=Retries(attempts=3))
    with pytest.raises(error) as caught:
        transport.send(READ)
    assert not isinstance(caught.value, Uncertain)
    assert transport.calls == service.attempts == 3
    assert caught.value.connection == "acme"


@pytest.mark.parametrize("kind", WRITE_FAULTS)
def test_a_write_is_repeated_only_when_it_surely_took_no_effect(kind: str, connect: Connect, service: Any) -> None:
    details, error, attempts = WRITE_FAULTS[kind]
    service.fault(kind, times=99, **details)
    transport = connect(limits=limits_for(kind), retries=Retries(attempts=3))
    with pytest.raises(error):
        transport.send(WRITE)
    assert transport.calls == service.attempts == attempts
    assert service.effects <= 1


def test_a_rate_limited_write_is_sent_again_and_takes_effect_once(connect: Connect, service: Any) -> None:
    service.fault("rate_limit", times=2, headers={"Retry-After": "3"})
    assert connect().send(WRITE).json()["body"] == '{"amount": 1}'
    assert (service.attempts, service.effects) == (3, 1)


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_a_refused_connection_is_not_sent_and_tried_again(request_: Request, connect: Connect) -> None:
    transport = connect(base_url=f"http://127.0.0.1:{free_port()}", retries=Retries(attempts=3))
    with pytest.raises(NotSent, match="could not connect"):
        transport.send(request_)
    assert transport.calls == 3


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_a_failed_tls_handshake_is_not_sent(request_: Request, connect: Connect, service: Any) -> None:
    address = service.base_url.replace("http:", "https:")
    transport = connect(base_url=address, retries=Retries(attempts=2))
    with pytest.raises(NotSent, match="could not connect"):
        transport.send(request_)
    assert transport.calls == 2
    assert service.effects == 0


def test_an_unknown_host_name_is_not_sent(connect: Connect) -> None:
    transport = connect(base_url="https://no-such-host.invalid", retries=Retries(attempts=2))
    with pytest.raises(NotSent):
        transport.send(WRITE)
    assert transport.calls == 2


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (401, TokenRefused),
        (403, PermissionRefused),
        (404, NotFound),
        (409, Conflict),
        (410, ExpiredAtSource),
        (412, Conflict),
        (415, Refused),
        (422, Refused),
    ],
)
def test_a_refusal_is_final_and_typed_by_its_status(
    status: int, error: type[RemoteError], write: bool, connect: Connect, service: Any
) -> None:
    transport = connect(explain=lambda response: ("some_reason", "because"))
    with pytest.raises(error, match=f"{status} some_reason: because") as caught:
        transport.send(Request("POST" if write else "GET", f"/status/{status}", write=write))
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.code, transport.calls) == (status, "some_reason", 1)
    assert caught.value.response is not None
    assert caught.value.response.json() == {"why": "told to"}


@pytest.mark.parametrize(("write", "error"), [(False, BadAnswer), (True, Uncertain)])
@pytest.mark.parametrize("status", [302, 408])
def test_an_ambiguous_status_makes_a_write_uncertain(
    status: int, write: bool, error: type[RemoteError], connect: Connect
) -> None:
    with pytest.raises(error):
        connect(retries=Retries(attempts=2)).send(Request("POST", f"/status/{status}", write=write))


def test_a_page_instead_of_an_answer_is_not_quoted(connect: Connect, service: Any) -> None:
    service.fault("html", status=403, times=9)
    with pytest.raises(PermissionRefused, match="an HTML page"):
        connect().send(READ)
