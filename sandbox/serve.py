"""Runs a sandbox application on a loopback port: in a thread for tests, in the foreground for the command line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    app: ASGIApp, port: int | None = None, *, dated: bool = True, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Serve `app` until the block ends; yields its address, `http://127.0.0.1:<port>`.

    `dated` False leaves out the header `Date`: it has the machine's time, which contradicts a stand-in's own clock.
    `tls` are the PEM files of a certificate and its key: the address is then `https://localhost:<port>`.
    """
    server = _Server(_config(app, port or free_port(), dated=dated, tls=tls))
    thread = threading.Thread(target=server.run, name="sandbox", daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the sandbox server did not start")
        time.sleep(0.005)
    try:
        yield f"{'https://localhost' if tls else 'http://127.0.0.1'}:{server.config.port}"
    finally:
        server.stop()
        thread.join(timeout=10)


class _Server(uvicorn.Server):
    """A server that ends when it is told to, not at its next look at the clock: tests start and end thousands."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        ticks = 0
        while not await self.on_tick(ticks):
            ticks = (ticks + 1) % 864_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.tasks:
            await super().shutdown(sockets)
            return
        # Nobody is being answered: nothing is to be waited for.
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def stop(self) -> None:
        self.should_exit = self.force_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)


def _config(app: ASGIApp, port: int, *, dated: bool = True, tls: tuple[Path, Path] | None = None) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    certificate, key = tls or (None, None)
    return uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=30,
        proxy_headers=False,
        loop="auto",
        date_header=dated,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
