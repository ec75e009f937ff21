"""One HTTP exchange on a pooled connection: time limits, size limit, and the certainty whether the request left.

Wraps the part of `requests` that sends, without its sessions: no retries, no redirects, no cookies, no proxies or passwords
from the environment. What an answer means, and whether to send again, is decided in `http_transport`.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from connector_resources.transport.messages import Response

CHUNK_BYTES = 65_536
#: what ends a header, or the text of one, for some reader on the way.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: what the library sends of itself, the unpacking that it knows above all.
_USUAL_HEADERS = {name.lower(): value for name, value in requests.utils.default_headers().items()}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call: seconds to connect, seconds between two bytes, seconds in all, bytes of the (unpacked) body.

    `total_s` covers the answer from its first byte on, however it trickles: status line, headers and body.
    """

    connect_s: float = 5.0
    read_s: float = 30.0
    total_s: float = 120.0
    body_bytes: int = 64 * 1024 * 1024


class Loss(Enum):
    """Why there is no complete answer."""

    UNSENDABLE = "could not be built"
    NOT_DEPARTED = "could not connect"
    LOST = "connection lost before an answer came"
    TIMED_OUT = "no answer within the time limit"
    TRUNCATED = "the answer broke off"
    TOO_LARGE = "the answer is larger than the limit"


class Unanswered(Exception):
    """No complete answer. `loss` is UNSENDABLE or NOT_DEPARTED only when it is certain that not one byte left."""

    def __init__(self, loss: Loss, cause: str) -> None:
        self.loss = loss
        super().__init__(f"{loss.value} ({cause})" if cause else loss.value)


class Exchange:
    """A pool of connections that makes single HTTP exchanges. Safe to use from several threads."""

    def __init__(
        self,
        limits: Limits,
        *,
        ca_file: str | None = None,
        pool_size: int = 16,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._verify: bool | str = ca_file or True
        self._monotonic = monotonic
        self._adapter = _Adapter(pool_connections=4, pool_maxsize=pool_size, max_retries=0)

    def make(
        self,
        method: str,
        url: str,
        params: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        body: bytes | None,
        read_s: float | None = None,
    ) -> Response:
        """A complete answer of any status. Raises `Unanswered`."""
        started = self._monotonic()
        _progress.departed = False
        until = started + max(self._limits.total_s, read_s or 0)
        _progress.left_s = lambda: until - self._monotonic()
        if any(_CONTROL.search(value) for value in headers.values()):
            raise Unanswered(Loss.UNSENDABLE, "a header holds control characters")
        try:
            prepared = requests.Request(
                method, url, headers={**_USUAL_HEADERS, **headers}, params=urlencode(params), data=body
            ).prepare()
        except (requests.RequestException, UnicodeError, ValueError) as error:
            # The library's text quotes header values; only the kind of the problem may go on.
            unanswered = Unanswered(Loss.UNSENDABLE, type(error).__name__)
        else:
            answer = self._send(prepared, read_s or self._limits.read_s, started)
            if isinstance(answer, Response):
                return answer
            unanswered = answer
        raise unanswered

    def _send(self, prepared: requests.PreparedRequest, read_s: float, started: float) -> Response | Unanswered:
        try:
            answer = self._adapter.send(
                prepared, stream=True, timeout=(self._limits.connect_s, read_s), verify=self._verify
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if not _progress.departed:
                return Unanswered(Loss.NOT_DEPARTED, _cause(error))
            timed_out = isinstance(error, requests.Timeout)
            return Unanswered(Loss.TIMED_OUT if timed_out else Loss.LOST, _cause(error))
        with answer:
            body = self._body(answer.raw, started)
        if isinstance(body, Unanswered):
            return body
        return Response(
            status=answer.status_code,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=body,
            url=prepared.url or "",
            elapsed_s=self._monotonic() - started,
        )

    def _body(self, raw: urllib3.response.HTTPResponse, started: float) -> bytes | Unanswered:
        """The whole body, unpacked. `read1` returns after each piece that arrives, so a trickle meets the limit."""
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := raw.read1(CHUNK_BYTES, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if size > self._limits.body_bytes:
                    return Unanswered(Loss.TOO_LARGE, f"{self._limits.body_bytes} bytes")
                if self._monotonic() - started > self._limits.total_s:
                    return Unanswered(Loss.TIMED_OUT, f"{self._limits.total_s} s in all")
        except urllib3.exceptions.TimeoutError as error:
            return Unanswered(Loss.TIMED_OUT, _cause(error))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Unanswered(Loss.TRUNCATED, _cause(error))
        if raw.length_remaining not in (None, 0):
            return Unanswered(Loss.TRUNCATED, f"{raw.length_remaining} bytes missing")
        return b"".join(pieces)

    def close(self) -> None:
        self._adapter.close()


#: per thread, of the request now under way: whether a byte was handed to the socket, and how many seconds are left.
_progress = threading.local()


class _Timely(io.RawIOBase):
    """Reads from a socket, each time for as long as is left of the whole answer at most."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, left_s: Callable[[], float]) -> None:
        self._raw = raw
        self._sock = sock
        self._left_s = left_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._left_s()
        if left_s <= 0:
            raise TimeoutError("the answer took too long in all")
        usual_s = self._sock.gettimeout()
        self._sock.settimeout(left_s if usual_s is None else min(usual_s, left_s))
        try:
            return self._raw.readinto(buffer)
        finally:
            if self._sock.fileno() >= 0:
                self._sock.settimeout(usual_s)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """Status line, headers and body within the time of the whole answer; the standard library only bounds each wait."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Timely(self.fp.detach(), sock, _progress.left_s))


class _Http(HTTPConnection):
    response_class = _Answer

    def send(self, data: Any) -> None:
        _depart(self)
        super().send(data)


class _Https(HTTPSConnection):
    response_class = _Answer

    def send(self, data: Any) -> None:
        _depart(self)
        super().send(data)


def _depart(connection: HTTPConnection) -> None:
    """Connect first when needed, then note that the first byte of a request goes out now.

    The exception alone does not tell: a refused connection, a failed TLS handshake and a reset after the request was
    read can all surface as the same type.
    """
    if connection.sock is None and connection.auto_open:
        connection.connect()
    _progress.departed = True


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _cause(error: BaseException) -> str:
    """The kind of the innermost problem; its text may quote addresses or headers and is left out."""
    inner: BaseException = error
    while True:
        reason = getattr(inner, "reason", None)
        following = (
            reason
            if isinstance(reason, BaseException)
            else next((argument for argument in inner.args if isinstance(argument, BaseException)), None)
        )
        if following is None:
            return type(inner).__name__
        inner = following
