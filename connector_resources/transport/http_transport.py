"""The transport every connector uses: sends one request to one system and answers with 2xx or a typed error.

It decides the one thing that matters for posting: may this request be sent again. Reads are repeated; a write is
repeated only when it surely did not take effect. It knows no system: what differs is passed in (`explain`, `authorize`,
`quota`, token source).
"""

from __future__ import annotations

import logging
import random as random_module
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from connector_resources.errors import (
    BadAnswer,
    ConfigurationError,
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
from connector_resources.transport.addresses import Addresses
from connector_resources.transport.back_off import Retries, full_jitter, retry_after_s
from connector_resources.transport.call_counter import CallCounter
from connector_resources.transport.exchange import Exchange, Limits, Loss, Unanswered
from connector_resources.transport.messages import Request, Response, TokenSource
from connector_resources.transport.redaction import redact, register_secret

__all__ = [
    "CallCounter",
    "Explain",
    "HttpTransport",
    "Limits",
    "Quota",
    "Retries",
    "bearer",
    "is_no_page",
    "plain_explain",
]

log = logging.getLogger(__name__)

#: (error code, message) of an answer that is not 2xx, in the system's own words. Must not raise, whatever the body.
Explain = Callable[[Response], tuple[str, str]]
#: puts the token where the system wants it.
Authorize = Callable[[dict[str, str], str], None]

MESSAGE_CHARACTERS = 400
REFUSALS: Mapping[int, type[Refused]] = {
    403: PermissionRefused,
    404: NotFound,
    409: Conflict,
    410: ExpiredAtSource,
    412: Conflict,
}


class Quota(Protocol):
    """The hook to a rate limit that is shared by all processes."""

    def before(self) -> float:
        """Seconds to wait before the next attempt; the attempt is counted."""
        ...

    def blocked(self) -> float:
        """Seconds for which no attempt may be made, whoever is counted; nothing is counted."""
        ...

    def after(self, response: Response) -> float | None:
        """Learns from the answer's headers. Seconds until the quota is refilled, when the answer tells."""
        ...


def bearer(headers: dict[str, str], token: str) -> None:
    headers["authorization"] = f"Bearer {token}"


def plain_explain(response: Response) -> tuple[str, str]:
    """No code, and the start of the body when it is text for people or machines, not a page."""
    if not is_no_page(response):
        return "", "an HTML page"
    return "", response.body[:MESSAGE_CHARACTERS].decode("utf-8", "replace")


def is_no_page(response: Response) -> bool:
    """False for HTML: log-in pages, proxies and load balancers answer that way, the systems' APIs never do."""
    start = response.body[:64].lstrip().lower()
    named = response.headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml"))
    return not (named or start.startswith((b"<!doctype html", b"<html")))


def utc_now() -> datetime:
    return datetime.now(UTC)


class HttpTransport:
    """A `Transport` to `system` for `connection` (see `messages.Transport.send` for the errors).

    A read that was never answered ends as `NotSent` (nothing happened there), one that was answered badly as
    `BadAnswer`. `allowed_hosts` are trusted besides the host of `base_url`; credentials go nowhere else.
    `counter` may be shared: `calls` is its count for `system`, so give a token transport the same name and counter.
    Certificates are always checked, against `ca_file` alone when it is given. Raises `ConfigurationError` when `base_url` is not
    https (loopback excepted), or when `ca_file` cannot be read as certificates.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        connection: str = "",
        explain: Explain = plain_explain,
        tokens: TokenSource | None = None,
        authorize: Authorize = bearer,
        quota: Quota | None = None,
        headers: Mapping[str, str] | None = None,
        allowed_hosts: Collection[str] = (),
        limits: Limits | None = None,
        retries: Retries | None = None,
        counter: CallCounter | None = None,
        is_readable: Callable[[Response], bool] = is_no_page,
        ca_file: str | None = None,
        now: Callable[[], datetime] = utc_now,
        random: Callable[[], float] = random_module.random,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.system = system
        self.connection = connection
        self.counter = counter or CallCounter()
        self._addresses = Addresses(base_url, allowed_hosts, system=system, connection=connection)
        self._exchange = Exchange(limits or Limits(), ca_file=_certificates(ca_file, connection))
        self._explain = explain
        self._tokens = tokens
        self._authorize = authorize
        self._quota = quota
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}
        self._retries = retries or Retries()
        self._is_readable = is_readable
        self._now = now
        self._random = random
        self._sleep = sleep

    @property
    def calls(self) -> int:
        """Every HTTP attempt made to this system so far, token calls and retries included."""
        return self.counter.of(self.system)

    def close(self) -> None:
        self._exchange.close()

    def send(self, request: Request) -> Response:
        """A 2xx answer or a typed error: `messages.Transport.send`."""
        url = self._addresses.resolve(request.url)
        call = _Call(request, url)
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, _Failed) and error.repeat),
            wait=self._wait_s,
            stop=self._gives_up,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, call)
        except _Failed as failed:
            outcome = failed
        raise self._end(outcome)

    def _end(self, failed: _Failed) -> RemoteError:
        wait_s = failed.wait_s or 0
        too_long = failed.repeat and wait_s > self._retries.max_wait_s
        if too_long and not isinstance(failed.error, RateLimited):
            return self._rate_limited("asks to come back later", wait_s, failed.error.response)
        return failed.error

    def _wait_s(self, state: RetryCallState) -> float:
        failed = _failure(state)
        if failed.wait_s is not None:
            return failed.wait_s
        return full_jitter(self._retries, state.attempt_number, self._random)

    def _gives_up(self, state: RetryCallState) -> bool:
        return stop_after_attempt(self._retries.attempts)(state) or state.upcoming_sleep > self._retries.max_wait_s

    def _attempt(self, call: _Call) -> Response:
        """One attempt, or two when the token had to be renewed. Raises `_Failed`."""
        token = self._tokens.token() if self._tokens else ""
        response = self._once(call, token)
        if response.status == 401 and self._tokens and not call.token_renewed:
            call.token_renewed = True
            token = self._renewed(token, call, response)
            response = self._once(call, token)
        failed = self._judge(call, response)
        if failed is not None:
            raise failed
        return response

    def _renewed(self, refused: str, call: _Call, response: Response) -> str:
        assert self._tokens is not None
        try:
            return self._tokens.renew(refused)
        except RemoteError as error:
            error.response = error.response or response
            error.code = error.code or (self._explain(response)[0] if is_no_page(response) else "")
            raise

    def _once(self, call: _Call, token: str) -> Response:
        waited_s = self._wait_for_quota()
        headers = dict(self._headers)
        if call.request.content_type:
            headers["content-type"] = call.request.content_type
        headers.update((name.lower(), value) for name, value in call.request.headers)
        if self._tokens:
            register_secret(token)
            self._authorize(headers, token)
        self.counter.add(self.system)
        request = call.request
        try:
            response = self._exchange.make(
                request.method, call.url, request.params, headers, request.body, request.timeout_s
            )
        except Unanswered as unanswered:
            failed = self._unanswered(call, unanswered)
        else:
            self.counter.answered(self.system, response.elapsed_s)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s -> %d in %.3f s", redact(call.label), response.status, response.elapsed_s)
            call.reset_in_s = self._quota.after(response) if self._quota else None
            return replace(response, waited_s=waited_s) if waited_s else response
        log.info("%s", failed.error)
        raise failed

    def _wait_for_quota(self) -> float:
        if self._quota is None:
            return 0.0
        waited_s, wait_s = 0.0, self._quota.before()
        while wait_s > 0:
            if waited_s + wait_s > self._retries.max_wait_s:
                raise _Failed(self._rate_limited("has no calls left in its quota", wait_s, None), repeat=False)
            self._sleep(wait_s)
            waited_s += wait_s
            # Meanwhile somebody else may have been told that nothing is left.
            wait_s = self._quota.blocked()
        return waited_s

    def _unanswered(self, call: _Call, unanswered: Unanswered) -> _Failed:
        loss = unanswered.loss
        untouched = loss in (Loss.NOT_DEPARTED, Loss.UNSENDABLE)
        if call.request.write and not untouched:
            return _Failed(self._error(Uncertain, call, f"may have happened: {unanswered}"), repeat=False)
        if loss in (Loss.TRUNCATED, Loss.TOO_LARGE):
            return _Failed(self._error(BadAnswer, call, str(unanswered)), repeat=loss is Loss.TRUNCATED)
        return _Failed(self._error(NotSent, call, str(unanswered)), repeat=loss is not Loss.UNSENDABLE)

    def _judge(self, call: _Call, response: Response) -> _Failed | None:
        """What an answer means. The order of the cases is the order of certainty."""
        status, write = response.status, call.request.write
        if 200 <= status < 300 and self._is_readable(response):
            return None
        wait_s = self._server_wait_s(call, response)
        if status == 429:
            limited = self._rate_limited("is over its rate limit", wait_s or 0, response)
            return _Failed(limited, repeat=True, wait_s=wait_s)
        code, message = self._explain(response) if is_no_page(response) else ("", "an HTML page")
        text = f"{status} {code}: {redact(message)[:MESSAGE_CHARACTERS]}"
        if status == 401:
            return _Failed(self._error(TokenRefused, call, f"answered {text}", code, response), repeat=False)
        if 400 <= status < 500 and status != 408:
            kind = REFUSALS.get(status, Refused)
            return _Failed(self._error(kind, call, f"was refused with {text}", code, response), repeat=False)
        if write:
            error = self._error(Uncertain, call, f"may have happened: answered {text}", code, response)
            return _Failed(error, repeat=False)
        repeat = status >= 500 or status == 408 or 200 <= status < 300
        return _Failed(self._error(BadAnswer, call, f"answered {text}", code, response), repeat=repeat, wait_s=wait_s)

    def _server_wait_s(self, call: _Call, response: Response) -> float | None:
        """`Retry-After` first; else, for a 429, the reset time the quota hook read from the system's own headers."""
        wait_s = retry_after_s(response, self._now())
        if wait_s is None and response.status == 429:
            return call.reset_in_s
        return wait_s

    def _rate_limited(self, what: str, wait_s: float, response: Response | None) -> RateLimited:
        whole_s = int(wait_s) + (wait_s > int(wait_s))
        error = RateLimited(
            f"{self.system} {what}; it asks to wait {whole_s} s.",
            retry_after_s=whole_s,
            system=self.system,
            connection=self.connection,
        )
        error.response = response
        return error

    def _error(
        self, kind: type[RemoteError], call: _Call, what: str, code: str = "", response: Response | None = None
    ) -> RemoteError:
        error = kind(
            f"{self.system}: {redact(call.label)} {what}",
            system=self.system,
            status=response.status if response else 0,
            code=code,
            connection=self.connection,
        )
        error.response = response
        return error


def _certificates(path: str | None, connection: str) -> str | None:
    """`path`, after a look whether it holds certificates: the failed handshake of every call would not tell."""
    if path is None:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The CA file {path} cannot be read as certificates: {error}.",
            connection=connection,
            next_step="name a file in PEM form that this process may read.",
        ) from error
    return path


class _Call:
    """One `send` under way: what its attempts share."""

    __slots__ = ("request", "reset_in_s", "token_renewed", "url")

    def __init__(self, request: Request, url: str) -> None:
        self.request = request
        self.url = url
        self.token_renewed = False
        self.reset_in_s: float | None = None

    @property
    def label(self) -> str:
        """Method and path; the query may hold names and references and is left out."""
        return f"{self.request.method} {urlsplit(self.url).path}"


class _Failed(Exception):
    """A failed attempt: the error it ends with, and whether and when another attempt is allowed."""

    def __init__(self, error: RemoteError, *, repeat: bool, wait_s: float | None = None) -> None:
        self.error = error
        self.repeat = repeat
        self.wait_s = wait_s
        super().__init__(str(error))


def _failure(state: RetryCallState) -> _Failed:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, _Failed)
    return error
