"""The receiver's door to the network: an HTTP server that gives each caller little time, little space and no detail.

A request must be whole within `Door.request_s`, however slowly it trickles; connections beyond `Door.connections` are
cut at once, so that callers who hold them open use up neither files nor memory. What a request means is `receiver`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

#: headers of GoCardless and of the ERPs stay below 4 KiB; a proxy in front may add its own.
MAX_HEADER_BYTES = 32 * 1024
#: the parser limits only heads that are not complete yet, so it is given no more than this at a time.
_PIECE_BYTES = 8 * 1024


@dataclass(frozen=True, slots=True)
class Door:
    """Limits of the receiver.

    request_s    seconds from the first byte expected (connection opened, or answer sent) to the last byte of the body
    busy         connections, or requests under way, from which on a request is answered 503
    connections  connections at most; a further one is cut without an answer
    """

    request_s: float = 10.0
    busy: int = 256
    connections: int = 512


def receiver_server(app: ASGIApp, host: str, port: int, door: Door | None = None) -> uvicorn.Server:
    """A server for the receiver with these limits. `run` serves until it is stopped. Logs go where the process logs."""
    door = door or Door()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_protocol(door),
        ws="none",
        lifespan="off",
        # Handlers of uvicorn's own would write tracebacks past the filter that removes secrets.
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=door.busy,
        timeout_keep_alive=max(1, round(door.request_s)),
        timeout_graceful_shutdown=round(door.request_s) + 20,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES - _PIECE_BYTES,
        backlog=min(2048, door.connections * 2),
    )
    return uvicorn.Server(config)


def _protocol(door: Door) -> type[asyncio.Protocol]:
    return type("ReceiverProtocol", (_GuardedProtocol,), {"door": door})


class _GuardedProtocol(H11Protocol):
    """uvicorn's protocol with a time limit per request and a cap on connections."""

    door: Door

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience: asyncio.TimerHandle | None = None
        self._cut_off = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.door.connections:
            self._cut()
        else:
            self._patience = self.loop.call_later(self.door.request_s, self._cut)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            if self._cut_off or self.transport.is_closing():
                return
            super().data_received(data[start : start + _PIECE_BYTES])
        self._look()

    def send_400_response(self, msg: str) -> None:
        """A request that breaks off into nonsense: its own answer, if one is still being made, is no longer wanted."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._whole():
            self._look()
        elif self._patience is None:
            self._patience = self.loop.call_later(self.door.request_s, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        with contextlib.suppress(h11.LocalProtocolError):
            super().connection_lost(exc)

    def _look(self) -> None:
        """Stop the clock while a whole request is being answered: from then on the time taken is ours."""
        if self._whole():
            self._stop_waiting()

    def _whole(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _cut(self) -> None:
        self._patience = None
        self._cut_off = True
        self.transport.abort()
