"""Waiting, limits, addresses, tokens and what must never be seen, over real HTTP."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from connector_resources.errors import (
    BadAnswer,
    ConfigurationError,
    NotSent,
    RateLimited,
    RemoteError,
    TokenRefused,
    Uncertain,
)
from connector_resources.transport.call_counter import CallCounter
from connector_resources.transport.http_transport import HttpTransport, Limits, Retries
from connector_resources.transport.messages import Request, Response
from sandbox.serve import free_port

READ = Request("GET", "/thing")
WRITE = Request("POST", "/thing", body=b"{}", write=True)
CANARY = "canary-5f0e1c9a7b3d"

Connect = Callable[..., HttpTransport]


class Tokens:
    """A token source with a list of tokens: each renewal gives the next."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.renewals = 0

    def token(self) -> str:
        return self._tokens[0]

    def renew(self, refused: str) -> str:
        assert refused == self._tokens[0]
        self.renewals += 1
        if len(self._tokens) == 1:
            raise TokenRefused("no other token", status=401)
        self._tokens.pop(0)
        return self._tokens[0]


class Quota:
    """A quota hook with a list of waits; notes the answers it was shown. `blocks` are found after a wait."""

    def __init__(self, waits: list[float], reset_in_s: float | None = None, blocks: Sequence[float] = ()) -> None:
        self._waits = waits
        self._blocks = list(blocks)
        self._reset_in_s = reset_in_s
        self.statuses: list[int] = []

    def before(self) -> float:
        return self._waits.pop(0) if self._waits else 0

    def blocked(self) -> float:
        return self._blocks.pop(0) if self._blocks else 0

    def after(self, response: Response) -> float | None:
        self.statuses.append(response.status)
        return self._reset_in_s


# --- waiting -------------------------------------------------------------------------------------------------------


def test_back_off_doubles_up_to_its_cap_with_full_jitter(connect: Connect, service: Any, slept: list[float]) -> None:
    service.fault("error_before", times=99, status=500)
    chances = iter([1.0, 0.5, 1.0, 1.0, 1.0])
    retries = Retries(attempts=5, base_s=0.5, cap_s=3)
    with pytest.raises(BadAnswer):
        connect(retries=retries, random=lambda: next(chances)).send(READ)
    assert slept == [0.5, 0.5, 2.0, 3.0]


def test_retry_after_seconds_are_waited(connect: Connect, service: Any, slept: list[float]) -> None:
    service.fault("rate_limit", headers={"Retry-After": "17"})
    connect().send(READ)
    assert slept == [17]


def test_a_retry_after_date_is_measured_by_the_servers_clock(
    connect: Connect, service: Any, slept: list[float]
) -> None:
    due = datetime.now(UTC) + timedelta(seconds=25)
    service.fault("rate_limit", headers={"Retry-After": format_datetime(due, usegmt=True)})
    connect(now=lambda: datetime(2001, 1, 1, tzinfo=UTC)).send(READ)
    # A busy machine may take some seconds to answer; our own clock would make it decades.
    assert 15 <= slept[0] <= 26


def test_a_long_wait_is_told_instead_of_slept(connect: Connect, service: Any, slept: list[float]) -> None:
    service.fault("rate_limit", times=9, headers={"Retry-After": "3600"})
    with pytest.raises(RateLimited) as caught:
        connect().send(WRITE)
    assert (caught.value.retry_after_s, slept, service.attempts) == (3600, [], 1)
    assert caught.value.response is not None


def test_a_long_maintenance_is_told_as_a_limit(connect: Connect, service: Any, slept: list[float]) -> None:
    service.fault("error_before", times=9, status=503, headers={"Retry-After": "1800"})
    with pytest.raises(RateLimited) as caught:
        connect().send(READ)
    assert (caught.value.retry_after_s, slept) == (1800, [])


def test_the_quota_hook_is_asked_before_and_told_after_each_attempt(
    connect: Connect, service: Any, slept: list[float]
) -> None:
    service.fault("rate_limit")
    quota = Quota([0.25, 0.75], reset_in_s=12)
    connect(quota=quota).send(READ)
    assert slept == [0.25, 12, 0.75]
    assert quota.statuses == [429, 200]


def test_an_exhausted_quota_sends_nothing(connect: Connect, service: Any) -> None:
    with pytest.raises(RateLimited) as caught:
        connect(quota=Quota([1200.5])).send(READ)
    assert (caught.value.retry_after_s, service.attempts) == (1201, 0)


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("write", "error"), [(False, BadAnswer), (True, Uncertain)])
def test_a_body_above_the_limit_is_not_read(write: bool, error: type[RemoteError], connect: Connect) -> None:
    transport = connect(limits=Limits(body_bytes=100_000))
    with pytest.raises(error, match="larger than the limit"):
        transport.send(Request("POST" if write else "GET", "/big", write=write))
    assert transport.calls == 1


def test_a_block_that_is_learnt_of_while_waiting_is_waited_for_too(
    connect: Connect, service: Any, slept: list[float]
) -> None:
    response = connect(quota=Quota([2.0], blocks=[5.0])).send(READ)
    assert slept == [2.0, 5.0]
    assert response.waited_s == 7.0


def test_a_block_of_an_hour_that_is_learnt_of_while_waiting_ends_the_call(
    connect: Connect, service: Any, slept: list[float]
) -> None:
    with pytest.raises(RateLimited):
        connect(quota=Quota([2.0], blocks=[3600.0])).send(READ)
    assert slept == [2.0]


def test_a_trickling_answer_meets_the_total_limit(connect: Connect) -> None:
    started = time.monotonic()
    with pytest.raises(NotSent, match="time limit"):
        connect(limits=Limits(total_s=0.2), retries=Retries(attempts=1)).send(Request("GET", "/drip"))
    assert time.monotonic() - started < 3.5


def test_a_request_may_shorten_its_read_limit(connect: Connect, service: Any) -> None:
    service.fault("delay", delay_s=1.0)
    with pytest.raises(NotSent):
        connect(retries=Retries(attempts=1)).send(Request("GET", "/thing", timeout_s=0.1))


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/thing",
        "http://evil.example/thing",
        "http://127.0.0.1:1/thing",
        "http://user@127.0.0.1/thing",
        "https://evil.example\\@127.0.0.1/thing",
        "ftp://127.0.0.1/thing",
        "thing",
        "@evil.example/thing",
        "/thing\r\nhost: evil.example",
        "http://[::1/thing",
    ],
)
def test_a_foreign_address_is_never_called(url: str, connect: Connect, service: Any) -> None:
    transport = connect(tokens=Tokens(CANARY))
    with pytest.raises(NotSent) as caught:
        transport.send(Request("GET", url))
    assert caught.value.code == "host_not_allowed"
    assert (service.attempts, transport.calls) == (0, 0)


def test_an_allowed_second_host_is_called(connect: Connect, service: Any) -> None:
    host = service.base_url.removeprefix("http://")
    transport = connect(base_url="https://api.example", allowed_hosts=[host])
    assert transport.send(Request("GET", f"{service.base_url}/thing")).status == 200


@pytest.mark.parametrize(
    "base", ["http://api.example", "api.example", "https://u:p@api.example", "https://a.example?x=1"]
)
def test_a_base_address_must_be_https_and_plain(base: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpTransport("erp", base)


def test_a_redirect_is_not_followed(connect: Connect, service: Any) -> None:
    with pytest.raises(BadAnswer):
        connect(tokens=Tokens(CANARY)).send(Request("GET", "/away"))
    assert [path for _, path in service.layer.requests] == ["/away"]


def test_proxies_and_passwords_of_the_environment_are_ignored(
    connect: Connect, service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert connect().send(READ).status == 200
    assert "authorization" not in service.seen[-1]


def test_query_headers_and_body_arrive_as_given(connect: Connect, service: Any) -> None:
    request = Request(
        "PUT",
        "/thing",
        params=(("created_at[gte]", "2026-01-01T00:00:00.000Z"), ("status", "a,b")),
        headers=(("If-Match", '"7"'),),
        body=b"\x00\xff".replace(b"\xff", b"z"),
        content_type="application/octet-stream",
    )
    answer = connect(headers={"X-Product": "ours"}).send(request).json()
    assert answer["query"] == "created_at%5Bgte%5D=2026-01-01T00%3A00%3A00.000Z&status=a%2Cb"
    assert answer["body"] == "\x00z"
    seen = service.seen[-1]
    assert (seen["if-match"], seen["x-product"], seen["content-type"]) == ('"7"', "ours", "application/octet-stream")


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_a_refused_token_is_renewed_once_and_the_request_repeated(
    request_: Request, connect: Connect, service: Any
) -> None:
    service.accepted.add("new-token")
    tokens = Tokens("old-token", "new-token")
    transport = connect(tokens=tokens)
    assert transport.send(request_).status == 200
    assert (tokens.renewals, transport.calls, service.effects) == (1, 2, 1)


def test_a_second_refusal_ends_it(connect: Connect, service: Any) -> None:
    service.accepted.add("yet-another-token")
    tokens = Tokens("old-token", "new-token", "third-token")
    transport = connect(tokens=tokens, explain=lambda response: ("access_token_revoked", "revoked"))
    with pytest.raises(TokenRefused) as caught:
        transport.send(WRITE)
    assert (tokens.renewals, transport.calls, service.effects) == (1, 2, 0)
    assert caught.value.code == "access_token_revoked"


def test_a_token_that_cannot_be_renewed_keeps_the_servers_answer(connect: Connect, service: Any) -> None:
    service.accepted.add("yet-another-token")
    with pytest.raises(TokenRefused) as caught:
        connect(tokens=Tokens("old-token"), explain=lambda response: ("gone", "")).send(READ)
    assert caught.value.code == "gone"
    assert caught.value.response is not None
    assert caught.value.response.status == 401


def test_a_system_may_want_its_token_elsewhere(connect: Connect, service: Any) -> None:
    def authorize(headers: dict[str, str], token: str) -> None:
        headers["x-api-token"] = token

    connect(tokens=Tokens("token-one"), authorize=authorize).send(READ)
    assert service.seen[-1]["x-api-token"] == "token-one"
    assert "authorization" not in service.seen[-1]


# --- counting and threads ------------------------------------------------------------------------------------------


def test_one_counter_counts_all_systems_and_all_threads(connect: Connect, service: Any) -> None:
    counter = CallCounter()
    transport = connect(counter=counter)
    other = HttpTransport("other", service.base_url, counter=counter)
    # One fewer than a request has tries: all of them may meet the same request.
    service.fault("error_before", times=4, status=500)
    with ThreadPoolExecutor(8) as pool:
        assert all(answer.status == 200 for answer in pool.map(transport.send, [READ] * 60))
    other.send(READ)
    other.close()
    assert (transport.calls, counter.by_system) == (64, {"erp": 64, "other": 1})


def test_departure_is_known_for_each_thread_by_itself(connect: Connect, service: Any) -> None:
    """A write that never connects stays `NotSent` while other threads send all the time."""
    dead = connect(base_url=f"http://127.0.0.1:{free_port()}", retries=Retries(attempts=1))
    live = connect()
    stop = threading.Event()

    def keep_sending() -> None:
        while not stop.is_set():
            live.send(READ)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(keep_sending)
        try:
            for _ in range(30):
                with pytest.raises(NotSent):
                    dead.send(WRITE)
        finally:
            stop.set()


# --- secrets -------------------------------------------------------------------------------------------------------


def provoke(connect: Connect, service: Any, kind: str) -> RemoteError:
    settings: dict[str, Any] = {"tokens": Tokens(CANARY), "retries": Retries(attempts=2), "limits": Limits(read_s=0.3)}
    url = "/thing"
    match kind:
        case "refused connection":
            settings["base_url"] = f"http://127.0.0.1:{free_port()}"
        case "bad header":
            settings["tokens"] = Tokens(CANARY + "\nx: y")
        case "foreign host":
            url = f"https://evil.example/?token={CANARY}"
        case "echo":
            settings["explain"] = lambda response: ("", f"bad header Authorization: Bearer {CANARY}")
            url = "/status/422"
        case _:
            service.fault(kind, times=9, delay_s=1.0)
    body = f'{{"client_secret": "{CANARY}"}}'.encode()
    with pytest.raises(RemoteError) as caught:
        connect(**settings).send(Request("POST", url, body=body, write=True))
    return caught.value


@pytest.mark.parametrize(
    "kind", ["refused connection", "bad header", "foreign host", "echo", "drop_before", "delay", "truncate", "html"]
)
def test_no_error_and_no_log_line_shows_a_secret(
    kind: str, connect: Connect, service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = provoke(connect, service, kind)
    shown = ["".join(traceback.format_exception(error)), repr(error), str(vars(error)), caplog.text]
    chain: list[BaseException | None] = [error.__cause__, error.__context__]
    assert all(CANARY not in text for text in shown)
    assert chain == [None, None]


def test_requests_and_responses_do_not_show_their_bodies() -> None:
    assert CANARY not in repr(Request("POST", "/", body=CANARY.encode()))
    assert CANARY not in repr(Response(200, {}, CANARY.encode()))
