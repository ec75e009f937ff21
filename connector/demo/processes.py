"""The demo's processes: stand-ins, webhook receiver, Dagster. Each logs to its own file; all end together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import requests


class DemoFailed(Exception):
    """The demo cannot go on; the message names the log file to read."""


@dataclass(slots=True)
class Processes:
    """Starts processes and stops them all when the block ends, newest first."""

    logs: Path
    environment: Mapping[str, str]
    _running: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, name: str, arguments: Sequence[str], ready_url: str, patience_s: float = 90.0) -> None:
        """Start `python -m …` and wait until `ready_url` answers."""
        log = self.log_of(name)
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
                [sys.executable, "-m", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(self.environment),
                start_new_session=True,
            )
        self._running.append((name, process))
        deadline = time.monotonic() + patience_s
        while not _answers(ready_url):
            if process.poll() is not None:
                raise DemoFailed(f"{name} stopped with exit code {process.returncode}; its log is {log}")
            if time.monotonic() > deadline:
                raise DemoFailed(f"{name} did not answer within {patience_s:.0f} s; its log is {log}")
            time.sleep(0.2)

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def require_alive(self) -> None:
        """Raise `DemoFailed` when one of them has stopped."""
        for name, process in self._running:
            if process.poll() is not None:
                raise DemoFailed(f"{name} stopped with exit code {process.returncode}; its log is {self.log_of(name)}")

    def wait_for_interrupt(self) -> None:
        """Keep everything running until the user stops it."""
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                self.require_alive()
                time.sleep(1)

    def stop(self) -> None:
        for _, process in reversed(self._running):
            _signal_group(process, signal.SIGTERM)
        for _, process in reversed(self._running):
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def wait_until(done: Callable[[], bool], patience_s: float, check: Callable[[], None], pause_s: float = 0.5) -> bool:
    """True as soon as `done()`; False after `patience_s`. `check` raises when waiting has become pointless."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        check()
        if done():
            return True
        time.sleep(pause_s)
    return False


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code < 500
    except requests.RequestException:
        return False


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # Dagster starts children of its own; the whole session ends with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
