"""A Redis server of its own for a test, on a free port, that keeps nothing."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.serve import free_port

PATIENCE_S = 60.0


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """`redis://…` without a database number. Raises `RuntimeError` when Redis is not installed or does not start."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("Redis is needed: install your distribution's package redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with (
        (folder / "redis.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as server,
    ):
        try:
            _wait_for(port, server)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as asked:
            asked.sendall(b"PING\r\n")
            if asked.recv(16).startswith(b"+PONG"):
                return
        time.sleep(0.1)
    raise RuntimeError("the Redis server did not start")
